# The demo's workers, and what people run by hand from the source tree.
demodir = $(pkglibexecdir)/demo
demo_PROGRAMS = contrib/demo/split contrib/demo/sum
dist_demo_SCRIPTS = contrib/demo/count
# They take the library's objects, not the shared library, so that a build tree can run them as they are.
contrib_demo_split_LDADD = libworker.la libshm.la libbase.la
contrib_demo_sum_LDADD = libworker.la libshm.la libbase.la

EXTRA_DIST += contrib/setup contrib/build contrib/run-tests contrib/run-demo .ci/run

# gangerctl looks for all of the demo's workers in one folder.
all-local: contrib/demo/count
contrib/demo/count: $(top_srcdir)/contrib/demo/count
	$(AM_V_GEN)test "$(abs_top_srcdir)" = "$(abs_top_builddir)" || \
		{ $(MKDIR_P) contrib/demo && cp $(top_srcdir)/contrib/demo/count $@; }
