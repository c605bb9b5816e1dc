/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_CTL_H
#define GANGER_CTL_CTL_H

/*
 * What the verbs of gangerctl share: the parsed command line, the client, the output, exit statuses.
 */

#include "base/cleanup.h"
#include "base/error.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ganger-control.h"
#include "proto/control.pb-c.h"

/** The exit statuses that gangerctl promises. */
enum {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_RUNNING = 3,
        STATUS_NO_SUCH_NAME = 4,
        STATUS_UNREACHABLE = 5,
        STATUS_NOT_PERMITTED = 6,
};

struct verb;

struct ctl {
        const struct verb *verb;
        struct options options;
        char **args;                    /* after the verb */
        int n_args;
        struct output out;
        int output_error;               /* errno of a flush that failed, or 0 */
        struct ganger_control *client;  /* NULL until ctl_client() */
};

DEFINE_CLEANUP(struct ganger_control_stream *, ganger_control_stream_free)

static inline void ctl_replyp(Ganger__V1__Reply **reply) {
        ganger_control_reply_free(*reply);
}

/** Print an error on standard error: "gangerctl: …". @return `status`, so that `return complain(…)`. */
int complain(int status, const char *format, ...) _printf_(2, 3);

/** Say something on standard error, unless --quiet. */
void talk(const struct ctl *ctl, const char *format, ...) _printf_(2, 3);

/** The exit status for an error of libganger-control. */
int status_of_error(int error);

/**
 * The client, made at its first use.
 * @param waits  whether requests may take as long as workers take, if no --timeout is given.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int ctl_client(struct ctl *ctl, bool waits);

/**
 * Ask the daemon.
 * @param waits  as in ctl_client().
 * @param ret    free it with ganger_control_reply_free().
 * @return STATUS_DONE, or the exit status after complaining.
 */
int ctl_call(struct ctl *ctl, Ganger__V1__Request *request, bool waits, Ganger__V1__Reply **ret);

/**
 * What is left to do at the end of a verb: see that all of the output got out.
 * @return `status`, or STATUS_FAILED after complaining. A reader that went away is no failure.
 */
int ctl_finish(struct ctl *ctl, int status);

/** Flush the output of a stream. @return false: it cannot be written any more, end. */
bool ctl_flush(struct ctl *ctl);

/** Read a number. @return 0, or -EINVAL after complaining, where `what` names it. */
int parse_number(const char *text, const char *what, uint64_t max, uint64_t *ret);

#endif
