/* SPDX-License-Identifier: MIT */

/*
 * The table of keys
 *
 * Everything about a key is in its row of keys.def; what is here handles any row.
 */

#include "daemon/config/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log-line.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/config/values.h"
#include "daemon/policy/limit.h"
#include "shm/broadcast.h"
#include "shm/counter.h"
#include "shm/layout.h"
#include "shm/monitor.h"
#include "shm/pipe.h"
#include "shm/semaphore.h"
#include "shm/service.h"

/** Bytes of a pipe or a broadcast: both can have as many. */
#define RING_CAPACITY_MIN PIPE_CAPACITY_MIN
#define RING_CAPACITY_MAX PIPE_CAPACITY_MAX
_Static_assert(BROADCAST_CAPACITY_MIN <= RING_CAPACITY_MIN && BROADCAST_CAPACITY_MAX >= RING_CAPACITY_MAX,
               "a broadcast can have what a pipe can");
/** Longer pauses and waits are mistakes. */
#define DELAY_MAX_USEC (30 * 86400 * USEC_PER_SEC)

#define ANY .min = 0
#define RANGE(least, most) .min = (least), .max = (most)
#define WORDS(array) .words = (array)
/** Numbers with a sign. */
#define SIGNED_RANGE(least, most) .min = (uint64_t)(int64_t)(least), .max = (uint64_t)(int64_t)(most)
#define QUEUE (1u << OBJECT_QUEUE)
#define PIPE (1u << OBJECT_PIPE)
#define BROADCAST (1u << OBJECT_BROADCAST)
#define ALL_KINDS 0
#define WORDS_FROM(array, first) .words = (array), .min = (first)
#define ROW(of, definition, label, type_name, field_name, initial_text, what, short_text, long_text) \
        .section = (of), .name = (label), .type = &key_type_##type_name, \
        .offset = offsetof(struct definition, field_name), .initial = (initial_text), \
        .effect = CONFIG_EFFECT_##what, .help = (short_text), .text = (long_text)
/* The limits expand to several initialisers, so they come last, outside of ROW. */
#define RING_KEY(of_kinds, label, type, field, initial, limits, help, text) \
        { ROW(CONFIG_RING, object_definition, label, type, field, initial, MOVED, help, text), \
          .kinds = (of_kinds), limits },
