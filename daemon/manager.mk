# The manager: what gangerd decides and remembers.
DAEMON_SOURCES += \
	daemon/attachment.c \
	daemon/cgroup.c daemon/cgroup.h daemon/cgroup-find.c \
	daemon/change.c daemon/change.h \
	daemon/core-file.c daemon/core-file.h \
	daemon/demand.c daemon/demand.h \
	daemon/events.c daemon/events.h \
	daemon/failure-hook.c daemon/failure-hook.h \
	daemon/condemn.c daemon/condemn.h \
	daemon/events.c daemon/events.h \
	daemon/fd-store.c daemon/fd-store.h \
	daemon/gang.h \
	daemon/group.c daemon/group.h \
	daemon/holding.c daemon/holding.h \
	daemon/instance.c daemon/instance.h daemon/instance-parts.h \
	daemon/instance-end.c \
	daemon/instance-output.c \
	daemon/instance-record.c \
	daemon/instance-spawn.c \
	daemon/instance-takeover.c \
	daemon/keeper-link.c daemon/keeper-link.h \
	daemon/lease-look.c daemon/lease-look.h \
	daemon/liveness.c daemon/liveness.h \
	daemon/lock-cycles.c daemon/lock-look.c daemon/lock-look.h \
	daemon/main-pid.c daemon/main-pid.h \
	daemon/manager.c daemon/manager.h \
	daemon/map.c daemon/map.h \
	daemon/membership.c \
	daemon/quarantine.c daemon/quarantine.h \
	daemon/successor.c daemon/successor.h \
	daemon/notify.c daemon/notify.h \
	daemon/objects.c daemon/objects.h daemon/object-parts.h \
	daemon/order.c daemon/order.h \
	daemon/orphan.c daemon/orphan.h \
	daemon/probe.c daemon/probe.h \
	daemon/probing.c daemon/probing.h \
	daemon/ready-fd.c daemon/ready-fd.h \
	daemon/reload.c daemon/reload.h \
	daemon/report.c daemon/report.h \
	daemon/ring-look.c daemon/ring-look.h \
	daemon/schedule.c daemon/schedule.h \
	daemon/spawn-parts.c daemon/spawn-parts.h \
	daemon/ring-watch.c daemon/ring-watch.h \
	daemon/socket-look.c daemon/socket-look.h \
	daemon/socket-open.c daemon/socket-open.h daemon/sockets.c daemon/sockets.h \
	daemon/state.c daemon/state.h \
	daemon/takeover.c daemon/takeover.h \
	daemon/timer.h \
	daemon/user.c daemon/user.h \
	daemon/wishes.c daemon/wishes.h \
	daemon/watchdog.c daemon/watchdog.h \
	daemon/worker.c daemon/worker.h
