/* SPDX-License-Identifier: MIT */
/*
 * Workers that are started on demand
 *
 * While none of its instances runs, its sockets and rings are watched; while one does, none is: the program looks after
 * them. What must hold: whatever comes while nobody watches is still there when the watching begins, since sockets and
 * rings keep it. So nothing of this is written down: a new manager finds the same sockets and rings, and looks.
 *
 * With `idle-stop` a running worker is looked at once in a period. What cannot be seen then is seen by a watch at its
 * sockets that fires once in a period, so a busy worker costs us two wake-ups in a period, and an idle one none after it
 * was stopped.
 */

#include "daemon/demand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/policy/demand.h"
#include "daemon/ring-watch.h"
#include "daemon/socket-look.h"
#include "daemon/worker.h"

struct socket_watch {
        struct worker_demand *demand;
        const struct gang_socket *socket;
        int fd;                         /* a duplicate: others may watch the same */
        sd_event_source *source;
};

struct worker_demand {
        struct worker *worker;
        struct demand policy;
        enum demand_mode mode;
        uint64_t seen;                  /* connections that were seen to wait */
        sd_event_source *timer;         /* the end of a period of `idle-stop`, or of a pause after too many starts */
        struct socket_watch *sockets;
        size_t n_sockets;
        struct ring_watch *rings;
        size_t n_rings;
};

/* ---- what there is of it ----------------------------------------------------------------------- */

static struct demand_facts facts_of(const struct worker *worker) {
        struct demand_facts facts = { .wanted = worker_is_wanted(worker) };

        for (size_t i = 0; i < worker->n_instances; i++) {
                const struct instance *instance = worker->instances[i];

                if (instance_state_has_process(instance->state) || instance->state == INSTANCE_BACKOFF ||
                    instance->state == INSTANCE_WAITING)
                        facts.n_busy++;
                else if (instance->state == INSTANCE_DOWN && !instance->stopped && i < worker_count_target(worker))
                        facts.n_resting++;
        }
        return facts;
}

static uint64_t activity_of(const struct worker_demand *d) {
        uint64_t activity = d->seen;

        for (size_t i = 0; i < d->n_rings; i++)
                activity += ring_watch_activity(d->rings[i].object);
        return activity;
}

/* Whoever cannot be asked is busy: stopping what is in use is worse than keeping what is not. */
static bool is_busy(const struct worker_demand *d) {
        for (size_t i = 0; i < d->n_rings; i++)
                if (ring_watch_is_busy(d->rings[i].object))
                        return true;
        if (d->n_sockets > 0 && sockets_count(&d->worker->gang->sockets) < 0)
                return true;
        for (size_t i = 0; i < d->n_sockets; i++)
                if (d->sockets[i].socket->connections > 0)
                        return true;
        return false;
}

/* ---- starting and stopping --------------------------------------------------------------------- */

