/* SPDX-License-Identifier: MIT */

/*
 * split: numbers with blanks between them come in, a message for each goes out
 *
 * All of them are sent, and what came in acknowledged, in one step: killed at any moment, it has sent all or none.
 */

#include <errno.h>
#include <ganger.h>
#include <signal.h>
#include <string.h>

/** How many messages go out for one: with that one, they are as many as one step can have. */
#define OUT_MAX (GANGER_FORWARD_MAX - 1)

static struct ganger *gang;

static void stop(int number) {
        (void)number;
        ganger_interrupt(gang);
}

static int add(struct ganger_ring *to, const char *word, size_t size, struct ganger_message *ret) {
        int r;

        do
                r = ganger_ring_reserve(to, size, ret, -1);
        while (r == -EINTR);
        if (r < 0)
                return r;
        memcpy(ret->data, word, size);
        ret->size = size;
        return 0;
}

/** Reserve a message for each word. @return how many; or an error, and some may be reserved. */
static int fill(const struct ganger_message *in, struct ganger_ring *to, struct ganger_message *messages, size_t *ret_n) {
        const char *p = in->data, *end = p + in->size;

        for (*ret_n = 0; p < end; p++) {
                const char *blank = memchr(p, ' ', (size_t)(end - p));
                size_t size = (size_t)((blank ? blank : end) - p);
                int r;

                if (size == 0)
                        continue;
                if (*ret_n == OUT_MAX)
                        return -E2BIG;
                r = add(to, p, size, &messages[*ret_n]);
                if (r < 0)
                        return r;
                ++*ret_n;
                p += size;
        }
        return 0;
}

static int step(struct ganger_ring *from, struct ganger_ring *to) {
        struct ganger_message in, messages[OUT_MAX], *in_list[] = { &in }, *out[OUT_MAX];
        size_t n;
        int r;

        r = ganger_ring_receive(from, &in, -1);
        if (r < 0)
                return r;
        r = fill(&in, to, messages, &n);
        for (size_t i = 0; i < n; i++)
                out[i] = &messages[i];
        if (r >= 0)
                return ganger_forward_many(in_list, 1, out, n);
        for (size_t i = 0; i < n; i++)
                ganger_cancel(out[i]);
        return ganger_reject(&in, r == -E2BIG ? "too many numbers" : r == -EMSGSIZE ? "too long a number" : strerror(-r));
}

int main(void) {
        struct sigaction action = { .sa_handler = stop };
        struct ganger_ring *from, *to;
        int r;

        r = ganger_join(&gang, NULL);
        if (r >= 0)
                r = ganger_ring_open(gang, NULL, GANGER_RECEIVE, &from);
        if (r >= 0)
                r = ganger_ring_open(gang, NULL, GANGER_SEND, &to);
        if (r < 0)
                return 1;
        sigaction(SIGTERM, &action, NULL);
        ganger_ready(gang);
        do
                r = step(from, to);
        while (r >= 0 || r == -EINTR);
        ganger_leave(gang);
        return r == -ESHUTDOWN ? 0 : 1;
}
