# The manager: what gangerd decides and remembers.
DAEMON_SOURCES += \
	daemon/events.c daemon/events.h \
	daemon/map.c daemon/map.h \
	daemon/state.c daemon/state.h
