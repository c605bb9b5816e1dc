/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for three workers
 *
 * A replacement runs the body of the one it replaces. Workers that loop for ever are meant to end asleep: the checks tell
 * whether they may.
 */

#include <errno.h>

#include "base/time.h"
#include "queue/world.h"
#include "shm/sys.h"

/** Laps are compared by their difference: some scenarios begin where their number wraps. */
#define LAST_LAP ((UINT64_C(1) << WORD_LAP_BITS) - 1)

static void send_look(struct actor *a, unsigned int n) {
        for (unsigned int i = 0; i < n; i++)
                (void)op_send(a, 0, op_next(a, 0), LOOK);
}

/** Send until `n` were sent, by this incarnation or those before. */
static void send_wait(struct actor *a, unsigned int n) {
        while (op_next(a, 0) < MESSAGE_ID(a->who, n))
                (void)op_send(a, 0, op_next(a, 0), WAIT);
}

static void send_1(struct actor *a) {
        send_wait(a, 1);
}

static void send_2(struct actor *a) {
        send_wait(a, 2);
}

static void consume(struct actor *a) {
        for (;;)
                (void)op_take(a, 0, WAIT);
}

static void take_one(struct actor *a) {
        (void)op_take(a, 0, WAIT);
}

static void hold_one(struct actor *a) {
        struct lease l;

        (void)op_receive(a, 0, &l, WAIT);
        sim_hold();
        op_acknowledge(a, 0, &l);
}

/* ---- looking, never waiting ---------------------------------------------------------------------- */

static void send_and_take(struct actor *a) {
        send_look(a, 1);
        (void)op_take(a, 0, LOOK);
        send_look(a, 1);
        (void)op_take(a, 0, LOOK);
}

static void send_look_1(struct actor *a) {
        send_look(a, 1);
}

static void send_laps(struct actor *a) {
        send_look(a, 4);
}

static void take_crosswise(struct actor *a) {
        struct lease first, second;

        if (op_receive(a, 0, &first, LOOK) < 0)
                return;
        if (op_receive(a, 0, &second, LOOK) == 0)
                op_acknowledge(a, 0, &second);
        op_acknowledge(a, 0, &first);
        (void)op_take(a, 0, LOOK);
}

static void take_three(struct actor *a) {
        for (unsigned int i = 0; i < 3; i++)
                (void)op_take(a, 0, LOOK);
}

/* ---- leases that are held ------------------------------------------------------------------------ */

static void setup_one(struct actor *a) {
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 0), LOOK);
}

static void setup_two(struct actor *a) {
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 0), LOOK);
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 1), LOOK);
}

static void sender_must_be_done(void) {
        if (!sim_is_done(1))
                sim_fail("a lease that is held stops the others");
}

static void take_one_late(struct actor *a) {
        struct lease l;

        if (op_receive(a, 0, &l, LOOK) < 0)
                return;
        sim_boundary();
        op_acknowledge(a, 0, &l);
}

/** Worker 1 holds the first slot, all others are free; the frontier stands at the first, in the next lap. */
static struct lease held;

static void setup_held(struct actor *a) {
        struct actor one;

        for (uint32_t i = 0; i < scenario->slots[0]; i++)
                (void)op_send(a, 0, MESSAGE_ID(SETUP, i), LOOK);
        actor_init(&one, 1, 0);
        (void)op_receive(&one, 0, &held, LOOK);
        while (op_take(a, 0, LOOK) == 0)
                ;
}

/** A lease that ends just while a sender passes over it. */
static void acknowledge_and_send(struct actor *a) {
        if (a->incarnation == 0)
                op_acknowledge(a, 0, &held);
        send_look(a, 1);
}

/** As if so many laps had gone by in which these slots were only claimed. */
static void leap(struct queue *q, uint64_t laps) {
        for (uint64_t i = 0; i < q->n; i++) {
                uint64_t w = atomic_load(&queue_slot(q, i)->word);

                atomic_store(&queue_slot(q, i)->word, w + (laps << WORD_LAP_SHIFT));
        }
        atomic_store(&q->control->tail, atomic_load(&q->control->tail) + (laps << q->log2));
        queue_bump_epoch(q, UINT64_MAX);
}

