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

/* ---- semaphore: also counters: 400 to 449 ------------------------------------------------------- */
#define FAULT_PERMIT_CLAIM_THEN_OWN 400 /* claim a permit first, record the owner after */
#define FAULT_RELEASE_NO_WAKE 401       /* a release does not look for waiters */
#define FAULT_PERMIT_NO_PASS_ON 402     /* whoever was let in does not see to the next */
#define FAULT_PERMITS_KEPT 403          /* recovery leaves permits with the dead */
#define FAULT_PERMITS_NO_REWAKE 404     /* recovery posts nothing in place of what a dead waiter took */
#define FAULT_WAIT_ANNOUNCE_LATE 405    /* a waiter announces itself after its last look */
#define FAULT_TOKEN_NO_MARK 406         /* take a token without saying so first */
#define FAULT_TOKEN_POST_FIRST 407      /* post before the permit is free */
#define FAULT_TOKEN_POST_TWICE 408      /* a release posts twice */
#define FAULT_TOKEN_NOT_POSTED_AGAIN 409 /* recovery frees permits, but does not post their tokens */
#define FAULT_TOKEN_ONE_LOOK 410        /* take a token for one too many after one look at the permits */
#define FAULT_TOKEN_EXCESS_KEPT 411     /* a token that was found one too many is posted again */
#define FAULT_SNAPSHOT_ONE_COLLECT 412  /* a snapshot does not look whether anything changed */
#define FAULT_COUNTER_CELL_LATE 413     /* make the word name a cell, then write the cell */
#define FAULT_COUNTER_CELL_IN_USE 414   /* write the cell that the word names */
#define FAULT_COUNTER_NO_CHANGE 415     /* changes do not count themselves */
#define FAULT_COUNTER_GET_UNCHECKED 416 /* read a cell without looking whether the word still names it */
#define FAULT_TOKEN_MARK_LATE 417       /* what recovery marks may come after what the next participant does */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
