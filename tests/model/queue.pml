/* SPDX-License-Identifier: MIT */

/*
 * The word protocol of the queue, with deaths and recovery
 *
 * One word per slot (lap, state, owner) and beside it the mark of passing over, `passed`. Senders claim free slots
 * and pass over leased and returned ones; receivers skip what is being written and what is void; anybody may die
 * between any two accesses; the supervisor recovers the dead slot by slot while the others go on, and may itself
 * be killed between two slots and begin again. Sequentially consistent; a look at a word and its mark is one step
 * here: crashsim has them apart.
 *
 * Safety: nothing torn, no phantom, nothing delivered again after it was acknowledged, one holder. At the end every
 * accepted message is acknowledged. With HOLDER, one receiver never acknowledges its first message: all others must
 * still get through, and it dies in the end.
 *
 * Faults, each of which must be found: BUGEPOCH (recovery does not move the epoch), BUGHINT (a receiver publishes
 * the head hint without looking whether it changed), BUGTAINT (a claim does not look at the mark), BUGLOOK (a
 * receiver goes past a marked slot without looking at its word again), BUGNOPASS (a lease stops senders), BUGOWN (the
 * owner is recorded after the claim), BUGADVANCE (a message of an older lap uses up the position it is met at).
 */

#ifndef N
#define N 2
#endif
#ifndef MSGS
#define MSGS 3
#endif
#ifndef NP
#define NP 1
#endif
#ifndef NC
#define NC 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef RESTARTS
#define RESTARTS 0              /* of the supervisor, during a recovery */
#endif
#define NPART (NP + NC)
#define NID (NP * MSGS)

#define FREE 0
#define WRITING 1
#define READY 2
#define LEASED 3
#define RETURNED 4

typedef slot {
        byte lap;
        byte state;
        byte owner;
        byte passed;            /* senders passed over it in every lap below this */
        byte id;
        bit torn
}

slot s[N];
byte tail, head_position, head_epoch, epoch;
byte kills, dead_n, restarts, accepted_n, acknowledged_n, senders_left, receivers_left;
bit dead[NPART], accepted[NID], acknowledged[NID], quiet, held;

#define LAP(p) ((p) / N)
#if KILLS > 0
#define DIE(me) if :: kills < KILLS -> atomic { kills++; dead[me] = 1; dead_n++; goto killed } :: skip fi
#else
#define DIE(me) skip
#endif

/* With SENDERS_LIVE only receivers die: fewer states. */
#ifdef SENDERS_LIVE
#define DIE_SENDING(me) skip
#else
#define DIE_SENDING(me) DIE(me)
#endif

#define DELIVERABLE(x) (s[x].state == READY || s[x].state == RETURNED)
#if N == 2
#define SOME_FREE (s[0].state == FREE || s[1].state == FREE)
#define SOME_DELIVERABLE (DELIVERABLE(0) || DELIVERABLE(1))
#define ALL_FREE (s[0].state == FREE && s[1].state == FREE)
#else
#define SOME_FREE (s[0].state == FREE || s[1].state == FREE || s[2].state == FREE)
#define SOME_DELIVERABLE (DELIVERABLE(0) || DELIVERABLE(1) || DELIVERABLE(2))
#define ALL_FREE (s[0].state == FREE && s[1].state == FREE && s[2].state == FREE)
#endif

#ifdef BUGNOPASS
#define MAY_PASS 0
#else
#define MAY_PASS (s[i].state == LEASED || s[i].state == RETURNED)
#endif

