# Tests. Each area brings a fragment; what is in TESTS runs with `make check`, what is in LONG_TESTS with `make check-long`.

check_LTLIBRARIES += libharness.la
libharness_la_SOURCES = tests/harness/harness.c tests/harness/harness.h
libharness_la_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
libharness_la_LIBADD = $(CHECK_LIBS)

TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)

include tests/base.mk
include tests/shm.mk
include tests/crash.mk
include tests/keeper.mk
include tests/config.mk
include tests/policy.mk
include tests/manager.mk
include tests/control.mk
include tests/control-server.mk
include tests/bridge.mk
include tests/scenario.mk
include tests/systemd.mk
include tests/packages.mk
include tests/faults.mk
include tests/bench.mk
include tests/readme.mk
include tests/fuzz.mk
include tests/race.mk
include tests/queue.mk
include tests/objects.mk
include tests/service.mk
include tests/embed.mk
include tests/python.mk
include tests/semaphore.mk
include tests/monitor.mk
include tests/pipe.mk
include tests/broadcast.mk
