# The manager's seeded faults, and the points at which it can be made to die: a second gangerd has them built in. Of its
# sources only those that know of faults are compiled again; all else is that of gangerd.
check_PROGRAMS += tests/faults/gangerd-faults
tests_faults_gangerd_faults_SOURCES = daemon/main.c \
	daemon/attachment.c \
	daemon/group.c \
	daemon/log/file.c \
	daemon/log/sink.c \
	daemon/control/grants.c \
	daemon/output-rate.c \
	daemon/holding.c \
	daemon/keeper/reports.c daemon/keeper/requests.c daemon/keeper/service-store.c daemon/keeper/spawn.c \
	daemon/keeper/watchdog.c \
	daemon/exit-action.c \
	daemon/failure-hook.c \
	daemon/condemn.c \
	daemon/credentials.c \
	daemon/cgroup-devices.c daemon/device-program.c daemon/device-rules.c \
	daemon/dynamic-number.c daemon/dynamic-user.c daemon/remove-ipc.c \
	daemon/config/semantics-user.c daemon/isolation/mounts.c \
	daemon/fd-store.c \
	daemon/heartbeat.c \
	daemon/hold.c \
	daemon/instance.c \
	daemon/instance-end.c \
	daemon/instance-record.c \
	daemon/instance-spawn.c \
	daemon/spawn-queue.c \
	daemon/instance-takeover.c \
	daemon/main-pid.c \
	daemon/membership.c \
	daemon/objects.c \
	daemon/placement.c daemon/placement-devices.c \
	daemon/probe-exec.c \
	daemon/quarantine.c daemon/successor.c daemon/upgrade.c daemon/keeper/handover.c daemon/manager.c \
	daemon/notify.c \
	daemon/release.c \
	daemon/reload.c \
	daemon/report.c \
	daemon/ring-watch.c \
	daemon/roll.c \
	daemon/roll-record.c \
	daemon/roll-step.c \
	daemon/scaling.c \
	daemon/sockets.c \
	daemon/stall.c \
	daemon/standby.c \
	daemon/sweep.c \
	daemon/takeover.c \
	daemon/wishes.c \
	daemon/worker.c
tests_faults_gangerd_faults_CPPFLAGS = $(DAEMON_CPPFLAGS) -DGANGER_FAULTS=1
tests_faults_gangerd_faults_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += tests/faults/at-call
tests_faults_at_call_CPPFLAGS = $(AM_CPPFLAGS)
noinst_HEADERS += tests/faults/call-errors.h

FAULT_TESTS = tests/faults/manager-faults.py tests/faults/every-call.py tests/faults/every-phase.py
FAULT_LONG_TESTS = tests/faults/long-every-call.py tests/faults/long-every-phase.py
TESTS += $(FAULT_TESTS)
LONG_TESTS += $(FAULT_LONG_TESTS)
EXTRA_DIST += $(FAULT_TESTS) $(FAULT_LONG_TESTS) tests/faults/any-moment.py
