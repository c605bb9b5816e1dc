# What a process may not do: from a definition to settings of the keeper's child.
DAEMON_SOURCES += \
	daemon/isolation/isolation.c daemon/isolation/isolation.h \
	daemon/isolation/filter.c daemon/isolation/filter.h \
	daemon/isolation/filter-calls.c \
	daemon/isolation/filter-families.c \
	daemon/isolation/filter-hostname.c \
	daemon/isolation/filter-namespaces.c \
	daemon/isolation/filter-personality.c \
	daemon/isolation/filter-suid-sgid.c \
	daemon/isolation/filter-write-execute.c \
	daemon/isolation/filter-protect.c \
	daemon/isolation/filter-realtime.c \
	daemon/isolation/landlock.c daemon/isolation/landlock.h \
	daemon/isolation/mounts.c daemon/isolation/mounts.h \
	daemon/isolation/mounts-collect.h \
	daemon/isolation/mounts-devices.c \
	daemon/isolation/mounts-root.c
