/* SPDX-License-Identifier: MIT */

/*
 * Output as JSON
 *
 * One document, on one line, for each call. What the daemon sent is shown as control.proto names it.
 */

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "ctl/json.h"
#include "ctl/output.h"

static void message(struct output *o, const ProtobufCMessage *m) {
        json_message(o->file, m);
        putc('\n', o->file);
}

static void member(struct output *o, const char *separator, const char *name, const char *text) {
        fprintf(o->file, "%s\"%s\": ", separator, name);
        json_string(o->file, text, strlen(text));
}

static const char *boolean(bool b) {
        return b ? "true" : "false";
}

static void json_status(struct output *o, const Ganger__V1__StatusReply *reply, bool details) {
        message(o, &reply->base);
}

static void json_changes(struct output *o, const Ganger__V1__ChangeReply *reply) {
        message(o, &reply->base);
}

static void json_activity(struct output *o, const struct activity *activities, size_t n) {
        fputs("{\"names\": [", o->file);
        for (size_t i = 0; i < n; i++) {
                member(o, i > 0 ? ", {" : "{", "name", activities[i].name);
                fprintf(o->file, ", \"active\": %s, \"failed\": %s", boolean(activities[i].active),
                        boolean(activities[i].failed));
                member(o, ", ", "state", activities[i].state);
                putc('}', o->file);
        }
        fputs("]}\n", o->file);
}

static void json_tree(struct output *o, const struct tree_line *line) {
        fprintf(o->file, "{\"depth\": %u, ", line->depth);
        member(o, "", "what", line->what);
        member(o, ", ", "state", line->state);
        fprintf(o->file, ", \"pid\": %d, \"parent\": %d", (int)line->pid, (int)line->parent);
        member(o, ", ", "command", line->command);
        fputs("}\n", o->file);
}

static void json_log(struct output *o, const Ganger__V1__LogLine *line) {
        message(o, &line->base);
}

static void json_rolls(struct output *o, const Ganger__V1__RollReply *reply) {
        message(o, &reply->base);
}

static void json_event(struct output *o, const Ganger__V1__Event *event) {
        message(o, &event->base);
}

static void json_rings(struct output *o, const Ganger__V1__RingsReply *reply) {
        message(o, &reply->base);
}

static void json_report(struct output *o, const char *name, const Ganger__V1__ReportReply *reply) {
        message(o, &reply->base);
}

static void json_locks(struct output *o, const Ganger__V1__LocksReply *reply) {
        message(o, &reply->base);
}

static void json_sockets(struct output *o, const Ganger__V1__SocketsReply *reply) {
        message(o, &reply->base);
}

static void json_doctor(struct output *o, const Ganger__V1__DoctorReply *reply, bool all) {
        message(o, &reply->base);
}

static void json_security(struct output *o, const Ganger__V1__SecurityReply *reply, bool all) {
        message(o, &reply->base);
}

static void json_called(struct output *o, const char *service, const void *data, size_t size) {
        member(o, "{", "service", service);
        fprintf(o->file, ", \"size\": %zu, ", size);
        json_bytes_member(o->file, data, size);
        fputs("}\n", o->file);
}

static void json_peek(struct output *o, const Ganger__V1__PeekReply *reply) {
        message(o, &reply->base);
}

static void json_dead(struct output *o, const Ganger__V1__DeadReply *reply, Ganger__V1__DeadAction action) {
        message(o, &reply->base);
}

static void json_sent(struct output *o, const char *ring, uint64_t count) {
        member(o, "{", "ring", ring);
        fprintf(o->file, ", \"sent\": %" PRIu64 "}\n", count);
}

static void json_received(struct output *o, const struct received *m) {
        member(o, "{", "ring", m->ring);
        fprintf(o->file, ", \"id\": %" PRIu64 ", \"deliveries\": %" PRIu32 ", \"size\": %zu, ", m->id, m->deliveries, m->size);
        json_bytes_member(o->file, m->data, m->size);
        if (m->executed && WIFEXITED(m->exec_status))
                fprintf(o->file, ", \"exit_status\": %d", WEXITSTATUS(m->exec_status));
        else if (m->executed)
                fprintf(o->file, ", \"signal\": %d", WTERMSIG(m->exec_status));
        if (m->executed)
                fprintf(o->file, ", \"acknowledged\": %s", boolean(m->exec_status == 0));
        fputs("}\n", o->file);
}

