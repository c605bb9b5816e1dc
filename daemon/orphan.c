/* SPDX-License-Identifier: MIT */
/*
 * A process of an instance that nobody knows any more: stop it, recover it, forget it
 */

#include "daemon/orphan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/credentials.h"
#include "daemon/gang.h"
#include "daemon/holding.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"

struct orphan {
        struct list link;
        struct gang *gang;
        char key[INSTANCE_KEY_MAX];
        pid_t pid;
        struct invocation invocation;
        struct membership membership;
        sd_event_source *timer;
};

static struct orphan *orphan_free(struct orphan *orphan) {
        list_unlink(&orphan->link);
        membership_leave(&orphan->gang->objects, &orphan->membership);
        sd_event_source_disable_unref(orphan->timer);
        free(orphan);
        return NULL;
}

/* What its manager had stored for it. What is not taken is dropped at the end of the take-over. */
static int take_member(struct gang *gang, const char *key) {
        char name[INSTANCE_KEY_MAX + 20];

        snprintf(name, sizeof name, "instance/%s/member", key);
        return keeper_link_take(&gang->link, name);
}

int orphan_new(struct gang *gang, const char *key, pid_t pid, const Ganger__State__InstanceCookie *cookie) {
        struct orphan *orphan = calloc(1, sizeof *orphan);
        int r;

        if (!orphan)
                return -ENOMEM;
        orphan->gang = gang;
        orphan->pid = pid;
        orphan->membership = MEMBERSHIP_NULL;
        invocation_set(&orphan->invocation, cookie->invocation);
        snprintf(orphan->key, sizeof orphan->key, "%s", key);
        list_append(&gang->orphans, &orphan->link);
        if (cookie->n_seats == 0)
                return 0;
        r = membership_restore(&gang->objects, key, cookie->seats, cookie->n_seats, take_member(gang, key),
                               &orphan->membership);
        holding_claim(gang, key, cookie->generation, &orphan->membership);
        return r;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct orphan *orphan = userdata;

        keeper_link_signal(&orphan->gang->link, orphan->key, SIGKILL, true);
        return 0;
}

void orphans_stop(struct gang *gang) {
        list_for_each(it, &gang->orphans) {
                struct orphan *orphan = list_entry(it, struct orphan, link);

                log_info("%s: no longer defined: stopped", orphan->key);
                keeper_link_signal(&gang->link, orphan->key, SIGTERM, true);
                if (sd_event_add_time(gang->event, &orphan->timer, CLOCK_MONOTONIC,
                                      now_usec() + ORPHAN_STOP_USEC, 1, on_timeout, orphan) < 0)
                        keeper_link_signal(&gang->link, orphan->key, SIGKILL, true);
        }
}

bool orphan_find(struct gang *gang, const char *key) {
        list_for_each(it, &gang->orphans)
                if (strcmp(list_entry(it, struct orphan, link)->key, key) == 0)
                        return true;
        return false;
}

bool orphan_exited(struct gang *gang, const Ganger__Keeper__Exited *message) {
        list_for_each(it, &gang->orphans) {
                struct orphan *orphan = list_entry(it, struct orphan, link);
                char words[EXIT_STATUS_FORMAT_MAX], name[INSTANCE_KEY_MAX + 20];

                if (orphan->pid != message->pid || strcmp(orphan->key, message->key) != 0)
                        continue;
                exit_status_format(words, sizeof words, message->status);
                cgroup_kill_rest(&gang->cgroups, orphan->key);
                membership_recover(&gang->objects, &orphan->membership, orphan->pid, words);
                keeper_link_exit_acknowledge(&gang->link, orphan->key, orphan->pid);
                snprintf(name, sizeof name, "instance/%s/member", orphan->key);
                keeper_link_drop(&gang->link, name);
                cgroup_remove(&gang->cgroups, orphan->key);
                credentials_remove(gang, orphan->key);
                orphan_free(orphan);
                sweep_begin(gang);
                gang_touch(gang);
                return true;
        }
        return false;
}

bool orphan_main_changed(struct gang *gang, const Ganger__Keeper__MainChanged *message) {
        list_for_each(it, &gang->orphans) {
                struct orphan *orphan = list_entry(it, struct orphan, link);

                if (strcmp(orphan->key, message->key) != 0)
                        continue;
                orphan->pid = message->pid;
                return true;
        }
        return false;
}

bool orphan_lives(struct gang *gang, pid_t pid, const char *invocation) {
        list_for_each(it, &gang->orphans) {
                const struct orphan *orphan = list_entry(it, struct orphan, link);

                if ((pid > 0 && orphan->pid == pid) || (*invocation && strcmp(orphan->invocation.id, invocation) == 0))
                        return true;
        }
        return false;
}

void orphans_done(struct gang *gang) {
        list_for_each_safe(it, &gang->orphans)
                orphan_free(list_entry(it, struct orphan, link));
}
