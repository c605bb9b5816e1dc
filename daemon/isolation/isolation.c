/* SPDX-License-Identifier: MIT */
/*
 * What a process may not do
 *
 * The one table of it. A row adds what its key asks for, or nothing; whatever needs thought is done here, so that the
 * keeper's child makes system calls only.
 *
 * What must hold: filters come in the order of the rows, and that of `system-call-filter` is the last of them, since it may
 * refuse the call by which the next one would be set. To make them takes milliseconds, so it is done once for a definition.
 */

#include "daemon/isolation/isolation.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/config/words-isolation.h"
#include "daemon/isolation/filter.h"
#include "daemon/isolation/landlock.h"

static int capabilities_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->capabilities != AMOUNT_UNSET)
                spawn_settings_add(s, KEEPER_BOUNDING, 0)->soft = i->capabilities;
        return 0;
}

/* Who is not root, and has a filter, gains nothing by executing: what it has not got it cannot get. */
static void take_away(struct spawn_settings *s, uint32_t what, uint64_t capabilities) {
        spawn_settings_add(s, what, geteuid() != 0)->soft = ~capabilities;
}

static int protect_make(const struct worker_isolation *i, struct spawn_settings *s, struct error *error) {
        if (i->private_devices)
                take_away(s, KEEPER_WITHOUT_DEVICES, isolation_devices);
        if (i->protect_kernel_modules)
                take_away(s, KEEPER_WITHOUT_MODULES, isolation_modules);
        if (i->protect_kernel_logs)
                take_away(s, KEEPER_WITHOUT_LOGS, isolation_logs);
        if (i->protect_clock)
                take_away(s, KEEPER_WITHOUT_CLOCK, isolation_clock);
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

/* Root does all else first, as root of all; who is not root can do all else only as root of his own. */
static void users_make(const struct worker_isolation *i, struct spawn_settings *s, const struct user *user) {
        Ganger__Keeper__Setting *setting;

        if (!i->private_users)
                return;
        setting = spawn_settings_add(s, geteuid() == 0 ? KEEPER_PRIVATE_USERS : KEEPER_OWN_USERS, 0);
        setting->soft = user->change ? user->uid : geteuid();
        setting->hard = user->change ? user->gid : getegid();
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
static int architectures_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (i->architectures == INTEGER_UNSET)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        return filter_keep(filter, filters, KEEPER_FILTER_ARCHITECTURES, error);
}

static const struct {
        const char *key;
        int (*make)(const struct worker_isolation *i, struct spawn_settings *s, struct error *error);
} rows[] = {
        { "capabilities", capabilities_make },
        { "protect-clock", protect_make },
        { "ambient-capabilities", ambient_make },
        { "keyring-mode", keyring_make },
        { "no-new-privileges", no_new_privileges_make },
        { "private-network", namespaces_make },
};

static const struct {
        const char *key;
        int (*make)(const struct worker_isolation *i, struct filters *filters, struct error *error);
} filter_rows[] = {
        { "system-call-architectures", architectures_make },
        { "protect-hostname", filter_hostname_make },
        { "restrict-address-families", filter_families_make },
        { "restrict-namespaces", filter_namespaces_make },
        { "restrict-suid-sgid", filter_suid_sgid_make },
        { "memory-deny-write-execute", filter_write_execute_make },
        { "lock-personality", filter_personality_make },
        { "restrict-realtime", filter_realtime_make },
        { "private-devices", filter_devices_make },
        { "protect-kernel-modules", filter_modules_make },
        { "protect-kernel-logs", filter_logs_make },
        { "protect-clock", filter_clock_make },
        { "system-call-filter", filter_calls_make },
};
_Static_assert(ARRAY_SIZE(filter_rows) <= FILTERS_MAX, "each of them fits");

static int filters_make(const struct worker_isolation *isolation, struct filters **ret, struct error *error) {
        _cleanup_(filters_freep) struct filters *filters = calloc(1, sizeof *filters);

        if (!filters)
                return error_errno(error, -ENOMEM, "its filters");
        for (size_t i = 0; i < ARRAY_SIZE(filter_rows); i++) {
                int r = filter_rows[i].make(isolation, filters, error);

                if (r < 0)
                        return error_prefix(error, "%s", filter_rows[i].key);
        }
        *ret = TAKE(filters);
        return 0;
}

static void free_kept(void *data) {
        filters_free(data);
}

static int add_filters(struct spawn_settings *s, const struct worker_definition *definition, struct error *error) {
        struct definition_kept *kept = definition->kept;
        const struct filters *filters;

        if (!kept->data) {
                struct filters *made = NULL;
                int r = filters_make(&definition->isolation, &made, error);

                if (r < 0)
                        return r;
                kept->data = made;
                kept->free = free_kept;
        }
        filters = kept->data;
        for (size_t i = 0; i < filters->n; i++)
                spawn_settings_add_program(s, filters->v[i].what, filters->v[i].program, filters->v[i].size);
        return 0;
}

/* Root may lack it: in a container most often. */
static bool is_administrator(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

        return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1u << CAP_SYS_ADMIN;
}

bool isolation_implies_no_new_privileges(const struct worker_isolation *isolation, size_t n_filters,
                                         const struct user *user) {
        if (n_filters == 0 && !landlock_is_wanted(isolation))
                return false;
        return (user->change ? user->uid : geteuid()) != 0 || !is_administrator();
}

int isolation_make(struct spawn_settings *s, const struct worker_definition *definition, const struct user *user,
                   struct error *error) {
        const struct worker_isolation *isolation = &definition->isolation;
        bool may_lack = isolation->strictness != WORKER_ISOLATION_STRICT;
        size_t first = s->n;
        int r;

        users_make(isolation, s, user);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                r = rows[i].make(isolation, s, error);
                if (r < 0)
                        return error_prefix(error, "%s", rows[i].key);
        }
        r = add_filters(s, definition, error);
        if (r < 0)
                return r;
        if (!isolation->no_new_privileges && isolation_implies_no_new_privileges(isolation, s->n_programs, user))
                spawn_settings_add(s, KEEPER_NO_NEW_PRIVILEGES, 0);
        for (size_t i = first; i < s->n; i++)
                s->settings[i].may_lack = may_lack;
        return 0;
}

void isolation_add_pids(struct spawn_settings *s, const struct worker_definition *definition) {
        bool may_lack = definition->isolation.strictness != WORKER_ISOLATION_STRICT;

        spawn_settings_add(s, KEEPER_PRIVATE_PIDS, 0)->may_lack = may_lack;
}
