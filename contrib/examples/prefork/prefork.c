/* SPDX-License-Identifier: MIT */

/*
 * prefork COMMAND ARG…: a server that survives its own code
 *
 * The parent takes connections on a port of 127.0.0.1, and passes each request (a line) through a ring to one of its children,
 * who answers through another ring. A child that crashes is reaped, recovered and replaced; its request goes to another. An
 * answer is sent and its request acknowledged in one step, so no connection is ever answered twice. Serves for as long as
 * the command runs, which finds the port in $PORT.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <ganger.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 4
/** Who has crashed so many children is not tried again. */
#define ATTEMPTS 3

struct request {
        int connection;                 /* the parent's descriptor */
        char line[60];
};

static const struct ganger_definition ring = {
        .kind = GANGER_QUEUE, .slots = 256, .message_max = sizeof(struct request), .max_deliveries = 255,
};
static const struct ganger_grant for_parent[] = { { "requests", GANGER_SEND }, { "answers", GANGER_RECEIVE } };
static const struct ganger_grant for_children[] = { { "requests", GANGER_RECEIVE }, { "answers", GANGER_SEND } };

static struct ganger_host *host;
static struct child { struct ganger_member *member; pid_t pid; } children[CHILDREN];
static sigset_t signals_before;

/** Ends the program, or a child that could not begin. */
static int need(int r, const char *what) {
        if (r >= 0)
                return r;
        fprintf(stderr, "prefork: %s: %s\n", what, strerror(-r));
        exit(1);
}

/* ---- a child ----------------------------------------------------------------------------------- */

static void answer(const struct ganger_message *m, struct request *out) {
        const struct request *in = m->data;

        if (m->deliveries > ATTEMPTS)
                snprintf(out->line, sizeof out->line, "given up\n");
        else if (strcmp(in->line, "bomb\n") == 0 || (strcmp(in->line, "slip\n") == 0 && m->deliveries == 1))
                raise(SIGKILL);
        else
                snprintf(out->line, sizeof out->line, "%zu letters, attempt %u\n", strlen(in->line) - 1, m->deliveries);
        out->connection = in->connection;
}

static int work(struct ganger_member *member) {
        struct ganger_ring *requests, *answers;
        struct ganger_message in, out;
        struct ganger *gang;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        need(ganger_member_join(member, &gang), "joining");
        ganger_host_free(host);
        need(ganger_ring_open(gang, "requests", GANGER_RECEIVE, &requests), "requests");
        need(ganger_ring_open(gang, "answers", GANGER_SEND, &answers), "answers");
        while (ganger_ring_receive(requests, &in, -1) == 0) {
                need(ganger_ring_reserve(answers, sizeof(struct request), &out, -1), "answering");
                answer(&in, out.data);
                need(ganger_forward(&in, &out), "answering");
        }
        ganger_leave(gang);
        return 0;
}

/* ---- the parent -------------------------------------------------------------------------------- */

/** Children that were forked meanwhile have a copy of it. */
static void hang_up(int connection) {
        shutdown(connection, SHUT_RDWR);
        close(connection);
}

static void start(struct child *c) {
        need(ganger_host_admit(host, for_children, 2, 1, &c->member), "admitting a child");
        c->pid = fork();
        if (c->pid == 0)
                exit(work(c->member));
        need(c->pid < 0 ? -errno : 0, "fork");
}

/** Replace children that ended. @return the exit status of the command, or -1: it runs. */
static int reap(pid_t command) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                if (pid == command)
                        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
                for (struct child *c = children; c < children + CHILDREN; c++)
                        if (c->pid == pid) {
                                c->member = ganger_member_free(c->member); /* which recovers it */
                                start(c);
                        }
        }
        return -1;
}

static void take_request(int listener, struct ganger *gang) {
        const struct timeval patience = { .tv_sec = 1 };
        struct request r = { .connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC) };

        if (r.connection < 0)
                return;
        setsockopt(r.connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (read(r.connection, r.line, sizeof r.line - 1) <= 0 || ganger_send(gang, "requests", &r, sizeof r, 0) < 0)
                hang_up(r.connection); /* it said nothing; or the ring is full */
}

static void give_answers(struct ganger_ring *answers) {
        struct ganger_message m;

        while (ganger_ring_receive(answers, &m, 0) == 0) {
                const struct request *r = m.data;

                (void)!write(r->connection, r->line, strlen(r->line));
                hang_up(r->connection);
                ganger_acknowledge(&m);
        }
}

static void ignore(int number) {
        (void)number;
}

static int listen_somewhere(char *ret_port, size_t size) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, n) < 0 || listen(fd, 1024) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &n) < 0)
                need(-errno, "listening");
        snprintf(ret_port, size, "%d", ntohs(address.sin_port));
        return fd;
}

static pid_t run(char **argv) {
        pid_t pid = fork();

        if (pid == 0) {
                sigprocmask(SIG_SETMASK, &signals_before, NULL);
                execvp(argv[0], argv);
                _exit(127);
        }
        return need(pid < 0 ? -errno : pid, "fork");
}

int main(int argc, char **argv) {
        struct ganger_member *me;
        struct ganger_ring *answers;
        struct ganger *gang;
        struct pollfd fds[2];
        int listener, status;
        sigset_t child;
        pid_t command;
        char port[8];

        if (argc < 2)
                return 2;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, ignore);
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_BLOCK, &child, &signals_before); /* but while we wait */

        need(ganger_host_new(&host, "prefork"), "host");
        need(ganger_host_add(host, "requests", &ring), "requests");
        need(ganger_host_add(host, "answers", &ring), "answers");
        need(ganger_host_admit(host, for_parent, 2, 1, &me), "admitting ourselves");
        need(ganger_member_join(me, &gang), "joining");
        need(ganger_ring_open(gang, "answers", GANGER_RECEIVE, &answers), "answers");
        for (struct child *c = children; c < children + CHILDREN; c++)
                start(c);
        listener = listen_somewhere(port, sizeof port);
        setenv("PORT", port, 1);
        command = run(argv + 1);
        fds[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = ganger_ring_fd(answers), .events = POLLIN };
        while ((status = reap(command)) < 0) {
                ppoll(fds, 2, NULL, &signals_before);
                take_request(listener, gang);
                give_answers(answers);
        }
        for (struct child *c = children; c < children + CHILDREN; c++)
                ganger_member_drain(c->member);
        while (wait(NULL) > 0)
                ;
        ganger_leave(gang);
        ganger_host_free(host);
        return status;
}
