/* SPDX-License-Identifier: MIT */
/* Looking into objects of every kind: what is there is seen, and whatever bytes are there hurt nobody. */

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/gang.h"
#include "daemon/lock-look.h"
#include "daemon/ring-look.h"
#include "harness.h"
#include "sequence.h"
#include "shm/object.h"

#define ROUNDS 300
#define SEAT_FIRST 5
#define SEAT_COUNT 60

static const struct { const char *name; struct geometry geometry; } kinds[] = {
        { "queue", { .kind = OBJECT_QUEUE, .slots = 16, .message_max = 64, .max_deliveries = 3, .dead_max = 4, .fences = true } },
        { "pipe", { .kind = OBJECT_PIPE, .capacity = 4096, .message_max = 64, .fences = true } },
        { "lossy", { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .fences = true } },
        { "wait", { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .slots = 8, .policy = BROADCAST_WAIT,
                    .fences = true } },
        { "service", { .kind = OBJECT_SERVICE, .slots = 8, .message_max = 64, .max_deliveries = 1, .fences = true } },
        { "semaphore", { .kind = OBJECT_SEMAPHORE, .slots = 20, .fences = true } },
        { "tokens", { .kind = OBJECT_SEMAPHORE, .slots = 20, .policy = SEMAPHORE_POSIX, .fences = true } },
        { "mutex", { .kind = OBJECT_MONITOR, .fences = true } },
        { "monitor", { .kind = OBJECT_MONITOR, .slots = 3, .fences = true } },
        { "counter", { .kind = OBJECT_COUNTER, .slots = 5, .fences = true } },
};
#define KINDS ARRAY_SIZE(kinds)

/** A gang of one object of each kind, and one process that has a seat in all. */
struct rig {
        struct gang gang;
        struct gang_object objects[KINDS];
        struct object shm[KINDS];
        struct membership member;
        struct membership_seat seats[KINDS];
};

static void rig_init(struct rig *rig) {
        memset(rig, 0, sizeof *rig);
        gang_objects_init(&rig->gang.objects, &rig->gang);
        ck_assert_int_eq(events_init(&rig->gang.events), 0);
        rig->member.name = (char *)"a/0";
        rig->member.seats = rig->seats;
        rig->member.n_seats = KINDS;
        list_init(&rig->member.link);
        list_append(&rig->gang.objects.memberships, &rig->member.link);
        for (size_t i = 0; i < KINDS; i++) {
                struct gang_object *o = &rig->objects[i];
                struct region region;

                *o = (struct gang_object){ .gang = &rig->gang, .name = (char *)kinds[i].name, .geometry = kinds[i].geometry,
                                           .event_fd = -1, .shm = &rig->shm[i] };
                o->memory_fd = region_create(o->name, &o->geometry);
                ck_assert_int_ge(o->memory_fd, 0);
                ck_assert_int_eq(region_map(&region, o->memory_fd, &o->geometry), 0);
                object_open(o->shm, &region, -1);
                list_init(&o->link);
                list_append(&rig->gang.objects.list, &o->link);
                rig->seats[i] = (struct membership_seat){ .object = o, .number = (uint32_t)i, .first = SEAT_FIRST,
                                                          .count = SEAT_COUNT, .generation = 1, .receives = true, .sends = true };
        }
}

static void rig_done(struct rig *rig) {
        for (size_t i = 0; i < KINDS; i++) {
                region_unmap(&rig->shm[i].region);
                close_fd(rig->objects[i].memory_fd);
        }
        events_done(&rig->gang.events);
}

