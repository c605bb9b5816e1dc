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

# These run ./ganger-bridge of the build.
check_LTLIBRARIES += libbridge-rig.la
libbridge_rig_la_CPPFLAGS = $(TEST_CPPFLAGS)
libbridge_rig_la_SOURCES = tests/unit/bridge-rig.c tests/unit/bridge-rig.h
check_PROGRAMS += tests/unit/bridge-program tests/unit/test-bridge tests/unit/test-bridge-io
TESTS += tests/unit/test-bridge tests/unit/test-bridge-io
tests_unit_bridge_program_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_bridge_program_LDADD = libbase.la
tests_unit_test_bridge_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_bridge_LDADD = libbridge-rig.la $(GANG_RIG_LIBS)
tests_unit_test_bridge_io_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_bridge_io_LDADD = libbridge-rig.la $(GANG_RIG_LIBS)

# ganger.h in C++ and in strict C, if there is a compiler.
dist_check_SCRIPTS += tests/unit/test-header.sh tests/unit/test-abi.sh
TESTS += tests/unit/test-header.sh tests/unit/test-abi.sh
