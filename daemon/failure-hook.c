/* SPDX-License-Identifier: MIT */
/*
 * on-failure: a program that is run when an instance has failed
 *
 * The keeper refuses a key that still has a process, or an exit that was not acknowledged; and a manager that takes over
 * finds either of them in its welcome. So a program that was asked for is never asked for twice: the cookie says for which
 * failure it runs (the generation of the instance), and is compared with the one that is due.
 */

#include "daemon/failure-hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/env-file.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/spawn-parts.h"
#include "daemon/worker.h"

#define SUFFIX "/on-failure"
#define HOOK_KEY_MAX (INSTANCE_KEY_MAX + sizeof SUFFIX)
/* Of the descriptors that are stored: "instance/KEY/on-failure/stdout". */
#define HOOK_STORED_MAX (HOOK_KEY_MAX + 20)

struct failure_hook {
        struct list link;               /* gang->failure_hooks */
        struct gang *gang;
        char key[HOOK_KEY_MAX];         /* of the keeper */
        char instance[INSTANCE_KEY_MAX];
        char worker[NAME_LENGTH_MAX + 1];
        pid_t pid;                      /* 0: asked for, no answer yet */
        uint64_t generation;            /* of the instance: which failure it is about */
        struct log_capture captures[_LOG_STREAM_N];
        sd_event_source *timer;
};

bool failure_hook_owns(const char *key) {
        size_t length = strlen(key);

        return length > strlen(SUFFIX) && strcmp(key + length - strlen(SUFFIX), SUFFIX) == 0;
}

static struct failure_hook *hook_find(struct gang *gang, const char *key) {
        list_for_each(it, &gang->failure_hooks) {
                struct failure_hook *hook = list_entry(it, struct failure_hook, link);

                if (strcmp(hook->key, key) == 0)
                        return hook;
        }
        return NULL;
}

static int hook_new(struct failure_hook **ret, struct gang *gang, const char *instance, uint64_t generation) {
        struct failure_hook *hook = calloc(1, sizeof *hook);

        if (!hook)
                return -ENOMEM;
        hook->gang = gang;
        hook->generation = generation;
        snprintf(hook->instance, sizeof hook->instance, "%s", instance);
        snprintf(hook->worker, sizeof hook->worker, "%.*s", (int)strcspn(instance, "/"), instance);
        snprintf(hook->key, sizeof hook->key, "%s" SUFFIX, hook->instance);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                hook->captures[stream] = LOG_CAPTURE_NULL;
        list_append(&gang->failure_hooks, &hook->link);
        *ret = hook;
        return 0;
}

static struct failure_hook *hook_free(struct failure_hook *hook) {
        list_unlink(&hook->link);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                log_capture_close(&hook->captures[stream]);
        sd_event_source_disable_unref(hook->timer);
        free(hook);
        return NULL;
}

/* ---- its time ---------------------------------------------------------------------------------- */

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct failure_hook *hook = userdata;

        log_warning("%s: has not ended in time: killed", hook->key);
        keeper_link_signal(&hook->gang->link, hook->key, SIGKILL, true);
        return 0;
}

/* As its worker says now; of a worker that is gone, whatever it may have had, it is not much. */
static void hook_arm(struct failure_hook *hook, uint64_t started_usec) {
        struct worker *worker = worker_find(hook->gang, hook->worker);
        uint64_t timeout = worker ? worker->definition->on_failure_timeout_usec : USEC_PER_SEC;

        if (sd_event_add_time(hook->gang->event, &hook->timer, CLOCK_MONOTONIC, usec_add(started_usec, timeout), 1,
                              on_timeout, hook) < 0)
                on_timeout(NULL, 0, hook);
}

/* ---- its output -------------------------------------------------------------------------------- */

static const char *hook_stored(char *buf, const struct failure_hook *hook, enum log_stream stream) {
        snprintf(buf, HOOK_STORED_MAX, "instance/%s/%s", hook->key, log_stream_name(stream));
        return buf;
}

static void on_line(struct log_capture *capture, const struct log_record *record) {
        struct failure_hook *hook = capture->userdata;

        log_write(record);
        list_for_each_safe(it, &hook->gang->log_listeners) {
                struct log_listener *listener = list_entry(it, struct log_listener, link);

                listener->fn(listener, record);
        }
}

