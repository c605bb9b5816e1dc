/* SPDX-License-Identifier: MIT */

/*
 * What a process has from before it executes: limits, priorities, processors, rights, filters of system calls
 *
 * The one table of it: a row each, under the name of the key that it is set by, which is what a failure is told under.
 *
 * What must hold: what applies a row runs in the child, which shares our memory, as the steps of spawn.c do. So it makes
 * system calls and nothing else. It runs with our rights, before those of the user are taken: what may be given to a
 * process is for us to say, not for it. RLIMIT_NPROC is no exception: the kernel looks at it when the process executes,
 * by the user that it has then. What belongs to that user, and what binds whatever rights there are, comes after (`stage`).
 *
 * Nothing here may touch what the child shares with us, its memory: PR_SET_MDWE would bind the keeper, and all that it
 * starts from then on.
 */

#include "daemon/keeper/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/user-namespace.h"

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

_Static_assert(KEEPER_LIMITS_N == RLIMIT_NLIMITS, "a setting for each limit that there is");

/** Of ioprio_set(2), for which there is no header: this process. */
#define IOPRIO_WHO_PROCESS 1
/** "-1000" */
#define SCORE_DIGITS_MAX 5

_child_ static long set_limit(const struct setting *s) {
        const struct {
                uint64_t soft, hard;
        } limit = { s->soft, s->hard };

        return syscall(SYS_prlimit64, 0, s->what - KEEPER_LIMIT, &limit, NULL);
}

/* By its file: there is no system call for it. */
_child_ static long set_oom_score(const struct setting *s) {
        char text[SCORE_DIGITS_MAX], *to = text + sizeof text;
        long fd, n, rest = s->value < 0 ? -s->value : s->value;

        do
                *--to = (char)('0' + rest % 10);
        while ((rest /= 10) > 0 && to > text + 1);
        if (s->value < 0)
                *--to = '-';
        fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        n = syscall(SYS_write, fd, to, text + sizeof text - to);
        syscall(SYS_close, fd);
        return n;
}

_child_ static long set_nice(const struct setting *s) {
        return syscall(SYS_setpriority, PRIO_PROCESS, 0, s->value);
}

_child_ static long set_cpu_policy(const struct setting *s) {
        const struct sched_param param = { .sched_priority = (int)s->soft };

        return syscall(SYS_sched_setscheduler, 0, s->value, &param);
}

_child_ static long set_cpus(const struct setting *s) {
        return syscall(SYS_sched_setaffinity, 0, s->mask_size, s->mask);
}

_child_ static long set_io_priority(const struct setting *s) {
        return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->value);
}

/* The kernel takes one bit more than the mask has, and no mask where there is none. */
_child_ static long set_numa(const struct setting *s) {
        return syscall(SYS_set_mempolicy, s->value, s->mask_size ? s->mask : NULL, s->mask_size ? s->mask_size * 8 + 1 : 0);
}

_child_ static long set_timer_slack(const struct setting *s) {
        return syscall(SYS_prctl, PR_SET_TIMERSLACK, s->value, 0, 0, 0);
}

/* ---- namespaces --------------------------------------------------------------------------------- */

/* In which there is nothing but the loopback device, which is down. */
_child_ static long private_network(const struct setting *s) {
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        long fd, r;

        if (syscall(SYS_unshare, CLONE_NEWNET) < 0)
                return -1;
        fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        r = syscall(SYS_ioctl, fd, SIOCSIFFLAGS, &request);
        syscall(SYS_close, fd);
        return r;
}

_child_ static long private_ipc(const struct setting *s) {
        return syscall(SYS_unshare, CLONE_NEWIPC);
}

_child_ static long private_hostname(const struct setting *s) {
        return syscall(SYS_unshare, CLONE_NEWUTS);
}

/* What is in it belongs to it: so before all other namespaces. */
_child_ static long own_users(const struct setting *s) {
        return user_namespace_enter((uid_t)s->soft, (gid_t)s->hard);
}

_child_ static long private_users(const struct setting *s) {
        return user_namespace_enter_as_root((uid_t)s->soft, (gid_t)s->hard);
}

/* ---- rights ------------------------------------------------------------------------------------- */

/** Of _LINUX_CAPABILITY_VERSION_3: two words each. */
struct capabilities {
        struct __user_cap_header_struct header;
        struct __user_cap_data_struct data[2];
};

#define CAPABILITIES_NULL { .header = { .version = _LINUX_CAPABILITY_VERSION_3 } }

