/* SPDX-License-Identifier: MIT */
/*
 * An instance: the events of its life, and what follows from each
 *
 * instance_handle() is the only place that changes the state: it asks the table, writes the record, and does what
 * the table says. On an exit the order is: recover the rings, decide, write the decision, acknowledge, spawn. The
 * generation is part of the decision: an exit of an earlier generation than the recorded one was decided
 * already, by this manager or by one before it, and only wants acknowledging.
 *
 * Invariant: a process is asked for only in instance_spawn(), and only after the exit of the one before was
 * acknowledged.
 */

#include "daemon/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

static void instance_handle(struct instance *instance, enum instance_event event, uint64_t delay_usec, pid_t ended);

static struct gang *gang_of(const struct instance *instance) {
        return instance->worker->gang;
}

static void set_reason(struct instance *instance, const char *format, ...) _printf_(2, 3);

static void set_reason(struct instance *instance, const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(instance->reason, sizeof instance->reason, format, args);
        va_end(args);
}

/* ---- the timer --------------------------------------------------------------------------------- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;

        if (instance->state == INSTANCE_STARTING) {
                char text[USEC_FORMAT_MAX];

                instance->timed_out = true;
                log_warning("%s: not ready after %s: killed", instance->key,
                            usec_format(text, sizeof text, instance->worker->definition->ready_timeout_usec));
        } else if (instance->state == INSTANCE_STOPPING)
                log_warning("%s: has not ended after its stop signal: killed", instance->key);
        else if (instance->state == INSTANCE_BACKOFF)
                set_reason(instance, "started again");
        instance_handle(instance, INSTANCE_EV_TIMEOUT, 0, 0);
        return 0;
}

/* Arm the timer for `due_usec`. Without memory for it we kill rather than wait for ever; that needs none. */
static void timer_arm(struct instance *instance) {
        int r;

        if (instance->due_usec == USEC_INFINITY) {
                if (instance->timer)
                        sd_event_source_set_enabled(instance->timer, SD_EVENT_OFF);
                return;
        }
        if (!instance->timer) {
                r = sd_event_add_time(gang_of(instance)->event, &instance->timer, CLOCK_MONOTONIC,
                                      instance->due_usec, 1, on_timer, instance);
                if (r < 0)
                        log_error("%s: cannot arm its timer: %s", instance->key, strerror(-r));
                return;
        }
        sd_event_source_set_time(instance->timer, instance->due_usec);
        sd_event_source_set_enabled(instance->timer, SD_EVENT_ONESHOT);
}

/* What the actions of a transition make of the timer. */
static void timer_plan(struct instance *instance, unsigned int actions, uint64_t delay_usec) {
        const struct worker_definition *definition = instance->worker->definition;
        uint64_t now = now_usec();

        if (actions & INSTANCE_ACT_ARM_READY_TIMEOUT)
                instance->due_usec = usec_add(now, definition->ready_timeout_usec);
        else if (actions & INSTANCE_ACT_ARM_STOP_TIMEOUT)
                instance->due_usec = usec_add(now, definition->stop_timeout_usec);
        else if (actions & INSTANCE_ACT_ARM_BACKOFF)
                instance->due_usec = usec_add(now, delay_usec);
        else if (actions & INSTANCE_ACT_CANCEL_TIMER)
                instance->due_usec = USEC_INFINITY;
}

/* ---- the record -------------------------------------------------------------------------------- */

/* What matters least goes first, if a record is too long: the texts, then the oldest restarts. */
static int save_smaller(struct instance *instance, Ganger__State__InstanceState *record) {
        struct gang *gang = gang_of(instance);
        int r = -EMSGSIZE;

        record->status_text = record->last_reason = NULL;
        while (r == -EMSGSIZE && record->n_restart_usec > 0) {
                record->restart_usec++;
                record->n_restart_usec--;
                r = state_write_message(&gang->state, &instance->state_slot, STATE_INSTANCE, &record->base);
        }
        return r;
}

