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

/* ---- pipe: 200 to 219 -------------------------------------------------------------------------------- */
#define FAULT_PIPE_SIZE_LATE 200        /* publish a record before its size is there */
#define FAULT_PIPE_NO_PADDING 201       /* go on at the beginning of the ring without saying so */
#define FAULT_PIPE_CONSUME_EARLY 202    /* give space back before the record was copied out of it */
#define FAULT_PIPE_WAKE_FIRST 203       /* wake the other end, then publish */
#define FAULT_PIPE_NO_FLUSH 204         /* wait for space with records that nobody knows of */
#define FAULT_PIPE_CLAIM_THEN_OWN 205   /* take an end first, record the owner after */
#define FAULT_PIPE_ANYBODYS_END 206     /* recovery frees ends without looking whose they are */
#define FAULT_PIPE_END_KEPT 207         /* recovery does not free the end of the dead */
#define FAULT_PIPE_NO_REWAKE 208        /* recovery does not wake */
#define FAULT_PIPE_STALE_SPACE 209      /* a new writer takes it that all was consumed */
#define FAULT_PIPE_SKIP_UNREAD 210      /* a new reader begins where the writer is, not where the old one was */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
