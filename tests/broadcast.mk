# Tests of the broadcast ring. See tests/crash.mk for crashsim and stepkill.
check_LTLIBRARIES += libcrashbroadcast.la
libcrashbroadcast_la_SOURCES = tests/crash/broadcast/ops.c tests/crash/broadcast/scenarios.c tests/crash/broadcast/world.h
libcrashbroadcast_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashbroadcast_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim-broadcast
tests_crash_crashsim_broadcast_SOURCES = $(CRASH_SIM) tests/crash/broadcast/world.c
tests_crash_crashsim_broadcast_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_crashsim_broadcast_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_broadcast_LDFLAGS =
tests_crash_crashsim_broadcast_LDADD = libcrashbroadcast.la libcrashshm.la

dist_check_SCRIPTS += tests/crash/run-crashsim-broadcast tests/crash/run-crashsim-broadcast-long tests/crash/faults-broadcast
TESTS += tests/crash/run-crashsim-broadcast tests/crash/faults-broadcast
LONG_TESTS += tests/crash/run-crashsim-broadcast-long

check_PROGRAMS += tests/unit/test-broadcast tests/unit/test-ganger-broadcast
TESTS += tests/unit/test-broadcast tests/unit/test-ganger-broadcast
tests_unit_test_broadcast_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_broadcast_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_broadcast_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_broadcast_LDADD = $(GANG_RIG_LIBS)

check_PROGRAMS += tests/crash/stepkill-broadcast
tests_crash_stepkill_broadcast_SOURCES = $(STEP_SOURCES) \
	tests/crash/broadcast/step-world.h tests/crash/broadcast/step-check.c tests/crash/broadcast/step-ops.c
tests_crash_stepkill_broadcast_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_stepkill_broadcast_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_broadcast_LDFLAGS = -Wl,-z,now
dist_check_SCRIPTS += tests/crash/run-stepkill-broadcast tests/crash/run-stepkill-broadcast-long
TESTS += tests/crash/run-stepkill-broadcast
LONG_TESTS += tests/crash/run-stepkill-broadcast-long

dist_check_SCRIPTS += tests/model/run-model-broadcast
TESTS += tests/model/run-model-broadcast
EXTRA_DIST += tests/model/broadcast.pml
