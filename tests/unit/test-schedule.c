/* SPDX-License-Identifier: MIT */
/* Schedules: the grid of runs over simulated years, and what is done with one that has not ended. */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/schedule.h"
#include "harness.h"
#include "sequence.h"

#define SEC USEC_PER_SEC
#define SEEDS 50
#define RUNS 5000

START_TEST(runs_are_on_a_grid) {
        static const struct {
                uint64_t first, every, after, next;
        } cases[] = {
                { 100, 10, 100, 110 },
                { 100, 10, 101, 110 },
                { 100, 10, 109, 110 },
                { 100, 10, 110, 120 },
                { 100, 10, 50, 100 },           /* a clock that is before the beginning */
                { 100, 10, 987654, 987660 },    /* what was missed is not made up for */
                { 100, UINT64_MAX / 2, 100, 100 + UINT64_MAX / 2 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_uint_eq(schedule_next(cases[i].first, cases[i].every, 0, cases[i].after, 12345), cases[i].next);
        ck_assert_uint_eq(schedule_next(UINT64_MAX - 5, 10, 0, UINT64_MAX - 3, 0), USEC_INFINITY);
}
END_TEST

/** Whoever asks anew at each run, late by whatever, has one run in each interval, none twice, and no drift. */
START_TEST(runs_over_years) {
        struct sequence s = SEQUENCE((uint64_t)_i + 1);
        uint64_t every = 1 + sequence_below(&s, 86400 * SEC), jitter = sequence_below(&s, 2 * every);
        uint64_t first = sequence_below(&s, 1000 * SEC);
        uint64_t most = jitter < every ? jitter : every - 1, now = first, slot = 0;

        for (int i = 0; i < RUNS; i++) {
                uint64_t at = schedule_next(first, every, jitter, now, sequence_next(&s)), this_slot;

                ck_assert_uint_gt(at, now);
                this_slot = (at - first) / every;
                ck_assert_uint_le((at - first) % every, most);
                ck_assert_uint_gt(this_slot, slot);
                /* The next interval, if nobody was late. */
                ck_assert_uint_eq(this_slot, (now - first) / every + 1);
                now = at + (sequence_below(&s, 10) == 0 ? sequence_below(&s, 5 * every) : 0);
                slot = (now - first) / every;
        }
}
END_TEST

START_TEST(what_still_runs) {
        for (enum schedule_overlap o = 0; o < _SCHEDULE_OVERLAP_N; o++)
                ck_assert_int_eq(schedule_action(o, false), SCHEDULE_START);
        ck_assert_int_eq(schedule_action(SCHEDULE_SKIP, true), SCHEDULE_NOTHING);
        ck_assert_int_eq(schedule_action(SCHEDULE_QUEUE, true), SCHEDULE_START_LATER);
        ck_assert_int_eq(schedule_action(SCHEDULE_KILL, true), SCHEDULE_RESTART);
}
END_TEST

/* ---- a day ------------------------------------------------------------------------------------- */

#define DAY (86400 * SEC)
#define DAYS 200

/** One worker over a day, with a clock of its own: what manager and instance would do. */
struct day {
        uint64_t first, every, jitter, now, due;
        enum schedule_overlap overlap;
        uint64_t ends;                  /* of the process that runs; 0: none does */
        bool again;                     /* it is to run when that has ended */
        uint64_t n_due, n_started, n_skipped, n_killed, n_merged;
        uint64_t n_missed;              /* nobody was there to see that it was due */
};

/** How long a run takes: mostly less than the interval, at times much more. */
static uint64_t runs_for(struct sequence *s, const struct day *d) {
        return 1 + (sequence_below(s, 8) == 0 ? sequence_below(s, 4 * d->every) : sequence_below(s, d->every));
}

static void day_start(struct sequence *s, struct day *d) {
        d->ends = d->now + runs_for(s, d);
        d->again = false;
        d->n_started++;
}

static void day_due(struct sequence *s, struct day *d) {
        enum schedule_action action = schedule_action(d->overlap, d->ends != 0);

        d->n_due++;
        ck_assert(d->ends != 0 || action == SCHEDULE_START);
        switch (action) {
        case SCHEDULE_NOTHING:
                d->n_skipped++;
                break;
        case SCHEDULE_START_LATER:
                d->n_merged += d->again;
                d->again = true;
                break;
        case SCHEDULE_RESTART:
                d->n_killed++;
                day_start(s, d);
                break;
        case SCHEDULE_START:
                day_start(s, d);
                break;
        }
}

static void day_ended(struct sequence *s, struct day *d) {
        d->ends = 0;
        if (d->again)
                day_start(s, d);
}

/** Whatever comes first; the manager that dies meanwhile is late, and loses nothing but what was due while it was dead. */
static void day_step(struct sequence *s, struct day *d) {
        bool ends = d->ends != 0 && d->ends <= d->due;
        uint64_t asked;

        d->now = ends ? d->ends : d->due;
        if (ends) {
                day_ended(s, d);
                return;
        }
        day_due(s, d);
        asked = d->now;
        if (sequence_below(s, 50) == 0)
                asked += sequence_below(s, 3 * d->every);
        d->due = schedule_next(d->first, d->every, d->jitter, asked, sequence_next(s));
        d->n_missed += (d->due - d->first) / d->every - (d->now - d->first) / d->every - 1;
        /* One a slot of the grid, in the part of it that the jitter allows, and never into the past. */
        ck_assert_uint_gt(d->due, asked);
        ck_assert_uint_le((d->due - d->first) % d->every, d->jitter);
        ck_assert_uint_eq((d->due - d->first) / d->every, (asked - d->first) / d->every + 1);
}

START_TEST(a_day) {
        struct sequence s = SEQUENCE((uint64_t)_i + 1);
        struct day d = { .overlap = _i % _SCHEDULE_OVERLAP_N, .first = 1 + sequence_below(&s, 1000 * SEC) };
        d.every = SEC + sequence_below(&s, 3600 * SEC);
        d.jitter = sequence_below(&s, d.every);
        d.now = d.due = d.first;
        while (d.now < d.first + DAY)
                day_step(&s, &d);
        ck_assert_uint_eq(d.n_due + d.n_missed, (d.due - d.first) / d.every);   /* no drift: as many as the day has */
        /* Each time that it was due it ran, or the overlap says why it did not. */
        ck_assert_uint_eq(d.n_due, d.n_started + d.n_skipped + d.n_merged + d.again);
        ck_assert(d.overlap == SCHEDULE_SKIP || d.n_skipped == 0);
        ck_assert(d.overlap == SCHEDULE_KILL || d.n_killed == 0);
        ck_assert(d.overlap == SCHEDULE_QUEUE || (d.n_merged == 0 && !d.again));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("schedule");
        TCase *c = tcase_create("schedule");

        tcase_add_test(c, runs_are_on_a_grid);
        tcase_add_test(c, what_still_runs);
        tcase_add_loop_test(c, runs_over_years, 0, SEEDS);
        tcase_add_loop_test(c, a_day, 0, DAYS);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
