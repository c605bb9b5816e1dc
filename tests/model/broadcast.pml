/* SPDX-License-Identifier: MIT */

/*
 * The protocol of the broadcast ring, with deaths and recovery
 *
 * N cells, a record each, of two halves that are written and read one after the other; the sequence lies apart, and
 * is written ahead. A writer, who may die between any two accesses and is replaced; without SUBSCRIBER a reader who
 * may be overtaken; with it one whom the writer waits for, who comes late, may die, and comes again. Sequentially
 * consistent: crashsim has store buffers.
 *
 * Safety: nothing torn is believed; each message is seen, or counted as missed; a subscriber misses nothing; a new
 * writer finds the right sequence. Whoever cannot go on is a deadlock, which Spin finds.
 *
 * Faults, each of which must be found: BUGINTENT (`oldest` is raised after the record is overwritten), BUGVALID (a
 * copy is not validated), BUGJOIN (a subscriber does not look at `oldest` again), BUGLOOK (nor the writer at the
 * subscriber), BUGLIMIT (a new writer trusts the `oldest` that the dead one announced), BUGAHEAD (the sequence is
 * written with its record), BUGDEAD (recovery keeps the place of a dead subscriber).
 */

#ifndef N
#define N 3
#endif
#ifndef MSGS
#define MSGS 5
#endif
#ifndef KILLS
#define KILLS 1
#endif

typedef cell { byte a; byte b; byte sequence }
cell c[N];
byte tail, oldest, kills;
byte place;                     /* a subscriber's position + 1; 0: none */
bit done, writer_dead, reader_dead;

/* A record and the sequence of the next one need room. */
#define LEAST(t) ((t) + 2 > N -> (t) + 2 - N : 0)
#define SLOW(t) (place != 0 && place - 1 < LEAST(t))
#if KILLS > 0
#define DIE(flag) if :: kills < KILLS -> atomic { kills++; flag = 1; goto killed } :: skip fi
#else
#define DIE(flag) skip
#endif

proctype writer() {
        byte t, limit, x;

        atomic {
                t = tail;
#ifdef BUGLIMIT
                limit = oldest + N;
#else
                limit = t;
#endif
                assert(c[t % N].sequence == t)
        }
        do
        :: t < MSGS ->
                if
                :: t + 2 > limit ->
room:                   if
                        :: SLOW(t) -> !SLOW(t); goto room
                        :: !SLOW(t)
                        fi;
                        DIE(writer_dead);
                        x = (oldest > LEAST(t) -> oldest : LEAST(t));
#ifndef BUGINTENT
                        oldest = x;
#endif
                        DIE(writer_dead);
#ifndef BUGLOOK
                        if
                        :: SLOW(t) -> !SLOW(t); goto room
                        :: !SLOW(t)
                        fi;
#endif
                        /* The code may go on for longer: as far as the slowest allows. */
                        atomic { limit = t + 2; x = 0 }
                :: t + 2 <= limit
                fi;
                DIE(writer_dead);
                c[t % N].a = t + 1;
                DIE(writer_dead);
                c[t % N].b = t + 1;
                DIE(writer_dead);
#ifdef BUGAHEAD
                c[t % N].sequence = t;
#else
                c[(t + 1) % N].sequence = t + 1;
#endif
                DIE(writer_dead);
                t++;
                tail = t;
#ifdef BUGINTENT
                oldest = (t + 1 > N -> t + 1 - N : 0);
#endif
                DIE(writer_dead)
        :: t == MSGS -> break
        od;
        done = 1;
killed: skip
}

/* One who may be overtaken. */
proctype lossy(bit from_oldest) {
        byte p, expected, a, b, s, seen, missed, start;

join:   p = (from_oldest -> oldest : tail);
        s = c[p % N].sequence;
        if
        :: oldest > p -> goto join
        :: oldest <= p
        fi;
        atomic { assert(s == p); expected = s; start = s }
        do
        :: p < tail ->
                a = c[p % N].a;
                b = c[p % N].b;
                s = c[p % N].sequence;
                if
#ifndef BUGVALID
                :: oldest > p -> p = oldest
                :: oldest <= p ->
#else
                :: true ->
#endif
                        atomic {
                                assert(a == b && a == s + 1 && s >= expected);
                                missed = missed + s - expected; seen++; expected = s + 1; p++;
                                a = 0; b = 0; s = 0
                        }
                fi
        :: atomic { p >= tail && done && tail == MSGS -> break }
        od;
        assert(seen + missed == MSGS - start)
}

/* One whom the writer waits for. It comes late, at the oldest; may stop for good; and may die, also while it joins. */
proctype subscriber() {
        byte p, a, b;

join:   p = oldest;
        DIE(reader_dead);
        place = p + 1;
        DIE(reader_dead);
#ifndef BUGJOIN
        if
        :: oldest > p -> goto join
        :: oldest <= p
        fi;
#endif
        do
        :: p < tail ->
                DIE(reader_dead);
                a = c[p % N].a;
                b = c[p % N].b;
                atomic { assert(a == b && a == p + 1 && c[p % N].sequence == p); a = 0; b = 0; p++ }
                DIE(reader_dead);
                place = p + 1
        :: atomic { p >= tail && done -> break }
        od;
        place = 0;
killed: skip
}

proctype supervisor() {
        do
        :: atomic { writer_dead -> writer_dead = 0; run writer() }
        :: atomic {
                reader_dead -> reader_dead = 0;
#ifndef BUGDEAD
                place = 0;
#endif
                if :: run subscriber() :: skip fi
           }
        :: atomic { done && !writer_dead && !reader_dead -> break }
        od
}

init {
        atomic {
                run writer();
#ifdef SUBSCRIBER
                run subscriber();
#else
                /* Such readers know nothing of each other: one is enough. */
                if :: run lossy(1) :: run lossy(0) fi;
#endif
                run supervisor()
        }
}
