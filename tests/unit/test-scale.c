/* SPDX-License-Identifier: MIT */
/*
 * Scaling over simulated time: always between the limits, nothing within the pause after a change, at rest under a load that
 * stays, never fewer for more, back at the least when idle; and how old the oldest message is.
 */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/scale.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 300
#define LOOKS 4000
#define LOOK_USEC (50 * USEC_PER_MSEC)
#define BEGIN USEC_PER_SEC

static struct scale_options random_options(struct sequence *s) {
        struct scale_options o = {
                .min = (uint32_t)sequence_below(s, 4),
                .depth = (uint32_t)sequence_below(s, 50),
                .up_delay_usec = sequence_below(s, 3) * USEC_PER_SEC,
                .down_delay_usec = sequence_below(s, 10) * USEC_PER_SEC,
                .cool_down_usec = sequence_below(s, 5) * USEC_PER_SEC,
                .step = 1 + (uint32_t)sequence_below(s, 4),
        };

        o.max = o.min + (uint32_t)sequence_below(s, 12);
        return o;
}

/** Whatever the load does from look to look. */
START_TEST(within_its_limits_and_never_within_the_pause) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct scale_options o = random_options(&s);
                uint32_t wanted = o.min;
                uint64_t now = BEGIN, changed = 0;
                struct scale scale = SCALE_NULL;

                for (int i = 0; i < LOOKS; i++, now += 1 + sequence_below(&s, 2 * LOOK_USEC)) {
                        const struct scale_facts f = { .waiting = sequence_wide(&s) % 2000, .busy = sequence_below(&s, 2),
                                                       .old = sequence_below(&s, 20) == 0 };
                        uint32_t next = scale_look(&scale, &o, &f, wanted, now);

                        ck_assert(next >= o.min && next <= o.max);
                        ck_assert_uint_le(next > wanted ? next - wanted : wanted - next, o.step);
                        if (next != wanted && changed != 0)
                                ck_assert_uint_ge(now - changed, o.cool_down_usec);
                        if (next != wanted)
                                changed = now;
                        wanted = next;
                }
        }
}
END_TEST

/** Looks for as long as anything can follow. @return how many there are then. */
static uint32_t settle(const struct scale_options *o, const struct scale_facts *f, uint32_t wanted, int *ret_ups,
                       int *ret_downs) {
        struct scale scale = SCALE_NULL;
        uint64_t now = BEGIN;
        int looks = 0;

        *ret_ups = *ret_downs = 0;
        do {
                uint32_t next = scale_look(&scale, o, f, wanted, now);

                *ret_ups += next > wanted;
                *ret_downs += next < wanted;
                if (next == wanted)
                        now = MAX(now + 1, scale_due(&scale, o));
                else
                        now++;
                wanted = next;
                ck_assert_int_lt(++looks, 1000);
        } while (now < USEC_INFINITY);
        return wanted;
}

START_TEST(under_a_load_that_stays_it_comes_to_rest) {
        for (uint64_t seed = 1; seed <= 20 * SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct scale_options o = random_options(&s);
                const struct scale_facts f = { .waiting = sequence_wide(&s) % 2000, .busy = sequence_below(&s, 2) };
                uint32_t begin = o.min + (uint32_t)sequence_below(&s, o.max - o.min + 1), end;
                int ups, downs;

                end = settle(&o, &f, begin, &ups, &downs);
                /* In one direction only. */
                ck_assert(ups == 0 || downs == 0);
                /* As many as it takes, as far as there are. */
                if (o.depth > 0 && end < o.max && end > 0)
                        ck_assert_uint_le(f.waiting, (uint64_t)o.depth * end);
                if (f.waiting == 0 && !f.busy)
                        ck_assert_uint_eq(end, o.min);
        }
}
END_TEST

/** Of two that begin alike, the one for which more waits never ends with fewer. */
START_TEST(more_work_never_makes_fewer) {
        for (uint64_t seed = 1; seed <= 20 * SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct scale_options o = random_options(&s);
                const struct scale_facts less = { .waiting = sequence_wide(&s) % 2000 };
                const struct scale_facts more = { .waiting = less.waiting + sequence_wide(&s) % 2000 };
                uint32_t begin = o.min + (uint32_t)sequence_below(&s, o.max - o.min + 1);
                int ups, downs;

                ck_assert_uint_le(settle(&o, &less, begin, &ups, &downs), settle(&o, &more, begin, &ups, &downs));
        }
}
END_TEST

