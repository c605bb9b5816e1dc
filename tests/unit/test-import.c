/* SPDX-License-Identifier: MIT */
/* import: what comes out is a configuration that gangerd takes, and what could not be carried over is named. */

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "ctl/import.h"
#include "daemon/config/config.h"
#include "harness.h"

typedef int (*format_fn)(struct import *import, char *text);

static int unit(struct import *import, char *text) {
        const char *slash = strrchr(import->path, '/');

        return import_unit(import, slash ? slash + 1 : import->path, text);
}

/* What came of a file. */
struct imported {
        int result;
        char *text, *errors;
        size_t text_size, errors_size, n_left;
        struct config *config;
};

static void imported_done(struct imported *i) {
        free(i->text);
        free(i->errors);
        config_free(i->config);
}

static struct imported import_text(format_fn format, const char *path, const char *text) {
        struct imported i = { 0 };
        struct import import = { .path = path };
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(freep) char *copy = strdup(text);

        import.out = open_memstream(&i.text, &i.text_size);
        import.err = open_memstream(&i.errors, &i.errors_size);
        ck_assert(copy && import.out && import.err);
        i.result = format(&import, copy);
        if (i.result < 0)
                ck_assert_int_eq(import_end(&import), 0);
        i.n_left = import.n_left;
        fclose(import.out);
        fclose(import.err);
        if (i.result == 0) {
                i.result = config_parse(i.text, i.text_size, "/x.conf", &i.config, &errors);
                ck_assert_msg(i.result == 0 || errors.n > 0, "it says nothing");
                if (i.result < 0)
                        i.errors_size = 0;
        }
        config_errors_done(&errors);
        return i;
}

static char *example(const char *name) {
        char path[512], *text = malloc(65536);
        FILE *f;
        size_t n;

        snprintf(path, sizeof path, "%s/%s", IMPORT_EXAMPLES, name);
        f = fopen(path, "re");
        ck_assert_msg(f && text, "%s", path);
        n = fread(text, 1, 65535, f);
        text[n] = '\0';
        fclose(f);
        return text;
}

static struct imported import_example(format_fn format, const char *name) {
        _cleanup_(freep) char *text = example(name);
        struct imported i = import_text(format, name, text);

        ck_assert_msg(i.result == 0, "%s: %s", name, i.text);
        return i;
}

static bool has_end(const struct exit_set *set, const char *end) {
        struct exit_set one = EXIT_SET_NULL;

        ck_assert_int_eq(exit_set_add(&one, end), 0);
        return exit_set_next(&one, 0) >= 0 && exit_set_next(set, exit_set_next(&one, 0)) == exit_set_next(&one, 0);
}

START_TEST(supervisord) {
        _cleanup_(imported_done) struct imported i = import_example(import_supervisord, "supervisord.conf");
        const struct worker_definition *w = config_worker(i.config, "web");

        ck_assert_uint_eq(i.config->n_workers, 4);
        ck_assert_str_eq(w->exec[2], "exec sleep \"1000\"");
        ck_assert_str_eq(w->exec[4], "two words");
        ck_assert(!w->exec[5]);
        ck_assert_str_eq(w->environment[1], "GREETING=hello, world; and more");
        ck_assert_str_eq(w->environment[2], "PERCENT=100");
        ck_assert_uint_eq(w->instances, 3);
        ck_assert_int_eq(w->restart, RESTART_ON_FAILURE);
        ck_assert(has_end(&w->success_exit_status, "75") && has_end(&w->success_exit_status, "2"));
        ck_assert_int_eq(w->stop_signal, SIGQUIT);
        ck_assert_uint_eq(w->stop_timeout_usec, 30 * USEC_PER_SEC);
        ck_assert_int_eq(config_worker(i.config, "once")->restart, RESTART_NEVER);
        ck_assert_int_eq(config_worker(i.config, "forever_and_ever")->restart, RESTART_ALWAYS);
        w = config_worker(i.config, "odd");
        ck_assert(has_end(&w->success_exit_status, "3") && has_end(&w->restart_force, "0"));
        ck_assert(strstr(i.errors, "supervisord.conf:20: startretries=5: "));
        ck_assert(strstr(i.errors, "supervisord.conf:43: programs=web,once: [group:all]"));
        ck_assert_uint_eq(i.n_left, 12);
}
END_TEST

