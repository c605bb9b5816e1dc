/* SPDX-License-Identifier: MIT */
/*
 * What the definition of a worker asks for, beside what is in force of its process
 *
 * The one table of it: a row a key, with what reads it back. A new key needs a row; one that restricts by a filter, a
 * namespace or mounts needs no more.
 *
 * What must hold: what is wanted is found from the definition, and not from what was asked of the keeper, so that what was
 * lost between the two is seen, too. (Only which paths a key means is asked where that is decided: isolation/mounts.c.)
 *
 * A program may give up rights that it has. So less is as good, wherever less is known to be: fewer capabilities, fewer
 * processors, more filters. Whatever else it changes by itself is a difference like any other.
 */

#include "daemon/doctor/check-parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/keys.h"
#include "daemon/config/words-isolation.h"
#include "daemon/doctor/check-mounts.h"
#include "daemon/isolation/isolation.h"
#include "daemon/isolation/landlock.h"

/* ---- texts ---------------------------------------------------------------------------------------- */

void check_append(char *text, const char *format, ...) {
        size_t n = strlen(text);
        va_list args;

        va_start(args, format);
        vsnprintf(text + n, CHECK_TEXT_MAX - n, format, args);
        va_end(args);
}

bool check_want(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        _cleanup_(freep) char *value = worker_definition_value(s->checks->definition, row->key);

        snprintf(t->wanted, CHECK_TEXT_MAX, "%s", value ?: "");
        return value;
}

/* What a key says that asks for nothing. */
static bool want_yes(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        static const char *const nothing[] = { "no", "default", "all" };
        bool asked = check_want(s, row, t);

        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                asked &= strcmp(t->wanted, nothing[i]) != 0;
        if (!asked)
                t->wanted[0] = '\0';
        return asked;
}

enum check_verdict check_compare(const struct check_text *t) {
        if (!t->wanted[0])
                return CHECK_NOT_ASKED;
        if (!t->found[0])
                return CHECK_UNKNOWN;
        return strcmp(t->wanted, t->found) == 0 ? CHECK_OK : CHECK_DIFFERS;
}

enum check_verdict check_judge(const struct check_text *t, bool ok) {
        return !t->wanted[0] ? CHECK_NOT_ASKED : !t->found[0] ? CHECK_UNKNOWN : ok ? CHECK_OK : CHECK_DIFFERS;
}

/* ---- user and groups ------------------------------------------------------------------------------- */

static void format_ids(char *text, const uint32_t ids[4]) {
        bool all_same = ids[1] == ids[0] && ids[2] == ids[0] && ids[3] == ids[0];

        for (size_t i = 0; i < (all_same ? 1 : 4); i++)
                check_append(text, "%s%" PRIu32, i > 0 ? " " : "", ids[i]);
}

/* Of all four of its numbers. */
static enum check_verdict compare_user(const struct check_subject *s, const char *name, struct check_text *t) {
        const struct checks *c = s->checks;
        bool ok = false;

        if (!c->user_known) {
                check_append(t->wanted, "%s", name);
                return CHECK_UNKNOWN;
        }
        check_append(t->wanted, "%s (%u)", name, (unsigned int)c->request.user.uid);
        for (size_t i = 0; s->status && i < 4; i++)
                ok = s->status->uids[i] == c->request.user.uid && (ok || i == 0);
        if (ok)
                strcpy(t->found, t->wanted);
        return check_judge(t, ok);
}

static enum check_verdict check_user(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const char *user = s->checks->definition->user;

        if (s->status)
                format_ids(t->found, s->status->uids);
        return user ? compare_user(s, user, t) : CHECK_NOT_ASKED;
}

/* Not somebody that the system knows by this name. */
static enum check_verdict check_dynamic_user(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct checks *c = s->checks;

        if (!c->definition->dynamic_user)
                return CHECK_NOT_ASKED;
        if (s->status)
                format_ids(t->found, s->status->uids);
        return compare_user(s, c->user_known ? c->request.user.name : "yes", t);
}

static bool asks_for_user(const struct worker_definition *d) {
        return d->user || d->dynamic_user;
}

