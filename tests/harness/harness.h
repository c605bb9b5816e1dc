/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_HARNESS_H
#define GANGER_TESTS_HARNESS_H

#include <check.h>

/**
 * Run a suite in this process; fail too if it left a descriptor or a child behind.
 * @return the exit status for main().
 */
int harness_run(Suite *suite);

/** A suite of one case with these tests. */
#define HARNESS_SUITE(name, ...)                                                                \
        ({                                                                                      \
                Suite *_suite = suite_create(name);                                             \
                TCase *_case = tcase_create(name);                                              \
                const TTest *_tests[] = { __VA_ARGS__ };                                        \
                for (size_t _i = 0; _i < sizeof _tests / sizeof _tests[0]; _i++)                \
                        tcase_add_test(_case, _tests[_i]);                                      \
                suite_add_tcase(_suite, _case);                                                 \
                _suite;                                                                         \
        })

#endif
