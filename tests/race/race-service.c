/* SPDX-License-Identifier: MIT */

/*
 * The service: two call, two serve, all sleeping; each call gets the answer to its own question
 */

#include "race.h"

#include <string.h>

#include "shm/service.h"

#define CALLERS 2

static struct service services[RACE_THREADS];
static uint64_t answered[RACE_THREADS];

static void service_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++)
                service_open(&services[i], region, 1 + i, 1, race_event_fd);
        memset(answered, 0, sizeof answered);
}

static void call_one(struct service *s, uint64_t question) {
        struct call_result result;
        struct call c;
        uint64_t answer;

        if (question % 2)
                race_wait_any(service_slot_item(s));
        if (service_reserve_wait(s, &c, UINT64_MAX) < 0)
                race_fail("reserve");
        memcpy(c.request, &question, sizeof question);
        service_submit(s, &c, sizeof question, UINT64_MAX);
        if (question & 1 << 8)
                race_wait_any(service_call_item(s, &c));
        if (service_result_wait(s, &c, &result, UINT64_MAX) != 0 || result.size != sizeof answer)
                race_fail("no answer");
        memcpy(&answer, result.data, sizeof answer);
        if (answer != ~question)
                race_fail("the answer to another question");
        service_release(s, &c);
}

/** Question 0 ends a server. */
static void call_all(struct service *s, unsigned int who, uint64_t rounds) {
        for (uint64_t i = 1; i <= rounds; i++) {
                call_one(s, i << 8 | who);
                answered[who]++;
        }
        call_one(s, 0);
}

static void serve_all(struct service *s) {
        struct served r;

        for (bool any = true;; any = !any) {
                uint64_t question, answer;

                if (any)
                        race_wait_any(service_request_item(s, NULL));
                if (service_receive_wait(s, &r, UINT64_MAX, NULL) != 0)
                        race_fail("receive");
                memcpy(&question, r.request, sizeof question);
                answer = ~question;
                memcpy(r.reply, &answer, sizeof answer);
                if (service_reply(s, &r, sizeof answer) != 0)
                        race_fail("reply");
                if (question == 0)
                        return;
        }
}

static void service_race(unsigned int who, uint64_t rounds) {
        if (who < CALLERS)
                call_all(&services[who], who, rounds);
        else
                serve_all(&services[who]);
}

static void service_race_check(uint64_t rounds) {
        for (unsigned int i = 0; i < CALLERS; i++)
                if (answered[i] != rounds)
                        race_fail("calls were lost");
}

const struct race race_service = {
        .name = "service",
        .geometry = { .kind = OBJECT_SERVICE, .slots = 4, .message_max = 64, .max_deliveries = 1 },
        .thread = service_race,
        .open = service_race_open,
        .check = service_race_check,
};
