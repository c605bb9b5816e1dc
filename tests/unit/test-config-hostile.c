/* SPDX-License-Identifier: MIT */
/*
 * Input that nobody wrote on purpose: a good file cut and damaged at every byte, noise, and files made to be
 * expensive. Nothing crashes, what is refused is refused with an error, and the next parse is not affected.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/time.h"
#include "daemon/config/config.h"
#include "harness.h"

/** Bytes flipped in all. */
#define PLACES 700
#define FLIPS 6000
/** Of an input that fails; Check has a limit for its messages. */
#define SHOWN_MAX ((size_t)1000)
#define NOISE_ROUNDS 3000
#define SEED UINT64_C(0x6b616e6765720001)

static char *good;
static size_t good_size;

/* xorshift64* */
static uint64_t next_random(uint64_t *state) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(2685821657736338717);
}

/* Parse; a refusal has an error, and what is accepted can be printed and read back. */
static int try(const char *text, size_t size) {
        struct config_errors errors = CONFIG_ERRORS_NULL, again_errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL, *again = NULL;
        _cleanup_(freep) char *canonical = NULL;
        size_t canonical_size;
        FILE *out;
        int r = config_parse(text, size, "x", &config, &errors);

        if (r < 0) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_uint_gt(config_errors_count(&errors), 0);
                for (size_t i = 0; i < errors.n; i++)
                        ck_assert_msg(!strstr(errors.errors[i].text, "libconfuse"), "%s in:\n%.*s",
                                      errors.errors[i].text, (int)MIN(size, SHOWN_MAX), text);
        } else {
                ck_assert_uint_eq(config_errors_count(&errors), 0);
                out = open_memstream(&canonical, &canonical_size);
                config_print(config, out);
                fclose(out);
                if (canonical_size > CONFIG_SIZE_MAX) /* it has every default, too */
                        canonical_size = 0;
                r = config_parse(canonical, canonical_size, "x", &again, &again_errors);
                ck_assert_msg(r == 0, "%.*s\n---\n%.*s", (int)MIN(size, SHOWN_MAX), text, (int)SHOWN_MAX,
                              canonical);
        }
        config_errors_done(&errors);
        config_errors_done(&again_errors);
        return r;
}

static bool load_good(void) {
        FILE *f = fopen(CONFIG_EXAMPLES "/good.conf", "re");
        size_t allocated = 0;
        ssize_t n;

        if (!f)
                return false;
        n = getdelim(&good, &allocated, '\0', f);
        good_size = n > 0 ? (size_t)n : 0;
        fclose(f);
        return good_size > 0;
}

/* A copy of exactly this size, so that the sanitizer sees a byte too far. */
static int try_exact(const char *text, size_t size) {
        char *copy = malloc(size + !size);
        int r;

        memcpy(copy, text, size);
        r = try(copy, size);
        free(copy);
        return r;
}

/* It has every key there is, and grows: what is tried of it must not take longer and longer. */
static size_t stride(void) {
        return 1 + good_size / PLACES;
}

START_TEST(a_file_cut_anywhere) {
        for (size_t i = 0; i <= good_size; i += stride())
                try_exact(good, i);
        for (size_t i = 1; i <= good_size; i += stride())
                try_exact(good + i, good_size - i);
        ck_assert_int_eq(try(good, good_size), 0);
}
END_TEST

START_TEST(a_file_without_one_byte) {
        char *copy = malloc(good_size);

        for (size_t i = 0; i < good_size; i += stride()) {
                memcpy(copy, good, i);
                memcpy(copy + i, good + i + 1, good_size - i - 1);
                try_exact(copy, good_size - 1);
        }
        free(copy);
}
END_TEST

START_TEST(damaged_files) {
        static const char marks[] = "{}=,\"'\\#/*$\n \t\r;()+ax0";
        uint64_t state = SEED;
        char *copy = malloc(good_size);

        for (int i = 0; i < FLIPS;) {
                memcpy(copy, good, good_size);
                for (uint64_t n = 1 + next_random(&state) % 5; n > 0; n--, i++) {
                        size_t at = next_random(&state) % good_size;

                        if (next_random(&state) % 2)
                                copy[at] = marks[next_random(&state) % (sizeof marks - 1)];
                        else
                                copy[at] ^= (char)(1 << next_random(&state) % 8);
                }
                try_exact(copy, good_size);
        }
        free(copy);
        ck_assert_int_eq(try(good, good_size), 0);
}
END_TEST

