/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_KEYS_H
#define GANGER_CONFIG_KEYS_H

/*
 * The table of keys (keys.def), and the types of their values
 *
 * Parser, defaults, canonical form, comparison, hash, manual and "did you mean" all follow from it.
 */

#include <confuse.h>

#include "daemon/config/config.h"

enum config_effect {
        CONFIG_EFFECT_REFUSED,          /* a reload with it is refused */
        CONFIG_EFFECT_MOVED,            /* what is in the object is moved; who has it is restarted */
        CONFIG_EFFECT_PROCESS,          /* the processes are replaced */
        CONFIG_EFFECT_LIVE,             /* takes effect as it is */
};

enum key_storage {
        KEY_FIXED,                      /* `size` bytes without padding */
        KEY_TEXT,                       /* char *, NULL: not set */
        KEY_LIST,                       /* char **, ends with NULL */
};

struct config_key;

/** How values of one type are read, written and explained. */
struct key_type {
        const char *name;               /* in the manual: "size", "list of rings" */
        enum key_storage storage;
        size_t size;
        bool list;                      /* takes several values */
        /** Check and set a field that is empty. @return 0, -EINVAL (the error says why), -ENOMEM. */
        int (*read)(const struct config_key *key, void *field, char *const *items, size_t n,
                    struct error *error);
        /** Write so that read() has the same again. Not called where the field is not set. */
        void (*write)(const struct config_key *key, const void *field, FILE *out);
        /** Is there anything to write? */
        bool (*is_set)(const void *field);
        unsigned char unset;            /* KEY_FIXED: what the bytes of a field are that has no default */
};

struct config_key {
        enum config_section section;
        const char *name;
        const struct key_type *type;
        size_t offset;
        const char *initial;
        uint64_t min, max;              /* of numbers; 0 and 0: any. Of choices, min: what the first word stands for */
        const char *const *words;       /* of choices, by number from `min` on; ends with NULL */
        uint32_t kinds;                 /* of rings that have it: a bit each; 0: all */
        enum config_effect effect;
        const char *help, *text;
};

/** The rows, those of a section together. Their index is the key's number. */
extern const struct config_key config_keys[];
extern const size_t config_keys_n;
/** Room for a value a key; checked to be enough. */
#define CONFIG_KEYS_MAX 256

/** "ring", …, "worker"; ends with NULL. */
extern const char *const config_section_names[_CONFIG_SECTION_N + 1];
/** What it is called with an article: "a ring". */
extern const char *const config_section_articles[_CONFIG_SECTION_N];

#define config_for_each_key(key, of)                                                                    \
        for (const struct config_key *key = config_keys; key < config_keys + config_keys_n; key++)      \
                if (key->section == (of))

/** Whether rings of a kind have this key. */
static inline bool config_key_fits(const struct config_key *key, enum object_kind kind) {
        return key->kinds == 0 || key->kinds >> kind & 1;
}

/** What is in a section that is no ring: each of these has but one kind. */
enum object_kind config_section_object(enum config_section section);

/** The key of this name in a section; NULL: there is none. */
const struct config_key *config_key_find(enum config_section section, const char *name);
/** The one that was probably meant, or NULL. */
const struct config_key *config_key_nearest(enum config_section section, const char *name);

/** The option arrays of libconfuse, built from the table. */
struct config_options {
        cfg_opt_t sections[_CONFIG_SECTION_N + 1];
        cfg_opt_t keys[_CONFIG_SECTION_N][CONFIG_KEYS_MAX + 1];
};
void config_options_init(struct config_options *options);

/** The field of a definition that belongs to a key. */
static inline void *key_field(const struct config_key *key, void *definition) {
        return (char *)definition + key->offset;
}
static inline const void *key_field_const(const struct config_key *key, const void *definition) {
        return (const char *)definition + key->offset;
}

/** Set a field, with the limits of the key. */
int key_read(const struct config_key *key, void *definition, char *const *items, size_t n,
             struct error *error);
/** Set it to the default. @return 0, -ENOMEM. */
int key_reset(const struct config_key *key, void *definition);
bool key_equal(const struct config_key *key, const void *a, const void *b);
/** Is it at its default? */
bool key_is_initial(const struct config_key *key, const void *definition);
void key_done(const struct config_key *key, void *definition);
/** "key = value" without a line feed; nothing and false if the field is not set. */
bool key_print(const struct config_key *key, const void *definition, FILE *out);
/** Add name and value to an FNV-1a hash. */
uint64_t key_hash(const struct config_key *key, const void *definition, uint64_t hash);
#define KEY_HASH_NULL UINT64_C(0xcbf29ce484222325)

extern const struct key_type key_type_ring_kind, key_type_io, key_type_restart, key_type_ready, key_type_strategy;
extern const struct key_type key_type_worker_type, key_type_overlap, key_type_log_places, key_type_log_level;
extern const struct key_type key_type_broadcast_policy, key_type_dead_policy, key_type_boolean;
extern const struct key_type key_type_range, key_type_end_action;
extern const struct key_type key_type_count, key_type_descriptor, key_type_probe, key_type_power, key_type_size, key_type_power_size;
extern const struct key_type key_type_time, key_type_optional_time, key_type_limit;
extern const struct key_type key_type_stop_signal, key_type_stop_steps, key_type_io_fds, key_type_ends;
extern const struct key_type key_type_mode, key_type_addresses, key_type_start;
extern const struct key_type key_type_text, key_type_program, key_type_environment, key_type_names, key_type_grants;

/* What may be left out; types-place.c. */
extern const struct key_type key_type_limit_count, key_type_limit_size, key_type_limit_seconds, key_type_limit_usec;
extern const struct key_type key_type_limit_nice, key_type_bytes, key_type_total, key_type_duration, key_type_integer;
extern const struct key_type key_type_word, key_type_umask, key_type_percent, key_type_mask;
extern const struct key_type key_type_files, key_type_credentials;
extern const char *const io_class_words[], *const cpu_policy_words[], *const numa_policy_words[], *const oom_policy_words[];

/* What a process may not do; types-isolation.c. */
extern const struct key_type key_type_capabilities, key_type_namespaces, key_type_families, key_type_calls, key_type_error_number, key_type_groups;
extern const char *const keyring_mode_words[], *const architecture_words[];
extern const struct key_type key_type_paths, key_type_binds, key_type_path, key_type_ports;
extern const char *const protect_system_words[], *const protect_home_words[], *const protect_cgroups_words[], *const protect_proc_words[], *const proc_subset_words[], *const strictness_words[];
extern const struct key_type key_type_devices;
extern const char *const device_policy_words[];

/** What the first of ring_kind_words stands for: 0 is no kind, in handshakes too. */
#define RING_KIND_FIRST OBJECT_QUEUE
extern const char *const ring_kind_words[], *const broadcast_policy_words[], *const dead_policy_words[];
extern const char *const worker_io_words[];
extern const char *const restart_policy_words[], *const worker_ready_words[], *const probe_words[], *const worker_start_words[], *const group_strategy_words[];
extern const char *const end_action_words[];
extern const char *const worker_type_words[], *const schedule_overlap_words[];
/** Bit by bit of enum log_place; the last one is none of them. */
extern const char *const standard_output_words[], *const standard_error_words[], *const log_place_words[];

#endif
