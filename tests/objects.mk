# Tests of what the daemon and gangerctl know of objects of every kind.
check_PROGRAMS += tests/unit/test-deadlock
TESTS += tests/unit/test-deadlock
tests_unit_test_deadlock_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_deadlock_LDADD = $(POLICY_TEST_LIBS)

# A worker that scenarios tell what to do, and those scenarios.
check_PROGRAMS += tests/scenario/object-worker
tests_scenario_object_worker_CPPFLAGS = $(AM_CPPFLAGS)
tests_scenario_object_worker_LDADD = libganger.la
OBJECT_SCENARIOS = tests/scenario/b170-locks.py tests/scenario/b175-services.py tests/scenario/b180-pipes.py \
	tests/scenario/b185-broadcasts.py tests/scenario/b188-quarantine.py tests/scenario/b189-another-form.py
TESTS += $(OBJECT_SCENARIOS)
EXTRA_DIST += $(OBJECT_SCENARIOS) tests/harness/told.py

check_PROGRAMS += tests/unit/test-look
TESTS += tests/unit/test-look
tests_unit_test_look_CPPFLAGS = $(DAEMON_CPPFLAGS) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)
tests_unit_test_look_LDADD = libharness.la $(DAEMON_LIBS)

check_PROGRAMS += tests/unit/test-doctor
TESTS += tests/unit/test-doctor
tests_unit_test_doctor_CPPFLAGS = $(DAEMON_CPPFLAGS) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)
tests_unit_test_doctor_LDADD = libharness.la $(DAEMON_LIBS)
