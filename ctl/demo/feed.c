/* SPDX-License-Identifier: MIT */

/*
 * Giving the work out, and taking the sums in
 *
 * Files are given out round after round. The rings are reached as any process reaches them that gangerd did not start.
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "ctl/demo/demo.h"

/** The first line of a sum is shorter. */
#define HEADER_MAX 64

int feed_init(struct feed *f, struct ctl *ctl, struct input *input) {
        int r;

        *f = (struct feed){ .input = input };
        f->samples = calloc(DEMO_SAMPLES_MAX, sizeof *f->samples);
        if (!f->samples)
                return complain(STATUS_FAILED, "%s", strerror(ENOMEM));
        r = attach(ctl, "files", GANGER_SEND, &f->files);
        if (r == STATUS_DONE)
                r = attach(ctl, "totals", GANGER_RECEIVE, &f->totals);
        return r;
}

void feed_done(struct feed *f) {
        attachment_done(&f->files);
        attachment_done(&f->totals);
        tally_done(&f->got);
        free(f->samples);
        f->samples = NULL;
}

int feed_give(struct feed *f) {
        for (;;) {
                struct input_file *file = &f->input->files[f->next];
                int r = ganger_ring_send(f->files.ring, file->path, strlen(file->path), 0);

                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        return r;
                file->times++;
                f->files_fed++;
                f->words_fed += file->words;
                f->next = (f->next + 1) % f->input->n;
        }
}

/** Somebody received a message that a dead one had held: since which death? */
static void note_redelivery(struct feed *f, uint64_t usec) {
        if (f->killed_usec == 0 || usec < f->killed_usec)
                return;
        if (f->n_samples < DEMO_SAMPLES_MAX)
                f->samples[f->n_samples++] = (uint32_t)(usec - f->killed_usec);
        f->killed_usec = 0;
}

/** "word 12\n", after a first line "redelivered COUNT USEC\n". */
static int read_sum(struct feed *f, const char *p, const char *end) {
        char header[HEADER_MAX];
        unsigned long long usec;
        unsigned int count;
        int n = 0;

        snprintf(header, sizeof header, "%.*s", (int)MIN(end - p, (ptrdiff_t)HEADER_MAX), p);
        if (sscanf(header, "redelivered %u %llu%n", &count, &usec, &n) != 2 || header[n] != '\n')
                return -EBADMSG;
        n++;
        if (count > 0)
                note_redelivery(f, usec);
        for (p += n; p < end;) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                const char *blank = newline ? memrchr(p, ' ', (size_t)(newline - p)) : NULL;
                int r;

                if (!blank)
                        return -EBADMSG;
                r = tally_add(&f->got, p, (size_t)(blank - p), strtoll(blank + 1, NULL, 10));
                if (r < 0)
                        return r;
                p = newline + 1;
        }
        return 0;
}

int feed_take(struct feed *f) {
        struct ganger_message m;
        int r;

        while ((r = ganger_ring_receive(f->totals.ring, &m, 0)) == 0) {
                r = read_sum(f, m.data, (const char *)m.data + m.size);
                if (r < 0)
                        return r;
                f->sums++;
                r = ganger_acknowledge(&m);
                if (r < 0)
                        return r;
        }
        return r == -EAGAIN ? 0 : r;
}

static int compare(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

uint32_t feed_percentile(struct feed *f, double share) {
        if (f->n_samples == 0)
                return 0;
        qsort(f->samples, f->n_samples, sizeof *f->samples, compare);
        return f->samples[(size_t)((double)(f->n_samples - 1) * share + 0.5)];
}