void instance_save(struct instance *instance) {
        Ganger__State__InstanceState record = GANGER__STATE__INSTANCE_STATE__INIT;
        struct gang *gang = gang_of(instance);
        int r;

        record.key = instance->key;
        record.state = instance->state;
        record.generation = instance->generation;
        record.since_usec = instance->since_usec;
        record.due_usec = instance->due_usec == USEC_INFINITY ? 0 : instance->due_usec;
        record.failures = instance->history.failures;
        record.restarts = instance->history.restarts;
        record.restart_usec = instance->history.limit.at_usec;
        record.n_restart_usec = instance->history.limit.n;
        record.stopped = instance->stopped;
        record.last_status = instance->last_status;
        record.last_valid = instance->last_valid;
        record.last_reason = instance->reason;
        record.status_text = instance->status_text;
        r = state_write_message(&gang->state, &instance->state_slot, STATE_INSTANCE, &record.base);
        if (r == -EMSGSIZE)
                r = save_smaller(instance, &record);
        if (r < 0)
                log_error("%s: cannot write its record: %s", instance->key, strerror(-r));
}

/* ---- effects ----------------------------------------------------------------------------------- */

static int on_spawn_failure(sd_event_source *source, void *userdata);

/* Told from the loop, not from here: else a definition that cannot be spawned would recurse. */
static void fail_spawn_later(struct instance *instance, const struct error *error) {
        int r;

        set_reason(instance, "%s", error->text);
        if (instance->spawn_failure)
                r = sd_event_source_set_enabled(instance->spawn_failure, SD_EVENT_ONESHOT);
        else
                r = sd_event_add_defer(gang_of(instance)->event, &instance->spawn_failure, on_spawn_failure, instance);
        if (r < 0)
                log_error("%s: %s", instance->key, error->text);
}

static void instance_spawn(struct instance *instance) {
        struct error error = ERROR_NULL;

        instance->ready_usec = 0;
        instance->timed_out = false;
        instance->status_text[0] = '\0';
        if (instance_ask(instance, &error) < 0) {
                fail_spawn_later(instance, &error);
                return;
        }
        instance->spawning = true;
        gang_of(instance)->n_spawning++;
}

static void instance_kill(struct instance *instance) {
        struct gang *gang = gang_of(instance);
        _cleanup_(closep) int cgroup = cgroup_open(&gang->cgroups, instance->key);

        keeper_link_signal(&gang->link, instance->key, SIGKILL, true);
        if (cgroup >= 0)
                (void)cgroup_kill(cgroup); /* the process group was killed in any case */
}

/* A bridge ends its program by itself; of anything else, the whole process group is told. */
static void instance_signal_stop(struct instance *instance) {
        const struct worker_definition *definition = instance->worker->definition;
        struct keeper_link *link = &gang_of(instance)->link;

        keeper_link_signal(link, instance->key, definition->stop_signal, definition->io == WORKER_IO_NONE);
        /* A stopped process takes no other signal. */
        if (instance->frozen)
                keeper_link_signal(link, instance->key, SIGCONT, true);
}

static void instance_act(struct instance *instance, unsigned int actions) {
        timer_arm(instance);
        if (actions & INSTANCE_ACT_SPAWN)
                instance_spawn(instance);
        if (actions & INSTANCE_ACT_STOP_SIGNAL)
                instance_signal_stop(instance);
        if (actions & INSTANCE_ACT_KILL)
                instance_kill(instance);
        if (actions & INSTANCE_ACT_DRAIN) {
                if (!membership_drain(&instance->membership))
                        instance_handle(instance, INSTANCE_EV_DRAINED, 0, 0);
                else if (instance->frozen)
                        keeper_link_signal(&gang_of(instance)->link, instance->key, SIGCONT, true);
        }
}

/* ---- transitions ------------------------------------------------------------------------------- */

static void instance_enter(struct instance *instance, enum instance_state next, bool anew) {
        struct gang *gang = gang_of(instance);
        enum instance_state from = instance->state;

        gang->n_processes += instance_state_has_process(next);
        gang->n_processes -= instance_state_has_process(from);
        instance->worker->n_ready += next == INSTANCE_READY;
        instance->worker->n_ready -= from == INSTANCE_READY;
        if (next != from || anew)
                instance->since_usec = now_usec();
        if (next == INSTANCE_READY && from != next) {
                instance->ready_usec = instance->since_usec;
                instance->reason[0] = '\0';
        }
        instance->state = next;
}

