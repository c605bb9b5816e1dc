/* SPDX-License-Identifier: MIT */
/*
 * A program that is run beside an instance, for it
 *
 * The keeper refuses a key that still has a process, or an exit that was not acknowledged; and a manager that takes over
 * finds either of them in its welcome. So what was asked for is never asked for twice: the cookie says for which process of
 * the instance it runs.
 *
 * What its worker's programs may not do, it may not either; their limits are not its own.
 *
 * It may outlive its instance, and the instance its worker's definition: it is found by names, and holds no pointer to them.
 */

#include "daemon/side-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/env-file.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/spawn-request.h"
#include "daemon/worker.h"

/** Of the descriptors that are stored: "instance/KEY/SUFFIX/stdout". */
#define SIDE_STORED_MAX (SIDE_KEY_MAX + 20)
/** Of one whose instance is gone: whatever it may have had, it is not much. */
#define SIDE_ORPHAN_USEC USEC_PER_SEC

static const struct side_kind *const kinds[] = { &failure_hook_kind, &probe_exec_kind };

/* "KEY/SUFFIX" → its kind, and how long KEY is. */
static const struct side_kind *kind_of(const char *key, size_t *ret_length) {
        const char *slash = strrchr(key, '/');

        for (size_t i = 0; i < ARRAY_SIZE(kinds) && slash && slash > key; i++)
                if (strcmp(slash + 1, kinds[i]->suffix) == 0) {
                        *ret_length = (size_t)(slash - key);
                        return kinds[i];
                }
        return NULL;
}

bool side_process_owns(const char *key) {
        size_t length;

        return kind_of(key, &length) != NULL;
}

static struct side_process *side_find(struct gang *gang, const char *key) {
        list_for_each(it, &gang->side_processes) {
                struct side_process *side = list_entry(it, struct side_process, link);

                if (strcmp(side->key, key) == 0)
                        return side;
        }
        return NULL;
}

struct side_process *side_process_find(struct gang *gang, const char *instance, const struct side_kind *kind) {
        char key[SIDE_KEY_MAX];

        snprintf(key, sizeof key, "%s/%s", instance, kind->suffix);
        return side_find(gang, key);
}

static int side_new(struct side_process **ret, struct gang *gang, const char *instance, const struct side_kind *kind,
                    uint64_t generation) {
        struct side_process *side = calloc(1, sizeof *side);

        if (!side)
                return -ENOMEM;
        side->gang = gang;
        side->kind = kind;
        side->generation = generation;
        snprintf(side->instance, sizeof side->instance, "%s", instance);
        snprintf(side->worker, sizeof side->worker, "%.*s", (int)strcspn(instance, "/"), instance);
        snprintf(side->key, sizeof side->key, "%s/%s", side->instance, kind->suffix);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                side->captures[stream] = LOG_CAPTURE_NULL;
        list_append(&gang->side_processes, &side->link);
        *ret = side;
        return 0;
}

static struct side_process *side_free(struct side_process *side) {
        list_unlink(&side->link);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                log_capture_close(&side->captures[stream]);
        sd_event_source_disable_unref(side->timer);
        free(side);
        return NULL;
}

/* ---- its time ---------------------------------------------------------------------------------- */

void side_process_kill(struct side_process *side) {
        keeper_link_signal(&side->gang->link, side->key, SIGKILL, true);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct side_process *side = userdata;

        side->late = true;
        log_warning("%s: has not ended in time: killed", side->key);
        side_process_kill(side);
        return 0;
}

/* As its worker says now. */
static void side_arm(struct side_process *side, uint64_t started_usec) {
        struct instance *instance = instance_find(side->gang, side->instance);
        uint64_t timeout = instance ? side->kind->timeout(instance_definition(instance)) : SIDE_ORPHAN_USEC;

        if (sd_event_add_time(side->gang->event, &side->timer, CLOCK_MONOTONIC, usec_add(started_usec, timeout), 1,
                              on_timeout, side) < 0)
                on_timeout(NULL, 0, side);
}

/* ---- its output -------------------------------------------------------------------------------- */

