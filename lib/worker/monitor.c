/* SPDX-License-Identifier: MIT */

/*
 * Handles on monitors, and on mutexes, which are monitors whose conditions nobody uses
 *
 * Linearisation points are those of shm/monitor.c.
 */

#include "ganger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "shm/monitor.h"
#include "worker/membership.h"
#include "worker/wait-any.h"

#define unlikely(condition) __builtin_expect(!!(condition), 0)

struct ganger_monitor {
        /* Lines of its own: the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct monitor monitor;
        _Atomic uint32_t *drain;        /* MEMBER_ENDS: wait for no condition any more */
        struct handle handle;
};

/** The same by another name, so that nobody mistakes one for the other. */
struct ganger_mutex {
        struct ganger_monitor monitor;
};

static void monitor_close(struct handle *handle) {
        struct ganger_monitor *m = container_of(handle, struct ganger_monitor, handle);

        handle_release(handle, monitor_holds(&m->monitor));
        free(m);
}

/** With the lock held. */
static int monitor_enter(struct ganger *g, struct joined *j, struct ganger_monitor *m) {
        int r;

        r = handle_take(g, j, &m->handle);
        if (r < 0)
                return r;
        m->drain = g->drain;
        monitor_open(&m->monitor, &j->object.region, m->handle.participant, j->generation, j->object.event_fd);
        handle_enter(&m->handle, monitor_close);
        return 0;
}

int ganger_monitor_open(struct ganger *g, const char *name, struct ganger_monitor **ret) {
        struct ganger_monitor *m;
        struct joined *j;
        int r;

        r = joined_find(g, OBJECT_MONITOR, name, 0, &j);
        if (r < 0)
                return r;
        m = aligned_alloc(_Alignof(struct ganger_monitor), sizeof *m);
        if (!m)
                return -ENOMEM;
        memset(m, 0, sizeof *m);
        pthread_mutex_lock(&g->lock);
        r = monitor_enter(g, j, m);
        pthread_mutex_unlock(&g->lock);
        if (r < 0) {
                free(m);
                return r;
        }
        *ret = m;
        return 0;
}

struct ganger_monitor *ganger_monitor_close(struct ganger_monitor *m) {
        struct ganger *g;

        if (!m)
                return NULL;
        g = m->handle.ganger;
        pthread_mutex_lock(&g->lock);
        monitor_close(&m->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_monitor_name(const struct ganger_monitor *m) {
        return m->handle.joined->name;
}

/* ---- the lock ------------------------------------------------------------------------------------ */

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

int ganger_monitor_lock(struct ganger_monitor *m, int64_t timeout_usec) {
        int r;

        if (unlikely(!m->monitor.thread_known))
                monitor_tell_thread(&m->monitor);
        r = monitor_try(&m->monitor);
        if (unlikely(r == -EAGAIN) && timeout_usec != 0)
                r = monitor_lock(&m->monitor, deadline(timeout_usec));
        return r;
}

int ganger_monitor_unlock(struct ganger_monitor *m) {
        return monitor_unlock(&m->monitor);
}

int ganger_monitor_consistent(struct ganger_monitor *m) {
        return monitor_consistent(&m->monitor);
}

/* ---- conditions ---------------------------------------------------------------------------------- */

int ganger_monitor_wait(struct ganger_monitor *m, unsigned int condition, int64_t timeout_usec) {
        return monitor_wait(&m->monitor, condition, timeout_usec == 0 ? 0 : deadline(timeout_usec), m->drain);
}

int ganger_monitor_signal(struct ganger_monitor *m, unsigned int condition) {
        return monitor_signal(&m->monitor, condition);
}

int ganger_monitor_broadcast(struct ganger_monitor *m, unsigned int condition) {
        return monitor_broadcast(&m->monitor, condition);
}

/* ---- by the name of a mutex ---------------------------------------------------------------------- */

int ganger_mutex_open(struct ganger *g, const char *name, struct ganger_mutex **ret) {
        struct ganger_monitor *m;
        int r;

        r = ganger_monitor_open(g, name, &m);
        if (r < 0)
                return r;
        *ret = container_of(m, struct ganger_mutex, monitor);
        return 0;
}

struct ganger_mutex *ganger_mutex_close(struct ganger_mutex *m) {
        if (m)
                (void)ganger_monitor_close(&m->monitor);
        return NULL;
}

const char *ganger_mutex_name(const struct ganger_mutex *m) {
        return ganger_monitor_name(&m->monitor);
}

int ganger_mutex_lock(struct ganger_mutex *m, int64_t timeout_usec) {
        return ganger_monitor_lock(&m->monitor, timeout_usec);
}

int ganger_mutex_unlock(struct ganger_mutex *m) {
        return monitor_unlock(&m->monitor.monitor);
}

int ganger_mutex_consistent(struct ganger_mutex *m) {
        return monitor_consistent(&m->monitor.monitor);
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

/** A mutex is one, and begins where its monitor does. */
_Static_assert(offsetof(struct ganger_mutex, monitor) == 0, "a handle on either is a handle on a monitor");

int monitor_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_monitor *m = w->handle;

        if (event != GANGER_RECEIVE)
                return -EINVAL;
        *ret = monitor_lock_item(&m->monitor);
        return 0;
}
