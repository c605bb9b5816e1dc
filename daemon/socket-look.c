/* SPDX-License-Identifier: MIT */
/*
 * Looking at sockets: who is connected to them
 *
 * The kernel does not say of a connection at which socket it came in; but it has the local address of that. So what is
 * counted are connections at the same path or name, or at the same port. Somebody else's at the same port of another
 * address is counted, too.
 */

#include "daemon/socket-look.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/** States of a connected Unix socket in /proc/net/unix: SS_CONNECTING as long as nobody has taken it, then SS_CONNECTED. */
#define LOCAL_WAITING 2
#define LOCAL_CONNECTED 3

/** A line of a table: what is connected where. */
struct connection {
        int type;                       /* 0: none */
        unsigned int port;              /* of TCP */
        const char *address;            /* of the Unix domain */
        bool waits;
};

/* "  sl  local_address rem_address st …", addresses as HEX:PORT */
static struct connection parse_tcp(char *line) {
        unsigned int port, state;

        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) != 2 ||
            (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT))
                return (struct connection){ 0 };
        return (struct connection){ .type = SOCK_STREAM, .port = port };
}

/* "Num RefCount Protocol Flags Type St Inode Path" */
static struct connection parse_local(char *line) {
        unsigned int type, state;
        int at = 0;

        if (sscanf(line, "%*[0-9A-Fa-f]: %*x %*x %*x %x %x %*u %n", &type, &state, &at) != 2 || at == 0 ||
            (state != LOCAL_CONNECTED && state != LOCAL_WAITING))
                return (struct connection){ 0 };
        line[at + (int)strcspn(line + at, "\n")] = '\0';
        return (struct connection){ .type = (int)type, .address = line + at, .waits = state == LOCAL_WAITING };
}

static unsigned int port_of(const struct listen_address *a) {
        return ntohs(a->any.sa_family == AF_INET ? a->ipv4.sin_port : a->ipv6.sin6_port);
}

static bool is_at(const struct gang_socket *s, int family, const struct connection *c) {
        if (s->type != c->type)
                return false;
        if (family == AF_UNIX)
                return s->address.any.sa_family == AF_UNIX && strcmp(s->text, c->address) == 0;
        return (s->address.any.sa_family == family || (family == AF_INET && s->address.both)) &&
               port_of(&s->address) == c->port;
}

static const struct table {
        int family;
        const char *path;
        struct connection (*parse)(char *line);
} tables[] = {
        { AF_UNIX, "/proc/net/unix", parse_local },
        { AF_INET, "/proc/net/tcp", parse_tcp },
        { AF_INET6, "/proc/net/tcp6", parse_tcp },      /* not there without IPv6 */
};

static int count_table(struct gang_sockets *sockets, const struct table *table) {
        _cleanup_(fclosep) FILE *f = fopen(table->path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t capacity = 0;

        if (!f)
                return errno == ENOENT && table->family == AF_INET6 ? 0 : -errno;
        while (getline(&line, &capacity, f) >= 0) {
                struct connection c = table->parse(line);

                if (c.type == 0)
                        continue;
                list_for_each(it, &sockets->list) {
                        struct gang_socket *s = list_entry(it, struct gang_socket, link);

                        if (!is_at(s, table->family, &c))
                                continue;
                        s->connections++;
                        s->waiting += c.waits;
                }
        }
        return ferror(f) ? -EIO : 0;
}

/* TCP's table does not tell who waits; the socket does. */
static uint32_t tcp_waiting(const struct gang_socket *s) {
        struct tcp_info info;
        socklen_t size = sizeof info;

        if (s->type != SOCK_STREAM || s->address.any.sa_family == AF_UNIX ||
            getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
                return 0;
        return info.tcpi_unacked;
}

int sockets_count(struct gang_sockets *sockets) {
        int r = 0;

        list_for_each(it, &sockets->list) {
                struct gang_socket *s = list_entry(it, struct gang_socket, link);

                s->connections = 0;
                s->waiting = tcp_waiting(s);
        }
        for (size_t i = 0; i < ARRAY_SIZE(tables) && !list_is_empty(&sockets->list); i++)
                r = count_table(sockets, &tables[i]) ?: r;
        return r;
}
