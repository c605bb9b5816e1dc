/* SPDX-License-Identifier: MIT */

/*
 * version and status
 *
 * A status is packed straight from the tables: one walk, a piece of the arena for each instance, and strings
 * that point to where they are. Asked by name, a worker is in the answer once, whatever the names; work is in
 * proportion to names and instances.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "daemon/control/calls.h"
#include "daemon/group.h"
#include "daemon/hold.h"
#include "daemon/control/server.h"
#include "daemon/instance.h"
#include "daemon/quarantine.h"
#include "daemon/release.h"
#include "daemon/roll.h"
#include "daemon/worker.h"

/** Lines of output for each instance. */
#define STATUS_LOG_LINES_MAX 100

int call_version(struct call *call) {
        Ganger__V1__VersionReply version = GANGER__V1__VERSION_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        const struct gang *gang = call->gang;

        version.version = (char *)PACKAGE_VERSION;
        version.protocol = 1;
        version.keeper_pid = (int32_t)gang->keeper_pid;
        version.manager_pid = (int32_t)getpid();
        version.upgrades = gang->link.upgrades;
        version.manager_incarnation = gang->link.incarnation;
        version.started_usec = call->connection->control->keeper_started_usec;
        version.now_usec = now_usec();
        version.config = arena_text(&call->arena, gang->config_path ? gang->config_path : "");
        if (!version.config)
                return -ENOMEM;
        reply.result_case = GANGER__V1__REPLY__RESULT_VERSION;
        reply.version = &version;
        return call_reply(call, &reply, NULL, 0);
}

/* ---- what is asked for ------------------------------------------------------------------------- */

/** A worker in the answer. */
struct row {
        struct map_node node;           /* by name, while rows are collected */
        struct row *next;
        struct worker *worker;
        bool all;                       /* every instance of it … */
        bool *chosen;                   /* … or those; NULL: none yet */
        size_t n_chosen;
};

struct selection {
        struct map by_name;
        struct row *first, **end;
        size_t n;
};

static struct row *selection_row(struct call *call, struct selection *s, struct worker *worker) {
        struct map_node *node = map_find(&s->by_name, worker->name);
        struct row *row;

        if (node)
                return map_entry(node, struct row, node);
        row = arena_alloc(&call->arena, 1, sizeof *row);
        if (!row || map_add(&s->by_name, &row->node, worker->name) < 0)
                return NULL;
        row->worker = worker;
        *s->end = row;
        s->end = &row->next;
        s->n++;
        return row;
}

static int selection_add(struct call *call, struct selection *s, const char *name) {
        struct instance *instance = NULL;
        struct worker *worker;
        struct row *row;
        int r;

        worker = worker_find(call->gang, name);
        if (!worker) {
                instance = instance_find(call->gang, name);
                r = call_permit_worker(call, name, instance ? instance->worker : call_worker_of(call, name));
                if (r < 0)
                        return r;
                if (!instance)
                        return call_unknown(call, name);
        } else {
                r = call_permit_worker(call, name, worker);
                if (r < 0)
                        return r;
        }
        row = selection_row(call, s, instance ? instance->worker : worker);
        if (!row)
                return -ENOMEM;
        if (!instance) {
                row->all = true;
                return 0;
        }
        if (!row->chosen)
                row->chosen = arena_alloc(&call->arena, row->worker->n_instances, sizeof *row->chosen);
        if (!row->chosen)
                return -ENOMEM;
        row->n_chosen += !row->chosen[instance->number];
        row->chosen[instance->number] = true;
        return 0;
}

static int selection_make(struct call *call, struct selection *s, char **names, size_t n_names) {
        int r;

        r = call_check_names(call, n_names);
        for (size_t i = 0; r == 0 && i < n_names; i++)
                r = selection_add(call, s, names[i]);
        if (r < 0 || n_names > 0)
                return r;
        list_for_each(it, &call->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                struct row *row;

                if (!call_may_worker(call, worker))
                        continue;
                row = selection_row(call, s, worker);
                if (!row)
                        return -ENOMEM;
                row->all = true;
        }
        return 0;
}

/* ---- the answer -------------------------------------------------------------------------------- */

/** An instance in the answer, with the one string that has to be made. */
struct instance_row {
        Ganger__V1__Instance message;
        char last_exit[EXIT_STATUS_FORMAT_MAX];
};

static int fill_log(struct call *call, const struct instance *instance, uint32_t lines,
                    Ganger__V1__Instance *m) {
        const struct log_tail_line *line = log_tail_last(&instance->tail, lines);

        if (!line)
                return 0;
        m->log = arena_alloc(&call->arena, lines, sizeof *m->log);
        if (!m->log)
                return -ENOMEM;
        for (; line && m->n_log < lines; line = log_tail_next(&instance->tail, line)) {
                m->log[m->n_log] = arena_text(&call->arena, line->text);
                if (!m->log[m->n_log++])
                        return -ENOMEM;
        }
        return 0;
}

