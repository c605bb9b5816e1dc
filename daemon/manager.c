/* SPDX-License-Identifier: MIT */
/*
 * The manager: the process that decides
 *
 * Takes over from whoever was before, and then turns what keeper, processes and people say into events of instances. It
 * may be killed at any instruction; so nothing here is done that the next manager could not do again.
 */

#include "daemon/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/error.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/control/control.h"
#include "daemon/credentials.h"
#include "daemon/demand.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/instance.h"
#include "daemon/keeper/protocol.h"
#include "daemon/liveness.h"
#include "daemon/log/log.h"
#include "daemon/main-pid.h"
#include "daemon/options.h"
#include "daemon/order.h"
#include "daemon/orphan.h"
#include "daemon/quarantine.h"
#include "daemon/reload.h"
#include "daemon/roll.h"
#include "daemon/scaling.h"
#include "daemon/side-process.h"
#include "daemon/spawn-queue.h"
#include "daemon/stall.h"
#include "daemon/takeover.h"
#include "daemon/wishes.h"
#include "daemon/upgrade.h"
#include "daemon/worker.h"

#define STATUS_MAX 128
/** That are fetched from the kernel at once. */
#define RANDOM_WORDS 64
/** At the end: what a killed process may take to be gone, and we to leave; and the longest that we ask for. */
#define STOP_PATIENCE_USEC (10 * USEC_PER_SEC)
#define STOP_PATIENCE_MAX_USEC (24 * 3600 * USEC_PER_SEC)
/* Looked at after everything else of a turn, but before idle things like the output of instances. */
#define TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct manager {
        struct gang gang;
        struct control *control;
        char status[STATUS_MAX];        /* as the keeper was told last */
        uint64_t patience_due_usec;     /* … and how long it may take until it is told more */
};

/* Each word is used once. A system call for each would be three for each process that ends. */
uint64_t gang_random(void) {
        static uint64_t words[RANDOM_WORDS];
        static size_t n;

        if (n == 0) {
                if (getrandom(words, sizeof words, GRND_NONBLOCK) != (ssize_t)sizeof words)
                        return now_usec() * UINT64_C(0x9e3779b97f4a7c15); /* early at boot: jitter needs no more */
                n = RANDOM_WORDS;
        }
        return TAKE_GENERIC(words[--n], 0);
}

/* ---- at the end of a turn ---------------------------------------------------------------------- */

void gang_touch(struct gang *gang) {
        sd_event_source_set_enabled(gang->turn, SD_EVENT_ONESHOT);
}

void gang_give_way(struct gang *gang, const char *what, int error) {
        log_error("%s: %s: another manager must take over", what, strerror(-error));
        sd_event_exit(gang->event, EX_OSERR);
}

static void format_status(struct gang *gang, char *buf, size_t size) {
        size_t n_workers = 0, n_ready = 0, n_wanted = 0;

        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                n_workers += !worker->removed;
                n_ready += worker_count_active(worker);
                n_wanted += worker->stopped || worker_is_resting(worker) ? 0 : worker_count_target(worker);
        }
        if (gang->stopping)
                snprintf(buf, size, "stopping, %zu instances left", gang->n_processes);
        else
                snprintf(buf, size, "%zu worker%s, %zu of %zu instances ready", n_workers, n_workers == 1 ? "" : "s",
                         n_ready, n_wanted);
}

/* While everything is being stopped: within what time the next of them has ended, for certain. */
static uint64_t stop_patience_usec(struct gang *gang) {
        uint64_t now = now_usec(), longest = 0;

        if (!gang->stopping)
                return 0;
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = 0; i < worker->n_instances; i++) {
                        const struct instance *instance = worker->instances[i];
                        uint64_t one = MIN(instance_definition(instance)->stop_timeout_usec, STOP_PATIENCE_MAX_USEC);

                        if (!instance_state_has_process(instance->state))
                                continue;
                        /* To drain and to stop; or what it asked for by itself. */
                        longest = MAX(longest, 2 * one);
                        if (instance->due_usec != USEC_INFINITY && instance->due_usec > now)
                                longest = MAX(longest, instance->due_usec - now);
                }
        }
        return MIN(longest, STOP_PATIENCE_MAX_USEC) + STOP_PATIENCE_USEC;
}