/** So long that the mark of passing over would wrap, were it not brought up to date. */
static void setup_aeons(struct actor *a) {
        struct lease l;

        for (unsigned int i = 0; i < 3 << 6; i++) {
                for (uint32_t k = 0; k < 2 * scenario->slots[0]; k++)
                        if (queue_reserve(&a->queue[0], &l) == 0)
                                queue_cancel(&a->queue[0], &l);
                leap(&a->queue[0], (1 << 24) - 1);
                if (op_receive(a, 0, &l, LOOK) == 0)
                        sim_fail("a message that nobody sent");
        }
        if (op_send(a, 0, MESSAGE_ID(SETUP, 0), LOOK) < 0)
                sim_fail("a free slot cannot be had");
}

/* ---- what stops senders, and what lets them go on ------------------------------------------------ */

/** The first slot is ready, or still being written; all others are free, in the next lap. */
static void open_behind(struct actor *a, struct lease *ret) {
        struct lease other;

        queue_reserve(&a->queue[0], ret);
        for (uint32_t i = 1; i < scenario->slots[0]; i++) {
                queue_reserve(&a->queue[0], &other);
                queue_commit(&a->queue[0], &other, 0);
                queue_receive(&a->queue[0], &other);
                queue_acknowledge(&a->queue[0], other.slot);
        }
}

static void setup_blocked(struct actor *a) {
        struct lease l;

        open_behind(a, &l);
        history[0][MESSAGE_ID(SETUP, 0)].sent = DONE;
        payload_write(l.data, MESSAGE_ID(SETUP, 0));
        queue_commit(&a->queue[0], &l, payload_size(MESSAGE_ID(SETUP, 0)));
}

static void cancel_one(struct actor *a) {
        struct lease l;

        sim_boundary();
        if (queue_reserve_sized(&a->queue[0], payload_size(MESSAGE_ID(a->who, 7)), &l) < 0)
                return;
        payload_write(l.data, MESSAGE_ID(a->who, 7));
        queue_cancel(&a->queue[0], &l);
}

static void cancel_and_send(struct actor *a) {
        cancel_one(a);
        send_wait(a, 1);
}

static void setup_returned(struct actor *a) {
        struct lease first, second;

        setup_two(a);
        (void)op_receive(a, 0, &first, LOOK);
        (void)op_receive(a, 0, &second, LOOK);
        op_acknowledge(a, 0, &second);
        op_reject(a, 0, &first);
}

static void send_past_returned(struct actor *a) {
        if (a->incarnation == 0 && op_send(a, 0, op_next(a, 0), LOOK) < 0)
                sim_fail("a returned message stops a sender");
}

/* ---- coming back --------------------------------------------------------------------------------- */

static void reject_until_dead(struct actor *a) {
        struct lease l;

        for (;;) {
                (void)op_receive(a, 0, &l, WAIT);
                if (l.deliveries > 1 && payload_id(l.data, l.size) % 2 == 0)
                        op_acknowledge(a, 0, &l);
                else
                        op_reject(a, 0, &l);
        }
}

static void reject_one(struct actor *a) {
        struct lease l;

        if (op_receive(a, 0, &l, LOOK) == 0)
                op_reject(a, 0, &l);
}

/** One message rests, long enough by now; worker 0 holds another. */
static void setup_rested(struct actor *a) {
        struct lease l;
        struct actor zero;

        setup_two(a);
        actor_init(&zero, 0, 0);
        (void)op_receive(&zero, 0, &held, LOOK);
        (void)op_receive(a, 0, &l, LOOK);
        op_reject(a, 0, &l);
        sim_go_on(scenario->delay_msec * USEC_PER_MSEC);
}

static void reject_held(struct actor *a) {
        if (a->incarnation == 0)
                op_reject(a, 0, &held);
}

/* ---- dead letters -------------------------------------------------------------------------------- */

