# Tests of the keeper: a real one, with the test as its manager. They link their own copy of it, with the
# seeded faults built in, so that each `make check` shows that the faults are found.
check_LTLIBRARIES += libtest-keeper.la
libtest_keeper_la_SOURCES = $(KEEPER_SOURCES) \
	tests/harness/keeper-fixture.c tests/harness/keeper-fixture.h tests/harness/keeper-promises.c
libtest_keeper_la_CPPFLAGS = $(TEST_CPPFLAGS) $(SYSTEMD_CFLAGS) $(PROTOBUF_C_CFLAGS) -DGANGER_FAULTS=1 \
	-DKEEPER_TEST_MANAGER='"$(abs_builddir)/tests/harness/keeper-manager"'
libtest_keeper_la_LIBADD = libharness.la libproto-daemon.la libbase.la $(SYSTEMD_LIBS) $(PROTOBUF_C_LIBS)

check_PROGRAMS += tests/harness/keeper-manager
tests_harness_keeper_manager_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_harness_keeper_manager_LDADD = libbase.la

KEEPER_TESTS = tests/unit/test-keeper tests/unit/test-keeper-faults tests/unit/test-keeper-load tests/unit/test-spawn \
	tests/unit/test-runtime tests/unit/test-options tests/unit/test-keeper-daemon
check_PROGRAMS += $(KEEPER_TESTS)
TESTS += $(KEEPER_TESTS)
KEEPER_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_keeper_CPPFLAGS = $(KEEPER_TEST_CPPFLAGS)
tests_unit_test_keeper_LDADD = libtest-keeper.la
tests_unit_test_keeper_faults_CPPFLAGS = $(KEEPER_TEST_CPPFLAGS)
tests_unit_test_keeper_faults_LDADD = libtest-keeper.la
tests_unit_test_keeper_load_CPPFLAGS = $(KEEPER_TEST_CPPFLAGS)
tests_unit_test_keeper_load_LDADD = libtest-keeper.la
tests_unit_test_spawn_CPPFLAGS = $(KEEPER_TEST_CPPFLAGS)
tests_unit_test_spawn_LDADD = libtest-keeper.la
tests_unit_test_runtime_SOURCES = tests/unit/test-runtime.c daemon/runtime.c daemon/runtime.h
tests_unit_test_runtime_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_runtime_LDADD = libharness.la libbase.la
tests_unit_test_options_SOURCES = tests/unit/test-options.c daemon/options.c daemon/options.h
tests_unit_test_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_options_LDADD = libtest-config.la libharness.la libbase.la
# Runs the program that was built.
tests_unit_test_keeper_daemon_CPPFLAGS = $(TEST_CPPFLAGS) -DGANGERD='"$(abs_builddir)/gangerd"'
tests_unit_test_keeper_daemon_LDADD = libharness.la libbase.la
