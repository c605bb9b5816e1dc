/* SPDX-License-Identifier: MIT */

/*
 * logs: the last lines of the instances, and what they write from now on
 *
 * The past is taken from the tails, instance by instance, as the connection has room; for one that was not
 * come to yet, a new line is in its tail by then. Lines are not kept for a slow reader: those that find no
 * room are counted, and the next one that gets through says how many were left out.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/calls.h"
#include "daemon/control/grants.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/lines.h"
#include "daemon/worker.h"

/** Names that one stream is about; each line is compared with them. */
#define LOGS_NAMES_MAX 256
/** What a whole tail takes in frames: its text, and some 120 bytes a line beside. */
#define TAIL_ROOM ((size_t)LOG_TAIL_BYTES * 2)

struct log_stream_request {
        struct pending pending;
        struct log_listener listener;   /* linked if it follows */
        struct gang *gang;
        char **names;                   /* of workers or instances; none: all */
        size_t n_names;
        uint32_t lines;
        struct log_filter filter;
        bool follow;
        bool past;                      /* there may be more of the past … */
        size_t worker;                  /* … from the instance `number` of this worker on, counted from 0 */
        size_t number;
        uint64_t dropped;               /* left out since the last line that was sent */
};

/** May the peer see it now? It may have been named when that was so, and a reload has come in between. */
static bool shows(const struct log_stream_request *s, const char *worker) {
        struct connection *c = s->pending.connection;

        return grants_on_worker(c->control, &c->peer, worker_find(s->gang, worker)) & CONTROL_VIEW;
}

static bool wants(const struct log_stream_request *s, const char *worker, const char *key) {
        for (size_t i = 0; i < s->n_names; i++)
                if (strcmp(s->names[i], worker) == 0 || strcmp(s->names[i], key) == 0)
                        return true;
        return s->n_names == 0;
}

static bool line_send(struct log_stream_request *s, Ganger__V1__LogLine *line) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        line->dropped += s->dropped;
        reply.id = s->pending.id;
        reply.more = true;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOG;
        reply.log = line;
        if (!connection_stream(s->pending.connection, &reply))
                return false;
        s->dropped = 0;
        return true;
}

/* ---- the past ---------------------------------------------------------------------------------- */

static void tail_line_send(struct log_stream_request *s, struct instance *instance,
                           const struct log_tail_line *line) {
        Ganger__V1__LogLine m = GANGER__V1__LOG_LINE__INIT;

        m.key = instance->key;
        m.worker = instance->worker->name;
        m.instance = instance->number;
        m.stream = (char *)log_stream_name(line->stream);
        m.realtime_usec = line->realtime_usec;
        m.priority = line->priority;
        m.text = (char *)line->text;
        m.pid = (int32_t)line->pid;
        m.generation = line->generation;
        m.continued = line->continued;
        m.dropped = line->dropped;
        if (!line_send(s, &m))
                s->dropped += 1 + line->dropped;
}

/** A tail is sent as a whole, if there is room at its beginning. @return whether there was. */
static bool tail_send(struct log_stream_request *s, struct instance *instance) {
        const struct log_tail_line *line;

        if (!instance || !wants(s, instance->worker->name, instance->key) || !shows(s, instance->worker->name))
                return true;
        if (s->lines == 0)
                return true;
        if (!connection_has_room(s->pending.connection, TAIL_ROOM))
                return false;
        line = log_tail_last_of(&instance->tail, s->lines, &s->filter);
        for (; line; line = log_tail_next(&instance->tail, line))
                if (log_filter_takes(&s->filter, line->realtime_usec, line->priority))
                        tail_line_send(s, instance, line);
        return true;
}

/** @return whether all of the past was sent. */
static bool past_send(struct log_stream_request *s) {
        size_t index = 0;

        list_for_each(it, &s->gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (index++ < s->worker)
                        continue;
                for (; s->number < worker->n_instances; s->number++)
                        if (!tail_send(s, worker->instances[s->number]))
                                return false;
                s->worker = index;
                s->number = 0;
        }
        s->past = false;
        return true;
}

/** Whether the past of an instance was sent already, while that of others was not. */
static bool past_is_sent(const struct log_stream_request *s, const struct log_source *from) {
        size_t index = 0;

        list_for_each(it, &s->gang->workers) {
                if (index == s->worker)
                        return strcmp(list_entry(it, struct worker, link)->name, from->worker) == 0 &&
                               from->instance < s->number;
                if (strcmp(list_entry(it, struct worker, link)->name, from->worker) == 0)
                        return true;
                index++;
        }
        return true;
}

