/* SPDX-License-Identifier: MIT */

/*
 * sum: a worker of the demo. Word counts of lines come in, sums of many lines go out.
 *
 * It receives until it has enough, adds up, and in one commit sends the sum and acknowledges everything that is
 * in it. Killed before that, all of it is delivered again to somebody else; after that, none.
 *
 * A sum begins with a line that tells when a message was delivered again that a dead process had held:
 * "redelivered COUNT USEC", for the statistics of the demo.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tally.h"
#include "base/time.h"
#include "ganger.h"

#define BATCH 32
/** How long a sum waits for more to add, at most. */
#define COLLECT_USEC 10000
#define HEADER_MAX 64

struct summer {
        struct ganger *gang;
        struct ganger_ring *counts, *totals;
        struct tally tally;
        struct ganger_message batch[BATCH];
        size_t n, bytes;
        unsigned int redelivered;
        uint64_t redelivered_usec;
};

/** Add the words of one message: "word 2 other 1". */
static int add(struct summer *s, const struct ganger_message *m) {
        const char *p = m->data, *end = p + m->size;

        while (p < end) {
                const char *blank = memchr(p, ' ', (size_t)(end - p));
                int64_t count = 0;
                int r;

                if (!blank)
                        return -EBADMSG;
                const char *digit = blank + 1;
                for (; digit < end && *digit != ' '; digit++)
                        count = count * 10 + (*digit - '0');
                r = tally_add(&s->tally, p, (size_t)(blank - p), count);
                if (r < 0)
                        return r;
                p = digit + 1;
        }
        return 0;
}

static int take(struct summer *s, int64_t timeout_usec) {
        struct ganger_message *m = &s->batch[s->n];
        int r = ganger_ring_receive(s->counts, m, timeout_usec);

        if (r < 0)
                return r;
        s->n++;
        s->bytes += m->size;
        if (m->deliveries > 1) {
                s->redelivered++;
                s->redelivered_usec = now_usec();
        }
        return add(s, m);
}

/** Receive what comes within a while, as much as one sum can hold. @return 0, or an error of the first receive. */
static int collect(struct summer *s) {
        size_t room = ganger_ring_message_max(s->totals) - HEADER_MAX;
        uint64_t end, now;
        int r;

        s->n = s->bytes = s->redelivered = 0;
        tally_clear(&s->tally);
        r = take(s, -1);
        end = now_usec() + COLLECT_USEC;
        while (r == 0 && s->n < BATCH && s->bytes + ganger_ring_message_max(s->counts) <= room && (now = now_usec()) < end)
                r = take(s, (int64_t)(end - now));
        return r == -ETIMEDOUT || (r == -ESHUTDOWN && s->n > 0) ? 0 : r;
}

/** A sum is never longer than what it adds up: "word 12\n" for "word 5 ", "word 7 ". */
static void write_sum(struct summer *s, struct ganger_message *m) {
        char *p = m->data;

        p += sprintf(p, "redelivered %u %llu\n", s->redelivered, (unsigned long long)s->redelivered_usec);
        tally_for_each(e, &s->tally) {
                memcpy(p, e->name, e->length);
                p += e->length;
                p += sprintf(p, " %lld\n", (long long)e->count);
        }
        m->size = (size_t)(p - (char *)m->data);
}

static int emit(struct summer *s) {
        struct ganger_message sum, *out = &sum, *in[BATCH];
        int r;

        r = ganger_ring_reserve(s->totals, s->bytes + s->n + HEADER_MAX, &sum, -1);
        if (r < 0)
                return r;
        write_sum(s, &sum);
        for (size_t i = 0; i < s->n; i++)
                in[i] = &s->batch[i];
        return ganger_forward_many(in, s->n, &out, 1);
}

static int run(struct summer *s) {
        for (;;) {
                int r = collect(s);

                if (r == -ESHUTDOWN)
                        return 0;
                if (r < 0)
                        return r;
                r = emit(s);
                if (r < 0)
                        return r;
        }
}

int main(void) {
        static struct summer s;
        int r = ganger_join(&s.gang, NULL);

        if (r >= 0)
                r = ganger_ring_open(s.gang, "counts", GANGER_RECEIVE, &s.counts);
        if (r >= 0)
                r = ganger_ring_open(s.gang, "totals", GANGER_SEND, &s.totals);
        if (r >= 0)
                r = ganger_ready(s.gang);
        if (r >= 0)
                r = run(&s);
        if (r < 0)
                fprintf(stderr, "sum: %s\n", strerror(-r));
        tally_done(&s.tally);
        ganger_leave(s.gang);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
