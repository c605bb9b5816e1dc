# Tests of lib/base.
check_PROGRAMS += tests/unit/test-text tests/unit/test-time tests/unit/test-fd tests/unit/test-exit-status tests/unit/test-log-line
TESTS += tests/unit/test-text tests/unit/test-time tests/unit/test-fd tests/unit/test-exit-status tests/unit/test-log-line
tests_unit_test_exit_status_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_exit_status_LDADD = libharness.la libbase.la
tests_unit_test_log_line_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_log_line_LDADD = libharness.la libbase.la
tests_unit_test_text_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_text_LDADD = libharness.la libbase.la
tests_unit_test_time_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_time_LDADD = libharness.la libbase.la
tests_unit_test_fd_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_fd_LDADD = libharness.la libbase.la
