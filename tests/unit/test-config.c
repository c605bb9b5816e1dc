/* SPDX-License-Identifier: MIT */
/* The configuration: what is written is what one gets, defaults, the canonical form, and differences. */

#include <errno.h>
#include <linux/capability.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/time.h"
#include "daemon/config/address.h"
#include "daemon/config/config.h"
#include "daemon/config/keys.h"
#include "harness.h"
#include "shm/object.h"

/* A config that must be good. */
static struct config *parse(const char *text) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct config *config = NULL;
        int r = config_parse(text, strlen(text), "/etc/x.conf", &config, &errors);

        config_errors_print(&errors, stderr);
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(config_errors_count(&errors), 0);
        config_errors_done(&errors);
        return config;
}

static char *print(const struct config *config) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        config_print(config, out);
        fclose(out);
        return text;
}

static void check_confined(const struct worker_isolation *i) {
        ck_assert_str_eq(i->primary_group, "daemon");
        ck_assert_str_eq(i->supplementary_groups[1], "12");
        ck_assert(i->capabilities == (1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE) && i->ambient_capabilities == 1u << CAP_KILL);
        ck_assert(i->no_new_privileges && i->keyring_mode == WORKER_KEYRING_PRIVATE && i->architectures == 0);
        ck_assert_str_eq(i->system_calls[3], "setpriority");
        ck_assert_int_eq(i->system_call_error, EPERM);
        ck_assert_str_eq(i->address_families[1], "AF_INET6");
        ck_assert_int_eq(i->namespaces, 0xff & ~(1 << 2 | 1 << 6)); /* mnt, user */
        ck_assert(i->restrict_suid_sgid && i->memory_deny_write_execute && i->lock_personality);
}

static void check_walled(const struct worker_isolation *i) {
        ck_assert(i->private_network && i->private_ipc && i->protect_hostname && i->private_tmp && i->protect_control_groups);
        ck_assert(i->protect_kernel_tunables && i->protect_system == WORKER_SYSTEM_STRICT && i->protect_home == WORKER_HOME_TMPFS);
        ck_assert_str_eq(i->read_only_paths[1], "-/mnt");
        ck_assert_str_eq(i->read_write_paths[0], "/var/lib");
        ck_assert_str_eq(i->inaccessible_paths[0], "-/srv");
        ck_assert_str_eq(i->bind_paths[1], "-/b:/c");
        ck_assert_str_eq(i->bind_read_only_paths[0], "/d:/e");
        ck_assert_str_eq(i->temporary_filesystem[0], "/media");
}

static void check_barred(const struct worker_isolation *i) {
        ck_assert_int_eq(i->device_policy, WORKER_DEVICES_STRICT);
        ck_assert_str_eq(i->device_allow[0], "/dev/null rw");
        ck_assert_str_eq(i->device_allow[2], "/dev/fuse");
        ck_assert(i->private_devices && i->protect_kernel_modules && i->protect_kernel_logs && i->protect_clock);
        ck_assert(i->restrict_realtime && i->private_users && i->private_pids && i->strictness == WORKER_ISOLATION_STRICT);
        ck_assert(i->protect_proc == WORKER_PROC_INVISIBLE && i->proc_subset == WORKER_SUBSET_PID);
        ck_assert_str_eq(i->root_directory, "/");
        ck_assert_str_eq(i->landlock_read[1], "-/opt");
        ck_assert_str_eq(i->landlock_write[0], "/var/lib");
        ck_assert_str_eq(i->landlock_execute[0], "/usr");
        ck_assert_str_eq(i->landlock_bind[1], "0");
        ck_assert_str_eq(i->landlock_connect[0], "none");
}

static void check_open(const struct worker_isolation *i, const struct worker_isolation *freer) {
        ck_assert(!(i->capabilities >> CAP_SYS_ADMIN & 1) && i->capabilities >> CAP_CHOWN & 1 && i->ambient_capabilities == 0);
        ck_assert(i->keyring_mode == WORKER_KEYRING_INHERIT && i->system_call_error == 4000 && i->namespaces == 0);
        ck_assert(!i->no_new_privileges && i->architectures == INTEGER_UNSET);
        ck_assert(freer->capabilities == 0 && freer->ambient_capabilities == AMOUNT_UNSET && freer->namespaces == INTEGER_UNSET);
        ck_assert(freer->keyring_mode == WORKER_KEYRING_SHARED && freer->system_call_error == INTEGER_UNSET);
}

