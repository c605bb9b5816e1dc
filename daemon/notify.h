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
#include <sys/types.h>

#include <systemd/sd-event.h>

/** The longest datagram that is looked at; a longer one is dropped. */
#define NOTIFY_MESSAGE_MAX 4096
/** Datagrams read in one turn of the loop, so that a flood leaves room for the rest. */
#define NOTIFY_BURST 64

/** What a datagram says. */
struct notify_message {
        bool ready;                     /* READY=1 */
        const char *status;             /* STATUS=…, in the buffer; NULL: none */
};

/** Read a datagram: lines of NAME=value. What is unknown is passed over. @param text is changed, ends with NUL. */
struct notify_message notify_parse(char *text);

/** The session (its leader's pid) of a process, from the text of /proc/PID/stat. @return it, or -EINVAL. */
pid_t notify_parse_session(const char *stat);

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

/** Go on after a datagram that could not be dealt with. */
void notify_resume(struct notify *n);

/** The session of a living process. @return its leader's pid; 0: the leader is outside our pid namespace; or -errno. */
pid_t notify_session(pid_t pid);

#endif
