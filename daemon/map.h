/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_MAP_H
#define GANGER_DAEMON_MAP_H

/*
 * A hash table of objects by a string
 *
 * Intrusive: the object embeds the node, and owns the key, which must not change while it is in the
 * map. Keys are unique.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct map_node {
        struct map_node *next;
        const char *key;
        uint64_t hash;
};

struct map {
        struct map_node **buckets;
        size_t n_buckets;               /* a power of two, or 0 before the first object */
        size_t n;
};

#define MAP_NULL ((struct map){ 0 })

#define map_entry(ptr, type, member) list_entry(ptr, type, member)

/** Forget the table, not the objects. */
void map_done(struct map *m);

/** @return the node of that key, or NULL. */
struct map_node *map_find(const struct map *m, const char *key);

/** @return 0, -EEXIST, -ENOMEM. */
int map_add(struct map *m, struct map_node *node, const char *key);

/** Remove a node; nothing happens if it is not in the map. */
void map_remove(struct map *m, struct map_node *node);

/** FNV-1a; 0 to begin with, or the hash of what came before. */
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);

#endif
