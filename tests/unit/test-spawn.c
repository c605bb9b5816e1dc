/* SPDX-License-Identifier: MIT */
/* What a child finds, and what is said when it cannot be. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/spawn.h"
#include "harness.h"
#include "keeper-fixture.h"

/* Run a spec with its standard output in a pipe, to its end. @return what it wrote. */
static char *output_of(struct fixture *f, const Spec *spec, const int *more, size_t n_more) {
        int pipe_fds[2], fds[KEEPER_CHILD_FDS_MAX];
        Event *event;
        char *text;

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        fds[0] = fds[2] = STDERR_FILENO;
        fds[1] = pipe_fds[1];
        for (size_t i = 0; i < n_more; i++)
                fds[3 + i] = more[i];
        event = fixture_spawn(f, "a/0", spec, fds, 3 + n_more, -1);
        ck_assert_msg(event->spawned->error == 0, "%s: %s", event->spawned->step, strerror(event->spawned->error));
        event_free(event);
        close(pipe_fds[1]);
        text = read_to_end(pipe_fds[0]);
        close(pipe_fds[0]);

        event = fixture_event(f);
        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED);
        fixture_acknowledge(f, "a/0", event->exited->pid);
        event_free(event);
        return text;
}

static char *output_of_shell(struct fixture *f, const char *script) {
        return output_of(f, spec_shell(script), NULL, 0);
}

static void expect(struct fixture *f, const char *script, const char *text) {
        _cleanup_(freep) char *got = output_of_shell(f, script);

        ck_assert_str_eq(got, text);
}

START_TEST(it_runs_and_its_exit_is_told) {
        struct fixture f;
        Event *event;
        pid_t pid;

        fixture_start(&f);
        pid = fixture_shell(&f, "a/0", "exit 3", -1);
        event = fixture_event(&f);
        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED);
        ck_assert_str_eq(event->exited->key, "a/0");
        ck_assert_int_eq(event->exited->pid, pid);
        ck_assert_int_eq(event->exited->status, 3 << 8);
        ck_assert_uint_gt(event->exited->started_usec, 0);
        ck_assert_uint_ge(event->exited->exited_usec, event->exited->started_usec);
        ck_assert_uint_gt(event->exited->max_rss_kib, 0);
        ck_assert_uint_gt(event->exited->minor_faults, 0);
        ck_assert_uint_gt(event->exited->voluntary_switches + event->exited->involuntary_switches, 0);
        ck_assert_str_eq((char *)event->exited->cookie.data, "cookie");
        event_free(event);
        fixture_stop(&f);
}
END_TEST

