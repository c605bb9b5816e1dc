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
