/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_KEEPER_LINK_H
#define GANGER_DAEMON_KEEPER_LINK_H

/*
 * The manager's end of the socket to the keeper
 *
 * Requests are sent at once; signals, acknowledgements and drops at the end of this turn of the loop, or with the next
 * request of another kind. If the socket is full they are queued, in order, and sent when it drains; so nothing here
 * blocks, and the order of exit_acknowledge and spawn is kept.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/fd.h"
#include "base/list.h"
#include "daemon/map.h"
#include "keeper.pb-c.h"

/** What is stored of one process: its output, its member memory, its `ready-fd`. */
#define KEEPER_LINK_STORED_MAX 4

/** A descriptor that the predecessor stored. */
struct stored_fd {
        struct map_node node;
        struct list link;
        int fd;
        char name[];
};

struct keeper_link;

/** What the keeper says, once the welcome is over. `message` is valid during the call. */
struct keeper_link_ops {
        void (*spawned)(void *userdata, const Ganger__Keeper__Spawned *message);
        void (*exited)(void *userdata, const Ganger__Keeper__Exited *message);
        void (*stopped)(void *userdata, const Ganger__Keeper__Stopped *message);
        void (*caught)(void *userdata, const Ganger__Keeper__Caught *message);
        void (*ending)(void *userdata, const Ganger__Keeper__Ending *message);
        void (*main_changed)(void *userdata, const Ganger__Keeper__MainChanged *message);
        /** There is room in the socket, after there was none. */
        void (*drained)(void *userdata);
        /** The keeper is gone, or talks nonsense: nothing more can be done. */
        void (*broken)(void *userdata, int error);
};

struct keeper_link {
        int fd;
        sd_event_source *source;
        const struct keeper_link_ops *ops;
        void *userdata;
        struct map stored;              /* struct stored_fd by name, those that nobody has taken yet */
        struct list stored_list;
        struct list queue;              /* packets that wait for room */
        unsigned int upgrades;          /* how often another program was tried … */
        char upgrade_failure[256];      /* … and why the last of them has given way; "": it has not */
        unsigned int incarnation;       /* 1 for the first manager of this keeper */
        bool lasts;                     /* the service manager keeps what is stored as lasting, over the end of the keeper */
        bool restored;                  /* what was stored is, in part, of a keeper before this one */
        bool left;                      /* it was told that we end, in order */
        int error;                      /* what must arrive was not sent, before there was whom to tell */
        uint8_t *buffer;                /* a packet that is packed; from its beginning on: */
        size_t n_earlier;               /* bytes of requests that go with the next one, or, at the latest, … */
        sd_event_source *turn;          /* … when the loop comes round */
};

#define KEEPER_LINK_NULL ((struct keeper_link){ .fd = -1 })

/**
 * Take the link over, and wait for the keeper's welcome. This is the one place that blocks: it is the
 * first thing that a manager does, and the keeper has sent it before the manager runs.
 * @param fd   of the socket, owned by the link from now on.
 * @param ret_welcome  free it with ganger__keeper__welcome_state__free_unpacked(…, NULL).
 * @return 0; -EPROTO: what came is no welcome; or -errno.
 */
int keeper_link_init(struct keeper_link *link, int fd, Ganger__Keeper__WelcomeState **ret_welcome);

/** From now on events are told by `ops`. */
int keeper_link_attach(struct keeper_link *link, sd_event *event, const struct keeper_link_ops *ops, void *userdata);

void keeper_link_done(struct keeper_link *link);

/** Take a stored descriptor out of the link. @return it, or -ENOENT. */
int keeper_link_take(struct keeper_link *link, const char *name);

/** Close and drop what was stored and nobody took: call it when take-over is complete. */
void keeper_link_drop_rest(struct keeper_link *link);

/** The descriptors of a process that is asked for. */
struct keeper_link_fds {
        int fds[FD_MESSAGE_MAX];        /* [0..2] its standard streams, then those that it finds from 3 on */
        size_t n;
        int cgroup;                     /* its cgroup's directory; -1: none */
        const char *names[KEEPER_LINK_STORED_MAX]; /* under which those below are stored, before it is started */
        int stored[KEEPER_LINK_STORED_MAX];
        size_t n_stored;
};

/**
 * Ask for a process. The descriptors are duplicated by the kernel: they stay the caller's.
 * @return 0, or -errno: it was not asked.
 */
int keeper_link_spawn(struct keeper_link *link, const char *key, const Ganger__Keeper__SpawnSpec *spec,
                      const struct keeper_link_fds *fds);

/** Is whatever was asked for on its way? What is asked for now is sent then, rather than queued. */
static inline bool keeper_link_has_room(const struct keeper_link *link) {
        return list_is_empty(&link->queue);
}

void keeper_link_signal(struct keeper_link *link, const char *key, int signal, bool group);
void keeper_link_exit_acknowledge(struct keeper_link *link, const char *key, pid_t pid);
/**
 * Keep a descriptor, over the end of the manager. One that is lasting also over that of the keeper, if there is who keeps
 * it.
 */
int keeper_link_store(struct keeper_link *link, const char *name, int fd);
int keeper_link_store_lasting(struct keeper_link *link, const char *name, int fd);
void keeper_link_drop(struct keeper_link *link, const char *name);
/** @param patience_usec  more is told within this time; 0: whenever there is something. */
void keeper_link_ready(struct keeper_link *link, const char *status, bool reloaded, uint64_t patience_usec);
void keeper_link_leave(struct keeper_link *link, int exit_status);
int keeper_link_upgrade(struct keeper_link *link, int program);
void keeper_link_main_process(struct keeper_link *link, const char *key, pid_t pid, int pidfd);
void keeper_link_settle(struct keeper_link *link, const char *key, pid_t pid);

/** Send what is queued, blocking: for the very end. */
void keeper_link_flush(struct keeper_link *link);

#endif