/** Dead letters were there before, so that senders begin by counting. */
static void setup_mourning(struct actor *a) {
        struct lease l;

        setup_two(a);
        (void)op_receive(a, 0, &l, LOOK);
        op_reject(a, 0, &l);
        op_bury(a, 0);
}

static void bury_late(struct actor *a) {
        sim_hold();
        op_bury(a, 0);
}

static void setup_letters(struct actor *a) {
        struct lease l;

        for (unsigned int i = 0; i < scenario->slots[0]; i++)
                (void)op_send(a, 0, MESSAGE_ID(SETUP, i), LOOK);
        (void)op_receive(a, 0, &l, LOOK);
        op_reject(a, 0, &l);
}

/* ---- batches ------------------------------------------------------------------------------------- */

static void send_batch(struct actor *a) {
        op_send_batch(a, 0);
}

static void take_batch(struct actor *a) {
        op_take_batch(a, 0);
}

/* ---- the heap ------------------------------------------------------------------------------------ */

static void send_look_then_take(struct actor *a) {
        send_look(a, 1);
        (void)op_take(a, 0, LOOK);
        (void)op_take(a, 0, LOOK);
}

static void send_take_send(struct actor *a) {
        send_look(a, 1);
        (void)op_take(a, 0, LOOK);
        send_look(a, 1);
}

/** Take one, and wait a while before the next. */
static void take_slowly(struct actor *a) {
        while (op_take(a, 0, WAIT) == 0)
                sim_hold();
}

/** All blocks name slots that went on; worker 0 holds a short message in one of these slots. */
static void setup_used(struct actor *a) {
        struct actor zero;

        for (unsigned int i = 0; i < scenario->slots[0]; i++) {
                struct lease l;

                (void)queue_reserve_sized(&a->queue[0], scenario->blocks * BLOCK_SIZE, &l);
                queue_cancel(&a->queue[0], &l);
        }
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 0), LOOK);
        (void)op_take(a, 0, LOOK);
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 1), LOOK);
        actor_init(&zero, 0, 0);
        (void)op_receive(&zero, 0, &held, LOOK);
}

static void acknowledge_late(struct actor *a) {
        if (a->incarnation > 0)
                return;
        sim_hold();
        op_acknowledge(a, 0, &held);
}

/** Cancel a long one, whose blocks another waits for. */
static void cancel_long(struct actor *a) {
        if (a->incarnation == 0)
                cancel_one(a);
}

/** Blocks 0 to 2 are free, 3 is in use, 4 and 5 are free. */
static void setup_pieces(struct actor *a) {
        struct lease l;

        (void)queue_reserve_sized(&a->queue[0], 3 * BLOCK_SIZE, &l);
        (void)op_send(a, 0, MESSAGE_ID(SETUP, 0), LOOK);
        queue_cancel(&a->queue[0], &l);
        atomic_store(&a->queue[0].control->heap_next, 0);
}

/** One comes and goes. */
static void cancel_late(struct actor *a) {
        struct lease l;

        if (queue_reserve_sized(&a->queue[0], BLOCK_SIZE, &l) < 0)
                return;
        sim_boundary();
        queue_cancel(&a->queue[0], &l);
}

/* ---- producers ----------------------------------------------------------------------------------- */

static void produce_two(struct actor *a) {
        for (unsigned int k = op_produce(a, 0); k < 2; k++)
                op_send_sequenced(a, 0, k);
}

/** The most that anybody was told: what was accepted once stays so. */
static unsigned int told;

static void setup_untold(struct actor *a) {
        (void)a;
        told = 0;
}

static void ask_twice(struct actor *a) {
        for (unsigned int i = 0; i < 2; i++) {
                unsigned int now = op_sequence(a, 0, 0);

                if (now < told)
                        sim_fail("a sequence goes back");
                told = now;
        }
}

