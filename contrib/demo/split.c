/* SPDX-License-Identifier: MIT */

/*
 * split: a worker of the demo. Files come in by name, their lines go out.
 *
 * It keeps nothing in memory that its death could lose. How far it is in a file is itself a message, on the ring
 * `cursor`: each step receives it, and in one commit sends some lines, sends the cursor of the next step, and
 * acknowledges the old one. Killed anywhere, its replacement goes on with the line after the last one sent.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ganger.h"

/** Lines sent in one step; with the cursor they must fit one forward. */
#define STEP_LINES 24
#define READ_SIZE (128 * 1024)

struct splitter {
        struct ganger *gang;
        struct ganger_ring *files, *cursor, *lines;
        char path[4096];
        int fd;
        char buffer[READ_SIZE];
};

/** Where the next step begins. */
struct place {
        long long offset;
        char path[4096];
};

static int place_read(const struct ganger_message *m, int has_offset, struct place *ret) {
        const char *text = m->data;
        size_t size = m->size;
        char *end;

        ret->offset = 0;
        if (has_offset) {
                ret->offset = strtoll(text, &end, 10);
                end++; /* a blank */
                size -= (size_t)(end - text);
                text = end;
        }
        if (size >= sizeof ret->path)
                return -ENAMETOOLONG;
        memcpy(ret->path, text, size);
        ret->path[size] = '\0';
        return 0;
}

/** Open the file of a place, unless it is the one that is open. */
static int open_place(struct splitter *s, const struct place *p) {
        if (s->fd >= 0 && strcmp(s->path, p->path) == 0)
                return 0;
        if (s->fd >= 0)
                close(s->fd);
        s->fd = open(p->path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
                return -errno;
        strcpy(s->path, p->path);
        return 0;
}

/** The length of the next line, at most `max`; one that is longer is cut behind a blank. */
static size_t line_length(const char *text, size_t size, size_t max) {
        size_t look = size < max ? size : max;
        const char *newline = memchr(text, '\n', look);

        if (newline)
                return (size_t)(newline - text) + 1;
        if (size <= max)
                return size;
        for (size_t n = max; n > 0; n--)
                if (strchr(" \t\v\f\r", text[n - 1]))
                        return n;
        return max;
}

static int send_line(struct splitter *s, const char *text, size_t length, struct ganger_message *ret) {
        int r;

        if (length > 0 && text[length - 1] == '\n')
                length--;
        r = ganger_ring_reserve(s->lines, length, ret, -1);
        if (r < 0)
                return r;
        memcpy(ret->data, text, length);
        ret->size = length;
        return 0;
}

static int send_cursor(struct splitter *s, const struct place *p, long long offset, struct ganger_message *ret) {
        int r = ganger_ring_reserve(s->cursor, strlen(p->path) + 24, ret, -1);

        if (r < 0)
                return r;
        ret->size = (size_t)sprintf(ret->data, "%lld %s", offset, p->path);
        return 0;
}

/** One step from a place: some lines, and the next place. */
static int step(struct splitter *s, struct ganger_message *in, const struct place *p) {
        struct ganger_message messages[STEP_LINES + 1], *out[STEP_LINES + 1];
        size_t max = ganger_ring_message_max(s->lines), used = 0, n = 0, size;
        ssize_t got;
        int r;

        r = open_place(s, p);
        if (r < 0)
                return r;
        got = pread(s->fd, s->buffer, sizeof s->buffer - 1, p->offset);
        if (got < 0)
                return -errno;
        size = (size_t)got;
        /* Unless it is the end of the file, the last line in the buffer may go on: it waits for the next step. */
        while (n < STEP_LINES && used < size && (size - used > max || memchr(s->buffer + used, '\n', size - used) ||
                                                 size < sizeof s->buffer - 1)) {
                size_t length = line_length(s->buffer + used, size - used, max);

                r = send_line(s, s->buffer + used, length, &messages[n]);
                if (r < 0)
                        return r;
                out[n] = &messages[n];
                used += length;
                n++;
        }
        if (used > 0) {
                r = send_cursor(s, p, p->offset + (long long)used, &messages[n]);
                if (r < 0)
                        return r;
                out[n] = &messages[n];
                n++;
        }
        return ganger_forward_many(&in, 1, out, n);
}

/** What to do next: go on where the last step, maybe of another process, ended; else the next file. */
static int next(struct splitter *s, struct ganger_message *ret, struct place *ret_place) {
        int r = ganger_ring_receive(s->cursor, ret, 0);

        if (r == 0)
                return place_read(ret, 1, ret_place);
        if (r != -EAGAIN)
                return r;
        r = ganger_ring_receive(s->files, ret, -1);
        if (r < 0)
                return r;
        return place_read(ret, 0, ret_place);
}

static int run(struct splitter *s) {
        struct ganger_message m;
        struct place place;
        int r;

        for (;;) {
                r = next(s, &m, &place);
                if (r == -ESHUTDOWN)
                        return 0;
                if (r < 0)
                        return r;
                r = step(s, &m, &place);
                if (r < 0) {
                        fprintf(stderr, "%s: %s\n", place.path, strerror(-r));
                        return r;
                }
        }
}

static int open_rings(struct splitter *s) {
        int r = ganger_ring_open(s->gang, "files", GANGER_RECEIVE, &s->files);

        if (r >= 0)
                r = ganger_ring_open(s->gang, "cursor", GANGER_RECEIVE | GANGER_SEND, &s->cursor);
        if (r >= 0)
                r = ganger_ring_open(s->gang, "lines", GANGER_SEND, &s->lines);
        return r;
}

int main(void) {
        static struct splitter s = { .fd = -1 };
        int r = ganger_join(&s.gang, NULL);

        if (r >= 0)
                r = open_rings(&s);
        if (r >= 0)
                r = ganger_ready(s.gang);
        if (r >= 0)
                r = run(&s);
        if (r < 0)
                fprintf(stderr, "split: %s\n", strerror(-r));
        ganger_leave(s.gang);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
