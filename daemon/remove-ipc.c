/* SPDX-License-Identifier: MIT */
/*
 * Objects of IPC that a user leaves behind
 *
 * System V's are found in /proc/sysvipc; POSIX's shared memory and semaphores are files below /dev/shm, its message
 * queues files of a file system that is mounted nowhere on some machines: so it is opened for this. All are of our
 * namespace; what was made in another one has ended with it, but for /dev/shm.
 *
 * They were made by who may have wished us ill: /dev/shm is walked to a bounded depth and for a bounded number of files in
 * one call, and what is the user's and lies deeper is first moved up. Nothing is followed, and a file is removed only if it
 * belongs to the number.
 */

#include "daemon/remove-ipc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"

#define SHM_DIRECTORY "/dev/shm"
/** Files that are looked at in one call, and how deep. */
#define LOOKED_MAX 20000
#define DEPTH_MAX 16
/** Of the lines of /proc/sysvipc: "key id perms … uid gid cuid cgid …". */
#define ID_COLUMN 1
#define OWNER_COLUMNS 4

/* ---- System V ---------------------------------------------------------------------------------- */

static int remove_memory(int id) {
        return shmctl(id, IPC_RMID, NULL);
}

static int remove_semaphores(int id) {
        return semctl(id, 0, IPC_RMID);
}

static int remove_messages(int id) {
        return msgctl(id, IPC_RMID, NULL);
}

static const struct {
        const char *path;
        unsigned int owner;             /* the column of user and group of the owner, then those of the maker */
        int (*remove)(int id);
} kinds[] = {
        { "/proc/sysvipc/shm", 7, remove_memory },
        { "/proc/sysvipc/sem", 4, remove_semaphores },
        { "/proc/sysvipc/msg", 7, remove_messages },
};

/* @return whether it is one of that user or group; the first line says what the columns are called. */
static bool parse_line(const char *line, unsigned int owner, uid_t uid, int *ret_id) {
        bool is_its = false;
        char *end;

        for (unsigned int column = 0; column < owner + OWNER_COLUMNS; column++, line = end) {
                long long value = strtoll(line, &end, 10);

                if (end == line)
                        return false;
                if (column == ID_COLUMN)
                        *ret_id = (int)value;
                is_its |= column >= owner && value == uid;
        }
        return is_its;
}

/* @param n  of those that were found. A kernel without has none. */
static int system_v(size_t kind, uid_t uid, bool remove, size_t *n) {
        _cleanup_(fclosep) FILE *file = fopen(kinds[kind].path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t size = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while (getline(&line, &size, file) >= 0) {
                int id = 0;

                if (!parse_line(line, kinds[kind].owner, uid, &id))
                        continue;
                (*n)++;
                if (remove && kinds[kind].remove(id) < 0 && errno != EINVAL && errno != EIDRM)
                        return -errno;
        }
        return ferror(file) ? -EIO : 0;
}

/* ---- POSIX ------------------------------------------------------------------------------------- */

DEFINE_CLEANUP(DIR *, closedir)

struct walk {
        uid_t uid;
        bool remove;
        int top;                        /* where it begins */
        dev_t device;                   /* … and of what: what is mounted below is not ours to look at */
        size_t n;                       /* of those that were found */
        unsigned int n_looked;
        unsigned int n_moved;
        int error;                      /* of one that could not be removed */
};

/* To where the next call finds it. */
static int move_up(struct walk *w, int directory, const char *name) {
        char to[64];

        for (;;) {
                snprintf(to, sizeof to, ".ganger-%u-%u", (unsigned int)w->uid, w->n_moved++);
                if (renameat2(directory, name, w->top, to, RENAME_NOREPLACE) == 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
        }
}

static int walk(struct walk *w, int fd, unsigned int depth);

static bool is_its(const struct walk *w, const struct stat *st) {
        return st->st_uid == w->uid || st->st_gid == w->uid;
}

static int walk_into(struct walk *w, int directory, const char *name, const struct stat *st, unsigned int depth) {
        int fd;

        if (depth >= DEPTH_MAX)
                return w->remove && is_its(w, st) ? move_up(w, directory, name) : 0;
        fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? errno == ENOENT ? 0 : -errno : walk(w, fd, depth + 1);
}

/* A directory that others have put something into stays, and with it the number. @return -EAGAIN: it is enough for now. */
static int look_at(struct walk *w, int directory, const char *name, unsigned int depth) {
        struct stat st;
        int r = 0;

        if (w->n_looked++ >= LOOKED_MAX)
                return -EAGAIN;
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (st.st_dev != w->device)
                return 0;
        if (S_ISDIR(st.st_mode))
                r = walk_into(w, directory, name, &st, depth);
        if (r < 0 || !is_its(w, &st))
                return r;
        w->n++;
        if (w->remove && unlinkat(directory, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

/* Takes the descriptor. @return 0; -EAGAIN. */
static int walk(struct walk *w, int fd, unsigned int depth) {
        _cleanup_(closedirp) DIR *directory = fdopendir(fd);
        struct dirent *entry;

        if (!directory) {
                close_fd(fd);
                w->error = -ENOMEM;
                return 0;
        }
        while ((errno = 0, entry = readdir(directory)) && (w->remove || w->n == 0)) {
                int r;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                r = look_at(w, fd, entry->d_name, depth);
                if (r == -EAGAIN)
                        return r;
                w->error = r < 0 ? r : w->error;
        }
        w->error = entry || errno == 0 ? w->error : -errno;
        return 0;
}

/* Takes the descriptor. @param n  of those that were found. */
static int walk_all(int fd, uid_t uid, bool remove, size_t *n) {
        struct walk w = { .uid = uid, .remove = remove, .top = fd };
        struct stat st;
        int r;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        if (fstat(fd, &st) < 0) {
                close_fd(fd);
                return -EIO;
        }
        w.device = st.st_dev;
        r = walk(&w, fd, 0);
        *n += w.n;
        return r < 0 || w.n_moved > 0 ? -EAGAIN : w.error;
}

static int open_memory(void) {
        int fd = open(SHM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* @return -ENOENT: the kernel has none. */
static int open_queues(void) {
        _cleanup_(closep) int fs = (int)syscall(SYS_fsopen, "mqueue", FSOPEN_CLOEXEC), mount = -1;
        int fd;

        if (fs < 0)
                return errno == ENODEV ? -ENOENT : -errno;
        if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        if (mount < 0)
                return -errno;
        fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* ---- all of it --------------------------------------------------------------------------------- */

bool ipc_is_there(uid_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(kinds) && n == 0; i++)
                (void)system_v(i, uid, false, &n);
        if (n == 0)
                (void)walk_all(open_queues(), uid, false, &n);
        if (n == 0)
                (void)walk_all(open_memory(), uid, false, &n);
        return n > 0;
}

int ipc_remove(uid_t uid) {
        int r = 0, error = 0;
        size_t n = 0;

        if (fault_is("dynamic-leaves-ipc"))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                r = system_v(i, uid, true, &n);
                error = r < 0 ? r : error;
        }
        r = walk_all(open_queues(), uid, true, &n);
        error = r < 0 ? r : error;
        r = walk_all(open_memory(), uid, true, &n);
        return r < 0 ? r : error;
}
