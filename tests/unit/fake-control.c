/* SPDX-License-Identifier: MIT */

/*
 * A control socket that answers by script
 *
 * Blocking, and in a thread of its own. A failure here fails the test by abort(), with a line.
 */

#include "fake-control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "wire/message.h"

#define MUST(condition)                                                                         \
        do {                                                                                    \
                if (!(condition)) {                                                             \
                        fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #condition);     \
                        abort();                                                                \
                }                                                                               \
        } while (0)

void fake_listen(struct fake *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
        f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        MUST(f->listener >= 0);
        MUST(bind(f->listener, (struct sockaddr *)&address, sizeof address) == 0);
        MUST(listen(f->listener, 16) == 0);
}

void fake_unlisten(struct fake *f) {
        f->listener = close_fd(f->listener);
        unlink(f->path);
}

void fake_init(struct fake *f) {
        const char *tmp = getenv("TMPDIR");

        *f = (struct fake){ .listener = -1, .peer = -1 };
        snprintf(f->dir, sizeof f->dir, "%s/fake-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
        MUST(mkdtemp(f->dir));
        snprintf(f->path, sizeof f->path, "%s/control", f->dir);
        fake_listen(f);
}

void fake_run(struct fake *f, void *(*script)(void *fake)) {
        MUST(pthread_create(&f->thread, NULL, script, f) == 0);
}

void fake_done(struct fake *f) {
        if (f->thread)
                pthread_join(f->thread, NULL);
        fake_hang_up(f);
        fake_unlisten(f);
        rmdir(f->dir);
}

void fake_accept(struct fake *f) {
        fake_hang_up(f);
        do
                f->peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        while (f->peer < 0 && errno == EINTR);
        MUST(f->peer >= 0);
}

void fake_hang_up(struct fake *f) {
        if (f->request)
                ganger__v1__request__free_unpacked(f->request, NULL);
        f->request = NULL;
        frame_reader_done(&f->reader);
        f->peer = close_fd(f->peer);
}

bool fake_request(struct fake *f) {
        struct pollfd p = { .fd = f->peer, .events = POLLIN };
        struct frame frame = FRAME_NULL;
        int r;

        while ((r = frame_reader_read(&f->reader, f->peer, &frame)) == -EAGAIN)
                MUST(poll(&p, 1, -1) >= 0 || errno == EINTR);
        if (r < 0)
                return false;
        if (f->request)
                ganger__v1__request__free_unpacked(f->request, NULL);
        f->request = ganger__v1__request__unpack(NULL, frame.size, frame.data);
        MUST(f->request);
        frame_done(&frame);
        return true;
}

void fake_reply(struct fake *f, Ganger__V1__Reply *reply, const int *fds, size_t n_fds) {
        struct frame_writer w;

        frame_writer_init(&w, FRAME_SIZE_MAX);
        if (reply->id == 0 && f->request)
                reply->id = f->request->id;
        MUST(message_push(&w, &reply->base, fds, n_fds) == 0);
        (void)frame_writer_flush(&w, f->peer);
        frame_writer_done(&w);
}

void fake_raw(struct fake *f, const void *data, size_t size) {
        MUST(send(f->peer, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

void fake_error(struct fake *f, Ganger__V1__ErrorCode code, const char *text) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__Error error = GANGER__V1__ERROR__INIT;

        error.code = code;
        error.message = (char *)text;
        reply.error = &error;
        fake_reply(f, &reply, NULL, 0);
}
