/* SPDX-License-Identifier: MIT */

/*
 * What the manager is told
 *
 * In this order: the stored descriptors, the welcome with everything that is the case, then events. What
 * must hold: nothing waits that is not bounded. News of children wait in the table of children; answers to
 * Spawn in a list, which stops us from reading more requests when it is long; signals in a flag each.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"
#include "daemon/keeper/protocol.h"
#include "keeper.pb-c.h"

typedef Ganger__Keeper__FromKeeper Event;

/** If the kernel is short of memory, or of descriptors in flight, and no event will say when it is over. */
#define RETRY_USEC (10 * USEC_PER_MSEC)

struct reply {
        struct list link;
        pid_t pid;
        uint64_t started_usec;
        int error;
        const char *step;
        struct left_out *left_out;      /* NULL: nothing */
        char key[];
};

static int event_send(struct keeper *k, const Event *event, const int *fds, size_t n_fds) {
        size_t size = ganger__keeper__from_keeper__get_packed_size(event);
        ssize_t n;

        if (size > sizeof k->packet)
                return -EMSGSIZE;
        ganger__keeper__from_keeper__pack(event, k->packet);
        n = fd_send(k->socket, k->packet, size, fds, n_fds);
        return n < 0 ? (int)n : 0;
}

/* ---- the welcome ---------------------------------------------------------------------------------- */

/* Hand over the stored descriptors that this manager does not have yet, one packet. */
static int send_stored(struct keeper *k) {
        Ganger__Keeper__StoredFds stored = GANGER__KEEPER__STORED_FDS__INIT;
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        char *names[KEEPER_STORED_FDS_PACKET_MAX];
        int fds[KEEPER_STORED_FDS_PACKET_MAX], r;
        struct list *it = k->handed;
        size_t n = 0;

        for (; n < ARRAY_SIZE(fds) && it->next != &k->store.all; n++) {
                struct stored_descriptor *d = list_entry(it->next, struct stored_descriptor, link);

                names[n] = d->name;
                fds[n] = d->fd;
                it = it->next;
        }
        stored.names = names;
        stored.n_names = n;
        event.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_STORED_FDS;
        event.stored_fds = &stored;
        r = event_send(k, &event, fds, n);
        if (r == 0)
                k->handed = it;
        return r;
}

void report_exited(Ganger__Keeper__Exited *e, const struct child_process *p) {
        e->key = (char *)p->key;
        e->pid = p->pid;
        e->status = p->status;
        e->started_usec = p->started_usec;
        e->exited_usec = p->exited_usec;
        e->cookie = (ProtobufCBinaryData){ p->cookie_size, child_process_cookie(p) };
        if (!p->usage)
                return;
        e->user_usec = p->usage->user_usec;
        e->system_usec = p->usage->system_usec;
        e->max_rss_kib = p->usage->max_rss_kib;
        e->minor_faults = p->usage->minor_faults;
        e->major_faults = p->usage->major_faults;
        e->voluntary_switches = p->usage->voluntary_switches;
        e->involuntary_switches = p->usage->involuntary_switches;
}

/*
 * Messages one after the other are read as one: so the state is written child by child, and no
 * copy of it is made. What comes later wins, hence the `stopping` at the end of each is the same.
 */
static int write_state(struct keeper *k, int fd, struct child_process *p) {
        Ganger__Keeper__WelcomeState state = GANGER__KEEPER__WELCOME_STATE__INIT;
        Ganger__Keeper__Exited exited = GANGER__KEEPER__EXITED__INIT, *exits[] = { &exited };
        Ganger__Keeper__Child child = GANGER__KEEPER__CHILD__INIT, *children[] = { &child };
        size_t size;

        if (p && p->exited) {
                report_exited(&exited, p);
                state.exits = exits;
                state.n_exits = 1;
        } else if (p) {
                child.key = p->key;
                child.pid = p->pid;
                child.started_usec = p->started_usec;
                child.cookie = (ProtobufCBinaryData){ p->cookie_size, child_process_cookie(p) };
                child.stopped = p->stopped;
                child.ending = p->ending;
                state.children = children;
                state.n_children = 1;
        }
        state.stopping = k->stopping;
        state.upgrades = k->upgrades;
        state.upgrade_failure = p ? (char *)"" : k->upgrade_failure;
        size = ganger__keeper__welcome_state__get_packed_size(&state);
        if (size > sizeof k->packet)
                return -EMSGSIZE;
        ganger__keeper__welcome_state__pack(&state, k->packet);
        return fd_write_all(fd, k->packet, size);
}

