# Tests of what the daemon and gangerctl know of objects of every kind.
check_PROGRAMS += tests/unit/test-deadlock
TESTS += tests/unit/test-deadlock
tests_unit_test_deadlock_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_deadlock_LDADD = $(POLICY_TEST_LIBS)
