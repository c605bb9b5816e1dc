/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_MOUNTS_COLLECT_H
#define GANGER_ISOLATION_MOUNTS_COLLECT_H

/*
 * What the files share that collect mounts (mounts*.c)
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "daemon/keeper/protocol.h"
#include "keeper.pb-c.h"

struct worker_isolation;

/** File systems of the kernel. */
enum mounts_api {
        MOUNTS_PROC,
        MOUNTS_SYS,
        MOUNTS_DEV,
        _MOUNTS_API_N,
};

struct mounts {
        Ganger__Keeper__Mount mounts[KEEPER_MOUNTS_MAX];
        Ganger__Keeper__Mount *pointers[KEEPER_MOUNTS_MAX];
        size_t n;
        char *root;                     /* its root, a path of the host without links in it; NULL: it is ours */
        bool apis[_MOUNTS_API_N];       /* … in which these are mounted */
        bool own_pids;                  /* its processes are those of a namespace of its own */
};

/** One more. Takes the strings, in any case. @return 0; -ENOMEM also if there is no path; -E2BIG. */
int mounts_add(struct mounts *m, uint32_t what, const char *key, char *path, char *source);

/** Say what failed. @return `code`. */
int mounts_error(struct error *error, int code, const char *key, const char *path);

/* ---- paths of the process, as those of the host; mounts-root.c ----------------------------------- */

/** Where it is, without links. @return NULL, with errno: it is not there. */
char *mounts_find(const struct mounts *m, const char *path);

/** … and what is there, before anything is mounted. @param found  as that has found it. @return NULL: no memory. */
char *mounts_source(const struct mounts *m, const char *path, const char *found);

/** Where it would be, links or not. @return NULL: no memory. */
char *mounts_name(const struct mounts *m, const char *path);

/** If it has a root of its own: find it, and let it begin to be one, with what the kernel shows in it. */
int mounts_begin_root(struct mounts *m, struct mounts *kept, const struct worker_isolation *isolation, struct error *error);

/** … and enter it, when all is in place. */
int mounts_enter_root(const struct mounts *m, struct mounts *kept, struct error *error);

/* ---- a /dev of its own; mounts-devices.c --------------------------------------------------------- */

int mounts_add_devices(struct mounts *m, struct error *error);

#endif
