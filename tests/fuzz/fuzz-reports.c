/* SPDX-License-Identifier: MIT */

/*
 * What a manager is told by the keeper: packets, each as how many descriptors come along, two bytes of its size, and it
 *
 * The first descriptor of each is a sealed memfd: two bytes of its size, and it, before all packets. Whatever comes, the manager begins
 * or says why not, goes on or says why not, and no descriptor is left.
 *
 * Sources: daemon/keeper-link.c daemon/map.c lib/base/fd.c proto/keeper.pb-c.c
 * Inputs: 2500
 * Faults: link-leaves-descriptor
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/keeper-link.h"
#include "daemon/keeper/protocol.h"
#include "descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

static size_t seen;
static bool is_broken;

static void on_spawned(void *userdata, const Ganger__Keeper__Spawned *m) {
        seen += strlen(m->key) + strlen(m->step);
}

static void on_exited(void *userdata, const Ganger__Keeper__Exited *m) {
        seen += strlen(m->key);
        for (size_t i = 0; i < m->cookie.len; i++)
                seen += m->cookie.data[i];
}

static void on_stopped(void *userdata, const Ganger__Keeper__Stopped *m) {
        seen += strlen(m->key);
}

static void on_caught(void *userdata, const Ganger__Keeper__Caught *m) {
        seen += (size_t)m->signal;
}

static void on_ending(void *userdata, const Ganger__Keeper__Ending *m) {
        seen += strlen(m->key);
}

static void on_main_changed(void *userdata, const Ganger__Keeper__MainChanged *m) {
        seen += strlen(m->key);
}

static void on_broken(void *userdata, int error) {
        if (error >= 0)
                fail("broken, without a reason");
        is_broken = true;
}

static const struct keeper_link_ops ops = {
        .spawned = on_spawned, .exited = on_exited, .stopped = on_stopped, .caught = on_caught, .ending = on_ending,
        .main_changed = on_main_changed, .broken = on_broken,
};

static size_t take_size(const uint8_t **data, size_t *left) {
        size_t n = *left >= 2 ? (size_t)(*data)[0] << 8 | (*data)[1] : 0;

        *data += MIN(*left, (size_t)2);
        *left -= MIN(*left, (size_t)2);
        return MIN(n, *left);
}

/* All of it, as far as the socket takes it; then the end. */
static void say(int socket, const uint8_t *data, size_t left) {
        size_t size = take_size(&data, &left);
        int fds[8], memfd = fd_memfd_sealed("welcome", data, size);

        data += size;
        left -= size;
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = memfd;
        while (left > 0) {
                unsigned int n_fds = *data++ % ARRAY_SIZE(fds);

                left--;
                size = take_size(&data, &left);
                if (size > 0 && fd_send(socket, data, size, fds, n_fds) < 0)
                        break;
                data += size;
                left -= size;
        }
        close(memfd);
        shutdown(socket, SHUT_WR);
}

static void check_welcome(const Ganger__Keeper__WelcomeState *welcome) {
        for (size_t i = 0; i < welcome->n_children; i++)
                seen += strlen(welcome->children[i]->key);
        for (size_t i = 0; i < welcome->n_exits; i++)
                seen += strlen(welcome->exits[i]->key);
}

static void serve(struct keeper_link *link) {
        sd_event *event = NULL;

        is_broken = false;
        if (sd_event_new(&event) < 0 || keeper_link_attach(link, event, &ops, NULL) < 0)
                fail("no loop");
        while (!is_broken)
                if (sd_event_run(event, 0) <= 0)
                        fail("it does not see that the keeper is gone");
        if (keeper_link_take(link, "control") >= 0)
                fail("what was taken is still there");
        keeper_link_drop_rest(link);
        sd_event_unref(event);
}

static void run(const uint8_t *data, size_t size) {
        Ganger__Keeper__WelcomeState *welcome = NULL;
        struct keeper_link link;
        int pair[2], fd, r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                fail("no socket");
        say(pair[1], data, size);
        r = keeper_link_init(&link, pair[0], &welcome);
        if (r < 0 && welcome)
                fail("a welcome beside an error");
        if (r == 0) {
                check_welcome(welcome);
                ganger__keeper__welcome_state__free_unpacked(welcome, NULL);
                fd = keeper_link_take(&link, "control");
                close_fd(fd);
                serve(&link);
        }
        keeper_link_done(&link);
        close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned int before = descriptors_open();

        run(data, size);
        if (descriptors_open() != before)
                fail("a descriptor is left");
        return 0;
}
