/* SPDX-License-Identifier: MIT */
/*
 * Which devices an instance may open: at a start
 *
 * The rules are made and put into its cgroup at each start, before the process is born there; a change of the definition
 * replaces the process. What must hold: a cgroup that is used again never has the rules of another definition.
 *
 * What cannot be had is told by the worker's warning, as all that a cgroup is to bound; with `isolation = strict` it is a
 * failure of the start. Where nobody asked for it but private-devices, which is about nodes in the first place, the log says
 * so once.
 */

#include "daemon/placement-devices.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/cgroup-devices.h"
#include "daemon/cgroup.h"
#include "daemon/config/config.h"
#include "daemon/device-rules.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

static const char *key_of(const struct worker_definition *definition) {
        return definition->isolation.device_policy != WORKER_DEVICES_AUTO ? "device-policy" : "device-allow";
}

/* Of the first process of a definition only, and by each manager anew: the next ones find the same. */
static void on_miss(void *userdata, const char *item, const char *why) {
        const struct instance *instance = userdata;

        if (!instance_definition(instance)->kept->devices_told)
                log_warning("%s: device-allow: %s: %s", instance->key, item, why);
}

static void tell_implied(const struct instance *instance, const char *why) {
        if (!instance_definition(instance)->kept->devices_told)
                log_info("%s: private-devices: no cgroup keeps it from the nodes of devices elsewhere: %s", instance->key,
                         why);
}

static int refuse(const struct worker_definition *definition, const char *why, struct error *error) {
        const char *key = key_of(definition);
        _cleanup_(freep) char *value = worker_definition_value(definition, key);

        return error_set(error, -EPERM, "%s=%s: %s", key, value ?: "", why);
}

static int go_without(struct instance *instance, int problem, cgroup_fault_fn fn, void *userdata, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        const char *why = problem == -ENOENT ? "there is no cgroup of version 2 that gangerd may write to"
                                             : strerrordesc_np(-problem) ?: "unknown error";

        if (device_wish_of(definition) == DEVICES_IMPLIED)
                tell_implied(instance, why);
        else if (definition->isolation.strictness == WORKER_ISOLATION_STRICT && !fault_is("device-lenient"))
                return refuse(definition, why, error);
        else
                fn(userdata, key_of(definition), problem);
        return 0;
}

/* Those of the process before are not its. */
static int clear(struct instance *instance, int fd, struct error *error) {
        int r = cgroup_devices_set(fd, NULL, true);

        instance->has_devices = r < 0;
        return r < 0 ? error_errno(error, r, "the rules of devices that its cgroup had before") : 0;
}

int devices_prepare(struct instance *instance, int fd, cgroup_fault_fn fn, void *userdata, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        bool again = instance->cgroup_again && instance->has_devices;
        struct device_rules rules;
        int r;

        instance->has_devices = again;
        if (device_wish_of(definition) == DEVICES_ALL)
                return again ? clear(instance, fd, error) : 0;
        r = device_rules_find(&rules, definition, on_miss, instance);
        if (r == -E2BIG)
                return error_set(error, r, "device-allow: these are more than %d devices and groups", DEVICE_RULES_MAX);
        if (r < 0)
                return error_errno(error, r, "device-allow");
        r = fd < 0 ? -ENOENT : cgroup_devices_set(fd, &rules, again);
        if (r >= 0)
                instance->has_devices = true;
        else
                r = go_without(instance, r, fn, userdata, error);
        definition->kept->devices_told = true;
        return r;
}

/* ---- a manager takes over -------------------------------------------------------------------------- */

/* Of the cgroups that an instance has, one has its process; the others are on their way out. */
static void look(void *userdata, int fd) {
        int *best = userdata;

        *best = MAX(*best, cgroup_devices_has(fd));
}

void devices_look(struct worker *worker, cgroup_fault_fn fn, void *userdata) {
        uint64_t current = worker_definition_hash(worker->definition);

        if (device_wish_of(worker->definition) != DEVICES_ASKED || fault_is("device-unlooked"))
                return;
        for (size_t i = 0; i < worker->n_instances; i++) {
                const struct instance *instance = worker->instances[i];
                int found = -ENOENT;

                if (instance->pid <= 0 || instance->definition != current)
                        continue;
                cgroup_each(&worker->gang->cgroups, instance->key, look, &found);
                if (found <= 0)
                        fn(userdata, key_of(worker->definition), found < 0 ? found : -ENOENT);
        }
}
