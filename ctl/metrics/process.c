/* SPDX-License-Identifier: MIT */

#include "ctl/metrics/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"

/** A file of /proc is shorter. */
#define FILE_MAX 4096

static int read_file(int pid, const char *name, char buf[FILE_MAX]) {
        _cleanup_(closep) int fd = -1;
        char path[64];
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read(fd, buf, FILE_MAX - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return 0;
}

/** A line "name:   123 kB" of /proc/PID/status; 0 if there is none. */
static uint64_t number_of(const char *text, const char *name) {
        const char *line = strstr(text, name);

        return line ? strtoull(line + strlen(name), NULL, 10) : 0;
}

int process_usage_read(int pid, struct process_usage *ret) {
        uint64_t user, system, tick_usec = USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
        char text[FILE_MAX];
        const char *rest;
        int r;

        r = read_file(pid, "stat", text);
        if (r < 0)
                return r;
        /* What comes before is its name, in parentheses, and may be anything. */
        rest = strrchr(text, ')');
        if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system) != 2)
                return -EPROTO;
        r = read_file(pid, "status", text);
        if (r < 0)
                return r;
        *ret = (struct process_usage){
                .cpu_usec = (user + system) * tick_usec,
                .resident_bytes = number_of(text, "\nVmRSS:") * 1024,
                .voluntary_switches = number_of(text, "\nvoluntary_ctxt_switches:"),
                .involuntary_switches = number_of(text, "\nnonvoluntary_ctxt_switches:"),
        };
        return 0;
}