static void set_timer(struct worker_demand *d, uint64_t usec) {
        if (usec == USEC_INFINITY) {
                sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(d->timer, usec);
        sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

static void watch(struct worker_demand *d, bool on) {
        for (size_t i = 0; i < d->n_sockets; i++)
                sd_event_source_set_enabled(d->sockets[i].source, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        for (size_t i = 0; i < d->n_rings; i++) {
                if (on)
                        ring_watch_on(&d->rings[i]);
                else
                        ring_watch_off(&d->rings[i]);
        }
}

static void start(struct worker_demand *d, const char *what, const char *name) {
        struct worker *worker = d->worker;
        struct demand_facts facts = facts_of(worker);
        char why[INSTANCE_TEXT_MAX];
        uint64_t later;

        watch(d, false);
        if (demand_mode(&facts) == DEMAND_WATCH) {
                later = demand_start(&d->policy, now_usec());
                if (later > 0) {
                        log_warning("worker '%s': started too often; waiting", worker->name);
                        set_timer(d, later);
                        return;
                }
                snprintf(why, sizeof why, "%s %s", what, name);
                for (size_t i = 0; i < worker->n_instances && i < worker_count_target(worker); i++)
                        if (worker->instances[i]->state == INSTANCE_DOWN && !worker->instances[i]->stopped)
                                instance_start_on_demand(worker->instances[i], why);
        }
        d->mode = DEMAND_NOTHING; /* it may be down again before the end of this turn: that is to be seen */
        gang_touch(worker->gang);
}

static void on_message(void *userdata, const char *name) {
        start(userdata, "wanted at", name);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct socket_watch *w = userdata;

        if (w->demand->mode == DEMAND_WATCH)
                start(w->demand, "wanted at", w->socket->name);
        else
                w->demand->seen++;
        return 0;
}

static void stop_idle(struct worker_demand *d) {
        struct worker *worker = d->worker;
        char why[INSTANCE_TEXT_MAX], text[USEC_FORMAT_MAX];

        snprintf(why, sizeof why, "idle for %s", usec_format(text, sizeof text, worker->definition->idle_stop_usec));
        for (size_t i = worker->n_instances; i > 0; i--)
                if (instance_state_has_process(worker->instances[i - 1]->state))
                        instance_stop_idle(worker->instances[i - 1], why);
        d->mode = DEMAND_NOTHING;
        gang_touch(worker->gang);
}

/* A period begins: whoever comes in it is seen, once. */
static void begin_period(struct worker_demand *d) {
        for (size_t i = 0; i < d->n_sockets; i++)
                sd_event_source_set_enabled(d->sockets[i].source, SD_EVENT_ONESHOT);
        set_timer(d, usec_add(now_usec(), d->worker->definition->idle_stop_usec));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct worker_demand *d = userdata;

        if (d->mode == DEMAND_WATCH)
                watch(d, true);
        else if (d->mode == DEMAND_RUNS && !demand_is_idle(&d->policy, is_busy(d), activity_of(d)))
                begin_period(d);
        else if (d->mode == DEMAND_RUNS)
                stop_idle(d);
        return 0;
}

/* ---- watching ---------------------------------------------------------------------------------- */

static void demand_enter(struct worker_demand *d, enum demand_mode mode) {
        if (mode == d->mode)
                return;
        d->mode = mode;
        watch(d, mode == DEMAND_WATCH);
        set_timer(d, USEC_INFINITY);
        if (mode != DEMAND_RUNS || d->worker->definition->idle_stop_usec == USEC_INFINITY)
                return;
        demand_begin(&d->policy, activity_of(d));
        begin_period(d);
}

static int watch_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        struct worker_demand *d = userdata;
        struct gang *gang = d->worker->gang;
        struct socket_watch *w = &d->sockets[d->n_sockets];
        int r;

        *w = (struct socket_watch){ .demand = d, .fd = -1 };
        w->socket = gang_socket_find(&gang->sockets, listen->name, type, address);
        if (!w->socket)
                return 0;
        d->n_sockets++;
        w->fd = fcntl(w->socket->fd, F_DUPFD_CLOEXEC, 0);
        if (w->fd < 0)
                return -errno;
        r = sd_event_add_io(gang->event, &w->source, w->fd, EPOLLIN, on_socket, w);
        return r < 0 ? r : sd_event_source_set_enabled(w->source, SD_EVENT_OFF);
}

static int watch_sockets(struct worker_demand *d) {
        const struct worker_definition *definition = d->worker->definition;
        int r = 0;

        d->sockets = calloc(CONFIG_WORKER_SOCKETS_MAX, sizeof *d->sockets);
        if (!d->sockets)
                return -ENOMEM;
        for (char *const *name = definition->listen; *name && r >= 0; name++) {
                const struct listen_definition *listen = config_listen(d->worker->gang->config, *name);

                r = listen ? listen_definition_each(listen, watch_socket, d) : 0;
        }
        return r;
}

static size_t length(char *const *names) {
        size_t n = 0;

        while (names[n])
                n++;
        return n;
}

static int watch_rings(struct worker_demand *d, char *const *names) {
        struct gang *gang = d->worker->gang;

        for (; *names; names++) {
                struct gang_object *object = gang_object_find(&gang->objects, *names);
                int r;

                if (!object || !ring_watch_can(object))
                        continue;
                r = ring_watch_init(&d->rings[d->n_rings++], gang->event, object, on_message, d);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int demand_fill(struct worker_demand *d) {
        const struct worker_definition *definition = d->worker->definition;
        int r;

        d->rings = calloc(length(definition->receive) + length(definition->serve) + 1, sizeof *d->rings);
        if (!d->rings)
                return -ENOMEM;
        r = sd_event_add_time(d->worker->gang->event, &d->timer, CLOCK_MONOTONIC, 0, 1, on_timer, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = watch_sockets(d);
        if (r >= 0)
                r = watch_rings(d, definition->receive);
        return r < 0 ? r : watch_rings(d, definition->serve);
}

void demand_forget(struct worker *worker) {
        struct worker_demand *d = worker->demand;

        if (!d)
                return;
        worker->demand = NULL;
        for (size_t i = 0; i < d->n_sockets; i++) {
                sd_event_source_disable_unref(d->sockets[i].source);
                close_fd(d->sockets[i].fd);
        }
        for (size_t i = 0; i < d->n_rings; i++)
                ring_watch_done(&d->rings[i]);
        sd_event_source_disable_unref(d->timer);
        free(d->sockets);
        free(d->rings);
        free(d);
}

/* Without what it takes to watch it, a worker is started: nobody would hear its first message. */
static void demand_make(struct worker *worker) {
        struct worker_demand *d = calloc(1, sizeof *d);
        int r = -ENOMEM;

        if (d) {
                d->worker = worker;
                d->policy = DEMAND_NULL;
                worker->demand = d;
                r = demand_fill(d);
        }
        if (r >= 0)
                return;
        demand_forget(worker);
        log_error("worker '%s': cannot watch what it waits for, so it is started: %s", worker->name, strerror(-r));
        for (size_t i = 0; i < worker_count_target(worker); i++)
                if (worker->instances[i]->state == INSTANCE_DOWN && !worker->instances[i]->stopped)
                        instance_start_on_demand(worker->instances[i], "cannot wait");
}

void demand_turn(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                struct demand_facts facts;

                if (worker->definition->start != WORKER_START_ON_DEMAND)
                        continue;
                facts = facts_of(worker);
                if (!worker->demand && (facts.n_resting > 0 || facts.n_busy > 0) && facts.wanted)
                        demand_make(worker);
                if (worker->demand)
                        demand_enter(worker->demand, demand_mode(&facts));
        }
}

void demand_take_over(struct gang *gang) {
        list_for_each(it, &gang->objects.list)
                ring_watch_forget(list_entry(it, struct gang_object, link));
        gang_touch(gang);
}
