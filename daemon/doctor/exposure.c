/* SPDX-License-Identifier: MIT */
/*
 * How exposed a worker is
 *
 * Pure: facts in, a number out. The table has weights, and most of its rows, from `systemd-analyze security`; a row is
 * between 0 (restricted) and BADNESS_MAX (not at all), and the exposure is what that comes to, in tenths of the worst.
 * Rows of what a worker cannot be restricted in are not here: nobody could do anything about them.
 *
 * What must hold: a restriction more never makes it higher. What it cannot say: whether the program needs what it is
 * refused, or does something good with what it has.
 */

#include "daemon/doctor/exposure.h"

#include <linux/capability.h>

#include "base/cleanup.h"

/** Whoever else is in its group may not write, nobody else may read. */
#define UMASK_STRICT 0077
#define UMASK_WRITE 0022
#define UMASK_READ 0044

const char *const exposure_sets[] = {
        "@clock", "@cpu-emulation", "@debug", "@module", "@mount", "@obsolete", "@privileged", "@raw-io", "@reboot",
        "@resources", "@swap", NULL,
};
_Static_assert(ARRAY_SIZE(exposure_sets) == EXPOSURE_SETS_N + 1, "as many as there are bits");

struct rating {
        struct exposure_row row;
        unsigned int (*badness)(const struct exposure_facts *f, uint64_t argument);
        uint64_t argument;              /* which of them it is */
};

static unsigned int bad_if(bool bad) {
        return bad ? BADNESS_MAX : 0;
}

static unsigned int by_user(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->root);
}

static unsigned int by_ipc_objects(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->leaves_no_ipc);
}

static unsigned int by_groups(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->groups);
}

static unsigned int by_capabilities(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->capabilities & argument);
}

static unsigned int by_ambient(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->ambient);
}

static unsigned int by_privileges(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->no_new_privileges);
}

static unsigned int by_keyring(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->private_keyring);
}

static unsigned int by_network(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_network);
}

static unsigned int by_ipc(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_ipc);
}

static unsigned int by_hostname(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_hostname);
}

static unsigned int by_tmp(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_tmp);
}

static unsigned int by_system(const struct exposure_facts *f, uint64_t argument) {
        static const unsigned int badness[] = {
                [WORKER_SYSTEM_NO] = BADNESS_MAX, [WORKER_SYSTEM_YES] = 5, [WORKER_SYSTEM_FULL] = 3,
                [WORKER_SYSTEM_STRICT] = 0,
        };

        return badness[f->system];
}

static unsigned int by_home(const struct exposure_facts *f, uint64_t argument) {
        static const unsigned int badness[] = {
                [EXPOSURE_HOME_WRITABLE] = BADNESS_MAX, [EXPOSURE_HOME_READ_ONLY] = 5, [EXPOSURE_HOME_HIDDEN] = 0,
        };

        return badness[f->home];
}

static unsigned int by_cgroups(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->cgroups_read_only);
}

static unsigned int by_tunables(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->tunables_read_only);
}

static unsigned int by_umask(const struct exposure_facts *f, uint64_t argument) {
        if ((f->umask & UMASK_WRITE) != UMASK_WRITE)
                return BADNESS_MAX;
        return (f->umask & UMASK_STRICT) == UMASK_STRICT ? 0 : f->umask & UMASK_READ ? 2 : 5;
}

static unsigned int by_architectures(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->native_calls);
}

static unsigned int by_families(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->families & argument);
}

static unsigned int by_namespaces(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->namespaces >> argument & 1);
}

static unsigned int by_suid_sgid(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->suid_sgid);
}

static unsigned int by_write_execute(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->write_execute);
}

static unsigned int by_personality(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->personality);
}

static unsigned int by_devices(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_devices);
}

static unsigned int by_device_rules(const struct exposure_facts *f, uint64_t argument) {
        static const unsigned int badness[] = {
                [EXPOSURE_DEVICES_ALL] = BADNESS_MAX, [EXPOSURE_DEVICES_SOME] = 5, [EXPOSURE_DEVICES_USUAL] = 0,
        };

        return badness[f->devices];
}

static unsigned int by_users(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_users);
}

static unsigned int by_root(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->own_root);
}

static unsigned int by_proc(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->hidden_processes);
}

