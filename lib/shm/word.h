/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_WORD_H
#define GANGER_SHM_WORD_H

/*
 * The word of a slot
 *
 * One 64-bit word per slot is the only object at which a queue linearises. It says in which lap of the
 * ring the slot stands, in what state, who owns it, and how often its message was delivered; so whoever
 * claims a slot records its ownership by the very compare-and-swap that claims.
 *
 *      lap:33 | generation:8 | participant:12 | deliveries:8 | state:3
 *
 * Laps wrap: they are compared by their signed difference, and no two that meet are 2^32 laps apart.
 */

#include <stdint.h>

enum slot_state {
        SLOT_FREE = 0,          /* of this lap: may be claimed. All-zero memory is an empty ring */
        SLOT_WRITING = 1,       /* claimed by a sender */
        SLOT_READY = 2,         /* holds a message that was never delivered */
        SLOT_LEASED = 3,        /* delivered, not finished */
        SLOT_RETURNED = 4,      /* as ready, but was delivered before */
        SLOT_DEAD = 5,          /* a dead letter */
};

#define WORD_STATE_BITS 3
#define WORD_DELIVERIES_BITS 8
#define WORD_PARTICIPANT_BITS 12
#define WORD_GENERATION_BITS 8
#define WORD_OWNER_BITS (WORD_PARTICIPANT_BITS + WORD_GENERATION_BITS)
#define WORD_OWNER_MASK ((1u << WORD_OWNER_BITS) - 1)
#define WORD_LAP_SHIFT (WORD_STATE_BITS + WORD_DELIVERIES_BITS + WORD_OWNER_BITS)
#define WORD_LAP_BITS (64 - WORD_LAP_SHIFT)

/** The delivery count stays at this. */
#define DELIVERIES_MAX ((1u << WORD_DELIVERIES_BITS) - 1)
/** Participants are numbered from 1; 0 is nobody. */
#define PARTICIPANT_MAX ((1u << WORD_PARTICIPANT_BITS) - 1)
#define GENERATION_MASK ((1u << WORD_GENERATION_BITS) - 1)

static inline enum slot_state word_state(uint64_t w) {
        return (enum slot_state)(w & ((1u << WORD_STATE_BITS) - 1));
}

static inline uint32_t word_deliveries(uint64_t w) {
        return (uint32_t)(w >> WORD_STATE_BITS) & DELIVERIES_MAX;
}

/** Participant and generation together. */
static inline uint32_t word_owner(uint64_t w) {
        return (uint32_t)(w >> (WORD_STATE_BITS + WORD_DELIVERIES_BITS)) & ((1u << WORD_OWNER_BITS) - 1);
}

static inline uint32_t owner_make(uint32_t participant, uint32_t generation) {
        return participant | (generation & GENERATION_MASK) << WORD_PARTICIPANT_BITS;
}

static inline uint32_t owner_participant(uint32_t owner) {
        return owner & PARTICIPANT_MAX;
}

static inline uint32_t owner_generation(uint32_t owner) {
        return owner >> WORD_PARTICIPANT_BITS;
}

static inline uint64_t word_make(uint64_t lap, uint32_t owner, uint32_t deliveries, enum slot_state state) {
        return lap << WORD_LAP_SHIFT | (uint64_t)owner << (WORD_STATE_BITS + WORD_DELIVERIES_BITS) |
               (uint64_t)deliveries << WORD_STATE_BITS | (uint64_t)state;
}

static inline uint64_t word_lap(uint64_t w) {
        return w >> WORD_LAP_SHIFT;
}

/** How many laps the slot is ahead of `lap` (a lap in full, or one of a word). */
static inline int64_t word_ahead(uint64_t w, uint64_t lap) {
        return (int64_t)((w >> WORD_LAP_SHIFT << WORD_LAP_SHIFT) - (lap << WORD_LAP_SHIFT)) >> WORD_LAP_SHIFT;
}

#endif
