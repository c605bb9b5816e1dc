/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_DEVICE_ITEM_H
#define GANGER_CONFIG_DEVICE_ITEM_H

/*
 * An item of device-allow, as systemd's DeviceAllow has it: "/dev/null rw", "char-pts rwm"
 */

#include <stdint.h>

#include "base/error.h"

/** Of the name; of a path it is PATH_MAX. */
#define DEVICE_NAME_MAX 4096

enum device_item_kind {
        DEVICE_ITEM_NODE,               /* a path below /dev */
        DEVICE_ITEM_CHAR,               /* a group of /proc/devices, or all of them */
        DEVICE_ITEM_BLOCK,
};

struct device_item {
        enum device_item_kind kind;
        char name[DEVICE_NAME_MAX];     /* of a group without "char-" */
        uint32_t access;                /* BPF_DEVCG_ACC_… */
};

/** @return 0; -EINVAL: the error says why. */
int device_item_parse(const char *text, struct device_item *ret, struct error *error);

#endif