static enum check_verdict check_group(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct checks *c = s->checks;
        uint32_t wanted[4];

        if (s->status)
                format_ids(t->found, s->status->gids);
        if (!asks_for_user(c->definition) && !c->definition->isolation.primary_group)
                return CHECK_NOT_ASKED;
        if (!c->user_known) {
                (void)check_want(s, row, t);
                return CHECK_UNKNOWN;
        }
        for (size_t i = 0; i < 4; i++)
                wanted[i] = c->request.user.change ? c->request.user.gid : (uint32_t)getegid();
        format_ids(t->wanted, wanted);
        return check_compare(t);
}

static int compare_ids(const void *a, const void *b) {
        const uint32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Each once, in order. */
static void format_groups(char *text, const uint32_t *groups, size_t n) {
        uint32_t sorted[LOOK_GROUPS_MAX];

        n = MIN(n, (size_t)LOOK_GROUPS_MAX);
        memcpy(sorted, groups, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_ids);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || sorted[i] != sorted[i - 1])
                        check_append(text, "%s%" PRIu32, *text ? " " : "", sorted[i]);
        if (n == 0)
                check_append(text, "none");
}

static enum check_verdict check_groups(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct checks *c = s->checks;
        const struct worker_isolation *isolation = &c->definition->isolation;
        bool asked = asks_for_user(c->definition) || isolation->primary_group || *isolation->supplementary_groups;

        if (s->status)
                format_groups(t->found, s->status->groups, s->status->n_groups);
        if (asked && !c->user_known) {
                check_append(t->wanted, "those of its user");
                return CHECK_UNKNOWN;
        }
        if (!asked || !c->request.user.change)
                return CHECK_NOT_ASKED;
        format_groups(t->wanted, c->request.user.groups, c->request.user.n_groups);
        return check_compare(t);
}

static enum check_verdict check_umask(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        int mask = s->checks->definition->umask;

        if (s->status && s->status->umask >= 0)
                check_append(t->found, "%04o", (unsigned int)s->status->umask);
        if (mask != INTEGER_UNSET)
                check_append(t->wanted, "%04o", (unsigned int)mask);
        return check_compare(t);
}

/* ---- rights ---------------------------------------------------------------------------------------- */

/* "all", "none", "CAP_CHOWN CAP_KILL", or "all but CAP_SYS_ADMIN". */
static void format_capabilities(char *text, uint64_t set, uint64_t all) {
        bool by_others = __builtin_popcountll(set & all) > __builtin_popcountll(all) / 2;
        uint64_t shown = by_others ? all & ~set : set & all;

        if (shown == 0) {
                check_append(text, "%s", by_others ? "all" : "none");
                return;
        }
        check_append(text, "%s", by_others ? "all but" : "");
        for (size_t i = 0; i < isolation_capabilities.n; i++)
                if (shown >> i & 1)
                        check_append(text, "%s%s", *text ? " " : "", isolation_capabilities.words[i].name);
}

/* Those that we know. */
static uint64_t all_capabilities(void) {
        return (UINT64_C(1) << isolation_capabilities.n) - 1;
}

static enum check_verdict check_bounding(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        uint64_t wanted = s->checks->definition->isolation.capabilities;

        if (s->status)
                format_capabilities(t->found, s->status->bounding, all_capabilities());
        if (wanted != AMOUNT_UNSET)
                format_capabilities(t->wanted, wanted, all_capabilities());
        return check_judge(t, s->status && (s->status->bounding & all_capabilities() & ~wanted) == 0);
}

/*
 * What nobody in it can have. A gangerd that is not root cannot take it away, but then there is nothing to gain either; over
 * what is its own alone, who has users of its own may have it.
 */
