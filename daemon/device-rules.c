/* SPDX-License-Identifier: MIT */
/*
 * Which devices a worker may open: from its definition, and what the machine has, to rules
 *
 * As systemd has it: `strict` permits what is named, `closed` also what every program may have, and `auto` is `closed` as
 * soon as anything is named, or the worker has a /dev of its own. What is named and not there is told, and no failure: a
 * group has no number before its driver is loaded.
 */

#include "daemon/device-rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/config/device-item.h"
#include "daemon/small-file.h"

/** Of a page or two. */
#define PROC_DEVICES_MAX ((size_t)64 * 1024)
/** What the kernel has for a number of a driver. */
#define MAJOR_MAX ((1u << 12) - 1)
#define MINOR_MAX ((1u << 20) - 1)
#define READ_WRITE (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* What every program may have. Their numbers are the kernel's for ever. */
static const struct device_rule usual[] = {
        { BPF_DEVCG_DEV_CHAR, 1, 3, DEVICE_ACCESS_ALL },  /* null */
        { BPF_DEVCG_DEV_CHAR, 1, 5, DEVICE_ACCESS_ALL },  /* zero */
        { BPF_DEVCG_DEV_CHAR, 1, 7, DEVICE_ACCESS_ALL },  /* full */
        { BPF_DEVCG_DEV_CHAR, 1, 8, DEVICE_ACCESS_ALL },  /* random */
        { BPF_DEVCG_DEV_CHAR, 1, 9, DEVICE_ACCESS_ALL },  /* urandom */
        { BPF_DEVCG_DEV_CHAR, 5, 0, DEVICE_ACCESS_ALL },  /* tty */
        { BPF_DEVCG_DEV_CHAR, 5, 2, DEVICE_ACCESS_ALL },  /* ptmx */
        { BPF_DEVCG_DEV_CHAR, 136, DEVICE_ANY, READ_WRITE }, /* what is in pts */
};

enum worker_device_policy device_policy_of(const struct worker_definition *definition) {
        const struct worker_isolation *i = &definition->isolation;

        if (i->device_policy != WORKER_DEVICES_AUTO)
                return (enum worker_device_policy)i->device_policy;
        return *i->device_allow || i->private_devices ? WORKER_DEVICES_CLOSED : WORKER_DEVICES_AUTO;
}

enum device_wish device_wish_of(const struct worker_definition *definition) {
        const struct worker_isolation *i = &definition->isolation;

        if (i->device_policy != WORKER_DEVICES_AUTO || *i->device_allow)
                return DEVICES_ASKED;
        return i->private_devices ? DEVICES_IMPLIED : DEVICES_ALL;
}

/* ---- finding out --------------------------------------------------------------------------------- */

static int add(struct device_rules *rules, struct device_rule rule) {
        if (rules->n == ARRAY_SIZE(rules->rules))
                return -E2BIG;
        rules->rules[rules->n++] = rule;
        return 0;
}

/* A number that is nothing else, up to `max`. */
static bool number_of(const char *text, uint32_t max, uint32_t *ret) {
        unsigned long value;
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        value = strtoul(text, &end, 10);
        if (*end || errno || value > max)
                return false;
        *ret = (uint32_t)value;
        return true;
}

/* "136 pts", right-aligned. @return the name; NULL: it is no such line. */
static const char *line_parse(const char *line, uint32_t *ret_major) {
        int used = 0;

        if (sscanf(line, "%u %n", ret_major, &used) != 1 || used == 0 || *ret_major == 0 || *ret_major > MAJOR_MAX)
                return NULL;
        return line + used;
}

int device_rules_add_group(struct device_rules *rules, char *text, const char *pattern, struct device_rule rule) {
        const char *heading = rule.type == BPF_DEVCG_DEV_CHAR ? "Character devices:" : "Block devices:";
        bool is_ours = false;
        char *line;
        int n = 0;

        rule.major = rule.minor = DEVICE_ANY;
        if (strcmp(pattern, "*") == 0 || number_of(pattern, MAJOR_MAX, &rule.major))
                return add(rules, rule) < 0 ? -E2BIG : 1;
        while ((line = strsep(&text, "\n"))) {
                const char *name = line_parse(line, &rule.major);

                if (!name)
                        is_ours = strcmp(line, heading) == 0;
                else if (is_ours && fnmatch(pattern, name, 0) == 0) {
                        if (add(rules, rule) < 0)
                                return -E2BIG;
                        n++;
                }
        }
        return n;
}

static int add_group(struct device_rules *rules, const struct device_item *item, struct device_rule rule,
                     const char **ret_why) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r = small_file_read("/proc/devices", PROC_DEVICES_MAX, &text, &size);

        if (r < 0)
                return r;
        r = device_rules_add_group(rules, text, item->name, rule);
        if (r == 0)
                *ret_why = "the kernel has no such devices";
        return r < 0 ? r : 0;
}

/* "/dev/char/1:3" needs no node. */
static bool by_number(const char *path, struct device_rule *rule) {
        static const struct { const char *prefix; uint32_t type; } folders[] = {
                { "/dev/char/", BPF_DEVCG_DEV_CHAR }, { "/dev/block/", BPF_DEVCG_DEV_BLOCK },
        };

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                char major[16];
                size_t n = strlen(folders[i].prefix);
                const char *colon = strncmp(path, folders[i].prefix, n) == 0 ? strchr(path + n, ':') : NULL;

                if (!colon || (size_t)(colon - path) - n >= sizeof major)
                        continue;
                snprintf(major, sizeof major, "%.*s", (int)(colon - path - (ptrdiff_t)n), path + n);
                rule->type = folders[i].type;
                return number_of(major, MAJOR_MAX, &rule->major) && number_of(colon + 1, MINOR_MAX, &rule->minor);
        }
        return false;
}

static int add_node(struct device_rules *rules, const struct device_item *item, struct device_rule rule,
                    const char **ret_why) {
        struct stat st;

        if (!by_number(item->name, &rule)) {
                if (stat(item->name, &st) < 0) {
                        *ret_why = strerrordesc_np(errno) ?: "unknown error";
                        return 0;
                }
                if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) {
                        *ret_why = "it is no device";
                        return 0;
                }
                rule.type = S_ISCHR(st.st_mode) ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK;
                rule.major = major(st.st_rdev);
                rule.minor = minor(st.st_rdev);
        }
        return add(rules, rule);
}

static int add_item(struct device_rules *rules, const char *text, device_miss_fn fn, void *userdata) {
        struct device_item item;
        const char *why = NULL;
        int r = device_item_parse(text, &item, NULL);
        struct device_rule rule = { .type = item.kind == DEVICE_ITEM_BLOCK ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
                                    .access = item.access };

        if (r < 0)
                return r;
        r = item.kind == DEVICE_ITEM_NODE ? add_node(rules, &item, rule, &why) : add_group(rules, &item, rule, &why);
        if (why && fn)
                fn(userdata, text, why);
        return r;
}

int device_rules_find(struct device_rules *ret, const struct worker_definition *definition, device_miss_fn fn,
                      void *userdata) {
        ret->n = 0;
        if (device_policy_of(definition) != WORKER_DEVICES_STRICT || fault_is("device-strict")) {
                memcpy(ret->rules, usual, sizeof usual);
                ret->n = ARRAY_SIZE(usual);
        }
        for (char *const *item = definition->isolation.device_allow; *item; item++) {
                int r = add_item(ret, *item, fn, userdata);

                if (r < 0)
                        return r;
        }
        return 0;
}
