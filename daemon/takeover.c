/* SPDX-License-Identifier: MIT */
/*
 * Becoming the manager of a gang that may be at work already
 *
 * One path for the first manager, which finds nothing, and for each after it. The tables are filled completely before
 * anything is started: every seat that a living or unrecovered process has is taken by then, so none is given twice.
 * The truth about processes is the keeper's; records tell only what the keeper cannot know.
 *
 * Everything here can be done again by the next manager, if this one is killed in the middle of it.
 */

#include "daemon/takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/config/config.h"
#include "daemon/credentials.h"
#include "daemon/demand.h"
#include "daemon/exit-action.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/holding.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/main-pid.h"
#include "daemon/orphan.h"
#include "daemon/release.h"
#include "daemon/reload.h"
#include "daemon/wishes.h"
#include "daemon/report.h"
#include "daemon/roll.h"
#include "daemon/shortage.h"
#include "daemon/side-process.h"
#include "daemon/standby.h"
#include "daemon/worker.h"

/* It says nothing of what was left to us: the next manager may well read it. */
static bool is_want(int error) {
        return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EIO;
}

/* ---- the state memory -------------------------------------------------------------------------- */

int takeover_state(struct gang *gang, struct error *error) {
        _cleanup_(closep) int fd = keeper_link_take(&gang->link, "state");
        int r;

        if (fd >= 0) {
                r = fault_is("state-torn") ? -EPROTO : state_open(&gang->state, fd);
                gang->continues = r == 0;
                if (r == 0)
                        return 0;
                if (is_want(r))
                        return error_errno(error, r, "state memory");
                log_warning("the state memory is foreign (%s): %s", strerror(-r), gang->link.incarnation == 1 ?
                            "beginning anew, without what was kept" : "going on from what the keeper knows");
        }
        r = state_create(&gang->state);
        if (r >= 0)
                r = keeper_link_store_lasting(&gang->link, "state", gang->state.fd);
        return r < 0 ? error_errno(error, r, "state memory") : 0;
}

/* ---- the configuration ------------------------------------------------------------------------- */

static void log_errors(const struct config_errors *errors) {
        for (size_t i = 0; i < errors->n; i++)
                log_error("%s", errors->errors[i].text);
        if (errors->n_dropped > 0)
                log_error("%zu more errors", errors->n_dropped);
}

static int parse_stored(struct gang *gang, int fd, struct config_errors *errors) {
        void *text;
        size_t size;
        int r = fd_map_sealed(fd, CONFIG_SIZE_MAX, &text, &size);

        if (r < 0)
                return r;
        r = config_parse(text ? text : "", size, gang->config_path, &gang->config, errors);
        if (text)
                munmap(text, size);
        return r;
}

int takeover_config(struct gang *gang, struct error *error) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(closep) int fd = keeper_link_take(&gang->link, "config");
        int r;

        gang->continues &= fd >= 0;     /* see takeover_leave() */
        if (fd >= 0) {
                r = parse_stored(gang, fd, &errors);
                if (r == 0)
                        return 0;
                if (is_want(r))
                        return error_errno(error, r, "the configuration in force");
                log_errors(&errors);
                log_warning("the configuration in force cannot be read again: reading the file");
                config_errors_done(&errors);
        }
        r = config_load(gang->config_path, &gang->config, &errors);
        log_errors(&errors);
        if (r < 0)
                return error_set(error, r, "the configuration %s is refused", gang->config_path);
        shortage_foresee(gang->config);
        r = reload_store(gang);
        return r < 0 ? error_errno(error, r, "storing the configuration") : 0;
}

/* ---- records ----------------------------------------------------------------------------------- */

/* The instance of a key, made if its worker is known; NULL: nobody knows it. */
static struct instance *find_or_make(struct gang *gang, const char *key) {
        char name[INSTANCE_KEY_MAX];
        const char *slash = strrchr(key, '/');
        struct worker *worker;
        unsigned long number;
        char *end;