proctype sender(byte me) {
        byte t, k, i, seen, seen_state, passes;

        do
        :: k < MSGS ->
again:          t = tail;
                passes = 0;
look:           atomic {
                        i = t % N;
                        if
                        :: s[i].passed > LAP(t) -> t = (s[i].passed - 1) * N + i + 1; goto look
                        :: s[i].passed <= LAP(t) && s[i].lap > LAP(t) ->
                                t = (s[i].state == FREE -> s[i].lap - 1 : s[i].lap) * N + i + 1; goto look
                        :: s[i].passed <= LAP(t) && s[i].lap <= LAP(t) && s[i].state == FREE -> seen = s[i].lap
                        :: s[i].passed <= LAP(t) && s[i].lap == LAP(t) && s[i].state != FREE -> t++; goto look
                        :: s[i].passed <= LAP(t) && s[i].lap < LAP(t) && s[i].state != FREE ->
                                if
                                :: passes == N -> goto no_room
                                :: passes < N && MAY_PASS -> goto pass
                                :: passes < N && !MAY_PASS -> seen = s[i].lap; seen_state = s[i].state; goto stopped
                                fi
                        fi
                }
                DIE_SENDING(me);
                atomic {
                        if
                        :: s[i].state == FREE && s[i].lap == seen ->
                                s[i].lap = LAP(t); s[i].state = WRITING; s[i].torn = 1;
#ifndef BUGOWN
                                s[i].owner = me + 1
#endif
                        :: else -> goto look
                        fi
                }
                DIE_SENDING(me);
#ifdef BUGOWN
                s[i].owner = me + 1;
                DIE_SENDING(me);
#endif
#ifndef BUGTAINT
                /* Does the claim stand? Dekker with the mark. */
                if
                :: s[i].passed > LAP(t) ->
                        DIE_SENDING(me);
                        atomic { s[i].lap++; s[i].state = FREE; s[i].owner = 0; s[i].torn = 0; goto look }
                :: s[i].passed <= LAP(t)
                fi;
                DIE_SENDING(me);
#endif
                if :: tail <= t -> DIE_SENDING(me); tail = t + 1 :: tail > t fi;
                DIE_SENDING(me);
                s[i].id = me * MSGS + k;
                DIE_SENDING(me);
                s[i].torn = 0;
                DIE_SENDING(me);
                atomic { s[i].state = READY; s[i].owner = 0; accepted[me * MSGS + k] = 1; accepted_n++ }
                DIE_SENDING(me);
                k++;
                atomic { t = 0; i = 0; seen = 0; seen_state = 0; passes = 0; goto next }
pass:           DIE_SENDING(me);
                atomic { if :: s[i].passed <= LAP(t) -> s[i].passed = LAP(t) + 1 :: else fi; t++; passes++; goto look }
/* Whoever cannot go on sleeps until the word that stopped it changes: a stall is a deadlock, which Spin finds. */
stopped:        atomic { s[i].lap != seen || s[i].state != seen_state; t = 0; i = 0; seen = 0; seen_state = 0; goto again }
no_room:        atomic { SOME_FREE; t = 0; i = 0; goto again }
next:           skip
        :: else -> break
        od;
        atomic { senders_left--; goto end }
killed: skip;
end:    skip
}

