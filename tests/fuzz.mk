# Fuzz targets: hostile memory, handshakes, and all else that the daemon reads; compiled by the script, with clang, where that has libFuzzer.
dist_check_SCRIPTS += tests/fuzz/run-fuzz tests/fuzz/run-fuzz-long
TESTS += tests/fuzz/run-fuzz
LONG_TESTS += tests/fuzz/run-fuzz-long
EXTRA_DIST += tests/fuzz/fuzz.h tests/fuzz/fuzz-object.c tests/fuzz/fuzz-handshake.c tests/fuzz/fuzz-journal.c \
	tests/fuzz/fuzz-broadcast.c tests/fuzz/fuzz-counter.c tests/fuzz/fuzz-monitor.c tests/fuzz/fuzz-pipe.c \
	tests/fuzz/fuzz-queue.c tests/fuzz/fuzz-semaphore.c tests/fuzz/fuzz-service.c
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/descriptors.h tests/fuzz/make-corpus tests/fuzz/config.dict tests/fuzz/notify.dict \
	tests/fuzz/fuzz-config.c tests/fuzz/fuzz-control.c tests/fuzz/fuzz-handover.c tests/fuzz/fuzz-keeper.c tests/fuzz/fuzz-notify.c \
	tests/fuzz/fuzz-client.c tests/fuzz/fuzz-env.c tests/fuzz/fuzz-import.c tests/fuzz/fuzz-log.c \
	tests/fuzz/fuzz-reports.c

# What the daemon is compiled and linked with, for clang to read: the first as it stands, with its quotes.
check_DATA += tests/fuzz/flags tests/fuzz/libraries
tests/fuzz/flags: export TEXT = $(DAEMON_CPPFLAGS) $(CHECK_CFLAGS) -I$(top_srcdir)/tests/harness -I$(top_srcdir)/tests/unit
tests/fuzz/libraries: export TEXT = $(SYSTEMD_LIBS) $(PROTOBUF_C_LIBS) $(CONFUSE_LIBS) $(SECCOMP_LIBS) $(CHECK_LIBS)
tests/fuzz/flags tests/fuzz/libraries: Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && printf '%s\n' "$$TEXT" >$@
CLEANFILES += tests/fuzz/flags tests/fuzz/libraries
