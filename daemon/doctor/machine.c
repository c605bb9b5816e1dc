/* SPDX-License-Identifier: MIT */
/*
 * What this machine has of what gangerd can use
 *
 * Each by trying it, or by reading it; never by a version: distributions take back and forbid, containers refuse. What is
 * tried asks for nothing that stays, mostly with arguments which only one who knows the call can find wrong: EINVAL or EBADF
 * says that it is there, ENOSYS that it is not.
 *
 * Namespaces are tried by a clone3(2) that cannot succeed: the kernel makes them first, and then finds that the cgroup, in
 * which the process is to be born, is none. So there is never a process.
 */

#include "daemon/doctor/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/keyctl.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/cgroup-control.h"
#include "daemon/cgroup-devices.h"
#include "daemon/config/words-isolation.h"
#include "daemon/doctor/look.h"
#include "daemon/dynamic-number.h"
#include "daemon/gang.h"
#include "daemon/small-file.h"

/** Newer than some headers; of the same number and value everywhere. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#define LANDLOCK_ASK_VERSION 1U

/** Kinds of clone3(2) that are tried: each namespace, alone and with one of users. What was found holds for so long. */
#define CLONE_TRIALS_MAX 16
#define CLONE_TRIAL_USEC (5 * USEC_PER_SEC)
/** Of a file with one line. */
#define LINE_FILE_MAX ((size_t)4096)

struct trial {
        const struct gang *gang;
        const struct process_look *own;
};

struct row {
        const char *name;
        enum machine_state (*look)(const struct trial *t, const struct row *row, char *value);
        const char *path;               /* that it is read from */
        unsigned long argument;         /* which of them it is */
};

static void say(char *value, const char *format, ...) _printf_(2, 3);

static void say(char *value, const char *format, ...) {
        size_t n = strlen(value);
        va_list args;

        va_start(args, format);
        vsnprintf(value + n, MACHINE_VALUE_MAX - n, format, args);
        va_end(args);
}

/* ---- trying ---------------------------------------------------------------------------------------- */

/* What a call that was made in vain says of itself. */
static enum machine_state by_error(int error, char *value) {
        if (error == ENOSYS || error == EOPNOTSUPP)
                return MACHINE_NO;
        if (error != EPERM && error != EACCES)
                return MACHINE_YES;
        say(value, "%s", strerrordesc_np(error));
        return MACHINE_NO;
}

static enum machine_state by_result(long result, char *value) {
        return result >= 0 ? MACHINE_YES : by_error(errno, value);
}

static enum machine_state try_pidfd(const struct trial *t, const struct row *row, char *value) {
        _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

        return by_result(fd, value);
}

/* In a cgroup that is none. @return the errno. */
static int clone_now(uint64_t flags) {
        _cleanup_(closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct clone_args args = { .flags = flags | CLONE_INTO_CGROUP, .exit_signal = 0, .cgroup = (uint64_t)fd };
        long pid;

        if (fd < 0)
                return errno;
        pid = syscall(SYS_clone3, &args, sizeof args);
        if (pid == 0)
                _exit(0); /* no kernel that we know comes here */
        return pid > 0 ? 0 : errno;
}

/* The kernel takes its time to remove a namespace: whoever asks again and again makes no more of them than this. */
static int clone_in_vain(uint64_t flags) {
        static struct {
                uint64_t flags, tried_usec;
                int error;
        } trials[CLONE_TRIALS_MAX];
        uint64_t now = now_usec();
        size_t i = 0;

        while (i + 1 < CLONE_TRIALS_MAX && trials[i].tried_usec > 0 && trials[i].flags != flags)
                i++;
        if (trials[i].tried_usec == 0 || trials[i].flags != flags || now - trials[i].tried_usec > CLONE_TRIAL_USEC) {
                trials[i].flags = flags;
                trials[i].error = clone_now(flags);
                trials[i].tried_usec = now;
        }
        return trials[i].error;
}

static enum machine_state try_clone(const struct trial *t, const struct row *row, char *value) {
        int error = clone_in_vain(0);

        if (error == EINVAL || error == E2BIG) {
                say(value, "without CLONE_INTO_CGROUP");
                return MACHINE_LIMITED;
        }
        return by_error(error, value);
}

/* EBADF comes last: all else was granted. */
static enum machine_state try_namespace(const struct trial *t, const struct row *row, char *value) {
        int error = clone_in_vain(row->argument);

        if (error == EPERM && row->argument != CLONE_NEWUSER && clone_in_vain(row->argument | CLONE_NEWUSER) == EBADF) {
                say(value, "only in a user namespace");
                return MACHINE_LIMITED;
        }
        if (error == EBADF)
                return MACHINE_YES;
        say(value, "%s", strerrordesc_np(error) ?: "clone3(2) made a process");
        if (error == ENOSYS && access(row->path, F_OK) == 0) {
                say(value, ": clone3(2), so it cannot be tried");
                return MACHINE_UNKNOWN;
        }
        return MACHINE_NO;
}

static enum machine_state try_close_range(const struct trial *t, const struct row *row, char *value) {
        return by_result(syscall(SYS_close_range, ~0U, ~0U, 0), value);
}

static enum machine_state try_futex_waitv(const struct trial *t, const struct row *row, char *value) {
        return by_result(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0), value);
}