static enum check_verdict check_dropped(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const uint64_t sets[] = { isolation_devices, isolation_modules, isolation_logs, isolation_clock };
        uint64_t set = sets[row->argument];

        if (!want_yes(s, row, t) || geteuid() != 0 || s->checks->definition->isolation.private_users)
                return CHECK_NOT_ASKED;
        t->wanted[0] = '\0';
        check_append(t->wanted, "without ");
        format_capabilities(t->wanted, set, all_capabilities());
        if (s->status) {
                check_append(t->found, s->status->bounding & set ? "with " : "without ");
                format_capabilities(t->found, s->status->bounding & set ?: set, all_capabilities());
        }
        return check_compare(t);
}

static enum check_verdict check_ambient(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        uint64_t wanted = s->checks->definition->isolation.ambient_capabilities;

        if (s->status)
                format_capabilities(t->found, s->status->ambient, all_capabilities());
        if (wanted != AMOUNT_UNSET)
                format_capabilities(t->wanted, wanted, all_capabilities());
        return check_compare(t);
}

static enum check_verdict check_privileges(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        if (s->status && s->status->no_new_privileges >= 0)
                check_append(t->found, "%s", s->status->no_new_privileges ? "yes" : "no");
        if (s->checks->no_new_privileges)
                check_append(t->wanted, "yes");
        return check_compare(t);
}

/* Which rules of Landlock a process has, the kernel tells nobody. */
static enum check_verdict check_untold(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        return want_yes(s, row, t) ? CHECK_UNKNOWN : CHECK_NOT_ASKED;
}

/* Of another process, the kernel does not tell it. That of gangerd is what it has anyway. */
static enum check_verdict check_keyring(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        if (!check_want(s, row, t) || s->checks->definition->isolation.keyring_mode == WORKER_KEYRING_INHERIT)
                return CHECK_NOT_ASKED;
        return CHECK_UNKNOWN;
}

/* How many there are is told, and not which: one that is missing may be any of them. */
static enum check_verdict check_filter(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        if (!want_yes(s, row, t))
                return CHECK_NOT_ASKED;
        if (!checks_have_filters(s->checks, s->look))
                return CHECK_UNKNOWN;
        check_append(t->found, "a filter");
        return CHECK_OK;
}

static enum check_verdict check_filters(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        int wanted = s->checks->filters;

        if (s->status && s->status->filters >= 0)
                check_append(t->found, "%d", s->status->filters);
        else if (s->status && s->status->seccomp >= 0)
                check_append(t->found, "%s", s->status->seccomp ? "some" : "0");
        if (wanted > 0)
                check_append(t->wanted, "%d", wanted);
        return check_judge(t, checks_have_filters(s->checks, s->look));
}

bool checks_have_filters(const struct checks *c, const struct process_look *look) {
        const struct process_status *status = &look->status;

        if (!look->status_known)
                return false;
        return status->filters >= 0 ? status->filters >= c->filters : status->seccomp > 0 || c->filters == 0;
}

static enum check_verdict check_namespace(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        int is_own = look_has_own_namespace(s->look, s->checks->own, (enum process_namespace)row->argument);

        if (is_own >= 0)
                check_append(t->found, "%s", is_own ? "its own" : "that of gangerd");
        if (want_yes(s, row, t))
                strcpy(t->wanted, "its own");
        return check_compare(t);
}

static enum check_verdict check_own_cgroups(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        return s->checks->definition->isolation.protect_control_groups >= WORKER_CGROUPS_PRIVATE ?
               check_namespace(s, row, t) : CHECK_NOT_ASKED;
}

/* ---- file systems ----------------------------------------------------------------------------------- */

/* What is at each path that the key means. */
static enum check_verdict check_mounts(const struct check_subject *s, const struct check_row *row, struct check_text *t) {
        const struct checks *c = s->checks;
        size_t n = 0;

        if (!want_yes(s, row, t))
                return CHECK_NOT_ASKED;
        if (!c->mounts_known || !s->look->mounts_known || !c->own->mounts_known) {
                check_append(t->found, "%s", c->mounts_problem);
                return CHECK_UNKNOWN;
        }
        for (size_t i = 0; i < c->mounts.n_mounts; i++) {
                const Ganger__Keeper__Mount *step = c->mounts.mounts[i];
                const char *fault;

                if (strcmp(step->key, row->key) != 0 || mount_step_is_newer(step, s->started_usec))
                        continue;
                n++;
                fault = mount_step_fault(step, c->root, &s->look->mounts, &c->own->mounts);
                if (fault)
                        check_append(t->found, "%s%s %s", *t->found ? "; " : "", step->path, fault);
        }
        if (*t->found)
                return CHECK_DIFFERS;
        check_append(t->found, n == 0 ? "nothing to do" : n == 1 ? "%zu path" : "%zu paths", n);
        return CHECK_OK;
}