static void instance_tell(struct instance *instance) {
        struct gang *gang = gang_of(instance);

        events_add(&gang->events, instance->key,
                   &(struct event){ .kind = EVENT_STATE, .state = instance_state_name(instance->state),
                                    .pid = instance->pid },
                   "%s%s%s", instance_state_name(instance->state), *instance->reason ? ": " : "", instance->reason);
        list_for_each_safe(it, &instance->watchers) {
                struct instance_watcher *watcher = list_entry(it, struct instance_watcher, link);

                watcher->fn(watcher, instance, instance->state);
        }
        gang_touch(gang);
}

/* The process `ended` is recovered and decided: let the keeper forget it, and give back what it had. */
static void instance_acknowledge(struct instance *instance, pid_t ended) {
        keeper_link_exit_acknowledge(&gang_of(instance)->link, instance->key, ended);
        instance_clear_process(instance);
}

static void instance_handle(struct instance *instance, enum instance_event event, uint64_t delay_usec, pid_t ended) {
        enum instance_state before = instance->state;
        struct transition transition;

        if (instance_transition(before, event, &transition) < 0) {
                if (ended)
                        instance_acknowledge(instance, ended);
                return;
        }
        instance->wanted = instance_event_wants(event, instance->wanted);
        instance_enter(instance, transition.next, transition.actions & INSTANCE_ACT_SPAWN);
        timer_plan(instance, transition.actions, delay_usec);
        instance_save(instance);
        if (ended)
                instance_acknowledge(instance, ended);
        if (instance->state != before || transition.actions & INSTANCE_ACT_SPAWN)
                instance_tell(instance);
        instance_act(instance, transition.actions);
}

/* ---- what people and policy want --------------------------------------------------------------- */

void instance_start(struct instance *instance, bool by_hand) {
        if (by_hand) {
                instance->stopped = false;
                restart_history_forgive(&instance->history);
        }
        if (!instance_state_has_process(instance->state))
                set_reason(instance, "%s", by_hand ? "started by hand" : "");
        instance_handle(instance, INSTANCE_EV_START, 0, 0);
}

void instance_stop(struct instance *instance, bool by_hand) {
        if (by_hand)
                instance->stopped = true;
        if (instance->state != INSTANCE_DOWN)
                set_reason(instance, "%s", by_hand ? "stopped by hand" : "no longer wanted");
        instance_handle(instance, INSTANCE_EV_STOP, 0, 0);
}

void instance_restart(struct instance *instance) {
        instance->stopped = false;
        restart_history_forgive(&instance->history);
        set_reason(instance, "restarted");
        instance_handle(instance, INSTANCE_EV_RESTART, 0, 0);
}

/* ---- the end of a process ---------------------------------------------------------------------- */

static struct restart_options restart_options(const struct worker_definition *definition) {
        return (struct restart_options){
                .policy = definition->restart,
                .backoff = { .delay_usec = definition->restart_delay_usec,
                             .delay_max_usec = definition->restart_delay_max_usec },
                .limit = definition->restart_limit_count,
                .limit_period_usec = definition->restart_limit_period_usec,
        };
}

/* Why it is in the state that it is about to enter. */
static void explain_end(struct instance *instance, enum instance_event event, uint64_t delay_usec, bool limited,
                        const char *end) {
        char text[USEC_FORMAT_MAX];

        if (delay_usec > USEC_PER_MSEC)
                delay_usec -= delay_usec % USEC_PER_MSEC; /* nobody wants to read the rest */
        if (event == INSTANCE_EV_EXITED_BACKOFF)
                set_reason(instance, "%s; starts again in %s", end, usec_format(text, sizeof text, delay_usec));
        else if (event == INSTANCE_EV_EXITED_RESTART)
                set_reason(instance, "%s; started again", end);
        else if (event == INSTANCE_EV_EXITED_GIVE_UP && limited)
                set_reason(instance, "%s; gave up: more than %u restarts in %s", end,
                           instance->worker->definition->restart_limit_count,
                           usec_format(text, sizeof text, instance->worker->definition->restart_limit_period_usec));
        else
                set_reason(instance, "%s", end);
}

/* Decide what follows, and do it. */
static void instance_end(struct instance *instance, const struct restart_end *end, const char *words, pid_t ended) {
        struct restart_options options = restart_options(instance->worker->definition);
        enum instance_event event;
        uint64_t delay;
        bool limited;

        event = restart_plan(&options, &instance->history, end, now_usec(), gang_random(), &delay, &limited);
        explain_end(instance, event, delay, limited, words);
        if (event == INSTANCE_EV_EXITED_GIVE_UP)
                log_error("%s: %s", instance->key, instance->reason);
        else if (end->spawn_failed || (end->status != 0 && end->wanted))
                log_warning("%s: %s", instance->key, instance->reason);
        instance->generation++;
        instance_handle(instance, event, delay, ended);
}

