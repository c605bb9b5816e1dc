/* SPDX-License-Identifier: MIT */
/*
 * Which process speaks for which instance, and which one is its main process
 *
 * Everything is looked up by what the kernel says, through a pidfd where a process is named: so its number cannot have
 * become another's between the look and the keeper's use of it.
 */

#include "daemon/main-pid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

/** Of /proc/PID/cgroup, and of a path in it; of a line in other files there. */
#define CGROUP_TEXT_MAX 4096
/** Parents that are gone up at most. */
#define GENERATIONS_MAX 32

static struct instance *instance_of_pid(struct gang *gang, pid_t pid) {
        char key[12];
        struct map_node *node;

        snprintf(key, sizeof key, "%d", (int)pid);
        node = map_find(&gang->instances_by_pid, key);
        return node ? map_entry(node, struct instance, by_pid) : NULL;
}

bool main_pid_is_main(struct gang *gang, pid_t pid) {
        return instance_of_pid(gang, pid) != NULL;
}

/* Of the second version: "0::/system.slice/ganger.service". @return whether there is one. */
static bool read_cgroup(const char *who, char *buf, size_t size) {
        _cleanup_(closep) int fd = -1;
        char path[32], text[CGROUP_TEXT_MAX], *line;
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%s/cgroup", who);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof text - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
        line = line ? strchr(line, '/') : NULL;
        if (!line || (size_t)snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line) >= size)
                return false;
        if (strcmp(buf, "/") == 0)
                buf[0] = '\0';
        return true;
}

/* Whoever is born in the cgroup of an instance stays there: OURS/NAME/worker:0, or worker:0.1. */
static struct instance *instance_of_cgroup(struct gang *gang, pid_t pid) {
        char ours[CGROUP_TEXT_MAX], theirs[CGROUP_TEXT_MAX], prefix[2 * CGROUP_TEXT_MAX], who[12], *key, *colon;

        snprintf(who, sizeof who, "%d", (int)pid);
        if (gang->cgroups.fd < 0 || !read_cgroup("self", ours, sizeof ours) || !read_cgroup(who, theirs, sizeof theirs))
                return NULL;
        if (gang->cgroups.moved)
                *(strrchr(ours, '/') ?: ours) = '\0';
        snprintf(prefix, sizeof prefix, "%s/%s/", ours, gang->cgroups.name);
        if (strncmp(theirs, prefix, strlen(prefix)) != 0)
                return NULL;
        key = theirs + strlen(prefix);
        key[strcspn(key, "/")] = '\0';
        colon = strrchr(key, ':');
        if (!colon)
                return NULL;
        *colon = '/';
        colon[strcspn(colon, ".")] = '\0';
        return instance_find(gang, key);
}

/* A daemon in the background has left its session, and may have the parent that was started. */
static struct instance *instance_of_ancestor(struct gang *gang, pid_t pid) {
        for (int i = 0; i < GENERATIONS_MAX && pid > 1 && pid != gang->keeper_pid; i++) {
                struct instance *instance = instance_of_pid(gang, pid);

                if (instance)
                        return instance;
                pid = notify_parent(pid);
        }
        return NULL;
}

/* Its main process may have been forked by one that is gone: then the session is that one's. */
struct instance *main_pid_instance_of_session(struct gang *gang, pid_t session) {
        struct instance *instance = instance_of_pid(gang, session);

        if (instance)
                return instance;
        list_for_each(it, &gang->forked) {
                instance = list_entry(it, struct instance, turn);
                if (instance->session == session)
                        return instance;
        }
        return NULL;
}

struct instance *main_pid_instance_of(struct gang *gang, pid_t pid) {
        struct instance *instance = instance_of_pid(gang, pid);
        pid_t session;

        if (instance)
                return instance;
        session = notify_session(pid);
        if (session > 0)
                instance = main_pid_instance_of_session(gang, session);
        if (!instance)
                instance = instance_of_ancestor(gang, pid);
        return instance ?: instance_of_cgroup(gang, pid);
}

static bool same_user(pid_t a, pid_t b) {
        char path[32];
        struct stat x, y;

        snprintf(path, sizeof path, "/proc/%d", (int)a);
        if (stat(path, &x) < 0)
                return false;
        snprintf(path, sizeof path, "/proc/%d", (int)b);
        return stat(path, &y) == 0 && x.st_uid == y.st_uid;
}

/* One of its own; or an orphan that nobody else has, and that it could do with as it likes anyway. */
static bool may_be_main(struct instance *instance, pid_t pid) {
        struct gang *gang = instance_gang(instance);
        struct instance *owner = main_pid_instance_of(gang, pid);

        if (owner)
                return owner == instance;
        return pid != getpid() && notify_parent(pid) == gang->keeper_pid && same_user(pid, instance->pid);
}

/* Then what it says are numbers that mean others to us. A process that is gone is of none. */
static bool has_own_numbers(pid_t pid) {
        _cleanup_(fclosep) FILE *f = NULL;
        char path[32], line[CGROUP_TEXT_MAX];
        int outer, inner;

        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, "NSpid:", 6) == 0)
                        return sscanf(line, "NSpid: %d %d", &outer, &inner) == 2;
        return false;
}

void main_pid_named(struct instance *instance, pid_t pid) {
        _cleanup_(closep) int pidfd = -1;

        if (pid == instance->pid || pid <= 1)
                return;
        if (has_own_numbers(instance->pid) && !fault_is("any-pid-namespace")) {
                log_warning("%s: MAINPID=%d is of a namespace of its own, which ends with its first process: passed over",
                            instance->key, (int)pid);
                return;
        }
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0 || (!may_be_main(instance, pid) && !fault_is("any-main-pid"))) {
                log_warning("%s: MAINPID=%d is not a process of it: passed over", instance->key, (int)pid);
                return;
        }
        keeper_link_main_process(&instance_gang(instance)->link, instance->key, pid, pidfd);
}

void main_pid_changed(struct instance *instance, const Ganger__Keeper__MainChanged *message) {
        if (instance->pid == message->pid)
                return; /* the welcome has told it */
        log_info("%s: its main process is %d now", instance->key, message->pid);
        if (instance->frozen)
                instance_frozen(instance, false);
        instance_forget_pid(instance);
        instance_remember_pid(instance, message->pid);
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                instance->captures[stream].from.pid = message->pid;
        gang_touch(instance_gang(instance));
}

static void settle(struct instance *instance) {
        instance->ending = false;
        instance_gang(instance)->n_ending--;
        keeper_link_settle(&instance_gang(instance)->link, instance->key, instance->pid);
}

void main_pid_ending(struct instance *instance) {
        if (!instance->ending)
                instance_gang(instance)->n_ending++;
        instance->ending = true;
        if (notify_drain(&instance_gang(instance)->notify) && instance->ending)
                settle(instance);
}

void main_pids_settle(struct gang *gang) {
        if (gang->n_ending == 0 || !notify_drain(&gang->notify))
                return;
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = 0; i < worker->n_instances; i++)
                        if (worker->instances[i]->ending)
                                settle(worker->instances[i]);
        }
}
