/* SPDX-License-Identifier: MIT */
/*
 * State memory: what a manager leaves for its successor
 *
 * Each record has two halves and a word, the sequence number of the half that counts; number s is in
 * half s & 1. A write fills the half that does not count, checksum and all, and then stores the word:
 * that one store is the change. There is one writer, and no reader beside it: a successor maps the
 * memory when the writer is dead, so release order of the compiler and of one processor is enough.
 *
 * Invariant: at every instruction at least one half is whole, and it is the old or the new body. A
 * reader that finds a word without its half (the memory was damaged) takes the newest whole half.
 *
 * Most bodies are short, those of idle instances above all, and stand in the half itself. Each half has a place for a
 * long one, too, far from the records: memory is taken there when the first long body is written, so that ten thousand
 * instances cost little.
 */

#include "daemon/state.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/map.h"

#define STATE_MAGIC UINT64_C(0x3145544154534747)        /* "GGSTATE1" */
#define STATE_RECORDS_FIRST STATE_SEGMENT_RECORDS
/** The longest body that stands in its half. */
#define STATE_SHORT_MAX 96
/** Records that follow each other; their long bodies come behind them. */
#define STATE_SEGMENT_RECORDS 256

struct state_half {
        uint64_t sequence;
        uint64_t checksum;              /* of all but itself, up to the body's end */
        uint32_t kind;
        uint32_t size;
        uint8_t body[STATE_SHORT_MAX];
};

struct state_record {
        _Atomic uint64_t sequence;      /* 0: never written */
        uint64_t padding;
        struct state_half half[2];
};

struct state_segment {
        struct state_record records[STATE_SEGMENT_RECORDS];
        uint8_t bodies[STATE_SEGMENT_RECORDS][2][STATE_BODY_MAX];
};

struct state_header {
        uint64_t magic;
        uint32_t layout;
        uint32_t record_size;
        uint8_t padding[4096 - 16];
};

static_assert(sizeof(struct state_record) == 256, "the layout is fixed: raise STATE_LAYOUT with it");
static_assert(sizeof(struct state_segment) % 4096 == 0, "segments are of whole pages");
static_assert(STATE_RECORDS_MAX % STATE_SEGMENT_RECORDS == 0, "of whole segments");

static size_t state_size(uint32_t n_records) {
        return sizeof(struct state_header) + (size_t)n_records / STATE_SEGMENT_RECORDS * sizeof(struct state_segment);
}

static struct state_segment *state_segment(const struct state_memory *s, uint32_t slot) {
        void *segment = (uint8_t *)s->map + state_size(slot);

        return segment;
}

static struct state_record *state_record(const struct state_memory *s, uint32_t slot) {
        return &state_segment(s, slot)->records[slot % STATE_SEGMENT_RECORDS];
}

/* Where a body of that size stands. */
static uint8_t *half_body(const struct state_memory *s, uint32_t slot, unsigned int which, size_t size) {
        if (size <= STATE_SHORT_MAX)
                return state_record(s, slot)->half[which].body;
        return state_segment(s, slot)->bodies[slot % STATE_SEGMENT_RECORDS][which];
}

static uint64_t half_checksum(const struct state_half *half, const uint8_t *body) {
        uint64_t hash = hash_bytes(0, &half->sequence, sizeof half->sequence);

        hash = hash_bytes(hash, &half->kind, sizeof half->kind);
        hash = hash_bytes(hash, &half->size, sizeof half->size);
        return hash_bytes(hash, body, half->size);
}

static bool half_is_whole(const struct state_memory *s, uint32_t slot, unsigned int which) {
        const struct state_half *half = &state_record(s, slot)->half[which];

        return half->sequence != 0 && half->size <= STATE_BODY_MAX &&
               half->checksum == half_checksum(half, half_body(s, slot, which, half->size));
}

