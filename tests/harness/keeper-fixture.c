/* SPDX-License-Identifier: MIT */

/*
 * A real keeper, and the test as its manager
 *
 * The test adopts orphans, so that it sees what becomes of the keeper's children when the keeper is
 * killed; and what a test leaves behind is killed and reaped by fixture_stop().
 */

#include "keeper-fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/keeper/keeper.h"
#include "daemon/keeper/protocol.h"

/** Far more than anything here takes: a test that waits so long has failed. */
#define EVENT_TIMEOUT_MSEC 60000

/* ---- processes ------------------------------------------------------------------------------------ */

static void listen_for_managers(struct fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t length = sizeof address;
        char name[32] = "";

        f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(f->listen_fd, 0);
        /* The kernel finds a name that is free. */
        ck_assert_int_eq(bind(f->listen_fd, (struct sockaddr *)&address, sizeof address.sun_family), 0);
        ck_assert_int_eq(listen(f->listen_fd, 8), 0);
        ck_assert_int_eq(getsockname(f->listen_fd, (struct sockaddr *)&address, &length), 0);
        memcpy(name, address.sun_path + 1, length - offsetof(struct sockaddr_un, sun_path) - 1);
        ck_assert_int_eq(setenv(FIXTURE_SOCKET_ENV, name, 1), 0);
}

static _Noreturn void be_keeper(int ready_fd) {
        static const char *const argv[] = { KEEPER_MANAGER_ARGV0, NULL };
        const struct keeper_config config = {
                .manager_path = KEEPER_TEST_MANAGER, .manager_argv = argv, .ready_fd = STDERR_FILENO + 1,
        };

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(0);
        /* As main() does: no descriptor but our own. */
        if (dup3(ready_fd, STDERR_FILENO + 1, O_CLOEXEC) >= 0)
                close(ready_fd);
        close_range(STDERR_FILENO + 2, ~0U, 0);
        _exit(keeper_run(&config));
}

static pid_t start_keeper(int ready_fd) {
        pid_t pid;

        fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                be_keeper(ready_fd);
        return pid;
}

/* The keeper as PID 1 of a namespace; our later children are in our own again. */
static pid_t start_keeper_as_init(int ready_fd) {
        _cleanup_(closep) int ours = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        pid_t pid;

        ck_assert_int_ge(ours, 0);
        if (unshare(CLONE_NEWPID) < 0)
                return -1;
        pid = start_keeper(ready_fd);
        ck_assert_int_eq(setns(ours, CLONE_NEWPID), 0);
        return pid;
}

static bool start(struct fixture *f, bool as_init) {
        int ready[2];

        *f = (struct fixture){ .listen_fd = -1, .connection = -1, .socket = -1, .ready_fd = -1 };
        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        listen_for_managers(f);
        ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
        f->keeper = as_init ? start_keeper_as_init(ready[1]) : start_keeper(ready[1]);
        close(ready[1]);
        f->ready_fd = ready[0];
        if (f->keeper < 0) {
                fixture_stop(f);
                return false;
        }
        fixture_connect(f);
        fixture_welcome(f);
        return true;
}

void fixture_start(struct fixture *f) {
        ck_assert(start(f, false));
}

bool fixture_start_as_init(struct fixture *f) {
        return start(f, true);
}

static void forget_told(struct fixture *f) {
        if (f->told)
                ganger__keeper__from_keeper__free_unpacked(f->told, NULL);
        f->told = NULL;
        f->n_told = 0;
}

static void forget_welcome(struct fixture *f) {
        forget_told(f);
        for (size_t i = 0; i < f->n_stored; i++) {
                free(f->stored_names[i]);
                close(f->stored_fds[i]);
        }
        f->n_stored = 0;
        if (f->welcome)
                ganger__keeper__welcome_state__free_unpacked(f->welcome, NULL);
        f->welcome = NULL;
}