#define OBJECT_KEY(section, label, type, field, initial, limits, help, text) \
        { ROW(CONFIG_##section, object_definition, label, type, field, initial, MOVED, help, text), limits },
#define LISTEN_KEY(label, type, field, initial, limits, what, help, text) \
        { ROW(CONFIG_LISTEN, listen_definition, label, type, field, initial, what, help, text), limits },
#define WORKER_KEY(label, type, field, initial, limits, what, help, text) \
        { ROW(CONFIG_WORKER, worker_definition, label, type, field, initial, what, help, text), limits },

#define DAEMON_KEY(label, type, field, initial, limits, help, text) \
        { ROW(CONFIG_DAEMON, daemon_definition, label, type, field, initial, LIVE, help, text), limits },
#define ALLOW_KEY(section, help, text) \
        { ROW(CONFIG_##section, object_definition, "allow", grants, allow, NULL, LIVE, help, text), ANY },
#define GROUP_KEY(label, type, field, initial, limits, help, text) \
        { ROW(CONFIG_GROUP, group_definition, label, type, field, initial, LIVE, help, text), limits },

const struct config_key config_keys[] = {
#include "daemon/config/keys.def"
};
const size_t config_keys_n = ARRAY_SIZE(config_keys);
_Static_assert(ARRAY_SIZE(config_keys) <= CONFIG_KEYS_MAX, "CONFIG_KEYS_MAX is too small");

const char *const config_section_names[] = {
        [CONFIG_RING] = "ring", [CONFIG_SERVICE] = "service", [CONFIG_SEMAPHORE] = "semaphore",
        [CONFIG_MUTEX] = "mutex", [CONFIG_MONITOR] = "monitor", [CONFIG_COUNTER] = "counter",
        [CONFIG_LISTEN] = "listen", [CONFIG_WORKER] = "worker", [CONFIG_GROUP] = "group",
        [CONFIG_DAEMON] = "daemon", [_CONFIG_SECTION_N] = NULL,
};
const char *const config_section_articles[] = {
        [CONFIG_RING] = "a ring", [CONFIG_SERVICE] = "a service", [CONFIG_SEMAPHORE] = "a semaphore",
        [CONFIG_MUTEX] = "a mutex", [CONFIG_MONITOR] = "a monitor", [CONFIG_COUNTER] = "a counter",
        [CONFIG_LISTEN] = "a listen section", [CONFIG_WORKER] = "a worker", [CONFIG_GROUP] = "a group",
        [CONFIG_DAEMON] = "the daemon",
};

enum object_kind config_section_object(enum config_section section) {
        static const enum object_kind kinds[_CONFIG_SECTION_N] = {
                [CONFIG_SERVICE] = OBJECT_SERVICE, [CONFIG_SEMAPHORE] = OBJECT_SEMAPHORE,
                [CONFIG_MUTEX] = OBJECT_MONITOR, [CONFIG_MONITOR] = OBJECT_MONITOR,
                [CONFIG_COUNTER] = OBJECT_COUNTER,
        };

        return kinds[section];
}

const struct config_key *config_key_find(enum config_section section, const char *name) {
        config_for_each_key(key, section)
                if (strcmp(key->name, name) == 0)
                        return key;
        return NULL;
}

const struct config_key *config_key_nearest(enum config_section section, const char *name) {
        const char *names[CONFIG_KEYS_MAX + 1] = { NULL };
        const char *nearest;
        size_t n = 0;

        config_for_each_key(key, section)
                names[n++] = key->name;
        nearest = text_nearest(name, names);
        return nearest ? config_key_find(section, nearest) : NULL;
}

/* Every value is a string to libconfuse, and has no default there: types, defaults and titles are ours. */
void config_options_init(struct config_options *o) {
        static const cfg_opt_t end = CFG_END();

        for (size_t s = 0; s < _CONFIG_SECTION_N; s++) {
                size_t n = 0;

                config_for_each_key(key, (enum config_section)s)
                        o->keys[s][n++] = key->type->list
                                                  ? (cfg_opt_t)CFG_STR_LIST(key->name, NULL, CFGF_NODEFAULT)
                                                  : (cfg_opt_t)CFG_STR(key->name, NULL, CFGF_NODEFAULT);
                o->keys[s][n] = end;
                o->sections[s] = (cfg_opt_t)CFG_SEC(config_section_names[s], o->keys[s], CFGF_MULTI);
        }
        o->sections[_CONFIG_SECTION_N] = end;
}

void key_done(const struct config_key *key, void *definition) {
        void *field = key_field(key, definition);

        if (key->type->storage == KEY_TEXT)
                *(char **)field = (free(*(char **)field), NULL);
        else if (key->type->storage == KEY_LIST)
                *(char ***)field = strings_free(*(char ***)field);
}

int key_read(const struct config_key *key, void *definition, char *const *items, size_t n,
             struct error *error) {
        key_done(key, definition);
        return key->type->read(key, key_field(key, definition), items, n, error);
}

int key_reset(const struct config_key *key, void *definition) {
        _cleanup_(freep) char *initial = NULL;
        void *field = key_field(key, definition);

        key_done(key, definition);
        if (key->initial) {
                initial = strdup(key->initial);
                return initial ? key->type->read(key, field, &initial, 1, NULL) : -ENOMEM;
        }
        if (key->type->storage == KEY_LIST)
                return strings_copy(NULL, 0, field);
        if (key->type->storage == KEY_FIXED)
                memset(field, key->type->unset, key->type->size);
        return 0;
}

static bool list_equal(char *const *a, char *const *b) {
        for (; *a && *b; a++, b++)
                if (strcmp(*a, *b) != 0)
                        return false;
        return !*a && !*b;
}

bool key_equal(const struct config_key *key, const void *a, const void *b) {
        const void *left = key_field_const(key, a), *right = key_field_const(key, b);
        const char *s, *t;

        switch (key->type->storage) {
        case KEY_TEXT:
                s = *(char *const *)left;
                t = *(char *const *)right;
                return s && t ? strcmp(s, t) == 0 : s == t;
        case KEY_LIST:
                return list_equal(*(char **const *)left, *(char **const *)right);
        case KEY_FIXED:
                break;
        }
        return memcmp(left, right, key->type->size) == 0;
}

bool key_is_initial(const struct config_key *key, const void *definition) {
        const void *field = key_field_const(key, definition);
        uint64_t value[2] = { 0 };              /* as long as any that is compared by its bytes */
        char *initial = (char *)key->initial;   /* which read() leaves as it is */

        if (!key->type->is_set(field))
                return true;
        if (key->type->storage != KEY_FIXED || !initial || key->type->size > sizeof value)
                return false;
        return key->type->read(key, value, &initial, 1, NULL) == 0 && memcmp(field, value, key->type->size) == 0;
}

bool key_print(const struct config_key *key, const void *definition, FILE *out) {
        const void *field = key_field_const(key, definition);

        if (!key->type->is_set(field))
                return false;
        fprintf(out, "%s = ", key->name);
        key->type->write(key, field, out);
        return true;
}

static uint64_t feed(uint64_t hash, const void *data, size_t size) {
        for (const unsigned char *p = data; size > 0; size--)
                hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
        return hash;
}

uint64_t key_hash(const struct config_key *key, const void *definition, uint64_t hash) {
        const void *field = key_field_const(key, definition);

        /* So that keys which come with another version change no hash: an upgrade of the daemon restarts nobody. */
        if (key_is_initial(key, definition))
                return hash;
        hash = feed(hash, key->name, strlen(key->name) + 1);
        switch (key->type->storage) {
        case KEY_TEXT:
                hash = feed(hash, *(char *const *)field, strlen(*(char *const *)field) + 1);
                break;
        case KEY_LIST:
                for (char *const *list = *(char **const *)field; *list; list++)
                        hash = feed(hash, *list, strlen(*list) + 1);
                break;
        case KEY_FIXED:
                hash = feed(hash, field, key->type->size);
                break;
        }
        return feed(hash, "", 1);
}
