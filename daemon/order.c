/* SPDX-License-Identifier: MIT */
/*
 * Who starts after whom, and who needs whom
 *
 * The configuration has no cycle, so somebody may always begin. What is looked at is what is the case now: the states of the
 * instances of others, and what is wanted of them.
 */

#include "daemon/order.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/successor.h"
#include "daemon/worker.h"

static bool names(char *const *list, const char *name) {
        for (; *list; list++)
                if (strcmp(*list, name) == 0)
                        return true;
        return false;
}

static bool is_after(const struct worker *worker, const struct worker *other) {
        return names(worker->definition->after, other->name) || names(worker->definition->requires, other->name);
}

static bool conflict(const struct worker *a, const struct worker *b) {
        return names(a->definition->conflicts, b->name) || names(b->definition->conflicts, a->name);
}

/* ---- what others are doing --------------------------------------------------------------------- */

/** Did it end well, and is not to be started again? Such a worker has done what it was for. */
static bool has_ended_well(const struct instance *instance) {
        if (instance_remains(instance))
                return true;
        return instance->state == INSTANCE_DOWN && instance->wanted && instance->last_valid && instance->last_status == 0;
}

/** How far one of another worker is, for those that come after it. */
static enum order look_at_instance(const struct instance *instance, bool required) {
        switch (instance->state) {
        case INSTANCE_READY:
                return instance->held == INSTANCE_NOT_HELD ? ORDER_GO : ORDER_WAIT;
        case INSTANCE_STARTING:
        case INSTANCE_BACKOFF:
                return ORDER_WAIT;
        case INSTANCE_DRAINING:
        case INSTANCE_STOPPING:
                return instance->wanted ? ORDER_WAIT : required ? ORDER_STUCK : ORDER_GO;
        case INSTANCE_WAITING:
                return instance->stuck ? required ? ORDER_STUCK : ORDER_GO : ORDER_WAIT;
        case INSTANCE_DOWN:
                return required && !has_ended_well(instance) ? ORDER_STUCK : ORDER_GO;
        case INSTANCE_FAILED:
        case _INSTANCE_STATE_N:
                break;
        }
        return required ? ORDER_STUCK : ORDER_GO;
}

/** @param ret_state  the state that is to blame. */
static enum order look_at(const struct worker *other, bool required, const char **ret_state) {
        enum order order = ORDER_GO;

        *ret_state = "down";
        if (!worker_is_wanted(other) || other->wanted == 0)
                return required ? ORDER_STUCK : ORDER_GO;
        if (other->fresh)
                return ORDER_WAIT;
        for (unsigned int i = 0; i < worker_count_target(other) && i < other->n_instances && order != ORDER_STUCK; i++) {
                enum order one = look_at_instance(other->instances[i], required);

                if (one <= order)
                        continue;
                order = one;
                *ret_state = instance_state_name(other->instances[i]->state);
        }
        return order;
}

/** Does it run, or is it about to, or does it count as if it did? */
static bool is_up(const struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++) {
                enum instance_state state = worker->instances[i]->state;

                if ((state != INSTANCE_DOWN && state != INSTANCE_FAILED && state != INSTANCE_WAITING) ||
                    instance_remains(worker->instances[i]))
                        return true;
        }
        return false;
}

/* ---- starting ---------------------------------------------------------------------------------- */

static enum order look_at_list(const struct worker *worker, char *const *list, bool required, char *why, size_t size) {
        for (; *list; list++) {
                const struct worker *other = worker_find(worker->gang, *list);
                const char *state = "gone";
                enum order order = other ? look_at(other, required, &state) : required ? ORDER_STUCK : ORDER_GO;

                if (order == ORDER_GO)
                        continue;
                snprintf(why, size, "%s %s, which is %s", required ? "requires" : "after", *list, state);
                return order;
        }
        return ORDER_GO;
}