static void check_told(unsigned int drained[SIM_RINGS][SIM_IDS]) {
        uint64_t last = 0;
        struct queue q;

        queue_open(&q, &regions[0], 0, 0, -1);
        (void)queue_sequence(&q, 0, &last);
        for (unsigned int k = 0; k < IDS_PER_SENDER; k++) {
                bool accepted = drained[0][MESSAGE_ID(0, k)] > 0 || history[0][MESSAGE_ID(0, k)].acknowledged != NOT;

                if (k < told && !accepted)
                        sim_fail("somebody was told that a message is accepted, and it is not there");
                if (accepted != (k < last))
                        sim_fail("in the end a wrong sequence is told");
        }
}

/* ---- pipelines ----------------------------------------------------------------------------------- */

static void forward_always(struct actor *a) {
        struct lease l;

        for (;;) {
                (void)op_receive(a, 0, &l, WAIT);
                op_forward(a, &l, 1, 1);
        }
}

static void consume_1(struct actor *a) {
        for (;;)
                (void)op_take(a, 1, WAIT);
}

static void forward_to_two(struct actor *a) {
        struct lease l;

        while (op_receive(a, 0, &l, LOOK) == 0)
                op_forward(a, &l, 1, 2);
}

static void forward_from_two(struct actor *a) {
        struct lease l[2];

        if (op_receive(a, 0, &l[0], LOOK) == 0 && op_receive(a, 0, &l[1], LOOK) == 0)
                op_forward(a, l, 2, 1);
}

/** A journal that was not cleared would acknowledge the third message, which has the slot of the first. */
static void forward_then_take(struct actor *a) {
        struct lease l;

        (void)op_receive(a, 0, &l, WAIT);
        op_forward(a, &l, 1, 1);
        (void)op_take(a, 0, WAIT);
        (void)op_take(a, 0, WAIT);
}

static bool is_there(unsigned int ring, unsigned int id, const unsigned int *drained) {
        return drained[id] > 0 || history[ring][id].received > 0;
}

/** Each message of ring 0 that was not acknowledged otherwise is in ring 0 or in all outputs. */
static void check_outputs(unsigned int drained[SIM_RINGS][SIM_IDS], unsigned int outputs) {
        for (unsigned int id = 0; id < SIM_IDS; id++)
                for (unsigned int ring = 1; history[0][id].sent == DONE && ring <= outputs; ring++)
                        if ((drained[0][id] > 0) == is_there(ring, id, drained[ring]))
                                sim_fail("a pipeline is not exactly-once");
}

static void check_pipeline(unsigned int drained[SIM_RINGS][SIM_IDS]) {
        check_outputs(drained, 1);
}

static void check_fan_out(unsigned int drained[SIM_RINGS][SIM_IDS]) {
        check_outputs(drained, 2);
}

static void check_join(unsigned int drained[SIM_RINGS][SIM_IDS]) {
        bool first = drained[0][MESSAGE_ID(SETUP, 0)] > 0, second = drained[0][MESSAGE_ID(SETUP, 1)] > 0;
        bool out = is_there(1, MESSAGE_ID(SETUP, 0), drained[1]) || is_there(1, MESSAGE_ID(SETUP, 1), drained[1]);

        if (first != second || first == out)
                sim_fail("a joined pipeline is not exactly-once");
}

/* ---- pollers, draining --------------------------------------------------------------------------- */

static void poll_always(struct actor *a) {
        for (;;)
                (void)op_take(a, 0, POLL);
}

static void poll_one(struct actor *a) {
        (void)op_take(a, 0, POLL);
}

static void receive_until_drained(struct actor *a) {
        struct lease l;

        while (op_receive_drain(a, 0, &l) == 0)
                op_acknowledge(a, 0, &l);
}

/** As the manager does it: the flag, then everybody is woken. */
static void send_and_drain_1(struct actor *a) {
        send_wait(a, 1);
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, 1, memory_order_release);
        wait_wake_all(&a->queue[0].messages);
        sim_hold();
        send_wait(a, 2);
}

static void drained_must_be_done(void) {
        if (sim_is_done(0) && !sim_is_done(1))
                sim_fail("asleep though it is to drain");
}

