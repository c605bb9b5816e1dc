/* SPDX-License-Identifier: MIT */

/*
 * Writing and reading handshakes
 *
 *      header | a record for each object
 *
 * Invariant: every `struct handshake` that leaves handshake_add() or handshake_decode() is sound:
 * whoever has one need not check names, geometry, seats or the uniqueness of descriptors again. Reading
 * goes through the same door as building, so there is one set of checks.
 */

#include "worker/handshake.h"

#include <errno.h>
#include <string.h>

#include "shm/layout.h"
#include "shm/word.h"

#define HANDSHAKE_MAGIC UINT64_C(0x0a73676e69676e72)

enum {
        RECORD_FENCES = 1 << 0,
        RECORD_RECEIVES = 1 << 1,
        RECORD_SENDS = 1 << 2,
        RECORD_ALL = RECORD_FENCES | RECORD_RECEIVES | RECORD_SENDS,
};

struct header {
        uint64_t magic;
        uint32_t version;
        uint32_t size;                          /* of all of it */
        uint32_t n_objects;
        uint32_t instance;
        int32_t member_fd;
        uint32_t reserved;                      /* 0 */
        char worker[NAME_LENGTH_MAX + 1];
};

struct record {
        char name[NAME_LENGTH_MAX + 1];
        uint32_t kind;
        uint32_t slots;
        uint32_t message_max;
        uint32_t max_deliveries;
        uint32_t capacity;
        uint32_t policy;
        uint32_t dead_max;
        uint32_t delay_msec;
        uint32_t slot_size;
        uint32_t heap;
        uint32_t flags;
        int32_t memory_fd;
        int32_t event_fd;
        uint32_t first;
        uint32_t count;
        uint32_t generation;
};

_Static_assert(sizeof(struct header) == 32 + NAME_LENGTH_MAX + 1, "no padding: it would leak memory");
_Static_assert(sizeof(struct record) == 64 + NAME_LENGTH_MAX + 1, "no padding: it would leak memory");

/* ---- building ---------------------------------------------------------------------------------- */

int handshake_new(struct handshake **ret, const char *worker, uint32_t instance, int member_fd) {
        struct handshake *h;

        if (worker[0] && !name_is_valid(worker))
                return -EINVAL;
        if (member_fd < -1)
                return -EINVAL;
        h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        h->instance = instance;
        h->member_fd = member_fd;
        memcpy(h->worker, worker, strlen(worker)); /* name_is_valid() bounds it; the rest is 0 */
        *ret = h;
        return 0;
}

struct handshake *handshake_free(struct handshake *h) {
        free(h);
        return NULL;
}

static bool seat_is_valid(const struct handshake_object *r) {
        return r->first > 0 && r->count > 0 && r->first <= RING_PARTICIPANTS &&
               r->count <= RING_PARTICIPANTS - r->first + 1 && (r->receives || r->sends);
}

static bool fd_is_taken(const struct handshake *h, int fd) {
        if (fd == h->member_fd)
                return true;
        for (size_t i = 0; i < h->n_objects; i++)
                if (fd == h->objects[i].memory_fd || fd == h->objects[i].event_fd)
                        return true;
        return false;
}

int handshake_add(struct handshake *h, const struct handshake_object *object) {
        if (strnlen(object->name, sizeof object->name) == sizeof object->name || !name_is_valid(object->name))
                return -EINVAL;
        if (geometry_check(&object->geometry) < 0 || !seat_is_valid(object))
                return -EINVAL;
        if (object->memory_fd < 0 || object->event_fd < 0)
                return -EINVAL;
        if (object->memory_fd == object->event_fd || fd_is_taken(h, object->memory_fd) || fd_is_taken(h, object->event_fd))
                return -EEXIST;
        for (size_t i = 0; i < h->n_objects; i++)
                if (strcmp(h->objects[i].name, object->name) == 0)
                        return -EEXIST;
        if (h->n_objects == HANDSHAKE_OBJECTS_MAX)
                return -E2BIG;
        h->objects[h->n_objects] = *object;
        return (int)h->n_objects++;
}

/* ---- writing ----------------------------------------------------------------------------------- */

size_t handshake_size_max(void) {
        return sizeof(struct header) + HANDSHAKE_OBJECTS_MAX * sizeof(struct record);
}