static void json_reload(struct output *o, const Ganger__V1__ReloadReply *reply) {
        message(o, &reply->base);
}

static void json_daemon_upgrade(struct output *o, const Ganger__V1__DaemonUpgradeReply *reply) {
        json_message(o->file, &reply->base);
        putc('\n', o->file);
}

static void json_reset(struct output *o, const char *name, const Ganger__V1__ResetReply *reply) {
        member(o, "{", "name", name);
        member(o, ", ", "text", reply->text);
        fputs("}\n", o->file);
}

static void json_verdict(struct output *o, const struct verdict *v) {
        const char *line = v->text, *separator = "";

        member(o, "{", "file", v->file);
        fprintf(o->file, ", \"valid\": %s, \"messages\": [", boolean(v->valid));
        while (*line) {
                size_t n = strcspn(line, "\n");

                if (n > 0) {
                        fputs(separator, o->file);
                        json_string(o->file, line, n);
                        separator = ", ";
                }
                line += n + (line[n] == '\n');
        }
        fputs("]}\n", o->file);
}

static void json_imported(struct output *o, const char *file, const char *configuration, size_t n_left) {
        member(o, "{", "file", file);
        member(o, ", ", "configuration", configuration);
        fprintf(o->file, ", \"left\": %zu}\n", n_left);
}

static void json_version(struct output *o, const char *own, const Ganger__V1__VersionReply *reply) {
        member(o, "{", "gangerctl", own);
        fputs(", \"gangerd\": ", o->file);
        if (reply)
                json_message(o->file, &reply->base);
        else
                fputs("null", o->file);
        fputs("}\n", o->file);
}

static void json_demo(struct output *o, const struct demo_result *r) {
        fprintf(o->file,
                "{\"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64 ", \"words\": %" PRIu64 ", \"words_expected\": %" PRIu64
                ", \"distinct_words\": %" PRIu64 ", \"files\": %" PRIu64 ", \"lines\": %" PRIu64 ", \"redelivered\": %" PRIu64
                ", \"dead\": %" PRIu64 ", \"kills\": %" PRIu64 ", \"manager_kills\": %" PRIu64 ", \"restarts\": %" PRIu64,
                r->lost, r->duplicated, r->words, r->words_expected, r->distinct, r->files, r->lines, r->redelivered,
                r->dead, r->kills, r->manager_kills, r->restarts);
        fprintf(o->file,
                ", \"redelivery_p50_usec\": %" PRIu32 ", \"redelivery_p99_usec\": %" PRIu32
                ", \"redelivery_samples\": %zu, \"seconds\": %.1f, \"seed\": %" PRIu64 "}\n",
                r->redelivery_p50_usec, r->redelivery_p99_usec, r->samples, r->seconds, r->seed);
}

static void json_done(struct output *o, const char *what) {
        member(o, "{", "done", what);
        fputs("}\n", o->file);
}

const struct output_ops output_json = {
        .name = "json",
        .status = json_status,
        .changes = json_changes,
        .rolls = json_rolls,
        .activity = json_activity,
        .tree = json_tree,
        .log = json_log,
        .event = json_event,
        .rings = json_rings,
        .report = json_report,
        .locks = json_locks,
        .sockets = json_sockets,
        .doctor = json_doctor,
        .security = json_security,
        .called = json_called,
        .peek = json_peek,
        .dead = json_dead,
        .sent = json_sent,
        .received = json_received,
        .reload = json_reload,
        .daemon_upgrade = json_daemon_upgrade,
        .reset = json_reset,
        .verdict = json_verdict,
        .imported = json_imported,
        .version = json_version,
        .demo = json_demo,
        .done = json_done,
};
