/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_HASH_H
#define GANGER_KEEPER_HASH_H

#include <stdint.h>

/** FNV-1a, folded. The names come from our own manager: nobody chooses them to collide. */
static inline uint32_t hash_text(const char *text) {
        uint32_t hash = UINT32_C(2166136261);

        for (; *text; text++)
                hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
        return hash ^ hash >> 16;
}

#endif
