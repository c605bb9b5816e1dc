/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_ADDRESS_H
#define GANGER_CONFIG_ADDRESS_H

/*
 * Addresses to listen at, as they are written: pure, nothing is looked up
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct listen_address {
        union {
                struct sockaddr any;
                struct sockaddr_un local;
                struct sockaddr_in ipv4;
                struct sockaddr_in6 ipv6;
        };
        socklen_t size;
        bool both;                      /* a port alone: IPv6, and IPv4 too */
};

/**
 * "/run/app.sock", "@abstract", "127.0.0.1:80", "[::1]:80", "80".
 * @return 0; -EINVAL (the error says why).
 */
int listen_address_parse(const char *text, struct listen_address *ret, struct error *error);

/** Whether two sockets of the same type cannot have these addresses at the same time. */
bool listen_address_conflicts(const struct listen_address *a, const struct listen_address *b);

/** The path of its file; NULL: it has none. */
const char *listen_address_path(const struct listen_address *address);

#endif
