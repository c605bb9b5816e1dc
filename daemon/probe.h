/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PROBE_H
#define GANGER_DAEMON_PROBE_H

/*
 * A probe: a question from outside whether a process serves
 *
 * Connects to where it should listen, and with http asks for a page. Never blocks: hosts are numbers, or `localhost`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "daemon/config/probe-address.h"

/** Of an answer: "HTTP/1.1 200". */
#define PROBE_ANSWER_MAX 32
/** Of a request. */
#define PROBE_REQUEST_MAX 1024

/** The answer, told from the loop. @param why  in words, if it failed. */
typedef void (*probe_fn)(void *userdata, bool succeeded, const char *why);

struct probe {
        sd_event *event;
        int fd;                         /* -1: none is under way */
        sd_event_source *io, *timer;
        struct probe_address *address;  /* while it is under way */
        int error;                      /* of what failed at once; told later */
        bool asked;                     /* the request is sent */
        char answer[PROBE_ANSWER_MAX];
        size_t n_answer;
        probe_fn fn;
        void *userdata;
};

#define PROBE_NULL ((struct probe){ .fd = -1 })

/** Begin; one that is under way is given up. @return 0 or -errno: then nothing is told. */
int probe_start(struct probe *p, sd_event *event, enum probe_kind kind, const char *address, uint64_t timeout_usec,
                probe_fn fn, void *userdata);
/** Give it up: nothing is told. */
void probe_stop(struct probe *p);

#endif