START_TEST(procfile) {
        _cleanup_(imported_done) struct imported i = import_example(import_procfile, "Procfile");

        ck_assert_uint_eq(i.config->n_workers, 2);
        ck_assert_str_eq(config_worker(i.config, "web")->exec[0], "/bin/sh");
        ck_assert_str_eq(config_worker(i.config, "web")->exec[2], "bundle exec puma -C config/puma.rb -p $PORT");
        ck_assert_str_eq(config_worker(i.config, "worker")->exec[2], "QUEUE=* bundle exec rake \"jobs:work\"");
        ck_assert(strstr(i.errors, "Procfile:2: ") && strstr(i.errors, "Procfile:5: release:: there is no command"));
        ck_assert(strstr(i.errors, "Procfile:6: not a line: "));
        ck_assert_uint_eq(i.n_left, 3);
}
END_TEST

/* As Debian has them. */
START_TEST(units_of_debian) {
        _cleanup_(imported_done) struct imported redis = import_example(unit, "redis-server.service"),
                                                 nginx = import_example(unit, "nginx.service"),
                                                 ssh = import_example(unit, "ssh.service"),
                                                 postgres = import_example(unit, "postgresql@.service");
        const struct worker_definition *w = config_worker(redis.config, "redis-server");

        ck_assert_str_eq(w->exec[1], "/etc/redis/redis.conf");
        ck_assert_str_eq(w->user, "redis");
        ck_assert(w->restart == RESTART_ALWAYS && w->ready == WORKER_READY_NOTIFY && w->stop_timeout_usec == USEC_INFINITY);
        ck_assert(w->isolation.capabilities == 0 && w->isolation.no_new_privileges && w->isolation.lock_personality);
        ck_assert(w->isolation.memory_deny_write_execute && w->isolation.restrict_suid_sgid && w->isolation.namespaces == 0);
        ck_assert(w->isolation.private_tmp && w->isolation.protect_system == WORKER_SYSTEM_STRICT);
        ck_assert_int_eq(w->isolation.protect_home, WORKER_HOME_YES);
        ck_assert_str_eq(w->isolation.read_write_paths[2], "-/var/run/redis");
        ck_assert_str_eq(w->isolation.primary_group, "redis");
        ck_assert_str_eq(w->isolation.system_calls[0], "@system-service");
        ck_assert_str_eq(w->isolation.system_calls[2], "~@resources");
        ck_assert_str_eq(w->isolation.address_families[2], "AF_UNIX");
        ck_assert(w->isolation.private_devices && w->isolation.private_users && w->isolation.protect_clock);
        ck_assert(w->isolation.protect_kernel_logs && w->isolation.protect_kernel_modules && w->isolation.restrict_realtime);
        ck_assert_int_eq(w->isolation.protect_proc, WORKER_PROC_INVISIBLE);
        ck_assert(strstr(redis.errors, "RemoveIPC=true: ganger has no such setting"));
        w = config_worker(nginx.config, "nginx");
        ck_assert_str_eq(w->exec[2], "daemon on; master_process on;");
        ck_assert(w->restart == RESTART_NEVER && w->stop_timeout_usec == 5 * USEC_PER_SEC);
        ck_assert(strstr(nginx.errors, "Type=forking: "));
        w = config_worker(ssh.config, "ssh");
        ck_assert(w->restart == RESTART_ON_FAILURE && has_end(&w->restart_prevent, "255"));
        ck_assert(has_end(&w->success_exit_status, "SIGPIPE") && !has_end(&w->success_exit_status, "SIGKILL"));
        ck_assert(strstr(ssh.errors, "ExecStart=/usr/sbin/sshd -D $SSHD_OPTS: "));
        w = config_worker(postgres.config, "postgresql_");
        ck_assert_uint_eq(w->stop_timeout_usec, 3600 * USEC_PER_SEC);
        ck_assert(strstr(postgres.errors, "postgresql@.service:22: TimeoutStartSec=0: "));
}
END_TEST

