/* SPDX-License-Identifier: MIT */
/*
 * Programs of devices, run by an interpreter of the instructions that they may have: over all that can be asked, the answer
 * is that of the rules. What the items of device-allow mean. (That the kernel takes the programs is what
 * b344-device-rules.py sees.)
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/config/device-item.h"
#include "daemon/device-program.h"
#include "daemon/device-rules.h"
#include "harness.h"

#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD
#define CHAR BPF_DEVCG_DEV_CHAR
#define BLOCK BPF_DEVCG_DEV_BLOCK
#define ANY DEVICE_ANY

/* ---- the interpreter ----------------------------------------------------------------------------- */

struct machine {
        uint64_t registers[11];
        unsigned int written;           /* a bit each: what was not is not read */
};

static uint64_t get(const struct machine *m, unsigned int i) {
        ck_assert(m->written >> i & 1);
        return m->registers[i];
}

static void set(struct machine *m, unsigned int i, uint64_t value) {
        ck_assert_uint_lt(i, 10);
        m->registers[i] = value;
        m->written |= 1u << i;
}

/* Words of the context, which only register 1 points to. */
static uint32_t load(const struct machine *m, const struct bpf_insn *in, const struct bpf_cgroup_dev_ctx *context) {
        uint32_t word;

        ck_assert_uint_eq(in->src_reg, 1);
        ck_assert(in->off >= 0 && in->off % 4 == 0 && (size_t)in->off + sizeof word <= sizeof *context);
        memcpy(&word, (const char *)context + in->off, sizeof word);
        return word;
}

static int run(const struct bpf_insn *insns, size_t n, const struct bpf_cgroup_dev_ctx *context) {
        struct machine m = { .written = 1u << 1 };

        for (size_t i = 0; i < n; i++) {
                const struct bpf_insn *in = &insns[i];
                uint32_t imm = (uint32_t)in->imm;

                switch (in->code) {
                case BPF_LDX | BPF_MEM | BPF_W:
                        set(&m, in->dst_reg, load(&m, in, context));
                        break;
                case BPF_ALU | BPF_MOV | BPF_X:
                        set(&m, in->dst_reg, (uint32_t)get(&m, in->src_reg));
                        break;
                case BPF_ALU64 | BPF_MOV | BPF_K:
                        set(&m, in->dst_reg, (uint64_t)(int64_t)in->imm);
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        set(&m, in->dst_reg, (uint32_t)get(&m, in->dst_reg) & imm);
                        break;
                case BPF_ALU | BPF_RSH | BPF_K:
                        ck_assert_uint_lt(imm, 32);
                        set(&m, in->dst_reg, (uint32_t)get(&m, in->dst_reg) >> imm);
                        break;
                case BPF_JMP32 | BPF_JNE | BPF_K:
                        ck_assert(in->off >= 0 && i + 1 + (size_t)in->off < n);
                        if ((uint32_t)get(&m, in->dst_reg) != imm)
                                i += (size_t)in->off;
                        break;
                case BPF_JMP | BPF_EXIT:
                        ck_assert(get(&m, 0) <= 1);
                        return (int)get(&m, 0);
                default:
                        ck_abort_msg("instruction %zu: code %#x", i, in->code);
                }
        }
        ck_abort_msg("it does not end");
        return -1;
}

/* As the kernel refuses a program of which some can never be reached: each one is the next of another, or its aim. */
static void check_reachable(const struct bpf_insn *insns, size_t n) {
        bool reached[DEVICE_PROGRAM_MAX(DEVICE_RULES_MAX)] = { true };

        for (size_t i = 0; i < n; i++) {
                ck_assert_msg(reached[i], "instruction %zu of %zu", i, n);
                if (insns[i].code == (BPF_JMP32 | BPF_JNE | BPF_K))
                        reached[i + 1 + (size_t)insns[i].off] = true;
                if (insns[i].code != (BPF_JMP | BPF_EXIT) && i + 1 < n)
                        reached[i + 1] = true;
        }
}

/* ---- all that can be asked -------------------------------------------------------------------------- */

static bool permits(const struct device_rule *rule, uint32_t type, uint32_t access, uint32_t major, uint32_t minor) {
        return rule->type == type && (rule->major == ANY || rule->major == major) && (rule->minor == ANY || rule->minor == minor) &&
               (access & ~rule->access) == 0;
}

static void try_all(const struct device_rule *rules, size_t n) {
        static const uint32_t numbers[] = { 0, 1, 2, 3, 7, 136, 255, 256, 4095, 65535, 65536, (1u << 20) - 1 };
        struct bpf_insn insns[DEVICE_PROGRAM_MAX(DEVICE_RULES_MAX)];
        size_t n_insns = device_program_make(rules, n, insns);

        ck_assert_uint_le(n_insns, DEVICE_PROGRAM_MAX(n));
        check_reachable(insns, n_insns);
        for (uint32_t type = 0; type <= 3; type++)
                for (uint32_t access = 0; access <= (R | W | M); access++)
                        for (size_t i = 0; i < ARRAY_SIZE(numbers) * ARRAY_SIZE(numbers); i++) {
                                uint32_t major = numbers[i / ARRAY_SIZE(numbers)], minor = numbers[i % ARRAY_SIZE(numbers)];
                                const struct bpf_cgroup_dev_ctx context = { access << 16 | type, major, minor };
                                bool expected = false;

                                for (size_t k = 0; k < n; k++)
                                        expected |= permits(&rules[k], type, access, major, minor);
                                ck_assert_msg(run(insns, n_insns, &context) == expected, "type %u, access %u, %u:%u: not %d", type,
                                              access, major, minor, expected);
                        }
}

