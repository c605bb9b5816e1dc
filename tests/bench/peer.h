/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PEER_H
#define GANGER_BENCH_PEER_H

/*
 * A way to carry messages of one size between processes
 *
 * One at a time is set up, entered by children that are killed at the end, and torn down. What libraries
 * need that are not everywhere is compiled for the run as a shared object that has a `peer`.
 *
 * One way: the first children send, the others receive. There and back (`echo`): two children, two channels; child 0 sends on the
 * first and receives on the second, child 1 the other way round.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who gets a message. */
enum peer_cast {
        PEER_TO_ONE = 0,                        /* one of the receivers */
        PEER_TO_ALL,                            /* all of them, and the sender waits for the slowest */
        PEER_TO_ALL_LOSSY,                      /* all of them that are not too slow */
};

struct peer_world {
        unsigned int senders, receivers;        /* children: senders come first */
        bool echo;                              /* there and back */
        bool sides;                             /* senders share the first processor, receivers the second */
        bool blocking;                          /* else `send` and `receive` return at once */
        enum peer_cast cast;
        unsigned int batch;                     /* so many messages are published at once; up to 1: each by itself */
        size_t size;                            /* of a message */
        uint32_t slots;                         /* for so many messages there is room, where that can be chosen */
};

struct peer {
        const char *name;
        const char *note;
        bool spins, blocks;                     /* what it can do */
        void (*setup)(const struct peer_world *world);
        void (*enter)(unsigned int role);       /* in the child of that number */
        bool (*send)(const void *data);         /* false: no room just now */
        bool (*receive)(void *buf);             /* false: nothing there just now */
        void (*publish)(void);                  /* what was sent since; called if there are batches. NULL: there are none */
        void (*teardown)(void);
        size_t size_max;                        /* of a message; 0: any */
        unsigned int pairs_max;                 /* senders, and receivers; 0: any */
        bool all, all_lossy;                    /* carries messages to all receivers; loses those of slow ones */
        bool one_size;                          /* carries no payload: only there and back makes sense */
        void (*recover)(unsigned int role);     /* what a supervisor does when that child was killed; NULL: there is none */
};

/** The channel that a child sends on, or receives from. */
static inline unsigned int peer_channel(const struct peer_world *world, unsigned int role, bool sends) {
        return world->echo && (role == 0) != sends ? 1 : 0;
}

#define PEER_CHANNELS 2

extern const struct peer peer_broadcast, peer_fan;
extern const struct peer peer_ganger, peer_vyukov, peer_pipe, peer_seqpacket, peer_mq, peer_futex, peer_eventfd, peer_line;

#ifdef __cplusplus
}
#endif

#endif
