# Verification of lib/shm; see tests/crash/README.md.
#
# crashsim is lib/shm itself, compiled with -fsanitize=thread against our own hooks; so neither it nor libtsan may be
# linked with a sanitizer, whatever the rest of the tree is built with.
CRASH_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/crash
CRASH_CFLAGS = $(GANGER_CFLAGS) -fno-sanitize=all

# All of lib/shm but what stands in for the kernel, with the hooks.
CRASH_SHM = \
	lib/shm/broadcast-inspect.c lib/shm/broadcast-object.c lib/shm/broadcast-wait.c lib/shm/broadcast.c \
	lib/shm/counter-object.c lib/shm/counter.c \
	lib/shm/damage.c \
	lib/shm/member.c \
	lib/shm/monitor-object.c lib/shm/monitor-wait.c lib/shm/monitor.c \
	lib/shm/object.c \
	lib/shm/pipe-inspect.c lib/shm/pipe-object.c lib/shm/pipe-wait.c lib/shm/pipe.c \
	lib/shm/queue-dead.c lib/shm/queue-delay.c lib/shm/queue-heap.c lib/shm/queue-inspect.c lib/shm/queue-move.c lib/shm/queue-object.c \
	lib/shm/queue-producer.c lib/shm/queue-wait.c lib/shm/queue.c \
	lib/shm/recover.c \
	lib/shm/semaphore-file.c lib/shm/semaphore-object.c lib/shm/semaphore-posix.c \
	lib/shm/semaphore.c \
	lib/shm/service-inspect.c lib/shm/service-object.c lib/shm/service-wait.c lib/shm/service.c \
	lib/shm/wait-any.c lib/shm/wait-until.c lib/shm/wait.c
CRASH_SIM_CPPFLAGS = $(CRASH_CPPFLAGS) -DQUEUE_HINT_INTERVAL=1 -DQUEUE_STEPS_LOST=0 -DQUEUE_PRODUCERS=2 -DQUEUE_HOLES_KEPT=1
CRASH_SIM_CFLAGS = $(CRASH_CFLAGS) -fsanitize=thread -Wno-unknown-warning-option -Wno-tsan
check_LTLIBRARIES += libcrashshm.la
libcrashshm_la_SOURCES = $(CRASH_SHM)
libcrashshm_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashshm_la_CFLAGS = $(CRASH_SIM_CFLAGS)

# The scheduler, without a world.
CRASH_SIM = \
	tests/crash/choice.c tests/crash/crashsim.c tests/crash/sim.c tests/crash/sim.h tests/crash/sim-buffer.c \
	tests/crash/sim-hooks.c tests/crash/sim-sys.c tests/crash/sim-waiters.c

# For each kind a world: a folder, a library of what actors do (with the hooks), and a program.
check_LTLIBRARIES += libcrashqueue.la
libcrashqueue_la_SOURCES = tests/crash/queue/ops.c tests/crash/queue/scenarios.c tests/crash/queue/world.h
libcrashqueue_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashqueue_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim
tests_crash_crashsim_SOURCES = $(CRASH_SIM) tests/crash/queue/world.c
tests_crash_crashsim_CPPFLAGS = $(CRASH_CPPFLAGS) -DQUEUE_PRODUCERS=2
tests_crash_crashsim_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_LDFLAGS =
tests_crash_crashsim_LDADD = libcrashqueue.la libcrashshm.la

# The scripts of this folder find the compiler here.
check_DATA = tests/crash/compiler
tests/crash/compiler: Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { \
	echo 'CC="$(CC)"'; echo 'SPIN="$(SPIN)"'; echo 'top_srcdir="$(top_srcdir)"'; } > $@
CLEANFILES += tests/crash/compiler

dist_check_SCRIPTS += tests/crash/check-table tests/crash/run-crashsim tests/crash/run-crashsim-long tests/crash/faults-queue
TESTS += tests/crash/check-table tests/crash/run-crashsim tests/crash/faults-queue
LONG_TESTS += tests/crash/run-crashsim-long
EXTRA_DIST += tests/crash/README.md tests/crash/faults.sh

# stepkill and soak: real processes and a real kernel.
check_PROGRAMS += tests/crash/stepkill tests/crash/soak
STEP_SOURCES = $(CRASH_SHM) lib/shm/sys.c tests/crash/step.h tests/crash/stepkill.c
tests_crash_stepkill_SOURCES = $(STEP_SOURCES) \
	tests/crash/queue/step-world.h tests/crash/queue/step-check.c tests/crash/queue/step-ops.c
tests_crash_stepkill_CPPFLAGS = $(CRASH_CPPFLAGS) -DQUEUE_PRODUCERS=2
tests_crash_stepkill_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_LDFLAGS = -Wl,-z,now
tests_crash_soak_SOURCES = tests/crash/soak.c
tests_crash_soak_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_soak_LDADD = libshm.la libbase.la

dist_check_SCRIPTS += tests/crash/run-stepkill tests/crash/run-stepkill-long tests/crash/run-soak-long \
	tests/model/run-model tests/model/run-model-long
TESTS += tests/crash/run-stepkill tests/crash/soak tests/model/run-model
LONG_TESTS += tests/crash/run-stepkill-long tests/crash/run-soak-long tests/model/run-model-long
EXTRA_DIST += tests/model/queue.pml
