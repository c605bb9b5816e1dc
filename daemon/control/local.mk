# The control server.
DAEMON_SOURCES += \
	daemon/control/access.c daemon/control/access.h \
	daemon/control/grants.c daemon/control/grants.h daemon/control/grant-names.c daemon/control/grant-names.h \
	daemon/control/arena.c daemon/control/arena.h \
	daemon/control/calls.c daemon/control/calls.h \
	daemon/control/changes.c \
	daemon/control/connection.c daemon/control/connection.h \
	daemon/control/control.h \
	daemon/control/doctor.c daemon/control/security.c \
	daemon/control/events.c \
	daemon/control/locks.c \
	daemon/control/log-files.c \
	daemon/control/logs.c \
	daemon/control/names.c \
	daemon/control/reset.c daemon/control/upgrade.c \
	daemon/control/report.c \
	daemon/control/rings.c \
	daemon/control/rolls.c \
	daemon/control/server.c daemon/control/server.h \
	daemon/control/sockets.c \
	daemon/control/status.c
