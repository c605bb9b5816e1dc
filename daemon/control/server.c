/* SPDX-License-Identifier: MIT */

/*
 * The listening socket, and the connections as a whole
 *
 * Invariants: the path never leads to a socket that does not listen (it is made under another name, and then
 * renamed). Accepting never spins: with no descriptor left the socket is not watched until a connection ends
 * or a while has passed. Peers that may ask nothing have a room of their own, and so have those that
 * may ask something: neither can lock out root and the user of the daemon.
 */

#include "daemon/control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/control/connection.h"
#include "daemon/control/grants.h"
#include "wire/message.h"

/* ---- accepting --------------------------------------------------------------------------------- */

/** Whether there is room for another connection of that peer. */
static bool control_admits(const struct control *control, const struct peer *peer) {
        size_t n_uid = 0, n_strangers = 0, n_guests = 0;

        if (control->n_connections >= CONTROL_CONNECTIONS_MAX)
                return false;
        list_for_each(it, &control->connections) {
                const struct connection *c = list_entry(it, struct connection, link);

                n_uid += c->peer.uid == peer->uid;
                n_strangers += c->peer.stranger;
                n_guests += !c->peer.owner && !c->peer.stranger;
        }
        if (peer->owner)
                return n_uid < CONTROL_CONNECTIONS_PER_UID_MAX;
        if (!peer->stranger)
                return n_guests < CONTROL_GUESTS_MAX && n_uid < CONTROL_GUESTS_PER_UID_MAX;
        return n_strangers < CONTROL_STRANGERS_MAX && n_uid < CONTROL_STRANGERS_PER_UID_MAX;
}

/** Say why it is not served, as far as a socket that is empty takes it. */
static void turn_away(int fd, Ganger__V1__ErrorCode code, const char *text) {
        Ganger__V1__Error error = GANGER__V1__ERROR__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        struct frame_writer writer;

        error.code = code;
        error.message = (char *)text;
        reply.error = &error;
        frame_writer_init(&writer, CONNECTION_QUEUE);
        if (message_push(&writer, &reply.base, NULL, 0) == 0)
                (void)frame_writer_flush(&writer, fd);
        frame_writer_done(&writer);
}

static void control_welcome(struct control *control, int accepted) {
        _cleanup_(closep) int fd = accepted;
        _cleanup_(peer_donep) struct peer peer = PEER_NULL;

        if (peer_identify(fd, &peer) < 0)
                return;
        peer.stranger = !grants_any(control, &peer);
        if (!control_admits(control, &peer)) {
                turn_away(fd, GANGER__V1__ERROR_CODE__ERROR_LIMIT, "there are too many connections");
                return;
        }
        if (connection_new(control, fd, &peer) == 0) {
                (void)TAKE_FD(fd);
                peer = PEER_NULL;
        }
        else
                turn_away(fd, GANGER__V1__ERROR_CODE__ERROR_FAILED, "the daemon is short of memory");
}

static void control_accept_pause(struct control *control) {
        (void)sd_event_source_set_enabled(control->source, SD_EVENT_OFF);
        (void)sd_event_source_set_time_relative(control->retry, CONTROL_ACCEPT_RETRY_USEC);
        (void)sd_event_source_set_enabled(control->retry, SD_EVENT_ONESHOT);
}

void control_accept_resume(struct control *control) {
        int enabled;

        if (sd_event_source_get_enabled(control->source, &enabled) < 0 || enabled != SD_EVENT_OFF)
                return;
        (void)sd_event_source_set_enabled(control->source, SD_EVENT_ON);
        (void)sd_event_source_set_enabled(control->retry, SD_EVENT_OFF);
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        struct control *control = userdata;

        for (unsigned int i = 0; i < CONTROL_ACCEPT_BURST; i++) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0)
                        control_welcome(control, fd);
                else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        control_accept_pause(control);
                        return 0;
                } else if (errno != EINTR && errno != ECONNABORTED)
                        return 0; /* EAGAIN; whatever else it is, it is of one peer */
        }
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        control_accept_resume(userdata);
        return 0;
}

static int on_reap(sd_event_source *source, void *userdata) {
        struct control *control = userdata;

        while (!list_is_empty(&control->broken))
                connection_free(list_entry(control->broken.next, struct connection, link));
        return 0;
}

/* ---- the socket -------------------------------------------------------------------------------- */

