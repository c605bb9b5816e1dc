/* SPDX-License-Identifier: MIT */

/*
 * rings, attach, peek, dead
 *
 * What is in a ring comes from processes that nobody trusts; it is bounded in daemon/ring-look.h, and here so
 * that the answer fits a frame. Invariant: who becomes a member is the process at the other end, as the
 * kernel tells it, never one that the request names.
 */

#include <errno.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/quarantine.h"
#include "daemon/ring-look.h"
#include "daemon/worker.h"

#define PEEK_COUNT_DEFAULT 10
#define PEEK_COUNT_MAX 1000
#define PEEK_BYTES_DEFAULT 256
/** Dead letters that one request names: each slot of the ring is compared with them. */
#define DEAD_IDS_MAX 1000
/** What a message takes in a frame beside its data, reason and holder. */
#define MESSAGE_OVERHEAD 64

/* ---- rings ------------------------------------------------------------------------------------- */

/** A ring in the answer. */
struct ring_row {
        struct map_node node;           /* by name */
        struct gang_object *ring;
        Ganger__V1__Ring message;
};

struct ring_rows {
        struct map by_name;
        Ganger__V1__RingsReply reply;
        size_t capacity;
};

static int rows_add(struct call *call, struct ring_rows *rows, struct gang_object *ring) {
        struct ring_row *row;
        int r;

        if (map_find(&rows->by_name, ring->name))
                return 0;
        row = arena_alloc(&call->arena, 1, sizeof *row);
        if (!row)
                return -ENOMEM;
        row->ring = ring;
        ganger__v1__ring__init(&row->message);
        r = map_add(&rows->by_name, &row->node, ring->name);
        if (r == 0)
                rows->reply.rings[rows->reply.n_rings++] = &row->message;
        return r;
}

/** A ring or a service; NULL: there is none. */
static struct gang_object *find_ring(struct call *call, const char *name) {
        struct gang_object *object = gang_object_find(&call->gang->objects, name);

        return object && object_class_of(object->geometry.kind) != CLASS_LOCK ? object : NULL;
}

/** Whatever of the objects has that name. */
static int permit_ring(struct call *call, const char *name, enum control_class needs) {
        return call_permit_object(call, name, gang_object_find(&call->gang->objects, name), needs);
}

/** Those that were asked for, or all. */
static int rows_select(struct call *call, struct ring_rows *rows, char *const *names, size_t n_names) {
        struct list *list = &call->gang->objects.list;
        size_t n = 0;
        int r = 0;

        list_for_each(it, list)
                n++;
        rows->reply.rings = arena_alloc(&call->arena, n, sizeof *rows->reply.rings);
        if (!rows->reply.rings)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n_names; i++) {
                struct gang_object *ring = find_ring(call, names[i]);

                r = permit_ring(call, names[i], CONTROL_VIEW);
                if (r == 0)
                        r = ring ? rows_add(call, rows, ring) : call_unknown_ring(call, names[i]);
        }
        if (n_names > 0)
                return r;
        list_for_each(it, list) {
                struct gang_object *ring = list_entry(it, struct gang_object, link);

                if (r == 0 && !ring->removed && object_class_of(ring->geometry.kind) != CLASS_LOCK &&
                    call_shows_object(call, ring))
                        r = rows_add(call, rows, ring);
        }
        return r;
}

/** Note a worker with each of its rings. First all are counted, then the arrays are there and are filled. */
static void rows_note(struct ring_rows *rows, char *const *rings, char *worker, bool receives) {
        for (size_t i = 0; rings[i]; i++) {
                struct map_node *node = map_find(&rows->by_name, rings[i]);
                Ganger__V1__Ring *m;

                if (!node)
                        continue;
                m = &map_entry(node, struct ring_row, node)->message;
                if (receives) {
                        if (m->receiving)
                                m->receiving[m->n_receiving] = worker;
                        m->n_receiving++;
                } else {
                        if (m->sending)
                                m->sending[m->n_sending] = worker;
                        m->n_sending++;
                }
        }
}

static void rows_note_all(struct ring_rows *rows, struct list *workers) {
        list_for_each(it, workers) {
                struct worker *w = list_entry(it, struct worker, link);

                if (w->removed)
                        continue;
                rows_note(rows, w->definition->receive, w->name, true);
                rows_note(rows, w->definition->send, w->name, false);
                rows_note(rows, w->definition->serve, w->name, true);
                rows_note(rows, w->definition->call, w->name, false);
        }
}

