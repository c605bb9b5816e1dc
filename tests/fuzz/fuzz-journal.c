/* SPDX-License-Identifier: MIT */

/*
 * Hostile member memory: whatever a dead process left in its journals, recovery comes to an end, and settles nothing but
 * slots of its own seats
 */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "shm/recover.h"

#define RINGS 2
#define SLOTS 8
#define RING_BYTES 16384
#define SEAT_PARTICIPANT 1
#define OTHER_PARTICIPANT 2

static _Alignas(REGION_PAGE) unsigned char memory[RINGS][RING_BYTES];
static struct member_memory journals;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Either the bytes as they are, or a journal whose entries are near to what they should be. */
static void write_journals(const uint8_t *data, size_t size) {
        struct journal *j = &journals.journals[0];

        if (size == 0 || data[0] % 2 == 0) {
                memcpy(&journals, data, size < sizeof journals ? size : sizeof journals);
                return;
        }
        atomic_store(&j->armed, size > 1 ? data[1] : 1);
        for (size_t i = 2; i + 3 < size && (i - 2) / 4 < JOURNAL_ENTRIES; i += 4)
                j->entries[(i - 2) / 4] = redo_pack(&(struct redo){
                        .acknowledge = data[i] & 1,
                        .ring = data[i] >> 1 & 3,
                        .owner = owner_make(data[i + 1], data[i + 2]),
                        .slot = data[i + 3],
                });
}

/** Half of the slots are the dead one's, half of them another's; leased and being written in turn. */
static void fill(struct object *o, const struct region *r) {
        struct lease l;
        struct queue q;

        object_open(o, r, -1);
        for (uint32_t i = 0; i < SLOTS; i++) {
                queue_open(&q, r, i % 2 ? SEAT_PARTICIPANT : OTHER_PARTICIPANT, FUZZ_GENERATION, -1);
                (void)queue_reserve(&q, &l);
                if (i % 4 < 2)
                        continue;
                queue_commit(&q, &l, 1);
                (void)queue_receive(&q, &l);
        }
}

static void check_others(const struct object *o) {
        for (uint32_t i = 0; i < SLOTS; i += 2)
                if (owner_participant(word_owner(atomic_load(&queue_slot(&o->queue, i)->word))) != OTHER_PARTICIPANT)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct member member = { &journals };
        struct region regions[RINGS];
        struct object objects[RINGS];
        struct seat seats[RINGS];

        memset(&journals, 0, sizeof journals);
        write_journals(data, size);
        for (uint32_t i = 0; i < RINGS; i++) {
                memset(memory[i], 0, RING_BYTES);
                regions[i] = (struct region){
                        .base = memory[i], .size = RING_BYTES,
                        .geometry = { .kind = OBJECT_QUEUE, .slots = SLOTS, .message_max = 64, .max_deliveries = 3,
                                      .fences = true },
                };
                if (geometry_size(&regions[i].geometry) > RING_BYTES)
                        abort();
                fill(&objects[i], &regions[i]);
                seats[i] = (struct seat){ .object = &objects[i], .ring = i, .first = SEAT_PARTICIPANT, .count = 1,
                                          .generation = FUZZ_GENERATION };
        }
        recover_process(&member, seats, RINGS, "hostile", NULL);
        for (uint32_t i = 0; i < RINGS; i++)
                check_others(&objects[i]);
        return 0;
}
