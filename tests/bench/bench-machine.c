/* SPDX-License-Identifier: MIT */

/*
 * Where the bench ran: machine, kernel, and how near the two processors are to each other
 *
 * Before the first part; each round of a part measures placement again (machine.h).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "machine.h"

#define BATCHES 41

static void processor_name(char *buf, size_t size) {
        FILE *f = fopen("/proc/cpuinfo", "r");
        char line[512];

        snprintf(buf, size, "unknown");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
                        snprintf(buf, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n\""), strchr(line, ':') + 2);
                        break;
                }
        if (f)
                fclose(f);
}

int main(void) {
        double load[1] = { 0 }, ns;
        const char *class;
        char name[256];
        struct utsname u;

        (void)getloadavg(load, 1);
        uname(&u);
        processor_name(name, sizeof name);
        ns = machine_ping_pong(BATCHES);
        class = machine_placement(ns);
        printf("machine    %s, %ld processors\n", name, sysconf(_SC_NPROCESSORS_ONLN));
        printf("kernel     %s %s\n", u.sysname, u.release);
        printf("placement  %s: a cache line takes %.0f ns there and back\n", class, ns);
        printf("load       %.2f before the run\n", load[0]);
        fprintf(stderr,
                "{\"processor\":\"%s\",\"processors\":%ld,\"kernel\":\"%s\",\"placement\":\"%s\",\"ping_pong_ns\":%.0f,"
                "\"load\":%.2f}\n",
                name, sysconf(_SC_NPROCESSORS_ONLN), u.release, class, ns, load[0]);
        return 0;
}
