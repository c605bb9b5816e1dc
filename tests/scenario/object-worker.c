/* SPDX-License-Identifier: MIT */

/*
 * A worker that does what it is told, for scenarios of locks, services, pipes and broadcasts
 *
 *      object-worker DIRECTORY
 *
 * Reads lines "NUMBER COMMAND NAME [TEXT]" from the named pipe DIRECTORY/WORKER.INSTANCE, does one after the other, and prints
 * "NUMBER RESULT [TEXT]" for each. A command that waits is done when what it waits for has come.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ganger.h"

#define HANDLES_MAX 32
#define TEXT_MAX 4096

enum kind { NONE, MUTEX, MONITOR, SEMAPHORE, COUNTER, SERVER, WRITER, READER, PUBLISHER, SUBSCRIBER };

struct handle {
        enum kind kind;
        char name[64];
        void *p;
};

struct state {
        struct ganger *ganger;
        struct handle handles[HANDLES_MAX];
        size_t n_handles;
        struct ganger_request request;  /* the call that it serves */
        char text[TEXT_MAX];            /* of the answer */
};

static int open_handle(struct ganger *g, enum kind kind, const char *name, void **ret) {
        switch (kind) {
        case NONE:
                break;
        case MUTEX:
                return ganger_mutex_open(g, name, (struct ganger_mutex **)ret);
        case MONITOR:
                return ganger_monitor_open(g, name, (struct ganger_monitor **)ret);
        case SEMAPHORE:
                return ganger_semaphore_open(g, name, (struct ganger_semaphore **)ret);
        case COUNTER:
                return ganger_counter_open(g, name, (struct ganger_counter **)ret);
        case SERVER:
                return ganger_service_open(g, name, GANGER_RECEIVE, (struct ganger_service **)ret);
        case WRITER:
                return ganger_pipe_open(g, name, GANGER_SEND, (struct ganger_pipe **)ret);
        case READER:
                return ganger_pipe_open(g, name, GANGER_RECEIVE, (struct ganger_pipe **)ret);
        case PUBLISHER:
                return ganger_broadcast_open(g, name, GANGER_SEND, (struct ganger_broadcast **)ret);
        case SUBSCRIBER:
                return ganger_broadcast_open(g, name, GANGER_RECEIVE | GANGER_OLDEST, (struct ganger_broadcast **)ret);
        }
        return -EINVAL;
}

/* The handle of that name, opened at its first use. */
static int find(struct state *s, enum kind kind, const char *name, void **ret) {
        struct handle *h = &s->handles[s->n_handles];
        int r;

        for (size_t i = 0; i < s->n_handles; i++)
                if (s->handles[i].kind == kind && strcmp(s->handles[i].name, name) == 0) {
                        *ret = s->handles[i].p;
                        return 0;
                }
        if (s->n_handles == HANDLES_MAX)
                return -EUSERS;
        r = open_handle(s->ganger, kind, name, &h->p);
        if (r < 0)
                return r;
        h->kind = kind;
        snprintf(h->name, sizeof h->name, "%s", name);
        s->n_handles++;
        *ret = h->p;
        return 0;
}

/* ---- commands ---------------------------------------------------------------------------------- */

static int do_lock(struct state *s, void *p, const char *text) {
        return ganger_mutex_lock(p, -1);
}

static int do_unlock(struct state *s, void *p, const char *text) {
        return ganger_mutex_unlock(p);
}

static int do_consistent(struct state *s, void *p, const char *text) {
        return ganger_mutex_consistent(p);
}

static int do_enter(struct state *s, void *p, const char *text) {
        return ganger_monitor_lock(p, -1);
}

static int do_await(struct state *s, void *p, const char *text) {
        return ganger_monitor_wait(p, (unsigned int)atoi(text), -1);
}

static int do_signal(struct state *s, void *p, const char *text) {
        return ganger_monitor_signal(p, (unsigned int)atoi(text));
}

static int do_exit(struct state *s, void *p, const char *text) {
        return ganger_monitor_unlock(p);
}

static int do_acquire(struct state *s, void *p, const char *text) {
        return ganger_semaphore_acquire(p, -1);
}

static int do_release(struct state *s, void *p, const char *text) {
        return ganger_semaphore_release(p);
}

static int do_add(struct state *s, void *p, const char *text) {
        return ganger_counter_add(p, 0, atoll(text), NULL);
}

static int do_take(struct state *s, void *p, const char *text) {
        int r = ganger_service_receive(p, &s->request, -1);

        if (r == 0)
                snprintf(s->text, sizeof s->text, "%u %.*s", s->request.deliveries, (int)MIN(s->request.size, (size_t)64),
                         (const char *)s->request.data);
        return r;
}

static int do_reply(struct state *s, void *p, const char *text) {
        return ganger_service_reply(&s->request, text, strlen(text));
}

static int do_fail(struct state *s, void *p, const char *text) {
        return ganger_service_fail(&s->request, text);
}