        if (!slash || (size_t)(slash - key) >= sizeof name || slash[1] < '0' || slash[1] > '9')
                return NULL;
        memcpy(name, key, slash - key);
        name[slash - key] = '\0';
        number = strtoul(slash + 1, &end, 10);
        worker = worker_find(gang, name);
        if (!worker || *end != '\0' || number >= CONFIG_INSTANCES_MAX || worker_grow(worker, number + 1) < 0)
                return NULL;
        return instance_find(gang, key);
}

static bool restore_object(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__ObjectState *record = ganger__state__object_state__unpack(NULL, view->size, view->body);
        int r = record ? gang_object_restore(&gang->objects, record, slot) : -EPROTO;

        if (r < 0)
                log_error("the ring, service or lock '%s' is lost: %s", record ? record->name : "?", strerror(-r));
        ganger__state__object_state__free_unpacked(record, NULL);
        return r >= 0;
}

static bool restore_worker(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__WorkerState *record = ganger__state__worker_state__unpack(NULL, view->size, view->body);
        struct worker *worker = record ? worker_find(gang, record->name) : NULL;
        uint32_t wanted;

        if (worker) {
                worker->state_slot = slot;
                worker->stopped = record->stopped;
                worker->drained = record->drained;
                worker->scaled = record->scaled;
                worker->round_usec = record->round_usec;
                worker->schedule.first_usec = record->schedule_first_usec;
                worker->schedule.next_usec = record->schedule_next_usec;
                end_counts_restore(&worker->ends, record->ends, record->n_ends);
                gang->n_in_rounds += record->round_usec != 0;
                wanted = record->scaled ? record->instances : worker_count_defined(worker->definition, record->instances);
                if (wanted <= CONFIG_INSTANCES_MAX && worker_grow(worker, wanted + worker->definition->standby) == 0)
                        worker->wanted = wanted;
        }
        ganger__state__worker_state__free_unpacked(record, NULL);
        return worker != NULL;
}

static bool restore_roll(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__RollState *record = ganger__state__roll_state__unpack(NULL, view->size, view->body);
        bool known = record && roll_restore(gang, record, slot);

        ganger__state__roll_state__free_unpacked(record, NULL);
        return known;
}

static bool restore_group(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__GroupState *record = ganger__state__group_state__unpack(NULL, view->size, view->body);
        bool known = record && group_restore(gang, record, slot);

        ganger__state__group_state__free_unpacked(record, NULL);
        return known;
}

static bool restore_instance(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__InstanceState *record = ganger__state__instance_state__unpack(NULL, view->size, view->body);
        struct instance *instance = record ? find_or_make(gang, record->key) : NULL;

        if (instance)
                instance_restore(instance, record, slot);
        ganger__state__instance_state__free_unpacked(record, NULL);
        return instance != NULL;
}

static bool restore_attached(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__AttachedState *record = ganger__state__attached_state__unpack(NULL, view->size, view->body);
        int r = record ? attachment_restore(&gang->objects, record, slot) : -EPROTO;

        if (r < 0)
                log_error("an attached process is lost: %s", strerror(-r));
        ganger__state__attached_state__free_unpacked(record, NULL);
        return r >= 0;
}

static bool restore_report(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__ReportState *record = ganger__state__report_state__unpack(NULL, view->size, view->body);
        struct instance *instance = record ? find_or_make(gang, record->key) : NULL;
        bool good = instance && report_restore(instance, record, slot) >= 0;

        ganger__state__report_state__free_unpacked(record, NULL);
        return good;
}

static bool restore_held(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__HeldState *record = ganger__state__held_state__unpack(NULL, view->size, view->body);
        bool good = record && holding_restore(gang, record, slot);

        ganger__state__held_state__free_unpacked(record, NULL);
        return good;
}

static bool restore_ending(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__EndingState *record = ganger__state__ending_state__unpack(NULL, view->size, view->body);
        bool good = record && exit_action_restore(gang, record);

        ganger__state__ending_state__free_unpacked(record, NULL);
        return good;
}

