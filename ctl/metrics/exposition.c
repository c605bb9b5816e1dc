/* SPDX-License-Identifier: MIT */

/*
 * Each metric is a row: its name, what it is, and how it is got from what the daemon says. All samples of one metric stand
 * together, as the format wants it, so the rows are gone through in order, and for each what it is of.
 *
 * What the daemon does not know of a process, as how often it was taken off its processor, is read from /proc here.
 */

#include "ctl/metrics/exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "control.pb-c.h"
#include "ctl/metrics/process.h"

/** All that the daemon says at one time, about. */
struct gang_view {
        Ganger__V1__Reply *version, *status, *rings, *locks;
};

struct sample {
        FILE *out;
        const char *name, *suffix;      /* "_total" */
};

static void label(FILE *out, const char *separator, const char *name, const char *value) {
        fprintf(out, "%s%s=\"", separator, name);
        for (; *value; value++)
                if (*value == '\n')
                        fputs("\\n", out);
                else if (*value == '"' || *value == '\\')
                        fprintf(out, "\\%c", *value);
                else
                        putc(*value, out);
        putc('"', out);
}

/** @param names  pairs of a label and its value; ends with NULL. */
static void begin(const struct sample *s, const char *const *labels) {
        const char *separator = "{";

        fprintf(s->out, "%s%s", s->name, s->suffix);
        for (; *labels; labels += 2, separator = ",")
                label(s->out, separator, labels[0], labels[1]);
        if (*separator == ',')
                putc('}', s->out);
        putc(' ', s->out);
}

#define LABELS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

static void put_count(const struct sample *s, const char *const *labels, uint64_t value) {
        begin(s, labels);
        fprintf(s->out, "%" PRIu64 "\n", value);
}

static void put_seconds(const struct sample *s, const char *const *labels, uint64_t usec) {
        begin(s, labels);
        fprintf(s->out, "%" PRIu64 ".%06u\n", usec / USEC_PER_SEC, (unsigned int)(usec % USEC_PER_SEC));
}

/* ---- of the daemon ----------------------------------------------------------------------------- */

static void put_start_of_daemon(const struct sample *s, const struct gang_view *v) {
        const Ganger__V1__VersionReply *m = v->version->version;

        put_seconds(s, LABELS(), now_realtime_usec() - (m->now_usec - m->started_usec));
}

static void put_build(const struct sample *s, const struct gang_view *v) {
        put_count(s, LABELS("version", v->version->version->version), 1);
}

static void put_manager_restarts(const struct sample *s, const struct gang_view *v) {
        put_count(s, LABELS(), v->version->version->manager_incarnation - 1);
}

static void put_quarantined(const struct sample *s, const struct gang_view *v) {
        put_count(s, LABELS(), v->status->status->n_quarantined);
}

static void put_failed_groups(const struct sample *s, const struct gang_view *v) {
        const Ganger__V1__StatusReply *m = v->status->status;

        for (size_t i = 0; i < m->n_groups; i++)
                put_count(s, LABELS("group", m->groups[i]->name), *m->groups[i]->failed != '\0');
}

/* ---- of workers -------------------------------------------------------------------------------- */

#define for_each_worker(w, v)                                                                                   \
        for (size_t _i = 0; _i < (v)->status->status->n_workers; _i++)                                          \
                for (const Ganger__V1__Worker *w = (v)->status->status->workers[_i]; w; w = NULL)

#define for_each_instance(i, w)                                                                                 \
        for (size_t _j = 0; _j < (w)->n_instances; _j++)                                                        \
                for (const Ganger__V1__Instance *i = (w)->instances[_j]; i; i = NULL)

static void put_wanted(const struct sample *s, const struct gang_view *v) {
        for_each_worker(w, v)
                put_count(s, LABELS("worker", w->name), w->wanted);
}

static void put_states(const struct sample *s, const struct gang_view *v) {
        static const char *const states[] = {
                "down", "starting", "ready", "draining", "stopping", "backoff", "failed", "waiting", "exited", "standby",
        };

        for_each_worker(w, v)
                for (size_t state = 0; state < ARRAY_SIZE(states); state++) {
                        uint64_t n = 0;

                        for_each_instance(i, w)
                                n += strcmp(i->state, states[state]) == 0;
                        put_count(s, LABELS("worker", w->name, "state", states[state]), n);
                }
}