static void tell_status(struct manager *manager, bool reloaded) {
        uint64_t patience_usec = stop_patience_usec(&manager->gang), due_usec = now_usec() + patience_usec;
        bool longer = patience_usec > 0 && due_usec > manager->patience_due_usec + USEC_PER_SEC;
        char status[STATUS_MAX];

        format_status(&manager->gang, status, sizeof status);
        if (!reloaded && !longer && strcmp(status, manager->status) == 0)
                return;
        strcpy(manager->status, status);
        manager->patience_due_usec = due_usec;
        keeper_link_ready(&manager->gang.link, status, reloaded, patience_usec);
}

/* Free what is down and no longer wanted; then the configurations that only such workers needed. */
static void collect(struct gang *gang) {
        bool removed = false;

        list_for_each_safe(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker_collect(worker))
                        removed |= worker->removed;
        }
        if (removed)
                return;
        while (gang->n_retired > 0)
                config_free(gang->retired[--gang->n_retired]);
}

static int on_turn(sd_event_source *source, void *userdata) {
        struct manager *manager = userdata;
        struct gang *gang = &manager->gang;

        if (gang->ending)
                manager_stop(gang);
        gang_objects_tell_renewed(&gang->objects);
        groups_turn(gang);
        order_turn(gang);
        rolls_turn(gang);
        wishes_turn(gang);
        collect(gang);
        dynamic_users_turn(gang);
        demand_turn(gang);
        stall_turn(gang);
        scaling_turn(gang);
        tell_status(manager, false);
        if (!gang->stopping || gang->n_processes > 0 || gang->n_spawning > 0 || !list_is_empty(&gang->orphans) ||
            !list_is_empty(&gang->side_processes))
                return 0;
        if (!cgroups_end(&gang->cgroups) || !sweep_is_over(gang))
                return 0;
        dynamic_users_turn(gang);       /* … of what was killed last */
        takeover_leave(gang);
        keeper_link_leave(&gang->link, gang->exit_status);
        keeper_link_flush(&gang->link);
        return sd_event_exit(gang->event, EXIT_SUCCESS);
}

/* ---- stopping and reloading -------------------------------------------------------------------- */

static void stop_all(struct gang *gang) {
        if (gang->stopping)
                return;
        gang->stopping = true;
        log_info("stopping");
        events_add(&gang->events, "", &(struct event){ .kind = EVENT_MANAGER, .pid = getpid() }, "stopping");
        for (struct list *it = gang->workers.prev; it != &gang->workers; it = it->prev) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = worker->n_instances; i > 0; i--)
                        instance_stop(worker->instances[i - 1], false);
        }
        gang_touch(gang);
}

void manager_stop(struct gang *gang) {
        /* The keeper remembers a SIGTERM, so that this holds also if this manager dies on the way. */
        if (!gang->stopping)
                (void)kill(gang->keeper_pid, SIGTERM);
        stop_all(gang);
}

static void reload_by_signal(struct manager *manager) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(freep) char *changes = NULL;
        int r = reload(&manager->gang, false, &changes, &errors);

        for (size_t i = 0; i < errors.n; i++)
                log_error("%s", errors.errors[i].text);
        if (r < 0)
                log_error("the configuration was not reloaded: %s", strerror(-r));
        else
                log_info("the configuration was reloaded");
        tell_status(manager, true);
}

/* ---- what the keeper says ---------------------------------------------------------------------- */

