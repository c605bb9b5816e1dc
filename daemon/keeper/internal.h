/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_INTERNAL_H
#define GANGER_KEEPER_INTERNAL_H

/*
 * What the parts of the keeper share: its one object
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "daemon/keeper/children.h"
#include "daemon/keeper/keeper.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/service-store.h"
#include "daemon/keeper/spawn.h"
#include "daemon/keeper/store.h"
#include "keeper.pb-c.h"

/** Of STATUS= for the service manager; a longer one is cut. */
#define KEEPER_STATUS_MAX 256

struct keeper {
        const struct keeper_config *config;
        struct spawner spawner;
        struct children children;
        struct store store;
        struct service_store service;   /* what of it the service manager has, too */
        bool restored;                  /* … and has kept of a keeper before us */
        int signal_fd;
        struct rlimit nofile;           /* as we found it: what children get */
        mode_t umask;
        char **environment;             /* of the managers */

        /* the manager */
        pid_t manager;                  /* 0: there is none */
        int socket;                     /* -1 without a manager */
        bool hung_up;
        unsigned int incarnation;
        uint64_t manager_started_usec;
        uint64_t manager_due_usec;      /* when the next one starts, if there is none */
        uint64_t kill_due_usec;         /* when this one is killed, if it has not exited; or USEC_INFINITY */
        unsigned int quick_deaths;      /* in a row */
        bool was_ready;                 /* some manager was, ever */
        bool served;                    /* the manager of now was ready */

        /* other programs; handover.c */
        int lock_fd;                    /* of the runtime directory */
        int next_program;               /* to become when the manager has exited; or -1 */
        int last_program;               /* that we were, until a manager of ours is ready; or -1 */
        uint64_t prove_due_usec;        /* until when it must be; or USEC_INFINITY */
        unsigned int unproven_deaths;   /* of managers, until then */
        unsigned int upgrades;
        char upgrade_failure[KEEPER_STATUS_MAX];

        /* whether it lives: see watchdog.c */
        uint64_t watchdog_usec;         /* the period of the service manager; 0: it has no watchdog */
        uint64_t ping_usec;             /* when it is asked next; USEC_INFINITY: it was asked */
        uint64_t pong_due_usec;         /* when it must have answered; or USEC_INFINITY */
        bool tell_ping;

        bool reap_again;                /* there may be more to reap, and no signal will tell */

        /* what it is to be told */
        struct list *handed;            /* the last stored descriptor that it has */
        bool welcomed;
        struct list replies;            /* struct reply, oldest first */
        size_t n_replies;
        bool tell_stopping, tell_reload;
        bool socket_full;               /* wait for room */
        uint64_t retry_usec;            /* 0, or: the kernel is short of something, try again then */

        /* what the service manager is to be told, if it reads */
        bool say_reloading, say_stopping, say_ready;
        uint64_t say_reloading_usec;    /* when it began */
        uint64_t say_again_usec;        /* or USEC_INFINITY */
        char status[KEEPER_STATUS_MAX]; /* as the manager told it last */
        uint64_t patience_usec;         /* … with that */

        /* the end */
        bool stopping;                  /* by SIGTERM or SIGINT: */
        int stop_signal;                /* the first of them */
        bool reloading;                 /* SIGHUP was caught, and no manager has answered yet */
        bool leaving;
        bool finished;
        int exit_status;

        uint8_t packet[KEEPER_PACKET_MAX];      /* one at a time, either way */
};

/* ---- manager-process.c: one manager after the other ----------------------------------------------- */

/** Start a manager if there is none and it is time. */
void manager_process_start(struct keeper *k);
/** It was reaped. */
void manager_process_died(struct keeper *k, int status);
/** It has closed its socket, dead or alive. What it wrote is still served. */
void manager_process_hung_up(struct keeper *k);
/** It exits within this time, or is killed. */
void manager_process_expect_exit(struct keeper *k, uint64_t timeout_usec);
void manager_process_kill_if_due(struct keeper *k);

/* ---- watchdog.c: a manager that hangs --------------------------------------------------------------- */

void watchdog_init(struct keeper *k);
/** The first manager serves, or another was started: it is asked from now on. */
void watchdog_begin(struct keeper *k);
/** It has died, or is about to end. */
void watchdog_end(struct keeper *k);
/** It has answered. */
void watchdog_answered(struct keeper *k);
/** Ask it, or kill it, if that is due. */
void watchdog_turn(struct keeper *k);
/** When that is. */
uint64_t watchdog_due_usec(const struct keeper *k);

/* ---- requests.c: what the manager asks ------------------------------------------------------------- */

/** Serve what has arrived, `n_max` packets at most. */
void requests_serve(struct keeper *k, size_t n_max);

/* ---- reports.c: what it is told -------------------------------------------------------------------- */

/** The answer to a Spawn; `step` is a constant. */
void reports_reply(struct keeper *k, const char *key, pid_t pid, uint64_t started_usec, int error, const char *step,
                   const struct left_out *left_out);
/** Begin with a new manager. */
void reports_reset(struct keeper *k);
/** Send what waits, as far as it fits. */
void reports_flush(struct keeper *k);

/** All that was learned of it, as it is told; `e` points into `p`. Of one that lives: what there is of it so far. */
void report_exited(Ganger__Keeper__Exited *e, const struct child_process *p);

/* ---- reap.c ---------------------------------------------------------------------------------------- */

/** Look at every child with news; or at so many that others must be heard first: then `reap_again` is set. */
void reap_all(struct keeper *k);

/* ---- main-process.c: another one, that the program named -------------------------------------------- */

/** It is the main process as soon as it is a child of ours. */
void main_process_name(struct keeper *k, struct child_process *p, pid_t pid, int pidfd);
/** The main process is a zombie. @return whether another one has taken its place. */
bool main_process_inherit(struct keeper *k, struct child_process *p);
/** A signal to the main process, or to all that is in its process group, and in that of the one before it. */
void main_process_signal(const struct child_process *p, int signal, bool group);
/** To the group of a process that is not reaped. */
void main_process_kill_group(pid_t pid, int signal);

/* ---- handover.c: becoming another program ----------------------------------------------------------- */

/** Take over from the program that this process was before. @return 0; -ENOENT: it was none; or -errno. */
int handover_take(struct keeper *k);
/** A program is to be tried: remember it. @param fd  stays the caller's. */
void handover_plan(struct keeper *k, int fd);
/** There is no manager: become the planned program, if there is one. Returns if that failed, or there is none. */
void handover_begin(struct keeper *k);
/** This program is of no use: become the last one again. @return only if there is none, or that failed. */
void handover_give_way(struct keeper *k, const char *why);
/** A manager of this program is ready: it is here to stay. */
void handover_proven(struct keeper *k);

/* ---- notify.c: what the rest of the system is told ------------------------------------------------- */

/** A line on stderr, if it takes one without blocking. */
void keeper_log(const char *format, ...) _printf_(1, 2);
/** For systemd, if it started us. `reloaded`: this answers notify_reloading(). */
void notify_ready(struct keeper *k, const char *status, bool reloaded, uint64_t patience_usec);
/** The watchdog of the service manager is to know that we live. */
void notify_alive(void);
void notify_reloading(struct keeper *k);
void notify_stopping(struct keeper *k);
/** Say what could not be said before. */
void notify_flush(struct keeper *k);
/** The socket of the service manager, where it is one that sendto(2) can reach at once. @return its length, or 0. */
socklen_t notify_address(struct sockaddr_un *ret);

#endif
