/* SPDX-License-Identifier: MIT */

/*
 * The lock and a condition of the monitor, with deaths and recovery
 *
 * One word (owner, inconsistent, unrecoverable), a reservation, and an eventcount each for the lock and for the condition: a bit for each who
 * is announced, the event, and who sleeps. PRODUCERS add ITEMS each and signal; the others take one each, waiting until there is
 * one. Anybody may die between any two accesses, and asleep; the supervisor recovers the dead while the others go on, and may itself
 * be killed between two steps and begin again. The kernel wakes whom it likes. Sequentially consistent: barriers are crashsim's.
 * GIVES_UP: who is told that the state is inconsistent may unlock without a repair; then nobody has the lock any more, and
 * whoever wants it goes away.
 *
 * Safety: one holder; whoever has the lock finds what it guards whole, or is told. Nobody sleeps for ever, but at the condition
 * while there is no item and the lock can be had: any other stall is a deadlock, which Spin finds.
 *
 * Faults, each of which must be found: BUGOWN (the owner is recorded after the claim), BUGUNLOCK (unlock wakes nobody), BUGTELL
 * (recovery does not mark the lock), BUGMARK (… marks it after it is free), BUGREWAKE (… does not wake those at the condition),
 * BUGLOCKWAKE (… at the lock), BUGTICKET and BUGANNOUNCE (taken, made after the unlock), BUGSHARED (a signal clears all bits
 * and wakes one), BUGKEPT (recovery leaves a reservation), BUGONE (unlock wakes one though somebody has reserved), BUGLOOK (no
 * look between announcement and sleep), BUGRECOVERABLE (giving up leaves a lock like any other), BUGQUIET (giving up wakes
 * nobody), BUGQUIETONE (… wakes one).
 */

#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef RESTARTS
#define RESTARTS 0              /* of the supervisor, during a recovery */
#endif
#ifndef PATIENCE
#define PATIENCE 9              /* never reserves */
#endif
#ifndef N
#define N 2                     /* workers, 4 at most */
#endif
#ifndef ITEMS
#define ITEMS 1                 /* of each producer */
#endif
#define CLAIMED 9

#define ALL 15

byte owner, reserved, lock_event, condition_event, items, kills, restarts, dead_n, holder;
/* A bit for each. */
byte lock_bits, lock_asleep, condition_bits, condition_asleep;
bit inconsistent, unrecoverable, torn, dead[N];

#define WITH(bits, me) (bits | (1 << me))
#define WITHOUT(bits, me) (bits & (ALL - (1 << me)))
#define IS(bits, me) ((bits >> me) & 1)
#define WAKE_ANY(asleep)                                                                                        \
        atomic { if :: asleep & 1 -> asleep = asleep & 14 :: asleep & 2 -> asleep = asleep & 13                 \
                 :: asleep & 4 -> asleep = asleep & 11 :: asleep & 8 -> asleep = asleep & 7 :: asleep == 0 fi }
#define DIE(me) if :: kills < KILLS -> atomic { kills++; dead[me] = 1; dead_n++; goto killed } :: skip fi

inline wake_one(me, event, bits, asleep) {
        if
        :: bits != 0 ->
                event++;
                DIE(me);
                WAKE_ANY(asleep);
                DIE(me)
        :: else
        fi
}

inline wake_all(event, asleep) {
        event++;
        asleep = 0
}

/* Sleep if nothing happened since the ticket; killed in it, or after it. */
inline sleep(me, event, asleep) {
        atomic { if :: event == ticket -> asleep = WITH(asleep, me) :: else fi }
        if
        :: !IS(asleep, me)
        :: atomic { IS(asleep, me) && kills < KILLS -> asleep = WITHOUT(asleep, me); kills++; dead[me] = 1; dead_n++; goto killed }
        fi;
        DIE(me)
}

/* The lock if it can be had; the asserts are what a holder relies on. */
inline try(me) {
        atomic {
                if
                :: unrecoverable -> got = 0; gone = 1
                :: !unrecoverable && owner == 0 && (reserved == 0 || reserved == me + 1) ->
                        got = 1;
#ifdef BUGOWN
                        owner = CLAIMED
#else
                        owner = me + 1; assert(holder == 0); holder = me + 1; told = inconsistent; assert(told || !torn)
#endif
                :: else -> got = 0
                fi
        }
        DIE(me);
#ifdef BUGOWN
        atomic { if :: got -> owner = me + 1; assert(holder == 0); holder = me + 1; told = inconsistent; assert(told || !torn) :: else fi };
        DIE(me)
#endif
}

/* Unlock without a repair: all who wait are told, not one. */
inline give_up(me) {
#ifdef BUGRECOVERABLE
        atomic { owner = 0; holder = 0; inconsistent = 0 }
#else
        atomic { owner = 0; holder = 0; inconsistent = 0; unrecoverable = 1 }
#endif
        DIE(me);
#if defined(BUGQUIETONE)
        wake_one(me, lock_event, lock_bits, lock_asleep);
#elif !defined(BUGQUIET)
        wake_all(lock_event, lock_asleep);
#endif
        gone = 1
}

