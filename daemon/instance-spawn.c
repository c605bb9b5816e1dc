/* SPDX-License-Identifier: MIT */
/*
 * From a definition to a request for a process
 *
 * Resolves all that needs thought (user, program, directory, environment, seats), so that the keeper and the
 * child only make system calls. Whatever is held is given back if the request cannot be made.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/credentials.h"
#include "daemon/env-file.h"
#include "daemon/gang.h"
#include "daemon/hold.h"
#include "daemon/holding.h"
#include "daemon/instance-parts.h"
#include "daemon/keeper/protocol.h"
#include "daemon/log/log.h"
#include "daemon/shortage.h"
#include "daemon/spawn-request.h"
#include "daemon/worker.h"

/*
 * Behind them come the sockets of its worker and those of its fd store, as sd_listen_fds(3) wants it; that of `ready-fd`;
 * then its handshake, and the descriptors that it speaks of.
 */
#define STANDARD_STREAMS 3
#define ALL_STREAMS ((1u << _LOG_STREAM_N) - 1)

/* ---- environment ------------------------------------------------------------------------------- */

/* Where an instance finds its handshake. */
static int handshake_number(const struct instance *instance, const struct given_sockets *given) {
        int after = STANDARD_STREAMS + (int)(given->n + instance->fd_store.n);

        return MAX(after, instance_definition(instance)->ready_fd + 1);
}

/* As systemd has it, and only where it is of use: some programs look whether the variables are there. */
static int environment_notify(struct strings *s, const struct instance *instance) {
        const struct worker_definition *definition = instance_definition(instance);
        bool watched = definition->watchdog_usec != USEC_INFINITY;
        int r = 0;

        if (ready_by_message(definition->ready) || watched || definition->fd_store_max > 0)
                r = environment_setf(s, "NOTIFY_SOCKET=%s", instance->worker->gang->notify.path);
        if (r >= 0 && watched)
                r = environment_setf(s, "WATCHDOG_USEC=%llu", (unsigned long long)definition->watchdog_usec);
        if (r >= 0 && definition->fd_store_max > 0)
                r = environment_setf(s, "FDSTORE=%u", definition->fd_store_max);
        return r;
}

/* LISTEN_PID is the keeper's to set. */
static int environment_listen(struct strings *s, const struct instance *instance, const struct given_sockets *given) {
        _cleanup_(freep) char *stored = NULL;
        size_t n_stored = instance->fd_store.n;
        int r;

        if (given->n + n_stored == 0)
                return 0;
        if (n_stored > 0) {
                stored = fd_store_names(&instance->fd_store);
                if (!stored)
                        return -ENOMEM;
        }
        r = environment_setf(s, "LISTEN_FDS=%zu", given->n + n_stored);
        return r < 0 ? r : environment_setf(s, "LISTEN_FDNAMES=%s%s%s", given->n > 0 ? given->names : "",
                                            given->n > 0 && n_stored > 0 ? ":" : "", n_stored > 0 ? stored : "");
}

/* First, so that they are found at once in what a process was started with. */
static int environment_mark(struct strings *s, const struct instance *instance) {
        int r = environment_setf(s, INVOCATION_KEEPER "=%s", instance->worker->gang->keeper_mark);

        if (r >= 0)
                r = environment_setf(s, INVOCATION_MARK "=%s", instance->invocation.id);
        return r < 0 ? r : environment_setf(s, INVOCATION_VARIABLE "=%s", instance->invocation.id);
}

static int environment_ganger(struct strings *s, const struct instance *instance, const struct given_sockets *given) {
        int r;

        r = environment_setf(s, "GANGER_WORKER=%s", instance->worker->name);
        if (r >= 0)
                r = environment_setf(s, "GANGER_INSTANCE=%u", instance->number);
        if (r >= 0 && instance->membership.seats)
                r = environment_setf(s, "GANGER_HANDSHAKE=%d", handshake_number(instance, given));
        if (r >= 0 && instance_definition(instance)->heartbeat_usec != USEC_INFINITY)
                r = environment_setf(s, "GANGER_HEARTBEAT_USEC=%llu",
                                     (unsigned long long)instance_definition(instance)->heartbeat_usec);
        if (r >= 0 && instance->spare)
                r = environment_setf(s, "GANGER_STANDBY=1");
        if (r >= 0)
                r = environment_notify(s, instance);
        return r < 0 ? r : environment_listen(s, instance, given);
}

