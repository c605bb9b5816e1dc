/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BRIDGE_H
#define GANGER_BRIDGE_H

/*
 * ganger-bridge: lets any program be a worker
 *
 * One bridge per instance. It is a member of the rings, and speaks with the program through pipes: a
 * request for each message, a reply that finishes it. A message is out with the program from its request
 * to its reply; if the program dies meanwhile, the message is rejected with the reason, and the bridge
 * ends as the program did.
 *
 * Three ways to go on, each a function that returns how the bridge must end, as waitpid(2) would tell it:
 * talk_run() (lines and frames, with a ring to receive from), source_run() (lines and frames, without
 * one), and once_run() (a process a message).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "ganger.h"

/** What io says. */
enum io {
        IO_LINES,
        IO_FRAMES,
        IO_EXEC,
        _IO_N,
};

struct options {
        enum io io;
        int in_fd, out_fd;              /* where the program reads requests and writes replies */
        char *const *argv;              /* the program */
};

/**
 * Read the command line.
 * @return 0: go on; 1: done (help, version); -EINVAL, and said why.
 */
int options_parse(struct options *ret, int argc, char *argv[]);

struct program;

struct bridge {
        struct options options;
        struct ganger *ganger;
        struct ganger_ring *receive;    /* NULL: the worker has no ring to receive from */
        struct ganger_ring *send;       /* NULL: … to send to */
        int ring_fd;                    /* of `receive`; belongs to it */
        int signal_fd;                  /* requests to stop */
};

#define BRIDGE_NULL ((struct bridge){ .ring_fd = -1, .signal_fd = -1 })

/** How to end, in waitpid(2)'s words. */
#define END_WELL W_EXITCODE(0, 0)
#define END_FAILED W_EXITCODE(EXIT_FAILURE, 0)
#define END_PROTOCOL W_EXITCODE(EX_PROTOCOL, 0)         /* the program does not speak as it should */
#define END_NOT_FOUND W_EXITCODE(127, 0)                /* as shells have it */
#define END_NOT_EXECUTABLE W_EXITCODE(126, 0)

int talk_run(struct bridge *b);
int source_run(struct bridge *b);
int once_run(struct bridge *b);

/** Say something on standard error, which is the worker's log. */
void bridge_log(const char *format, ...) _printf_(1, 2);

/** Say that the program could not be started, and why. @return how to end. */
int bridge_start_failed(const struct bridge *b, int error);

/**
 * The program is up: tell the daemon.
 * @return 0, or -errno, and said why.
 */
int bridge_ready(struct bridge *b);

/**
 * A request to stop came; or, where we are process 1, somebody died who is for us to reap, as long as it is not the program.
 * @param program  may be NULL.
 * @return the signal, or 0: there was no such request.
 */
int bridge_take_signal(struct bridge *b, const struct program *program);

/**
 * How to end when the program has ended so.
 * @param stopping  it was to end: then a signal that asks to stop is as good as an exit.
 */
int bridge_end_as(int status, bool stopping);

/** The longest text of a reply. */
size_t bridge_reply_max(const struct bridge *b);

/**
 * Finish a message well: acknowledge it; with `text` and a ring to send to, forward. Waits for space.
 * @return 0, or -errno, and said why: then the rings are of no use any more.
 */
int bridge_accept(struct bridge *b, struct ganger_message *m, const void *text, size_t size);

/** Finish a message badly. `reason` is cut. @return as bridge_accept(). */
int bridge_reject(struct ganger_message *m, const char *reason, size_t size);

/** Finish a message whose reply was too long. */
int bridge_reject_long(struct bridge *b, struct ganger_message *m);

/**
 * Send what a source has written. Waits for space; what is too long is dropped, and said. @return as
 * bridge_accept().
 */
int bridge_send(struct bridge *b, const void *data, size_t size);

#endif
