/* SPDX-License-Identifier: MIT */

/*
 * What the manager asks of the keeper
 *
 * A closed set, one row each. What must hold: a signal goes only to a process that lives or is a zombie of ours, so never to
 * another; a key never has two processes, nor one while an exit of it is not acknowledged; and
 * whatever descriptors come with a packet are closed when it was served.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"
#include "daemon/keeper/protocol.h"
#include "keeper.pb-c.h"

typedef Ganger__Keeper__ToKeeper Request;
typedef Ganger__Keeper__SpawnSpec Spec;

/** Of supplementary groups: the kernel's NGROUPS_MAX. */
#define GROUPS_MAX 65536
/** A manager that has left exits within this time, or is killed. */
#define LEAVE_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* ---- spawn ---------------------------------------------------------------------------------------- */

static void spec_freep(Spec **s) {
        if (*s)
                ganger__keeper__spawn_spec__free_unpacked(*s, NULL);
}

static int spec_open(int fd, Spec **ret) {
        Spec *spec;
        size_t size;
        void *map;
        int r;

        r = fd_map_sealed(fd, KEEPER_SPEC_MAX, &map, &size);
        if (r < 0)
                return r;
        spec = ganger__keeper__spawn_spec__unpack(NULL, size, map);
        if (map)
                munmap(map, size);
        if (!spec)
                return -EBADMSG;
        *ret = spec;
        return 0;
}

static void settings_copy(const Spec *spec, struct setting *to) {
        for (size_t i = 0; i < spec->n_settings; i++) {
                const Ganger__Keeper__Setting *s = spec->settings[i];

                to[i] = (struct setting){ s->what, s->value, s->soft, s->hard, s->mask.data, s->mask.len,
                                         s->program.data, s->program.len, s->may_lack };
        }
}

static bool settings_are_valid(const Spec *spec) {
        struct setting settings[KEEPER_SETTINGS_MAX];

        if (spec->n_settings > KEEPER_SETTINGS_MAX && !fault_is("any-number-of-settings"))
                return false;
        settings_copy(spec, settings);
        for (size_t i = 0; i < spec->n_settings; i++)
                if (!setting_is_valid(&settings[i]))
                        return false;
        return true;
}

static void mounts_copy(const Spec *spec, struct mount_step *to) {
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const Ganger__Keeper__Mount *m = spec->mounts[i];

                to[i] = (struct mount_step){ m->what, mount_key(m->key), m->path, m->source, m->may_lack };
        }
}

static bool mounts_are_valid(const Spec *spec) {
        struct mount_step steps[KEEPER_MOUNTS_MAX];

        if (spec->n_mounts > KEEPER_MOUNTS_MAX)
                return false;
        mounts_copy(spec, steps);
        for (size_t i = 0; i < spec->n_mounts; i++)
                if (!mount_step_is_valid(&steps[i]))
                        return false;
        return true;
}

static void landlock_copy(const Spec *spec, struct landlock_rule *to) {
        for (size_t i = 0; i < spec->n_landlock; i++) {
                const Ganger__Keeper__Landlock *l = spec->landlock[i];

                to[i] = (struct landlock_rule){ l->what, l->path, l->may_be_missing, l->port, l->none };
        }
}

static bool landlock_is_valid(const Spec *spec) {
        struct landlock_rule rules[KEEPER_LANDLOCK_MAX];

        if (spec->n_landlock > KEEPER_LANDLOCK_MAX)
                return false;
        landlock_copy(spec, rules);
        for (size_t i = 0; i < spec->n_landlock; i++)
                if (!landlock_rule_is_valid(&rules[i]))
                        return false;
        return true;
}

static bool spec_is_valid(const Spec *s) {
        const uint32_t unchanged = UINT32_MAX;          /* to setresuid(2), and so it would stay what it is */

        if (s->set_credentials && (s->uid == unchanged || s->gid == unchanged))
                return false;
        return s->path[0] == '/' && (s->directory[0] == '\0' || s->directory[0] == '/') && s->n_argv > 0 &&
               s->umask <= 0777 && s->n_groups <= GROUPS_MAX && s->cookie.len <= KEEPER_COOKIE_MAX &&
               s->n_pid_variables <= KEEPER_PID_VARIABLES_MAX && settings_are_valid(s) && mounts_are_valid(s) &&
               landlock_is_valid(s);
}

/* The descriptors that come with it and are not the child's: spec, those that are stored, cgroup. */
static size_t n_other_fds(const Ganger__Keeper__Spawn *r) {
        return (r->spec ? 0 : 1) + r->n_store + (r->cgroup ? 1 : 0);
}

