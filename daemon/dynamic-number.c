/* SPDX-License-Identifier: MIT */
/*
 * Numbers of users that exist only while somebody has them
 *
 * A number is taken by flock(2) of a file that is called after it. Such a lock belongs to the open file, not to a process:
 * the keeper has copies of the descriptors, so it holds over the death of a manager. The files stay, empty, in /run: who
 * removed one could not know whether somebody else has just opened it. systemd, which does remove its own, does so only
 * while it has the lock; hence the look whether a file that was locked is still there.
 *
 * What must hold: nobody is given a number as which a process runs, which the system's users or groups know, or of which
 * objects of IPC are left; whoever left them.
 */

#include "daemon/dynamic-number.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/own-directory.h"
#include "daemon/remove-ipc.h"

#define N_NUMBERS (DYNAMIC_UID_MAX - DYNAMIC_UID_MIN + 1)
#define ENTRY_MAX (64 * 1024)

#define DIRECTORY_SYSTEMD "/run/systemd/dynamic-uid"

/* With a last part, which own_directory_open() leaves out. */
static const char *const directories[_DYNAMIC_LOCK_N] = {
        [DYNAMIC_LOCK_GANGS] = "/run/ganger-dynamic-uid/lock",
        [DYNAMIC_LOCK_SYSTEMD] = DIRECTORY_SYSTEMD "/lock",
};

/* ---- locks ------------------------------------------------------------------------------------- */

/* systemd makes it when it first has such a user, and would not look at ours. */
static bool has_systemd(void) {
        if (sd_booted() > 0)
                (void)mkdir(DIRECTORY_SYSTEMD, 0755);
        return access(DIRECTORY_SYSTEMD, F_OK) == 0;
}

/* @return a descriptor, locked; -EBUSY. */
static int lock_file(int directory, uid_t uid) {
        char name[16];

        snprintf(name, sizeof name, "%u", (unsigned int)uid);
        for (;;) {
                _cleanup_(closep) int fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
                struct stat st;

                if (fd < 0)
                        return -errno;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0 && !fault_is("dynamic-unlocked"))
                        return errno == EWOULDBLOCK ? -EBUSY : -errno;
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (st.st_nlink > 0)
                        return TAKE_FD(fd);
        }
}

void dynamic_number_done(struct dynamic_number *number) {
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++)
                close_fd(number->locks[i]);
        *number = DYNAMIC_NUMBER_NULL;
}

void dynamic_number_give_back(struct dynamic_number *number) {
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++)
                if (number->locks[i] >= 0)
                        (void)flock(number->locks[i], LOCK_UN);
        dynamic_number_done(number);
}

int dynamic_number_take_again(const struct dynamic_number *number) {
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++)
                if (number->locks[i] >= 0 && flock(number->locks[i], LOCK_EX | LOCK_NB) < 0)
                        return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return 0;
}

/* ---- whether it is somebody's without a lock ------------------------------------------------------ */

bool dynamic_number_has_process(uid_t uid) {
        errno = 0;
        return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

/* What cannot be looked up is not known: a directory of users that is out of reach stops nobody. */
static int is_known(uid_t uid) {
        _cleanup_(freep) char *buffer = malloc(ENTRY_MAX);
        struct passwd user, *found_user = NULL;
        struct group group, *found_group = NULL;

        if (!buffer)
                return -ENOMEM;
        return getpwuid_r(uid, &user, buffer, ENTRY_MAX, &found_user) == ERANGE || found_user ||
               getgrgid_r(uid, &group, buffer, ENTRY_MAX, &found_group) == ERANGE || found_group;
}

/* @return 1: it must not be given; 0; -errno. */
static int is_in_use(uid_t uid) {
        if (dynamic_number_has_process(uid))
                return 1;
        return is_known(uid) ?: ipc_is_there(uid);
}

/* ---- one that is free ------------------------------------------------------------------------------ */

/* FNV-1a */
uid_t dynamic_number_first(const char *name) {
        uint32_t hash = 2166136261u;

        for (const unsigned char *p = (const unsigned char *)name; *p; p++)
                hash = (hash ^ *p) * 16777619u;
        return DYNAMIC_UID_MIN + hash % N_NUMBERS;
}

static int try_number(const int directory_fds[_DYNAMIC_LOCK_N], uid_t uid, struct dynamic_number *ret) {
        struct dynamic_number number = DYNAMIC_NUMBER_NULL;
        int r = 0;

        number.uid = uid;
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N && r >= 0; i++)
                if (directory_fds[i] >= 0)
                        r = number.locks[i] = lock_file(directory_fds[i], uid);
        if (r >= 0)
                r = is_in_use(uid);
        if (r == 0) {
                *ret = number;
                return 0;
        }
        dynamic_number_done(&number);
        return r > 0 ? -EBUSY : r;
}

/* One after the other, so that all are tried before it is said that none is free. */
static int find_free(const int directory_fds[_DYNAMIC_LOCK_N], const char *name, struct dynamic_number *ret) {
        uid_t first = dynamic_number_first(name) - DYNAMIC_UID_MIN;

        for (uid_t i = 0; i < N_NUMBERS; i++) {
                int r = try_number(directory_fds, DYNAMIC_UID_MIN + (first + i) % N_NUMBERS, ret);

                if (r != -EBUSY)
                        return r;
        }
        return -EBUSY;
}

int dynamic_number_take(const char *name, struct dynamic_number *ret, struct error *error) {
        int fds[_DYNAMIC_LOCK_N] = { -1, -1 }, r = 0;
        bool wanted[_DYNAMIC_LOCK_N] = { true, has_systemd() };

        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N && r >= 0; i++)
                if (wanted[i])
                        r = fds[i] = own_directory_open(directories[i], error);
        if (r >= 0) {
                r = find_free(fds, name, ret);
                if (r == -EBUSY)
                        (void)error_set(error, r, "all numbers from %u to %u are taken", DYNAMIC_UID_MIN, DYNAMIC_UID_MAX);
                else if (r < 0)
                        (void)error_errno(error, r, "its number");
        }
        for (enum dynamic_lock i = 0; i < _DYNAMIC_LOCK_N; i++)
                close_fd(fds[i]);
        return r;
}
