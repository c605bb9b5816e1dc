# lib/shm under ThreadSanitizer, and on another processor; compiled by the scripts.
dist_check_SCRIPTS += tests/race/run-race tests/race/run-aarch64
TESTS += tests/race/run-race
LONG_TESTS += tests/race/run-aarch64
EXTRA_DIST += tests/race/race.h tests/race/race.c \
	tests/race/race-broadcast.c tests/race/race-counter.c tests/race/race-monitor.c tests/race/race-pipe.c \
	tests/race/race-queue.c tests/race/race-semaphore.c tests/race/race-service.c
