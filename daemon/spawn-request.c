/* SPDX-License-Identifier: MIT */
/*
 * What is asked for of the keeper, whichever program of a worker it is for
 */

#include "daemon/spawn-request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/dynamic-user.h"
#include "daemon/isolation/isolation.h"

#define UMASK_DEFAULT 022

void spawn_request_done(struct spawn_request *request) {
        user_done(&request->user);
        free(request->program);
        free(request->directory);
        strings_done(&request->argv);
        strings_done(&request->environment);
        mounts_free(request->mounts);
        free(request->spec.cookie.data);
}

static int set_groups(struct spawn_request *request, const struct worker_definition *definition, struct error *error) {
        const struct worker_isolation *isolation = &definition->isolation;

        if (!isolation->primary_group && !isolation->supplementary_groups[0])
                return 0;
        return user_set_groups(&request->user, isolation->primary_group, isolation->supplementary_groups, error);
}

int spawn_request_find_user(struct spawn_request *request, struct gang *gang, const struct worker_definition *definition,
                            struct error *error) {
        int r = 0;

        if (definition->dynamic_user)
                r = dynamic_user_take(gang, definition, &request->user, error);
        else if (definition->user)
                r = user_find(definition->user, &request->user, error);
        return r < 0 ? r : set_groups(request, definition, error);
}

int spawn_request_look_user(struct spawn_request *request, const struct dynamic_users *users,
                            const struct worker_definition *definition, struct error *error) {
        int r = 0;

        if (definition->dynamic_user)
                r = dynamic_user_look(users, definition, &request->user, error);
        else if (definition->user)
                r = user_find(definition->user, &request->user, error);
        return r < 0 ? r : set_groups(request, definition, error);
}

int spawn_request_set_cookie(struct spawn_request *request, const Ganger__State__InstanceCookie *cookie) {
        ProtobufCBinaryData *packed = &request->spec.cookie;

        packed->len = ganger__state__instance_cookie__get_packed_size(cookie);
        packed->data = malloc(packed->len);
        if (!packed->data)
                return -ENOMEM;
        ganger__state__instance_cookie__pack(cookie, packed->data);
        return 0;
}

static void set_rights(Ganger__Keeper__SpawnSpec *spec, const struct worker_definition *definition, const struct user *user) {
        spec->set_credentials = user->change;
        spec->uid = user->uid;
        spec->gid = user->gid;
        spec->groups = user->groups;
        spec->n_groups = user->n_groups;
        spec->umask = definition->umask == INTEGER_UNSET ? UMASK_DEFAULT : (uint32_t)definition->umask;
}

int spawn_request_complete(struct spawn_request *request, const struct worker_definition *definition, const char *runtime_dir,
                           struct error *error) {
        Ganger__Keeper__SpawnSpec *spec = &request->spec;
        int r;

        r = worker_definition_directory(definition, &request->directory);
        if (r < 0)
                return error_errno(error, r, "its directory");
        if (request->own_pids)
                isolation_add_pids(&request->settings, definition);
        r = isolation_make(&request->settings, definition, &request->user, error);
        if (r >= 0)
                r = mounts_make(&request->mounts, definition, request->own_pids, runtime_dir, error);
        if (r >= 0)
                r = landlock_rules_make(&request->landlock, definition, error);
        if (r < 0)
                return r;
        spec->path = request->program;
        spec->argv = request->argv.v;
        spec->n_argv = request->argv.n;
        spec->environment = request->environment.v;
        spec->n_environment = request->environment.n;
        spec->directory = request->directory;
        set_rights(spec, definition, &request->user);
        spawn_spec_set_settings(spec, &request->settings);
        spawn_spec_set_mounts(spec, request->mounts, definition);
        spawn_spec_set_landlock(spec, &request->landlock, definition);
        return 0;
}
