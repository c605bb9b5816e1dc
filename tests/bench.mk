# The benches. A plain build does not need them: `make bench` builds and runs all of them, `make bench BENCH=queue`
# (or restart, idle: several in quotes) some.
EXTRA_PROGRAMS = tests/bench/bench-machine tests/bench/bench-queue
BENCH_BINARIES = tests/bench/bench-machine$(EXEEXT) tests/bench/bench-queue$(EXEEXT)
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

# Compiled by the script, where their libraries are.
EXTRA_DIST += tests/bench/run tests/bench/peer-boost.cc tests/bench/peer-zeromq.c

bench: $(BENCH_BINARIES)
	CC="$(CC)" $(SHELL) $(srcdir)/tests/bench/run --source=$(srcdir)/tests/bench --build=. $(BENCH)