static enum machine_state try_membarrier(const struct trial *t, const struct row *row, char *value) {
        long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

        if (commands < 0)
                return by_error(errno, value);
        say(value, "%s%s", commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED ? "global-expedited " : "",
            commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED ? "private-expedited" : "");
        return commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED ? MACHINE_YES : MACHINE_LIMITED;
}

static enum machine_state try_landlock(const struct trial *t, const struct row *row, char *value) {
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_ASK_VERSION);

        if (version < 0)
                return by_error(errno, value);
        say(value, "ABI %ld", version);
        return MACHINE_YES;
}

static enum machine_state try_seccomp(const struct trial *t, const struct row *row, char *value) {
        uint32_t action = SECCOMP_RET_KILL_PROCESS;

        return by_result(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), value);
}

static enum machine_state try_seals(const struct trial *t, const struct row *row, char *value) {
        _cleanup_(closep) int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        _cleanup_(closep) int without_exec = memfd_create("doctor", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

        if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return by_error(errno, value);
        say(value, "%s", without_exec >= 0 ? "" : "without MFD_NOEXEC_SEAL");
        return MACHINE_YES;
}

/* Asks, and sets nothing: EINVAL is of a kernel that does not know the question. */
static enum machine_state try_mdwe(const struct trial *t, const struct row *row, char *value) {
        return syscall(SYS_prctl, PR_GET_MDWE, 0, 0, 0, 0) >= 0 ? MACHINE_YES : MACHINE_NO;
}

static enum machine_state try_mounts(const struct trial *t, const struct row *row, char *value) {
        return by_result(syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, NULL, 0), value);
}

static enum machine_state try_keyrings(const struct trial *t, const struct row *row, char *value) {
        return by_result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0), value);
}

/* ---- cgroups --------------------------------------------------------------------------------------- */

static enum machine_state look_cgroup(const struct trial *t, const struct row *row, char *value) {
        if (t->own->cgroup[0])
                say(value, "gangerd is in %s", t->own->cgroup);
        else
                say(value, "there is none of version 2");
        if (t->gang->cgroups.fd >= 0)
                return MACHINE_YES;
        if (t->own->cgroup[0])
                say(value, ", and may not make cgroups there");
        return MACHINE_NO;
}

static const struct {
        enum cgroup_controller bit;
        const char *name;
} controllers[] = {
        { CGROUP_CPU, "cpu" }, { CGROUP_IO, "io" }, { CGROUP_MEMORY, "memory" }, { CGROUP_PIDS, "pids" },
};

static void say_controllers(char *value, const char *what, unsigned int which) {
        say(value, "%s%s:", *value ? "; " : "", what);
        for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
                if (which & controllers[i].bit)
                        say(value, " %s", controllers[i].name);
        if (which == 0)
                say(value, " none");
}

/* They are handed on when a worker wants one, not before. */
static enum machine_state look_controllers(const struct trial *t, const struct row *row, char *value) {
        const unsigned int all = CGROUP_CPU | CGROUP_IO | CGROUP_MEMORY | CGROUP_PIDS;
        unsigned int can, has;

