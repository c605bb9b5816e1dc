/* SPDX-License-Identifier: MIT */

/*
 * Handles on counters
 *
 * A handle has a participant's cells to write its values to, and room to collect a snapshot.
 */

#include "shm/counter.h"

#include <errno.h>
#include <string.h>

#include "worker/membership.h"
#include "worker/wait-any.h"

struct ganger_counter {
        _Alignas(2 * CACHE_LINE) struct counter counter;
        struct handle handle;
        uint64_t *words;                /* room for a snapshot */
        int64_t *values;
};

static void counter_free(struct ganger_counter *c) {
        free(c->words);
        free(c->values);
        free(c);
}

/** With the lock held. */
static void counter_close(struct handle *handle) {
        handle_release(handle, false);
        counter_free(container_of(handle, struct ganger_counter, handle));
}

static int counter_allocate(uint32_t n, struct ganger_counter **ret) {
        struct ganger_counter *c = aligned_alloc(_Alignof(struct ganger_counter), sizeof *c);

        if (!c)
                return -ENOMEM;
        *c = (struct ganger_counter){
                .words = calloc(n, sizeof *c->words),
                .values = calloc(n, sizeof *c->values),
        };
        if (!c->words || !c->values) {
                counter_free(c);
                return -ENOMEM;
        }
        *ret = c;
        return 0;
}

int ganger_counter_open(struct ganger *g, const char *name, struct ganger_counter **ret) {
        struct ganger_counter *c;
        struct joined *j;
        int r;

        r = joined_find(g, OBJECT_COUNTER, name, 0, &j);
        if (r < 0)
                return r;
        r = counter_allocate(j->object.region.geometry.slots, &c);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = handle_take(g, j, &c->handle);
        if (r == 0) {
                counter_open(&c->counter, &j->object.region, c->handle.participant);
                handle_enter(&c->handle, counter_close);
        }
        pthread_mutex_unlock(&g->lock);
        if (r < 0) {
                counter_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

struct ganger_counter *ganger_counter_close(struct ganger_counter *counter) {
        struct ganger *g;

        if (!counter)
                return NULL;
        g = counter->handle.ganger;
        pthread_mutex_lock(&g->lock);
        counter_close(&counter->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_counter_name(const struct ganger_counter *counter) {
        return counter->handle.joined->name;
}

/* ---- numbers --------------------------------------------------------------------------------------- */

int ganger_counter_add(struct ganger_counter *counter, unsigned int index, int64_t delta, int64_t *ret) {
        return index < counter->counter.n ? counter_add(&counter->counter, index, delta, ret) : -EINVAL;
}

int ganger_counter_get(struct ganger_counter *counter, unsigned int index, int64_t *ret) {
        return index < counter->counter.n ? counter_get(&counter->counter, index, ret) : -EINVAL;
}

int ganger_counter_set(struct ganger_counter *counter, unsigned int index, int64_t value) {
        return index < counter->counter.n ? counter_set(&counter->counter, index, value) : -EINVAL;
}

int ganger_counter_compare_and_swap(struct ganger_counter *counter, unsigned int index, int64_t *expected,
                                    int64_t desired) {
        return index < counter->counter.n ? counter_compare_and_swap(&counter->counter, index, expected, desired) : -EINVAL;
}

int ganger_counter_snapshot(struct ganger_counter *counter, int64_t *values, size_t n) {
        int r;

        if (n > counter->counter.n)
                return -EINVAL;
        r = counter_snapshot(&counter->counter, (uint32_t)n, counter->values, counter->words);
        if (r == 0 && n > 0)
                memcpy(values, counter->values, n * sizeof *values);
        return r;
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

/** A change is one compare-and-swap, and looks for nobody who waits. */
int counter_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        (void)w;
        (void)event;
        (void)ret;
        return -EOPNOTSUPP;
}
