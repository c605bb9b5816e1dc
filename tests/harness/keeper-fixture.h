/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_KEEPER_FIXTURE_H
#define GANGER_TESTS_KEEPER_FIXTURE_H

/*
 * A real keeper, and the test as its manager
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "keeper.pb-c.h"

/** Where keeper-manager finds the test: an abstract socket. */
#define FIXTURE_SOCKET_ENV "GANGER_TEST_MANAGER"
#define FIXTURE_STORED_MAX 2048

typedef Ganger__Keeper__FromKeeper Event;
typedef Ganger__Keeper__SpawnSpec Spec;

struct fixture {
        pid_t keeper;
        int listen_fd;
        int ready_fd;                   /* reads what the one who started a daemon would */
        /* the present manager */
        pid_t manager;
        int connection;                 /* to its process */
        int socket;                     /* to the keeper; the only descriptor of it */
        Ganger__Keeper__FromKeeper *told; /* with several exits, of which so many have been events; or NULL */
        size_t n_told;
        /* what it was welcomed with */
        unsigned int incarnation;
        Ganger__Keeper__WelcomeState *welcome;
        size_t n_stored;
        char *stored_names[FIXTURE_STORED_MAX];
        int stored_fds[FIXTURE_STORED_MAX];
};

/** Start a keeper, and be its first manager. */
void fixture_start(struct fixture *f);
/** The same, as PID 1 of a namespace of its own. @return whether we may. */
bool fixture_start_as_init(struct fixture *f);
/** Kill the keeper if it runs, and whatever is left of it. */
void fixture_stop(struct fixture *f);

/** Become the next manager: wait until its process is there. */
void fixture_connect(struct fixture *f);
/** Read what a manager is told first. */
void fixture_welcome(struct fixture *f);
/** SIGKILL the present manager, and close its socket. */
void fixture_kill_manager(struct fixture *f);
/** The three in a row. */
void fixture_next_manager(struct fixture *f);
/** Let the manager exit. */
void fixture_exit_manager(struct fixture *f, unsigned char status);
/** Wait for the keeper. @return its status. */
int fixture_wait_keeper(struct fixture *f);

/** The next event; free it with event_free(). */
Event *fixture_event(struct fixture *f);
void event_free(Event *event);
/** Whether an event waits, within this time. */
bool fixture_has_event(struct fixture *f, int timeout_msec);

/** Send requests. They must fit, unless it says otherwise. */
void fixture_send(struct fixture *f, const Ganger__Keeper__ToKeeper *request, const int *fds, size_t n_fds);
/** @return 0 or -errno. */
int fixture_try_send(struct fixture *f, const Ganger__Keeper__ToKeeper *request, const int *fds, size_t n_fds);
void fixture_signal(struct fixture *f, const char *key, int signal, bool group);
void fixture_acknowledge(struct fixture *f, const char *key, pid_t pid);
void fixture_store(struct fixture *f, const char *name, int fd);
void fixture_drop(struct fixture *f, const char *name);
void fixture_ready(struct fixture *f, bool reloaded);
void fixture_leave(struct fixture *f, int exit_status);

/** Ask for a process, and do not wait. `fds`: NULL for /dev/null three times. `cgroup_fd`: or -1. */
void fixture_ask(struct fixture *f, const char *key, const Spec *spec, const int *fds, size_t n_fds, int cgroup_fd);
/** Ask, and wait for the answer, which must be the next event. */
Event *fixture_spawn(struct fixture *f, const char *key, const Spec *spec, const int *fds, size_t n_fds, int cgroup_fd);
/** Start a shell script, with `out` as its standard output (-1: /dev/null); it must start. @return its pid. */
pid_t fixture_shell(struct fixture *f, const char *key, const char *script, int out);

/** A spec of `/bin/sh -c script`. Valid until the next one. */
const Spec *spec_shell(const char *script);

/** Read to the end of file. @return the text, to be freed. */
char *read_to_end(int fd);

/** Whether the descriptor reaches its end of file within this time: all who had the other end are dead. */
bool ends_within(int fd, int timeout_msec);

/** The open file of `fd` is that of `other`. */
bool same_file(int fd, int other);

/*
 * Promises, each tried with a keeper of its own. @return whether it was kept: the faults that are put in
 * on purpose break one each.
 */
bool promise_never_two(void);
bool promise_exit_is_repeated(void);
bool promise_death_with_keeper(void);
bool promise_reaping_yields(void);

#endif