START_TEST(units_in_detail) {
        _cleanup_(imported_done) struct imported i = import_text(unit, "x.service",
                "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1min\n[Service]\n"
                "ExecStart=@/bin/sh -c 'echo $$HOME 100%%' \\\n# between\n  last\n"
                "Environment=\"A=b c\" D=e\nEnvironment=F=g\nSuccessExitStatus=TEMPFAIL 250\nSuccessExitStatus=SIGUSR1\n"
                "Restart=on-abort\nRestartSec=5\nTimeoutSec=20\nTimeoutStopSec=1min\nUser=\nKillSignal=SIGINT\n");
        const struct worker_definition *w;

        ck_assert_msg(i.result == 0, "%s", i.text);
        w = config_worker(i.config, "x");
        ck_assert_str_eq(w->exec[2], "echo $HOME 100%");
        ck_assert_str_eq(w->exec[3], "last");
        ck_assert_str_eq(w->environment[0], "A=b c");
        ck_assert_str_eq(w->environment[2], "F=g");
        ck_assert(has_end(&w->success_exit_status, "75") && has_end(&w->success_exit_status, "SIGUSR1"));
        ck_assert(w->restart == RESTART_ON_ABNORMAL && w->restart_delay_usec == 5 * USEC_PER_SEC);
        ck_assert(w->restart_limit_count == 3 && w->restart_limit_period_usec == 60 * USEC_PER_SEC);
        ck_assert(w->ready_timeout_usec == 20 * USEC_PER_SEC && w->stop_timeout_usec == 60 * USEC_PER_SEC);
        ck_assert_int_eq(w->stop_signal, SIGINT);
        ck_assert_uint_eq(i.n_left, 3); /* the prefix, on-abort, User= */
}
END_TEST

/* Standard error follows standard output unless it is said; what is written elsewhere is told. */
START_TEST(where_output_goes_is_carried_over) {
        static const struct {
                int (*import)(struct import *import, char *text);
                const char *text;
                enum worker_stream output, error;
                size_t n_left;
        } cases[] = {
                { unit, "StandardOutput=journal\n", WORKER_STREAM_LOG, WORKER_STREAM_LOG, 0 },
                { unit, "StandardOutput=null\n", WORKER_STREAM_NULL, WORKER_STREAM_INHERIT, 0 },
                { unit, "StandardOutput=null\nStandardError=journal\n", WORKER_STREAM_NULL, WORKER_STREAM_LOG, 0 },
                { unit, "StandardError=null\n", WORKER_STREAM_LOG, WORKER_STREAM_NULL, 0 },
                { unit, "StandardError=inherit\n", WORKER_STREAM_LOG, WORKER_STREAM_INHERIT, 0 },
                { unit, "StandardOutput=append:/x\nStandardError=tty\n", WORKER_STREAM_LOG, WORKER_STREAM_LOG, 2 },
                { import_supervisord, "stdout_logfile=NONE\nstderr_logfile=/x\n", WORKER_STREAM_NULL, WORKER_STREAM_LOG, 1 },
                { import_supervisord, "stderr_logfile=/dev/null\n", WORKER_STREAM_LOG, WORKER_STREAM_NULL, 0 },
        };

        for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
                char text[256];

                snprintf(text, sizeof text, "%s=/bin/true\n%s", cases[n].import == unit ? "[Service]\nExecStart" :
                         "[program:x]\ncommand", cases[n].text);
                _cleanup_(imported_done) struct imported i = import_text(cases[n].import, "x.service", text);

                ck_assert_msg(i.result == 0, "%s", i.text);
                ck_assert_msg(i.n_left == cases[n].n_left, "%s%s", text, i.errors);
                ck_assert_int_eq(config_worker(i.config, "x")->standard_output, cases[n].output);
                ck_assert_int_eq(config_worker(i.config, "x")->standard_error, cases[n].error);
        }
}
END_TEST