static int environment_build(struct strings *s, struct instance *instance, const struct user *user,
                             const struct given_sockets *given, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        _cleanup_(freep) char *credentials = NULL;
        int r = environment_mark(s, instance);

        if (r >= 0)
                r = environment_base(s, definition, user);
        if (r < 0)
                return error_errno(error, r, "its environment");
        r = environment_files(s, definition, error);
        if (r >= 0)
                r = credentials_make(instance, user, &credentials, error);
        if (r < 0)
                return r;
        if (credentials)
                r = environment_setf(s, "CREDENTIALS_DIRECTORY=%s", credentials);
        if (r >= 0)
                r = environment_ganger(s, instance, given);
        return r < 0 ? error_errno(error, r, "its environment") : 0;
}

/* ---- what is executed -------------------------------------------------------------------------- */

static const char *bridge_path(void) {
        const char *path = getenv("GANGER_BRIDGE");     /* the build tree's, in tests */

        return path ? path : PKGLIBEXECDIR "/ganger-bridge";
}

static int argv_bridge(struct strings *argv, const struct worker_definition *definition) {
        _cleanup_(freep) char *option = NULL;
        int r;

        r = strings_add(argv, "ganger-bridge");
        if (r < 0)
                return r;
        if (asprintf(&option, "--io=%s", worker_io_name(definition->io)) < 0) {
                option = NULL;
                return -ENOMEM;
        }
        r = strings_take(argv, TAKE(option));
        if (r < 0)
                return r;
        if (definition->io_fds[0] >= 0) {
                if (asprintf(&option, "--io-fds=%d,%d", definition->io_fds[0], definition->io_fds[1]) < 0) {
                        option = NULL;
                        return -ENOMEM;
                }
                r = strings_take(argv, TAKE(option));
                if (r < 0)
                        return r;
        }
        return strings_add(argv, "--");
}

/* The program and its arguments; with `io`, the bridge, which starts the program. */
static int argv_build(struct strings *argv, const struct worker_definition *definition, char **program,
                      struct error *error) {
        int r;

        r = worker_definition_program(definition, definition->exec[0], program, error);
        if (r < 0)
                return r;
        if (definition->io != WORKER_IO_NONE) {
                r = argv_bridge(argv, definition);
                if (r >= 0)
                        r = strings_add(argv, *program);
                free(*program);
                *program = strdup(bridge_path());
                if (!*program)
                        r = -ENOMEM;
        } else
                r = strings_add(argv, definition->exec[0]);
        for (char **arg = definition->exec + 1; *arg && r >= 0; arg++)
                r = strings_add(argv, *arg);
        return r < 0 ? error_errno(error, r, "its arguments") : 0;
}

/* ---- cookie ------------------------------------------------------------------------------------ */

static int cookie_make(struct spawn_request *request, const struct instance *instance, unsigned int streams) {
        const struct membership *m = &instance->membership;
        Ganger__State__InstanceCookie cookie = GANGER__STATE__INSTANCE_COOKIE__INIT;
        _cleanup_(freep) Ganger__State__Seat *seats = calloc(m->n_seats + 1, sizeof *seats);
        _cleanup_(freep) Ganger__State__Seat **pointers = calloc(m->n_seats + 1, sizeof *pointers);

        if (!seats || !pointers)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_seats; i++) {
                membership_seat_record(&m->seats[i], &seats[i]);
                pointers[i] = &seats[i];
        }
        cookie.worker = instance->worker->name;
        cookie.instance = instance->number;
        cookie.generation = instance->generation;
        cookie.definition = instance->definition;
        cookie.version = instance->version;
        cookie.invocation = (char *)instance->invocation.id;
        cookie.n_seats = m->n_seats;
        cookie.seats = pointers;
        cookie.member = m->seats != NULL;
        cookie.without_streams = ALL_STREAMS & ~streams;
        return spawn_request_set_cookie(request, &cookie);
}

/* ---- descriptors ------------------------------------------------------------------------------- */

