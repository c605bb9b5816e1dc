/* SPDX-License-Identifier: MIT */
/*
 * Secrets: copies of files, for one instance and for as long as it has a process
 *
 * RUNTIME/credentials/worker:0/NAME. For root, RUNTIME/credentials is a tmpfs of its own, so that nothing of it comes to
 * a disk; where it cannot be mounted, an ordinary directory.
 *
 * What must hold: a user can read his own only once they are complete, and nobody else can look into them before or after.
 * They are never his: what is his he could make grow, until no other worker can be given any, or fill with what we cannot
 * remove. None outlives the process that it was made for, whoever dies when. So there is no list of them: those that are
 * there are looked at, when a manager takes over, and whatever has no process goes.
 */

#include "daemon/credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/acl.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/small-file.h"
#include "daemon/user.h"

#define DIRECTORY "/credentials"
/** What all instances together can fill. */
#define MOUNT_OPTIONS "mode=0711,size=256m,nr_inodes=1m"

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

static char *path_of(const struct gang *gang, const char *key) {
        char *path;

        if (asprintf(&path, "%s" DIRECTORY "%s%s", gang->runtime_dir, *key ? "/" : "", key) < 0)
                return NULL;
        /* A colon is in no worker's name. */
        for (char *p = path + strlen(gang->runtime_dir) + strlen(DIRECTORY) + 1; *key && *p; p++)
                if (*p == '/')
                        *p = ':';
        return path;
}

static int open_directory(int at, const char *path) {
        int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* ---- removing ---------------------------------------------------------------------------------- */

static void remove_files(int fd) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!dir)
                close_fd(copy);
        while (dir && (entry = readdir(dir)))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        (void)unlinkat(fd, entry->d_name, 0);
}

static void remove_directory(int at, const char *name) {
        _cleanup_(closep) int fd = open_directory(at, name);

        if (fd < 0)
                return;
        /* It was made so that nobody can change it: ours, too. */
        (void)fchmod(fd, 0700);
        remove_files(fd);
        if (unlinkat(at, name, AT_REMOVEDIR) < 0)
                log_warning("credentials: removing %s: %s", name, strerror(errno));
}

void credentials_remove(struct gang *gang, const char *key) {
        _cleanup_(freep) char *path = path_of(gang, key);

        if (path && !fault_is("credentials-stay"))
                remove_directory(AT_FDCWD, path);
}

/* "worker:0" */
static bool has_process(struct gang *gang, const char *name) {
        char key[INSTANCE_KEY_MAX];
        struct instance *instance;
        char *colon;

        if ((size_t)snprintf(key, sizeof key, "%.*s", (int)sizeof key - 1, name) != strlen(name))
                return false;
        colon = strrchr(key, ':');
        if (!colon)
                return false;
        *colon = '/';
        instance = instance_find(gang, key);
        return instance && (instance->pid > 0 || instance->spawning);
}

void credentials_take_over(struct gang *gang) {
        _cleanup_(freep) char *path = path_of(gang, "");
        int fd = path ? open_directory(AT_FDCWD, path) : -ENOMEM;
        _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
                close_fd(fd);
        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && !has_process(gang, entry->d_name) && !fault_is("credentials-forgotten"))
                        remove_directory(dirfd(dir), entry->d_name);
}

void credentials_end(struct gang *gang) {
        _cleanup_(freep) char *path = path_of(gang, "");

        if (!path)
                return;
        if (rmdir(path) < 0 && errno == EBUSY && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) >= 0)
                (void)rmdir(path);
}

/* ---- making ------------------------------------------------------------------------------------ */

/* Is something mounted there? */
static bool is_mounted(const struct gang *gang, const char *path) {
        struct stat below, above;

        return stat(path, &below) >= 0 && stat(gang->runtime_dir, &above) >= 0 && below.st_dev != above.st_dev;
}

/* The directory of them all. Whoever may not look into one can still pass through here. */
static int make_all(const struct gang *gang, const char *path) {
        static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

        if (mkdir(path, 0711) < 0 && errno != EEXIST)
                return -errno;
        if (geteuid() == 0 && !is_mounted(gang, path)) {
                /* Since Linux 6.3 it can be kept from being swapped out. */
                if (mount("tmpfs", path, "tmpfs", flags, MOUNT_OPTIONS ",noswap") < 0)
                        (void)mount("tmpfs", path, "tmpfs", flags, MOUNT_OPTIONS);
        }
        return chmod(path, 0711) < 0 ? -errno : 0;
}

/*
 * To read, and for a directory to pass. Where a file system has no lists (a runtime directory that is no tmpfs) he must be
 * its owner.
 */
static int give(int fd, const struct user *user, mode_t rights) {
        int r = -EOPNOTSUPP;

        if (user->change && user->uid != geteuid()) {
                if (!fault_is("credentials-are-given"))
                        r = acl_give(fd, rights, user->uid, rights);
                if (r != -EOPNOTSUPP)
                        return r;
                if (fchown(fd, user->uid, user->gid) < 0)
                        return -errno;
        }
        return fchmod(fd, rights << 6) < 0 ? -errno : 0;
}

static int copy_one(int directory, const struct worker_definition *definition, const char *credential, const struct user *user,
                    size_t *left, struct error *error) {
        const char *colon = strchr(credential, ':');
        _cleanup_(freep) char *name = strndup(credential, (size_t)(colon - credential)), *path = NULL;
        _cleanup_(closep) int fd = -1;
        char *text;
        size_t size;
        int r = name ? worker_definition_path(definition, colon + 1, &path) : -ENOMEM;

        if (r < 0)
                return error_errno(error, r, "credentials");
        r = small_file_read(path, *left, &text, &size);
        if (r < 0)
                return error_set(error, r, "credentials: %s: %s: %s", name, path, small_file_problem(r));
        *left -= size;
        fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
        r = fd < 0 ? -errno : fd_write_all(fd, text, size);
        explicit_bzero(text, size);
        free(text);
        if (r >= 0)
                r = give(fd, user, 4);
        return r < 0 ? error_errno(error, r, "credentials: %s", name) : 0;
}

static int make(struct instance *instance, const struct user *user, const char *path, struct error *error) {
        const struct worker_definition *definition = instance_definition(instance);
        _cleanup_(closep) int fd = -1;
        size_t left = CREDENTIALS_MAX;
        int r = 0;

        if (mkdir(path, 0700) < 0)
                return error_errno(error, -errno, "credentials: %s", path);
        fd = open_directory(AT_FDCWD, path);
        if (fd < 0)
                return error_errno(error, fd, "credentials: %s", path);
        for (char **credential = definition->credentials; *credential && r >= 0; credential++)
                r = copy_one(fd, definition, *credential, user, &left, error);
        if (r < 0)
                return r;
        fault_point("amid-credentials");
        r = give(fd, user, 5);
        return r < 0 ? error_errno(error, r, "credentials: %s", path) : 0;
}

int credentials_make(struct instance *instance, const struct user *user, char **ret, struct error *error) {
        struct gang *gang = instance_gang(instance);
        _cleanup_(freep) char *all = NULL, *path = NULL;
        int r;

        *ret = NULL;
        if (!instance_definition(instance)->credentials[0])
                return 0;
        all = path_of(gang, "");
        path = path_of(gang, instance->key);
        r = all && path ? make_all(gang, all) : -ENOMEM;
        if (r < 0)
                return error_errno(error, r, "credentials");
        remove_directory(AT_FDCWD, path);
        r = make(instance, user, path, error);
        if (r < 0)
                remove_directory(AT_FDCWD, path);
        else
                *ret = TAKE(path);
        return r;
}
