# The man page and the completion of gangerctl, from its tables.
noinst_PROGRAMS += ctl/generate
ctl_generate_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -DVERBS_WITHOUT_FUNCTIONS
ctl_generate_SOURCES = ctl/generate.c $(CTL_TABLES)
ctl_generate_LDADD = libbase.la

nodist_man_MANS += man/gangerctl.1
man/gangerctl.1: ctl/generate$(EXEEXT) $(top_srcdir)/man/gangerctl.1.in
	$(AM_V_GEN)$(MKDIR_P) man && ctl/generate man $(top_srcdir)/man/gangerctl.1.in >$@.tmp && mv $@.tmp $@

completiondir = $(datadir)/bash-completion/completions
nodist_completion_DATA = contrib/completion/gangerctl
contrib/completion/gangerctl: ctl/generate$(EXEEXT) $(top_srcdir)/contrib/completion/gangerctl.in
	$(AM_V_GEN)$(MKDIR_P) contrib/completion && \
		ctl/generate completion $(top_srcdir)/contrib/completion/gangerctl.in >$@.tmp && mv $@.tmp $@

CLEANFILES += man/gangerctl.1 contrib/completion/gangerctl
EXTRA_DIST += man/gangerctl.1.in contrib/completion/gangerctl.in
