/* SPDX-License-Identifier: MIT */

/*
 * What the verbs share
 *
 * Every failure ends in an exit status here, and in one line on standard error.
 */

#include "ctl/ctl.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

int complain(int status, const char *format, ...) {
        va_list ap;

        fputs("gangerctl: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        putc('\n', stderr);
        return status;
}

void talk(const struct ctl *ctl, const char *format, ...) {
        va_list ap;

        if (option_given(&ctl->options, OPTION_QUIET))
                return;
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        putc('\n', stderr);
}

int status_of_error(int error) {
        switch (error) {
        case 0:
                return STATUS_DONE;
        case -ESRCH:
                return STATUS_NO_SUCH_NAME;
        case -ENOENT:
        case -ECONNREFUSED:
        case -ECONNRESET:
        case -ETIMEDOUT:
                return STATUS_UNREACHABLE;
        case -EPERM:
        case -EACCES:
                return STATUS_NOT_PERMITTED;
        default:
                return STATUS_FAILED;
        }
}

/** Where the socket is, by the options. NULL: the library's default. */
static int socket_path(const struct options *o, char **ret) {
        int n;

        *ret = NULL;
        if (option_given(o, OPTION_SOCKET))
                n = asprintf(ret, "%s", o->socket);
        else if (option_given(o, OPTION_RUNTIME_DIR))
                n = asprintf(ret, "%s/control", o->runtime_dir);
        else
                return 0;
        return n < 0 ? -ENOMEM : 0;
}

int ctl_client(struct ctl *ctl, bool waits) {
        _cleanup_(freep) char *path = NULL;
        int r;

        if (!ctl->client) {
                r = socket_path(&ctl->options, &path);
                if (r == 0)
                        r = ganger_control_new(&ctl->client, path);
                if (r < 0)
                        return complain(STATUS_FAILED, "%s: %s", path ? path : "the control socket", strerror(-r));
        }
        if (option_given(&ctl->options, OPTION_TIMEOUT))
                ganger_control_set_timeout(ctl->client, ctl->options.timeout_usec);
        else
                ganger_control_set_timeout(ctl->client, waits ? GANGER_CONTROL_TIMEOUT_INFINITE
                                                              : GANGER_CONTROL_TIMEOUT_DEFAULT_USEC);
        return STATUS_DONE;
}

int ctl_call(struct ctl *ctl, Ganger__V1__Request *request, bool waits, Ganger__V1__Reply **ret) {
        int r;

        r = ctl_client(ctl, waits);
        if (r != STATUS_DONE)
                return r;
        r = ganger_control_call(ctl->client, request, ret);
        if (r < 0)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        return STATUS_DONE;
}

bool ctl_flush(struct ctl *ctl) {
        if (fflush(ctl->out.file) == 0)
                return !ferror(ctl->out.file);
        ctl->output_error = errno;
        return false;
}

/** Whether a pipe or socket has lost its reader. Asked afresh, since stdio does not keep the error of a write. */
static bool reader_is_gone(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

int ctl_finish(struct ctl *ctl, int status) {
        int error;

        if (ctl_flush(ctl) && !ctl->output_error)
                return status;
        error = ctl->output_error ? ctl->output_error : EIO; /* one that stdio met, and did not keep */
        if (error == EPIPE || reader_is_gone(fileno(ctl->out.file)))
                return status;
        return complain(STATUS_FAILED, "standard output: %s", strerror(error));
}

int parse_number(const char *text, const char *what, uint64_t max, uint64_t *ret) {
        unsigned long long n;
        char *end;

        errno = 0;
        n = strtoull(text, &end, 10);
        if (!isdigit((unsigned char)text[0]) || *end || errno || n > max) {
                complain(0, "%s: '%s' is not a number from 0 to %llu", what, text, (unsigned long long)max);
                return -EINVAL;
        }
        *ret = n;
        return 0;
}
