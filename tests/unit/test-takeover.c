/* SPDX-License-Identifier: MIT */
/*
 * A real gangerd whose manager is killed: no process dies, none is doubled, none is forgotten (P4)
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "control.pb-c.h"
#include "ganger-control.h"
#include "harness.h"

#define KEYS_MAX 64
/* Anything that takes longer is lost. */
#define PATIENCE_SEC 20

struct daemon {
        char directory[64];
        char config[96];
        char control_path[96];
        pid_t keeper;
        struct ganger_control *control;
};

/* What is running, as the daemon tells it. */
struct picture {
        size_t n;
        struct { char key[80], state[16]; int pid; uint64_t generation; uint32_t restarts; } at[KEYS_MAX];
};

/* ---- a daemon ---------------------------------------------------------------------------------- */

static void write_config(struct daemon *d, const char *text) {
        _cleanup_(closep) int fd = open(d->config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

/* The socket at which the daemon says that it serves. */
static int ready_socket(const struct daemon *d, struct sockaddr_un *address) {
        const struct timeval patience = { .tv_sec = PATIENCE_SEC };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        snprintf(address->sun_path, sizeof address->sun_path, "%s/ready", d->directory);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        return fd;
}

static void wait_until_ready(int fd) {
        char text[512];

        for (;;) {
                ssize_t n = recv(fd, text, sizeof text - 1, 0);

                ck_assert_int_gt(n, 0);
                text[n] = '\0';
                if (strstr(text, "READY=1"))
                        return;
        }
}

static void daemon_start(struct daemon *d, const char *config) {
        struct sockaddr_un address;
        _cleanup_(closep) int fd = -1;

        *d = (struct daemon){ .directory = "/tmp/test-takeover-XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(d->directory));
        snprintf(d->config, sizeof d->config, "%s/ganger.conf", d->directory);
        snprintf(d->control_path, sizeof d->control_path, "%s/control", d->directory);
        write_config(d, config);
        fd = ready_socket(d, &address);
        d->keeper = fork();
        if (d->keeper == 0) {
                /* A test that fails leaves no daemon behind. */
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                setenv("NOTIFY_SOCKET", address.sun_path, 1);
                execl(GANGERD, "gangerd", "--foreground", "--config", d->config, "--runtime-dir", d->directory, NULL);
                _exit(127);
        }
        ck_assert_int_gt(d->keeper, 0);
        wait_until_ready(fd);
        unlink(address.sun_path);
        ck_assert_int_eq(ganger_control_new(&d->control, d->control_path), 0);
        ganger_control_set_timeout(d->control, PATIENCE_SEC * USEC_PER_SEC);
}

static void remove_directory(const char *path) {
        DIR *directory = opendir(path);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(directory), entry->d_name, 0);
        if (directory)
                closedir(directory);
        ck_assert_int_eq(rmdir(path), 0);
}

/* @return the exit status as waitpid(2) gives it. */
static int daemon_stop(struct daemon *d) {
        int status;

        d->control = ganger_control_free(d->control);
        kill(d->keeper, SIGTERM);
        ck_assert_int_eq(waitpid(d->keeper, &status, 0), d->keeper);
        remove_directory(d->directory);
        return status;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static Ganger__V1__Reply *ask(struct daemon *d, Ganger__V1__Request *request) {
        Ganger__V1__Reply *reply = NULL;
        int r = ganger_control_call(d->control, request, &reply);

        ck_assert_msg(r == 0, "%s", ganger_control_error(d->control));
        return reply;
}

static pid_t manager_pid(struct daemon *d) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__Reply *reply;
        pid_t pid;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &version;
        reply = ask(d, &request);
        pid = reply->version->manager_pid;
        ck_assert_int_eq(reply->version->keeper_pid, d->keeper);
        ganger_control_reply_free(reply);
        return pid;
}

static void look(struct daemon *d, struct picture *p) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;
        Ganger__V1__Reply *reply;

        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status;
        reply = ask(d, &request);
        *p = (struct picture){ 0 };
        for (size_t w = 0; w < reply->status->n_workers; w++)
                for (size_t i = 0; i < reply->status->workers[w]->n_instances; i++) {
                        Ganger__V1__Instance *instance = reply->status->workers[w]->instances[i];

                        ck_assert_uint_lt(p->n, KEYS_MAX);
                        snprintf(p->at[p->n].key, sizeof p->at->key, "%s", instance->key);
                        snprintf(p->at[p->n].state, sizeof p->at->state, "%s", instance->state);
                        p->at[p->n].pid = instance->pid;
                        p->at[p->n].generation = instance->generation;
                        p->at[p->n++].restarts = instance->restarts;
                }
        ganger_control_reply_free(reply);
}

static void assert_same(const struct picture *a, const struct picture *b) {
        ck_assert_uint_eq(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
                ck_assert_str_eq(a->at[i].key, b->at[i].key);
                ck_assert_str_eq(a->at[i].state, b->at[i].state);
                ck_assert_int_eq(a->at[i].pid, b->at[i].pid);
                ck_assert_uint_eq(a->at[i].generation, b->at[i].generation);
        }
}

/* The children of the keeper, but for the manager. */
static int count_children(const struct daemon *d) {
        char path[64];
        FILE *f;
        int n = 0, pid;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)d->keeper, (int)d->keeper);
        f = fopen(path, "re");
        ck_assert_ptr_nonnull(f);
        while (fscanf(f, "%d", &pid) == 1)
                n++;
        fclose(f);
        return n - 1;
}

