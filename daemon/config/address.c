/* SPDX-License-Identifier: MIT */

/*
 * Addresses to listen at
 *
 * Names of hosts are refused rather than looked up: what a name means may change, and a socket stays.
 */

#include "daemon/config/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config/values.h"

static int port_parse(const char *text, in_port_t *ret, struct error *error) {
        uint64_t port;

        if (number_parse(text, &port) < 0 || port == 0 || port > UINT16_MAX)
                return error_set(error, -EINVAL, "'%s' is not a port, which is a number from 1 to 65535", text);
        *ret = htons((uint16_t)port);
        return 0;
}

/* A path, or after '@' a name without a file; its length counts, so it needs no 0 at its end. */
static int local_parse(const char *text, struct listen_address *ret, struct error *error) {
        struct sockaddr_un *local = &ret->local;
        size_t n = strlen(text);

        if (n >= sizeof local->sun_path)
                return error_set(error, -EINVAL, "'%s' is too long; the most are %zu bytes", text,
                                 sizeof local->sun_path - 1);
        if (n == 1)
                return error_set(error, -EINVAL, "'%s' is not an address", text);
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, text, n + 1);
        ret->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (text[0] == '@')
                local->sun_path[0] = '\0';
        else
                ret->size++;
        return 0;
}

static int ipv6_parse(const char *text, struct listen_address *ret, struct error *error) {
        const char *end = strstr(text, "]:");
        _cleanup_(freep) char *host = NULL;

        if (!end)
                return error_set(error, -EINVAL, "'%s' has no port; write [ADDRESS]:PORT", text);
        host = strndup(text + 1, (size_t)(end - text - 1));
        if (!host)
                return -ENOMEM;
        if (inet_pton(AF_INET6, host, &ret->ipv6.sin6_addr) != 1)
                return error_set(error, -EINVAL, "'%s' is not an IPv6 address", host);
        ret->ipv6.sin6_family = AF_INET6;
        ret->size = sizeof ret->ipv6;
        return port_parse(end + 2, &ret->ipv6.sin6_port, error);
}

static int ipv4_parse(const char *text, const char *colon, struct listen_address *ret, struct error *error) {
        _cleanup_(freep) char *host = strndup(text, (size_t)(colon - text));

        if (!host)
                return -ENOMEM;
        if (strchr(colon + 1, ':'))
                return error_set(error, -EINVAL, "'%s' is not an address; an IPv6 address is in brackets: [::1]:80", text);
        if (inet_pton(AF_INET, host, &ret->ipv4.sin_addr) != 1)
                return error_set(error, -EINVAL, "'%s' is not an IPv4 address, and names are not looked up", host);
        ret->ipv4.sin_family = AF_INET;
        ret->size = sizeof ret->ipv4;
        return port_parse(colon + 1, &ret->ipv4.sin_port, error);
}

static int any_parse(const char *text, struct listen_address *ret, struct error *error) {
        ret->ipv6.sin6_family = AF_INET6;
        ret->size = sizeof ret->ipv6;
        ret->both = true;
        return port_parse(text, &ret->ipv6.sin6_port, error);
}

int listen_address_parse(const char *text, struct listen_address *ret, struct error *error) {
        struct listen_address address = { 0 };
        const char *colon = strchr(text, ':');
        int r;

        if (text[0] == '/' || text[0] == '@')
                r = local_parse(text, &address, error);
        else if (text[0] == '[')
                r = ipv6_parse(text, &address, error);
        else if (colon)
                r = ipv4_parse(text, colon, &address, error);
        else if (text[0] >= '0' && text[0] <= '9')
                r = any_parse(text, &address, error);
        else
                r = error_set(error, -EINVAL,
                              "'%s' is not an address, such as /run/app.sock, @app, 127.0.0.1:80, [::1]:80 or 80", text);
        if (r < 0)
                return r;
        *ret = address;
        return 0;
}

static in_port_t port_of(const struct listen_address *a) {
        return a->any.sa_family == AF_INET ? a->ipv4.sin_port : a->ipv6.sin6_port;
}

static bool has_ipv4(const struct listen_address *a) {
        return a->any.sa_family == AF_INET || a->both;
}

static bool is_any_ipv4(const struct listen_address *a) {
        return a->both || a->ipv4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_any_ipv6(const struct listen_address *a) {
        return IN6_IS_ADDR_UNSPECIFIED(&a->ipv6.sin6_addr);
}

bool listen_address_conflicts(const struct listen_address *a, const struct listen_address *b) {
        bool local = a->any.sa_family == AF_UNIX;

        if (local != (b->any.sa_family == AF_UNIX))
                return false;
        if (local)
                return a->size == b->size && memcmp(&a->local, &b->local, a->size) == 0;
        if (port_of(a) != port_of(b))
                return false;
        if (has_ipv4(a) && has_ipv4(b))
                return is_any_ipv4(a) || is_any_ipv4(b) || a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr;
        if (a->any.sa_family == AF_INET || b->any.sa_family == AF_INET)
                return false;
        return is_any_ipv6(a) || is_any_ipv6(b) || IN6_ARE_ADDR_EQUAL(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr);
}

const char *listen_address_path(const struct listen_address *address) {
        return address->any.sa_family == AF_UNIX && address->local.sun_path[0] ? address->local.sun_path : NULL;
}
