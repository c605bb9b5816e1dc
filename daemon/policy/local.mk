# policy: pure decisions, with time and randomness as arguments.
DAEMON_SOURCES += \
	daemon/policy/states.c daemon/policy/states.h \
	daemon/policy/rate.c daemon/policy/rate.h \
	daemon/policy/restart.c daemon/policy/restart.h \
	daemon/policy/crash-loop.c daemon/policy/crash-loop.h \
	daemon/policy/backoff.c daemon/policy/backoff.h \
	daemon/policy/deadline.c daemon/policy/deadline.h \
	daemon/policy/deadlock.c daemon/policy/deadlock.h daemon/policy/demand.c daemon/policy/demand.h \
	daemon/policy/group.c daemon/policy/group.h daemon/policy/grant.c daemon/policy/grant.h \
	daemon/policy/schedule.c daemon/policy/schedule.h daemon/policy/roll.c daemon/policy/roll.h \
	daemon/policy/scale.c daemon/policy/scale.h daemon/policy/standby.c daemon/policy/standby.h \
	daemon/policy/limit.c daemon/policy/limit.h
