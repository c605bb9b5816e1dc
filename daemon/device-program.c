/* SPDX-License-Identifier: MIT */
/*
 * From rules of devices to the program by which the kernel asks whether one may be opened
 *
 * Pure. The kernel runs it for each open(2) and mknod(2) of a device, with what is asked in a struct bpf_cgroup_dev_ctx;
 * its result is 1 (yes) or 0 (EPERM). One rule must permit all of what is asked: to open for reading and writing by two
 * rules, of which each permits one, is refused, as systemd's programs have it too.
 *
 * What must hold: the program ends, whatever is asked (it only jumps forward), and with 0 if it comes to its end.
 */

#include "daemon/device-program.h"

#include <stdbool.h>

#include "base/fault.h"

/* What is in which register: what it is called with, what is asked, and a place for what is being found out. */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };
/** The first word of the context is both: access << 16 | type. */
#define ACCESS_SHIFT 16
#define TYPE_MASK 0xffff
/** Jumps to the next rule, of one rule. */
#define JUMPS_MAX 4

struct writer {
        struct bpf_insn *insns;
        size_t n;
        size_t jumps[JUMPS_MAX];        /* whose aim is not known yet */
        size_t n_jumps;
};

static void put(struct writer *w, uint8_t code, uint8_t to, uint8_t from, int16_t offset, uint32_t value) {
        w->insns[w->n++] = (struct bpf_insn){ .code = code, .dst_reg = to & 0xf, .src_reg = from & 0xf, .off = offset,
                                              .imm = (int32_t)value };
}

static void put_load(struct writer *w, uint8_t to, size_t offset) {
        put(w, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void put_move(struct writer *w, uint8_t to, uint8_t from) {
        put(w, BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void put_return(struct writer *w, bool permitted) {
        put(w, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, permitted);
        put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Numbers of devices have no sign, and neither have comparisons of 32 bits. */
static void put_unless(struct writer *w, uint8_t what, uint32_t value) {
        w->jumps[w->n_jumps++] = w->n;
        put(w, BPF_JMP32 | BPF_JNE | BPF_K, what, 0, 0, value);
}

/* Those that found it not to be meant go on behind it. */
static void land(struct writer *w) {
        for (size_t i = 0; i < w->n_jumps; i++)
                w->insns[w->jumps[i]].off = (int16_t)(w->n - w->jumps[i] - 1);
        w->n_jumps = 0;
}

static void put_rule(struct writer *w, const struct device_rule *rule) {
        put_unless(w, TYPE, rule->type);
        if (rule->major != DEVICE_ANY)
                put_unless(w, MAJOR, rule->major);
        if (rule->minor != DEVICE_ANY && !fault_is("device-minor"))
                put_unless(w, MINOR, rule->minor);
        if ((rule->access & DEVICE_ACCESS_ALL) != DEVICE_ACCESS_ALL && !fault_is("device-access")) {
                put_move(w, RESULT, ACCESS);
                put(w, BPF_ALU | BPF_AND | BPF_K, RESULT, 0, 0, ~rule->access);
                put_unless(w, RESULT, 0);
        }
        put_return(w, true);
        land(w);
}

size_t device_program_make(const struct device_rule *rules, size_t n, struct bpf_insn *insns) {
        struct writer w = { .insns = insns };

        put_load(&w, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        put_move(&w, ACCESS, TYPE);
        put(&w, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, TYPE_MASK);
        put(&w, BPF_ALU | BPF_RSH | BPF_K, ACCESS, 0, 0, ACCESS_SHIFT);
        put_load(&w, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        put_load(&w, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
        for (size_t i = 0; i < n; i++)
                put_rule(&w, &rules[i]);
        put_return(&w, false);
        return w.n;
}