START_TEST(what_a_unit_may_not_do_is_carried_over) {
        _cleanup_(imported_done) struct imported i = import_text(unit, "x.service",
                "[Service]\nExecStart=/bin/true\nGroup=www\nSupplementaryGroups=a b\nSupplementaryGroups=c\nCapabilityBoundingSet=CAP_KILL\n"
                "CapabilityBoundingSet=\nCapabilityBoundingSet=~CAP_SYS_ADMIN CAP_SYS_PTRACE\nAmbientCapabilities=CAP_KILL\n"
                "NoNewPrivileges=on\nKeyringMode=shared\nSystemCallFilter=~@mount\nSystemCallFilter=umount2\nSystemCallFilter=~swapon:EPERM\n"
                "SystemCallErrorNumber=EACCES\nSystemCallArchitectures=native x86\nRestrictAddressFamilies=~AF_PACKET\n"
                "RestrictNamespaces=~user\nRestrictSUIDSGID=maybe\nMemoryDenyWriteExecute=no\nLockPersonality=1\n"
                "PrivateNetwork=yes\nPrivateIPC=yes\nProtectHostname=1\nProtectHome=tmpfs\nProtectSystem=true\nTemporaryFileSystem=/x:ro /y\n"
                "BindPaths=/a /b:/c /d:/e:norbind\nBindReadOnlyPaths=-/f:/g\nInaccessiblePaths=%h/x -/h\nReadOnlyPaths=+/i\n"
                "RootDirectory=/srv\nProcSubset=pid\nPrivatePIDs=true\nProtectControlGroups=strict\n"
                "DevicePolicy=closed\nDeviceAllow=/dev/fuse\nDeviceAllow=\nDeviceAllow=/dev/null rw\nDeviceAllow=char-pts  rwm\nDeviceAllow=/run/systemd/inaccessible/chr\n");
        const struct worker_isolation *w;

        ck_assert_msg(i.result == 0, "%s", i.text);
        /* The error of one call, x86, maybe; two options, %h, +; a node of systemd's */
        ck_assert_msg(i.n_left == 8, "%s", i.errors);
        ck_assert(strstr(i.errors, "a call has no error of its own") && strstr(i.errors, "RestrictSUIDSGID=maybe: is neither"));
        w = &config_worker(i.config, "x")->isolation;
        ck_assert_str_eq(w->primary_group, "www");
        ck_assert_str_eq(w->supplementary_groups[2], "c");
        ck_assert(!(w->capabilities >> CAP_SYS_ADMIN & 1) && !(w->capabilities >> CAP_SYS_PTRACE & 1));
        ck_assert(w->capabilities >> CAP_KILL & 1 && w->capabilities >> CAP_CHOWN & 1);
        ck_assert(w->ambient_capabilities == 1u << CAP_KILL && w->no_new_privileges && w->keyring_mode == WORKER_KEYRING_SHARED);
        ck_assert_str_eq(w->system_calls[0], "~@mount");
        ck_assert_str_eq(w->system_calls[1], "umount2");
        ck_assert_str_eq(w->system_calls[2], "~swapon");
        ck_assert(w->system_call_error == EACCES && w->architectures == INTEGER_UNSET && w->lock_personality);
        ck_assert_str_eq(w->address_families[0], "~AF_PACKET");
        ck_assert(w->private_network && w->private_ipc && w->protect_hostname && !w->private_tmp);
        ck_assert_str_eq(w->root_directory, "/srv");
        ck_assert_int_eq(w->proc_subset, WORKER_SUBSET_PID);
        ck_assert(w->private_pids && w->protect_control_groups == WORKER_CGROUPS_STRICT);
        ck_assert_int_eq(w->device_policy, WORKER_DEVICES_CLOSED);
        ck_assert_str_eq(w->device_allow[0], "/dev/null rw");
        ck_assert_str_eq(w->device_allow[1], "char-pts  rwm");
        ck_assert_ptr_null(w->device_allow[2]);
        ck_assert(w->protect_home == WORKER_HOME_TMPFS && w->protect_system == WORKER_SYSTEM_YES);
        ck_assert_str_eq(w->temporary_filesystem[0], "/x");
        ck_assert_str_eq(w->temporary_filesystem[1], "/y");
        ck_assert_str_eq(w->bind_paths[2], "/d:/e");
        ck_assert_str_eq(w->bind_read_only_paths[0], "-/f:/g");
        ck_assert_str_eq(w->inaccessible_paths[0], "-/h");
        ck_assert_ptr_null(w->read_only_paths[0]);
        ck_assert(w->namespaces == 0xbf && !w->restrict_suid_sgid && !w->memory_deny_write_execute);
}
END_TEST

/* Its name is that of the unit, if no other is given; what it implies is not written anew, and written or not it is so. */
START_TEST(a_dynamic_user_is_carried_over) {
        static const char *const texts[] = { "DynamicUser=yes\n", "User=them\nDynamicUser=1\nPrivateTmp=no\n" };

        for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
                char text[128];
                const struct worker_definition *w;

                snprintf(text, sizeof text, "[Service]\nExecStart=/bin/true\n%s", texts[n]);
                _cleanup_(imported_done) struct imported i = import_text(unit, "x.service", text);

                ck_assert_msg(i.result == 0 && i.n_left == 0, "%s%s", i.text, i.errors);
                w = config_worker(i.config, "x");
                ck_assert(w->dynamic_user && w->isolation.private_tmp && w->isolation.no_new_privileges && w->isolation.restrict_suid_sgid);
                ck_assert(w->isolation.protect_system == WORKER_SYSTEM_STRICT && w->isolation.protect_home == WORKER_HOME_READ_ONLY);
                if (n > 0)
                        ck_assert_str_eq(w->user, "them");
                else
                        ck_assert_ptr_null(w->user);
        }
}
END_TEST

