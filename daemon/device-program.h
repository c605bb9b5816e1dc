/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_DEVICE_PROGRAM_H
#define GANGER_DAEMON_DEVICE_PROGRAM_H

/*
 * From rules of devices to the program by which the kernel asks whether one may be opened
 */

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/** As a number of a rule: whichever. */
#define DEVICE_ANY UINT32_MAX
/** Reading, writing and making nodes. */
#define DEVICE_ACCESS_ALL (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD)

/** What may be done with some devices. */
struct device_rule {
        uint32_t type;                  /* BPF_DEVCG_DEV_BLOCK or BPF_DEVCG_DEV_CHAR */
        uint32_t major, minor;          /* DEVICE_ANY */
        uint32_t access;                /* bits of DEVICE_ACCESS_ALL */
};

/** Instructions of a program of `n` rules, at most. */
#define DEVICE_PROGRAM_MAX(n) (10 * (n) + 8)

/**
 * Make the program: what no rule permits is refused.
 * @param insns  has room for DEVICE_PROGRAM_MAX(n).
 * @return how many instructions it has.
 */
size_t device_program_make(const struct device_rule *rules, size_t n, struct bpf_insn *insns);

#endif
