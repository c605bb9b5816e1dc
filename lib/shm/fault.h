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

/* ---- broadcast: 500 to 599 -------------------------------------------------------------------------- */
#define FAULT_BROADCAST_NO_INTENT 500   /* tell readers that records are overwritten only when they were */
#define FAULT_BROADCAST_NO_VALIDATION 501 /* copy a record out without looking whether it was overwritten meanwhile */
#define FAULT_BROADCAST_SIZE_LATE 502   /* publish a record before its size is there */
#define FAULT_BROADCAST_DEAD_KEPT 503   /* recovery leaves a dead subscriber its place */
#define FAULT_BROADCAST_OWNER_FIRST 504 /* give a place back before its position is cleared */
#define FAULT_BROADCAST_JOIN_UNCHECKED 505 /* subscribe without looking whether the writer had gone on */
#define FAULT_BROADCAST_JOIN_BEYOND 506 /* take the tail for the last record, and begin after it */
#define FAULT_BROADCAST_NO_REWAKE 507   /* recovery does not wake */
#define FAULT_BROADCAST_RESTART_LIMIT 508 /* a new writer trusts the room that the dead one had only asked for */
#define FAULT_BROADCAST_NOT_AHEAD 509   /* a record's sequence is written with it, not with the one before */
#define FAULT_BROADCAST_NO_SECOND_LOOK 510 /* overwrite without looking for subscribers who came meanwhile */
#define FAULT_BROADCAST_WAKE_ONE 511    /* a message wakes one of those who wait for it */
#define FAULT_BROADCAST_CONSUME_EARLY 512 /* give a record up before it is copied out */
#define FAULT_BROADCAST_NO_SPACE_WAKE 513 /* who consumes does not wake the writer */
#define FAULT_BROADCAST_COUNT_LOST 514  /* who was overtaken forgets what it had expected */
#define FAULT_BROADCAST_UNPUBLISHED 515 /* a writer that waits for room keeps back what it has appended */
#define FAULT_BROADCAST_WRITER_KEPT 516 /* recovery leaves a dead writer the writing end */
#define FAULT_BROADCAST_JOIN_SILENT 517 /* who chooses its place again does not wake the writer that it stopped */
#define FAULT_BROADCAST_NO_FENCE 518    /* subscribe without the fence that the writer relies on */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