/* Takes the descriptor. */
static void hook_capture(struct failure_hook *hook, enum log_stream stream, int fd) {
        struct log_source from = { .worker = hook->worker, .key = hook->key, .stream = stream, .pid = hook->pid };
        int r;

        r = fd < 0 ? fd : log_capture_open(&hook->captures[stream], hook->gang->event, fd, &from, on_line, hook);
        if (r >= 0)
                return;
        close_fd(fd);
        log_warning("%s: its %s is lost: %s", hook->key, log_stream_name(stream), strerror(-r));
}

/* ---- asking for it ----------------------------------------------------------------------------- */

static int environment_build(struct strings *s, const struct instance *instance, const struct user *user) {
        char text[EXIT_STATUS_FORMAT_MAX] = "";
        struct error error = ERROR_NULL;
        int r;

        if (instance->last_valid)
                exit_status_format(text, sizeof text, instance->last_status);
        r = environment_base(s, instance_definition(instance), user);
        /* It may be why the instance has failed: then this is run all the same. */
        if (r >= 0 && environment_files(s, instance_definition(instance), &error) < 0)
                log_warning("%s: on-failure: %s", instance->key, error.text);
        if (r >= 0)
                r = environment_setf(s, "GANGER_WORKER=%s", instance->worker->name);
        if (r >= 0)
                r = environment_setf(s, "GANGER_INSTANCE=%u", instance->number);
        if (r >= 0)
                r = environment_setf(s, "GANGER_REASON=%s", instance->reason);
        if (r >= 0)
                r = environment_setf(s, "GANGER_EXIT=%s", text);
        return r < 0 ? r : environment_setf(s, "GANGER_RESTARTS=%u", instance->history.restarts);
}

static int cookie_pack(const struct instance *instance, ProtobufCBinaryData *ret) {
        Ganger__State__InstanceCookie cookie = GANGER__STATE__INSTANCE_COOKIE__INIT;

        cookie.worker = instance->worker->name;
        cookie.instance = instance->number;
        cookie.generation = instance->failure_due;
        ret->len = ganger__state__instance_cookie__get_packed_size(&cookie);
        ret->data = malloc(ret->len);
        if (!ret->data)
                return -ENOMEM;
        ganger__state__instance_cookie__pack(&cookie, ret->data);
        return 0;
}

static int hook_send(struct failure_hook *hook, const Ganger__Keeper__SpawnSpec *spec, struct error *error) {
        struct keeper_link_fds sent = { .fds = { hook->gang->null_fd }, .n = 1, .cgroup = -1 };
        char names[_LOG_STREAM_N][HOOK_STORED_MAX];
        int reads[_LOG_STREAM_N], r = 0;
        size_t n = 0;

        for (; n < _LOG_STREAM_N && r >= 0; n += r >= 0) {
                int fds[2];

                r = pipe2(fds, O_CLOEXEC);
                if (r < 0)
                        break;
                reads[n] = fds[0];
                sent.fds[sent.n++] = fds[1];
                sent.names[n] = hook_stored(names[n], hook, (enum log_stream)n);
                sent.stored[n] = fds[0];
        }
        r = r < 0 ? -errno : 0;
        sent.n_stored = n;
        if (r == 0)
                r = keeper_link_spawn(&hook->gang->link, hook->key, spec, &sent);
        for (size_t i = 0; i < n; i++) {
                close_fd(sent.fds[1 + i]);
                if (r < 0)
                        close_fd(reads[i]);
                else
                        hook_capture(hook, (enum log_stream)i, reads[i]);
        }
        return r < 0 ? error_errno(error, r, "asking the keeper") : 0;
}

static int hook_ask(struct failure_hook *hook, const struct instance *instance, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
        _cleanup_(strings_done) struct strings argv = STRINGS_NULL, environment = STRINGS_NULL;
        _cleanup_(user_done) struct user user = USER_NULL;
        _cleanup_(freep) char *program = NULL, *directory = NULL;
        _cleanup_(freep) uint8_t *cookie = NULL;
        int r = 0;

        if (definition->user)
                r = user_find(definition->user, &user, error);
        if (r >= 0)
                r = worker_definition_program(definition, definition->on_failure[0], &program, error);
        if (r < 0)
                return r;
        for (char **arg = definition->on_failure; *arg && r >= 0; arg++)
                r = strings_add(&argv, *arg);
        if (r >= 0)
                r = worker_definition_directory(definition, &directory);
        if (r >= 0)
                r = environment_build(&environment, instance, &user);
        if (r >= 0)
                r = cookie_pack(instance, &spec.cookie);
        if (r < 0)
                return error_errno(error, r, "its environment");
        cookie = spec.cookie.data;
        spec.path = program;
        spec.argv = argv.v;
        spec.n_argv = argv.n;
        spec.environment = environment.v;
        spec.n_environment = environment.n;
        spec.directory = directory;
        spawn_spec_set_user(&spec, instance_definition(instance), &user);
        return hook_send(hook, &spec, error);
}

