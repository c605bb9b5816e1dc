/* SPDX-License-Identifier: MIT */

/*
 * tree: every process of the gang, below what it belongs to: groups, workers, instances
 *
 * The daemon tells the main processes of the instances; what those have started is in /proc. The two are not of one moment.
 */

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/processes.h"
#include "ctl/verbs.h"

/** Deeper is not shown: nobody reads it. */
#define DEPTH_MAX 32

struct tree {
        struct output *out;
        struct processes processes;
        const Ganger__V1__StatusReply *status;
        const Ganger__V1__VersionReply *version;
};

static void show(struct tree *t, unsigned int depth, const char *what, const char *state, pid_t pid) {
        const struct process *process = pid > 0 ? processes_find(&t->processes, pid) : NULL;

        t->out->ops->tree(t->out, &(struct tree_line){
                .depth = depth, .what = what, .state = state, .pid = pid, .parent = process ? process->parent : 0,
                .command = process ? process->name : "",
        });
}

/* What a process has started, and what those have. */
static void show_children(struct tree *t, unsigned int depth, pid_t parent) {
        for (size_t i = 0; depth < DEPTH_MAX && i < t->processes.n; i++)
                if (t->processes.list[i].parent == parent) {
                        show(t, depth, "", "", t->processes.list[i].pid);
                        show_children(t, depth + 1, t->processes.list[i].pid);
                }
}

static void show_worker(struct tree *t, unsigned int depth, const Ganger__V1__Worker *worker) {
        show(t, depth, worker->name, "", 0);
        for (size_t i = 0; i < worker->n_instances; i++) {
                const Ganger__V1__Instance *instance = worker->instances[i];

                show(t, depth + 1, instance->key, instance->state, instance->pid);
                if (instance->pid > 0)
                        show_children(t, depth + 2, instance->pid);
        }
}

/** What is in a group, "": in none; groups in groups first. The daemon's configuration has no group that is in itself. */
static void show_members(struct tree *t, unsigned int depth, const char *group) {
        for (size_t i = 0; depth < DEPTH_MAX && i < t->status->n_groups; i++) {
                const Ganger__V1__Group *inner = t->status->groups[i];

                if (strcmp(inner->parent, group) != 0)
                        continue;
                show(t, depth, inner->name, *inner->failed ? "failed" : inner->strategy, 0);
                show_members(t, depth + 1, inner->name);
        }
        for (size_t i = 0; i < t->status->n_workers; i++)
                if (strcmp(t->status->workers[i]->group, group) == 0)
                        show_worker(t, depth, t->status->workers[i]);
}

static bool is_known(const struct tree *t, pid_t pid) {
        for (size_t w = 0; w < t->status->n_workers; w++)
                for (size_t i = 0; i < t->status->workers[w]->n_instances; i++)
                        if (t->status->workers[w]->instances[i]->pid == pid)
                                return true;
        return pid == t->version->manager_pid;
}

/* Children of the keeper that are none of the above: what on-failure runs, and what has left its instance. */
static void show_others(struct tree *t) {
        for (size_t i = 0; t->version->keeper_pid > 0 && i < t->processes.n; i++) {
                const struct process *p = &t->processes.list[i];

                if (p->parent != t->version->keeper_pid || is_known(t, p->pid))
                        continue;
                show(t, 1, "other", "", p->pid);
                show_children(t, 2, p->pid);
        }
}

static int ask(struct ctl *ctl, Ganger__V1__Reply **ret_version, Ganger__V1__Reply **ret_status) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &version;
        r = ctl_call(ctl, &request, false, ret_version);
        if (r != STATUS_DONE)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status;
        return ctl_call(ctl, &request, false, ret_status);
}

int verb_tree(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *version = NULL, *status = NULL;
        struct tree t = { .out = &ctl->out, .processes = PROCESSES_NULL };
        int r;

        r = ask(ctl, &version, &status);
        if (r != STATUS_DONE)
                return r;
        r = processes_read(&t.processes);
        if (r < 0)
                return complain(STATUS_FAILED, "/proc: %s", strerror(-r));
        t.version = version->version;
        t.status = status->status;
        show(&t, 0, "keeper", "", t.version->keeper_pid);
        show(&t, 1, "manager", "", t.version->manager_pid);
        show_members(&t, 1, "");
        show_others(&t);
        processes_done(&t.processes);
        return STATUS_DONE;
}
