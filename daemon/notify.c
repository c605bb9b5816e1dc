/* SPDX-License-Identifier: MIT */
/*
 * The notify socket: what sd_notify(3) sends
 *
 * Reads datagrams, a bounded number in one turn, and hands on who sent them (as the kernel says) and what they say.
 * Descriptors that come along are closed at the end of it: whoever wants one duplicates it. So a BARRIER=1 is answered
 * by itself: the end of the pipe that came with it is closed once all before it was dealt with.
 *
 * A datagram is taken out of the socket only after it was dealt with (and written down): a manager that dies
 * in between leaves it to its successor, and no READY=1 is lost.
 */

#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"

/* "PID (COMM) STATE PPID PGRP SESSION …", where COMM may hold anything; 1,024 bytes are enough for these. */
#define STAT_MAX 1024
/** The last of the errno values that the kernel has. */
#define ERRNO_MAX 4095
/** Datagrams that one drain reads. */
#define NOTIFY_DRAIN_MAX 1024

/* ---- what is said ------------------------------------------------------------------------------ */

/* A number in decimal, and nothing else. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret) {
        unsigned long long n;
        char *end;

        if (text[0] < '0' || text[0] > '9')
                return false;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno || *end || n > max)
                return false;
        *ret = n;
        return true;
}

/* What may stand between the colons of LISTEN_FDNAMES. */
static bool is_fd_name(const char *text) {
        size_t n = 0;

        for (; text[n]; n++)
                if (text[n] < ' ' || text[n] > '~' || text[n] == ':' || (n >= NOTIFY_FD_NAME_MAX && !fault_is("notify-long-name")))
                        return false;
        return n > 0;
}

static void say_ready(struct notify_message *m, const char *value) {
        m->ready |= strcmp(value, "1") == 0;
}

static void say_reloading(struct notify_message *m, const char *value) {
        m->reloading |= strcmp(value, "1") == 0;
}

static void say_stopping(struct notify_message *m, const char *value) {
        m->stopping |= strcmp(value, "1") == 0;
}

static void say_status(struct notify_message *m, const char *value) {
        m->status = value;
}

static void say_errno(struct notify_message *m, const char *value) {
        uint64_t n;

        if (parse_number(value, ERRNO_MAX, &n))
                m->error = (int)n;
}

static void say_main_pid(struct notify_message *m, const char *value) {
        uint64_t n;

        if (parse_number(value, INT32_MAX, &n))
                m->main_pid = (pid_t)n;
}

static void say_monotonic(struct notify_message *m, const char *value) {
        (void)parse_number(value, UINT64_MAX, &m->monotonic_usec);
}

static void say_extend(struct notify_message *m, const char *value) {
        (void)parse_number(value, UINT64_MAX, &m->extend_usec);
}

static void say_watchdog(struct notify_message *m, const char *value) {
        if (strcmp(value, "1") == 0)
                m->watchdog = NOTIFY_WATCHDOG_FEED;
        else if (strcmp(value, "trigger") == 0)
                m->watchdog = NOTIFY_WATCHDOG_TRIGGER;
}

static void say_watchdog_usec(struct notify_message *m, const char *value) {
        m->has_watchdog_usec |= parse_number(value, UINT64_MAX, &m->watchdog_usec);
}

static void say_fd_store(struct notify_message *m, const char *value) {
        m->fd_store |= strcmp(value, "1") == 0;
}

static void say_fd_remove(struct notify_message *m, const char *value) {
        m->fd_remove |= strcmp(value, "1") == 0;
}

static void say_fd_poll(struct notify_message *m, const char *value) {
        m->fd_poll = strcmp(value, "0") != 0;
}

static void say_fd_name(struct notify_message *m, const char *value) {
        m->fd_name = is_fd_name(value) ? value : NULL;
}

static const struct {
        const char *name;
        void (*say)(struct notify_message *m, const char *value);
} words[] = {
        { "READY", say_ready },
        { "RELOADING", say_reloading },
        { "STOPPING", say_stopping },
        { "STATUS", say_status },
        { "ERRNO", say_errno },
        { "MAINPID", say_main_pid },
        { "MONOTONIC_USEC", say_monotonic },
        { "EXTEND_TIMEOUT_USEC", say_extend },
        { "WATCHDOG", say_watchdog },
        { "WATCHDOG_USEC", say_watchdog_usec },
        { "FDSTORE", say_fd_store },
        { "FDSTOREREMOVE", say_fd_remove },
        { "FDPOLL", say_fd_poll },
        { "FDNAME", say_fd_name },
};

struct notify_message notify_parse(char *text) {
        struct notify_message message = { .error = -1, .fd_poll = true };

        for (char *line, *rest = text; (line = strsep(&rest, "\n")) != NULL;) {
                char *value = strchr(line, '=');

                if (!value)
                        continue;
                *value++ = '\0';
                for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                        if (strcmp(line, words[i].name) == 0)
                                words[i].say(&message, value);
        }
        return message;
}

/* ---- who says it ------------------------------------------------------------------------------- */

int notify_parse_stat(const char *stat, pid_t *ret_parent, pid_t *ret_session) {
        const char *end = strrchr(stat, ')');
        long parent, session;
        char state;

        if (!end || sscanf(end + 1, " %c %ld %*d %ld", &state, &parent, &session) != 3 || parent < 0 || session < 0)
                return -EINVAL;
        *ret_parent = (pid_t)parent;
        *ret_session = (pid_t)session;
        return 0;
}

