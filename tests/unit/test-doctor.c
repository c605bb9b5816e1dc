/* SPDX-License-Identifier: MIT */
/*
 * What is in force: texts of the kernel that are known, mounts that lie under and over each other, and the exposure of
 * facts; and that each key that is about a process has its row.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/keys.h"
#include "daemon/doctor/check-mounts.h"
#include "daemon/doctor/exposure.h"
#include "daemon/isolation/isolation.h"
#include "daemon/keeper/protocol.h"
#include "harness.h"

/* ---- texts ----------------------------------------------------------------------------------------- */

static const char status_text[] =
        "Name:\tsleep\nUmask:\t0027\nState:\tS (sleeping)\nPid:\t77\n"
        "Uid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nGroups:\t4 24 27 1000 \nVmPeak:\t  5516 kB\n"
        "CapInh:\t0000000000000400\nCapPrm:\t0000000000000401\nCapEff:\t0000000000000400\n"
        "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";

START_TEST(a_status) {
        struct process_status s;

        ck_assert(status_parse(status_text, &s));
        ck_assert_uint_eq(s.uids[0], 1000);
        ck_assert_uint_eq(s.uids[3], 1003);
        ck_assert_uint_eq(s.gids[2], 7);
        ck_assert_uint_eq(s.n_groups, 4);
        ck_assert_uint_eq(s.groups[3], 1000);
        ck_assert_uint_eq(s.inheritable, 0x400);
        ck_assert_uint_eq(s.permitted, 0x401);
        ck_assert_uint_eq(s.effective, 0x400);
        ck_assert_uint_eq(s.bounding, 0x1ffffffffff);
        ck_assert_uint_eq(s.ambient, 0x400);
        ck_assert_int_eq(s.no_new_privileges, 1);
        ck_assert_int_eq(s.seccomp, 2);
        ck_assert_int_eq(s.filters, 3);
        ck_assert_int_eq(s.umask, 027);
}
END_TEST

/* What a kernel does not tell is not 0. */
START_TEST(a_status_of_an_older_kernel) {
        struct process_status s;

        ck_assert(status_parse("Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n", &s));
        ck_assert_uint_eq(s.n_groups, 0);
        ck_assert_int_eq(s.no_new_privileges, -1);
        ck_assert_int_eq(s.filters, -1);
        ck_assert_int_eq(s.umask, -1);
        ck_assert(!status_parse("Name:\tx\n", &s));
        ck_assert(!status_parse("", &s));
}
END_TEST

/* More groups than are kept are counted. */
START_TEST(many_groups) {
        _cleanup_(freep) char *text = NULL;
        struct process_status s;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        fputs("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t", f);
        for (unsigned int i = 0; i < LOOK_GROUPS_MAX + 10; i++)
                fprintf(f, "%u ", i);
        fputs("\n", f);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert(status_parse(text, &s));
        ck_assert_uint_eq(s.n_groups, LOOK_GROUPS_MAX + 10);
        ck_assert_uint_eq(s.groups[LOOK_GROUPS_MAX - 1], LOOK_GROUPS_MAX - 1);
}
END_TEST

START_TEST(limits) {
        struct process_limits l;

        limits_parse("Limit                     Soft Limit           Hard Limit           Units     \n"
                     "Max cpu time              unlimited            unlimited            seconds   \n"
                     "Max file size             10485760             10485760             bytes     \n"
                     "Max open files            100                  200                  files     \n"
                     "Max nice priority         0                    0                    \n"
                     "Max realtime timeout      unlimited            500                  us        \n", &l);
        ck_assert(l.known[RLIMIT_CPU] && l.soft[RLIMIT_CPU] == LOOK_NO_LIMIT);
        ck_assert(l.known[RLIMIT_FSIZE] && l.hard[RLIMIT_FSIZE] == 10485760);
        ck_assert(l.known[RLIMIT_NOFILE] && l.soft[RLIMIT_NOFILE] == 100 && l.hard[RLIMIT_NOFILE] == 200);
        ck_assert(l.known[RLIMIT_NICE] && l.soft[RLIMIT_NICE] == 0);
        ck_assert(l.known[RLIMIT_RTTIME] && l.soft[RLIMIT_RTTIME] == LOOK_NO_LIMIT && l.hard[RLIMIT_RTTIME] == 500);
        ck_assert(!l.known[RLIMIT_LOCKS] && !l.known[RLIMIT_RTPRIO]);
        limits_parse("Max open files            many                 200                  files\n", &l);
        ck_assert(!l.known[RLIMIT_NOFILE]);
}
END_TEST