/* All our children, by now those that the keeper left behind, too. */
static void kill_children(void) {
        char path[64];
        FILE *list;
        int pid;

        do {
                snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
                list = fopen(path, "re");
                ck_assert_ptr_nonnull(list);
                while (fscanf(list, "%d", &pid) == 1)
                        kill(pid, SIGKILL);
                fclose(list);
        } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

void fixture_stop(struct fixture *f) {
        kill_children();
        forget_welcome(f);
        f->socket = close_fd(f->socket);
        f->connection = close_fd(f->connection);
        f->listen_fd = close_fd(f->listen_fd);
        f->ready_fd = close_fd(f->ready_fd);
        unsetenv(FIXTURE_SOCKET_ENV);
}

void fixture_connect(struct fixture *f) {
        struct ucred peer;
        socklen_t length = sizeof peer;
        int fds[FD_MESSAGE_MAX];
        size_t n_fds;
        char byte;

        f->connection = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(f->connection, 0);
        ck_assert_int_eq(getsockopt(f->connection, SOL_SOCKET, SO_PEERCRED, &peer, &length), 0);
        f->manager = peer.pid;
        ck_assert_int_eq(fd_receive(f->connection, &byte, 1, fds, &n_fds, 0), 1);
        ck_assert_uint_eq(n_fds, 1);
        f->socket = fds[0];
}

void fixture_kill_manager(struct fixture *f) {
        ck_assert_int_eq(kill(f->manager, SIGKILL), 0);
        f->socket = close_fd(f->socket);
        f->connection = close_fd(f->connection);
        forget_welcome(f);
}

void fixture_next_manager(struct fixture *f) {
        fixture_kill_manager(f);
        fixture_connect(f);
        fixture_welcome(f);
}

void fixture_exit_manager(struct fixture *f, unsigned char status) {
        ck_assert_int_eq(write(f->connection, &status, 1), 1);
        ck_assert(ends_within(f->connection, EVENT_TIMEOUT_MSEC));
        f->socket = close_fd(f->socket);
        f->connection = close_fd(f->connection);
        forget_welcome(f);
}

int fixture_wait_keeper(struct fixture *f) {
        int status;

        ck_assert_int_eq(waitpid(f->keeper, &status, 0), f->keeper);
        return status;
}

/* ---- events --------------------------------------------------------------------------------------- */

bool fixture_has_event(struct fixture *f, int timeout_msec) {
        struct pollfd p = { .fd = f->socket, .events = POLLIN };

        return f->told || poll(&p, 1, timeout_msec) == 1;
}

static Event *receive(struct fixture *f, int *fds, size_t *n_fds) {
        static uint8_t packet[KEEPER_PACKET_MAX];
        Event *event;
        ssize_t n;

        ck_assert_msg(fixture_has_event(f, EVENT_TIMEOUT_MSEC), "the keeper says nothing");
        n = fd_receive(f->socket, packet, sizeof packet, fds, n_fds, 0);
        ck_assert_msg(n > 0, "the keeper has hung up: %zd", n);
        event = ganger__keeper__from_keeper__unpack(NULL, (size_t)n, packet);
        ck_assert_ptr_nonnull(event);
        return event;
}

/* The next of several exits that came in one packet, as if it had come alone. */
static Event *next_told(struct fixture *f) {
        Event one = GANGER__KEEPER__FROM_KEEPER__INIT, *event;
        uint8_t packet[KEEPER_PACKET_MAX];

        one.event_case = GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED;
        one.exited = f->told->exits[f->n_told++];
        event = ganger__keeper__from_keeper__unpack(NULL, ganger__keeper__from_keeper__pack(&one, packet), packet);
        ck_assert_ptr_nonnull(event);
        if (f->n_told == f->told->n_exits)
                forget_told(f);
        return event;
}

Event *fixture_event(struct fixture *f) {
        int fds[FD_MESSAGE_MAX];
        size_t n_fds;
        Event *event;

        if (f->told)
                return next_told(f);
        event = receive(f, fds, &n_fds);
        ck_assert_uint_eq(n_fds, 0);
        if (event->n_exits == 0)
                return event;
        f->told = event;
        return next_told(f);
}

void event_free(Event *event) {
        ganger__keeper__from_keeper__free_unpacked(event, NULL);
}

static void open_welcome(struct fixture *f, const Event *event, int fd) {
        void *map;
        size_t size;

        ck_assert_int_eq(fd_map_sealed(fd, KEEPER_WELCOME_MAX, &map, &size), 0);
        f->welcome = ganger__keeper__welcome_state__unpack(NULL, size, map);
        ck_assert_ptr_nonnull(f->welcome);
        if (map)
                munmap(map, size);
        close(fd);
        ck_assert_uint_eq(event->welcome->stored_fds, f->n_stored);
        f->incarnation = event->welcome->incarnation;
}

static void take_stored(struct fixture *f, const Event *event, const int *fds, size_t n_fds) {
        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_STORED_FDS);
        ck_assert_uint_eq(event->stored_fds->n_names, n_fds);
        for (size_t i = 0; i < n_fds; i++) {
                ck_assert_uint_lt(f->n_stored, FIXTURE_STORED_MAX);
                f->stored_names[f->n_stored] = strdup(event->stored_fds->names[i]);
                f->stored_fds[f->n_stored++] = fds[i];
        }
}

