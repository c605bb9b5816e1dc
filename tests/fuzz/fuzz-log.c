/* SPDX-License-Identifier: MIT */

/*
 * What a process prints: the first byte says how often the rest comes, so that there are enormous lines; the second how it is cut
 *
 * Every line is valid UTF-8 without control characters, and no longer than it may be; however the bytes are cut into reads, the
 * lines are the same; and the last lines that are remembered keep within their bounds.
 *
 * Sources: daemon/log/lines.c daemon/log/tail.c daemon/log/record.c
 * Inputs: 800
 * Faults: log-any-length log-raw-bytes
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/lines.h"
#include "daemon/log/tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

/* All that came of it, as one number, and as the tail has it. */
struct seen {
        uint64_t hash;
        bool continued;
        struct log_tail tail;
};

static size_t character_size(const unsigned char *p, size_t left) {
        static const struct { unsigned char first, last, low, high; size_t size; } rows[] = {
                { 0x20, 0x7e, 0, 0, 1 }, { '\t', '\t', 0, 0, 1 }, { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, { 0xc3, 0xdf, 0x80, 0xbf, 2 },
                { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
                { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
                { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (*p < rows[i].first || *p > rows[i].last || left < rows[i].size)
                        continue;
                for (size_t k = 1; k < rows[i].size; k++)
                        if (p[k] < (k == 1 ? rows[i].low : 0x80) || p[k] > (k == 1 ? rows[i].high : 0xbf))
                                return 0;
                return rows[i].size;
        }
        return 0;
}

static void on_line(void *userdata, const char *text, size_t size, bool continued) {
        struct seen *s = userdata;
        struct log_record record = { .text = text, .size = size, .continued = continued };

        if (size > LOG_LINE_MAX)
                fail("a line that is too long");
        if (size == 0 && s->continued)
                fail("the last piece of a line is empty");
        for (size_t i = 0, n; i < size; i += n) {
                n = character_size((const unsigned char *)text + i, size - i);
                if (n == 0)
                        fail("a line that is no text");
                for (size_t k = 0; k < n; k++)
                        s->hash = (s->hash ^ (unsigned char)text[i + k]) * UINT64_C(0x100000001b3);
        }
        s->hash = (s->hash ^ (continued ? 256u : 257u)) * UINT64_C(0x100000001b3);
        s->continued = continued;
        record.priority = log_priority_take(&record.text, &record.size, LOG_INFO);
        if (record.priority < 0 || record.priority > 7)
                fail("a priority that there is not");
        log_tail_add(&s->tail, &record);
        if (s->tail.n > LOG_TAIL_LINES || s->tail.bytes > LOG_TAIL_BYTES)
                fail("the tail is too long");
}

static uint64_t run(const uint8_t *data, size_t size, unsigned int times, size_t cut) {
        struct log_lines lines = LOG_LINES_NULL;
        struct seen seen = { .hash = 1 };

        log_tail_init(&seen.tail);
        for (unsigned int i = 0; i < times; i++)
                for (size_t at = 0; at < size; at += cut) {
                        size_t n = size - at < cut ? size - at : cut;
                        uint8_t *copy = malloc(n); /* a byte too far is seen */

                        memcpy(copy, data + at, n);
                        if (log_lines_feed(&lines, copy, n, on_line, &seen) < 0)
                                fail("no memory");
                        free(copy);
                }
        log_lines_flush(&lines, on_line, &seen);
        log_lines_done(&lines);
        log_tail_done(&seen.tail);
        return seen.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned int times;

        if (size < 2)
                return 0;
        times = 1 + (data[0] % 8 == 7 ? data[0] : data[0] % 8);
        if (run(data + 2, size - 2, times, size) != run(data + 2, size - 2, times, 1 + data[1] % 64))
                fail("the lines depend on how they are cut into reads");
        return 0;
}
