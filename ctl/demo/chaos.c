/* SPDX-License-Identifier: MIT */

/*
 * Chaos: SIGKILL for the instances, so many a second, and for the manager every few seconds
 *
 * Who is killed and when follows from the seed; what they were doing just then does not.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/time.h"
#include "ctl/demo/demo.h"

/** The manager is killed after 2 to 5 seconds, again and again. */
#define MANAGER_MIN_USEC (2 * USEC_PER_SEC)
#define MANAGER_SPAN_USEC (3 * USEC_PER_SEC)

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) */
static uint64_t next_random(struct chaos *c) {
        uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

void chaos_init(struct chaos *c, struct ctl *ctl, uint64_t seed, uint32_t kills_per_second) {
        uint64_t now = now_usec();

        *c = (struct chaos){ .ctl = ctl, .random = seed, .next_usec = USEC_INFINITY, .next_manager_usec = USEC_INFINITY };
        if (kills_per_second == 0)
                return;
        c->interval_usec = USEC_PER_SEC / kills_per_second;
        c->next_usec = now + c->interval_usec;
        c->next_manager_usec = now + MANAGER_MIN_USEC + next_random(c) % MANAGER_SPAN_USEC;
}

uint64_t chaos_due(const struct chaos *c) {
        return MIN(c->next_usec, c->next_manager_usec);
}

/** Kill a process that the daemon named a moment ago, and no other that got its number since. */
static bool kill_child_of(pid_t pid, pid_t keeper) {
        _cleanup_(closep) int fd = pidfd_open(pid, 0);
        char path[32], state;
        pid_t parent = 0;
        FILE *f;

        if (fd < 0)
                return false;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        f = fopen(path, "re");
        if (!f)
                return false;
        if (fscanf(f, "%*d (%*[^)]) %c %d", &state, &parent) != 2)
                parent = 0;
        fclose(f);
        return parent == keeper && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
}

static int ask_version(struct chaos *c, pid_t *keeper, pid_t *manager) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        r = ganger_control_call(c->ctl->client, &request, &reply);
        if (r < 0)
                return r;
        *keeper = reply->version->keeper_pid;
        *manager = reply->version->manager_pid;
        return 0;
}

/** Some instance with a process. @return its pid; 0: none has. */
static pid_t choose(struct chaos *c, const Ganger__V1__StatusReply *status, bool *ret_is_sum) {
        size_t n = 0, chosen;

        for (size_t i = 0; i < status->n_workers; i++)
                n += status->workers[i]->n_instances;
        if (n == 0)
                return 0;
        chosen = next_random(c) % n;
        for (size_t i = 0; i < status->n_workers; i++) {
                const Ganger__V1__Worker *w = status->workers[i];

                if (chosen < w->n_instances) {
                        *ret_is_sum = strcmp(w->name, "sum") == 0;
                        return w->instances[chosen]->pid;
                }
                chosen -= w->n_instances;
        }
        return 0;
}

static int kill_instance(struct chaos *c, struct feed *feed) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StatusRequest call = GANGER__V1__STATUS_REQUEST__INIT;
        pid_t keeper, manager, pid;
        bool is_sum = false;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &call;
        r = ask_version(c, &keeper, &manager);
        if (r == 0)
                r = ganger_control_call(c->ctl->client, &request, &reply);
        if (r < 0)
                return r;
        pid = choose(c, reply->status, &is_sum);
        if (pid > 0 && kill_child_of(pid, keeper)) {
                c->kills++;
                if (is_sum)
                        feed->killed_usec = now_usec();
        }
        return 0;
}

static int kill_manager(struct chaos *c) {
        pid_t keeper, manager;
        int r = ask_version(c, &keeper, &manager);

        if (r == 0 && kill_child_of(manager, keeper))
                c->manager_kills++;
        return r;
}

int chaos_run(struct chaos *c, struct feed *feed, uint64_t now) {
        int r = 0;

        if (now >= c->next_usec) {
                c->next_usec += c->interval_usec;
                r = kill_instance(c, feed);
        }
        if (r == 0 && now >= c->next_manager_usec) {
                c->next_manager_usec = now + MANAGER_MIN_USEC + next_random(c) % MANAGER_SPAN_USEC;
                r = kill_manager(c);
        }
        return r;
}
