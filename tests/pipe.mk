# Tests of pipes; see tests/crash/README.md for those that kill.

check_LTLIBRARIES += libcrashpipe.la
libcrashpipe_la_SOURCES = tests/crash/pipe/ops.c tests/crash/pipe/scenarios.c tests/crash/pipe/world.h
libcrashpipe_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashpipe_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim-pipe
tests_crash_crashsim_pipe_SOURCES = $(CRASH_SIM) tests/crash/pipe/world.c
tests_crash_crashsim_pipe_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_crashsim_pipe_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_pipe_LDFLAGS =
tests_crash_crashsim_pipe_LDADD = libcrashpipe.la libcrashshm.la

dist_check_SCRIPTS += tests/crash/run-crashsim-pipe tests/crash/run-crashsim-pipe-long tests/crash/faults-pipe
TESTS += tests/crash/run-crashsim-pipe tests/crash/faults-pipe
LONG_TESTS += tests/crash/run-crashsim-pipe-long

check_PROGRAMS += tests/crash/stepkill-pipe
tests_crash_stepkill_pipe_SOURCES = $(STEP_SOURCES) \
	tests/crash/pipe/step-world.h tests/crash/pipe/step-check.c tests/crash/pipe/step-ops.c
tests_crash_stepkill_pipe_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_stepkill_pipe_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_pipe_LDFLAGS = -Wl,-z,now
dist_check_SCRIPTS += tests/crash/run-stepkill-pipe tests/crash/run-stepkill-pipe-long
TESTS += tests/crash/run-stepkill-pipe
LONG_TESTS += tests/crash/run-stepkill-pipe-long

check_PROGRAMS += tests/unit/test-pipe tests/unit/test-ganger-pipe
TESTS += tests/unit/test-pipe tests/unit/test-ganger-pipe
tests_unit_test_pipe_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_pipe_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_pipe_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_pipe_LDADD = $(GANG_RIG_LIBS)
