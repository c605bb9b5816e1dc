/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_LEFT_OUT_H
#define GANGER_KEEPER_LEFT_OUT_H

/*
 * What a process goes without, since it cannot be had here
 */

#include <stdbool.h>
#include <stddef.h>

/** One of each key that can be. */
#define LEFT_OUT_MAX 32

struct left_out {
        struct {
                const char *key;
                int error;              /* errno */
        } v[LEFT_OUT_MAX];
        size_t n;
};

/** One more, once; in the child, too. `key` stays. */
__attribute__((__no_sanitize__("address", "undefined")))
static inline void left_out_add(struct left_out *left_out, const char *key, int error) {
        for (size_t i = 0; i < left_out->n; i++)
                if (left_out->v[i].key == key)
                        return;
        if (left_out->n == LEFT_OUT_MAX)
                return;
        left_out->v[left_out->n].key = key;
        left_out->v[left_out->n++].error = error;
}

#endif