static int rows_fill_workers(struct call *call, struct ring_rows *rows) {
        rows_note_all(rows, &call->gang->workers);
        for (size_t i = 0; i < rows->reply.n_rings; i++) {
                Ganger__V1__Ring *m = rows->reply.rings[i];

                m->receiving = arena_alloc(&call->arena, m->n_receiving, sizeof *m->receiving);
                m->sending = arena_alloc(&call->arena, m->n_sending, sizeof *m->sending);
                if (!m->receiving || !m->sending)
                        return -ENOMEM;
                m->n_receiving = m->n_sending = 0;
        }
        rows_note_all(rows, &call->gang->workers);
        return 0;
}

/** Subscribers for an answer: as many as there is room for. */
struct subscribers {
        struct call *call;
        Ganger__V1__Ring *ring;
        size_t capacity;
        int error;
};

static void add_subscriber(void *userdata, const char *holder, uint64_t behind) {
        struct subscribers *s = userdata;
        Ganger__V1__Subscriber *m = arena_alloc(&s->call->arena, 1, sizeof *m);

        if (!m || s->ring->n_subscribers == s->capacity) {
                s->error = m ? s->error : -ENOMEM;
                return;
        }
        ganger__v1__subscriber__init(m);
        m->process = (char *)holder;
        m->behind = behind;
        s->ring->subscribers[s->ring->n_subscribers++] = m;
}

static int row_fill_subscribers(struct call *call, struct ring_row *row) {
        struct subscribers s = { .call = call, .ring = &row->message, .capacity = row->ring->geometry.slots };

        row->message.policy = (char *)broadcast_policy_name((int)row->ring->geometry.policy);
        row->message.subscribers = arena_alloc(&call->arena, s.capacity, sizeof *row->message.subscribers);
        if (!row->message.subscribers)
                return -ENOMEM;
        ring_subscribers(row->ring, add_subscriber, &s);
        return s.error;
}

static int row_fill(struct call *call, struct ring_row *row) {
        struct gang_object *ring = row->ring;
        Ganger__V1__Ring *m = &row->message;
        struct ring_counts counts = { 0 };

        gang_object_inspect(ring);
        ring_count(ring, &counts);
        m->damage = ring->damage;
        m->name = ring->name;
        m->kind = (char *)object_kind_name(ring);
        m->slots = ring->geometry.kind == OBJECT_BROADCAST ? 0 : ring->geometry.slots; /* … has places for subscribers */
        m->capacity = ring->geometry.capacity;
        m->used = counts.used;
        m->dropped = counts.dropped;
        m->failed = counts.failed;
        m->slot_size = ring->geometry.slot_size ? ring->geometry.slot_size : ring->geometry.message_max;
        m->message_max = ring->geometry.message_max;
        m->heap = counts.heap;
        m->heap_used = counts.heap_used;
        m->max_deliveries = ring->geometry.max_deliveries;
        m->memory = ring->memory_size;
        m->ready = counts.ready;
        m->leased = counts.leased;
        m->writing = counts.writing;
        m->dead = counts.dead;
        m->accepted = counts.accepted;
        m->receivers = ring->n_receivers;
        m->senders = ring->n_senders;
        m->redelivered = counts.redelivered;
        return ring->geometry.kind == OBJECT_BROADCAST ? row_fill_subscribers(call, row) : 0;
}

int call_rings(struct call *call) {
        const Ganger__V1__RingsRequest *request = call->request->rings;
        struct ring_rows rows = { .by_name = MAP_NULL, .reply = GANGER__V1__RINGS_REPLY__INIT };
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r;

        r = call_check_names(call, request->n_names);
        if (r == 0)
                r = rows_select(call, &rows, request->names, request->n_names);
        if (r == 0)
                r = rows_fill_workers(call, &rows);
        for (size_t i = 0; r == 0 && i < rows.reply.n_rings; i++)
                r = row_fill(call, list_entry(rows.reply.rings[i], struct ring_row, message));
        map_done(&rows.by_name);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_RINGS;
        reply.rings = &rows.reply;
        return call_reply(call, &reply, NULL, 0);
}

/* ---- attach ------------------------------------------------------------------------------------ */

