/* SPDX-License-Identifier: MIT */
/* Damage: what somebody scribbled over an object is told in words, whatever its kind; what members do is none. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness.h"
#include "shm/damage.h"
#include "shm/recover.h"

#define SLOTS 4
#define MESSAGE_MAX 64

static struct region region;
static struct object object;
static struct seats seats;
static uint32_t me, generation;         /* a member */
static struct damage damage;

static void begin(struct geometry g) {
        _cleanup_(closep) int fd = -1;
        uint32_t count;

        g.fences = !region_barrier_is_available();
        fd = region_create("test", &g);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        seats_init(&seats);
        ck_assert_int_eq(seats_take(&seats, 4, 4, &me, &count, &generation), 0);
        object_open(&object, &region, -1);
        object.seats = &seats;
}

static void end(void) {
        region_unmap(&region);
}

static void is_sound(void) {
        ck_assert_msg(!object_inspect(&object, &damage), "%s", damage.text);
        ck_assert_uint_eq(damage.n, 0);
        ck_assert_str_eq(damage.text, "");
}

static void is_damaged(const char *expected) {
        ck_assert_msg(object_inspect(&object, &damage), "nothing found, in place of '%s'", expected);
        ck_assert_msg(strstr(damage.text, expected), "'%s' is not in '%s'", expected, damage.text);
}

/** Scribble over a word, see that it is found, and put it back. */
static void scribbled_(volatile void *p, uint64_t value, size_t size, const char *expected) {
        uint64_t before = 0;

        memcpy(&before, (void *)p, size);
        memcpy((void *)p, &value, size);
        is_damaged(expected);
        memcpy((void *)p, &before, size);
        is_sound();
}
#define scribbled(lvalue, value, expected) scribbled_(&(lvalue), (value), sizeof(lvalue), expected)

/** What can be wrong with all of them. */
static void is_damaged_as_all_are(struct eventcount *waiters) {
        struct region_header *header = region.base;

        scribbled(header->magic, UINT64_C(0x4141414141414141), "its header begins with 0x4141414141414141");
        scribbled(header->slots, 77, "77 slots");
        scribbled(waiters->sleeping[0], 1, "participant 0 waits");
        scribbled(waiters->stopped, UINT32_MAX, "4294967295 participants are stopped");
}

/* ---- queue ------------------------------------------------------------------------------------- */

static const struct geometry queue_geometry = {
        .kind = OBJECT_QUEUE, .slots = SLOTS, .message_max = MESSAGE_MAX, .max_deliveries = 3,
};

static void send(struct queue *q, uint32_t size) {
        struct lease l;

        ck_assert_int_eq(queue_reserve(q, &l), 0);
        queue_commit(q, &l, size);
}

/** Through every state, for several laps, with a message that is held all the while. */
static void use_queue(struct queue *q, struct lease *held) {
        struct lease l;

        send(q, 1);
        ck_assert_int_eq(queue_receive(q, held), 0);
        for (unsigned int i = 0; i < 5 * SLOTS; i++) {
                send(q, MESSAGE_MAX);
                is_sound();
                for (int r = 0; r == 0;) {
                        ck_assert_int_eq(queue_receive(q, &l), 0);
                        is_sound();
                        r = i == 7 ? queue_reject(q, l.slot, "no") : (queue_acknowledge(q, l.slot), 1);
                        is_sound();
                }
        }
}

