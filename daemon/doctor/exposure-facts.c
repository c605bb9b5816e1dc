/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a worker may do
 *
 * From a definition, or as it is read back of a process. Nothing is believed of a process that could not be read: then it
 * may do it.
 */

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/syscall-filter.h"
#include "daemon/config/words-isolation.h"
#include "daemon/device-rules.h"
#include "daemon/doctor/exposure.h"
#include "daemon/dynamic-number.h"

#define UMASK_DEFAULT 022
#define FAMILY_NUMBERS 64

/* ---- what filters refuse: by the definition ---------------------------------------------------------- */

static unsigned int family_bit(int family) {
        switch (family) {
        case AF_UNIX:
                return FAMILY_UNIX;
        case AF_INET:
        case AF_INET6:
                return FAMILY_INTERNET;
        case AF_NETLINK:
                return FAMILY_NETLINK;
        case AF_PACKET:
                return FAMILY_PACKET;
        default:
                return FAMILY_OTHER;
        }
}

/* Where all but some may be opened, of a group of families one that is left is as good as all. */
static unsigned int families_of(char *const *items) {
        bool is_allow_list = *items && **items != '~', listed[FAMILY_NUMBERS] = { false };
        unsigned int families = 0;

        if (!*items)
                return FAMILY_ALL;
        for (; *items; items++) {
                const struct isolation_word *word = isolation_word_find(&isolation_families, *items + (**items == '~'));

                if (word && word->value < FAMILY_NUMBERS)
                        listed[word->value] = true;
        }
        for (size_t i = 0; i < isolation_families.n; i++)
                if (listed[isolation_families.words[i].value] == is_allow_list)
                        families |= family_bit(isolation_families.words[i].value);
        return is_allow_list ? families : families | FAMILY_OTHER;
}

/* What is in each set; what everybody needs (@default) is in all of them, and is the last one. */
static bool read_sets(struct syscall_filter sets[EXPOSURE_SETS_N + 1]) {
        for (size_t i = 0; i <= EXPOSURE_SETS_N; i++) {
                char *const items[] = { (char *)(exposure_sets[i] ?: "@default") };
                struct error error = ERROR_NULL;

                if (syscall_filter_read(&sets[i], items, ARRAY_SIZE(items), &error) < 0)
                        return false;
        }
        return true;
}

/* A set is refused if nothing that is in it, and not needed by everybody, may be called. */
static bool may_call_some(const struct syscall_filter *filter, const struct syscall_filter *set,
                          const struct syscall_filter *always) {
        for (unsigned int call = 0; call < SYSCALL_NUMBERS_MAX; call++)
                if (syscall_filter_has(set, call) && !syscall_filter_has(always, call) &&
                    syscall_filter_permits(filter, call))
                        return true;
        return false;
}

static unsigned int sets_of(char *const *items) {
        static struct syscall_filter sets[EXPOSURE_SETS_N + 1]; /* never change, and take milliseconds to find out */
        static bool have_sets;
        struct syscall_filter filter;
        struct error error = ERROR_NULL;
        unsigned int some = 0;
        size_t n = 0;

        while (items[n])
                n++;
        if (n == 0 || syscall_filter_read(&filter, items, n, &error) < 0)
                return EXPOSURE_SETS_ALL;
        have_sets = have_sets || read_sets(sets);
        for (size_t i = 0; i < EXPOSURE_SETS_N; i++)
                if (!have_sets || may_call_some(&filter, &sets[i], &sets[EXPOSURE_SETS_N]))
                        some |= 1u << i;
        return some;
}

/* Each filter refuses what is of another architecture. */
static void add_filters(struct exposure_facts *f, const struct checks *checks) {
        const struct worker_isolation *i = &checks->definition->isolation;

        f->native_calls = checks->filters > 0;
        f->families = families_of(i->address_families);
        f->namespaces = i->namespaces == INTEGER_UNSET ? UINT32_MAX : (unsigned int)i->namespaces;
        f->suid_sgid = !i->restrict_suid_sgid;
        f->write_execute = !i->memory_deny_write_execute;
        f->personality = !i->lock_personality;
        f->sets = sets_of(i->system_calls);
        f->modules = !i->protect_kernel_modules;
        f->logs = !i->protect_kernel_logs;
        f->clock = !i->protect_clock;
        f->real_time = !i->restrict_realtime;
}

