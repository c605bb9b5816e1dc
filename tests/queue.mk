# Small slots and long messages, through the daemon.
TESTS += tests/scenario/b186-long-messages.py
EXTRA_DIST += tests/scenario/b186-long-messages.py

# What a queue does besides: limits of dead letters, sequences, batches, delays, messages that are longer than a slot.
QUEUE_TESTS = \
	tests/unit/test-ganger-heap tests/unit/test-ganger-queue tests/unit/test-queue-heap tests/unit/test-queue-options
check_PROGRAMS += $(QUEUE_TESTS)
TESTS += $(QUEUE_TESTS)
tests_unit_test_ganger_heap_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_heap_LDADD = libharness.la libworker.la libshm.la libbase.la
tests_unit_test_queue_heap_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_queue_heap_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_queue_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_queue_options_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_queue_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_queue_LDADD = $(GANG_RIG_LIBS)

# What is in an object, put into one of another form.
check_PROGRAMS += tests/unit/test-move
TESTS += tests/unit/test-move
tests_unit_test_move_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_move_LDADD = libharness.la libshm.la libbase.la