static void on_spawned(void *userdata, const Ganger__Keeper__Spawned *message) {
        struct manager *manager = userdata;
        struct instance *instance = instance_find(&manager->gang, message->key);

        if (instance)
                instance_spawned(instance, message);
        else
                side_process_spawned(&manager->gang, message);
}

static void on_exited(void *userdata, const Ganger__Keeper__Exited *message) {
        struct manager *manager = userdata;
        struct gang *gang = &manager->gang;
        struct instance *instance = instance_find(gang, message->key);

        if (orphan_exited(gang, message) || side_process_exited(gang, message))
                return;
        if (instance)
                instance_exited(instance, message);
        else
                keeper_link_exit_acknowledge(&gang->link, message->key, message->pid);
}

static void on_stopped(void *userdata, const Ganger__Keeper__Stopped *message) {
        struct manager *manager = userdata;
        struct instance *instance = instance_find(&manager->gang, message->key);

        if (instance && instance->pid == message->pid)
                instance_frozen(instance, message->stopped);
}

static void on_caught(void *userdata, const Ganger__Keeper__Caught *message) {
        struct manager *manager = userdata;

        if (message->signal == SIGTERM || message->signal == SIGINT)
                stop_all(&manager->gang);
        else if (message->signal == SIGHUP)
                reload_by_signal(manager);
}

static void on_drained(void *userdata) {
        struct manager *manager = userdata;

        spawn_queue_turn(&manager->gang);
}

static void on_broken(void *userdata, int error) {
        struct manager *manager = userdata;

        gang_give_way(&manager->gang, "the keeper cannot be heard, or be told something", error);
}

static void on_ending(void *userdata, const Ganger__Keeper__Ending *message) {
        struct manager *manager = userdata;
        struct instance *instance = instance_find(&manager->gang, message->key);

        if (instance && instance->pid == message->pid)
                main_pid_ending(instance);
        else
                keeper_link_settle(&manager->gang.link, message->key, message->pid);
}

static void on_main_changed(void *userdata, const Ganger__Keeper__MainChanged *message) {
        struct manager *manager = userdata;
        struct instance *instance = instance_find(&manager->gang, message->key);

        if (orphan_main_changed(&manager->gang, message))
                return;
        if (instance && instance->pid > 0)
                main_pid_changed(instance, message);
}

static const struct keeper_link_ops link_ops = {
        .spawned = on_spawned,
        .exited = on_exited,
        .stopped = on_stopped,
        .caught = on_caught,
        .ending = on_ending,
        .main_changed = on_main_changed,
        .drained = on_drained,
        .broken = on_broken,
};

/* ---- what processes say ------------------------------------------------------------------------ */

/* Only an instance can speak, and only for itself. */
static bool on_notify_message(void *userdata, pid_t pid, const struct notify_message *message) {
        struct gang *gang = userdata;
        struct instance *instance = main_pid_instance_of(gang, pid);

        /* It may be faster than the keeper's word that it was started: then that is waited for. */
        if (!instance)
                return gang->n_spawning == 0;
        liveness_notified(instance, message);
        return true;
}

/* ---- coming and going -------------------------------------------------------------------------- */

