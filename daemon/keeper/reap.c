/* SPDX-License-Identifier: MIT */

/*
 * Reaping
 *
 * What must hold: a pid stays a zombie, and so nobody else's, until the group that it leads was killed
 * and the table knows of the exit. Hence we look first (WNOWAIT), act, and only then reap.
 *
 * Strangers are processes that were reparented to us, as their subreaper or as PID 1. They are reaped, and nothing else: a
 * process that left its instance's session (a daemon, on purpose) lives on, unless a cgroup holds it.
 */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/time.h"
#include "daemon/keeper/internal.h"

static void reap_exited(struct keeper *k, pid_t pid) {
        struct child_process *p = children_find_pid(&k->children, pid);
        bool is_manager = pid == k->manager;
        struct rusage usage = { 0 };
        int status = 0;

        /* Each of ours leads a group of its own since before it executed. */
        if (p || is_manager)
                (void)kill(-pid, SIGKILL);
        if (wait4(pid, &status, WNOHANG, &usage) != pid)
                return;
        if (p)
                children_set_exited(&k->children, p, status, &usage, now_usec());
        else if (is_manager)
                manager_process_died(k, status);
}

/* Take the news, so that it is not shown again; it may have changed since (killed while stopped): then it is gone. */
static void reap_stopped(struct keeper *k, pid_t pid, bool stopped) {
        struct child_process *p = children_find_pid(&k->children, pid);
        siginfo_t info = { 0 };

        (void)waitid(P_PID, (id_t)pid, &info, (stopped ? WSTOPPED : WCONTINUED) | WNOHANG);
        if (p && info.si_pid == pid)
                children_set_stopped(&k->children, p, stopped);
}

void reap_all(struct keeper *k) {
        for (;;) {
                siginfo_t info = { 0 };

                if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) < 0) {
                        if (errno == EINTR)
                                continue;
                        return;
                }
                if (info.si_pid == 0)
                        return;
                if (info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED)
                        reap_stopped(k, info.si_pid, info.si_code == CLD_STOPPED);
                else
                        reap_exited(k, info.si_pid);
        }
}
