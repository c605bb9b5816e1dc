/* SPDX-License-Identifier: MIT */
/*
 * Looking at sockets: who is connected to them
 *
 * The kernel does not say of a connection at which socket it came in; but it has the local address of that. So what is counted
 * are connections at the same path or name, or at the same port. Somebody else's at the same port of another
 * address is counted, too.
 */

#include "daemon/socket-look.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/** State of a Unix socket that is connected, as /proc/net/unix has it: SS_CONNECTED. */
#define LOCAL_CONNECTED 3

/* "  sl  local_address rem_address st …", addresses as HEX:PORT */
static bool is_tcp_connection(const char *line, unsigned int port) {
        unsigned int local, state;

        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) != 2 || local != port)
                return false;
        return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

/* "Num RefCount Protocol Flags Type St Inode Path" */
static bool is_local_connection(const char *line, int type, const char *address) {
        unsigned int its_type, state;
        int at = 0;

        if (sscanf(line, "%*[0-9A-Fa-f]: %*x %*x %*x %x %x %*u %n", &its_type, &state, &at) != 2 || at == 0)
                return false;
        return (int)its_type == type && state == LOCAL_CONNECTED && strncmp(line + at, address, strlen(address)) == 0 &&
               line[at + (int)strlen(address)] == '\n';
}

static int64_t count_lines(const char *path, const struct gang_socket *s, unsigned int port) {
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t capacity = 0;
        int64_t n = 0;

        if (!f)
                return -errno;
        while (getline(&line, &capacity, f) >= 0)
                n += port > 0 ? is_tcp_connection(line, port) : is_local_connection(line, s->type, s->text);
        return ferror(f) ? -EIO : n;
}

int64_t socket_connections(const struct gang_socket *s) {
        const struct listen_address *a = &s->address;
        int64_t ipv4 = 0, ipv6 = 0;

        if (s->type == SOCK_DGRAM)
                return 0;
        if (a->any.sa_family == AF_UNIX)
                return count_lines("/proc/net/unix", s, 0);
        if (a->any.sa_family == AF_INET || a->both)
                ipv4 = count_lines("/proc/net/tcp", s, ntohs(a->any.sa_family == AF_INET ? a->ipv4.sin_port : a->ipv6.sin6_port));
        if (a->any.sa_family == AF_INET6) {
                ipv6 = count_lines("/proc/net/tcp6", s, ntohs(a->ipv6.sin6_port));
                if (ipv6 == -ENOENT && a->both)
                        ipv6 = 0;
        }
        return ipv4 < 0 ? ipv4 : ipv6 < 0 ? ipv6 : ipv4 + ipv6;
}

int64_t socket_waiting(const struct gang_socket *s) {
        struct tcp_info info;
        socklen_t size = sizeof info;

        if (s->type != SOCK_STREAM || s->address.any.sa_family == AF_UNIX)
                return -EOPNOTSUPP;
        if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
                return -errno;
        return info.tcpi_unacked; /* of a socket that listens: connections that wait */
}
