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
#include "daemon/left-out.h"
#include "daemon/liveness.h"
#include "daemon/log/log.h"
#include "daemon/main-pid.h"
#include "daemon/order.h"
#include "daemon/wishes.h"
#include "daemon/words.h"
#include "daemon/report.h"
#include "daemon/roll.h"
#include "daemon/shortage.h"
#include "daemon/standby.h"
#include "daemon/spawn-queue.h"
#include "daemon/spawn-settings.h"
#include "daemon/worker.h"

const struct worker_definition *instance_definition(const struct instance *instance) {
        return roll_definition(instance->worker, instance->version);
}

void instance_set_reason(struct instance *instance, const char *format, ...) {
        va_list args;

        va_start(args, format);
        words_set_list(&instance->reason, INSTANCE_TEXT_MAX, format, args);
        va_end(args);
}

static void start_in_order(struct instance *instance, const char *reason);

/* ---- the timer --------------------------------------------------------------------------------- */

/** The next of `stop-then`. @return false: there is none. */
static bool send_next(struct instance *instance) {
        char *const *steps = instance_definition(instance)->stop_then;
        uint64_t timeout;
        int number;

        for (uint32_t i = 0; i <= instance->stop_step; i++)
                if (!steps[i])
                        return false;
        if (stop_step_parse(steps[instance->stop_step], &number, &timeout) < 0)
                return false;
        instance->stop_step++;
        instance->due_usec = usec_add(now_usec(), timeout);
        instance_save(instance);
        log_info("%s: has not ended yet: sent %.*s", instance->key, (int)strcspn(steps[instance->stop_step - 1], "/"),
                 steps[instance->stop_step - 1]);
        instance_signal_stop(instance);
        instance_timer_arm(instance);
        return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;

        if (instance->state == INSTANCE_STARTING) {
                char text[USEC_FORMAT_MAX];

                const char *why = probing_of(instance)->why;

                words_set(&instance->condemned.verdict, VERDICT_MAX, "not ready in time%s%s", *why ? ": " : "", why);
                log_warning("%s: not ready after %s%s%s: killed", instance->key,
                            usec_format(text, sizeof text, instance_definition(instance)->ready_timeout_usec),
                            *why ? ": " : "", why);
        } else if (instance->state == INSTANCE_STOPPING) {
                if (send_next(instance))
                        return 0;
                log_warning("%s: has not ended after its stop signal: killed", instance->key);
        } else if (instance->state == INSTANCE_BACKOFF) {
                start_in_order(instance, "started again");
                return 0;
        }
        instance_handle(instance, INSTANCE_EV_TIMEOUT, 0, 0);
        return 0;
}

/*
 * Arm the timer for `due_usec`. Without it, what is waited for would be waited for for ever. Nearly all instances wait for
 * nothing nearly all the time, and a timer takes a third of the memory of an instance: so they have none then.
 */
void instance_timer_arm(struct instance *instance) {
        int r;

        if (instance->due_usec == USEC_INFINITY) {
                instance->timer = sd_event_source_disable_unref(instance->timer);
                return;
        }
        if (!instance->timer) {
                r = sd_event_add_time(instance_gang(instance)->event, &instance->timer, CLOCK_MONOTONIC,
                                      instance->due_usec, 1, on_timer, instance);
                if (r < 0)
                        gang_give_way(instance_gang(instance), "a timer", r);
                return;
        }
        sd_event_source_set_time(instance->timer, instance->due_usec);
        sd_event_source_set_enabled(instance->timer, SD_EVENT_ONESHOT);
}

