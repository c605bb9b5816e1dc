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
#define FAULT_COUNT_ONCE 21             /* a sender takes back that dead letters must be counted, though more
                                         * came meanwhile */
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
#define FAULT_HEAP_BLOCK_FIRST 34       /* blocks are claimed before the slot that they are for */
#define FAULT_HEAP_ANY_LAP 35           /* a block is taken to be in use while its slot is, whatever message is there */
#define FAULT_HEAP_CLAIM_STORED 36      /* a block is claimed by a store */
#define FAULT_HEAP_WAKE_ONE 37          /* one of those who wait is woken, though it may need more than there is */
#define FAULT_HEAP_CANCEL_SILENT 38     /* who finds no blocks cancels its slot, and wakes nobody */
#define FAULT_HEAP_RELEASE_SILENT 39    /* who gives back blocks wakes nobody */
#define FAULT_HEAP_BLIND 40             /* claim a slot before there are any blocks for it */
#define FAULT_HEAP_TRIM_SILENT 41       /* who sends less than it reserved wakes nobody */
#define FAULT_ANY_KEPT 60               /* who waits at several places keeps the wake-ups that it has no use for */
#define FAULT_ANY_LATE_TICKET 61        /* … takes its tickets after its look */
#define FAULT_ANY_BLIND 62              /* … does not look again once it is announced */
#define FAULT_ANY_ONE 63                /* … wakes nobody else where there may be enough for several */
#define FAULT_ANY_DRAINED 64            /* … keeps all wake-ups when it is asked to drain */
#define FAULT_ANY_HELD_ANNOUNCED 68     /* … is announced where it is held, and takes a wake-up from those who are not */
#define FAULT_HELD_ANNOUNCED 69         /* the same of one who waits at one place */
#define FAULT_ANY_HELD_SINCE 72         /* … and sleeps though it is held since it looked whether it is */
#define FAULT_HOLE_KEPT 73              /* a receiver does not look again at a sender that was half done */
#define FAULT_HOLE_UNCOUNTED 74         /* … and goes on though it cannot remember another one */
#define FAULT_HOLE_ONE_LOOK 75          /* … nor looks there once more before it takes what was sent later */
#define FAULT_RESUME_SILENT 70          /* who is held no more is not woken */
#define FAULT_ANY_NO_ALARM 65           /* … sleeps on though a message that rests is due */
#define FAULT_DAMAGE_NO_PASSING 66      /* who looks for damage takes what was passed over for it */
#define FAULT_DAMAGE_UNCLAIMED 67       /* … or what is being sent just now */

/* ---- hostile: trust in memory, hunted by tests/fuzz/run-fuzz (the target comes first): 200 to 299 --- */
#define FAULT_TRUST_SIZE 200            /* queue: a receiver believes the size that stands in the slot */
#define FAULT_TRUST_SKIP 201            /* queue: a scan goes on for as long as the words say */
#define FAULT_TRUST_BLOCK 203           /* queue: a receiver believes the number of the block that stands in the slot */
#define FAULT_TRUST_OWNER 202           /* journal: recovery settles slots of whoever the journal names */

/* ---- service: 500 to 599 --------------------------------------------------------------------------- */
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
#define FAULT_SERVICE_ANY_EXPIRED 517   /* who waits for a call among other things is told of one that nobody serves */
#define FAULT_SERVICE_ANY_CURSOR 518    /* … looks from where it served last to the end */
#define FAULT_CALLER_UNANNOUNCED 519    /* who waits for a reply among other things does not say so */
#define FAULT_CALLER_UNPOSTED 520       /* a reply wakes those only who sleep on the futex */
#define FAULT_CALLER_OVERDUE 521        /* … sleeps past the deadline of its call */

/* ---- semaphore: also counters: 400 to 499 ---------------------------------------------------------- */
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
#define FAULT_WATCHER_UNHEARD 418       /* whoever frees a permit wakes those only who wait for nothing else */
#define FAULT_WATCHER_NO_REWAKE 419     /* … recovery, too */
#define FAULT_WATCHER_LAST_ONLY 420     /* who waits for a permit among other things looks where it had its last */

/* ---- monitor: lock and conditions: 700 to 799 ------------------------------------------------------ */
#define FAULT_LOCK_THEN_OWN 700         /* take the lock first, record the owner after */
#define FAULT_UNLOCK_NO_WAKE 701        /* unlock without looking who waits */
#define FAULT_NOT_INCONSISTENT 702      /* recovery frees the lock and tells nobody that its holder died */
#define FAULT_RELEASE_THEN_MARK 703     /* recovery frees the lock first, and marks it inconsistent after */
#define FAULT_TOLD_WRONGLY 704          /* recovery marks a lock that the dead did not hold */
#define FAULT_LOCK_NO_REWAKE 705        /* recovery does not wake those who wait for the lock */
#define FAULT_SIGNAL_DIES 706           /* recovery does not wake those who wait for a condition */
#define FAULT_TICKET_LATE 707           /* the ticket for a condition is taken after the unlock */
#define FAULT_CONDITION_LATE 708        /* the wait for a condition is announced after the unlock */
#define FAULT_SIGNAL_CLEARS 709         /* whoever signals clears the bits of all that wait, but wakes one */
#define FAULT_BROADCAST_ONE 710         /* broadcast wakes one */
#define FAULT_STILL_INCONSISTENT 711    /* what is declared consistent stays inconsistent */
#define FAULT_ALWAYS_RECOVERABLE 712    /* an inconsistent lock that is unlocked is as good as any */
#define FAULT_UNRECOVERABLE_QUIET 713   /* a lock becomes unrecoverable, and one who waits is told */
#define FAULT_RESERVED_KEPT 714         /* recovery leaves the reservation of the dead */
#define FAULT_RESERVED_WAKE_ONE 715     /* unlock wakes one though it may not be the one who has reserved */
#define FAULT_RESERVED_NO_WAKE 716      /* whoever gives up a reservation wakes nobody */
#define FAULT_RESERVED_STOPPED 717      /* a reservation counts though its owner may be stopped */
#define FAULT_DRAIN_EARLY 718           /* look whether to drain before the ticket is taken */
#define FAULT_WATCHER_UNRECOVERABLE 719 /* who waits for a lock among other things waits on when nobody can have it */
#define FAULT_WATCHER_RESERVED 720      /* … for free, though it is reserved for another */

