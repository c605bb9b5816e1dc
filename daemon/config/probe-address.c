/* SPDX-License-Identifier: MIT */

/*
 * Where a probe goes
 */

#include "daemon/config/probe-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/values.h"

#define HTTP "http://"
#define HTTP_PORT "80"

static int parse_host(const char *host, const char *port, struct probe_address *ret) {
        uint64_t number;

        if (number_parse(port, &number) < 0 || number == 0 || number > UINT16_MAX)
                return -EINVAL;
        if (host[0] == '\0' || strcmp(host, "localhost") == 0)
                host = "127.0.0.1";
        if (inet_pton(AF_INET, host, &ret->in.sin_addr) == 1) {
                ret->in.sin_family = AF_INET;
                ret->in.sin_port = htons((uint16_t)number);
                ret->size = sizeof ret->in;
                return 0;
        }
        if (inet_pton(AF_INET6, host, &ret->in6.sin6_addr) != 1)
                return -EINVAL;
        ret->in6.sin6_family = AF_INET6;
        ret->in6.sin6_port = htons((uint16_t)number);
        ret->size = sizeof ret->in6;
        return 0;
}

/* @param port_default  NULL: there must be one, and it may stand alone. */
static int parse_tcp(const char *text, const char *port_default, struct probe_address *ret) {
        char host[PROBE_HOST_MAX];
        const char *port, *end;

        if (text[0] == '[') {
                text++;
                end = strchr(text, ']');
                if (!end || (end[1] != ':' && end[1] != '\0'))
                        return -EINVAL;
                port = end[1] ? end + 2 : port_default;
        } else {
                end = strchrnul(text, ':');
                port = *end ? end + 1 : port_default;
                if (!*end && !port_default) {
                        port = text;
                        end = text;
                }
        }
        if (!port || (size_t)(end - text) >= sizeof host)
                return -EINVAL;
        memcpy(host, text, (size_t)(end - text));
        host[end - text] = '\0';
        return parse_host(host, port, ret);
}

static int parse_unix(const char *text, struct probe_address *ret) {
        size_t n = strlen(text);

        if (text[0] != '/' || n >= sizeof ret->un.sun_path)
                return -EINVAL;
        ret->un.sun_family = AF_UNIX;
        memcpy(ret->un.sun_path, text, n + 1);
        ret->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
        return 0;
}

static int parse_http(const char *text, struct probe_address *ret) {
        size_t n;

        if (strncmp(text, HTTP, strlen(HTTP)) != 0)
                return -EINVAL;
        text += strlen(HTTP);
        n = strcspn(text, "/");
        if (n == 0 || n >= sizeof ret->host || strpbrk(text, " \r\n\t"))
                return -EINVAL;
        memcpy(ret->host, text, n);
        ret->host[n] = '\0';
        if (snprintf(ret->path, sizeof ret->path, "%s", text[n] ? text + n : "/") >= (int)sizeof ret->path)
                return -EINVAL;
        return parse_tcp(ret->host, HTTP_PORT, ret);
}

int probe_address_parse(enum probe_kind kind, const char *text, struct probe_address *ret) {
        *ret = (struct probe_address){ .kind = kind };
        switch (kind) {
        case PROBE_TCP:
                return parse_tcp(text, NULL, ret);
        case PROBE_UNIX:
                return parse_unix(text, ret);
        case PROBE_HTTP:
                return parse_http(text, ret);
        default:
                return -EINVAL;
        }
}
