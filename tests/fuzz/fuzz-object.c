/* SPDX-License-Identifier: MIT */

/*
 * The target of libFuzzer, for one kind of object
 *
 * Without libFuzzer (-DFUZZ_ALONE) a program that runs the inputs in the files that it is given.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "shm/damage.h"
#include "shm/recover.h"

/** One input does no more things than these, and overwrites no more words. */
#define ACTS_MAX 64
#define WORDS_MAX 64
/** The words of a page that hold control data are hit as often as all others. */
#define CONTROL_BYTES 4096
/** Objects are no larger than this. */
#define ARENA_BYTES (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t input_take(struct input *in, unsigned int bytes) {
        uint64_t n = 0;

        for (unsigned int i = 0; i < bytes && in->size > 0; i++, in->data++, in->size--)
                n |= (uint64_t)*in->data << 8 * i;
        return n;
}

void fuzz_read(const volatile void *data, size_t size) {
        const volatile uint8_t *p = data;

        for (size_t i = 0; i < size; i++)
                (void)p[i];
}

void fuzz_wait_any(struct wait_item item) {
        (void)wait_any(&item, 1, FUZZ_LONG_AGO);
}

/** Zeroed memory that ends at a page that nobody may touch; before its beginning is another, at some distance. */
static void *memory_of(size_t size) {
        static uint8_t *arena;

        if (!arena) {
                arena = mmap(NULL, ARENA_BYTES + 2 * REGION_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (arena == MAP_FAILED || mprotect(arena + REGION_PAGE, ARENA_BYTES, PROT_READ | PROT_WRITE) < 0)
                        abort();
        }
        if (size > ARENA_BYTES)
                abort(); /* the target's geometry is too large */
        return memset(arena + REGION_PAGE + ARENA_BYTES - size, 0, size);
}

/** As a hostile member would: words in the control data, words anywhere, or the whole of it. */
static void spoil(const struct region *r, struct input *in) {
        uint64_t n = input_take(in, 1) % WORDS_MAX;

        if (n == WORDS_MAX - 1) {
                int byte = (int)input_take(in, 1);

                memset(r->base, byte, r->size);
                return;
        }
        for (uint64_t i = 0; i < n && in->size > 0; i++) {
                uint64_t where = input_take(in, 3), value = input_take(in, 8);
                size_t span = where & 1 && r->size > CONTROL_BYTES ? CONTROL_BYTES : r->size;

                memcpy((uint8_t *)r->base + (where >> 1) % (span / 8) * 8, &value, sizeof value);
        }
}

static void supervise(struct object *o, struct input *in) {
        const struct seat seat = {
                .object = o, .first = 1 + (uint32_t)input_take(in, 1) % FUZZ_PARTICIPANTS, .count = 1,
                .generation = FUZZ_GENERATION,
        };

        struct damage damage;

        switch (input_take(in, 1) % 5) {
        case 0: recover_seat(&seat, "at random", NULL); break;
        case 1: o->ops->wake_receivers(o); break;
        case 2: o->ops->wake_all(o); break;
        case 3: object_inspect(o, &damage); break;
        default: o->ops->set_stopped(o, (uint32_t)input_take(in, 4)); break;
        }
}

static void act(struct object *o, struct input *in) {
        uint64_t n = input_take(in, 1) % ACTS_MAX;

        for (uint64_t i = 0; i < n && in->size > 0; i++)
                if (input_take(in, 1) % 8 == 0)
                        supervise(o, in);
                else
                        fuzz_kind.act(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        struct region region = { .geometry = fuzz_kind.geometry(&in) };
        struct object o;

        if (geometry_check(&region.geometry) < 0)
                abort();
        region.size = geometry_size(&region.geometry);
        region.base = memory_of(region.size);
        object_open(&o, &region, -1);
        fuzz_kind.open(&region);
        for (int round = 0; round < 3; round++) {
                act(&o, &in);
                spoil(&region, &in);
        }
        act(&o, &in);
        for (uint32_t p = 1; p <= FUZZ_PARTICIPANTS; p++)
                recover_seat(&(struct seat){ .object = &o, .first = p, .count = 1, .generation = FUZZ_GENERATION },
                             "at the end", NULL);
        fuzz_kind.close();
        return 0;
}

#ifdef FUZZ_ALONE
static void run_file(const char *path) {
        static uint8_t data[1 << 16];
        FILE *f = fopen(path, "re");
        size_t size;

        if (!f) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        size = fread(data, 1, sizeof data, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                run_file(argv[i]);
        return EXIT_SUCCESS;
}
#endif