/* ---- pipe: 300 to 399 ------------------------------------------------------------------------------ */
#define FAULT_PIPE_SIZE_LATE 300        /* publish a record before its size is there */
#define FAULT_PIPE_NO_PADDING 301       /* go on at the beginning of the ring without saying so */
#define FAULT_PIPE_CONSUME_EARLY 302    /* give space back before the record was copied out of it */
#define FAULT_PIPE_WAKE_FIRST 303       /* wake the other end, then publish */
#define FAULT_PIPE_NO_FLUSH 304         /* wait for space with records that nobody knows of */
#define FAULT_PIPE_CLAIM_THEN_OWN 305   /* take an end first, record the owner after */
#define FAULT_PIPE_ANYBODYS_END 306     /* recovery frees ends without looking whose they are */
#define FAULT_PIPE_END_KEPT 307         /* recovery does not free the end of the dead */
#define FAULT_PIPE_NO_REWAKE 308        /* recovery does not wake */
#define FAULT_PIPE_STALE_SPACE 309      /* a new writer takes it that all was consumed */
#define FAULT_PIPE_SKIP_UNREAD 310      /* a new reader begins where the writer is, not where the old one was */
#define FAULT_PIPE_ANY_UNPUBLISHED 311  /* who waits for room among other things keeps back what it has appended */
#define FAULT_PIPE_ANY_STALE 312        /* who waits for a record among other things does not look how far the writer is */
#define FAULT_PIPE_TOLD_TWICE 313       /* who has told how far it is takes it that it is as far again beyond that */

/* ---- broadcast: 600 to 699 ------------------------------------------------------------------------- */
#define FAULT_BROADCAST_NO_INTENT 600   /* tell readers that records are overwritten only when they were */
#define FAULT_BROADCAST_NO_VALIDATION 601 /* copy a record out without looking whether it was overwritten meanwhile */
#define FAULT_BROADCAST_SIZE_LATE 602   /* publish a record before its size is there */
#define FAULT_BROADCAST_DEAD_KEPT 603   /* recovery leaves a dead subscriber its place */
#define FAULT_BROADCAST_OWNER_FIRST 604 /* give a place back before its position is cleared */
#define FAULT_BROADCAST_JOIN_UNCHECKED 605 /* subscribe without looking whether the writer had gone on */
#define FAULT_BROADCAST_JOIN_BEYOND 606 /* take the tail for the last record, and begin after it */
#define FAULT_BROADCAST_NO_REWAKE 607   /* recovery does not wake */
#define FAULT_BROADCAST_RESTART_LIMIT 608 /* a new writer trusts the room that the dead one had only asked for */
#define FAULT_BROADCAST_NOT_AHEAD 609   /* a record's sequence is written with it, not with the one before */
#define FAULT_BROADCAST_NO_SECOND_LOOK 610 /* overwrite without looking for subscribers who came meanwhile */
#define FAULT_BROADCAST_WAKE_ONE 611    /* a message wakes one of those who wait for it */
#define FAULT_BROADCAST_CONSUME_EARLY 612 /* give a record up before it is copied out */
#define FAULT_BROADCAST_NO_SPACE_WAKE 613 /* who consumes does not wake the writer */
#define FAULT_BROADCAST_COUNT_LOST 614  /* who was overtaken forgets what it had expected */
#define FAULT_BROADCAST_UNPUBLISHED 615 /* a writer that waits for room keeps back what it has appended */
#define FAULT_BROADCAST_WRITER_KEPT 616 /* recovery leaves a dead writer the writing end */
#define FAULT_BROADCAST_JOIN_SILENT 617 /* who chooses its place again does not wake the writer that it stopped */
#define FAULT_BROADCAST_NO_FENCE 618    /* subscribe without the fence that the writer relies on */
#define FAULT_BROADCAST_ANY_UNPUBLISHED 619 /* who waits for room among other things keeps back what it has appended */
#define FAULT_BROADCAST_ANY_STALE 620   /* who waits for a message among other things does not look at the tail */

/* ---- end --------------------------------------------------------------------------------------- */

#ifndef SHM_FAULT
#define SHM_FAULT FAULT_NONE
#endif

#endif
