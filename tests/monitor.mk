# Mutex and monitor: the world of monitors for crashsim; see tests/crash.mk.
check_LTLIBRARIES += libcrashmonitor.la
libcrashmonitor_la_SOURCES = tests/crash/monitor/ops.c tests/crash/monitor/scenarios.c tests/crash/monitor/world.h
libcrashmonitor_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashmonitor_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim-monitor
tests_crash_crashsim_monitor_SOURCES = $(CRASH_SIM) tests/crash/monitor/world.c
tests_crash_crashsim_monitor_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_crashsim_monitor_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_monitor_LDFLAGS =
tests_crash_crashsim_monitor_LDADD = libcrashmonitor.la libcrashshm.la

dist_check_SCRIPTS += tests/crash/run-crashsim-monitor tests/crash/run-crashsim-monitor-long tests/crash/faults-monitor
TESTS += tests/crash/run-crashsim-monitor tests/crash/faults-monitor
LONG_TESTS += tests/crash/run-crashsim-monitor-long

check_PROGRAMS += tests/unit/test-monitor tests/unit/test-ganger-monitor
TESTS += tests/unit/test-monitor tests/unit/test-ganger-monitor
tests_unit_test_monitor_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_monitor_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_monitor_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_monitor_LDADD = $(GANG_RIG_LIBS)

check_PROGRAMS += tests/crash/stepkill-monitor
tests_crash_stepkill_monitor_SOURCES = $(STEP_SOURCES) \
	tests/crash/monitor/step-world.h tests/crash/monitor/step-check.c tests/crash/monitor/step-ops.c
tests_crash_stepkill_monitor_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_stepkill_monitor_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_monitor_LDFLAGS = -Wl,-z,now
dist_check_SCRIPTS += tests/crash/run-stepkill-monitor tests/crash/run-stepkill-monitor-long
TESTS += tests/crash/run-stepkill-monitor
LONG_TESTS += tests/crash/run-stepkill-monitor-long

dist_check_SCRIPTS += tests/model/run-model-monitor tests/model/run-model-monitor-long
TESTS += tests/model/run-model-monitor
LONG_TESTS += tests/model/run-model-monitor-long
EXTRA_DIST += tests/model/monitor.pml

# make bench BENCH=locks
EXTRA_PROGRAMS += tests/bench/bench-locks
BENCH_BINARIES += tests/bench/bench-locks$(EXEEXT)
tests_bench_bench_locks_SOURCES = $(BENCH_COMMON) $(BENCH_OPS) tests/bench/bench-locks.c
tests_bench_bench_locks_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_locks_LDADD = libworker.la libshm.la libbase.la