static bool restore_socket(struct gang *gang, const struct state_view *view, uint32_t slot) {
        Ganger__State__SocketState *record = ganger__state__socket_state__unpack(NULL, view->size, view->body);
        int r = record ? gang_socket_restore(&gang->sockets, record, slot) : -EPROTO;

        if (r < 0)
                log_error("a socket of listen '%s' is lost: %s", record ? record->name : "?", strerror(-r));
        ganger__state__socket_state__free_unpacked(record, NULL);
        return r >= 0;
}

typedef bool (*restore_fn)(struct gang *gang, const struct state_view *view, uint32_t slot);

/* Hand each record of a kind to its function; one that is about nothing any more is forgotten. */
static void restore_all(struct gang *gang, enum state_kind kind, restore_fn fn) {
        for (uint32_t slot = 0; slot < gang->state.n_records; slot++) {
                struct state_view view = state_read(&gang->state, slot);
                uint32_t erased = slot;

                if (view.kind == kind && !fn(gang, &view, slot))
                        state_erase(&gang->state, &erased);
        }
}

/* ---- processes --------------------------------------------------------------------------------- */

static Ganger__State__InstanceCookie *cookie_unpack(const ProtobufCBinaryData *data) {
        return ganger__state__instance_cookie__unpack(NULL, data->len, data->data);
}

static void adopt(struct gang *gang, const char *key, pid_t pid, uint64_t started_usec, bool frozen,
                  const Ganger__State__InstanceCookie *cookie) {
        struct instance *instance = find_or_make(gang, key);
        int r;

        if (side_process_owns(key)) {
                r = side_process_adopt(gang, key, pid, started_usec, cookie);
                if (r < 0)
                        log_error("%s: cannot take it over: %s", key, strerror(-r));
                return;
        }
        if (instance) {
                instance_adopt(instance, cookie, pid, started_usec, frozen);
                return;
        }
        r = orphan_new(gang, key, pid, cookie);
        if (r < 0)
                log_error("%s: cannot take over what it has: %s", key, strerror(-r));
}

static void adopt_child(struct gang *gang, const Ganger__Keeper__Child *child) {
        const Ganger__State__InstanceCookie none = GANGER__STATE__INSTANCE_COOKIE__INIT;
        Ganger__State__InstanceCookie *cookie = cookie_unpack(&child->cookie);

        adopt(gang, child->key, child->pid, child->started_usec, child->stopped, cookie ? cookie : &none);
        ganger__state__instance_cookie__free_unpacked(cookie, NULL);
}

/* An exit that the predecessor has decided, and had no time to acknowledge: its record speaks of the next process. */
static bool is_decided(struct gang *gang, const char *key, const Ganger__State__InstanceCookie *cookie) {
        struct instance *instance = find_or_make(gang, key);

        return instance && instance->restored && cookie->generation < instance->generation;
}

static void adopt_exit(struct gang *gang, const Ganger__Keeper__Exited *exited) {
        const Ganger__State__InstanceCookie none = GANGER__STATE__INSTANCE_COOKIE__INIT;
        Ganger__State__InstanceCookie *cookie = cookie_unpack(&exited->cookie);
        const Ganger__State__InstanceCookie *c = cookie ? cookie : &none;

        if (is_decided(gang, exited->key, c))
                keeper_link_exit_acknowledge(&gang->link, exited->key, exited->pid);
        else
                adopt(gang, exited->key, exited->pid, exited->started_usec, false, c);
        ganger__state__instance_cookie__free_unpacked(cookie, NULL);
}

/* ---- all of it --------------------------------------------------------------------------------- */

