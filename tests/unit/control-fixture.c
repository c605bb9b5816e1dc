/* SPDX-License-Identifier: MIT */

/*
 * A control server and its clients in one process
 *
 * One thread, so every test is the same each time: nothing happens but by server_run().
 */

#include "control-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/control/connection.h"
#include "daemon/words.h"
#include "harness.h"

/** More turns than any test has work for. */
#define TURNS_MAX 200000

static char *no_names[] = { NULL };
static char *exec[] = { (char *)"/bin/work", (char *)"--fast", NULL };
static const struct worker_definition definition = {
        .name = (char *)"w", .exec = exec, .environment = no_names, .receive = no_names, .send = no_names,
        .call = no_names, .serve = no_names, .use = no_names, .listen = no_names,
};

/* ---- the gang ---------------------------------------------------------------------------------- */

void server_start(struct server *s) {
        bool made = false;

        *s = (struct server){ .gang.config_path = "/nowhere/ganger.conf" };
        strcpy(s->directory, "/tmp/ganger-control-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(s->directory));
        ck_assert_int_eq(chmod(s->directory, 0755), 0);
        ck_assert_int_ge(sd_event_new(&s->gang.event), 0);
        s->gang.runtime_dir = s->directory;
        s->gang.keeper_pid = getpid();
        s->gang.link = KEEPER_LINK_NULL;
        s->gang.link.incarnation = 7;
        ck_assert_int_eq(events_init(&s->gang.events), 0);
        list_init(&s->gang.workers);
        list_init(&s->gang.groups);
        list_init(&s->gang.log_listeners);
        list_init(&s->gang.objects.list);
        list_init(&s->gang.objects.attachments);
        list_init(&s->gang.objects.memberships);
        s->worker = (struct worker){ .gang = &s->gang, .name = (char *)"w", .definition = &definition };
        list_append(&s->gang.workers, &s->worker.link);
        ck_assert_int_eq(map_add(&s->gang.workers_by_name, &s->worker.node, "w"), 0);
        ck_assert_int_eq(control_init(&s->control, &s->gang, -1, &made), 0);
        ck_assert(made);
}

void server_stop(struct server *s) {
        char path[64];

        s->control = control_done(s->control);
        ck_assert(list_is_empty(&s->gang.events.listeners));
        ck_assert(list_is_empty(&s->gang.log_listeners));
        snprintf(path, sizeof path, "%s/control", s->directory);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(s->directory), 0);
        for (size_t i = 0; i < s->worker.n_instances; i++) {
                log_tail_done(&s->worker.instances[i]->tail);
                words_clear(&s->worker.instances[i]->reason);
                words_clear(&s->worker.instances[i]->status_text);
                free(s->worker.instances[i]);
        }
        free(s->worker.instances);
        map_done(&s->gang.workers_by_name);
        events_done(&s->gang.events);
        sd_event_unref(s->gang.event);
}

void server_grow(struct server *s, size_t n_instances) {
        struct worker *w = &s->worker;

        w->instances = calloc(n_instances, sizeof(struct instance *));
        ck_assert_ptr_nonnull(w->instances);
        for (; w->n_instances < n_instances; w->n_instances++) {
                struct instance *instance = calloc(1, sizeof *instance + INSTANCE_KEY_MAX);

                ck_assert_ptr_nonnull(instance);
                instance->worker = w;
                instance->number = (unsigned int)w->n_instances;
                instance->state = INSTANCE_READY;
                instance->since_usec = instance->due_usec = USEC_INFINITY;
                snprintf(instance->key, INSTANCE_KEY_MAX, "w/%zu", w->n_instances);
                instance->reason = instance->status_text = words_none;
                log_tail_init(&instance->tail);
                list_init(&instance->watchers);
                w->instances[w->n_instances] = instance;
        }
        w->wanted = (unsigned int)n_instances;
}

unsigned int server_run(struct server *s) {
        unsigned int n = 0;
        int r;

        while ((r = sd_event_run(s->gang.event, 0)) > 0)
                ck_assert_uint_lt(n++, TURNS_MAX);
        ck_assert_int_eq(r, 0);
        return n;
}

struct connection *server_connection(struct server *s) {
        ck_assert(!list_is_empty(&s->control->connections));
        return list_entry(s->control->connections.prev, struct connection, link);
}