/* @return the reply's one change, which is freed with it. */
static void change(struct daemon *d, Ganger__V1__Request *request) {
        Ganger__V1__Reply *reply = ask(d, request);

        for (size_t i = 0; i < reply->change->n_changes; i++)
                ck_assert_msg(reply->change->changes[i]->ok, "%s", reply->change->changes[i]->message);
        ganger_control_reply_free(reply);
}

static void start(struct daemon *d, char *name) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StartRequest call = GANGER__V1__START_REQUEST__INIT;

        call.names = &name;
        call.n_names = 1;
        request.call_case = GANGER__V1__REQUEST__CALL_START;
        request.start = &call;
        change(d, &request);
}

static void stop(struct daemon *d, char *name) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StopRequest call = GANGER__V1__STOP_REQUEST__INIT;

        call.names = &name;
        call.n_names = 1;
        request.call_case = GANGER__V1__REQUEST__CALL_STOP;
        request.stop = &call;
        change(d, &request);
}

static void scale(struct daemon *d, char *name, uint32_t instances) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ScaleRequest call = GANGER__V1__SCALE_REQUEST__INIT;

        call.name = name;
        call.instances = instances;
        request.call_case = GANGER__V1__REQUEST__CALL_SCALE;
        request.scale = &call;
        change(d, &request);
}

/* @return 0, or what ganger_control_call() says. */
static int reload(struct daemon *d) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ReloadRequest call = GANGER__V1__RELOAD_REQUEST__INIT;
        Ganger__V1__Reply *reply = NULL;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_RELOAD;
        request.reload = &call;
        r = ganger_control_call(d->control, &request, &reply);
        ganger_control_reply_free(reply);
        return r;
}

/* Has it a new process since then, and is that ready? */
static bool is_replaced(const struct picture *before, const struct picture *after, const char *key) {
        for (size_t i = 0; i < after->n && i < before->n; i++)
                if (strcmp(after->at[i].key, key) == 0)
                        return after->at[i].generation > before->at[i].generation &&
                               strcmp(after->at[i].state, "ready") == 0;
        return false;
}

static int pid_of(const struct picture *p, const char *key) {
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->at[i].key, key) == 0)
                        return p->at[i].pid;
        return -1;
}

/* ---- the tests --------------------------------------------------------------------------------- */

static const char plain[] =
        "ring jobs { slots = 64  slot-size = 256 }\n"
        "worker sleeper { exec = {\"sleep\", \"10000\"}  instances = 5 }\n"
        "worker sender { exec = {\"sleep\", \"10000\"}  instances = 3  send = jobs }\n"
        "worker script { exec = {\"sh\", \"-c\", \"echo up; exec sleep 10000\"} }\n";

