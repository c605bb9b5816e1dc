/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the pipe, both ends and a second one of each that comes too early or too late
 */

#include "fuzz.h"
#include "shm/pipe.h"

#define ENDS 4

static struct pipe ends[ENDS];
static bool taken[ENDS];
static uint32_t reserved[ENDS];

static struct geometry pipe_geometry(struct input *in) {
        uint32_t capacity = UINT32_C(4096) << input_take(in, 1) % 3;

        return (struct geometry){
                .kind = OBJECT_PIPE,
                .capacity = capacity,
                .message_max = 1 + (uint32_t)input_take(in, 2) % pipe_message_max(capacity),
                .fences = true,
        };
}

static enum pipe_end end_of(uint32_t i) {
        return i % 2 == 0 ? PIPE_WRITER : PIPE_READER;
}

static void take(uint32_t i) {
        taken[i] = pipe_take(&ends[i], end_of(i), 1 + i % FUZZ_PARTICIPANTS, FUZZ_GENERATION) == 0;
        reserved[i] = PIPE_UNRESERVED;
}

static void pipe_open_all(const struct region *region) {
        for (uint32_t i = 0; i < ENDS; i++) {
                pipe_open(&ends[i], region, -1);
                ends[i].patience.spin = 0;
                take(i);
        }
}

static void reserve(uint32_t i, uint32_t size, bool wait) {
        struct pipe *p = &ends[i];
        void *data;

        size %= p->message_max + 1;
        reserved[i] = PIPE_UNRESERVED;
        if ((wait ? pipe_reserve_wait(p, size, &data, FUZZ_LONG_AGO) : pipe_reserve(p, size, &data)) != 0)
                return;
        for (uint32_t k = 0; k < size; k++)
                ((volatile uint8_t *)data)[k] = (uint8_t)k;
        reserved[i] = size;
}

static void write_something(uint32_t i, uint64_t what, uint32_t size) {
        static const uint8_t zeroes[65536];

        switch (what % 4) {
        case 0: reserve(i, size, false); break;
        case 1: reserve(i, size, true); break;
        case 2:
                if (reserved[i] != PIPE_UNRESERVED)
                        pipe_append(&ends[i], reserved[i]);
                reserved[i] = PIPE_UNRESERVED;
                break;
        default:
                (void)pipe_send(&ends[i], zeroes, size % (ends[i].message_max + 1));
                reserved[i] = PIPE_UNRESERVED;
        }
}

static void read_something(uint32_t i, uint64_t what) {
        struct pipe *p = &ends[i];
        uint8_t buffer[64];
        const void *data;
        uint32_t size;
        int r;

        if (what % 4 == 0) {
                (void)pipe_receive(p, buffer, sizeof buffer, &size);
                return;
        }
        r = what % 4 == 1 ? pipe_look(p, &data, &size) :
            what % 4 == 2 ? pipe_look_wait(p, &data, &size, FUZZ_LONG_AGO, NULL) :
                            pipe_look_poll(p, &data, &size);
        if (r != 0)
                return;
        fuzz_read(data, size);
        pipe_pass(p, size);
}

static void pipe_act(struct input *in) {
        uint32_t i = (uint32_t)input_take(in, 1) % ENDS;
        uint64_t what = input_take(in, 1);

        if (!taken[i]) {
                take(i);
                return;
        }
        switch (what % 8) {
        case 0:
                pipe_leave(&ends[i]);
                taken[i] = false;
                return;
        case 1:
                pipe_tell(&ends[i]);
                return;
        case 2:
                fuzz_wait_any(end_of(i) == PIPE_READER ? pipe_record_item(&ends[i], NULL) :
                                                         pipe_room_item(&ends[i], (uint32_t)(what >> 3) % ends[i].message_max));
                return;
        default:
                if (end_of(i) == PIPE_WRITER)
                        write_something(i, what >> 3, (uint32_t)input_take(in, 2));
                else
                        read_something(i, what >> 3);
        }
}

static void pipe_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = pipe_geometry,
        .open = pipe_open_all,
        .act = pipe_act,
        .close = pipe_close_all,
};
