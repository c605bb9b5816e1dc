/* SPDX-License-Identifier: MIT */
/*
 * The manager's end of the socket to the keeper
 *
 * Takes the keeper's welcome (children, exits, stored descriptors) and then turns its packets into
 * calls, one each. What goes the other way is sent at once, or queued behind what waits already.
 *
 * A request for a process, or to keep a descriptor, may fail: whoever makes it tells. All else must arrive. If it cannot
 * be sent, nor wait for want of memory, the link is broken, and the next manager does what this one could not.
 *
 * Invariant: requests reach the keeper in the order in which they were asked for here; the manager
 * relies on it for "acknowledge, then spawn".
 *
 * Where many processes end at once, packets are most of the work. So requests that need no descriptors go with the next
 * packet, before it, or together when the loop comes round. A manager that dies before has not asked for them, and its
 * successor does.
 */

#include "daemon/keeper-link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/keeper/protocol.h"

/** Of a spec: what is longer goes beside the packet, so that many of them find room in the socket. */
#define KEEPER_LINK_SPEC_MAX 8192

/* A packet that waits for room in the socket. */
struct packet {
        struct list link;
        size_t size;
        size_t n_fds;
        int *fds;
        uint8_t data[];
};

static struct packet *packet_free(struct packet *p) {
        for (size_t i = 0; i < p->n_fds; i++)
                close_fd(p->fds[i]);
        free(p->fds);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(struct packet *, packet_free)

static int packet_new(struct packet **ret, const void *data, size_t size, const int *fds, size_t n_fds) {
        _cleanup_(packet_freep) struct packet *p = calloc(1, sizeof *p + size);

        if (!p)
                return -ENOMEM;
        p->size = size;
        memcpy(p->data, data, size);
        p->fds = calloc(n_fds + 1, sizeof *p->fds);
        if (!p->fds)
                return -ENOMEM;
        for (; p->n_fds < n_fds; p->n_fds++) {
                p->fds[p->n_fds] = fcntl(fds[p->n_fds], F_DUPFD_CLOEXEC, 3);
                if (p->fds[p->n_fds] < 0)
                        return -errno;
        }
        *ret = TAKE(p);
        return 0;
}

static struct stored_fd *stored_fd_free(struct stored_fd *s) {
        close_fd(s->fd);
        free(s);
        return NULL;
}

/* ---- sending ----------------------------------------------------------------------------------- */

/* Descriptors in flight, and memory of the kernel: that, too, is a matter of the keeper's reading what it has. */
static bool must_wait(int error) {
        return error == -EAGAIN || error == -ETOOMANYREFS || error == -ENOBUFS || error == -ENOMEM;
}

/* Something that nobody asks for again has not reached the keeper: whoever comes after us will see what is to be done. */
static void keeper_link_break(struct keeper_link *link, int error) {
        if (link->left)
                return; /* nobody comes after us */
        if (!link->source)
                link->error = error;
        else
                link->ops->broken(link->userdata, error);
}

static void keeper_link_want_write(struct keeper_link *link, bool want) {
        if (link->source)
                sd_event_source_set_io_events(link->source, EPOLLIN | (want ? EPOLLOUT : 0));
}

/* @return 0: all is sent; -EAGAIN: some is left; or -errno. */
static int keeper_link_send_queued(struct keeper_link *link) {
        list_for_each_safe(it, &link->queue) {
                struct packet *p = list_entry(it, struct packet, link);
                ssize_t n = fd_send(link->fd, p->data, p->size, p->fds, p->n_fds);

                if (n < 0)
                        return must_wait(n) ? -EAGAIN : (int)n;
                list_unlink(&p->link);
                packet_free(p);
        }
        return 0;
}

static int keeper_link_queue(struct keeper_link *link, const void *data, size_t size, const int *fds, size_t n_fds) {
        struct packet *p = NULL;
        int r = packet_new(&p, data, size, fds, n_fds);

        if (!p)
                return r;
        list_append(&link->queue, &p->link);
        keeper_link_want_write(link, true);
        return 0;
}

static int keeper_link_send_packet(struct keeper_link *link, size_t size, const int *fds, size_t n_fds) {
        ssize_t n;

        if (!list_is_empty(&link->queue))
                return keeper_link_queue(link, link->buffer, size, fds, n_fds);
        n = fd_send(link->fd, link->buffer, size, fds, n_fds);
        if (n < 0)
                return must_wait(n) ? keeper_link_queue(link, link->buffer, size, fds, n_fds) : (int)n;
        return 0;
}

static int keeper_link_send_earlier(struct keeper_link *link) {
        size_t size = TAKE_GENERIC(link->n_earlier, 0);

        return size == 0 ? 0 : keeper_link_send_packet(link, size, NULL, 0);
}

/* A message behind another one is one message, of both: what waits stands in the buffer already. */
static int keeper_link_send(struct keeper_link *link, const Ganger__Keeper__ToKeeper *message,
                            const int *fds, size_t n_fds) {
        size_t size = ganger__keeper__to_keeper__get_packed_size(message);
        int r = 0;

        if (size > KEEPER_PACKET_MAX || n_fds > FD_MESSAGE_MAX)
                return -E2BIG;
        if (link->n_earlier + size > KEEPER_PACKET_MAX)
                r = keeper_link_send_earlier(link);
        if (r < 0)
                return r;
        ganger__keeper__to_keeper__pack(message, link->buffer + link->n_earlier);
        r = keeper_link_send_packet(link, link->n_earlier + size, fds, n_fds);
        if (r >= 0)
                link->n_earlier = 0; /* else they go with another one */
        return r;
}

static int on_turn(sd_event_source *source, void *userdata) {
        struct keeper_link *link = userdata;
        int r = keeper_link_send_earlier(link);

        if (r < 0)
                keeper_link_break(link, r);
        return 0;
}

/* With the next packet; without a loop that would send it, at once. */
static int keeper_link_add(struct keeper_link *link, const Ganger__Keeper__Earlier *request) {
        Ganger__Keeper__Earlier *earlier[] = { (Ganger__Keeper__Earlier *)request };
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        size_t size;
        int r = 0;

        message.earlier = earlier;
        message.n_earlier = ARRAY_SIZE(earlier);
        size = ganger__keeper__to_keeper__get_packed_size(&message);
        if (size > KEEPER_EARLIER_MAX)
                return -E2BIG;
        if (link->n_earlier + size > KEEPER_EARLIER_MAX)
                r = keeper_link_send_earlier(link);
        if (r < 0)
                return r;
        ganger__keeper__to_keeper__pack(&message, link->buffer + link->n_earlier);
        link->n_earlier += size;
        if (link->turn && sd_event_source_set_enabled(link->turn, SD_EVENT_ONESHOT) >= 0)
                return 0;
        return keeper_link_send_earlier(link);
}

/* Of those that must arrive, or this manager is no good any more. */
static void keeper_link_tell(struct keeper_link *link, const Ganger__Keeper__ToKeeper *message, const int *fds, size_t n_fds) {
        int r = keeper_link_send(link, message, fds, n_fds);

        if (r < 0)
                keeper_link_break(link, r);
}

static void keeper_link_tell_soon(struct keeper_link *link, const Ganger__Keeper__Earlier *request) {
        int r = keeper_link_add(link, request);

        if (r < 0)
                keeper_link_break(link, r);
}

static int spec_to_memfd(const Ganger__Keeper__SpawnSpec *spec) {
        size_t size = ganger__keeper__spawn_spec__get_packed_size(spec);
        _cleanup_(freep) uint8_t *data = malloc(size + 1);

        if (!data)
                return -ENOMEM;
        ganger__keeper__spawn_spec__pack(spec, data);
        return fd_memfd_sealed("ganger-spawn", data, size);
}

/* What is to be stored goes with it if there is room, else before it. */
static int keeper_link_add_stores(struct keeper_link *link, Ganger__Keeper__Spawn *spawn, const struct keeper_link_fds *fds,
                                  int *all, size_t *n) {
        bool fits = *n + fds->n_stored + 1 <= FD_MESSAGE_MAX;
        int r = 0;

        for (size_t i = 0; i < fds->n_stored && !fits && r >= 0; i++)
                r = keeper_link_store(link, fds->names[i], fds->stored[i]);
        if (!fits || fds->n_stored == 0)
                return r;
        memcpy(all + *n, fds->stored, fds->n_stored * sizeof *all);
        *n += fds->n_stored;
        spawn->store = (char **)fds->names;
        spawn->n_store = fds->n_stored;
        return 0;
}

int keeper_link_spawn(struct keeper_link *link, const char *key, const Ganger__Keeper__SpawnSpec *spec,
                      const struct keeper_link_fds *fds) {
        Ganger__Keeper__Spawn spawn = GANGER__KEEPER__SPAWN__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        _cleanup_(closep) int memfd = -1;
        int all[FD_MESSAGE_MAX], r;
        size_t n = 0;

        if (fds->n + 2 > FD_MESSAGE_MAX)
                return -E2BIG;
        if (ganger__keeper__spawn_spec__get_packed_size(spec) > KEEPER_LINK_SPEC_MAX) {
                memfd = spec_to_memfd(spec);
                if (memfd < 0)
                        return memfd;
                all[n++] = memfd;
        } else
                spawn.spec = (Ganger__Keeper__SpawnSpec *)spec;
        memcpy(all + n, fds->fds, fds->n * sizeof *all);
        n += fds->n;
        r = keeper_link_add_stores(link, &spawn, fds, all, &n);
        if (r < 0)
                return r;
        spawn.key = (char *)key;
        spawn.cgroup = fds->cgroup >= 0;
        if (spawn.cgroup)
                all[n++] = fds->cgroup;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SPAWN;
        message.spawn = &spawn;
        return keeper_link_send(link, &message, all, n);
}

void keeper_link_signal(struct keeper_link *link, const char *key, int signal, bool group) {
        Ganger__Keeper__Signal request = GANGER__KEEPER__SIGNAL__INIT;
        Ganger__Keeper__Earlier earlier = GANGER__KEEPER__EARLIER__INIT;

        request.key = (char *)key;
        request.signal = signal;
        request.group = group;
        earlier.request_case = GANGER__KEEPER__EARLIER__REQUEST_SIGNAL;
        earlier.signal = &request;
        keeper_link_tell_soon(link, &earlier);
}

void keeper_link_exit_acknowledge(struct keeper_link *link, const char *key, pid_t pid) {
        Ganger__Keeper__ExitAcknowledge request = GANGER__KEEPER__EXIT_ACKNOWLEDGE__INIT;
        Ganger__Keeper__Earlier earlier = GANGER__KEEPER__EARLIER__INIT;

        request.key = (char *)key;
        request.pid = pid;
        earlier.request_case = GANGER__KEEPER__EARLIER__REQUEST_EXIT_ACKNOWLEDGE;
        earlier.exit_acknowledge = &request;
        keeper_link_tell_soon(link, &earlier);
}

static int store(struct keeper_link *link, const char *name, int fd, bool lasting) {
        Ganger__Keeper__StoreFd request = GANGER__KEEPER__STORE_FD__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.name = (char *)name;
        request.lasting = lasting;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_STORE_FD;
        message.store_fd = &request;
        return keeper_link_send(link, &message, &fd, 1);
}

int keeper_link_store(struct keeper_link *link, const char *name, int fd) {
        return store(link, name, fd, false);
}

int keeper_link_store_lasting(struct keeper_link *link, const char *name, int fd) {
        return store(link, name, fd, true);
}

void keeper_link_drop(struct keeper_link *link, const char *name) {
        Ganger__Keeper__DropFd request = GANGER__KEEPER__DROP_FD__INIT;
        Ganger__Keeper__Earlier earlier = GANGER__KEEPER__EARLIER__INIT;

        request.name = (char *)name;
        earlier.request_case = GANGER__KEEPER__EARLIER__REQUEST_DROP_FD;
        earlier.drop_fd = &request;
        keeper_link_tell_soon(link, &earlier);
}

void keeper_link_ready(struct keeper_link *link, const char *status, bool reloaded, uint64_t patience_usec) {
        Ganger__Keeper__Ready request = GANGER__KEEPER__READY__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.status = (char *)status;
        request.reloaded = reloaded;
        request.patience_usec = patience_usec;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_READY;
        message.ready = &request;
        keeper_link_tell(link, &message, NULL, 0);
}

void keeper_link_leave(struct keeper_link *link, int exit_status) {
        Ganger__Keeper__Leave request = GANGER__KEEPER__LEAVE__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.exit_status = exit_status;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_LEAVE;
        message.leave = &request;
        keeper_link_tell(link, &message, NULL, 0);
        link->left = true;
}

int keeper_link_upgrade(struct keeper_link *link, int program) {
        Ganger__Keeper__Upgrade request = GANGER__KEEPER__UPGRADE__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_UPGRADE;
        message.upgrade = &request;
        return keeper_link_send(link, &message, &program, 1);
}

void keeper_link_main_process(struct keeper_link *link, const char *key, pid_t pid, int pidfd) {
        Ganger__Keeper__MainProcess request = GANGER__KEEPER__MAIN_PROCESS__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.key = (char *)key;
        request.pid = pid;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_MAIN_PROCESS;
        message.main_process = &request;
        keeper_link_tell(link, &message, &pidfd, 1);
}

void keeper_link_settle(struct keeper_link *link, const char *key, pid_t pid) {
        Ganger__Keeper__Settle request = GANGER__KEEPER__SETTLE__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.key = (char *)key;
        request.pid = pid;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SETTLE;
        message.settle = &request;
        keeper_link_tell(link, &message, NULL, 0);
}

/* The loop has come by: that is all that the keeper wants to know. */
static void keeper_link_pong(struct keeper_link *link) {
        Ganger__Keeper__Pong request = GANGER__KEEPER__PONG__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_PONG;
        message.pong = &request;
        keeper_link_tell(link, &message, NULL, 0);
}

void keeper_link_flush(struct keeper_link *link) {
        (void)keeper_link_send_earlier(link);
        while (keeper_link_send_queued(link) == -EAGAIN) {
                struct pollfd p = { .fd = link->fd, .events = POLLOUT };

                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        return;
        }
}

/* ---- receiving --------------------------------------------------------------------------------- */

static void close_all(const int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
}

static Ganger__Keeper__FromKeeper *keeper_link_receive(struct keeper_link *link, int *fds, size_t *n_fds,
                                                       int flags, int *ret_error) {
        Ganger__Keeper__FromKeeper *message;
        ssize_t n = keeper_link_send_earlier(link); /* from the same buffer */

        if (n >= 0)
                n = fd_receive(link->fd, link->buffer, KEEPER_PACKET_MAX, fds, n_fds, flags);
        if (n <= 0) {
                *ret_error = n == 0 ? -ECONNRESET : (int)n;
                return NULL;
        }
        message = ganger__keeper__from_keeper__unpack(NULL, n, link->buffer);
        if (!message) {
                close_all(fds, *n_fds);
                *ret_error = -EPROTO;
        }
        return message;
}

/* Takes the descriptor, in any case. */
static int keeper_link_add_stored(struct keeper_link *link, const char *name, int fd) {
        size_t length = strlen(name) + 1;
        struct stored_fd *s = malloc(sizeof *s + length);
        int r;

        if (!s) {
                close(fd);
                return -ENOMEM;
        }
        memcpy(s->name, name, length);
        s->fd = fd;
        r = map_add(&link->stored, &s->node, s->name);
        if (r < 0)
                stored_fd_free(s);
        else
                list_append(&link->stored_list, &s->link);
        return r;
}

static int keeper_link_take_stored(struct keeper_link *link, const Ganger__Keeper__StoredFds *stored,
                                   const int *fds, size_t n_fds) {
        size_t i = 0;
        int r = stored->n_names == n_fds ? 0 : -EPROTO;

        for (; i < n_fds && r >= 0; i++)
                r = keeper_link_add_stored(link, stored->names[i], fds[i]);
        if (!fault_is("link-leaves-descriptor"))
                close_all(fds + i, n_fds - i);
        return r;
}

static int welcome_unpack(int fd, Ganger__Keeper__WelcomeState **ret) {
        Ganger__Keeper__WelcomeState *state;
        void *data;
        size_t size;
        int r = fd_map_sealed(fd, KEEPER_WELCOME_MAX, &data, &size);

        if (r < 0)
                return r;
        state = ganger__keeper__welcome_state__unpack(NULL, size, data);
        if (data)
                munmap(data, size);
        if (!state)
                return -EPROTO;
        *ret = state;
        return 0;
}

/* @return 1: that was the welcome; 0: go on; or -errno. */
static int keeper_link_greet(struct keeper_link *link, Ganger__Keeper__WelcomeState **ret_welcome) {
        Ganger__Keeper__FromKeeper *message;
        int fds[FD_MESSAGE_MAX], r = -EPROTO;
        size_t n_fds = 0;

        message = keeper_link_receive(link, fds, &n_fds, 0, &r);
        if (!message)
                return r;
        if (message->event_case == GANGER__KEEPER__FROM_KEEPER__EVENT_STORED_FDS) {
                r = keeper_link_take_stored(link, message->stored_fds, fds, n_fds);
                n_fds = 0;
        } else if (message->event_case == GANGER__KEEPER__FROM_KEEPER__EVENT_WELCOME && n_fds == 1 &&
                   message->welcome->stored_fds == link->stored.n) {
                link->incarnation = message->welcome->incarnation;
                link->lasts = message->welcome->lasting;
                link->restored = message->welcome->restored;
                r = welcome_unpack(fds[0], ret_welcome);
                if (r == 0) {
                        link->upgrades = (*ret_welcome)->upgrades;
                        snprintf(link->upgrade_failure, sizeof link->upgrade_failure, "%s", (*ret_welcome)->upgrade_failure);
                        r = 1;
                }
        } else
                r = -EPROTO;
        close_all(fds, n_fds);
        ganger__keeper__from_keeper__free_unpacked(message, NULL);
        return r;
}

int keeper_link_init(struct keeper_link *link, int fd, Ganger__Keeper__WelcomeState **ret_welcome) {
        int r;

        *link = KEEPER_LINK_NULL;
        link->fd = fd;
        list_init(&link->stored_list);
        list_init(&link->queue);
        link->buffer = malloc(KEEPER_PACKET_MAX);
        if (!link->buffer)
                return -ENOMEM;
        r = fd_set_cloexec(fd, true);
        if (r < 0)
                return r;
        r = fd_set_nonblocking(fd, false);
        if (r < 0)
                return r;
        do
                r = keeper_link_greet(link, ret_welcome);
        while (r == 0);
        return r < 0 ? r : 0;
}

static void keeper_link_dispatch(struct keeper_link *link, const Ganger__Keeper__FromKeeper *message) {
        for (size_t i = 0; i < message->n_exits; i++)
                link->ops->exited(link->userdata, message->exits[i]);
        if (message->n_exits > 0)
                return;
        switch (message->event_case) {
        case GANGER__KEEPER__FROM_KEEPER__EVENT_PING:
                keeper_link_pong(link);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_SPAWNED:
                link->ops->spawned(link->userdata, message->spawned);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED:
                link->ops->exited(link->userdata, message->exited);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_STOPPED:
                link->ops->stopped(link->userdata, message->stopped);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_CAUGHT:
                link->ops->caught(link->userdata, message->caught);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_ENDING:
                link->ops->ending(link->userdata, message->ending);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_MAIN_CHANGED:
                link->ops->main_changed(link->userdata, message->main_changed);
                break;
        case GANGER__KEEPER__FROM_KEEPER__EVENT_WELCOME:
        case GANGER__KEEPER__FROM_KEEPER__EVENT_STORED_FDS:
        case GANGER__KEEPER__FROM_KEEPER__EVENT__NOT_SET:
        case _GANGER__KEEPER__FROM_KEEPER__EVENT__CASE_IS_INT_SIZE:
                link->ops->broken(link->userdata, -EPROTO);
                break;
        }
}

static int on_keeper(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct keeper_link *link = userdata;
        Ganger__Keeper__FromKeeper *message;
        int fds[FD_MESSAGE_MAX], r = 0;
        size_t n_fds = 0;

        if (revents & EPOLLOUT) {
                r = keeper_link_send_queued(link);
                if (r == 0) {
                        keeper_link_want_write(link, false);
                        link->ops->drained(link->userdata);
                } else if (r != -EAGAIN)
                        link->ops->broken(link->userdata, r);
        }
        if (!(revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;
        message = keeper_link_receive(link, fds, &n_fds, MSG_DONTWAIT, &r);
        if (!message) {
                if (r != -EAGAIN && r != -EINTR)
                        link->ops->broken(link->userdata, r);
                return 0;
        }
        close_all(fds, n_fds);
        keeper_link_dispatch(link, message);
        ganger__keeper__from_keeper__free_unpacked(message, NULL);
        return 0;
}

int keeper_link_attach(struct keeper_link *link, sd_event *event, const struct keeper_link_ops *ops, void *userdata) {
        int r;

        link->ops = ops;
        link->userdata = userdata;
        r = link->error < 0 ? link->error : fd_set_nonblocking(link->fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &link->source, link->fd, EPOLLIN, on_keeper, link);
        if (r < 0)
                return r;
        /* Exits come before requests of clients, so that an answer is never older than what the keeper said. */
        r = sd_event_source_set_priority(link->source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        /* Before whatever else there is to do: nobody who was told of what is asked for finds that it was not. */
        r = sd_event_add_defer(event, &link->turn, on_turn, link);
        if (r >= 0)
                r = sd_event_source_set_priority(link->turn, SD_EVENT_PRIORITY_IMPORTANT - 1);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->turn, link->n_earlier > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                return r;
        keeper_link_want_write(link, !list_is_empty(&link->queue));
        return 0;
}

int keeper_link_take(struct keeper_link *link, const char *name) {
        struct map_node *node = map_find(&link->stored, name);
        struct stored_fd *s;
        int fd;

        if (!node)
                return -ENOENT;
        s = map_entry(node, struct stored_fd, node);
        map_remove(&link->stored, &s->node);
        list_unlink(&s->link);
        fd = TAKE_FD(s->fd);
        stored_fd_free(s);
        return fd;
}

/*
 * The keeper closes it when it comes to that; until then it would be one that somebody listens at, and what is opened in its
 * place would be refused.
 */
static void stop_listening(int fd) {
        int listens = 0;
        socklen_t size = sizeof listens;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
                (void)shutdown(fd, SHUT_RDWR);
}

void keeper_link_drop_rest(struct keeper_link *link) {
        list_for_each_safe(it, &link->stored_list) {
                struct stored_fd *s = list_entry(it, struct stored_fd, link);

                stop_listening(s->fd);
                keeper_link_drop(link, s->name);
                map_remove(&link->stored, &s->node);
                list_unlink(&s->link);
                stored_fd_free(s);
        }
}

void keeper_link_done(struct keeper_link *link) {
        list_for_each_safe(it, &link->stored_list)
                stored_fd_free(list_entry(it, struct stored_fd, link));
        list_for_each_safe(it, &link->queue)
                packet_free(list_entry(it, struct packet, link));
        map_done(&link->stored);
        sd_event_source_disable_unref(link->turn);
        sd_event_source_unref(link->source);
        free(link->buffer);
        close_fd(link->fd);
        *link = KEEPER_LINK_NULL;
        list_init(&link->stored_list);
        list_init(&link->queue);
}
