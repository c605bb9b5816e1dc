/* SPDX-License-Identifier: MIT */
/*
 * What a process may use, beside what its worker asks for: limits, scheduling, and what its cgroup bounds it to
 */

#include "daemon/doctor/check-parts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/cgroup-control.h"
#include "daemon/cgroup-devices.h"
#include "daemon/config/keys.h"
#include "daemon/device-rules.h"

/** As ioprio_get(2) has them, for which there is no header. */
#define IO_CLASS_BEST_EFFORT 2
#define IO_CLASS_SHIFT 13
#define IO_PRIORITY_MASK ((1 << IO_CLASS_SHIFT) - 1)
#define IO_PRIORITY_DEFAULT 4
#define NSEC_PER_USEC 1000
/** What is in one file of a cgroup. */
#define CGROUP_VALUE_MAX 64

/* ---- limits and scheduling ------------------------------------------------------------------------- */

static void format_limit(char *text, uint64_t soft, uint64_t hard) {
        const uint64_t values[] = { soft, hard };

        for (size_t i = 0; i < (soft == hard ? 1 : 2); i++)
                if (values[i] == LOOK_NO_LIMIT)
                        check_append(text, "%sinfinity", i > 0 ? ":" : "");
                else
                        check_append(text, "%s%" PRIu64, i > 0 ? ":" : "", values[i]);
}

static uint64_t limit_of(uint64_t amount) {
        return amount == AMOUNT_INFINITY ? LOOK_NO_LIMIT : amount;
}

enum check_verdict check_limit(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct worker_limit *limit = &s->checks->definition->limits[row->argument];
        const struct process_limits *found = &s->look->limits;

        if (found->known[row->argument])
                format_limit(t->found, found->soft[row->argument], found->hard[row->argument]);
        if (limit->soft != AMOUNT_UNSET)
                format_limit(t->wanted, limit_of(limit->soft), limit_of(limit->hard));
        return check_compare(t);
}

static enum check_verdict compare_number(struct check_text *t, int wanted, struct told found) {
        if (found.known)
                check_append(t->found, "%" PRId64, found.value);
        if (wanted != INTEGER_UNSET)
                check_append(t->wanted, "%d", wanted);
        return check_compare(t);
}

enum check_verdict check_nice(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        return compare_number(t, s->checks->definition->nice, s->look->nice);
}

enum check_verdict check_oom_score(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        return compare_number(t, s->checks->definition->oom_score_adjust, s->look->oom_score);
}

enum check_verdict check_io_class(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct worker_definition *d = s->checks->definition;
        int64_t class = s->look->io_priority.value >> IO_CLASS_SHIFT;

        if (s->look->io_priority.known && class >= 0 && class <= IO_CLASS_BEST_EFFORT + 1)
                check_append(t->found, "%s", io_class_words[class]);
        if (!check_want(s, row, t) && d->io_priority != INTEGER_UNSET)
                check_append(t->wanted, "%s", io_class_words[IO_CLASS_BEST_EFFORT]);
        return check_compare(t);
}

enum check_verdict check_io_priority(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct worker_definition *d = s->checks->definition;
        struct told found = s->look->io_priority;
        bool has_one = d->io_class == IO_CLASS_BEST_EFFORT || d->io_class == IO_CLASS_BEST_EFFORT - 1;

        found.value &= IO_PRIORITY_MASK;
        return compare_number(t, d->io_priority == INTEGER_UNSET && has_one ? IO_PRIORITY_DEFAULT : d->io_priority, found);
}

enum check_verdict check_cpus(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const uint8_t *bits = s->checks->definition->cpus.bits;
        bool ok = true;

        for (unsigned int i = 0, next; s->look->cpus_known && i < CPU_SETSIZE; i = next + 1) {
                for (next = i; next < CPU_SETSIZE && CPU_ISSET(next, &s->look->cpus); next++)
                        ok &= next < WORKER_MASK_MAX && bits[next / 8] >> next % 8 & 1;
                if (next > i)
                        check_append(t->found, next == i + 1 ? "%s%u" : "%s%u-%u", *t->found ? " " : "", i, next - 1);
        }
        (void)check_want(s, row, t);
        return check_judge(t, ok);
}

enum check_verdict check_cpu_policy(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        static const int policies[_WORKER_CPU_N] = {
                [WORKER_CPU_OTHER] = SCHED_OTHER, [WORKER_CPU_BATCH] = SCHED_BATCH, [WORKER_CPU_IDLE] = SCHED_IDLE,
                [WORKER_CPU_FIFO] = SCHED_FIFO, [WORKER_CPU_RR] = SCHED_RR,
        };

        for (size_t i = 0; s->look->cpu_policy.known && i < _WORKER_CPU_N; i++)
                if (policies[i] == s->look->cpu_policy.value)
                        check_append(t->found, "%s", cpu_policy_words[i]);
        (void)check_want(s, row, t);
        return check_compare(t);
}

