/* SPDX-License-Identifier: MIT */
/* Time spans: systemd's notation, read and written. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"

START_TEST(spans_are_read) {
        static const struct {
                const char *text;
                int result;
                uint64_t usec;
        } cases[] = {
                { "10", 0, 10 * USEC_PER_SEC },   { "10s", 0, 10 * USEC_PER_SEC },  { "1.5s", 0, 1500000 },
                { "250ms", 0, 250000 },           { "1min 30s", 0, 90000000 },      { "1min30s", 0, 90000000 },
                { " 2 h ", 0, 7200000000 },       { "infinity", 0, USEC_INFINITY }, { "0", 0, 0 },
                { "", -EINVAL, 0 },               { "soon", -EINVAL, 0 },           { "10x", -EINVAL, 0 },
                { "-1s", -EINVAL, 0 },            { "99999999999999999w", -ERANGE, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t n = 0;

                ck_assert_msg(usec_parse(cases[i].text, &n) == cases[i].result, "'%s'", cases[i].text);
                ck_assert_uint_eq(n, cases[i].usec);
        }
}
END_TEST

START_TEST(spans_are_written) {
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "0s" },           { 250000, "250ms" },       { 90000000, "1min 30s" },
                { 3600000000, "1h" },  { 3601000000, "1h" },      { 93784000000, "1d 2h" },
                { 1500, "1ms 500us" }, { USEC_INFINITY, "infinity" },
        };
        char buf[USEC_FORMAT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_str_eq(usec_format(buf, sizeof buf, cases[i].usec), cases[i].text);
}
END_TEST

START_TEST(spans_are_written_in_one_unit) {
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "0s" },           { 1, "1us" },           { 999, "999us" },       { 1499, "1ms" },
                { 777872, "778ms" },   { 999499, "999ms" },    { 999500, "1s" },       { 1234567, "1.2s" },
                { 1000000, "1s" },     { 9949999, "9.9s" },    { 9950000, "10s" },     { 59400000, "59s" },
                { 59600000, "1min" },  { 90000000, "1.5min" }, { 3600000000, "1h" },   { 86400000000, "1d" },
                { 30 * 86400 * USEC_PER_SEC, "30d" },          { USEC_INFINITY, "infinity" },
        };
        char buf[USEC_FORMAT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_str_eq(usec_format_rough(buf, sizeof buf, cases[i].usec), cases[i].text);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("time", spans_are_read, spans_are_written, spans_are_written_in_one_unit));
}
