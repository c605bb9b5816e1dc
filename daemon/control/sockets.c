/* SPDX-License-Identifier: MIT */

/*
 * sockets
 */

#include <errno.h>

#include "daemon/config/config.h"
#include "daemon/control/calls.h"
#include "daemon/control/grants.h"
#include "daemon/gang.h"
#include "daemon/socket-look.h"
#include "daemon/worker.h"

struct answer {
        struct call *call;
        Ganger__V1__SocketsReply reply;
};

static bool listens(const struct worker *worker, const char *name) {
        for (char *const *listen = worker->definition->listen; *listen; listen++)
                if (strcmp(*listen, name) == 0)
                        return !worker->removed;
        return false;
}

static int fill_workers(struct call *call, const char *name, Ganger__V1__Socket *m) {
        m->workers = arena_alloc(&call->arena, call->gang->workers_by_name.n, sizeof *m->workers);
        if (!m->workers)
                return -ENOMEM;
        list_for_each(it, &call->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (listens(worker, name) && m->n_workers < call->gang->workers_by_name.n)
                        m->workers[m->n_workers++] = worker->name;
        }
        return 0;
}

static int add_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        struct answer *a = userdata;
        const struct gang_socket *s = gang_socket_find(&a->call->gang->sockets, listen->name, type, address);
        Ganger__V1__Socket *m = arena_alloc(&a->call->arena, 1, sizeof *m);

        if (!m)
                return -ENOMEM;
        if (!s)
                return 0;
        ganger__v1__socket__init(m);
        m->name = s->name;
        m->type = (char *)listen_type_name(type);
        m->address = s->text;
        m->connections = s->connections;
        m->waiting = s->waiting;
        m->backlog = type == SOCK_DGRAM ? 0 : listen->backlog;
        a->reply.sockets[a->reply.n_sockets++] = m;
        return fill_workers(a->call, s->name, m);
}

static bool shows(const struct call *call, const struct listen_definition *listen) {
        struct connection *c = call->connection;

        return grants_on_listen(c->control, &c->peer, listen->name) & CONTROL_VIEW;
}

static int add_named(struct answer *a, char *const *names, size_t n_names) {
        const struct config *config = a->call->gang->config;
        int r = 0;

        for (size_t i = 0; i < n_names && r >= 0; i++) {
                const struct listen_definition *listen = config_listen(config, names[i]);

                r = call_permit_listen(a->call, names[i]);
                if (r >= 0)
                        r = listen ? listen_definition_each(listen, add_socket, a) : call_unknown_listen(a->call, names[i]);
        }
        for (size_t i = 0; i < config->n_listens && n_names == 0 && r >= 0; i++)
                if (shows(a->call, config->listens[i]))
                        r = listen_definition_each(config->listens[i], add_socket, a);
        return r;
}

/* Room for each as often as it is named. */
static size_t count_room(const struct config *config, char *const *names, size_t n_names) {
        size_t n = n_names > 0 ? 0 : CONFIG_SOCKETS_MAX;

        for (size_t i = 0; i < n_names; i++) {
                const struct listen_definition *listen = config_listen(config, names[i]);

                n += listen ? listen_definition_count(listen) : 0;
        }
        return n;
}

int call_sockets(struct call *call) {
        const Ganger__V1__SocketsRequest *request = call->request->sockets;
        struct answer a = { .call = call, .reply = GANGER__V1__SOCKETS_REPLY__INIT };
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r;

        r = call_check_names(call, request->n_names);
        if (r < 0)
                return r;
        a.reply.sockets = arena_alloc(&call->arena, count_room(call->gang->config, request->names, request->n_names),
                                      sizeof *a.reply.sockets);
        if (!a.reply.sockets)
                return -ENOMEM;
        (void)sockets_count(&call->gang->sockets); /* what cannot be counted is not known to be there */
        r = add_named(&a, request->names, request->n_names);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_SOCKETS;
        reply.sockets = &a.reply;
        return call_reply(call, &reply, NULL, 0);
}
