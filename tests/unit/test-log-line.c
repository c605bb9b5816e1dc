/* SPDX-License-Identifier: MIT */
/* Lines of log files: what is written is read again, and what somebody else wrote is no line of ours. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/log-line.h"
#include "harness.h"

START_TEST(what_is_written_is_read) {
        static const struct log_line_head heads[] = {
                { 0, "w/0", 0, "stdout", LOG_INFO },
                { UINT64_C(1795773600123456), "resize/0", 4711, "stderr", LOG_EMERG },
                { UINT64_C(4102444799999999), "gangerd", 1, "-", LOG_DEBUG },
                { 1, "a.b_c-d/4294967295/on-failure", 4194304, "stderr", LOG_WARNING },
        };
        char line[LOG_LINE_HEAD_MAX + 16];
        struct log_line_head head;

        for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
                size_t n = log_line_head_format(line, &heads[i]);
                const char *text;

                strcpy(line + n, "the: text");
                text = log_line_head_parse(line, n + 9, &head);
                ck_assert_msg(text, "%s", line);
                ck_assert_ptr_eq(text, line + n);
                ck_assert_uint_eq(head.realtime_usec, heads[i].realtime_usec);
                ck_assert_str_eq(head.key, heads[i].key);
                ck_assert_int_eq(head.pid, heads[i].pid);
                ck_assert_str_eq(head.stream, heads[i].stream);
                ck_assert_int_eq(head.priority, heads[i].priority);
        }
}
END_TEST

START_TEST(other_lines_are_not_ours) {
        static const char *const lines[] = {
                "", "hello", "2026-11-27T10:00:00.123456Z", "2026-11-27T10:00:00.123456Z ",
                "2026-11-27T10:00:00.123456Z w/0[1] stderr warning:", "2026-11-27T10:00:00.123456Z w/0[1] stderr loud: x",
                "2026-11-27T10:00:00.123456Z w/0 stderr warning: x", "2026-11-27 10:00:00.123456Z w/0[1] stderr warning: x",
                "2026-11-27T10:00:00.1Z w/0[1] stderr warning: x aaaaaaaa",
        };
        struct log_line_head head;

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                ck_assert_msg(!log_line_head_parse(lines[i], strlen(lines[i]), &head), "%s", lines[i]);
}
END_TEST

START_TEST(levels_have_words_and_numbers) {
        ck_assert_int_eq(log_level_parse("err"), LOG_ERR);
        ck_assert_int_eq(log_level_parse("error"), LOG_ERR);
        ck_assert_int_eq(log_level_parse("3"), LOG_ERR);
        ck_assert_int_eq(log_level_parse("warn"), LOG_WARNING);
        ck_assert_int_eq(log_level_parse("debug"), LOG_DEBUG);
        ck_assert_int_eq(log_level_parse("panic"), LOG_EMERG);
        ck_assert_int_eq(log_level_parse(""), -EINVAL);
        ck_assert_int_eq(log_level_parse("8"), -EINVAL);
        ck_assert_int_eq(log_level_parse("33"), -EINVAL);
        ck_assert_int_eq(log_level_parse("loud"), -EINVAL);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("log-line", what_is_written_is_read, other_lines_are_not_ours,
                                         levels_have_words_and_numbers));
}