static void check_placed(const struct worker_definition *w) {
        ck_assert_int_eq(w->umask, 027);
        ck_assert_int_eq(w->nice, -5);
        ck_assert_int_eq(w->io_class, 2);
        ck_assert_int_eq(w->oom_score_adjust, -1000);
        ck_assert_uint_eq(w->cpus.bits[0], 0x1d);
        ck_assert_uint_eq(w->cpus.bits[7], 0x80);
        ck_assert_int_eq(w->cpu_policy, WORKER_CPU_RR);
        ck_assert_int_eq(w->numa_policy, 2);
        ck_assert_uint_eq(w->timer_slack_usec, 1000);
        ck_assert_uint_eq(w->limits[RLIMIT_CPU].soft, 2);
        ck_assert_uint_eq(w->limits[RLIMIT_CPU].hard, 60);
        ck_assert_uint_eq(w->limits[RLIMIT_DATA].soft, AMOUNT_INFINITY);
        ck_assert_uint_eq(w->limits[RLIMIT_CORE].hard, 0);
        ck_assert_uint_eq(w->limits[RLIMIT_NOFILE].soft, 1024);
        ck_assert_uint_eq(w->limits[RLIMIT_NOFILE].hard, 524288);
        ck_assert_uint_eq(w->limits[RLIMIT_NICE].soft, 25);
        ck_assert_uint_eq(w->limits[RLIMIT_RTTIME].soft, 200000);
}

