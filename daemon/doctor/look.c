/* SPDX-License-Identifier: MIT */
/*
 * What is in force of a process, as the kernel tells it
 *
 * Reads, and never asks the process: nothing here can be answered by it, stops it, or waits for it. What cannot be read is
 * not known, which is not the same as not so.
 */

#include "daemon/doctor/look.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/proc.h"
#include "daemon/small-file.h"

_Static_assert(LOOK_LIMITS_N == RLIMIT_NLIMITS, "each limit that there is");

/** Of a file of /proc: that of mounts can be long. */
#define LOOK_FILE_MAX ((size_t)1 << 20)
/** Of those that have a line or a few. */
#define LOOK_SHORT_MAX ((size_t)16 << 10)
/** Of ioprio_get(2), for which there is no header: one process. */
#define IOPRIO_WHO_PROCESS 1

/* ---- texts of the kernel -------------------------------------------------------------------------- */

/* What is behind "NAME:" of a line, without the blanks in front. @return NULL: there is no such line. */
static const char *field(const char *text, const char *name) {
        size_t n = strlen(name);

        for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (strncmp(line, name, n) == 0 && line[n] == ':')
                        return line + n + 1 + strspn(line + n + 1, " \t");
        return NULL;
}

static bool parse_four(const char *text, const char *name, uint32_t ret[4]) {
        const char *p = field(text, name);

        return p && sscanf(p, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &ret[0], &ret[1], &ret[2], &ret[3]) == 4;
}

static void parse_groups(const char *text, struct process_status *ret) {
        const char *p = field(text, "Groups");
        char *end;

        while (p && *p >= '0' && *p <= '9') {
                unsigned long group = strtoul(p, &end, 10);

                if (ret->n_groups < LOOK_GROUPS_MAX)
                        ret->groups[ret->n_groups] = (gid_t)group;
                ret->n_groups++;
                p = end + strspn(end, " ");
        }
}

static uint64_t parse_mask(const char *text, const char *name) {
        const char *p = field(text, name);

        return p ? strtoull(p, NULL, 16) : 0;
}

static int parse_number(const char *text, const char *name, int base) {
        const char *p = field(text, name);

        return p ? (int)strtol(p, NULL, base) : -1;
}

bool status_parse(const char *text, struct process_status *ret) {
        *ret = (struct process_status){ .n_groups = 0 };
        if (!parse_four(text, "Uid", ret->uids) || !parse_four(text, "Gid", ret->gids))
                return false;
        parse_groups(text, ret);
        ret->inheritable = parse_mask(text, "CapInh");
        ret->permitted = parse_mask(text, "CapPrm");
        ret->effective = parse_mask(text, "CapEff");
        ret->bounding = parse_mask(text, "CapBnd");
        ret->ambient = parse_mask(text, "CapAmb");
        ret->no_new_privileges = parse_number(text, "NoNewPrivs", 10);
        ret->seccomp = parse_number(text, "Seccomp", 10);
        ret->filters = parse_number(text, "Seccomp_filters", 10);
        ret->umask = parse_number(text, "Umask", 8);
        return true;
}

static const char *const limit_names[LOOK_LIMITS_N] = {
        [RLIMIT_CPU] = "Max cpu time", [RLIMIT_FSIZE] = "Max file size", [RLIMIT_DATA] = "Max data size",
        [RLIMIT_STACK] = "Max stack size", [RLIMIT_CORE] = "Max core file size", [RLIMIT_RSS] = "Max resident set",
        [RLIMIT_NPROC] = "Max processes", [RLIMIT_NOFILE] = "Max open files", [RLIMIT_MEMLOCK] = "Max locked memory",
        [RLIMIT_AS] = "Max address space", [RLIMIT_LOCKS] = "Max file locks", [RLIMIT_SIGPENDING] = "Max pending signals",
        [RLIMIT_MSGQUEUE] = "Max msgqueue size", [RLIMIT_NICE] = "Max nice priority",
        [RLIMIT_RTPRIO] = "Max realtime priority", [RLIMIT_RTTIME] = "Max realtime timeout",
};

static bool parse_limit(const char *text, uint64_t *ret) {
        char *end;

        if (strcmp(text, "unlimited") == 0) {
                *ret = LOOK_NO_LIMIT;
                return true;
        }
        *ret = strtoull(text, &end, 10);
        return end != text && *end == '\0';
}

void limits_parse(const char *text, struct process_limits *ret) {
        char soft[24], hard[24];

        *ret = (struct process_limits){ { 0 }, { 0 }, { false } };
        for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                for (size_t i = 0; i < LOOK_LIMITS_N; i++) {
                        size_t n = strlen(limit_names[i]);

                        if (strncmp(line, limit_names[i], n) == 0 && line[n] == ' ' &&
                            sscanf(line + n, "%23s %23s", soft, hard) == 2)
                                ret->known[i] = parse_limit(soft, &ret->soft[i]) && parse_limit(hard, &ret->hard[i]);
                }
}

