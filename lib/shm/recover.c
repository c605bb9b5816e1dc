/* SPDX-License-Identifier: MIT */

/*
 * Recovery
 *
 * Order matters: the journals first, since they decide about slots that the recovery of a seat would give
 * back; a journal is cleared only after all of its entries are settled. What recovering a seat means is each kind's own
 * (its row in shm/object.c).
 */

#include "shm/recover.h"

#include "shm/fault.h"

/* ---- journals ---------------------------------------------------------------------------------- */

static bool redo(const struct redo *r, const struct seat *seats, size_t n_seats) {
        for (size_t i = 0; i < n_seats; i++) {
                struct object *o = seats[i].object;

                if (seats[i].ring != r->ring || (!seat_owns(&seats[i], r->owner) && SHM_FAULT != FAULT_TRUST_OWNER))
                        continue;
                if (o->region.geometry.kind != OBJECT_QUEUE || r->slot >= o->queue.n)
                        continue;
                return r->acknowledge ? queue_settle_acknowledge(&o->queue, r->slot, r->owner)
                                      : queue_settle_commit(&o->queue, r->slot, r->owner);
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

/* ---- seats ------------------------------------------------------------------------------------- */

void recover_seat(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct recovery ignored = { 0 };

        seat->object->ops->recover(seat, reason, ret ? ret : &ignored);
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
