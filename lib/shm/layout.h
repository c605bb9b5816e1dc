/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_LAYOUT_H
#define GANGER_SHM_LAYOUT_H

/*
 * What lies where in the shared memory of an object
 *
 *      queue:      header | control | waiters of both eventcounts | slots … | notes … | due times … | producers
 *                  | words of the heap's blocks … | the blocks …
 *      semaphore:  header | control | permits … | participants …
 *      counter:    header | words … | cells of each participant …
 *      monitor:    header | control (see shm/monitor.h), an eventcount for each condition
 *
 * The header is for whoever looks at a strange file; nobody relies on it. Geometry comes with the
 * handshake, is kept in private memory, and is never read again from here.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "shm/word.h"

#define REGION_MAGIC UINT64_C(0x0a676e697265676e)       /* "ngering\n" */
/** Changes with any change to this file. */
#define REGION_LAYOUT_VERSION 6

#define CACHE_LINE 64
#define REGION_PAGE 4096

/* Limits of a queue. */
#define QUEUE_SLOTS_MIN 2
#define QUEUE_SLOTS_MAX (1u << 20)
#define QUEUE_MESSAGE_MAX (16u << 20)
#define QUEUE_HEAP_MAX (1u << 30)
/** Bytes of a block of the heap; see queue-heap.c. */
#define QUEUE_BLOCK_LOG2_MIN 6
#define QUEUE_BLOCK_LOG2_MAX 12

/** Producers of one queue that number their messages, over its whole life. */
#ifndef QUEUE_PRODUCERS
#define QUEUE_PRODUCERS 128
#endif

/** Participants of one object: as many as there are waiter bits. */
#define WAITER_GROUPS 32
#define RING_PARTICIPANTS (WAITER_GROUPS * 64 - 1)

struct region_header {
        uint64_t magic;
        uint32_t layout_version;
        uint32_t kind;
        uint32_t slots;
        uint32_t message_max;
        uint32_t max_deliveries;
        uint32_t capacity;
        uint32_t policy;
        uint32_t participants;
        uint32_t slot_size;
        uint32_t heap;
};

/*
 * An eventcount; see shm/wait.h. The first line is read by every waker and seldom written.
 */
struct eventcount {
        _Alignas(CACHE_LINE) _Atomic uint64_t sleepers; /* change counter:32 | a bit for each group that may wait */
        _Atomic uint64_t pollers;                       /* the same, of those that wait with a descriptor */
        _Atomic uint32_t event;                         /* the futex */
        _Atomic uint32_t stopped;                       /* participants that were stopped (SIGSTOP): may swallow a wake-up */
        _Atomic uint32_t woken;                         /* all that slept at this change counter of `sleepers` were woken */
        _Alignas(CACHE_LINE) _Atomic uint64_t sleeping[WAITER_GROUPS]; /* a bit for each participant, its own */
        _Alignas(CACHE_LINE) _Atomic uint64_t polling[WAITER_GROUPS];
};

struct queue_control {
        _Alignas(CACHE_LINE) _Atomic uint64_t tail;     /* hint: never beyond the true tail */
        _Atomic uint64_t quota;                         /* change counter:63 | count the dead letters before you send:1 */
        _Alignas(CACHE_LINE) _Atomic uint64_t head;     /* hint: low bits of the epoch:16 | position:48 */
        /* count:44 | slot:20; grows when a slot below some cursor is ready again */
        _Alignas(CACHE_LINE) _Atomic uint64_t epoch;
        _Atomic uint64_t alarm;                         /* count:20 | milliseconds:44 of CLOCK_MONOTONIC; 0: no message rests */
        _Alignas(CACHE_LINE) _Atomic uint64_t voided;   /* for people: positions that were passed over */
        _Atomic uint64_t redelivered;                   /* for people: deliveries that were not the first */
        _Atomic uint64_t dropped;                       /* for people: dead letters that had to make room */
        _Alignas(CACHE_LINE) _Atomic uint32_t heap_next; /* hint: the block where the next look for free ones begins */
        struct eventcount messages;                     /* receivers wait here */
        struct eventcount space;                        /* senders wait here */
};

#define ALARM_MSEC_BITS 44
#define ALARM_MSEC_MASK ((UINT64_C(1) << ALARM_MSEC_BITS) - 1)
#define QUOTA_COUNT UINT64_C(1)
#define QUOTA_STEP UINT64_C(2)
#define EPOCH_SLOT_BITS 20
#define HEAD_POSITION_BITS 48
#define HEAD_POSITION_MASK ((UINT64_C(1) << HEAD_POSITION_BITS) - 1)

/** In the `size` of a slot: the message lies in the heap, and its data begins with the number of the first block. */
#define SLOT_IN_HEAP (UINT32_C(1) << 31)

/** A slot: its word and the beginning of the message are in one cache line. */
struct slot {
        _Alignas(16) _Atomic uint64_t word;
        uint32_t size;
        _Atomic uint32_t passed;                        /* senders passed over it in every lap below this */
        unsigned char data[];
};

enum note_cause {
        NOTE_NONE = 0,
        NOTE_REJECTED = 1,
        NOTE_DIED = 2,                                  /* whoever held it died */
};

#define NOTE_TEXT_MAX 46

/** Why a message came back, or is dead. Cold: touched by reject and recovery only. */
struct note {
        _Alignas(CACHE_LINE) uint64_t id;               /* of the message that it is about */
        uint64_t realtime_usec;
        uint8_t cause;
        uint8_t length;
        char text[NOTE_TEXT_MAX];
};

/** A producer that numbers its messages; see queue-producer.c. Its owner writes it, or recovery once that is dead. */
struct producer {
        _Alignas(CACHE_LINE) _Atomic uint64_t key;      /* which one, inverted; 0: nobody's, and stays so until claimed */
        _Atomic uint64_t owner;                         /* the participant that is it just now; 0: none */
        _Atomic uint64_t accepted;                      /* all up to this were accepted */
        _Atomic uint64_t intent;                        /* more than `accepted`: perhaps this too … */
        _Atomic uint64_t position;                      /* … it stands here */
};

_Static_assert(sizeof(struct slot) == 16, "a message begins 16 bytes into its slot");
_Static_assert(QUEUE_MESSAGE_MAX < SLOT_IN_HEAP, "a size needs another bit");
_Static_assert(sizeof(struct note) == CACHE_LINE, "one line a note");
_Static_assert(WAITER_GROUPS <= 32, "a group needs its bit in the summary");
_Static_assert(RING_PARTICIPANTS <= PARTICIPANT_MAX, "participants must fit a word");

#endif