static int make_state(struct keeper *k) {
        _cleanup_(closep) int fd = memfd_create("ganger-welcome", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0 || fchmod(fd, 0600) < 0)
                return -errno;
        r = write_state(k, fd, NULL);
        children_for_each(it, &k->children)
                if (r == 0)
                        r = write_state(k, fd, chain_entry(it, struct child_process, by_key));
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static void sent(struct keeper *k, struct child_process *p) {
        list_unlink(&p->pending);
        p->tell_main = p->tell_ending = p->tell_state = false;
        if (p->exited && fault_is("drop-exit"))
                child_process_free(&k->children, p);
}

static int send_welcome(struct keeper *k) {
        Ganger__Keeper__Welcome welcome = GANGER__KEEPER__WELCOME__INIT;
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        _cleanup_(closep) int fd = make_state(k);
        int r;

        if (fd < 0)
                return fd;
        welcome.stored_fds = (uint32_t)k->store.n;
        welcome.incarnation = k->incarnation;
        welcome.lasting = k->service.max > 0;
        welcome.restored = k->restored;
        event.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_WELCOME;
        event.welcome = &welcome;
        r = event_send(k, &event, &fd, 1);
        if (r < 0)
                return r;
        k->welcomed = true;
        k->tell_stopping = false;
        list_for_each_safe(it, &k->children.pending)
                sent(k, list_entry(it, struct child_process, pending));
        return 0;
}

/* ---- events --------------------------------------------------------------------------------------- */

static void reply_free(struct keeper *k, struct reply *reply) {
        list_unlink(&reply->link);
        free(reply->left_out);
        free(reply);
        k->n_replies--;
}

/** As a message has it. */
struct told_left_out {
        Ganger__Keeper__LeftOut items[LEFT_OUT_MAX];
        Ganger__Keeper__LeftOut *pointers[LEFT_OUT_MAX];
};

/* @param left_out  NULL: nothing. */
static void tell_left_out(Ganger__Keeper__Spawned *spawned, struct told_left_out *told, const struct left_out *left_out) {
        size_t n = left_out ? left_out->n : 0;

        for (size_t i = 0; i < n; i++) {
                ganger__keeper__left_out__init(&told->items[i]);
                told->items[i].key = (char *)left_out->v[i].key;
                told->items[i].error = left_out->v[i].error;
                told->pointers[i] = &told->items[i];
        }
        spawned->left_out = told->pointers;
        spawned->n_left_out = n;
}

static int send_reply(struct keeper *k) {
        struct reply *reply = list_entry(list_first(&k->replies), struct reply, link);
        Ganger__Keeper__Spawned spawned = GANGER__KEEPER__SPAWNED__INIT;
        struct told_left_out told;
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        int r;

        assert(reply);                  /* else nobody calls */
        spawned.key = reply->key;
        spawned.pid = reply->pid;
        spawned.started_usec = reply->started_usec;
        spawned.error = reply->error;
        spawned.step = (char *)reply->step;
        tell_left_out(&spawned, &told, reply->left_out);
        event.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_SPAWNED;
        event.spawned = &spawned;
        r = event_send(k, &event, NULL, 0);
        if (r == 0)
                reply_free(k, reply);
        return r;
}

/*
 * One piece of news of a child, in the order in which it matters; valid until the next. @return the flag that stood for
 * it.
 */
static bool *fill_child(struct child_process *p, Event *event) {
        static Ganger__Keeper__MainChanged changed;
        static Ganger__Keeper__Ending ending;
        static Ganger__Keeper__Stopped stopped;
        static Ganger__Keeper__Exited exited;

        if (p->tell_main) {
                ganger__keeper__main_changed__init(&changed);
                changed.key = p->key;
                changed.pid = p->pid;
                event->event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_MAIN_CHANGED;
                event->main_changed = &changed;
                return &p->tell_main;
        }
        if (p->tell_ending) {
                ganger__keeper__ending__init(&ending);
                ending.key = p->key;
                ending.pid = p->pid;
                event->event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_ENDING;
                event->ending = &ending;
                return &p->tell_ending;
        }
        if (p->exited) {
                ganger__keeper__exited__init(&exited);
                report_exited(&exited, p);
                event->event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED;
                event->exited = &exited;
        } else {
                ganger__keeper__stopped__init(&stopped);
                stopped.key = p->key;
                stopped.pid = p->pid;
                stopped.stopped = p->stopped;
                event->event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_STOPPED;
                event->stopped = &stopped;
        }
        return &p->tell_state;
}

/* Has it ended, and is nothing else to be told of it before? */
static bool tells_exit_alone(const struct child_process *p) {
        return p->exited && !p->tell_main && !p->tell_ending;
}

/* Many that have ended at once. @return 0; 1: there are not several of them; -errno. */
static int send_exits(struct keeper *k) {
        Ganger__Keeper__Exited exited[KEEPER_EXITS_PACKET_MAX], *pointers[KEEPER_EXITS_PACKET_MAX];
        struct child_process *told[KEEPER_EXITS_PACKET_MAX];
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        size_t n = 0, cookies = 0;
        int r;

        list_for_each(it, &k->children.pending) {
                struct child_process *p = list_entry(it, struct child_process, pending);

                cookies += p->cookie_size;
                if (n == ARRAY_SIZE(exited) || !tells_exit_alone(p) || cookies > sizeof k->packet / 2)
                        break;
                ganger__keeper__exited__init(&exited[n]);
                report_exited(&exited[n], p);
                pointers[n] = &exited[n];
                told[n++] = p;
        }
        if (n < 2)
                return 1;
        event.exits = pointers;
        event.n_exits = fault_is("tell-one-exit") ? 1 : n;
        r = event_send(k, &event, NULL, 0);
        for (size_t i = 0; i < n && r == 0; i++)
                sent(k, told[i]);
        return r;
}

static int send_child(struct keeper *k, struct child_process *p) {
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        bool *flag = fill_child(p, &event);
        int r = event_send(k, &event, NULL, 0);

        if (r < 0)
                return r;
        *flag = false;
        if (!p->tell_main && !p->tell_ending && !p->tell_state)
                sent(k, p);
        return 0;
}

static int send_caught(struct keeper *k, int signal, bool *flag) {
        Ganger__Keeper__Caught caught = GANGER__KEEPER__CAUGHT__INIT;
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        int r;

        caught.signal = signal;
        event.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_CAUGHT;
        event.caught = &caught;
        r = event_send(k, &event, NULL, 0);
        if (r == 0)
                *flag = false;
        return r;
}

static int send_ping(struct keeper *k) {
        Ganger__Keeper__Ping ping = GANGER__KEEPER__PING__INIT;
        Event event = GANGER__KEEPER__FROM_KEEPER__INIT;
        int r;

        event.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_PING;
        event.ping = &ping;
        r = event_send(k, &event, NULL, 0);
        if (r == 0)
                k->tell_ping = false;
        return r;
}

/* The next thing to tell. @return 0; 1: there is none; -errno. */
static int send_next(struct keeper *k) {
        struct list *first;
        int r;

        if (!k->welcomed)
                return k->handed->next != &k->store.all ? send_stored(k) : send_welcome(k);
        if (k->tell_stopping)
                return send_caught(k, k->stop_signal, &k->tell_stopping);
        if (k->tell_reload)
                return send_caught(k, SIGHUP, &k->tell_reload);
        if (k->tell_ping)
                return send_ping(k);
        if (!list_is_empty(&k->replies))
                return send_reply(k);
        first = list_first(&k->children.pending);
        if (!first)
                return 1;
        r = send_exits(k);
        return r == 1 ? send_child(k, list_entry(first, struct child_process, pending)) : r;
}

void reports_flush(struct keeper *k) {
        int r = 0;

        k->socket_full = false;
        k->retry_usec = 0;
        while (r == 0 && k->socket >= 0 && !k->hung_up)
                r = send_next(k);
        if (r >= 0)
                return;
        if (r == -EAGAIN)
                k->socket_full = true;
        else if (r == -EPIPE || r == -ECONNRESET)
                manager_process_hung_up(k);
        else
                k->retry_usec = now_usec() + RETRY_USEC;
}

/* @return false: no memory. */
static bool copy_left_out(struct reply *reply, const struct left_out *left_out) {
        if (!left_out || left_out->n == 0)
                return true;
        reply->left_out = malloc(sizeof *left_out);
        if (reply->left_out)
                *reply->left_out = *left_out;
        return reply->left_out;
}

void reports_reply(struct keeper *k, const char *key, pid_t pid, uint64_t started_usec, int error, const char *step,
                   const struct left_out *left_out) {
        size_t key_size = strlen(key) + 1;
        struct reply *reply = calloc(1, sizeof *reply + key_size);

        if (!reply || !copy_left_out(reply, left_out)) {
                free(reply);
                /* The next manager learns of the process from its welcome. */
                keeper_log("no memory for an answer to the manager: another must take over");
                manager_process_expect_exit(k, 0);
                return;
        }
        reply->pid = pid;
        reply->started_usec = started_usec;
        reply->error = error;
        reply->step = step;
        memcpy(reply->key, key, key_size);
        list_append(&k->replies, &reply->link);
        k->n_replies++;
}

void reports_reset(struct keeper *k) {
        k->hung_up = false;
        list_for_each_safe(it, &k->replies)
                reply_free(k, list_entry(it, struct reply, link));
        k->handed = &k->store.all;
        k->welcomed = false;
        k->socket_full = false;
        k->retry_usec = 0;
        k->tell_reload = k->reloading;
}
