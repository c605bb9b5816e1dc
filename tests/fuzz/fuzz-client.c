/* SPDX-License-Identifier: MIT */

/*
 * What a daemon answers: the first byte says whether to a call or to a stream; then frames (two bytes of the size, and that), or bytes
 * as they are where the size begins with 0xff; then it hangs up, and does not come back
 *
 * The client has an answer, or an error and a text that says why; a stream comes to its end.
 *
 * Sources: lib/client/*.c lib/wire/*.c lib/base/fd.c proto/control.pb-c.c
 * Flags: -Wl,--wrap=link_send
 * Inputs: 3000
 * Faults: frame-byte-too-many
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client.h"
#include "descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int listener = -1;
/* What is said to the next that asks; NULL: nothing more. */
static const uint8_t *answer;
static size_t answer_size;

static void begin(void) {
        char directory[] = "/tmp/ganger-fuzz-XXXXXX";

        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (!mkdtemp(directory) || listener < 0)
                fail("no socket");
        snprintf(address.sun_path, sizeof address.sun_path, "%s/control", directory);
        if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
                fail("nobody can connect");
}

static void end(void) {
        (void)unlink(address.sun_path);
        *strrchr(address.sun_path, '/') = '\0';
        (void)rmdir(address.sun_path);
}

static void say(int fd, const uint8_t *data, size_t left) {
        while (left >= 2) {
                size_t size = (size_t)data[0] << 8 | data[1];
                bool raw = data[0] == 0xff;
                uint32_t length;

                data += 2;
                left -= 2;
                size = raw || size > left ? left : size;
                length = htonl((uint32_t)size);
                if (!raw)
                        (void)!send(fd, &length, sizeof length, MSG_NOSIGNAL | MSG_DONTWAIT);
                (void)!send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                data += size;
                left -= size;
        }
        close(fd);
}

/* There is one thread: when the client has asked, it is answered at once, before it reads. */
int __wrap_link_send(struct link *l, const ProtobufCMessage *message, uint64_t deadline_usec) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                fail("it has not connected");
        say(fd, answer, answer_size);
        answer_size = 0;
        return 0;
}

static void check_error(const struct ganger_control *c, int r) {
        if (r < 0 && !*ganger_control_error(c))
                fail("an error without a word");
}

static void call_one(struct ganger_control *c, Ganger__V1__Request *request) {
        int fds[GANGER_CONTROL_FDS_MAX], r;
        Ganger__V1__Reply *reply = NULL;
        size_t n_fds = 0;

        r = ganger_control_call_fds(c, request, &reply, fds, &n_fds);
        check_error(c, r);
        if ((r == 0) != (reply != NULL))
                fail("an answer beside an error, or neither");
        if (reply)
                ganger_control_reply_free(reply);
}

/** No input has more frames. */
#define ITEMS_MAX 10000

static void follow(struct ganger_control *c, Ganger__V1__Request *request) {
        struct ganger_control_stream *stream = NULL;
        int r = ganger_control_stream(c, request, &stream);

        check_error(c, r);
        for (unsigned int i = 0; r == 0 || r == -EAGAIN; i++) {
                Ganger__V1__Reply *reply = NULL;

                r = ganger_control_stream_next(stream, &reply, -1);
                if (i > ITEMS_MAX)
                        fail("a stream without an end");
                if (r == 0)
                        ganger_control_reply_free(reply);
        }
        if (stream && r != -ENODATA && !*ganger_control_stream_error(stream))
                fail("an end without a word");
        ganger_control_stream_free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__LogsRequest logs = GANGER__V1__LOGS_REQUEST__INIT;
        struct ganger_control *c = NULL;
        unsigned int before;

        if (size < 1)
                return 0;
        if (listener < 0) {
                begin();
                atexit(end);
        }
        before = descriptors_open();
        answer = data + 1;
        answer_size = size - 1;
        if (ganger_control_new(&c, address.sun_path) < 0)
                fail("no client");
        ganger_control_set_timeout(c, 1); /* all there is, is there */
        request.call_case = data[0] % 2 ? GANGER__V1__REQUEST__CALL_LOGS : GANGER__V1__REQUEST__CALL_VERSION;
        if (data[0] % 2) {
                logs.follow = data[0] & 2;
                request.logs = &logs;
                follow(c, &request);
        } else {
                request.version = &version;
                call_one(c, &request);
        }
        ganger_control_free(c);
        if (descriptors_open() != before)
                fail("a descriptor is left");
        return 0;
}
