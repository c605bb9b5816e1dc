# The man page and the completions of gangerctl, from its tables.
noinst_PROGRAMS += ctl/generate
ctl_generate_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -DVERBS_WITHOUT_FUNCTIONS
ctl_generate_SOURCES = ctl/generate.c ctl/generate.h ctl/generate-completion.c $(CTL_TABLES)
ctl_generate_LDADD = libbase.la

nodist_man_MANS += man/gangerctl.1
man/gangerctl.1: ctl/generate$(EXEEXT) $(top_srcdir)/man/gangerctl.1.in
	$(AM_V_GEN)$(MKDIR_P) man && ctl/generate man $(top_srcdir)/man/gangerctl.1.in >$@.tmp && mv $@.tmp $@

# Where each shell looks below its own prefix; Debian's zsh looks in zsh/vendor-completions (make install zshcompletiondir=...).
completiondir = $(datadir)/bash-completion/completions
nodist_completion_DATA = contrib/completion/gangerctl
zshcompletiondir = $(datadir)/zsh/site-functions
nodist_zshcompletion_DATA = contrib/completion/_gangerctl
fishcompletiondir = $(datadir)/fish/vendor_completions.d
nodist_fishcompletion_DATA = contrib/completion/gangerctl.fish

contrib/completion/gangerctl: completion_shell = bash
contrib/completion/_gangerctl: completion_shell = zsh
contrib/completion/gangerctl.fish: completion_shell = fish
COMPLETIONS = contrib/completion/gangerctl contrib/completion/_gangerctl contrib/completion/gangerctl.fish
$(COMPLETIONS): %: ctl/generate$(EXEEXT) $(top_srcdir)/%.in
	$(AM_V_GEN)$(MKDIR_P) contrib/completion && ctl/generate $(completion_shell) $(top_srcdir)/$@.in >$@.tmp && mv $@.tmp $@

CLEANFILES += man/gangerctl.1 $(COMPLETIONS)
EXTRA_DIST += man/gangerctl.1.in $(COMPLETIONS:=.in)
