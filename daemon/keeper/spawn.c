/* SPDX-License-Identifier: MIT */

/*
 * From a complete description to a running process
 *
 * The child shares our memory until it executes (CLONE_VM | CLONE_VFORK), so a spawn costs the same whatever we have
 * mapped. It shares our descriptor table too, for one system call: the first thing that it does is to unshare the table
 * without what lies above the window, which copies a few dozen entries where fork would copy thousands.
 *
 * What must hold: between clone and execve the child makes system calls and nothing else. It runs on a stack of its own,
 * writes to its `struct child` and to the `pid_values` alone, and its functions are not instrumented: a sanitizer would take
 * the foreign stack for a bug. `errno` is shared, which is harmless: the parent sleeps.
 *
 * A PID namespace of its own it has from the start, or not at all: unshare(2) would give it to its children alone. Who is
 * not root must be cloned into a user namespace at once, then, since the other belongs to that. Where it cannot be had, or
 * has no /proc, the child is given up, and another one started without.
 */

#include "daemon/keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/keeper/clone.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/user-namespace.h"

/** Without the guard page. The deepest step needs a few hundred bytes. */
#define SPAWN_STACK_SIZE (64 * 1024)
/** Of the kernel's sigset_t, not of glibc's. */
#define KERNEL_SIGSET_SIZE 8
/** Exit status of a child that could not execute. Nobody sees it: the step is reported instead. */
#define SPAWN_EXIT_STATUS 127

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

struct child {
        const struct spawn_request *request;
        pid_t parent;
        bool arm_death_signal, look_for_parent;
        bool in_cgroup;                 /* from the start */
        size_t n_settings, n_mounts, n_landlock; /* those of the request */
        uint32_t without;               /* a setting; of a fault */
        uint64_t namespaces;            /* CLONE_NEW…, that it was cloned into */
        int life;                       /* descriptor, see is_orphan(); -1: none */
        bool mounts_apart;
        long landlock;                  /* descriptor of its rules, or -1 */
        const char *step;
        int error;                      /* errno; 0: it executes */
};

_child_ static long step_unshare_fds(const struct spawn_request *r, struct child *c) {
        return syscall(SYS_close_range, SPAWN_FD_WINDOW, ~0U, CLOSE_RANGE_UNSHARE);
}

_child_ static long step_session(const struct spawn_request *r, struct child *c) {
        return syscall(SYS_setsid);
}

/*
 * Who sees no parent, being the first in its namespace, has the other end of a pipe: a process closes what it has open
 * before it looks which children are to be told of its death. So as long as there is a writer, the signal comes.
 */
_child_ static bool is_orphan(const struct child *c) {
        char byte;

        if (!(c->namespaces & CLONE_NEWPID))
                return syscall(SYS_getppid) != c->parent;
        return syscall(SYS_read, c->life, &byte, 1) == 0;
}

/* The kernel disarms it when credentials change, so this runs twice. A parent may have died before it was armed. */
_child_ static long step_death_signal(const struct spawn_request *r, struct child *c) {
        if (!c->arm_death_signal)
                return 0;
        if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -1;
        if (!c->look_for_parent || !is_orphan(c))
                return 0;
        errno = ESRCH;
        return -1;
}