START_TEST(every_key_is_read) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *c = NULL;
        struct worker_definition *w;

        ck_assert_int_eq(config_load(CONFIG_EXAMPLES "/good.conf", &c, &errors), 0);
        ck_assert_uint_eq(c->n_objects, 13);
        ck_assert_uint_eq(c->n_listens, 2);
        ck_assert_uint_eq(c->n_workers, 27);
        ck_assert_str_eq(config_worker(c, "secret")->environment_file[1], "-local.env");
        ck_assert_str_eq(config_worker(c, "secret")->credentials[1], "key:../secret/key:1");
        ck_assert_int_eq(config_worker(c, "bounded")->resources.cpu_quota, 1250);
        ck_assert_uint_eq(config_worker(c, "bounded")->resources.memory_max, 512 << 20);
        ck_assert_uint_eq(c->workers[8]->watchdog_usec, 30 * USEC_PER_SEC);
        ck_assert_int_eq(c->workers[8]->watchdog_signal, SIGQUIT);
        ck_assert_uint_eq(c->workers[8]->fd_store_max, 4);
        ck_assert_int_eq(c->workers[8]->ready_fd, -1);
        ck_assert_int_eq(c->workers[9]->ready, WORKER_READY_FD);
        ck_assert_int_eq(c->workers[9]->ready_fd, 5);
        ck_assert_int_eq(c->workers[10]->ready, WORKER_READY_HTTP);
        ck_assert_str_eq(config_worker(c, "given")->allow[0], "@ops:operate");
        ck_assert_str_eq(config_worker(c, "given")->allow[2], "someone.else@example.com:view");
        ck_assert_str_eq(config_object(c, "open")->allow[3], "1000:admin");
        ck_assert_ptr_null(config_object(c, "loose")->allow[0]);
        ck_assert_uint_eq(c->n_daemons, 1);
        ck_assert_str_eq(c->daemons[0]->allow[0], "@wheel:admin");
        ck_assert_str_eq(c->workers[10]->ready_address, "http://127.0.0.1:8080/ready");
        ck_assert_int_eq(c->workers[10]->health, PROBE_TCP);
        ck_assert_uint_eq(c->workers[10]->health_interval_usec, 10 * USEC_PER_SEC);
        ck_assert_uint_eq(c->workers[10]->health_retries, 5);
        ck_assert_str_eq(c->workers[11]->ready_log, "ready to accept connections");
        ck_assert_uint_eq(config_worker(c, "writer")->heartbeat_usec, 5 * USEC_PER_SEC);
        ck_assert_uint_eq(config_worker(c, "lazy")->stall_timeout_usec, 30 * USEC_PER_SEC);
        ck_assert_int_eq(c->workers[9]->health, PROBE_EXEC);
        ck_assert_str_eq(c->workers[9]->health_exec[2], "kill -0 $MAINPID");
        ck_assert_int_eq(config_worker(c, "tool")->ready, WORKER_READY_EXEC);
        ck_assert_str_eq(config_worker(c, "tool")->ready_exec[1], "-d");
        ck_assert_uint_eq(c->objects[0]->slots, 65536);
        ck_assert_uint_eq(c->objects[0]->slot_size, 1024);
        ck_assert_uint_eq(c->objects[0]->max_deliveries, 3);
        ck_assert_uint_eq(c->objects[0]->line, 2);
        ck_assert_str_eq(c->objects[2]->name, "spare.1");

        w = config_worker(c, "resize");
        ck_assert_ptr_nonnull(w);
        ck_assert_uint_eq(w->line, 8);
        ck_assert_str_eq(w->exec[0], "/bin/sh");
        ck_assert_str_eq(w->exec[2], "read -r line\necho \"OK ${line} it's\"");
        ck_assert_str_eq(w->exec[3], "aAA\n$\"x");
        ck_assert_str_eq(w->exec[4], "b*c+d\\e");
        ck_assert_str_eq(w->exec[5], "");
        ck_assert_ptr_null(w->exec[6]);
        ck_assert_str_eq(w->directory, "/");
        ck_assert_str_eq(w->environment[1], "X=$x");
        ck_assert_str_eq(w->user, "root");
        ck_assert_int_eq(w->io, WORKER_IO_LINES);
        ck_assert_int_eq(w->io_fds[0], 3);
        ck_assert_int_eq(w->io_fds[1], 4);
        ck_assert_str_eq(w->receive[0], "jobs");
        ck_assert_str_eq(w->send[0], "thumbs");
        ck_assert_uint_eq(w->instances, 4);
        ck_assert_int_eq(w->restart, RESTART_ON_FAILURE);
        ck_assert_uint_eq(w->restart_delay_usec, 1500);
        ck_assert_uint_eq(w->restart_delay_max_usec, 90 * USEC_PER_SEC);
        ck_assert_uint_eq(w->restart_limit_count, 5);
        ck_assert_uint_eq(w->restart_limit_period_usec, 10 * USEC_PER_SEC);
        ck_assert_int_eq(w->end_actions.success, END_ACTION_EXIT);
        ck_assert_int_eq(w->end_actions.failure, END_ACTION_EXIT);
        ck_assert_int_eq(w->end_actions.success_status, 0);
        ck_assert_int_eq(w->end_actions.failure_status, 255);
        ck_assert_int_eq(w->stop_signal, SIGRTMIN + 3);
        ck_assert_uint_eq(w->stop_timeout_usec, USEC_INFINITY);
        ck_assert_int_eq(w->ready, WORKER_READY_LIBRARY);
        ck_assert_uint_eq(w->ready_timeout_usec, 120 * USEC_PER_SEC);
        ck_assert_ptr_null(config_worker(c, "nobody"));
        w = config_worker(c, "reader");
        ck_assert_str_eq(w->call[0], "quotes");
        ck_assert_str_eq(w->use[1], "sums");
        ck_assert_str_eq(config_worker(c, "writer")->serve[0], "quotes");
        ck_assert_int_eq(w->log, WORKER_LOG_AUTO);
        ck_assert_int_eq(w->log_level_max, LOG_DEBUG);
        w = config_worker(c, "logs");
        ck_assert_int_eq(w->log, WORKER_LOG_JOURNAL | WORKER_LOG_FILE);
        ck_assert_str_eq(w->log_file, "logs/it");
        ck_assert_uint_eq(w->log_max_size, 65536);
        ck_assert_uint_eq(w->log_max_age_usec, 86400 * USEC_PER_SEC);
        ck_assert_uint_eq(w->log_keep, 3);
        ck_assert_uint_eq(w->log_rate_count, 100);
        ck_assert_uint_eq(w->log_rate_period_usec, USEC_PER_SEC);
        ck_assert_int_eq(w->log_level_max, LOG_NOTICE);
        ck_assert(!w->remain);
        ck_assert(config_worker(c, "once")->remain);
        ck_assert_int_eq(config_worker(c, "silent")->log, WORKER_LOG_NONE);
        ck_assert_uint_eq(config_worker(c, "silent")->log_rate_count, 0);
        ck_assert(config_worker(c, "passing")->dynamic_user);
        ck_assert_str_eq(config_worker(c, "passing")->user, "some-body");
        const struct worker_isolation *i = &config_worker(c, "passing")->isolation;
        ck_assert(i->no_new_privileges && i->restrict_suid_sgid && i->private_tmp && i->protect_system == WORKER_SYSTEM_STRICT);
        ck_assert_int_eq(i->protect_home, WORKER_HOME_TMPFS);
        ck_assert_int_eq(config_worker(c, "silent")->standard_output, WORKER_STREAM_NULL);
        ck_assert_int_eq(config_worker(c, "silent")->standard_error, WORKER_STREAM_INHERIT);
        ck_assert_ptr_nonnull(config_object(c, "thumbs"));
        check_placed(config_worker(c, "placed"));
        check_confined(&config_worker(c, "confined")->isolation);
        check_walled(&config_worker(c, "walled")->isolation);
        check_barred(&config_worker(c, "barred")->isolation);
        ck_assert_int_eq(config_worker(c, "windowed")->isolation.protect_home, WORKER_HOME_READ_ONLY);
        ck_assert_int_eq(config_worker(c, "fenced")->isolation.protect_system, WORKER_SYSTEM_YES);
        check_open(&config_worker(c, "open")->isolation, &config_worker(c, "freer")->isolation);
        config_errors_done(&errors);
}
END_TEST

