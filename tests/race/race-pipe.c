/* SPDX-License-Identifier: MIT */

/*
 * The pipe: one writes, one reads, both sleeping; records of many sizes, some in batches
 */

#include "race.h"

#include <string.h>

#include "shm/pipe.h"

enum { WRITER, READER };

static struct pipe ends[2];
static uint64_t received;

static void pipe_race_open(const struct region *region) {
        for (uint32_t i = 0; i < 2; i++) {
                pipe_open(&ends[i], region, race_event_fd);
                if (pipe_take(&ends[i], i == WRITER ? PIPE_WRITER : PIPE_READER, 1 + i, 1) < 0)
                        race_fail("take");
        }
        received = 0;
}

static uint32_t size_of(uint64_t n) {
        return (uint32_t)(sizeof n + n * 7 % 90);
}

static void write_all(struct pipe *p, uint64_t rounds) {
        for (uint64_t n = 1; n <= rounds; n++) {
                uint32_t size = size_of(n);
                void *data;

                if (n % 2)
                        race_wait_any(pipe_room_item(p, size));
                if (pipe_reserve_wait(p, size, &data, UINT64_MAX) < 0)
                        race_fail("reserve");
                memset(data, (int)n, size);
                memcpy(data, &n, sizeof n);
                pipe_append(p, size);
                if (n % 3 == 0 || n == rounds)
                        pipe_tell(p);
        }
}

static void check_record(const unsigned char *data, uint32_t size, uint64_t n) {
        uint64_t got;

        memcpy(&got, data, sizeof got);
        if (got != n || size != size_of(n))
                race_fail("a record is missing, or out of order");
        for (uint32_t i = sizeof n; i < size; i++)
                if (data[i] != (unsigned char)n)
                        race_fail("a torn record");
}

static void read_all(struct pipe *p, uint64_t rounds) {
        for (uint64_t n = 1; n <= rounds; n++) {
                const void *data;
                uint32_t size;

                if (n % 2)
                        race_wait_any(pipe_record_item(p, NULL));
                if (pipe_look_wait(p, &data, &size, UINT64_MAX, NULL) < 0)
                        race_fail("look");
                check_record(data, size, n);
                pipe_pass(p, size);
                if (n % 5 == 0 || n == rounds)
                        pipe_tell(p);
                received++;
        }
}

static void pipe_race(unsigned int who, uint64_t rounds) {
        if (who == WRITER)
                write_all(&ends[WRITER], rounds);
        else if (who == READER)
                read_all(&ends[READER], rounds);
}

static void pipe_race_check(uint64_t rounds) {
        if (received != rounds)
                race_fail("records were lost");
}

const struct race race_pipe = {
        .name = "pipe",
        .geometry = { .kind = OBJECT_PIPE, .capacity = 4096, .message_max = 128 },
        .thread = pipe_race,
        .open = pipe_race_open,
        .check = pipe_race_check,
};