static int attach_reply(struct call *call, const struct attachment *a) {
        Ganger__V1__AttachReply m = GANGER__V1__ATTACH_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int fds[2 * MEMBERSHIP_OBJECTS_MAX + 1], r;
        _cleanup_(freep) void *blob = NULL;
        size_t n_fds = 0, size = 0;

        r = membership_handshake(&a->membership, "", 0, 0, fds, &n_fds, &blob, &size);
        if (r < 0)
                return error_errno(&call->error, r, "attach: handshake");
        m.ring = call->request->attach->ring;
        m.handshake.data = blob;
        m.handshake.len = size;
        reply.result_case = GANGER__V1__REPLY__RESULT_ATTACH;
        reply.attach = &m;
        return call_reply(call, &reply, fds, n_fds);
}

/** Who has a lock can keep it from all others: that is no less than to stop them. */
static int permit_attach(struct call *call) {
        const Ganger__V1__AttachRequest *request = call->request->attach;
        const struct gang_object *object = gang_object_find(&call->gang->objects, request->ring);
        int r = 0;

        if (object && object_class_of(object->geometry.kind) == CLASS_LOCK && call_shows_object(call, object))
                return call_permit_object(call, request->ring, object, CONTROL_OPERATE);
        if (request->send || !request->receive)
                r = call_permit_object(call, request->ring, object, CONTROL_PRODUCE);
        if (r == 0 && (request->receive || !request->send))
                r = call_permit_object(call, request->ring, object, CONTROL_CONSUME);
        return r;
}

int call_attach(struct call *call) {
        const Ganger__V1__AttachRequest *request = call->request->attach;
        struct connection *c = call->connection;
        _cleanup_(closep) int pidfd = -1;
        struct attachment *a;
        pid_t pid = 0;
        int r;

        r = permit_attach(call);
        if (r < 0)
                return r;
        if (!request->receive && !request->send)
                return error_set(&call->error, -EINVAL, "attach: neither to receive nor to send");
        if (!gang_object_find(&call->gang->objects, request->ring))
                return call_unknown_ring(call, request->ring);
        pidfd = peer_pidfd(c->fd, &pid);
        if (pidfd < 0)
                return error_errno(&call->error, pidfd, "attach: the process that asks");
        r = attachment_new(&a, &call->gang->objects, request->ring, pid, pidfd, request->receive, request->send,
                           &call->error);
        return r < 0 ? r : attach_reply(call, a);
}

/* ---- messages ---------------------------------------------------------------------------------- */

/** Messages for an answer, as many as fit a frame. */
struct collection {
        struct call *call;
        Ganger__V1__MessageInfo **messages;
        size_t n, capacity;
        size_t room;                    /* bytes that are left */
        bool stop_when_full;            /* else the rest is only left out of the answer */
        int error;
};

/** Room for one more. The array doubles in the arena, which is freed as a whole. */
static bool collection_grow(struct collection *l) {
        size_t capacity = l->capacity > 0 ? 2 * l->capacity : 64;
        Ganger__V1__MessageInfo **messages;

        if (l->n < l->capacity)
                return true;
        messages = arena_alloc(&l->call->arena, capacity, sizeof(Ganger__V1__MessageInfo *));
        if (!messages)
                return false;
        if (l->n > 0)
                memcpy(messages, l->messages, l->n * sizeof *messages);
        l->messages = messages;
        l->capacity = capacity;
        return true;
}

static Ganger__V1__MessageInfo *message_new(struct arena *a, const struct ring_message *message) {
        Ganger__V1__MessageInfo *m = arena_alloc(a, 1, sizeof *m);

        if (!m)
                return NULL;
        ganger__v1__message_info__init(m);
        m->id = message->id;
        m->size = message->size;
        m->deliveries = message->deliveries;
        m->state = (char *)message->state;
        m->realtime_usec = message->realtime_usec;
        m->holder = arena_copy(a, message->holder, strlen(message->holder) + 1);
        m->reason = arena_copy(a, message->reason, strlen(message->reason) + 1);
        m->data.len = message->data_size;
        m->data.data = arena_copy(a, message->data, message->data_size);
        if (!m->holder || !m->reason || !m->data.data)
                return NULL;
        text_repair(m->holder);
        text_repair(m->reason);
        return m;
}

static bool collect(void *userdata, const struct ring_message *message) {
        struct collection *l = userdata;
        size_t texts = strlen(message->holder) + strlen(message->reason);
        size_t size = MESSAGE_OVERHEAD + texts + message->data_size;
        Ganger__V1__MessageInfo *m;

        if (size > l->room) {
                l->room = 0;
                return !l->stop_when_full;
        }
        m = collection_grow(l) ? message_new(&l->call->arena, message) : NULL;
        if (!m) {
                l->error = -ENOMEM;
                l->room = 0;
                return !l->stop_when_full;
        }
        l->room -= size;
        l->messages[l->n++] = m;
        return true;
}