        if (t->gang->cgroups.fd < 0)
                return MACHINE_NO;
        can = cgroup_read_controllers(t->gang->cgroups.parent_fd, "cgroup.controllers") & all;
        has = cgroup_read_controllers(t->gang->cgroups.fd, "cgroup.controllers") & all;
        say_controllers(value, "can be had", can);
        say_controllers(value, "handed on to workers", has);
        return can == all ? MACHINE_YES : can ? MACHINE_LIMITED : MACHINE_NO;
}

static enum machine_state look_cgroup_kill(const struct trial *t, const struct row *row, char *value) {
        if (t->gang->cgroups.fd < 0)
                return MACHINE_NO;
        return faccessat(t->gang->cgroups.fd, "cgroup.kill", W_OK, AT_EACCESS) >= 0 ? MACHINE_YES : MACHINE_NO;
}

static enum machine_state look_devices(const struct trial *t, const struct row *row, char *value) {
        int r = cgroup_devices_try();

        if (r < 0)
                return by_error(-r, value);
        if (t->gang->cgroups.fd < 0)
                say(value, "there is no cgroup for them");
        return t->gang->cgroups.fd < 0 ? MACHINE_NO : MACHINE_YES;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static enum machine_state look_kernel(const struct trial *t, const struct row *row, char *value) {
        struct utsname names;

        if (uname(&names) < 0)
                return MACHINE_UNKNOWN;
        say(value, "%s %s %s", names.sysname, names.release, names.machine);
        return MACHINE_TOLD;
}

static enum machine_state look_file(const struct trial *t, const struct row *row, char *value) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r = small_file_read(row->path, LINE_FILE_MAX, &text, &size);

        if (r < 0) {
                say(value, "%s", r == -ENOENT ? "there is none" : small_file_problem(r));
                return r == -ENOENT ? MACHINE_TOLD : MACHINE_UNKNOWN;
        }
        text[strcspn(text, "\n")] = '\0';
        say(value, "%s", text);
        return MACHINE_TOLD;
}

static void say_limit(char *value, rlim_t limit) {
        if (limit == RLIM_INFINITY)
                say(value, "%sinfinity", *value ? ":" : "");
        else
                say(value, "%s%" PRIu64, *value ? ":" : "", (uint64_t)limit);
}

static enum machine_state look_limit(const struct trial *t, const struct row *row, char *value) {
        struct rlimit limit;

        if (getrlimit((int)row->argument, &limit) < 0)
                return MACHINE_UNKNOWN;
        say_limit(value, limit.rlim_cur);
        say_limit(value, limit.rlim_max);
        return MACHINE_TOLD;
}

static enum machine_state look_privileges(const struct trial *t, const struct row *row, char *value) {
        const uint64_t all = (UINT64_C(1) << isolation_capabilities.n) - 1;
        uint64_t has = t->own->status.effective & all;
        size_t missing = (size_t)__builtin_popcountll(all & ~has);

        if (!t->own->status_known)
                return MACHINE_UNKNOWN;
        say(value, "uid %u, ", (unsigned int)geteuid());
        if (has == 0)
                say(value, "no capabilities: workers run as this user");
        else
                say(value, "%s", missing ? "all capabilities but" : "all capabilities");
        for (size_t i = 0; has && i < isolation_capabilities.n; i++)
                if (!(has >> i & 1))
                        say(value, " %s", isolation_capabilities.words[i].name);
        return missing == 0 ? MACHINE_YES : has ? MACHINE_LIMITED : MACHINE_NO;
}

static enum machine_state look_dynamic_users(const struct trial *t, const struct row *row, char *value) {
        if (geteuid() != 0)
                return MACHINE_NO;
        say(value, "%u to %u", DYNAMIC_UID_MIN, DYNAMIC_UID_MAX);
        return MACHINE_YES;
}

static enum machine_state look_filters(const struct trial *t, const struct row *row, char *value) {
        const struct process_status *status = &t->own->status;

        if (!t->own->status_known || status->no_new_privileges < 0)
                return MACHINE_UNKNOWN;
        say(value, "no-new-privileges: %s; filters of system calls: %d", status->no_new_privileges ? "yes" : "no",
            MAX(status->filters, status->seccomp > 0));
        return MACHINE_TOLD;
}

