# What a machine has, and what is in force of processes.
DAEMON_SOURCES += \
	daemon/doctor/check.c daemon/doctor/check.h \
	daemon/doctor/check-mounts.c daemon/doctor/check-mounts.h \
	daemon/doctor/check-parts.h daemon/doctor/check-place.c \
	daemon/doctor/exposure.c daemon/doctor/exposure.h \
	daemon/doctor/exposure-facts.c \
	daemon/doctor/look.c daemon/doctor/look.h \
	daemon/doctor/machine.c daemon/doctor/machine.h \
	daemon/doctor/mount-table.c daemon/doctor/mount-table.h
