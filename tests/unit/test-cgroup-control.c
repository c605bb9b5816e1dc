/* SPDX-License-Identifier: MIT */
/*
 * What is written to cgroups, by a tree of ordinary files: which file has which text, and what is said of one that is
 * missing. (That the kernel refuses is what b211-cgroups.py sees, where there are controllers.)
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/cgroup-control.h"
#include "daemon/cgroup.h"
#include "daemon/config/config.h"
#include "harness.h"

struct tree {
        char path[64];
        int fd;
        struct cgroups cgroups;
        char faults[256];
};

static void put(struct tree *t, const char *name, const char *text) {
        _cleanup_(closep) int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static void expect(struct tree *t, const char *name, const char *text) {
        _cleanup_(closep) int fd = openat(t->fd, name, O_RDONLY | O_CLOEXEC);
        char got[256] = "";

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(read(fd, got, sizeof got - 1), 0);
        ck_assert_str_eq(got, text);
}

static void tree_make(struct tree *t) {
        static const char *const directories[] = { "ganger-1", "ganger-1/w:0", "ganger-1.daemon" };

        *t = (struct tree){ .path = "/tmp/ganger-test-cgroup.XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(t->path));
        t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
                ck_assert_int_eq(mkdirat(t->fd, directories[i], 0755), 0);
        put(t, "cgroup.controllers", "cpuset cpu memory pids\n");
        put(t, "cgroup.subtree_control", "");
        put(t, "cgroup.procs", "");
        put(t, "ganger-1/cgroup.controllers", "cpu memory\n");
        put(t, "ganger-1/cgroup.subtree_control", "");
        put(t, "ganger-1.daemon/cgroup.procs", "");
        t->cgroups = CGROUPS_NULL;
        t->cgroups.parent_fd = t->fd;
        t->cgroups.fd = openat(t->fd, "ganger-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        t->cgroups.name = (char *)"ganger-1";
        t->cgroups.keeper = 1234;
}

static void tree_remove(struct tree *t) {
        char command[128];

        close(t->cgroups.fd);
        close(t->fd);
        snprintf(command, sizeof command, "rm -r %s", t->path);
        ck_assert_int_eq(system(command), 0);
}

static const struct worker_resources nothing = {
        AMOUNT_UNSET, AMOUNT_UNSET, AMOUNT_UNSET, AMOUNT_UNSET, AMOUNT_UNSET,
        INTEGER_UNSET, INTEGER_UNSET, INTEGER_UNSET, INTEGER_UNSET,
};

static void note(void *userdata, const char *key, int error) {
        struct tree *t = userdata;
        size_t n = strlen(t->faults);

        snprintf(t->faults + n, sizeof t->faults - n, "%s:%s ", key, strerrorname_np(-error));
}

static void write_to(struct tree *t, const struct worker_resources *r, bool all) {
        _cleanup_(closep) int fd = openat(t->fd, "ganger-1/w:0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        t->faults[0] = '\0';
        cgroup_write(fd, r, all, note, t);
}

START_TEST(only_what_is_wanted_is_handed_on) {
        struct tree t;

        tree_make(&t);
        ck_assert_uint_eq(cgroups_enable(&t.cgroups, CGROUP_MEMORY | CGROUP_IO), CGROUP_MEMORY);
        expect(&t, "cgroup.subtree_control", "+memory");
        expect(&t, "ganger-1/cgroup.subtree_control", "+memory");
        ck_assert(!t.cgroups.moved);
        /* Of two that the cgroup has, ours was given one. */
        ck_assert_uint_eq(cgroups_enable(&t.cgroups, CGROUP_CPU | CGROUP_PIDS | CGROUP_MEMORY), CGROUP_CPU | CGROUP_MEMORY);
        expect(&t, "cgroup.subtree_control", "+cpu +pids");
        expect(&t, "ganger-1/cgroup.subtree_control", "+cpu");
        cgroups_disable_controllers(&t.cgroups);
        expect(&t, "cgroup.subtree_control", "-cpu -memory -pids");
        expect(&t, "cgroup.procs", "");
        tree_remove(&t);
}
END_TEST

START_TEST(where_it_is_refused_the_daemon_moves_away_once) {
        struct tree t;
        char pid[16];

        tree_make(&t);
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        ck_assert_int_eq(unlinkat(t.fd, "cgroup.subtree_control", 0), 0);
        ck_assert_uint_eq(cgroups_enable(&t.cgroups, CGROUP_MEMORY), 0);
        ck_assert(t.cgroups.moved);
        /* The keeper was written first, and then this process, over it. */
        expect(&t, "ganger-1.daemon/cgroup.procs", pid);
        put(&t, "cgroup.subtree_control", "");
        put(&t, "ganger-1.daemon/cgroup.procs", "");
        ck_assert_uint_eq(cgroups_enable(&t.cgroups, CGROUP_MEMORY), CGROUP_MEMORY);
        expect(&t, "ganger-1.daemon/cgroup.procs", "");
        cgroups_disable_controllers(&t.cgroups);
        expect(&t, "cgroup.procs", "1234");
        tree_remove(&t);
}
END_TEST

START_TEST(each_key_has_its_file) {
        static const char *const files[] = {
                "memory.max", "memory.high", "memory.low", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight",
                "pids.max", "io.weight",
        };
        struct worker_resources r = { 1 << 20, AMOUNT_INFINITY, 4096, 0, 17, 15000, 50, 300, INTEGER_UNSET };
        static const char *const set[] = { "1048576", "max", "4096", "0", "1", "150000 100000", "50", "17", "default 300" };
        static const char *const unset[] = { "max", "max", "0", "max", "0", "max 100000", "100", "max", "default 100" };
        struct tree t;
        char name[64];

        tree_make(&t);
        write_to(&t, &nothing, false);
        ck_assert_str_eq(t.faults, "");
        ck_assert_uint_eq(cgroup_controllers_for(&nothing), 0);
        ck_assert_uint_eq(cgroup_controllers_for(&r), CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS | CGROUP_IO);
        write_to(&t, &r, false);
        ck_assert_str_eq(t.faults, "memory-max:ENOENT memory-high:ENOENT memory-low:ENOENT memory-swap-max:ENOENT "
                                   "cpu-quota:ENOENT cpu-weight:ENOENT tasks-max:ENOENT io-weight:ENOENT ");
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(name, sizeof name, "ganger-1/w:0/%s", files[i]);
                put(&t, name, "as it was");
        }
        write_to(&t, &nothing, false);
        expect(&t, "ganger-1/w:0/cpu.weight", "as it was");
        write_to(&t, &r, false);
        ck_assert_str_eq(t.faults, "");
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(name, sizeof name, "ganger-1/w:0/%s", files[i]);
                expect(&t, name, set[i]);
        }
        r.oom_policy = WORKER_OOM_CONTINUE;
        write_to(&t, &r, false);
        expect(&t, "ganger-1/w:0/memory.oom.group", "0");
        write_to(&t, &nothing, true);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(name, sizeof name, "ganger-1/w:0/%s", files[i]);
                expect(&t, name, unset[i]);
        }
        tree_remove(&t);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("cgroup-control", only_what_is_wanted_is_handed_on,
                                         where_it_is_refused_the_daemon_moves_away_once, each_key_has_its_file));
}
