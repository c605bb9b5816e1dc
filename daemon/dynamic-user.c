/* SPDX-License-Identifier: MIT */
/*
 * Users that exist only while a worker runs
 *
 * The locks of a number (daemon/dynamic-number.h) are stored with the keeper before a process that has it is asked for, and
 * both go the same way in the same order: so there is no such process without them, whichever of us is killed.
 *
 * What must hold: a number is given back only when no process runs as it, which the kernel is asked for, since it knows
 * of those too that we know nothing of any more; and when nothing of IPC is left that the next one to have it would
 * find. Until then the user stays, and is there for its workers again.
 */

#include "daemon/dynamic-user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/dynamic-number.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/keeper/protocol.h"
#include "daemon/log/log.h"
#include "daemon/remove-ipc.h"
#include "daemon/roll.h"
#include "daemon/side-process.h"
#include "daemon/worker.h"

/** From look to look, at first and at last, whether one can be given back. */
#define LOOK_MIN_USEC (20 * USEC_PER_MSEC)
#define LOOK_MAX_USEC (30 * USEC_PER_SEC)

struct dynamic_user {
        struct list link;
        struct dynamic_number number;
        bool needed;                    /* as of this turn */
        bool waits;                     /* to be given back: somebody has looked already */
        bool told;                      /* why it stays */
        char name[];
};

static const char *const prefixes[_DYNAMIC_LOCK_N] = {
        [DYNAMIC_LOCK_GANGS] = "user/", [DYNAMIC_LOCK_SYSTEMD] = "systemd-user/",
};

static const char *stored_name(char buf[KEEPER_NAME_MAX + 1], const struct dynamic_user *user, enum dynamic_lock lock) {
        snprintf(buf, KEEPER_NAME_MAX + 1, "%s%u/%s", prefixes[lock], (unsigned int)user->number.uid, user->name);
        return buf;
}

/* ---- the table --------------------------------------------------------------------------------- */

void dynamic_users_init(struct dynamic_users *users) {
        *users = (struct dynamic_users){ 0 };
        list_init(&users->list);
}

static void user_free(struct dynamic_user *user) {
        dynamic_number_done(&user->number);
        list_unlink(&user->link);
        free(user);
}

void dynamic_users_done(struct dynamic_users *users) {
        list_for_each_safe(it, &users->list)
                user_free(list_entry(it, struct dynamic_user, link));
        users->timer = sd_event_source_disable_unref(users->timer);
}

static struct dynamic_user *find(const struct dynamic_users *users, const char *name) {
        list_for_each(it, &users->list) {
                struct dynamic_user *user = list_entry(it, struct dynamic_user, link);

                if (strcmp(user->name, name) == 0)
                        return user;
        }
        return NULL;
}

/* With no number yet. */
static struct dynamic_user *add(struct dynamic_users *users, const char *name) {
        size_t length = strlen(name) + 1;
        struct dynamic_user *user = malloc(sizeof *user + length);

        if (!user)
                return NULL;
        *user = (struct dynamic_user){ .number = DYNAMIC_NUMBER_NULL };
        memcpy(user->name, name, length);
        list_append(&users->list, &user->link);
        return user;
}

/* ---- who it is --------------------------------------------------------------------------------- */

static const char *name_of(const struct worker_definition *definition) {
        return definition->user ?: definition->name;
}

/* A worker that is called 33 does not mean www-data. @return -ENOENT: the system knows none. */
static int find_static(const char *name, struct user *ret, struct error *error) {
        _cleanup_(user_done) struct user user = USER_NULL;
        struct error ignored = ERROR_NULL;
        int r = name[strspn(name, "0123456789")] ? user_find(name, &user, &ignored) : -ENOENT;

        if (r < 0)
                return r == -ENOENT ? r : error_set(error, r, "%s", ignored.text);
        if (user.uid == 0)
                return error_set(error, -EPERM, "dynamic-user: '%s' is root", name);
        *ret = user;
        user = USER_NULL;
        return 0;
}

/* In no group but its own. As systemd has it, it has neither a home nor a shell. */
static int fill(struct user *ret, const char *name, uid_t uid, struct error *error) {
        _cleanup_(user_done) struct user user = USER_NULL;

        user.change = true;
        user.uid = uid;
        user.gid = uid;
        user.name = strdup(name);
        user.groups = malloc(sizeof *user.groups);
        if (!user.name || !user.groups)
                return error_errno(error, -ENOMEM, "dynamic-user");
        user.groups[user.n_groups++] = uid;
        *ret = user;
        user = USER_NULL;
        return 0;
}

