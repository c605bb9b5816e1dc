# Semaphores and counters. Their worlds for crashsim and stepkill; see tests/crash/README.md.
check_LTLIBRARIES += libcrashsemaphore.la
libcrashsemaphore_la_SOURCES = tests/crash/semaphore/ops.c tests/crash/semaphore/scenarios.c tests/crash/semaphore/world.h
libcrashsemaphore_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashsemaphore_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim-semaphore
tests_crash_crashsim_semaphore_SOURCES = $(CRASH_SIM) tests/crash/semaphore/world.c
tests_crash_crashsim_semaphore_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_crashsim_semaphore_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_semaphore_LDFLAGS =
tests_crash_crashsim_semaphore_LDADD = libcrashsemaphore.la libcrashshm.la

dist_check_SCRIPTS += tests/crash/run-crashsim-semaphore tests/crash/run-crashsim-semaphore-long tests/crash/faults-semaphore
TESTS += tests/crash/run-crashsim-semaphore tests/crash/faults-semaphore
LONG_TESTS += tests/crash/run-crashsim-semaphore-long

check_PROGRAMS += tests/crash/stepkill-semaphore
tests_crash_stepkill_semaphore_SOURCES = $(STEP_SOURCES) \
	tests/crash/semaphore/step-world.h tests/crash/semaphore/step-check.c tests/crash/semaphore/step-ops.c
tests_crash_stepkill_semaphore_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_stepkill_semaphore_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_semaphore_LDFLAGS = -Wl,-z,now

dist_check_SCRIPTS += tests/crash/run-stepkill-semaphore tests/crash/run-stepkill-semaphore-long
TESTS += tests/crash/run-stepkill-semaphore
LONG_TESTS += tests/crash/run-stepkill-semaphore-long

SEMAPHORE_TESTS = tests/unit/test-semaphore tests/unit/test-counter tests/unit/test-ganger-semaphore
check_PROGRAMS += $(SEMAPHORE_TESTS)
TESTS += $(SEMAPHORE_TESTS)
tests_unit_test_semaphore_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_semaphore_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_counter_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_counter_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_semaphore_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_semaphore_LDADD = $(GANG_RIG_LIBS)
