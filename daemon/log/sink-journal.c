/* SPDX-License-Identifier: MIT */

/*
 * The sink `journal`: journald's native protocol
 *
 * sd_journal_sendv(3) is not used, because its socket blocks while journald does not read, and it
 * hides an absent journald. The protocol is public and small (systemd.io/JOURNAL_NATIVE_PROTOCOL):
 * one datagram a record, of fields NAME=value, or name, little-endian length and value where
 * the value may contain a newline. A record is far smaller than a datagram may be.
 *
 * The address is given with each datagram, so that a journald that was started anew is found again.
 */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/log/lines.h"
#include "daemon/log/sink.h"

/** What libsystemd asks for; the kernel grants an ordinary user less. */
#define SEND_BUFFER (8 * 1024 * 1024)

/** Room for all fields but the message. */
#define FIELDS_MAX (2 * NAME_LENGTH_MAX + 256)

static int journal_open(struct log_sink *sink) {
        int size = SEND_BUFFER;

        if (strlen(sink->journal_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
                return -ENAMETOOLONG;
        if (access(sink->journal_path, W_OK) < 0)
                return -errno;
        sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sink->fd < 0)
                return -errno;
        /* A smaller buffer only means that lines are dropped sooner. */
        setsockopt(sink->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        return 0;
}

/* Every value here is a name or a number: none contains a newline. */
static size_t format_fields(char *buf, size_t size, const struct log_record *record) {
        const struct log_source *from = &record->source;
        int n;

        n = snprintf(buf, size, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%.*s\n", record->priority & LOG_PRIMASK,
                     NAME_LENGTH_MAX, from->worker ?: "gangerd");
        if (from->worker)
                n += snprintf(buf + n, size - (size_t)n,
                              "GANGER_WORKER=%.*s\nGANGER_INSTANCE=%u\nGANGER_STREAM=%s\n",
                              NAME_LENGTH_MAX, from->worker, from->instance, log_stream_name(from->stream));
        if (from->worker && from->generation > 0)
                n += snprintf(buf + n, size - (size_t)n, "GANGER_GENERATION=%" PRIu64 "\n", from->generation);
        if (from->worker && from->pid > 0)
                n += snprintf(buf + n, size - (size_t)n, "OBJECT_PID=%d\n", from->pid);
        if (record->continued)
                n += snprintf(buf + n, size - (size_t)n, "GANGER_CONTINUED=1\n");
        return (size_t)n;
}

static int journal_write(struct log_sink *sink, const struct log_record *record) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uint64_t length = htole64(record->size);
        char fields[FIELDS_MAX];
        struct iovec iov[] = {
                { fields, format_fields(fields, sizeof fields, record) },
                { (char *)"MESSAGE\n", 8 },
                { &length, sizeof length },
                { (char *)record->text, record->size },
                { (char *)"\n", 1 },
        };
        struct msghdr message = {
                .msg_name = &address, .msg_namelen = sizeof address,
                .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov),
        };
        ssize_t n;

        strcpy(address.sun_path, sink->journal_path);
        do
                n = sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

static void journal_close(struct log_sink *sink) {
        sink->fd = close_fd(sink->fd);
}

const struct log_sink_type log_sink_journal = { "journal", journal_open, journal_write, journal_close };
