/* SPDX-License-Identifier: MIT */

/*
 * Telling the daemon: sd_notify's datagrams, without libsystemd
 *
 * The manager may be restarted just now: its socket is held by the keeper, so the datagram waits there.
 * Should the queue of the socket be full, we wait for it, but not for ever.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "ganger.h"

#define NOTIFY_ENV "NOTIFY_SOCKET"
#define NOTIFY_TIMEOUT_SEC 5
/** Bytes of a status text. */
#define STATUS_MAX 512

/** A path, or "@name" in the abstract namespace, as systemd has it. */
static int notify_address(const char *text, struct sockaddr_un *ret, socklen_t *ret_size) {
        size_t n = strlen(text);

        if ((text[0] != '/' && text[0] != '@') || n < 2 || n >= sizeof ret->sun_path)
                return -EINVAL;
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret->sun_path, text, n);
        *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (text[0] == '@')
                ret->sun_path[0] = '\0';
        else
                ++*ret_size;
        return 0;
}

static int notify(const char *message) {
        const struct timeval timeout = { .tv_sec = NOTIFY_TIMEOUT_SEC };
        const char *path = getenv(NOTIFY_ENV);
        struct sockaddr_un address;
        _cleanup_(closep) int fd = -1;
        socklen_t size;
        int r;

        if (!path || !path[0])
                return 0;
        r = notify_address(path, &address, &size);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0)
                return -errno;
        while (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/** The length of the UTF-8 sequence at `s`, or 0: none, too long a form, a surrogate, or beyond Unicode. */
static size_t utf8_length(const unsigned char *s) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
        uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

        for (size_t i = 1; i < n; i++) {
                if (s[i] >> 6 != 2)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        return n && c >= least[n] && (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff ? n : 0;
}

static bool is_one_line(const char *text) {
        const unsigned char *s = (const unsigned char *)text;

        while (*s) {
                size_t n = utf8_length(s);

                if (n == 0 || *s == '\n' || *s == '\r')
                        return false;
                s += n;
        }
        return true;
}

int ganger_ready(struct ganger *g) {
        return notify("READY=1");
}

int ganger_status(struct ganger *g, const char *text) {
        char message[STATUS_MAX + sizeof "STATUS="];

        if (strnlen(text, STATUS_MAX + 1) > STATUS_MAX || !is_one_line(text))
                return -EINVAL;
        snprintf(message, sizeof message, "STATUS=%s", text);
        return notify(message);
}