START_TEST(a_queue) {
        struct queue q;
        struct lease held, writing;
        struct slot *s;

        begin(queue_geometry);
        is_sound();
        queue_open(&q, &region, me, generation, -1);
        use_queue(&q, &held);
        s = queue_slot(&q, held.slot);
        scribbled(s->word, 7, "in a state (7) that there is not");
        scribbled(s->word, UINT64_C(0x4141414141414141), "is being written");
        scribbled(s->word, word_make(1, owner_make(me, generation + 1), 1, SLOT_LEASED), "which nobody is");
        scribbled(s->word, word_make(1, owner_make(0, generation), 1, SLOT_LEASED), "participant 0");
        scribbled(s->word, word_make(0, owner_make(me, generation), 0, SLOT_READY), "which has no owner then");
        scribbled(s->word, word_make(0, owner_make(me, generation), 4, SLOT_LEASED), "after 4 deliveries of at most 3");
        scribbled(s->word, word_make(1 << 20, 0, 0, SLOT_READY), "says that 41943");
        scribbled(s->size, MESSAGE_MAX + 1, "its message has 65 bytes, of at most 64");
        scribbled(q.producers[3].owner, 99, "producer 3");
        ck_assert_int_eq(queue_reserve(&q, &writing), 0);
        is_sound();
        s = queue_slot(&q, writing.slot);
        scribbled(s->word, word_make(2, 0, 0, SLOT_FREE), "waits for message");
        scribbled(s->word, 0, "waits for message");
        is_damaged_as_all_are(&q.control->messages);
        is_damaged_as_all_are(&q.control->space);
        end();
}
END_TEST

/* ---- service ----------------------------------------------------------------------------------- */

static const struct geometry service_geometry = {
        .kind = OBJECT_SERVICE, .slots = SLOTS, .message_max = MESSAGE_MAX, .max_deliveries = 1,
};

static const struct geometry heap_geometry = {
        .kind = OBJECT_QUEUE, .slots = SLOTS, .slot_size = MESSAGE_MAX, .message_max = 1000, .heap = 4096, .max_deliveries = 3,
};

START_TEST(a_queue_with_a_heap) {
        struct queue q;
        struct lease l;
        struct slot *s;

        begin(heap_geometry);
        queue_open(&q, &region, me, generation, -1);
        for (uint32_t i = 0; i < 3 * SLOTS; i++) {
                ck_assert_int_eq(queue_reserve_sized(&q, i % 2 ? 1000 : 10, &l), 0);
                is_sound();
                queue_commit(&q, &l, i % 2 ? 500 + i : 10);
                is_sound();
                ck_assert_int_eq(queue_receive(&q, &l), 0);
                is_sound();
                if (i < 3 * SLOTS - 1)
                        queue_acknowledge(&q, l.slot);
        }
        s = queue_slot(&q, l.slot);
        scribbled(s->size, 4000 | SLOT_IN_HEAP, "its message has 4000 bytes, of at most 1000");
        scribbled(s->size, 500, "its message has 500 bytes, of at most 64");
        scribbled(*(uint32_t *)(void *)s->data, 77777, "is said to begin with block 77777 of the heap, which is not its");
        scribbled(*(uint32_t *)(void *)s->data, *(uint32_t *)(void *)s->data + 1, "of the heap, which is not its");
        end();
}
END_TEST

START_TEST(a_service) {
        struct call_result result;
        struct service s;
        struct served r;
        struct call_slot *slot;
        struct call c;

        begin(service_geometry);
        is_sound();
        service_open(&s, &region, me, generation, -1);
        ck_assert_int_eq(service_reserve(&s, &c), 0);
        is_sound();
        service_submit(&s, &c, MESSAGE_MAX, UINT64_MAX);
        is_sound();
        slot = service_slot(&s, c.slot);
        scribbled(slot->request_size, MESSAGE_MAX + 1, "its request has 65 bytes");
        scribbled(slot->caller, owner_make(me, generation + 1), "its caller is participant");
        ck_assert_int_eq(service_receive(&s, &r), 0);
        is_sound();
        scribbled(slot->word, call_word(0, owner_make(me, generation), 2, CALL_SERVING), "after 2 deliveries of at most 1");
        ck_assert_int_eq(service_reply(&s, &r, MESSAGE_MAX), 0);
        is_sound();
        scribbled(slot->reply_size, UINT32_MAX, "its reply has 4294967295 bytes");
        scribbled(slot->word, 7, "in a state (7)");
        scribbled(slot->word, call_word(0, owner_make(me + 9, generation), 1, CALL_REPLIED), "which nobody is");
        ck_assert_int_eq(service_result(&s, &c, &result), 0);
        service_release(&s, &c);
        is_sound();
        scribbled(slot->word, call_word(1, owner_make(me, generation), 0, CALL_FREE), "which has no owner then");
        scribbled(s.control->ready[0], UINT64_C(1) << SLOTS, "the bits of its slots");
        scribbled(s.control->ready[5], 1, "the bits of its slots");
        is_damaged_as_all_are(&s.control->requests);
        is_damaged_as_all_are(&s.control->space);
        end();
}
END_TEST

