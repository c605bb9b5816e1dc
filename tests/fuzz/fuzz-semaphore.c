/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the semaphore. (Not the file of a POSIX one, whose memory libc trusts.)
 */

#include "fuzz.h"
#include "shm/semaphore.h"

static struct semaphore semaphores[FUZZ_PARTICIPANTS];

static struct geometry semaphore_geometry(struct input *in) {
        return (struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 1 + (uint32_t)input_take(in, 2) % 4096, .fences = true };
}

static void semaphore_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++) {
                semaphore_open(&semaphores[i], region, 1 + i, FUZZ_GENERATION, NULL, -1);
                semaphores[i].patience.spin = 0;
        }
}

static void look(struct semaphore *s, uint32_t n) {
        (void)semaphore_value(s);
        (void)semaphore_holder(s, n);
        (void)semaphore_is_waiting(s, n);
        (void)semaphore_thread(s, n);
}

static void semaphore_act(struct input *in) {
        struct semaphore *s = &semaphores[input_take(in, 1) % FUZZ_PARTICIPANTS];

        switch (input_take(in, 1) % 5) {
        case 0:
                if (!semaphore_try_fast(s))
                        (void)semaphore_try(s);
                break;
        case 1: (void)semaphore_wait(s, FUZZ_LONG_AGO); break;
        case 2:
                if (!semaphore_release_fast(s))
                        (void)semaphore_release(s);
                break;
        case 3: fuzz_wait_any(semaphore_permit_item(s)); break;
        default: look(s, (uint32_t)input_take(in, 4)); break;
        }
}

static void semaphore_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = semaphore_geometry,
        .open = semaphore_open_all,
        .act = semaphore_act,
        .close = semaphore_close_all,
};
