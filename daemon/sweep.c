/* SPDX-License-Identifier: MIT */
/*
 * The end of everything that an instance has started, where no cgroup holds it together
 *
 * Whoever loses its parent becomes a child of the keeper, which is the subreaper of all. So what an instance has left is
 * among the children of the keeper that are no instance's main process, and their descendants. Whose they are is told
 * by, in this order:
 *
 *   - the mark in the environment that they were executed with (GANGER_KEEPER, GANGER_INVOCATION_ID). If it names a process
 *     that runs, they are its daemons, and stay; if not, they are leftovers. This needs no memory: a manager that takes over
 *     knows as much;
 *   - the session, or the pipe for its output, of an instance's process that runs, or that has ended since the sweep is on;
 *   - time: what is older than every process of an instance that runs was started by none of them.
 *
 * A process of which all of that is gone, while older instances run, is not touched, and that is told. It would have to
 * have another environment, session and output, and no living parent.
 *
 * What must hold: nobody is signalled who is not ours. A number may be another's at any time; so a process is held by a
 * pidfd, and looked at again through /proc while it is: if it is the one that began when it did, the pidfd is of it.
 *
 * Those who fork meanwhile: what is found is stopped first, and killed once nothing new is found, so that no child loses
 * the parent that shows whose it is. Then the same again, until two passes in a row find nothing: /proc may leave out a
 * child while others come and go. A pass that saw somebody who was gone before it was clear whose it was has not found
 * nothing. The kernel gives numbers in rising order and lists children in the order of their birth, so that a look
 * passes nobody who does not run ahead of it; with real-time priority, where we may have it, few do.
 */

#include "daemon/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/invocation.h"
#include "daemon/log/log.h"
#include "daemon/main-pid.h"
#include "daemon/orphan.h"
#include "daemon/proc.h"
#include "daemon/worker.h"

/** Held at once, each by a descriptor. More are for the next pass. */
#define SET_MAX 512
/** One pass ends then, whatever it has found, and the loop goes on. */
#define PASS_USEC (50 * USEC_PER_MSEC)
/** Passes that find something follow each other at once, then so slowly: who is still there cannot be killed just now. */
#define BUSY_QUICK 64
#define BUSY_SLOW_USEC (10 * USEC_PER_MSEC)
/** … and after so many it is urgent. */
#define URGENT_AFTER 3
#define CLEAN_ENOUGH 2
/**
 * Passes in a row in which somebody got away, and nobody was found: then they are of somebody who runs, and does this for
 * a living.
 */
#define RESTLESS_MAX 300

/* A process of an instance that has ended. */
struct ended {
        struct list link;
        pid_t session;
        ino_t output[_LOG_STREAM_N];    /* 0: not known */
};

/* ---- those that are found ---------------------------------------------------------------------- */

struct found {
        pid_t pid;
        int pidfd;
        bool spare;                     /* stopped, but not killed */
};

struct set {
        struct found v[SET_MAX];
        size_t n;
};

static void set_done(struct set *set) {
        for (size_t i = 0; i < set->n; i++)
                close_fd(set->v[i].pidfd);
        set->n = 0;
}

static bool set_has(const struct set *set, pid_t pid) {
        for (size_t i = 0; i < set->n; i++)
                if (set->v[i].pid == pid)
                        return true;
        return false;
}

/* Take hold of a process that was looked at, and stop it. @return false: it is gone. */
static bool set_add(struct set *set, pid_t pid, const struct proc_stat *looked, bool spare) {
        struct proc_stat stat;
        int pidfd;

        if (set->n == SET_MAX || set_has(set, pid))
                return true;
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0)
                return false;
        if (proc_read_stat(pid, &stat) < 0 || stat.started != looked->started || proc_is_dead(&stat)) {
                close_fd(pidfd);
                return false;
        }
        (void)pidfd_send_signal(pidfd, SIGSTOP, NULL, 0);
        set->v[set->n++] = (struct found){ pid, pidfd, spare };
        return true;
}

struct descent {
        struct set *set;
        pid_t parent;
};

static int add_child(void *userdata, pid_t pid) {
        struct descent *descent = userdata;
        struct proc_stat stat;

        if (proc_read_stat(pid, &stat) == 0 && stat.parent == descent->parent && !proc_is_dead(&stat))
                (void)set_add(descent->set, pid, &stat, false);
        return descent->set->n == SET_MAX ? -EXFULL : 0;
}

