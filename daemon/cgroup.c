/* SPDX-License-Identifier: MIT */
/*
 * A cgroup for each instance, where there is a cgroup v2 that we may write to
 *
 * Our directory lies below the cgroup that the daemon runs in. As long as no controller is wanted (cgroup-control.c),
 * the daemon need not leave its own cgroup: "no internal processes" concerns only a cgroup that hands controllers on,
 * and such a one the kernel lets nobody but the root be in.
 *
 * What must hold: a cgroup is removed only after all that is in it was killed. The killed take a moment to be gone, and
 * until then the kernel refuses; so it is watched, and removed when the kernel says that it is empty.
 */

#include "daemon/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/cgroup-control.h"
#include "daemon/log/log.h"

#define CGROUP_NAME_MAX (NAME_LENGTH_MAX + 20)
/* Those of one instance, of processes whose rest is still on its way out. Past it, a process has none. */
#define CGROUP_AGAIN_MAX 4
/** An instance may make cgroups of its own; what lies deeper is not removed. */
#define CGROUP_DEPTH_MAX 16
/** A pid, and what tells PID namespaces apart. */
#define OURS_FORMAT "ganger-%d-%lx"

/* A cgroup that is removed when it is empty. */
struct leaving {
        struct list link;
        struct cgroups *cgroups;
        int parent_fd;                  /* one of those of `cgroups` */
        int events_fd;                  /* cgroup.events: polls as "something new" when it has become empty */
        sd_event_source *source;
        char name[];
};

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

/* ---- one cgroup -------------------------------------------------------------------------------- */

int cgroup_kill(int fd) {
        _cleanup_(closep) int kill_fd = -1;

        if (fd < 0)
                return -EOPNOTSUPP;
        kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        if (kill_fd < 0)
                return errno == ENOENT ? -EOPNOTSUPP : -errno;
        return fd_write_all(kill_fd, "1", 1);
}

static int remove_tree(int parent_fd, const char *name, unsigned int depth) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int fd, r;

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (depth == 0 || (errno != EBUSY && errno != ENOTEMPTY))
                return -errno;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                        (void)remove_tree(dirfd(dir), entry->d_name, depth - 1);
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove_tree(int parent_fd, const char *name) {
        return remove_tree(parent_fd, name, CGROUP_DEPTH_MAX);
}

static void kill_in(int parent_fd, const char *name) {
        _cleanup_(closep) int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd >= 0)
                (void)cgroup_kill(fd); /* without cgroup.kill, what left its process group lives on */
}

/* ---- those that are left ----------------------------------------------------------------------- */

static struct leaving *leaving_free(struct leaving *l) {
        list_unlink(&l->link);
        sd_event_source_disable_unref(l->source);
        close_fd(l->events_fd);
        free(l);
        return NULL;
}

static void leaving_forget(struct cgroups *c, int parent_fd, const char *name) {
        list_for_each_safe(it, &c->leaving) {
                struct leaving *l = list_entry(it, struct leaving, link);

                if (l->parent_fd == parent_fd && strcmp(l->name, name) == 0)
                        leaving_free(l);
        }
}

/* What was read is what the next news is compared with: so read first, and then try. */
static bool leaving_try(struct leaving *l) {
        char text[256];

        (void)!pread(l->events_fd, text, sizeof text, 0);
        return cgroup_remove_tree(l->parent_fd, l->name) != -EBUSY;
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct leaving *l = userdata;
        struct cgroups *c = l->cgroups;

        if (!leaving_try(l))
                return 0;
        leaving_free(l);
        c->left(c->userdata);
        return 0;
}

static void leave(struct cgroups *c, int parent_fd, const char *name) {
        _cleanup_(closep) int fd = -1;
        struct leaving *l;

        leaving_forget(c, parent_fd, name);
        if (cgroup_remove_tree(parent_fd, name) != -EBUSY)
                return;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        l = fd < 0 ? NULL : calloc(1, sizeof *l + strlen(name) + 1);
        if (!l)
                return; /* it stays until the end, or until the next daemon finds it */
        l->cgroups = c;
        l->parent_fd = parent_fd;
        strcpy(l->name, name);
        list_append(&c->leaving, &l->link);
        l->events_fd = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        if (l->events_fd < 0 || sd_event_add_io(c->event, &l->source, l->events_fd, EPOLLPRI, on_events, l) < 0 ||
            leaving_try(l))
                leaving_free(l);
}

/* ---- those of dead keepers --------------------------------------------------------------------- */