/* It runs, or never will: the next manager need not see to it. */
static void settle(struct instance *instance) {
        instance->failure_due = 0;
        instance_save(instance);
}

void failure_hook_wish(struct instance *instance) {
        if (instance_definition(instance)->on_failure[0] && !fault_is("forget-failure"))
                instance->failure_due = instance->generation;
}

void failure_hook_run(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        struct error error = ERROR_NULL;
        struct failure_hook *hook;
        char key[HOOK_KEY_MAX];
        int r;

        if (instance->failure_due == 0 || gang->stopping)
                return;
        snprintf(key, sizeof key, "%s" SUFFIX, instance->key);
        if (hook_find(gang, key))
                return;
        if (!instance_definition(instance)->on_failure[0]) {
                settle(instance); /* a reload has taken it away */
                return;
        }
        r = hook_new(&hook, gang, instance->key, instance->failure_due);
        if (r < 0)
                error_errno(&error, r, "its process");
        else {
                fault_point("before-failure-hook");
                r = hook_ask(hook, instance, &error);
                fault_point("after-failure-hook");
                if (r < 0)
                        hook_free(hook);
        }
        if (r >= 0)
                return;
        log_error("%s: %s", key, error.text);
        settle(instance);
}

/* ---- what the keeper says ---------------------------------------------------------------------- */

/* That one was due, and runs. */
static void hook_started(struct failure_hook *hook, uint64_t started_usec) {
        struct instance *instance = instance_find(hook->gang, hook->instance);

        hook_arm(hook, started_usec);
        if (instance && instance->failure_due == hook->generation && !fault_is("failure-twice"))
                settle(instance);
}

/* Its process is gone, or never was; maybe the instance has failed again meanwhile. */
static void hook_end(struct failure_hook *hook) {
        struct gang *gang = hook->gang;
        struct instance *instance = instance_find(gang, hook->instance);
        char name[HOOK_STORED_MAX];

        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                log_capture_drain(&hook->captures[stream]);
                keeper_link_drop(&gang->link, hook_stored(name, hook, stream));
        }
        hook_free(hook);
        if (instance)
                failure_hook_run(instance);
        gang_touch(gang);
}

int failure_hook_adopt(struct gang *gang, const char *key, pid_t pid, uint64_t started_usec,
                       const Ganger__State__InstanceCookie *cookie) {
        char instance[INSTANCE_KEY_MAX], name[HOOK_STORED_MAX];
        struct failure_hook *hook;
        int r;

        snprintf(instance, sizeof instance, "%.*s", (int)(strlen(key) - strlen(SUFFIX)), key);
        r = hook_new(&hook, gang, instance, cookie->generation);
        if (r < 0)
                return r;
        hook->pid = pid;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                hook_capture(hook, stream, keeper_link_take(&gang->link, hook_stored(name, hook, stream)));
        hook_started(hook, started_usec);
        return 0;
}

bool failure_hook_spawned(struct gang *gang, const Ganger__Keeper__Spawned *message) {
        struct failure_hook *hook = hook_find(gang, message->key);
        struct instance *instance;

        if (!hook || hook->pid > 0)
                return hook != NULL;
        if (message->error) {
                log_error("%s: %s: %s", hook->key, message->step, strerror(message->error));
                instance = instance_find(gang, hook->instance);
                if (instance && instance->failure_due == hook->generation)
                        settle(instance);
                hook_end(hook);
                return true;
        }
        hook->pid = message->pid;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                hook->captures[stream].from.pid = message->pid;
        hook_started(hook, message->started_usec);
        return true;
}

bool failure_hook_exited(struct gang *gang, const Ganger__Keeper__Exited *message) {
        struct failure_hook *hook = hook_find(gang, message->key);
        char words[EXIT_STATUS_FORMAT_MAX];

        if (!hook || hook->pid != message->pid)
                return false;
        if (message->status != 0)
                log_warning("%s: %s", hook->key, exit_status_format(words, sizeof words, message->status));
        keeper_link_exit_acknowledge(&gang->link, hook->key, message->pid);
        hook_end(hook);
        return true;
}

void failure_hooks_done(struct gang *gang) {
        list_for_each_safe(it, &gang->failure_hooks)
                hook_free(list_entry(it, struct failure_hook, link));
}