/* ---- pipe, broadcast --------------------------------------------------------------------------- */

static const struct geometry pipe_geometry = {
        .kind = OBJECT_PIPE, .capacity = PIPE_CAPACITY_MIN, .message_max = MESSAGE_MAX,
};

START_TEST(a_pipe) {
        struct pipe writer, reader;
        unsigned char buffer[MESSAGE_MAX];
        unsigned char *record;
        uint32_t size;

        begin(pipe_geometry);
        is_sound();
        pipe_open(&writer, &region, -1);
        pipe_open(&reader, &region, -1);
        ck_assert_int_eq(pipe_take(&writer, PIPE_WRITER, me, generation), 0);
        ck_assert_int_eq(pipe_take(&reader, PIPE_READER, me + 1, generation), 0);
        /* Past the end of the ring, with padding. */
        for (unsigned int i = 0; i < 200; i++) {
                ck_assert_int_eq(pipe_send(&writer, buffer, i % MESSAGE_MAX), 0);
                ck_assert_int_eq(pipe_send(&writer, buffer, MESSAGE_MAX), 0);
                is_sound();
                if (i > 20)
                        ck_assert_int_eq(pipe_receive(&reader, buffer, sizeof buffer, &size), 0);
                ck_assert_int_eq(pipe_receive(&reader, buffer, sizeof buffer, &size), 0);
                is_sound();
        }
        scribbled(reader.control->written, 0, "bytes were written and");
        scribbled(reader.control->consumed, 1, "bytes were written and 1 consumed");
        scribbled(reader.control->writer, 9, "its writer is participant 9");
        scribbled(reader.control->reader, UINT32_MAX, "its reader is participant 4095");
        record = reader.records + (reader.control->consumed & reader.mask);
        scribbled_(record, 1000, 8, "says that it has 1000 bytes");
        scribbled_(record, UINT64_C(0x4141414141414141), 8, "the longest has 64");
        is_damaged_as_all_are(&reader.control->records);
        is_damaged_as_all_are(&reader.control->space);
        end();
}
END_TEST

static void use_broadcast(struct broadcast *writer, struct broadcast *reader) {
        unsigned char buffer[MESSAGE_MAX] __attribute__((__aligned__(8))) = { 0 };
        struct view v;
        void *to;

        for (unsigned int i = 0; i < 100; i++) {
                ck_assert_int_eq(broadcast_reserve(writer, i % MESSAGE_MAX, &to), 0);
                broadcast_write(to, buffer, i % MESSAGE_MAX);
                broadcast_append(writer, i % MESSAGE_MAX);
                is_sound();
                broadcast_publish(writer);
                is_sound();
                ck_assert_int_eq(broadcast_receive(reader, buffer, sizeof buffer, &v), 0);
                is_sound();
        }
}

static void a_broadcast_with(enum broadcast_policy policy) {
        struct broadcast writer, reader;
        struct record *oldest;

        begin((struct geometry){ .kind = OBJECT_BROADCAST, .slots = policy == BROADCAST_LOSSY ? 0 : SLOTS, .capacity = 512,
                                 .message_max = MESSAGE_MAX, .policy = policy });
        is_sound();
        broadcast_open(&writer, &region, me, generation, -1);
        broadcast_open(&reader, &region, me + 1, generation, -1);
        ck_assert_int_eq(broadcast_claim(&writer), 0);
        ck_assert_int_eq(broadcast_subscribe(&reader, false), 0);
        use_broadcast(&writer, &reader);
        oldest = broadcast_record(&writer, writer.published->oldest);
        scribbled(writer.published->tail, writer.published->tail + 1024, "bytes were published, and the oldest");
        scribbled(writer.published->oldest, 3, "bytes were published, and the oldest");
        scribbled(writer.published->writer, 77, "its writer is participant 77");
        scribbled(oldest->size, 1000, "says that it has 1000 bytes");
        scribbled(oldest->sequence, 1, "is message");
        for (unsigned int i = 0; reader.subscriber && i < 1; i++) {
                scribbled(reader.subscriber->owner, 78, "subscriber 0 is participant 78");
                scribbled(reader.subscriber->position, 7, "where no record begins");
                scribbled(reader.subscriber->position, (writer.tail + 16) | SUBSCRIBED, "that were published");
        }
        is_damaged_as_all_are(&writer.control->messages);
        is_damaged_as_all_are(&writer.control->space);
        broadcast_close(&reader);
        broadcast_close(&writer);
        is_sound();
        end();
}

