# Tests of the control socket: frames, the client library, gangerctl.
check_PROGRAMS += tests/unit/test-frame
TESTS += tests/unit/test-frame
tests_unit_test_frame_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_frame_LDADD = libharness.la libproto-control.la libwire.la libbase.la $(PROTOBUF_C_LIBS)

check_LTLIBRARIES += libfake-control.la
libfake_control_la_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
libfake_control_la_SOURCES = tests/unit/fake-control.c tests/unit/fake-control.h

check_PROGRAMS += tests/unit/test-control-client
TESTS += tests/unit/test-control-client
tests_unit_test_control_client_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_control_client_LDADD = libfake-control.la libharness.la libganger-control.la libganger.la libwire.la \
	libbase.la $(PROTOBUF_C_LIBS)

check_PROGRAMS += tests/unit/test-ctl-output
TESTS += tests/unit/test-ctl-output
tests_unit_test_ctl_output_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_ctl_output_LDADD = libctl-printing.la libharness.la libganger-control.la libbase.la $(PROTOBUF_C_LIBS)

check_PROGRAMS += tests/unit/fake-gangerd
tests_unit_fake_gangerd_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_fake_gangerd_SOURCES = tests/unit/fake-gangerd.c
tests_unit_fake_gangerd_LDADD = libfake-control.la libganger-control.la libworker.la libshm.la libwire.la libbase.la \
	$(PROTOBUF_C_LIBS)
dist_check_SCRIPTS += tests/unit/test-ctl-verbs.sh tests/unit/test-completion
TESTS += tests/unit/test-ctl-verbs.sh tests/unit/test-completion

check_PROGRAMS += tests/unit/test-when
TESTS += tests/unit/test-when
tests_unit_test_when_SOURCES = tests/unit/test-when.c ctl/when.c
tests_unit_test_when_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_when_LDADD = libharness.la libbase.la
