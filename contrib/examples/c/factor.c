/* SPDX-License-Identifier: MIT */

/*
 * factor: a number comes in, its prime factors go out
 */

#include <errno.h>
#include <ganger.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** "18446744073709551615", and as many factors as there can be. */
#define RESULT_MAX 256

static struct ganger *gang;

static void stop(int number) {
        (void)number;
        ganger_interrupt(gang);
}

static int parse(const struct ganger_message *m, unsigned long long *ret) {
        char text[24], *end;

        if (m->size == 0 || m->size >= sizeof text)
                return -EINVAL;
        memcpy(text, m->data, m->size);
        text[m->size] = '\0';
        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno || *end || text[0] < '0' || text[0] > '9' ? -EINVAL : 0;
}

/** "12: 2 2 3". @return its length. */
static size_t factors(unsigned long long n, char *ret) {
        char *p = ret + sprintf(ret, "%llu:", n);

        for (unsigned long long d = 2; d <= n / d; d++)
                for (; n % d == 0; n /= d)
                        p += sprintf(p, " %llu", d);
        if (n > 1)
                p += sprintf(p, " %llu", n);
        return (size_t)(p - ret);
}

static int step(struct ganger_ring *from, struct ganger_ring *to) {
        struct ganger_message in, out;
        unsigned long long n;
        int r;

        r = ganger_ring_receive(from, &in, -1);
        if (r < 0)
                return r;
        if (parse(&in, &n) < 0)
                return ganger_reject(&in, "not a number");
        do
                r = ganger_ring_reserve(to, RESULT_MAX, &out, -1);
        while (r == -EINTR);
        if (r < 0)
                return r;
        out.size = factors(n, out.data);
        return ganger_forward(&in, &out);
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
