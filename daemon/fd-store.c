/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that a process leaves for the next one of its instance
 *
 * What must hold: the keeper has what is here, and what is here is bounded by `fd-store-max`, whatever a process sends. A
 * datagram may be dealt with twice, by this manager and by the next: so the same file is never kept twice.
 */

#include "daemon/fd-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/keeper/protocol.h"
#include "daemon/log/log.h"

#define NAME_DEFAULT "stored"
/** Between the key and the number in the name under which the keeper has one. */
#define INFIX "/fd/"

struct kept_fd {
        struct list link;
        struct instance *instance;
        sd_event_source *source;        /* tells that it hangs up */
        uint64_t number;
        int fd;
        char name[];
};

static const char *stored_name(char *buf, const struct kept_fd *kept) {
        snprintf(buf, KEEPER_NAME_MAX + 1, "instance/%s" INFIX "%llu/%s", kept->instance->key,
                 (unsigned long long)kept->number, kept->name);
        return buf;
}

static void forget(struct fd_store *store, struct kept_fd *kept) {
        list_unlink(&kept->link);
        store->n--;
        sd_event_source_disable_unref(kept->source);
        close_fd(kept->fd);
        free(kept);
}

static void drop(struct kept_fd *kept) {
        char name[KEEPER_NAME_MAX + 1];

        keeper_link_drop(&instance_gang(kept->instance)->link, stored_name(name, kept));
        forget(&kept->instance->fd_store, kept);
}

static int on_hang_up(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct kept_fd *kept = userdata;

        log_info("%s: the stored descriptor '%s' has hung up: dropped", kept->instance->key, kept->name);
        drop(kept);
        return 0;
}

/* Takes the descriptor, in any case. What cannot be polled (a file) does not hang up. */
static int keep(struct instance *instance, uint64_t number, const char *name, bool poll, int fd, struct kept_fd **ret) {
        size_t length = strlen(name) + 1;
        struct kept_fd *kept = malloc(sizeof *kept + length);

        if (!kept) {
                close_fd(fd);
                return -ENOMEM;
        }
        *kept = (struct kept_fd){ .instance = instance, .number = number, .fd = fd };
        memcpy(kept->name, name, length);
        list_append(&instance->fd_store.fds, &kept->link);
        instance->fd_store.n++;
        instance->fd_store.next = MAX(instance->fd_store.next, number + 1);
        if (poll)
                (void)sd_event_add_io(instance_gang(instance)->event, &kept->source, fd, 0, on_hang_up, kept);
        *ret = kept;
        return 0;
}

/* The same open file. Where the kernel does not tell, it is taken for another one. */
static bool is_kept(const struct fd_store *store, int fd) {
        list_for_each(it, &store->fds)
                if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, list_entry(it, struct kept_fd, link)->fd, fd) == 0)
                        return true;
        return false;
}

void fd_store_init(struct fd_store *store) {
        *store = (struct fd_store){ 0 };
        list_init(&store->fds);
}

static int add(struct instance *instance, const char *name, bool poll, int fd) {
        char stored[KEEPER_NAME_MAX + 1];
        struct kept_fd *kept;
        int r;

        if (is_kept(&instance->fd_store, fd))
                return 0;
        if (instance->fd_store.n >= instance_definition(instance)->fd_store_max && !fault_is("fd-store-unbounded"))
                return -EXFULL;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = keep(instance, instance->fd_store.next, name, poll, fd, &kept);
        if (r < 0)
                return r;
        r = keeper_link_store_lasting(&instance_gang(instance)->link, stored_name(stored, kept), kept->fd);
        if (r < 0)
                forget(&instance->fd_store, kept);
        return r;
}

void fd_store_add(struct instance *instance, const char *name, bool poll, const int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++) {
                int r = add(instance, name ?: NAME_DEFAULT, poll, fds[i]);

                if (r == -EXFULL) {
                        log_warning("%s: it wants to store more than %u descriptors (fd-store-max)", instance->key,
                                    instance_definition(instance)->fd_store_max);
                        return;
                }
                if (r < 0)
                        log_error("%s: a descriptor is not stored: %s", instance->key, strerror(-r));
        }
}

void fd_store_remove(struct instance *instance, const char *name) {
        list_for_each_safe(it, &instance->fd_store.fds) {
                struct kept_fd *kept = list_entry(it, struct kept_fd, link);

                if (strcmp(kept->name, name) == 0)
                        drop(kept);
        }
}

void fd_store_clear(struct instance *instance) {
        list_for_each_safe(it, &instance->fd_store.fds)
                drop(list_entry(it, struct kept_fd, link));
}

/* Whether a descriptor hangs up was not written down: it is watched again. */
static void restore(struct gang *gang, struct stored_fd *stored) {
        const char *infix = strstr(stored->name, INFIX);
        struct instance *instance;
        char key[INSTANCE_KEY_MAX];
        unsigned long long number;
        struct kept_fd *kept;
        int n = 0;

        if (strncmp(stored->name, "instance/", 9) != 0 || !infix || (size_t)(infix - stored->name - 9) >= sizeof key)
                return;
        if (sscanf(infix + strlen(INFIX), "%llu/%n", &number, &n) != 1 || n == 0)
                return;
        memcpy(key, stored->name + 9, infix - stored->name - 9);
        key[infix - stored->name - 9] = '\0';
        instance = instance_find(gang, key);
        if (!instance)
                return;
        if (keep(instance, number, infix + strlen(INFIX) + n, true, fcntl(stored->fd, F_DUPFD_CLOEXEC, 3), &kept) < 0)
                log_error("%s: a stored descriptor is lost for want of memory", key);
        else
                close_fd(keeper_link_take(&gang->link, stored->name));
}

void fd_stores_restore(struct gang *gang) {
        list_for_each_safe(it, &gang->link.stored_list)
                restore(gang, list_entry(it, struct stored_fd, link));
}

int fd_store_give(const struct fd_store *store, struct keeper_link_fds *fds) {
        if (fds->n + store->n > KEEPER_CHILD_FDS_MAX)
                return -E2BIG;
        list_for_each(it, &store->fds)
                fds->fds[fds->n++] = list_entry(it, struct kept_fd, link)->fd;
        return 0;
}

char *fd_store_names(const struct fd_store *store) {
        size_t size = 1;
        char *names, *to;

        list_for_each(it, &store->fds)
                size += strlen(list_entry(it, struct kept_fd, link)->name) + 1;
        names = to = malloc(size);
        if (!names)
                return NULL;
        *to = '\0';
        list_for_each(it, &store->fds)
                to += sprintf(to, "%s%s", to > names ? ":" : "", list_entry(it, struct kept_fd, link)->name);
        return names;
}

void fd_store_done(struct fd_store *store) {
        list_for_each_safe(it, &store->fds)
                forget(store, list_entry(it, struct kept_fd, link));
}
