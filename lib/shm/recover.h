/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_RECOVER_H
#define GANGER_SHM_RECOVER_H

/*
 * Recovery: put right what a dead process left
 *
 * Call it only when the process is known to be dead (reaped, or its pidfd readable), never for one that is merely
 * slow. It runs while all others work; it is idempotent, and may itself be killed at any instruction and be
 * started again. It trusts nothing that it reads.
 */

#include <stdbool.h>

#include "shm/member.h"
#include "shm/object.h"

/** The participants of one object that belong to one process. */
struct seat {
        struct object *object;
        uint32_t ring;                  /* its number in the handshake of that process */
        uint32_t first, count;          /* participants first … first + count - 1 */
        uint32_t generation;
};

/** Is an owner, as words name it, one of the seat's participants? */
static inline bool seat_owns(const struct seat *seat, uint32_t owner) {
        uint32_t participant = owner_participant(owner);

        return participant >= seat->first && participant - seat->first < seat->count &&
               owner_generation(owner) == (seat->generation & GENERATION_MASK);
}

struct recovery {
        uint32_t returned;              /* messages that will be delivered again */
        uint32_t dead;                  /* … that became dead letters */
        uint32_t cancelled;             /* … that were being written */
        uint32_t locks;                 /* monitors whose lock it held: inconsistent now */
        uint32_t redone;                /* entries of journals that had still to be settled */
};

/**
 * Recover a dead process: redo its journals, give back what it held, wake everybody that may wait for it.
 * @param member  its memory; NULL: it had none.
 * @param reason  why it died, for the notes of its messages; cut after NOTE_TEXT_MAX bytes.
 * @param ret     may be NULL; counts are added to it.
 */
void recover_process(const struct member *member, const struct seat *seats, size_t n_seats, const char *reason,
                     struct recovery *ret);

/**
 * The two parts of recover_process(), for who wants to know what was found in which object: the journals first, over all
 * seats, then each seat. The second also serves for a handle that is closed while its process lives on.
 */
void recover_journals(const struct member *member, const struct seat *seats, size_t n_seats, struct recovery *ret);
void recover_seat(const struct seat *seat, const char *reason, struct recovery *ret);

#endif
