# The configuration, and its manual: made from keys.def by config-doc.
CONFIG_SOURCES = \
	daemon/config/address.c daemon/config/address.h \
	daemon/config/config.h \
	daemon/config/definition.c daemon/config/definition.h \
	daemon/config/device-item.c daemon/config/device-item.h \
	daemon/config/diff.c \
	daemon/config/errors.c \
	daemon/config/keys.c daemon/config/keys.def daemon/config/keys.h \
	daemon/config/lexer.c daemon/config/lexer.h \
	daemon/config/load.c \
	daemon/config/outline.c daemon/config/outline.h \
	daemon/config/probe-address.c daemon/config/probe-address.h \
	daemon/config/parse.c daemon/config/parse.h \
	daemon/config/root.c daemon/config/root.h \
	daemon/config/checker.h daemon/config/semantics.c daemon/config/semantics.h \
	daemon/config/semantics-listen.c daemon/config/semantics-log.c daemon/config/semantics-object.c \
	daemon/config/semantics-liveness.c daemon/config/semantics-order.c daemon/config/semantics-run.c daemon/config/semantics-scale.c \
	daemon/config/semantics-isolation.c daemon/config/semantics-place.c daemon/config/semantics-user.c \
	daemon/config/syscall-filter.c daemon/config/syscall-filter.h daemon/config/syscall-sets.c \
	daemon/config/types.c daemon/config/types-isolation.c daemon/config/types-place.c \
	daemon/config/values.c daemon/config/values.h \
	daemon/config/words-isolation.c daemon/config/words-isolation.h
DAEMON_SOURCES += $(CONFIG_SOURCES)

noinst_PROGRAMS += daemon/config/config-doc
daemon_config_config_doc_SOURCES = daemon/config/doc.c daemon/config/address.c daemon/config/keys.c daemon/config/types.c daemon/config/types-place.c \
	daemon/policy/grant.c daemon/config/types-isolation.c daemon/config/values.c daemon/config/words-isolation.c \
	daemon/config/device-item.c daemon/config/syscall-filter.c daemon/config/syscall-sets.c
daemon_config_config_doc_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CONFUSE_CFLAGS) $(SECCOMP_CFLAGS)
daemon_config_config_doc_LDADD = libbase.la $(SECCOMP_LIBS)

EXTRA_DIST += man/ganger.conf.5.in
nodist_man_MANS += man/ganger.conf.5
CLEANFILES += man/ganger.conf.5
man/ganger.conf.5: $(top_srcdir)/man/ganger.conf.5.in daemon/config/config-doc$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && ./daemon/config/config-doc$(EXEEXT) $(top_srcdir)/man/ganger.conf.5.in >$@.tmp && mv $@.tmp $@
