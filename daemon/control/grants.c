/* SPDX-License-Identifier: MIT */

/*
 * What the configuration in force gives to a peer
 *
 * Looked at for each request, and for each item of a stream, so a reload counts at once. Root and the user of the daemon
 * have everything without a look. Invariant: on what is not there, a peer has what it has on the daemon, so nobody can tell
 * by what is denied whether a name is there.
 */

#include "daemon/control/grants.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "daemon/config/config.h"
#include "daemon/control/server.h"
#include "daemon/group.h"
#include "daemon/instance.h"
#include "daemon/worker.h"

static unsigned int classes_of(struct control *control, const struct peer *peer, char *const *allow) {
        const struct grant_peer who = {
                .uid = peer->uid, .gid = peer->gid, .groups = peer->groups,
                .n_groups = fault_is("grant-first-group") ? 0 : peer->n_groups,
        };

        return peer->owner ? CONTROL_CLASSES_ALL : grants_classes(allow, &who, grant_names_find, &control->names);
}

unsigned int grants_on_daemon(struct control *control, const struct peer *peer) {
        const struct config *config = control->gang->config;

        return classes_of(control, peer, config && config->n_daemons > 0 ? config->daemons[0]->allow : NULL);
}

/** What a peer has on one thing, beside what it has on all. */
static unsigned int on_worker(struct control *control, const struct peer *peer, const struct worker *worker) {
        return worker ? classes_of(control, peer, worker->definition->allow) : 0;
}

unsigned int grants_on_worker(struct control *control, const struct peer *peer, const struct worker *worker) {
        unsigned int on_it = on_worker(control, peer, worker);

        /* One that has something on any worker has it on all. */
        if (fault_is("grant-all-workers"))
                list_for_each(it, &control->gang->workers)
                        on_it |= on_worker(control, peer, list_entry(it, struct worker, link));
        return on_it | grants_on_daemon(control, peer);
}

unsigned int grants_on_object(struct control *control, const struct peer *peer, const struct gang_object *object) {
        unsigned int on_it = object && object->definition ? classes_of(control, peer, object->definition->allow) : 0;

        return on_it | grants_on_daemon(control, peer);
}

unsigned int grants_on_group(struct control *control, const struct peer *peer, const struct group *group) {
        unsigned int classes = CONTROL_CLASSES_ALL;
        bool empty = true;

        list_for_each(it, &control->gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (!group || !group_has(group, worker))
                        continue;
                empty = false;
                classes &= on_worker(control, peer, worker);
        }
        return (empty ? 0 : classes) | grants_on_daemon(control, peer);
}

unsigned int grants_on_listen(struct control *control, const struct peer *peer, const char *name) {
        unsigned int classes = grants_on_daemon(control, peer);

        if (classes & CONTROL_VIEW)
                return classes;
        list_for_each(it, &control->gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                for (char *const *listen = worker->definition->listen; *listen; listen++)
                        if (strcmp(*listen, name) == 0)
                                classes |= on_worker(control, peer, worker) & CONTROL_VIEW;
        }
        return classes;
}

bool grants_any(struct control *control, const struct peer *peer) {
        struct gang *gang = control->gang;

        if (grants_on_daemon(control, peer))
                return true;
        list_for_each(it, &gang->workers)
                if (on_worker(control, peer, list_entry(it, struct worker, link)))
                        return true;
        for (size_t i = 0; gang->config && i < gang->config->n_objects; i++)
                if (classes_of(control, peer, gang->config->objects[i]->allow))
                        return true;
        return false;
}

/* ---- events ------------------------------------------------------------------------------------ */

/** Of "resize/0", the worker. NULL: it is no more, or it is none of ours ("pid 4711"). */
static const struct worker *worker_of(struct gang *gang, const char *key) {
        char name[NAME_LENGTH_MAX + 1];
        size_t size = strcspn(key, "/");

        if (size >= sizeof name)
                return NULL;
        memcpy(name, key, size);
        name[size] = 0;
        return worker_find(gang, name);
}

bool grants_show_event(struct control *control, const struct peer *peer, const struct event *event) {
        struct gang *gang = control->gang;
        unsigned int classes = 0;

        switch (event->kind) {
        case EVENT_STATE:
        case EVENT_EXIT:
        case EVENT_RECOVERY:
        case EVENT_SPAWN_FAILED:
        case EVENT_CRASH_LOOP:
        case EVENT_SCALED:
        case EVENT_ROLL:
                classes = grants_on_worker(control, peer, worker_of(gang, event->key));
                break;
        case EVENT_DEAD_LETTER:
        case EVENT_DEADLOCK:
        case EVENT_QUARANTINE:
        case EVENT_RESET:
        case EVENT_RELOAD: /* of one object, or, without a key, of everything */
                classes = grants_on_object(control, peer, gang_object_find(&gang->objects, event->key));
                break;
        case EVENT_SOCKET:
                classes = grants_on_listen(control, peer, event->key);
                break;
        case EVENT_MANAGER:
                return grants_any(control, peer);
        case _EVENT_KIND_N:
                break;
        }
        return classes & CONTROL_VIEW;
}