/** What listen_definition_each() tells, in one line. */
static int tell_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        fprintf(userdata, "%s=%s ", listen_type_name(type), address);
        return 0;
}

START_TEST(sockets_are_read) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *c = NULL;
        const struct listen_definition *web;
        _cleanup_(freep) char *told = NULL;
        size_t size;
        FILE *out;

        ck_assert_int_eq(config_load(CONFIG_EXAMPLES "/good.conf", &c, &errors), 0);
        web = config_listen(c, "web");
        ck_assert_ptr_nonnull(web);
        ck_assert_uint_eq(listen_definition_count(web), 7);
        out = open_memstream(&told, &size);
        ck_assert_int_eq(listen_definition_each(web, tell_socket, out), 0);
        fclose(out);
        ck_assert_str_eq(told, "stream=80 stream=127.0.0.1:8080 stream=[::1]:8080 stream=@web stream=/run/web.sock datagram=53 "
                               "sequential=/run/web.seq ");
        ck_assert_uint_eq(web->backlog, 16);
        ck_assert_uint_eq(web->mode, 0600);
        ck_assert_str_eq(web->user, "root");
        ck_assert_str_eq(web->group, "0");
        ck_assert(web->reuse_port);
        ck_assert_uint_eq(config_listen(c, "log")->mode, 0666);
        ck_assert_uint_eq(config_listen(c, "log")->backlog, 4096);
        ck_assert_int_eq(config_worker(c, "server")->start, WORKER_START_ON_DEMAND);
        ck_assert_str_eq(config_worker(c, "server")->listen[1], "log");
        ck_assert_uint_eq(config_worker(c, "server")->idle_stop_usec, USEC_INFINITY);
        ck_assert_uint_eq(config_worker(c, "lazy")->idle_stop_usec, 30 * USEC_PER_SEC);
        ck_assert_int_eq(config_worker(c, "tool")->start, WORKER_START_MANUAL);
        ck_assert_int_eq(config_worker(c, "store")->start, WORKER_START_BOOT);
        config_errors_done(&errors);
}
END_TEST

START_TEST(addresses_are_read_as_written) {
        struct error error = ERROR_NULL;
        struct listen_address a;

        ck_assert_int_eq(listen_address_parse("/run/x", &a, &error), 0);
        ck_assert_str_eq(listen_address_path(&a), "/run/x");
        ck_assert_int_eq(listen_address_parse("@x", &a, &error), 0);
        ck_assert_ptr_null(listen_address_path(&a));
        ck_assert_uint_eq(a.size, offsetof(struct sockaddr_un, sun_path) + 2);
        ck_assert_mem_eq(a.local.sun_path, "\0x", 2);
        ck_assert_int_eq(listen_address_parse("10.0.0.1:65535", &a, &error), 0);
        ck_assert_uint_eq(ntohl(a.ipv4.sin_addr.s_addr), 0x0a000001);
        ck_assert_uint_eq(ntohs(a.ipv4.sin_port), 65535);
        ck_assert_int_eq(listen_address_parse("[::]:1", &a, &error), 0);
        ck_assert(!a.both);
        ck_assert_int_eq(listen_address_parse("1", &a, &error), 0);
        ck_assert(a.both && a.any.sa_family == AF_INET6);
        for (const char *const *bad = (const char *const[]){ "", "/", "@", "x", "0", "65536", "80x", "1.2.3:80", "1.2.3.4:", "::1:80",
                                                             "[::1]", "[::1]80", "[::1]:", "[:::1]:80", "localhost:80", "run/x", NULL };
             *bad; bad++)
                ck_assert_msg(listen_address_parse(*bad, &a, &error) == -EINVAL, "%s", *bad);
}
END_TEST

static struct geometry geometry_of(const struct config *c, const char *name) {
        const struct object_definition *object = config_object(c, name);

        ck_assert_ptr_nonnull(object);
        return object_definition_geometry(object);
}

static void assert_geometry(struct geometry got, struct geometry expected) {
        ck_assert_int_eq(got.kind, expected.kind);
        ck_assert_uint_eq(got.slots, expected.slots);
        ck_assert_uint_eq(got.message_max, expected.message_max);
        ck_assert_uint_eq(got.max_deliveries, expected.max_deliveries);
        ck_assert_uint_eq(got.capacity, expected.capacity);
        ck_assert_uint_eq(got.policy, expected.policy);
        ck_assert_uint_eq(got.dead_max, expected.dead_max);
        ck_assert_uint_eq(got.delay_msec, expected.delay_msec);
        ck_assert_uint_eq(got.slot_size, expected.slot_size);
        ck_assert_uint_eq(got.heap, expected.heap);
        ck_assert_int_eq(geometry_check(&got), 0);
}