START_TEST(without_rules_nothing) {
        try_all(NULL, 0);
}
END_TEST

/* Each by itself, and each beside each. */
START_TEST(one_and_two_rules) {
        static const uint32_t types[] = { BLOCK, CHAR }, majors[] = { 1, 136, 4095, ANY }, minors[] = { 0, 3, (1u << 20) - 1, ANY };
        struct device_rule all[ARRAY_SIZE(types) * ARRAY_SIZE(majors) * ARRAY_SIZE(minors) * 8];
        size_t n = 0;

        for (size_t t = 0; t < ARRAY_SIZE(types); t++)
                for (size_t i = 0; i < ARRAY_SIZE(majors) * ARRAY_SIZE(minors); i++)
                        for (uint32_t access = 0; access <= (R | W | M); access++)
                                all[n++] = (struct device_rule){ types[t], majors[i / ARRAY_SIZE(minors)],
                                                                 minors[i % ARRAY_SIZE(minors)], access };
        for (size_t i = 0; i < n; i++)
                try_all(&all[i], 1);
        for (size_t i = 0; i + 37 < n; i += 3) {
                const struct device_rule two[] = { all[i], all[i + 37] };

                try_all(two, 2);
        }
}
END_TEST

START_TEST(as_many_as_there_may_be) {
        struct device_rule rules[DEVICE_RULES_MAX];
        struct bpf_insn insns[DEVICE_PROGRAM_MAX(DEVICE_RULES_MAX)];

        for (uint32_t i = 0; i < DEVICE_RULES_MAX; i++)
                rules[i] = (struct device_rule){ i % 2 ? CHAR : BLOCK, i + 1, i, 1 + i % 7 };
        try_all(rules, DEVICE_RULES_MAX);
        ck_assert_uint_lt(device_program_make(rules, DEVICE_RULES_MAX, insns), 4096); /* BPF_MAXINSNS */
}
END_TEST

/* ---- items -------------------------------------------------------------------------------------- */

START_TEST(items) {
        static const struct { const char *text; int kind; const char *name; uint32_t access; } good[] = {
                { "/dev/null", DEVICE_ITEM_NODE, "/dev/null", R | W | M }, { "/dev/null rw", DEVICE_ITEM_NODE, "/dev/null", R | W },
                { "char-pts\t m", DEVICE_ITEM_CHAR, "pts", M }, { "block-* wr", DEVICE_ITEM_BLOCK, "*", R | W },
                { "char-cpu/* rr", DEVICE_ITEM_CHAR, "cpu/*", R }, { "/dev/null ", DEVICE_ITEM_NODE, "/dev/null", R | W | M },
        };
        static const char *const bad[] = { "", "null", "/etc/passwd", "/dev/", "char-", "block-", "char", "pts rw", "/dev/null x",
                                           "/dev/null rw m", "/dev/null r w", " /dev/null", "char- rw" };
        struct error error = ERROR_NULL;
        struct device_item item;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                ck_assert_msg(device_item_parse(good[i].text, &item, &error) == 0, "%s: %s", good[i].text, error.text);
                ck_assert_int_eq((int)item.kind, good[i].kind);
                ck_assert_str_eq(item.name, good[i].name);
                ck_assert_uint_eq(item.access, good[i].access);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(device_item_parse(bad[i], &item, &error) == -EINVAL, "%s", bad[i]);
}
END_TEST

#define PROC_DEVICES                                                                                    \
        "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  5 /dev/tty\n  5 ptmx\n136 pts\n137 pts\n  7 vcs\n226 drm\n\n" \
        "Block devices:\n  1 ramdisk\n  7 loop\n259 blkext\n  0 odd\n9999 odd\n"

static int group(struct device_rules *rules, uint32_t type, const char *pattern) {
        char text[] = PROC_DEVICES;

        *rules = (struct device_rules){ .n = 0 };
        return device_rules_add_group(rules, text, pattern, (struct device_rule){ .type = type, .access = R });
}

