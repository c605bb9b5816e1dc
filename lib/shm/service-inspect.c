/* SPDX-License-Identifier: MIT */

/*
 * What can be wrong with a service
 *
 * Each slot alone: its word, and what its caller and its server have written beside it before they changed the word. What
 * stands there counts only if the word is still the same afterwards.
 */

#include "shm/damage.h"
#include "shm/service-object.h"

typedef unsigned long long ull;

/** What is beside a word, as of a time at which it was that word. */
struct beside {
        uint32_t caller, request_size, reply_size;
};

static const struct {
        const char *name;
        bool owned, called, requested, replied;
} states[] = {
        [CALL_FREE] = { "free", false, false, false, false },
        [CALL_WRITING] = { "being written", true, false, false, false },
        [CALL_READY] = { "ready", true, true, true, false },
        [CALL_SERVING] = { "being served", true, true, true, false },
        [CALL_REPLIED] = { "replied", true, false, false, true },
        [CALL_FAILED] = { "failed", true, false, false, true },
        [CALL_ABANDONED] = { "abandoned", true, false, false, false },
};

/** How often a call in that state may have been delivered. */
static bool are_deliveries_sound(const struct service *s, uint64_t w) {
        uint32_t n = word_deliveries(w);

        switch (call_state(w)) {
        case CALL_FREE:
        case CALL_WRITING:
                return n == 0;
        case CALL_READY:
                return n < s->max_deliveries;
        case CALL_SERVING:
        case CALL_REPLIED:
        case CALL_FAILED:
        case CALL_ABANDONED:
                return n > 0 && n <= s->max_deliveries;
        default:
                return false;
        }
}

static void check_slot(struct damage *d, const struct object *o, uint32_t i, uint64_t w, const struct beside *b) {
        const struct service *s = &o->service;
        enum call_state state = call_state(w);
        char owner[DAMAGE_OWNER_MAX];

        if ((size_t)state >= ARRAY_SIZE(states))
                damage_add(d, "slot %u: its word is 0x%016llx, in a state (%d) that there is not", i, (ull)w, (int)state);
        else if (states[state].owned ? !damage_is_member(o, word_owner(w)) : word_owner(w) != 0)
                damage_add(d, "slot %u: its word (0x%016llx) is %s, and %s's, which %s", i, (ull)w, states[state].name,
                           damage_owner(owner, word_owner(w)), states[state].owned ? "nobody is" : "has no owner then");
        else if (!are_deliveries_sound(s, w))
                damage_add(d, "slot %u: its word (0x%016llx) is %s, after %u deliveries of at most %u", i, (ull)w,
                           states[state].name, word_deliveries(w), s->max_deliveries);
        else if (b && states[state].called && !damage_is_member(o, b->caller))
                damage_add(d, "slot %u: its caller is %s, which nobody is", i, damage_owner(owner, b->caller));
        else if (b && states[state].requested && b->request_size > s->message_max)
                damage_add(d, "slot %u: its request has %u bytes, of at most %u", i, b->request_size, s->message_max);
        else if (b && states[state].replied && b->reply_size > s->message_max)
                damage_add(d, "slot %u: its reply has %u bytes, of at most %u", i, b->reply_size, s->message_max);
}

static void inspect_slot(struct damage *d, const struct object *o, uint32_t i) {
        const struct call_slot *slot = service_slot(&o->service, i);
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire);
        const struct beside b = {
                .caller = atomic_load_explicit(&slot->caller, memory_order_relaxed),
                .request_size = *(const volatile uint32_t *)&slot->request_size,
                .reply_size = *(const volatile uint32_t *)&slot->reply_size,
        };

        atomic_thread_fence(memory_order_acquire);
        check_slot(d, o, i, w, atomic_load_explicit(&slot->word, memory_order_relaxed) == w ? &b : NULL);
}

/** The bits of slots that there are not. */
static void check_bits(struct damage *d, const struct service *s) {
        for (uint32_t i = 0; i < SERVICE_BITMAP; i++) {
                uint64_t bits = atomic_load_explicit(&s->control->ready[i], memory_order_relaxed);
                uint64_t mine = i < s->n / 64 ? UINT64_MAX : i == s->n / 64 ? (UINT64_C(1) << s->n % 64) - 1 : 0;

                if (bits & ~mine)
                        damage_add(d, "the bits of its slots: 0x%016llx at %u, for %u slots", (ull)bits, i, s->n);
        }
}

void service_inspect(const struct object *o, struct damage *ret) {
        const struct service *s = &o->service;

        for (uint32_t i = 0; i < s->n; i++)
                inspect_slot(ret, o, i);
        check_bits(ret, s);
        damage_check_waiters(ret, &s->control->requests, "servers that wait");
        damage_check_waiters(ret, &s->control->space, "callers that wait for a slot");
}
