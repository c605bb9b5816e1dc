# The manager: what gangerd decides and remembers.
DAEMON_SOURCES += \
	daemon/attachment.c \
	daemon/cgroup.c daemon/cgroup.h daemon/cgroup-find.c \
	daemon/cgroup-control.c daemon/cgroup-control.h \
	daemon/cgroup-devices.c daemon/cgroup-devices.h \
	daemon/change.c daemon/change.h \
	daemon/acl.c daemon/acl.h \
	daemon/core-file.c daemon/core-file.h \
	daemon/credentials.c daemon/credentials.h \
	daemon/demand.c daemon/demand.h \
	daemon/device-program.c daemon/device-program.h \
	daemon/device-rules.c daemon/device-rules.h \
	daemon/dynamic-number.c daemon/dynamic-number.h \
	daemon/dynamic-user.c daemon/dynamic-user.h \
	daemon/remove-ipc.c daemon/remove-ipc.h \
	daemon/hold.c daemon/hold.h \
	daemon/scaling.c daemon/scaling.h \
	daemon/standby.c daemon/standby.h \
	daemon/env-file.c daemon/env-file.h \
	daemon/events.c daemon/events.h \
	daemon/exit-action.c daemon/exit-action.h \
	daemon/failure-hook.c daemon/failure-hook.h \
	daemon/shortage.c daemon/shortage.h \
	daemon/condemn.c daemon/condemn.h \
	daemon/events.c daemon/events.h \
	daemon/fd-store.c daemon/fd-store.h \
	daemon/gang.h \
	daemon/group.c daemon/group.h \
	daemon/heartbeat.c daemon/heartbeat.h \
	daemon/holding.c daemon/holding.h \
	daemon/instance.c daemon/instance.h daemon/instance-parts.h \
	daemon/instance-end.c \
	daemon/instance-output.c \
	daemon/instance-record.c \
	daemon/instance-spawn.c \
	daemon/instance-takeover.c \
	daemon/invocation.c daemon/invocation.h \
	daemon/keeper-link.c daemon/keeper-link.h \
	daemon/lease-look.c daemon/lease-look.h \
	daemon/left-out.c daemon/left-out.h \
	daemon/liveness.c daemon/liveness.h \
	daemon/lock-cycles.c daemon/lock-look.c daemon/lock-look.h \
	daemon/main-pid.c daemon/main-pid.h \
	daemon/manager.c daemon/manager.h \
	daemon/map.c daemon/map.h \
	daemon/membership.c \
	daemon/proc.c daemon/proc.h \
	daemon/quarantine.c daemon/quarantine.h \
	daemon/successor.c daemon/successor.h \
	daemon/upgrade.c daemon/upgrade.h \
	daemon/end-counts.c daemon/end-counts.h \
	daemon/notify.c daemon/notify.h \
	daemon/objects.c daemon/objects.h daemon/object-parts.h \
	daemon/order.c daemon/order.h \
	daemon/orphan.c daemon/orphan.h \
	daemon/output-rate.c daemon/output-rate.h \
	daemon/placement.c daemon/placement.h \
	daemon/placement-devices.c daemon/placement-devices.h \
	daemon/probe.c daemon/probe.h \
	daemon/probe-exec.c daemon/probe-exec.h \
	daemon/probing.c daemon/probing.h \
	daemon/ready-fd.c daemon/ready-fd.h \
	daemon/reload.c daemon/reload.h \
	daemon/release.c daemon/release.h \
	daemon/report.c daemon/report.h \
	daemon/ring-look.c daemon/ring-look.h \
	daemon/roll.c daemon/roll.h daemon/roll-record.c daemon/roll-step.c daemon/roll-parts.h \
	daemon/schedule.c daemon/schedule.h \
	daemon/side-process.c daemon/side-process.h \
	daemon/small-file.c daemon/small-file.h \
	daemon/spawn-parts.c daemon/spawn-parts.h \
	daemon/spawn-queue.c daemon/spawn-queue.h \
	daemon/spawn-request.c daemon/spawn-request.h \
	daemon/spawn-settings.c daemon/spawn-settings.h \
	daemon/ring-watch.c daemon/ring-watch.h \
	daemon/socket-look.c daemon/socket-look.h \
	daemon/socket-open.c daemon/socket-open.h daemon/sockets.c daemon/sockets.h \
	daemon/stall.c daemon/stall.h \
	daemon/state.c daemon/state.h \
	daemon/sweep.c daemon/sweep.h \
	daemon/takeover.c daemon/takeover.h \
	daemon/timer.h \
	daemon/user.c daemon/user.h \
	daemon/wishes.c daemon/wishes.h \
	daemon/words.c daemon/words.h \
	daemon/watchdog.c daemon/watchdog.h \
	daemon/worker-log.c daemon/worker-log.h \
	daemon/worker.c daemon/worker.h