/* Capabilities past the last one that the kernel knows are none. */
_child_ static long drop_bounding(uint64_t stay) {
        for (unsigned long i = 0; i < 64; i++) {
                long has = syscall(SYS_prctl, PR_CAPBSET_READ, i, 0, 0, 0);

                if (has < 0)
                        break;
                if (has > 0 && !(stay >> i & 1) && syscall(SYS_prctl, PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
                        return -1;
        }
        return 0;
}

/* What we inherit from whoever started us could be had again by a file that allows it. */
_child_ static long set_bounding(const struct setting *s) {
        struct capabilities c = CAPABILITIES_NULL;

        if (drop_bounding(s->soft) < 0 && !(s->value && errno == EPERM))
                return -1;
        if (syscall(SYS_capget, &c.header, c.data) < 0)
                return -1;
        c.data[0].inheritable &= (uint32_t)s->soft;
        c.data[1].inheritable &= (uint32_t)(s->soft >> 32);
        return syscall(SYS_capset, &c.header, c.data);
}

/* Those that are permitted, until it executes. */
_child_ static long keep_capabilities(const struct setting *s) {
        return syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

_child_ static long set_ambient(const struct setting *s) {
        struct capabilities c = CAPABILITIES_NULL;

        if (syscall(SYS_capget, &c.header, c.data) < 0)
                return -1;
        c.data[0].inheritable = (uint32_t)s->soft;
        c.data[1].inheritable = (uint32_t)(s->soft >> 32);
        if (syscall(SYS_capset, &c.header, c.data) < 0)
                return -1;
        for (unsigned long i = 0; i < 64; i++)
                if (s->soft >> i & 1 && syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
                        return -1;
        return 0;
}

/* It belongs to whoever makes it: so after the user is changed. */
_child_ static long set_keyring(const struct setting *s) {
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) < 0)
                return -1;
        return s->value == KEEPER_KEYRING_PRIVATE ? 0 : syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
                                                                KEY_SPEC_SESSION_KEYRING, 0, 0);
}

_child_ static long set_no_new_privileges(const struct setting *s) {
        return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

_child_ static long set_filter(const struct setting *s) {
        const struct sock_fprog program = {
                .len = (unsigned short)(s->program_size / sizeof(struct sock_filter)),
                .filter = (void *)s->program,
        };

        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static const struct row {
        const char *name;
        long (*apply)(const struct setting *s);
        size_t mask_min;                /* bytes; up to KEEPER_MASK_MAX if it takes one */
        bool takes_mask;
        enum setting_stage stage;
} rows[] = {
        [KEEPER_OOM_SCORE] = { "oom-score-adjust", set_oom_score, 0, false },
        [KEEPER_NICE] = { "nice", set_nice, 0, false },
        [KEEPER_CPU_POLICY] = { "cpu-scheduling-policy", set_cpu_policy, 0, false },
        [KEEPER_CPUS] = { "cpu-affinity", set_cpus, 1, true },
        [KEEPER_IO_PRIORITY] = { "io-scheduling-class", set_io_priority, 0, false },
        [KEEPER_NUMA] = { "numa-policy", set_numa, 0, true },
        [KEEPER_TIMER_SLACK] = { "timer-slack", set_timer_slack, 0, false },
        [KEEPER_LIMIT + RLIMIT_CPU] = { "limit-cpu", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_FSIZE] = { "limit-fsize", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_DATA] = { "limit-data", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_STACK] = { "limit-stack", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_CORE] = { "limit-core", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_RSS] = { "limit-rss", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_NOFILE] = { "limit-nofile", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_AS] = { "limit-as", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_NPROC] = { "limit-nproc", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_MEMLOCK] = { "limit-memlock", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_LOCKS] = { "limit-locks", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_SIGPENDING] = { "limit-sigpending", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_MSGQUEUE] = { "limit-msgqueue", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_NICE] = { "limit-nice", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_RTPRIO] = { "limit-rtprio", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_LIMIT + RLIMIT_RTTIME] = { "limit-rttime", set_limit, 0, false, SETTING_LIMIT },
        [KEEPER_BOUNDING] = { "capabilities", set_bounding, 0, false, SETTING_RIGHTS },
        [KEEPER_KEEP_CAPABILITIES] = { "ambient-capabilities", keep_capabilities, 0, false, SETTING_RIGHTS },
        [KEEPER_AMBIENT] = { "ambient-capabilities", set_ambient, 0, false, SETTING_USER },
        [KEEPER_KEYRING] = { "keyring-mode", set_keyring, 0, false, SETTING_USER },
        [KEEPER_NO_NEW_PRIVILEGES] = { "no-new-privileges", set_no_new_privileges, 0, false, SETTING_USER },
        [KEEPER_FILTER_ARCHITECTURES] = { "system-call-architectures", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_FAMILIES] = { "restrict-address-families", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_NAMESPACES] = { "restrict-namespaces", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_SUID_SGID] = { "restrict-suid-sgid", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_WRITE_EXECUTE] = { "memory-deny-write-execute", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_PERSONALITY] = { "lock-personality", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_CALLS] = { "system-call-filter", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_HOSTNAME] = { "protect-hostname", set_filter, 0, false, SETTING_LAST },
        [KEEPER_PRIVATE_NETWORK] = { "private-network", private_network, 0, false, SETTING_FIRST },
        [KEEPER_PRIVATE_IPC] = { "private-ipc", private_ipc, 0, false, SETTING_FIRST },
        [KEEPER_PRIVATE_HOSTNAME] = { "protect-hostname", private_hostname, 0, false, SETTING_FIRST },
        [KEEPER_OWN_USERS] = { "private-users", own_users, 0, false, SETTING_FIRST },
        [KEEPER_PRIVATE_USERS] = { "private-users", private_users, 0, false, SETTING_RIGHTS },
        [KEEPER_WITHOUT_DEVICES] = { "private-devices", set_bounding, 0, false, SETTING_RIGHTS },
        [KEEPER_WITHOUT_MODULES] = { "protect-kernel-modules", set_bounding, 0, false, SETTING_RIGHTS },
        [KEEPER_WITHOUT_LOGS] = { "protect-kernel-logs", set_bounding, 0, false, SETTING_RIGHTS },
        [KEEPER_WITHOUT_CLOCK] = { "protect-clock", set_bounding, 0, false, SETTING_RIGHTS },
        [KEEPER_FILTER_DEVICES] = { "private-devices", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_MODULES] = { "protect-kernel-modules", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_LOGS] = { "protect-kernel-logs", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_CLOCK] = { "protect-clock", set_filter, 0, false, SETTING_LAST },
        [KEEPER_FILTER_REALTIME] = { "restrict-realtime", set_filter, 0, false, SETTING_LAST },
        [KEEPER_PRIVATE_PIDS] = { "private-pids", NULL, 0, false, SETTING_CLONE },
};

/* A program of whole instructions, if it takes one; the kernel looks at what is in it. */
static bool program_fits(const struct setting *s) {
        if (rows[s->what].stage != SETTING_LAST)
                return s->program_size == 0;
        return s->program_size > 0 && s->program_size <= KEEPER_FILTER_MAX &&
               s->program_size % sizeof(struct sock_filter) == 0;
}

bool setting_is_valid(const struct setting *s) {
        const struct row *row = s->what < ARRAY_SIZE(rows) ? &rows[s->what] : NULL;

        if (!row || !row->name)
                return false;
        if (s->what == KEEPER_OOM_SCORE && (s->value < -1000 || s->value > 1000))
                return false;
        if (!program_fits(s))
                return false;
        return s->mask_size >= row->mask_min && s->mask_size <= (row->takes_mask ? KEEPER_MASK_MAX : 0);
}

const char *setting_name(const struct setting *s) {
        return rows[s->what].name;
}

_child_ enum setting_stage setting_stage(const struct setting *s) {
        return rows[s->what].stage;
}

_child_ long setting_apply(const struct setting *s) {
        return rows[s->what].apply(s);
}

/* A kernel that has no such thing says so in one of these ways; one that may not give it, as in a container, in others. */
_child_ bool setting_can_lack(const struct setting *s, int error) {
        bool has_not = error == ENOSYS || error == EINVAL || error == EOPNOTSUPP, may_not = error == EPERM || error == EACCES;

        if (!s->may_lack)
                return false;
        switch (s->what) {
        case KEEPER_PRIVATE_NETWORK:
        case KEEPER_PRIVATE_IPC:
        case KEEPER_PRIVATE_HOSTNAME:
        case KEEPER_PRIVATE_PIDS:
                return has_not || may_not;
        case KEEPER_KEYRING:
                return error == ENOSYS || may_not || error == EDQUOT;
        default:
                return error == ENOSYS && rows[s->what].stage == SETTING_LAST;
        }
}
