/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * First: nobody sleeps who has something to do, and an end belongs to who has it, or to nobody. At the very end: no waiter's bit is
 * set for somebody who does not wait, each published record that was not consumed is there, once and in order, and
 * the ring has its full capacity for several laps.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "pipe/world.h"

/** Participants of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_SETUP 100
#define PARTICIPANT_CHECK 300
#define CAPACITY_LAPS 3
#define PATIENCE 64

struct history history[SIM_IDS];
const struct scenario *scenario;
unsigned int holder[PIPE_READER + 1];

static struct region region;
static struct actor actors[SIM_WORKERS + 1];
static unsigned char backup[SIM_RING_BYTES];

const struct scenario_head *world_scenario(size_t i) {
        return i < n_pipe_scenarios ? &pipe_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &pipe_scenarios[i];
}

uint32_t participant_of(unsigned int who) {
        return who == SETUP ? PARTICIPANT_SETUP : who == 0 ? 65 : who;
}

static void open_pipe(struct pipe *p) {
        pipe_open(p, &region, 0);
        p->patience.spin = 0;
}

static void actor_init(struct actor *a, unsigned int who, unsigned int incarnation) {
        memset(a, 0, sizeof *a);
        a->who = who;
        a->incarnation = incarnation;
        open_pipe(&a->pipe);
}

static struct pipe_control *control(void) {
        struct pipe p;

        pipe_open(&p, &region, 0);
        return p.control;
}

/* ---- the course of an execution ------------------------------------------------------------------ */

void world_reset(void) {
        memset(history, 0, sizeof history);
        memset(sim_memory[0], 0, SIM_RING_BYTES);
        region = (struct region){
                .base = sim_memory[0],
                .size = SIM_RING_BYTES,
                .geometry = { .kind = OBJECT_PIPE, .capacity = CAPACITY, .message_max = MESSAGE_MAX },
        };
        if (geometry_check(&region.geometry) < 0 || geometry_size(&region.geometry) > SIM_RING_BYTES)
                sim_fail("a pipe does not fit");
        atomic_store(&control()->written, scenario->start);
        atomic_store(&control()->consumed, scenario->start);
        holder[PIPE_WRITER] = holder[PIPE_READER] = NOBODY;
        actor_init(&actors[SETUP], SETUP, 0);
        if (scenario->setup)
                scenario->setup(&actors[SETUP]);
}