START_TEST(noise_made_of_tokens) {
        static const char *const tokens[] = {
                "ring", "worker", "r", "w", "{", "}", "=", ",", "exec", "slots", "receive", "io", "1024",
                "lines", "\"", "'", "\\", "\n", " ", "/*", "*/", "//", "#", "${", "a", "environment",
                "'A=b'", "\"x\"", "restart-limit", "5/10s", "\xc3\xa4", "\xff", "+=", "(", ")", "\\\n",
                "\"\\x41\"", "user",
        };
        uint64_t state = SEED;
        char text[1024];

        for (int i = 0; i < NOISE_ROUNDS; i++) {
                size_t n = 0;

                for (uint64_t k = next_random(&state) % 60; k > 0; k--)
                        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s",
                                              tokens[next_random(&state) % ARRAY_SIZE(tokens)],
                                              next_random(&state) % 3 ? " " : "");
                try_exact(text, n);
        }
}
END_TEST

START_TEST(binary_files) {
        uint64_t state = SEED;
        char text[512];

        for (int i = 0; i < NOISE_ROUNDS; i++) {
                size_t n = next_random(&state) % sizeof text;

                for (size_t k = 0; k < n; k++)
                        text[k] = (char)(next_random(&state) % (i % 2 ? 256 : 255) + !(i % 2));
                try_exact(text, n);
        }
}
END_TEST

/* A text of `size` bytes, `unit` again and again. */
static char *repeat(const char *unit, size_t size) {
        size_t length = strlen(unit);
        char *text = malloc(size);

        for (size_t i = 0; i < size; i++)
                text[i] = unit[i % length];
        return text;
}

/* However the largest file is filled, it takes a bounded time: nothing is quadratic in it, or recurses. */
START_TEST(large_files_take_a_bounded_time) {
        static const char *const units[] = {
                "{", "}", "\"", "'", "\\", "\n", " ", "#", "/*", "/", "=", ",", "a", "a ", "a {", "a = ",
                "ring a { ", "ring a { } ", "ring a { x = { ", "worker a { exec = {\"",
                "worker w { exec = b }\n", "a, ", "${", "ring\n", "ring r { slots = 2 slots = 2 } ",
                "worker w { environment = {A=b, C=d,\n", "a = {", "'a' ", "\"a\nb\"\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                char *text = repeat(units[i], CONFIG_SIZE_MAX);
                uint64_t begin = now_usec();

                try(text, CONFIG_SIZE_MAX);
                if (getenv("GANGER_TEST_VERBOSE"))
                        fprintf(stderr, "%8llu us: %s\n", (unsigned long long)(now_usec() - begin), units[i]);
                ck_assert_msg(now_usec() - begin < 20 * USEC_PER_SEC, "'%s' took %llu us", units[i],
                              (unsigned long long)(now_usec() - begin));
                free(text);
        }
}
END_TEST

START_TEST(files_past_the_limit_are_refused) {
        char *text = repeat("# comment\n", 10 << 20);

        ck_assert_int_eq(try(text, 10 << 20), -EINVAL);
        ck_assert_int_eq(try(text, CONFIG_SIZE_MAX), 0);
        free(text);
}
END_TEST

START_TEST(as_many_sections_as_allowed) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (int i = 0; i < CONFIG_SECTIONS_MAX; i++)
                fprintf(out, "ring r%d { }\nworker w%d { exec = a receive = r%d }\n", i, i,
                        CONFIG_SECTIONS_MAX - 1 - i);
        fflush(out);
        ck_assert_int_eq(try(text, size), 0);
        fprintf(out, "ring more { }\n");
        fclose(out);
        ck_assert_int_eq(try(text, size), -EINVAL);
        free(text);
}
END_TEST

int main(void) {
        int status;

        if (!load_good()) {
                perror(CONFIG_EXAMPLES "/good.conf");
                return EXIT_FAILURE;
        }
        status = harness_run(HARNESS_SUITE("config-hostile", a_file_cut_anywhere, a_file_without_one_byte,
                                           damaged_files, noise_made_of_tokens, binary_files,
                                           large_files_take_a_bounded_time, files_past_the_limit_are_refused,
                                           as_many_sections_as_allowed));
        free(good);
        return status;
}
