# Tests of the control server.
check_PROGRAMS += tests/unit/test-control-server tests/unit/test-grant-names
TESTS += tests/unit/test-control-server tests/unit/test-grant-names
tests_unit_test_control_server_SOURCES = tests/unit/test-control-server.c \
	tests/unit/control-fixture.c tests/unit/control-fixture.h
tests_unit_test_control_server_CPPFLAGS = $(DAEMON_CPPFLAGS) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)
tests_unit_test_control_server_LDADD = libharness.la $(DAEMON_LIBS)
# The files of sockets to listen at.
check_PROGRAMS += tests/unit/test-socket-open
TESTS += tests/unit/test-socket-open
tests_unit_test_socket_open_CPPFLAGS = $(DAEMON_CPPFLAGS) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)
tests_unit_test_socket_open_LDADD = libharness.la $(DAEMON_LIBS)
tests_unit_test_grant_names_CPPFLAGS = $(DAEMON_CPPFLAGS) -I$(top_srcdir)/tests/harness $(CHECK_CFLAGS)
tests_unit_test_grant_names_LDADD = libharness.la $(DAEMON_LIBS)

# Another client, in Python, of a real daemon.
dist_check_SCRIPTS += tests/unit/test-control-foreign
TESTS += tests/unit/test-control-foreign