static struct restart_end end_of(const struct instance *instance) {
        return (struct restart_end){
                .timed_out = instance->timed_out,
                .state = instance->state,
                .wanted = instance->wanted,
                .ready_usec = instance->ready_usec ? now_usec() - instance->ready_usec : 0,
        };
}

static int on_spawn_failure(sd_event_source *source, void *userdata) {
        struct instance *instance = userdata;
        struct restart_end end = end_of(instance);
        char words[INSTANCE_TEXT_MAX];

        snprintf(words, sizeof words, "%s", instance->reason);
        end.spawn_failed = true;
        events_add(&gang_of(instance)->events, instance->key, &(struct event){ .kind = EVENT_SPAWN_FAILED }, "%s",
                   words);
        instance_end(instance, &end, words, 0);
        return 0;
}

static void forget_pid(struct instance *instance) {
        struct gang *gang = gang_of(instance);

        if (instance->spawning) {
                instance->spawning = false;
                gang->n_spawning--;
        }
        if (instance->pid > 0)
                map_remove(&gang->instances_by_pid, &instance->by_pid);
        instance->pid = 0;
        instance->frozen = false;
}

static void remember_pid(struct instance *instance, pid_t pid) {
        struct gang *gang = gang_of(instance);
        int r;

        instance->pid = pid;
        snprintf(instance->pid_key, sizeof instance->pid_key, "%d", (int)pid);
        r = map_add(&gang->instances_by_pid, &instance->by_pid, instance->pid_key);
        if (r < 0)
                log_error("%s: cannot remember its pid %d: %s", instance->key, (int)pid, strerror(-r));
}

void instance_exited(struct instance *instance, const Ganger__Keeper__Exited *message) {
        struct gang *gang = gang_of(instance);
        struct restart_end end = end_of(instance);
        char words[EXIT_STATUS_FORMAT_MAX + 32];
        _cleanup_(closep) int cgroup = -1;

        if (message->pid != instance->pid) {
                keeper_link_exit_acknowledge(&gang->link, instance->key, message->pid);
                return;
        }
        exit_status_format(words, sizeof words, message->status);
        if (instance->timed_out)
                strcat(words, " (not ready in time)");
        cgroup = cgroup_open(&gang->cgroups, instance->key);
        if (cgroup >= 0)
                (void)cgroup_kill(cgroup); /* what left the process group; the rest is dead already */

        if (fault_is("ack-before-recover"))
                keeper_link_exit_acknowledge(&gang->link, instance->key, message->pid);
        membership_recover(&gang->rings, &instance->membership, message->pid, words);
        events_add(&gang->events, instance->key,
                   &(struct event){ .kind = EVENT_EXIT, .pid = message->pid, .status = message->status }, "%s", words);
        forget_pid(instance);
        instance->last_valid = true;
        instance->last_status = message->status;
        end.status = message->status;
        instance_end(instance, &end, words, message->pid);
}

/* ---- what the keeper and the process say ------------------------------------------------------- */

static void spawn_failed(struct instance *instance, const Ganger__Keeper__Spawned *message) {
        struct gang *gang = gang_of(instance);
        struct error error = ERROR_NULL;

        forget_pid(instance);
        instance_clear_process(instance);
        if (strcmp(message->step, "cgroup") == 0 && gang->cgroups.fd >= 0) {
                log_warning("cgroups cannot be used here: %s", strerror(message->error));
                cgroups_disable(&gang->cgroups);
                instance_spawn(instance);
                return;
        }
        error_errno(&error, -message->error, "%s", message->step);
        fail_spawn_later(instance, &error);
}