static int address_set(struct sockaddr_un *address, const char *directory, const char *name) {
        int n;

        *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        n = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", directory, name);
        return n < 0 || (size_t)n >= sizeof address->sun_path ? -ENAMETOOLONG : 0;
}

static int socket_make(const char *directory) {
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un temporary, final;
        int r;

        r = address_set(&final, directory, CONTROL_SOCKET_NAME);
        if (r == 0)
                r = address_set(&temporary, directory, CONTROL_SOCKET_NAME ".new");
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (unlink(temporary.sun_path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (const struct sockaddr *)&temporary, sizeof temporary) < 0)
                return -errno;
        if (chmod(temporary.sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0 ||
            rename(temporary.sun_path, final.sun_path) < 0) {
                r = -errno;
                (void)unlink(temporary.sun_path);
                return r;
        }
        return TAKE_FD(fd);
}

/** Is it what the predecessor should have stored? */
static int socket_check(int fd) {
        int listening = 0;
        socklen_t size = sizeof listening;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
                return -errno;
        if (!listening)
                return -EINVAL;
        return fd_set_nonblocking(fd, true);
}

/* ---- life -------------------------------------------------------------------------------------- */

/** When a process was started, by CLOCK_MONOTONIC; 0: not known. */
static uint64_t process_started_usec(pid_t pid) {
        _cleanup_(fclosep) FILE *f = NULL;
        unsigned long long ticks;
        char path[64], line[1024];
        struct timespec boot;
        uint64_t age_usec, now = now_usec();
        long hz = sysconf(_SC_CLK_TCK);
        const char *p;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        f = fopen(path, "re");
        if (!f || !fgets(line, sizeof line, f) || hz <= 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
                return 0;
        p = strrchr(line, ')'); /* the name before may hold anything */
        if (!p || sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
                            " %llu", &ticks) != 1)
                return 0;
        age_usec = (uint64_t)boot.tv_sec * USEC_PER_SEC + (uint64_t)boot.tv_nsec / 1000 -
                   (uint64_t)ticks * USEC_PER_SEC / (uint64_t)hz;
        return age_usec < now ? now - age_usec : 0;
}

/** A source that is off until it is needed. */
static int source_off(int r, sd_event_source *source) {
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int control_add_sources(struct control *control) {
        sd_event *event = control->gang->event;
        int r;

        r = sd_event_add_time_relative(event, &control->retry, CLOCK_MONOTONIC, CONTROL_ACCEPT_RETRY_USEC, 0,
                                       on_retry, control);
        r = source_off(r, control->retry);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &control->reaper, on_reap, control);
        r = source_off(r, control->reaper);
        if (r < 0)
                return r;
        return sd_event_add_io(event, &control->source, control->fd, EPOLLIN, on_listen, control);
}

int control_fd(const struct control *control) {
        return control->fd;
}

struct control *control_done(struct control *control) {
        if (!control)
                return NULL;
        while (!list_is_empty(&control->connections))
                connection_free(list_entry(control->connections.next, struct connection, link));
        while (!list_is_empty(&control->broken))
                connection_free(list_entry(control->broken.next, struct connection, link));
        sd_event_source_disable_unref(control->source);
        sd_event_source_disable_unref(control->retry);
        sd_event_source_disable_unref(control->reaper);
        close_fd(control->fd);
        grant_names_done(&control->names);
        free(control);
        return NULL;
}
DEFINE_CLEANUP(struct control *, control_done)

int control_init(struct control **ret, struct gang *gang, int listen_fd, bool *ret_made) {
        _cleanup_(control_donep) struct control *control = NULL;
        _cleanup_(closep) int fd = listen_fd;
        bool made = listen_fd < 0;
        int r;

        control = malloc(sizeof *control);
        if (!control)
                return -ENOMEM;
        *control = (struct control){ .gang = gang, .fd = -1, .names = GRANT_NAMES_NULL };
        list_init(&control->connections);
        list_init(&control->broken);
        if (made)
                r = fd = socket_make(gang->runtime_dir);
        else
                r = socket_check(fd);
        if (r < 0)
                return r;
        control->fd = TAKE_FD(fd);
        control->keeper_started_usec = process_started_usec(gang->keeper_pid);
        if (control->keeper_started_usec == 0)
                control->keeper_started_usec = gang->started_usec;
        r = control_add_sources(control);
        if (r < 0)
                return r;

        *ret_made = made;
        *ret = TAKE(control);
        return 0;
}
