/* SPDX-License-Identifier: MIT */

/*
 * prefork COMMAND ARG…: a server that survives its own code
 *
 * The parent takes connections on a port of 127.0.0.1; each of its threads has one at a time, and calls a service with the
 * line that it reads. Children serve. One that crashes is reaped, recovered and replaced, and the call goes to another,
 * until it has crashed three. Serves for as long as the command runs, which finds the port in $PORT.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <ganger.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 4
#define CONNECTIONS 8

static const struct ganger_definition service = {
        .kind = GANGER_SERVICE, .slots = 8, .message_max = 64, .policy = GANGER_SERVICE_IDEMPOTENT, .max_deliveries = 3,
};
static struct ganger_host *host;
static struct ganger *gang;             /* what this process is a member of */
static struct child { struct ganger_member *member; pid_t pid; } children[CHILDREN];
static int listener;

/** Ends the program, or a child that could not begin. */
static int need(int r, const char *what) {
        if (r >= 0)
                return r;
        fprintf(stderr, "prefork: %s: %s\n", what, strerror(-r));
        exit(1);
}

static void serve(struct ganger_member *member) {
        struct ganger_service *calls;
        struct ganger_request r;
        int n;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        need(ganger_member_join(member, &gang), "joining");
        need(ganger_service_open(gang, "calls", GANGER_RECEIVE, &calls), "serving");
        while (ganger_service_receive(calls, &r, -1) == 0) {
                if (memcmp(r.data, "bomb", 4) == 0 || (memcmp(r.data, "slip", 4) == 0 && r.deliveries == 1))
                        raise(SIGKILL);
                n = sprintf(r.reply, "%zu letters, attempt %u\n", r.size - 1, r.deliveries);
                ganger_service_reply(&r, r.reply, (size_t)n);
        }
}

static void start(struct child *c) {
        static const struct ganger_grant grant = { "calls", GANGER_RECEIVE };

        need(ganger_host_admit(host, &grant, 1, 1, &c->member), "admitting a child");
        c->pid = fork();
        if (c->pid == 0) {
                serve(c->member);
                _exit(1);
        }
        need(c->pid < 0 ? -errno : 0, "fork");
}

/** One connection after the other: a line, and what a child says to it. */
static void *answer(void *unused) {
        struct ganger_service *calls;
        char line[64], reply[64];
        size_t size = 0;

        need(ganger_service_open(gang, "calls", GANGER_SEND, &calls), "calling");
        for (;;) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                ssize_t n = read(fd, line, sizeof line);

                if (n > 4 && ganger_service_call(calls, line, (size_t)n, reply, sizeof reply, &size, -1) < 0)
                        size = (size_t)sprintf(reply, "given up\n");
                if (n > 4)
                        send(fd, reply, size, MSG_NOSIGNAL);
                shutdown(fd, SHUT_RDWR); /* children that were forked meanwhile have a copy of it */
                close(fd);
        }
        return unused;
}

static void listen_somewhere(void) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof address;
        char port[8];

        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, n) < 0 || listen(listener, 1024) < 0 ||
            getsockname(listener, (struct sockaddr *)&address, &n) < 0)
                need(-errno, "listening");
        snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
        setenv("PORT", port, 1);
}

int main(int argc, char **argv) {
        static const struct ganger_grant grant = { "calls", GANGER_SEND };
        struct ganger_member *me;
        pthread_t thread;
        pid_t command, pid;
        int status = 0;

        if (argc < 2)
                return 2;
        need(ganger_host_new(&host, "prefork"), "host");
        need(ganger_host_add(host, "calls", &service), "service");
        need(ganger_host_admit(host, &grant, 1, CONNECTIONS, &me), "admitting ourselves");
        need(ganger_member_join(me, &gang), "joining");
        listen_somewhere();
        command = fork();
        if (command == 0) {
                execvp(argv[1], argv + 1);
                _exit(127);
        }
        need(command < 0 ? -errno : 0, "fork");
        for (struct child *c = children; c < children + CHILDREN; c++)
                start(c);
        for (int i = 0; i < CONNECTIONS; i++)
                need(-pthread_create(&thread, NULL, answer, NULL), "thread");
        while ((pid = waitpid(-1, &status, 0)) != command)
                for (struct child *c = children; c < children + CHILDREN; c++)
                        if (c->pid == pid) {
                                ganger_member_free(c->member); /* which recovers it */
                                start(c);
                        }
        for (struct child *c = children; c < children + CHILDREN; c++) {
                kill(c->pid, SIGKILL);
                waitpid(c->pid, NULL, 0);
        }
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
