/* SPDX-License-Identifier: MIT */

/*
 * The manager of the keeper's tests
 *
 * Does nothing by itself: it hands its end of the socket to the test, keeps none, and then is a process that the test
 * can kill, or make exit with a status. So a test plays the manager, and can do what no manager would.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/keeper/protocol.h"
#include "keeper-fixture.h"

static int connect_to_test(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(name);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        memcpy(address.sun_path + 1, name, length);             /* abstract: it begins with a zero byte */
        if (fd < 0 || connect(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0)
                return -1;
        return fd;
}

int main(int argc, char **argv) {
        const char *name = getenv(FIXTURE_SOCKET_ENV), *number = getenv(KEEPER_FD_ENV);
        const int keeper = KEEPER_FD;
        unsigned char status = 0;
        int test;

        if (!name || !number || atoi(number) != KEEPER_FD)
                return 99;
        test = connect_to_test(name);
        if (test < 0 || fd_send(test, "", 1, &keeper, 1) < 0)
                return 98;
        close(keeper);
        while (read(test, &status, 1) < 0 && errno == EINTR)
                ;
        return status;
}
