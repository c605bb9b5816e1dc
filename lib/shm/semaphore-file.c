/* SPDX-License-Identifier: MIT */

/*
 * The file of a named POSIX semaphore
 *
 * sem_open(3) makes it, so that it is what libc makes of it; where it lies is told by sem_overview(7).
 *
 * Whoever made it and was killed has left it. So it has a mark behind what libc looks at, that it is one of ours, and a lock
 * (flock(2)), that somebody has it. The lock belongs to the open file that its maker and all members share, by whatever way
 * they came to it, and the kernel takes it back with the last of them. Outsiders open the name, and have an open file of
 * their own: they keep what they have, as when its maker ends in order.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "shm/semaphore-posix.h"

/** sem_open(3)'s limit, less its "sem.". */
#define NAME_MAX_BYTES (NAME_MAX - 4)

/** @return whether `/NAME` is a name for sem_open(3). */
static bool posix_name(char *buf, size_t size, const char *prefix, const char *name) {
        if (name[0] == '\0' || strchr(name, '/') || strlen(name) > NAME_MAX_BYTES)
                return false;
        snprintf(buf, size, "/%s%s", prefix, name);
        return true;
}

/** Stands behind the sem_t. */
static const char mark[] = "made by ganger\n";

static int set_mark(int fd) {
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        return pwrite(fd, mark, sizeof mark, sizeof(sem_t)) == (ssize_t)sizeof mark ? 0 : -EIO;
}

static bool has_mark(int fd) {
        char found[sizeof mark];
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
                return false;
        return pread(fd, found, sizeof found, sizeof(sem_t)) == (ssize_t)sizeof found &&
               memcmp(found, mark, sizeof mark) == 0;
}

/** Is it still what has that name? */
static bool is_named(int fd, const char *as_file) {
        _cleanup_(closep) int again = shm_open(as_file, O_RDONLY, 0);
        struct stat one, other;

        return again >= 0 && fstat(fd, &one) == 0 && fstat(again, &other) == 0 && one.st_dev == other.st_dev &&
               one.st_ino == other.st_ino;
}

int semaphore_posix_discard(const char *name) {
        char as_file[NAME_MAX + 2];
        _cleanup_(closep) int fd = -1;

        if (!posix_name(as_file, sizeof as_file, "sem.", name))
                return -EINVAL;
        fd = shm_open(as_file, O_RDWR, 0);
        if (fd < 0)
                return errno == EACCES ? -EPERM : -errno;
        if (!has_mark(fd))
                return -EPERM;
        /* Two who find it do not both take it: one has the lock until the name is gone. */
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return is_named(fd, as_file) ? semaphore_posix_remove(name) : -EBUSY;
}

int semaphore_posix_create(const char *name, uint32_t permits) {
        char as_semaphore[NAME_MAX + 2], as_file[NAME_MAX + 2];
        _cleanup_(closep) int fd = -1;
        sem_t *s;
        int r;

        if (!posix_name(as_semaphore, sizeof as_semaphore, "", name) ||
            !posix_name(as_file, sizeof as_file, "sem.", name) || permits == 0 || permits > SEMAPHORE_PERMITS_MAX)
                return -EINVAL;
        s = sem_open(as_semaphore, O_CREAT | O_EXCL, 0600, permits);
        if (s == SEM_FAILED)
                return -errno;
        sem_close(s);
        fd = shm_open(as_file, O_RDWR, 0);
        r = fd < 0 ? -errno : set_mark(fd);
        if (r < 0) {
                sem_unlink(as_semaphore);
                return r;
        }
        return TAKE_FD(fd);
}

int semaphore_posix_remove(const char *name) {
        char as_semaphore[NAME_MAX + 2];

        if (!posix_name(as_semaphore, sizeof as_semaphore, "", name))
                return -EINVAL;
        return sem_unlink(as_semaphore) < 0 ? -errno : 0;
}

int semaphore_posix_map(int fd, sem_t **ret) {
        struct stat st;
        void *p;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(sem_t))
                return -EPROTO;
        p = mmap(NULL, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        (void)madvise(p, sizeof(sem_t), MADV_DONTFORK);
        *ret = p;
        return 0;
}

void semaphore_posix_unmap(sem_t *tokens) {
        if (tokens)
                munmap(tokens, sizeof(sem_t));
}
