# policy: pure decisions, with time and randomness as arguments.
DAEMON_SOURCES += \
	daemon/policy/states.c daemon/policy/states.h \
	daemon/policy/restart.c daemon/policy/restart.h \
	daemon/policy/backoff.c daemon/policy/backoff.h \
	daemon/policy/deadline.c daemon/policy/deadline.h \
	daemon/policy/deadlock.c daemon/policy/deadlock.h \
	daemon/policy/limit.c daemon/policy/limit.h