START_TEST(groups) {
        struct device_rules rules;

        ck_assert_int_eq(group(&rules, CHAR, "pts"), 2);
        ck_assert(rules.n == 2 && rules.rules[0].major == 136 && rules.rules[1].major == 137);
        ck_assert(rules.rules[0].minor == ANY && rules.rules[0].access == R && rules.rules[0].type == CHAR);
        ck_assert_int_eq(group(&rules, CHAR, "p*"), 3);
        ck_assert_int_eq(group(&rules, CHAR, "*tty"), 2); /* a '/' is like any other, as systemd has it */
        ck_assert_int_eq(group(&rules, CHAR, "mem?"), 0);
        ck_assert_int_eq(group(&rules, CHAR, "loop"), 0);
        ck_assert_int_eq(group(&rules, BLOCK, "loop"), 1);
        ck_assert(rules.rules[0].major == 7 && rules.rules[0].type == BLOCK);
        ck_assert_int_eq(group(&rules, BLOCK, "mem"), 0);
        ck_assert_int_eq(group(&rules, BLOCK, "odd"), 0);
        ck_assert_int_eq(group(&rules, BLOCK, "[rl]*"), 2);
        ck_assert_int_eq(group(&rules, CHAR, "*"), 1);
        ck_assert(rules.n == 1 && rules.rules[0].major == ANY);
        ck_assert_int_eq(group(&rules, CHAR, "10"), 1);
        ck_assert_uint_eq(rules.rules[0].major, 10);
        ck_assert_int_eq(group(&rules, CHAR, "4096"), 0);
}
END_TEST

/* ---- definitions ----------------------------------------------------------------------------------- */

static void on_miss(void *userdata, const char *item, const char *why) {
        strcat(userdata, item);
        strcat(userdata, ";");
}

struct found {
        struct device_rules rules;
        int result;
        enum device_wish wish;
        enum worker_device_policy policy;
        char missing[256];
};

static struct found find(const char *keys) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct found f = { .missing = "" };
        struct config *config = NULL;
        char text[8192];

        snprintf(text, sizeof text, "worker w { exec = \"x\" %s }", keys);
        ck_assert_msg(config_parse(text, strlen(text), "/x.conf", &config, &errors) == 0, "%s",
                      errors.n > 0 ? errors.errors[0].text : "");
        f.wish = device_wish_of(config->workers[0]);
        f.policy = device_policy_of(config->workers[0]);
        f.result = device_rules_find(&f.rules, config->workers[0], on_miss, f.missing);
        config_errors_done(&errors);
        config_free(config);
        return f;
}

static bool may(const struct found *f, uint32_t type, uint32_t major, uint32_t minor, uint32_t access) {
        for (size_t i = 0; i < f->rules.n; i++)
                if (permits(&f->rules.rules[i], type, access, major, minor))
                        return true;
        return false;
}

START_TEST(definitions) {
        struct found f = find("");

        ck_assert(f.wish == DEVICES_ALL && f.policy == WORKER_DEVICES_AUTO);
        f = find("private-devices = yes");
        ck_assert(f.wish == DEVICES_IMPLIED && f.policy == WORKER_DEVICES_CLOSED && f.result == 0);
        ck_assert(may(&f, CHAR, 1, 3, R | W | M) && may(&f, CHAR, 136, 5, R | W) && !may(&f, CHAR, 136, 5, M) && !may(&f, CHAR, 1, 1, R));
        f = find("private-devices = yes device-policy = strict");
        ck_assert(f.wish == DEVICES_ASKED && f.policy == WORKER_DEVICES_STRICT && f.rules.n == 0);
        f = find("device-allow = \"/dev/char/10:229 r\"");
        ck_assert(f.wish == DEVICES_ASKED && f.policy == WORKER_DEVICES_CLOSED);
        ck_assert(may(&f, CHAR, 10, 229, R) && !may(&f, CHAR, 10, 229, W) && !may(&f, CHAR, 10, 228, R) && may(&f, CHAR, 1, 3, R));
}
END_TEST

START_TEST(what_is_not_there) {
        struct found f = find("device-policy = strict device-allow = {\"/dev/null rw\", \"/dev/ganger-none r\", \"/dev/block/7:1\", "
                              "\"/dev/../etc\", \"/dev/char/1:x\", \"char-ganger-none\"}");
        struct stat st;

        ck_assert_int_eq(f.result, 0);
        ck_assert_str_eq(f.missing, "/dev/ganger-none r;/dev/../etc;/dev/char/1:x;char-ganger-none;");
        ck_assert_uint_eq(f.rules.n, 2);
        ck_assert_int_eq(stat("/dev/null", &st), 0);
        ck_assert(may(&f, CHAR, major(st.st_rdev), minor(st.st_rdev), R | W) && may(&f, BLOCK, 7, 1, M) && !may(&f, CHAR, 1, 3, M));
}
END_TEST

START_TEST(too_many) {
        char keys[8000] = "device-policy = strict device-allow = {";
        struct found f;

        for (int i = 0; i < DEVICE_RULES_MAX; i++)
                snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "\"/dev/char/1:%d\", ", i);
        strcpy(keys + strlen(keys) - 2, "}");
        f = find(keys);
        ck_assert(f.result == 0 && f.rules.n == DEVICE_RULES_MAX);
        strcpy(keys + strlen(keys) - 1, ", \"char-*\"}");
        f = find(keys);
        ck_assert_int_eq(f.result, -E2BIG);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("device-program", without_rules_nothing, one_and_two_rules, as_many_as_there_may_be, items, groups,
                                         definitions, what_is_not_there, too_many));
}
