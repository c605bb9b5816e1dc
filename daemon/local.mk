# gangerd. Each part of it brings a fragment that adds to DAEMON_SOURCES; the unit tests link libgangerd.la.
# Sources include each other as "daemon/…", the libraries' headers as "base/…", "shm/…", "worker/…".
DAEMON_SOURCES =
include daemon/keeper/local.mk
include daemon/config/local.mk
include daemon/policy/local.mk
include daemon/log/local.mk
include daemon/control/local.mk
include daemon/isolation/local.mk
include daemon/doctor/local.mk
include daemon/manager.mk

DAEMON_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(SYSTEMD_CFLAGS) $(PROTOBUF_C_CFLAGS) $(CONFUSE_CFLAGS) \
	$(SECCOMP_CFLAGS)
DAEMON_LIBS = libgangerd.la

noinst_LTLIBRARIES += libgangerd.la
libgangerd_la_SOURCES = $(DAEMON_SOURCES)
libgangerd_la_CPPFLAGS = $(DAEMON_CPPFLAGS)
libgangerd_la_LIBADD = libproto-control.la libproto-daemon.la libwire.la libworker.la libshm.la libbase.la \
	$(SYSTEMD_LIBS) $(PROTOBUF_C_LIBS) $(CONFUSE_LIBS) $(SECCOMP_LIBS)

sbin_PROGRAMS += gangerd
gangerd_SOURCES = daemon/main.c
gangerd_CPPFLAGS = $(DAEMON_CPPFLAGS)
gangerd_LDADD = $(DAEMON_LIBS)
