/* SPDX-License-Identifier: MIT */

/*
 * Messages that rest before they are delivered again
 *
 * A message that comes back may have a time in `due`; receivers go past it until then, as if it were leased. Since they do
 * not come back by themselves, somebody must tell them: `alarm` of the ring is no later than the first such time. Whoever
 * waits for messages sleeps no longer than until then, and whoever finds that it has passed moves the epoch, and then sets
 * the alarm for those that still rest. Dead or stopped before that, it leaves an alarm that has passed, for the next.
 *
 * Invariant: while a message rests, the alarm is set and no later than its time, or somebody is between giving the message
 * back and setting it; if that one dies, recovery sets it.
 *
 * Memory orders. The time is written before the word that gives the message back (release), and read after it (acquire).
 * Whoever gives back moves the count of the alarm after its word, even if the alarm is early enough; so whoever has looked
 * at all words, and sets the alarm by what it saw, fails if anything came back since before it looked. The clock is read
 * after the epoch: who sees an epoch that was moved when a message was due sees a time at which it is.
 */

#include "base/cleanup.h"
#include "base/time.h"
#include "shm/fault.h"
#include "shm/queue-fast.h"
#include "shm/sys.h"

/** Others may give back meanwhile. Whoever gives up leaves an alarm that has passed. */
#define ANSWER_TRIES 16

uint64_t queue_due_after(uint64_t delay_usec) {
        return delay_usec ? usec_add(sys_now_usec(), delay_usec) : 0;
}

bool queue_is_due(const struct queue *q, uint32_t slot, uint64_t *now) {
        uint64_t due = atomic_load_explicit(&q->due[slot], memory_order_relaxed);

#if SHM_FAULT == FAULT_NO_REST
        return true;
#endif
        if (due == 0)
                return true;
        if (*now == 0)
                *now = sys_now_usec();
        return due <= *now;
}

/** The first time after `after` at which a message that rests is due. @return UINT64_MAX: none rests so long. */
static uint64_t first_due(const struct queue *q, uint64_t after) {
        uint64_t first = UINT64_MAX;

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t due;

                if (word_state(atomic_load_explicit(&queue_slot(q, i)->word, memory_order_acquire)) != SLOT_RETURNED)
                        continue;
                due = atomic_load_explicit(&q->due[i], memory_order_relaxed);
                if (due > after && due < first)
                        first = due;
        }
        return first;
}

/** Rounded up: when the alarm has passed, so has the time. */
static uint64_t to_alarm(uint64_t due) {
        uint64_t msec = due / USEC_PER_MSEC + (due % USEC_PER_MSEC != 0);

        return MIN(msec, ALARM_MSEC_MASK);
}

static uint64_t alarm_next(uint64_t alarm, uint64_t msec) {
        return ((alarm >> ALARM_MSEC_BITS) + 1) << ALARM_MSEC_BITS | msec;
}

void queue_alarm_set(struct queue *q, uint64_t due) {
        uint64_t alarm = atomic_load_explicit(&q->control->alarm, memory_order_relaxed), msec = to_alarm(due);
        bool sooner;

        for (;;) {
                uint64_t set = alarm & ALARM_MSEC_MASK;

                sooner = set == 0 || set > msec;
#if SHM_FAULT == FAULT_ALARM_UNCOUNTED
                if (!sooner)
                        return;
#endif
                if (atomic_compare_exchange_weak_explicit(&q->control->alarm, &alarm, alarm_next(alarm, sooner ? msec : set),
                                                          memory_order_acq_rel, memory_order_relaxed))
                        break;
        }
        /* Who sleeps already would sleep too long. */
        if (sooner && SHM_FAULT != FAULT_ALARM_UNHEARD)
                wait_wake_all(&q->messages);
}

void queue_alarm_renew(struct queue *q) {
        uint64_t due = first_due(q, 0);

        if (due != UINT64_MAX)
                queue_alarm_set(q, due);
}

void queue_alarm_answer(struct queue *q) {
        uint64_t alarm = atomic_load_explicit(&q->control->alarm, memory_order_acquire);
        uint64_t now = sys_now_usec();

        for (unsigned int tries = 0; tries < ANSWER_TRIES; tries++) {
                uint64_t set = alarm & ALARM_MSEC_MASK, next;

                if (set == 0 || now < set * USEC_PER_MSEC)
                        return;
                next = first_due(q, now);
                queue_bump_epoch(q, UINT64_MAX);
                if (atomic_compare_exchange_strong_explicit(&q->control->alarm, &alarm,
                                                            alarm_next(alarm, next == UINT64_MAX ? 0 : to_alarm(next)),
                                                            memory_order_acq_rel, memory_order_acquire))
                        break;
        }
        wait_wake_all(&q->messages);
}