/* Descriptors are what we run out of first: a process with its rings and pipes takes up to ten. */
static void raise_limits(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int gang_init(struct manager *manager, const struct options *options, struct error *error) {
        struct gang *gang = &manager->gang;
        int r;

        gang->link = KEEPER_LINK_NULL;
        gang->state = STATE_MEMORY_NULL;
        gang->cgroups = CGROUPS_NULL;
        sweep_init(&gang->sweep);
        gang->notify = NOTIFY_NULL;
        gang->captures = LOG_CAPTURES_NULL;
        gang->runtime_dir = options->runtime_dir;
        gang->config_path = options->config;
        gang->state_dir = options->state_dir;
        gang->log_dir = options->log_dir;
        gang->keeper_pid = getppid();
        invocation_keeper(gang->keeper_mark, gang->keeper_pid);
        gang->started_usec = now_usec();
        list_init(&gang->workers);
        list_init(&gang->groups);
        list_init(&gang->side_processes);
        list_init(&gang->reports);
        list_init(&gang->orphans);
        list_init(&gang->forked);
        list_init(&gang->unasked);
        list_init(&gang->log_listeners);
        gang_objects_init(&gang->objects, gang);
        gang_sockets_init(&gang->sockets, gang);
        dynamic_users_init(&gang->dynamic_users);
        gang->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (gang->null_fd < 0)
                return error_errno(error, -errno, "/dev/null");
        r = events_init(&gang->events);
        if (r >= 0)
                r = sd_event_new(&gang->event);
        if (r >= 0)
                r = log_captures_init(&gang->captures, gang->event);
        if (r >= 0)
                r = sd_event_add_defer(gang->event, &gang->turn, on_turn, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(gang->turn, TURN_PRIORITY);
        return r < 0 ? error_errno(error, r, "event loop") : 0;
}

static void on_cgroup_left(void *userdata) {
        gang_touch(userdata);
}

static int open_notify(struct gang *gang, struct error *error) {
        bool made;
        int r;

        r = notify_init(&gang->notify, gang->event, gang->runtime_dir, keeper_link_take(&gang->link, "notify"),
                        on_notify_message, gang, &made);
        if (r >= 0 && made)
                r = keeper_link_store(&gang->link, "notify", gang->notify.fd);
        return r < 0 ? error_errno(error, r, "%s/notify", gang->runtime_dir) : 0;
}

static int open_control(struct manager *manager, struct error *error) {
        struct gang *gang = &manager->gang;
        int fd = keeper_link_take(&gang->link, KEEPER_ACTIVATED_CONTROL), r;
        bool made;

        gang->activated = fd >= 0;
        if (fd < 0)
                fd = keeper_link_take(&gang->link, "control");
        r = control_init(&manager->control, gang, fd, &made);
        if (r >= 0 && made)
                r = keeper_link_store_lasting(&gang->link, "control", control_fd(manager->control));
        return r < 0 ? error_errno(error, r, "%s/%s", gang->runtime_dir, CONTROL_SOCKET_NAME) : 0;
}

/* The first manager of another program, or the first one after that has given way. (Later ones tell it again.) */
static void tell_upgrade(struct gang *gang) {
        if (gang->link.upgrades == 0)
                return;
        if (*gang->link.upgrade_failure)
                events_add(&gang->events, "", &(struct event){ .kind = EVENT_MANAGER, .pid = getpid() },
                           "version %s goes on; another one has given way: %s", PACKAGE_VERSION, gang->link.upgrade_failure);
        else
                events_add(&gang->events, "", &(struct event){ .kind = EVENT_MANAGER, .pid = getpid() },
                           "version %s has taken over", PACKAGE_VERSION);
}

static int manager_take_over(struct manager *manager, const Ganger__Keeper__WelcomeState *welcome,
                             struct error *error) {
        struct gang *gang = &manager->gang;
        int r;

        r = takeover_state(gang, error);
        if (r < 0)
                return r;
        r = takeover_config(gang, error);
        if (r < 0)
                return r;
        cgroups_init(&gang->cgroups, gang->event, gang->keeper_pid, gang->link.incarnation == 1, on_cgroup_left, gang);
        r = open_notify(gang, error);
        if (r < 0)
                return r;
        r = takeover_tables(gang, welcome, error);
        if (r < 0)
                return r;
        r = open_control(manager, error);
        if (r < 0)
                return r;
        events_add(&gang->events, "", &(struct event){ .kind = EVENT_MANAGER, .pid = getpid() },
                   gang->link.incarnation > 1 ? "manager %u takes over" :
                   gang->continues ? "manager %u begins, after a keeper that has died" : "manager %u begins",
                   gang->link.incarnation);
        tell_upgrade(gang);
        if (welcome->stopping || gang->ending)
                stop_all(gang);
        takeover_resume(gang, welcome);
        r = keeper_link_attach(&gang->link, gang->event, &link_ops, manager);
        return r < 0 ? error_errno(error, r, "keeper") : 0;
}

/* Nobody answers there any more. The keeper still has the lock, so that they are not yet those of another daemon. */
static void remove_sockets(const struct gang *gang) {
        char path[PATH_MAX];

        if (gang->notify.path)
                (void)unlink(gang->notify.path);
        if (!gang->activated && snprintf(path, sizeof path, "%s/%s", gang->runtime_dir, CONTROL_SOCKET_NAME) < (int)sizeof path)
                (void)unlink(path);
}

static void manager_done(struct manager *manager) {
        struct gang *gang = &manager->gang;

        remove_sockets(gang);
        manager->control = control_done(manager->control);
        list_for_each_safe(it, &gang->objects.attachments)
                attachment_forget(list_entry(it, struct attachment, link));
        list_for_each_safe(it, &gang->workers)
                worker_free(list_entry(it, struct worker, link));
        groups_done(gang);
        upgrade_done(gang);
        wishes_done(gang);
        side_processes_done(gang);
        orphans_done(gang);
        gang_objects_done(&gang->objects);
        gang_sockets_done(&gang->sockets);
        dynamic_users_done(&gang->dynamic_users);
        while (gang->n_retired > 0)
                config_free(gang->retired[--gang->n_retired]);
        free(gang->retired);
        config_free(gang->config);
        notify_done(&gang->notify);
        cgroups_done(&gang->cgroups, true);
        credentials_end(gang);
        sweep_done(&gang->sweep);
        map_done(&gang->workers_by_name);
        map_done(&gang->instances_by_pid);
        state_done(&gang->state);
        events_done(&gang->events);
        keeper_link_done(&gang->link);
        log_captures_done(&gang->captures);
        sd_event_source_disable_unref(gang->turn);
        sd_event_unref(gang->event);
        close_fd(gang->null_fd);
}

/* Whoever started the daemon in the background waits for its end of our stderr. */
static void let_go_of_terminal(void) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int to = STDIN_FILENO; to <= STDERR_FILENO && fd >= 0; to++)
                (void)dup2(fd, to);
        close_fd(fd);
        /* The log has a description of its own of what stderr was. */
        log_close();
        log_open();
}

