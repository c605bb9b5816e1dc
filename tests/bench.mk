# The benches. A plain build does not need them: `make bench` builds and runs all of them, `make bench BENCH=queue`
# (or another part of tests/bench/run: several in quotes) some.
EXTRA_PROGRAMS = \
	tests/bench/bench-broadcast \
	tests/bench/bench-daemon \
	tests/bench/bench-first \
	tests/bench/bench-holder \
	tests/bench/bench-ipc \
	tests/bench/bench-machine \
	tests/bench/bench-pipe \
	tests/bench/bench-queue \
	tests/bench/bench-semaphore \
	tests/bench/bench-supervisor
BENCH_BINARIES = $(EXTRA_PROGRAMS:=$(EXEEXT))
CLEANFILES += $(BENCH_BINARIES)
BENCH_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/bench

BENCH_COMMON = tests/bench/bench.c tests/bench/bench.h tests/bench/machine.c tests/bench/machine.h

tests_bench_bench_machine_SOURCES = $(BENCH_COMMON) tests/bench/bench-machine.c
tests_bench_bench_machine_CPPFLAGS = $(BENCH_CPPFLAGS)

# What runs those that carry messages between processes.
BENCH_PEER_RUN = \
	tests/bench/gang.c tests/bench/gang.h \
	tests/bench/peer-children.c tests/bench/peer-children.h tests/bench/peer-moment.c \
	tests/bench/peer-run.c tests/bench/peer-run.h tests/bench/peer.h

# Those that carry them; those of libraries are compiled by the script.
BENCH_PEERS = $(BENCH_PEER_RUN) \
	tests/bench/peer-ganger.c tests/bench/peer-kernel.c tests/bench/peer-vyukov.c \
	tests/bench/vyukov.c tests/bench/vyukov.h

tests_bench_bench_pipe_SOURCES = $(BENCH_COMMON) \
	tests/bench/bench-pipe.c tests/bench/pipe-bare.c tests/bench/pipe-bench.h tests/bench/pipe-ganger.c
tests_bench_bench_pipe_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_pipe_LDADD = libworker.la libshm.la libbase.la

tests_bench_bench_queue_SOURCES = $(BENCH_COMMON) $(BENCH_PEERS) \
	tests/bench/bench-queue.c tests/bench/queue-bench.h \
	tests/bench/one-thread.c tests/bench/processes.c
tests_bench_bench_queue_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_queue_LDADD = libworker.la libshm.la libbase.la

tests_bench_bench_broadcast_SOURCES = $(BENCH_COMMON) $(BENCH_PEER_RUN) \
	tests/bench/bench-broadcast.c tests/bench/peer-broadcast.c tests/bench/peer-fan.c
tests_bench_bench_broadcast_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_broadcast_LDADD = libworker.la libshm.la libbase.la

tests_bench_bench_ipc_SOURCES = $(BENCH_COMMON) $(BENCH_PEERS) \
	tests/bench/ipc.c tests/bench/peer-mq.c tests/bench/peer-turns.c
tests_bench_bench_ipc_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_ipc_LDADD = libworker.la libshm.la libbase.la

# Operations that are over at once; tests/monitor.mk takes them too.
BENCH_OPS = tests/bench/gang.c tests/bench/gang.h tests/bench/op.c tests/bench/op.h

tests_bench_bench_semaphore_SOURCES = $(BENCH_COMMON) $(BENCH_OPS) tests/bench/bench-semaphore.c
tests_bench_bench_semaphore_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_semaphore_LDADD = libworker.la libshm.la libbase.la

# What runs those whose supervisor is measured.
BENCH_GANGD = \
	tests/bench/bare.c tests/bench/bare.h \
	tests/bench/gangd.c tests/bench/gangd.h tests/bench/report.h \
	tests/bench/proc.c tests/bench/proc.h

tests_bench_bench_daemon_SOURCES = $(BENCH_COMMON) $(BENCH_GANGD) \
	tests/bench/bench-daemon.c tests/bench/daemon-bench.h \
	tests/bench/idle.c tests/bench/restart.c
tests_bench_bench_daemon_CPPFLAGS = $(BENCH_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_bench_bench_daemon_LDADD = libganger-control.la libproto-control.la libbase.la $(PROTOBUF_C_LIBS)

tests_bench_bench_supervisor_SOURCES = $(BENCH_COMMON) $(BENCH_GANGD) \
	tests/bench/bench-supervisor.c tests/bench/supervisors.c tests/bench/supervisors.h
tests_bench_bench_supervisor_CPPFLAGS = $(BENCH_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_bench_bench_supervisor_LDADD = libganger-control.la libproto-control.la libbase.la $(PROTOBUF_C_LIBS)

# Without a libc, so without what the compiler would want of one.
tests_bench_bench_first_SOURCES = tests/bench/bench-first.c tests/bench/report.h
tests_bench_bench_first_CFLAGS = $(AM_CFLAGS) -O2 -fno-stack-protector -fno-sanitize=all -fno-builtin -fno-pie
tests_bench_bench_first_CPPFLAGS = $(BENCH_CPPFLAGS) -U_FORTIFY_SOURCE
tests_bench_bench_first_LDFLAGS = -static -nostdlib -no-pie

tests_bench_bench_holder_SOURCES = tests/bench/bench-holder.c tests/bench/report.h
tests_bench_bench_holder_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_holder_LDADD = libworker.la libshm.la libbase.la

# Compiled by the script, where their libraries are.
EXTRA_DIST += tests/bench/run tests/bench/plot tests/bench/peer-boost.cc tests/bench/peer-zeromq.c \
	tests/bench/peer-ck.c tests/bench/peer-dpdk.c tests/bench/peer-nng.c tests/bench/peer-qb.c tests/bench/peer-memory.h \
	tests/bench/peer-nng-pub.c tests/bench/peer-zeromq-pub.c

bench: $(BENCH_BINARIES) gangerd$(EXEEXT) gangerctl$(EXEEXT)
	CC="$(CC)" $(SHELL) $(srcdir)/tests/bench/run --source=$(srcdir)/tests/bench --build=. $(BENCH)

# Beside other supervisors, from what contrib/setup --bench installs. It takes some minutes, and wants a quiet machine.
bench-supervisor: tests/bench/bench-supervisor$(EXEEXT) tests/bench/bench-first$(EXEEXT) tests/bench/bench-machine$(EXEEXT) \
		gangerd$(EXEEXT) gangerctl$(EXEEXT)
	CC="$(CC)" $(SHELL) $(srcdir)/tests/bench/run --source=$(srcdir)/tests/bench --build=. supervisor
