/* SPDX-License-Identifier: MIT */

/*
 * Waiting for records and for space
 *
 * Whoever waits for space has published what it appended: pipe_find_room() did, when it found none.
 */

#include "shm/pipe-fast.h"
#include "shm/wait-any.h"

struct room {
        uint32_t size;
        void *data;
};

struct record {
        const void *data;
        uint32_t size;
};

static int try_reserve(void *object, void *ret) {
        struct room *room = ret;

        return pipe_reserve(object, room->size, &room->data);
}

static int try_look(void *object, void *ret) {
        struct record *record = ret;

        return pipe_look(object, &record->data, &record->size);
}

int pipe_reserve_wait(struct pipe *p, uint32_t size, void **ret, uint64_t deadline_usec) {
        struct room room = { .size = size };
        const struct wait_for f = {
                .try = try_reserve, .object = p, .ret = &room, .waiting = &p->wait, .patience = &p->patience,
                .participant = owner_participant(p->owner),
        };
        int r = wait_until(&f, deadline_usec);

        if (r == 0)
                *ret = room.data;
        return r;
}

static inline struct wait_for for_record(struct pipe *p, struct record *ret, const _Atomic uint32_t *drain) {
        return (struct wait_for){
                .try = try_look, .object = p, .ret = ret, .waiting = &p->wait, .patience = &p->patience,
                .participant = owner_participant(p->owner), .drain = drain,
        };
}

static inline int record_get(int r, const struct record *record, const void **ret, uint32_t *ret_size) {
        if (r == 0) {
                *ret = record->data;
                *ret_size = record->size;
        }
        return r;
}

int pipe_look_wait(struct pipe *p, const void **ret, uint32_t *ret_size, uint64_t deadline_usec,
                   const _Atomic uint32_t *drain) {
        struct record record;
        const struct wait_for f = for_record(p, &record, drain);

        return record_get(wait_until(&f, deadline_usec), &record, ret, ret_size);
}

int pipe_look_poll(struct pipe *p, const void **ret, uint32_t *ret_size) {
        struct record record;
        const struct wait_for f = for_record(p, &record, NULL);

        return record_get(wait_poll(&f, &p->armed), &record, ret, ret_size);
}

/* ---- for one who waits for several things; see wait-any.h ------------------------------------------ */

static bool has_room(const struct wait_item *item) {
        struct pipe *p = item->object;
        uint64_t position = pipe_position(p), stride = pipe_stride(item->which);
        uint64_t need = pipe_padding(p, position, stride) + stride;

        if (p->limit - position >= need)
                return true;
#if SHM_FAULT == FAULT_PIPE_ANY_UNPUBLISHED
        return atomic_load(p->other) + pipe_bytes(p) - position >= need;
#endif
        return pipe_find_room(p, need) != -EAGAIN;
}

/** As far as is known, there is a record; or there is one by now. */
static bool has_record(const struct wait_item *item) {
        struct pipe *p = item->object;
        uint64_t position = pipe_position(p);

        if (position != p->limit || SHM_FAULT == FAULT_PIPE_ANY_STALE)
                return position != p->limit;
        return pipe_find_record(p, position) != -EAGAIN;
}

static struct wait_item item_of(struct pipe *p, bool (*is_ready)(const struct wait_item *item)) {
        return (struct wait_item){
                .waiting = &p->wait,
                .participant = owner_participant(p->owner),
                .is_ready = is_ready,
                .object = p,
                .spin = &p->patience.spin,
        };
}

struct wait_item pipe_room_item(struct pipe *p, uint32_t size) {
        struct wait_item item = item_of(p, has_room);

        item.which = size;
        return item;
}

struct wait_item pipe_record_item(struct pipe *p, const _Atomic uint32_t *drain) {
        struct wait_item item = item_of(p, has_record);

        item.polls = p->armed;
        item.drain = drain;
        return item;
}
