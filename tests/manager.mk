# Tests of the manager.
MANAGER_TESTS = tests/unit/test-cgroup-control tests/unit/test-device-program tests/unit/test-env-file tests/unit/test-isolation tests/unit/test-notify tests/unit/test-probe tests/unit/test-seats tests/unit/test-state
check_PROGRAMS += $(MANAGER_TESTS)
TESTS += $(MANAGER_TESTS)
MANAGER_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(SYSTEMD_CFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_cgroup_control_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_cgroup_control_LDADD = libharness.la libgangerd.la
tests_unit_test_device_program_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_device_program_LDADD = libharness.la libgangerd.la
tests_unit_test_isolation_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_isolation_LDADD = libharness.la libgangerd.la
tests_unit_test_env_file_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_env_file_LDADD = libharness.la libgangerd.la
tests_unit_test_notify_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_notify_LDADD = libharness.la libgangerd.la
tests_unit_test_probe_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_probe_LDADD = libharness.la libgangerd.la
tests_unit_test_seats_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_seats_LDADD = libharness.la libgangerd.la
tests_unit_test_state_CPPFLAGS = $(MANAGER_TEST_CPPFLAGS)
tests_unit_test_state_LDADD = libharness.la libgangerd.la

# A real gangerd, asked over its control socket.
check_PROGRAMS += tests/unit/test-takeover
TESTS += tests/unit/test-takeover
tests_unit_test_takeover_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS) -DGANGERD='"$(abs_builddir)/gangerd"'
tests_unit_test_takeover_LDADD = libharness.la libganger-control.la libproto-control.la libbase.la $(PROTOBUF_C_LIBS)
EXTRA_tests_unit_test_takeover_DEPENDENCIES = gangerd$(EXEEXT)

# Managers killed at random while everything changes; and what outlives them.
STORM_TESTS = tests/scenario/b300-storm.py tests/scenario/b310-what-stays.py
STORM_LONG_TESTS = tests/scenario/l300-storm-long.py
TESTS += $(STORM_TESTS)
LONG_TESTS += $(STORM_LONG_TESTS)
EXTRA_DIST += $(STORM_TESTS) $(STORM_LONG_TESTS)
