/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BRIDGE_PROTOCOL_H
#define GANGER_BRIDGE_PROTOCOL_H

/*
 * Lines and frames: how requests are written, and units taken off what the program writes
 *
 * A line ends with a newline; a frame begins with its length, four bytes, big-endian. What a unit means
 * is the same for both: `OK`, `OK text`, `FAIL`, `FAIL reason`; or, from a source, just a message.
 */

#include <stdbool.h>
#include <stddef.h>

#include "bridge/buffer.h"

/** A frame that says it is longer than this is no frame: the longest message of any ring, and "FAIL ". */
#define FRAME_MAX ((16u << 20) + 5)

/** The shortest bound on replies, so that a reason fits. */
#define REPLY_MAX_LEAST 256

/** What was taken off. */
enum unit_kind {
        UNIT_NONE,                      /* it is not complete yet */
        UNIT_WHOLE,
        UNIT_LONG,                      /* longer than the limit: it is skipped */
        UNIT_BAD,                       /* that is no frame */
};

struct unit {
        enum unit_kind kind;
        const char *data;               /* until the reader is used again */
        size_t size;
};

struct protocol;
extern const struct protocol protocol_lines, protocol_frames;

/** Takes units off what was read. */
struct reader {
        const struct protocol *protocol;
        struct buffer buffer;
        size_t limit;                   /* the longest unit */
        size_t taken;                   /* bytes of the unit that was returned last: dropped next time */
        size_t scanned;                 /* lines: here is no newline */
        bool skipping;                  /* in the middle of a unit that is too long */
        size_t skip;                    /* frames: bytes still to be skipped */
};

struct protocol {
        /**
         * Write a request.
         * @return NULL; or why this message cannot be one; "" if memory is short.
         */
        const char *(*request)(struct buffer *to, const void *data, size_t size);
        /** Take a unit off. */
        struct unit (*next)(struct reader *r);
};

void reader_init(struct reader *r, const struct protocol *protocol, size_t limit);
void reader_done(struct reader *r);

/** The next unit, if it is there. */
struct unit reader_next(struct reader *r);

/** Has the program written something that is not part of a unit taken off already? */
bool reader_has_more(const struct reader *r);

/** At the end of file: the last line, if it has no newline. */
struct unit reader_rest(struct reader *r);

/** A reply, taken apart. */
enum reply_kind {
        REPLY_OK,
        REPLY_FAIL,
        REPLY_BAD,                      /* neither */
};

struct reply {
        enum reply_kind kind;
        const char *text;               /* NULL: none; may be empty */
        size_t size;
};

struct reply reply_parse(const char *data, size_t size);

#endif