static int compare_times(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

START_TEST(a_killed_manager_loses_nobody) {
        /* The keeper forgives five quick deaths in a row; from then on it makes us wait on purpose. */
        enum { KILLS = 12, AT_ONCE = 5 };
        uint64_t took[KILLS];
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");   /* which says when they are ready */
        start(&d, (char *)"sender");
        start(&d, (char *)"script");
        look(&d, &before);
        ck_assert_uint_eq(before.n, 9);
        for (int i = 0; i < KILLS; i++) {
                pid_t manager = manager_pid(&d);
                uint64_t killed = now_usec();

                kill(manager, SIGKILL);
                look(&d, &after);
                took[i] = now_usec() - killed;
                assert_same(&before, &after);
                ck_assert_int_eq(count_children(&d), 9);
        }
        qsort(took, AT_ONCE, sizeof *took, compare_times);
        printf("manager killed; answered again after %llu ms at the median, %llu ms at most\n",
               (unsigned long long)took[AT_ONCE / 2] / 1000, (unsigned long long)took[AT_ONCE - 1] / 1000);
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(killed_again_while_it_takes_over) {
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");
        start(&d, (char *)"sender");
        start(&d, (char *)"script");
        look(&d, &before);
        for (int i = 0; i < 4; i++) {
                pid_t manager = manager_pid(&d), next = 0;
                char path[64];

                /* The next one, as soon as the keeper has it: it is the child that is none of the others. */
                snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)d.keeper, (int)d.keeper);
                kill(manager, SIGKILL);
                for (uint64_t until = now_usec() + USEC_PER_SEC; next == 0 && now_usec() < until;) {
                        FILE *f = fopen(path, "re");
                        int pid;

                        while (f && fscanf(f, "%d", &pid) == 1) {
                                bool known = pid == manager;

                                for (size_t k = 0; k < before.n; k++)
                                        known |= before.at[k].pid == pid;
                                next = known ? next : pid;
                        }
                        if (f)
                                fclose(f);
                }
                if (next > 0)
                        kill(next, SIGKILL);
                look(&d, &after);
                assert_same(&before, &after);
                ck_assert_int_eq(count_children(&d), 9);
        }
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(a_worker_that_dies_with_the_manager_is_replaced_once) {
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");
        start(&d, (char *)"sender");
        start(&d, (char *)"script");
        for (int i = 0; i < 8; i++) {
                pid_t manager = manager_pid(&d);
                char *victim = (char *)(i % 2 ? "sender/1" : "sleeper/4");

                look(&d, &before);
                if (i % 3 == 0) {
                        kill(manager, SIGKILL);
                        kill(pid_of(&before, victim), SIGKILL);
                } else {
                        kill(pid_of(&before, victim), SIGKILL);
                        kill(manager, SIGKILL);
                }
                /* It may be that its end is not known yet: then it still counts as ready. */
                do {
                        start(&d, victim);
                        look(&d, &after);
                } while (!is_replaced(&before, &after, victim));
                ck_assert_uint_eq(after.n, before.n);
                for (size_t k = 0; k < after.n; k++) {
                        bool is_victim = strcmp(after.at[k].key, victim) == 0;

                        ck_assert_uint_eq(after.at[k].generation, before.at[k].generation + is_victim);
                        ck_assert_int_eq(after.at[k].pid == before.at[k].pid, !is_victim);
                        ck_assert_str_eq(after.at[k].state, "ready");
                }
                ck_assert_int_eq(count_children(&d), 9);
        }
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(what_people_have_said_outlives_the_manager) {
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");
        scale(&d, (char *)"sleeper", 8);
        stop(&d, (char *)"script");
        stop(&d, (char *)"sender/0");
        look(&d, &before);
        ck_assert_uint_eq(before.n, 12);
        kill(manager_pid(&d), SIGKILL);
        look(&d, &after);
        assert_same(&before, &after);
        ck_assert_int_eq(count_children(&d), 10);

        scale(&d, (char *)"sleeper", 2);
        kill(manager_pid(&d), SIGKILL);
        look(&d, &after);
        ck_assert_int_eq(count_children(&d), 4);
        start(&d, (char *)"script");
        ck_assert_int_eq(count_children(&d), 5);
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(a_configuration_that_was_broken_meanwhile_stops_nobody) {
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");
        start(&d, (char *)"sender");
        start(&d, (char *)"script");
        look(&d, &before);
        write_config(&d, "worker { nonsense");
        ck_assert_int_ne(reload(&d), 0);
        kill(manager_pid(&d), SIGKILL);
        look(&d, &after);
        assert_same(&before, &after);
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(a_reload_touches_only_what_changed) {
        struct picture before, after;
        struct daemon d;

        daemon_start(&d, plain);
        start(&d, (char *)"sleeper");
        start(&d, (char *)"sender");
        start(&d, (char *)"script");
        look(&d, &before);
        write_config(&d, "ring jobs { slots = 64  slot-size = 256 }\n"
                         "ring more { slots = 4 }\n"
                         "worker sender { exec = {\"sleep\", \"10000\"}  instances = 3  send = jobs }\n"
                         "worker sleeper { exec = {\"sleep\", \"10000\"}  instances = 2 }\n"
                         "worker fresh { exec = {\"sleep\", \"10000\"} send = more }\n");
        ck_assert_int_eq(reload(&d), 0);
        start(&d, (char *)"fresh");
        look(&d, &after);
        ck_assert_int_eq(pid_of(&after, "sleeper/1"), pid_of(&before, "sleeper/1"));
        ck_assert_int_eq(pid_of(&after, "sender/2"), pid_of(&before, "sender/2"));
        ck_assert_int_gt(pid_of(&after, "fresh/0"), 0);

        write_config(&d, "ring jobs { kind = pipe }\n");
        ck_assert_int_ne(reload(&d), 0);
        kill(manager_pid(&d), SIGKILL);
        look(&d, &after);
        ck_assert_int_eq(pid_of(&after, "sender/2"), pid_of(&before, "sender/2"));
        ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("takeover", a_killed_manager_loses_nobody, killed_again_while_it_takes_over,
                                         a_worker_that_dies_with_the_manager_is_replaced_once,
                                         what_people_have_said_outlives_the_manager,
                                         a_configuration_that_was_broken_meanwhile_stops_nobody,
                                         a_reload_touches_only_what_changed));
}
