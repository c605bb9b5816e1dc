/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_NOTIFY_H
#define GANGER_DAEMON_NOTIFY_H

/*
 * The notify socket: what sd_notify(3) sends
 *
 * One datagram socket for all instances. Who speaks is told by the kernel (SCM_CREDENTIALS), so an instance
 * can speak only for itself: the sender must be its main process, or a process of its session.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/fd.h"

/** The longest datagram that is looked at; a longer one is dropped. */
#define NOTIFY_MESSAGE_MAX 4096
/** Datagrams read in one turn of the loop, so that a flood leaves room for the rest. */
#define NOTIFY_BURST 64

/** The longest FDNAME=, as systemd has it. */
#define NOTIFY_FD_NAME_MAX 255

enum notify_watchdog {
        NOTIFY_WATCHDOG_NONE,
        NOTIFY_WATCHDOG_FEED,           /* WATCHDOG=1 */
        NOTIFY_WATCHDOG_TRIGGER,        /* WATCHDOG=trigger */
};

/** What a datagram says. Its texts lie in the buffer. */
struct notify_message {
        bool ready;                     /* READY=1 */
        bool reloading;                 /* RELOADING=1 */
        bool stopping;                  /* STOPPING=1 */
        const char *status;             /* STATUS=…; NULL: none */
        int error;                      /* ERRNO=…, an errno value; -1: none */
        pid_t main_pid;                 /* MAINPID=…; 0: none */
        uint64_t monotonic_usec;        /* MONOTONIC_USEC=…; 0: none */
        uint64_t extend_usec;           /* EXTEND_TIMEOUT_USEC=…; 0: none */
        enum notify_watchdog watchdog;
        bool has_watchdog_usec;
        uint64_t watchdog_usec;         /* WATCHDOG_USEC=… */
        bool fd_store;                  /* FDSTORE=1 */
        bool fd_remove;                 /* FDSTOREREMOVE=1 */
        bool fd_poll;                   /* not FDPOLL=0 */
        const char *fd_name;            /* FDNAME=…, if it is a name; else NULL */
        const int *fds;                 /* that came with it; closed afterwards */
        size_t n_fds;
};

/** Read a datagram: lines of NAME=value. What is odd is passed over. @param text is changed, ends with NUL. */
struct notify_message notify_parse(char *text);

/** Parent and session (its leader's pid) of a process, from the text of /proc/PID/stat. @return 0 or -EINVAL. */
int notify_parse_stat(const char *stat, pid_t *ret_parent, pid_t *ret_session);

/**
 * Called for each datagram.
 * @return whether it is dealt with; else it stays in the socket, and nothing more is read before notify_resume().
 */
typedef bool (*notify_fn)(void *userdata, pid_t pid, const struct notify_message *message);

struct notify {
        int fd;
        char *path;
        sd_event_source *source;
        notify_fn fn;
        void *userdata;
        bool paused;
};

#define NOTIFY_NULL ((struct notify){ .fd = -1 })

/**
 * Listen at `directory`/notify.
 * @param fd  the socket that the predecessor stored; -1: a new one is made.
 * @param ret_made  set if it is new, and should be stored.
 */
int notify_init(struct notify *n, sd_event *event, const char *directory, int fd, notify_fn fn, void *userdata,
                bool *ret_made);
void notify_done(struct notify *n);

/**
 * Read all that is there now, beyond the burst of a turn.
 * @return whether that was all; not while a datagram waits that could not be dealt with.
 */
bool notify_drain(struct notify *n);

/** Go on after a datagram that could not be dealt with. */
void notify_resume(struct notify *n);

/** The parent of a living process. @return its pid; 0: outside our pid namespace, or there is none; or -errno. */
pid_t notify_parent(pid_t pid);

/** The session of a living process. @return its leader's pid; 0: the leader is outside our pid namespace; or -errno. */
pid_t notify_session(pid_t pid);

#endif