int takeover_tables(struct gang *gang, const Ganger__Keeper__WelcomeState *welcome, struct error *error) {
        int r;

        if (gang->link.restored && fault_is("kept-kills"))
                abort();
        restore_all(gang, STATE_OBJECT, restore_object);
        if (!fault_is("forget-sockets"))
                restore_all(gang, STATE_SOCKET, restore_socket);
        r = reload_populate(gang, error);
        if (r < 0)
                return r;
        if (!gang->continues)
                wishes_load(gang);
        restore_all(gang, STATE_GROUP, restore_group);
        restore_all(gang, STATE_WORKER, restore_worker);
        releases_restore(gang);
        restore_all(gang, STATE_ROLL, restore_roll);
        restore_all(gang, STATE_INSTANCE, restore_instance);
        restore_all(gang, STATE_REPORT, restore_report);
        restore_all(gang, STATE_HELD, restore_held);
        restore_all(gang, STATE_ENDING, restore_ending);
        for (size_t i = 0; i < welcome->n_children; i++)
                adopt_child(gang, welcome->children[i]);
        for (size_t i = 0; i < welcome->n_exits; i++)
                adopt_exit(gang, welcome->exits[i]);
        fd_stores_restore(gang);
        dynamic_users_restore(gang);
        restore_all(gang, STATE_ATTACHED, restore_attached);
        holdings_take_seats(gang);
        fault_point("taken-over");
        return 0;
}

static void handle_exit(struct gang *gang, const Ganger__Keeper__Exited *exited) {
        struct instance *instance = instance_find(gang, exited->key);

        if (instance && instance->pid == exited->pid)
                instance_exited(instance, exited);
        else if (!side_process_exited(gang, exited))
                (void)orphan_exited(gang, exited); /* else it was acknowledged above */
}

/* One that has ended, and of which the manager before has not said that everything was heard. */
static void handle_ending(struct gang *gang, const Ganger__Keeper__Child *child) {
        struct instance *instance = instance_find(gang, child->key);

        if (instance && instance->pid == child->pid)
                main_pid_ending(instance);
        else
                keeper_link_settle(&gang->link, child->key, child->pid);
}

static bool key_has_process(void *userdata, const char *key) {
        struct gang *gang = userdata;
        const struct instance *instance = instance_find(gang, key);

        return (instance && instance->pid > 0) || orphan_find(gang, key);
}

void takeover_resume(struct gang *gang, const Ganger__Keeper__WelcomeState *welcome) {
        if (!fault_is("forget-cgroups"))
                cgroups_leave_strangers(&gang->cgroups, key_has_process, gang);
        holdings_recover(gang);
        orphans_stop(gang);
        credentials_take_over(gang);
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                standby_balance(worker);
                placement_apply(worker);
                for (size_t i = 0; i < worker->n_instances; i++)
                        instance_resume(worker->instances[i]);
                worker->fresh = false;
                schedule_arm(worker);
        }
        side_processes_resume(gang);
        for (size_t i = 0; i < welcome->n_exits; i++)
                handle_exit(gang, welcome->exits[i]);
        groups_resume(gang);
        rolls_resume(gang);
        wishes_touch(gang);
        for (size_t i = 0; i < welcome->n_children; i++)
                if (welcome->children[i]->ending)
                        handle_ending(gang, welcome->children[i]);
        fault_point("resumed");
        if (gang->link.incarnation > 1)
                sweep_begin(gang);
        gang_objects_settle(&gang->objects);
        gang_sockets_apply(&gang->sockets, gang->config);
        demand_take_over(gang);
        keeper_link_drop_rest(&gang->link);
        gang_touch(gang);
}

/* ---- an end in order ---------------------------------------------------------------------------- */

/* What is kept of the records. */
static bool outlives_us(enum state_kind kind) {
        return kind == STATE_FREE || kind == STATE_OBJECT || kind == STATE_ATTACHED;
}

void takeover_leave(struct gang *gang) {
        if (!gang->link.lasts)
                return;
        state_leave(&gang->state, outlives_us);
        gang_objects_leave(&gang->objects);
        gang_sockets_leave(&gang->sockets);
        keeper_link_drop(&gang->link, "control");
        keeper_link_drop(&gang->link, "config");
}