static enum order look_at_conflicts(const struct worker *worker, char *why, size_t size) {
        list_for_each(it, &worker->gang->workers) {
                const struct worker *other = list_entry(it, struct worker, link);

                if (other == worker || !conflict(worker, other) || !is_up(other))
                        continue;
                snprintf(why, size, "conflicts with %s, which is up", other->name);
                return worker_is_wanted(other) ? ORDER_STUCK : ORDER_WAIT;
        }
        return ORDER_GO;
}

enum order order_start(const struct worker *worker, char *why, size_t size) {
        const char *changing;
        enum order order;

        if (worker->round_usec != 0) {
                snprintf(why, size, "its group is started again");
                return ORDER_WAIT;
        }
        changing = successor_awaited(worker->gang, worker->definition);
        if (changing) {
                snprintf(why, size, "%s is changing", changing);
                return ORDER_WAIT;
        }
        if (!worker->gang->config->ordered)
                return ORDER_GO;
        order = look_at_list(worker, worker->definition->requires, true, why, size);
        if (order == ORDER_GO)
                order = look_at_list(worker, worker->definition->after, false, why, size);
        if (order == ORDER_GO)
                order = look_at_conflicts(worker, why, size);
        return order;
}

/* ---- ending ------------------------------------------------------------------------------------ */

/** Is a process of it to end, or ending? */
static bool is_ending(const struct worker *worker) {
        bool all = worker->ending || !worker_is_wanted(worker);

        for (size_t i = 0; i < worker->n_instances; i++) {
                const struct instance *instance = worker->instances[i];

                if (instance_state_has_process(instance->state) &&
                    (all || !instance->wanted || instance->held != INSTANCE_NOT_HELD ||
                     instance->state == INSTANCE_DRAINING || instance->state == INSTANCE_STOPPING))
                        return true;
        }
        return false;
}

bool order_may_end(const struct worker *worker) {
        if (!worker->gang->config->ordered)
                return true;
        list_for_each(it, &worker->gang->workers) {
                const struct worker *other = list_entry(it, struct worker, link);

                if (is_after(other, worker) && is_ending(other))
                        return false;
        }
        return true;
}

/* ---- at the end of a turn ---------------------------------------------------------------------- */

static void turn_waiting(struct worker *worker) {
        char why[INSTANCE_TEXT_MAX];
        enum order order = order_start(worker, why, sizeof why);

        for (size_t i = 0; i < worker->n_instances; i++) {
                struct instance *instance = worker->instances[i];

                if (instance->state != INSTANCE_WAITING)
                        continue;
                if (order == ORDER_GO)
                        instance_wait_over(instance);
                else
                        instance_wait_for(instance, order == ORDER_STUCK, why);
        }
}

static void turn_held(struct worker *worker) {
        for (size_t i = worker->n_instances; i > 0; i--)
                if (worker->instances[i - 1]->held != INSTANCE_NOT_HELD)
                        instance_held_over(worker->instances[i - 1]);
}

void order_turn(struct gang *gang) {
        if (gang->n_waiting == 0 && gang->n_held == 0)
                return;
        list_for_each_safe(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker->n_held > 0 && order_may_end(worker))
                        turn_held(worker);
                if (worker->n_waiting > 0)
                        turn_waiting(worker);
        }
}

/* ---- neighbours -------------------------------------------------------------------------------- */

void order_for_each_required(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                             void *userdata) {
        for (char *const *name = worker->definition->requires; *name; name++) {
                struct worker *other = worker_find(worker->gang, *name);

                if (other && !other->removed)
                        fn(other, userdata);
        }
}

void order_for_each_requiring(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                              void *userdata) {
        list_for_each(it, &worker->gang->workers) {
                struct worker *other = list_entry(it, struct worker, link);

                if (!other->removed && names(other->definition->requires, worker->name))
                        fn(other, userdata);
        }
}

void order_for_each_conflict(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                             void *userdata) {
        list_for_each(it, &worker->gang->workers) {
                struct worker *other = list_entry(it, struct worker, link);

                if (other != worker && conflict(worker, other))
                        fn(other, userdata);
        }
}
