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

/* ---- service: 500 to 599 ------------------------------------------------------------------------------ */
#define FAULT_NO_LAP 500                /* a server that is late finishes the call that has its slot by now */
#define FAULT_REPLY_STORED 501          /* reply without looking whether the caller has gone */
#define FAULT_REPLY_SIZE_LATE 502       /* write the size after the reply is published */
#define FAULT_CALLER_LATE 503           /* write down whose call it is after it is ready */
#define FAULT_CLEARED_LATE 504          /* clear the bit of a slot that is the caller's again */
#define FAULT_EXPIRED_SERVED 505        /* serve a call whose deadline has passed */
#define FAULT_ABANDONED_KEPT 506        /* the server of a call that was given up does not free its slot */
#define FAULT_SERVED_FREED 507          /* recovery of a caller frees a slot that is being served */
#define FAULT_SERVED_TWICE 508          /* recovery delivers again what may be served once */
#define FAULT_NO_LIMIT 509              /* … or more often than was asked for */
#define FAULT_FAILED_SILENTLY 510       /* recovery does not wake callers */
#define FAULT_NO_SPACE_WAKE 511         /* … nor those who wait for a slot */
#define FAULT_NOT_POSTED 512            /* recovery makes a call ready, and hides it */
#define FAULT_LATE_SLEEPER 513          /* look for the reply, and say after that that one sleeps */
#define FAULT_UNORDERED_SLEEPER 514     /* … or say it before, but in no order */
#define FAULT_GIVEN_UP_SILENTLY 515     /* a call that is given up does not wake one who waits for a slot */
#define FAULT_RESERVED_BY_NOBODY 516    /* claim a slot first, record the owner after */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
