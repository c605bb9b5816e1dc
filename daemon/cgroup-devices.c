/* SPDX-License-Identifier: MIT */
/*
 * The devices that whoever is in a cgroup may open
 *
 * A program (device-program.c) that is attached to the cgroup itself: it stays for as long as the cgroup does, though who
 * attached it is gone, and holds no descriptor of ours. BPF_F_ALLOW_MULTI: those of the cgroups above and below are asked as
 * well, and all must agree, so that whoever makes a cgroup of his own in it comes no further.
 *
 * What must hold: at no time a process in the cgroup has neither the rules of before nor the new ones. So the one program is
 * put in the place of the other by the kernel (BPF_F_REPLACE). Ours are known by their name; an instance with the rights to
 * attach one of the same name has the rights to take ours away, too.
 */

#include "daemon/cgroup-devices.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/device-rules.h"

/** At most BPF_OBJ_NAME_LEN with its end; no '-' may be in it. */
#define PROGRAM_NAME "ganger_devices"
_Static_assert(sizeof PROGRAM_NAME <= BPF_OBJ_NAME_LEN, "the name of a program");
/** Programs of one cgroup: BPF_CGROUP_MAX_PROGS of the kernel. */
#define PROGRAMS_MAX 64
/** How often the kernel may be disturbed while it looks at a program. */
#define LOAD_TRIES 5

static int call(int command, union bpf_attr *attr) {
        long r = syscall(SYS_bpf, command, attr, sizeof *attr);

        return r < 0 ? -errno : (int)r;
}

/* @return a descriptor, or -errno. */
static int load(const struct device_rules *rules) {
        _cleanup_(freep) struct bpf_insn *insns = calloc(DEVICE_PROGRAM_MAX(rules->n), sizeof *insns);
        union bpf_attr attr;
        int r = -EAGAIN;

        if (!insns)
                return -ENOMEM;
        memset(&attr, 0, sizeof attr);
        attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
        attr.insns = (uintptr_t)insns;
        attr.insn_cnt = (uint32_t)device_program_make(rules->rules, rules->n, insns);
        attr.license = (uintptr_t)"MIT";
        memcpy(attr.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
        for (int i = 0; i < LOAD_TRIES && r == -EAGAIN; i++)
                r = call(BPF_PROG_LOAD, &attr);
        return r;
}

static int attach(int fd, int program_fd, int replaced_fd) {
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.target_fd = (uint32_t)fd;
        attr.attach_bpf_fd = (uint32_t)program_fd;
        attr.attach_type = BPF_CGROUP_DEVICE;
        attr.attach_flags = BPF_F_ALLOW_MULTI;
        if (replaced_fd >= 0) {
                attr.attach_flags |= BPF_F_REPLACE;
                attr.replace_bpf_fd = (uint32_t)replaced_fd;
        }
        return call(BPF_PROG_ATTACH, &attr);
}

static int detach(int fd, int program_fd) {
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.target_fd = (uint32_t)fd;
        attr.attach_bpf_fd = (uint32_t)program_fd;
        attr.attach_type = BPF_CGROUP_DEVICE;
        return call(BPF_PROG_DETACH, &attr);
}

static int get_info(int program_fd, struct bpf_prog_info *ret) {
        union bpf_attr attr;

        memset(ret, 0, sizeof *ret);
        memset(&attr, 0, sizeof attr);
        attr.info.bpf_fd = (uint32_t)program_fd;
        attr.info.info_len = sizeof *ret;
        attr.info.info = (uintptr_t)ret;
        return call(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* @return a descriptor of a program; -ENOENT: it is gone by now. */
static int open_program(uint32_t id) {
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.prog_id = id;
        return call(BPF_PROG_GET_FD_BY_ID, &attr);
}

/* @param flags  0: those of the cgroup itself; BPF_F_QUERY_EFFECTIVE: all that are asked. @return how many, or -errno. */
static int list(int fd, uint32_t flags, uint32_t ids[PROGRAMS_MAX]) {
        union bpf_attr attr;
        int r;

        memset(&attr, 0, sizeof attr);
        attr.query.target_fd = (uint32_t)fd;
        attr.query.attach_type = BPF_CGROUP_DEVICE;
        attr.query.query_flags = flags;
        attr.query.prog_ids = (uintptr_t)ids;
        attr.query.prog_cnt = PROGRAMS_MAX;
        r = call(BPF_PROG_QUERY, &attr);
        return r < 0 ? r : (int)MIN(attr.query.prog_cnt, (uint32_t)PROGRAMS_MAX);
}

static bool is_ours(const struct bpf_prog_info *info, const struct bpf_prog_info *wanted) {
        return strcmp(info->name, PROGRAM_NAME) == 0 && (!wanted || memcmp(info->tag, wanted->tag, sizeof info->tag) == 0);
}

/*
 * One of ours, or only one that has the instructions of `wanted`: the kernel's sum of them says so.
 * @return a descriptor; -ENOENT: there is none; -errno.
 */
static int find_ours(int fd, uint32_t flags, const struct bpf_prog_info *wanted) {
        uint32_t ids[PROGRAMS_MAX];
        int n = fd < 0 ? -ENOENT : list(fd, flags, ids);

        for (int i = 0; i < n; i++) {
                _cleanup_(closep) int program_fd = open_program(ids[i]);
                struct bpf_prog_info info;
                int r = program_fd < 0 ? program_fd : get_info(program_fd, &info);

                if (r < 0 && r != -ENOENT)
                        return r;
                if (r >= 0 && is_ours(&info, wanted))
                        return TAKE_FD(program_fd);
        }
        return n < 0 ? n : -ENOENT;
}

int cgroup_devices_set(int fd, const struct device_rules *rules, bool again) {
        _cleanup_(closep) int program_fd = -1, before_fd = -1;
        int r;

        before_fd = again ? find_ours(fd, 0, NULL) : -ENOENT;
        if (before_fd < 0 && before_fd != -ENOENT)
                return before_fd;
        if (!rules)
                return before_fd < 0 ? 0 : detach(fd, before_fd);
        program_fd = load(rules);
        if (program_fd < 0)
                return program_fd;
        if (fault_is("device-unattached"))
                return 0;
        if (fault_is("device-kept") && before_fd >= 0)
                return 0;
        r = attach(fd, program_fd, before_fd);
        return r < 0 ? r : 0;
}

static int is_found(int program_fd) {
        return program_fd >= 0 ? 1 : program_fd == -ENOENT ? 0 : program_fd;
}

int cgroup_devices_has(int fd) {
        _cleanup_(closep) int program_fd = find_ours(fd, 0, NULL);

        return is_found(program_fd);
}

int cgroup_devices_are(int fd, const struct device_rules *rules) {
        _cleanup_(closep) int wanted_fd = load(rules), found_fd = -1;
        struct bpf_prog_info wanted;
        int r = wanted_fd < 0 ? wanted_fd : get_info(wanted_fd, &wanted);

        if (r < 0)
                return r;
        found_fd = find_ours(fd, BPF_F_QUERY_EFFECTIVE, &wanted);
        return is_found(found_fd);
}

int cgroup_devices_try(void) {
        const struct device_rules none = { .n = 0 };
        _cleanup_(closep) int fd = load(&none);

        return fd < 0 ? fd : 0;
}
