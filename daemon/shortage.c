/* SPDX-License-Identifier: MIT */
/*
 * What there is too little of: descriptors and processes
 *
 * Several limits bound the number of processes, and the kernel says EAGAIN for each. So all of them are read, and that which
 * leaves least room is named.
 */

#include "daemon/shortage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "daemon/config/config.h"
#include "daemon/log/log.h"

#define PATH_TEXT_MAX 512
/** Descriptors for each instance that does nothing but run, of its output: a stream each, or one for both. */
#define DESCRIPTORS_EACH UINT64_C(2)
#define DESCRIPTORS_EACH_NEAR UINT64_C(1)
/**
 * Those that no instance gets. The keeper keeps what the manager has of them, above the numbers that its children's have;
 * and the manager needs some for those who ask what is going on.
 */
#define DESCRIPTORS_LAST UINT64_C(350)
/** The part of the others in which the end is near. */
#define DESCRIPTORS_NEAR 4

/* A number of processes that must not be exceeded. */
struct bound {
        uint64_t most, used;            /* UINT64_MAX: no limit; 0: not known */
        char words[SHORTAGE_WORDS_MAX]; /* "pids.max of /sys/fs/cgroup/a is 12 (systemd: TasksMax=)" */
};

/* The number in a file of /proc or of a cgroup. @return `otherwise` if there is none ("max"). */
static uint64_t read_number(const char *path, uint64_t otherwise) {
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        uint64_t value;

        return f && fscanf(f, "%" SCNu64, &value) == 1 ? value : otherwise;
}

static uint64_t left(const struct bound *b) {
        return b->most > b->used ? b->most - b->used : 0;
}

static void take_nearer(struct bound *nearest, const struct bound *other) {
        if (other->most != UINT64_MAX && (nearest->most == UINT64_MAX || left(other) < left(nearest)))
                *nearest = *other;
}

/* ---- limits of the number of processes ---------------------------------------------------------- */

/* How many there are: "0.00 0.01 0.05 1/123 4711". */
static uint64_t count_threads(void) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/loadavg", "re");
        uint64_t n;

        return f && fscanf(f, "%*s %*s %*s %*[0-9]/%" SCNu64, &n) == 1 ? n : 0;
}

static void look_at_kernel(struct bound *nearest) {
        static const char *const names[] = { "pid_max", "threads-max" };
        struct bound b = { .used = count_threads() };
        char path[64];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(path, sizeof path, "/proc/sys/kernel/%s", names[i]);
                b.most = read_number(path, UINT64_MAX);
                snprintf(b.words, sizeof b.words, "kernel.%s is %" PRIu64 " (sysctl)", names[i], b.most);
                take_nearer(nearest, &b);
        }
}

/* It binds nobody who is root. How many processes a user has is not told anywhere: taken as all. */
static void look_at_limit(struct bound *nearest) {
        struct rlimit limit;
        struct bound b = { 0 };

        if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return;
        b.most = limit.rlim_cur;
        b.used = count_threads();
        snprintf(b.words, sizeof b.words, "RLIMIT_NPROC is %" PRIu64 " (systemd: LimitNPROC=; else: ulimit -u)", b.most);
        take_nearer(nearest, &b);
}

/* Our cgroup, and each above it. */
static void look_at_cgroup(struct bound *nearest, const char *mount, char *path) {
        for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
                char name[PATH_TEXT_MAX];
                struct bound b;

                *end = '\0';
                snprintf(name, sizeof name, "%s%.300s/pids.max", mount, path);
                b.most = read_number(name, UINT64_MAX);
                snprintf(b.words, sizeof b.words, "pids.max of %s%.150s is %" PRIu64 " (systemd: TasksMax=)", mount, path,
                         b.most);
                snprintf(name, sizeof name, "%s%.300s/pids.current", mount, path);
                b.used = read_number(name, 0);
                take_nearer(nearest, &b);
        }
}