/* What the child gets, and what is ours to close once it was asked for. */
struct descriptors {
        struct keeper_link_fds sent;
        char names[KEEPER_LINK_STORED_MAX][INSTANCE_STORED_MAX];
        int read_ends[_LOG_STREAM_N];
        int write_ends[_LOG_STREAM_N];
        unsigned int streams;           /* a bit each of those that have a pipe */
        int ready[2];                   /* of `ready = fd`: ours, and its */
        int handshake;
};

static void descriptors_done(struct descriptors *d) {
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                close_fd(d->read_ends[stream]);
                close_fd(d->write_ends[stream]);
        }
        close_fd(d->ready[0]);
        close_fd(d->ready[1]);
        close_fd(d->handshake);
        close_fd(d->sent.cgroup);
}

/* Keep it for the next manager, in the place of that of the process before. */
static void descriptors_store(struct descriptors *d, const struct instance *instance, const char *what, int fd) {
        size_t i = d->sent.n_stored++;

        d->sent.names[i] = instance_stored(d->names[i], instance, what);
        d->sent.stored[i] = fd;
}

static void tell_joined(struct worker *worker) {
        if (!TAKE_GENERIC(worker->joined, true))
                log_warning("%s: descriptors run short: from now on the standard error of its instances is one stream with "
                            "their standard output", worker->name);
}

/* What the definition says; but rather one stream than none. */
static enum worker_stream stream_target(const struct instance *instance, enum log_stream stream,
                                        const struct descriptors *d) {
        const struct worker_definition *definition = instance_definition(instance);

        if (stream == LOG_STREAM_STDOUT)
                return definition->standard_output;
        if (definition->standard_error == WORKER_STREAM_LOG && d->streams & 1u << LOG_STREAM_STDOUT &&
            shortage_is_near(d->write_ends[LOG_STREAM_STDOUT])) {
                tell_joined(instance->worker);
                return WORKER_STREAM_INHERIT;
        }
        return definition->standard_error;
}

/* A pipe for a stream. */
static int make_pipe(struct instance *instance, enum log_stream stream, struct descriptors *d, struct error *error) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_errno(error, -errno, "pipe");
        d->read_ends[stream] = fds[0];
        d->write_ends[stream] = fds[1];
        if (shortage_is_last(fds[1]))
                return error_errno(error, -EMFILE, "pipe");
        descriptors_store(d, instance, log_stream_name(stream), fds[0]);
        d->streams |= 1u << stream;
        return 0;
}

static int add_stream(struct instance *instance, enum log_stream stream, struct descriptors *d, struct error *error) {
        int *to = &d->sent.fds[1 + stream], r = 0;

        switch (stream_target(instance, stream, d)) {
        case WORKER_STREAM_NULL:
                *to = instance->worker->gang->null_fd;
                break;
        case WORKER_STREAM_INHERIT:
                *to = d->sent.fds[STDOUT_FILENO];
                break;
        default:
                r = make_pipe(instance, stream, d, error);
                *to = d->write_ends[stream];
        }
        return r;
}

/* The process is being started meanwhile. What it writes before this waits in its pipes. */
static void capture_output(struct instance *instance, struct descriptors *d) {
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                int r;

                log_capture_drain(&instance->captures[stream]); /* of the process before */
                if (!(d->streams & 1u << stream)) {
                        instance_capture_forget(instance, stream);
                        continue;
                }
                r = instance_capture(instance, stream, TAKE_FD(d->read_ends[stream]));
                if (r >= 0)
                        continue;
                /* Nobody will read: better that it is told so, when it writes, than that it waits for ever. */
                log_error("%s: its %s is lost: %s", instance->key, log_stream_name(stream), strerror(-r));
                instance_capture_forget(instance, stream);
        }
}

/* Its cgroup: that of the process before, if it was kept, or a new one. Without any, it does without. */
static int add_cgroup(struct instance *instance, struct descriptors *d, struct error *error) {
        struct cgroups *cgroups = &instance->worker->gang->cgroups;
        int r;

        instance->cgroup_again = instance->cgroup >= 0;
        if (!instance->cgroup_again)
                instance->cgroup = MAX(cgroup_make(cgroups, instance->key), CGROUP_NOWHERE);
        d->sent.cgroup = MAX(cgroup_open(cgroups, instance->key, instance->cgroup), -1);
        r = placement_prepare(instance, d->sent.cgroup, error);
        instance->oom_kills = cgroup_oom_kills(cgroups, instance->key, instance->cgroup);
        return r;
}