void server_line(struct server *s, size_t instance, const char *text, uint64_t dropped) {
        struct log_record record = {
                .source = { .worker = "w", .key = s->worker.instances[instance]->key,
                            .instance = (uint32_t)instance,
                            .stream = LOG_STREAM_STDERR, .pid = 4711 },
                .realtime_usec = 1, .text = text, .size = strlen(text), .dropped = dropped,
        };

        log_tail_add(&s->worker.instances[instance]->tail, &record);
        list_for_each_safe(it, &s->gang.log_listeners) {
                struct log_listener *listener = list_entry(it, struct log_listener, link);

                listener->fn(listener, &record);
        }
}

/* ---- clients ----------------------------------------------------------------------------------- */

void client_open(struct client *c, struct server *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        *c = (struct client){ .server = s };
        c->reader = FRAME_READER_NULL;
        snprintf(address.sun_path, sizeof address.sun_path, "%s/control", s->directory);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(c->fd, 0);
        ck_assert_int_eq(connect(c->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

void client_close(struct client *c) {
        frame_reader_done(&c->reader);
        c->fd = close_fd(c->fd);
}

void client_send(struct client *c, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = send(c->fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n > 0) {
                        p += n;
                        size -= (size_t)n;
                        continue;
                }
                ck_assert_int_eq(errno, EAGAIN);
                ck_assert_uint_gt(server_run(c->server), 0); /* else nobody makes room */
        }
}

void client_ask(struct client *c, const Ganger__V1__Request *request) {
        size_t size = ganger__v1__request__get_packed_size(request);
        _cleanup_(freep) unsigned char *frame = malloc(FRAME_HEADER_SIZE + size);
        uint32_t length = htonl((uint32_t)size);

        ck_assert_ptr_nonnull(frame);
        memcpy(frame, &length, FRAME_HEADER_SIZE);
        ganger__v1__request__pack(request, frame + FRAME_HEADER_SIZE);
        client_send(c, frame, FRAME_HEADER_SIZE + size);
}

void client_ask_version(struct client *c, uint64_t id) {
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;

        request.id = id;
        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &version;
        client_ask(c, &request);
}

bool client_reply_try(struct client *c, Ganger__V1__Reply **ret) {
        _cleanup_(frame_done) struct frame frame = FRAME_NULL;
        int r;

        r = frame_reader_read(&c->reader, c->fd, &frame);
        if (r == -EAGAIN) {
                server_run(c->server);
                r = frame_reader_read(&c->reader, c->fd, &frame);
        }
        *ret = NULL;
        if (r == -EAGAIN)
                return false;
        if (r == -EPIPE || r == -ECONNRESET)
                return true;
        ck_assert_int_eq(r, 0);
        *ret = ganger__v1__reply__unpack(NULL, frame.size, frame.data);
        ck_assert_ptr_nonnull(*ret);
        return true;
}

Ganger__V1__Reply *client_reply(struct client *c) {
        Ganger__V1__Reply *reply;

        ck_assert(client_reply_try(c, &reply));
        return reply;
}

void client_expect_error(struct client *c, uint64_t id, Ganger__V1__ErrorCode code, const char *part) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(c);

        ck_assert_ptr_nonnull(reply);
        ck_assert_uint_eq(reply->id, id);
        ck_assert(!reply->more);
        ck_assert_ptr_nonnull(reply->error);
        ck_assert_msg(reply->error->code == code && strstr(reply->error->message, part), "error %d: %s",
                      (int)reply->error->code, reply->error->message);
}

void client_expect_version(struct client *c, uint64_t id) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(c);

        ck_assert_ptr_nonnull(reply);
        ck_assert_msg(!reply->error, "%s", reply->error ? reply->error->message : "");
        ck_assert_uint_eq(reply->id, id);
        ck_assert_int_eq(reply->result_case, GANGER__V1__REPLY__RESULT_VERSION);
        ck_assert_uint_eq(reply->version->protocol, 1);
        ck_assert_uint_eq(reply->version->manager_incarnation, 7);
        ck_assert_int_eq(reply->version->manager_pid, getpid());
}

void client_expect_end(struct client *c) {
        ck_assert_ptr_null(client_reply(c));
}
