/* SPDX-License-Identifier: MIT */

/*
 * Forwarding: outputs sent and inputs acknowledged in one step
 *
 * Everything is checked before anything is done; then the journal of one of the handles is armed, and
 * that store is the commit point (shm/member.h). All handles are of the calling thread, so their journals
 * are too.
 */

#include <errno.h>

#include "worker/transfer.h"

_Static_assert(GANGER_FORWARD_MAX <= JOURNAL_ENTRIES, "all must fit one journal");

/** Is the message at `i` held in this state, of this membership, and not there twice? */
static int check(struct ganger_message *const *list, size_t i, enum slot_state state,
                 const struct ganger *g) {
        const struct ganger_message *m = list[i];

        if (!message_is(m, state))
                return -EINVAL;
        if (m->ring->handle.ganger != g)
                return -EXDEV;
        if (state == SLOT_WRITING && message_is_too_long(m))
                return -EMSGSIZE;
        for (size_t j = 0; j < i; j++)
                if (list[j]->ring == m->ring && list[j]->slot == m->slot)
                        return -EINVAL;
        return 0;
}

static int check_all(struct ganger_message *const *list, size_t n, enum slot_state state,
                     const struct ganger *g) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = check(list, i, state, g);
        return r;
}

static struct settlement settlement(const struct ganger_message *m, bool acknowledge) {
        return (struct settlement){
                .queue = &m->ring->queue,
                .ring = m->ring->handle.joined->number,
                .slot = m->slot,
                .acknowledge = acknowledge,
        };
}

int ganger_forward_many(struct ganger_message *const *in, size_t n_in, struct ganger_message *const *out,
                        size_t n_out) {
        struct settlement s[GANGER_FORWARD_MAX];
        const struct ganger_ring *first;
        size_t n = 0;
        int r;

        if (n_in > GANGER_FORWARD_MAX || n_out > GANGER_FORWARD_MAX - n_in)
                return -E2BIG;
        if (n_in + n_out == 0)
                return -EINVAL;
        first = n_in > 0 ? in[0]->ring : out[0]->ring;
        if (!first || !first->flags)
                return -EINVAL;
        r = check_all(in, n_in, SLOT_LEASED, first->handle.ganger);
        if (r == 0)
                r = check_all(out, n_out, SLOT_WRITING, first->handle.ganger);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_out; i++) {
                queue_commit_prepare(&out[i]->ring->queue, &(struct lease){ .slot = out[i]->slot, .id = out[i]->id },
                                     (uint32_t)out[i]->size);
                s[n++] = settlement(out[i], false);
        }
        for (size_t i = 0; i < n_in; i++)
                s[n++] = settlement(in[i], true);
        journal_settle(first->journal, s, n);
        for (size_t i = 0; i < n_in; i++)
                message_done(in[i]);
        for (size_t i = 0; i < n_out; i++)
                message_done(out[i]);
        return 0;
}

int ganger_forward(struct ganger_message *in, struct ganger_message *out) {
        return ganger_forward_many(&in, 1, &out, 1);
}