static void fill_liveness(struct instance *instance, Ganger__V1__Instance *m) {
        const struct watchdog *w = &instance->watchdog;

        if (instance->said.reloading_usec > 0)
                m->activity = (char *)"reloading";
        else if (instance->said.stopping)
                m->activity = (char *)"stopping";
        if (instance->said.error > 0)
                m->error = (char *)(strerrordesc_np((int)instance->said.error) ?: "unknown error");
        m->watchdog_usec = w->period_usec == USEC_INFINITY ? 0 : w->period_usec;
        m->watchdog_due_usec = w->due_usec == USEC_INFINITY ? 0 : w->due_usec;
        m->stored_fds = (uint32_t)instance->fd_store.n;
}

static int fill_instance(struct call *call, struct instance *instance, uint32_t lines,
                         Ganger__V1__Instance **ret) {
        struct instance_row *row = arena_alloc(&call->arena, 1, sizeof *row);
        Ganger__V1__Instance *m;

        if (!row)
                return -ENOMEM;
        m = *ret = &row->message;
        ganger__v1__instance__init(m);
        m->key = instance->key;
        m->number = instance->number;
        m->state = (char *)instance_shown_state(instance);
        m->pid = (int32_t)instance->pid;
        m->since_usec = instance->since_usec;
        m->started_usec = instance->pid > 0 ? instance->started_usec : 0;
        m->restarts = instance->history.restarts;
        m->due_usec = instance->due_usec == USEC_INFINITY ? 0 : instance->due_usec;
        m->generation = instance->generation;
        m->drained = instance_is_drained(instance);
        if (crash_loop_holds(&instance->history.loop, instance->pid > 0 ? now_usec() - instance->started_usec : 0)) {
                m->crash_loop = instance->history.loop.n;
                m->crash_loop_usec = instance->history.loop.since_usec;
        }
        if (instance->last_valid)
                m->last_exit = exit_status_format(row->last_exit, sizeof row->last_exit,
                                                  instance->last_status);
        m->reason = arena_text(&call->arena, instance->reason);
        fill_liveness(instance, m);
        m->status_text = arena_text(&call->arena, instance->status_text);
        if (roll_is_active(instance->worker))
                m->version = (char *)(roll_is_new(instance->worker, instance->version) ? "new" : "old");
        if (!m->reason || !m->status_text)
                return -ENOMEM;
        return lines > 0 ? fill_log(call, instance, lines, m) : 0;
}

static int fill_instances(struct call *call, const struct row *row, uint32_t lines, Ganger__V1__Worker *m) {
        const struct worker *w = row->worker;
        int r = 0;

        m->instances = arena_alloc(&call->arena, row->all ? w->n_instances : row->n_chosen,
                                   sizeof *m->instances);
        if (!m->instances)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < w->n_instances; i++)
                if (w->instances[i] && (row->all || row->chosen[i]))
                        r = fill_instance(call, w->instances[i], lines, &m->instances[m->n_instances++]);
        return r;
}

/** Names of rings in one string: "jobs", "jobs, retries". */
static char *join(struct arena *a, char *const *names) {
        size_t size = 1;
        char *text, *p;

        for (size_t i = 0; names[i]; i++)
                size += strlen(names[i]) + 2;
        text = p = arena_alloc(a, 1, size);
        for (size_t i = 0; text && names[i]; i++) {
                if (i > 0)
                        p = stpcpy(p, ", ");
                p = stpcpy(p, names[i]);
        }
        return text;
}

static int fill_exec(struct call *call, const struct worker_definition *d, Ganger__V1__Worker *m) {
        size_t n = 0;

        while (d->exec[n])
                n++;
        m->exec = arena_alloc(&call->arena, n, sizeof *m->exec);
        if (!m->exec)
                return -ENOMEM;
        for (; m->n_exec < n; m->n_exec++) {
                m->exec[m->n_exec] = arena_text(&call->arena, d->exec[m->n_exec]);
                if (!m->exec[m->n_exec])
                        return -ENOMEM;
        }
        return 0;
}

/** Those reasons of which there were any. */
static int fill_ends(struct call *call, const struct worker *w, Ganger__V1__Worker *m) {
        m->ends = arena_alloc(&call->arena, _END_REASON_N, sizeof *m->ends);
        if (!m->ends)
                return -ENOMEM;
        for (enum end_reason reason = 0; reason < _END_REASON_N; reason++) {
                Ganger__V1__Ends *ends;

                if (w->ends.n[reason] == 0)
                        continue;
                ends = arena_alloc(&call->arena, 1, sizeof *ends);
                if (!ends)
                        return -ENOMEM;
                ganger__v1__ends__init(ends);
                ends->reason = (char *)end_reason_name(reason);
                ends->count = w->ends.n[reason];
                m->ends[m->n_ends++] = ends;
        }
        return 0;
}