void instance_spawned(struct instance *instance, const Ganger__Keeper__Spawned *message) {
        if (!instance->spawning)
                return; /* the answer to a request of the manager before; the welcome told us all of it */
        if (message->error) {
                spawn_failed(instance, message);
                notify_resume(&gang_of(instance)->notify);
                return;
        }
        instance->spawning = false;
        gang_of(instance)->n_spawning--;
        remember_pid(instance, message->pid);
        instance->started_usec = message->started_usec;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                instance->captures[stream].from.pid = message->pid;
        if (instance->worker->definition->ready == WORKER_READY_IMMEDIATE && instance->state == INSTANCE_STARTING)
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        notify_resume(&gang_of(instance)->notify);
}

void instance_frozen(struct instance *instance, bool stopped) {
        instance->frozen = stopped;
        membership_freeze(&instance->membership, stopped);
        gang_touch(gang_of(instance));
}

void instance_notify_ready(struct instance *instance) {
        if (instance->state == INSTANCE_STARTING && instance->worker->definition->ready != WORKER_READY_IMMEDIATE)
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
}

/* One line, whatever was sent: control characters would move somebody's cursor. */
void instance_notify_status(struct instance *instance, const char *text) {
        snprintf(instance->status_text, sizeof instance->status_text, "%s", text);
        for (unsigned char *p = (unsigned char *)instance->status_text; *p; p++)
                if (*p < ' ' || *p == 0x7f)
                        *p = '?';
        instance_save(instance);
}

/* ---- take-over --------------------------------------------------------------------------------- */

void instance_restore(struct instance *instance, const Ganger__State__InstanceState *record, uint32_t slot) {
        uint64_t now = now_usec();

        instance->state_slot = slot;
        instance->generation = record->generation;
        instance->since_usec = record->since_usec;
        instance->due_usec = record->due_usec ? record->due_usec : USEC_INFINITY;
        instance->history.failures = record->failures;
        instance->history.restarts = record->restarts;
        if (restart_limit_restore(&instance->history.limit, record->restart_usec, record->n_restart_usec, now) < 0)
                log_warning("%s: its restarts are forgotten for want of memory", instance->key);
        instance->stopped = record->stopped;
        instance->last_status = record->last_status;
        instance->last_valid = record->last_valid;
        snprintf(instance->reason, sizeof instance->reason, "%s", record->last_reason);
        snprintf(instance->status_text, sizeof instance->status_text, "%s", record->status_text);
        if (record->state < _INSTANCE_STATE_N)
                instance_enter(instance, record->state, false);
        instance->since_usec = record->since_usec;
        instance->ready_usec = instance->state == INSTANCE_READY ? record->since_usec : 0;
        instance->restored = true;
}

static void adopt_output(struct instance *instance) {
        struct keeper_link *link = &gang_of(instance)->link;
        char name[INSTANCE_STORED_MAX];

        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                int fd = keeper_link_take(link, instance_stored(name, instance, log_stream_name(stream)));
                int r = fd < 0 ? fd : instance_capture(instance, stream, fd);

                if (r < 0)
                        log_warning("%s: its %s is lost: %s", instance->key, log_stream_name(stream), strerror(-r));
        }
}

void instance_adopt(struct instance *instance, const Ganger__State__InstanceCookie *cookie, pid_t pid,
                    uint64_t started_usec, bool frozen) {
        struct gang *gang = gang_of(instance);
        char name[INSTANCE_STORED_MAX];
        int r;

        remember_pid(instance, pid);
        instance->generation = cookie->generation;
        instance->definition = cookie->definition;
        instance->started_usec = started_usec;
        /* Without a record nobody knows what it has told: take it for what most processes are most of the time. */
        if (!instance->restored)
                instance_enter(instance, INSTANCE_READY, true);
        adopt_output(instance);
        if (cookie->n_seats > 0) {
                int member = keeper_link_take(&gang->link, instance_stored(name, instance, "member"));

                r = membership_restore(&gang->rings, instance->key, cookie->seats, cookie->n_seats, member,
                                       &instance->membership);
                if (r < 0 || member < 0)
                        log_error("%s: cannot take over its member memory: %s", instance->key,
                                  strerror(member < 0 ? -member : -r));
        }
        if (frozen)
                instance_frozen(instance, true);
}

/* A live process of the definition that is in force? Else the reload that its manager began is finished. */
static bool is_outdated(const struct instance *instance) {
        return instance->pid > 0 && instance->definition != worker_definition_hash(instance->worker->definition) &&
               (instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY);
}

static bool is_meant_to_run(const struct instance *instance) {
        const struct worker *worker = instance->worker;

        return !instance->stopped && !worker->stopped && !worker->removed && instance->number < worker->wanted;
}

