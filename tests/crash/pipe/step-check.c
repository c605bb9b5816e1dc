/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: each published record that was not consumed is there, whole, once and in order; the dead have no end and wait
 * for nothing; the ring has its full capacity.
 */

#include <errno.h>
#include <string.h>

#include "pipe/step-world.h"

#define CAPACITY_LAPS 3
#define PATIENCE 64

const size_t arena_size = sizeof(struct arena);

static struct region region_of(struct arena *a) {
        return (struct region){
                .base = a->pipe,
                .size = STEP_PIPE_BYTES,
                .geometry = { .kind = OBJECT_PIPE, .capacity = STEP_CAPACITY,
                              .message_max = STEP_CAPACITY / 2 - PIPE_HEADER },
        };
}

void arena_open(struct arena *a, struct pipe *p) {
        struct region r = region_of(a);

        pipe_open(p, &r, -1);
        p->patience.spin = 0;
}

static struct pipe_control *control(struct arena *a) {
        struct pipe p;

        arena_open(a, &p);
        return p.control;
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        ret[0] = region_of(a);
        return 1;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
        control(a)->written = control(a)->consumed = STEP_START;
}

void arena_recover(struct arena *a, uint32_t participant) {
        struct region r = region_of(a);
        struct object object;
        const struct seat seat = { &object, 0, participant, 1, STEP_GENERATION };

        object_open(&object, &r, -1);
        recover_process(NULL, &seat, 1, "killed", NULL);
}

/** All that is there, in order. */
static const char *receive_all(struct arena *a, struct pipe *p) {
        const char *why = NULL;
        unsigned int id, next = 0;

        for (unsigned int n = 0; (id = step_receive(a, p, &why)) != STEP_BROKEN && !why; n++) {
                if (n == PATIENCE)
                        return "does not come to an end";
                if (id < next)
                        return "out of order";
                next = id + 1;
        }
        return why;
}

/** Whatever end is free, a peer takes it, works, and leaves it. */
const char *arena_peer(struct arena *a) {
        const char *why = NULL;
        struct pipe p;

        if (step_take(a, &p, PIPE_WRITER, STEP_PEER)) {
                (void)step_send(a, &p);
                pipe_leave(&p);
        }
        if (step_take(a, &p, PIPE_READER, STEP_PEER)) {
                why = receive_all(a, &p);
                pipe_leave(&p);
        }
        return why;
}

static const char *account(const struct arena *a) {
        for (unsigned int id = 0; id < STEP_IDS; id++)
                if (a->marks[id].sent && !a->marks[id].consumed && !a->marks[id].consume_begun)
                        return "lost";
        return NULL;
}

static const char *check_waiters(struct arena *a) {
        struct pipe_control *c = control(a);

        if (c->writer || c->reader)
                return "a dead one has an end";
        return c->records.sleeping[0] | c->records.polling[0] | c->space.sleeping[0] | c->space.polling[0] ||
                               c->records.sleeping[STEP_WAITER / 64] | c->space.sleeping[STEP_WAITER / 64]
                       ? "a dead one waits"
                       : NULL;
}

static const char *check_capacity(struct pipe *writer, struct pipe *reader) {
        const uint32_t size = 600;
        const void *data;
        uint32_t got;
        void *to;

        for (unsigned int lap = 0; lap < CAPACITY_LAPS; lap++) {
                unsigned int n = 0;

                while (n < PATIENCE && pipe_reserve(writer, size, &to) == 0) {
                        memset(to, (int)n++, size);
                        pipe_append(writer, size);
                }
                if (n < STEP_CAPACITY / (size + PIPE_HEADER) - 1 || n == PATIENCE)
                        return "capacity is lost, or more than full";
                pipe_tell(writer);
                for (unsigned int i = 0; i < n; i++) {
                        if (pipe_look(reader, &data, &got) < 0 || got != size || *(const unsigned char *)data != i)
                                return "lost or out of order afterwards";
                        pipe_pass(reader, got);
                }
                pipe_tell(reader);
        }
        return NULL;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        const char *why = check_waiters(a);
        struct pipe reader, writer;

        (void)op;
        if (!why && (!step_take(a, &reader, PIPE_READER, STEP_JUDGE) || !step_take(a, &writer, PIPE_WRITER, STEP_JUDGE)))
                return "an end cannot be taken";
        why = why ? why : receive_all(a, &reader);
        why = why ? why : account(a);
        return why ? why : check_capacity(&writer, &reader);
}