_child_ static long step_cgroup(const struct spawn_request *r, struct child *c) {
        long fd, n;

        if (r->cgroup_fd < 0 || c->in_cgroup)
                return 0;
        fd = syscall(SYS_openat, r->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        n = syscall(SYS_write, fd, "0", 1);
        syscall(SYS_close, fd);
        return n;
}

/* System calls, since glibc's functions would look for other threads. */
_child_ static long step_groups(const struct spawn_request *r, struct child *c) {
        return r->set_credentials ? syscall(SYS_setgroups, r->n_groups, r->groups) : 0;
}

_child_ static long step_gid(const struct spawn_request *r, struct child *c) {
        return r->set_credentials ? syscall(SYS_setresgid, r->gid, r->gid, r->gid) : 0;
}

_child_ static long step_uid(const struct spawn_request *r, struct child *c) {
        return r->set_credentials ? syscall(SYS_setresuid, r->uid, r->uid, r->uid) : 0;
}

_child_ static long step_umask(const struct spawn_request *r, struct child *c) {
        syscall(SYS_umask, r->umask);
        return 0;
}

_child_ static long step_directory(const struct spawn_request *r, struct child *c) {
        return r->directory && r->directory[0] ? syscall(SYS_chdir, r->directory) : 0;
}

/* The one that is read once more, and is not the program's, to be the only one above the targets. */
_child_ static long keep_life(struct child *c, size_t n) {
        if (c->life >= 0 && (size_t)c->life != n && syscall(SYS_dup3, c->life, n, O_CLOEXEC) < 0)
                return -1;
        if (c->life >= 0)
                c->life = (int)n++;
        return syscall(SYS_close_range, n, ~0U, 0);
}

/* First everything moves above the targets, then each to its place: no target is overwritten while it is still a source. */
_child_ static long step_fds(const struct spawn_request *r, struct child *c) {
        int moved[KEEPER_CHILD_FDS_MAX];

        for (size_t i = 0; i < r->n_fds; i++) {
                moved[i] = r->fds[i];
                if ((size_t)moved[i] < r->n_fds)
                        moved[i] = (int)syscall(SYS_fcntl, r->fds[i], F_DUPFD_CLOEXEC, r->n_fds);
                if (moved[i] < 0)
                        return -1;
        }
        if (c->life >= 0 && (size_t)c->life < r->n_fds)
                c->life = (int)syscall(SYS_fcntl, c->life, F_DUPFD_CLOEXEC, r->n_fds);
        if (c->life < 0 && c->namespaces & CLONE_NEWPID)
                return -1;
        for (size_t i = 0; i < r->n_fds; i++)
                if (syscall(SYS_dup3, moved[i], i, 0) < 0)
                        return -1;
        return keep_life(c, r->n_fds);
}

_child_ static long step_limit(const struct spawn_request *r, struct child *c) {
        return r->nofile ? syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, r->nofile, NULL) : 0;
}

_child_ static long apply_setting(const struct setting *s, const struct child *c) {
        if (s->what == KEEPER_OWN_USERS && c->namespaces & CLONE_NEWUSER)
                return user_namespace_begin((uid_t)s->soft, (gid_t)s->hard);
        return setting_apply(s);
}

/* What was set before the one that fails goes with the child. */
_child_ static long apply_settings(const struct spawn_request *r, struct child *c, enum setting_stage stage) {
        for (size_t i = 0; i < c->n_settings; i++) {
                const struct setting *s = &r->settings[i];

                if (setting_stage(s) != stage || s->what == c->without)
                        continue;
                c->step = setting_name(s);
                if (apply_setting(s, c) >= 0)
                        continue;
                if (!setting_can_lack(s, errno))
                        return -1;
                left_out_add(r->left_out, c->step, errno);
        }
        return 0;
}

_child_ static long step_settings(const struct spawn_request *r, struct child *c) {
        return apply_settings(r, c, SETTING_FIRST);
}

_child_ static long step_mounts(const struct spawn_request *r, struct child *c) {
        return mounts_apply(r->mounts, c->n_mounts, c->namespaces & CLONE_NEWPID, c->mounts_apart, r->mounts_may_lack,
                            r->left_out, &c->step);
}

/* By our rights, as it sees its files. */
_child_ static long step_landlock(const struct spawn_request *r, struct child *c) {
        if (c->n_landlock > 0)
                c->landlock = landlock_make(r->landlock, c->n_landlock, r->landlock_may_lack, r->left_out, &c->step);
        return c->n_landlock > 0 ? c->landlock : 0;
}

_child_ static long step_restrict(const struct spawn_request *r, struct child *c) {
        return c->landlock >= 0 ? landlock_restrict(c->landlock) : 0;
}

_child_ static long step_limits(const struct spawn_request *r, struct child *c) {
        return apply_settings(r, c, SETTING_LIMIT);
}

_child_ static long step_rights(const struct spawn_request *r, struct child *c) {
        return apply_settings(r, c, SETTING_RIGHTS);
}

