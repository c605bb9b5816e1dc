/* SPDX-License-Identifier: MIT */
/* State memory: whatever instruction its writer died at, a record reads as its old or its new body. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/state.h"
#include "harness.h"

/* The layout, as state.c has it: the test of tearing must know in which order bytes are written. */
#define HEADER 4096
#define RECORD 256
#define HALF(k) (16 + 120 * (size_t)(k))
#define CHECKSUM 8
#define SEGMENT 256
/* A record and the place of its two long bodies, which are elsewhere, as one. */
#define WHOLE (RECORD + 2 * STATE_BODY_MAX)

static uint8_t *byte_of(const struct state_memory *s, uint32_t slot, size_t i) {
        uint8_t *segment = (uint8_t *)s->map + HEADER + slot / SEGMENT * (size_t)(SEGMENT * WHOLE);

        if (i < RECORD)
                return segment + RECORD * (size_t)(slot % SEGMENT) + i;
        return segment + SEGMENT * RECORD + 2 * STATE_BODY_MAX * (size_t)(slot % SEGMENT) + i - RECORD;
}

static void get_whole(const struct state_memory *s, uint32_t slot, uint8_t *ret) {
        memcpy(ret, byte_of(s, slot, 0), RECORD);
        memcpy(ret + RECORD, byte_of(s, slot, RECORD), WHOLE - RECORD);
}

static void put_whole(const struct state_memory *s, uint32_t slot, const uint8_t *whole) {
        memcpy(byte_of(s, slot, 0), whole, RECORD);
        memcpy(byte_of(s, slot, RECORD), whole + RECORD, WHOLE - RECORD);
}

static int copy_of(const struct state_memory *s, size_t size) {
        int fd = memfd_create("copy", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, s->map, size), 0);
        return fd;
}

static void assert_body(const struct state_memory *s, uint32_t slot, const char *expected) {
        struct state_view view = state_read(s, slot);

        ck_assert_int_eq(view.kind, STATE_WORKER);
        ck_assert_uint_eq(view.size, strlen(expected));
        ck_assert_mem_eq(view.body, expected, view.size);
}

/* @return 0: it is the old one; 1: the new one; -1: there is none. Anything else is a failure. */
static int which(const struct state_memory *s, uint32_t slot, const char *old, const char *new) {
        struct state_view view = state_read(s, slot);

        if (view.kind == STATE_FREE)
                return -1;
        ck_assert_int_eq(view.kind, STATE_WORKER);
        if (view.size == strlen(old) && memcmp(view.body, old, view.size) == 0)
                return 0;
        ck_assert_uint_eq(view.size, strlen(new));
        ck_assert_mem_eq(view.body, new, view.size);
        return 1;
}

static uint32_t write_text(struct state_memory *s, uint32_t slot, const char *text) {
        ck_assert_int_eq(state_write(s, &slot, STATE_WORKER, text, strlen(text)), 0);
        return slot;
}

START_TEST(records_survive_their_writer) {
        struct state_memory s, again;
        uint32_t a, b, c;

        ck_assert_int_eq(state_create(&s), 0);
        a = write_text(&s, STATE_SLOT_NONE, "a");
        b = write_text(&s, STATE_SLOT_NONE, "b");
        c = write_text(&s, STATE_SLOT_NONE, "c");
        write_text(&s, a, "a, again");
        state_erase(&s, &b);
        ck_assert_uint_eq(b, STATE_SLOT_NONE);

        ck_assert_int_eq(state_open(&again, s.fd), 0);
        assert_body(&again, a, "a, again");
        assert_body(&again, c, "c");
        ck_assert_uint_eq(again.n_free, s.n_free);
        state_done(&again);
        state_done(&s);
}
END_TEST

START_TEST(it_grows) {
        struct state_memory s, again;
        char text[32];

        ck_assert_int_eq(state_create(&s), 0);
        for (uint32_t i = 0; i < 3000; i++) {
                snprintf(text, sizeof text, "record %u", i);
                ck_assert_uint_eq(write_text(&s, STATE_SLOT_NONE, text), i);
        }
        ck_assert_int_eq(state_open(&again, s.fd), 0);
        assert_body(&again, 2999, "record 2999");
        assert_body(&again, 0, "record 0");
        state_done(&again);
        state_done(&s);
}
END_TEST

START_TEST(a_foreign_memory_is_refused) {
        _cleanup_(closep) int empty = memfd_create("empty", MFD_CLOEXEC), noise = memfd_create("noise", MFD_CLOEXEC);
        struct state_memory s, ours;
        uint8_t bytes[8192];
        int fd;

        ck_assert_int_eq(state_open(&s, empty), -EPROTO);
        memset(bytes, 0x5a, sizeof bytes);
        ck_assert_int_eq(fd_write_all(noise, bytes, sizeof bytes), 0);
        ck_assert_int_eq(state_open(&s, noise), -EPROTO);

        ck_assert_int_eq(state_create(&ours), 0);
        ((uint8_t *)ours.map)[8]++; /* the layout's version */
        fd = copy_of(&ours, ours.size);
        ck_assert_int_eq(state_open(&s, fd), -EPROTO);
        close(fd);
        state_done(&ours);
}
END_TEST