static void look_at_cgroups(struct bound *nearest) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/cgroup", "re");
        _cleanup_(freep) char *line = NULL;
        size_t allocated = 0;

        while (f && getline(&line, &allocated, f) >= 0) {
                char *path = strrchr(line, ':');

                line[strcspn(line, "\n")] = '\0';
                if (!path)
                        continue;
                path += strcmp(path, ":/") == 0 ? 2 : 1;
                if (strncmp(line, "0::", 3) == 0)
                        look_at_cgroup(nearest, "/sys/fs/cgroup", path);
                else if (strstr(line, ":pids:"))
                        look_at_cgroup(nearest, "/sys/fs/cgroup/pids", path);
        }
}

static void find_nearest(struct bound *ret) {
        *ret = (struct bound){ .most = UINT64_MAX };
        look_at_kernel(ret);
        look_at_limit(ret);
        look_at_cgroups(ret);
}

/* ---- telling ----------------------------------------------------------------------------------- */

static void descriptor_words(char *buf, size_t size, uint64_t most) {
        snprintf(buf, size, "RLIMIT_NOFILE of gangerd is %" PRIu64 " (systemd: LimitNOFILE=; else: ulimit -Hn)", most);
}

void shortage_explain(struct error *error) {
        char words[SHORTAGE_WORDS_MAX] = "", text[ERROR_TEXT_MAX];
        struct rlimit limit;
        struct bound nearest;

        if (error->code == -EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
                descriptor_words(words, sizeof words, limit.rlim_max);
        else if (error->code == -ENFILE)
                snprintf(words, sizeof words, "fs.file-max is %" PRIu64 " (sysctl)",
                         read_number("/proc/sys/fs/file-max", 0));
        else if (error->code == -EAGAIN) {
                find_nearest(&nearest);
                snprintf(words, sizeof words, "%s", nearest.words);
        }
        if (!words[0])
                return;
        snprintf(text, sizeof text, "%s", error->text);
        error_set(error, error->code, "%.*s: %s", (int)(sizeof text - sizeof words - 3), text, words);
}

/* How many there are for instances. */
static uint64_t usable(uint64_t most) {
        return most > DESCRIPTORS_LAST ? most - DESCRIPTORS_LAST : 0;
}

static uint64_t far(uint64_t most) {
        return usable(most) - usable(most) / DESCRIPTORS_NEAR;
}

static bool is_past(int fd, uint64_t (*part)(uint64_t most)) {
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
               (uint64_t)fd >= part(limit.rlim_cur);
}

bool shortage_is_near(int fd) {
        return is_past(fd, far);
}

bool shortage_is_last(int fd) {
        return is_past(fd, usable);
}

/* What so many instances need: what the last of them can do with, they do with. */
static uint64_t needed(uint64_t n, uint64_t most) {
        uint64_t n_far = MIN(n, far(most) / DESCRIPTORS_EACH);

        return DESCRIPTORS_LAST + n_far * DESCRIPTORS_EACH + (n - n_far) * DESCRIPTORS_EACH_NEAR;
}

void shortage_foresee(const struct config *config) {
        uint64_t n = 0, descriptors;
        char words[SHORTAGE_WORDS_MAX];
        struct rlimit limit;
        struct bound nearest;

        for (size_t i = 0; i < config->n_workers; i++)
                n += config->workers[i]->instances + config->workers[i]->standby;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                limit.rlim_max = RLIM_INFINITY;
        descriptors = needed(n, limit.rlim_max);
        if (descriptors > limit.rlim_max && n > 0) {
                descriptor_words(words, sizeof words, limit.rlim_max);
                log_warning("%" PRIu64 " instances need %" PRIu64 " descriptors and more: %s", n, descriptors, words);
        }
        find_nearest(&nearest);
        if (nearest.most != UINT64_MAX && n > nearest.most)
                log_warning("%" PRIu64 " instances are more processes than there may be: %s", n, nearest.words);
}