START_TEST(objects_are_made_of_what_is_written) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *c = NULL;

        ck_assert_int_eq(config_load(CONFIG_EXAMPLES "/good.conf", &c, &errors), 0);
        config_errors_done(&errors);
        assert_geometry(geometry_of(c, "jobs"), (struct geometry){ .kind = OBJECT_QUEUE, .slots = 65536, .message_max = 1024,
                                                                    .max_deliveries = 3, .dead_max = 100, .delay_msec = 2,
                                                                    .policy = QUEUE_DEAD_DROP_OLDEST });
        assert_geometry(geometry_of(c, "mixed"), (struct geometry){
                .kind = OBJECT_QUEUE, .slots = 1024, .message_max = 1 << 20, .max_deliveries = 5, .slot_size = 256, .heap = 8 << 20 });
        assert_geometry(geometry_of(c, "bytes"),
                        (struct geometry){ .kind = OBJECT_PIPE, .capacity = 65536, .message_max = 4096 });
        assert_geometry(geometry_of(c, "news"), (struct geometry){ .kind = OBJECT_BROADCAST, .capacity = 1 << 20, .slots = 8,
                                                                    .message_max = 16384, .policy = BROADCAST_WAIT });
        assert_geometry(geometry_of(c, "loose"), (struct geometry){ .kind = OBJECT_BROADCAST, .capacity = 4096,
                                                                     .message_max = broadcast_message_limit(4096) });
        assert_geometry(geometry_of(c, "quotes"), (struct geometry){ .kind = OBJECT_SERVICE, .slots = 16, .message_max = 8192,
                                                                      .max_deliveries = 2, .policy = SERVICE_IDEMPOTENT });
        assert_geometry(geometry_of(c, "ports"), (struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 10 });
        assert_geometry(geometry_of(c, "table"), (struct geometry){ .kind = OBJECT_MONITOR });
        assert_geometry(geometry_of(c, "buffer"), (struct geometry){ .kind = OBJECT_MONITOR, .slots = 2 });
        assert_geometry(geometry_of(c, "sums"), (struct geometry){ .kind = OBJECT_COUNTER, .slots = 16 });
}
END_TEST

START_TEST(a_queue_has_a_heap_for_what_its_slots_do_not_hold) {
        _cleanup_(config_freep) struct config *c =
                parse("ring a { message-max = 1MiB } ring b { slot-size = 100 message-max = 200 heap-size = 200 }\n"
                      "ring c { message-max = 1KiB } ring d { slot-size = 64KiB }\n"
                      "ring e { slot-size = 64 message-max = 64 }");
        struct geometry g = { .kind = OBJECT_QUEUE, .slots = 1024, .max_deliveries = 5 };

        g.message_max = 1 << 20;
        g.slot_size = 4096;
        g.heap = 16 << 20;
        assert_geometry(geometry_of(c, "a"), g);
        g.message_max = 200;
        g.slot_size = 100;
        g.heap = 200;
        assert_geometry(geometry_of(c, "b"), g);
        g.slot_size = g.heap = 0;
        g.message_max = 1024;
        assert_geometry(geometry_of(c, "c"), g);
        g.message_max = 64 << 10;
        assert_geometry(geometry_of(c, "d"), g);
        g.message_max = 64;
        assert_geometry(geometry_of(c, "e"), g);
}
END_TEST

START_TEST(defaults_of_every_kind_are_sound) {
        _cleanup_(config_freep) struct config *c =
                parse("ring q { } ring p { kind = pipe } ring b { kind = broadcast } ring w { kind = broadcast policy = wait }\n"
                      "service s { } semaphore p1 { } mutex m { } monitor o { } counter c { }");

        for (size_t i = 0; i < c->n_objects; i++) {
                struct geometry g = object_definition_geometry(c->objects[i]);

                ck_assert_msg(geometry_check(&g) == 0, "%s", c->objects[i]->name);
        }
        ck_assert_uint_eq(geometry_of(c, "w").slots, 16);
        ck_assert_uint_eq(geometry_of(c, "s").max_deliveries, 1);
}
END_TEST