/* The children of all, those that are added on the way, too. */
static void add_descendants(struct set *set) {
        for (size_t i = 0; i < set->n; i++) {
                struct descent descent = { set, set->v[i].pid };

                (void)proc_each_child(set->v[i].pid, add_child, &descent);
        }
}

static void kill_all(struct set *set) {
        for (size_t i = 0; i < set->n; i++)
                if (!set->v[i].spare)
                        (void)pidfd_send_signal(set->v[i].pidfd, SIGKILL, NULL, 0);
}

/* ---- whose it is ------------------------------------------------------------------------------- */

/* Called for each instance that has a process, or waits for it. @return whether it is the one. */
typedef bool (*is_it_fn)(struct instance *instance, const void *of);

static struct instance *find_living(struct gang *gang, is_it_fn is_it, const void *of) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = 0; i < worker->n_instances; i++) {
                        struct instance *instance = worker->instances[i];

                        if ((instance->pid > 0 || instance->spawning) && is_it(instance, of))
                                return instance;
                }
        }
        return NULL;
}

static bool has_invocation(struct instance *instance, const void *of) {
        return strcmp(instance->invocation.id, of) == 0;
}

static ino_t inode_of(int fd) {
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* One that a process has opened as this descriptor, if it is a pipe. */
static ino_t pipe_of(pid_t pid, int fd) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        return stat(path, &st) == 0 && S_ISFIFO(st.st_mode) ? st.st_ino : 0;
}

static bool has_output(struct instance *instance, const void *of) {
        const ino_t *pipes = of;

        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                ino_t own = inode_of(instance->captures[stream].fd);

                for (enum log_stream s = 0; s < _LOG_STREAM_N && own; s++)
                        if (pipes[s] == own)
                                return true;
        }
        return false;
}

static bool is_older(struct instance *instance, const void *of) {
        struct proc_stat stat;

        return instance->pid == 0 || proc_read_stat(instance->pid, &stat) < 0 || stat.started <= *(const uint64_t *)of;
}

enum owner {
        OWNER_UNKNOWN,
        OWNER_ENDED,                    /* nobody who runs */
        OWNER_LIVING,
};

/* By what it was executed with. */
static enum owner owner_by_mark(struct gang *gang, pid_t pid, struct instance **ret) {
        static const char *const names[] = { INVOCATION_KEEPER "=", INVOCATION_MARK "=" };
        char keeper[INVOCATION_KEEPER_MAX], invocation[INVOCATION_KEEPER_MAX];
        char *values[] = { keeper, invocation };

        if (proc_environment(pid, names, values, sizeof keeper, ARRAY_SIZE(names)) < 0 || !*invocation ||
            strcmp(keeper, gang->keeper_mark) != 0)
                return OWNER_UNKNOWN;
        *ret = find_living(gang, has_invocation, invocation);
        if (*ret)
                return OWNER_LIVING;
        return orphan_lives(gang, 0, invocation) ? OWNER_LIVING : OWNER_ENDED;
}

static bool is_of_ended(struct sweep *s, pid_t session, const ino_t *pipes) {
        list_for_each(it, &s->ended) {
                const struct ended *ended = list_entry(it, struct ended, link);

                if (ended->session == session)
                        return true;
                for (enum log_stream a = 0; a < _LOG_STREAM_N; a++)
                        for (enum log_stream b = 0; b < _LOG_STREAM_N; b++)
                                if (pipes[a] && pipes[a] == ended->output[b])
                                        return true;
        }
        return false;
}

/* By what it still has in common with somebody. */
static enum owner owner_by_company(struct gang *gang, pid_t pid, const struct proc_stat *stat, struct instance **ret) {
        ino_t pipes[_LOG_STREAM_N] = { pipe_of(pid, STDOUT_FILENO), pipe_of(pid, STDERR_FILENO) };

        *ret = main_pid_instance_of_session(gang, stat->session) ?: find_living(gang, has_output, pipes);
        if (*ret)
                return OWNER_LIVING;
        return is_of_ended(&gang->sweep, stat->session, pipes) ? OWNER_ENDED : OWNER_UNKNOWN;
}