static int do_write(struct state *s, void *p, const char *text) {
        return ganger_pipe_send(p, text, strlen(text), -1);
}

static int do_peek(struct state *s, void *p, const char *text) {
        const void *data;
        size_t size;
        int r = ganger_pipe_peek(p, &data, &size, -1);

        if (r == 0)
                snprintf(s->text, sizeof s->text, "%.*s", (int)size, (const char *)data);
        return r;
}

static int do_consume(struct state *s, void *p, const char *text) {
        return ganger_pipe_consume(p);
}

static int do_publish(struct state *s, void *p, const char *text) {
        return ganger_broadcast_send(p, text, strlen(text), -1);
}

/* Says how many it missed, and the message. */
static int do_read(struct state *s, void *p, const char *text) {
        char buffer[TEXT_MAX];
        uint64_t missed = 0;
        size_t size = 0;
        int r = ganger_broadcast_receive(p, buffer, sizeof buffer - 32, &size, &missed, -1);

        if (r == 0)
                snprintf(s->text, sizeof s->text, "%llu %.*s", (unsigned long long)missed, (int)size, buffer);
        return r;
}

/* Only opens it. */
static int do_subscribe(struct state *s, void *p, const char *text) {
        return 0;
}

/* The memory of an object, as the kernel lists it. @return NULL: it is not mapped. */
static unsigned char *memory_of(const char *name, size_t *ret_size) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/maps", "re");
        char line[512], wanted[96];
        unsigned long begin, end;

        snprintf(wanted, sizeof wanted, "/memfd:%s (deleted)\n", name);
        while (f && fgets(line, sizeof line, f)) {
                const char *path = strchr(line, '/');

                if (!path || strcmp(path, wanted) != 0 || sscanf(line, "%lx-%lx", &begin, &end) != 2)
                        continue;
                *ret_size = end - begin;
                return (unsigned char *)begin;
        }
        return NULL;
}

/* Hostile: overwrite its memory with a byte, from somewhere on ("BYTE FROM"). */
static int scribble(const char *name, const char *text) {
        unsigned int byte = 0, from = 0;
        size_t size = 0;
        unsigned char *memory = memory_of(name, &size);

        if (!memory || sscanf(text, "%u %u", &byte, &from) != 2 || from >= size)
                return -EINVAL;
        memset(memory + from, (int)byte, size - from);
        return 0;
}

static const struct {
        const char *name;
        enum kind kind;
        int (*fn)(struct state *s, void *p, const char *text);
} commands[] = {
        { "lock", MUTEX, do_lock }, { "unlock", MUTEX, do_unlock }, { "consistent", MUTEX, do_consistent },
        { "enter", MONITOR, do_enter }, { "await", MONITOR, do_await }, { "signal", MONITOR, do_signal }, { "exit", MONITOR, do_exit },
        { "acquire", SEMAPHORE, do_acquire }, { "release", SEMAPHORE, do_release }, { "add", COUNTER, do_add },
        { "take", SERVER, do_take }, { "reply", SERVER, do_reply }, { "fail", SERVER, do_fail },
        { "write", WRITER, do_write }, { "peek", READER, do_peek }, { "consume", READER, do_consume },
        { "publish", PUBLISHER, do_publish }, { "subscribe", SUBSCRIBER, do_subscribe }, { "read", SUBSCRIBER, do_read },
};

static int run(struct state *s, const char *command, const char *name, const char *text) {
        void *p;
        int r;

        if (strcmp(command, "scribble") == 0)
                return scribble(name, text);
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, command) == 0) {
                        r = find(s, commands[i].kind, name, &p);
                        return r < 0 ? r : commands[i].fn(s, p, text);
                }
        return -ENOSYS;
}

static const char *result_name(int r) {
        return r < 0 ? strerrorname_np(-r) ?: "?" : r == 0 ? "done" : "positive";
}

static void obey(struct state *s, char *line) {
        char *saved, *number = strtok_r(line, " \n", &saved), *command = strtok_r(NULL, " \n", &saved);
        char *name = strtok_r(NULL, " \n", &saved), *text = strtok_r(NULL, "\n", &saved);
        int r;

        s->text[0] = '\0';
        r = run(s, command ?: "", name ?: "", text ?: "");
        printf("%s %s %s\n", number ?: "?", result_name(r), s->text);
}

int main(int argc, char **argv) {
        static struct state s;
        _cleanup_(fclosep) FILE *f = NULL;
        char path[512], line[TEXT_MAX];

        if (argc != 2 || ganger_join(&s.ganger, NULL) < 0)
                return 1;
        setvbuf(stdout, NULL, _IOLBF, 0);
        snprintf(path, sizeof path, "%s/%s.%u", argv[1], ganger_worker(s.ganger), ganger_instance(s.ganger));
        /* For writing too: so the pipe has no end, however often who tells us closes it. */
        f = fopen(path, "r+e");
        if (!f)
                return 1;
        ganger_ready(s.ganger);
        while (fgets(line, sizeof line, f))
                obey(&s, line);
        return 1;
}