START_TEST(what_is_left_out_has_its_default) {
        _cleanup_(config_freep) struct config *c = parse("ring r { } worker w { exec = a } worker io { exec "
                                                         "= a io = exec receive = r restart-delay = 2min }");
        struct worker_definition *w = c->workers[0];

        ck_assert_int_eq(c->objects[0]->kind, OBJECT_QUEUE);
        ck_assert_uint_eq(c->objects[0]->slots, 1024);
        ck_assert_uint_eq(c->objects[0]->slot_size, 4096);
        ck_assert_uint_eq(c->objects[0]->max_deliveries, 5);
        ck_assert_ptr_null(w->directory);
        ck_assert_ptr_null(w->user);
        ck_assert_ptr_null(w->environment[0]);
        ck_assert_ptr_null(w->receive[0]);
        ck_assert_int_eq(w->io, WORKER_IO_NONE);
        ck_assert_int_eq(w->io_fds[0], -1);
        ck_assert_int_eq(w->io_fds[1], -1);
        ck_assert_uint_eq(w->instances, 1);
        ck_assert_int_eq(w->restart, RESTART_ALWAYS);
        ck_assert_uint_eq(w->restart_delay_usec, 100 * USEC_PER_MSEC);
        ck_assert_uint_eq(w->restart_delay_max_usec, 30 * USEC_PER_SEC);
        ck_assert_uint_eq(w->restart_limit_count, 0);
        ck_assert_int_eq(w->stop_signal, SIGTERM);
        ck_assert_uint_eq(w->stop_timeout_usec, 10 * USEC_PER_SEC);
        ck_assert_int_eq(w->ready, WORKER_READY_IMMEDIATE);
        ck_assert_uint_eq(w->ready_timeout_usec, 30 * USEC_PER_SEC);
        ck_assert_int_eq(c->workers[1]->ready, WORKER_READY_LIBRARY);
        ck_assert_uint_eq(c->workers[1]->restart_delay_max_usec, 120 * USEC_PER_SEC);
}
END_TEST

START_TEST(the_canonical_form_is_read_back) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *first = NULL, *second = NULL;
        _cleanup_(freep) char *text = NULL, *again = NULL;
        struct config_diff diff;

        ck_assert_int_eq(config_load(CONFIG_EXAMPLES "/good.conf", &first, &errors), 0);
        text = print(first);
        second = parse(text);
        again = print(second);
        ck_assert_str_eq(text, again);
        ck_assert_int_eq(config_diff(first, second, &diff), 0);
        ck_assert_uint_eq(diff.n, 0);
        config_diff_done(&diff);
        config_errors_done(&errors);
}
END_TEST

/* Whatever bytes an argument has, the canonical form keeps them. */
START_TEST(every_byte_of_a_string_survives) {
        char text[600] = "worker w { exec = {a, \"";
        size_t n = strlen(text);

        for (unsigned int i = 1; i < 128; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "\\x%02x", i);
        snprintf(text + n, sizeof text - n, "\xc3\xa4\xff\"} }");
        {
                _cleanup_(config_freep) struct config *first = parse(text);
                _cleanup_(freep) char *canonical = print(first);
                _cleanup_(config_freep) struct config *second = parse(canonical);

                ck_assert_uint_eq(strlen(first->workers[0]->exec[1]), 130);
                ck_assert_str_eq(first->workers[0]->exec[1], second->workers[0]->exec[1]);
        }
}
END_TEST

START_TEST(every_row_of_the_table_is_whole) {
        config_for_each_key(key, CONFIG_WORKER)
                ck_assert_ptr_eq(config_key_find(CONFIG_WORKER, key->name), key);
        for (size_t i = 0; i < config_keys_n; i++) {
                const struct config_key *key = &config_keys[i];

                ck_assert_msg(key->help[0] && key->text && key->type->read && key->type->write &&
                                      key->type->is_set,
                              "%s", key->name);
                ck_assert_msg(i == 0 || config_keys[i - 1].section <= key->section, "%s: out of order",
                              key->name);
        }
}
END_TEST

START_TEST(a_diff_tells_what_changed) {
        _cleanup_(config_freep) struct config *from = parse(
                "ring a { } ring b { slots = 8 } worker x { exec = x } worker y { exec = y } worker z { exec "
                "= z }");
        _cleanup_(config_freep) struct config *to =
                parse("ring b { slots = 16 } ring c { } worker z { exec = {z, q} }  worker new { exec = n }\n"
                      "worker x { exec = x instances = 2 }");
        _cleanup_(freep) char *text = NULL;
        struct config_diff diff;
        size_t size;
        FILE *out;

        ck_assert_int_eq(config_diff(from, to, &diff), 0);
        out = open_memstream(&text, &size);
        config_diff_print(&diff, out);
        fclose(out);
        ck_assert_str_eq(text, "removed  ring a\n"
                               "changed  ring b: slots 8 -> 16 (what is in it stays; who has it is restarted)\n"
                               "added    ring c\n"
                               "removed  worker y\n"
                               "changed  worker z: exec {z} -> {z, q} (its processes are replaced)\n"
                               "added    worker new\n"
                               "changed  worker x: instances 1 -> 2\n");
        ck_assert(diff.changes[4].restart);
        ck_assert(!diff.changes[6].restart);
        config_diff_done(&diff);

        ck_assert_int_eq(config_diff(NULL, to, &diff), 0);
        ck_assert_uint_eq(diff.n, 5);
        config_diff_done(&diff);
}
END_TEST

