/* SPDX-License-Identifier: MIT */

#include "ctl/metrics/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 64

static bool is_path(const char *address) {
        return strchr(address, '/') != NULL;
}

/** Does somebody answer at it? */
static bool is_served(const struct sockaddr_un *address) {
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && connect(fd, (const void *)address, sizeof *address) == 0;
}

static int listen_at_path(const char *path, struct error *error) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = -1;
        struct stat st;

        if (strlen(path) >= sizeof address.sun_path)
                return error_set(error, -ENAMETOOLONG, "the path is too long for a socket");
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (is_served(&address))
                return error_set(error, -EADDRINUSE, "somebody serves it already");
        if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
                return error_set(error, -EEXIST, "it is there, and no socket");
        if (unlink(path) < 0 && errno != ENOENT)
                return error_errno(error, -errno, "removing what an earlier one left");
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_errno(error, -errno, "socket");
        if (fchmod(fd, 0660) < 0 || bind(fd, (const void *)&address, sizeof address) < 0)
                return error_errno(error, -errno, "bind");
        if (listen(fd, BACKLOG) < 0)
                return error_errno(error, -errno, "listen");
        return TAKE_FD(fd);
}

static bool is_loopback(const struct sockaddr *address) {
        if (address->sa_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
        return address->sa_family == AF_INET6 &&
               IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static void freeaddrinfop(struct addrinfo **p) {
        if (*p)
                freeaddrinfo(*p);
}

/** "127.0.0.1:9764" or "[::1]:9764" as getaddrinfo(3) reads it. */
static int resolve(const char *address, struct addrinfo **ret, struct error *error) {
        static const struct addrinfo hints = {
                .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM,
        };
        const char *colon = strrchr(address, ':');
        char host[64];
        size_t length;

        if (!colon || colon == address || !colon[1])
                return error_set(error, -EINVAL, "neither a path nor HOST:PORT");
        length = (size_t)(colon - address);
        if (address[0] == '[' && colon[-1] == ']') {
                address++;
                length -= 2;
        }
        if (length >= sizeof host)
                return error_set(error, -EINVAL, "no such host");
        memcpy(host, address, length);
        host[length] = '\0';
        if (getaddrinfo(host, colon + 1, &hints, ret) != 0)
                return error_set(error, -EINVAL, "it takes a numeric address and port, like 127.0.0.1:9764");
        return 0;
}

static int listen_at_port(const char *text, struct error *error) {
        _cleanup_(freeaddrinfop) struct addrinfo *found = NULL;
        _cleanup_(closep) int fd = -1;
        int r = resolve(text, &found, error);

        if (r < 0)
                return r;
        if (!is_loopback(found->ai_addr))
                return error_set(error, -EACCES, "only addresses of this machine alone: nobody is asked who he is");
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_errno(error, -errno, "socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        if (bind(fd, found->ai_addr, found->ai_addrlen) < 0)
                return error_errno(error, -errno, "bind");
        if (listen(fd, BACKLOG) < 0)
                return error_errno(error, -errno, "listen");
        return TAKE_FD(fd);
}

int address_listen(const char *address, struct error *error) {
        return is_path(address) ? listen_at_path(address, error) : listen_at_port(address, error);
}

void address_forget(const char *address) {
        if (is_path(address))
                (void)unlink(address);
}
