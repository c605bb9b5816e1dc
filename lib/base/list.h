/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_LIST_H
#define GANGER_BASE_LIST_H

/*
 * Intrusive doubly linked lists. A node that is in no list points to itself.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct list {
        struct list *next, *prev;
};

#define LIST_INIT(var) { .next = &(var), .prev = &(var) }

#define list_entry(ptr, type, member) container_of(ptr, type, member)

#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/** The same, where the body may unlink `it` (but not its neighbour). */
#define list_for_each_safe(it, head)                                                            \
        for (struct list *it = (head)->next, *it##_next = it->next; it != (head);               \
             it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l) {
        l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l) {
        return l->next == l;
}

static inline void list_append(struct list *head, struct list *node) {
        node->prev = head->prev;
        node->next = head;
        head->prev->next = node;
        head->prev = node;
}

static inline void list_unlink(struct list *node) {
        node->prev->next = node->next;
        node->next->prev = node->prev;
        list_init(node);
}

static inline struct list *list_first(struct list *head) {
        return list_is_empty(head) ? NULL : head->next;
}

#endif