static const char *side_stored(char *buf, const struct side_process *side, enum log_stream stream) {
        snprintf(buf, SIDE_STORED_MAX, "instance/%s/%s", side->key, log_stream_name(stream));
        return buf;
}

/* Cut where a character ends. */
static void remember(struct side_process *side, const struct log_record *record) {
        size_t n = MIN(record->size, sizeof side->said - 1);

        while (n < record->size && n > 0 && ((unsigned char)record->text[n] & 0xc0) == 0x80)
                n--;
        if (n == 0)
                return;
        memcpy(side->said, record->text, n);
        side->said[n] = '\0';
}

static void on_line(struct log_capture *capture, const struct log_record *record) {
        struct side_process *side = capture->userdata;
        struct worker *worker = worker_find(side->gang, side->worker);

        remember(side, record);
        if (worker && record->priority > worker->definition->log_level_max)
                return;
        if (worker)
                worker_log_write(worker, record);
        else
                log_write(record, LOG_HERE);
        list_for_each_safe(it, &side->gang->log_listeners) {
                struct log_listener *listener = list_entry(it, struct log_listener, link);

                listener->fn(listener, record);
        }
}

/* Takes the descriptor. */
static void side_capture(struct side_process *side, enum log_stream stream, int fd) {
        struct log_source from = { .worker = side->worker, .key = side->key, .stream = stream, .pid = side->pid };
        int r;

        r = fd < 0 ? fd : log_capture_open(&side->captures[stream], &side->gang->captures, fd, &from, on_line, side);
        if (r >= 0)
                return;
        close_fd(fd);
        log_warning("%s: its %s is lost: %s", side->key, log_stream_name(stream), strerror(-r));
}

/* ---- asking for it ----------------------------------------------------------------------------- */

static int environment_build(struct strings *s, const struct side_process *side, const struct instance *instance,
                             const struct user *user) {
        struct error error = ERROR_NULL;
        int r;

        r = environment_base(s, instance_definition(instance), user);
        /* It may be why the instance has failed: then this is run all the same. */
        if (r >= 0 && environment_files(s, instance_definition(instance), &error) < 0)
                log_warning("%s: %s", side->key, error.text);
        if (r >= 0)
                r = environment_setf(s, "GANGER_WORKER=%s", instance->worker->name);
        if (r >= 0)
                r = environment_setf(s, "GANGER_INSTANCE=%u", instance->number);
        return r < 0 ? r : side->kind->environment(s, instance);
}

static int cookie_make(struct spawn_request *request, const struct side_process *side, const struct instance *instance) {
        Ganger__State__InstanceCookie cookie = GANGER__STATE__INSTANCE_COOKIE__INIT;

        cookie.worker = instance->worker->name;
        cookie.instance = instance->number;
        cookie.generation = side->generation;
        return spawn_request_set_cookie(request, &cookie);
}

static int side_send(struct side_process *side, const Ganger__Keeper__SpawnSpec *spec, struct error *error) {
        struct keeper_link_fds sent = { .fds = { side->gang->null_fd }, .n = 1, .cgroup = -1 };
        char names[_LOG_STREAM_N][SIDE_STORED_MAX];
        int reads[_LOG_STREAM_N], r = 0;
        size_t n = 0;

        for (; n < _LOG_STREAM_N && r >= 0; n += r >= 0) {
                int fds[2];

                r = pipe2(fds, O_CLOEXEC);
                if (r < 0)
                        break;
                reads[n] = fds[0];
                sent.fds[sent.n++] = fds[1];
                sent.names[n] = side_stored(names[n], side, (enum log_stream)n);
                sent.stored[n] = fds[0];
        }
        r = r < 0 ? -errno : 0;
        sent.n_stored = n;
        if (r == 0)
                r = keeper_link_spawn(&side->gang->link, side->key, spec, &sent);
        for (size_t i = 0; i < n; i++) {
                close_fd(sent.fds[1 + i]);
                if (r < 0)
                        close_fd(reads[i]);
                else
                        side_capture(side, (enum log_stream)i, reads[i]);
        }
        return r < 0 ? error_errno(error, r, "asking the keeper") : 0;
}

