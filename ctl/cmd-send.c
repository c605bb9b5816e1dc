/* SPDX-License-Identifier: MIT */

/*
 * send: messages from the command line, or from the lines of standard input
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctl/attach.h"
#include "ctl/verbs.h"

static int send_one(const struct ctl *ctl, struct attachment *a, const void *data, size_t size, uint64_t number) {
        uint64_t timeout = ctl->options.timeout_usec;
        int64_t wait = option_given(&ctl->options, OPTION_TIMEOUT) && timeout <= INT64_MAX ? (int64_t)timeout : -1;
        int r;

        do
                r = attachment_send(a, data, size, wait);
        while (r == -EINTR);
        if (r == -EMSGSIZE)
                return complain(STATUS_FAILED, "message %" PRIu64 " has %zu bytes; ring '%s' takes %zu at most", number,
                                size, ctl->args[0], attachment_message_max(a));
        if (r == -EDQUOT)
                return complain(STATUS_FAILED, "message %" PRIu64 ": ring '%s' has too many dead letters; see 'gangerctl dead'",
                                number, ctl->args[0]);
        if (r == -EAGAIN || r == -ETIMEDOUT)
                return complain(STATUS_FAILED, "message %" PRIu64 ": ring '%s' is full", number, ctl->args[0]);
        if (r < 0)
                return complain(STATUS_FAILED, "message %" PRIu64 ": %s", number, strerror(-r));
        return STATUS_DONE;
}

static int send_arguments(struct ctl *ctl, struct attachment *a, uint64_t *sent) {
        for (int i = 1; i < ctl->n_args; i++, ++*sent) {
                int r = send_one(ctl, a, ctl->args[i], strlen(ctl->args[i]), *sent + 1);

                if (r != STATUS_DONE)
                        return r;
        }
        return STATUS_DONE;
}

static int send_lines(struct ctl *ctl, struct attachment *a, uint64_t *sent) {
        _cleanup_(freep) char *line = NULL;
        size_t capacity = 0;
        ssize_t n;

        while ((n = getline(&line, &capacity, stdin)) >= 0) {
                int r;

                if (n > 0 && line[n - 1] == '\n')
                        n--;
                r = send_one(ctl, a, line, (size_t)n, *sent + 1);
                if (r != STATUS_DONE)
                        return r;
                ++*sent;
        }
        if (ferror(stdin))
                return complain(STATUS_FAILED, "standard input: %s", strerror(errno));
        return STATUS_DONE;
}

int verb_send(struct ctl *ctl) {
        _cleanup_(attachment_done) struct attachment a = { 0 };
        uint64_t sent = 0;
        int r;

        r = attach(ctl, ctl->args[0], GANGER_SEND, &a);
        if (r != STATUS_DONE)
                return r;
        r = ctl->n_args > 1 ? send_arguments(ctl, &a, &sent) : send_lines(ctl, &a, &sent);
        ctl->out.ops->sent(&ctl->out, ctl->args[0], sent);
        talk(ctl, "%" PRIu64 " sent", sent);
        return r;
}
