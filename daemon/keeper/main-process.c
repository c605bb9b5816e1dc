/* SPDX-License-Identifier: MIT */

/*
 * The main process of an instance may become another one
 *
 * A program that goes to the background, or that replaces itself, names its main process to the manager (MAINPID= of
 * sd_notify). Once that is a child of ours, by its own or as an orphan, it is the process of the key: its exit is the
 * exit of the instance.
 *
 * What must hold: who is signalled is a child of ours that is not reaped. A pidfd names the heir, so that it cannot
 * be mistaken; nobody becomes the process of two keys, and the manager never one of any.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "daemon/keeper/internal.h"

/* Can we wait for it? It may be dead already. */
static bool is_child(idtype_t type, id_t id) {
        siginfo_t info;

        return waitid(type, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * The descriptor tells it from one that had its number before; the number is what is signalled, whatever the descriptor is
 * of.
 */
static bool may_become_main(struct keeper *k, pid_t pid, int pidfd) {
        return pid > 0 && pid != k->manager && !children_find_pid(&k->children, pid) && pidfd >= 0 &&
               is_child(P_PIDFD, (id_t)pidfd) && (is_child(P_PID, (id_t)pid) || fault_is("signals-anybody"));
}

void main_process_name(struct keeper *k, struct child_process *p, pid_t pid, int pidfd) {
        p->heir_fd = close_fd(p->heir_fd);
        p->heir = 0;
        if (may_become_main(k, pid, pidfd)) {
                /* One that was kept for this is kept no longer, and reaped like any stranger. */
                children_set_ending(&k->children, p, false);
                children_set_main(&k->children, p, pid, true);
                reap_all(k);
                return;
        }
        /* A child of its own as yet: it comes to us when the parent is dead. */
        p->heir_fd = fcntl(pidfd, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
        p->heir = pid;
}

bool main_process_inherit(struct keeper *k, struct child_process *p) {
        bool can = p->heir_fd >= 0 && may_become_main(k, p->heir, p->heir_fd);

        p->heir_fd = close_fd(p->heir_fd);
        if (can)
                children_set_main(&k->children, p, p->heir, false);
        return can;
}

/* The group that it is in is the one that it leads, unless it was somebody's child. */
void main_process_kill_group(pid_t pid, int signal) {
        pid_t group = getpgid(pid);

        if (group > 0 && group != getpgrp())
                (void)kill(-group, signal);
        else
                (void)kill(pid, signal);
}

void main_process_signal(const struct child_process *p, int signal, bool group) {
        if (!group) {
                (void)kill(p->pid, signal);
                return;
        }
        main_process_kill_group(p->pid, signal);
        if (p->former > 0)
                main_process_kill_group(p->former, signal);
}
