/* SPDX-License-Identifier: MIT */

/*
 * A host: objects without a daemon
 *
 * Invariant: an object is mapped here from before its first seat is given out until the host is freed, with all its members.
 */

#include "worker/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "shm/damage.h"
#include "shm/semaphore-posix.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "what the library has, and what the header says")
SAME(OBJECT_QUEUE, GANGER_QUEUE);
SAME(OBJECT_PIPE, GANGER_PIPE);
SAME(OBJECT_BROADCAST, GANGER_BROADCAST);
SAME(OBJECT_SERVICE, GANGER_SERVICE);
SAME(OBJECT_SEMAPHORE, GANGER_SEMAPHORE);
SAME(OBJECT_MONITOR, GANGER_MONITOR);
SAME(OBJECT_COUNTER, GANGER_COUNTER);
SAME(QUEUE_DEAD_REFUSE, GANGER_DEAD_REFUSE);
SAME(QUEUE_DEAD_DROP_OLDEST, GANGER_DEAD_DROP_OLDEST);
SAME(BROADCAST_LOSSY, GANGER_BROADCAST_LOSSY);
SAME(BROADCAST_WAIT, GANGER_BROADCAST_WAIT);
SAME(BROADCAST_DROP, GANGER_BROADCAST_DROP);
SAME(BROADCAST_REFUSE, GANGER_BROADCAST_REFUSE);
SAME(SERVICE_AT_MOST_ONCE, GANGER_SERVICE_AT_MOST_ONCE);
SAME(SERVICE_IDEMPOTENT, GANGER_SERVICE_IDEMPOTENT);
SAME(SEMAPHORE_PLAIN, GANGER_SEMAPHORE_PLAIN);
SAME(SEMAPHORE_POSIX, GANGER_SEMAPHORE_POSIX);
SAME(DAMAGE_TEXT_MAX, GANGER_DAMAGE_MAX);

/*
 * Descriptors keep their numbers over fork and execve, so they stand where a child that arranges its own (standard input,
 * LISTEN_FDS from 3 on) does not reach. Where so many may not be open, then beyond the standard ones at least.
 */
#define HOST_FD_FIRST 64
#define HOST_FD_LEAST 3

bool host_is_ours(const struct ganger_host *h) {
        return h->pid == getpid();
}

int host_fd(int fd) {
        int moved, error;

        if (fd < 0)
                return fd;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, HOST_FD_FIRST);
        if (moved < 0 && (errno == EINVAL || errno == EMFILE))
                moved = fcntl(fd, F_DUPFD_CLOEXEC, HOST_FD_LEAST);
        error = errno;
        close(fd);
        return moved < 0 ? -error : moved;
}

/* ---- objects ----------------------------------------------------------------------------------- */

static struct host_object *host_object_free(struct host_object *o) {
        if (!o)
                return NULL;
        region_unmap(&o->object.region);
        close_fd(o->memory_fd);
        close_fd(o->event_fd);
        if (o->has_posix_name)
                (void)semaphore_posix_remove(o->name);
        free(o);
        return NULL;
}
DEFINE_CLEANUP(struct host_object *, host_object_free)

static int definition_read(const struct ganger_definition *d, bool fences, struct geometry *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(d->reserved); i++)
                if (d->reserved[i] != 0)
                        return -EINVAL;
        *ret = (struct geometry){
                .kind = (enum object_kind)d->kind,
                .slots = d->slots,
                .message_max = d->message_max,
                .max_deliveries = d->max_deliveries,
                .capacity = d->capacity,
                .policy = d->policy,
                .dead_max = d->dead_max,
                .delay_msec = d->delay_msec,
                .slot_size = d->slot_size,
                .heap = d->heap_size,
                .fences = fences,
        };
        return geometry_check(ret);
}

/** Its name may be taken, by a host that was killed; then nobody has it any more, and it is ours. */
static int make_posix_semaphore(const char *name, uint32_t permits) {
        int fd = semaphore_posix_create(name, permits);

        return fd == -EEXIST && semaphore_posix_discard(name) == 0 ? semaphore_posix_create(name, permits) : fd;
}