START_TEST(a_body_that_is_too_long_is_refused) {
        struct state_memory s;
        uint32_t slot = STATE_SLOT_NONE;
        char body[STATE_BODY_MAX + 1] = { 0 };

        ck_assert_int_eq(state_create(&s), 0);
        ck_assert_int_eq(state_write(&s, &slot, STATE_OBJECT, body, sizeof body), -EMSGSIZE);
        ck_assert_uint_eq(slot, STATE_SLOT_NONE);
        ck_assert_int_eq(state_write(&s, &slot, STATE_OBJECT, body, STATE_BODY_MAX), 0);
        state_done(&s);
}
END_TEST

/* ---- torn -------------------------------------------------------------------------------------- */

/* A write from `before` to `after`, byte by byte: the half in any order, its checksum last, then the word. */
struct tear {
        size_t offsets[WHOLE];
        size_t n;
};

static void tear_plan(struct tear *tear, const uint8_t *before, const uint8_t *after, unsigned int half) {
        size_t first = HALF(half) + CHECKSUM;

        tear->n = 0;
        for (size_t i = HALF(0); i < WHOLE; i++)
                if (before[i] != after[i] && (i < first || i >= first + 8))
                        tear->offsets[tear->n++] = i;
        for (size_t i = tear->n; i > 1; i--) {
                size_t at = (size_t)random() % i, swap = tear->offsets[i - 1];

                tear->offsets[i - 1] = tear->offsets[at];
                tear->offsets[at] = swap;
        }
        for (size_t i = first; i < first + 8; i++)
                tear->offsets[tear->n++] = i;
}

static void check_tear(struct state_memory *s, uint32_t slot, const uint8_t *before, const uint8_t *after,
                       const char *old, const char *new) {
        unsigned int half = after[0] & 1;
        struct tear tear;

        tear_plan(&tear, before, after, half);
        put_whole(s, slot, before);
        memset(byte_of(s, slot, HALF(half) + CHECKSUM), 0, 8);
        for (size_t i = 0; i < tear.n; i++) {
                ck_assert_int_eq(which(s, slot, old, new), 0);
                *byte_of(s, slot, tear.offsets[i]) = after[tear.offsets[i]];
        }
        ck_assert_int_eq(which(s, slot, old, new), 0);
        /* The word is one store; were it torn all the same, it would still be one of the two. */
        for (size_t i = 0; i < 8; i++) {
                *byte_of(s, slot, i) = after[i];
                ck_assert_int_ge(which(s, slot, old, new), 0);
        }
        ck_assert_int_eq(which(s, slot, old, new), 1);
}

/* @param slots  records before it, so that it is not the first. */
static void tear_writes(const char *old, const char *new, uint32_t slots, int times) {
        struct state_memory s;
        uint8_t before[WHOLE], after[WHOLE];
        uint32_t slot = STATE_SLOT_NONE;

        ck_assert_int_eq(state_create(&s), 0);
        for (uint32_t i = 0; i <= slots; i++)
                slot = write_text(&s, STATE_SLOT_NONE, "the one before");
        for (int i = 0; i < times; i++) {
                write_text(&s, slot, old);
                get_whole(&s, slot, before);
                write_text(&s, slot, new);
                get_whole(&s, slot, after);
                check_tear(&s, slot, before, after, old, new);
        }
        state_done(&s);
}

#define TEXT_33 "a text of thirty-three characters"
#define TEXT_132 TEXT_33 TEXT_33 TEXT_33 TEXT_33

START_TEST(a_torn_write_is_the_old_record_or_the_new) {
        /* 600: past the carry of the word's first byte. */
        tear_writes("the old body, which is a bit longer", "a new body", 0, 600);
        tear_writes(TEXT_132 "old", "a new body", 300, 20);
        tear_writes("the old body", TEXT_132 "new", 300, 20);
        tear_writes(TEXT_132 "old", TEXT_132 "new, " TEXT_132, 1, 20);
}
END_TEST

static void damage(const char *old, const char *new) {
        struct state_memory s;
        uint8_t whole[WHOLE];
        uint32_t slot;

        ck_assert_int_eq(state_create(&s), 0);
        /* The third: one bit does not make 0 of its number. */
        slot = write_text(&s, STATE_SLOT_NONE, "the one before");
        write_text(&s, slot, old);
        write_text(&s, slot, new);
        get_whole(&s, slot, whole);
        for (int i = 0; i < 20000; i++) {
                int n = i % 8 + 1;

                put_whole(&s, slot, whole);
                for (int k = 0; k < n; k++)
                        *byte_of(&s, slot, (size_t)random() % WHOLE) ^= (uint8_t)(1 << random() % 8);
                if (n == 1)
                        ck_assert_int_ge(which(&s, slot, old, new), 0);
                else
                        (void)which(&s, slot, old, new);
        }
        state_done(&s);
}