/* Its number is what the program expects; below it there may be a gap, of which nothing is heard. */
static int add_ready_fd(struct instance *instance, struct descriptors *d, struct error *error) {
        size_t number = (size_t)instance_definition(instance)->ready_fd;

        if (instance_definition(instance)->ready != WORKER_READY_FD)
                return 0;
        if (pipe2(d->ready, O_CLOEXEC) < 0)
                return error_errno(error, -errno, "pipe");
        while (d->sent.n < number)
                d->sent.fds[d->sent.n++] = instance->worker->gang->null_fd;
        d->sent.fds[d->sent.n++] = d->ready[1];
        descriptors_store(d, instance, "ready", d->ready[0]);
        return 0;
}

/* Where it may outlive the keeper, that is so before the process runs: hence before the request for it. */
static int store_member(struct instance *instance, struct descriptors *d, struct error *error) {
        struct gang *gang = instance->worker->gang;
        int fd = instance->membership.member_fd, r;
        char name[INSTANCE_STORED_MAX];

        if (!gang->link.lasts) {
                descriptors_store(d, instance, "member", fd);
                return 0;
        }
        r = keeper_link_store_lasting(&gang->link, instance_stored(name, instance, "member"), fd);
        if (r >= 0)
                r = holding_write(gang, instance->key, instance->generation, &instance->membership);
        return r < 0 ? error_errno(error, r, "writing down its seats") : 0;
}

static int add_handshake(struct instance *instance, struct descriptors *d, struct error *error) {
        _cleanup_(freep) void *blob = NULL;
        int number = (int)d->sent.n, r;
        size_t size, n;

        if (d->sent.n + 2 * instance->membership.n_seats + 2 > KEEPER_CHILD_FDS_MAX)
                return error_set(error, -E2BIG, "too many descriptors for one process");
        r = membership_handshake(&instance->membership, instance->worker->name, instance->number, number + 1,
                                 d->sent.fds + number + 1, &n, &blob, &size);
        if (r < 0)
                return error_errno(error, r, "its handshake");
        d->handshake = fd_memfd_sealed("ganger-handshake", blob, size);
        if (d->handshake < 0)
                return error_errno(error, d->handshake, "its handshake");
        d->sent.fds[number] = d->handshake;
        d->sent.n += 1 + n;
        return store_member(instance, d, error);
}

static int descriptors_make(struct instance *instance, const struct given_sockets *given, struct descriptors *d,
                            struct error *error) {
        int r;

        d->sent.fds[0] = instance->worker->gang->null_fd;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                r = add_stream(instance, stream, d, error);
                if (r < 0)
                        return r;
        }
        d->sent.n = STANDARD_STREAMS;
        for (size_t i = 0; i < given->n; i++)
                d->sent.fds[d->sent.n++] = given->fds[i];
        r = fd_store_give(&instance->fd_store, &d->sent);
        if (r < 0)
                return error_errno(error, r, "its stored descriptors");
        r = add_ready_fd(instance, d, error);
        if (r < 0)
                return r;
        if (instance->membership.seats) {
                r = add_handshake(instance, d, error);
                if (r < 0)
                        return r;
        }
        return add_cgroup(instance, d, error);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static int take_seats(struct instance *instance, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        const struct membership_wish wishes[] = {
                { .names = definition->receive, .receives = true },
                { .names = definition->send, .sends = true },
                { .names = definition->serve, .receives = true },
                { .names = definition->call, .sends = true },
                { .names = definition->use, .receives = true, .sends = true },
        };
        bool has_objects = false;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(wishes); i++)
                has_objects |= *wishes[i].names != NULL;
        if (!has_objects && definition->io == WORKER_IO_NONE && definition->heartbeat_usec == USEC_INFINITY &&
            definition->standby == 0)
                return 0;
        r = membership_join(&instance->worker->gang->objects, instance->key, wishes, ARRAY_SIZE(wishes),
                            definition->io == WORKER_IO_NONE ? SEAT_HANDLES : 1, &instance->membership, error);
        if (r < 0)
                return r;
        /* Before there is a process: it must not take a first message. */
        if (!fault_is("spawn-unheld"))
                hold_apply(instance);
        return 0;
}

/* What it says when it ends may concern another process. */
static bool may_fork(const struct worker_definition *definition) {
        return ready_by_message(definition->ready) && definition->io == WORKER_IO_NONE;
}

