# The manager: what gangerd decides and remembers.
DAEMON_SOURCES += \
	daemon/attachment.c \
	daemon/cgroup.c daemon/cgroup.h daemon/cgroup-find.c \
	daemon/change.c daemon/change.h \
	daemon/condemn.c daemon/condemn.h \
	daemon/events.c daemon/events.h \
	daemon/fd-store.c daemon/fd-store.h \
	daemon/gang.h \
	daemon/instance.c daemon/instance.h daemon/instance-parts.h \
	daemon/instance-end.c \
	daemon/instance-output.c \
	daemon/instance-record.c \
	daemon/instance-spawn.c \
	daemon/instance-takeover.c \
	daemon/keeper-link.c daemon/keeper-link.h \
	daemon/liveness.c daemon/liveness.h \
	daemon/lock-cycles.c daemon/lock-look.c daemon/lock-look.h \
	daemon/main-pid.c daemon/main-pid.h \
	daemon/manager.c daemon/manager.h \
	daemon/map.c daemon/map.h \
	daemon/membership.c \
	daemon/notify.c daemon/notify.h \
	daemon/objects.c daemon/objects.h daemon/object-parts.h \
	daemon/orphan.c daemon/orphan.h \
	daemon/probe.c daemon/probe.h \
	daemon/probing.c daemon/probing.h \
	daemon/ready-fd.c daemon/ready-fd.h \
	daemon/reload.c daemon/reload.h \
	daemon/ring-look.c daemon/ring-look.h \
	daemon/state.c daemon/state.h \
	daemon/takeover.c daemon/takeover.h \
	daemon/timer.h \
	daemon/user.c daemon/user.h \
	daemon/watchdog.c daemon/watchdog.h \
	daemon/worker.c daemon/worker.h
