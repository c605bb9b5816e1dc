/* SPDX-License-Identifier: MIT */
/* Moving: what is in an object comes into one of another form, in order and with all that is known of it. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "sequence.h"
#include "shm/damage.h"
#include "shm/recover.h"

#define ROUNDS 300
#define STEPS 120
#define LONG 900                        /* bytes of the longest message */
#define N_MAX 4096

/** An object, its memory, and another handle of it. */
struct made {
        int fd;
        struct region region;
        struct object object;
};

#define MADE_NULL ((struct made){ .fd = -1 })

static void make(struct made *m, struct geometry g) {
        g.fences = true;
        *m = MADE_NULL;
        m->fd = region_create("test", &g);
        ck_assert_int_ge(m->fd, 0);
        ck_assert_int_eq(region_map(&m->region, m->fd, &g), 0);
        object_open(&m->object, &m->region, -1);
}

static void unmake(struct made *m) {
        region_unmap(&m->region);
        m->fd = close_fd(m->fd);
}

/** As the manager does it: out of a copy. The old one must not change by it. */
static int move(const struct made *from, struct made *to) {
        struct region copy;
        struct object object;
        int r;

        ck_assert_int_eq(region_map_copy(&copy, from->fd, &from->region.geometry), 0);
        object_open(&object, &copy, -1);
        r = object_move(&object, &to->object);
        region_unmap(&copy);
        return r;
}

static void is_sound(const struct object *o) {
        static struct seats nobody;
        struct object look = *o;
        struct damage damage;

        seats_init(&nobody);
        look.seats = &nobody;
        ck_assert_msg(!object_inspect(&look, &damage), "%s", damage.text);
}

/* ---- queues ------------------------------------------------------------------------------------ */

/** What is known of a message. */
struct known {
        uint64_t number, id;
        uint32_t size, deliveries;
        bool dead, rests;
        char why[16];
};

static struct known before[N_MAX], after[N_MAX];

static int compare_known(const void *a, const void *b) {
        const struct known *x = a, *y = b;

        return (x->id > y->id) - (x->id < y->id);
}

/** All messages of a queue that nobody is in, in the order of their ids. */
static size_t read_all(const struct queue *q, struct known *ret) {
        size_t n = 0;

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t w = atomic_load(&queue_slot(q, i)->word);
                struct known *k = &ret[n];
                void *data;

                if (word_state(w) != SLOT_READY && word_state(w) != SLOT_RETURNED && word_state(w) != SLOT_DEAD) {
                        ck_assert_int_eq(word_state(w), SLOT_FREE);
                        continue;
                }
                memset(k, 0, sizeof *k); /* they are compared as bytes */
                k->id = queue_message_id(q, i, w);
                k->deliveries = word_deliveries(w);
                k->dead = word_state(w) == SLOT_DEAD;
                k->rests = atomic_load(&q->due[i]) > now_usec();
                if (q->notes[i].id == k->id && q->notes[i].cause != NOTE_NONE)
                        memcpy(k->why, q->notes[i].text, MIN((size_t)q->notes[i].length, sizeof k->why - 1));
                k->size = ((struct slot *)queue_slot(q, i))->size & ~SLOT_IN_HEAP;
                ck_assert_uint_ge(k->size, sizeof k->number);
                data = queue_slot(q, i)->data;
                if (queue_slot(q, i)->size & SLOT_IN_HEAP) {
                        uint32_t first;

                        ck_assert(queue_heap_holds(q, i, k->id, k->size, &first));
                        data = q->heap.blocks + ((size_t)first << q->heap.log2);
                }
                memcpy(&k->number, data, sizeof k->number);
                for (size_t at = sizeof k->number; at < k->size; at++)
                        ck_assert_uint_eq(((unsigned char *)data)[at], (unsigned char)(k->number + at));
                n++;
        }
        qsort(ret, n, sizeof *ret, compare_known);
        return n;
}

static int send(struct queue *q, uint64_t number, uint32_t size) {
        struct lease l;
        int r = queue_reserve_sized(q, size, &l);

        if (r < 0)
                return r;
        memcpy(l.data, &number, sizeof number);
        for (uint32_t at = sizeof number; at < size; at++)
                ((unsigned char *)l.data)[at] = (unsigned char)(number + at);
        queue_commit(q, &l, size);
        return 0;
}

/** All members. */
static void die(struct made *m) {
        for (uint32_t i = 1; i <= 3; i++) {
                const struct seat seat = { .object = &m->object, .first = i, .count = 1, .generation = 1 };

                recover_process(NULL, &seat, 1, "killed", NULL);
        }
}