static int send_request(struct instance *instance, const struct given_sockets *given, struct spawn_request *request,
                        struct error *error) {
        _cleanup_(descriptors_done) struct descriptors d = {
                .sent.cgroup = -1, .read_ends = { -1, -1 }, .write_ends = { -1, -1 }, .ready = { -1, -1 },
                .handshake = -1,
        };
        int r;

        r = descriptors_make(instance, given, &d, error);
        if (r < 0)
                return r;
        r = cookie_make(request, instance, d.streams);
        if (r < 0)
                return error_errno(error, r, "its cookie");
        fault_point("amid-spawn");
        r = keeper_link_spawn(&instance->worker->gang->link, instance->key, &request->spec, &d.sent);
        if (r < 0)
                return error_errno(error, r, "asking the keeper");
        capture_output(instance, &d);
        if (d.ready[0] >= 0)
                r = ready_fd_open(instance, TAKE_FD(d.ready[0]));
        if (r < 0)
                log_error("%s: its ready-fd is lost: %s", instance->key, strerror(-r));
        return 0;
}

static void name_pid_variables(const struct instance *instance, const struct given_sockets *given, Ganger__Keeper__SpawnSpec *spec,
                               char **names) {
        spec->pid_variables = names;
        if (given->n + instance->fd_store.n > 0)
                names[spec->n_pid_variables++] = (char *)"LISTEN_PID";
        if (instance_definition(instance)->watchdog_usec != USEC_INFINITY)
                names[spec->n_pid_variables++] = (char *)"WATCHDOG_PID";
}

static int ask(struct instance *instance, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        _cleanup_(spawn_request_done) struct spawn_request request = SPAWN_REQUEST_NULL;
        _cleanup_(given_sockets_done) struct given_sockets given = GIVEN_SOCKETS_NULL;
        char *pid_variables[KEEPER_PID_VARIABLES_MAX];
        int r;

        r = spawn_request_find_user(&request, instance->worker->gang, definition, error);
        if (r < 0)
                return r;
        r = argv_build(&request.argv, definition, &request.program, error);
        if (r < 0)
                return r;
        r = take_seats(instance, error);
        if (r < 0)
                return r;
        r = gang_sockets_give(&instance->worker->gang->sockets, definition, &given);
        if (r < 0)
                return error_errno(error, r, "its sockets");
        r = environment_build(&request.environment, instance, &request.user, &given, error);
        if (r < 0)
                return r;
        spawn_settings_make(&request.settings, definition);
        request.own_pids = definition->isolation.private_pids;
        r = spawn_request_complete(&request, definition, instance->worker->gang->runtime_dir, error);
        if (r < 0)
                return r;
        request.spec.may_fork = may_fork(definition);
        name_pid_variables(instance, &given, &request.spec, pid_variables);
        return send_request(instance, &given, &request, error);
}

int instance_ask(struct instance *instance, struct error *error) {
        int r;

        instance->definition = worker_definition_hash(instance_definition(instance));
        invocation_make(&instance->invocation);
        r = ask(instance, error);
        if (r < 0)
                instance_clear_process(instance, false);
        return r;
}

/* ---- giving back ------------------------------------------------------------------------------- */

void instance_kill_rest(struct instance *instance, uint64_t lived_usec) {
        struct gang *gang = instance->worker->gang;

        if (lived_usec >= CGROUP_SETTLED_USEC && cgroup_is_as_new(&gang->cgroups, instance->key, instance->cgroup))
                return;
        instance->cgroup = CGROUP_NOWHERE;
        cgroup_kill_rest(&gang->cgroups, instance->key);
}

void instance_clear_process(struct instance *instance, bool again) {
        struct gang *gang = instance->worker->gang;
        char name[INSTANCE_STORED_MAX];

        if (!again)
                instance_capture_end(instance);
        if (instance->membership.seats)
                keeper_link_drop(&gang->link, instance_stored(name, instance, "member"));
        ready_fd_end(instance);
        credentials_remove(gang, instance->key);
        membership_leave(&gang->objects, &instance->membership);
        if (again && instance->cgroup >= 0)
                return;
        instance->cgroup = CGROUP_NOWHERE;
        cgroup_remove(&gang->cgroups, instance->key);
}