/* Is everybody known who may start something? As process 1, the keeper is given strangers, too. */
static bool can_tell(const struct gang *gang) {
        return gang->keeper_pid != 1 && gang->n_spawning == 0 && list_is_empty(&gang->side_processes) &&
               list_is_empty(&gang->orphans);
}

/* Was it there before each of those that could have started it? */
static enum owner owner_by_time(struct gang *gang, const struct proc_stat *stat) {
        struct proc_stat keeper;

        if (!can_tell(gang) || proc_read_stat(gang->keeper_pid, &keeper) < 0 || stat->started < keeper.started)
                return OWNER_UNKNOWN;
        return find_living(gang, is_older, &stat->started) ? OWNER_UNKNOWN : OWNER_ENDED;
}

static enum owner find_owner(struct gang *gang, pid_t pid, const struct proc_stat *stat, struct instance **ret) {
        enum owner owner;

        *ret = NULL;
        owner = owner_by_mark(gang, pid, ret);
        if (owner == OWNER_UNKNOWN)
                owner = owner_by_company(gang, pid, stat, ret);
        return owner == OWNER_UNKNOWN ? owner_by_time(gang, stat) : owner;
}

/* ---- a pass ------------------------------------------------------------------------------------ */

struct pass {
        struct gang *gang;
        struct instance *of;            /* only what this one has started; NULL: what nobody has who runs */
        struct set *set;
        bool is_urgent;
        size_t n_unknown;
        bool is_restless;               /* somebody was gone before it was clear whose it is */
};