START_TEST(who_may_do_what_moves_nothing) {
        _cleanup_(config_freep) struct config *from = parse("ring a { } ring b { } worker w { exec = x } daemon { allow = 0:view }");
        _cleanup_(config_freep) struct config *to = parse("ring a { allow = \"*:view\" } ring b { slots = 8 allow = \"*:view\" }\n"
                                                          "worker w { exec = x allow = \"@0:admin\" } daemon { allow = 1:view }");
        _cleanup_(config_freep) struct config *none = parse("ring a { } ring b { } worker w { exec = x }");
        _cleanup_(freep) char *text = NULL;
        struct config_diff diff;
        size_t size;
        FILE *out;

        ck_assert_int_eq(config_diff(from, to, &diff), 0);
        out = open_memstream(&text, &size);
        config_diff_print(&diff, out);
        ck_assert(!config_change_moves(&diff.changes[0]) && config_change_moves(&diff.changes[1]));
        ck_assert(!diff.changes[2].restart);
        config_diff_done(&diff);
        ck_assert_int_eq(config_diff(from, none, &diff), 0);
        config_diff_print(&diff, out);
        config_diff_done(&diff);
        fclose(out);
        ck_assert_str_eq(text, "changed  ring a: allow (none) -> {\"*:view\"}\n"
                               "changed  ring b: slots 1024 -> 8, allow (none) -> {\"*:view\"} (what is in it stays; who has it is restarted)\n"
                               "changed  worker w: allow (none) -> {\"@0:admin\"}\n"
                               "changed  daemon: allow {\"0:view\"} -> {\"1:view\"}\n"
                               "removed  daemon\n");
}
END_TEST

START_TEST(sockets_make_another_worker) {
        static const char before[] = "listen l { stream = @a }\nlisten other { stream = @b }\nworker w { exec = x listen = l }\n"
                                     "worker v { exec = x }";
        static const char after[] = "listen l { stream = {@a, @c} backlog = 7 }\nlisten other { stream = @b mode = 0666 }\n"
                                    "listen new { datagram = @a }\nworker w { exec = x listen = l }\nworker v { exec = x start = manual }";
        _cleanup_(config_freep) struct config *from = parse(before), *to = parse(after);
        _cleanup_(freep) char *text = NULL;
        struct config_diff diff;
        size_t size;
        FILE *out;

        ck_assert_int_eq(config_diff(from, to, &diff), 0);
        out = open_memstream(&text, &size);
        config_diff_print(&diff, out);
        fclose(out);
        ck_assert_str_eq(text, "changed  listen l: stream {\"@a\"} -> {\"@a\", \"@c\"}, backlog 4096 -> 7\n"
                               "added    listen new\n"
                               "changed  worker w: its sockets (its processes are replaced)\n"
                               "changed  worker v: start boot -> manual\n");
        ck_assert_str_eq(config_change_key(&diff.changes[0]), "stream");
        ck_assert(diff.changes[2].restart);
        ck_assert(!diff.changes[3].restart);
        config_diff_done(&diff);
}
END_TEST

/* The hash stands in the cookies of processes: it must not change with the version of gangerd. */
START_TEST(the_hash_is_of_what_a_process_was_started_with) {
        static const char *const live[] = {
                "instances = 7",          "restart = never",      "restart-delay = 1s",
                "restart-delay-max = 1h", "restart-limit = 1/1s", "stop-signal = SIGINT",
                "stop-timeout = 1s",      "ready-timeout = 1s",   "success-exit-status = 3",
                "restart-prevent = {KILL, 4}", "restart-force = USAGE", "on-failure = {sh, -c}",
                "on-failure-timeout = 1s", "start = manual", "health = exec health-exec = a",
                "watchdog-signal = SIGKILL", "health-interval = 1s", "health-retries = 9",
                "memory-max = 1MiB", "memory-low = 0", "cpu-quota = 20%", "cpu-weight = 1", "tasks-max = 3", "oom-policy = kill",
        };
        static const char *const process[] = {
                "directory = /", "environment = 'A=b'", "user = root", "io = lines", "receive = r",
                "send = r",      "ready = notify",       "ready = fd ready-fd = 3", "ready = log ready-log = x", "ready = tcp ready-address = 80", "ready = exec ready-exec = a", "heartbeat = 1s", "watchdog = 1s", "fd-store-max = 1",
                "environment-file = x", "credentials = 'a:b'", "umask = 022", "nice = 0", "limit-nofile = 1", "limit-core = infinity", "cpu-affinity = 0", "io-scheduling-class = none",
                "oom-score-adjust = 0", "timer-slack = 1ms", "cpu-scheduling-policy = other", "numa-policy = default",
        };
        _cleanup_(config_freep) struct config *plain = parse("ring r { } worker w { exec = a }");
        uint64_t hash = worker_definition_hash(plain->workers[0]);
        char text[200];

        ck_assert_uint_eq(hash, UINT64_C(0xdbf4a1606ab6b867));
        for (size_t i = 0; i < ARRAY_SIZE(live) + ARRAY_SIZE(process); i++) {
                const char *line = i < ARRAY_SIZE(live) ? live[i] : process[i - ARRAY_SIZE(live)];

                snprintf(text, sizeof text, "ring r { } worker w { exec = a %s %s }", line,
                         strncmp(line, "io", 2) == 0 ? "receive = r" : "");
                {
                        _cleanup_(config_freep) struct config *other = parse(text);

                        ck_assert_msg((worker_definition_hash(other->workers[0]) == hash) ==
                                              (i < ARRAY_SIZE(live)),
                                      "%s", line);
                        ck_assert_msg(!worker_definition_equal(other->workers[0], plain->workers[0]), "%s",
                                      line);
                }
        }
}
END_TEST

