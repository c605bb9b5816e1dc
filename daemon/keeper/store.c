/* SPDX-License-Identifier: MIT */

/*
 * Descriptors that are kept under a name
 *
 * What must hold: every stored descriptor lies above the window that a spawn copies (spawn.h), so
 * their number costs a spawn nothing.
 */

#include "daemon/keeper/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/keeper/hash.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/spawn.h"

static struct chain *bucket_of(struct store *s, const char *name) {
        return &s->buckets[hash_text(name) % STORE_BUCKETS];
}

struct stored_descriptor *store_find(struct store *s, const char *name) {
        chain_for_each(it, bucket_of(s, name)) {
                struct stored_descriptor *d = chain_entry(it, struct stored_descriptor, by_name);

                if (strcmp(d->name, name) == 0)
                        return d;
        }
        return NULL;
}

static void forget(struct store *s, struct stored_descriptor *d) {
        list_unlink(&d->link);
        chain_remove(bucket_of(s, d->name), &d->by_name);
        close_fd(d->fd);
        free(d);
        s->n--;
}

void store_init(struct store *s) {
        *s = (struct store){ 0 };
        list_init(&s->all);
}

void store_done(struct store *s) {
        list_for_each_safe(it, &s->all)
                forget(s, list_entry(it, struct stored_descriptor, link));
}

int store_put(struct store *s, const char *name, int fd) {
        size_t length = strlen(name);
        struct stored_descriptor *d, *old;

        if (length == 0 || length > KEEPER_NAME_MAX)
                return -EINVAL;
        old = store_find(s, name);
        if (!old && s->n >= KEEPER_STORED_FDS_MAX)
                return -EMFILE;

        d = malloc(offsetof(struct stored_descriptor, name) + length + 1);
        if (!d)
                return -ENOMEM;
        d->fd = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
        if (d->fd < 0) {
                free(d);
                return -errno;
        }
        d->lasting = 0;
        memcpy(d->name, name, length + 1);
        if (old)
                forget(s, old);
        list_append(&s->all, &d->link);
        chain_add(bucket_of(s, name), &d->by_name);
        s->n++;
        return 0;
}

void store_drop(struct store *s, const char *name) {
        struct stored_descriptor *d = store_find(s, name);

        if (d)
                forget(s, d);
}