int dynamic_user_look(const struct dynamic_users *users, const struct worker_definition *definition, struct user *ret,
                      struct error *error) {
        const char *name = name_of(definition);
        const struct dynamic_user *user;
        int r = find_static(name, ret, error);

        if (r != -ENOENT)
                return r;
        user = users ? find(users, name) : NULL;
        return fill(ret, name, user ? user->number.uid : dynamic_number_first(name), error);
}

static int store(struct gang *gang, const struct dynamic_user *user) {
        char name[KEEPER_NAME_MAX + 1];
        int r = 0;

        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N && r >= 0; i++)
                if (user->number.locks[i] >= 0 && !fault_is("dynamic-unstored"))
                        r = keeper_link_store_lasting(&gang->link, stored_name(name, user, i), user->number.locks[i]);
        return r;
}

static void drop(struct gang *gang, struct dynamic_user *user) {
        char name[KEEPER_NAME_MAX + 1];

        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++)
                if (user->number.locks[i] >= 0)
                        keeper_link_drop(&gang->link, stored_name(name, user, i));
        dynamic_number_give_back(&user->number);
        fault_point("dynamic-given-back");
        user_free(user);
}

static int make(struct gang *gang, const char *name, uid_t *ret, struct error *error) {
        struct dynamic_user *user = add(&gang->dynamic_users, name);
        int r;

        if (!user)
                return error_errno(error, -ENOMEM, "dynamic-user");
        r = dynamic_number_take(name, &user->number, error);
        if (r < 0) {
                user_free(user);
                return error_prefix(error, "dynamic-user");
        }
        fault_point("dynamic-taken");
        r = store(gang, user);
        if (r < 0) {
                drop(gang, user);
                return error_errno(error, r, "dynamic-user: storing its number");
        }
        log_info("the user '%s' exists, with the number %u", name, (unsigned int)user->number.uid);
        *ret = user->number.uid;
        return 0;
}

int dynamic_user_take(struct gang *gang, const struct worker_definition *definition, struct user *ret, struct error *error) {
        const char *name = name_of(definition);
        const struct dynamic_user *user;
        uid_t uid = 0;
        int r = find_static(name, ret, error);

        if (r != -ENOENT)
                return r;
        if (geteuid() != 0)
                return error_set(error, -EPERM, "dynamic-user: only root may run as another user");
        user = find(&gang->dynamic_users, name);
        if (user)
                return fill(ret, name, user->number.uid, error);
        r = make(gang, name, &uid, error);
        return r < 0 ? r : fill(ret, name, uid, error);
}

/* ---- take-over --------------------------------------------------------------------------------- */

/* @return the name; NULL: it is nothing of ours. */
static const char *parse(const char *stored, enum dynamic_lock *ret_lock, uid_t *ret_uid) {
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++) {
                size_t length = strlen(prefixes[i]);
                unsigned int uid;
                int n = 0;

                if (strncmp(stored, prefixes[i], length) != 0)
                        continue;
                if (sscanf(stored + length, "%u/%n", &uid, &n) != 1 || n == 0 || !dynamic_number_is_one(uid))
                        return NULL;
                *ret_lock = i;
                *ret_uid = uid;
                return stored + length + n;
        }
        return NULL;
}

static void restore(struct gang *gang, const struct stored_fd *stored) {
        enum dynamic_lock lock;
        uid_t uid;
        const char *name = parse(stored->name, &lock, &uid);
        struct dynamic_user *user;

        if (!name)
                return;
        user = find(&gang->dynamic_users, name) ?: add(&gang->dynamic_users, name);
        if (!user) {
                gang_give_way(gang, "a dynamic user", -ENOMEM);
                return;
        }
        user->number.uid = uid;
        close_fd(user->number.locks[lock]);
        user->number.locks[lock] = fcntl(stored->fd, F_DUPFD_CLOEXEC, 3);
        if (user->number.locks[lock] < 0)
                gang_give_way(gang, "a dynamic user", -errno);
        else
                close_fd(keeper_link_take(&gang->link, stored->name));
}