/* The half that counts, 0 or 1; -1: never written, or torn beyond use. */
static int record_current(const struct state_memory *s, uint32_t slot) {
        const struct state_record *record = state_record(s, slot);
        uint64_t sequence = atomic_load_explicit(&record->sequence, memory_order_acquire);
        bool whole[2];

        if (sequence == 0)
                return -1;
        if (record->half[sequence & 1].sequence == sequence && half_is_whole(s, slot, sequence & 1))
                return sequence & 1;
        for (unsigned int i = 0; i < 2; i++)
                whole[i] = half_is_whole(s, slot, i);
        if (whole[0] && whole[1])
                return record->half[1].sequence > record->half[0].sequence;
        return whole[0] ? 0 : whole[1] ? 1 : -1;
}

struct state_view state_read(const struct state_memory *s, uint32_t slot) {
        int current = record_current(s, slot);
        const struct state_half *half = current < 0 ? NULL : &state_record(s, slot)->half[current];

        if (!half || half->kind == STATE_FREE)
                return (struct state_view){ .kind = STATE_FREE };
        return (struct state_view){
                .kind = half->kind, .body = half_body(s, slot, (unsigned int)current, half->size), .size = half->size,
        };
}

/* The number of the next write must be above that of both halves, whatever state the record is in. */
static uint64_t record_next_sequence(const struct state_memory *s, uint32_t slot) {
        const struct state_record *record = state_record(s, slot);
        uint64_t sequence = atomic_load_explicit(&record->sequence, memory_order_relaxed);
        int current = record_current(s, slot);

        return (current >= 0 ? MAX(record->half[current].sequence, sequence) : sequence) + 1;
}

/* Memory for a long body, so that writing it cannot fail by SIGBUS. A half that had one has it. */
static int half_make_room(const struct state_memory *s, uint32_t slot, unsigned int which, size_t size) {
        if (size <= STATE_SHORT_MAX || state_record(s, slot)->half[which].size > STATE_SHORT_MAX)
                return 0;
        return -posix_fallocate(s->fd, half_body(s, slot, which, size) - (uint8_t *)s->map, STATE_BODY_MAX);
}

static int record_write(const struct state_memory *s, uint32_t slot, enum state_kind kind, const void *body, size_t size) {
        uint64_t sequence = record_next_sequence(s, slot);
        struct state_record *record = state_record(s, slot);
        struct state_half *half = &record->half[sequence & 1];
        uint8_t *to = half_body(s, slot, sequence & 1, size);
        int r;

        r = half_make_room(s, slot, sequence & 1, size);
        if (r < 0)
                return r;
        /* While the half is written it must not look whole: its old checksum goes first. */
        half->checksum = 0;
        atomic_signal_fence(memory_order_seq_cst);
        half->sequence = sequence;
        half->kind = kind;
        half->size = size;
        if (size > 0)
                memcpy(to, body, size);
        half->checksum = half_checksum(half, to);
        /* Linearisation point. Pairs with the acquire in record_current(). */
        atomic_store_explicit(&record->sequence, sequence, memory_order_release);
        return 0;
}

/* ---- the memory -------------------------------------------------------------------------------- */

static int state_map(struct state_memory *s, size_t size) {
        uint32_t n = (size - sizeof(struct state_header)) / sizeof(struct state_segment) * STATE_SEGMENT_RECORDS, *slots;
        void *map;

        slots = reallocarray(s->free_slots, n, sizeof *slots);
        if (!slots)
                return -ENOMEM;
        s->free_slots = slots;
        map = s->map ? mremap(s->map, s->size, size, MREMAP_MAYMOVE)
                     : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        s->map = map;
        s->size = size;
        for (uint32_t slot = n; slot > s->n_records; slot--)
                if (state_read(s, slot - 1).kind == STATE_FREE)
                        s->free_slots[s->n_free++] = slot - 1;
        s->n_records = n;
        return 0;
}

/* The records are allocated: writing a short one cannot fail by SIGBUS. The size says how many there are: it comes last. */
static int state_grow(struct state_memory *s, uint32_t n_records) {
        const off_t records = sizeof(struct state_record) * STATE_SEGMENT_RECORDS;

        for (uint32_t slot = s->n_records; slot < n_records; slot += STATE_SEGMENT_RECORDS)
                if (fallocate(s->fd, FALLOC_FL_KEEP_SIZE, (off_t)state_size(slot), records) < 0)
                        return -errno;
        if (ftruncate(s->fd, state_size(n_records)) < 0)
                return -errno;
        return state_map(s, state_size(n_records));
}

