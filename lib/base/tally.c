/* SPDX-License-Identifier: MIT */

/*
 * Counts by name
 *
 * Open addressing with linear probing; never more than half full, so a search ends at an empty place.
 */

#include "base/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TALLY_SIZE_MIN 64

static size_t hash(const char *name, size_t length) {
        uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

        for (size_t i = 0; i < length; i++)
                h = (h ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
        return (size_t)(h ^ h >> 32);
}

/** The place of a name, or the empty one where it belongs. */
static struct tally_entry *find(struct tally_entry *entries, size_t size, const char *name, size_t length) {
        size_t i = hash(name, length) & (size - 1);

        while (entries[i].name && (entries[i].length != length || memcmp(entries[i].name, name, length) != 0))
                i = (i + 1) & (size - 1);
        return &entries[i];
}

static int grow(struct tally *t) {
        size_t size = t->size ? t->size * 2 : TALLY_SIZE_MIN;
        struct tally_entry *entries = calloc(size, sizeof *entries);

        if (!entries)
                return -ENOMEM;
        tally_for_each(e, t)
                *find(entries, size, e->name, e->length) = *e;
        free(t->entries);
        t->entries = entries;
        t->size = size;
        return 0;
}

void tally_clear(struct tally *t) {
        tally_for_each(e, t) {
                free(e->name);
                *e = (struct tally_entry){ 0 };
        }
        t->n = 0;
        t->total = 0;
}

void tally_done(struct tally *t) {
        tally_clear(t);
        free(t->entries);
        *t = TALLY_NULL;
}

int tally_add(struct tally *t, const char *name, size_t length, int64_t count) {
        struct tally_entry *e;

        if (t->n * 2 >= t->size) {
                int r = grow(t);

                if (r < 0)
                        return r;
        }
        e = find(t->entries, t->size, name, length);
        if (!e->name) {
                e->name = strndup(name, length);
                if (!e->name)
                        return -ENOMEM;
                e->length = length;
                t->n++;
        }
        e->count += count;
        t->total += count;
        return 0;
}

int64_t tally_get(const struct tally *t, const char *name, size_t length) {
        struct tally_entry *e;

        if (t->size == 0)
                return 0;
        e = find(t->entries, t->size, name, length);
        return e->name ? e->count : 0;
}
