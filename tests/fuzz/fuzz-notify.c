/* SPDX-License-Identifier: MIT */

/*
 * What arrives at the notify socket: the first byte says how many descriptors come along, the rest is the datagram
 *
 * Whatever it is, it is taken out of the socket, what is handed on is within its bounds, and no descriptor is left. The same
 * bytes are read as what the kernel says of a process.
 *
 * Sources: daemon/notify.c lib/base/text.c
 * Inputs: 8000
 * Faults: notify-leaves-descriptor notify-long-name
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/notify.h"
#include "descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct notify notify;
static int sender = -1;
static unsigned int n_heard;

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

static bool on_message(void *userdata, pid_t pid, const struct notify_message *m) {
        n_heard++;
        if (pid != getpid())
                fail("it is not told who speaks");
        if (m->error < -1 || m->error > 4095 || m->main_pid < 0)
                fail("a number out of its bounds");
        if (m->status && strlen(m->status) >= NOTIFY_MESSAGE_MAX)
                fail("a status that is longer than the datagram");
        if (m->fd_name && (strlen(m->fd_name) > NOTIFY_FD_NAME_MAX || !*m->fd_name || strchr(m->fd_name, ':')))
                fail("a name of a descriptor that is none");
        for (size_t i = 0; i < m->n_fds; i++)
                if (fcntl(m->fds[i], F_GETFD) != FD_CLOEXEC)
                        fail("a descriptor that is not ours, or that children would have");
        return true;
}

/* A socket in a directory that is gone at once: who is connected stays so. */
static void begin(void) {
        char directory[] = "/tmp/ganger-fuzz-XXXXXX";
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        sd_event *event = NULL;
        bool made;

        if (!mkdtemp(directory) || sd_event_new(&event) < 0 ||
            notify_init(&notify, event, directory, -1, on_message, NULL, &made) < 0)
                fail("no notify socket");
        snprintf(address.sun_path, sizeof address.sun_path, "%s", notify.path);
        sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sender < 0 || connect(sender, (struct sockaddr *)&address, sizeof address) < 0)
                fail("nothing to send by");
        (void)unlink(notify.path);
        (void)rmdir(directory);
}

static void check_stat(const uint8_t *data, size_t size) {
        char *text = strndup((const char *)data, size);
        pid_t parent = 0, session = 0;

        if (notify_parse_stat(text, &parent, &session) == 0 && (parent < 0 || session < 0))
                fail("a process below 0");
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int fds[FD_MESSAGE_MAX];
        unsigned int before;
        size_t n_fds;

        if (sender < 0)
                begin();
        if (size < 1)
                return 0;
        n_fds = data[0] % 4 == 3 ? MIN(data[0], FD_MESSAGE_MAX) : data[0] % 4; /* a few as a rule */
        for (size_t i = 0; i < n_fds; i++)
                fds[i] = sender;
        before = descriptors_open();
        if (fd_send(sender, data + 1, size - 1, fds, n_fds) < 0)
                return 0; /* longer than the kernel takes */
        if (!notify_drain(&notify))
                fail("it is left in the socket");
        if (descriptors_open() != before)
                fail("a descriptor is left");
        check_stat(data, size);
        return 0;
}
