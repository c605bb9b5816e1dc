/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the monitor, and who looks at it
 */

#include "fuzz.h"
#include "shm/monitor.h"

static struct monitor monitors[FUZZ_PARTICIPANTS];
static uint32_t conditions;

static struct geometry monitor_geometry(struct input *in) {
        conditions = (uint32_t)input_take(in, 1) % 4;
        return (struct geometry){ .kind = OBJECT_MONITOR, .slots = conditions, .fences = true };
}

static void monitor_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++) {
                monitor_open(&monitors[i], region, 1 + i, FUZZ_GENERATION, -1);
                monitors[i].spin = monitors[i].condition_spin = 0;
        }
}

static void look(const struct monitor *m, uint32_t of) {
        struct monitor_view view;
        uint32_t thread;

        monitor_look(m, &view);
        for (uint32_t p = 0; (p = monitor_waiter_after(m, of, p, &thread)) != 0;)
                ;
}

static void monitor_act(struct input *in) {
        struct monitor *m = &monitors[input_take(in, 1) % FUZZ_PARTICIPANTS];
        uint64_t what = input_take(in, 1);
        /* One too many, now and then: the public side asks. */
        uint32_t condition = (uint32_t)(what >> 4) % (conditions + 1);

        switch (what % 9) {
        case 0: (void)monitor_try(m); break;
        case 1: (void)monitor_lock(m, FUZZ_LONG_AGO); break;
        case 2: (void)monitor_unlock(m); break;
        case 3: (void)monitor_consistent(m); break;
        case 4: (void)monitor_wait(m, condition, FUZZ_LONG_AGO, NULL); break;
        case 5: (void)monitor_signal(m, condition); break;
        case 6: (void)monitor_broadcast(m, condition); break;
        case 7: fuzz_wait_any(monitor_lock_item(m)); break;
        default: look(m, what & 16 ? MONITOR_LOCK : condition); break;
        }
}

static void monitor_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = monitor_geometry,
        .open = monitor_open_all,
        .act = monitor_act,
        .close = monitor_close_all,
};