START_TEST(a_broadcast) {
        for (enum broadcast_policy policy = 0; policy < _BROADCAST_POLICY_N; policy++)
                a_broadcast_with(policy);
}
END_TEST

/* ---- locks ------------------------------------------------------------------------------------- */

START_TEST(a_semaphore) {
        struct semaphore s;

        begin((struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 2 });
        is_sound();
        semaphore_open(&s, &region, me, generation, NULL, -1);
        ck_assert_int_eq(semaphore_try(&s), 0);
        is_sound();
        scribbled(*semaphore_permit(&s, 0), owner_make(me, generation + 1), "permit 0: held by participant");
        scribbled(*semaphore_permit(&s, 1), 0xfffff, "permit 1: held by participant 4095");
        ck_assert_int_eq(semaphore_release(&s), 0);
        is_sound();
        scribbled_(s.waiting.semaphore, 0x7fffffff, 4, "wake-ups are posted");
        is_damaged_as_all_are(s.waiting.count);
        end();
}
END_TEST

/** What it does with tokens it says in a word of its own. */
START_TEST(a_semaphore_with_tokens) {
        begin((struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 2, .policy = SEMAPHORE_POSIX });
        is_sound();
        scribbled(object.semaphore.participants[me].token, 1 | 99 << 2, "the token word of participant 1 is 0x18d");
        end();
}
END_TEST

START_TEST(a_monitor) {
        struct monitor m;

        begin((struct geometry){ .kind = OBJECT_MONITOR, .slots = 2 });
        is_sound();
        monitor_open(&m, &region, me, generation, -1);
        ck_assert_int_eq(monitor_try(&m), 0);
        is_sound();
        scribbled(m.control->word, UINT64_C(0x4141414141414141), "holds it, which nobody is");
        scribbled(m.control->word, MONITOR_UNRECOVERABLE | MONITOR_INCONSISTENT, "unrecoverable, and more");
        scribbled(m.control->reserved, UINT64_MAX, "it is reserved for 0xffffffffffffffff");
        ck_assert_int_eq(monitor_unlock(&m), 0);
        is_sound();
        is_damaged_as_all_are(&m.control->lock);
        scribbled(m.control->conditions[1].sleeping[0], 1, "those who wait for a condition");
        end();
}
END_TEST

START_TEST(a_counter) {
        struct region_header *header;
        struct counter c;

        begin((struct geometry){ .kind = OBJECT_COUNTER, .slots = 3 });
        is_sound();
        counter_open(&c, &region, me);
        ck_assert_int_eq(counter_add(&c, 1, 5, NULL), 0);
        is_sound();
        scribbled(c.words[1].word, 5, "counter 1: its word is 0x0000000000000005");
        scribbled(c.words[2].word, COUNTER_CHANGE, "counter 2");
        scribbled(c.words[2].word, UINT64_MAX, "which is nobody's change");
        header = region.base;
        scribbled(header->kind, 99, "kind 99");
        end();
}
END_TEST

/* ---- whatever its kind ------------------------------------------------------------------------- */

/** A member that dies leaves no damage; what it left is that only when its seat was given up and nobody recovered it. */
START_TEST(a_dead_member_is_no_damage) {
        struct seat seat = { .object = &object, .first = 1, .count = 4 };
        struct lease held;
        struct queue q;

        begin(queue_geometry);
        seat.generation = generation;
        queue_open(&q, &region, me, generation, -1);
        send(&q, 1);
        ck_assert_int_eq(queue_receive(&q, &held), 0);
        is_sound();
        seats_free(&seats, me, 4);
        is_damaged("which nobody is");
        recover_seat(&seat, "it died", NULL);
        is_sound();
        end();
}
END_TEST

