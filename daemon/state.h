/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_STATE_H
#define GANGER_DAEMON_STATE_H

/*
 * State memory: what a manager leaves for its successor
 *
 * A memfd, stored with the keeper, of records of fixed size. A record's body is a message of
 * proto/state.proto; it is changed in one step, so a manager that is killed at any instruction leaves
 * the old body or the new one. What is torn or foreign is recognised, and reads as no record.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/** What a record describes. These numbers are in the memory: never reuse one. */
/** Of the records in memory: who has another one reads none of them. */
#define STATE_LAYOUT 2

enum state_kind {
        STATE_FREE = 0,
        STATE_WORKER = 1,               /* WorkerState */
        STATE_INSTANCE = 2,             /* InstanceState */
        STATE_OBJECT = 3,                 /* ObjectState */
        STATE_ATTACHED = 4,             /* AttachedState */
        STATE_GROUP = 5,                /* GroupState */
        STATE_REPORT = 80,              /* ReportState */
        STATE_SOCKET = 60,              /* SocketState */
        STATE_ROLL = 220,               /* RollState */
        STATE_HELD = 260,               /* HeldState */
        STATE_ENDING = 290,             /* EndingState */
};

/** The longest body of a record, in bytes. */
#define STATE_BODY_MAX 992
/** How many records a state memory may have: 8 MiB of them, and 62 MiB of bodies if all are long. */
#define STATE_RECORDS_MAX 32768
/** A slot that is yet to be found. */
#define STATE_SLOT_NONE UINT32_MAX

struct state_memory {
        int fd;
        void *map;
        size_t size;
        uint32_t n_records;
        uint32_t *free_slots;           /* a stack of those that are free */
        uint32_t n_free;
};

#define STATE_MEMORY_NULL ((struct state_memory){ .fd = -1 })

/** A new, empty state memory. @return 0 or -errno. */
int state_create(struct state_memory *ret);

/**
 * Map the state memory that a predecessor left.
 * @param fd  duplicated; it stays the caller's.
 * @return 0; -EPROTO: foreign (not ours, or of another layout); or -errno.
 */
int state_open(struct state_memory *ret, int fd);

void state_done(struct state_memory *s);

/** A record that was read. `body` points into the state memory: valid until the next write. */
struct state_view {
        enum state_kind kind;
        const uint8_t *body;
        size_t size;
};

/** Read the record of a slot; a free, torn or foreign one has the kind STATE_FREE. */
struct state_view state_read(const struct state_memory *s, uint32_t slot);

/**
 * Write a record: its linearisation point is one store.
 * @param slot  of the record; STATE_SLOT_NONE: a free one is found, and put here.
 * @return 0, -EMSGSIZE (the body is longer than STATE_BODY_MAX), -ENOSPC (too many records), -ENOMEM.
 */
int state_write(struct state_memory *s, uint32_t *slot, enum state_kind kind, const void *body, size_t size);

/** The same for a message. */
int state_write_message(struct state_memory *s, uint32_t *slot, enum state_kind kind, const ProtobufCMessage *message);

/** Forget a record, and set `*slot` to STATE_SLOT_NONE. Nothing happens if it is that already. */
void state_erase(struct state_memory *s, uint32_t *slot);

/**
 * For the very end: whoever opens it next finds only the records of which `outlives` says so. Nothing is written any more.
 */
void state_leave(struct state_memory *s, bool (*outlives)(enum state_kind kind));

#endif