void fixture_welcome(struct fixture *f) {
        while (!f->welcome) {
                int fds[FD_MESSAGE_MAX];
                size_t n_fds;
                Event *event = receive(f, fds, &n_fds);

                if (event->event_case == GANGER__KEEPER__FROM_KEEPER__EVENT_WELCOME) {
                        ck_assert_uint_eq(n_fds, 1);
                        open_welcome(f, event, fds[0]);
                } else
                        take_stored(f, event, fds, n_fds);
                event_free(event);
        }
}

/* ---- requests ------------------------------------------------------------------------------------- */

int fixture_try_send(struct fixture *f, const Ganger__Keeper__ToKeeper *request, const int *fds, size_t n_fds) {
        static uint8_t packet[KEEPER_PACKET_MAX];
        size_t size = ganger__keeper__to_keeper__get_packed_size(request);
        ssize_t n;

        ck_assert_uint_le(size, sizeof packet);
        ganger__keeper__to_keeper__pack(request, packet);
        n = fd_send(f->socket, packet, size, fds, n_fds);
        return n < 0 ? (int)n : 0;
}

void fixture_send(struct fixture *f, const Ganger__Keeper__ToKeeper *request, const int *fds, size_t n_fds) {
        ck_assert_int_eq(fixture_try_send(f, request, fds, n_fds), 0);
}

/* Declares `message`, a request whose `member` is `body`. */
#define REQUEST(TYPE, member, body)                                                       \
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;                     \
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_##TYPE;                       \
        message.member = &(body)

void fixture_signal(struct fixture *f, const char *key, int signal, bool group) {
        Ganger__Keeper__Signal body = GANGER__KEEPER__SIGNAL__INIT;
        REQUEST(SIGNAL, signal, body);

        body.key = (char *)key;
        body.signal = signal;
        body.group = group;
        fixture_send(f, &message, NULL, 0);
}

void fixture_acknowledge(struct fixture *f, const char *key, pid_t pid) {
        Ganger__Keeper__ExitAcknowledge body = GANGER__KEEPER__EXIT_ACKNOWLEDGE__INIT;
        REQUEST(EXIT_ACKNOWLEDGE, exit_acknowledge, body);

        body.key = (char *)key;
        body.pid = pid;
        fixture_send(f, &message, NULL, 0);
}

void fixture_store(struct fixture *f, const char *name, int fd) {
        Ganger__Keeper__StoreFd body = GANGER__KEEPER__STORE_FD__INIT;
        REQUEST(STORE_FD, store_fd, body);

        body.name = (char *)name;
        fixture_send(f, &message, &fd, 1);
}

void fixture_drop(struct fixture *f, const char *name) {
        Ganger__Keeper__DropFd body = GANGER__KEEPER__DROP_FD__INIT;
        REQUEST(DROP_FD, drop_fd, body);

        body.name = (char *)name;
        fixture_send(f, &message, NULL, 0);
}

void fixture_ready(struct fixture *f, bool reloaded) {
        Ganger__Keeper__Ready body = GANGER__KEEPER__READY__INIT;
        REQUEST(READY, ready, body);

        body.status = (char *)"serving";
        body.reloaded = reloaded;
        fixture_send(f, &message, NULL, 0);
}