/** As the manager does it: hold one up, and let it go on; all who receive are woken after each. */
static void hold_1(struct actor *a, bool on) {
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, on ? MEMBER_HELD : 0, memory_order_release);
        if (!on)
                wait_flag_wake(&sim_members[1].drain);
        for (unsigned int ring = 0; ring < SIM_RINGS && a->queue[ring].control; ring++) {
                wait_wake_all(&a->queue[ring].messages);
                if (!on)
                        sys_event_post(a->queue[ring].messages.event_fd);
        }
        sim_boundary();
}

static void send_and_hold_1(struct actor *a) {
        hold_1(a, true);
        send_wait(a, 2);
        sim_hold();
        hold_1(a, false);
}

static void receive_while_held(struct actor *a) {
        struct lease l;

        while (op_receive_drain(a, 0, &l) == 0)
                op_acknowledge(a, 0, &l);
}

/** Who is held up takes nothing, so the other takes all; once it goes on it sleeps at the ring. */
static void held_must_be_back(void) {
        if (sim_is_done(0) && sim_sleeps_at(1, 0) == &sim_members[1].drain)
                sim_fail("asleep at its flag though it may go on");
}

/* ---- waiting for any of several ------------------------------------------------------------------ */

/** Send to ring 0, and then to ring 1, until there was one for each. */
static void send_to_both(struct actor *a) {
        send_wait(a, 1);
        if (op_next(a, 1) == MESSAGE_ID(a->who, 0))
                (void)op_send(a, 1, op_next(a, 1), WAIT);
}

/** Take one, wherever it comes first, and be busy with it. */
static void hold_any(struct actor *a, enum how how) {
        struct lease l;
        unsigned int ring;

        do
                ring = (unsigned int)op_wait_any(a, false, how);
        while (op_receive(a, ring, &l, LOOK) < 0);
        sim_hold();
        op_acknowledge(a, ring, &l);
}

static void hold_any_1(struct actor *a) {
        hold_any(a, WAIT);
}

static void poll_any_1(struct actor *a) {
        hold_any(a, POLL);
}

static void take_any(struct actor *a, enum how how) {
        int ring;

        while ((ring = op_wait_any(a, false, how)) >= 0)
                (void)op_take(a, (unsigned int)ring, LOOK);
}

static void consume_any(struct actor *a) {
        take_any(a, WAIT);
}

static void poll_any(struct actor *a) {
        take_any(a, POLL);
}

/** Send one as soon as there is space; be there for messages of ring 1 meanwhile. */
static void send_or_take(struct actor *a) {
        int ring = 0;

        while (ring >= 0 && op_next(a, 0) == MESSAGE_ID(a->who, 0)) {
                ring = op_wait_any(a, true, WAIT);
                if (ring == 0)
                        (void)op_send(a, 0, op_next(a, 0), LOOK);
                else if (ring == 1)
                        (void)op_take(a, 1, LOOK);
        }
}

/** Whoever is to drain for ring 1 may just have been woken for space in ring 0. */
static void take_and_drain_1(struct actor *a) {
        (void)op_take(a, 0, LOOK);
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, 1, memory_order_release);
        wait_wake_all(&a->queue[1].messages);
}

