/* SPDX-License-Identifier: MIT */

/*
 * UTF-8
 *
 * Our own decoder, so that the result does not depend on the locale: what workers print and messages
 * contain is judged the same in a terminal and in a cron job.
 */

#include "ctl/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static const struct {
        uint8_t mask, lead;
        uint32_t min;
} forms[] = {
        { 0x80, 0x00, 0x0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
};

size_t utf8_decode(const char *text, size_t size, uint32_t *ret) {
        const uint8_t *p = (const uint8_t *)text;

        for (size_t n = 1; n <= 4 && n <= size; n++) {
                uint32_t c;

                if ((p[0] & forms[n - 1].mask) != forms[n - 1].lead)
                        continue;
                c = (uint32_t)(p[0] & ~forms[n - 1].mask);
                for (size_t i = 1; i < n; i++) {
                        if ((p[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (p[i] & 0x3f);
                }
                if (c < forms[n - 1].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return 0;
                *ret = c;
                return n;
        }
        return 0;
}

/** How much of it is printable ASCII, the most of most texts: a byte each, and a column each. */
static size_t plain_run(const char *text, size_t size) {
        size_t n = 0;

        while (n < size && text[n] >= 0x20 && text[n] < 0x7f)
                n++;
        return n;
}

bool utf8_is_valid(const char *text, size_t size) {
        uint32_t c;

        for (size_t n; size > 0; text += n, size -= n) {
                n = utf8_decode(text, size, &c);
                if (n == 0)
                        return false;
        }
        return true;
}

static size_t columns_of(uint32_t c) {
        int n = wcwidth((wchar_t)c);

        return n < 0 ? 1 : (size_t)n;
}

size_t utf8_fit(const char *text, size_t columns) {
        size_t size = strlen(text), at = 0, used = 0;
        uint32_t c;

        while (at < size) {
                size_t n = utf8_decode(text + at, size - at, &c);

                if (n == 0 || used + columns_of(c) > columns)
                        break;
                used += columns_of(c);
                at += n;
        }
        return at;
}

size_t utf8_width(const char *text) {
        size_t size = strlen(text), width = plain_run(text, size);
        uint32_t c;

        text += width;
        size -= width;
        for (size_t n; size > 0; text += n, size -= n) {
                n = utf8_decode(text, size, &c);
                if (n == 0)
                        break;
                width += columns_of(c);
        }
        return width;
}

static bool is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
               (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069); /* the last: direction overrides */
}

char *utf8_clean(const char *text, size_t size) {
        char *clean = malloc(size + 1), *to = clean;
        size_t plain = plain_run(text, size);
        uint32_t c;

        if (!clean)
                return NULL;
        if (plain > 0) { /* of nothing there may be no text at all */
                memcpy(to, text, plain);
                to += plain;
                text += plain;
                size -= plain;
        }
        while (size > 0) {
                size_t n = utf8_decode(text, size, &c);

                if (n > 0 && !is_control(c)) {
                        memcpy(to, text, n);
                        to += n;
                } else if (n > 0 && c == '\t')
                        *to++ = ' ';
                else
                        *to++ = '?';
                text += n > 0 ? n : 1;
                size -= n > 0 ? n : 1;
        }
        *to = '\0';
        return clean;
}
