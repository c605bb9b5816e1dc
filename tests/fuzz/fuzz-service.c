/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the service; every participant calls and serves
 */

#include "fuzz.h"
#include "shm/service.h"

/** Calls and requests that are remembered, to be finished, also twice. */
#define REMEMBERED 4

static struct service services[FUZZ_PARTICIPANTS];
static struct call calls[FUZZ_PARTICIPANTS][REMEMBERED];
static struct served requests[FUZZ_PARTICIPANTS][REMEMBERED];
static enum { NOTHING, RESERVED, SUBMITTED } state[FUZZ_PARTICIPANTS][REMEMBERED];
static bool serves[FUZZ_PARTICIPANTS][REMEMBERED];

static struct geometry service_geometry(struct input *in) {
        return (struct geometry){
                .kind = OBJECT_SERVICE,
                .slots = UINT32_C(2) << input_take(in, 1) % 5,
                .message_max = 1 + (uint32_t)input_take(in, 1) * 3,
                .max_deliveries = 1,
                .policy = 0,
                .fences = true,
        };
}

static void service_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++) {
                service_open(&services[i], region, 1 + i, FUZZ_GENERATION, -1);
                services[i].patience.spin = 0;
                for (int k = 0; k < REMEMBERED; k++) {
                        state[i][k] = NOTHING;
                        serves[i][k] = false;
                }
        }
}

static void fill(void *data, uint32_t size) {
        for (uint32_t i = 0; i < size; i++)
                ((volatile uint8_t *)data)[i] = (uint8_t)i;
}

static void call_something(uint32_t i, uint32_t k, uint64_t what) {
        struct service *s = &services[i];
        struct call *c = &calls[i][k];
        struct call_result result;

        switch (state[i][k]) {
        case NOTHING:
                if (what % 8 == 7)
                        fuzz_wait_any(service_slot_item(s));
                if ((what & 1 ? service_reserve_wait(s, c, FUZZ_LONG_AGO) : service_reserve(s, c)) == 0)
                        state[i][k] = RESERVED;
                break;
        case RESERVED:
                fill(c->request, s->message_max);
                service_submit(s, c, (uint32_t)what % (s->message_max + 1), what & 1 ? FUZZ_LONG_AGO : UINT64_MAX);
                state[i][k] = SUBMITTED;
                break;
        default:
                if (what % 8 == 7) {
                        fuzz_wait_any(service_call_item(s, c));
                        break;
                }
                if (what % 4 == 0) {
                        (void)service_give_up(s, c);
                        state[i][k] = NOTHING;
                        break;
                }
                if ((what % 4 == 1 ? service_result_wait(s, c, &result, FUZZ_LONG_AGO) : service_result(s, c, &result)) == 0) {
                        fuzz_read(result.data, result.size);
                        service_release(s, c);
                        state[i][k] = NOTHING;
                }
        }
}

static void serve_something(uint32_t i, uint32_t k, uint64_t what) {
        struct service *s = &services[i];
        struct served *r = &requests[i][k];
        int got;

        if (!serves[i][k]) {
                if (what % 8 == 7)
                        fuzz_wait_any(service_request_item(s, NULL));
                got = what % 3 == 0 ? service_receive(s, r) :
                      what % 3 == 1 ? service_receive_wait(s, r, FUZZ_LONG_AGO, NULL) :
                                      service_receive_poll(s, r);
                if (got != 0)
                        return;
                fuzz_read(r->request, r->size);
                serves[i][k] = true;
                return;
        }
        (void)service_holds(s, r);
        fill(r->reply, s->message_max);
        if (what % 2)
                (void)service_reply(s, r, (uint32_t)what % (s->message_max + 1));
        else
                (void)service_fail(s, r, (uint32_t)what % (s->message_max + 1));
        serves[i][k] = what % 4 == 3; /* again */
}

static void service_act(struct input *in) {
        uint64_t who = input_take(in, 1), what = input_take(in, 1);
        uint32_t i = (uint32_t)who % FUZZ_PARTICIPANTS, k = (uint32_t)(who >> 4) % REMEMBERED;

        if (who & 8)
                call_something(i, k, what);
        else
                serve_something(i, k, what);
}

static void service_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = service_geometry,
        .open = service_open_all,
        .act = service_act,
        .close = service_close_all,
};
