/* SPDX-License-Identifier: MIT */

/*
 * A forged Handover: what a keeper finds of the program that it was before
 *
 * It is refused and nothing is touched, or it is taken: then only descriptors were taken that were handed over, each child is one that
 * there can be, of a key of its own, and a signal to it goes to no other.
 *
 * Sources: daemon/keeper/handover.c daemon/keeper/children.c daemon/keeper/store.c daemon/keeper/main-process.c daemon/keeper/reap.c
 * Sources: lib/base/fd.c proto/keeper.pb-c.c
 * Flags: -Wl,--wrap=kill,--wrap=waitid,--wrap=getpgid,--wrap=keeper_log
 * Inputs: 4000
 * Faults: handover-any-pid handover-any-descriptor
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"
#include "descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Descriptors that can be handed over: these, from the first that a keeper stores on. */
#define HANDED 8

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

int __wrap_kill(pid_t pid, int signal) {
        if (pid >= -1 && pid <= 1)
                fail("a signal to more than one process, or to the first");
        return 0;
}

pid_t __wrap_getpgid(pid_t pid) {
        return pid > 1 ? pid : (errno = ESRCH, -1);
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
        *info = (siginfo_t){ 0 };
        return 0;
}

void __wrap_keeper_log(const char *format, ...) {
}

static const struct keeper_config config = { .ready_fd = -1, .lock_fd = -1 };

static struct keeper *begin(void) {
        static struct keeper *k;

        if (!k)
                k = malloc(sizeof *k);
        memset(k, 0, offsetof(struct keeper, packet));
        k->config = &config;
        k->signal_fd = k->socket = k->lock_fd = k->next_program = k->last_program = -1;
        k->service.socket = -1;
        k->say_again_usec = USEC_INFINITY;
        children_init(&k->children);
        store_init(&k->store);
        service_store_init(k);
        list_init(&k->replies);
        return k;
}

static size_t n_of_key(struct keeper *k, const char *key) {
        size_t n = 0;

        children_for_each(it, &k->children)
                n += strcmp(list_entry(it, struct child_process, by_key)->key, key) == 0;
        return n;
}

static void check_taken(struct keeper *k) {
        children_for_each(it, &k->children) {
                struct child_process *p = list_entry(it, struct child_process, by_key);

                if (n_of_key(k, p->key) != 1)
                        fail("a key has two processes");
                if (!*p->key || strlen(p->key) > KEEPER_KEY_MAX || p->cookie_size > KEEPER_COOKIE_MAX)
                        fail("a child that no manager can be told of");
                if (!p->exited) {
                        main_process_signal(p, SIGTERM, false);
                        main_process_signal(p, SIGKILL, true);
                }
                p->heir_fd = -1; /* one of those that are closed at the end */
        }
        list_for_each(it, &k->store.all)
                if (fcntl(list_entry(it, struct stored_descriptor, link)->fd, F_GETFD) != FD_CLOEXEC)
                        fail("what is stored is no descriptor");
}

/* The descriptors of the program before: the Handover, itself, and those that it has stored. @return itself. */
static int leave(const uint8_t *data, size_t size) {
        int state = fd_memfd_sealed("handover", data, size), last = open("/proc/self/exe", O_PATH | O_CLOEXEC);
        char text[32];

        for (int i = 0; i < HANDED; i++)
                if (dup2(last, SPAWN_FD_WINDOW + i) < 0)
                        fail("nothing to hand over");
        snprintf(text, sizeof text, "%d,%d", state, last);
        setenv(KEEPER_HANDOVER_ENV, text, 1);
        setenv(KEEPER_HANDOVER_REFUSED_ENV, "1", 1); /* else it would execute that program */
        return last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct keeper *k = begin();
        unsigned int before = descriptors_open();
        int last, r;

        last = leave(data, size);
        r = handover_take(k);
        if (r == 0)
                check_taken(k);
        children_done(&k->children);
        store_done(&k->store);
        service_store_done(k);
        for (int i = 0; i < HANDED; i++)
                close(SPAWN_FD_WINDOW + i);
        if (r < 0)
                close(last); /* which would be executed */
        if (descriptors_open() != before)
                fail("a descriptor was taken that is not handed over, or one is left");
        return 0;
}
