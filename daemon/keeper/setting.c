/* SPDX-License-Identifier: MIT */

/*
 * What a process has from before it executes: limits, priorities, processors
 *
 * The one table of it: a row each, under the name of the key that it is set by, which is what a failure is told under.
 *
 * What must hold: what applies a row runs in the child, which shares our memory, as the steps of spawn.c do. So it makes
 * system calls and nothing else. It runs with our rights, before those of the user are taken: what may be given to a
 * process is for us to say, not for it. RLIMIT_NPROC is no exception: the kernel looks at it when the process executes,
 * by the user that it has then.
 */

#include "daemon/keeper/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/keeper/protocol.h"

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

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

static const struct row {
        const char *name;
        long (*apply)(const struct setting *s);
        size_t mask_min;                /* bytes; up to KEEPER_MASK_MAX if it takes one */
        bool takes_mask;
} rows[] = {
        [KEEPER_OOM_SCORE] = { "oom-score-adjust", set_oom_score, 0, false },
        [KEEPER_NICE] = { "nice", set_nice, 0, false },
        [KEEPER_CPU_POLICY] = { "cpu-scheduling-policy", set_cpu_policy, 0, false },
        [KEEPER_CPUS] = { "cpu-affinity", set_cpus, 1, true },
        [KEEPER_IO_PRIORITY] = { "io-scheduling-class", set_io_priority, 0, false },
        [KEEPER_NUMA] = { "numa-policy", set_numa, 0, true },
        [KEEPER_TIMER_SLACK] = { "timer-slack", set_timer_slack, 0, false },
        [KEEPER_LIMIT + RLIMIT_CPU] = { "limit-cpu", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_FSIZE] = { "limit-fsize", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_DATA] = { "limit-data", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_STACK] = { "limit-stack", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_CORE] = { "limit-core", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_RSS] = { "limit-rss", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_NOFILE] = { "limit-nofile", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_AS] = { "limit-as", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_NPROC] = { "limit-nproc", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_MEMLOCK] = { "limit-memlock", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_LOCKS] = { "limit-locks", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_SIGPENDING] = { "limit-sigpending", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_MSGQUEUE] = { "limit-msgqueue", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_NICE] = { "limit-nice", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_RTPRIO] = { "limit-rtprio", set_limit, 0, false },
        [KEEPER_LIMIT + RLIMIT_RTTIME] = { "limit-rttime", set_limit, 0, false },
};

bool setting_is_valid(const struct setting *s) {
        const struct row *row = s->what < ARRAY_SIZE(rows) ? &rows[s->what] : NULL;

        if (!row || !row->apply)
                return false;
        if (s->what == KEEPER_OOM_SCORE && (s->value < -1000 || s->value > 1000))
                return false;
        return s->mask_size >= row->mask_min && s->mask_size <= (row->takes_mask ? KEEPER_MASK_MAX : 0);
}

const char *setting_name(const struct setting *s) {
        return rows[s->what].name;
}

bool setting_is_limit(const struct setting *s) {
        return s->what >= KEEPER_LIMIT;
}

_child_ long setting_apply(const struct setting *s) {
        return rows[s->what].apply(s);
}
