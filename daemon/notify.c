/* SPDX-License-Identifier: MIT */
/*
 * The notify socket: what sd_notify(3) sends
 *
 * Reads datagrams, a bounded number in one turn, and hands on who sent them (as the kernel says) and what
 * they say. Descriptors that come along are closed unseen.
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
#include "base/fd.h"

/* "PID (COMM) STATE PPID PGRP SESSION …", where COMM may hold anything; 1,024 bytes are enough for these. */
#define STAT_MAX 1024

struct notify_message notify_parse(char *text) {
        struct notify_message message = { 0 };

        for (char *line, *rest = text; (line = strsep(&rest, "\n")) != NULL;) {
                if (strcmp(line, "READY=1") == 0)
                        message.ready = true;
                else if (strncmp(line, "STATUS=", 7) == 0)
                        message.status = line + 7;
        }
        return message;
}

pid_t notify_parse_session(const char *stat) {
        const char *end = strrchr(stat, ')');
        long pgrp, session;
        char state;

        if (!end || sscanf(end + 1, " %c %*d %ld %ld", &state, &pgrp, &session) != 3 || session < 0)
                return -EINVAL;
        return session;
}

pid_t notify_session(pid_t pid) {
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
        return notify_parse_session(text);
}

/* The sender, or 0: it did not say, or is in a pid namespace that we do not see. */
static pid_t sender_of(struct msghdr *header) {
        pid_t pid = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
                        struct ucred ucred;

                        memcpy(&ucred, CMSG_DATA(c), sizeof ucred);
                        pid = ucred.pid;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                        for (size_t i = 0; i < n; i++) {
                                int fd;

                                memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                                close(fd);
                        }
                }
        }
        return pid;
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
        struct notify_message message;
        ssize_t size = recvmsg(n->fd, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        pid_t pid;

        if (size < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        pid = sender_of(&header);
        if (pid > 0 && size > 0 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && !memchr(text, '\0', size)) {
                text[size] = '\0';
                message = notify_parse(text);
                if (!n->fn(n->userdata, pid, &message)) {
                        n->paused = true;
                        sd_event_source_set_enabled(n->source, SD_EVENT_OFF);
                        return 0;
                }
        }
        (void)recv(n->fd, text, 1, MSG_DONTWAIT); /* the rest of it, and its descriptors, go with it */
        return 1;
}

void notify_resume(struct notify *n) {
        if (!n->paused)
                return;
        n->paused = false;
        sd_event_source_set_enabled(n->source, SD_EVENT_ON);
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
