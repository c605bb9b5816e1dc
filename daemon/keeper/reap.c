/* SPDX-License-Identifier: MIT */

/*
 * Reaping
 *
 * What must hold: a pid stays a zombie, and so nobody else's, until the group that it leads was killed
 * and the table knows of the exit. Hence we look first (WNOWAIT), act, and only then reap.
 *
 * Strangers are processes that were reparented to us, as their subreaper or as PID 1. They are reaped, and nothing else: a
 * process that left its instance's process group is the manager's to find, by its cgroup or by daemon/sweep.c. A program
 * may make them as fast as they can be reaped; hence a turn takes so many and no more, and then the others are heard.
 */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"

/** News that is taken before all else is looked at again. */
#define REAP_BATCH 64

/* Must the manager hear first what it said? Then it stays as it is. */
static bool must_wait(struct keeper *k, struct child_process *p, const siginfo_t *info) {
        if (!p->may_fork || p->heir_fd >= 0 || info->si_code != CLD_EXITED || info->si_status != 0)
                return false;
        children_set_ending(&k->children, p, true);
        return true;
}

static void reap_exited(struct keeper *k, const siginfo_t *info) {
        pid_t pid = info->si_pid;
        struct child_process *p = children_find_pid(&k->children, pid);
        bool is_manager = pid == k->manager, inherited;
        struct rusage usage = { 0 };
        struct child_usage used;
        int status = 0;

        if (p && (p->ending || must_wait(k, p, info)))
                return;
        inherited = p && main_process_inherit(k, p);
        /* Each of ours leads a group of its own since before it executed. */
        if (is_manager)
                (void)kill(-pid, SIGKILL);
        else if (p && !inherited)
                main_process_signal(p, SIGKILL, true);
        if (wait4(pid, &status, WNOHANG, &usage) != pid)
                return;
        used = child_usage_of(&usage);
        if (p && !inherited)
                children_set_exited(&k->children, p, status, &used, now_usec());
        else if (is_manager)
                manager_process_died(k, status);
        else
                children_forget_former(&k->children, pid);
}

/* Take the news, so that it is not shown again; it may have changed since (killed while stopped): then it is gone. */
static void reap_stopped(struct keeper *k, pid_t pid, bool stopped) {
        struct child_process *p = children_find_pid(&k->children, pid);
        siginfo_t info = { 0 };

        (void)waitid(P_PID, (id_t)pid, &info, (stopped ? WSTOPPED : WCONTINUED) | WNOHANG);
        if (p && info.si_pid == pid)
                children_set_stopped(&k->children, p, stopped);
}

/* @return whether there was news of it. */
static bool reap_one(struct keeper *k, idtype_t type, pid_t pid) {
        siginfo_t info = { 0 };
        int r;

        do
                r = waitid(type, (id_t)pid, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT);
        while (r < 0 && errno == EINTR);
        if (r < 0 || info.si_pid == 0)
                return false;
        if (info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED)
                reap_stopped(k, info.si_pid, info.si_code == CLD_STOPPED);
        else
                reap_exited(k, &info);
        return true;
}

/* The kernel would show a zombie that is kept again and again: while there is one, each other is asked for by itself. */
static void reap_each(struct keeper *k) {
        if (k->manager > 0)
                reap_one(k, P_PID, k->manager);
        children_for_each(it, &k->children) {
                struct child_process *p = chain_entry(it, struct child_process, by_key);

                while (!p->exited && !p->ending && reap_one(k, P_PID, p->pid))
                        ;
        }
}

void reap_all(struct keeper *k) {
        k->reap_again = false;
        for (size_t i = 0; k->children.n_ending == 0; i++) {
                if (i == REAP_BATCH && !fault_is("reap-endlessly")) {
                        k->reap_again = true;
                        return;
                }
                if (!reap_one(k, P_ALL, 0))
                        return;
        }
        reap_each(k);
}
