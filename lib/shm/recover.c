/* SPDX-License-Identifier: MIT */

/*
 * Recovery
 *
 * Order matters: the journals first, since they decide about slots that the walk over the slots would give
 * back; a journal is cleared only after all of its entries are settled; the epoch moves only after every slot is
 * put right, and always, since a receiver or an earlier recovery may have been killed between giving a slot
 * back and moving it; waking comes last.
 */

#include "shm/recover.h"

#include "shm/fault.h"

/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

static bool seat_owns(const struct seat *seat, uint32_t owner) {
        uint32_t participant = owner_participant(owner);

        return participant >= seat->first && participant - seat->first < seat->count &&
               owner_generation(owner) == (seat->generation & GENERATION_MASK);
}

/* ---- journals ---------------------------------------------------------------------------------- */

static bool redo(const struct redo *r, const struct seat *seats, size_t n_seats) {
        for (size_t i = 0; i < n_seats; i++) {
                if (seats[i].ring != r->ring || !seat_owns(&seats[i], r->owner) || r->slot >= seats[i].queue->n)
                        continue;
                return r->acknowledge ? queue_settle_acknowledge(seats[i].queue, r->slot, r->owner)
                                      : queue_settle_commit(seats[i].queue, r->slot, r->owner);
        }
        return false;
}

static void redo_journal(struct journal *j, const struct seat *seats, size_t n_seats, struct recovery *ret) {
        uint64_t n = atomic_load_explicit(&j->armed, memory_order_acquire);

        for (uint64_t i = 0; i < n && i < JOURNAL_ENTRIES; i++) {
                struct redo r = redo_unpack(*(volatile uint64_t *)&j->entries[i]);

                if (redo(&r, seats, n_seats))
                        ret->redone++;
        }
        if (n != 0)
                atomic_store_explicit(&j->armed, 0, memory_order_release);
}

void recover_journals(const struct member *member, const struct seat *seats, size_t n_seats, struct recovery *ret) {
        for (size_t i = 0; member && member->memory && i < MEMBER_HANDLES; i++)
                redo_journal(&member->memory->journals[i], seats, n_seats, ret);
}

/* ---- slots ------------------------------------------------------------------------------------- */

/** What becomes of a slot that a dead participant owned. @return false: nothing. */
static bool repaired(const struct queue *q, uint64_t w, uint64_t *ret) {
        switch (word_state(w)) {
        case SLOT_WRITING:
                *ret = word_make(word_lap(w) + 1, 0, 0, SLOT_FREE);
                return true;
        case SLOT_LEASED:
                *ret = word_make(word_lap(w), 0, word_deliveries(w),
                                 word_deliveries(w) >= q->max_deliveries ? SLOT_DEAD : SLOT_RETURNED);
                return true;
        default:
                return false;
        }
}

static void count_repair(struct recovery *ret, uint64_t w) {
        switch (word_state(w)) {
        case SLOT_RETURNED:
                ret->returned++;
                break;
        case SLOT_DEAD:
                ret->dead++;
                break;
        default:
                ret->cancelled++;
        }
}

static void repair_slot(const struct seat *seat, uint32_t i, const char *reason, struct recovery *ret) {
        struct slot *s = queue_slot(seat->queue, i);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);

        /* Nobody competes with us but another recovery of the same, or somebody hostile. */
        for (unsigned int tries = 0; tries < RECOVER_TRIES; tries++) {
                uint64_t next;

                if (!seat_owns(seat, word_owner(w)) || !repaired(seat->queue, w, &next))
                        return;
                if (word_state(w) == SLOT_LEASED)
                        queue_note(seat->queue, i, w, NOTE_DIED, reason);
                /* Release: partner is the acquire of the next receive or reserve. */
                if (atomic_compare_exchange_strong_explicit(&s->word, &w, next, memory_order_acq_rel,
                                                            memory_order_acquire)) {
                        count_repair(ret, next);
                        return;
                }
        }
}

static void repair_slots(const struct seat *seat, const char *reason, struct recovery *ret) {
        for (uint32_t i = 0; i < seat->queue->n; i++)
                repair_slot(seat, i, reason, ret);
        queue_bump_epoch(seat->queue, UINT64_MAX);
}

static void wake(const struct seat *seat) {
        wait_forget(&seat->queue->messages, seat->first, seat->count);
        wait_forget(&seat->queue->space, seat->first, seat->count);
#if SHM_FAULT != FAULT_NO_REWAKE
        wait_wake_all(&seat->queue->messages);
        wait_wake_all(&seat->queue->space);
#endif
}

void recover_seat(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct recovery ignored = { 0 };

        repair_slots(seat, reason, ret ? ret : &ignored);
        wake(seat);
}

void recover_process(const struct member *member, const struct seat *seats, size_t n_seats, const char *reason,
                     struct recovery *ret) {
        struct recovery ignored = { 0 };

        if (!ret)
                ret = &ignored;
#if SHM_FAULT != FAULT_JOURNAL_LATE
        recover_journals(member, seats, n_seats, ret);
#endif
        for (size_t i = 0; i < n_seats; i++)
                recover_seat(&seats[i], reason, ret);
#if SHM_FAULT == FAULT_JOURNAL_LATE
        recover_journals(member, seats, n_seats, ret);
#endif
}
