/* SPDX-License-Identifier: MIT */

/*
 * What must hold of rings, services and locks
 */

#include "base/text.h"
#include "daemon/config/checker.h"
#include "daemon/config/definition.h"
#include "daemon/config/keys.h"
#include "daemon/config/values.h"
#include "shm/broadcast.h"
#include "shm/pipe.h"

/** The memory of one ring; the limit of one that was meant has been passed long before. */
#define RING_SIZE_MAX (UINT64_C(1) << 36)
/** A heap whose size is not given holds so many of the longest messages. */
#define HEAP_LONGEST 16

/* ---- objects ----------------------------------------------------------------------------------- */

/* "queue", or "pipe or broadcast" */
static const char *kinds_of(const struct config_key *key, char *buf, size_t size) {
        const char *words[_OBJECT_KIND_N + 1] = { NULL };
        size_t n = 0;

        for (int kind = RING_KIND_FIRST; kind < _OBJECT_KIND_N; kind++)
                if (key->kinds >> kind & 1)
                        words[n++] = ring_kind_words[kind - RING_KIND_FIRST];
        words_join(words, buf, size);
        return buf;
}

/* Something is written that means nothing. @return false: it cannot be told what the object is to be. */
static bool check_keys(const struct checker *c, const struct object_definition *o) {
        bool good = true;
        char kinds[64];

        config_for_each_key(key, o->section) {
                if (object_definition_takes(o, key) || !was_written(c, key->name))
                        continue;
                if (!config_key_fits(key, o->kind)) {
                        complain(c, key->name, "a %s has no such key; only with kind = %s",
                                 ring_kind_words[o->kind - RING_KIND_FIRST], kinds_of(key, kinds, sizeof kinds));
                        good = false;
                } else if (o->kind == OBJECT_SERVICE && !is_doubtful(c, "idempotent"))
                        complain(c, key->name, "only with idempotent = yes: else a call is tried once");
                else if (o->kind == OBJECT_BROADCAST && !is_doubtful(c, "policy"))
                        complain(c, key->name, "only with another policy: to a lossy broadcast any number can subscribe");
        }
        return good;
}

static void check_size(const struct checker *c, const struct object_definition *o, const char *size_key,
                       uint32_t size_each) {
        char size[SIZE_FORMAT_MAX], most[SIZE_FORMAT_MAX];
        uint64_t bytes = (uint64_t)o->slots * size_each;

        if (bytes > RING_SIZE_MAX)
                config_errors_add(c->errors, c->config->path, line_of(c, "slots"),
                                  "%s '%s': slots times %s is %s; the most is %s",
                                  config_section_names[o->section], c->section->name ?: "", size_key,
                                  size_format(size, sizeof size, bytes), size_format(most, sizeof most, RING_SIZE_MAX));
}

/* Where nothing is said of the longest message, it is no longer than the ring allows. */
static void check_message_max(const struct checker *c, struct object_definition *o, uint32_t most, const char *what) {
        char size[SIZE_FORMAT_MAX], limit[SIZE_FORMAT_MAX];

        if (o->message_max <= most)
                return;
        if (was_written(c, "message-max"))
                complain(c, "message-max", "%s is too long for %s; the most is %s",
                         size_format(size, sizeof size, o->message_max), what, size_format(limit, sizeof limit, most));
        o->message_max = most;
}

/* What a slot does not hold goes into the heap. */
static void check_heap(const struct checker *c, struct object_definition *o) {
        char size[SIZE_FORMAT_MAX];

        if (o->message_max <= o->slot_size) {
                if (o->heap_size > 0 && !is_doubtful(c, "message-max") && !is_doubtful(c, "slot-size"))
                        complain(c, "heap-size", "only with a message-max above slot-size: a slot holds every message");
                o->heap_size = 0;
        } else if (!was_written(c, "heap-size") || is_doubtful(c, "heap-size")) {
                o->heap_size = HEAP_LONGEST * o->message_max;
        } else if (o->heap_size < o->message_max) {
                complain(c, "heap-size", "it does not hold a message of %s (message-max)",
                         size_format(size, sizeof size, o->message_max));
                o->heap_size = o->message_max;
        }
}

/* Of slot-size and message-max, one that is not given follows the other. */
static void check_queue(const struct checker *c, struct object_definition *o) {
        char size[SIZE_FORMAT_MAX];

        if (!was_written(c, "message-max") || is_doubtful(c, "message-max"))
                o->message_max = o->slot_size;
        check_message_max(c, o, QUEUE_MESSAGE_MAX, "a queue");
        if (!was_written(c, "slot-size"))
                o->slot_size = MIN(o->slot_size, o->message_max);
        if (o->message_max < o->slot_size) {
                if (!is_doubtful(c, "slot-size"))
                        complain(c, "message-max", "it is less than slot-size, %s: a slot would never be full",
                                 size_format(size, sizeof size, o->slot_size));
                o->message_max = o->slot_size;
        }
        check_heap(c, o);
}

void check_object(const struct checker *c, struct object_definition *o) {
        struct geometry g;

        if (!check_keys(c, o))
                return;
        switch (o->kind) {
        case OBJECT_QUEUE:
                check_queue(c, o);
                check_size(c, o, "slot-size", o->slot_size);
                break;
        case OBJECT_SERVICE:
                check_size(c, o, "message-max", o->message_max);
                break;
        case OBJECT_PIPE:
                check_message_max(c, o, pipe_message_max(o->capacity), "this capacity");
                break;
        case OBJECT_BROADCAST:
                check_message_max(c, o, broadcast_message_limit(o->capacity), "this capacity");
                break;
        default:
                break;
        }
        g = object_definition_geometry(o);
        /* What the kind itself thinks of it; its limits were told with their keys before. */
        if (geometry_check(&g) < 0)
                config_errors_add(c->errors, c->config->path, c->section->line, "%s '%s': these numbers do not go together",
                                  config_section_names[o->section], c->section->name ?: "");
}
