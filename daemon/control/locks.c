/* SPDX-License-Identifier: MIT */

/*
 * locks
 */

#include <errno.h>
#include <string.h>

#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/lock-look.h"
#include "daemon/policy/deadlock.h"
#include "daemon/quarantine.h"

/* ---- one lock ---------------------------------------------------------------------------------- */

static Ganger__V1__LockUser *user_new(struct arena *arena, const struct lock_user *user) {
        Ganger__V1__LockUser *m = arena_alloc(arena, 1, sizeof *m);

        if (!m)
                return NULL;
        ganger__v1__lock_user__init(m);
        m->process = user->who ? (char *)user->who->name : (char *)"?";
        m->thread = (int32_t)user->thread;
        m->permits = user->permits;
        m->condition = user->condition;
        return m;
}

/* Those who do this with the lock. */
static int fill_users(struct arena *arena, const struct lock_view *v, enum lock_use use, Ganger__V1__LockUser ***ret, size_t *n) {
        *ret = arena_alloc(arena, v->n_users, sizeof **ret);
        if (!*ret)
                return -ENOMEM;
        for (size_t i = 0; i < v->n_users; i++)
                if (v->users[i].use == use) {
                        Ganger__V1__LockUser *user = user_new(arena, &v->users[i]);

                        if (!user)
                                return -ENOMEM;
                        (*ret)[(*n)++] = user;
                }
        return 0;
}

static uint32_t count_users(const struct gang_object *lock) {
        return MAX(lock->n_receivers, lock->n_senders);
}

static int lock_fill(struct arena *arena, const struct gang_object *lock, const struct lock_view *v, Ganger__V1__Lock *m) {
        int r;

        m->name = lock->name;
        m->kind = (char *)object_kind_name(lock);
        m->permits = v->permits;
        m->free = v->free;
        m->state = (char *)v->state;
        m->memory = lock->memory_size;
        m->users = count_users(lock);
        m->values = arena_copy(arena, v->values, v->n_values * sizeof *v->values);
        m->n_values = v->n_values;
        if (v->n_values > 0 && !m->values)
                return -ENOMEM;
        r = fill_users(arena, v, LOCK_HOLDS, &m->holders, &m->n_holders);
        if (r >= 0)
                r = fill_users(arena, v, LOCK_WAITS, &m->waiters, &m->n_waiters);
        return r < 0 ? r : fill_users(arena, v, LOCK_SLEEPS, &m->sleepers, &m->n_sleepers);
}

static int add_lock(struct call *call, Ganger__V1__LocksReply *reply, struct gang_object *lock) {
        Ganger__V1__Lock *m = arena_alloc(&call->arena, 1, sizeof *m);
        struct lock_view v = LOCK_VIEW_NULL;
        int r;

        if (!m)
                return -ENOMEM;
        ganger__v1__lock__init(m);
        gang_object_inspect(lock);
        m->damage = lock->damage;
        r = lock_look(lock, &v);
        if (r < 0)
                return r;
        r = lock_fill(&call->arena, lock, &v, m);
        lock_view_done(&v);
        reply->locks[reply->n_locks++] = m;
        return r;
}

static int add_locks(struct call *call, Ganger__V1__LocksReply *reply, char *const *names, size_t n_names) {
        struct list *list = &call->gang->objects.list;
        size_t n = n_names;
        int r = 0;

        list_for_each(it, list)
                n++;
        reply->locks = arena_alloc(&call->arena, n, sizeof *reply->locks);
        if (!reply->locks)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n_names; i++) {
                struct gang_object *lock = gang_object_find_class(&call->gang->objects, names[i], CLASS_LOCK);

                r = call_permit_object(call, names[i], gang_object_find(&call->gang->objects, names[i]), CONTROL_VIEW);
                if (r == 0)
                        r = lock ? add_lock(call, reply, lock) : call_unknown_lock(call, names[i]);
        }
        if (n_names > 0)
                return r;
        list_for_each(it, list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);

                if (r >= 0 && !object->removed && object_class_of(object->geometry.kind) == CLASS_LOCK &&
                    call_shows_object(call, object))
                        r = add_lock(call, reply, object);
        }
        return r;
}

/* ---- deadlocks --------------------------------------------------------------------------------- */

static int fill_steps(struct arena *arena, const struct lock_step *steps, size_t n, Ganger__V1__Deadlock *m) {
        m->steps = arena_alloc(arena, n, sizeof *m->steps);
        if (!m->steps)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                Ganger__V1__DeadlockStep *step = arena_alloc(arena, 1, sizeof *step);

                if (!step)
                        return -ENOMEM;
                ganger__v1__deadlock_step__init(step);
                step->process = (char *)steps[i].who->name;
                step->thread = (int32_t)steps[i].thread;
                step->waits_for = steps[i].lock->name;
                m->steps[m->n_steps++] = step;
        }
        return 0;
}

/** A deadlock is shown to those who may see all of its locks. */
static bool shows_all(const struct call *call, const struct lock_step *steps, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!call_shows_object(call, steps[i].lock))
                        return false;
        return true;
}

static int add_deadlock(struct call *call, Ganger__V1__LocksReply *reply, const struct lock_step *steps, size_t n) {
        Ganger__V1__Deadlock *m = arena_alloc(&call->arena, 1, sizeof *m);
        _cleanup_(freep) char *text = lock_cycle_text(steps, n);
        int r;

        if (!m || !text)
                return -ENOMEM;
        ganger__v1__deadlock__init(m);
        r = fill_steps(&call->arena, steps, n, m);
        if (r < 0)
                return r;
        m->text = arena_copy(&call->arena, text, strlen(text) + 1);
        if (!m->text)
                return -ENOMEM;
        if (shows_all(call, steps, n))
                reply->deadlocks[reply->n_deadlocks++] = m;
        gang_objects_tell_deadlock(&call->gang->objects, steps[0].lock, text);
        return 0;
}

static int add_deadlocks(struct call *call, Ganger__V1__LocksReply *reply) {
        _cleanup_(lock_cycles_done) struct lock_cycles cycles = LOCK_CYCLES_NULL;
        const struct lock_step *steps;
        int r;

        r = lock_cycles_find(&call->gang->objects, &cycles);
        if (r < 0)
                return r;
        reply->deadlocks = arena_alloc(&call->arena, cycles.n, sizeof *reply->deadlocks);
        if (!reply->deadlocks)
                return -ENOMEM;
        steps = cycles.steps;
        for (size_t i = 0; i < cycles.n && r >= 0; steps += cycles.lengths[i++])
                r = add_deadlock(call, reply, steps, cycles.lengths[i]);
        return r;
}

int call_locks(struct call *call) {
        const Ganger__V1__LocksRequest *request = call->request->locks;
        Ganger__V1__LocksReply locks = GANGER__V1__LOCKS_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r;

        r = call_check_names(call, request->n_names);
        if (r >= 0)
                r = add_locks(call, &locks, request->names, request->n_names);
        if (r >= 0)
                r = add_deadlocks(call, &locks);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOCKS;
        reply.locks = &locks;
        return call_reply(call, &reply, NULL, 0);
}