START_TEST(damage_is_the_old_record_or_the_new_or_none) {
        damage("old", "new and longer");
        damage(TEXT_132 "old", "new");
        damage("old", TEXT_132 "new");
}
END_TEST

START_TEST(what_is_short_takes_little_memory) {
        struct state_memory s;
        struct stat st;
        uint32_t slot;

        ck_assert_int_eq(state_create(&s), 0);
        for (uint32_t i = 0; i < 10000; i++)
                write_text(&s, STATE_SLOT_NONE, "one of ten thousand");
        ck_assert_int_eq(fstat(s.fd, &st), 0);
        ck_assert_int_le(st.st_blocks * 512, 16384 * RECORD + HEADER);
        /* One that is long takes a page or two, once. */
        slot = write_text(&s, STATE_SLOT_NONE, TEXT_132);
        for (int i = 0; i < 10; i++)
                write_text(&s, slot, TEXT_132);
        ck_assert_int_eq(fstat(s.fd, &st), 0);
        ck_assert_int_le(st.st_blocks * 512, 16384 * RECORD + HEADER + 2 * 4096);
        assert_body(&s, slot, TEXT_132);
        state_done(&s);
}
END_TEST

START_TEST(a_truncated_memory_has_whole_records) {
        struct state_memory s, cut;
        char text[32];

        ck_assert_int_eq(state_create(&s), 0);
        for (uint32_t i = 0; i < 900; i++) {
                snprintf(text, sizeof text, "record %u", i);
                write_text(&s, STATE_SLOT_NONE, text);
        }
        for (int i = 0; i < 300; i++) {
                size_t size = (size_t)random() % s.size;
                int fd = copy_of(&s, size), r = state_open(&cut, fd);

                close(fd);
                if (r < 0) {
                        ck_assert_int_eq(r, -EPROTO);
                        ck_assert_uint_lt(size, HEADER + SEGMENT * WHOLE);
                        continue;
                }
                for (uint32_t slot = 0; slot < cut.n_records && slot < 900; slot++) {
                        snprintf(text, sizeof text, "record %u", slot);
                        assert_body(&cut, slot, text);
                }
                state_done(&cut);
        }
        state_done(&s);
}
END_TEST

/* ---- killed ------------------------------------------------------------------------------------ */

/* A body that can be checked: its number, then as many bytes of it as there are. */
static size_t make_body(uint8_t *body, uint32_t number) {
        size_t size = 4 + number % 900;

        memcpy(body, &number, 4);
        memset(body + 4, (int)(number & 0xff), size - 4);
        return size;
}

static void write_for_ever(struct state_memory *s, uint32_t slot, uint32_t number, int progress) {
        uint8_t body[STATE_BODY_MAX];

        for (;; number++) {
                size_t size = make_body(body, number);

                if (state_write(s, &slot, STATE_INSTANCE, body, size) < 0)
                        _exit(1);
                if (number % 64 == 0 && write(progress, "", 1) != 1)
                        _exit(1);
        }
}

static uint32_t check_number(const struct state_memory *s, uint32_t slot) {
        struct state_view view = state_read(s, slot);
        uint8_t body[STATE_BODY_MAX];
        uint32_t number;

        ck_assert_int_eq(view.kind, STATE_INSTANCE);
        memcpy(&number, view.body, 4);
        ck_assert_uint_eq(view.size, make_body(body, number));
        ck_assert_mem_eq(view.body, body, view.size);
        return number;
}

START_TEST(a_killed_writer_leaves_a_whole_record) {
        struct state_memory s, again;
        uint8_t body[STATE_BODY_MAX];
        uint32_t slot = STATE_SLOT_NONE, number = 1;

        ck_assert_int_eq(state_create(&s), 0);
        ck_assert_int_eq(state_write(&s, &slot, STATE_INSTANCE, body, make_body(body, number)), 0);
        for (int i = 0; i < 200; i++) {
                int pipe_fds[2], status;
                char byte;
                pid_t pid;

                ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
                pid = fork();
                if (pid == 0)
                        write_for_ever(&s, slot, number, pipe_fds[1]);
                for (int k = 0; k <= i % 3; k++)
                        ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
                kill(pid, SIGKILL);
                ck_assert_int_eq(waitpid(pid, &status, 0), pid);
                ck_assert(WIFSIGNALED(status));
                close(pipe_fds[0]);
                close(pipe_fds[1]);

                ck_assert_int_eq(state_open(&again, s.fd), 0);
                ck_assert_uint_ge(check_number(&again, slot), number);
                number = check_number(&again, slot) + 1;
                state_done(&again);
        }
        state_done(&s);
}
END_TEST

int main(void) {
        srandom(2);
        return harness_run(HARNESS_SUITE("state", records_survive_their_writer, it_grows, a_foreign_memory_is_refused,
                                         a_body_that_is_too_long_is_refused,
                                         a_torn_write_is_the_old_record_or_the_new,
                                         damage_is_the_old_record_or_the_new_or_none,
                                         what_is_short_takes_little_memory,
                                         a_truncated_memory_has_whole_records,
                                         a_killed_writer_leaves_a_whole_record));
}
