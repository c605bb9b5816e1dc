/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_DEVICE_RULES_H
#define GANGER_DAEMON_DEVICE_RULES_H

/*
 * Which devices a worker may open: from its definition, and what the machine has, to rules
 */

#include "base/error.h"
#include "daemon/config/config.h"
#include "daemon/device-program.h"

/** Of one worker; a pattern has one for each number that it means. So its program has less than 4096 instructions. */
#define DEVICE_RULES_MAX 256

struct device_rules {
        struct device_rule rules[DEVICE_RULES_MAX];
        size_t n;
};

enum device_wish {
        DEVICES_ALL,                    /* it does not say: there are no rules */
        DEVICES_IMPLIED,                /* by private-devices alone */
        DEVICES_ASKED,
};

/** Whether there are rules, and who says so. */
enum device_wish device_wish_of(const struct worker_definition *definition);

/** The policy that is meant in the end. */
enum worker_device_policy device_policy_of(const struct worker_definition *definition);

/** Told of each item of device-allow that means nothing here. */
typedef void (*device_miss_fn)(void *userdata, const char *item, const char *why);

/**
 * Find out what they are by now. What is not there is told, and not permitted.
 * @param fn  may be NULL.
 * @return 0; -E2BIG: they are too many; -errno: what there is cannot be read.
 */
int device_rules_find(struct device_rules *ret, const struct worker_definition *definition, device_miss_fn fn,
                      void *userdata);

/**
 * Pure: add those of a group.
 * @param text     of /proc/devices; it is changed.
 * @param pattern  a name of it, with wildcards; a number; or "*".
 * @param rule     what is common to them: type and access.
 * @return how many are meant; -E2BIG.
 */
int device_rules_add_group(struct device_rules *rules, char *text, const char *pattern, struct device_rule rule);

#endif