/* What can be refused before there is a process. @return 0 or -errno. */
static int spawn_check(struct keeper *k, const Ganger__Keeper__Spawn *r, const int *fds, size_t n_fds) {
        size_t n_other = n_other_fds(r);

        if (n_fds < n_other + KEEPER_CHILD_FDS_MIN || n_fds - n_other > KEEPER_CHILD_FDS_MAX)
                return -EINVAL;
        if (r->key[0] == '\0' || strlen(r->key) > KEEPER_KEY_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n_fds; i++)
                if (fds[i] >= SPAWN_FD_WINDOW)
                        return -EMFILE;
        if (k->leaving)
                return -ESHUTDOWN;
        if (children_find_key(&k->children, r->key) && !fault_is("double-spawn"))
                return -EEXIST;
        if (k->children.n >= KEEPER_CHILDREN_MAX)
                return -EAGAIN;
        return 0;
}

/* argv and environment with the NULL that ends them, and room for more before it. */
static char **with_null(char **strings, size_t n, size_t n_more) {
        char **v = malloc((n + n_more + 1) * sizeof *v);

        if (!v)
                return NULL;
        if (n > 0)
                memcpy(v, strings, n * sizeof *v);
        v[n] = NULL;
        return v;
}

/** Variables whose value the child writes itself, since it alone knows it. */
struct pid_variables {
        char *texts[KEEPER_PID_VARIABLES_MAX];  /* "NAME=", and room */
        char *values[KEEPER_PID_VARIABLES_MAX];
        size_t n;
};

static void pid_variables_done(struct pid_variables *v) {
        for (size_t i = 0; i < v->n; i++)
                free(v->texts[i]);
}

/* @param environment  has room for them. */
static int pid_variables_add(struct pid_variables *v, const Spec *spec, char **environment) {
        for (; v->n < spec->n_pid_variables; v->n++) {
                size_t length = strlen(spec->pid_variables[v->n]);
                char *text = malloc(length + 1 + SPAWN_PID_SIZE);

                if (!text)
                        return -ENOMEM;
                memcpy(text, spec->pid_variables[v->n], length);
                text[length] = '=';
                text[length + 1] = '\0';
                v->texts[v->n] = text;
                v->values[v->n] = text + length + 1;
                environment[spec->n_environment + v->n] = text;
        }
        environment[spec->n_environment + v->n] = NULL;
        return 0;
}

static int spawn_spec(struct keeper *k, const Ganger__Keeper__Spawn *r, const Spec *spec, const int *fds, size_t n_fds,
                      int cgroup_fd, struct left_out *left_out, const char **ret_step, struct child_process **ret) {
        _cleanup_(pid_variables_done) struct pid_variables variables = { 0 };
        _cleanup_(freep) char **argv = with_null(spec->argv, spec->n_argv, 0);
        _cleanup_(freep) char **environment = with_null(spec->environment, spec->n_environment, spec->n_pid_variables);
        struct child_process *p = child_process_new(r->key, spec->cookie.data, spec->cookie.len);
        struct setting settings[KEEPER_SETTINGS_MAX];
        struct mount_step mounts[KEEPER_MOUNTS_MAX];
        struct landlock_rule landlock[KEEPER_LANDLOCK_MAX];
        uint64_t started_usec = now_usec();
        pid_t pid;
        int error = -ENOMEM;

        settings_copy(spec, settings);
        mounts_copy(spec, mounts);
        landlock_copy(spec, landlock);
        *ret_step = KEEPER_STEP_REFUSED;
        if (argv && environment && p && pid_variables_add(&variables, spec, environment) == 0) {
                const struct spawn_request request = {
                        .path = spec->path, .argv = argv, .environment = environment, .directory = spec->directory,
                        .set_credentials = spec->set_credentials, .uid = spec->uid, .gid = spec->gid,
                        .groups = spec->groups, .n_groups = spec->n_groups, .umask = spec->umask,
                        .fds = fds, .n_fds = n_fds, .cgroup_fd = cgroup_fd, .nofile = &k->nofile,
                        .pid_values = variables.values, .n_pid_values = variables.n,
                        .settings = settings, .n_settings = spec->n_settings,
                        .mounts = mounts, .n_mounts = spec->n_mounts, .mounts_may_lack = spec->mounts_may_lack,
                        .landlock = landlock, .n_landlock = spec->n_landlock, .landlock_may_lack = spec->landlock_may_lack,
                        .left_out = left_out,
                };

                error = spawn(&k->spawner, &request, &pid, ret_step);
        }
        if (error < 0) {
                child_process_free(&k->children, p);
                return error;
        }
        p->may_fork = spec->may_fork;
        children_add(&k->children, p, pid, started_usec);
        *ret = p;
        return 0;
}