const struct scenario queue_scenarios[] = {
        { .head = { .name = "symmetric", .what = "three send and take in turn, wrapping two slots" },
          .body = { send_and_take, send_and_take, send_and_take }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "symmetric-4", .what = "the same on four slots, where laps wrap" }, .lap = LAST_LAP,
          .body = { send_and_take, send_and_take, send_and_take }, .slots = { 4 }, .max_deliveries = 9 },
        { .head = { .name = "crosswise", .what = "acknowledged in another order than received" }, .lap = LAST_LAP,
          .body = { send_laps, take_crosswise, take_crosswise }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "order", .what = "one sender's messages stay in order", .switches = 2 },
          .body = { send_laps, take_three, take_three }, .slots = { 4 }, .max_deliveries = 9 },
        { .head = { .name = "half-done", .what = "senders that are half done are come back to", .delays = true },
          .body = { send_1, send_2, consume }, .slots = { 4 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "half-done-two", .what = "more of them than a receiver remembers", .switches = 2 },
          .body = { send_1, send_1, send_and_take }, .slots = { 8 }, .max_deliveries = 9 },
        { .head = { .name = "lease-held", .what = "a lease held for laps stops nobody" }, .quiet = sender_must_be_done,
          .setup = setup_one, .body = { hold_one, send_2, consume }, .slots = { 2 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "passed-over", .what = "acknowledged while senders pass over it" }, .lap = LAST_LAP,
          .setup = setup_one, .body = { take_one_late, send_2, consume }, .slots = { 2 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "mark", .what = "a mark that comes late meets a claim", .switches = 2 },
          .setup = setup_held, .body = { send_look_1, acknowledge_and_send, take_three }, .slots = { 4 },
          .max_deliveries = 9 },
        { .head = { .name = "aeons", .what = "more laps than the mark can count" }, .setup = setup_aeons,
          .body = { send_look_1 }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "receivers", .what = "two sleep, each for one message", .delays = true },
          .body = { send_2, take_one, take_one }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "consumers", .what = "two sleep for any number", .delays = true },
          .body = { send_2, consume, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "senders", .what = "two sleep for space", .delays = true },
          .body = { send_2, send_1, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "lease-unblocks", .what = "a lease lets the sender behind it go on", .delays = true }, .quiet = sender_must_be_done,
          .setup = setup_blocked, .body = { hold_one, send_1 }, .slots = { 2 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "lease-unblocks-all", .what = "a lease lets all senders behind it go on", .delays = true },
          .setup = setup_blocked, .body = { send_1, send_1, hold_one }, .slots = { 4 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "cancel", .what = "a cancelled slot lets all senders go on", .delays = true },
          .body = { cancel_and_send, send_1, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "returned", .what = "a returned message at the tail is passed over" },
          .setup = setup_returned, .body = { send_past_returned, reject_one, take_one_late }, .slots = { 2 },
          .max_deliveries = 9 },
        { .head = { .name = "reject", .what = "rejected, delivered again, dead in the end" },
          .setup = setup_two, .body = { NULL, reject_until_dead, reject_until_dead }, .slots = { 2 }, .max_deliveries = 2,
          .replaced = true },
        { .head = { .name = "dead-refuse", .what = "senders wait while there are too many dead letters", .delays = true },
          .setup = setup_mourning, .body = { reject_one, send_2, bury_late }, .slots = { 4 }, .max_deliveries = 1,
          .dead_max = 1, .replaced = true },
        { .head = { .name = "dead-drop", .what = "the oldest dead letters make room", .delays = true },
          .setup = setup_letters, .body = { reject_one, reject_one, send_1 }, .slots = { 4 }, .max_deliveries = 1,
          .dead_max = 1, .dead_policy = QUEUE_DEAD_DROP_OLDEST },
        { .head = { .name = "batch", .what = "two messages at once wake two", .delays = true },
          .body = { send_batch, take_one, take_one }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "batch-space", .what = "two slots at once let two senders go on", .delays = true },
          .setup = setup_two, .body = { take_batch, send_1, send_1 }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "heap", .what = "three long ones in turn, of which two fit" }, .lap = LAST_LAP,
          .body = { send_take_send, send_take_send, send_look_then_take }, .slots = { 4 }, .max_deliveries = 9,
          .blocks = 3, .sizes = { 2 * BLOCK_SIZE, BLOCK_SIZE, 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-last", .what = "two senders contend for the last run" },
          .body = { send_1, send_1, consume }, .slots = { 4 }, .max_deliveries = 9, .replaced = true,
          .blocks = 3, .sizes = { 2 * BLOCK_SIZE, 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-needs", .what = "one waits for much room, one for little", .delays = true },
          .setup = setup_two, .body = { send_1, send_1, take_slowly }, .slots = { 4 }, .max_deliveries = 9, .replaced = true,
          .blocks = 2, .sizes = { 2 * BLOCK_SIZE, BLOCK_SIZE, 0, BLOCK_SIZE } },
        { .head = { .name = "heap-cancel", .what = "one who finds no blocks lets the slot go", .delays = true },
          .body = { send_1, send_1, send_1 }, .slots = { 2 }, .max_deliveries = 9, .replaced = true,
          .blocks = 2, .sizes = { 2 * BLOCK_SIZE, 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-cancelled", .what = "a long one is cancelled while another waits", .delays = true },
          .body = { cancel_long, send_1, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true,
          .blocks = 2, .sizes = { 2 * BLOCK_SIZE, 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-pieces", .what = "blocks given back are room for another", .brief = true, .switches = 2 },
          .setup = setup_pieces, .body = { send_1, cancel_late, send_1 }, .slots = { 8 }, .max_deliveries = 9,
          .blocks = 6, .sizes = { 2 * BLOCK_SIZE, 0, 3 * BLOCK_SIZE, BLOCK_SIZE } },
        { .head = { .name = "heap-trim", .what = "more was reserved than is sent", .delays = true, .brief = true },
          .body = { send_1, send_1 }, .slots = { 2 }, .max_deliveries = 9, .replaced = true,
          .blocks = 3, .sizes = { BLOCK_SIZE, BLOCK_SIZE }, .reserves = { 3 * BLOCK_SIZE, 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-laps", .what = "a short message has no old blocks" }, .quiet = sender_must_be_done,
          .setup = setup_used, .body = { acknowledge_late, send_2, consume }, .slots = { 2 }, .max_deliveries = 9,
          .replaced = true, .blocks = 1, .sizes = { 0, BLOCK_SIZE } },
        { .head = { .name = "heap-dead", .what = "long messages come back, and die", .brief = true },
          .setup = setup_two, .body = { send_1, reject_until_dead, reject_until_dead }, .slots = { 4 }, .max_deliveries = 2,
          .replaced = true, .blocks = 2, .sizes = { BLOCK_SIZE, 0, 0, BLOCK_SIZE } },
        { .head = { .name = "heap-forward", .what = "long messages are forwarded exactly once", .brief = true },
          .check = check_pipeline, .setup = setup_two,
          .body = { forward_always, consume_1 }, .slots = { 2, 2 }, .max_deliveries = 9,
          .replaced = true, .blocks = 2, .sizes = { 0, 0, 0, BLOCK_SIZE }, .reserves = { 2 * BLOCK_SIZE } },
        { .head = { .name = "heap-producer", .what = "a replaced producer sends each long message once", .brief = true },
          .body = { produce_two, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true,
          .blocks = 2, .sizes = { BLOCK_SIZE } },
        { .head = { .name = "producer", .what = "a replaced producer sends each message once", .delays = true },
          .body = { produce_two, consume }, .slots = { 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "sequence", .what = "somebody asks what a producer has sent" }, .setup = setup_untold,
          .body = { produce_two, ask_twice, take_one_late }, .slots = { 2 }, .max_deliveries = 9, .check = check_told },
        { .head = { .name = "rest", .what = "what is rejected comes again, but later", .delays = true },
          .setup = setup_one, .body = { reject_one, consume }, .slots = { 2 }, .max_deliveries = 9, .delay_msec = 10 },
        { .head = { .name = "rest-polled", .what = "the same, for one who polls", .delays = true },
          .setup = setup_one, .body = { reject_one, poll_always }, .slots = { 2 }, .max_deliveries = 9,
          .delay_msec = 10 },
        { .head = { .name = "rest-alarm", .what = "rejected while the alarm is answered", .delays = true },
          .setup = setup_rested, .body = { reject_held, consume }, .slots = { 2 }, .max_deliveries = 9,
          .delay_msec = 10 },
        { .head = { .name = "reject-hints", .what = "a rejected message is seen by those who passed it" },
          .setup = setup_two, .body = { reject_one, take_three, send_laps }, .slots = { 4 }, .max_deliveries = 9 },
        { .head = { .name = "pipeline", .what = "forwarded exactly once" }, .check = check_pipeline,
          .body = { send_2, forward_always }, .slots = { 2, 8 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "fan-out", .what = "one input to two outputs, in one step" }, .check = check_fan_out,
          .setup = setup_one, .body = { forward_to_two, forward_to_two }, .slots = { 2, 4, 4 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "join", .what = "two inputs to one output, in one step" }, .check = check_join,
          .setup = setup_two, .body = { forward_from_two }, .slots = { 2, 4 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "journal", .what = "a journal that is done is not done again" }, .setup = setup_two,
          .body = { send_1, forward_then_take }, .slots = { 2, 4 }, .max_deliveries = 9 },
        { .head = { .name = "pollers", .what = "two poll, each for one message", .delays = true },
          .body = { send_2, poll_one, poll_one }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "poller-and-sleeper", .what = "one polls, one sleeps", .delays = true },
          .body = { send_2, poll_always, consume }, .slots = { 2 }, .max_deliveries = 9 },
        { .head = { .name = "drain", .what = "one stops while messages come", .delays = true }, .quiet = drained_must_be_done,
          .body = { send_and_drain_1, receive_until_drained, consume }, .slots = { 2 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "held", .what = "one is held up, and goes on", .delays = true, .brief = true },
          .quiet = held_must_be_back, .body = { send_and_hold_1, receive_while_held, consume }, .slots = { 2 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any", .what = "one waits at two rings, and takes at one", .delays = true, .brief = true },
          .body = { send_to_both, hold_any_1, consume_1 }, .slots = { 2, 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-consumers", .what = "one waits at two rings, for any number", .delays = true, .brief = true },
          .body = { send_to_both, consume_any, consume_any }, .slots = { 2, 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-space", .what = "two wait for space or messages", .delays = true, .brief = true },
          .setup = setup_two, .body = { consume, send_or_take, send_or_take }, .slots = { 2, 2 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-unblocks", .what = "a lease lets all who wait for space go on", .delays = true, .brief = true },
          .setup = setup_blocked, .body = { send_or_take, send_or_take, hold_one }, .slots = { 4, 2 }, .max_deliveries = 9,
          .replaced = true },
        { .head = { .name = "any-rest", .what = "a message of one of two rings rests", .delays = true, .brief = true },
          .setup = setup_one, .body = { reject_one, consume_any }, .slots = { 2, 2 }, .max_deliveries = 9,
          .delay_msec = 10 },
        { .head = { .name = "any-polls-rest", .what = "the same with descriptors: a message rests", .delays = true,
                    .brief = true },
          .setup = setup_one, .body = { reject_one, poll_any }, .slots = { 2, 2 }, .max_deliveries = 9, .delay_msec = 10 },
        { .head = { .name = "any-drain", .what = "who waits at two rings stops", .delays = true, .brief = true },
          .quiet = drained_must_be_done, .body = { send_and_drain_1, consume_any, consume }, .slots = { 2, 2 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-drain-space", .what = "who waits for space too stops", .delays = true, .brief = true },
          .setup = setup_two, .body = { take_and_drain_1, send_or_take, send_1 }, .slots = { 2, 2 }, .max_deliveries = 9 },
        { .head = { .name = "any-held", .what = "who waits at two rings is held up", .delays = true, .brief = true },
          .quiet = held_must_be_back, .body = { send_and_hold_1, consume_any, consume }, .slots = { 2, 2 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-polls-held", .what = "the same with descriptors: held up", .delays = true, .brief = true },
          .quiet = held_must_be_back, .body = { send_and_hold_1, poll_any, consume }, .slots = { 2, 2 },
          .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-polls", .what = "the same with descriptors: takes at one", .delays = true, .brief = true },
          .body = { send_to_both, poll_any_1, consume_1 }, .slots = { 2, 2 }, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "any-polls-drain", .what = "the same with descriptors: stops", .delays = true, .brief = true },
          .quiet = drained_must_be_done, .body = { send_and_drain_1, poll_any, consume }, .slots = { 2, 2 },
          .max_deliveries = 9, .replaced = true },
};
const size_t n_queue_scenarios = sizeof queue_scenarios / sizeof queue_scenarios[0];
