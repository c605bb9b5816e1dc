/* SPDX-License-Identifier: MIT */
/* Files of variables: what systemd reads from them we read, and what is wrong is told with its line. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/env-file.h"
#include "harness.h"

static int add(void *userdata, const char *assignment, const char **why) {
        if (strncmp(assignment, "REFUSED=", 8) == 0) {
                *why = "refused";
                return -EPERM;
        }
        fprintf(userdata, "[%s]", assignment);
        return 0;
}

static void expect(const char *text, const char *variables) {
        _cleanup_(freep) char *got = NULL;
        const char *why = "";
        unsigned int line = 0;
        size_t size;
        FILE *f = open_memstream(&got, &size);
        int r = env_file_parse(text, strlen(text), add, f, &line, &why);

        fclose(f);
        ck_assert_msg(r == 0, "%s: line %u: %s", text, line, why);
        ck_assert_str_eq(got, variables);
}

static void expect_error(const char *text, size_t size, int error, unsigned int line, const char *why) {
        _cleanup_(freep) char *got = NULL;
        const char *told = NULL;
        unsigned int at = 0;
        size_t n;
        FILE *f = open_memstream(&got, &n);

        ck_assert_int_eq(env_file_parse(text, size, add, f, &at, &told), error);
        fclose(f);
        ck_assert_uint_eq(at, line);
        ck_assert_str_eq(told, why);
}

START_TEST(what_systemd_reads_is_read) {
        expect("", "");
        expect("A=1", "[A=1]");
        expect("A=1\nB=2\n", "[A=1][B=2]");
        expect("\n  \n# A=1\n; B=2\n  #C=3\nD=4", "[D=4]");
        expect("A=\nB=\"\"\nC=''\n", "[A=][B=][C=]");
        expect("  A =  b c \t \nB=x", "[A=b c][B=x]");
        expect("A='b  c ' \nB=\" d \"", "[A=b  c ][B= d ]");
        expect("A='$x `y` \\ \"'\n", "[A=$x `y` \\ \"]");
        expect("A=\"\\\"\\\\\\`\\$\\n\"\n", "[A=\"\\`$\\n]");
        expect("A=\\ b\\c\\\\d", "[A= bc\\d]");
        expect("A=one\\\ntwo\nB=1", "[A=onetwo][B=1]");
        expect("A=\"one\\\ntwo\"\nB='one\ntwo'", "[A=onetwo][B=one\ntwo]");
        expect("# goes on \\\nA=1\nB=2", "[B=2]");
        expect("A='x''y'z\nB=\"1\" '2'", "[A=xyz][B=12]");
        expect("A=x'y'\nB=a=b=c", "[A=x'y'][B=a=b=c]");
        expect("A=x # no comment", "[A=x # no comment]");
        expect("A=1\r\nB=2\r\n", "[A=1][B=2]");
        expect("_a1=\xc3\xa4", "[_a1=\xc3\xa4]");
}
END_TEST

START_TEST(what_is_wrong_is_told_with_its_line) {
        expect_error("A=1\n\nexport\n", 12, -EINVAL, 3, "'=' is missing");
        expect_error("A", 1, -EINVAL, 1, "'=' is missing");
        expect_error("A=1\nexport B=2", 14, -EINVAL, 2, "what is before '=' is not the name of a variable");
        expect_error("=2", 2, -EINVAL, 1, "what is before '=' is not the name of a variable");
        expect_error("1A=2", 4, -EINVAL, 1, "what is before '=' is not the name of a variable");
        expect_error("A=1\nB='x\ny\nz", 12, -EINVAL, 2, "a quote is not closed");
        expect_error("A=\"x\\", 5, -EINVAL, 1, "a quote is not closed");
        expect_error("A=1\nB=x\0y", 10, -EINVAL, 2, "there is a byte 0 in it");
        expect_error("A=1\nB='x\ny'\nREFUSED=1", 21, -EPERM, 4, "refused");
}
END_TEST

/* Whatever it is, it is read or refused, and nothing is written past the end. */
START_TEST(no_text_is_too_odd) {
        static const char alphabet[] = "A='\"\\\n #;$x\r\t";
        char text[6];
        size_t n = sizeof alphabet - 1;

        FILE *null = fopen("/dev/null", "we");

        for (size_t i = 0; i < n * n * n * n * n; i++) {
                const char *why;
                unsigned int line;
                size_t rest = i;

                for (size_t k = 0; k < 5; k++, rest /= n)
                        text[k] = alphabet[rest % n];
                (void)env_file_parse(text, 5, add, null, &line, &why);
        }
        fclose(null);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("env-file", what_systemd_reads_is_read, what_is_wrong_is_told_with_its_line,
                                         no_text_is_too_odd));
}