static int fill_worker(struct call *call, const struct row *row, uint32_t lines, Ganger__V1__Worker **ret) {
        const struct worker *w = row->worker;
        const struct worker_definition *d = w->definition;
        Ganger__V1__Worker *m = arena_alloc(&call->arena, 1, sizeof *m);
        int r;

        if (!m)
                return -ENOMEM;
        *ret = m;
        ganger__v1__worker__init(m);
        m->name = w->name;
        m->wanted = w->wanted;
        m->ready = worker_count_active(w);
        m->standby = d->standby;
        m->instances_min = d->instances;
        m->instances_max = d->instances_max;
        m->stopped = w->stopped;
        m->drained = w->drained;
        m->scaled = w->scaled;
        m->io = (char *)worker_io_name(d->io);
        m->receive = join(&call->arena, d->receive);
        m->send = join(&call->arena, d->send);
        m->listen = join(&call->arena, d->listen);
        m->restart = (char *)restart_policy_name(d->restart);
        m->group = w->group ? w->group->name : (char *)"";
        m->start = (char *)worker_start_name(d->start);
        m->every_usec = d->every_usec == USEC_INFINITY ? 0 : d->every_usec;
        m->next_run_usec = worker_is_wanted(w) ? w->schedule.next_usec : 0;
        m->warning = (char *)w->placement.warning;
        if (!m->receive || !m->send || !m->listen)
                return -ENOMEM;
        if (release_differs_from_file(w))
                m->differs = (char *)"it was put into force by hand, and is not what the configuration file says";
        r = w->roll ? call_fill_roll(call, w, &m->roll) : 0;
        if (r == 0)
                r = fill_ends(call, w, m);
        if (r == 0)
                r = fill_exec(call, d, m);
        return r < 0 ? r : fill_instances(call, row, lines, m);
}

/** What no process is given any more. As of the last look: this one is for many who ask often. */
static int fill_quarantined(struct call *call, Ganger__V1__StatusReply *status) {
        struct list *list = &call->gang->objects.list;
        size_t n = 0;

        list_for_each(it, list)
                n += gang_object_is_quarantined(list_entry(it, struct gang_object, link));
        status->quarantined = arena_alloc(&call->arena, n, sizeof *status->quarantined);
        if (!status->quarantined)
                return -ENOMEM;
        list_for_each(it, list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);
                Ganger__V1__Quarantine *m;

                if (!gang_object_is_quarantined(object) || !call_shows_object(call, object))
                        continue;
                m = arena_alloc(&call->arena, 1, sizeof *m);
                if (!m)
                        return -ENOMEM;
                ganger__v1__quarantine__init(m);
                m->name = object->name;
                m->kind = (char *)object_kind_name(object);
                m->damage = object->damage;
                status->quarantined[status->n_quarantined++] = m;
        }
        return 0;
}

/** Those that have a worker which the peer may see, in them or in a group in them; or all. */
static void mark_groups(struct call *call) {
        bool all = call_may_all(call);

        list_for_each(it, &call->gang->groups)
                list_entry(it, struct group, link)->shown = all;
        list_for_each(it, &call->gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (all || !worker->group || !call_may_worker(call, worker))
                        continue;
                for (struct group *group = worker->group; group && !group->shown; group = group->parent)
                        group->shown = true;
        }
}

static int fill_groups(struct call *call, Ganger__V1__StatusReply *status) {
        struct gang *gang = call->gang;
        size_t n = 0;

        mark_groups(call);

        list_for_each(it, &gang->groups)
                n++;
        status->groups = arena_alloc(&call->arena, n, sizeof *status->groups);
        if (!status->groups)
                return -ENOMEM;
        list_for_each(it, &gang->groups) {
                struct group *group = list_entry(it, struct group, link);
                Ganger__V1__Group *m;

                if (!group->shown)
                        continue;
                m = arena_alloc(&call->arena, 1, sizeof *m);
                if (!m)
                        return -ENOMEM;
                ganger__v1__group__init(m);
                m->name = group->name;
                m->parent = group->parent ? group->parent->name : (char *)"";
                m->strategy = (char *)group_strategy_name((int)group->policy.strategy);
                m->failed = group->failed ? group->reason : (char *)"";
                status->groups[status->n_groups++] = m;
        }
        return 0;
}

static int status_reply(struct call *call, const struct selection *s, uint32_t lines) {
        Ganger__V1__StatusReply status = GANGER__V1__STATUS_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r = 0;

        status.now_usec = now_usec();
        status.workers = arena_alloc(&call->arena, s->n, sizeof *status.workers);
        if (!status.workers)
                return -ENOMEM;
        for (const struct row *row = s->first; r == 0 && row; row = row->next)
                r = fill_worker(call, row, lines, &status.workers[status.n_workers++]);
        if (r == 0)
                r = fill_quarantined(call, &status);
        if (r == 0)
                r = fill_groups(call, &status);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_STATUS;
        reply.status = &status;
        return call_reply(call, &reply, NULL, 0);
}

int call_status(struct call *call) {
        const Ganger__V1__StatusRequest *request = call->request->status;
        struct selection s = { .by_name = MAP_NULL };
        int r;

        s.end = &s.first;
        r = selection_make(call, &s, request->names, request->n_names);
        if (r == 0)
                r = status_reply(call, &s, MIN(request->log_lines, (uint32_t)STATUS_LOG_LINES_MAX));
        map_done(&s.by_name);
        return r;
}
