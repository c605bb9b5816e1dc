/* SPDX-License-Identifier: MIT */

/*
 * The pipe as an object: its memory, and its recovery
 *
 * There is little to put right: what a dead writer had not published does not exist, and what a dead reader had not
 * consumed is still there. Its end becomes free; then the other end looks again, since the dead one may have
 * moved its position and not told of it any more.
 */

#include "shm/pipe-object.h"

#include <errno.h>

#include "shm/fault.h"
#include "shm/recover.h"

static int pipe_check(const struct geometry *g) {
        if (g->capacity < PIPE_CAPACITY_MIN || (g->capacity & (g->capacity - 1)) || g->message_max == 0)
                return -EINVAL;
        if (g->capacity > PIPE_CAPACITY_MAX || g->message_max > pipe_message_max(g->capacity))
                return -E2BIG;
        return 0;
}

static void pipe_object_open(struct object *o) {
        pipe_open(&o->pipe, &o->region, o->event_fd);
}

static void wake(struct object *o, enum pipe_end who) {
        struct waiting w = pipe_waiting(&o->pipe, who);

        wait_wake_all(&w);
}

static void pipe_wake_receivers(struct object *o) {
        wake(o, PIPE_READER);
}

static void pipe_wake_everybody(struct object *o) {
        wake(o, PIPE_READER);
        wake(o, PIPE_WRITER);
}

static void set_stopped(struct object *o, enum pipe_end who, uint32_t n) {
        struct waiting w = pipe_waiting(&o->pipe, who);

        if (atomic_load(&w.count->stopped) != n)
                wait_set_stopped(&w, n);
}

static void pipe_set_stopped(struct object *o, uint32_t n) {
        set_stopped(o, PIPE_READER, n);
        set_stopped(o, PIPE_WRITER, n);
}

/* ---- recovery ------------------------------------------------------------------------------------ */

static void recover_end(const struct seat *seat, _Atomic uint32_t *word) {
        uint32_t owner = atomic_load_explicit(word, memory_order_relaxed);

        if (SHM_FAULT == FAULT_PIPE_END_KEPT)
                return;
        if (owner != 0 && (seat_owns(seat, owner) || SHM_FAULT == FAULT_PIPE_ANYBODYS_END))
                pipe_end_free(word, owner);
}

static void forget(const struct seat *seat, enum pipe_end who) {
        struct waiting w = pipe_waiting(&seat->object->pipe, who);

        wait_forget(&w, seat->first, seat->count);
}

static void pipe_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct pipe_control *c = seat->object->pipe.control;

        (void)reason;
        (void)ret;
        recover_end(seat, &c->writer);
        recover_end(seat, &c->reader);
        forget(seat, PIPE_READER);
        forget(seat, PIPE_WRITER);
        if (SHM_FAULT != FAULT_PIPE_NO_REWAKE)
                pipe_wake_everybody(seat->object);
}

static int move_records(struct pipe *from, struct pipe *to) {
        const void *data;
        uint32_t size;
        int r;

        while ((r = pipe_look(from, &data, &size)) == 0) {
                if (size > to->message_max)
                        return -EMSGSIZE;
                r = pipe_send(to, data, size);
                if (r < 0)
                        return r == -EAGAIN ? -ENOSPC : r;
                pipe_pass(from, size);
        }
        return r == -EAGAIN ? 0 : r;
}

/* In the copy somebody may still have the reader's end: who looks before it is time finds it so. */
static int pipe_move(const struct object *old, struct object *new) {
        struct pipe from, to;
        int r;

        pipe_open(&from, &old->region, -1);
        pipe_open(&to, &new->region, -1);
        pipe_end_free(&from.control->reader, atomic_load(&from.control->reader));
        r = pipe_take(&from, PIPE_READER, 1, 0);
        if (r == 0)
                r = pipe_take(&to, PIPE_WRITER, 1, 0);
        if (r < 0)
                return r;
        r = move_records(&from, &to);
        pipe_leave(&to);
        return r;
}

const struct object_ops pipe_object_ops = {
        .name = "pipe",
        .check = pipe_check,
        .memory_size = pipe_memory_size,
        .open = pipe_object_open,
        .recover = pipe_recover,
        .inspect = pipe_inspect,
        .wake_receivers = pipe_wake_receivers,
        .wake_all = pipe_wake_everybody,
        .set_stopped = pipe_set_stopped,
        .move = pipe_move,
};