START_TEST(it_has_the_descriptors_that_it_was_given_and_no_others) {
        static char *argv[] = { (char *)"ls", (char *)"/proc/self/fd" };
        struct fixture f;
        Spec spec = *spec_shell("");
        const int more[] = { STDIN_FILENO, STDOUT_FILENO };

        fixture_start(&f);
        fixture_store(&f, "stored", STDIN_FILENO);
        spec.path = (char *)"/bin/ls";
        spec.argv = argv;
        spec.n_argv = ARRAY_SIZE(argv);
        for (size_t n = 0; n <= ARRAY_SIZE(more); n++) {
                _cleanup_(freep) char *got = output_of(&f, &spec, more, n);
                const char *const wanted[] = { "0\n1\n2\n3\n", "0\n1\n2\n3\n4\n", "0\n1\n2\n3\n4\n5\n" };

                ck_assert_str_eq(got, wanted[n]);               /* the last is the folder that it reads */
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(many_descriptors_keep_their_order) {
        struct fixture f;
        int more[200];
        char wanted[4096] = "";

        for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
                char text[16];

                snprintf(text, sizeof text, "%zu\n", i);
                more[i] = fd_memfd_sealed("numbered", text, strlen(text));
                ck_assert_int_ge(more[i], 0);
                strcat(wanted, text);
        }
        fixture_start(&f);
        {
                _cleanup_(freep) char *got = output_of(
                        &f, spec_shell("i=3; while [ $i -lt 203 ]; do cat /proc/self/fd/$i; i=$((i+1)); done"), more,
                        ARRAY_SIZE(more));

                ck_assert_str_eq(got, wanted);
        }
        fixture_stop(&f);
        for (size_t i = 0; i < ARRAY_SIZE(more); i++)
                close(more[i]);
}
END_TEST

static const struct setting own_pids = { .what = KEEPER_PRIVATE_PIDS };

/* Sources in the reverse order of their targets, each of them a target too. */
static void expect_descriptors(size_t n_settings) {
        static char *argv[] = { (char *)"sh", (char *)"-c",
                                (char *)"for i in 0 3 4 5 6 7 8 9; do cat /proc/self/fd/$i; done", NULL };
        static char *environment[] = { NULL };
        struct spawner spawner = SPAWNER_NULL;
        int fds[10], pipe_fds[2], low[10];
        const char *step = "";
        pid_t pid;

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                char text[2] = { (char)('0' + i), 0 };

                low[i] = fd_memfd_sealed("numbered", text, 1);
                ck_assert_int_lt(low[i], 2 * (int)ARRAY_SIZE(fds));
        }
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = low[ARRAY_SIZE(fds) - 1 - i];
        fds[1] = pipe_fds[1];
        fds[2] = STDERR_FILENO;

        ck_assert_int_eq(spawner_init(&spawner), 0);
        ck_assert_int_eq(spawn(&spawner, &(struct spawn_request){ .path = "/bin/sh", .argv = argv,
                               .environment = environment, .umask = 022, .fds = fds, .n_fds = ARRAY_SIZE(fds),
                               .cgroup_fd = -1, .settings = &own_pids, .n_settings = n_settings }, &pid, &step), 0);
        close(pipe_fds[1]);
        {
                _cleanup_(freep) char *got = read_to_end(pipe_fds[0]);

                ck_assert_str_eq(got, "96543210");
        }
        close(pipe_fds[0]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        spawner_done(&spawner);
        for (size_t i = 0; i < ARRAY_SIZE(low); i++)
                close(low[i]);
}

START_TEST(no_descriptor_is_overwritten_before_it_is_used) {
        expect_descriptors(0);
        if (geteuid() == 0)
                expect_descriptors(1);
}
END_TEST

/* What it is told by, in place of a number that it cannot see, it has until it executes. */
START_TEST(the_first_of_a_namespace_sees_whether_its_parent_lives) {
        static char *argv[] = { (char *)"sh", (char *)"-c", (char *)"test $$ = 1 && test ! -e /proc/self/fd/3", NULL };
        const struct spawn_request request = {
                .path = "/bin/sh", .argv = argv, .environment = argv + 3, .fds = (const int[]){ 0, 1, 2 }, .n_fds = 3,
                .cgroup_fd = -1, .settings = &own_pids, .n_settings = 1,
        };
        struct spawner spawner;
        const char *step = "";
        int status;
        pid_t pid;

        if (geteuid() != 0)
                return;
        ck_assert_int_eq(spawner_init(&spawner), 0);
        ck_assert_int_eq(spawn(&spawner, &request, &pid, &step), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        spawner.life[1] = close_fd(spawner.life[1]); /* as the kernel does if we die */
        ck_assert_int_eq(spawn(&spawner, &request, &pid, &step), -ESRCH);
        ck_assert_str_eq(step, "death-signal");
        ck_assert_int_eq(setenv("GANGER_FAULT", "orphan-unseen", 1), 0);
        if (fault_is("orphan-unseen")) {
                ck_assert_int_eq(spawn(&spawner, &request, &pid, &step), 0);
                ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        }
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
        spawner_done(&spawner);
}
END_TEST

/* As sd_listen_fds(3) compares it; other variables stay what they are, and without a wish there is none. */
START_TEST(listen_pid_is_its_own) {
        static char *environment[] = { (char *)"A=b" }, *variables[] = { (char *)"LISTEN_PID" };
        struct fixture f;
        Spec spec = *spec_shell("echo $A $$ $LISTEN_PID; test \"$LISTEN_PID\" = $$ || test -z \"$LISTEN_PID\" && echo good");

        spec.environment = environment;
        spec.n_environment = ARRAY_SIZE(environment);
        fixture_start(&f);
        for (int wished = 0; wished < 2; wished++) {
                _cleanup_(freep) char *got = NULL;
                int pid = 0, told = 0, n = 0;

                spec.pid_variables = variables;
                spec.n_pid_variables = (size_t)wished;
                got = output_of(&f, &spec, NULL, 0);
                n = sscanf(got, "b %d %d", &pid, &told);
                ck_assert_int_eq(n, 1 + wished);
                ck_assert_int_eq(told, wished ? pid : 0);
                ck_assert_ptr_nonnull(strstr(got, "good"));
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(its_signals_are_as_after_boot) {
        static char *argv[] = { (char *)"grep", (char *)"-E", (char *)"^Sig(Blk|Ign):", (char *)"/proc/self/status" };
        struct fixture f;
        Spec spec = *spec_shell("");
        sigset_t all, before;

        spec.path = (char *)"/bin/grep";
        spec.argv = argv;
        spec.n_argv = ARRAY_SIZE(argv);
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL);
        signal(SIGHUP, SIG_IGN);
        signal(SIGRTMIN + 1, SIG_IGN);
        fixture_start(&f);
        {
                _cleanup_(freep) char *got = output_of(&f, &spec, NULL, 0);

                ck_assert_str_eq(got, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
        }
        fixture_stop(&f);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        signal(SIGRTMIN + 1, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
}
END_TEST

START_TEST(its_limit_of_descriptors_is_the_one_that_we_were_given) {
        struct rlimit before, limit;
        struct fixture f;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = 789;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        fixture_start(&f);
        expect(&f, "ulimit -Sn", "789\n");
        fixture_stop(&f);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(it_leads_a_session_and_a_group) {
        struct fixture f;

        fixture_start(&f);
        expect(&f, "set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 = $$ ] && echo yes", "yes\n");
        fixture_stop(&f);
}
END_TEST

START_TEST(environment_directory_and_umask_are_those_of_the_spec) {
        static char *environment[] = { (char *)"PATH=/usr/bin:/bin", (char *)"A=1" };
        struct fixture f;
        Spec spec = *spec_shell("pwd; umask; echo $A; echo ${NOTIFY_SOCKET-none} ${GANGER_KEEPER_FD-none}");

        fixture_start(&f);
        spec.environment = environment;
        spec.n_environment = ARRAY_SIZE(environment);
        spec.directory = (char *)"/usr";
        spec.umask = 0127;
        {
                _cleanup_(freep) char *got = output_of(&f, &spec, NULL, 0);

                ck_assert_str_eq(got, "/usr\n0127\n1\nnone none\n");
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(credentials_are_those_of_the_spec) {
        static uint32_t groups[] = { 12345, 23456 };
        struct fixture f;
        Spec spec = *spec_shell("id -u; id -g; id -G; grep -E '^(Uid|Gid)' /proc/self/status");

        if (geteuid() != 0)
                return;
        fixture_start(&f);
        spec.set_credentials = true;
        spec.uid = 65533;
        spec.gid = 65532;
        spec.groups = groups;
        spec.n_groups = ARRAY_SIZE(groups);
        {
                _cleanup_(freep) char *got = output_of(&f, &spec, NULL, 0);

                ck_assert_str_eq(got, "65533\n65532\n65532 12345 23456\nUid:\t65533\t65533\t65533\t65533\n"
                                      "Gid:\t65532\t65532\t65532\t65532\n");
        }
        fixture_stop(&f);
}
END_TEST

/* ---- limits, priorities, processors --------------------------------------------------------------- */

static Ganger__Keeper__Setting setting(uint32_t what, int64_t value, uint64_t soft, uint64_t hard) {
        Ganger__Keeper__Setting s = GANGER__KEEPER__SETTING__INIT;

        s.what = what;
        s.value = value;
        s.soft = soft;
        s.hard = hard;
        return s;
}

/* What a shell with these says of itself. */
static char *settings_of(struct fixture *f, Ganger__Keeper__Setting *settings, size_t n, bool as_nobody) {
        static const char script[] = "ulimit -Sn; ulimit -Hn; ulimit -Sc; cat /proc/self/oom_score_adj; nice; "
                                     "grep Cpus_allowed_list /proc/self/status | tr -d '\\t'; cut -d' ' -f41 /proc/self/stat";
        Ganger__Keeper__Setting *pointers[KEEPER_SETTINGS_MAX];
        Spec spec = *spec_shell(script);

        for (size_t i = 0; i < n; i++)
                pointers[i] = &settings[i];
        spec.settings = pointers;
        spec.n_settings = n;
        spec.set_credentials = as_nobody;
        spec.uid = spec.gid = as_nobody ? 65534 : 0;
        return output_of(f, &spec, NULL, 0);
}

/* SCHED_BATCH is 3. */
#define EXPECTED "700\n900\n0\n321\n7\nCpus_allowed_list:0\n3\n"

static bool settings_are_set(bool as_nobody) {
        static uint8_t first[8] = { 1 };
        Ganger__Keeper__Setting settings[] = {
                setting(KEEPER_OOM_SCORE, 321, 0, 0),
                setting(KEEPER_NICE, 7, 0, 0),
                setting(KEEPER_CPU_POLICY, 3, 0, 0),
                setting(KEEPER_CPUS, 0, 0, 0),
                setting(KEEPER_IO_PRIORITY, 2 << 13 | 6, 0, 0),
                setting(KEEPER_TIMER_SLACK, 1000000, 0, 0),
                setting(KEEPER_LIMIT + RLIMIT_NOFILE, 0, 700, 900),
                setting(KEEPER_LIMIT + RLIMIT_CORE, 0, 0, 0),
        };
        _cleanup_(freep) char *got = NULL;
        struct fixture f;

        settings[3].mask = (ProtobufCBinaryData){ sizeof first, first };
        fixture_start(&f);
        got = settings_of(&f, settings, ARRAY_SIZE(settings), as_nobody);
        fixture_stop(&f);
        return strcmp(got, EXPECTED) == 0;
}

START_TEST(its_settings_are_those_of_the_spec) {
        ck_assert(settings_are_set(false));
        ck_assert_int_eq(setenv("GANGER_FAULT", "no-settings", 1), 0);
        ck_assert(!settings_are_set(false));
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
}
END_TEST

/* What a shell says of its rights, as nobody: the three words are inheritable, bounding, ambient. */
static char *rights_of(struct fixture *f, Ganger__Keeper__Setting *settings, size_t n) {
        static const char script[] = "sed -n 's/^\\(CapInh\\|CapBnd\\|CapAmb\\|NoNewPrivs\\|Seccomp\\):[\t0]*//p' /proc/self/status; "
                                     "mkdir /tmp/. 2>&1 | grep -c 'not permitted'";
        Ganger__Keeper__Setting *pointers[KEEPER_SETTINGS_MAX];
        Spec spec = *spec_shell(script);

        for (size_t i = 0; i < n; i++)
                pointers[i] = &settings[i];
        spec.settings = pointers;
        spec.n_settings = n;
        spec.set_credentials = true;
        spec.uid = spec.gid = 65534;
        return output_of(f, &spec, NULL, 0);
}

/* mkdir(2) and mkdirat(2) are refused; whatever architecture it is. */
static const struct sock_filter no_directories[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_mkdir
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 1, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static bool rights_are_set(void) {
        const uint64_t kill = UINT64_C(1) << CAP_KILL, both = kill | UINT64_C(1) << CAP_NET_BIND_SERVICE;
        Ganger__Keeper__Setting settings[] = {
                setting(KEEPER_BOUNDING, 0, both, 0),
                setting(KEEPER_KEEP_CAPABILITIES, 0, 0, 0),
                setting(KEEPER_AMBIENT, 0, kill, 0),
                setting(KEEPER_NO_NEW_PRIVILEGES, 0, 0, 0),
                setting(KEEPER_FILTER_CALLS, 0, 0, 0),
        };
        _cleanup_(freep) char *got = NULL;
        struct fixture f;

        settings[4].program = (ProtobufCBinaryData){ sizeof no_directories, (uint8_t *)no_directories };
        fixture_start(&f);
        got = rights_of(&f, settings, ARRAY_SIZE(settings));
        fixture_stop(&f);
        return strcmp(got, "20\n420\n20\n1\n2\n1\n") == 0;
}

START_TEST(its_rights_are_those_of_the_spec) {
        if (geteuid() != 0)
                return;
        ck_assert(rights_are_set());
        ck_assert_int_eq(setenv("GANGER_FAULT", "no-settings", 1), 0);
        ck_assert(!rights_are_set());
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
        ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}
END_TEST

/* ---- mounts ------------------------------------------------------------------------------------------- */

static Ganger__Keeper__Mount mount_of(uint32_t what, const char *path, const char *source) {
        Ganger__Keeper__Mount m = GANGER__KEEPER__MOUNT__INIT;

        m.what = what;
        m.path = (char *)path;
        m.source = (char *)source;
        m.key = (char *)"bind-paths";
        return m;
}

/* How often something of ours is mounted on /media, as the process sees it and as we do. */
static void mounted(const char *fault, char *ret_inside, char *ret_outside) {
        static const char script[] = "grep -c ' /media ' /proc/self/mountinfo; grep -c ' /media ' /proc/$PPID/mountinfo";
        Ganger__Keeper__Mount mounts[] = {
                mount_of(KEEPER_MOUNT_TMPFS, "/media", ""), mount_of(KEEPER_MOUNT_DIRECTORY, "/media/etc", ""),
                mount_of(KEEPER_MOUNT_BIND_READ_ONLY, "/media/etc", "/etc"),
        };
        Ganger__Keeper__Mount *pointers[] = { &mounts[0], &mounts[1], &mounts[2] };
        Spec spec = *spec_shell(script);
        _cleanup_(freep) char *got = NULL;
        struct fixture f;

        ck_assert_int_eq(setenv("GANGER_FAULT", fault, 1), 0);
        fixture_start(&f);
        spec.mounts = pointers;
        spec.n_mounts = ARRAY_SIZE(pointers);
        got = output_of(&f, &spec, NULL, 0);
        fixture_stop(&f);
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
        ck_assert_uint_eq(strlen(got), 4);
        *ret_inside = got[0];
        *ret_outside = got[2];
}

/* In a namespace whose mounts are shared, as systemd makes them. */
START_TEST(what_it_mounts_is_its_own) {
        char inside, outside;

        if (geteuid() != 0 || access("/media", F_OK) < 0)
                return;
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), 0);
        mounted("", &inside, &outside);
        ck_assert(inside == '1' && outside == '0');
        mounted("no-mounts", &inside, &outside);
        ck_assert(inside == '0' && outside == '0');
        mounted("mounts-shared", &inside, &outside);
        ck_assert(outside == '1');
        ck_assert_int_eq(umount2("/media", MNT_DETACH), 0);
}
END_TEST

/* ---- Landlock ----------------------------------------------------------------------------------------- */

static Ganger__Keeper__Landlock permitted(uint32_t what, const char *path) {
        Ganger__Keeper__Landlock l = GANGER__KEEPER__LANDLOCK__INIT;

        l.what = what;
        l.path = (char *)path;
        return l;
}

/* Whether a shell can list /etc, which is not among what it may read. */
static bool is_restricted(const char *fault) {
        Ganger__Keeper__Landlock rules[] = {
                permitted(KEEPER_LANDLOCK_EXECUTE, "/usr"), permitted(KEEPER_LANDLOCK_EXECUTE, "/bin"),
                permitted(KEEPER_LANDLOCK_EXECUTE, "/lib"), permitted(KEEPER_LANDLOCK_EXECUTE, "/lib64"),
                permitted(KEEPER_LANDLOCK_WRITE, "/dev"),
        };
        Ganger__Keeper__Landlock *pointers[ARRAY_SIZE(rules)];
        Spec spec = *spec_shell("for f in /etc/*; do echo $f; break; done");
        _cleanup_(freep) char *got = NULL;
        struct fixture f;

        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                rules[i].may_be_missing = true;
                pointers[i] = &rules[i];
        }
        ck_assert_int_eq(setenv("GANGER_FAULT", fault, 1), 0);
        fixture_start(&f);
        spec.landlock = pointers;
        spec.n_landlock = ARRAY_SIZE(pointers);
        spec.landlock_may_lack = true;
        got = output_of(&f, &spec, NULL, 0);
        fixture_stop(&f);
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
        return strcmp(got, "/etc/*\n") == 0;
}

START_TEST(what_it_may_do_is_what_landlock_permits) {
        if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0 || geteuid() != 0) {
                printf("no Landlock here, or not root: not tried\n");
                return;
        }
        ck_assert(is_restricted(""));
        ck_assert(!is_restricted("no-landlock"));
}
END_TEST

/* Of what only we may do: a user can lower its limits, but not its nice level. */
START_TEST(settings_are_set_with_our_rights) {
        Ganger__Keeper__Setting better = setting(KEEPER_NICE, -3, 0, 0), *pointers[] = { &better };
        _cleanup_(freep) char *got = NULL;
        struct fixture f;
        Spec spec;

        if (geteuid() != 0)
                return;
        ck_assert(settings_are_set(true));
        fixture_start(&f);
        spec = *spec_shell("nice");
        spec.set_credentials = true;
        spec.uid = spec.gid = 65534;
        spec.settings = pointers;
        spec.n_settings = ARRAY_SIZE(pointers);
        got = output_of(&f, &spec, NULL, 0);
        ck_assert_str_eq(got, "-3\n");
        fixture_stop(&f);
}
END_TEST

/* ---- what cannot be -------------------------------------------------------------------------------- */

static void expect_failure(struct fixture *f, const Spec *spec, int cgroup_fd, int error, const char *step) {
        Event *event = fixture_spawn(f, "b/0", spec, NULL, 0, cgroup_fd);

        ck_assert_str_eq(event->spawned->step, step);
        ck_assert_int_eq(event->spawned->error, error);
        ck_assert_int_eq(event->spawned->pid, 0);
        event_free(event);
}

START_TEST(each_failing_step_is_told_with_its_error) {
        _cleanup_(closep) int no_cgroup = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        static char long_word[200 * 1024];
        static char *long_argv[] = { (char *)"sh", long_word };
        struct fixture f;
        Spec spec;

        fixture_start(&f);
        spec = *spec_shell("");
        spec.path = (char *)"/no/such/program";
        expect_failure(&f, &spec, -1, ENOENT, "exec");
        spec.path = (char *)"/usr";
        expect_failure(&f, &spec, -1, EACCES, "exec");
        spec = *spec_shell("");
        spec.directory = (char *)"/no/such/directory";
        expect_failure(&f, &spec, -1, ENOENT, "chdir");
        spec.directory = (char *)"/bin/sh";
        expect_failure(&f, &spec, -1, ENOTDIR, "chdir");
        expect_failure(&f, spec_shell(""), no_cgroup, ENOENT, "cgroup");
        spec = *spec_shell("");
        memset(long_word, 'x', sizeof long_word - 1);
        spec.argv = long_argv;
        spec.n_argv = ARRAY_SIZE(long_argv);
        expect_failure(&f, &spec, -1, E2BIG, "exec");
        /* None of these is in the way of the next. */
        fixture_shell(&f, "b/0", "exec sleep 1000", -1);
        ck_assert(!fixture_has_event(&f, 0));
        fixture_stop(&f);
}
END_TEST

/* Under the name of the key, and nothing of it is left of the child. */
START_TEST(a_setting_that_cannot_be_is_told) {
        static uint8_t none[8];
        Ganger__Keeper__Setting one, *pointers[] = { &one };
        const struct {
                Ganger__Keeper__Setting setting;
                size_t mask;
                int error;
                const char *step;
        } cases[] = {
                /* More descriptors than the system allows to anybody; processors that there are not; no such class. */
                { setting(KEEPER_LIMIT + RLIMIT_NOFILE, 0, UINT64_MAX, UINT64_MAX), 0, EPERM, "limit-nofile" },
                { setting(KEEPER_LIMIT + RLIMIT_CPU, 0, 2, 1), 0, EINVAL, "limit-cpu" },
                { setting(KEEPER_CPUS, 0, 0, 0), sizeof none, EINVAL, "cpu-affinity" },
                { setting(KEEPER_IO_PRIORITY, 7 << 13, 0, 0), 0, EINVAL, "io-scheduling-class" },
                { setting(KEEPER_CPU_POLICY, 77, 0, 0), 0, EINVAL, "cpu-scheduling-policy" },
                { setting(KEEPER_NUMA, 77, 0, 0), 0, EINVAL, "numa-policy" },
                { setting(KEEPER_OOM_SCORE, 1001, 0, 0), 0, EINVAL, "spec" },
                { setting(KEEPER_CPUS, 0, 0, 0), 0, EINVAL, "spec" },
                { setting(KEEPER_NICE, 0, 0, 0), 1, EINVAL, "spec" },
                { setting(KEEPER_SETTING_NONE, 0, 0, 0), 0, EINVAL, "spec" },
                { setting(KEEPER_FILTER_CALLS + 1, 0, 0, 0), 0, EINVAL, "spec" },
        };
        struct fixture f;
        Spec spec;

        fixture_start(&f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                one = cases[i].setting;
                one.mask = (ProtobufCBinaryData){ cases[i].mask, none };
                spec = *spec_shell("");
                spec.settings = pointers;
                spec.n_settings = 1;
                expect_failure(&f, &spec, -1, cases[i].error, cases[i].step);
        }
        fixture_stop(&f);
}
END_TEST

/* A program of part of an instruction, one where none belongs, none at all, one that the kernel refuses. */
START_TEST(a_filter_that_makes_no_sense_is_told) {
        static uint8_t bytes[16];
        const struct {
                uint32_t what;
                size_t size;
                const char *step;
        } cases[] = {
                { KEEPER_FILTER_CALLS, 9, "spec" }, { KEEPER_NICE, 8, "spec" }, { KEEPER_FILTER_SUID_SGID, 0, "spec" },
                { KEEPER_FILTER_CALLS, KEEPER_FILTER_MAX + 8, "spec" }, { KEEPER_FILTER_NAMESPACES, 16, "restrict-namespaces" },
        };
        _cleanup_(freep) uint8_t *longest = calloc(1, KEEPER_FILTER_MAX + 8);
        struct fixture f;

        fixture_start(&f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Ganger__Keeper__Setting bad = setting(cases[i].what, 0, 0, 0), *pointers[] = { &bad };
                Spec spec = *spec_shell("");

                bad.program = (ProtobufCBinaryData){ cases[i].size, cases[i].size > sizeof bytes ? longest : bytes };
                spec.settings = pointers;
                spec.n_settings = 1;
                expect_failure(&f, &spec, -1, EINVAL, cases[i].step);
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(a_mount_that_cannot_be_is_told) {
        Ganger__Keeper__Mount cases[] = {
                mount_of(KEEPER_MOUNT_NONE, "/media", ""), mount_of(KEEPER_MOUNT_LAST + 1, "/media", ""),
                mount_of(KEEPER_MOUNT_TMPFS, "media", ""), mount_of(KEEPER_MOUNT_BIND, "/media", ""),
                mount_of(KEEPER_MOUNT_TMPFS, "/media", ""), mount_of(KEEPER_MOUNT_BIND, "/media", "/nowhere"),
        };
        struct fixture f;

        if (geteuid() != 0)
                return;
        cases[4].key = (char *)"unheard-of";
        fixture_start(&f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Ganger__Keeper__Mount *pointers[] = { &cases[i] };
                Spec spec = *spec_shell("");

                spec.mounts = pointers;
                spec.n_mounts = 1;
                expect_failure(&f, &spec, -1, i == 5 ? ENOENT : EINVAL, i == 5 ? "bind-paths" : "spec");
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(a_rule_that_makes_no_sense_is_refused) {
        Ganger__Keeper__Landlock cases[] = {
                permitted(KEEPER_LANDLOCK_NONE, "/"), permitted(KEEPER_LANDLOCK_LAST + 1, "/"), permitted(KEEPER_LANDLOCK_READ, "etc"),
                permitted(KEEPER_LANDLOCK_BIND, ""),
        };
        struct fixture f;

        cases[3].port = 65536;
        fixture_start(&f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Ganger__Keeper__Landlock *pointers[] = { &cases[i] };
                Spec spec = *spec_shell("");

                spec.landlock = pointers;
                spec.n_landlock = 1;
                expect_failure(&f, &spec, -1, EINVAL, "spec");
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(a_spec_that_makes_no_sense_is_refused) {
        struct fixture f;
        Spec spec;

        fixture_start(&f);
        spec = *spec_shell("");
        spec.path = (char *)"sh";
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        spec = *spec_shell("");
        spec.directory = (char *)"usr";
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        spec = *spec_shell("");
        spec.n_argv = 0;
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        spec = *spec_shell("");
        spec.umask = 01000;
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        spec = *spec_shell("");
        spec.set_credentials = true;
        spec.uid = UINT32_MAX;
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        spec = *spec_shell("");
        spec.cookie.len = KEEPER_COOKIE_MAX + 1;
        spec.cookie.data = calloc(1, spec.cookie.len);
        expect_failure(&f, &spec, -1, EINVAL, "spec");
        free(spec.cookie.data);
        fixture_stop(&f);
}
END_TEST

/* A Spawn as no manager makes it: with these descriptors. */
static void expect_refusal(struct fixture *f, const char *key, const int *fds, size_t n_fds, int error, const char *step) {
        Ganger__Keeper__Spawn body = GANGER__KEEPER__SPAWN__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        Event *event;

        body.key = (char *)key;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SPAWN;
        message.spawn = &body;
        fixture_send(f, &message, fds, n_fds);
        event = fixture_event(f);
        ck_assert_str_eq(event->spawned->step, step);
        ck_assert_int_eq(event->spawned->error, error);
        event_free(event);
}

START_TEST(a_request_that_makes_no_sense_is_refused) {
        _cleanup_(closep) int unsealed = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        _cleanup_(closep) int garbage = fd_memfd_sealed("spec", "\xff\xff\xff", 3);
        _cleanup_(closep) int empty = fd_memfd_sealed("spec", "", 0);
        _cleanup_(closep) int huge = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int fds[] = { garbage, 0, 1, 2 };
        char key[KEEPER_KEY_MAX + 2];
        struct fixture f;

        fixture_start(&f);
        expect_refusal(&f, "c/0", NULL, 0, EINVAL, "refused");
        expect_refusal(&f, "c/0", fds, 3, EINVAL, "refused");
        expect_refusal(&f, "", fds, 4, EINVAL, "refused");
        memset(key, 'k', sizeof key - 1);
        key[sizeof key - 1] = '\0';
        expect_refusal(&f, key, fds, 4, EINVAL, "refused");
        expect_refusal(&f, "c/0", fds, 4, EBADMSG, "spec");
        fds[0] = empty;
        expect_refusal(&f, "c/0", fds, 4, EINVAL, "spec");
        fds[0] = unsealed;
        expect_refusal(&f, "c/0", fds, 4, EPERM, "spec");
        ck_assert_int_eq(ftruncate(huge, KEEPER_SPEC_MAX + 1), 0);
        ck_assert_int_eq(fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
        fds[0] = huge;
        expect_refusal(&f, "c/0", fds, 4, EFBIG, "spec");
        fds[0] = STDERR_FILENO;
        expect_refusal(&f, "c/0", fds, 4, EINVAL, "spec");
        fixture_stop(&f);
}
END_TEST

/* In a process of our own, since what we give up does not come back. */
START_TEST(credentials_that_we_may_not_take_are_told) {
        int status;
        pid_t pid;

        if (geteuid() != 0)
                return;
        fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                static char *argv[] = { (char *)"true", NULL };
                const struct spawn_request request = {
                        .path = "/bin/true", .argv = argv, .environment = argv + 1, .set_credentials = true,
                        .uid = 65533, .gid = 65533, .fds = (const int[]){ 0, 1, 2 }, .n_fds = 3, .cgroup_fd = -1,
                };
                struct spawner spawner;
                const char *step = "";

                if (setresuid(65534, 65534, 65534) < 0 || spawner_init(&spawner) < 0)
                        _exit(1);
                if (spawn(&spawner, &request, &pid, &step) != -EPERM)
                        _exit(2);
                _exit(strcmp(step, "setgroups") == 0 ? 0 : 3);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
}
END_TEST

/* The exit status says what was not as it should be. */
static void spawn_without_rights(void) {
        static char *argv[] = { (char *)"sh", (char *)"-c", (char *)"test $$ != 1", NULL };
        struct setting pids = own_pids;
        struct left_out left_out = { .n = 0 };
        const struct spawn_request request = {
                .path = "/bin/sh", .argv = argv, .environment = argv + 3, .fds = (const int[]){ 0, 1, 2 }, .n_fds = 3,
                .cgroup_fd = -1, .settings = &pids, .n_settings = 1, .left_out = &left_out,
        };
        struct spawner spawner;
        const char *step = "";
        int status;
        pid_t pid;

        if (setresuid(65534, 65534, 65534) < 0 || spawner_init(&spawner) < 0)
                _exit(1);
        if (spawn(&spawner, &request, &pid, &step) != -EPERM || strcmp(step, "private-pids") != 0)
                _exit(2);
        pids.may_lack = true;
        if (spawn(&spawner, &request, &pid, &step) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
                _exit(3);
        _exit(left_out.n == 1 && strcmp(left_out.v[0].key, "private-pids") == 0 && left_out.v[0].error == EPERM ? 0 : 4);
}

/* In a process of our own, as above. */
START_TEST(a_namespace_that_we_may_not_make_is_told_or_left_out) {
        int status;
        pid_t pid;

        if (geteuid() != 0)
                return;
        fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                spawn_without_rights();
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
}
END_TEST

/* A cgroup of version 2 that is ours, below the one that we are in. @return its descriptor; -1: none can be made here. */
static int make_cgroup(char *ret_path, size_t size) {
        _cleanup_(fclosep) FILE *mounts = fopen("/proc/self/mountinfo", "re"), *own = fopen("/proc/self/cgroup", "re");
        char line[4096], point[1024] = "", below[1024] = "";

        ck_assert(mounts && own);
        while (!*point && fgets(line, sizeof line, mounts))
                if (strstr(line, " - cgroup2 "))
                        ck_assert_int_eq(sscanf(line, "%*s %*s %*s %*s %1023s", point), 1);
        while (fgets(line, sizeof line, own))
                if (strncmp(line, "0::", 3) == 0)
                        ck_assert_int_eq(sscanf(line, "0::%1023s", below), 1);
        snprintf(ret_path, size, "%s%s/ganger-test-spawn-%d", point, below, (int)getpid());
        if (!*point || mkdir(ret_path, 0755) < 0)
                return -1;
        return open(ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void expect_cgroup(int cgroup, const char *path) {
        struct fixture f;
        Event *event;
        char *got;
        int pipe_fds[2];

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        fixture_start(&f);
        event = fixture_spawn(&f, "a/0", spec_shell("grep ^0: /proc/self/cgroup"),
                              (const int[]){ 0, pipe_fds[1], 2 }, 3, cgroup);
        close(pipe_fds[1]);
        ck_assert_msg(event->spawned->error == 0, "%s: %s", event->spawned->step, strerror(event->spawned->error));
        event_free(event);
        got = read_to_end(pipe_fds[0]);
        close(pipe_fds[0]);
        fixture_stop(&f);
        got[strcspn(got, "\n")] = '\0';
        ck_assert_str_eq(strrchr(got, '/'), strrchr(path, '/'));
        free(got);
}

/* Where we may make one: born there, and, as where that cannot be had, moved there. */
START_TEST(it_is_in_its_cgroup) {
        _cleanup_(closep) int cgroup = -1;
        char path[3072];

        cgroup = make_cgroup(path, sizeof path);
        if (cgroup < 0) {
                printf("no cgroup can be made here: not tried\n");
                return;
        }
        expect_cgroup(cgroup, path);
        ck_assert_int_eq(setenv("GANGER_FAULT", "no-clone-into-cgroup", 1), 0);
        expect_cgroup(cgroup, path);
        ck_assert_int_eq(unsetenv("GANGER_FAULT"), 0);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE(
                "spawn", it_runs_and_its_exit_is_told, it_has_the_descriptors_that_it_was_given_and_no_others,
                many_descriptors_keep_their_order, no_descriptor_is_overwritten_before_it_is_used,
                the_first_of_a_namespace_sees_whether_its_parent_lives, listen_pid_is_its_own,
                its_signals_are_as_after_boot, its_limit_of_descriptors_is_the_one_that_we_were_given,
                it_leads_a_session_and_a_group, environment_directory_and_umask_are_those_of_the_spec,
                credentials_are_those_of_the_spec, its_settings_are_those_of_the_spec, settings_are_set_with_our_rights,
                its_rights_are_those_of_the_spec, a_filter_that_makes_no_sense_is_told,
                what_it_may_do_is_what_landlock_permits, a_rule_that_makes_no_sense_is_refused,
                what_it_mounts_is_its_own, a_mount_that_cannot_be_is_told,
                a_setting_that_cannot_be_is_told, each_failing_step_is_told_with_its_error,
                a_spec_that_makes_no_sense_is_refused, a_request_that_makes_no_sense_is_refused,
                credentials_that_we_may_not_take_are_told, a_namespace_that_we_may_not_make_is_told_or_left_out, it_is_in_its_cgroup));
}
