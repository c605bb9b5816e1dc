/* SPDX-License-Identifier: MIT */
/*
 * What the cgroups of a worker bound its instances to: at a start, and when the definition changes
 *
 * What cannot be had is no reason not to run, but never passed over: the worker has a warning, which its status shows,
 * and the log has it once for as long as it says the same.
 */

#include "daemon/placement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/cgroup-control.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/placement-devices.h"
#include "daemon/worker.h"

/* What is to be said, while it is found out. */
struct finding {
        char text[PLACEMENT_WARNING_MAX];
};

static void find(void *userdata, const char *key, int error) {
        struct finding *finding = userdata;
        size_t n = strlen(finding->text);

        /* Every cgroup of the worker finds the same. */
        if (strstr(finding->text, key))
                return;
        snprintf(finding->text + n, sizeof finding->text - n, "%s%s%s%s", n > 0 ? ", " : "", key,
                 error == -ENOENT ? "" : ": ", error == -ENOENT ? "" : strerrordesc_np(-error) ?: "unknown error");
}

static void settle(struct worker *worker, const struct finding *finding, const char *why) {
        char text[PLACEMENT_WARNING_MAX] = "";

        if (*finding->text && !fault_is("placement-silent"))
                snprintf(text, sizeof text, "no effect: %.160s (%s)", finding->text, why);
        if (strcmp(text, worker->placement.warning) == 0)
                return;
        memcpy(worker->placement.warning, text, sizeof text);
        if (*text)
                log_warning("%s: %s", worker->name, text);
        gang_touch(worker->gang);
}

static const char *reason(const struct gang *gang, unsigned int missing) {
        if (gang->cgroups.fd < 0)
                return "there is no cgroup of version 2 that gangerd may write to";
        return missing ? "the cgroup of gangerd does not have the controller, or others are in it"
                       : "the system refuses it";
}

/* Every key that is set finds no file. */
static void find_all(struct finding *finding, const struct worker_resources *resources) {
        cgroup_write(-1, resources, false, find, finding);
}

struct writing {
        const struct worker_resources *resources;
        struct finding *finding;
};

static void write_again(void *userdata, int fd) {
        struct writing *writing = userdata;

        cgroup_write(fd, writing->resources, true, find, writing->finding);
}

/* @return whether there was something to do. */
static bool has_changed(const struct placement *placement, const struct worker_resources *resources) {
        if (!placement->is_applied)
                return cgroup_controllers_for(resources) != 0;
        return memcmp(&placement->applied, resources, sizeof *resources) != 0;
}

/* @return the controllers that are missing. */
static unsigned int bound_all(struct worker *worker, struct finding *finding) {
        struct placement *placement = &worker->placement;
        const struct worker_resources *resources = &worker->definition->resources;
        unsigned int wanted = cgroup_controllers_for(resources), missing;
        struct writing writing = { resources, finding };

        placement->applied = *resources;
        placement->is_applied = true;
        missing = wanted & ~cgroups_enable(&worker->gang->cgroups, wanted);
        for (size_t i = 0; i < worker->n_instances; i++)
                cgroup_each(&worker->gang->cgroups, worker->instances[i]->key, write_again, &writing);
        if (missing && !*finding->text)
                find_all(finding, resources);
        return missing;
}

void placement_apply(struct worker *worker) {
        struct placement *placement = &worker->placement;
        bool changed = has_changed(placement, &worker->definition->resources), first = !placement->is_seen;
        struct finding finding = { "" };
        unsigned int missing = 0;

        placement->is_seen = true;
        if (changed)
                missing = bound_all(worker, &finding);
        else if (!first)
                return;
        devices_look(worker, find, &finding);
        settle(worker, &finding, reason(worker->gang, missing));
}

int placement_prepare(struct instance *instance, int fd, struct error *error) {
        struct worker *worker = instance->worker;
        const struct worker_resources *resources = &instance_definition(instance)->resources;
        unsigned int wanted = cgroup_controllers_for(resources), missing;
        struct finding finding = { "" };
        int r;

        missing = wanted & ~cgroups_enable(&worker->gang->cgroups, wanted);
        if (wanted)
                cgroup_write(fd, resources, false, find, &finding);
        r = devices_prepare(instance, fd, find, &finding, error);
        settle(worker, &finding, reason(worker->gang, missing));
        return r;
}