START_TEST(after_a_burst_it_comes_back_to_the_least) {
        const struct scale_facts much = { .waiting = 100000, .busy = true, .old = true };

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct scale_options o = random_options(&s);
                struct scale scale = SCALE_NULL;
                uint64_t now = BEGIN, end;
                uint32_t wanted = o.min;

                for (int i = 0; i < LOOKS; i++, now += LOOK_USEC)
                        wanted = scale_look(&scale, &o, &much, wanted, now);
                ck_assert_uint_eq(wanted, o.max);
                /* Each step takes no longer than its delay, or the pause, and a look. */
                end = now + (o.max - o.min + 1) * (MAX(o.down_delay_usec, o.cool_down_usec) + 2 * LOOK_USEC);
                for (; now < end; now += LOOK_USEC)
                        wanted = scale_look(&scale, &o, &(struct scale_facts){ 0 }, wanted, now);
                ck_assert_uint_eq(wanted, o.min);
                ck_assert_uint_eq(scale_due(&scale, &o), USEC_INFINITY);
        }
}
END_TEST

START_TEST(a_need_must_last) {
        const struct scale_options o = {
                .min = 1, .max = 4, .depth = 10, .up_delay_usec = 1000, .down_delay_usec = 5000, .step = 1,
        };
        const struct scale_facts much = { .waiting = 11 }, little = { .waiting = 10 }, nothing = { 0 };
        struct scale scale = SCALE_NULL;

        ck_assert_uint_eq(scale_look(&scale, &o, &much, 1, 1000), 1);
        ck_assert_uint_eq(scale_due(&scale, &o), 2000);
        ck_assert_uint_eq(scale_look(&scale, &o, &little, 1, 1999), 1);
        ck_assert_uint_eq(scale_look(&scale, &o, &much, 1, 2000), 1);
        ck_assert_uint_eq(scale_look(&scale, &o, &much, 1, 2999), 1);
        ck_assert_uint_eq(scale_look(&scale, &o, &much, 1, 3000), 2);
        /* With one, 5 could still be held. */
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ .waiting = 6 }, 2, 100000), 2);
        ck_assert_uint_eq(scale_due(&scale, &o), USEC_INFINITY);
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ .waiting = 5 }, 2, 100000), 2);
        ck_assert_uint_eq(scale_look(&scale, &o, &nothing, 2, 104999), 2);
        ck_assert_uint_eq(scale_look(&scale, &o, &nothing, 2, 105000), 1);
}
END_TEST

START_TEST(from_none_and_back) {
        const struct scale_options o = { .min = 0, .max = 2, .depth = 10, .up_delay_usec = 100000, .step = 1 };
        struct scale scale = SCALE_NULL;

        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ .waiting = 1 }, 0, 1000), 1);
        /* Its last message is held by somebody. */
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ .busy = true }, 1, 2000), 1);
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ 0 }, 1, 3000), 0);
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ 0 }, 0, 4000), 0);
}
END_TEST

START_TEST(other_limits_hold_at_once) {
        const struct scale_options o = { .min = 3, .max = 5, .depth = 1, .up_delay_usec = USEC_PER_SEC, .step = 1 };
        struct scale scale = SCALE_NULL;

        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ 0 }, 1, 1000), 3);
        ck_assert_uint_eq(scale_look(&scale, &o, &(struct scale_facts){ 0 }, 9, 2000), 5);
}
END_TEST

/** A queue, in which each message knows when it came. */
START_TEST(how_old_the_oldest_is) {
        unsigned int seen = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                static uint64_t came[LOOKS * 8];
                struct sequence s = SEQUENCE(seed);
                struct scale_age a = SCALE_AGE_NULL;
                uint64_t now = BEGIN, head = 0, tail = 0, age = (1 + sequence_below(&s, 20)) * USEC_PER_SEC;

                for (int i = 0; i < LOOKS; i++, now += 1 + sequence_below(&s, 2 * LOOK_USEC)) {
                        uint64_t slow = i / 500 % 2;
                        bool old;

                        for (uint64_t n = sequence_below(&s, 4); n > 0; n--)
                                came[tail++] = now;
                        for (uint64_t n = sequence_below(&s, slow ? 3 : 8); n > 0 && head < tail; n--)
                                head++;
                        old = scale_age_look(&a, tail, tail - head, age, now);
                        seen += old;
                        /* Never said of a younger one; and seen in time. */
                        ck_assert(!old || now - came[head] >= age);
                        ck_assert(old || head == tail || now - came[head] <= age + age / (SCALE_MARKS - 1) + 4 * LOOK_USEC);
                }
        }
        ck_assert_uint_gt(seen, 0);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                within_its_limits_and_never_within_the_pause, under_a_load_that_stays_it_comes_to_rest,
                more_work_never_makes_fewer, after_a_burst_it_comes_back_to_the_least, a_need_must_last,
                from_none_and_back, other_limits_hold_at_once,
                how_old_the_oldest_is,
        };
        Suite *suite = suite_create("scale");
        TCase *c = tcase_create("scale");

        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