/* ---- while others work -------------------------------------------------------------------------- */

#define TURNS 20000
#define WORKERS 3

/** Each does all that its kind can, without ever waiting. @param who  0 … WORKERS - 1. */
static void work_queue(uint32_t who) {
        struct queue q;
        struct lease l;

        queue_open(&q, &region, me + who, generation, -1);
        for (unsigned int i = 0; i < TURNS; i++) {
                uint32_t size = i * 7 % (q.message_max + 1);

                if (queue_reserve_sized(&q, size, &l) == 0)
                        queue_commit(&q, &l, size);
                if (queue_receive(&q, &l) < 0)
                        continue;
                if ((i % 5 ? queue_acknowledge(&q, l.slot) : queue_reject(&q, l.slot, "no")) < 0)
                        _exit(1);
        }
}

static void work_service(uint32_t who) {
        struct call_result result;
        struct service s;
        struct served r;
        struct call c;

        service_open(&s, &region, me + who, generation, -1);
        for (unsigned int i = 0; i < TURNS; i++) {
                bool called = service_reserve(&s, &c) == 0;

                if (called)
                        service_submit(&s, &c, i % MESSAGE_MAX, UINT64_MAX);
                if (service_receive(&s, &r) == 0)
                        (void)service_reply(&s, &r, i % MESSAGE_MAX);
                if (called && service_give_up(&s, &c) == 1) {
                        (void)service_result(&s, &c, &result);
                        service_release(&s, &c);
                }
        }
}

static void work_pipe(uint32_t who) {
        unsigned char buffer[MESSAGE_MAX] = { 0 };
        struct pipe p;
        uint32_t size;

        pipe_open(&p, &region, -1);
        for (unsigned int i = 0; i < TURNS; i++) {
                enum pipe_end end = (who + i / 64) % 2 ? PIPE_WRITER : PIPE_READER;

                if (pipe_take(&p, end, me + who, generation) < 0)
                        continue;
                for (unsigned int k = 0; k < 64; k++)
                        if (end == PIPE_WRITER)
                                (void)pipe_send(&p, buffer, k);
                        else
                                (void)pipe_receive(&p, buffer, sizeof buffer, &size);
                pipe_leave(&p);
        }
}

static void work_broadcast(uint32_t who) {
        unsigned char buffer[MESSAGE_MAX] __attribute__((__aligned__(8))) = { 0 };
        struct broadcast b;
        struct view v;
        void *to;

        broadcast_open(&b, &region, me + who, generation, -1);
        for (unsigned int i = 0; i < TURNS / 16; i++) {
                bool writes = broadcast_claim(&b) == 0;

                if (!writes && broadcast_subscribe(&b, i % 2) < 0)
                        continue;
                for (unsigned int k = 0; k < 64; k++) {
                        if (!writes)
                                (void)broadcast_receive(&b, buffer, sizeof buffer, &v);
                        else if (broadcast_reserve(&b, k, &to) == 0) {
                                broadcast_write(to, buffer, k);
                                broadcast_append(&b, k);
                                broadcast_publish(&b);
                        }
                }
                broadcast_close(&b);
        }
}

static void work_semaphore(uint32_t who) {
        struct semaphore s;

        semaphore_open(&s, &region, me + who, generation, NULL, -1);
        for (unsigned int i = 0; i < TURNS; i++)
                if (semaphore_try(&s) == 0)
                        (void)semaphore_release(&s);
}

static void work_monitor(uint32_t who) {
        struct monitor m;

        monitor_open(&m, &region, me + who, generation, -1);
        for (unsigned int i = 0; i < TURNS; i++)
                if (monitor_try(&m) == 0)
                        (void)monitor_unlock(&m);
}

static void work_counter(uint32_t who) {
        struct counter c;

        counter_open(&c, &region, me + who);
        for (unsigned int i = 0; i < TURNS; i++)
                (void)counter_add(&c, i % 3, 1, NULL);
}