_child_ static long step_isolate(const struct spawn_request *r, struct child *c) {
        return apply_settings(r, c, SETTING_USER);
}

_child_ static long step_filters(const struct spawn_request *r, struct child *c) {
        return apply_settings(r, c, SETTING_LAST);
}

_child_ static long step_signals(const struct spawn_request *r, struct child *c) {
        uint64_t none = 0;

        return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SIGSET_SIZE);
}

/* By LISTEN_PID and WATCHDOG_PID a program knows that they were meant for it, and not for a parent. */
_child_ static long step_pid(const struct spawn_request *r, struct child *c) {
        long pid = syscall(SYS_getpid);

        for (size_t i = 0; i < r->n_pid_values; i++) {
                char digits[SPAWN_PID_SIZE], *to = r->pid_values[i];
                size_t n = 0;

                for (long rest = pid; rest > 0 && n < sizeof digits; rest /= 10)
                        digits[n++] = (char)('0' + rest % 10);
                while (n > 0)
                        *to++ = digits[--n];
                *to = '\0';
        }
        return 0;
}

/* It was looked at before whether it is a program: so it is not among those that it may execute, or what it needs is not. */
_child_ static long step_execute(const struct spawn_request *r, struct child *c) {
        syscall(SYS_execve, r->path, r->argv, r->environment);
        if (errno == EACCES && c->landlock >= 0)
                c->step = "landlock-execute";
        return -1;
}

/*
 * Limits with our rights, and past everything that needs more descriptors than the program may have. Filters of system calls
 * come last, since there is no telling what they refuse.
 */
static const struct {
        const char *name;
        long (*run)(const struct spawn_request *r, struct child *c);
} steps[] = {
        { "unshare", step_unshare_fds },
        { "setsid", step_session },
        { "death-signal", step_death_signal },
        { "cgroup", step_cgroup },
        { "settings", step_settings },
        { "mounts", step_mounts },
        { "fds", step_fds },
        { "landlock", step_landlock },
        { "rlimit", step_limit },
        { "limits", step_limits },
        { "setgroups", step_groups },
        { "setgid", step_gid },
        { "rights", step_rights },
        { "setuid", step_uid },
        { "isolate", step_isolate },
        { "death-signal", step_death_signal },
        { "umask", step_umask },
        { "chdir", step_directory },
        { "signals", step_signals },
        { "pid", step_pid },
        { "landlock", step_restrict },
        { "filters", step_filters },
        { "exec", step_execute },
};

_child_ static int child_main(void *data) {
        struct child *c = data;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                c->step = steps[i].name;
                if (steps[i].run(c->request, c) < 0) {
                        c->error = errno;
                        break;
                }
        }
        /* Not _exit(): a sanitizer's has work to do, on our memory. */
        syscall(SYS_exit_group, SPAWN_EXIT_STATUS);
        return SPAWN_EXIT_STATUS;
}

int spawner_init(struct spawner *s) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), size = page + SPAWN_STACK_SIZE;
        void *stack;

        stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED)
                return -errno;
        *s = (struct spawner){ .stack = stack, .stack_size = size, .parent = getpid(), .life = { -1, -1 } };
        if (mprotect(stack, page, PROT_NONE) < 0) {
                int r = -errno;

                spawner_done(s);
                return r;
        }
        return 0;
}

void spawner_done(struct spawner *s) {
        if (s->stack)
                munmap(s->stack, s->stack_size);
        close_fd(s->life[0]);
        close_fd(s->life[1]);
        *s = SPAWNER_NULL;
}

