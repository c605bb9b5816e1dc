/* SPDX-License-Identifier: MIT */

/*
 * Splitting into lines
 *
 * The same bytes give the same lines, however they are cut into calls: all that is carried over is in
 * struct log_lines. Invariant: `line` holds valid UTF-8 without control characters, `partial` a proper
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

void log_lines_done(struct log_lines *l) {
        free(l->line);
        *l = LOG_LINES_NULL;
}

/* A place to which put() writes lines. */
struct output {
        log_line_fn fn;
        void *userdata;
};

static void emit(struct log_lines *l, const struct output *out, bool continued) {
        out->fn(out->userdata, l->size ? l->line : "", l->size, continued);
        l->size = 0;
}

static int put(struct log_lines *l, const struct output *out, const void *data, size_t size) {
        if (!l->line) {
                l->line = malloc(LOG_LINE_MAX);
                if (!l->line)
                        return -ENOMEM;
        }
        if (l->size + size > LOG_LINE_MAX && !fault_is("log-any-length"))
                emit(l, out, true);
        memcpy(l->line + l->size, data, size);
        l->size += size;
        return 0;
}

static int put_replacement(struct log_lines *l, const struct output *out) {
        return put(l, out, REPLACEMENT, strlen(REPLACEMENT));
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
static int take_character(struct log_lines *l, const struct output *out) {
        bool control = l->partial[0] == 0xC2 && l->partial[1] < 0xA0;
        size_t n = l->n_partial;

        l->n_partial = 0;
        return control ? put_replacement(l, out) : put(l, out, l->partial, n);
}

static int take_ascii(struct log_lines *l, const struct output *out, unsigned char byte) {
        if (byte == '\n') {
                l->cr = false;
                emit(l, out, false);
                return 0;
        }
        if (byte == '\r') {
                l->cr = true;
                return 0;
        }
        if ((byte == 0x7F || (byte < 0x20 && byte != '\t')) && !fault_is("log-raw-bytes"))
                return put_replacement(l, out);
        return put(l, out, &byte, 1);
}

static int take_byte(struct log_lines *l, const struct output *out, unsigned char byte) {
        int r = 0;

        if (l->n_partial) {
                if (goes_on(l->partial, l->n_partial, byte)) {
                        l->partial[l->n_partial++] = byte;
                        return l->n_partial == character_size(l->partial[0]) ? take_character(l, out) : 0;
                }
                l->n_partial = 0;
                r = put_replacement(l, out);
        }
        if (r >= 0 && l->cr && byte != '\n') {
                l->cr = false;
                r = put_replacement(l, out);
        }
        if (r < 0)
                return r;

        if (byte < 0x80)
                return take_ascii(l, out, byte);
        if (character_size(byte) == 0)
                return put_replacement(l, out);
        l->partial[l->n_partial++] = byte;
        return 0;
}

/* Printable ASCII, the most of most logs, needs no second look: take a run of it at once. */
static size_t printable_run(const unsigned char *p, size_t size) {
        size_t n = 0;

        while (n < size && n < LOG_LINE_MAX && p[n] >= 0x20 && p[n] < 0x7F)
                n++;
        return n;
}

static int take_run(struct log_lines *l, const struct output *out, const unsigned char *p, size_t n) {
        size_t room = LOG_LINE_MAX - l->size, head = MIN(n, room);
        int r = 0;

        if (head)
                r = put(l, out, p, head);
        if (r >= 0 && n > head)
                r = put(l, out, p + head, n - head);
        return r;
}

int log_lines_feed(struct log_lines *l, const void *data, size_t size, log_line_fn fn, void *userdata) {
        const struct output out = { fn, userdata };
        const unsigned char *p = data, *end = p + size;
        int r = 0;

        while (r >= 0 && p < end) {
                size_t run = l->n_partial || l->cr ? 0 : printable_run(p, (size_t)(end - p));

                if (run) {
                        r = take_run(l, &out, p, run);
                        p += run;
                } else
                        r = take_byte(l, &out, *p++);
        }

        if (r < 0)
                log_lines_done(l);
        else if (l->size == 0) {
                free(l->line);
                l->line = NULL;
        }
        return r;
}

void log_lines_flush(struct log_lines *l, log_line_fn fn, void *userdata) {
        const struct output out = { fn, userdata };
        int r = 0;

        if (l->n_partial)
                r = put_replacement(l, &out);
        if (r >= 0 && l->size)
                emit(l, &out, false);
        log_lines_done(l);
}

size_t log_text_cut(const char *text, size_t size, size_t max) {
        size_t n = max;

        if (size <= max)
                return size;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
                n--;
        return n;
}