/* ---- what comes -------------------------------------------------------------------------------- */

static void on_line(struct log_listener *listener, const struct log_record *record) {
        struct log_stream_request *s = list_entry(listener, struct log_stream_request, listener);
        const struct log_source *from = &record->source;
        Ganger__V1__LogLine m = GANGER__V1__LOG_LINE__INIT;
        char text[LOG_LINE_MAX + 1];
        size_t size = MIN(record->size, (size_t)LOG_LINE_MAX);

        if (!from->worker || !from->key || !wants(s, from->worker, from->key) ||
            !log_filter_takes(&s->filter, record->realtime_usec, record->priority) || !shows(s, from->worker))
                return;
        if (s->past && !past_is_sent(s, from))
                return;
        if (s->past || !connection_has_room(s->pending.connection, 0)) {
                s->dropped += 1 + record->dropped;
                return;
        }
        memcpy(text, record->text, size);
        text[size] = 0;
        m.key = (char *)from->key;
        m.worker = (char *)from->worker;
        m.instance = from->instance;
        m.stream = (char *)log_stream_name(from->stream);
        m.realtime_usec = record->realtime_usec;
        m.priority = record->priority;
        m.text = text;
        m.pid = (int32_t)from->pid;
        m.generation = from->generation;
        m.continued = record->continued;
        m.dropped = record->dropped;
        if (!line_send(s, &m))
                s->dropped += 1 + record->dropped;
}

/* ---- the stream -------------------------------------------------------------------------------- */

static int log_stream_pull(struct pending *pending) {
        struct log_stream_request *s = list_entry(pending, struct log_stream_request, pending);
        Ganger__V1__Reply end = GANGER__V1__REPLY__INIT;

        if (s->past && !past_send(s))
                return 1;
        if (s->follow)
                return 0;
        end.id = pending->id;
        (void)connection_send(pending->connection, &end, NULL, 0);
        return -ENODATA;
}

static void log_stream_free(struct pending *pending) {
        struct log_stream_request *s = list_entry(pending, struct log_stream_request, pending);

        list_unlink(&s->listener.link);
        for (size_t i = 0; i < s->n_names; i++)
                free(s->names[i]);
        free(s->names);
        free(s);
}

static const struct pending_ops log_stream_ops = { .pull = log_stream_pull, .free = log_stream_free };

static int copy_names(struct log_stream_request *s, char *const *names, size_t n_names) {
        s->names = calloc(n_names + 1, sizeof *s->names);
        if (!s->names)
                return -ENOMEM;
        for (; s->n_names < n_names; s->n_names++) {
                s->names[s->n_names] = strdup(names[s->n_names]);
                if (!s->names[s->n_names])
                        return -ENOMEM;
        }
        return 0;
}

static int check_names(struct call *call, char *const *names, size_t n_names) {
        if (n_names > LOGS_NAMES_MAX)
                return error_set(&call->error, -E2BIG, "logs: %zu names are more than %d", n_names,
                                 LOGS_NAMES_MAX);
        for (size_t i = 0; i < n_names; i++) {
                const struct instance *instance = instance_find(call->gang, names[i]);
                const struct worker *worker = worker_find(call->gang, names[i]);
                int r;

                r = call_permit_worker(call, names[i], worker ? worker : instance ? instance->worker :
                                                       call_worker_of(call, names[i]));
                if (r < 0)
                        return r;
                if (!worker && !instance)
                        return call_unknown(call, names[i]);
        }
        return 0;
}

int call_logs(struct call *call) {
        const Ganger__V1__LogsRequest *request = call->request->logs;
        struct log_stream_request *s;
        int r;

        r = check_names(call, request->names, request->n_names);
        if (r < 0)
                return r;
        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        r = call_wait(call, &s->pending, &log_stream_ops);
        if (r < 0) {
                free(s);
                return r;
        }
        list_init(&s->listener.link);
        s->listener.fn = on_line;
        s->gang = call->gang;
        s->lines = request->lines;
        s->follow = request->follow;
        s->filter = (struct log_filter){
                .since_usec = request->since_usec,
                .level_max = request->levels > 0 && request->levels <= LOG_DEBUG ? (int)request->levels - 1 : LOG_DEBUG,
        };
        s->past = true;
        r = copy_names(s, request->names, request->n_names);
        if (r < 0) {
                pending_end(&s->pending);
                return r;
        }
        if (s->follow)
                list_append(&call->gang->log_listeners, &s->listener.link);
        connection_wake(call->connection);
        return 0;
}