bool cgroup_parse(const char *text, char *ret, size_t size) {
        const char *line = text;

        while (line && strncmp(line, "0::", 3) != 0)
                line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
        if (!line || strcspn(line + 3, "\n") >= size)
                return false;
        snprintf(ret, size, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        return true;
}

/* ---- reading -------------------------------------------------------------------------------------- */

static char *read_file(pid_t pid, const char *name, size_t max) {
        char path[64], *text;
        size_t size;

        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
        return small_file_read(path, max, &text, &size) < 0 ? NULL : text;
}

static void read_texts(struct process_look *look) {
        _cleanup_(freep) char *status = read_file(look->pid, "status", LOOK_SHORT_MAX);
        _cleanup_(freep) char *limits = read_file(look->pid, "limits", LOOK_SHORT_MAX);
        _cleanup_(freep) char *cgroup = read_file(look->pid, "cgroup", LOOK_SHORT_MAX);
        char *mounts = read_file(look->pid, "mountinfo", LOOK_FILE_MAX);

        look->status_known = status && status_parse(status, &look->status);
        if (limits)
                limits_parse(limits, &look->limits);
        if (cgroup)
                (void)cgroup_parse(cgroup, look->cgroup, sizeof look->cgroup);
        look->mounts_known = mounts && mount_table_parse(&look->mounts, mounts) >= 0;
}

static const char *const namespace_names[_NAMESPACE_N] = {
        [NAMESPACE_CGROUP] = "cgroup", [NAMESPACE_IPC] = "ipc", [NAMESPACE_MNT] = "mnt", [NAMESPACE_NET] = "net",
        [NAMESPACE_PID] = "pid", [NAMESPACE_USER] = "user", [NAMESPACE_UTS] = "uts",
};

const char *namespace_name(enum process_namespace kind) {
        return namespace_names[kind];
}

static void read_namespaces(struct process_look *look) {
        for (size_t i = 0; i < _NAMESPACE_N; i++) {
                char path[64];
                ssize_t n;

                snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)look->pid, namespace_names[i]);
                n = readlink(path, look->namespaces[i], NAMESPACE_TEXT_MAX - 1);
                look->namespaces[i][n > 0 ? n : 0] = '\0';
        }
}

static struct told read_number(pid_t pid, const char *name) {
        _cleanup_(freep) char *text = read_file(pid, name, LOOK_SHORT_MAX);
        char *end = NULL;
        int64_t value = text ? strtoll(text, &end, 10) : 0;

        return (struct told){ .known = text && end != text, .value = value };
}

static void read_scheduling(struct process_look *look) {
        struct sched_param param;
        long r;

        errno = 0;
        r = getpriority(PRIO_PROCESS, (id_t)look->pid);
        look->nice = (struct told){ errno == 0, r };
        r = sched_getscheduler(look->pid);
        look->cpu_policy = (struct told){ r >= 0, r & ~SCHED_RESET_ON_FORK };
        look->cpu_priority = (struct told){ sched_getparam(look->pid, &param) >= 0, param.sched_priority };
        look->cpus_known = sched_getaffinity(look->pid, sizeof look->cpus, &look->cpus) >= 0;
        r = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, look->pid);
        look->io_priority = (struct told){ r >= 0, r };
        look->oom_score = read_number(look->pid, "oom_score_adj");
        look->timer_slack_nsec = read_number(look->pid, "timerslack_ns");
}

/* "5581e6a33000 bind:0 file=…": that of the process, for memory that has none of its own. */
static void read_numa(struct process_look *look) {
        _cleanup_(fclosep) FILE *f = NULL;
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/numa_maps", (int)look->pid);
        f = fopen(path, "re");
        if (!f || fscanf(f, "%*s %39s", look->numa) != 1)
                look->numa[0] = '\0';
}

int process_look(pid_t pid, struct process_look *ret) {
        struct proc_stat stat;

        memset(ret, 0, sizeof *ret);
        ret->pid = pid;
        read_texts(ret);
        read_namespaces(ret);
        read_scheduling(ret);
        read_numa(ret);
        /* Of one that has died meanwhile, half was read. */
        return proc_read_stat(pid, &stat) < 0 || proc_is_dead(&stat) ? -ESRCH : 0;
}

void process_look_done(struct process_look *look) {
        mount_table_done(&look->mounts);
}

/* ---- using it ------------------------------------------------------------------------------------- */

int look_has_own_namespace(const struct process_look *look, const struct process_look *own, enum process_namespace kind) {
        if (!look->namespaces[kind][0] || !own->namespaces[kind][0])
                return -1;
        return strcmp(look->namespaces[kind], own->namespaces[kind]) != 0;
}

int look_open_cgroup(const struct process_look *look, const struct process_look *own) {
        for (size_t i = 0; i < own->mounts.n; i++) {
                const struct mount_entry *m = &own->mounts.entries[i];
                size_t n = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
                char path[2 * LOOK_PATH_MAX];
                int fd;

                if (!look->cgroup[0] || strcmp(m->type, "cgroup2") != 0 || strncmp(look->cgroup, m->root, n) != 0 ||
                    (look->cgroup[n] != '/' && look->cgroup[n] != '\0'))
                        continue;
                snprintf(path, sizeof path, "%.*s%s", LOOK_PATH_MAX - 1, m->point, look->cgroup + n);
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd >= 0)
                        return fd;
        }
        return -ENOENT;
}
