/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_STREAM_H
#define GANGER_SHM_STREAM_H

/*
 * Reading a stream of messages, from a writer that is just ahead
 *
 * Each look at how far he is takes the line of his position from him, and our processor fetches lines that he is about to
 * write. The further he is ahead, the more a look finds, and the less often we look. So whoever found something each time,
 * but not much, leaves his lines alone for a while before it looks again: that costs a part of a microsecond, and a
 * stream of short messages is half as fast again. Whoever looked in vain before, as with questions and answers, finds what
 * comes at once.
 */

#include <stdint.h>

#include "shm/wait-until.h"

/** Looks that found something, one after another: then it is a stream. */
#define STREAM_FINDS 2
/** Bytes. A writer that is so far ahead is not disturbed by a reader that looks. */
#define STREAM_LEAD 4096
/** Some 300 to 500 ns: as long as a cache line takes from one processor to another that shares no cache with it. */
#define STREAM_PAUSES 24

/** Private to the reader. */
struct stream {
        unsigned char finds;            /* the last looks that found something, but not much: at most STREAM_FINDS */
};

/** Before a look at how far the writer is. */
static inline void stream_let_ahead(const struct stream *s, const struct patience *p) {
        if (s->finds == STREAM_FINDS)
                patience_pause(p, STREAM_PAUSES);
}

/** The look found so many bytes; 0: nothing. */
static inline void stream_found(struct stream *s, uint64_t bytes) {
        if (bytes == 0)
                s->finds = 0;
        else if (bytes >= STREAM_LEAD)
                s->finds = STREAM_FINDS - 1;
        else if (s->finds < STREAM_FINDS)
                s->finds++;
}

#endif