void world_run(unsigned int who, unsigned int incarnation) {
        actor_init(&actors[who], who, incarnation);
        if (scenario->body[who])
                scenario->body[who](&actors[who]);
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        struct object object;
        struct seat seat = { &object, 0, participant_of(who), 1, incarnation + 1 };

        for (enum pipe_end end = PIPE_WRITER; end <= PIPE_READER; end++)
                if (holder[end] == who)
                        holder[end] = NOBODY;
        object_open(&object, &region, 0);
        sim_say("is recovered:", who);
        recover_process(NULL, &seat, 1, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

/** Could it do now what it sleeps for? It works on a copy. */
static bool could_go_on(const struct actor *a) {
        struct pipe p = a->pipe;
        const void *record;
        uint32_t size;
        void *data;
        int r;

        memcpy(backup, sim_memory[0], SIM_RING_BYTES);
        r = p.end == PIPE_READER ? pipe_look(&p, &record, &size) : pipe_reserve(&p, a->wanted, &data);
        memcpy(sim_memory[0], backup, SIM_RING_BYTES);
        return r != -EAGAIN;
}

static void check_sleeper(const struct actor *a, const volatile void *key) {
        const struct pipe_control *c = control();

        if (a->pipe.end == PIPE_WRITER &&
            atomic_load((_Atomic uint64_t *)&c->written) == atomic_load((_Atomic uint64_t *)&c->consumed))
                sim_fail("waits for a reader who knows of nothing");
        if (could_go_on(a))
                sim_fail(a->pipe.end == PIPE_WRITER ? "asleep while there is room" :
                         key == &c->records.event  ? "asleep while a record is there" :
                                                     "a poller is not told of a record");
}

static void check_end(enum pipe_end end, uint32_t word) {
        unsigned int who = holder[end];

        if (who == NOBODY ? word != 0 : word != actors[who].pipe.owner)
                sim_fail(who == NOBODY ? "an end is taken, but nobody has it" : "an end is not his who has it");
}

void world_quiet(void) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (sim_sleeps_on(who))
                        check_sleeper(&actors[who], sim_sleeps_on(who));
        check_end(PIPE_WRITER, atomic_load(&control()->writer));
        check_end(PIPE_READER, atomic_load(&control()->reader));
}

/* ---- at the end ---------------------------------------------------------------------------------- */

static void check_bits(uint64_t summary, const _Atomic uint64_t *bits, enum pipe_end end, const volatile void *key) {
        uint64_t expected[WAITER_GROUPS] = { 0 };

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (sim_sleeps_on(who) == key && actors[who].pipe.end == end)
                        expected[participant_of(who) / 64] |= UINT64_C(1) << participant_of(who) % 64;
        for (unsigned int i = 0; i < WAITER_GROUPS; i++) {
                uint64_t b = atomic_load((_Atomic uint64_t *)&bits[i]);

                if (b != expected[i])
                        sim_fail("a waiter's bit that nobody owns, or one that is missing");
                if (b && !(summary >> i & 1))
                        sim_fail("a waiter's group is missing in the summary");
        }
}

static void check_waiters(void) {
        const struct pipe_control *c = control();

        check_bits(c->records.sleepers, c->records.sleeping, PIPE_READER, &c->records.event);
        check_bits(c->records.pollers, c->records.polling, PIPE_READER, &sim_events[0]);
        check_bits(c->space.sleepers, c->space.sleeping, PIPE_WRITER, &c->space.event);
        check_bits(c->space.pollers, c->space.polling, PIPE_WRITER, &sim_events[0]);
}

/** Whoever still has an end sleeps for ever: the judge takes its place. */
static void take(struct pipe *p, enum pipe_end end) {
        struct pipe_control *c = control();

        atomic_store(end == PIPE_WRITER ? &c->writer : &c->reader, 0);
        open_pipe(p);
        if (pipe_take(p, end, PARTICIPANT_CHECK, 1) < 0)
                sim_fail("an end cannot be taken at the end");
}

/** What is there must be all that was published and not consumed; of what was only begun, some may be. */
static void drain(struct pipe *reader) {
        bool there[SIM_IDS] = { false };
        unsigned int id, next = 0;
        const void *data;
        uint32_t size;
        int r;

        while ((r = pipe_look(reader, &data, &size)) == 0) {
                id = payload_id(data, size);
                if (id == SIM_IDS || id < next)
                        sim_fail(id == SIM_IDS ? "torn at the end" : "duplicated, or out of order at the end");
                there[id] = true;
                next = id + 1;
                pipe_pass(reader, size);
        }
        if (r != -EAGAIN)
                sim_fail("damaged at the end");
        pipe_tell(reader);
        for (id = 0; id < SIM_IDS; id++) {
                const struct history *h = &history[id];

                if (there[id] && (h->sent == NOT || h->consumed == DONE))
                        sim_fail(h->sent == NOT ? "there, but nobody sent it" : "there again after it was consumed");
                if (!there[id] && h->sent == DONE && h->consumed == NOT)
                        sim_fail("lost");
        }
}

/** Ring after ring full of records; a sixth of the capacity is more than padding takes. */
static void check_capacity(struct pipe *reader) {
        const uint32_t size = 600;
        struct pipe writer;
        const void *data;
        uint32_t got;
        void *to;

        take(&writer, PIPE_WRITER);
        for (unsigned int lap = 0; lap < CAPACITY_LAPS; lap++) {
                unsigned int n = 0;

                while (n < PATIENCE && pipe_reserve(&writer, size, &to) == 0) {
                        memset(to, (int)n++, size);
                        pipe_append(&writer, size);
                }
                if (n < CAPACITY / (size + PIPE_HEADER) - 1 || n == PATIENCE)
                        sim_fail("capacity is lost, or more than full");
                pipe_tell(&writer);
                for (unsigned int i = 0; i < n; i++) {
                        if (pipe_look(reader, &data, &got) < 0 || got != size || *(const unsigned char *)data != i)
                                sim_fail("lost or out of order afterwards");
                        pipe_pass(reader, got);
                }
                if (pipe_look(reader, &data, &got) != -EAGAIN)
                        sim_fail("more than was sent");
                pipe_tell(reader);
        }
}

void world_check(void) {
        struct pipe reader;

        sim_check_sound(&region);
        check_waiters();
        take(&reader, PIPE_READER);
        drain(&reader);
        check_capacity(&reader);
}