/* In force where there is a cgroup; what is named may be any. */
static enum exposure_devices devices_of(const struct worker_definition *d) {
        if (device_wish_of(d) == DEVICES_ALL)
                return EXPOSURE_DEVICES_ALL;
        return *d->isolation.device_allow ? EXPOSURE_DEVICES_SOME : EXPOSURE_DEVICES_USUAL;
}

/* ---- of a definition ---------------------------------------------------------------------------------- */

static bool is_root(const struct checks *checks) {
        return (checks->request.user.change ? checks->request.user.uid : checks->own->status.uids[1]) == 0;
}

/* Without a way to more, it has no more than what it is given. */
static uint64_t reachable(uint64_t permitted, uint64_t bounding, bool no_new_privileges) {
        return no_new_privileges ? permitted & bounding : bounding;
}

static void add_rights(struct exposure_facts *f, const struct checks *checks) {
        const struct worker_isolation *i = &checks->definition->isolation;
        uint64_t bounding = checks->own->status.bounding, permitted;

        if (i->capabilities != AMOUNT_UNSET)
                bounding &= i->capabilities;
        bounding &= ~(i->private_devices ? isolation_devices : 0) & ~(i->protect_kernel_modules ? isolation_modules : 0) &
                    ~(i->protect_kernel_logs ? isolation_logs : 0) & ~(i->protect_clock ? isolation_clock : 0);
        f->root = !checks->user_known || is_root(checks);
        f->ambient = i->ambient_capabilities == AMOUNT_UNSET ? 0 : i->ambient_capabilities;
        permitted = f->root ? bounding : f->ambient;
        f->no_new_privileges = checks->no_new_privileges;
        f->capabilities = reachable(permitted, bounding, f->no_new_privileges);
        f->groups = checks->request.user.change ? checks->request.user.n_groups > 1 : checks->own->status.n_groups > 1;
        f->private_keyring = i->keyring_mode == WORKER_KEYRING_PRIVATE;
        f->leaves_no_ipc = checks->definition->dynamic_user && dynamic_number_is_one(checks->request.user.uid);
}

void exposure_facts_of_definition(struct exposure_facts *f, const struct checks *checks) {
        const struct worker_definition *d = checks->definition;
        const struct worker_isolation *i = &d->isolation;

        exposure_facts_open(f);
        add_rights(f, checks);
        add_filters(f, checks);
        f->own_network = i->private_network;
        f->own_ipc = i->private_ipc;
        f->own_hostname = i->protect_hostname;
        f->own_tmp = i->private_tmp;
        f->own_devices = i->private_devices;
        f->devices = devices_of(d);
        f->own_users = i->private_users;
        f->own_root = i->root_directory;
        f->hidden_processes = i->protect_proc == WORKER_PROC_INVISIBLE || i->protect_proc == WORKER_PROC_PTRACEABLE;
        f->only_processes = i->proc_subset == WORKER_SUBSET_PID;
        f->system = i->protect_system;
        f->home = i->protect_home == WORKER_HOME_NO ? EXPOSURE_HOME_WRITABLE :
                  i->protect_home == WORKER_HOME_READ_ONLY ? EXPOSURE_HOME_READ_ONLY : EXPOSURE_HOME_HIDDEN;
        f->tunables_read_only = i->protect_kernel_tunables;
        f->cgroups_read_only = i->protect_control_groups != WORKER_CGROUPS_NO || i->protect_kernel_tunables;
        f->umask = d->umask == INTEGER_UNSET ? UMASK_DEFAULT : (unsigned int)d->umask;
}

/* ---- of a process ------------------------------------------------------------------------------------- */

static bool is_read_only(const struct mount_table *mounts, const char *path) {
        const struct mount_entry *m = mount_table_find(mounts, path);

        return m && m->read_only;
}

/* On another file system than for us. */
static bool is_own(const struct mount_table *mounts, const struct mount_table *own, const char *path) {
        const struct mount_entry *m = mount_table_find(mounts, path), *ours = mount_table_find(own, path);

        return m && ours && mount_is_at(m, path) && strcmp(m->device, ours->device) != 0;
}