static enum machine_state look_fd_store(const struct trial *t, const struct row *row, char *value) {
        return t->gang->link.lasts ? MACHINE_YES : MACHINE_NO;
}

/* ---- the table -------------------------------------------------------------------------------------- */

static const struct row rows[] = {
        { "kernel", look_kernel },
        { "privileges of gangerd", look_privileges },
        { "restrictions of gangerd", look_filters },
        { "dynamic users", look_dynamic_users },
        { "fd store of a service manager", look_fd_store },
        { "cgroups", look_cgroup },
        { "cgroup controllers", look_controllers },
        { "cgroup.kill", look_cgroup_kill },
        { "device rules of cgroups", look_devices },
        { "pidfd", try_pidfd },
        { "clone3 into a cgroup", try_clone },
        { "close_range", try_close_range },
        { "futex_waitv", try_futex_waitv },
        { "membarrier", try_membarrier },
        { "memfd seals", try_seals },
        { "mount_setattr", try_mounts },
        { "keyrings", try_keyrings },
        { "filters of system calls", try_seccomp },
        { "Landlock", try_landlock },
        { "PR_SET_MDWE", try_mdwe },
        { "namespace: user", try_namespace, "/proc/self/ns/user", CLONE_NEWUSER },
        { "namespace: mnt", try_namespace, "/proc/self/ns/mnt", CLONE_NEWNS },
        { "namespace: net", try_namespace, "/proc/self/ns/net", CLONE_NEWNET },
        { "namespace: pid", try_namespace, "/proc/self/ns/pid", CLONE_NEWPID },
        { "namespace: ipc", try_namespace, "/proc/self/ns/ipc", CLONE_NEWIPC },
        { "namespace: uts", try_namespace, "/proc/self/ns/uts", CLONE_NEWUTS },
        { "namespace: cgroup", try_namespace, "/proc/self/ns/cgroup", CLONE_NEWCGROUP },
        { "RLIMIT_NOFILE", look_limit, NULL, RLIMIT_NOFILE },
        { "RLIMIT_NPROC", look_limit, NULL, RLIMIT_NPROC },
        { "RLIMIT_MEMLOCK", look_limit, NULL, RLIMIT_MEMLOCK },
        { "RLIMIT_CORE", look_limit, NULL, RLIMIT_CORE },
        { "security modules", look_file, "/sys/kernel/security/lsm" },
        { "user.max_user_namespaces", look_file, "/proc/sys/user/max_user_namespaces" },
        { "kernel.unprivileged_userns_clone", look_file, "/proc/sys/kernel/unprivileged_userns_clone" },
        { "kernel.apparmor_restrict_unprivileged_userns", look_file,
          "/proc/sys/kernel/apparmor_restrict_unprivileged_userns" },
        { "kernel.yama.ptrace_scope", look_file, "/proc/sys/kernel/yama/ptrace_scope" },
        { "kernel.core_pattern", look_file, "/proc/sys/kernel/core_pattern" },
        { "kernel.pid_max", look_file, "/proc/sys/kernel/pid_max" },
        { "kernel.io_uring_disabled", look_file, "/proc/sys/kernel/io_uring_disabled" },
        { "vm.max_map_count", look_file, "/proc/sys/vm/max_map_count" },
        { "vm.overcommit_memory", look_file, "/proc/sys/vm/overcommit_memory" },
};

const char *machine_state_name(enum machine_state state) {
        static const char *const names[] = {
                [MACHINE_TOLD] = "", [MACHINE_YES] = "yes", [MACHINE_LIMITED] = "limited", [MACHINE_NO] = "no",
                [MACHINE_UNKNOWN] = "unknown",
        };

        return names[state];
}

size_t machine_facts(void) {
        return ARRAY_SIZE(rows);
}

void machine_look(const struct gang *gang, const struct process_look *own, size_t i, struct machine_fact *ret) {
        const struct trial t = { gang, own };

        ret->name = rows[i].name;
        ret->value[0] = '\0';
        ret->state = rows[i].look(&t, &rows[i], ret->value);
}
