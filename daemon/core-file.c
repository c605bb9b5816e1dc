/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel has put a core file: core(5)
 *
 * The kernel says that it dumped one, and no more. Most of its pattern can be filled in from what we know of the process;
 * what cannot (its user may have changed, the name of its thread, the second of the dump) is left open, and of the files
 * that fit, the newest is taken.
 */

#include "daemon/core-file.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define PATTERN_MAX 512
/** PROC_PID_INIT_INO of the kernel, which does not change. */
#define PID_NAMESPACE_OF_ALL 0xEFFFFFFCu

static void put_pid(char *buf, size_t size, const struct core_process *process, bool is_another) {
        if (is_another)
                snprintf(buf, size, "*");
        else
                snprintf(buf, size, "%d", (int)process->pid);
}

/* What a specifier stands for; the text is for glob(7). */
static void specifier(char *buf, size_t size, char c, const struct core_process *process) {
        switch (c) {
        case 'p':
        case 'i':
                put_pid(buf, size, process, process->own_pids);
                break;
        case 'P':
        case 'I':
                put_pid(buf, size, process, process->inside);
                break;
        case 's':
                snprintf(buf, size, "%d", process->signal);
                break;
        case '%':
                snprintf(buf, size, "%%");
                break;
        default:
                snprintf(buf, size, "*");
                break;
        }
}

int core_file_pattern(char *buf, size_t size, const char *pattern, bool uses_pid, const struct core_process *process) {
        size_t n = 0;
        bool has_pid = false;

        if (*pattern == '|')
                return -ENXIO;
        if (*pattern != '/')
                n = (size_t)snprintf(buf, size, "%s/", process->directory);
        for (const char *p = pattern; *p && n < size; p++) {
                char text[16] = { *p };

                if (*p == '%' && p[1]) {
                        p++;
                        has_pid |= strchr("pPiI", *p) != NULL;
                        specifier(text, sizeof text, *p, process);
                } else if (strchr("*?[\\", *p))
                        snprintf(text, sizeof text, "\\%c", *p);
                n += (size_t)snprintf(buf + n, size - n, "%s", text);
        }
        if (uses_pid && !has_pid && n < size) {
                char text[16];

                put_pid(text, sizeof text, process, process->own_pids);
                n += (size_t)snprintf(buf + n, size - n, ".%s", text);
        }
        return n < size ? 0 : -ENAMETOOLONG;
}

/* One line of /proc. @return whether there is any. */
static bool read_line(const char *path, char *buf, size_t size) {
        _cleanup_(fclosep) FILE *f = fopen(path, "re");

        if (!f || !fgets(buf, (int)size, f))
                return false;
        buf[strcspn(buf, "\n")] = '\0';
        return *buf;
}

/* The newest of the files that fit. @return false: there is none. */
static bool find_newest(const char *pattern, char *buf, size_t size) {
        struct timespec newest = { 0 };
        glob_t found = { 0 };
        bool any = false;

        if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        struct stat st;

                        if (lstat(found.gl_pathv[i], &st) < 0 || !S_ISREG(st.st_mode))
                                continue;
                        if (any && (st.st_mtim.tv_sec < newest.tv_sec ||
                                    (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec < newest.tv_nsec)))
                                continue;
                        newest = st.st_mtim;
                        any = true;
                        snprintf(buf, size, "%s", found.gl_pathv[i]);
                }
        globfree(&found);
        return any;
}

bool core_file_is_inside(void) {
        struct stat st;

        return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != PID_NAMESPACE_OF_ALL;
}

char *core_file_tell(char *buf, size_t size, const struct core_process *process) {
        struct core_process told = *process;
        char pattern[PATTERN_MAX], uses_pid[16], wanted[PATTERN_MAX];
        int r;

        if (!read_line("/proc/sys/kernel/core_pattern", pattern, sizeof pattern)) {
                snprintf(buf, size, "somewhere");
                return buf;
        }
        if (!read_line("/proc/sys/kernel/core_uses_pid", uses_pid, sizeof uses_pid))
                *uses_pid = '0';
        told.inside = core_file_is_inside();
        r = core_file_pattern(wanted, sizeof wanted, pattern, *uses_pid == '1', &told);
        if (r == -ENXIO)
                snprintf(buf, size, "piped to %.100s", pattern + 1);
        else if (r < 0)
                snprintf(buf, size, "somewhere");
        else if (!find_newest(wanted, buf, size))
                snprintf(buf, size, "not found at %s", wanted);
        return buf;
}
