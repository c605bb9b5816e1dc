# The keeper: small, single-threaded, and parent of everything.
KEEPER_SOURCES = \
	daemon/keeper/handover.c \
	lib/base/fault.h \
	daemon/keeper/children.c daemon/keeper/children.h \
	daemon/keeper/clone.c daemon/keeper/clone.h \
	daemon/keeper/hash.h daemon/keeper/internal.h \
	daemon/keeper/keeper.c daemon/keeper/keeper.h \
	daemon/keeper/landlock.c daemon/keeper/landlock.h \
	daemon/keeper/left-out.h \
	daemon/keeper/main-process.c \
	daemon/keeper/manager-process.c \
	daemon/keeper/mounts.c daemon/keeper/mounts.h \
	daemon/keeper/notify.c \
	daemon/keeper/protocol.h \
	daemon/keeper/reap.c \
	daemon/keeper/reports.c \
	daemon/keeper/requests.c \
	daemon/keeper/setting.c daemon/keeper/setting.h \
	daemon/keeper/service-store.c daemon/keeper/service-store.h \
	daemon/keeper/spawn.c daemon/keeper/spawn.h \
	daemon/keeper/store.c daemon/keeper/store.h \
	daemon/keeper/user-namespace.c daemon/keeper/user-namespace.h \
	daemon/keeper/watchdog.c
DAEMON_SOURCES += $(KEEPER_SOURCES) \
	daemon/options.c daemon/options.h \
	daemon/runtime.c daemon/runtime.h
