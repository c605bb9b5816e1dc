/* SPDX-License-Identifier: MIT */

/*
 * call: one call of a service
 */

#include <errno.h>
#include <string.h>

#include "ctl/attach.h"
#include "ctl/verbs.h"

/** Read all of standard input, up to `max` bytes and one. @return STATUS_DONE, or STATUS_FAILED after complaining. */
static int read_input(char *buf, size_t max, size_t *ret) {
        size_t n = fread(buf, 1, max + 1, stdin);

        if (ferror(stdin))
                return complain(STATUS_FAILED, "standard input: %s", strerror(errno));
        *ret = n;
        return STATUS_DONE;
}

/** What became of the call. @param text  of the server, where it refused. */
static int tell_failure(const struct ctl *ctl, int error, const char *text, size_t max) {
        const char *name = ctl->args[0];

        switch (-error) {
        case EREMOTEIO:
                return complain(STATUS_FAILED, "service '%s' refused: %s", name, text);
        case ECONNRESET:
                return complain(STATUS_FAILED, "service '%s': the server died over it: %s", name, text);
        case ETIMEDOUT:
                return complain(STATUS_FAILED, "service '%s': no reply in time", name);
        case EMSGSIZE:
                return complain(STATUS_FAILED, "the request is longer than service '%s' takes: %zu bytes", name, max);
        default:
                return complain(STATUS_FAILED, "service '%s': %s", name, strerror(-error));
        }
}

static int call(struct ctl *ctl, struct ganger_service *service, const char *request, size_t size) {
        size_t max = ganger_service_message_max(service), reply_size = 0;
        uint64_t timeout = ctl->options.timeout_usec;
        int64_t wait = option_given(&ctl->options, OPTION_TIMEOUT) && timeout <= INT64_MAX ? MAX((int64_t)timeout, 1) : -1;
        _cleanup_(freep) char *reply = malloc(max + 1);
        int r;

        if (!reply)
                return complain(STATUS_FAILED, "out of memory");
        reply[0] = '\0';
        r = ganger_service_call(service, request, size, reply, max + 1, &reply_size, wait);
        reply[max] = '\0';
        if (r < 0)
                return tell_failure(ctl, r, reply, max);
        ctl->out.ops->called(&ctl->out, ctl->args[0], reply, reply_size);
        return STATUS_DONE;
}

int verb_call(struct ctl *ctl) {
        _cleanup_(attachment_done) struct attachment a = { 0 };
        _cleanup_(freep) char *input = NULL;
        size_t max, size = 0;
        int r;

        r = attach_service(ctl, ctl->args[0], GANGER_SEND, &a);
        if (r != STATUS_DONE)
                return r;
        if (ctl->n_args > 1)
                return call(ctl, a.service, ctl->args[1], strlen(ctl->args[1]));
        max = ganger_service_message_max(a.service);
        input = malloc(max + 1);
        if (!input)
                return complain(STATUS_FAILED, "out of memory");
        r = read_input(input, max, &size);
        return r != STATUS_DONE ? r : call(ctl, a.service, input, size);
}