/* ---- the table --------------------------------------------------------------------------------------- */

static const struct check_row rows[] = {
        { "user", check_user },
        { "dynamic-user", check_dynamic_user },
        { "primary-group", check_group },
        { "supplementary-groups", check_groups },
        { "umask", check_umask },
        { "limit-cpu", check_limit, RLIMIT_CPU },
        { "limit-fsize", check_limit, RLIMIT_FSIZE },
        { "limit-data", check_limit, RLIMIT_DATA },
        { "limit-stack", check_limit, RLIMIT_STACK },
        { "limit-core", check_limit, RLIMIT_CORE },
        { "limit-rss", check_limit, RLIMIT_RSS },
        { "limit-nofile", check_limit, RLIMIT_NOFILE },
        { "limit-as", check_limit, RLIMIT_AS },
        { "limit-nproc", check_limit, RLIMIT_NPROC },
        { "limit-memlock", check_limit, RLIMIT_MEMLOCK },
        { "limit-locks", check_limit, RLIMIT_LOCKS },
        { "limit-sigpending", check_limit, RLIMIT_SIGPENDING },
        { "limit-msgqueue", check_limit, RLIMIT_MSGQUEUE },
        { "limit-nice", check_limit, RLIMIT_NICE },
        { "limit-rtprio", check_limit, RLIMIT_RTPRIO },
        { "limit-rttime", check_limit, RLIMIT_RTTIME },
        { "nice", check_nice },
        { "io-scheduling-class", check_io_class },
        { "io-scheduling-priority", check_io_priority },
        { "oom-score-adjust", check_oom_score },
        { "cpu-affinity", check_cpus },
        { "cpu-scheduling-policy", check_cpu_policy },
        { "cpu-scheduling-priority", check_cpu_priority },
        { "numa-policy", check_numa },
        { "numa-mask", check_numa_nodes },
        { "timer-slack", check_timer_slack },
        { "memory-max", check_cgroup },
        { "memory-high", check_cgroup },
        { "memory-low", check_cgroup },
        { "memory-swap-max", check_cgroup },
        { "cpu-quota", check_cgroup },
        { "cpu-weight", check_cgroup },
        { "tasks-max", check_cgroup },
        { "io-weight", check_cgroup },
        { "oom-policy", check_cgroup },
        { "capabilities", check_bounding },
        { "ambient-capabilities", check_ambient },
        { "no-new-privileges", check_privileges },
        { "keyring-mode", check_keyring },
        { "system-call-filter", check_filter },
        { "system-call-architectures", check_filter },
        { "restrict-address-families", check_filter },
        { "restrict-namespaces", check_filter },
        { "restrict-suid-sgid", check_filter },
        { "memory-deny-write-execute", check_filter },
        { "lock-personality", check_filter },
        { "restrict-realtime", check_filter },
        { "protect-clock", check_filter },
        { "protect-kernel-modules", check_filter },
        { "protect-kernel-logs", check_filter },
        { "private-devices", check_filter },
        { "protect-hostname", check_filter },
        { CHECK_FILTERS, check_filters },
        { "private-network", check_namespace, NAMESPACE_NET },
        { "private-ipc", check_namespace, NAMESPACE_IPC },
        { "protect-hostname", check_namespace, NAMESPACE_UTS },
        { "private-users", check_namespace, NAMESPACE_USER },
        { "private-pids", check_namespace, NAMESPACE_PID },
        { "protect-control-groups", check_own_cgroups, NAMESPACE_CGROUP },
        { "private-devices", check_dropped, 0 },
        { "protect-kernel-modules", check_dropped, 1 },
        { "protect-kernel-logs", check_dropped, 2 },
        { "protect-clock", check_dropped, 3 },
        { "private-tmp", check_mounts },
        { "protect-system", check_mounts },
        { "protect-home", check_mounts },
        { "protect-control-groups", check_mounts },
        { "protect-kernel-tunables", check_mounts },
        { "protect-kernel-modules", check_mounts },
        { "protect-kernel-logs", check_mounts },
        { "protect-proc", check_mounts },
        { "proc-subset", check_mounts },
        { "private-pids", check_mounts },
        { "private-devices", check_mounts },
        { "device-policy", check_devices },
        { "device-allow", check_devices },
        { "root-directory", check_mounts },
        { "read-only-paths", check_mounts },
        { "read-write-paths", check_mounts },
        { "inaccessible-paths", check_mounts },
        { "bind-paths", check_mounts },
        { "bind-read-only-paths", check_mounts },
        { "temporary-filesystem", check_mounts },
        { "landlock-read", check_untold },
        { "landlock-write", check_untold },
        { "landlock-execute", check_untold },
        { "landlock-bind", check_untold },
        { "landlock-connect", check_untold },
};

