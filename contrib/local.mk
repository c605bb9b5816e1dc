# The demo's workers, and what people run by hand from the source tree.
demodir = $(pkglibexecdir)/demo
demo_PROGRAMS = contrib/demo/split contrib/demo/sum
dist_demo_SCRIPTS = contrib/demo/count
# They take the library's objects, not the shared library, so that a build tree can run them as they are.
contrib_demo_split_LDADD = libworker.la libshm.la libbase.la
contrib_demo_sum_LDADD = libworker.la libshm.la libbase.la

EXTRA_DIST += contrib/bench.svg contrib/setup contrib/build contrib/run-tests contrib/run-demo .ci/run

# Packages. contrib/debian becomes debian/ of the unpacked tarball (contrib/build-deb).
EXTRA_DIST += contrib/build-deb contrib/ganger.conf contrib/rpm/ganger.spec contrib/apparmor/usr.sbin.gangerd contrib/debian

# gangerctl looks for all of the demo's workers in one folder: in a build tree, the script beside the programs.
.PHONY: demo-script clean-demo-script
all-local: demo-script
demo-script:
	@cmp -s $(top_srcdir)/contrib/demo/count contrib/demo/count || \
		{ $(MKDIR_P) contrib/demo && cp $(top_srcdir)/contrib/demo/count contrib/demo/count; }
clean-local: clean-demo-script
clean-demo-script:
	test "$(abs_top_srcdir)" = "$(abs_top_builddir)" || rm -f contrib/demo/count

# The library for Python: PYTHONPATH=$(pkgdatadir) finds it.
dist_pkgdata_DATA = contrib/python/ganger.py

# systemd looks for units below /usr/lib and below /usr/local/lib, so with the usual prefixes this is found.
# Elsewhere: make install systemdsystemunitdir=$(pkg-config --variable=systemdsystemunitdir systemd)
systemdsystemunitdir = $(prefix)/lib/systemd/system
nodist_systemdsystemunit_DATA = contrib/systemd/ganger.service contrib/systemd/ganger@.service
dist_systemdsystemunit_DATA = contrib/systemd/ganger.socket contrib/systemd/ganger@.socket
systemduserunitdir = $(prefix)/lib/systemd/user
nodist_systemduserunit_DATA = contrib/systemd/user/ganger.service
UNITS = $(nodist_systemdsystemunit_DATA) $(nodist_systemduserunit_DATA) contrib/systemd/tmpfiles.conf
$(UNITS): %: $(top_srcdir)/%.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) 's,[@]sbindir[@],$(sbindir),; s,[@]bindir[@],$(bindir),; s,[@]sysconfdir[@],$(sysconfdir),' \
		$(top_srcdir)/$@.in >$@.tmp && mv $@.tmp $@
CLEANFILES += $(UNITS)
EXTRA_DIST += $(UNITS:=.in) contrib/systemd/sysusers.conf

# Both are called ganger.conf where they belong.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
all-local: contrib/systemd/tmpfiles.conf
.PHONY: install-systemd uninstall-systemd
install-data-local: install-systemd
install-systemd: contrib/systemd/tmpfiles.conf
	$(MKDIR_P) "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(tmpfilesdir)"
	$(INSTALL_DATA) $(top_srcdir)/contrib/systemd/sysusers.conf "$(DESTDIR)$(sysusersdir)/ganger.conf"
	$(INSTALL_DATA) contrib/systemd/tmpfiles.conf "$(DESTDIR)$(tmpfilesdir)/ganger.conf"
uninstall-local: uninstall-systemd
uninstall-systemd:
	rm -f "$(DESTDIR)$(sysusersdir)/ganger.conf" "$(DESTDIR)$(tmpfilesdir)/ganger.conf"

# The examples are run by tests/readme.
EXTRA_DIST += contrib/examples/README.md \
	contrib/examples/container/Containerfile contrib/examples/container/beside contrib/examples/container/ganger.conf \
	contrib/examples/container/main contrib/examples/container/run \
	contrib/examples/c/Makefile contrib/examples/c/factor.c contrib/examples/c/ganger.conf contrib/examples/c/split.c \
	contrib/examples/prefork/Makefile contrib/examples/prefork/ask contrib/examples/prefork/prefork.c \
	contrib/examples/python/ganger.conf contrib/examples/python/watch.py \
	contrib/examples/python-library/count.py contrib/examples/python-library/ganger.conf \
	contrib/examples/python-library/square.py \
	contrib/examples/shell/checksum contrib/examples/shell/ganger.conf