/* The signal or the flag that the manager before may not have got to send: sending it twice does no harm. */
static void resume_stop(struct instance *instance) {
        if (instance->state == INSTANCE_DRAINING && !membership_drain(&instance->membership))
                instance_handle(instance, INSTANCE_EV_DRAINED, 0, 0);
        else if (instance->state == INSTANCE_STOPPING)
                instance_signal_stop(instance);
}

void instance_resume(struct instance *instance) {
        enum instance_state recorded = instance->state, state;

        instance->wanted = is_meant_to_run(instance);
        state = instance_state_resume(recorded, instance->pid > 0, instance->wanted);
        if (state != recorded) {
                instance_enter(instance, state, true);
                instance->due_usec = USEC_INFINITY;
                if (state == INSTANCE_STARTING)
                        timer_plan(instance, INSTANCE_ACT_ARM_READY_TIMEOUT, 0);
                else if (state == INSTANCE_BACKOFF)
                        instance->due_usec = now_usec();
                instance_save(instance);
        }
        timer_arm(instance);
        resume_stop(instance);
        if (instance->state == INSTANCE_STARTING && instance->worker->definition->ready == WORKER_READY_IMMEDIATE)
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        if (!instance->wanted && instance->state != INSTANCE_DOWN)
                instance_handle(instance, INSTANCE_EV_STOP, 0, 0);
        else if (instance->wanted && !instance->restored && instance->pid == 0)
                instance_start(instance, false);
        else if (is_outdated(instance))
                instance_handle(instance, INSTANCE_EV_RESTART, 0, 0);
}

/* ---- being ------------------------------------------------------------------------------------- */

void instance_watch(struct instance *instance, struct instance_watcher *watcher) {
        list_append(&instance->watchers, &watcher->link);
}

void instance_unwatch(struct instance_watcher *watcher) {
        list_unlink(&watcher->link);
}

int instance_new(struct instance **ret, struct worker *worker, unsigned int number) {
        struct instance *instance = calloc(1, sizeof *instance);

        if (!instance)
                return -ENOMEM;
        instance->worker = worker;
        instance->number = number;
        instance->state_slot = STATE_SLOT_NONE;
        instance->due_usec = USEC_INFINITY;
        instance->since_usec = now_usec();
        instance->generation = 1;
        instance->history = RESTART_HISTORY_NULL;
        instance->membership = MEMBERSHIP_NULL;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                instance->captures[stream] = LOG_CAPTURE_NULL;
        log_tail_init(&instance->tail);
        list_init(&instance->watchers);
        snprintf(instance->key, sizeof instance->key, "%s/%u", worker->name, number);
        *ret = instance;
        return 0;
}

struct instance *instance_free(struct instance *instance) {
        struct gang *gang;

        if (!instance)
                return NULL;
        gang = gang_of(instance);
        list_for_each_safe(it, &instance->watchers) {
                struct instance_watcher *watcher = list_entry(it, struct instance_watcher, link);

                list_unlink(&watcher->link);
                watcher->fn(watcher, instance, -1);
        }
        forget_pid(instance);
        membership_leave(&gang->rings, &instance->membership);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                log_capture_close(&instance->captures[stream]);
        log_tail_done(&instance->tail);
        restart_history_done(&instance->history);
        sd_event_source_disable_unref(instance->timer);
        sd_event_source_disable_unref(instance->spawn_failure);
        (void)cgroup_remove(&gang->cgroups, instance->key); /* busy only while somebody else is in it */
        free(instance);
        return NULL;
}

struct instance *instance_find(struct gang *gang, const char *key) {
        char name[INSTANCE_KEY_MAX];
        const char *slash = strrchr(key, '/');
        struct worker *worker;
        unsigned long number;
        char *end;

        if (!slash || slash == key || (size_t)(slash - key) >= sizeof name || slash[1] < '0' || slash[1] > '9')
                return NULL;
        memcpy(name, key, slash - key);
        name[slash - key] = '\0';
        worker = worker_find(gang, name);
        number = strtoul(slash + 1, &end, 10);
        if (!worker || *end != '\0' || number >= worker->n_instances)
                return NULL;
        return strcmp(worker->instances[number]->key, key) == 0 ? worker->instances[number] : NULL;
}