enum check_verdict check_cpu_priority(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct worker_definition *d = s->checks->definition;
        bool is_real_time = d->cpu_policy == WORKER_CPU_FIFO || d->cpu_policy == WORKER_CPU_RR;

        return compare_number(t, !is_real_time ? INTEGER_UNSET : d->cpu_priority == INTEGER_UNSET ? 1 : d->cpu_priority,
                              s->look->cpu_priority);
}

/* The kernel has words of its own: "prefer:0". */
enum check_verdict check_numa(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        static const struct { const char *kernel, *word; } words[] = {
                { "default", "default" }, { "prefer", "preferred" }, { "bind", "bind" }, { "interleave", "interleave" },
                { "local", "local" },
        };
        size_t n = strcspn(s->look->numa, ":");

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (n > 0 && strlen(words[i].kernel) == n && strncmp(s->look->numa, words[i].kernel, n) == 0)
                        check_append(t->found, "%s", words[i].word);
        (void)check_want(s, row, t);
        return check_compare(t);
}

enum check_verdict check_numa_nodes(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const char *colon = strchr(s->look->numa, ':');
        _cleanup_(freep) char *nodes = worker_definition_value(s->checks->definition, row->key);

        if (colon)
                check_append(t->found, "{%s}", colon + 1);
        /* "{0, 2-4}" and "0,2-4" */
        for (const char *p = nodes; p && *p; p++)
                if (*p != ' ')
                        check_append(t->wanted, "%c", *p);
        if (*t->wanted && *t->wanted != '{') {
                char wanted[CHECK_TEXT_MAX];

                memcpy(wanted, t->wanted, sizeof wanted);
                snprintf(t->wanted, CHECK_TEXT_MAX, "{%.*s}", CHECK_TEXT_MAX - 3, wanted);
        }
        return check_compare(t);
}

enum check_verdict check_timer_slack(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        uint64_t wanted = s->checks->definition->timer_slack_usec;

        if (s->look->timer_slack_nsec.known)
                check_append(t->found, "%" PRId64 "ns", s->look->timer_slack_nsec.value);
        if (wanted != AMOUNT_UNSET)
                check_append(t->wanted, "%" PRIu64 "ns", wanted * NSEC_PER_USEC);
        return check_compare(t);
}

/* ---- its cgroup ------------------------------------------------------------------------------------ */

static bool read_cgroup(int fd, const char *name, char *text) {
        _cleanup_(closep) int file = fd < 0 ? -1 : openat(fd, name, O_RDONLY | O_CLOEXEC);
        ssize_t n = file < 0 ? -1 : read(file, text, CGROUP_VALUE_MAX - 1);

        if (n < 0)
                return false;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return true;
}

/* The kernel bounds memory in whole pages. */
static bool same_in_pages(const char *a, const char *b) {
        long page = sysconf(_SC_PAGESIZE);
        uint64_t x, y;
        int used_x = 0, used_y = 0;

        if (sscanf(a, "%" SCNu64 "%n", &x, &used_x) != 1 || sscanf(b, "%" SCNu64 "%n", &y, &used_y) != 1)
                return false;
        return !a[used_x] && !b[used_y] && x / (uint64_t)page == y / (uint64_t)page;
}

enum check_verdict check_cgroup(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        struct cgroup_bound bound;
        bool ok;

        if (!cgroup_bound_of(&s->checks->definition->resources, row->key, &bound))
                return CHECK_NOT_ASKED;
        (void)read_cgroup(s->cgroup_fd, bound.file, t->found);
        if (!bound.is_set)
                return CHECK_NOT_ASKED;
        strcpy(t->wanted, bound.text);
        ok = strcmp(t->wanted, t->found) == 0 || (bound.is_memory && same_in_pages(t->wanted, t->found));
        if (!*t->found)
                check_append(t->found, "not bounded");
        return ok ? CHECK_OK : CHECK_DIFFERS;
}

/* Nodes that were made since the start are in no rule: that is a difference, too. @return 1, 0, or -errno. */
int checks_have_devices(const struct checks *c, int cgroup_fd) {
        struct device_rules rules;
        int r = device_rules_find(&rules, c->definition, NULL, NULL);

        return r < 0 ? r : cgroup_devices_are(cgroup_fd, &rules);
}

/* As private-devices implies it, it is not asked for, and the cgroup that it needs need not be there. */
enum check_verdict check_devices(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        enum device_wish wish = device_wish_of(s->checks->definition);
        int r;

        if (wish == DEVICES_ALL || !check_want(s, row, t))
                return CHECK_NOT_ASKED;
        if (strcmp(row->key, "device-policy") == 0 && s->checks->definition->isolation.device_policy == WORKER_DEVICES_AUTO)
                strcpy(t->wanted, device_policy_words[WORKER_DEVICES_CLOSED]);
        r = checks_have_devices(s->checks, s->cgroup_fd);
        if (r < 0)
                check_append(t->found, "%s", strerrordesc_np(-r) ?: "unknown error");
        else
                check_append(t->found, "%s", r ? t->wanted : "not these rules");
        return r > 0 ? CHECK_OK : wish == DEVICES_IMPLIED ? CHECK_NOT_ASKED : r < 0 ? CHECK_UNKNOWN : CHECK_DIFFERS;
}
