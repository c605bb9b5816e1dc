# Fuzz targets: hostile memory and handshakes; compiled by the script, with clang, where that has libFuzzer.
dist_check_SCRIPTS += tests/fuzz/run-fuzz tests/fuzz/run-fuzz-long
TESTS += tests/fuzz/run-fuzz
LONG_TESTS += tests/fuzz/run-fuzz-long
EXTRA_DIST += tests/fuzz/fuzz.h tests/fuzz/fuzz-object.c tests/fuzz/fuzz-handshake.c tests/fuzz/fuzz-journal.c \
	tests/fuzz/fuzz-broadcast.c tests/fuzz/fuzz-counter.c tests/fuzz/fuzz-monitor.c tests/fuzz/fuzz-pipe.c \
	tests/fuzz/fuzz-queue.c tests/fuzz/fuzz-semaphore.c tests/fuzz/fuzz-service.c