static pid_t fork_to(void (*work)(uint32_t who), uint32_t who, int memory_fd) {
        const struct geometry geometry = region.geometry;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid > 0)
                return pid;
        /* It is not inherited. */
        if (region_map(&region, memory_fd, &geometry) < 0)
                _exit(2);
        work(who);
        _exit(0);
}

/** Inspect it for as long as they work. */
static void is_sound_while(struct geometry g, void (*work)(uint32_t who)) {
        _cleanup_(closep) int fd = -1;
        pid_t pids[WORKERS];
        uint32_t count;
        size_t left = WORKERS;

        g.fences = !region_barrier_is_available();
        fd = region_create("test", &g);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        seats_init(&seats);
        ck_assert_int_eq(seats_take(&seats, WORKERS, WORKERS, &me, &count, &generation), 0);
        object_open(&object, &region, -1);
        object.seats = &seats;
        for (uint32_t i = 0; i < WORKERS; i++)
                pids[i] = fork_to(work, i, fd);
        while (left > 0) {
                int status;

                is_sound();
                for (size_t i = 0; i < WORKERS; i++)
                        if (pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
                                ck_assert_int_eq(status, 0);
                                pids[i] = 0;
                                left--;
                        }
        }
        is_sound();
        end();
}

START_TEST(what_others_do_meanwhile_is_no_damage) {
        const struct geometry broadcast = { .kind = OBJECT_BROADCAST, .capacity = 512, .message_max = MESSAGE_MAX };

        is_sound_while(queue_geometry, work_queue);
        is_sound_while(heap_geometry, work_queue);
        is_sound_while(service_geometry, work_service);
        is_sound_while(pipe_geometry, work_pipe);
        for (uint32_t policy = 0; policy < _BROADCAST_POLICY_N; policy++) {
                struct geometry g = broadcast;

                g.policy = policy;
                g.slots = policy == BROADCAST_LOSSY ? 0 : WORKERS;
                is_sound_while(g, work_broadcast);
        }
        is_sound_while((struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 2 }, work_semaphore);
        is_sound_while((struct geometry){ .kind = OBJECT_MONITOR, .slots = 1 }, work_monitor);
        is_sound_while((struct geometry){ .kind = OBJECT_COUNTER, .slots = 3 }, work_counter);
}
END_TEST

/** Any bytes: nothing is read beyond, nothing hangs, and it is told. */
START_TEST(all_of_it_is_overwritten) {
        static const struct geometry kinds[] = {
                { .kind = OBJECT_QUEUE, .slots = SLOTS, .message_max = MESSAGE_MAX, .max_deliveries = 3 },
                { .kind = OBJECT_SERVICE, .slots = SLOTS, .message_max = MESSAGE_MAX, .max_deliveries = 1 },
                { .kind = OBJECT_PIPE, .capacity = PIPE_CAPACITY_MIN, .message_max = MESSAGE_MAX },
                { .kind = OBJECT_BROADCAST, .slots = SLOTS, .capacity = 512, .message_max = MESSAGE_MAX,
                  .policy = BROADCAST_WAIT },
                { .kind = OBJECT_SEMAPHORE, .slots = 2 },
                { .kind = OBJECT_MONITOR, .slots = 2 },
                { .kind = OBJECT_COUNTER, .slots = 3 },
        };

        const struct seat seat = { .object = &object, .first = 1, .count = 4, .generation = 1 };

        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                begin(kinds[k]);
                for (int byte = 0; byte < 256; byte++) {
                        memset(region.base, byte, region.size);
                        is_damaged("its header");
                        memset((char *)region.base + CACHE_LINE, byte, region.size - CACHE_LINE);
                        recover_seat(&seat, "", NULL);
                        is_damaged("its header");
                }
                end();
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("damage", a_queue, a_queue_with_a_heap, a_service, a_pipe, a_broadcast, a_semaphore,
                                         a_semaphore_with_tokens, a_monitor, a_counter, a_dead_member_is_no_damage,
                                         what_others_do_meanwhile_is_no_damage, all_of_it_is_overwritten));
}
