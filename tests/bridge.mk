# Tests of libganger's public side and of the bridge.
check_LTLIBRARIES += libgang-rig.la
libgang_rig_la_CPPFLAGS = $(TEST_CPPFLAGS)
libgang_rig_la_SOURCES = tests/unit/gang-rig.c tests/unit/gang-rig.h
GANG_RIG_LIBS = libgang-rig.la libharness.la libworker.la libshm.la libbase.la

check_PROGRAMS += tests/unit/test-handshake tests/unit/test-ganger
TESTS += tests/unit/test-handshake tests/unit/test-ganger
tests_unit_test_handshake_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_handshake_LDADD = libharness.la libworker.la libshm.la libbase.la
tests_unit_test_ganger_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_LDADD = $(GANG_RIG_LIBS)

# Runs ./ganger-bridge of the build.
check_PROGRAMS += tests/unit/test-bridge
TESTS += tests/unit/test-bridge
tests_unit_test_bridge_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_bridge_LDADD = $(GANG_RIG_LIBS)
