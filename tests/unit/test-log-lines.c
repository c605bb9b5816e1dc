/* SPDX-License-Identifier: MIT */
/* The splitter, against every way to cut a nasty text into calls; and what comes out is fit to print. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/log/lines.h"
#include "harness.h"
#include "sequence.h"

#define R "\xEF\xBF\xBD"

/* What came out, as one text: each line ends with '|', a piece that goes on with '+'. */
struct result {
        char text[4 * LOG_LINE_MAX];
        size_t size, n_lines, longest;
};

static void collect(void *userdata, const char *text, size_t size, bool continued) {
        struct result *r = userdata;

        ck_assert_uint_le(size, LOG_LINE_MAX);
        ck_assert_uint_lt(r->size + size + 2, sizeof r->text);
        memcpy(r->text + r->size, text, size);
        r->size += size;
        r->text[r->size++] = continued ? '+' : '|';
        r->text[r->size] = 0;
        r->n_lines++;
        r->longest = MAX(r->longest, size);
}

static void feed(struct log_lines *l, const char *data, size_t size, struct result *r) {
        ck_assert_int_eq(log_lines_feed(l, data, size, collect, r), 0);
}

static const char nasty[] =
        "plain\n\nwin\r\n\r\n\r\r\nlone\rcr\n"
        "nul\0nul\ttab\x1b[31mred\x7f\n"
        "\xC3\xA9t\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x99\n"
        "\xC0\x80 \xE0\x80\x80 \xED\xA0\x80 \xF5\x80 \x80 \xFF\n"
        "\xE2\x82\n\xF0\x9F\x90x\xC3\r\n\xC2\x9B" "5m\n"
        "no end \xE2\x82";

static const char nasty_out[] =
        "plain||win||" R "|lone" R "cr|"
        "nul" R "nul\ttab" R "[31mred" R "|"
        "\xC3\xA9t\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x99|"
        R R " " R R R " " R R R " " R R " " R " " R "|"
        R "|" R "x" R "|" R "5m|"
        "no end " R "|";

START_TEST(every_cut_gives_the_same_lines) {
        const size_t size = sizeof nasty - 1;

        for (size_t a = 0; a <= size; a++)
                for (size_t b = a; b <= size; b++) {
                        struct log_lines l = LOG_LINES_NULL;
                        struct result r = { .size = 0 };

                        feed(&l, nasty, a, &r);
                        feed(&l, nasty + a, b - a, &r);
                        feed(&l, nasty + b, size - b, &r);
                        log_lines_flush(&l, collect, &r);
                        ck_assert_msg(strcmp(r.text, nasty_out) == 0, "cut at %zu and %zu: %s", a, b, r.text);
                        ck_assert_ptr_null(l.line);
                }
}
END_TEST

START_TEST(byte_by_byte_too) {
        struct log_lines l = LOG_LINES_NULL;
        struct result r = { .size = 0 };

        for (size_t i = 0; i < sizeof nasty - 1; i++)
                feed(&l, nasty + i, 1, &r);
        log_lines_flush(&l, collect, &r);
        ck_assert_str_eq(r.text, nasty_out);
}
END_TEST

START_TEST(an_idle_splitter_has_no_memory) {
        struct log_lines l = LOG_LINES_NULL;
        struct result r = { .size = 0 };

        feed(&l, "a line\n", 7, &r);
        ck_assert_ptr_null(l.line);
        feed(&l, "half a line", 11, &r);
        ck_assert_ptr_nonnull(l.line);
        feed(&l, "\n", 1, &r);
        ck_assert_ptr_null(l.line);
        ck_assert_uint_eq(r.n_lines, 2);
        log_lines_flush(&l, collect, &r);
        ck_assert_uint_eq(r.n_lines, 2);
}
END_TEST

START_TEST(an_end_without_lf_is_a_line) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "", "" },    { "x", "x|" },           { "x\r", "x|" },
                { "\n", "|" }, { "\xF0\x9F", R "|" }, { "\r", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct log_lines l = LOG_LINES_NULL;
                struct result r = { .size = 0 };

                feed(&l, cases[i].in, strlen(cases[i].in), &r);
                log_lines_flush(&l, collect, &r);
                ck_assert_str_eq(r.text, cases[i].out);
        }
}
END_TEST

