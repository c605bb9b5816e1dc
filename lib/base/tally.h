/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_TALLY_H
#define GANGER_BASE_TALLY_H

/*
 * Counts by name: a hash table from byte strings to numbers.
 */

#include <stddef.h>
#include <stdint.h>

struct tally_entry {
        char *name;                     /* owned, ends with NUL; NULL: an empty place */
        size_t length;
        int64_t count;
};

struct tally {
        struct tally_entry *entries;
        size_t n, size;                 /* used; places, a power of two */
        int64_t total;
};

#define TALLY_NULL ((struct tally){ 0 })

void tally_done(struct tally *t);

/** Forget all names, keep the memory of the table. */
void tally_clear(struct tally *t);

/** Add to the count of a name. @return 0 or -ENOMEM. */
int tally_add(struct tally *t, const char *name, size_t length, int64_t count);

/** The count of a name; 0 if it was never added. */
int64_t tally_get(const struct tally *t, const char *name, size_t length);

#define tally_for_each(it, t)                                                                           \
        for (struct tally_entry *it = (t)->entries; it && it < (t)->entries + (t)->size; it++)          \
                if (it->name)

#endif
