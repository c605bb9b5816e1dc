/* SPDX-License-Identifier: MIT */
/*
 * Controllers of cgroups: which there are, and what they bound an instance to
 *
 * A controller counts in our instances' cgroups only if it is handed on twice: by the cgroup that the daemon was started
 * in, and by our directory in it. The kernel lets nobody but the root of all hand controllers on while it has processes
 * of its own; so before that the keeper and the manager move into a cgroup beside our directory ("NAME.daemon"), for as
 * long as the daemon runs. Nothing of this happens unless a worker needs it.
 *
 * What each key writes is a row of the table below.
 */

#include "daemon/cgroup-control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/cgroup.h"
#include "daemon/config/config.h"

/** cpu.max is a time in each so long. */
#define CPU_PERIOD_USEC 100000
/** A list of controllers; and what is written to one file. */
#define CONTROLLERS_TEXT_MAX 512
#define VALUE_MAX sizeof(((struct cgroup_bound *)NULL)->text)

static const struct {
        enum cgroup_controller bit;
        const char *name;
} controllers[] = {
        { CGROUP_CPU, "cpu" }, { CGROUP_MEMORY, "memory" }, { CGROUP_PIDS, "pids" }, { CGROUP_IO, "io" },
};

/* ---- what is written --------------------------------------------------------------------------- */

/* The text of a value. @return false: it is not set, and the text is what the kernel has without it. */
typedef bool (*format_fn)(char *buf, const void *field);

static bool format_max(char *buf, const void *field) {
        uint64_t value = *(const uint64_t *)field;

        if (value >= AMOUNT_INFINITY)
                snprintf(buf, VALUE_MAX, "max");
        else
                snprintf(buf, VALUE_MAX, "%" PRIu64, value);
        return value != AMOUNT_UNSET;
}

static bool format_low(char *buf, const void *field) {
        bool is_set = format_max(buf, field);

        if (!is_set)
                strcpy(buf, "0");
        return is_set;
}

static bool format_quota(char *buf, const void *field) {
        int value = *(const int *)field;

        if (value == INTEGER_UNSET)
                snprintf(buf, VALUE_MAX, "max %d", CPU_PERIOD_USEC);
        else
                snprintf(buf, VALUE_MAX, "%" PRId64 " %d", (int64_t)value * CPU_PERIOD_USEC / 10000, CPU_PERIOD_USEC);
        return value != INTEGER_UNSET;
}

static bool format_weight(char *buf, const void *field) {
        int value = *(const int *)field;

        snprintf(buf, VALUE_MAX, "%d", value == INTEGER_UNSET ? 100 : value);
        return value != INTEGER_UNSET;
}

static bool format_io_weight(char *buf, const void *field) {
        int value = *(const int *)field;

        snprintf(buf, VALUE_MAX, "default %d", value == INTEGER_UNSET ? 100 : value);
        return value != INTEGER_UNSET;
}

static bool format_oom(char *buf, const void *field) {
        int value = *(const int *)field;

        strcpy(buf, value == WORKER_OOM_KILL ? "1" : "0");
        return value != INTEGER_UNSET;
}

#define ROW(key, member, file, controller, format) \
        { key, file, CGROUP_##controller, offsetof(struct worker_resources, member), format }

static const struct {
        const char *key, *file;
        enum cgroup_controller controller;
        size_t offset;
        format_fn format;
} rows[] = {
        ROW("memory-max", memory_max, "memory.max", MEMORY, format_max),
        ROW("memory-high", memory_high, "memory.high", MEMORY, format_max),
        ROW("memory-low", memory_low, "memory.low", MEMORY, format_low),
        ROW("memory-swap-max", memory_swap_max, "memory.swap.max", MEMORY, format_max),
        ROW("oom-policy", oom_policy, "memory.oom.group", MEMORY, format_oom),
        ROW("cpu-quota", cpu_quota, "cpu.max", CPU, format_quota),
        ROW("cpu-weight", cpu_weight, "cpu.weight", CPU, format_weight),
        ROW("tasks-max", tasks_max, "pids.max", PIDS, format_max),
        ROW("io-weight", io_weight, "io.weight", IO, format_io_weight),
};

unsigned int cgroup_controllers_for(const struct worker_resources *resources) {
        unsigned int wanted = 0;
        char text[VALUE_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].format(text, (const char *)resources + rows[i].offset))
                        wanted |= rows[i].controller;
        return wanted;
}

static int write_file(int fd, const char *name, const char *text) {
        _cleanup_(closep) int file = openat(fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);

        return file < 0 ? -errno : fd_write_all(file, text, strlen(text));
}

/* Half an instance is of no use to anybody, if nothing else was said. */
static struct worker_resources complete(const struct worker_resources *resources) {
        struct worker_resources r = *resources;