void dynamic_users_restore(struct gang *gang) {
        if (fault_is("dynamic-forgotten"))
                return;
        list_for_each_safe(it, &gang->link.stored_list)
                restore(gang, list_entry(it, struct stored_fd, link));
        list_for_each_safe(it, &gang->dynamic_users.list) {
                struct dynamic_user *user = list_entry(it, struct dynamic_user, link);

                if (dynamic_number_take_again(&user->number) >= 0)
                        continue;
                /* It was being given back, and is somebody else's by now. */
                log_warning("the user '%s' no longer has the number %u", user->name, (unsigned int)user->number.uid);
                drop(gang, user);
        }
}

/* ---- giving back ------------------------------------------------------------------------------- */

/* It has a process, or is to have one before anybody is asked again. */
static bool is_about(const struct instance *instance) {
        return instance->pid > 0 || instance_state_has_process(instance->state) || instance->state == INSTANCE_BACKOFF ||
               instance->state == INSTANCE_WAITING;
}

static void need(struct dynamic_users *users, const struct worker_definition *definition) {
        struct dynamic_user *user = definition->dynamic_user ? find(users, name_of(definition)) : NULL;

        if (user)
                user->needed = true;
}

/* Where no roll is under way, all instances are of one definition. */
static void need_of_worker(struct dynamic_users *users, const struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++)
                if (is_about(worker->instances[i])) {
                        need(users, instance_definition(worker->instances[i]));
                        if (!worker->roll)
                                return;
                }
}

static void find_needed(struct gang *gang) {
        struct dynamic_users *users = &gang->dynamic_users;

        list_for_each(it, &users->list)
                list_entry(it, struct dynamic_user, link)->needed = false;
        list_for_each(it, &gang->workers)
                need_of_worker(users, list_entry(it, struct worker, link));
        list_for_each(it, &gang->side_processes) {
                const struct worker *worker = worker_find(gang, list_entry(it, struct side_process, link)->worker);

                if (worker)
                        need(users, worker->definition);
        }
}

/* @return whether it is gone. */
static bool give_back(struct gang *gang, struct dynamic_user *user) {
        int r = 0;

        if (dynamic_number_has_process(user->number.uid) && !fault_is("dynamic-early"))
                return false;
        r = ipc_remove(user->number.uid);
        if (r < 0) {
                if (r != -EAGAIN && !user->told)
                        log_warning("the user '%s' leaves objects of IPC that cannot be removed, and stays %u: %s",
                                    user->name, (unsigned int)user->number.uid, strerror(-r));
                user->told = r != -EAGAIN;
                return false;
        }
        log_info("the user '%s' with the number %u is gone", user->name, (unsigned int)user->number.uid);
        drop(gang, user);
        return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        gang_touch(userdata);
        return 0;
}

/* Nobody says when the last process of a user is gone. @param soon  one has just begun to wait for that. */
static void look_again(struct gang *gang, bool soon) {
        struct dynamic_users *users = &gang->dynamic_users;
        int enabled = SD_EVENT_OFF, r;
        uint64_t next_usec;

        if (users->timer)
                (void)sd_event_source_get_enabled(users->timer, &enabled);
        if (enabled != SD_EVENT_OFF && !soon)
                return;
        if (soon)
                users->delay_usec = LOOK_MIN_USEC;
        next_usec = usec_add(now_usec(), users->delay_usec);
        users->delay_usec = MIN(users->delay_usec * 2, LOOK_MAX_USEC);
        r = users->timer ? sd_event_source_set_time(users->timer, next_usec) :
            sd_event_add_time(gang->event, &users->timer, CLOCK_MONOTONIC, next_usec, 1, on_timer, gang);
        if (r >= 0)
                r = sd_event_source_set_enabled(users->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("nobody looks whether the numbers of users can be given back: %s", strerror(-r));
}

void dynamic_users_turn(struct gang *gang) {
        bool rest = false, soon = false;

        if (list_is_empty(&gang->dynamic_users.list))
                return;
        find_needed(gang);
        list_for_each_safe(it, &gang->dynamic_users.list) {
                struct dynamic_user *user = list_entry(it, struct dynamic_user, link);

                if (user->needed)
                        user->waits = false;
                /* What was asked for with a definition that is no longer in force is not seen above. */
                else if (gang->n_spawning > 0 || !give_back(gang, user)) {
                        rest = true;
                        soon |= !TAKE_GENERIC(user->waits, true);
                }
        }
        if (rest)
                look_again(gang, soon);
}