static unsigned int by_subset(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(!f->only_processes);
}

static unsigned int by_modules(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->modules);
}

static unsigned int by_logs(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->logs);
}

static unsigned int by_clock(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->clock);
}

static unsigned int by_real_time(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->real_time);
}

static unsigned int by_sets(const struct exposure_facts *f, uint64_t argument) {
        return bad_if(f->sets >> argument & 1);
}

#define CAPABILITY(name) (UINT64_C(1) << CAP_##name)

static const struct rating ratings[] = {
        { { "user", "it runs as root", 2000 }, by_user },
        { { "dynamic-user", "shared memory and the like that it makes may outlive it", 100 }, by_ipc_objects },
        { { "supplementary-groups", "it is in more groups than its own", 200 }, by_groups },
        { { "umask", "others may read or write files that it makes", 100 }, by_umask },
        { { "capabilities: CAP_SYS_ADMIN", "it has the rights to administer the system", 1500 },
          by_capabilities, CAPABILITY(SYS_ADMIN) },
        { { "capabilities: CAP_SETUID CAP_SETGID CAP_SETPCAP", "it can take the rights of others", 1500 },
          by_capabilities, CAPABILITY(SETUID) | CAPABILITY(SETGID) | CAPABILITY(SETPCAP) },
        { { "capabilities: CAP_SYS_PTRACE", "it can look into other processes, and change them", 1500 },
          by_capabilities, CAPABILITY(SYS_PTRACE) },
        { { "capabilities: CAP_CHOWN CAP_FSETID CAP_SETFCAP", "it can change owners and modes of any file", 1000 },
          by_capabilities, CAPABILITY(CHOWN) | CAPABILITY(FSETID) | CAPABILITY(SETFCAP) },
        { { "capabilities: CAP_DAC_* CAP_FOWNER CAP_IPC_OWNER", "permissions of files do not hold for it", 1000 },
          by_capabilities, CAPABILITY(DAC_OVERRIDE) | CAPABILITY(DAC_READ_SEARCH) | CAPABILITY(FOWNER) | CAPABILITY(IPC_OWNER) },
        { { "capabilities: CAP_NET_ADMIN", "it can configure the network", 1000 }, by_capabilities, CAPABILITY(NET_ADMIN) },
        { { "capabilities: CAP_SYS_MODULE", "it can load modules of the kernel", 1000 },
          by_capabilities, CAPABILITY(SYS_MODULE) },
        { { "capabilities: CAP_SYS_RAWIO", "it has access to ports and memory of the machine", 1000 },
          by_capabilities, CAPABILITY(SYS_RAWIO) },
        { { "capabilities: CAP_SYS_TIME", "it can set the clock", 1000 }, by_capabilities, CAPABILITY(SYS_TIME) },
        { { "capabilities: CAP_AUDIT_*", "it has access to the audit log", 500 }, by_capabilities,
          CAPABILITY(AUDIT_CONTROL) | CAPABILITY(AUDIT_READ) | CAPABILITY(AUDIT_WRITE) },
        { { "capabilities: CAP_KILL", "it can send signals to any process", 500 }, by_capabilities, CAPABILITY(KILL) },
        { { "capabilities: CAP_MKNOD", "it can make device files", 500 }, by_capabilities, CAPABILITY(MKNOD) },
        { { "capabilities: CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW", "it has rights on the network", 500 },
          by_capabilities, CAPABILITY(NET_BIND_SERVICE) | CAPABILITY(NET_BROADCAST) | CAPABILITY(NET_RAW) },
        { { "capabilities: CAP_SYS_NICE CAP_SYS_RESOURCE", "it can raise priorities and limits", 500 },
          by_capabilities, CAPABILITY(SYS_NICE) | CAPABILITY(SYS_RESOURCE) },
        { { "capabilities: CAP_SYSLOG", "it has access to the log of the kernel", 500 },
          by_capabilities, CAPABILITY(SYSLOG) },
        { { "capabilities: CAP_SYS_BOOT", "it can reboot the machine", 100 }, by_capabilities, CAPABILITY(SYS_BOOT) },
        { { "capabilities: CAP_MAC_*", "it can change what security modules say", 100 },
          by_capabilities, CAPABILITY(MAC_ADMIN) | CAPABILITY(MAC_OVERRIDE) },
        { { "capabilities: CAP_LINUX_IMMUTABLE", "it can mark files as immutable", 75 },
          by_capabilities, CAPABILITY(LINUX_IMMUTABLE) },
        { { "capabilities: CAP_IPC_LOCK", "it can lock memory", 50 }, by_capabilities, CAPABILITY(IPC_LOCK) },
        { { "capabilities: CAP_SYS_CHROOT", "it can change its root directory", 50 },
          by_capabilities, CAPABILITY(SYS_CHROOT) },
        { { "capabilities: CAP_BLOCK_SUSPEND CAP_WAKE_ALARM", "it can keep the machine awake", 50 },
          by_capabilities, CAPABILITY(BLOCK_SUSPEND) | CAPABILITY(WAKE_ALARM) },
        { { "capabilities: CAP_BPF CAP_PERFMON", "it can load programs into the kernel", 25 },
          by_capabilities, CAPABILITY(BPF) | CAPABILITY(PERFMON) },
        { { "capabilities: CAP_LEASE", "it can make leases of files", 25 }, by_capabilities, CAPABILITY(LEASE) },
        { { "capabilities: CAP_SYS_PACCT", "it can use process accounting", 25 }, by_capabilities, CAPABILITY(SYS_PACCT) },
        { { "capabilities: CAP_SYS_TTY_CONFIG", "it can hang up terminals", 25 },
          by_capabilities, CAPABILITY(SYS_TTY_CONFIG) },
        { { "ambient-capabilities", "what it starts has capabilities", 500 }, by_ambient },
        { { "no-new-privileges", "it can get more rights by executing programs", 1000 }, by_privileges },
        { { "keyring-mode", "it has the keyring of gangerd", 1000 }, by_keyring },
        { { "system-call-filter: @clock", "it may make system calls that set the clock", 1000 }, by_sets, 0 },
        { { "system-call-filter: @cpu-emulation", "it may make system calls that emulate processors", 250 }, by_sets, 1 },
        { { "system-call-filter: @debug", "it may make system calls for debuggers", 1000 }, by_sets, 2 },
        { { "system-call-filter: @module", "it may make system calls that load modules", 1000 }, by_sets, 3 },
        { { "system-call-filter: @mount", "it may make system calls that mount", 1000 }, by_sets, 4 },
        { { "system-call-filter: @obsolete", "it may make obsolete system calls", 250 }, by_sets, 5 },
        { { "system-call-filter: @privileged", "it may make system calls that need rights", 700 }, by_sets, 6 },
        { { "system-call-filter: @raw-io", "it may make system calls for ports of the machine", 1000 }, by_sets, 7 },
        { { "system-call-filter: @reboot", "it may make system calls that reboot", 1000 }, by_sets, 8 },
        { { "system-call-filter: @resources", "it may make system calls that change priorities", 700 }, by_sets, 9 },
        { { "system-call-filter: @swap", "it may make system calls that configure swap", 1000 }, by_sets, 10 },
        { { "system-call-architectures", "it may make system calls of other architectures", 1000 }, by_architectures },
        { { "restrict-address-families: AF_INET AF_INET6", "it may open sockets of the internet", 1500 },
          by_families, FAMILY_INTERNET },
        { { "restrict-address-families: …", "it may open sockets of families that are seldom used", 1250 },
          by_families, FAMILY_OTHER },
        { { "restrict-address-families: AF_PACKET", "it may open sockets that see packets", 1000 },
          by_families, FAMILY_PACKET },
        { { "restrict-address-families: AF_NETLINK", "it may open sockets of netlink", 200 }, by_families, FAMILY_NETLINK },
        { { "restrict-address-families: AF_UNIX", "it may open local sockets", 25 }, by_families, FAMILY_UNIX },
        { { "restrict-namespaces: user", "it may make user namespaces", 1500 }, by_namespaces, 6 },
        { { "restrict-namespaces: mnt", "it may make mount namespaces", 500 }, by_namespaces, 2 },
        { { "restrict-namespaces: net", "it may make network namespaces", 500 }, by_namespaces, 3 },
        { { "restrict-namespaces: pid", "it may make pid namespaces", 500 }, by_namespaces, 4 },
        { { "restrict-namespaces: ipc", "it may make ipc namespaces", 500 }, by_namespaces, 1 },
        { { "restrict-namespaces: cgroup", "it may make cgroup namespaces", 500 }, by_namespaces, 0 },
        { { "restrict-namespaces: uts", "it may make namespaces with names of their own", 100 }, by_namespaces, 7 },
        { { "restrict-suid-sgid", "it may make files set-user-ID and set-group-ID", 1000 }, by_suid_sgid },
        { { "memory-deny-write-execute", "it may have memory that it can write and execute", 100 }, by_write_execute },
        { { "lock-personality", "it may change its execution domain", 100 }, by_personality },
        { { "restrict-realtime", "it may take a scheduling policy of real time", 500 }, by_real_time },
        { { "protect-clock", "it may set the clock", 1000 }, by_clock },
        { { "protect-kernel-modules", "it may load and read modules of the kernel", 1000 }, by_modules },
        { { "protect-kernel-logs", "it may read the log of the kernel", 1000 }, by_logs },
        { { "private-devices", "it has the devices of the machine", 1000 }, by_devices },
        { { "device-policy", "it can open devices, wherever their nodes are", 1000 }, by_device_rules },
        { { "private-users", "it has the users of the host", 1000 }, by_users },
        { { "root-directory", "it sees the root of the host", 200 }, by_root },
        { { "protect-proc", "it sees processes of others", 1000 }, by_proc },
        { { "proc-subset", "it sees more than processes in /proc", 10 }, by_subset },
        { { "private-network", "it has the network of the host", 2500 }, by_network },
        { { "private-ipc", "it has System V IPC and message queues of the host", 500 }, by_ipc },
        { { "protect-hostname", "it has the hostname of the host", 50 }, by_hostname },
        { { "private-tmp", "it has /tmp and /var/tmp of the host", 1000 }, by_tmp },
        { { "protect-system", "it can write to the system", 1000 }, by_system },
        { { "protect-home", "it sees the directories of users", 1000 }, by_home },
        { { "protect-control-groups", "it can write to /sys/fs/cgroup", 1000 }, by_cgroups },
        { { "protect-kernel-tunables", "it can write to /proc/sys and /sys", 1000 }, by_tunables },
};

