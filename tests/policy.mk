# Tests of policy and log.
POLICY_TESTS = tests/unit/test-group tests/unit/test-schedule tests/unit/test-states tests/unit/test-backoff tests/unit/test-limit tests/unit/test-restart \
	tests/unit/test-demand tests/unit/test-deadline tests/unit/test-rate tests/unit/test-roll tests/unit/test-standby \
	tests/unit/test-scale tests/unit/test-grant tests/unit/test-policy
LOG_TESTS = tests/unit/test-log-lines tests/unit/test-log-tail tests/unit/test-log-sink tests/unit/test-log-capture \
	tests/unit/test-log-file
check_PROGRAMS += $(POLICY_TESTS) $(LOG_TESTS)
TESTS += $(POLICY_TESTS) $(LOG_TESTS)
noinst_HEADERS += tests/unit/sequence.h

POLICY_TEST_LIBS = libharness.la libgangerd.la libbase.la
tests_unit_test_schedule_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_schedule_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_grant_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_grant_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_policy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_policy_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_group_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_group_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_states_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_states_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_backoff_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_backoff_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_limit_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_limit_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_demand_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_demand_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_scale_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_scale_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_standby_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_standby_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_restart_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_restart_LDADD = $(POLICY_TEST_LIBS)
check_PROGRAMS += tests/unit/test-core-file
TESTS += tests/unit/test-core-file
tests_unit_test_core_file_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_core_file_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_roll_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_roll_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_deadline_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_deadline_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_rate_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_rate_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_log_file_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_log_file_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_log_lines_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_log_lines_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_log_tail_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_log_tail_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_log_sink_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_log_sink_LDADD = $(POLICY_TEST_LIBS)
tests_unit_test_log_capture_CPPFLAGS = $(TEST_CPPFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_log_capture_LDADD = $(POLICY_TEST_LIBS) $(SYSTEMD_LIBS)
