/* SPDX-License-Identifier: MIT */
/*
 * The sockets of the gang
 *
 * Order when one is opened: it is stored with the keeper first, then its record is written. A manager that finds a socket
 * with the keeper and no record uses it all the same; one that finds a record without a socket forgets it. Order when one
 * goes: its file, then its record, then the socket itself.
 *
 * Invariant: a file is removed, or given another mode, only if it is the one that our socket has made.
 */

#include "daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/text.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/socket-open.h"

/** "listen/NAME/TYPE-0123456789abcdef" */
#define STORED_NAME_MAX (NAME_LENGTH_MAX + 48)

void gang_sockets_init(struct gang_sockets *sockets, struct gang *gang) {
        *sockets = (struct gang_sockets){ .gang = gang };
        list_init(&sockets->list);
}

/* An address may be longer than a name with the keeper can be. */
static const char *stored_name(char *buf, const struct gang_socket *s) {
        snprintf(buf, STORED_NAME_MAX, "listen/%s/%s-%016" PRIx64, s->name, listen_type_name(s->type),
                 hash_bytes(0, s->text, strlen(s->text)));
        return buf;
}

static struct gang_socket *gang_socket_free(struct gang_socket *s) {
        list_unlink(&s->link);
        close_fd(s->fd);
        free(s->name);
        free(s->text);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct gang_socket *, gang_socket_free)

static int gang_socket_new(struct gang_socket **ret, struct gang_sockets *sockets, const char *name, int type,
                           const char *text) {
        _cleanup_(gang_socket_freep) struct gang_socket *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        list_init(&s->link);
        s->gang = sockets->gang;
        s->fd = -1;
        s->state_slot = STATE_SLOT_NONE;
        s->type = type;
        s->name = strdup(name);
        s->text = strdup(text);
        if (!s->name || !s->text)
                return -ENOMEM;
        r = listen_address_parse(text, &s->address, NULL);
        if (r < 0)
                return r;
        list_append(&sockets->list, &s->link);
        *ret = TAKE(s);
        return 0;
}

static void gang_socket_save(struct gang_socket *s) {
        Ganger__State__SocketState record = GANGER__STATE__SOCKET_STATE__INIT;
        int r;

        record.name = s->name;
        record.type = s->type;
        record.address = s->text;
        record.device = s->device;
        record.inode = s->inode;
        r = state_write_message(&s->gang->state, &s->state_slot, STATE_SOCKET, &record.base);
        if (r < 0)
                log_error("listen '%s': cannot write its record: %s", s->name, strerror(-r));
}

static void tell(const struct gang_socket *s, const char *what) {
        log_info("listen '%s': %s %s is %s", s->name, listen_type_name(s->type), s->text, what);
        events_add(&s->gang->events, s->name, &(struct event){ .kind = EVENT_SOCKET }, "%s %s is %s", listen_type_name(s->type),
                   s->text, what);
}

/* ---- files ------------------------------------------------------------------------------------- */

static void remember_file(struct gang_socket *s) {
        const char *path = listen_address_path(&s->address);
        struct stat st;

        if (!path || lstat(path, &st) < 0)
                return;
        s->device = st.st_dev;
        s->inode = st.st_ino;
}

static bool is_shared(const struct gang_socket *s) {
        list_for_each(it, &s->gang->sockets.list) {
                const struct gang_socket *other = list_entry(it, struct gang_socket, link);

                if (other != s && other->inode == s->inode && other->device == s->device)
                        return true;
        }
        return false;
}