void exposure_facts_open(struct exposure_facts *facts) {
        *facts = (struct exposure_facts){
                .root = true, .groups = true, .capabilities = UINT64_MAX, .families = FAMILY_ALL, .namespaces = UINT32_MAX,
                .modules = true, .logs = true, .clock = true, .real_time = true, .suid_sgid = true, .write_execute = true,
                .personality = true, .sets = EXPOSURE_SETS_ALL,
        };
}

size_t exposure_rows(void) {
        return ARRAY_SIZE(ratings);
}

const struct exposure_row *exposure_row(size_t i) {
        return &ratings[i].row;
}

unsigned int exposure_badness(size_t i, const struct exposure_facts *facts) {
        return ratings[i].badness(facts, ratings[i].argument);
}

static unsigned int worst(void) {
        unsigned int sum = 0;

        for (size_t i = 0; i < ARRAY_SIZE(ratings); i++)
                sum += ratings[i].row.weight * BADNESS_MAX;
        return sum;
}

/* Rounded up: what is not perfect is never shown as if it were. */
unsigned int exposure_of(const struct exposure_facts *facts) {
        unsigned int sum = 0, all = worst();

        for (size_t i = 0; i < ARRAY_SIZE(ratings); i++)
                sum += ratings[i].row.weight * exposure_badness(i, facts);
        return (sum * EXPOSURE_MAX + all - 1) / all;
}

unsigned int exposure_share(size_t i, const struct exposure_facts *facts) {
        unsigned int all = worst();

        return (ratings[i].row.weight * exposure_badness(i, facts) * EXPOSURE_MAX * 10 + all - 1) / all;
}

const char *exposure_level(unsigned int exposure) {
        static const struct { unsigned int least; const char *name; } levels[] = {
                { 100, "dangerous" }, { 90, "unsafe" }, { 75, "exposed" }, { 50, "medium" }, { 10, "ok" }, { 1, "safe" },
                { 0, "perfect" },
        };
        size_t i = 0;

        while (exposure < levels[i].least)
                i++;
        return levels[i].name;
}
