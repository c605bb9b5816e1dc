/* SPDX-License-Identifier: MIT */

/*
 * Exit statuses by name, and sets of ends
 *
 * The names are those of `systemd-analyze exit-status`: what an administrator knows from unit files is read as it is
 * there. A set is a bit for each of the 256 statuses and of the signals, so that asking costs nothing.
 */

#include "base/exit-status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/text.h"

#define STATUSES 256
#define SIGNALS 64
_Static_assert(NSIG - 1 <= SIGNALS, "a set has a bit for each signal");

static const char *const names[STATUSES] = {
        /* those of the C library and of LSB */
        [0] = "SUCCESS", [1] = "FAILURE", [2] = "INVALIDARGUMENT", [3] = "NOTIMPLEMENTED", [4] = "NOPERMISSION",
        [5] = "NOTINSTALLED", [6] = "NOTCONFIGURED", [7] = "NOTRUNNING",
        /* sysexits.h */
        [64] = "USAGE", [65] = "DATAERR", [66] = "NOINPUT", [67] = "NOUSER", [68] = "NOHOST", [69] = "UNAVAILABLE",
        [70] = "SOFTWARE", [71] = "OSERR", [72] = "OSFILE", [73] = "CANTCREAT", [74] = "IOERR", [75] = "TEMPFAIL",
        [76] = "PROTOCOL", [77] = "NOPERM", [78] = "CONFIG",
        /* systemd's own, of what failed before the program was executed */
        [200] = "CHDIR", [201] = "NICE", [202] = "FDS", [203] = "EXEC", [204] = "MEMORY", [205] = "LIMITS",
        [206] = "OOM_ADJUST", [207] = "SIGNAL_MASK", [208] = "STDIN", [209] = "STDOUT", [210] = "CHROOT",
        [211] = "IOPRIO", [212] = "TIMERSLACK", [213] = "SECUREBITS", [214] = "SETSCHEDULER", [215] = "CPUAFFINITY",
        [216] = "GROUP", [217] = "USER", [218] = "CAPABILITIES", [219] = "CGROUP", [220] = "SETSID",
        [221] = "CONFIRM", [222] = "STDERR", [224] = "PAM", [225] = "NETWORK", [226] = "NAMESPACE",
        [227] = "NO_NEW_PRIVILEGES", [228] = "SECCOMP", [229] = "SELINUX_CONTEXT", [230] = "PERSONALITY",
        [231] = "APPARMOR", [232] = "ADDRESS_FAMILIES", [233] = "RUNTIME_DIRECTORY", [235] = "CHOWN",
        [236] = "SMACK_PROCESS_LABEL", [237] = "KEYRING", [238] = "STATE_DIRECTORY", [239] = "CACHE_DIRECTORY",
        [240] = "LOGS_DIRECTORY", [241] = "CONFIGURATION_DIRECTORY", [242] = "NUMA_POLICY", [243] = "CREDENTIALS",
        [244] = "BPF", [255] = "EXCEPTION",
};

const char *exit_status_name(int status) {
        return status >= 0 && status < STATUSES ? names[status] : NULL;
}

static int parse_number(const char *text) {
        char *end;
        unsigned long n;

        errno = 0;
        n = strtoul(text, &end, 10);
        if (*end)
                return -EINVAL;
        return errno == 0 && n < STATUSES ? (int)n : -ERANGE;
}

/* @return a member, or -errno. */
static int parse(const char *text) {
        int signal;

        if (*text >= '0' && *text <= '9')
                return parse_number(text);
        for (int i = 0; i < STATUSES; i++)
                if (names[i] && strcmp(names[i], text) == 0)
                        return i;
        signal = signal_parse(text);
        return signal < 0 ? signal : EXIT_SET_SIGNALS + signal - 1;
}

static uint64_t *word_of(struct exit_set *set, int member) {
        return member < STATUSES ? &set->statuses[member / 64] : &set->signals;
}

int exit_set_add(struct exit_set *set, const char *text) {
        int member = parse(text);

        if (member < 0)
                return member;
        *word_of(set, member) |= UINT64_C(1) << member % 64;
        return 0;
}

static bool has(const struct exit_set *set, int member) {
        return *word_of((struct exit_set *)set, member) >> member % 64 & 1;
}

bool exit_set_has(const struct exit_set *set, int status) {
        if (WIFEXITED(status))
                return has(set, WEXITSTATUS(status));
        return WIFSIGNALED(status) && WTERMSIG(status) <= SIGNALS && has(set, EXIT_SET_SIGNALS + WTERMSIG(status) - 1);
}

bool exit_set_is_empty(const struct exit_set *set) {
        return exit_set_next(set, 0) < 0;
}

int exit_set_next(const struct exit_set *set, int from) {
        for (int member = from; member < EXIT_SET_SIGNALS + SIGNALS; member++)
                if (has(set, member))
                        return member;
        return -1;
}

char *exit_set_format(char *buf, size_t size, int member) {
        if (member >= EXIT_SET_SIGNALS)
                return signal_format(buf, size, member - EXIT_SET_SIGNALS + 1);
        snprintf(buf, size, "%d", member);
        return buf;
}