/** The descriptor for pollers; of a semaphore with a name for sem_open(3), the file of that instead. */
static int host_object_make_event(struct host_object *o, const struct geometry *geometry) {
        bool posix = geometry->kind == OBJECT_SEMAPHORE && geometry->policy == SEMAPHORE_POSIX;
        int fd;

        if (posix)
                fd = make_posix_semaphore(o->name, geometry->slots);
        else if ((fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
                fd = -errno;
        o->has_posix_name = posix && fd >= 0;
        o->event_fd = host_fd(fd);
        return o->event_fd < 0 ? o->event_fd : 0;
}

static int host_object_new(struct host_object **ret, const char *name, const struct geometry *geometry) {
        _cleanup_(host_object_freep) struct host_object *o = NULL;
        struct region region;
        int r;

        o = calloc(1, sizeof *o);
        if (!o)
                return -ENOMEM;
        o->memory_fd = o->event_fd = -1;
        list_init(&o->link);
        seats_init(&o->seats);
        memcpy(o->name, name, strlen(name)); /* name_is_valid() bounds it; the rest is 0 */
        o->memory_fd = host_fd(region_create(name, geometry));
        if (o->memory_fd < 0)
                return o->memory_fd;
        r = host_object_make_event(o, geometry);
        if (r < 0)
                return r;
        r = region_map(&region, o->memory_fd, geometry);
        if (r < 0)
                return r;
        object_open(&o->object, &region, o->event_fd);
        o->object.seats = &o->seats;
        *ret = TAKE(o);
        return 0;
}

struct host_object *host_find(struct ganger_host *h, const char *name) {
        list_for_each(it, &h->objects)
                if (strcmp(list_entry(it, struct host_object, link)->name, name) == 0)
                        return list_entry(it, struct host_object, link);
        return NULL;
}

/* ---- the host ---------------------------------------------------------------------------------- */

int ganger_host_new(struct ganger_host **ret, const char *name) {
        struct ganger_host *h;

        if (!name)
                name = "";
        if (name[0] && !name_is_valid(name))
                return -EINVAL;
        h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        pthread_mutex_init(&h->lock, NULL);
        h->pid = getpid();
        h->fences = !region_barrier_is_available();
        memcpy(h->name, name, strlen(name));
        list_init(&h->objects);
        list_init(&h->members);
        *ret = h;
        return 0;
}

int ganger_host_add(struct ganger_host *h, const char *name, const struct ganger_definition *definition) {
        _cleanup_(host_object_freep) struct host_object *o = NULL;
        struct geometry geometry;
        int r;

        if (!host_is_ours(h))
                return -EPERM;
        if (!name_is_valid(name))
                return -EINVAL;
        r = definition_read(definition, h->fences, &geometry);
        if (r < 0)
                return r;
        r = host_object_new(&o, name, &geometry);
        if (r < 0)
                return r;
        pthread_mutex_lock(&h->lock);
        r = host_find(h, name) ? -EEXIST : 0;
        if (r == 0)
                list_append(&h->objects, &TAKE(o)->link);
        pthread_mutex_unlock(&h->lock);
        return r;
}

int ganger_host_inspect(struct ganger_host *h, const char *name, char *text, size_t size) {
        struct damage damage = DAMAGE_NULL;
        const struct host_object *o;
        int r = -ENOENT;

        if (!host_is_ours(h))
                return -EPERM;
        pthread_mutex_lock(&h->lock);
        o = host_find(h, name);
        if (o)
                r = object_inspect(&o->object, &damage) ? -EBADMSG : 0;
        pthread_mutex_unlock(&h->lock);
        if (r != -ENOENT && text)
                snprintf(text, size, "%s", damage.text);
        return r;
}

struct ganger_host *ganger_host_free(struct ganger_host *h) {
        if (!h)
                return NULL;
        list_for_each_safe(it, &h->members)
                ganger_member_free(list_entry(it, struct ganger_member, link));
        list_for_each_safe(it, &h->objects) {
                struct host_object *o = list_entry(it, struct host_object, link);

                /* In a child nothing of ours lies there; something else may. */
                if (!host_is_ours(h)) {
                        o->object.region = REGION_NULL;
                        o->has_posix_name = false;
                }
                host_object_free(o);
        }
        pthread_mutex_destroy(&h->lock);
        free(h);
        return NULL;
}
