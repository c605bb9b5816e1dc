/* SPDX-License-Identifier: MIT */
/* The last lines of an instance: which are kept, and that no order of lines exceeds the limits. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/log/lines.h"
#include "daemon/log/tail.h"
#include "harness.h"
#include "sequence.h"

static void add_of(struct log_tail *t, pid_t pid, const char *text, size_t size) {
        struct log_record record = {
                .source = { .worker = "w", .key = "w/0", .stream = LOG_STREAM_STDERR, .pid = pid },
                .priority = LOG_INFO,
                .realtime_usec = 12345,
                .text = text,
                .size = size,
        };

        log_tail_add(t, &record);
}

static void add(struct log_tail *t, const char *text, size_t size) {
        add_of(t, 7, text, size);
}

START_TEST(an_idle_instance_costs_nothing) {
        struct log_tail t;

        log_tail_init(&t);
        ck_assert_uint_eq(t.bytes, 0);
        ck_assert_ptr_null(log_tail_last(&t, 10));
        log_tail_done(&t);
}
END_TEST

START_TEST(the_last_lines_are_kept_in_order) {
        const struct log_tail_line *line;
        struct log_tail t;
        char text[16];
        int i;

        log_tail_init(&t);
        for (i = 0; i < 3 * LOG_TAIL_LINES; i++) {
                snprintf(text, sizeof text, "%d", i);
                add(&t, text, strlen(text));
        }
        ck_assert_uint_eq(t.n, LOG_TAIL_LINES);

        i = 2 * LOG_TAIL_LINES;
        for (line = log_tail_last(&t, SIZE_MAX); line; line = log_tail_next(&t, line)) {
                snprintf(text, sizeof text, "%d", i++);
                ck_assert_str_eq(line->text, text);
                ck_assert(line->stream == LOG_STREAM_STDERR && line->pid == 7);
                ck_assert_uint_eq(line->realtime_usec, 12345);
                ck_assert_uint_eq(line->dropped, 0);
        }
        ck_assert_int_eq(i, 3 * LOG_TAIL_LINES);

        line = log_tail_last(&t, 2);
        ck_assert_str_eq(line->text, "298");
        ck_assert_str_eq(log_tail_next(&t, line)->text, "299");
        ck_assert_ptr_null(log_tail_next(&t, log_tail_next(&t, line)));
        ck_assert_ptr_null(log_tail_last(&t, 0));
        log_tail_done(&t);
        ck_assert_uint_eq(t.bytes, 0);
}
END_TEST

START_TEST(no_order_of_lines_exceeds_the_limits) {
        static char text[LOG_LINE_MAX];

        memset(text, 'x', sizeof text);
        for (uint64_t seed = 0; seed < 50; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct log_tail t;

                log_tail_init(&t);
                for (int i = 0; i < 2000; i++) {
                        size_t size = sequence_wide(&s) % (LOG_LINE_MAX + 1), sum = 0, n = 0;
                        const struct log_tail_line *last = NULL;

                        add(&t, text, size);
                        for (const struct log_tail_line *l = log_tail_last(&t, SIZE_MAX); l;
                             l = log_tail_next(&t, l), n++) {
                                sum += sizeof *l + l->size + 1;
                                last = l;
                        }
                        ck_assert(last && last->size == size);
                        ck_assert(n == t.n && n <= LOG_TAIL_LINES);
                        ck_assert(sum == t.bytes && sum <= LOG_TAIL_BYTES);
                }
                log_tail_done(&t);
        }
}
END_TEST

/** A process may print before its pid is known. */
START_TEST(lines_of_nobody_are_claimed) {
        static const pid_t before[] = { 0, 7, 0, 0 }, after[] = { 0, 7, 9, 9 };
        const struct log_tail_line *line;
        struct log_tail t;
        size_t i = 0;

        log_tail_init(&t);
        log_tail_claim(&t, 5);
        for (size_t k = 0; k < ARRAY_SIZE(before); k++)
                add_of(&t, before[k], "x", 1);
        log_tail_claim(&t, 9);
        for (line = log_tail_last(&t, SIZE_MAX); line; line = log_tail_next(&t, line))
                ck_assert_int_eq(line->pid, after[i++]);
        ck_assert_uint_eq(i, ARRAY_SIZE(after));
        log_tail_done(&t);
}
END_TEST

/* Which lines are counted, and so where to begin. */
START_TEST(a_filter_is_asked_before_lines_are_counted) {
        struct log_filter errors = { .level_max = LOG_ERR }, late = { .since_usec = 5, .level_max = LOG_DEBUG };
        struct log_filter none = { .since_usec = 100, .level_max = LOG_DEBUG };
        struct log_tail t;

        log_tail_init(&t);
        ck_assert_ptr_null(log_tail_last_of(&t, 3, &errors));
        for (uint64_t i = 0; i < 10; i++) {
                struct log_record record = { .text = &"0123456789"[i], .size = 1, .realtime_usec = i,
                                             .priority = i % 3 == 0 ? LOG_ERR : LOG_INFO };

                log_tail_add(&t, &record);
        }
        ck_assert_str_eq(log_tail_last_of(&t, 2, &errors)->text, "6");
        ck_assert_str_eq(log_tail_last_of(&t, SIZE_MAX, &errors)->text, "0");
        ck_assert_str_eq(log_tail_last_of(&t, SIZE_MAX, &late)->text, "5");
        ck_assert_str_eq(log_tail_last_of(&t, 1, &late)->text, "9");
        ck_assert_ptr_null(log_tail_last_of(&t, 0, &late));
        ck_assert_ptr_null(log_tail_last_of(&t, 10, &none));
        log_tail_done(&t);
}
END_TEST

START_TEST(losses_before_a_line_are_told_with_it) {
        struct log_record record = { .text = "after", .size = 5, .dropped = 3 };
        struct log_tail t;

        log_tail_init(&t);
        add(&t, "before", 6);
        t.dropped = 2;                  /* as if there had been no memory, twice */
        log_tail_add(&t, &record);
        add(&t, "later", 5);
        ck_assert_uint_eq(log_tail_last(&t, 3)->dropped, 0);
        ck_assert_uint_eq(log_tail_last(&t, 2)->dropped, 5);
        ck_assert_uint_eq(log_tail_last(&t, 1)->dropped, 0);
        log_tail_done(&t);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("log-tail", an_idle_instance_costs_nothing,
                                         the_last_lines_are_kept_in_order,
                                         no_order_of_lines_exceeds_the_limits,
                                         lines_of_nobody_are_claimed, a_filter_is_asked_before_lines_are_counted,
                                         losses_before_a_line_are_told_with_it));
}
