/* SPDX-License-Identifier: MIT */

/*
 * Handles on semaphores
 *
 * Invariant: a handle that is open has a participant of its own; one that is closed holds no permit and does not wait.
 */

#include <errno.h>
#include <limits.h>

#include "base/time.h"
#include "shm/semaphore-posix.h"
#include "worker/membership.h"
#include "worker/wait-any.h"

struct ganger_semaphore {
        /* Two lines: processors fetch lines in pairs, and the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct semaphore semaphore;
        sem_t *tokens;                  /* NULL: it has none */
        struct handle handle;
};

static void semaphore_free(struct ganger_semaphore *s) {
        semaphore_posix_unmap(s->tokens);
        free(s);
}

/** With the lock held. */
static void semaphore_close(struct handle *handle) {
        struct ganger_semaphore *s = container_of(handle, struct ganger_semaphore, handle);

        handle_release(handle, s->semaphore.held > 0);
        semaphore_free(s);
}

static int semaphore_allocate(const struct joined *j, struct ganger_semaphore **ret) {
        struct ganger_semaphore *s = aligned_alloc(_Alignof(struct ganger_semaphore), sizeof *s);
        int r = 0;

        if (!s)
                return -ENOMEM;
        *s = (struct ganger_semaphore){ 0 };
        if (j->object.region.geometry.policy == SEMAPHORE_POSIX)
                r = semaphore_posix_map(j->object.event_fd, &s->tokens);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

int ganger_semaphore_open(struct ganger *g, const char *name, struct ganger_semaphore **ret) {
        struct ganger_semaphore *s;
        struct joined *j;
        int r;

        r = joined_find(g, OBJECT_SEMAPHORE, name, 0, &j);
        if (r < 0)
                return r;
        r = semaphore_allocate(j, &s);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = handle_take(g, j, &s->handle);
        if (r == 0) {
                semaphore_open(&s->semaphore, &j->object.region, s->handle.participant, j->generation, s->tokens,
                               j->object.event_fd);
                handle_enter(&s->handle, semaphore_close);
        }
        pthread_mutex_unlock(&g->lock);
        if (r < 0) {
                semaphore_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct ganger_semaphore *ganger_semaphore_close(struct ganger_semaphore *semaphore) {
        struct ganger *g;

        if (!semaphore)
                return NULL;
        g = semaphore->handle.ganger;
        pthread_mutex_lock(&g->lock);
        semaphore_close(&semaphore->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_semaphore_name(const struct ganger_semaphore *semaphore) {
        return semaphore->handle.joined->name;
}

/* ---- permits --------------------------------------------------------------------------------------- */

static __attribute__((__noinline__)) int acquire_slow(struct semaphore *s, int64_t timeout_usec) {
        if (timeout_usec == 0)
                return semaphore_try(s);
        return semaphore_wait(s, timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec));
}

int ganger_semaphore_acquire(struct ganger_semaphore *semaphore, int64_t timeout_usec) {
        return semaphore_try_fast(&semaphore->semaphore) ? 0 : acquire_slow(&semaphore->semaphore, timeout_usec);
}

int ganger_semaphore_release(struct ganger_semaphore *semaphore) {
        return semaphore_release_fast(&semaphore->semaphore) ? 0 : semaphore_release(&semaphore->semaphore);
}

int ganger_semaphore_value(struct ganger_semaphore *semaphore) {
        uint32_t n = semaphore_value(&semaphore->semaphore);

        return (int)MIN(n, (uint32_t)INT_MAX);
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

int semaphore_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_semaphore *s = w->handle;

        if (event != GANGER_RECEIVE)
                return -EINVAL;
        /* Programs from outside tell nobody but whoever sleeps in sem_wait(3). */
        if (s->semaphore.policy == SEMAPHORE_POSIX)
                return -EOPNOTSUPP;
        *ret = semaphore_permit_item(&s->semaphore);
        return 0;
}