START_TEST(a_cgroup) {
        char path[16];

        ck_assert(cgroup_parse("12:pids:/x\n1:name=systemd:/y\n0::/a/b\n", path, sizeof path));
        ck_assert_str_eq(path, "/a/b");
        ck_assert(!cgroup_parse("12:pids:/x\n", path, sizeof path));
        ck_assert(!cgroup_parse("0::/longer/than/there/is/room\n", path, sizeof path));
}
END_TEST

/* ---- mounts ---------------------------------------------------------------------------------------- */

/* As a process with several keys sees it; the host has the first six. */
#define HOST_MOUNTS                                                                                     \
        "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                                       \
        "21 20 0:20 / /proc rw,nosuid shared:2 - proc proc rw\n"                                        \
        "22 20 0:21 / /sys rw,nosuid shared:3 - sysfs sysfs rw\n"                                       \
        "23 20 0:22 / /dev rw,nosuid shared:4 - devtmpfs udev rw,size=4k\n"                             \
        "24 20 8:2 / /home rw - ext4 /dev/sda2 rw\n"                                                    \
        "25 20 8:3 / /with\\040blank rw - ext4 /dev/sda3 ro\n"

static const char process_mounts[] = HOST_MOUNTS
        "30 20 8:1 /usr /usr ro,relatime master:1 - ext4 /dev/sda1 rw\n"
        "31 20 0:40 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=50%\n"
        "32 24 0:41 / /home ro,nosuid,nodev,noexec - tmpfs tmpfs ro,size=4k,nr_inodes=2,mode=000\n"
        "33 20 0:22 /null /etc/shadow ro,nodev,noexec - devtmpfs udev rw\n"
        "34 30 8:1 /usr/local /usr/local rw,relatime master:1 - ext4 /dev/sda1 rw\n"
        "35 20 8:1 /srv /mnt ro - ext4 /dev/sda1 rw\n"
        "36 20 0:50 / /opt/a rw - tmpfs tmpfs rw\n"
        "37 20 0:51 / /opt rw - tmpfs tmpfs rw\n"
        "nonsense\n39 20 0:1\n";

static struct mount_table mounts(const char *text) {
        struct mount_table t;

        ck_assert_int_eq(mount_table_parse(&t, strdup(text)), 0);
        return t;
}

START_TEST(where_a_path_is) {
        struct mount_table t = mounts(process_mounts);
        static const struct { const char *path; int id; } wanted[] = {
                { "/", 20 }, { "/etc", 20 }, { "/usr", 30 }, { "/usr/bin/ls", 30 }, { "/usrx", 20 },
                { "/usr/local/bin", 34 },
                { "/home", 32 }, { "/home/a", 32 }, { "/proc/sys", 21 }, { "/with blank", 25 }, { "/tmp", 31 },
                { "/opt", 37 }, { "/opt/a", 37 }, /* what is under another one is not seen */
        };

        ck_assert_uint_eq(t.n, 14);
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                ck_assert_msg(mount_table_find(&t, wanted[i].path)->id == wanted[i].id, "%s", wanted[i].path);
        ck_assert(mount_table_find(&t, "/with blank")->read_only);
        ck_assert(!mount_table_find(&t, "/tmp")->read_only);
        ck_assert(mount_has_option(mount_table_find(&t, "/home"), "mode=000"));
        ck_assert(!mount_has_option(mount_table_find(&t, "/home"), "mode=00"));
        mount_table_done(&t);
}
END_TEST