        if (r.oom_policy == INTEGER_UNSET && cgroup_controllers_for(resources) & CGROUP_MEMORY)
                r.oom_policy = WORKER_OOM_KILL;
        return r;
}

bool cgroup_bound_of(const struct worker_resources *resources, const char *key, struct cgroup_bound *ret) {
        struct worker_resources r = complete(resources);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].key, key) == 0) {
                        ret->file = rows[i].file;
                        ret->is_set = rows[i].format(ret->text, (const char *)&r + rows[i].offset);
                        ret->is_memory = rows[i].controller == CGROUP_MEMORY;
                        return true;
                }
        return false;
}

void cgroup_write(int fd, const struct worker_resources *resources, bool all, cgroup_fault_fn fn, void *userdata) {
        struct worker_resources r = complete(resources);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[VALUE_MAX];
                bool is_given = rows[i].format(text, (const char *)resources + rows[i].offset);
                bool is_set = rows[i].format(text, (const char *)&r + rows[i].offset);
                int error = !is_set && !all ? 0 : fd < 0 ? -ENOENT : write_file(fd, rows[i].file, text);

                if (error < 0 && is_given)
                        fn(userdata, rows[i].key, error);
        }
}

/* ---- handing on -------------------------------------------------------------------------------- */

/* Those of a list that is separated by blanks. */
unsigned int cgroup_read_controllers(int fd, const char *name) {
        _cleanup_(closep) int file = openat(fd, name, O_RDONLY | O_CLOEXEC);
        char text[CONTROLLERS_TEXT_MAX], *rest = text, *word;
        unsigned int found = 0;
        ssize_t n = file < 0 ? -1 : read(file, text, sizeof text - 1);

        if (n < 0)
                return 0;
        text[n] = '\0';
        while ((word = strsep(&rest, " \n")))
                for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
                        if (strcmp(word, controllers[i].name) == 0)
                                found |= controllers[i].bit;
        return found;
}

/* "+cpu +memory" */
static int write_controllers(int fd, unsigned int which, char sign) {
        char text[CONTROLLERS_TEXT_MAX];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
                if (which & controllers[i].bit)
                        n += (size_t)snprintf(text + n, sizeof text - n, "%s%c%s", n > 0 ? " " : "", sign,
                                              controllers[i].name);
        return n == 0 ? 0 : write_file(fd, "cgroup.subtree_control", text);
}

static int move(int fd, pid_t pid) {
        char text[16];

        snprintf(text, sizeof text, "%d", (int)pid);
        return write_file(fd, "cgroup.procs", text);
}

/* Out of the way: the keeper first, since whoever it starts without a cgroup of its own would be in the way again. */
static int move_away(struct cgroups *c) {
        _cleanup_(freep) char *name = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        if (asprintf(&name, "%s" CGROUP_DAEMON_SUFFIX, c->name) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        if (mkdirat(c->parent_fd, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(c->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = move(fd, c->keeper);
        return r < 0 ? r : move(fd, getpid());
}

/* Those that the kernel has in this cgroup, and that it may hand on. */
static unsigned int hand_on(int fd, unsigned int wanted) {
        unsigned int can = wanted & cgroup_read_controllers(fd, "cgroup.controllers");

        return write_controllers(fd, can, '+') < 0 ? 0 : can;
}

unsigned int cgroups_enable(struct cgroups *c, unsigned int wanted) {
        unsigned int missing = wanted & ~c->controllers, got;

        if (c->fd < 0)
                return 0;
        if (missing == 0)
                return wanted;
        got = hand_on(c->parent_fd, missing);
        if (got == 0 && missing & cgroup_read_controllers(c->parent_fd, "cgroup.controllers") && !c->moved) {
                if (move_away(c) < 0)
                        return wanted & c->controllers;
                c->moved = true;
                got = hand_on(c->parent_fd, missing);
        }
        c->handed_on |= got;
        c->controllers |= hand_on(c->fd, got);
        return wanted & c->controllers;
}

void cgroups_disable_controllers(struct cgroups *c) {
        _cleanup_(freep) char *name = NULL;

        if (c->parent_fd < 0 || !c->name || (!c->moved && c->handed_on == 0))
                return;
        if (c->moved)
                c->handed_on |= cgroup_read_controllers(c->parent_fd, "cgroup.subtree_control");
        (void)write_controllers(c->parent_fd, c->handed_on, '-');
        if (!c->moved || move(c->parent_fd, getpid()) < 0 || move(c->parent_fd, c->keeper) < 0)
                return;
        if (asprintf(&name, "%s" CGROUP_DAEMON_SUFFIX, c->name) < 0)
                name = NULL;
        else
                (void)unlinkat(c->parent_fd, name, AT_REMOVEDIR);
}
