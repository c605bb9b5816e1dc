# Tests of lib/shm.
SHM_TESTS = tests/unit/test-queue
check_PROGRAMS += $(SHM_TESTS)
TESTS += $(SHM_TESTS)
tests_unit_test_queue_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_queue_LDADD = libharness.la libshm.la libbase.la

check_PROGRAMS += tests/unit/test-damage
TESTS += tests/unit/test-damage
tests_unit_test_damage_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_damage_LDADD = libharness.la libshm.la libbase.la