static void put_ends(const struct sample *s, const struct gang_view *v) {
        for_each_worker(w, v)
                for (size_t e = 0; e < w->n_ends; e++)
                        put_count(s, LABELS("worker", w->name, "reason", w->ends[e]->reason), w->ends[e]->count);
}

/* ---- of instances ------------------------------------------------------------------------------ */

typedef void (*put_instance_fn)(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i);

static void of_instances(const struct sample *s, const struct gang_view *v, put_instance_fn put) {
        for_each_worker(w, v)
                for_each_instance(i, w) {
                        char number[16];

                        snprintf(number, sizeof number, "%" PRIu32, i->number);
                        put(s, LABELS("worker", w->name, "instance", number), i);
                }
}

static void instance_restarts(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i) {
        put_count(s, labels, i->restarts);
}

static void instance_ready_time(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i) {
        if (strcmp(i->state, "ready") == 0 && i->since_usec >= i->started_usec)
                put_seconds(s, labels, i->since_usec - i->started_usec);
}

static void instance_cpu(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i) {
        struct process_usage usage;

        if (i->pid > 0 && process_usage_read(i->pid, &usage) >= 0)
                put_seconds(s, labels, usage.cpu_usec);
}

static void instance_memory(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i) {
        struct process_usage usage;

        if (i->pid > 0 && process_usage_read(i->pid, &usage) >= 0)
                put_count(s, labels, usage.resident_bytes);
}

static void instance_switches(const struct sample *s, const char *const *labels, const Ganger__V1__Instance *i) {
        struct process_usage usage;

        if (i->pid <= 0 || process_usage_read(i->pid, &usage) < 0)
                return;
        put_count(s, LABELS(labels[0], labels[1], labels[2], labels[3], "kind", "voluntary"), usage.voluntary_switches);
        put_count(s, LABELS(labels[0], labels[1], labels[2], labels[3], "kind", "involuntary"), usage.involuntary_switches);
}

#define OF_INSTANCES(fn)                                                                        \
        static void put_##fn(const struct sample *s, const struct gang_view *v) {               \
                of_instances(s, v, fn);                                                         \
        }
OF_INSTANCES(instance_restarts)
OF_INSTANCES(instance_ready_time)
OF_INSTANCES(instance_cpu)
OF_INSTANCES(instance_memory)
OF_INSTANCES(instance_switches)

/* ---- of rings and services --------------------------------------------------------------------- */

enum { QUEUE = 1, PIPE = 2, BROADCAST = 4, SERVICE = 8 };

static unsigned int kind_of(const Ganger__V1__Ring *r) {
        static const char *const names[] = { "queue", "pipe", "broadcast", "service" };

        for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(r->kind, names[i]) == 0)
                        return 1u << i;
        return 0;
}

#define for_each_ring(r, v, of)                                                                                 \
        for (size_t _i = 0; _i < (v)->rings->rings->n_rings; _i++)                                              \
                for (const Ganger__V1__Ring *r = (v)->rings->rings->rings[_i]; r && kind_of(r) & (of); r = NULL)

static void put_messages(const struct sample *s, const struct gang_view *v) {
        for_each_ring(r, v, QUEUE | SERVICE) {
                put_count(s, LABELS("ring", r->name, "state", "ready"), r->ready);
                put_count(s, LABELS("ring", r->name, "state", "leased"), r->leased);
                put_count(s, LABELS("ring", r->name, "state", "writing"), r->writing);
                put_count(s, LABELS("ring", r->name, "state", "dead"), r->dead);
        }
}

#define OF_RINGS(fn, kinds, field)                                                              \
        static void put_##fn(const struct sample *s, const struct gang_view *v) {               \
                for_each_ring(r, v, kinds)                                                      \
                        put_count(s, LABELS("ring", r->name), r->field);                        \
        }
