/* SPDX-License-Identifier: MIT */

/*
 * What must hold of sockets, and of workers that wait for somebody to use them
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "daemon/config/address.h"
#include "daemon/config/checker.h"
#include "daemon/config/keys.h"

/* ---- one section ------------------------------------------------------------------------------- */

/* What the keys besides the addresses are for. */
struct content {
        const struct checker *checker;
        bool connections, paths, ports;
};

static int look_at_socket(void *userdata, const struct listen_definition *listen, int type, const char *text) {
        struct content *content = userdata;
        struct listen_address address;

        if (listen_address_parse(text, &address, NULL) < 0)
                return -EINVAL;
        content->connections |= type != SOCK_DGRAM;
        content->paths |= listen_address_path(&address) != NULL;
        content->ports |= address.any.sa_family != AF_UNIX;
        if (type == SOCK_SEQPACKET && address.any.sa_family != AF_UNIX)
                complain(content->checker, "sequential", "'%s': only paths and names after '@'", text);
        return 0;
}

/* What is at its default may stand there: the canonical form has it. */
static void check_use(const struct checker *c, const struct listen_definition *listen, const char *name, bool used,
                      const char *what) {
        if (!used && was_written(c, name) && !key_is_initial(config_key_find(CONFIG_LISTEN, name), listen))
                complain(c, name, "%s", what);
}

void check_listen(const struct checker *c, const struct listen_definition *listen) {
        struct content content = { .checker = c };

        (void)listen_definition_each(listen, look_at_socket, &content);
        if (!was_written(c, "stream") && !was_written(c, "datagram") && !was_written(c, "sequential"))
                config_errors_add(c->errors, c->config->path, c->section->line,
                                  "listen '%s': it has no address: add stream, datagram or sequential",
                                  c->section->name ?: "");
        if (listen_definition_count(listen) == 0)
                return;
        check_use(c, listen, "backlog", content.connections, "datagrams have none");
        check_use(c, listen, "mode", content.paths, "only a path has one");
        check_use(c, listen, "user", content.paths, "only a path has an owner");
        check_use(c, listen, "group", content.paths, "only a path has a group");
        check_use(c, listen, "reuse-port", content.ports, "there is no port");
}

/* ---- all of them ------------------------------------------------------------------------------- */

struct socket {
        const struct listen_definition *listen;
        struct listen_address address;
        const char *text;
        int type;
};

struct sockets {
        const struct checker *checker;
        struct socket *v;
        size_t n;
};

/* A path is one file, whatever is behind it; ports, and names without a file, are there for each type. */
static bool can_clash(const struct socket *a, const struct socket *b) {
        return a->type == b->type || listen_address_path(&a->address);
}

static const struct socket *find_conflict(const struct sockets *s, const struct socket *new) {
        for (size_t i = 0; i < s->n; i++)
                if (can_clash(&s->v[i], new) && listen_address_conflicts(&s->v[i].address, &new->address) &&
                    !(s->v[i].listen != new->listen && s->v[i].listen->reuse_port && new->listen->reuse_port))
                        return &s->v[i];
        return NULL;
}

static int add_socket(void *userdata, const struct listen_definition *listen, int type, const char *text) {
        struct sockets *s = userdata;
        struct socket new = { .listen = listen, .text = text, .type = type };
        const struct checker *c = s->checker;
        const struct socket *other;

        if (listen_address_parse(text, &new.address, NULL) < 0)
                return 0;
        if (s->n == CONFIG_SOCKETS_MAX) {
                config_errors_add(c->errors, c->config->path, listen->line, "listen '%s': more than %d sockets in all",
                                  listen->name, CONFIG_SOCKETS_MAX);
                return -E2BIG;
        }
        other = find_conflict(s, &new);
        if (other)
                config_errors_add(c->errors, c->config->path, listen->line,
                                  "listen '%s': %s: '%s' cannot be had beside '%s' of listen '%s', in line %u", listen->name,
                                  listen_type_name(type), text, other->text, other->listen->name, other->listen->line);
        s->v[s->n++] = new;
        return 0;
}

int check_addresses(const struct checker *c) {
        _cleanup_(freep) struct socket *v = NULL;
        struct sockets s = { .checker = c };

        if (c->config->n_listens == 0)
                return 0;
        s.v = v = calloc(CONFIG_SOCKETS_MAX, sizeof *v);
        if (!v)
                return -ENOMEM;
        for (size_t i = 0; i < c->config->n_listens; i++)
                if (listen_definition_each(c->config->listens[i], add_socket, &s) < 0)
                        break;
        return 0;
}

/* ---- workers ----------------------------------------------------------------------------------- */

size_t count_worker_sockets(const struct checker *c, const struct worker_definition *w) {
        size_t n = 0;

        for (char *const *name = w->listen; *name; name++) {
                const struct listen_definition *listen = config_listen(c->config, *name);

                n += listen ? listen_definition_count(listen) : 0;
        }
        return n;
}

void check_worker_sockets(const struct checker *c, struct worker_definition *w) {
        size_t n = count_worker_sockets(c, w);

        w->sockets = KEY_HASH_NULL;
        for (char *const *name = w->listen; *name; name++) {
                const struct listen_definition *listen = config_listen(c->config, *name);

                if (!listen)
                        continue;
                config_for_each_key(key, CONFIG_LISTEN)
                        if (key->effect == CONFIG_EFFECT_PROCESS)
                                w->sockets = key_hash(key, listen, w->sockets);
        }
        if (n > CONFIG_WORKER_SOCKETS_MAX)
                complain(c, "listen", "%zu sockets; the most are %d", n, CONFIG_WORKER_SOCKETS_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(w->io_fds); i++)
                if (n > 0 && w->io_fds[i] >= 3 && (size_t)w->io_fds[i] < 3 + n)
                        complain(c, "io-fds", "%d is one of the sockets, which are the descriptors from 3 to %zu", w->io_fds[i],
                                 2 + n);
}

/* Something that is there for it to take is seen without it. */
static bool can_be_demanded(const struct checker *c, const struct worker_definition *w) {
        if (w->listen[0] || w->serve[0] || was_written(c, "listen") || was_written(c, "serve"))
                return true;
        for (char *const *name = w->receive; *name; name++) {
                const struct object_definition *ring = config_object(c->config, *name);

                if (!ring || ring->kind != OBJECT_BROADCAST)
                        return true;
        }
        return was_written(c, "receive") && !w->receive[0];
}

static const struct listen_definition *find_datagrams(const struct checker *c, const struct worker_definition *w) {
        for (char *const *name = w->listen; *name; name++) {
                const struct listen_definition *listen = config_listen(c->config, *name);

                if (listen && listen->datagram[0])
                        return listen;
        }
        return NULL;
}

void check_start(const struct checker *c, const struct worker_definition *w) {
        const struct listen_definition *datagrams = find_datagrams(c, w);

        if (w->start == WORKER_START_ON_DEMAND && !can_be_demanded(c, w))
                complain(c, "start",
                         "nothing can demand it: it has neither listen nor serve, and receives from no queue or pipe");
        if (w->idle_stop_usec == USEC_INFINITY || is_doubtful(c, "start"))
                return;
        if (w->start != WORKER_START_ON_DEMAND)
                complain(c, "idle-stop", "only with start = on-demand: else nothing would start it again");
        else if (datagrams)
                complain(c, "idle-stop",
                         "listen '%s' has datagrams, of which nobody but the program knows whether they come", datagrams->name);
}