static int read_stat(pid_t pid, pid_t *ret_parent, pid_t *ret_session) {
        char path[32], text[STAT_MAX];
        _cleanup_(closep) int fd = -1;
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof text - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return notify_parse_stat(text, ret_parent, ret_session);
}

pid_t notify_parent(pid_t pid) {
        pid_t parent, session;
        int r = read_stat(pid, &parent, &session);

        return r < 0 ? r : parent;
}

pid_t notify_session(pid_t pid) {
        pid_t parent, session;
        int r = read_stat(pid, &parent, &session);

        return r < 0 ? r : session;
}

/*
 * Is that a user whom this process has? A datagram waits until it is read, and who sent it may be gone by then, and its
 * number be that of another: of somebody who may speak, if a stranger has tried often enough. Root and our own user could
 * say anything anyway.
 */
static bool is_user_of(pid_t pid, uid_t uid) {
        char path[32], text[STAT_MAX];
        unsigned int real, effective, saved;
        _cleanup_(closep) int fd = -1;
        const char *line;
        ssize_t n;

        if (uid == 0 || uid == geteuid())
                return true;
        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return true; /* it is gone, and nobody has its number */
        n = read(fd, text, sizeof text - 1);
        text[MAX(n, 0)] = '\0';
        line = strstr(text, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u %u %u", &real, &effective, &saved) != 3)
                return false;
        return uid == real || uid == effective || uid == saved;
}

/* The sender, or 0: it did not say, or is in a pid namespace that we do not see. What came with it is put into `fds`. */
static pid_t sender_of(struct msghdr *header, uid_t *ret_uid, int *fds, size_t *n_fds) {
        pid_t pid = 0;

        *n_fds = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
                        struct ucred ucred;

                        memcpy(&ucred, CMSG_DATA(c), sizeof ucred);
                        pid = ucred.pid;
                        *ret_uid = ucred.uid;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        *n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        memcpy(fds, CMSG_DATA(c), *n_fds * sizeof(int));
                }
        }
        return pid;
}

/* @return whether it is dealt with. */
static bool notify_tell(struct notify *n, pid_t pid, char *text, const int *fds, size_t n_fds) {
        struct notify_message message = notify_parse(text);

        message.fds = fds;
        message.n_fds = n_fds;
        return n->fn(n->userdata, pid, &message);
}

/* @return 1: there was one; 0: there is none that can be dealt with now; or -errno. */
static int notify_receive(struct notify *n) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FD_MESSAGE_MAX * sizeof(int))];
        } control;
        char text[NOTIFY_MESSAGE_MAX + 1];
        struct iovec iov = { .iov_base = text, .iov_len = NOTIFY_MESSAGE_MAX };
        struct msghdr header = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
        };
        ssize_t size = recvmsg(n->fd, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        int fds[FD_MESSAGE_MAX];
        bool done = true;
        size_t n_fds;
        uid_t uid = 0;
        pid_t pid;

        if (size < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        pid = sender_of(&header, &uid, fds, &n_fds);
        if (pid > 0 && size > 0 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && !memchr(text, '\0', size) &&
            (is_user_of(pid, uid) || fault_is("notify-anybody"))) {
                text[size] = '\0';
                done = notify_tell(n, pid, text, fds, n_fds);
        }
        for (size_t i = fault_is("notify-leaves-descriptor"); i < n_fds; i++)
                close(fds[i]);
        if (!done) {
                n->paused = true;
                sd_event_source_set_enabled(n->source, SD_EVENT_OFF);
                return 0;
        }
        fault_point("before-notify-taken");
        (void)recv(n->fd, text, 1, MSG_DONTWAIT); /* the rest of it, and its descriptors, go with it */
        return 1;
}

void notify_resume(struct notify *n) {
        if (!n->paused)
                return;
        n->paused = false;
        sd_event_source_set_enabled(n->source, SD_EVENT_ON);
}

/* The kernel bounds what can be there (net.unix.max_dgram_qlen); whoever sends on meanwhile is not waited for. */
bool notify_drain(struct notify *n) {
        for (int i = 0; i < NOTIFY_DRAIN_MAX && !n->paused; i++)
                if (notify_receive(n) <= 0)
                        break;
        return !n->paused;
}

static int on_notify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct notify *n = userdata;

        for (int i = 0; i < NOTIFY_BURST; i++)
                if (notify_receive(n) <= 0)
                        break;
        return 0;
}

static int notify_bind(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = -1;
        int on = 1;

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        /* Workers may run as any user; what they may say is decided by who they are. */
        if (chmod(path, 0666) < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int notify_init(struct notify *n, sd_event *event, const char *directory, int fd, notify_fn fn, void *userdata,
                bool *ret_made) {
        bool made = fd < 0;
        int r;

        *n = NOTIFY_NULL;
        n->fd = fd;
        n->fn = fn;
        n->userdata = userdata;
        if (asprintf(&n->path, "%s/notify", directory) < 0) {
                n->path = NULL;
                return -ENOMEM;
        }
        if (made) {
                n->fd = notify_bind(n->path);
                if (n->fd < 0)
                        return n->fd;
        }
        r = sd_event_add_io(event, &n->source, n->fd, EPOLLIN, on_notify, n);
        if (r < 0)
                return r;
        *ret_made = made;
        return 0;
}

void notify_done(struct notify *n) {
        sd_event_source_unref(n->source);
        free(n->path);
        close_fd(n->fd);
        *n = NOTIFY_NULL;
}