OF_RINGS(slots, QUEUE | SERVICE, slots)
OF_RINGS(accepted, QUEUE | BROADCAST | SERVICE, accepted)
OF_RINGS(redelivered, QUEUE | SERVICE, redelivered)
OF_RINGS(dropped, QUEUE, dropped)
OF_RINGS(failed_calls, SERVICE, failed)
OF_RINGS(used, PIPE | BROADCAST, used)
OF_RINGS(capacity, PIPE | BROADCAST, capacity)
OF_RINGS(ring_memory, QUEUE | PIPE | BROADCAST | SERVICE, memory)

static void put_members(const struct sample *s, const struct gang_view *v) {
        for_each_ring(r, v, QUEUE | PIPE | BROADCAST | SERVICE) {
                put_count(s, LABELS("ring", r->name, "side", "receivers"), r->receivers);
                put_count(s, LABELS("ring", r->name, "side", "senders"), r->senders);
        }
}

/* ---- of locks ---------------------------------------------------------------------------------- */

#define for_each_lock(l, v)                                                                                     \
        for (size_t _i = 0; _i < (v)->locks->locks->n_locks; _i++)                                              \
                for (const Ganger__V1__Lock *l = (v)->locks->locks->locks[_i]; l; l = NULL)

static bool is_counter(const Ganger__V1__Lock *l) {
        return strcmp(l->kind, "counter") == 0;
}

#define OF_LOCKS(fn, value)                                                                     \
        static void put_##fn(const struct sample *s, const struct gang_view *v) {               \
                for_each_lock(l, v)                                                             \
                        if (!is_counter(l))                                                     \
                                put_count(s, LABELS("lock", l->name), value);                   \
        }
OF_LOCKS(permits, l->permits)
OF_LOCKS(permits_free, l->free)
OF_LOCKS(waiters, l->n_waiters)
OF_LOCKS(sleepers, l->n_sleepers)

static void put_values(const struct sample *s, const struct gang_view *v) {
        for_each_lock(l, v)
                for (size_t i = 0; is_counter(l) && i < l->n_values; i++) {
                        char number[24];

                        snprintf(number, sizeof number, "%zu", i);
                        begin(s, LABELS("lock", l->name, "number", number));
                        fprintf(s->out, "%" PRId64 "\n", l->values[i]);
                }
}