/* A line of `n` bytes, ended; @return the pieces that it gives. */
static size_t pieces_of(size_t n, const char *unit, struct result *r) {
        _cleanup_(freep) char *text = malloc(n + 1);
        struct log_lines l = LOG_LINES_NULL;

        ck_assert_ptr_nonnull(text);
        for (size_t i = 0; i < n; i++)
                text[i] = unit[i % strlen(unit)];
        text[n] = '\n';
        *r = (struct result){ .size = 0 };
        feed(&l, text, n + 1, r);
        ck_assert_ptr_null(l.line);
        return r->n_lines;
}

START_TEST(long_lines_are_cut_between_characters) {
        struct result r;

        ck_assert_uint_eq(pieces_of(LOG_LINE_MAX - 1, "x", &r), 1);
        ck_assert_uint_eq(pieces_of(LOG_LINE_MAX, "x", &r), 1);
        ck_assert_uint_eq(pieces_of(LOG_LINE_MAX + 1, "x", &r), 2);
        ck_assert(r.text[LOG_LINE_MAX] == '+' && r.text[r.size - 2] == 'x' && r.text[r.size - 1] == '|');
        ck_assert_uint_eq(pieces_of(2 * LOG_LINE_MAX, "x", &r), 2);

        /* 8192 is no multiple of 3: the character that does not fit goes to the next piece. */
        ck_assert_uint_eq(pieces_of(3 * LOG_LINE_MAX, "\xE2\x82\xAC", &r), 4);
        ck_assert_uint_eq(r.longest, LOG_LINE_MAX - LOG_LINE_MAX % 3);
        ck_assert_ptr_null(strstr(r.text, R));
}
END_TEST

START_TEST(text_is_cut_between_characters) {
        static const char text[] = "a\xC3\xA9\xE2\x82\xAC";
        static const size_t at[] = { 0, 1, 1, 3, 3, 3, 6, 6 };

        for (size_t max = 0; max < ARRAY_SIZE(at); max++)
                ck_assert_uint_eq(log_text_cut(text, sizeof text - 1, max), at[max]);
}
END_TEST

/* Valid UTF-8 without control characters, by a decoder that shares nothing with ours. */
static void check_printable(void *userdata, const char *text, size_t size, bool continued) {
        const unsigned char *p = (const unsigned char *)text, *end = p + size;

        while (p < end) {
                unsigned n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
                uint32_t c = n == 1 ? *p : *p & (0x7FU >> n);
                static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };

                ck_assert(*p < 0x80 || *p >= 0xC0);
                ck_assert_uint_le(n, end - p);
                for (unsigned i = 1; i < n; i++) {
                        ck_assert((p[i] & 0xC0) == 0x80);
                        c = c << 6 | (p[i] & 0x3F);
                }
                ck_assert(c >= smallest[n] && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF));
                ck_assert(c == '\t' || (c >= 0x20 && c < 0x7F) || c >= 0xA0);
                p += n;
        }
}

START_TEST(whatever_comes_in_is_fit_to_print) {
        for (uint64_t seed = 0; seed < 300; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct log_lines l = LOG_LINES_NULL;
                unsigned char buf[4096];

                for (int k = 0; k < 8; k++) {
                        /* Lead and continuation bytes far more often than by chance. */
                        for (size_t i = 0; i < sizeof buf; i++)
                                buf[i] = (unsigned char)(seed % 2 ? sequence_next(&s)
                                                                  : 0x80 | sequence_next(&s));
                        ck_assert_int_eq(log_lines_feed(&l, buf, 1 + sequence_below(&s, sizeof buf),
                                                        check_printable, NULL), 0);
                }
                log_lines_flush(&l, check_printable, NULL);
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("log-lines", every_cut_gives_the_same_lines, byte_by_byte_too,
                                         an_idle_splitter_has_no_memory, an_end_without_lf_is_a_line,
                                         long_lines_are_cut_between_characters,
                                         text_is_cut_between_characters, whatever_comes_in_is_fit_to_print));
}
