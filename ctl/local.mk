# gangerctl. Its verbs and options are tables (verbs.def, options.def); see HACKING.md.
CTL_TABLES = ctl/options.def ctl/options.h ctl/verbs.c ctl/verbs.def ctl/verbs.h
CTL_PRINTING = \
	ctl/json.c ctl/json.h \
	ctl/output.c ctl/output.h ctl/output-json.c ctl/output-doctor.c ctl/output-objects.c ctl/output-report.c \
	ctl/output-table.c ctl/output-table.h \
	ctl/table.c ctl/table.h \
	ctl/utf8.c ctl/utf8.h
CTL_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(PROTOBUF_C_CFLAGS) -DSBINDIR='"$(sbindir)"'

noinst_LTLIBRARIES += libctl-printing.la
libctl_printing_la_CPPFLAGS = $(CTL_CPPFLAGS)
libctl_printing_la_SOURCES = $(CTL_PRINTING)

bin_PROGRAMS += gangerctl
gangerctl_CPPFLAGS = $(CTL_CPPFLAGS)
gangerctl_SOURCES = \
	$(CTL_TABLES) \
	ctl/attach.c ctl/attach.h \
	ctl/cmd-call.c ctl/cmd-change.c ctl/cmd-check.c ctl/cmd-daemon.c ctl/cmd-doctor.c ctl/cmd-import.c ctl/cmd-locks.c ctl/cmd-logs.c ctl/cmd-receive.c ctl/cmd-report.c ctl/cmd-rings.c ctl/cmd-send.c \
	ctl/cmd-roll.c ctl/roll.h ctl/cmd-sockets.c ctl/cmd-status.c ctl/cmd-tree.c ctl/cmd-watch.c ctl/processes.c ctl/processes.h \
	ctl/ctl.c ctl/ctl.h \
	ctl/find-gangerd.c ctl/find-gangerd.h \
	ctl/import.c ctl/import.h ctl/import-ini.c ctl/import-ini.h \
	ctl/import-procfile.c ctl/import-supervisord.c ctl/import-unit.c ctl/import-place.c ctl/import-place.h \
	ctl/import-isolation.c ctl/import-isolation.h \
	ctl/help.c ctl/log-files.c ctl/log-files.h ctl/main.c ctl/options.c ctl/watch.h ctl/when.c ctl/when.h \
	ctl/demo/demo.c ctl/demo/demo.h \
	ctl/demo/chaos.c ctl/demo/feed.c ctl/demo/gang.c ctl/demo/input.c ctl/demo/screen.c ctl/demo/verdict.c
gangerctl_LDADD = libctl-printing.la libganger-control.la libganger.la libbase.la $(PROTOBUF_C_LIBS)

include ctl/generate.mk
include ctl/metrics/local.mk
