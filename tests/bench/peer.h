/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PEER_H
#define GANGER_BENCH_PEER_H

/*
 * A way to carry messages of one size between processes
 *
 * One at a time is set up, entered by children that are killed at the end, and torn down. What libraries
 * need that are not everywhere is compiled for the run as a shared object that has a `peer`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct peer_world {
        unsigned int senders, receivers;        /* children: senders come first */
        bool blocking;                          /* else `send` and `receive` return at once */
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
        void (*teardown)(void);
};

extern const struct peer peer_ganger, peer_vyukov, peer_pipe, peer_seqpacket;

#ifdef __cplusplus
}
#endif

#endif
