/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_CHAIN_H
#define GANGER_BASE_CHAIN_H

/*
 * Intrusive chains, for the buckets of hash tables: half of a list, where there are very many of them. Whoever is taken
 * out is looked for from the head on, which is no more than finding it was.
 */

#include <stddef.h>

#include "base/list.h"

struct chain {
        struct chain *next;             /* NULL: the last */
};

#define chain_entry(ptr, type, member) list_entry(ptr, type, member)

#define chain_for_each(it, head) for (struct chain *it = (head)->next; it; it = it->next)

static inline void chain_add(struct chain *head, struct chain *link) {
        link->next = head->next;
        head->next = link;
}

/** Nothing happens if it is not in there. */
static inline void chain_remove(struct chain *head, struct chain *link) {
        for (struct chain *at = head; at->next; at = at->next)
                if (at->next == link) {
                        at->next = link->next;
                        link->next = NULL;
                        return;
                }
}

#endif