/* For the fault: it was started lately. Whoever forks and leaves as fast as it can always was, on a busy machine too. */
static bool is_young(const struct proc_stat *stat) {
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return stat->started + 300 > (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000;
}

/* A child of the keeper. */
static int look_at(void *userdata, pid_t pid) {
        struct pass *pass = userdata;
        struct gang *gang = pass->gang;
        struct instance *instance;
        struct proc_stat stat;
        enum owner owner;

        if (pid == getpid() || main_pid_is_main(gang, pid) || orphan_lives(gang, pid, "") || set_has(pass->set, pid))
                return 0;
        if (proc_read_stat(pid, &stat) < 0 || proc_is_dead(&stat) || stat.parent != gang->keeper_pid) {
                pass->is_restless = true;
                return 0;
        }
        owner = find_owner(gang, pid, &stat, &instance);
        if ((fault_is("sweep-own-session") && stat.session == pid) || (fault_is("sweep-once") && is_young(&stat)))
                return 0;
        pass->n_unknown += owner == OWNER_UNKNOWN && can_tell(gang);
        if ((pass->of ? owner == OWNER_LIVING && instance == pass->of : owner == OWNER_ENDED) &&
            !set_add(pass->set, pid, &stat, false))
                pass->is_restless = true;
        return pass->set->n == SET_MAX ? -EXFULL : 0;
}

/* Stop all that is found, until nothing new is; then kill it. @return how many there were. */
static size_t make_pass(struct pass *pass) {
        uint64_t until = now_usec() + PASS_USEC;
        bool goes_on;
        size_t n;

        do {
                size_t before = pass->set->n;

                pass->n_unknown = 0;
                pass->is_restless = false;
                (void)proc_each_child(pass->gang->keeper_pid, look_at, pass);
                if (!fault_is("sweep-once"))
                        add_descendants(pass->set);
                goes_on = pass->set->n > before || (pass->is_urgent && pass->is_restless);
        } while (goes_on && pass->set->n < SET_MAX && now_usec() < until && !fault_is("sweep-once"));
        fault_point("amid-sweep");
        kill_all(pass->set);
        n = pass->set->n;
        set_done(pass->set);
        return n;
}

/* Before those who fork as fast as they can, for the time of a pass. Without the right to it, as fast as we can. */
static void be_quick(bool yes) {
        const struct sched_param real_time = { .sched_priority = 1 }, ordinary = { 0 };

        if (yes)
                (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &real_time);
        else if (sched_setscheduler(0, SCHED_OTHER, &ordinary) < 0)
                /* Who was let in by RLIMIT_RTPRIO alone may go back, but not take the flag away. */
                (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary);
}

/* ---- until it is over -------------------------------------------------------------------------- */

static void forget_ended(struct sweep *s) {
        list_for_each_safe(it, &s->ended) {
                struct ended *ended = list_entry(it, struct ended, link);

                list_unlink(&ended->link);
                free(ended);
        }
}

static void end(struct gang *gang, size_t n_unknown) {
        struct sweep *s = &gang->sweep;

        s->is_on = false;
        forget_ended(s);
        if (n_unknown > s->n_unknown)
                log_warning("%zu processes are left that may be of any worker, and are not touched: their environment, session and "
                            "output tell nothing", n_unknown);
        s->n_unknown = n_unknown;
        gang_touch(gang);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void plan(struct gang *gang, uint64_t delay_usec) {
        struct sweep *s = &gang->sweep;
        int r = 0;

        if (!s->timer)
                r = sd_event_add_time(gang->event, &s->timer, CLOCK_MONOTONIC, now_usec() + delay_usec, 1, on_timer, gang);
        else {
                sd_event_source_set_time(s->timer, now_usec() + delay_usec);
                r = sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
        }
        if (r >= 0)
                return;
        log_error("what ended processes have left cannot be looked for: %s", strerror(-r));
        end(gang, 0);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gang *gang = userdata;
        struct sweep *s = &gang->sweep;
        _cleanup_(set_done) struct set set = { .n = 0 };
        bool urgent = s->n_busy >= URGENT_AFTER && sched_getscheduler(0) == SCHED_OTHER;
        struct pass pass = { .gang = gang, .set = &set, .is_urgent = s->n_busy >= URGENT_AFTER };
        size_t n;

        fault_point("before-sweep");
        if (urgent)
                be_quick(true);
        n = make_pass(&pass);
        if (urgent)
                be_quick(false);
        s->n_restless = n == 0 && pass.is_restless ? s->n_restless + 1 : 0;
        if (n > 0 || (pass.is_restless && s->n_restless < RESTLESS_MAX)) {
                s->n_busy++;
                s->n_clean = 0;
        } else
                s->n_clean++;
        if (s->end_usec > 0 && now_usec() >= s->end_usec)
                log_warning("processes that instances have left are not gone yet: not waiting for them");
        if (s->n_clean >= CLEAN_ENOUGH || (s->end_usec > 0 && now_usec() >= s->end_usec) || fault_is("sweep-once"))
                end(gang, pass.n_unknown);
        else
                plan(gang, s->n_busy > BUSY_QUICK ? BUSY_SLOW_USEC : 0);
        return 0;
}

void sweep_begin(struct gang *gang) {
        struct sweep *s = &gang->sweep;

        if (!sweep_is_needed(gang))
                return;
        s->n_clean = 0;
        if (s->is_on)
                return;
        s->is_on = true;
        s->n_busy = 0;
        plan(gang, 0);
}

bool sweep_is_over(struct gang *gang) {
        struct sweep *s = &gang->sweep;

        if (!s->is_on)
                return true;
        if (s->end_usec == 0)
                s->end_usec = now_usec() + SWEEP_END_USEC;
        return false;
}

/* ---- one instance ------------------------------------------------------------------------------ */

bool sweep_is_needed(struct gang *gang) {
        return gang->cgroups.fd < 0 && !fault_is("no-sweep");
}

void sweep_kill(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        _cleanup_(set_done) struct set set = { .n = 0 };
        struct pass pass = { .gang = gang, .set = &set, .of = instance };
        struct proc_stat stat;

        if (!sweep_is_needed(gang) || instance->pid <= 0)
                return;
        /* The keeper kills that one: it alone knows what it is. */
        if (proc_read_stat(instance->pid, &stat) == 0 && stat.parent == gang->keeper_pid && !proc_is_dead(&stat))
                (void)set_add(&set, instance->pid, &stat, true);
        (void)make_pass(&pass);
}

void sweep_ended(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        struct ended *ended;

        if (!sweep_is_needed(gang))
                return;
        ended = calloc(1, sizeof *ended);
        if (ended) {
                ended->session = instance->session > 0 ? instance->session : instance->pid;
                for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++)
                        ended->output[stream] = inode_of(instance->captures[stream].fd);
                list_append(&gang->sweep.ended, &ended->link);
        }
        sweep_begin(gang);
}

void sweep_init(struct sweep *s) {
        *s = (struct sweep){ 0 };
        list_init(&s->ended);
}

void sweep_done(struct sweep *s) {
        forget_ended(s);
        sd_event_source_disable_unref(s->timer);
}