/* Or has somebody else put something in its place? */
static bool has_own_file(const struct gang_socket *s) {
        const char *path = listen_address_path(&s->address);
        struct stat st;

        return path && lstat(path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
}

/* Not while it is another section's as well. */
static void remove_file(const struct gang_socket *s) {
        if (has_own_file(s) && !is_shared(s))
                (void)unlink(listen_address_path(&s->address));
}

/* A service manager keeps no socket under two names: one that has another name now is there only since this one is gone. */
static void store_again(const struct gang_socket *gone) {
        char name[STORED_NAME_MAX];

        list_for_each(it, &gone->gang->sockets.list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (gone->gang->link.lasts && s != gone && s->type == gone->type && strcmp(s->text, gone->text) == 0)
                        (void)keeper_link_store_lasting(&gone->gang->link, stored_name(name, s), s->fd);
        }
}

/* It is no longer listened at. Processes that have it keep it until they end. */
static void gang_socket_remove(struct gang_socket *s) {
        char name[STORED_NAME_MAX];

        remove_file(s);
        fault_point("amid-socket-removal");
        state_erase(&s->gang->state, &s->state_slot);
        keeper_link_drop(&s->gang->link, stored_name(name, s));
        tell(s, "closed");
        store_again(s);
        gang_socket_free(s);
}

void gang_sockets_done(struct gang_sockets *sockets) {
        list_for_each_safe(it, &sockets->list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (sockets->gang->stopping)
                        remove_file(s);
                gang_socket_free(s);
        }
}

void gang_sockets_leave(struct gang_sockets *sockets) {
        list_for_each(it, &sockets->list) {
                char name[STORED_NAME_MAX];

                keeper_link_drop(&sockets->gang->link, stored_name(name, list_entry(it, struct gang_socket, link)));
        }
}

/* ---- opening ----------------------------------------------------------------------------------- */

struct gang_socket *gang_socket_find(struct gang_sockets *sockets, const char *name, int type, const char *address) {
        list_for_each(it, &sockets->list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (s->type == type && strcmp(s->name, name) == 0 && strcmp(s->text, address) == 0)
                        return s;
        }
        return NULL;
}

/* The section may have another name now: the socket is the same. */
static const struct gang_socket *find_renamed(const struct gang_socket *new) {
        list_for_each(it, &new->gang->sockets.list) {
                const struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (s != new && s->type == new->type && strcmp(s->text, new->text) == 0)
                        return s;
        }
        return NULL;
}

/* One that is with the keeper already, one that had another name, or a new one. */
static int obtain(struct gang_socket *s, const struct listen_definition *listen, bool *ret_made, struct error *error) {
        const struct gang_socket *renamed = listen->reuse_port ? NULL : find_renamed(s);
        char name[STORED_NAME_MAX];

        s->fd = keeper_link_take(&s->gang->link, stored_name(name, s));
        if (s->fd >= 0) {
                remember_file(s);
                return 0;
        }
        if (renamed) {
                s->device = renamed->device;
                s->inode = renamed->inode;
                s->fd = fcntl(renamed->fd, F_DUPFD_CLOEXEC, 0);
                return s->fd < 0 ? error_errno(error, -errno, "duplicating it") : 0;
        }
        s->fd = socket_open(s->type, &s->address, listen, error);
        if (s->fd < 0)
                return s->fd;
        *ret_made = true;
        remember_file(s);
        return 0;
}

static int gang_socket_open(struct gang_socket *s, const struct listen_definition *listen, struct error *error) {
        char name[STORED_NAME_MAX];
        bool made = false;
        int r = obtain(s, listen, &made, error);

        if (r < 0)
                return r;
        fault_point("before-socket-stored");
        r = fault_is("forget-socket") ? 0 : keeper_link_store_lasting(&s->gang->link, stored_name(name, s), s->fd);
        if (r < 0) {
                if (made)
                        remove_file(s);
                return error_errno(error, r, "storing it with the keeper");
        }
        fault_point("after-socket-stored");
        gang_socket_save(s);
        if (made)
                tell(s, "open");
        return 0;
}

struct adding {
        struct gang_sockets *sockets;
        struct error *error;
};

static int add_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        struct adding *a = userdata;
        struct gang_socket *s = gang_socket_find(a->sockets, listen->name, type, address);
        int r;

        if (s) {
                s->removed = false;
                return 0;
        }
        r = gang_socket_new(&s, a->sockets, listen->name, type, address);
        if (r < 0)
                return error_errno(a->error, r, "%s", address);
        s->prepared = true;
        r = gang_socket_open(s, listen, a->error);
        if (r < 0) {
                gang_socket_free(s);
                return error_prefix(a->error, "%s %s", listen_type_name(type), address);
        }
        return 0;
}