static uint32_t bytes_or_default(uint32_t bytes) {
        return MIN(bytes > 0 ? bytes : (uint32_t)PEEK_BYTES_DEFAULT, (uint32_t)RING_PEEK_BYTES_MAX);
}

static int not_a_queue(struct call *call, const struct gang_object *ring) {
        return error_set(&call->error, -EINVAL, "%s: '%s' is a %s; only a queue can be looked into", call->name, ring->name,
                         object_kind_name(ring));
}

int call_peek(struct call *call) {
        const Ganger__V1__PeekRequest *request = call->request->peek;
        struct collection l = { .call = call, .room = CALL_REPLY_ROOM, .stop_when_full = true };
        struct gang_object *ring = find_ring(call, request->ring);
        Ganger__V1__PeekReply m = GANGER__V1__PEEK_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        uint32_t count = request->count > 0 ? request->count : PEEK_COUNT_DEFAULT;
        int r;

        r = permit_ring(call, request->ring, CONTROL_CONSUME);
        if (r < 0)
                return r;
        if (!ring)
                return call_unknown_ring(call, request->ring);
        if (ring->geometry.kind != OBJECT_QUEUE)
                return not_a_queue(call, ring);
        if (count > PEEK_COUNT_MAX)
                return error_set(&call->error, -E2BIG, "peek: %u messages are more than %d", count,
                                 PEEK_COUNT_MAX);
        r = ring_peek(ring, count, bytes_or_default(request->bytes), collect, &l);
        if (r >= 0)
                r = l.error;
        if (r < 0)
                return error_errno(&call->error, r, "ring '%s'", ring->name);
        m.messages = l.messages;
        m.n_messages = l.n;
        reply.result_case = GANGER__V1__REPLY__RESULT_PEEK;
        reply.peek = &m;
        return call_reply(call, &reply, NULL, 0);
}

/** @return 0 and the action, or -EINVAL. */
static int dead_action(struct call *call, enum ring_dead_action *ret) {
        switch (call->request->dead->action) {
        case GANGER__V1__DEAD_ACTION__DEAD_LIST:
                *ret = RING_DEAD_LIST;
                return 0;
        case GANGER__V1__DEAD_ACTION__DEAD_RETRY:
                *ret = RING_DEAD_RETRY;
                return 0;
        case GANGER__V1__DEAD_ACTION__DEAD_DROP:
                *ret = RING_DEAD_DROP;
                return 0;
        case _GANGER__V1__DEAD_ACTION_IS_INT_SIZE:
                break;
        }
        return error_set(&call->error, -EINVAL, "dead: this daemon does not know that action");
}

int call_dead(struct call *call) {
        const Ganger__V1__DeadRequest *request = call->request->dead;
        struct collection l = { .call = call, .room = CALL_REPLY_ROOM };
        struct gang_object *ring = find_ring(call, request->ring);
        Ganger__V1__DeadReply m = GANGER__V1__DEAD_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        enum ring_dead_action action = RING_DEAD_LIST;
        int64_t left;
        int r;

        r = dead_action(call, &action);
        if (r == 0)
                r = permit_ring(call, request->ring, action == RING_DEAD_LIST ? CONTROL_CONSUME : CONTROL_OPERATE);
        if (r < 0)
                return r;
        if (!ring)
                return call_unknown_ring(call, request->ring);
        if (ring->geometry.kind != OBJECT_QUEUE)
                return not_a_queue(call, ring);
        if (request->n_ids > DEAD_IDS_MAX)
                return error_set(&call->error, -E2BIG, "dead: %zu ids are more than %d", request->n_ids,
                                 DEAD_IDS_MAX);
        /* A list may end early; what is done is done to all, also to what finds no room in the answer. */
        l.stop_when_full = action == RING_DEAD_LIST;
        left = ring_dead(ring, action, request->ids, request->n_ids, bytes_or_default(request->bytes),
                         collect, &l);
        if (left < 0)
                return error_errno(&call->error, (int)left, "ring '%s'", ring->name);
        m.messages = l.messages;
        m.n_messages = l.n;
        m.left = (uint32_t)left;
        reply.result_case = GANGER__V1__REPLY__RESULT_DEAD;
        reply.dead = &m;
        return call_reply(call, &reply, NULL, 0);
}
