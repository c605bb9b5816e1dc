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
#define FAULT_ANY_KEPT 60               /* who waits at several places keeps the wake-ups that it has no use for */
#define FAULT_ANY_LATE_TICKET 61        /* … takes its tickets after its look */
#define FAULT_ANY_BLIND 62              /* … does not look again once it is announced */
#define FAULT_ANY_ONE 63                /* … wakes nobody else where there may be enough for several */
#define FAULT_ANY_DRAINED 64            /* … keeps all wake-ups when it is asked to drain */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
