# Tests of rings without a daemon, and of waiting for several of them.
check_LTLIBRARIES += libhost-work.la
libhost_work_la_CPPFLAGS = $(TEST_CPPFLAGS)
libhost_work_la_SOURCES = tests/unit/host-work.c tests/unit/host-work.h
check_PROGRAMS += tests/unit/host-member tests/unit/test-ganger-host
TESTS += tests/unit/test-ganger-host
tests_unit_host_member_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_host_member_LDADD = libhost-work.la libworker.la libshm.la libbase.la
tests_unit_test_ganger_host_CPPFLAGS = $(TEST_CPPFLAGS) -DHOST_MEMBER='"$(abs_builddir)/tests/unit/host-member"'
tests_unit_test_ganger_host_LDADD = libhost-work.la libharness.la libworker.la libshm.la libbase.la
EXTRA_tests_unit_test_ganger_host_DEPENDENCIES = tests/unit/host-member$(EXEEXT)

check_PROGRAMS += tests/unit/test-ganger-hold
TESTS += tests/unit/test-ganger-hold
tests_unit_test_ganger_hold_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_hold_LDADD = libharness.la libworker.la libshm.la libbase.la

check_PROGRAMS += tests/unit/test-ganger-wait
TESTS += tests/unit/test-ganger-wait
tests_unit_test_ganger_wait_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_wait_LDADD = libharness.la libworker.la libshm.la libbase.la

check_PROGRAMS += tests/unit/test-ganger-wait-kinds
TESTS += tests/unit/test-ganger-wait-kinds
tests_unit_test_ganger_wait_kinds_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_wait_kinds_LDADD = libharness.la libworker.la libshm.la libbase.la

# A program from outside that attaches itself to a ring of a real daemon.
check_PROGRAMS += tests/unit/attached
tests_unit_attached_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_attached_LDADD = libganger-control.la libganger.la
TESTS += tests/scenario/b155-attach.py
EXTRA_DIST += tests/scenario/b155-attach.py
