/* SPDX-License-Identifier: MIT */
/* Times as people write them: those of systemd.time(7) are read, and half a time, or one to come, is refused. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "ctl/when.h"
#include "harness.h"

/* 2026-11-27 15:30:20.5 UTC, a Friday; in Berlin it is 16:30. */
#define NOW (UINT64_C(1795793420) * USEC_PER_SEC + 500000)
#define DAY (UINT64_C(1795737600) * USEC_PER_SEC)       /* the midnight before, UTC */
#define HOUR (3600 * USEC_PER_SEC)

static void set_zone(const char *zone) {
        setenv("TZ", zone, 1);
        tzset();
}

struct when_case {
        const char *text;
        uint64_t usec;
};

static void try_all(const struct when_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint64_t usec = 0;
                int r = when_parse(cases[i].text, NOW, &usec);

                ck_assert_msg(r == 0 && usec == cases[i].usec, "%s: %d, %llu", cases[i].text, r, (unsigned long long)usec);
        }
}

START_TEST(times_are_read) {
        static const struct when_case cases[] = {
                { "now", NOW }, { "-0", NOW }, { "-5m", NOW - 300 * USEC_PER_SEC }, { "-1h 30min", NOW - HOUR - HOUR / 2 },
                { "10min ago", NOW - 600 * USEC_PER_SEC }, { "2 days ago", NOW - 48 * HOUR }, { "1.5s ago", NOW - 1500000 },
                { "today", DAY }, { "yesterday", DAY - 24 * HOUR }, { "yesterday 23:00", DAY - HOUR },
                { "today 01:00:30", DAY + HOUR + 30 * USEC_PER_SEC },
                { "2026-11-27", DAY }, { "2026-11-27 10:00", DAY + 10 * HOUR },
                { "2026-11-27 10:00:30", DAY + 10 * HOUR + 30 * USEC_PER_SEC },
                { "2026-11-27T10:00:00.123456Z", DAY + 10 * HOUR + 123456 }, { "2026-11-27 10:00 UTC", DAY + 10 * HOUR },
                { "2026-11-27 10:00:00.5", DAY + 10 * HOUR + 500000 }, { "2026-11-27 UTC", DAY },
                { "2024-02-29", UINT64_C(1709164800000000) },
                { "10:00", DAY + 10 * HOUR }, { "15:30:20", NOW - 500000 }, { "@1795737600", DAY },
                { "@1795737600.25", DAY + 250000 },
                { "1970-01-01", 0 }, { "2026-11-27 10:00:00.1234569", DAY + 10 * HOUR + 123456 },
        };

        set_zone("UTC");
        try_all(cases, ARRAY_SIZE(cases));
}
END_TEST

START_TEST(local_time_is_meant) {
        static const struct when_case cases[] = {
                { "today", DAY - HOUR }, { "2026-11-27 10:00", DAY + 9 * HOUR }, { "2026-11-27 10:00 UTC", DAY + 10 * HOUR },
                { "16:00", DAY + 15 * HOUR }, { "2026-07-01 12:00", UINT64_C(1782900000000000) }, /* summer time */
        };

        set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
        try_all(cases, ARRAY_SIZE(cases));
        set_zone("UTC");
}
END_TEST

START_TEST(others_are_refused) {
        static const char *const cases[] = {
                "", " ", "-", "ago", " ago", "-infinity", "soon", "10 parsecs ago", "todays", "today ", "today x",
                "2026-11", "2026-11-27T", "2026-11-27 ",
                "2026-11-27 10", "2026-11-27 10:", "2026-11-27 10:0", "2026-11-27 25:00", "2026-11-27 10:60",
                "2026-02-30", "2025-02-29", "2026-13-01",
                "2026-00-01", "26-11-27", "2026-11-27 10:00:00.", "2026-11-27 10:00 CET", "10:00Zulu", "10:00 x", "@",
                "@x", "@1.", "@-1", "5m", "+5m",
                "2026-11-27  10:00", "UTC", "Z", "10:00:61", "--5m", "-5m ago",
        };
        static const char *const out_of_range[] =
                { "2026-11-28", "23:00", "@99999999999", "-100y 1d", "-99999d", "1969-12-31" };
        uint64_t usec = 7;

        set_zone("UTC");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_msg(when_parse(cases[i], NOW, &usec) == -EINVAL, "'%s'", cases[i]);
        for (size_t i = 0; i < ARRAY_SIZE(out_of_range); i++)
                ck_assert_msg(when_parse(out_of_range[i], NOW, &usec) < 0, "'%s'", out_of_range[i]);
        ck_assert_int_eq(when_parse("23:00", NOW, &usec), -ERANGE);
        ck_assert_uint_eq(usec, 7);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("when", times_are_read, local_time_is_meant, others_are_refused));
}