START_TEST(programs_are_found) {
        _cleanup_(config_freep) struct config *c =
                parse("worker path { exec = sh } worker absolute { exec = /bin/sh }\n"
                      "worker here { exec = ./passwd } worker there { exec = ./sh directory = /bin }\n"
                      "worker below { exec = sub/x directory = etc }");
        _cleanup_(freep) char *p0 = NULL, *p1 = NULL, *p2 = NULL, *p3 = NULL, *d4 = NULL;
        struct error error = ERROR_NULL;

        ck_assert_int_eq(worker_definition_program(c->workers[0], c->workers[0]->exec[0], &p0, &error), 0);
        ck_assert(p0[0] == '/' && strcmp(p0 + strlen(p0) - 3, "/sh") == 0);
        ck_assert_int_eq(worker_definition_program(c->workers[1], c->workers[1]->exec[0], &p1, &error), 0);
        ck_assert_str_eq(p1, "/bin/sh");
        ck_assert_int_eq(worker_definition_program(c->workers[2], c->workers[2]->exec[0], &p2, &error), -EACCES);
        ck_assert_str_eq(error.text, "'/etc/passwd' is not executable");
        ck_assert_int_eq(worker_definition_program(c->workers[3], c->workers[3]->exec[0], &p3, &error), 0);
        ck_assert_str_eq(p3, "/bin/sh");
        ck_assert_int_eq(worker_definition_program(c->workers[4], c->workers[4]->exec[0], &p2, &error), -ENOENT);
        ck_assert_str_eq(error.text, "'/etc/etc/sub/x': No such file or directory");
        ck_assert_int_eq(worker_definition_directory(c->workers[4], &d4), 0);
        ck_assert_str_eq(d4, "/etc/etc");
}
END_TEST

/* A takeover parses what is in force, whatever became of the programs since. */
START_TEST(parsing_does_not_look_at_the_machine) {
        _cleanup_(config_freep) struct config *c =
                parse("worker w { exec = /no/such/program directory = /no/such user = no-such-user }");
        struct config_errors errors = CONFIG_ERRORS_NULL;

        ck_assert_int_eq(config_verify(c, &errors), -EINVAL);
        ck_assert_uint_eq(errors.n, 2);
        ck_assert_str_eq(errors.errors[0].text,
                         "/etc/x.conf:1: worker 'w': directory: '/no/such': No such file or directory");
        ck_assert_str_eq(errors.errors[1].text,
                         "/etc/x.conf:1: worker 'w': user: there is no user 'no-such-user'");
        config_errors_done(&errors);
}
END_TEST

START_TEST(the_default_path_depends_on_the_user) {
        _cleanup_(freep) char *path = NULL;

        setenv("XDG_CONFIG_HOME", "/cfg", 1);
        ck_assert_int_eq(config_default_path(&path), 0);
        ck_assert_str_eq(path, geteuid() == 0 ? SYSCONFDIR "/ganger/ganger.conf" : "/cfg/ganger/ganger.conf");
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("config", every_key_is_read, sockets_are_read, addresses_are_read_as_written,
                                         sockets_make_another_worker, objects_are_made_of_what_is_written,
                                         a_queue_has_a_heap_for_what_its_slots_do_not_hold,
                                         defaults_of_every_kind_are_sound, what_is_left_out_has_its_default,
                                         the_canonical_form_is_read_back, every_byte_of_a_string_survives,
                                         every_row_of_the_table_is_whole, a_diff_tells_what_changed, who_may_do_what_moves_nothing,
                                         the_hash_is_of_what_a_process_was_started_with, programs_are_found,
                                         parsing_does_not_look_at_the_machine,
                                         the_default_path_depends_on_the_user));
}
