/* SPDX-License-Identifier: MIT */
/* Text for people: what is written can be read back, and a near miss is recognised. */

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "harness.h"

START_TEST(sizes_are_read_and_written) {
        static const struct {
                const char *text;
                int result;
                uint64_t bytes;
        } cases[] = {
                { "0", 0, 0 },          { "512", 0, 512 },          { "512B", 0, 512 },     { "4K", 0, 4096 },
                { "4KiB", 0, 4096 },    { "4 KB", 0, 4096 },        { "512MiB", 0, 512u << 20 }, { "1g", 0, 1u << 30 },
                { "", -EINVAL, 0 },     { "-1", -EINVAL, 0 },       { "4X", -EINVAL, 0 },   { "4Kib/s", -EINVAL, 0 },
                { "99999999999999999999", -ERANGE, 0 },             { "99999999999T", -ERANGE, 0 },
        };
        char buf[SIZE_FORMAT_MAX];
        uint64_t n;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                n = 0;
                ck_assert_msg(size_parse(cases[i].text, &n) == cases[i].result, "%s", cases[i].text);
                ck_assert_uint_eq(n, cases[i].bytes);
        }
        ck_assert_str_eq(size_format(buf, sizeof buf, 4096), "4KiB");
        ck_assert_str_eq(size_format(buf, sizeof buf, 1536), "1.5KiB");
        ck_assert_str_eq(size_format(buf, sizeof buf, 0), "0B");
}
END_TEST

START_TEST(signals_have_names) {
        char buf[SIGNAL_FORMAT_MAX];

        ck_assert_int_eq(signal_parse("SIGTERM"), SIGTERM);
        ck_assert_int_eq(signal_parse("term"), SIGTERM);
        ck_assert_int_eq(signal_parse("15"), SIGTERM);
        ck_assert_int_eq(signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
        ck_assert_int_eq(signal_parse("SIGNONE"), -EINVAL);
        ck_assert_int_eq(signal_parse("RTMIN+999"), -EINVAL);
        ck_assert_int_eq(signal_parse("0"), -EINVAL);
        for (int i = 1; i < NSIG; i++)
                if (i < 32 || i >= SIGRTMIN)
                        ck_assert_int_eq(signal_parse(signal_format(buf, sizeof buf, i)), i);
}
END_TEST

START_TEST(exit_statuses_are_words) {
        char buf[EXIT_STATUS_FORMAT_MAX];

        ck_assert_str_eq(exit_status_format(buf, sizeof buf, 3 << 8), "exit status 3");
        ck_assert_str_eq(exit_status_format(buf, sizeof buf, SIGKILL), "killed by SIGKILL");
        ck_assert_str_eq(exit_status_format(buf, sizeof buf, SIGSEGV | 0x80), "killed by SIGSEGV, core dumped");
}
END_TEST

START_TEST(a_near_miss_is_recognised) {
        static const char *const verbs[] = { "status", "start", "stop", "restart", NULL };

        ck_assert_str_eq(text_nearest("statsu", verbs), "status");
        ck_assert_str_eq(text_nearest("strat", verbs), "start");
        ck_assert_str_eq(text_nearest("restrat", verbs), "restart");
        ck_assert_ptr_null(text_nearest("frobnicate", verbs));
        ck_assert_uint_eq(text_distance("ab", "ba"), 1);
        ck_assert_uint_eq(text_distance("", "abc"), 3);
}
END_TEST

START_TEST(names_are_checked) {
        ck_assert(name_is_valid("resize-2_x.y"));
        ck_assert(!name_is_valid(""));
        ck_assert(!name_is_valid("-x"));
        ck_assert(!name_is_valid("a/b"));
        ck_assert(!name_is_valid("0123456789012345678901234567890123456789012345678901234567890123"));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("text", sizes_are_read_and_written, signals_have_names, exit_statuses_are_words,
                                         a_near_miss_is_recognised, names_are_checked));
}