/** Anything that members do, and then the death of all of them. @return the highest id that there was, plus one. */
static uint64_t live(struct made *m, struct sequence *s) {
        struct queue sender, receivers[2];
        struct lease held[2][STEPS];
        size_t n_held[2] = { 0 };
        uint64_t ids = 0, sequence;

        queue_open(&sender, &m->region, 1, 1, -1);
        ck_assert_int_eq(queue_produce(&sender, 7, &sequence), 0);
        for (uint32_t i = 0; i < 2; i++)
                queue_open(&receivers[i], &m->region, 2 + i, 1, -1);
        for (uint64_t step = 0; step < STEPS; step++) {
                size_t who = sequence_below(s, 2);
                struct lease *l = &held[who][n_held[who]];

                switch (sequence_below(s, 6)) {
                case 0:
                case 1:
                        (void)send(&sender, step + 1, (uint32_t)(8 + sequence_below(s, m->region.geometry.message_max - 7)));
                        break;
                case 2:
                        if (queue_reserve(&sender, l) == 0 &&
                            queue_commit_sequenced(&sender, l, 8, 1000 + step) == 0) {
                                memcpy(l->data, &step, 8);
                                sequence = 1000 + step;
                        }
                        break;
                case 3:
                        if (queue_receive(&receivers[who], l) == 0) {
                                ids = MAX(ids, l->id + 1);
                                n_held[who]++;
                        }
                        break;
                default:
                        if (n_held[who] == 0)
                                break;
                        l = &held[who][--n_held[who]];
                        if (sequence_below(s, 2))
                                ck_assert_int_eq(queue_acknowledge(&receivers[who], l->slot), 0);
                        else
                                ck_assert_int_ge(queue_reject_after(&receivers[who], l->slot, "disk",
                                                                    sequence_below(s, 2) * 3600 * USEC_PER_SEC), 0);
                }
        }
        die(m);
        ck_assert_int_eq(queue_sequence(&m->object.queue, 7, &sender.cursor), 0);
        ck_assert_uint_eq(sender.cursor, sequence);
        return ids;
}

static struct geometry any_queue(struct sequence *s) {
        struct geometry g = {
                .kind = OBJECT_QUEUE, .slots = 1u << (2 + sequence_below(s, 6)), .message_max = LONG,
                .max_deliveries = (uint32_t)(1 + sequence_below(s, 4)),
        };

        if (sequence_below(s, 2)) {
                g.slot_size = 16;
                g.heap = 64 * LONG;
        }
        return g;
}

/** They are the same, in the same order; a count of deliveries is at most what the new queue allows. */
static void compare(size_t n, const struct made *to, uint64_t ids) {
        const struct queue *q = &to->object.queue;

        ck_assert_uint_eq(read_all(q, after), n);
        for (size_t i = 0; i < n; i++) {
                ck_assert_uint_eq(after[i].number, before[i].number);
                ck_assert_uint_eq(after[i].size, before[i].size);
                ck_assert_int_eq(after[i].dead, before[i].dead);
                ck_assert_int_eq(after[i].rests, before[i].rests);
                ck_assert_str_eq(after[i].why, before[i].why);
                ck_assert_uint_eq(after[i].deliveries,
                                  MIN(before[i].deliveries, q->max_deliveries - !before[i].dead));
                ck_assert_uint_ge(after[i].id, MAX(ids, n > 0 ? before[n - 1].id + 1 : 0));
        }
}