void fixture_leave(struct fixture *f, int exit_status) {
        Ganger__Keeper__Leave body = GANGER__KEEPER__LEAVE__INIT;
        REQUEST(LEAVE, leave, body);

        body.exit_status = exit_status;
        fixture_send(f, &message, NULL, 0);
}

static int seal_spec(const Spec *spec) {
        size_t size = ganger__keeper__spawn_spec__get_packed_size(spec);
        uint8_t *data = malloc(size + 1);
        int fd;

        ck_assert_ptr_nonnull(data);
        ganger__keeper__spawn_spec__pack(spec, data);
        fd = fd_memfd_sealed("spec", data, size);
        ck_assert_int_ge(fd, 0);
        free(data);
        return fd;
}

void fixture_ask(struct fixture *f, const char *key, const Spec *spec, const int *fds, size_t n_fds, int cgroup_fd) {
        Ganger__Keeper__Spawn body = GANGER__KEEPER__SPAWN__INIT;
        REQUEST(SPAWN, spawn, body);
        _cleanup_(closep) int memfd = seal_spec(spec), null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int all[FD_MESSAGE_MAX] = { memfd, null, null, null };
        size_t n = 1;

        if (fds) {
                ck_assert_uint_le(n_fds + 2, ARRAY_SIZE(all));
                memcpy(all + 1, fds, n_fds * sizeof *fds);
        }
        n += fds ? n_fds : 3;
        if (cgroup_fd >= 0)
                all[n++] = cgroup_fd;
        body.key = (char *)key;
        body.cgroup = cgroup_fd >= 0;
        fixture_send(f, &message, all, n);
}

Event *fixture_spawn(struct fixture *f, const char *key, const Spec *spec, const int *fds, size_t n_fds, int cgroup_fd) {
        Event *event;

        fixture_ask(f, key, spec, fds, n_fds, cgroup_fd);
        event = fixture_event(f);
        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_SPAWNED);
        ck_assert_str_eq(event->spawned->key, key);
        return event;
}

const Spec *spec_shell(const char *script) {
        static char *argv[] = { (char *)"sh", (char *)"-c", NULL };
        static char *environment[] = { (char *)"PATH=/usr/bin:/bin" };
        static uint8_t cookie[] = "cookie";
        static Spec spec;

        ganger__keeper__spawn_spec__init(&spec);
        argv[2] = (char *)script;
        spec.path = (char *)"/bin/sh";
        spec.argv = argv;
        spec.n_argv = ARRAY_SIZE(argv);
        spec.environment = environment;
        spec.n_environment = ARRAY_SIZE(environment);
        spec.umask = 022;
        spec.cookie = (ProtobufCBinaryData){ sizeof cookie, cookie };
        return &spec;
}

pid_t fixture_shell(struct fixture *f, const char *key, const char *script, int out) {
        _cleanup_(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const int fds[] = { null, out >= 0 ? out : null, STDERR_FILENO };
        Event *event = fixture_spawn(f, key, spec_shell(script), fds, ARRAY_SIZE(fds), -1);
        pid_t pid = event->spawned->pid;

        ck_assert_int_eq(event->spawned->error, 0);
        ck_assert_int_gt(pid, 0);
        event_free(event);
        return pid;
}

/* ---- looking at things ----------------------------------------------------------------------------- */

char *read_to_end(int fd) {
        size_t size = 0, room = 65536;
        char *text = malloc(room);
        ssize_t n;

        ck_assert_ptr_nonnull(text);
        while ((n = read(fd, text + size, room - size - 1)) > 0)
                size += (size_t)n;
        ck_assert_int_eq(n, 0);
        text[size] = '\0';
        return text;
}

bool ends_within(int fd, int timeout_msec) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char byte;

        while (poll(&p, 1, timeout_msec) == 1)
                if (read(fd, &byte, 1) <= 0)
                        return true;
        return false;
}

bool same_file(int fd, int other) {
        struct stat a, b;

        return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