/* The end that no child may have lies above what a child copies. */
static int open_life(struct spawner *s) {
        int fds[2];

        if (s->life[0] >= 0)
                return 0;
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        s->life[1] = fcntl(fds[1], F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
        close(fds[1]);
        if (s->life[1] < 0) {
                int r = -errno;

                close(fds[0]);
                return r;
        }
        s->life[0] = fds[0];
        return 0;
}

/* Into its cgroup at once where that can be had; where not, step_cgroup moves it, or tells why it may not be there. */
static pid_t clone_child(struct spawner *s, struct child *c) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        pid_t pid;

        if (c->request->cgroup_fd >= 0 && !fault_is("no-clone-into-cgroup")) {
                c->in_cgroup = true;
                pid = clone_into_cgroup(child_main, (char *)s->stack + page, s->stack_size - page, c,
                                        c->request->cgroup_fd, c->namespaces);
                if (pid >= 0)
                        return pid;
                c->in_cgroup = false;
        }
        pid = clone(child_main, (char *)s->stack + s->stack_size,
                    (int)(CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD | c->namespaces), c);
        return pid < 0 ? -errno : pid;
}

/* One of each stage: what is in force must be seen to differ from what was asked for (b297-doctor.py). */
static uint32_t without(void) {
        return fault_is("without-limit") ? KEEPER_LIMIT + RLIMIT_NOFILE : fault_is("without-nice") ? KEEPER_NICE :
               fault_is("without-namespace") ? KEEPER_PRIVATE_IPC : fault_is("without-bounding") ? KEEPER_BOUNDING :
               fault_is("without-privileges") ? KEEPER_NO_NEW_PRIVILEGES :
               fault_is("without-filter") ? KEEPER_FILTER_PERSONALITY : fault_is("without-pids") ? KEEPER_PRIVATE_PIDS :
               KEEPER_SETTING_NONE;
}

static const struct setting *find_setting(const struct spawn_request *request, uint32_t what) {
        for (size_t i = 0; i < request->n_settings; i++)
                if (request->settings[i].what == what)
                        return &request->settings[i];
        return NULL;
}

/* Why there is no child: it can be what it was to be cloned into. */
static const char *clone_step(int error, const struct setting *pids) {
        return pids && error != -EAGAIN && error != -ENOMEM ? setting_name(pids) : "clone";
}

/* @param pids  with this one, or NULL. */
static int spawn_once(struct spawner *s, const struct spawn_request *request, const struct setting *pids, pid_t *ret_pid,
                      const char **ret_step) {
        bool own_users = pids && find_setting(request, KEEPER_OWN_USERS);
        struct child c = {
                .request = request,
                .parent = s->parent,
                .arm_death_signal = !fault_is("no-pdeathsig"),
                .look_for_parent = !fault_is("orphan-unseen"),
                .n_settings = fault_is("no-settings") ? 0 : request->n_settings,
                .n_mounts = fault_is("no-mounts") ? 0 : request->n_mounts,
                .mounts_apart = !fault_is("mounts-shared"),
                .without = without(),
                .namespaces = (pids ? CLONE_NEWPID : 0) | (own_users ? CLONE_NEWUSER : 0),
                .life = pids ? s->life[0] : -1,
                .n_landlock = fault_is("no-landlock") ? 0 : request->n_landlock,
                .landlock = -1,
                .step = "clone",
        };
        pid_t pid;

        pid = clone_child(s, &c);
        if (pid < 0) {
                *ret_step = clone_step(pid, pids);
                return pid;
        }
        if (c.error == 0) {
                *ret_pid = pid;
                return 0;
        }
        /* It is past its last instruction. */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        *ret_step = c.step;
        return -c.error;
}

int spawn(struct spawner *s, const struct spawn_request *request, pid_t *ret_pid, const char **ret_step) {
        bool never = fault_is("no-settings") || without() == KEEPER_PRIVATE_PIDS;
        const struct setting *pids = never ? NULL : find_setting(request, KEEPER_PRIVATE_PIDS);
        int r = pids ? open_life(s) : 0;

        if (r < 0) {
                *ret_step = setting_name(pids);
                return r;
        }
        r = spawn_once(s, request, pids, ret_pid, ret_step);
        if (r >= 0 || !pids || strcmp(*ret_step, setting_name(pids)) != 0 || !setting_can_lack(pids, -r))
                return r;
        request->left_out->n = 0;
        left_out_add(request->left_out, setting_name(pids), -r);
        return spawn_once(s, request, NULL, ret_pid, ret_step);
}