/* Of whatever numbers, there is an end. */
START_TEST(mounts_in_a_circle) {
        struct mount_table t = mounts("1 2 0:1 / / rw - x x rw\n2 1 0:1 / / rw - x x rw\n");

        ck_assert_ptr_null(mount_table_find(&t, "/a"));
        mount_table_done(&t);
        t = mounts("1 9 0:1 / / rw - x x rw\n2 1 0:1 / /a rw - x x rw\n3 2 0:1 / /a rw - x x rw\n"
                   "2 3 0:1 / /a rw - x x rw\n");
        ck_assert_ptr_nonnull(mount_table_find(&t, "/a"));
        mount_table_done(&t);
        t = mounts("");
        ck_assert_ptr_null(mount_table_find(&t, "/"));
        mount_table_done(&t);
}
END_TEST

START_TEST(what_was_to_be_mounted) {
        struct mount_table inside = mounts(process_mounts), host = mounts(HOST_MOUNTS);
        const struct { uint32_t what; const char *path, *fault; } steps[] = {
                { KEEPER_MOUNT_READ_ONLY, "/usr", "can be written to" }, { KEEPER_MOUNT_READ_WRITE, "/usr/local", NULL },
                { KEEPER_MOUNT_BIND, "/mnt", "is not bound" }, { KEEPER_MOUNT_BIND_READ_ONLY, "/mnt", "is not bound" },
                { KEEPER_MOUNT_HIDE_DIRECTORY, "/home", "can be looked into" },
                { KEEPER_MOUNT_HIDE_FILE, "/etc/shadow", "can be opened" },
                { KEEPER_MOUNT_SHARED_TMPFS, "/tmp", "is that of the host" },
                { KEEPER_MOUNT_TMPFS, "/opt", "is that of the host" },
                { KEEPER_MOUNT_DIRECTORY, "/opt/x", NULL }, { KEEPER_MOUNT_SEAL, "/usr", "can be written to" },
                { KEEPER_MOUNT_DEVICES, "/tmp", "is that of the host" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                Ganger__Keeper__Mount step = GANGER__KEEPER__MOUNT__INIT;
                const char *fault;

                step.what = steps[i].what;
                step.path = (char *)steps[i].path;
                ck_assert_ptr_null(mount_step_fault(&step, NULL, &inside, &host));
                fault = mount_step_fault(&step, NULL, &host, &host);
                ck_assert_msg(strcmp(fault ?: "", steps[i].fault ?: "") == 0, "%s: %s", steps[i].path, fault);
        }
        mount_table_done(&inside);
        mount_table_done(&host);
}
END_TEST

/* Nearly so is not so: hidden, but it can be written to; a tmpfs, but that of the host. */
START_TEST(half_of_it) {
        struct mount_table host = mounts(HOST_MOUNTS "31 20 0:40 / /tmp rw - tmpfs tmpfs rw\n");
        struct mount_table inside = mounts(HOST_MOUNTS "31 20 0:40 / /tmp rw - tmpfs tmpfs rw\n"
                                           "32 24 0:41 / /home rw - tmpfs tmpfs rw,mode=000\n"
                                           "35 20 8:1 /srv /mnt rw - ext4 x rw\n");
        const struct { uint32_t what; const char *path; } steps[] = {
                { KEEPER_MOUNT_SHARED_TMPFS, "/tmp" }, { KEEPER_MOUNT_HIDE_DIRECTORY, "/home" },
                { KEEPER_MOUNT_BIND_READ_ONLY, "/mnt" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                Ganger__Keeper__Mount step = GANGER__KEEPER__MOUNT__INIT;

                step.what = steps[i].what;
                step.path = (char *)steps[i].path;
                ck_assert_ptr_nonnull(mount_step_fault(&step, NULL, &inside, &host));
        }
        mount_table_done(&inside);
        mount_table_done(&host);
}
END_TEST

/* ---- exposure -------------------------------------------------------------------------------------- */

static struct exposure_facts closed(void) {
        return (struct exposure_facts){
                .no_new_privileges = true, .private_keyring = true, .own_network = true, .own_ipc = true,
                .own_hostname = true, .own_tmp = true, .system = WORKER_SYSTEM_STRICT, .home = EXPOSURE_HOME_HIDDEN, .cgroups_read_only = true,
                .tunables_read_only = true, .umask = 0077, .native_calls = true, .own_devices = true, .devices = EXPOSURE_DEVICES_USUAL, .own_users = true,
                .own_root = true, .hidden_processes = true, .only_processes = true, .leaves_no_ipc = true,
        };
}

START_TEST(from_nothing_to_all) {
        struct exposure_facts facts = closed();

        ck_assert_uint_eq(exposure_of(&facts), 0);
        ck_assert_str_eq(exposure_level(0), "perfect");
        exposure_facts_open(&facts);
        facts.ambient = 1;
        ck_assert_uint_eq(exposure_of(&facts), EXPOSURE_MAX);
        ck_assert_str_eq(exposure_level(EXPOSURE_MAX), "dangerous");
        ck_assert_str_eq(exposure_level(99), "unsafe");
        ck_assert_str_eq(exposure_level(49), "ok");
}
END_TEST

/* Each row is of something that can be had, and that alone makes it less: no other row speaks of the same. */
START_TEST(each_row_counts) {
        struct exposure_facts open, facts = closed();
        size_t seen = 0;

        exposure_facts_open(&open);
        open.ambient = 1;
        for (size_t i = 0; i < exposure_rows(); i++) {
                ck_assert_uint_eq(exposure_badness(i, &facts), 0);
                ck_assert_uint_eq(exposure_badness(i, &open), BADNESS_MAX);
                ck_assert_uint_gt(exposure_row(i)->weight, 0);
                ck_assert_uint_gt(exposure_share(i, &open), 0);
                ck_assert_uint_eq(exposure_share(i, &facts), 0);
                for (size_t j = 0; j < i; j++)
                        ck_assert_str_ne(exposure_row(i)->name, exposure_row(j)->name);
        }
        facts.root = true;
        for (size_t i = 0; i < exposure_rows(); i++)
                seen += exposure_badness(i, &facts) > 0;
        ck_assert_uint_eq(seen, 1);
        ck_assert_uint_gt(exposure_of(&facts), 0);
}
END_TEST

/* The keys of the rows are those of ganger.conf(5). */
START_TEST(rows_name_keys) {
        for (size_t i = 0; i < exposure_rows(); i++) {
                char key[64];

                snprintf(key, sizeof key, "%.*s", (int)strcspn(exposure_row(i)->name, ":"), exposure_row(i)->name);
                ck_assert_msg(config_key_find(CONFIG_WORKER, key), "%s", key);
        }
}
END_TEST

/* ---- of definitions --------------------------------------------------------------------------------- */

static struct config *parse(const char *text) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct config *config = NULL;

        ck_assert_msg(config_parse(text, strlen(text), "/x.conf", &config, &errors) == 0, "%s",
                      errors.n > 0 ? errors.errors[0].text : "");
        config_errors_done(&errors);
        return config;
}

#define ALL_FILTERS                                                                                     \
        "system-call-filter = @system-service system-call-architectures = native restrict-address-families = AF_UNIX\n" \
        "restrict-namespaces = {mnt} restrict-suid-sgid = yes memory-deny-write-execute = yes lock-personality = yes\n"  \
        "protect-hostname = yes restrict-realtime = yes protect-clock = yes protect-kernel-modules = yes protect-kernel-logs = yes\n" \
        "private-devices = yes\n"

/* What is counted is what is made: a filter that has no row here would hide that another one is missing. */
START_TEST(each_filter_is_counted) {
        struct config *config = parse("worker w { exec = \"x\" " ALL_FILTERS "} worker n { exec = \"x\" }");
        struct spawn_settings settings = SPAWN_SETTINGS_NULL;
        const struct user user = USER_NULL;
        struct process_look own = { .status_known = true, .status.filters = 2 };
        struct error error = ERROR_NULL;
        struct checks checks;

        ck_assert_int_eq(isolation_make(&settings, config->workers[0], &user, &error), 0);
        checks_init(&checks, config->workers[0], NULL, "/run/x", &own);
        ck_assert_int_eq(checks.filters, (int)settings.n_programs + 2);
        checks_done(&checks);
        checks_init(&checks, config->workers[1], NULL, "/run/x", &own);
        ck_assert_int_eq(checks.filters, 0);
        checks_done(&checks);
        config_free(config);
}
END_TEST

static bool has_row(const char *key) {
        for (size_t i = 0; check_key(i); i++)
                if (strcmp(check_key(i), key) == 0)
                        return true;
        return false;
}

/* Whatever stands between them in ganger.conf(5) is about a process: as keys come, so must their rows. */
START_TEST(each_key_has_its_row) {
        const struct config_key *first = config_key_find(CONFIG_WORKER, "user");
        const struct config_key *last = config_key_find(CONFIG_WORKER, "landlock-connect");

        ck_assert(first < last);
        for (const struct config_key *key = first; key <= last; key++)
                if (strcmp(key->name, "system-call-error-number") != 0) /* of the filter of another key */
                        ck_assert_msg(has_row(key->name), "daemon/doctor/check.c has no row for %s", key->name);
        for (size_t i = 0; check_key(i); i++)
                if (strcmp(check_key(i), CHECK_FILTERS) != 0)
                        ck_assert_msg(config_key_find(CONFIG_WORKER, check_key(i)), "%s", check_key(i));
}
END_TEST

static struct exposure_facts facts_of(const char *keys, bool root) {
        char text[2048];
        struct exposure_facts facts;
        struct process_look own = { .status_known = true, .status.filters = 0, .status.bounding = UINT64_MAX };
        struct checks checks;
        struct config *config;

        own.status.uids[1] = root ? 0 : 1000;
        snprintf(text, sizeof text, "worker w { exec = \"x\" %s }", keys);
        config = parse(text);
        checks_init(&checks, config->workers[0], NULL, "/run/x", &own);
        exposure_facts_of_definition(&facts, &checks);
        checks_done(&checks);
        config_free(config);
        return facts;
}

START_TEST(facts_of_definitions) {
        struct exposure_facts f = facts_of("", true);

        ck_assert(f.root && f.capabilities == UINT64_MAX && f.families == FAMILY_ALL && f.sets == EXPOSURE_SETS_ALL);
        f = facts_of("no-new-privileges = yes", false);
        ck_assert(!f.root && f.capabilities == 0 && f.no_new_privileges);
        f = facts_of("capabilities = CAP_KILL", true);
        ck_assert_uint_eq(f.capabilities, 1 << 5);
        f = facts_of("restrict-address-families = {AF_UNIX, AF_INET}", true);
        ck_assert_uint_eq(f.families, FAMILY_UNIX | FAMILY_INTERNET);
        ck_assert(f.native_calls);
        f = facts_of("restrict-address-families = {~AF_PACKET}", true);
        ck_assert_uint_eq(f.families, FAMILY_ALL & ~FAMILY_PACKET);
        f = facts_of("restrict-address-families = {~AF_INET}", true);
        ck_assert_uint_eq(f.families & FAMILY_INTERNET, FAMILY_INTERNET); /* there is the other one */
        ck_assert_int_eq(f.devices, EXPOSURE_DEVICES_ALL);
        f = facts_of("device-policy = closed", true);
        ck_assert_int_eq(f.devices, EXPOSURE_DEVICES_USUAL);
        f = facts_of("device-allow = \"/dev/fuse\" device-policy = strict", true);
        ck_assert_int_eq(f.devices, EXPOSURE_DEVICES_SOME);
        f = facts_of("dynamic-user = yes", true);
        ck_assert(!f.root && !f.groups && f.leaves_no_ipc && f.no_new_privileges && f.own_tmp && !f.suid_sgid);
        ck_assert(f.system == WORKER_SYSTEM_STRICT && f.home == EXPOSURE_HOME_READ_ONLY);
        f = facts_of("dynamic-user = yes user = nobody", true);
        ck_assert(!f.leaves_no_ipc);
        f = facts_of("private-devices = yes", true);
        ck_assert_int_eq(f.devices, EXPOSURE_DEVICES_USUAL);
        f = facts_of("restrict-address-families = none", true);
        ck_assert_uint_eq(f.families, 0);
        f = facts_of("restrict-namespaces = {~user}", true);
        ck_assert_uint_eq(f.namespaces >> 6 & 1, 0);
        ck_assert_uint_eq(f.namespaces >> 3 & 1, 1);
}
END_TEST

static bool may(const struct exposure_facts *f, const char *set) {
        for (size_t i = 0; exposure_sets[i]; i++)
                if (strcmp(exposure_sets[i], set) == 0)
                        return f->sets >> i & 1;
        ck_abort_msg("%s", set);
        return false;
}

START_TEST(sets_of_calls) {
        struct exposure_facts f = facts_of("system-call-filter = {~@mount, ~@swap}", true);

        ck_assert(!may(&f, "@mount") && !may(&f, "@swap") && may(&f, "@reboot") && may(&f, "@privileged"));
        f = facts_of("system-call-filter = {~@mount, umount2}", true);
        ck_assert(may(&f, "@mount"));
        f = facts_of("system-call-filter = @system-service", true);
        ck_assert(!may(&f, "@mount") && !may(&f, "@module") && !may(&f, "@reboot") && may(&f, "@resources"));
        f = facts_of("system-call-filter = {@system-service, ~@resources, ~@privileged}", true);
        ck_assert(!may(&f, "@resources") && !may(&f, "@privileged"));
}
END_TEST

/* Of a process whose filters are not all there, none counts; of one that could not be read, nothing does. */
START_TEST(facts_of_processes) {
        struct config *config = parse("worker w { exec = \"x\" keyring-mode = private " ALL_FILTERS "}");
        struct process_look own = { .status_known = true, .mounts_known = true, .mounts = mounts(HOST_MOUNTS) };
        struct process_look look = { .status_known = true, .mounts_known = true, .mounts = mounts(process_mounts) };
        struct exposure_facts f;
        struct checks checks;

        strcpy(own.namespaces[NAMESPACE_NET], "net:[1]");
        strcpy(look.namespaces[NAMESPACE_NET], "net:[2]");
        ck_assert(status_parse(status_text, &look.status));
        checks_init(&checks, config->workers[0], NULL, "/run/x", &own);
        look.status.filters = checks.filters;
        exposure_facts_of_process(&f, &checks, &look);
        ck_assert(f.own_network && !f.own_ipc && f.families == FAMILY_UNIX && !f.suid_sgid);
        ck_assert(!f.root && f.no_new_privileges);
        ck_assert_uint_eq(f.capabilities, 0x401);
        ck_assert_int_eq(f.system, WORKER_SYSTEM_YES);
        ck_assert(!f.own_tmp && !f.tunables_read_only);
        look.status.filters--;
        exposure_facts_of_process(&f, &checks, &look);
        ck_assert(f.families == FAMILY_ALL && f.suid_sgid && f.sets == EXPOSURE_SETS_ALL && !f.native_calls);
        look.status_known = look.mounts_known = false;
        look.namespaces[NAMESPACE_NET][0] = '\0';
        exposure_facts_of_process(&f, &checks, &look);
        ck_assert(f.root && !f.own_network && f.system == WORKER_SYSTEM_NO && f.home == EXPOSURE_HOME_WRITABLE);
        checks_done(&checks);
        process_look_done(&own);
        process_look_done(&look);
        config_free(config);
}
END_TEST

static struct exposure_facts facts_of_mounts(const char *text) {
        struct config *config = parse("worker w { exec = \"x\" }");
        struct process_look own = { .status_known = true, .mounts_known = true, .mounts = mounts(HOST_MOUNTS) };
        struct process_look look = { .mounts_known = true, .mounts = mounts(text) };
        struct exposure_facts f;
        struct checks checks;

        checks_init(&checks, config->workers[0], NULL, "/run/x", &own);
        exposure_facts_of_process(&f, &checks, &look);
        checks_done(&checks);
        process_look_done(&own);
        process_look_done(&look);
        config_free(config);
        return f;
}

/* A root that is another one; and of the directories of users that which can be seen best. */
START_TEST(another_root_and_half_of_the_homes) {
        ck_assert(!facts_of_mounts(HOST_MOUNTS).own_root);
        ck_assert(facts_of_mounts("20 1 8:1 /srv / rw - ext4 /dev/sda1 rw\n").own_root);
        ck_assert(facts_of_mounts("20 1 8:9 / / rw - ext4 /dev/sdb1 rw\n").own_root);
        if (access("/home", F_OK) < 0 || access("/root", F_OK) < 0)
                return; /* those that are not there do not count */
        ck_assert_int_eq(facts_of_mounts(HOST_MOUNTS "40 20 0:40 / /root ro - tmpfs tmpfs ro\n").home, EXPOSURE_HOME_WRITABLE);
        ck_assert_int_eq(facts_of_mounts(HOST_MOUNTS "40 24 0:40 / /home ro - tmpfs tmpfs ro\n").home, EXPOSURE_HOME_WRITABLE);
        ck_assert_int_eq(facts_of_mounts(HOST_MOUNTS "40 20 0:40 / /root ro - tmpfs tmpfs ro\n"
                                                     "41 24 8:2 / /home ro - ext4 /dev/sda2 rw\n").home, EXPOSURE_HOME_READ_ONLY);
        ck_assert_int_eq(facts_of_mounts(HOST_MOUNTS "40 20 0:40 / /root ro - tmpfs tmpfs ro\n"
                                                     "41 24 0:41 / /home ro - tmpfs tmpfs ro\n").home, EXPOSURE_HOME_HIDDEN);
}
END_TEST

/* ---- this process ----------------------------------------------------------------------------------- */

START_TEST(ourselves) {
        struct process_look look;

        ck_assert_int_eq(process_look(getpid(), &look), 0);
        ck_assert(look.status_known && look.mounts_known && look.limits.known[RLIMIT_NOFILE] && look.cpus_known);
        ck_assert_uint_eq(look.status.uids[1], geteuid());
        ck_assert(look.nice.known && look.cpu_policy.known && look.oom_score.known);
        ck_assert_int_eq(look_has_own_namespace(&look, &look, NAMESPACE_MNT), 0);
        ck_assert_ptr_nonnull(mount_table_find(&look.mounts, "/proc/self"));
        process_look_done(&look);
        ck_assert_int_lt(process_look(0x3fffffff, &look), 0);
        process_look_done(&look);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("doctor", a_status, a_status_of_an_older_kernel, many_groups, limits, a_cgroup,
                                         where_a_path_is, mounts_in_a_circle, what_was_to_be_mounted, half_of_it,
                                         from_nothing_to_all, each_row_counts, rows_name_keys, each_filter_is_counted,
                                         each_key_has_its_row, facts_of_definitions, sets_of_calls, facts_of_processes,
                                         another_root_and_half_of_the_homes, ourselves));
}