static struct gang_object *rig_object(struct rig *rig, const char *name) {
        for (size_t i = 0; i < KINDS; i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return &rig->objects[i];
        ck_abort_msg("no %s", name);
        return NULL;
}

static void count_subscriber(void *userdata, const char *holder, uint64_t behind) {
        ++*(unsigned int *)userdata;
        ck_assert_ptr_nonnull(holder);
}

static bool see_message(void *userdata, const struct ring_message *message) {
        ck_assert_uint_le(message->data_size, 64);
        ck_assert_uint_lt(strlen(message->reason), sizeof message->reason);
        return true;
}

static void look_at(struct gang_object *o) {
        struct lock_view v = LOCK_VIEW_NULL;
        struct ring_counts counts;
        unsigned int n = 0;

        if (object_class_of(o->geometry.kind) == CLASS_LOCK) {
                ck_assert_int_eq(lock_look(o, &v), 0);
                ck_assert_uint_le(v.free, v.permits);
                lock_view_done(&v);
                return;
        }
        ring_count(o, &counts);
        ck_assert_uint_le(counts.used, o->geometry.capacity);
        ck_assert_uint_le(counts.ready + counts.leased, MAX(o->geometry.slots, 1u));
        if (o->geometry.kind == OBJECT_BROADCAST) {
                ring_subscribers(o, count_subscriber, &n);
                ck_assert_uint_le(n, o->geometry.slots);
        }
        if (o->geometry.kind == OBJECT_QUEUE) {
                ck_assert_int_eq(ring_peek(o, 100, 4096, see_message, NULL), 0);
                ck_assert_int_ge(ring_dead(o, RING_DEAD_LIST, NULL, 0, 4096, see_message, NULL), 0);
        }
}

/* Behind the header, which nobody reads: anything, in many places or in few. */
static void spoil(struct object *o, struct sequence *s) {
        uint64_t *words = (uint64_t *)o->region.base + CACHE_LINE / sizeof(uint64_t);
        size_t n = (o->region.size - CACHE_LINE) / sizeof *words, few = sequence_below(s, 3) ? 30 : n;

        for (size_t i = 0; i < few; i++) {
                uint64_t owner = owner_make(SEAT_FIRST + (uint32_t)sequence_below(s, SEAT_COUNT), 1);

                words[few < n ? sequence_below(s, MIN(n, (size_t)600)) : i] = sequence_below(s, 2) ? sequence_wide(s) : owner;
        }
}

START_TEST(any_bytes_can_be_looked_at) {
        static struct rig rig;

        rig_init(&rig);
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct lock_cycles cycles = LOCK_CYCLES_NULL;
                const struct lock_step *steps;

                for (size_t i = 0; i < KINDS; i++) {
                        spoil(&rig.shm[i], &s);
                        look_at(&rig.objects[i]);
                }
                ck_assert_int_eq(lock_cycles_find(&rig.gang.objects, &cycles), 0);
                steps = cycles.steps;
                for (size_t i = 0; i < cycles.n; steps += cycles.lengths[i++]) {
                        _cleanup_(freep) char *text = lock_cycle_text(steps, cycles.lengths[i]);

                        ck_assert_ptr_nonnull(text);
                }
                lock_cycles_done(&cycles);
        }
        rig_done(&rig);
}
END_TEST

START_TEST(a_deadlock_is_one_event) {
        static struct rig rig;

        rig_init(&rig);
        for (int i = 0; i < 3; i++) {
                gang_objects_tell_deadlock(&rig.gang.objects, rig_object(&rig, "mutex"), "a waits for b");
                gang_objects_tell_deadlock(&rig.gang.objects, rig_object(&rig, "mutex"), "b waits for c");
        }
        ck_assert_uint_eq(rig.gang.events.n, 2);
        rig_done(&rig);
}
END_TEST

START_TEST(what_is_held_is_seen) {
        static struct rig rig;
        struct semaphore mine, strange;
        struct monitor monitor;
        struct counter counter;
        struct lock_view v = LOCK_VIEW_NULL;

        rig_init(&rig);
        semaphore_open(&mine, &rig_object(&rig, "semaphore")->shm->region, SEAT_FIRST, 1, NULL, -1);
        semaphore_open(&strange, &rig_object(&rig, "semaphore")->shm->region, SEAT_FIRST + SEAT_COUNT, 1, NULL, -1);
        ck_assert_int_eq(semaphore_try(&mine), 0);
        ck_assert_int_eq(semaphore_try(&mine), 0);
        ck_assert_int_eq(semaphore_try(&strange), 0);
        ck_assert_int_eq(lock_look(rig_object(&rig, "semaphore"), &v), 0);
        ck_assert_uint_eq(v.permits, 20);
        ck_assert_uint_eq(v.free, 17);
        ck_assert_uint_eq(v.n_users, 2);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_int_eq(v.users[i].use, LOCK_HOLDS);
                ck_assert_uint_eq(v.users[i].permits, v.users[i].who ? 2 : 1);
        }
        lock_view_done(&v);

        monitor_open(&monitor, &rig_object(&rig, "mutex")->shm->region, SEAT_FIRST + 1, 1, -1);
        ck_assert_int_eq(monitor_try(&monitor), 0);
        ck_assert_int_eq(lock_look(rig_object(&rig, "mutex"), &v), 0);
        ck_assert_uint_eq(v.free, 0);
        ck_assert_uint_eq(v.n_users, 1);
        ck_assert_ptr_eq(v.users[0].who, &rig.member);
        lock_view_done(&v);
        ck_assert_str_eq(object_kind_name(rig_object(&rig, "mutex")), "mutex");
        ck_assert_str_eq(object_kind_name(rig_object(&rig, "monitor")), "monitor");

        counter_open(&counter, &rig_object(&rig, "counter")->shm->region, SEAT_FIRST);
        ck_assert_int_eq(counter_add(&counter, 4, -9, NULL), 0);
        ck_assert_int_eq(lock_look(rig_object(&rig, "counter"), &v), 0);
        ck_assert_uint_eq(v.n_values, 5);
        ck_assert_int_eq(v.values[4], -9);
        lock_view_done(&v);
        rig_done(&rig);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("look", any_bytes_can_be_looked_at, a_deadlock_is_one_event, what_is_held_is_seen));
}
