/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_FAULT_H
#define GANGER_SHM_FAULT_H

/*
 * Seeded faults
 *
 * Each is a mistake that one could make here. The test programs compile this folder with
 * -DSHM_FAULT=FAULT_…, and their checks must find it. A library is never built so. Each section is hunted by the script
 * tests/crash/faults-KIND of the same name.
 */

#define FAULT_NONE 0
/* ---- queue: also journals, waiting: 1 to 99 --------------------------------------------------------- */
#define FAULT_CLAIM_THEN_OWN 1          /* claim a slot first, record the owner after */
#define FAULT_NO_EPOCH 2                /* recovery and reject forget to tell receivers that passed by */
#define FAULT_NO_JOURNAL 3              /* forward without the redo record */
#define FAULT_STALE_HINT 4              /* a receiver publishes the head hint as if it knew the current epoch */
#define FAULT_CLEAR_ON_ACKNOWLEDGE 5    /* clean the message before its slot is free */
#define FAULT_SIZE_AFTER_COMMIT 6       /* write the size after the message is ready */
#define FAULT_NO_REWAKE 7               /* recovery does not wake */
#define FAULT_NO_TAINT 8                /* claim a slot without looking whether it was passed over meanwhile */
#define FAULT_NO_PASSING 9              /* a leased slot stops every sender that comes round to it */
#define FAULT_SHARED_WAITER 10          /* whoever wakes clears the flag of all waiters, but wakes one */
#define FAULT_NO_BARRIER 11             /* wait without the barrier that wakers rely on */
#define FAULT_NO_LEASE_WAKE 12          /* a lease that unblocks a sender does not wake it */
#define FAULT_SUMMARY_CLEARED 13        /* clear a group's bit without looking whether somebody came meanwhile */
#define FAULT_JOURNAL_LATE 14           /* recovery repairs slots before it redoes the journal */
#define FAULT_JOURNAL_KEPT 15           /* the journal is not cleared after a forward */
#define FAULT_FULL_AT_RETURNED 16       /* a returned message stops senders as a ready one does */
#define FAULT_NO_SECOND_LOOK 17         /* a receiver goes past a passed slot without looking at its word again */
#define FAULT_NO_REFRESH 18             /* the mark of passing over is left to wrap */
#define FAULT_WOKEN_ALL 19              /* a waker takes it that all sleepers are awake when it woke some */
#define FAULT_NO_RELIMIT 20             /* recovery forgets the limit of dead letters */
#define FAULT_COUNT_ONCE 21             /* a sender takes back that dead letters must be counted, though more came meanwhile */
#define FAULT_NO_RECOUNT 22             /* dead letters that go are not told to senders that were refused */
#define FAULT_DROP_UNSEEN 23            /* room is made for a dead letter by a plain store */
#define FAULT_COUNT_EARLY 24            /* dead letters are counted before all can see one's own */
#define FAULT_INTENT_LATE 25            /* a producer writes down what it sends after it is sent */
#define FAULT_INTENT_TORN 26            /* … which message first, and then where it stands */
#define FAULT_VERDICT_LATE 27           /* recovery frees slots before it decides what was accepted */
#define FAULT_SEQUENCE_ONE_LOOK 28      /* who asks for a sequence does not look whether all of it belongs together */
#define FAULT_BATCH_WAKES_ONE 29        /* one receiver is woken for several messages */
#define FAULT_NO_REST 30                /* what comes back is delivered at once */
#define FAULT_ALARM_UNCOUNTED 31        /* who gives back leaves an alarm alone that is early enough */
#define FAULT_ALARM_UNHEARD 32          /* … does not wake those who would sleep too long */
#define FAULT_ALARM_UNRENEWED 33        /* recovery does not set the alarm */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