/* In another PID namespace a number says nothing to us. */
static bool is_stale(const char *name, pid_t keeper, unsigned long namespace) {
        unsigned long in;
        int pid;

        if (sscanf(name, OURS_FORMAT, &pid, &in) != 2 || in != namespace || pid <= 0)
                return false;
        /* Our own name was that of a keeper before us, of the same pid, if we are the first to use it. */
        return pid == keeper || (kill(pid, 0) < 0 && errno == ESRCH);
}

/* Nothing outlives its keeper but what has left its process: until now. */
static void sweep(struct cgroups *c, pid_t keeper, unsigned long namespace) {
        int fd = openat(c->parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
                close_fd(fd);
        while (dir && (entry = readdir(dir))) {
                if (!is_stale(entry->d_name, keeper, namespace))
                        continue;
                kill_in(c->parent_fd, entry->d_name);
                leave(c, c->parent_fd, entry->d_name);
        }
}

/* ---- ours -------------------------------------------------------------------------------------- */

static int make_ours(struct cgroups *c, pid_t keeper, bool first) {
        _cleanup_(freep) char *moved_to = NULL;
        struct stat namespace;

        if (stat("/proc/self/ns/pid", &namespace) < 0)
                return -errno;
        if (asprintf(&c->name, OURS_FORMAT, (int)keeper, (unsigned long)namespace.st_ino) < 0) {
                c->name = NULL;
                return -ENOMEM;
        }
        if (asprintf(&moved_to, "%s" CGROUP_DAEMON_SUFFIX, c->name) < 0) {
                moved_to = NULL;
                return -ENOMEM;
        }
        c->keeper = keeper;
        c->parent_fd = cgroup_find_own(moved_to, &c->moved);
        if (c->parent_fd < 0)
                return c->parent_fd;
        if (first)
                sweep(c, keeper, namespace.st_ino);
        leaving_forget(c, c->parent_fd, c->name);
        if (mkdirat(c->parent_fd, c->name, 0755) < 0 && errno != EEXIST)
                return -errno;
        c->fd = openat(c->parent_fd, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return c->fd < 0 ? -errno : 0;
}

int cgroups_init(struct cgroups *c, sd_event *event, pid_t keeper, bool first, cgroups_left_fn left, void *userdata) {
        *c = CGROUPS_NULL;
        list_init(&c->leaving);
        c->event = event;
        c->left = left;
        c->userdata = userdata;
        c->names = first ? 1 : CGROUP_AGAIN_MAX;
        return make_ours(c, keeper, first) >= 0;
}

void cgroups_disable(struct cgroups *c) {
        c->fd = close_fd(c->fd);
}

void cgroups_done(struct cgroups *c, bool remove) {
        if (!c->event)
                return; /* never begun */
        if (remove && c->name && c->parent_fd >= 0)
                (void)cgroup_remove_tree(c->parent_fd, c->name);
        if (remove)
                cgroups_disable_controllers(c);
        list_for_each_safe(it, &c->leaving)
                leaving_free(list_entry(it, struct leaving, link));
        sd_event_source_disable_unref(c->end);
        close_fd(c->fd);
        close_fd(c->parent_fd);
        free(c->name);
        *c = CGROUPS_NULL;
}

static int on_end_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct cgroups *c = userdata;

        log_warning("killed processes of instances are not gone yet: not waiting for them");
        c->given_up = true;
        c->left(c->userdata);
        return 0;
}

bool cgroups_end(struct cgroups *c) {
        if (!c->event || !c->name || c->parent_fd < 0 || c->given_up)
                return true;
        if (!c->end) {
                if (sd_event_add_time(c->event, &c->end, CLOCK_MONOTONIC, now_usec() + CGROUPS_END_USEC, 0,
                                      on_end_timeout, c) < 0)
                        return true;
                /* Those of all instances lie below it, also those that a manager before us has forgotten. */
                kill_in(c->parent_fd, c->name);
                leave(c, c->parent_fd, c->name);
        }
        return list_is_empty(&c->leaving);
}

/* ---- those of instances ------------------------------------------------------------------------ */

/*
 * "resize/1" is one directory, "resize:1": a colon is in no worker's name. While that of the process before is still
 * busy, the next one is "resize:1.1": one that was killed cannot be used again. Linux 6.14 and later kill at once
 * whatever is cloned into a cgroup of which anybody has ever written cgroup.kill.
 */
static int cgroup_name(char *buf, size_t size, const char *key, unsigned int again) {
        int n = again == 0 ? snprintf(buf, size, "%s", key) : snprintf(buf, size, "%s.%u", key, again);

        if (n < 0 || (size_t)n >= size)
                return -ENAMETOOLONG;
        for (char *p = buf; *p; p++)
                if (*p == '/')
                        *p = ':';
        return 0;
}

/* @return 0: it is there, and new; -errno. */
static int make_named(struct cgroups *c, const char *name) {
        if (mkdirat(c->fd, name, 0755) < 0) {
                if (errno != EEXIST)
                        return -errno;
                if (cgroup_remove_tree(c->fd, name) < 0 || mkdirat(c->fd, name, 0755) < 0)
                        return -EEXIST;
        }
        leaving_forget(c, c->fd, name);
        return 0;
}

cgroup_place cgroup_make(struct cgroups *c, const char *key) {
        char name[CGROUP_NAME_MAX];
        int r = -EOPNOTSUPP;

        for (unsigned int i = 0; i < CGROUP_AGAIN_MAX && c->fd >= 0; i++) {
                r = cgroup_name(name, sizeof name, key, i);
                if (r >= 0)
                        r = make_named(c, name);
                c->names = MAX(c->names, i + 1);
                if (r >= 0)
                        return (int)i;
                if (r != -EEXIST)
                        break;
        }
        return r;
}

int cgroup_open(const struct cgroups *c, const char *key, cgroup_place place) {
        char name[CGROUP_NAME_MAX];
        int fd, r;

        if (place < 0 || c->fd < 0)
                return -EOPNOTSUPP;
        r = cgroup_name(name, sizeof name, key, (unsigned int)place);
        if (r < 0)
                return r;
        fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* What a file of a cgroup says. @return whether it could be read. */
static bool read_in(int fd, const char *file, char *buf, size_t size) {
        _cleanup_(closep) int file_fd = fd < 0 ? -1 : openat(fd, file, O_RDONLY | O_CLOEXEC);
        ssize_t n = file_fd < 0 ? -1 : read(file_fd, buf, size - 1);

        buf[MAX(n, 0)] = '\0';
        return n >= 0;
}

bool cgroup_is_as_new(const struct cgroups *c, const char *key, cgroup_place place) {
        _cleanup_(closep) int fd = cgroup_open(c, key, place);
        char text[256];
        struct stat st;

        if (!read_in(fd, "cgroup.events", text, sizeof text) || fstat(fd, &st) < 0)
                return false;
        /* Two links are its own; each cgroup below it is one more. */
        return strstr(text, "populated 0") && !strstr(text, "frozen 1") && st.st_nlink == 2;
}

uint64_t cgroup_oom_kills(const struct cgroups *c, const char *key, cgroup_place place) {
        _cleanup_(closep) int fd = c->controllers & CGROUP_MEMORY ? cgroup_open(c, key, place) : -1;
        const char *line;
        char text[512];

        if (!read_in(fd, "memory.events", text, sizeof text))
                return 0;
        line = strstr(text, "oom_kill ");
        return line ? strtoull(line + strlen("oom_kill "), NULL, 10) : 0;
}

void cgroup_each(struct cgroups *c, const char *key, void (*fn)(void *userdata, int fd), void *userdata) {
        char name[CGROUP_NAME_MAX];

        for (unsigned int i = 0; i < CGROUP_AGAIN_MAX && c->fd >= 0; i++) {
                _cleanup_(closep) int fd = -1;

                if (cgroup_name(name, sizeof name, key, i) < 0)
                        continue;
                fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0)
                        fn(userdata, fd);
        }
}

void cgroup_kill_rest(struct cgroups *c, const char *key) {
        char name[CGROUP_NAME_MAX];

        for (unsigned int i = 0; i < c->names && c->fd >= 0; i++)
                if (cgroup_name(name, sizeof name, key, i) >= 0)
                        kill_in(c->fd, name);
}

void cgroup_remove(struct cgroups *c, const char *key) {
        char name[CGROUP_NAME_MAX];

        for (unsigned int i = 0; i < c->names && c->fd >= 0; i++)
                if (cgroup_name(name, sizeof name, key, i) >= 0)
                        leave(c, c->fd, name);
}

/* Turns a name into the key that it was made of. @return whether it was. */
static bool key_of(char *name) {
        char *colon = strrchr(name, ':');

        if (!colon)
                return false;
        colon[strcspn(colon, ".")] = '\0';
        for (char *p = name; *p; p++)
                if (*p == ':')
                        *p = '/';
        return true;
}

void cgroups_leave_strangers(struct cgroups *c, bool (*has_process)(void *userdata, const char *key), void *userdata) {
        int fd = c->fd < 0 ? -1 : openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
                close_fd(fd);
        while (dir && (entry = readdir(dir))) {
                char key[CGROUP_NAME_MAX];

                if (snprintf(key, sizeof key, "%s", entry->d_name) >= (int)sizeof key || !key_of(key) || has_process(userdata, key))
                        continue;
                kill_in(c->fd, entry->d_name);
                leave(c, c->fd, entry->d_name);
        }
}