int gang_sockets_add(struct gang_sockets *sockets, const struct listen_definition *listen, struct error *error) {
        struct adding a = { sockets, error };
        int r = listen_definition_each(listen, add_socket, &a);

        return r < 0 ? error_prefix(error, "listen '%s'", listen->name) : 0;
}

int gang_socket_restore(struct gang_sockets *sockets, const Ganger__State__SocketState *record, uint32_t state_slot) {
        _cleanup_(gang_socket_freep) struct gang_socket *s = NULL;
        char name[STORED_NAME_MAX];
        int r = gang_socket_new(&s, sockets, record->name, record->type, record->address);

        if (r < 0)
                return r;
        s->fd = keeper_link_take(&sockets->gang->link, stored_name(name, s));
        if (s->fd < 0)
                return s->fd;
        s->device = record->device;
        s->inode = record->inode;
        s->removed = true;
        s->state_slot = state_slot;
        TAKE(s);
        return 0;
}

/* ---- a configuration --------------------------------------------------------------------------- */

void gang_sockets_abandon(struct gang_sockets *sockets) {
        list_for_each_safe(it, &sockets->list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (s->prepared)
                        gang_socket_remove(s);
        }
}

static int keep_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        struct gang_socket *s = gang_socket_find(userdata, listen->name, type, address);
        struct error error = ERROR_NULL;

        if (!s)
                return 0;
        s->removed = s->prepared = false;
        if (listen_address_path(&s->address) && !has_own_file(s))
                log_warning("listen '%s': %s: its file is no longer there, so nobody can connect", s->name, address);
        else if (socket_adjust(s->fd, type, &s->address, listen, &error) < 0)
                log_warning("listen '%s': %s %s: %s", s->name, listen_type_name(type), address, error.text);
        return 0;
}

void gang_sockets_apply(struct gang_sockets *sockets, const struct config *config) {
        list_for_each(it, &sockets->list)
                list_entry(it, struct gang_socket, link)->removed = true;
        for (size_t i = 0; i < config->n_listens; i++)
                (void)listen_definition_each(config->listens[i], keep_socket, sockets);
        list_for_each_safe(it, &sockets->list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                if (s->removed)
                        gang_socket_remove(s);
        }
}

/* ---- for a process ----------------------------------------------------------------------------- */

struct giving {
        struct gang_sockets *sockets;
        struct given_sockets *ret;
        FILE *names;
};

static int give_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        struct giving *g = userdata;
        const struct gang_socket *s = gang_socket_find(g->sockets, listen->name, type, address);

        if (!s)
                return -ENOENT;
        if (g->ret->n == ARRAY_SIZE(g->ret->fds))
                return -E2BIG;
        fprintf(g->names, "%s%s", g->ret->n > 0 ? ":" : "", s->name);
        g->ret->fds[g->ret->n++] = s->fd;
        return 0;
}

int gang_sockets_give(struct gang_sockets *sockets, const struct worker_definition *worker, struct given_sockets *ret) {
        struct giving g = { .sockets = sockets, .ret = ret };
        size_t size;
        int r = 0;

        if (!worker->listen[0])
                return 0;
        g.names = open_memstream(&ret->names, &size);
        if (!g.names)
                return -ENOMEM;
        for (char *const *name = worker->listen; *name && r >= 0; name++) {
                const struct listen_definition *listen = config_listen(sockets->gang->config, *name);

                r = listen ? listen_definition_each(listen, give_socket, &g) : -ENOENT;
        }
        if (fclose(g.names) != 0)
                return -ENOMEM;
        return r;
}
