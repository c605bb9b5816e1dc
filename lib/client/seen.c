/* SPDX-License-Identifier: MIT */

/*
 * What a stream has given already
 *
 * A source gives its items in order of time, each source for itself (a replay of the past goes instance
 * by instance). So one mark a source is enough: what is older than the mark was given. Marks only filter
 * a replay, until its first new item: later a clock that was set back must not silence the source.
 */

#include "client/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void seen_done(struct seen *s) {
        for (size_t i = 0; i < s->n_marks; i++)
                free(s->marks[i].key);
        free(s->marks);
        *s = SEEN_NULL;
}

void seen_replay(struct seen *s) {
        for (size_t i = 0; i < s->n_marks; i++)
                s->marks[i].replaying = true;
}

static uint64_t hash(const char *text) {
        uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

        for (; *text; text++)
                h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
        return h;
}

static struct mark *find(struct seen *s, const char *key) {
        for (size_t i = 0; i < s->n_marks; i++)
                if (strcmp(s->marks[i].key, key) == 0)
                        return &s->marks[i];
        return NULL;
}

static int add(struct seen *s, const char *key, struct mark **ret) {
        struct mark *marks;
        char *copy;

        marks = reallocarray(s->marks, s->n_marks + 1, sizeof *marks);
        if (!marks)
                return -ENOMEM;
        s->marks = marks;
        copy = strdup(key);
        if (!copy)
                return -ENOMEM;
        marks[s->n_marks] = (struct mark){ .key = copy };
        *ret = &marks[s->n_marks++];
        return 0;
}

static bool is_old(const struct mark *m, uint64_t time_usec, uint64_t tie, bool is_log) {
        if (time_usec != m->time_usec)
                return time_usec < m->time_usec;
        return is_log ? tie == m->tie : tie <= m->tie;
}

int seen_note(struct seen *s, const Ganger__V1__Reply *item, bool replay) {
        bool is_log = item->result_case == GANGER__V1__REPLY__RESULT_LOG;
        const char *key = is_log ? item->log->key : "";
        uint64_t time_usec = is_log ? item->log->realtime_usec : item->event->monotonic_usec;
        uint64_t realtime_usec = is_log ? item->log->realtime_usec : item->event->realtime_usec;
        uint64_t tie = is_log ? hash(item->log->text) : item->event->sequence;
        struct mark *m = find(s, key);
        int r;

        if (m && m->replaying && is_old(m, time_usec, tie, is_log))
                return 0;
        if (!m) {
                if (replay && realtime_usec < s->floor_usec)
                        return 0;
                r = add(s, key, &m);
                if (r < 0)
                        return r;
        }
        m->time_usec = time_usec;
        m->tie = tie;
        m->replaying = false;
        return 1;
}