/* One that takes the place of another is with the service manager before that is removed there. */
static void store(struct keeper *k, const char *name, int fd, bool lasting) {
        struct stored_descriptor *d = store_find(&k->store, name);
        uint64_t former = d ? d->lasting : 0;
        int r = store_put(&k->store, name, fd);

        if (r >= 0) {
                d = store_find(&k->store, name);
                d->lasting = lasting ? service_store_put(k, name, d->fd) : 0;
                service_store_remove(k, former, name);
        } else
                keeper_log("storing descriptor '%.*s': %s", KEEPER_NAME_MAX, name, strerrordesc_np(-r));
}

/* Like StoreFd before it: it does not matter whether the spawn is refused. */
static void spawn_store(struct keeper *k, const Ganger__Keeper__Spawn *r, const int *fds, size_t n_fds) {
        size_t first = n_fds - (r->cgroup ? 1 : 0) - r->n_store;

        for (size_t i = 0; i < r->n_store; i++)
                store(k, r->store[i], fds[first + i], false);
}

static void request_spawn(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        const Ganger__Keeper__Spawn *r = request->spawn;
        size_t n_spec = r->spec ? 0 : 1;
        const char *step = KEEPER_STEP_REFUSED;
        _cleanup_(spec_freep) Spec *opened = NULL;
        const Spec *spec = r->spec;
        struct child_process *p = NULL;
        struct left_out left_out = { .n = 0 };
        int error;

        if (n_fds >= n_other_fds(r))
                spawn_store(k, r, fds, n_fds);
        error = spawn_check(k, r, fds, n_fds);
        if (error == 0) {
                step = KEEPER_STEP_SPEC;
                if (!spec) {
                        error = spec_open(fds[0], &opened);
                        spec = opened;
                }
                if (error == 0 && !spec_is_valid(spec))
                        error = -EINVAL;
        }
        if (error == 0)
                error = spawn_spec(k, r, spec, fds + n_spec, n_fds - n_other_fds(r), r->cgroup ? fds[n_fds - 1] : -1,
                                   &left_out, &step, &p);
        if (error < 0)
                reports_reply(k, r->key, 0, 0, -error, step, NULL);
        else
                reports_reply(k, p->key, p->pid, p->started_usec, 0, "", &left_out);
}

/* ---- the others ----------------------------------------------------------------------------------- */

static void signal_process(struct keeper *k, const Ganger__Keeper__Signal *r) {
        struct child_process *p = children_find_key(&k->children, r->key);

        if (p && !p->exited && r->signal > 0)
                main_process_signal(p, r->signal, r->group);
}

static void request_signal(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        signal_process(k, request->signal);
}

static void request_main_process(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        const Ganger__Keeper__MainProcess *r = request->main_process;
        struct child_process *p = children_find_key(&k->children, r->key);

        if (p && !p->exited && n_fds == 1)
                main_process_name(k, p, r->pid, fds[0]);
}

static void request_settle(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        const Ganger__Keeper__Settle *r = request->settle;
        struct child_process *p = children_find_key(&k->children, r->key);

        if (!p || !p->ending || p->pid != r->pid)
                return;
        children_set_ending(&k->children, p, false);
        p->may_fork = p->heir_fd >= 0;  /* the heir may have one, too; who has none is reaped now */
        reap_all(k);
}

static void exit_acknowledge(struct keeper *k, const Ganger__Keeper__ExitAcknowledge *r) {
        struct child_process *p = children_find_key(&k->children, r->key);

        if (p && p->exited && p->pid == r->pid)
                child_process_free(&k->children, p);
}

static void request_exit_acknowledge(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        exit_acknowledge(k, request->exit_acknowledge);
}

static void request_store_fd(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        const char *name = request->store_fd->name;

        if (n_fds == 1)
                store(k, name, fds[0], request->store_fd->lasting);
        else
                keeper_log("storing descriptor '%.*s': %s", KEEPER_NAME_MAX, name, strerrordesc_np(EBADMSG));
}

static void drop_fd(struct keeper *k, const char *name) {
        struct stored_descriptor *d = store_find(&k->store, name);

        if (!d)
                return;
        service_store_remove(k, d->lasting, d->name);
        store_drop(&k->store, name);
}

