/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the broadcast, of each policy; the first participant publishes, the others read
 */

#include "fuzz.h"
#include "shm/broadcast.h"

#define WRITER 0

static struct broadcast handles[FUZZ_PARTICIPANTS];
static bool joined[FUZZ_PARTICIPANTS];
static bool reserved;
static uint32_t reserved_size;

static struct geometry broadcast_geometry(struct input *in) {
        uint32_t policy = (uint32_t)input_take(in, 1) % 4;

        return (struct geometry){
                .kind = OBJECT_BROADCAST,
                .capacity = UINT32_C(4096) << input_take(in, 1) % 3,
                .message_max = 1 + (uint32_t)input_take(in, 1) * 2,
                .policy = policy,
                .slots = policy == BROADCAST_LOSSY ? 0 : 1 + (uint32_t)input_take(in, 1) % 4,
                .fences = true,
        };
}

static void join(uint32_t i, bool oldest) {
        struct broadcast *b = &handles[i];

        joined[i] = (i == WRITER ? broadcast_claim(b) : broadcast_subscribe(b, oldest)) == 0;
        reserved = false;
}

static void broadcast_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++) {
                broadcast_open(&handles[i], region, 1 + i, FUZZ_GENERATION, -1);
                handles[i].patience.spin = 0;
                join(i, true);
        }
}

static void write_something(struct broadcast *b, uint64_t what, uint32_t size) {
        static const uint8_t zeroes[1024];
        void *to;

        size %= b->message_max + 1;
        switch (what % 5) {
        case 0:
        case 1:
                reserved = (what % 5 ? broadcast_reserve_wait(b, size, &to, FUZZ_LONG_AGO) : broadcast_reserve(b, size, &to)) == 0;
                reserved_size = size;
                if (reserved)
                        broadcast_write(to, zeroes, size);
                break;
        case 2: fuzz_wait_any(broadcast_room_item(b, size)); break;
        case 3:
                if (reserved)
                        broadcast_append(b, reserved_size);
                reserved = false;
                break;
        default: broadcast_publish(b); break;
        }
}

static void read_something(struct broadcast *b, uint64_t what) {
        uint8_t buffer[1024];
        struct view view;
        uint64_t missed;
        int r;

        switch (what % 7) {
        case 0: (void)broadcast_receive(b, buffer, sizeof buffer, &view); break;
        case 1: (void)broadcast_receive_wait(b, buffer, sizeof buffer, &view, FUZZ_LONG_AGO, NULL); break;
        case 2: (void)broadcast_receive_poll(b, buffer, what >> 3 & 63, &view); break;
        case 3: (void)broadcast_subscribe_again(b, what & 8, &missed); break;
        case 4: fuzz_wait_any(broadcast_message_item(b, NULL)); break;
        default:
                r = what & 8 ? broadcast_peek_wait(b, &view, FUZZ_LONG_AGO, NULL) : broadcast_peek(b, &view);
                if (r != 0)
                        return;
                fuzz_read(view.data, view.size);
                if (what & 16)
                        (void)broadcast_consume(b, &view);
        }
}

static void broadcast_act(struct input *in) {
        uint32_t i = (uint32_t)input_take(in, 1) % FUZZ_PARTICIPANTS;
        uint64_t what = input_take(in, 1);

        if (!joined[i])
                join(i, what & 1);
        else if (i == WRITER)
                write_something(&handles[i], what, (uint32_t)input_take(in, 2));
        else
                read_something(&handles[i], what);
}

static void broadcast_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = broadcast_geometry,
        .open = broadcast_open_all,
        .act = broadcast_act,
        .close = broadcast_close_all,
};
