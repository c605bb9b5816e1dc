/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the history written beside them
 *
 * Compiled with the hooks, so that filling and reading a record are points too. What is begun may have taken effect
 * if the actor dies; what is done must have.
 */

#include <errno.h>
#include <string.h>

#include "pipe/world.h"
#include "shm/wait-any.h"

/* Sizes such that every few records do not fit before the end of the ring. */
uint32_t payload_size(unsigned int id) {
        static const uint32_t sizes[] = { 1400, 1001, MESSAGE_MAX, 32 };

        return sizes[id % (sizeof sizes / sizeof sizes[0])];
}

/** Two words at the beginning, two that reach to the end. */
void payload_write(void *data, unsigned int id) {
        volatile uint64_t *d = data;
        uint32_t last = (payload_size(id) - 16) / 8;

        d[0] = id | (uint64_t)(id * 7 + 1) << 32;
        d[1] = id | (uint64_t)(id * 7 + 2) << 32;
        d[last] = id | (uint64_t)(id * 7 + 3) << 32;
        d[last + 1] = id | (uint64_t)(id * 7 + 4) << 32;
}

unsigned int payload_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        uint32_t last = (size - 16) / 8;
        uint64_t words[4];
        unsigned int id;

        if (size < 32)
                return SIM_IDS;
        words[0] = d[0];
        words[1] = d[1];
        words[2] = d[last];
        words[3] = d[last + 1];
        id = (unsigned int)words[0];
        if (id >= SIM_IDS || size != payload_size(id))
                return SIM_IDS;
        for (unsigned int i = 0; i < 4; i++)
                if (words[i] != (id | (uint64_t)(id * 7 + i + 1) << 32))
                        return SIM_IDS;
        return id;
}

/* ---- ends ---------------------------------------------------------------------------------------- */

int op_take(struct actor *a, enum pipe_end end) {
        int r;

        sim_boundary();
        sim_say("takes end", end);
        r = pipe_take(&a->pipe, end, participant_of(a->who), a->incarnation + 1);
        if (r == -EBUSY)
                return r;
        if (r < 0)
                sim_fail("an end cannot be taken");
        if (holder[end] != NOBODY)
                sim_fail("two have one end");
        holder[end] = a->who;
        return 0;
}

void op_leave(struct actor *a) {
        sim_boundary();
        sim_say("leaves end", a->pipe.end);
        holder[a->pipe.end] = NOBODY;
        pipe_leave(&a->pipe);
        for (unsigned int i = 0; i < a->n_appended; i++)
                history[a->appended + i].sent = DONE;
}

/* ---- writing ------------------------------------------------------------------------------------- */

unsigned int op_sent(void) {
        unsigned int id = 0;

        while (id < SIM_IDS - 1 && history[id].sent != NOT)
                id++;
        return id;
}

int op_append(struct actor *a, enum how how) {
        unsigned int id = op_sent();
        void *data;
        int r;

        sim_boundary();
        sim_say("appends", id);
        a->wanted = payload_size(id);
        r = how == LOOK ? pipe_reserve(&a->pipe, a->wanted, &data) :
                          pipe_reserve_wait(&a->pipe, a->wanted, &data, UINT64_MAX);
        if (r < 0) {
                if (r != -EAGAIN)
                        sim_fail("reserve fails");
                return r;
        }
        history[id].sent = BEGUN;
        payload_write(data, id);
        pipe_append(&a->pipe, a->wanted);
        if (a->n_appended++ == 0)
                a->appended = id;
        return 0;
}

void op_publish(struct actor *a) {
        sim_boundary();
        sim_say("publishes", a->n_appended);
        pipe_tell(&a->pipe);
        for (unsigned int i = 0; i < a->n_appended; i++)
                history[a->appended + i].sent = DONE;
        a->n_appended = 0;
}

