/* SPDX-License-Identifier: MIT */
/*
 * A hash table of objects by a string
 *
 * Chained, doubled when it holds as many objects as buckets. What the keys say comes from the
 * configuration and from our own names, so the hash need not resist an attacker.
 */

#include "daemon/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_BUCKETS_MIN 16

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
        const unsigned char *p = data;

        if (hash == 0)
                hash = UINT64_C(0xcbf29ce484222325);
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static uint64_t hash_key(const char *key) {
        uint64_t hash = hash_bytes(0, key, strlen(key));

        return hash ^ (hash >> 32);     /* the low bits choose the bucket */
}

void map_done(struct map *m) {
        free(m->buckets);
        *m = MAP_NULL;
}

static struct map_node **map_bucket(const struct map *m, uint64_t hash) {
        return &m->buckets[hash & (m->n_buckets - 1)];
}

struct map_node *map_find(const struct map *m, const char *key) {
        uint64_t hash = hash_key(key);

        if (m->n_buckets == 0)
                return NULL;
        for (struct map_node *node = *map_bucket(m, hash); node; node = node->next)
                if (node->hash == hash && strcmp(node->key, key) == 0)
                        return node;
        return NULL;
}

static int map_grow(struct map *m) {
        struct map grown = { .n_buckets = m->n_buckets ? m->n_buckets * 2 : MAP_BUCKETS_MIN, .n = m->n };

        grown.buckets = calloc(grown.n_buckets, sizeof *grown.buckets);
        if (!grown.buckets)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_buckets; i++)
                for (struct map_node *node = m->buckets[i], *next; node; node = next) {
                        struct map_node **bucket = map_bucket(&grown, node->hash);

                        next = node->next;
                        node->next = *bucket;
                        *bucket = node;
                }
        free(m->buckets);
        *m = grown;
        return 0;
}

int map_add(struct map *m, struct map_node *node, const char *key) {
        struct map_node **bucket;
        int r;

        if (map_find(m, key))
                return -EEXIST;
        if (m->n >= m->n_buckets) {
                r = map_grow(m);
                if (r < 0)
                        return r;
        }
        node->key = key;
        node->hash = hash_key(key);
        bucket = map_bucket(m, node->hash);
        node->next = *bucket;
        *bucket = node;
        m->n++;
        return 0;
}

void map_remove(struct map *m, struct map_node *node) {
        if (m->n_buckets == 0)
                return;
        for (struct map_node **at = map_bucket(m, node->hash); *at; at = &(*at)->next)
                if (*at == node) {
                        *at = node->next;
                        node->next = NULL;
                        m->n--;
                        return;
                }
}