static int side_ask(struct side_process *side, const struct instance *instance, char *const *words, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        _cleanup_(spawn_request_done) struct spawn_request request = SPAWN_REQUEST_NULL;
        int r;

        r = spawn_request_find_user(&request, side->gang, definition, error);
        if (r >= 0)
                r = worker_definition_program(definition, words[0], &request.program, error);
        if (r < 0)
                return r;
        for (char *const *arg = words; *arg && r >= 0; arg++)
                r = strings_add(&request.argv, *arg);
        if (r >= 0)
                r = environment_build(&request.environment, side, instance, &request.user);
        if (r >= 0)
                r = cookie_make(&request, side, instance);
        if (r < 0)
                return error_errno(error, r, "its environment");
        r = spawn_request_complete(&request, definition, side->gang->runtime_dir, error);
        return r < 0 ? r : side_send(side, &request.spec, error);
}

int side_process_run(struct instance *instance, const struct side_kind *kind, char *const *program, uint64_t generation,
                     struct error *error) {
        struct side_process *side;
        int r;

        r = side_new(&side, instance_gang(instance), instance->key, kind, generation);
        if (r < 0)
                return error_errno(error, r, "its process");
        r = side_ask(side, instance, program, error);
        if (r < 0)
                side_free(side);
        return r;
}

/* ---- what the keeper says ---------------------------------------------------------------------- */

static void side_started(struct side_process *side, uint64_t started_usec) {
        side_arm(side, started_usec);
        side->kind->started(side);
}

/* It is unlinked before its kind is told, who may ask for another one. */
static void side_finish(struct side_process *side, const struct side_end *end) {
        struct gang *gang = side->gang;
        char name[SIDE_STORED_MAX];

        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                log_capture_drain(&side->captures[stream]);
                keeper_link_drop(&gang->link, side_stored(name, side, stream));
        }
        list_unlink(&side->link);
        side->kind->ended(side, end);
        side_free(side);
        gang_touch(gang);
}

int side_process_adopt(struct gang *gang, const char *key, pid_t pid, uint64_t started_usec,
                       const Ganger__State__InstanceCookie *cookie) {
        char instance[INSTANCE_KEY_MAX], name[SIDE_STORED_MAX];
        struct side_process *side;
        size_t length = 0;
        const struct side_kind *kind = kind_of(key, &length);
        int r;

        snprintf(instance, sizeof instance, "%.*s", (int)length, key);
        r = side_new(&side, gang, instance, kind, cookie->generation);
        if (r < 0)
                return r;
        side->pid = pid;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                side_capture(side, stream, keeper_link_take(&gang->link, side_stored(name, side, stream)));
        side_started(side, started_usec);
        return 0;
}

void side_processes_resume(struct gang *gang) {
        list_for_each(it, &gang->side_processes) {
                struct side_process *side = list_entry(it, struct side_process, link);

                if (!side->kind->resumed(side))
                        side_process_kill(side);
        }
}

bool side_process_spawned(struct gang *gang, const Ganger__Keeper__Spawned *message) {
        struct side_process *side = side_find(gang, message->key);

        if (!side || side->pid > 0)
                return side != NULL;
        if (message->error) {
                log_error("%s: %s: %s", side->key, message->step, strerror(message->error));
                side_finish(side, &(struct side_end){ .error = message->error, .step = message->step });
                return true;
        }
        side->pid = message->pid;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                side->captures[stream].from.pid = message->pid;
        side_started(side, message->started_usec);
        return true;
}

bool side_process_exited(struct gang *gang, const Ganger__Keeper__Exited *message) {
        struct side_process *side = side_find(gang, message->key);

        if (!side || side->pid != message->pid)
                return false;
        keeper_link_exit_acknowledge(&gang->link, side->key, message->pid);
        side_finish(side, &(struct side_end){ .status = message->status });
        return true;
}

void side_processes_done(struct gang *gang) {
        list_for_each_safe(it, &gang->side_processes)
                side_free(list_entry(it, struct side_process, link));
}
