/* SPDX-License-Identifier: MIT */

/*
 * Splitting into lines
 *
 * The same bytes give the same lines, however they are cut into calls: all that is carried over is in
 * struct log_lines. Invariant: `text` holds valid UTF-8 without control characters, `partial` a proper
 * beginning of a valid character, and a piece that goes on is only handed on when its next character
 * is there (so that the last piece is never empty).
 */

#include "daemon/log/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"

#define REPLACEMENT "\xEF\xBF\xBD"      /* U+FFFD */

struct half_line {
        size_t size;                    /* how many bytes of `text` are there */
        unsigned char partial[4];       /* a character that has not come to its end */
        size_t n_partial;
        bool cr;                        /* a CR that may belong to the end of the line */
        char text[LOG_LINE_MAX];
};

void log_lines_done(struct log_lines *l) {
        free(l->line);
        *l = LOG_LINES_NULL;
}

/* A place to which put() writes lines. */
struct output {
        log_line_fn fn;
        void *userdata;
};

static void emit(struct half_line *l, const struct output *out, bool continued) {
        out->fn(out->userdata, l->text, l->size, continued);
        l->size = 0;
}

static void put(struct half_line *l, const struct output *out, const void *data, size_t size) {
        if (l->size + size > LOG_LINE_MAX && !fault_is("log-any-length"))
                emit(l, out, true);
        memcpy(l->text + l->size, data, size);
        l->size += size;
}

static void put_replacement(struct half_line *l, const struct output *out) {
        put(l, out, REPLACEMENT, strlen(REPLACEMENT));
}

/* How many bytes a character has that begins so; 0: none does. */
static size_t character_size(unsigned char first) {
        if (first >= 0xC2 && first <= 0xDF)
                return 2;
        if (first >= 0xE0 && first <= 0xEF)
                return 3;
        return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* Table 3-7 of Unicode: overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. */
static bool goes_on(const unsigned char *partial, size_t n, unsigned char byte) {
        unsigned char from = 0x80, to = 0xBF;

        if (n == 1) {
                switch (partial[0]) {
                case 0xE0: from = 0xA0; break;
                case 0xED: to = 0x9F; break;
                case 0xF0: from = 0x90; break;
                case 0xF4: to = 0x8F; break;
                default: break;
                }
        }
        return byte >= from && byte <= to;
}

/* A whole character of several bytes. U+0080 to U+009F are control characters too. */
static void take_character(struct half_line *l, const struct output *out) {
        bool control = l->partial[0] == 0xC2 && l->partial[1] < 0xA0;
        size_t n = l->n_partial;

        l->n_partial = 0;
        if (control)
                put_replacement(l, out);
        else
                put(l, out, l->partial, n);
}

static void take_ascii(struct half_line *l, const struct output *out, unsigned char byte) {
        if (byte == '\n') {
                l->cr = false;
                emit(l, out, false);
        } else if (byte == '\r')
                l->cr = true;
        else if ((byte == 0x7F || (byte < 0x20 && byte != '\t')) && !fault_is("log-raw-bytes"))
                put_replacement(l, out);
        else
                put(l, out, &byte, 1);
}

static void take_byte(struct half_line *l, const struct output *out, unsigned char byte) {
        if (l->n_partial) {
                if (goes_on(l->partial, l->n_partial, byte)) {
                        l->partial[l->n_partial++] = byte;
                        if (l->n_partial == character_size(l->partial[0]))
                                take_character(l, out);
                        return;
                }
                l->n_partial = 0;
                put_replacement(l, out);
        }
        if (l->cr && byte != '\n') {
                l->cr = false;
                put_replacement(l, out);
        }
        if (byte < 0x80)
                take_ascii(l, out, byte);
        else if (character_size(byte) == 0)
                put_replacement(l, out);
        else
                l->partial[l->n_partial++] = byte;
}

/* Printable ASCII, the most of most logs, needs no second look: take a run of it at once. */
static size_t printable_run(const unsigned char *p, size_t size) {
        size_t n = 0;

        while (n < size && n < LOG_LINE_MAX && p[n] >= 0x20 && p[n] < 0x7F)
                n++;
        return n;
}

static void take_run(struct half_line *l, const struct output *out, const unsigned char *p, size_t n) {
        size_t room = LOG_LINE_MAX - l->size, head = MIN(n, room);

        if (head)
                put(l, out, p, head);
        if (n > head)
                put(l, out, p + head, n - head);
}

/* The beginning of a line; not of its text, which is written before it is read. */
static struct half_line *half_line_new(void) {
        struct half_line *l = malloc(sizeof *l);

        if (l)
                memset(l, 0, offsetof(struct half_line, text));
        return l;
}

int log_lines_feed(struct log_lines *lines, const void *data, size_t size, log_line_fn fn, void *userdata) {
        const struct output out = { fn, userdata };
        const unsigned char *p = data, *end = p + size;
        struct half_line *l = lines->line;

        if (size == 0)
                return 0;
        if (!l)
                l = lines->line = half_line_new();
        if (!l)
                return -ENOMEM;
        while (p < end) {
                size_t run = l->n_partial || l->cr ? 0 : printable_run(p, (size_t)(end - p));

                if (run) {
                        take_run(l, &out, p, run);
                        p += run;
                } else
                        take_byte(l, &out, *p++);
        }
        if (l->size == 0 && l->n_partial == 0 && !l->cr)
                log_lines_done(lines);
        return 0;
}

void log_lines_flush(struct log_lines *lines, log_line_fn fn, void *userdata) {
        const struct output out = { fn, userdata };
        struct half_line *l = lines->line;

        if (!l)
                return;
        if (l->n_partial)
                put_replacement(l, &out);
        if (l->size)
                emit(l, &out, false);
        log_lines_done(lines);
}

size_t log_text_cut(const char *text, size_t size, size_t max) {
        size_t n = max;

        if (size <= max)
                return size;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
                n--;
        return n;
}