/* What the actions of a transition make of the timer. */
void instance_timer_plan(struct instance *instance, unsigned int actions, uint64_t delay_usec) {
        const struct worker_definition *definition = instance_definition(instance);
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

/* ---- its process ------------------------------------------------------------------------------ */

void instance_forget_pid(struct instance *instance) {
        struct gang *gang = instance_gang(instance);

        if (instance->spawning) {
                instance->spawning = false;
                gang->n_spawning--;
        }
        if (instance->pid > 0)
                map_remove(&gang->instances_by_pid, &instance->by_pid);
        if (instance->ending)
                gang->n_ending--;
        list_unlink(&instance->turn);
        instance->pid = 0;
        instance->frozen = instance->ending = false;
}

void instance_remember_pid(struct instance *instance, pid_t pid) {
        struct gang *gang = instance_gang(instance);
        int r;

        instance->pid = pid;
        snprintf(instance->pid_key, sizeof instance->pid_key, "%d", (int)pid);
        r = map_add(&gang->instances_by_pid, &instance->by_pid, instance->pid_key);
        if (r < 0)
                gang_give_way(gang, "the table of processes", r);
        instance->session = getsid(pid);
        if (instance->session > 0 && instance->session != pid)
                list_append(&gang->forked, &instance->turn);
}

/* ---- effects ----------------------------------------------------------------------------------- */

/* Told from the loop, not from here: else a definition that cannot be spawned would recurse. */
static void fail_spawn_later(struct instance *instance, struct error *error) {
        int r;

        shortage_explain(error);
        instance_set_reason(instance, "%s", error->text);
        instance->refused = error->code == -EUCLEAN;
        if (instance->spawn_failure)
                r = sd_event_source_set_enabled(instance->spawn_failure, SD_EVENT_ONESHOT);
        else
                r = sd_event_add_defer(instance_gang(instance)->event, &instance->spawn_failure, instance_on_spawn_failure, instance);
        if (r < 0)
                gang_give_way(instance_gang(instance), error->text, r);
}

static void instance_spawn(struct instance *instance) {
        instance->ready_usec = 0;
        words_clear(&instance->status_text);
        liveness_prepare(instance);
        if (!spawn_queue_put(instance))
                instance_ask_now(instance);
}

void instance_ask_now(struct instance *instance) {
        struct error error = ERROR_NULL;

        fault_point("before-spawn");
        if (instance_ask(instance, &error) < 0) {
                fail_spawn_later(instance, &error);
                return;
        }
        fault_point("after-spawn");
        instance->spawning = true;
        instance_gang(instance)->n_spawning++;
}

void instance_kill(struct instance *instance) {
        struct gang *gang = instance_gang(instance);

        sweep_kill(instance);
        keeper_link_signal(&gang->link, instance->key, SIGKILL, true);
        instance->cgroup = CGROUP_NOWHERE; /* nobody else is born in it */
        cgroup_kill_rest(&gang->cgroups, instance->key);
}

/* A bridge ends its program by itself; of anything else, the whole process group is told. */
void instance_signal_stop(struct instance *instance) {
        const struct worker_definition *definition = instance_definition(instance);
        struct keeper_link *link = &instance_gang(instance)->link;
        int number = definition->stop_signal;
        uint64_t timeout;

        /* The last one that it was sent; a reload may have taken that away meanwhile. */
        for (uint32_t i = 0; i < instance->stop_step && definition->stop_then[i]; i++)
                (void)stop_step_parse(definition->stop_then[i], &number, &timeout);
        keeper_link_signal(link, instance->key, number, definition->io == WORKER_IO_NONE);
        /* A stopped process takes no other signal. */
        if (instance->frozen)
                keeper_link_signal(link, instance->key, SIGCONT, true);
}

static void instance_act(struct instance *instance, unsigned int actions) {
        instance_timer_arm(instance);
        if (actions & INSTANCE_ACT_SPAWN)
                instance_spawn(instance);
        if (actions & (INSTANCE_ACT_STOP_SIGNAL | INSTANCE_ACT_KILL | INSTANCE_ACT_DRAIN))
                spawn_queue_hurry(instance);
        if (actions & INSTANCE_ACT_STOP_SIGNAL)
                instance_signal_stop(instance);
        if (actions & INSTANCE_ACT_KILL)
                instance_kill(instance);
        if (actions & INSTANCE_ACT_DRAIN) {
                if (!membership_drain(&instance->membership))
                        instance_handle(instance, INSTANCE_EV_DRAINED, 0, 0);
                else if (instance->frozen)
                        keeper_link_signal(&instance_gang(instance)->link, instance->key, SIGCONT, true);
        }
}

/* ---- transitions ------------------------------------------------------------------------------- */

static void set_held(struct instance *instance, enum instance_held held) {
        instance->worker->n_held += held != INSTANCE_NOT_HELD;
        instance->worker->n_held -= instance->held != INSTANCE_NOT_HELD;
        instance_gang(instance)->n_held += held != INSTANCE_NOT_HELD;
        instance_gang(instance)->n_held -= instance->held != INSTANCE_NOT_HELD;
        instance->held = held;
}

static void count_waiting(struct instance *instance, int change) {
        instance->worker->n_waiting += (unsigned int)change;
        instance_gang(instance)->n_waiting += (size_t)change;
}

void instance_enter(struct instance *instance, enum instance_state next, bool anew) {
        struct gang *gang = instance_gang(instance);
        enum instance_state from = instance->state;

        gang->n_processes += instance_state_has_process(next);
        gang->n_processes -= instance_state_has_process(from);
        instance->worker->n_ready += next == INSTANCE_READY;
        instance->worker->n_ready -= from == INSTANCE_READY;
        count_waiting(instance, (next == INSTANCE_WAITING) - (from == INSTANCE_WAITING));
        if (next != INSTANCE_DOWN)
                instance->remains = false;
        if (next != INSTANCE_STARTING && next != INSTANCE_READY)
                set_held(instance, INSTANCE_NOT_HELD);
        if (next != from || anew)
                instance->since_usec = now_usec();
        if (next != from)
                instance->stop_step = 0;
        if (next == INSTANCE_READY && from != next) {
                instance->ready_usec = instance->since_usec;
                words_clear(&instance->reason);
        }
        instance->state = next;
}

static void instance_tell(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        const char *state = instance_shown_state(instance);

        events_add(&gang->events, instance->key,
                   &(struct event){ .kind = EVENT_STATE, .state = state, .pid = instance->pid },
                   "%s%s%s", state, *instance->reason ? ": " : "", instance->reason);
        list_for_each_safe(it, &instance->watchers) {
                struct instance_watcher *watcher = list_entry(it, struct instance_watcher, link);

                watcher->fn(watcher, instance, instance->state);
        }
        gang_touch(gang);
}

/* The process `ended` is recovered and decided: let the keeper forget it, and give back what it had. */
static void instance_acknowledge(struct instance *instance, pid_t ended, bool again) {
        keeper_link_exit_acknowledge(&instance_gang(instance)->link, instance->key, ended);
        if (fault_points())
                keeper_link_flush(&instance_gang(instance)->link); /* the keeper may have it when the manager dies */
        fault_point("after-acknowledge");
        instance_clear_process(instance, again);
}

void instance_handle(struct instance *instance, enum instance_event event, uint64_t delay_usec, pid_t ended) {
        enum instance_state before = instance->state;
        struct transition transition;
        bool spawns, tells;

        if (instance_transition(before, event, &transition) < 0) {
                if (ended)
                        instance_acknowledge(instance, ended, false);
                return;
        }
        spawns = transition.actions & INSTANCE_ACT_SPAWN;
        instance->wanted = instance_event_wants(event, instance->wanted);
        instance->abandoned &= !instance->wanted;
        instance_enter(instance, transition.next, spawns);
        instance_timer_plan(instance, transition.actions, delay_usec);
        liveness_entered(instance, before);
        if (ended && fault_is("acknowledge-before-state"))
                instance_acknowledge(instance, ended, spawns);
        instance_save(instance);
        fault_point("after-state");
        if (fault_is("spawn-before-acknowledge") && ended) {
                instance_act(instance, transition.actions);
                transition.actions = 0;
        }
        if (ended)
                instance_acknowledge(instance, ended, spawns);
        /* A process is asked for first: it starts while the others are told. All else is done once they know. */
        tells = instance->state != before || spawns;
        if (tells && !spawns)
                instance_tell(instance);
        instance_act(instance, transition.actions);
        if (tells && spawns)
                instance_tell(instance);
        if (before == INSTANCE_READY && instance->state == INSTANCE_DRAINING)
                standby_lost(instance);
        else if (before != INSTANCE_READY && instance->state == INSTANCE_READY)
                standby_balance(instance->worker);
        schedule_ended(instance);
}

/* ---- what people and policy want --------------------------------------------------------------- */

/** Start it, or have it wait for others. It has no process. */
static void start_in_order(struct instance *instance, const char *reason) {
        char why[INSTANCE_TEXT_MAX];
        enum order order = order_start(instance->worker, why, sizeof why);

        instance->stuck = order == ORDER_STUCK;
        instance_set_reason(instance, "%s", order == ORDER_GO ? reason : why);
        instance_handle(instance, order == ORDER_GO ? INSTANCE_EV_START : INSTANCE_EV_HOLD, 0, 0);
}

void instance_wait_over(struct instance *instance) {
        instance->stuck = false;
        instance_set_reason(instance, "%s", "");
        instance_handle(instance, INSTANCE_EV_START, 0, 0);
}

void instance_wait_for(struct instance *instance, bool stuck, const char *why) {
        if (instance->stuck == stuck && strcmp(instance->reason, why) == 0)
                return;
        instance->stuck = stuck;
        instance_set_reason(instance, "%s", why);
        instance_save(instance);
        instance_tell(instance);
}

void instance_end_in_order(struct instance *instance, enum instance_held how) {
        bool running = instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY;

        if (running && !order_may_end(instance->worker)) {
                set_held(instance, how);
                instance->wanted = how == INSTANCE_HELD_RESTART;
                instance_save(instance);
                gang_touch(instance_gang(instance));
                return;
        }
        set_held(instance, INSTANCE_NOT_HELD);
        instance_handle(instance, how == INSTANCE_HELD_STOP ? INSTANCE_EV_STOP : INSTANCE_EV_RESTART, 0, 0);
}

void instance_held_over(struct instance *instance) {
        instance_end_in_order(instance, instance->held);
}

void instance_start(struct instance *instance, bool by_hand) {
        if (by_hand) {
                instance->stopped = false;
                wishes_touch(instance_gang(instance));
                restart_history_forgive(&instance->history);
        }
        set_held(instance, INSTANCE_NOT_HELD);
        if (instance_remains(instance))
                return;
        if (instance_state_has_process(instance->state))
                instance_handle(instance, INSTANCE_EV_START, 0, 0);
        else
                start_in_order(instance, by_hand ? "started by hand" : "");
}

void instance_stop_because(struct instance *instance, const char *reason) {
        bool remained = instance_remains(instance);

        if (instance->state != INSTANCE_DOWN || remained)
                instance_set_reason(instance, "%s", reason);
        instance->remains = false;
        instance_end_in_order(instance, INSTANCE_HELD_STOP);
        if (remained)
                instance_tell(instance);
}

void instance_stop(struct instance *instance, bool by_hand) {
        if (by_hand) {
                instance->stopped = true;
                wishes_touch(instance_gang(instance));
        }
        instance_stop_because(instance, by_hand ? "stopped by hand" : "no longer wanted");
}

void instance_restart(struct instance *instance) {
        instance->stopped = false;
        wishes_touch(instance_gang(instance));
        restart_history_forgive(&instance->history);
        if (!instance_state_has_process(instance->state)) {
                start_in_order(instance, "restarted");
                return;
        }
        instance_set_reason(instance, "restarted");
        instance_end_in_order(instance, INSTANCE_HELD_RESTART);
}

bool instance_remains(const struct instance *instance) {
        return instance->remains && instance->state == INSTANCE_DOWN && instance_definition(instance)->remain;
}

const char *instance_shown_state(const struct instance *instance) {
        if (instance_remains(instance))
                return "exited";
        return instance->state == INSTANCE_READY && instance->spare ? "standby" : instance_state_name(instance->state);
}

bool instance_is_ready_at_once(const struct instance *instance) {
        const struct worker_definition *definition = instance_definition(instance);

        return instance->state == INSTANCE_STARTING && definition->ready == WORKER_READY_IMMEDIATE &&
               definition->type != WORKER_ONESHOT;
}

void instance_reset(struct instance *instance) {
        restart_history_forgive(&instance->history);
        if (instance->state == INSTANCE_FAILED) {
                instance_set_reason(instance, "%s", "");
                instance_handle(instance, INSTANCE_EV_STOP, 0, 0);
        } else
                instance_save(instance);
}

void instance_start_on_demand(struct instance *instance, const char *why) {
        start_in_order(instance, why);
}

void instance_stop_idle(struct instance *instance, const char *why) {
        instance_stop_because(instance, why);
}

/* By another policy, one that has ended before may be down for good. */
bool instance_is_due(const struct instance *instance) {
        const struct worker *worker = instance->worker;

        return instance->state == INSTANCE_DOWN && !instance->stopped && !instance->abandoned && worker_is_wanted(worker) &&
               instance->number < worker_count_target(worker) && worker->definition->start == WORKER_START_BOOT &&
               (worker->definition->restart == RESTART_ALWAYS || !instance->last_valid);
}

/* ---- what the keeper and the process say ------------------------------------------------------- */

/* What waited for the keeper's word can be dealt with. */
static void heard_of_spawn(struct gang *gang) {
        notify_resume(&gang->notify);
        main_pids_settle(gang);
}

static void spawn_failed(struct instance *instance, const Ganger__Keeper__Spawned *message) {
        struct gang *gang = instance_gang(instance);
        struct error error = ERROR_NULL;
        char words[SPAWN_STEP_WORDS_MAX];

        instance_forget_pid(instance);
        instance_clear_process(instance, false);
        if (strcmp(message->step, "cgroup") == 0 && gang->cgroups.fd >= 0) {
                /* That of the process before may be spoilt in a way that we did not see: the next try has a new one. */
                if (!instance->cgroup_again) {
                        log_warning("cgroups cannot be used here: %s", strerror(message->error));
                        cgroups_disable(&gang->cgroups);
                }
                instance_spawn(instance);
                return;
        }
        error_errno(&error, -message->error, "%s",
                    spawn_step_words(words, sizeof words, instance_definition(instance), message->step));
        fail_spawn_later(instance, &error);
}

void instance_spawned(struct instance *instance, const Ganger__Keeper__Spawned *message) {
        if (!instance->spawning)
                return; /* the answer to a request of the manager before; the welcome told us all of it */
        if (message->error) {
                spawn_failed(instance, message);
                heard_of_spawn(instance_gang(instance));
                return;
        }
        left_out_tell(instance_definition(instance), instance->key, message);
        instance->spawning = false;
        instance_gang(instance)->n_spawning--;
        instance_remember_pid(instance, message->pid);
        instance->started_usec = message->started_usec;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                instance->captures[stream].from.pid = message->pid;
        log_tail_claim(&instance->tail, message->pid);
        if (instance_is_ready_at_once(instance))
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        heard_of_spawn(instance_gang(instance));
}

void instance_frozen(struct instance *instance, bool stopped) {
        instance->frozen = stopped;
        membership_freeze(&instance->membership, stopped);
        gang_touch(instance_gang(instance));
}

/* ---- being ------------------------------------------------------------------------------------- */

void instance_watch(struct instance *instance, struct instance_watcher *watcher) {
        list_append(&instance->watchers, &watcher->link);
}

void instance_unwatch(struct instance_watcher *watcher) {
        list_unlink(&watcher->link);
}

int instance_new(struct instance **ret, struct worker *worker, unsigned int number) {
        char key[INSTANCE_KEY_MAX];
        size_t key_size = (size_t)snprintf(key, sizeof key, "%s/%u", worker->name, number) + 1;
        struct instance *instance = calloc(1, sizeof *instance + key_size);

        if (!instance)
                return -ENOMEM;
        memcpy(instance->key, key, key_size);
        instance->worker = worker;
        instance->number = number;
        instance->state_slot = STATE_SLOT_NONE;
        instance->cgroup = CGROUP_NOWHERE;
        instance->due_usec = USEC_INFINITY;
        instance->since_usec = now_usec();
        instance->generation = 1;
        instance->reason = instance->status_text = words_none;
        instance->history = RESTART_HISTORY_NULL;
        instance->membership = MEMBERSHIP_NULL;
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                instance->captures[stream] = LOG_CAPTURE_NULL;
        log_tail_init(&instance->tail);
        list_init(&instance->watchers);
        list_init(&instance->turn);
        liveness_init(instance);
        *ret = instance;
        return 0;
}

struct instance *instance_free(struct instance *instance) {
        struct gang *gang;

        if (!instance)
                return NULL;
        gang = instance_gang(instance);
        set_held(instance, INSTANCE_NOT_HELD);
        count_waiting(instance, -(instance->state == INSTANCE_WAITING));
        list_for_each_safe(it, &instance->watchers) {
                struct instance_watcher *watcher = list_entry(it, struct instance_watcher, link);

                list_unlink(&watcher->link);
                watcher->fn(watcher, instance, -1);
        }
        instance_forget_pid(instance);
        membership_leave(&gang->objects, &instance->membership);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                log_capture_close(&instance->captures[stream]);
        output_rate_end(instance);
        output_rate_done(instance);
        log_tail_done(&instance->tail);
        restart_history_done(&instance->history);
        words_clear(&instance->reason);
        words_clear(&instance->status_text);
        report_free(instance->report);
        liveness_done(instance);
        sd_event_source_disable_unref(instance->timer);
        sd_event_source_disable_unref(instance->spawn_failure);
        cgroup_remove(&gang->cgroups, instance->key);
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
