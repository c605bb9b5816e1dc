/* SPDX-License-Identifier: MIT */
/*
 * What a process may not do
 *
 * The one table of it. A row adds what its key asks for, or nothing; whatever needs thought is done here, so that the
 * keeper's child makes system calls only.
 *
 * What must hold: filters come in the order of the rows, and that of `system-call-filter` is the last of them, since it may
 * refuse the call by which the next one would be set.
 */

#include "daemon/isolation/isolation.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

static int capabilities_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->capabilities != AMOUNT_UNSET)
                spawn_settings_add(s, KEEPER_BOUNDING, 0)->soft = i->capabilities;
        return 0;
}

/* A change of the user takes all capabilities away, but for this. */
static int ambient_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->ambient_capabilities == AMOUNT_UNSET)
                return 0;
        spawn_settings_add(s, KEEPER_KEEP_CAPABILITIES, 0);
        spawn_settings_add(s, KEEPER_AMBIENT, 0)->soft = i->ambient_capabilities;
        return 0;
}

static int keyring_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->keyring_mode == WORKER_KEYRING_PRIVATE)
                spawn_settings_add(s, KEEPER_KEYRING, KEEPER_KEYRING_PRIVATE);
        else if (i->keyring_mode == WORKER_KEYRING_SHARED)
                spawn_settings_add(s, KEEPER_KEYRING, KEEPER_KEYRING_SHARED);
        return 0;
}

static int no_new_privileges_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->no_new_privileges)
                spawn_settings_add(s, KEEPER_NO_NEW_PRIVILEGES, 0);
        return 0;
}

static int namespaces_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->private_network)
                spawn_settings_add(s, KEEPER_PRIVATE_NETWORK, 0);
        if (i->private_ipc)
                spawn_settings_add(s, KEEPER_PRIVATE_IPC, 0);
        if (i->protect_hostname)
                spawn_settings_add(s, KEEPER_PRIVATE_HOSTNAME, 0);
        return 0;
}

/* A filter of nothing: what is of another architecture is refused by each of them. */
static int architectures_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (i->architectures == INTEGER_UNSET)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        return filter_add(filter, s, KEEPER_FILTER_ARCHITECTURES, error);
}

static const struct {
        const char *key;
        int (*make)(const struct worker_isolation *i, struct spawn_settings *s, struct error *error);
} rows[] = {
        { "capabilities", capabilities_make },
        { "ambient-capabilities", ambient_make },
        { "keyring-mode", keyring_make },
        { "no-new-privileges", no_new_privileges_make },
        { "private-network", namespaces_make },
        { "system-call-architectures", architectures_make },
        { "protect-hostname", filter_hostname_make },
        { "restrict-address-families", filter_families_make },
        { "restrict-namespaces", filter_namespaces_make },
        { "restrict-suid-sgid", filter_suid_sgid_make },
        { "memory-deny-write-execute", filter_write_execute_make },
        { "lock-personality", filter_personality_make },
        { "system-call-filter", filter_calls_make },
};

/* Whether what runs has not the rights to set a filter without: the kernel then wants to know that it cannot gain any. */
static bool needs_no_new_privileges(const struct spawn_settings *s, const struct worker_isolation *i,
                                    const struct user *user) {
        uid_t uid = user->change ? user->uid : geteuid();

        return s->n_programs > 0 && uid != 0 && !i->no_new_privileges;
}

int isolation_make(struct spawn_settings *s, const struct worker_definition *definition, const struct user *user,
                   struct error *error) {
        const struct worker_isolation *isolation = &definition->isolation;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                int r = rows[i].make(isolation, s, error);

                if (r < 0)
                        return error_prefix(error, "%s", rows[i].key);
        }
        if (needs_no_new_privileges(s, isolation, user))
                spawn_settings_add(s, KEEPER_NO_NEW_PRIVILEGES, 0);
        return 0;
}