proctype receiver(byte me) {
        byte p, cursor, i, known = 255, e, hint_position, hint_epoch, seen_lap, seen_state;
        bit contiguous, q, older;

        do
        :: d_step { q = quiet; e = epoch }
           DIE(me);
           d_step {
                if :: e != known -> known = e; cursor = (tail > N -> tail - N : 0) :: else fi;
                if :: head_epoch == e && head_position > cursor -> cursor = head_position :: else fi;
                contiguous = 1; p = cursor
           }
look:      atomic {
                i = p % N;
                if
                :: s[i].lap <= LAP(p) && (s[i].state == READY || s[i].state == RETURNED) ->
                        assert(!s[i].torn && accepted[s[i].id] && !acknowledged[s[i].id] && s[i].owner == 0);
                        older = s[i].lap < LAP(p);
                        s[i].state = LEASED; s[i].owner = me + 1
                :: s[i].lap == LAP(p) && s[i].state == WRITING -> contiguous = 0; p++; goto look
                :: s[i].lap == LAP(p) && s[i].state == LEASED ->
                        p++; if :: contiguous -> cursor = p :: else fi; goto look
                :: s[i].lap > LAP(p) ->
                        p = (s[i].lap > LAP(p) + 1 -> (s[i].lap - 2) * N + i + 1 : p + 1);
                        if :: contiguous -> cursor = p :: else fi; goto look
                :: (s[i].lap < LAP(p) && (s[i].state == WRITING || s[i].state == LEASED)) ||
                   (s[i].lap <= LAP(p) && s[i].state == FREE) ->
                        seen_lap = s[i].lap; seen_state = s[i].state; goto nothing
                fi
           }
           DIE(me);
           if
           :: contiguous ->
                cursor = (older -> p : p + 1);
                d_step { hint_position = head_position; hint_epoch = head_epoch }
                DIE(me);
#ifdef BUGHINT
                d_step { head_position = cursor; head_epoch = epoch }
#else
                d_step {
                        if
                        :: head_position == hint_position && head_epoch == hint_epoch &&
                           (hint_epoch != known || hint_position < cursor) ->
                                head_position = cursor; head_epoch = known
                        :: else
                        fi
                }
#endif
           :: !contiguous
           fi;
           DIE(me);
#ifdef HOLDER
           if
           :: me == NP && !held ->
                /* For as long as there is anything else to do; then it dies, and is recovered. */
                held = 1;
                atomic { senders_left == 0 && acknowledged_n + 1 == accepted_n; dead[me] = 1; dead_n++; goto killed }
           :: else
           fi;
#endif
           atomic {
                assert(s[i].owner == me + 1 && s[i].state == LEASED && !s[i].torn);
                acknowledged[s[i].id] = 1; acknowledged_n++;
                s[i].lap++; s[i].state = FREE; s[i].owner = 0; s[i].id = 0
           }
           DIE(me);
           goto next;
nothing:   atomic {
                /* Asleep with an unchanged event word, and nobody comes to wake: the end. */
                if
                :: s[i].passed <= LAP(p) && q && e == epoch -> receivers_left--; goto end
                :: s[i].passed <= LAP(p) && !(q && e == epoch) -> goto asleep
                :: s[i].passed > LAP(p)
                fi
           }
           DIE(me);
           atomic {
#ifndef BUGLOOK
                if :: s[i].lap != seen_lap || s[i].state != seen_state -> goto look :: else fi;
#endif
                p++; if :: contiguous -> cursor = p :: else fi;
                goto look
           }
asleep:    atomic { SOME_DELIVERABLE || quiet != q || epoch != e; goto next }
next:      atomic { p = 0; i = 0; hint_position = 0; hint_epoch = 0; seen_lap = 0; seen_state = 0; older = 0; e = 0; q = 0; contiguous = 0 }
        od;
killed: skip;
end:    skip
}

/* Recover one; between two slots the supervisor may be killed, and the next one begins again. */
proctype supervisor() {
        byte d, i;

        do
        :: dead_n > 0 ->
                atomic { d = 0; do :: !dead[d] -> d++ :: dead[d] -> break od }
again:          i = 0;
                do
                :: i < N ->
                        atomic {
                                if
                                :: s[i].owner == d + 1 && s[i].state == WRITING ->
                                        s[i].lap++; s[i].state = FREE; s[i].owner = 0; s[i].id = 0; s[i].torn = 0
                                :: s[i].owner == d + 1 && s[i].state == LEASED -> s[i].state = RETURNED; s[i].owner = 0
                                :: else
                                fi;
                                i++
                        }
#if RESTARTS > 0
                        if :: restarts < RESTARTS -> restarts++; goto again :: skip fi
#endif
                :: else -> break
                od;
#ifndef BUGEPOCH
                epoch++;
                d_step { head_position = (tail > N -> tail - N : 0); head_epoch = epoch }
#endif
                atomic {
                        dead[d] = 0; dead_n--;
                        if :: d >= NP -> run receiver(d) :: d < NP -> senders_left-- fi;
                        d = 0; i = 0
                }
        :: atomic { dead_n == 0 && senders_left == 0 && !quiet -> quiet = 1 }
        :: atomic { dead_n == 0 && receivers_left == 0 -> break }
        od;
        assert(ALL_FREE);
        assert(acknowledged_n == accepted_n)
}

init {
        atomic {
                byte b = 0;

                senders_left = NP; receivers_left = NC;
                do
                :: b < NP -> run sender(b); b++
                :: b >= NP && b < NPART -> run receiver(b); b++
                :: b == NPART -> break
                od;
                run supervisor()
        }
}
