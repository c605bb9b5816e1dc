/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: each call of one who lives has an end, with its own reply or the right error, once there is a
 * server again; the dead own nothing and wait for nothing; the services have their full capacity.
 */

#include <errno.h>
#include <string.h>

#include "service/step-world.h"

#define CAPACITY_LAPS 3
#define PATIENCE 64

const size_t arena_size = sizeof(struct arena);

static struct region region_of(struct arena *a) {
        return (struct region){
                .base = a->service,
                .size = STEP_SERVICE_BYTES,
                .geometry = { .kind = OBJECT_SERVICE, .slots = STEP_SLOTS, .message_max = 16, .policy = a->policy,
                              .max_deliveries = a->policy == SERVICE_IDEMPOTENT ? STEP_MAX_DELIVERIES : 0 },
        };
}

void arena_open(struct arena *a, struct service *s, uint32_t participant) {
        struct region r = region_of(a);

        service_open(s, &r, participant, participant ? STEP_GENERATION : 0, -1);
        s->patience.spin = 0;
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        ret[0] = region_of(a);
        return 1;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
}

void arena_recover(struct arena *a, uint32_t participant) {
        struct region r = region_of(a);
        struct object object;
        const struct seat seat = { &object, 0, participant, 1, STEP_GENERATION };

        object_open(&object, &r, -1);
        recover_process(NULL, &seat, 1, "killed", NULL);
}

/** Serve all that there is. */
static const char *serve_all(struct arena *a, uint32_t participant, bool lonely) {
        struct service s;
        struct served r;

        arena_open(a, &s, participant);
        for (unsigned int n = 0;; n++) {
                unsigned int id = step_receive(a, &s, &r);
                int gone;

                if (id == STEP_IDS)
                        return NULL;
                if (id > STEP_IDS)
                        return "a torn request, or one that was served too often";
                if (n == PATIENCE)
                        return "serving does not come to an end";
                gone = step_reply(a, &s, id, &r);
                if (gone < 0 || (gone > 0 && lonely))
                        return "a reply is not accepted";
        }
}

/** Half-done work of others is in nobody's way. */
const char *arena_peer(struct arena *a) {
        const char *why = NULL;
        struct service s;
        struct call c;

        arena_open(a, &s, STEP_PEER);
        s.call_cursor = 0;
        if (step_call(a, &s, STEP_PEER_ID + STEP_SLOTS, &c)) {
                why = serve_all(a, STEP_PEER, false);
                if (!why && step_end(a, &s, STEP_PEER_ID + STEP_SLOTS, &c) != 0)
                        why = "a peer has no reply";
        }
        return why;
}

/** Each call that was open before has an end by now. */
static const char *check_open(struct arena *a, const struct operation *op) {
        for (uint32_t i = 0; i < a->n_open; i++) {
                const struct step_call *o = &a->open[i];
                const struct mark *m = &a->marks[o->id];
                struct service s;
                int r;

                arena_open(a, &s, o->participant);
                r = step_end(a, &s, o->id, &o->call);
                if (r == -EAGAIN)
                        return "a call has no end";
                if (r == -EILSEQ || r == -EBADMSG || (r == -EREMOTEIO && !(op->flags & STEP_REJECTS)))
                        return "a wrong reply";
                if (r == -ECONNRESET && (m->replied || a->policy == SERVICE_IDEMPOTENT))
                        return "a call failed without need";
        }
        return NULL;
}

static const char *check_slots(struct arena *a) {
        struct service s;

        arena_open(a, &s, 0);
        for (uint32_t i = 0; i < s.n; i++) {
                uint64_t w = atomic_load(&service_slot(&s, i)->word);

                if (call_state(w) != CALL_FREE || word_owner(w) != 0)
                        return "a slot is still held";
        }
        return NULL;
}

static const char *check_waiters(struct arena *a) {
        struct service s;
        uint64_t bits = 0;

        arena_open(a, &s, 0);
        for (unsigned int i = 0; i < WAITER_GROUPS; i++)
                bits |= s.control->requests.sleeping[i] | s.control->requests.polling[i] | s.control->space.sleeping[i];
        return bits ? "a dead one waits" : NULL;
}

static const char *check_capacity(struct arena *a) {
        struct call calls[STEP_SLOTS], more;
        const char *why = NULL;
        struct service s;

        arena_open(a, &s, STEP_JUDGE);
        for (unsigned int lap = 0; !why && lap < CAPACITY_LAPS; lap++) {
                memset(a->marks, 0, sizeof a->marks);
                for (unsigned int i = 0; i < STEP_SLOTS; i++)
                        if (!step_call(a, &s, i, &calls[i]))
                                return "capacity is lost";
                if (service_reserve(&s, &more) != -EAGAIN)
                        return "more than full";
                why = serve_all(a, STEP_JUDGE + 1, true);
                for (unsigned int i = 0; !why && i < STEP_SLOTS; i++)
                        if (step_end(a, &s, i, &calls[i]) != 0)
                                why = "a wrong reply afterwards";
        }
        return why;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        const char *why = check_waiters(a);

        why = why ? why : serve_all(a, STEP_JUDGE, true);
        why = why ? why : check_open(a, op);
        why = why ? why : check_slots(a);
        why = why ? why : check_capacity(a);
        return why;
}