int op_send(struct actor *a, enum how how) {
        _Alignas(8) unsigned char data[MESSAGE_MAX];
        unsigned int id = op_sent();
        int r;

        if (how == WAIT) {
                r = op_append(a, WAIT);
                op_publish(a);
                return r;
        }
        sim_boundary();
        sim_say("sends", id);
        payload_write(data, id);
        history[id].sent = BEGUN;
        r = pipe_send(&a->pipe, data, payload_size(id));
        history[id].sent = r < 0 ? NOT : DONE;
        if (r < 0 && r != -EAGAIN)
                sim_fail("send fails");
        return r;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/** What comes must be the first that was neither consumed before nor peeked at. */
static void note_seen(const struct actor *a, unsigned int id) {
        if (id == SIM_IDS)
                sim_fail("a torn record");
        sim_say("sees", id);
        if (history[id].sent == NOT)
                sim_fail("a record that nobody sent");
        if (history[id].consumed == DONE)
                sim_fail("there again after it was consumed");
        if (a->n_peeked > 0 && a->peeked[a->n_peeked - 1] >= id)
                sim_fail("out of order");
        for (unsigned int i = a->n_peeked > 0 ? a->peeked[a->n_peeked - 1] + 1 : 0; i < id; i++)
                if (history[i].sent == DONE && history[i].consumed == NOT)
                        sim_fail("lost, or out of order");
}

static int look(struct actor *a, const void **ret, uint32_t *ret_size, enum how how) {
        int r;

        if (how == POLL)
                while ((r = pipe_look_poll(&a->pipe, ret, ret_size)) == -EAGAIN)
                        sim_event_wait(0, UINT64_MAX);
        else
                r = how == WAIT ? pipe_look_wait(&a->pipe, ret, ret_size, UINT64_MAX, NULL) :
                                  pipe_look(&a->pipe, ret, ret_size);
        if (r < 0 && r != -EAGAIN)
                sim_fail("look fails");
        return r;
}

int op_peek(struct actor *a, enum how how) {
        const void *data;
        uint32_t size;
        unsigned int id;
        int r;

        sim_boundary();
        r = look(a, &data, &size, how);
        if (r < 0)
                return r;
        id = payload_id(data, size);
        note_seen(a, id);
        a->peeked[a->n_peeked++] = id;
        pipe_pass(&a->pipe, size);
        return 0;
}

void op_consume(struct actor *a) {
        sim_boundary();
        sim_say("consumes", a->n_peeked);
        for (unsigned int i = 0; i < a->n_peeked; i++)
                history[a->peeked[i]].consumed = BEGUN;
        pipe_tell(&a->pipe);
        for (unsigned int i = 0; i < a->n_peeked; i++)
                history[a->peeked[i]].consumed = DONE;
        a->n_peeked = 0;
}

/** Looked at first, which changes nothing that is shared: so it is known which one a reader that dies may have consumed. */
int op_receive(struct actor *a, enum how how) {
        _Alignas(8) unsigned char buffer[MESSAGE_MAX];
        const void *data;
        uint32_t size = 0;
        unsigned int id;
        int r;

        sim_boundary();
        r = look(a, &data, &size, how);
        if (r < 0)
                return r;
        id = payload_id(data, size);
        note_seen(a, id);
        history[id].consumed = BEGUN;
        if (pipe_receive(&a->pipe, buffer, sizeof buffer, &size) < 0)
                sim_fail("receive fails");
        if (payload_id(buffer, size) != id)
                sim_fail("a torn record");
        history[id].consumed = DONE;
        return 0;
}

/* ---- both ---------------------------------------------------------------------------------------- */

void op_wait_any(struct actor *a, enum how how) {
        struct wait_item item;

        sim_boundary();
        a->wanted = payload_size(op_sent());
        item = a->pipe.end == PIPE_WRITER ? pipe_room_item(&a->pipe, a->wanted) : pipe_record_item(&a->pipe, NULL);
        wait_any_by_descriptors(how == POLL);
        if (wait_any(&item, 1, UINT64_MAX) != 1 || !item.ready)
                sim_fail("waiting for any fails");
}
