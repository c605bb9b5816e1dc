# The benches. A plain build does not need them: `make bench` builds and runs all of them, `make bench BENCH=queue`
# (or semaphore, restart, idle: several in quotes) some.
EXTRA_PROGRAMS = tests/bench/bench-machine tests/bench/bench-queue tests/bench/bench-daemon tests/bench/bench-first \
	tests/bench/bench-holder tests/bench/bench-semaphore
BENCH_BINARIES = tests/bench/bench-machine$(EXEEXT) tests/bench/bench-queue$(EXEEXT) tests/bench/bench-daemon$(EXEEXT) \
	tests/bench/bench-first$(EXEEXT) tests/bench/bench-holder$(EXEEXT) tests/bench/bench-semaphore$(EXEEXT)
CLEANFILES += $(BENCH_BINARIES)
BENCH_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/bench

BENCH_COMMON = tests/bench/bench.c tests/bench/bench.h

tests_bench_bench_machine_SOURCES = $(BENCH_COMMON) tests/bench/bench-machine.c
tests_bench_bench_machine_CPPFLAGS = $(BENCH_CPPFLAGS)

tests_bench_bench_queue_SOURCES = $(BENCH_COMMON) \
	tests/bench/bench-queue.c tests/bench/queue-bench.h \
	tests/bench/gang.c tests/bench/gang.h \
	tests/bench/one-thread.c tests/bench/processes.c \
	tests/bench/peer.h tests/bench/peer-ganger.c tests/bench/peer-kernel.c tests/bench/peer-vyukov.c \
	tests/bench/vyukov.c tests/bench/vyukov.h
tests_bench_bench_queue_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_queue_LDADD = libworker.la libshm.la libbase.la

tests_bench_bench_semaphore_SOURCES = $(BENCH_COMMON) tests/bench/bench-semaphore.c
tests_bench_bench_semaphore_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_semaphore_LDADD = libworker.la libshm.la libbase.la

tests_bench_bench_daemon_SOURCES = $(BENCH_COMMON) \
	tests/bench/bench-daemon.c tests/bench/daemon-bench.h \
	tests/bench/bare.c tests/bench/bare.h \
	tests/bench/gangd.c tests/bench/gangd.h tests/bench/report.h \
	tests/bench/idle.c tests/bench/restart.c
tests_bench_bench_daemon_CPPFLAGS = $(BENCH_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_bench_bench_daemon_LDADD = libganger-control.la libproto-control.la libbase.la $(PROTOBUF_C_LIBS)

# Without a libc, so without what the compiler would want of one.
tests_bench_bench_first_SOURCES = tests/bench/bench-first.c tests/bench/report.h
tests_bench_bench_first_CFLAGS = $(AM_CFLAGS) -O2 -fno-stack-protector -fno-sanitize=all -fno-builtin -fno-pie
tests_bench_bench_first_CPPFLAGS = $(BENCH_CPPFLAGS) -U_FORTIFY_SOURCE
tests_bench_bench_first_LDFLAGS = -static -nostdlib -no-pie

tests_bench_bench_holder_SOURCES = tests/bench/bench-holder.c tests/bench/report.h
tests_bench_bench_holder_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_holder_LDADD = libworker.la libshm.la libbase.la

# Compiled by the script, where their libraries are.
EXTRA_DIST += tests/bench/run tests/bench/peer-boost.cc tests/bench/peer-zeromq.c

bench: $(BENCH_BINARIES) gangerd$(EXEEXT) gangerctl$(EXEEXT)
	CC="$(CC)" $(SHELL) $(srcdir)/tests/bench/run --source=$(srcdir)/tests/bench --build=. $(BENCH)
