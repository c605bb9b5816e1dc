/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_ARENA_H
#define GANGER_DAEMON_CONTROL_ARENA_H

/*
 * The memory of one call: taken piece by piece, freed at once when the answer is packed
 */

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
        struct arena_chunk *chunks;
};

#define ARENA_NULL ((struct arena){ NULL })

void arena_done(struct arena *a);

/** Memory for `n` objects of that size, all zero, aligned for anything. @return NULL: none is left. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/** A copy. @return NULL: no memory. */
void *arena_copy(struct arena *a, const void *data, size_t size);

/**
 * The text in a form that a message may carry: valid UTF-8 as it is; else a copy, with `?` for each byte that
 * is none. A cut text, an argument of a command or a STATUS= may be anything, and strict readers refuse the
 * whole message.
 * @return NULL: no memory.
 */
char *arena_text(struct arena *a, const char *text);

/** The same, in place. */
void text_repair(char *text);

#endif