static void put_deadlocks(const struct sample *s, const struct gang_view *v) {
        put_count(s, LABELS(), v->locks->locks->n_deadlocks);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static const struct family {
        const char *name, *type, *unit, *help;
        void (*put)(const struct sample *s, const struct gang_view *v);
} families[] = {
        { "ganger_build", "info", "", "The version of gangerd.", put_build },
        { "ganger_start_time_seconds", "gauge", "seconds", "When the keeper began, since the epoch.", put_start_of_daemon },
        { "ganger_manager_restarts", "counter", "", "Managers that took over from one that died.", put_manager_restarts },
        { "ganger_quarantined", "gauge", "", "Rings, services and locks whose memory is damaged.", put_quarantined },
        { "ganger_group_failed", "gauge", "", "1: the group gave up.", put_failed_groups },
        { "ganger_worker_wanted", "gauge", "", "Instances that a worker is to have.", put_wanted },
        { "ganger_worker_instances", "gauge", "", "Instances of a worker in each state.", put_states },
        { "ganger_worker_ends", "counter", "", "Ends of processes of a worker, by reason.", put_ends },
        { "ganger_instance_restarts", "counter", "", "Starts by policy, after an end that was not asked for.",
          put_instance_restarts },
        { "ganger_instance_ready_time_seconds", "gauge", "seconds", "From the start of the process until it was ready.",
          put_instance_ready_time },
        { "ganger_instance_cpu_seconds", "counter", "seconds", "Processor time of the process.", put_instance_cpu },
        { "ganger_instance_resident_bytes", "gauge", "bytes", "Memory of the process that is resident.", put_instance_memory },
        { "ganger_instance_context_switches", "counter", "", "Context switches of the main thread of the process.",
          put_instance_switches },
        { "ganger_ring_messages", "gauge", "", "Messages of a queue, or calls of a service, in each state.", put_messages },
        { "ganger_ring_slots", "gauge", "", "Messages, or calls, that there is room for.", put_slots },
        { "ganger_ring_accepted", "counter", "", "Messages, or calls, since the ring was made, about.", put_accepted },
        { "ganger_ring_redelivered", "counter", "", "Deliveries that were not the first.", put_redelivered },
        { "ganger_ring_dropped", "counter", "", "Dead letters that had to make room.", put_dropped },
        { "ganger_ring_failed_calls", "counter", "", "Calls whose server died.", put_failed_calls },
        { "ganger_ring_used_bytes", "gauge", "bytes", "Of a pipe what was not received yet; of a broadcast what is kept.",
          put_used },
        { "ganger_ring_capacity_bytes", "gauge", "bytes", "Of a pipe or a broadcast.", put_capacity },
        { "ganger_ring_memory_bytes", "gauge", "bytes", "Memory of the ring, all of it allocated.", put_ring_memory },
        { "ganger_ring_members", "gauge", "", "Processes that may receive (or serve), and send (or call).", put_members },
        { "ganger_lock_permits", "gauge", "", "How many can hold the lock at once.", put_permits },
        { "ganger_lock_free", "gauge", "", "Permits that nobody holds.", put_permits_free },
        { "ganger_lock_waiters", "gauge", "", "Who sleeps for a permit.", put_waiters },
        { "ganger_lock_sleepers", "gauge", "", "Who sleeps for a condition.", put_sleepers },
        { "ganger_lock_value", "gauge", "", "The values of a counter.", put_values },
        { "ganger_deadlocks", "gauge", "", "Cycles of processes that wait for each other.", put_deadlocks },
};

/** In the older format a counter is called what its sample is, and of information nothing is known. */
static void put_family(FILE *out, enum exposition_format format, const struct gang_view *v, const struct family *f) {
        const char *suffix = strcmp(f->type, "counter") == 0 ? "_total" : strcmp(f->type, "info") == 0 ? "_info" : "";
        const struct sample s = { .out = out, .name = f->name, .suffix = suffix };
        bool text = format == EXPOSITION_TEXT;

        fprintf(out, "# HELP %s%s %s\n", f->name, text ? suffix : "", f->help);
        fprintf(out, "# TYPE %s%s %s\n", f->name, text ? suffix : "", text && strcmp(f->type, "info") == 0 ? "gauge" : f->type);
        if (*f->unit && !text)
                fprintf(out, "# UNIT %s %s\n", f->name, f->unit);
        f->put(&s, v);
}

static void gang_view_done(struct gang_view *v) {
        ganger_control_reply_free(v->version);
        ganger_control_reply_free(v->status);
        ganger_control_reply_free(v->rings);
        ganger_control_reply_free(v->locks);
}

static int ask(struct ganger_control *client, struct gang_view *ret) {
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;
        Ganger__V1__RingsRequest rings = GANGER__V1__RINGS_REQUEST__INIT;
        Ganger__V1__LocksRequest locks = GANGER__V1__LOCKS_REQUEST__INIT;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &version;
        r = ganger_control_call(client, &request, &ret->version);
        if (r < 0)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status;
        r = ganger_control_call(client, &request, &ret->status);
        if (r < 0)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_RINGS;
        request.rings = &rings;
        r = ganger_control_call(client, &request, &ret->rings);
        if (r < 0)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_LOCKS;
        request.locks = &locks;
        return ganger_control_call(client, &request, &ret->locks);
}

int exposition_write(struct ganger_control *client, enum exposition_format format, FILE *out, const char **ret_error) {
        _cleanup_(gang_view_done) struct gang_view view = { 0 };
        int r = ask(client, &view);

        if (r == -ENOMEM)
                return r;
        *ret_error = r < 0 ? ganger_control_error(client) : "";
        fprintf(out, "# HELP ganger_up 1: gangerd answers.\n# TYPE ganger_up gauge\nganger_up %d\n", r >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(families) && r >= 0; i++)
                put_family(out, format, &view, &families[i]);
        if (format == EXPOSITION_OPENMETRICS)
                fputs("# EOF\n", out);
        return ferror(out) ? -EIO : 0;
}
