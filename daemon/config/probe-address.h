/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_PROBE_ADDRESS_H
#define GANGER_CONFIG_PROBE_ADDRESS_H

/*
 * Where a probe goes
 */

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum probe_kind {
        PROBE_NONE,
        PROBE_TCP,
        PROBE_UNIX,
        PROBE_HTTP,
        PROBE_EXEC,             /* a program; has no address */
        _PROBE_KIND_N,
};

#define PROBE_HOST_MAX 64
#define PROBE_PATH_MAX 512

struct probe_address {
        enum probe_kind kind;
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
                struct sockaddr_un un;
        };
        socklen_t size;
        char host[PROBE_HOST_MAX];      /* of http: as it is written, with the port */
        char path[PROBE_PATH_MAX];      /* of http: what is asked for */
};

/**
 * Read an address: tcp "PORT", "HOST:PORT", "[HOST]:PORT"; unix an absolute path; http "http://HOST[:PORT][/PATH]".
 * A host is a number or `localhost`, so that nobody must be asked.
 * @return 0 or -EINVAL.
 */
int probe_address_parse(enum probe_kind kind, const char *text, struct probe_address *ret);

#endif