/* Cut off anywhere, and with any byte anywhere: no reading past the end, and something is said if nothing comes of it. */
START_TEST(what_a_unit_may_have_is_carried_over) {
        _cleanup_(imported_done) struct imported i = import_text(unit, "x.service",
                "[Service]\nExecStart=/bin/true\nLimitNOFILE=1024:65536\nLimitCORE=infinity\nLimitCPU=90\nLimitRTTIME=200000\n"
                "LimitNICE=-5\nNice=-3\nOOMScoreAdjust=-900\nIOSchedulingClass=2\nIOSchedulingPriority=3\nCPUSchedulingPolicy=rr\n"
                "CPUSchedulingPriority=7\nCPUAffinity=0,2-3\nCPUAffinity=5\nNUMAPolicy=bind\nNUMAMask=0-1\nTimerSlackNSec=1500\n"
                "UMask=0027\nMemoryMax=1G\nMemoryHigh=50%\nCPUQuota=150%\nTasksMax=100\nOOMPolicy=stop\nCPUWeight=idle\n"
                "EnvironmentFile=-/etc/default/x\nEnvironmentFile=/etc/y\nLoadCredential=a:/etc/a\nLoadCredential=b:/etc/b\n"
                "LimitAS=\n");
        _cleanup_(imported_done) struct imported s = import_text(import_supervisord, "s.conf",
                "[program:a]\ncommand=/bin/true\numask=077\n[program:b]\ncommand=/bin/true\numask=x\n");
        const struct worker_definition *w;

        ck_assert_msg(i.result == 0, "%s", i.text);
        ck_assert_msg(i.n_left == 3, "%s", i.errors); /* a share, `stop`, `idle` */
        ck_assert(strstr(i.errors, "MemoryHigh=50%: write how much"));
        ck_assert(strstr(i.errors, "OOMPolicy=stop: ") && strstr(i.errors, "CPUWeight=idle: there is no such value"));
        w = config_worker(i.config, "x");
        ck_assert(w->limits[RLIMIT_NOFILE].soft == 1024 && w->limits[RLIMIT_NOFILE].hard == 65536);
        ck_assert(w->limits[RLIMIT_CORE].soft == AMOUNT_INFINITY && w->limits[RLIMIT_CPU].soft == 90);
        ck_assert(w->limits[RLIMIT_RTTIME].soft == 200000 && w->limits[RLIMIT_NICE].soft == 25);
        ck_assert(w->limits[RLIMIT_AS].soft == AMOUNT_UNSET);
        ck_assert(w->nice == -3 && w->oom_score_adjust == -900 && w->io_class == 2 && w->io_priority == 3);
        ck_assert(w->cpu_policy == WORKER_CPU_RR && w->cpu_priority == 7 && w->cpus.bits[0] == 0x2d);
        ck_assert(w->numa_policy == 2 && w->numa_nodes.bits[0] == 3 && w->timer_slack_usec == 2 && w->umask == 027);
        ck_assert(w->resources.memory_max == 1 << 30 && w->resources.cpu_quota == 15000 && w->resources.tasks_max == 100);
        ck_assert_str_eq(w->environment_file[0], "-/etc/default/x");
        ck_assert_str_eq(w->environment_file[1], "/etc/y");
        ck_assert_str_eq(w->credentials[1], "b:/etc/b");
        w = config_worker(s.config, "a");
        ck_assert_int_eq(w->umask, 077);
        ck_assert_int_eq(s.n_left, 1);
}
END_TEST

START_TEST(damaged_files_do_no_harm) {
        static const struct {
                const char *name;
                format_fn format;
        } cases[] = { { "supervisord.conf", import_supervisord }, { "Procfile", import_procfile }, { "ssh.service", unit } };
        static const char bytes[] = "\"'\\\n[]=;# %$\x7f\xff";

        for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
                _cleanup_(freep) char *text = example(cases[c].name);
                size_t n = strlen(text);

                for (size_t at = 0; at < n; at++) {
                        char was = text[at];

                        text[at] = at % 2 ? bytes[at / 2 % (sizeof bytes - 1)] : '\0';
                        {
                                _cleanup_(imported_done) struct imported i =
                                        import_text(cases[c].format, cases[c].name, text);

                                ck_assert(i.result == 0 || i.result == -EINVAL);
                        }
                        text[at] = was;
                }
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("import", supervisord, procfile, units_of_debian, units_in_detail, where_output_goes_is_carried_over,
                                         what_a_unit_may_have_is_carried_over,
                what_a_unit_may_not_do_is_carried_over,
                a_dynamic_user_is_carried_over,
                                         damaged_files_do_no_harm));
}
