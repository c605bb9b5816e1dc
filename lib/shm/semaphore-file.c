/* SPDX-License-Identifier: MIT */

/*
 * The file of a named POSIX semaphore
 *
 * sem_open(3) makes it, so that it is what libc makes of it; where it lies is told by sem_overview(7).
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

int semaphore_posix_create(const char *name, uint32_t permits) {
        char as_semaphore[NAME_MAX + 2], as_file[NAME_MAX + 2];
        sem_t *s;
        int fd, r;

        if (!posix_name(as_semaphore, sizeof as_semaphore, "", name) ||
            !posix_name(as_file, sizeof as_file, "sem.", name) || permits == 0 || permits > SEMAPHORE_PERMITS_MAX)
                return -EINVAL;
        s = sem_open(as_semaphore, O_CREAT | O_EXCL, 0600, permits);
        if (s == SEM_FAILED)
                return -errno;
        sem_close(s);
        fd = shm_open(as_file, O_RDWR, 0);
        if (fd < 0) {
                r = -errno;
                sem_unlink(as_semaphore);
                return r;
        }
        return fd;
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
