# Tests of the control socket: frames, the client library, gangerctl.
check_PROGRAMS += tests/unit/test-frame
TESTS += tests/unit/test-frame
tests_unit_test_frame_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_unit_test_frame_LDADD = libharness.la libproto-control.la libwire.la libbase.la $(PROTOBUF_C_LIBS)