static void request_drop_fd(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        drop_fd(k, request->drop_fd->name);
}

static void request_ready(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        if (request->ready->reloaded)
                k->reloading = false;
        notify_ready(k, request->ready->status, request->ready->reloaded, request->ready->patience_usec);
        if (!k->was_ready)
                watchdog_begin(k);
        k->was_ready = k->served = true;
        handover_proven(k);
}

static void request_upgrade(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        if (n_fds == 1 && !k->leaving) {
                handover_plan(k, fds[0]);
                manager_process_expect_exit(k, LEAVE_TIMEOUT_USEC);
        }
}

static void request_leave(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        if (k->children.n_living > 0) {
                keeper_log("the manager wants to leave, but %zu processes live", k->children.n_living);
                return;
        }
        k->leaving = true;
        watchdog_end(k);
        manager_process_expect_exit(k, LEAVE_TIMEOUT_USEC);
        k->exit_status = request->leave->exit_status;
}

static void request_pong(struct keeper *k, const Request *request, const int *fds, size_t n_fds) {
        watchdog_answered(k);
}

typedef void (*request_fn)(struct keeper *k, const Request *request, const int *fds, size_t n_fds);

static const request_fn rows[] = {
        [GANGER__KEEPER__TO_KEEPER__REQUEST_SPAWN] = request_spawn,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_SIGNAL] = request_signal,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_EXIT_ACKNOWLEDGE] = request_exit_acknowledge,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_STORE_FD] = request_store_fd,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_DROP_FD] = request_drop_fd,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_READY] = request_ready,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_LEAVE] = request_leave,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_MAIN_PROCESS] = request_main_process,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_SETTLE] = request_settle,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_UPGRADE] = request_upgrade,
        [GANGER__KEEPER__TO_KEEPER__REQUEST_PONG] = request_pong,
};

static void serve_earlier(struct keeper *k, const Ganger__Keeper__Earlier *r) {
        switch (r->request_case) {
        case GANGER__KEEPER__EARLIER__REQUEST_SIGNAL:
                signal_process(k, r->signal);
                break;
        case GANGER__KEEPER__EARLIER__REQUEST_EXIT_ACKNOWLEDGE:
                exit_acknowledge(k, r->exit_acknowledge);
                break;
        case GANGER__KEEPER__EARLIER__REQUEST_DROP_FD:
                drop_fd(k, r->drop_fd->name);
                break;
        case GANGER__KEEPER__EARLIER__REQUEST__NOT_SET:
        case _GANGER__KEEPER__EARLIER__REQUEST__CASE_IS_INT_SIZE:
                break;
        }
}

static void serve(struct keeper *k, size_t size, const int *fds, size_t n_fds) {
        Request *request = ganger__keeper__to_keeper__unpack(NULL, size, k->packet);

        for (size_t i = 0; request && i < request->n_earlier && !fault_is("forget-earlier"); i++)
                serve_earlier(k, request->earlier[i]);
        if (request && request->request_case < ARRAY_SIZE(rows) && rows[request->request_case])
                rows[request->request_case](k, request, fds, n_fds);
        else if (!request || request->n_earlier == 0)
                keeper_log("a packet of %zu bytes is no request", size);
        if (request)
                ganger__keeper__to_keeper__free_unpacked(request, NULL);
}

void requests_serve(struct keeper *k, size_t n_max) {
        int fds[FD_MESSAGE_MAX];

        for (size_t i = 0; i < n_max && k->socket >= 0 && k->n_replies < KEEPER_REPLIES_MAX; i++) {
                size_t n_fds;

                if (k->manager > 0 && service_store_must_wait(k))
                        return;
                /* Of one that is dead the rest is served now: it is what the next one starts from. */
                service_store_settle(k);
                ssize_t n = fd_receive(k->socket, k->packet, sizeof k->packet, fds, &n_fds, MSG_DONTWAIT);

                if (n == -ECONNRESET)           /* said once, by one that died without reading; what it wrote comes now */
                        continue;
                if (n == -EMSGSIZE) {
                        keeper_log("a request was longer than a packet, or had descriptors that do not fit");
                        continue;
                }
                if (n == 0)
                        manager_process_hung_up(k);
                if (n <= 0)
                        return;
                serve(k, (size_t)n, fds, n_fds);
                for (size_t j = 0; j < n_fds; j++)
                        close(fds[j]);
        }
}
