/* SPDX-License-Identifier: MIT */

/*
 * Lines and frames
 *
 * Invariant: the buffer never holds more than one unit of the limit and what one read brought beyond it.
 * A unit that is too long is told once, when that is known, and then skipped as it comes.
 */

#include "bridge/protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

#define LENGTH_SIZE sizeof(uint32_t)

static const struct unit unit_none = { .kind = UNIT_NONE };
static const struct unit unit_long = { .kind = UNIT_LONG };
static const struct unit unit_bad = { .kind = UNIT_BAD };

/** A unit of the next bytes, after a prefix, before a suffix. */
static struct unit take(struct reader *r, size_t prefix, size_t size, size_t suffix) {
        r->taken = prefix + size + suffix;
        return (struct unit){
                .kind = UNIT_WHOLE,
                .data = (const char *)buffer_begin(&r->buffer) + prefix,
                .size = size,
        };
}

/* ---- lines ------------------------------------------------------------------------------------- */

static const char *lines_request(struct buffer *to, const void *data, size_t size) {
        const char *text = data;

        if (size > 0 && text[size - 1] == '\n')
                size--;
        if (size > 0 && memchr(text, '\n', size))
                return "contains a newline";
        return buffer_append(to, text, size) < 0 || buffer_append(to, "\n", 1) < 0 ? "" : NULL;
}

static struct unit lines_next(struct reader *r) {
        unsigned char *begin = buffer_begin(&r->buffer), *newline = NULL;
        size_t size = buffer_size(&r->buffer);

        if (size > r->scanned)
                newline = memchr(begin + r->scanned, '\n', size - r->scanned);
        if (!newline && (r->skipping || size > r->limit)) {
                bool told = r->skipping;

                buffer_drop(&r->buffer, size);
                r->scanned = 0;
                r->skipping = true;
                return told ? unit_none : unit_long;
        }
        if (!newline) {
                r->scanned = size;
                return unit_none;
        }
        r->scanned = 0;
        size = (size_t)(newline - begin);
        if (r->skipping) {
                r->skipping = false;
                buffer_drop(&r->buffer, size + 1);
                return lines_next(r);
        }
        if (size > r->limit) {
                buffer_drop(&r->buffer, size + 1);
                return unit_long;
        }
        return take(r, 0, size, 1);
}

/* ---- frames ------------------------------------------------------------------------------------ */

static const char *frames_request(struct buffer *to, const void *data, size_t size) {
        uint32_t length = htonl((uint32_t)size);

        return buffer_append(to, &length, sizeof length) < 0 || buffer_append(to, data, size) < 0 ? "" : NULL;
}

static void frames_skip(struct reader *r) {
        size_t n = MIN(r->skip, buffer_size(&r->buffer));

        buffer_drop(&r->buffer, n);
        r->skip -= n;
        r->skipping = r->skip > 0;
}

static struct unit frames_next(struct reader *r) {
        uint32_t length;

        frames_skip(r);
        if (r->skipping || buffer_size(&r->buffer) < LENGTH_SIZE)
                return unit_none;
        memcpy(&length, buffer_begin(&r->buffer), sizeof length);
        length = ntohl(length);
        if (length > FRAME_MAX)
                return unit_bad;
        if (length > r->limit) {
                r->skip = LENGTH_SIZE + length;
                frames_skip(r);
                return unit_long;
        }
        if (buffer_size(&r->buffer) - LENGTH_SIZE < length)
                return unit_none;
        return take(r, LENGTH_SIZE, length, 0);
}

const struct protocol protocol_lines = { lines_request, lines_next };
const struct protocol protocol_frames = { frames_request, frames_next };

/* ---- either ------------------------------------------------------------------------------------ */

void reader_init(struct reader *r, const struct protocol *protocol, size_t limit) {
        *r = (struct reader){ .protocol = protocol, .limit = MAX(limit, (size_t)REPLY_MAX_LEAST) };
}

void reader_done(struct reader *r) {
        buffer_done(&r->buffer);
}

static void drop_taken(struct reader *r) {
        buffer_drop(&r->buffer, r->taken);
        r->taken = 0;
}

struct unit reader_next(struct reader *r) {
        drop_taken(r);
        return r->protocol->next(r);
}

bool reader_has_more(const struct reader *r) {
        return buffer_size(&r->buffer) > r->taken;
}

struct unit reader_rest(struct reader *r) {
        drop_taken(r);
        if (r->protocol != &protocol_lines || r->skipping || buffer_size(&r->buffer) == 0)
                return unit_none;
        return take(r, 0, buffer_size(&r->buffer), 0);
}

static bool starts_with(const char *data, size_t size, const char *word, struct reply *ret) {
        size_t n = strlen(word);

        if (size < n || memcmp(data, word, n) != 0 || (size > n && data[n] != ' '))
                return false;
        if (size > n) {
                ret->text = data + n + 1;
                ret->size = size - n - 1;
        }
        return true;
}

struct reply reply_parse(const char *data, size_t size) {
        struct reply reply = { .kind = REPLY_BAD };

        if (starts_with(data, size, "OK", &reply))
                reply.kind = REPLY_OK;
        else if (starts_with(data, size, "FAIL", &reply))
                reply.kind = REPLY_FAIL;
        return reply;
}