/* It cannot be begun. If none was ready before us, the daemon ends with us (see the keeper); else the next manager tries. */
static int give_up(struct manager *manager, const struct error *error) {
        log_error("%s", error->text);
        gang_sockets_abandon(&manager->gang.sockets); /* the next one opens them again */
        return EX_CONFIG;
}

static int serve(struct manager *manager, const struct options *options) {
        int r;

        tell_status(manager, false);
        if (options->detached)
                let_go_of_terminal();
        r = sd_event_loop(manager->gang.event);
        if (r < 0)
                log_error("event loop: %s", strerror(-r));
        return r < 0 ? EX_OSERR : r;
}

int manager_run(const struct options *options) {
        static struct manager manager;
        Ganger__Keeper__WelcomeState *welcome = NULL;
        struct error error = ERROR_NULL;
        int r;

        log_open();
        if (fault_is("never-ready"))
                return EX_SOFTWARE;
        raise_limits();
        r = gang_init(&manager, options, &error);
        if (r >= 0) {
                r = keeper_link_init(&manager.gang.link, KEEPER_FD, &welcome);
                if (r < 0)
                        error_errno(&error, r, "keeper");
        }
        if (r >= 0)
                r = manager_take_over(&manager, welcome, &error);
        ganger__keeper__welcome_state__free_unpacked(welcome, NULL);
        if (r < 0)
                return give_up(&manager, &error);
        r = serve(&manager, options);
        /* After anything but an orderly end, what is written down is for the next manager: touch none of it. */
        if (r == EXIT_SUCCESS)
                manager_done(&manager);
        log_close();
        return r;
}
