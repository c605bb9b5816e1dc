/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RING_LOOK_H
#define GANGER_DAEMON_RING_LOOK_H

/*
 * Looking into rings and services: how much is in them; of a queue also which messages, and its dead letters
 */

#include "daemon/objects.h"

/** How many messages are in each state, as of a look while others work. What a kind does not have is 0. */
struct ring_counts {
        uint32_t ready, leased, writing, dead; /* of a service: calls that wait for a server, that are being served */
        uint64_t accepted;              /* since the ring was made, about */
        uint64_t redelivered;           /* deliveries that were not the first */
        uint64_t dropped;               /* queue: dead letters that had to make room */
        uint64_t failed;                /* service: calls whose server died */
        uint32_t used;                  /* pipe, broadcast: bytes */
        uint32_t heap, heap_used;       /* queue: bytes */
};

void ring_count(const struct gang_object *ring, struct ring_counts *ret);

/** @param holder  its name. @param behind  bytes that it has not read. */
typedef void (*ring_subscriber_fn)(void *userdata, const char *holder, uint64_t behind);

/** The subscribers of a broadcast; of a lossy one nobody knows them. */
void ring_subscribers(const struct gang_object *ring, ring_subscriber_fn fn, void *userdata);

/** A message as somebody sees it who looks and takes nothing. */
struct ring_message {
        uint64_t id;
        uint32_t size, deliveries;
        const char *state;              /* "ready", "leased", "dead" */
        const char *holder;             /* of a leased one: its holder's name; else "" */
        char reason[64];                /* why it came back, or is dead; "" */
        uint64_t realtime_usec;         /* of that; 0 */
        const void *data;               /* its beginning, copied; valid during the call */
        size_t data_size;
};

/** Called for each message; @return false to stop. */
typedef bool (*ring_message_fn)(void *userdata, const struct ring_message *message);

/** The longest beginning of a message that is copied for those who look. */
#define RING_PEEK_BYTES_MAX 4096

/** Look at the first `count` messages of a queue, in order. */
int ring_peek(const struct gang_object *ring, uint32_t count, uint32_t bytes, ring_message_fn fn, void *userdata);

enum ring_dead_action {
        RING_DEAD_LIST,
        RING_DEAD_RETRY,                /* deliver again, with a fresh count */
        RING_DEAD_DROP,
};

/**
 * List, retry or drop dead letters of a queue.
 * @param ids   those meant; `n_ids` 0: all.
 * @param fn    called for each that was listed, retried or dropped; may be NULL.
 * @return how many dead letters are left, or -errno.
 */
int64_t ring_dead(struct gang_object *ring, enum ring_dead_action action, const uint64_t *ids, size_t n_ids, uint32_t bytes,
                  ring_message_fn fn, void *userdata);

#endif