/** It works: what is there is received in order, a whole lap of others goes through, and the sequence is known. */
static void goes_on(struct made *to, size_t n, uint64_t sequence) {
        struct queue sender, receiver;
        struct lease l;
        uint64_t found;

        queue_open(&sender, &to->region, 1, 1, -1);
        queue_open(&receiver, &to->region, 2, 1, -1);
        ck_assert_int_eq(queue_produce(&sender, 7, &found), 0);
        ck_assert_uint_eq(found, sequence);
        for (size_t i = 0; i < n; i++) {
                if (before[i].dead || before[i].rests)
                        continue;
                ck_assert_int_eq(queue_receive(&receiver, &l), 0);
                memcpy(&found, l.data, sizeof found);
                ck_assert_uint_eq(found, before[i].number);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
        for (uint64_t i = 0; i < 3 * to->object.queue.n; i++) {
                int r = send(&sender, 5000 + i, 8);

                if (r == -EAGAIN) /* all of it rests, or is dead */
                        break;
                ck_assert_int_eq(queue_receive(&receiver, &l), 0);
                memcpy(&found, l.data, sizeof found);
                ck_assert_uint_eq(found, 5000 + i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        die(to);
}

START_TEST(a_queue_keeps_all_that_is_known_of_each_message) {
        size_t n_moved = 0, n_refused = 0;

        for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct geometry form = any_queue(&s);
                struct made from, to;
                uint64_t ids, sequence;
                size_t n;
                int r;

                make(&from, any_queue(&s));
                ids = live(&from, &s);
                ck_assert_int_eq(queue_sequence(&from.object.queue, 7, &sequence), 0);
                n = read_all(&from.object.queue, before);
                make(&to, form);
                r = move(&from, &to);
                ck_assert_uint_eq(read_all(&from.object.queue, after), n);
                ck_assert(memcmp(before, after, n * sizeof *before) == 0);
                if (n > form.slots)
                        ck_assert_int_eq(r, -ENOSPC);
                else
                        ck_assert_int_eq(r, 0);
                n_moved += r == 0;
                n_refused += r != 0;
                if (r == 0) {
                        compare(n, &to, ids);
                        is_sound(&to.object);
                        goes_on(&to, n, sequence);
                        is_sound(&to.object);
                }
                unmake(&from);
                unmake(&to);
        }
        ck_assert_uint_gt(n_moved, ROUNDS / 4);
        ck_assert_uint_gt(n_refused, 5);
}
END_TEST

START_TEST(what_does_not_fit_is_told) {
        const struct geometry g = { .kind = OBJECT_QUEUE, .slots = 8, .message_max = 64, .max_deliveries = 3 };
        struct geometry smaller = g, shorter = g, other = { .kind = OBJECT_COUNTER, .slots = 1 };
        struct made from, to;
        struct queue sender;

        smaller.slots = 4;
        shorter.message_max = 32;
        make(&from, g);
        queue_open(&sender, &from.region, 1, 1, -1);
        for (uint64_t i = 0; i < 5; i++)
                ck_assert_int_eq(send(&sender, i, 33), 0);
        make(&to, smaller);
        ck_assert_int_eq(move(&from, &to), -ENOSPC);
        unmake(&to);
        make(&to, shorter);
        ck_assert_int_eq(move(&from, &to), -EMSGSIZE);
        unmake(&to);
        make(&to, other);
        ck_assert_int_eq(move(&from, &to), -EINVAL);
        unmake(&to);
        unmake(&from);
}
END_TEST

/** Whatever stands in it: it comes out as something, in bounded time, and nobody reads beyond it. */
START_TEST(hostile_memory_does_no_harm) {
        static const struct geometry forms[] = {
                { .kind = OBJECT_QUEUE, .slots = 16, .message_max = LONG, .max_deliveries = 3, .slot_size = 16, .heap = 4 * LONG },
                { .kind = OBJECT_QUEUE, .slots = 16, .message_max = 64, .max_deliveries = 3 },
                { .kind = OBJECT_PIPE, .capacity = 4096, .message_max = 64 },
                { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .slots = 2, .policy = BROADCAST_WAIT },
                { .kind = OBJECT_COUNTER, .slots = 2 },
        };

        for (uint64_t seed = 1; seed <= 400; seed++) {
                struct sequence s = SEQUENCE(seed);
                const struct geometry *g = &forms[seed % ARRAY_SIZE(forms)];
                struct made from, to;
                unsigned char *bytes;

                make(&from, *g);
                make(&to, *g);
                bytes = from.region.base;
                for (uint64_t i = sequence_below(&s, from.region.size / 8); i > 0; i--)
                        bytes[sequence_below(&s, from.region.size)] = (unsigned char)sequence_next(&s);
                (void)move(&from, &to);
                unmake(&from);
                unmake(&to);
        }
}
END_TEST

/* ---- other kinds ------------------------------------------------------------------------------- */

START_TEST(a_pipe_keeps_its_records) {
        const struct geometry g = { .kind = OBJECT_PIPE, .capacity = 4096, .message_max = 1000 };
        struct geometry larger = g, smaller = g;
        struct made from, to;
        struct pipe writer, reader;
        char buffer[1000];
        uint32_t size, n = 0;

        larger.capacity = 65536;
        smaller.message_max = 100;
        make(&from, g);
        pipe_open(&writer, &from.region, -1);
        pipe_open(&reader, &from.region, -1);
        ck_assert_int_eq(pipe_take(&writer, PIPE_WRITER, 1, 1), 0);
        ck_assert_int_eq(pipe_take(&reader, PIPE_READER, 2, 1), 0);
        /* Somewhere in its second lap, both ends still taken. */
        for (uint32_t i = 0; i < 6; i++) {
                memset(buffer, 'x', sizeof buffer);
                ck_assert_int_eq(pipe_send(&writer, buffer, 900), 0);
                ck_assert_int_eq(pipe_receive(&reader, buffer, sizeof buffer, &size), 0);
        }
        while (memset(buffer, (int)n + 1, sizeof buffer), pipe_send(&writer, buffer, 1 + 150 * n) == 0)
                n++;
        ck_assert_uint_gt(n, 3);
        make(&to, larger);
        ck_assert_int_eq(move(&from, &to), 0);
        is_sound(&to.object);
        pipe_open(&reader, &to.region, -1);
        ck_assert_int_eq(pipe_take(&reader, PIPE_READER, 2, 1), 0);
        for (uint32_t i = 0; i < n; i++) {
                ck_assert_int_eq(pipe_receive(&reader, buffer, sizeof buffer, &size), 0);
                ck_assert_uint_eq(size, 1 + 150 * i);
                for (uint32_t at = 0; at < size; at++)
                        ck_assert_int_eq(buffer[at], (int)i + 1);
        }
        ck_assert_int_eq(pipe_receive(&reader, buffer, sizeof buffer, &size), -EAGAIN);
        unmake(&to);
        make(&to, smaller);
        ck_assert_int_eq(move(&from, &to), -EMSGSIZE);
        unmake(&to);
        unmake(&from);
}
END_TEST

START_TEST(a_broadcast_keeps_what_it_kept) {
        const struct geometry g = { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .slots = 2,
                                    .policy = BROADCAST_WAIT };
        struct geometry larger = g;
        struct made from, to;
        struct broadcast writer, reader, slow;
        struct view view;
        char buffer[64];
        void *place;

        larger.capacity = 8192;
        larger.policy = BROADCAST_LOSSY;
        larger.slots = 0;
        make(&from, g);
        broadcast_open(&writer, &from.region, 1, 1, -1);
        broadcast_open(&slow, &from.region, 2, 1, -1);
        ck_assert_int_eq(broadcast_claim(&writer), 0);
        ck_assert_int_eq(broadcast_subscribe(&slow, true), 0);
        for (char i = 0; i < 10; i++) {
                ck_assert_int_eq(broadcast_reserve(&writer, 64, &place), 0);
                memset(buffer, 'a' + i, sizeof buffer);
                broadcast_write(place, buffer, 64);
                broadcast_append(&writer, 64);
                broadcast_publish(&writer);
        }
        make(&to, larger);
        ck_assert_int_eq(move(&from, &to), 0);
        is_sound(&to.object);
        broadcast_open(&reader, &to.region, 3, 1, -1);
        ck_assert_int_eq(broadcast_subscribe(&reader, true), 0);
        for (char i = 0; i < 10; i++) {
                ck_assert_int_eq(broadcast_receive(&reader, buffer, sizeof buffer, &view), 0);
                ck_assert_uint_eq(view.size, 64);
                ck_assert_int_eq(buffer[63], 'a' + i);
        }
        ck_assert_int_eq(broadcast_receive(&reader, buffer, sizeof buffer, &view), -EAGAIN);
        broadcast_open(&writer, &to.region, 1, 1, -1);
        ck_assert_int_eq(broadcast_claim(&writer), 0);
        unmake(&from);
        unmake(&to);
}
END_TEST

START_TEST(counters_keep_their_values) {
        struct made from, to;
        struct counter member;
        int64_t value;

        make(&from, (struct geometry){ .kind = OBJECT_COUNTER, .slots = 3 });
        make(&to, (struct geometry){ .kind = OBJECT_COUNTER, .slots = 2 });
        counter_open(&member, &from.region, 5);
        for (uint32_t i = 0; i < 3; i++)
                ck_assert_int_eq(counter_set(&member, i, -7 - (int64_t)i), 0);
        ck_assert_int_eq(move(&from, &to), 0);
        is_sound(&to.object);
        for (uint32_t i = 0; i < 2; i++) {
                ck_assert_int_eq(counter_get(&to.object.counter, i, &value), 0);
                ck_assert_int_eq(value, -7 - (int64_t)i);
        }
        unmake(&from);
        unmake(&to);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("move");
        TCase *c = tcase_create("move");
        const TTest *tests[] = {
                a_queue_keeps_all_that_is_known_of_each_message, what_does_not_fit_is_told, hostile_memory_does_no_harm,
                a_pipe_keeps_its_records, a_broadcast_keeps_what_it_kept, counters_keep_their_values,
        };

        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
