/* SPDX-License-Identifier: MIT */
/*
 * Files that are read whole, of a bounded size
 */

#include "daemon/small-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int small_file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        /* A FIFO or a device in the place of the file must not stop the daemon. */
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(freep) char *text = NULL;
        struct stat st;
        size_t n = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (st.st_size > (off_t)max)
                return -EFBIG;
        text = malloc(max + 2); /* one byte more shows that it has grown past it */
        if (!text)
                return -ENOMEM;
        while (n <= max) {
                ssize_t got = read(fd, text + n, max + 1 - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        if (n > max) {
                explicit_bzero(text, n);
                return -EFBIG;
        }
        text[n] = '\0';
        *ret = TAKE(text);
        *ret_size = n;
        return 0;
}

const char *small_file_problem(int error) {
        return error == -EBADF ? "it is no ordinary file" : error == -EFBIG ? "it is too large" :
               strerrordesc_np(-error) ?: "unknown error";
}