int state_create(struct state_memory *ret) {
        _cleanup_(state_done) struct state_memory s = STATE_MEMORY_NULL;
        struct state_header *header;
        int r;

        s.fd = memfd_create("ganger-state", MFD_CLOEXEC);
        if (s.fd < 0)
                return -errno;
        if (fchmod(s.fd, 0600) < 0)
                return -errno;
        r = -posix_fallocate(s.fd, 0, sizeof *header);
        if (r == 0)
                r = state_grow(&s, STATE_RECORDS_FIRST);
        if (r < 0)
                return r;
        header = s.map;
        header->layout = STATE_LAYOUT;
        header->record_size = sizeof(struct state_record);
        header->magic = STATE_MAGIC;
        *ret = s;
        s = STATE_MEMORY_NULL;
        return 0;
}

static bool header_is_ours(const struct state_header *header) {
        return header->magic == STATE_MAGIC && header->layout == STATE_LAYOUT &&
               header->record_size == sizeof(struct state_record);
}

int state_open(struct state_memory *ret, int fd) {
        _cleanup_(state_done) struct state_memory s = STATE_MEMORY_NULL;
        struct stat st;
        int r;

        s.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (s.fd < 0)
                return -errno;
        if (fstat(s.fd, &st) < 0)
                return -errno;
        if (st.st_size < (off_t)state_size(STATE_RECORDS_FIRST) || st.st_size > (off_t)state_size(STATE_RECORDS_MAX))
                return -EPROTO;
        r = state_map(&s, st.st_size);
        if (r < 0)
                return r;
        if (!header_is_ours(s.map))
                return -EPROTO;
        *ret = s;
        s = STATE_MEMORY_NULL;
        return 0;
}

void state_done(struct state_memory *s) {
        if (s->map)
                munmap(s->map, s->size);
        free(s->free_slots);
        s->fd = close_fd(s->fd);
        *s = STATE_MEMORY_NULL;
}

static int state_find_slot(struct state_memory *s, uint32_t *ret) {
        int r;

        if (s->n_free == 0) {
                if (s->n_records >= STATE_RECORDS_MAX)
                        return -ENOSPC;
                r = state_grow(s, MIN(s->n_records * 2, (uint32_t)STATE_RECORDS_MAX));
                if (r < 0)
                        return r;
        }
        *ret = s->free_slots[--s->n_free];
        return 0;
}

int state_write(struct state_memory *s, uint32_t *slot, enum state_kind kind, const void *body, size_t size) {
        bool found = *slot == STATE_SLOT_NONE;
        int r;

        if (size > STATE_BODY_MAX)
                return -EMSGSIZE;
        if (found) {
                r = state_find_slot(s, slot);
                if (r < 0)
                        return r;
        }
        r = record_write(s, *slot, kind, body, size);
        if (r < 0 && found)
                s->free_slots[s->n_free++] = TAKE_GENERIC(*slot, STATE_SLOT_NONE);
        return r;
}

int state_write_message(struct state_memory *s, uint32_t *slot, enum state_kind kind, const ProtobufCMessage *message) {
        uint8_t body[STATE_BODY_MAX];
        size_t size = protobuf_c_message_get_packed_size(message);

        if (size > sizeof body)
                return -EMSGSIZE;
        protobuf_c_message_pack(message, body);
        return state_write(s, slot, kind, body, size);
}

void state_erase(struct state_memory *s, uint32_t *slot) {
        if (*slot == STATE_SLOT_NONE)
                return;
        (void)record_write(s, *slot, STATE_FREE, NULL, 0); /* short: it cannot fail */
        s->free_slots[s->n_free++] = *slot;
        *slot = STATE_SLOT_NONE;
}

/* The slots are not free: who has them still gives them back. */
void state_leave(struct state_memory *s, bool (*outlives)(enum state_kind kind)) {
        for (uint32_t slot = 0; slot < s->n_records; slot++)
                if (!outlives(state_read(s, slot).kind))
                        (void)record_write(s, slot, STATE_FREE, NULL, 0); /* short: it cannot fail */
}