/* Ends with the lock, or with `gone`: nobody can have it. */
inline lock(me) {
        vain = 0;
        try(me);
        do
        :: got || gone -> break
        :: !got && !gone ->
                atomic { if :: vain >= PATIENCE && reserved == 0 -> reserved = me + 1 :: vain < PATIENCE -> vain++ :: else fi }
                DIE(me);
                ticket = lock_event;
                lock_bits = WITH(lock_bits, me);
                DIE(me);
#ifndef BUGLOOK
                try(me);
#endif
                if :: !got && !gone -> sleep(me, lock_event, lock_asleep) :: got || gone fi;
                lock_bits = WITHOUT(lock_bits, me);
                DIE(me);
                if :: !got && !gone -> try(me) :: got || gone fi
        od;
        if :: reserved == me + 1 -> reserved = 0; DIE(me) :: else fi;
        if
        :: told -> torn = 0; DIE(me); inconsistent = 0; DIE(me)
#ifdef GIVES_UP
        :: told -> give_up(me)
#endif
        :: !told
        fi;
        atomic { got = 0; told = 0; vain = 0; ticket = 0 }
}

inline unlock(me) {
        atomic { owner = 0; holder = 0 }
        DIE(me);
#ifndef BUGUNLOCK
        if
#ifndef BUGONE
        :: reserved != 0 && lock_bits != 0 -> wake_all(lock_event, lock_asleep); DIE(me)
        :: reserved == 0 -> wake_one(me, lock_event, lock_bits, lock_asleep)
        :: reserved != 0 && lock_bits == 0
#else
        :: true -> wake_one(me, lock_event, lock_bits, lock_asleep)
#endif
        fi
#endif
}

inline change(me, next) {
        torn = 1;
        DIE(me);
        items = next;
        DIE(me);
        torn = 0;
        DIE(me)
}

proctype producer(byte me) {
        byte ticket, vain, made;
        bit got, told, gone;

        do
        :: made == ITEMS -> break
        :: made < ITEMS ->
                lock(me);
                if :: gone -> goto killed :: !gone fi;
                change(me, items + 1);
#ifdef SIGNAL_AFTER
                unlock(me);
#endif
#ifdef BUGSHARED
                if :: condition_bits != 0 -> atomic { condition_bits = 0; condition_event++ }; WAKE_ANY(condition_asleep) :: else fi;
#else
                wake_one(me, condition_event, condition_bits, condition_asleep);
#endif
#ifndef SIGNAL_AFTER
                unlock(me);
#endif
                made++
        od;
killed: skip
}

proctype consumer(byte me) {
        byte ticket, vain;
        bit got, told, gone;

        lock(me);
        if :: gone -> goto killed :: !gone fi;
        do
        :: items > 0 -> break
        :: items == 0 ->
#ifndef BUGTICKET
                ticket = condition_event;
#endif
#ifndef BUGANNOUNCE
                condition_bits = WITH(condition_bits, me);
                DIE(me);
#endif
                unlock(me);
#ifdef BUGTICKET
                ticket = condition_event;
#endif
#ifdef BUGANNOUNCE
                condition_bits = WITH(condition_bits, me);
                DIE(me);
#endif
                atomic { if :: condition_event == ticket -> condition_asleep = WITH(condition_asleep, me) :: else fi }
                if
                :: !IS(condition_asleep, me)
                :: atomic { IS(condition_asleep, me) && kills < KILLS -> condition_asleep = WITHOUT(condition_asleep, me); kills++; dead[me] = 1; dead_n++; goto killed }
                :: timeout && items == 0 && owner == 0 && dead_n == 0 && !unrecoverable -> goto killed /* nobody will come: it may sleep for ever */
                fi;
                DIE(me);
                condition_bits = WITHOUT(condition_bits, me);
                DIE(me);
                lock(me);
                if :: gone -> goto killed :: !gone fi
        od;
        change(me, items - 1);
        unlock(me);
killed: skip
}

proctype supervisor() {
        byte d;

end:    do
        :: dead_n > 0 ->
                atomic { d = 0; do :: !dead[d] -> d++ :: dead[d] -> break od }
again:          atomic {
                        if
                        :: owner == d + 1 ->
                                owner = 0; holder = 0;
#if !defined(BUGTELL) && !defined(BUGMARK)
                                inconsistent = 1
#endif
#ifdef BUGMARK
                                goto mark
#endif
                        :: else
                        fi
                }
                goto marked;
mark:           inconsistent = 1;
marked:
#ifndef BUGKEPT
                atomic { if :: reserved == d + 1 -> reserved = 0 :: else fi };
#endif
                atomic { lock_bits = WITHOUT(lock_bits, d); condition_bits = WITHOUT(condition_bits, d) };
                if :: restarts < RESTARTS -> restarts++; goto again :: skip fi;
#ifndef BUGLOCKWAKE
                wake_all(lock_event, lock_asleep);
#endif
                if :: restarts < RESTARTS -> restarts++; goto again :: skip fi;
#ifndef BUGREWAKE
                wake_all(condition_event, condition_asleep);
#endif
                atomic { dead[d] = 0; dead_n--; d = 0 }
        od
}

init {
        atomic {
                byte b = 0;

                do
                :: b < PRODUCERS -> run producer(b); b++
                :: b >= PRODUCERS && b < N -> run consumer(b); b++
                :: b == N -> break
                od;
                run supervisor()
        }
}
