# lib/shm under ThreadSanitizer, and on another processor; compiled by the scripts.
dist_check_SCRIPTS += tests/race/run-race tests/race/run-aarch64
TESTS += tests/race/run-race
LONG_TESTS += tests/race/run-aarch64
EXTRA_DIST += tests/race/race.h tests/race/race.c tests/race/race-queue.c