static int system_of(const struct mount_table *mounts) {
        if (!is_read_only(mounts, "/usr"))
                return WORKER_SYSTEM_NO;
        if (!is_read_only(mounts, "/etc"))
                return WORKER_SYSTEM_YES;
        return is_read_only(mounts, "/") ? WORKER_SYSTEM_STRICT : WORKER_SYSTEM_FULL;
}

/* The worst of those that there are. */
static enum exposure_home home_of(const struct mount_table *mounts, const struct mount_table *own) {
        static const char *const homes[] = { "/home", "/root" };
        enum exposure_home found = EXPOSURE_HOME_HIDDEN;

        for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
                enum exposure_home home = is_own(mounts, own, homes[i]) ? EXPOSURE_HOME_HIDDEN :
                                          is_read_only(mounts, homes[i]) ? EXPOSURE_HOME_READ_ONLY : EXPOSURE_HOME_WRITABLE;

                if (access(homes[i], F_OK) == 0)
                        found = MIN(found, home);
        }
        return found;
}

static void read_mounts(struct exposure_facts *f, const struct mount_table *mounts, const struct mount_table *own) {
        const struct mount_entry *root = mount_table_find(mounts, "/"), *ours = mount_table_find(own, "/");
        const struct mount_entry *proc = mount_table_find(mounts, "/proc");

        f->own_root = root && ours && (strcmp(root->root, ours->root) != 0 || strcmp(root->device, ours->device) != 0);
        f->hidden_processes = proc && (mount_has_option(proc, "hidepid=invisible") || mount_has_option(proc, "hidepid=ptraceable"));
        f->only_processes = proc && mount_has_option(proc, "subset=pid");
        f->own_devices = is_own(mounts, own, "/dev");
        f->own_tmp = is_own(mounts, own, "/tmp") && is_own(mounts, own, "/var/tmp");
        f->system = system_of(mounts);
        f->home = home_of(mounts, own);
        f->cgroups_read_only = is_read_only(mounts, "/sys/fs/cgroup");
        f->tunables_read_only = (f->only_processes || is_read_only(mounts, "/proc/sys")) && is_read_only(mounts, "/sys");
}

static void read_status(struct exposure_facts *f, const struct process_status *status) {
        f->root = false;
        for (size_t i = 0; i < ARRAY_SIZE(status->uids); i++)
                f->root |= status->uids[i] == 0;
        f->groups = status->n_groups > 1 || (status->n_groups == 1 && status->groups[0] != status->gids[1]);
        f->ambient = status->ambient;
        f->no_new_privileges = status->no_new_privileges > 0;
        f->capabilities = reachable(status->permitted, status->bounding, f->no_new_privileges);
        f->umask = status->umask >= 0 ? (unsigned int)status->umask : 0;
}

void exposure_facts_of_process(struct exposure_facts *f, const struct checks *checks, const struct process_look *look) {
        _cleanup_(closep) int cgroup_fd = look_open_cgroup(look, checks->own);

        exposure_facts_open(f);
        if (look->status_known)
                read_status(f, &look->status);
        if (look->mounts_known && checks->own->mounts_known)
                read_mounts(f, &look->mounts, &checks->own->mounts);
        if (checks->filters > 0 && checks_have_filters(checks, look))
                add_filters(f, checks);
        f->cgroups_read_only |= look_has_own_namespace(look, checks->own, NAMESPACE_CGROUP) > 0;
        if (device_wish_of(checks->definition) != DEVICES_ALL && checks_have_devices(checks, cgroup_fd) > 0)
                f->devices = devices_of(checks->definition);
        f->own_network = look_has_own_namespace(look, checks->own, NAMESPACE_NET) > 0;
        f->own_ipc = look_has_own_namespace(look, checks->own, NAMESPACE_IPC) > 0;
        f->own_users = look_has_own_namespace(look, checks->own, NAMESPACE_USER) > 0;
        f->own_hostname = look_has_own_namespace(look, checks->own, NAMESPACE_UTS) > 0;
        f->leaves_no_ipc = checks->definition->dynamic_user && look->status_known &&
                           dynamic_number_is_one(look->status.uids[1]);
        f->private_keyring = checks->definition->isolation.keyring_mode == WORKER_KEYRING_PRIVATE;
}
