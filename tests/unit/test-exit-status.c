/* SPDX-License-Identifier: MIT */
/* Ends of processes: systemd's names, and sets that have what was put into them. */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/exit-status.h"
#include "base/text.h"
#include "harness.h"

/* As `systemd-analyze exit-status` of systemd 252 prints it. */
static const struct {
        const char *name;
        int status;
} reference[] = {
        { "SUCCESS", 0 }, { "FAILURE", 1 }, { "INVALIDARGUMENT", 2 }, { "NOTIMPLEMENTED", 3 }, { "NOPERMISSION", 4 },
        { "NOTINSTALLED", 5 }, { "NOTCONFIGURED", 6 }, { "NOTRUNNING", 7 }, { "USAGE", 64 }, { "DATAERR", 65 },
        { "NOINPUT", 66 }, { "NOUSER", 67 }, { "NOHOST", 68 }, { "UNAVAILABLE", 69 }, { "SOFTWARE", 70 },
        { "OSERR", 71 }, { "OSFILE", 72 }, { "CANTCREAT", 73 }, { "IOERR", 74 }, { "TEMPFAIL", 75 },
        { "PROTOCOL", 76 }, { "NOPERM", 77 }, { "CONFIG", 78 }, { "CHDIR", 200 }, { "NICE", 201 }, { "FDS", 202 },
        { "EXEC", 203 }, { "MEMORY", 204 }, { "LIMITS", 205 }, { "OOM_ADJUST", 206 }, { "SIGNAL_MASK", 207 },
        { "STDIN", 208 }, { "STDOUT", 209 }, { "CHROOT", 210 }, { "IOPRIO", 211 }, { "TIMERSLACK", 212 },
        { "SECUREBITS", 213 }, { "SETSCHEDULER", 214 }, { "CPUAFFINITY", 215 }, { "GROUP", 216 }, { "USER", 217 },
        { "CAPABILITIES", 218 }, { "CGROUP", 219 }, { "SETSID", 220 }, { "CONFIRM", 221 }, { "STDERR", 222 },
        { "PAM", 224 }, { "NETWORK", 225 }, { "NAMESPACE", 226 }, { "NO_NEW_PRIVILEGES", 227 }, { "SECCOMP", 228 },
        { "SELINUX_CONTEXT", 229 }, { "PERSONALITY", 230 }, { "APPARMOR", 231 }, { "ADDRESS_FAMILIES", 232 },
        { "RUNTIME_DIRECTORY", 233 }, { "CHOWN", 235 }, { "SMACK_PROCESS_LABEL", 236 }, { "KEYRING", 237 },
        { "STATE_DIRECTORY", 238 }, { "CACHE_DIRECTORY", 239 }, { "LOGS_DIRECTORY", 240 },
        { "CONFIGURATION_DIRECTORY", 241 }, { "NUMA_POLICY", 242 }, { "CREDENTIALS", 243 }, { "BPF", 244 },
        { "EXCEPTION", 255 },
};

START_TEST(statuses_have_the_names_of_systemd) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(reference); i++) {
                struct exit_set set = EXIT_SET_NULL;

                ck_assert_str_eq(exit_status_name(reference[i].status), reference[i].name);
                ck_assert_int_eq(exit_set_add(&set, reference[i].name), 0);
                ck_assert_int_eq(exit_set_next(&set, 0), reference[i].status);
                ck_assert_int_eq(exit_set_next(&set, reference[i].status + 1), -1);
        }
        for (int status = -1; status < 300; status++)
                n += exit_status_name(status) != NULL;
        ck_assert_uint_eq(n, ARRAY_SIZE(reference));
}
END_TEST

START_TEST(a_set_reads_what_it_writes) {
        struct exit_set all = EXIT_SET_NULL, again = EXIT_SET_NULL;
        char text[SIGNAL_FORMAT_MAX];

        for (int i = 0; i < 256; i += 3) {
                snprintf(text, sizeof text, "%d", i);
                ck_assert_int_eq(exit_set_add(&all, text), 0);
        }
        for (int signal = 1; signal < NSIG; signal++)
                if (signal < 32 || signal >= SIGRTMIN)
                        ck_assert_int_eq(exit_set_add(&all, signal_format(text, sizeof text, signal)), 0);
        for (int member = exit_set_next(&all, 0); member >= 0; member = exit_set_next(&all, member + 1))
                ck_assert_int_eq(exit_set_add(&again, exit_set_format(text, sizeof text, member)), 0);
        ck_assert_mem_eq(&all, &again, sizeof all);
        for (int i = 0; i < 256; i++)
                ck_assert_int_eq(exit_set_has(&all, i << 8), i % 3 == 0);
        ck_assert(exit_set_has(&all, SIGRTMAX) && exit_set_has(&all, SIGSEGV | 0x80));
        ck_assert(!exit_set_has(&all, 0x7f | SIGSTOP << 8)); /* stopped is no end */
}
END_TEST

START_TEST(what_is_no_end_is_refused) {
        static const struct {
                const char *text;
                int result;
        } cases[] = {
                { "", -EINVAL },    { "256", -ERANGE },  { "99999999999999999999", -ERANGE }, { "-1", -EINVAL },
                { "1x", -EINVAL },  { "usage", -EINVAL }, { "SIGFOO", -EINVAL },              { "EX_USAGE", -EINVAL },
        };
        struct exit_set set = EXIT_SET_NULL;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_msg(exit_set_add(&set, cases[i].text) == cases[i].result, "%s", cases[i].text);
        ck_assert(exit_set_is_empty(&set));
        ck_assert_int_eq(exit_set_add(&set, "usr1"), 0);
        ck_assert(exit_set_has(&set, SIGUSR1) && !exit_set_has(&set, SIGUSR1 << 8));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("exit-status", statuses_have_the_names_of_systemd, a_set_reads_what_it_writes,
                                         what_is_no_end_is_refused));
}
