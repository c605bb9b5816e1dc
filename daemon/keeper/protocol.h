/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_PROTOCOL_H
#define GANGER_KEEPER_PROTOCOL_H

/*
 * The wire between keeper and manager: proto/keeper.proto over a SOCK_SEQPACKET pair
 *
 * The only header that both of them include. The keeper's end never blocks; what does not fit waits in the
 * keeper. The manager's end may do as it likes, but a manager that does not read while it sends can
 * have at most KEEPER_CHILDREN_MAX answers waiting: then the keeper stops reading too.
 */

#include <stdbool.h>
#include <stddef.h>

#include "keeper.pb-c.h"

/** Where a manager finds its end, and the variable that says so. */
#define KEEPER_FD 3
#define KEEPER_FD_ENV "GANGER_KEEPER_FD"
#define KEEPER_MANAGER_ARGV0 "gangerd: manager"

/** One packet. Holds 250 names of stored fds, or an exit with the longest cookie. */
#define KEEPER_PACKET_MAX (64 * 1024)
/** Processes that live, and exits that nobody has acknowledged yet. */
#define KEEPER_CHILDREN_MAX 16384
/** Stored descriptors. The limit that comes first is usually RLIMIT_NOFILE. */
#define KEEPER_STORED_FDS_MAX 65536
/** Descriptors in one StoredFds. */
#define KEEPER_STORED_FDS_PACKET_MAX 250
/** Bytes of an instance's key ("worker/0"), and of a stored fd's name ("instance/worker/0/member"). */
#define KEEPER_KEY_MAX 95
#define KEEPER_NAME_MAX 127
/** Bytes of a cookie: room for a seat in more than 100 rings. */
#define KEEPER_COOKIE_MAX (16 * 1024)
/** Bytes of a packed SpawnSpec; the kernel takes 6 MiB of arguments at the very most, and 2 MiB usually. */
#define KEEPER_SPEC_MAX (4 * 1024 * 1024)
/** Descriptors of one child: its 0, 1, 2 and more (253 in a packet, less the spec and the cgroup). */
#define KEEPER_CHILD_FDS_MIN 3
#define KEEPER_CHILD_FDS_MAX 251

/* ---- either side --------------------------------------------------------------------------------- */

/** Close descriptors that came with a packet, and are not wanted. Those that are -1 were taken. */
void keeper_fds_close(int *fds, size_t n_fds);

/* ---- the manager's side -------------------------------------------------------------------------- */

/**
 * Send one request. The fds stay the caller's.
 * @return 0; -EAGAIN on a non-blocking socket that is full; -EMSGSIZE: longer than a packet; -errno.
 */
int keeper_request_send(int socket, const Ganger__Keeper__ToKeeper *request, const int *fds, size_t n_fds);

/**
 * Receive one event.
 * @param ret       ganger__keeper__from_keeper__free_unpacked(*ret, NULL).
 * @param ret_fds   room for FD_MESSAGE_MAX; the caller's to close, keeper_fds_close().
 * @param flags     of recvmsg(2): MSG_DONTWAIT.
 * @return 1: an event; 0: the keeper is gone; -EBADMSG; -errno.
 */
int keeper_event_receive(int socket, Ganger__Keeper__FromKeeper **ret, int *ret_fds, size_t *ret_n_fds, int flags);

/** Unpack the memfd of a Welcome. ganger__keeper__welcome_state__free_unpacked(). @return 0 or -errno. */
int keeper_welcome_open(int fd, Ganger__Keeper__WelcomeState **ret);

/**
 * Ask for a process. The answer is a Spawned of that key.
 * @param fds        what it finds on 0, 1, 2, …: KEEPER_CHILD_FDS_MIN to KEEPER_CHILD_FDS_MAX of them. They stay the caller's.
 * @param cgroup_fd  the directory of the cgroup that it joins, or -1.
 * @return as keeper_request_send(); -E2BIG: the spec or the fds are too many.
 */
int keeper_request_spawn(int socket, const char *key, const Ganger__Keeper__SpawnSpec *spec, const int *fds,
                         size_t n_fds, int cgroup_fd);

/** The other requests, each in one line. @return as keeper_request_send(). */
int keeper_request_signal(int socket, const char *key, int signal, bool group);
int keeper_request_exit_acknowledge(int socket, const char *key, int pid);
int keeper_request_store_fd(int socket, const char *name, int fd);
int keeper_request_drop_fd(int socket, const char *name);
/** `reloaded`: the answer to a Caught SIGHUP, also to one whose configuration was refused. */
int keeper_request_ready(int socket, const char *status, bool reloaded);
/** The manager exits after this; the keeper waits for that, so that it can tidy up. */
int keeper_request_leave(int socket, int exit_status);

/* ---- the keeper's side --------------------------------------------------------------------------- */

/** Send one event. The fds stay the caller's. @return as keeper_request_send(). */
int keeper_event_send(int socket, const Ganger__Keeper__FromKeeper *event, const int *fds, size_t n_fds);

/** Receive one request: as keeper_event_receive(). ganger__keeper__to_keeper__free_unpacked(). */
int keeper_request_receive(int socket, Ganger__Keeper__ToKeeper **ret, int *ret_fds, size_t *ret_n_fds, int flags);

/** Unpack the memfd of a Spawn. ganger__keeper__spawn_spec__free_unpacked(). @return 0 or -errno. */
int keeper_spec_open(int fd, Ganger__Keeper__SpawnSpec **ret);

#endif
