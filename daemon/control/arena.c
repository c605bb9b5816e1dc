/* SPDX-License-Identifier: MIT */

/*
 * The memory of one call
 *
 * A status of 1,000 instances has some 10,000 small pieces; malloc() and free() of each would cost more than
 * packing them. Invariant: what was given out is zero, aligned, and stays where it is until arena_done().
 */

#include "daemon/control/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/** Small pieces come out of chunks of this size; a large one has a chunk of its own. */
#define CHUNK_SIZE ((size_t)32768)

struct arena_chunk {
        struct arena_chunk *next;
        size_t used, size;
        alignas(max_align_t) unsigned char bytes[];
};

void arena_done(struct arena *a) {
        while (a->chunks) {
                struct arena_chunk *next = a->chunks->next;

                free(a->chunks);
                a->chunks = next;
        }
}

static struct arena_chunk *arena_grow(struct arena *a, size_t size) {
        size_t capacity = MAX(size, CHUNK_SIZE);
        struct arena_chunk *c;

        if (size > SIZE_MAX / 2)
                return NULL;
        c = calloc(1, sizeof *c + capacity);
        if (!c)
                return NULL;
        c->size = capacity;
        c->next = a->chunks;
        a->chunks = c;
        return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size) {
        const size_t align = alignof(max_align_t);
        struct arena_chunk *c = a->chunks;
        size_t bytes;
        void *p;

        if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
                return NULL;
        bytes = (MAX(bytes, (size_t)1) + align - 1) / align * align;
        if (!c || c->size - c->used < bytes)
                c = arena_grow(a, bytes);
        if (!c)
                return NULL;
        p = c->bytes + c->used;
        c->used += bytes;
        return p;
}

void *arena_copy(struct arena *a, const void *data, size_t size) {
        void *p = arena_alloc(a, 1, size);

        if (p && size > 0)
                memcpy(p, data, size);
        return p;
}

/** The bytes of the character that stands here, which is not NUL; 0: there is none. */
static size_t utf8_character(const unsigned char *p) {
        size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
                   p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

        for (size_t i = 1; i < n; i++)
                if ((p[i] & 0xc0) != 0x80) /* also stops at the end */
                        return 0;
        if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
                return 0;
        if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
                return 0;
        return n;
}

static bool text_is_valid(const char *text) {
        const unsigned char *p = (const unsigned char *)text;

        while (*p) {
                size_t n = utf8_character(p);

                if (n == 0)
                        return false;
                p += n;
        }
        return true;
}

void text_repair(char *text) {
        unsigned char *p = (unsigned char *)text;

        while (*p) {
                size_t n = utf8_character(p);

                if (n == 0)
                        *p = '?';
                p += MAX(n, (size_t)1);
        }
}

char *arena_text(struct arena *a, const char *text) {
        char *copy;

        if (text_is_valid(text))
                return (char *)text; /* messages have `char *`, and nobody writes to it */
        copy = arena_copy(a, text, strlen(text) + 1);
        if (copy)
                text_repair(copy);
        return copy;
}
