/* SPDX-License-Identifier: MIT */

/*
 * The last lines of an instance
 *
 * Invariant: at most LOG_TAIL_LINES lines and LOG_TAIL_BYTES bytes are held between two calls. A line
 * is at most LOG_LINE_MAX long, so the newest always fits.
 */

#include "daemon/log/tail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/log/lines.h"

static size_t cost(size_t text_size) {
        return sizeof(struct log_tail_line) + text_size + 1;
}

static_assert(sizeof(struct log_tail_line) + LOG_LINE_MAX + 1 <= LOG_TAIL_BYTES, "the longest line fits");

void log_tail_init(struct log_tail *t) {
        *t = (struct log_tail){ 0 };
        list_init(&t->lines);
}

static void drop_oldest(struct log_tail *t) {
        struct log_tail_line *line = list_entry(t->lines.next, struct log_tail_line, link);

        t->n--;
        t->bytes -= cost(line->size);
        list_unlink(&line->link);
        free(line);
}

void log_tail_done(struct log_tail *t) {
        while (t->n)
                drop_oldest(t);
}

void log_tail_add(struct log_tail *t, const struct log_record *record) {
        size_t size = log_text_cut(record->text, record->size, LOG_LINE_MAX);
        struct log_tail_line *line;

        while (t->n && (t->n >= LOG_TAIL_LINES || t->bytes + cost(size) > LOG_TAIL_BYTES))
                drop_oldest(t);

        t->dropped += record->dropped;
        line = malloc(cost(size));
        if (!line) {
                t->dropped++;
                return;
        }
        *line = (struct log_tail_line){
                .stream = record->source.stream,
                .priority = record->priority,
                .pid = record->source.pid,
                .realtime_usec = record->realtime_usec,
                .generation = record->source.generation,
                .dropped = TAKE_GENERIC(t->dropped, 0),
                .continued = record->continued,
                .size = size,
        };
        memcpy(line->text, record->text, size);
        line->text[size] = 0;
        list_append(&t->lines, &line->link);
        t->n++;
        t->bytes += cost(size);
}

void log_tail_claim(struct log_tail *t, pid_t pid) {
        for (struct list *it = t->lines.prev; it != &t->lines; it = it->prev) {
                struct log_tail_line *line = list_entry(it, struct log_tail_line, link);

                if (line->pid != 0)
                        break;
                line->pid = pid;
        }
}

const struct log_tail_line *log_tail_last(const struct log_tail *t, size_t n) {
        const struct list *at = &t->lines;

        for (size_t i = MIN(n, t->n); i > 0; i--)
                at = at->prev;
        return at == &t->lines ? NULL : list_entry(at, const struct log_tail_line, link);
}

const struct log_tail_line *log_tail_last_of(const struct log_tail *t, size_t n, const struct log_filter *filter) {
        const struct log_tail_line *first = NULL;

        for (const struct list *at = t->lines.prev; at != &t->lines && n > 0; at = at->prev) {
                const struct log_tail_line *line = list_entry(at, const struct log_tail_line, link);

                if (!log_filter_takes(filter, line->realtime_usec, line->priority))
                        continue;
                first = line;
                n--;
        }
        return first;
}

const struct log_tail_line *log_tail_next(const struct log_tail *t, const struct log_tail_line *line) {
        const struct list *next = line->link.next;

        return next == &t->lines ? NULL : list_entry(next, const struct log_tail_line, link);
}