const char *check_key(size_t i) {
        return i < ARRAY_SIZE(rows) ? rows[i].key : NULL;
}

const char *check_verdict_name(enum check_verdict verdict) {
        static const char *const names[] = {
                [CHECK_NOT_ASKED] = "", [CHECK_OK] = "ok", [CHECK_DIFFERS] = "differs", [CHECK_UNKNOWN] = "unknown",
        };

        return names[verdict];
}

/* ---- what is wanted ----------------------------------------------------------------------------------- */

/* One for each row of a filter whose key says anything; and those that we have, which everybody inherits. */
static int count_filters(const struct checks *c) {
        const struct check_subject s = { .checks = c };
        int own = c->own->status_known && c->own->status.filters > 0 ? c->own->status.filters : 0, n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct check_text t = { "", "" };

                n += rows[i].check == check_filter && want_yes(&s, &rows[i], &t);
        }
        return n > 0 ? own + n : 0;
}

void checks_init(struct checks *c, const struct worker_definition *definition, const struct dynamic_users *users,
                 const char *runtime_dir, const struct process_look *own) {
        struct error error = ERROR_NULL;

        *c = (struct checks){ .definition = definition, .own = own, .request = SPAWN_REQUEST_NULL,
                              .mounts = GANGER__KEEPER__SPAWN_SPEC__INIT };
        c->user_known = spawn_request_look_user(&c->request, users, definition, &error) >= 0;
        c->filters = count_filters(c);
        c->no_new_privileges = definition->isolation.no_new_privileges ||
                               isolation_implies_no_new_privileges(&definition->isolation, c->filters, &c->request.user);
        if (definition->isolation.root_directory)
                c->root = realpath(definition->isolation.root_directory, NULL);
        c->mounts_known = mounts_make(&c->request.mounts, definition, definition->isolation.private_pids, runtime_dir,
                                      &error) >= 0;
        if (c->mounts_known)
                spawn_spec_set_mounts(&c->mounts, c->request.mounts, definition);
        else
                snprintf(c->mounts_problem, sizeof c->mounts_problem, "%s", error.text);
}

void checks_done(struct checks *c) {
        free(c->root);
        spawn_request_done(&c->request);
}

int checks_run(const struct checks *c, const struct process_look *look, uint64_t started_usec, check_row_fn fn,
               void *userdata) {
        _cleanup_(closep) int cgroup_fd = look_open_cgroup(look, c->own);
        const struct check_subject s = { .checks = c, .look = look, .status = look->status_known ? &look->status : NULL,
                                   .started_usec = started_usec, .cgroup_fd = cgroup_fd };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++) {
                struct check_text t = { "", "" };
                enum check_verdict verdict = rows[i].check(&s, &rows[i], &t);

                r = fn(userdata, rows[i].key, verdict, &t);
        }
        return r < 0 ? r : 0;
}
