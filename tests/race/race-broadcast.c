/* SPDX-License-Identifier: MIT */

/*
 * The broadcast: one publishes, three read; first a lossy one, whose readers are told what they miss, then one whose writer waits
 */

#include "race.h"

#include <errno.h>
#include <string.h>

#include "shm/broadcast.h"

#define WRITER 0

struct payload {
        uint64_t number;
        uint64_t copies[7];
};

static struct broadcast handles[RACE_THREADS];
static uint64_t seen[RACE_THREADS], missed[RACE_THREADS];

static void broadcast_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++) {
                broadcast_open(&handles[i], region, 1 + i, 1, race_event_fd);
                if ((i == WRITER ? broadcast_claim(&handles[i]) : broadcast_subscribe(&handles[i], true)) < 0)
                        race_fail("open");
        }
        memset(seen, 0, sizeof seen);
        memset(missed, 0, sizeof missed);
}

static void publish_all(struct broadcast *b, uint64_t rounds) {
        for (uint64_t n = 1; n <= rounds; n++) {
                struct payload p = { n, { n, n, n, n, n, n, n } };
                void *to;

                if (n % 2)
                        race_wait_any(broadcast_room_item(b, sizeof p));
                if (broadcast_reserve_wait(b, sizeof p, &to, UINT64_MAX) < 0)
                        race_fail("reserve");
                broadcast_write(to, &p, sizeof p);
                broadcast_append(b, sizeof p);
                if (n % 3 == 0 || n == rounds)
                        broadcast_publish(b);
        }
}

static void read_all(struct broadcast *b, unsigned int who, uint64_t rounds) {
        struct payload p = { 0 };

        while (seen[who] + missed[who] < rounds) {
                struct view v;

                if (seen[who] % 2)
                        race_wait_any(broadcast_message_item(b, NULL));
                if (broadcast_receive_wait(b, &p, sizeof p, &v, UINT64_MAX, NULL) != 0 || v.size != sizeof p)
                        race_fail("receive");
                missed[who] += v.missed;
                seen[who]++;
                for (int i = 0; i < 7; i++)
                        if (p.copies[i] != p.number)
                                race_fail("a torn message");
                if (p.number != seen[who] + missed[who])
                        race_fail("what was missed is counted wrongly");
        }
}

static void broadcast_race(unsigned int who, uint64_t rounds) {
        if (who == WRITER)
                publish_all(&handles[WRITER], rounds);
        else
                read_all(&handles[who], who, rounds);
}

static void broadcast_race_check(uint64_t rounds) {
        for (unsigned int i = 1; i < RACE_THREADS; i++)
                if (seen[i] + missed[i] != rounds)
                        race_fail("messages are unaccounted for");
}

static void reliable_check(uint64_t rounds) {
        broadcast_race_check(rounds);
        for (unsigned int i = 1; i < RACE_THREADS; i++)
                if (missed[i] != 0)
                        race_fail("a reliable broadcast has lost something");
}

const struct race race_lossy = {
        .name = "broadcast, lossy",
        .geometry = { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .policy = BROADCAST_LOSSY },
        .thread = broadcast_race,
        .open = broadcast_race_open,
        .check = broadcast_race_check,
};

const struct race race_reliable = {
        .name = "broadcast, reliable",
        .geometry = { .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 64, .policy = BROADCAST_WAIT, .slots = 4 },
        .thread = broadcast_race,
        .open = broadcast_race_open,
        .check = reliable_check,
};
