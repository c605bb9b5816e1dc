# log: capture of what instances write, and where it goes.
DAEMON_SOURCES += \
	daemon/log/record.c daemon/log/record.h \
	daemon/log/lines.c daemon/log/lines.h \
	daemon/log/tail.c daemon/log/tail.h \
	daemon/log/sink.c daemon/log/sink.h \
	daemon/log/sink-stderr.c daemon/log/sink-journal.c daemon/log/sink-file.c \
	daemon/log/file.c daemon/log/file.h \
	daemon/log/capture.c daemon/log/capture.h \
	daemon/log/log.c daemon/log/log.h