static void record_write(struct record *to, const struct handshake_object *r) {
        *to = (struct record){
                .kind = r->geometry.kind,
                .slots = r->geometry.slots,
                .message_max = r->geometry.message_max,
                .max_deliveries = r->geometry.max_deliveries,
                .capacity = r->geometry.capacity,
                .policy = r->geometry.policy,
                .dead_max = r->geometry.dead_max,
                .delay_msec = r->geometry.delay_msec,
                .slot_size = r->geometry.slot_size,
                .heap = r->geometry.heap,
                .flags = (r->geometry.fences ? RECORD_FENCES : 0u) | (r->receives ? RECORD_RECEIVES : 0u) |
                         (r->sends ? RECORD_SENDS : 0u),
                .memory_fd = r->memory_fd,
                .event_fd = r->event_fd,
                .first = r->first,
                .count = r->count,
                .generation = r->generation,
        };
        memcpy(to->name, r->name, strlen(r->name));
}

int handshake_encode(const struct handshake *h, void **ret, size_t *ret_size) {
        size_t size = sizeof(struct header) + h->n_objects * sizeof(struct record);
        struct header header = {
                .magic = HANDSHAKE_MAGIC,
                .version = HANDSHAKE_VERSION,
                .size = (uint32_t)size,
                .n_objects = (uint32_t)h->n_objects,
                .instance = h->instance,
                .member_fd = h->member_fd,
        };
        struct record record;
        unsigned char *blob;

        if (h->n_objects > 0 && h->member_fd < 0)
                return -EINVAL;
        blob = malloc(size);
        if (!blob)
                return -ENOMEM;
        memcpy(header.worker, h->worker, sizeof header.worker);
        memcpy(blob, &header, sizeof header);
        for (size_t i = 0; i < h->n_objects; i++) {
                record_write(&record, &h->objects[i]);
                memcpy(blob + sizeof header + i * sizeof record, &record, sizeof record);
        }
        *ret = blob;
        *ret_size = size;
        return 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int record_read(struct handshake *h, const unsigned char *from) {
        struct handshake_object object;
        struct record record;

        memcpy(&record, from, sizeof record);
        if (record.flags & ~(uint32_t)RECORD_ALL)
                return -EPROTO;
        object = (struct handshake_object){
                .geometry = {
                        .kind = (enum object_kind)record.kind,
                        .slots = record.slots,
                        .message_max = record.message_max,
                        .max_deliveries = record.max_deliveries,
                        .capacity = record.capacity,
                        .policy = record.policy,
                        .dead_max = record.dead_max,
                        .delay_msec = record.delay_msec,
                        .slot_size = record.slot_size,
                        .heap = record.heap,
                        .fences = record.flags & RECORD_FENCES,
                },
                .memory_fd = record.memory_fd,
                .event_fd = record.event_fd,
                .first = record.first,
                .count = record.count,
                .generation = record.generation,
                .receives = record.flags & RECORD_RECEIVES,
                .sends = record.flags & RECORD_SENDS,
        };
        memcpy(object.name, record.name, sizeof object.name);
        return handshake_add(h, &object) < 0 ? -EPROTO : 0;
}

/** Magic and version stand where they stand in every version; of another one nothing else can be said. */
static int version_check(const void *blob, size_t size) {
        struct header header;
        size_t known = offsetof(struct header, size);

        if (size < known)
                return -EPROTO;
        memcpy(&header, blob, known);
        if (header.magic != HANDSHAKE_MAGIC)
                return -EPROTO;
        return header.version == HANDSHAKE_VERSION ? 0 : -EPROTONOSUPPORT;
}

static bool header_is_valid(const struct header *h, size_t size) {
        if (h->reserved != 0 || h->size != size || h->n_objects > HANDSHAKE_OBJECTS_MAX)
                return false;
        if (size != sizeof *h + h->n_objects * sizeof(struct record))
                return false;
        if (strnlen(h->worker, sizeof h->worker) == sizeof h->worker)
                return false;
        return h->n_objects == 0 || h->member_fd >= 0;
}

int handshake_decode(const void *blob, size_t size, struct handshake **ret) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        struct header header;
        int r;

        r = version_check(blob, size);
        if (r < 0)
                return r;
        if (size < sizeof header)
                return -EPROTO;
        memcpy(&header, blob, sizeof header);
        if (!header_is_valid(&header, size))
                return -EPROTO;
        r = handshake_new(&h, header.worker, header.instance, header.member_fd);
        if (r < 0)
                return r == -EINVAL ? -EPROTO : r;
        for (size_t i = 0; i < header.n_objects; i++) {
                r = record_read(h, (const unsigned char *)blob + sizeof header + i * sizeof(struct record));
                if (r < 0)
                        return r;
        }
        *ret = TAKE(h);
        return 0;
}
