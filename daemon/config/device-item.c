/* SPDX-License-Identifier: MIT */
/*
 * An item of device-allow, as systemd's DeviceAllow has it: "/dev/null rw", "char-pts rwm"
 *
 * Pure. Whether there is such a device is looked at when a process is to be started.
 */

#include "daemon/config/device-item.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#define BLANKS " \t"

/* Whoever names no access means all. */
static int access_parse(const char *text, uint32_t *ret, struct error *error) {
        static const struct { char letter; uint32_t bit; } letters[] = {
                { 'r', BPF_DEVCG_ACC_READ }, { 'w', BPF_DEVCG_ACC_WRITE }, { 'm', BPF_DEVCG_ACC_MKNOD },
        };
        uint32_t access = 0;

        if (text[strspn(text, "rwm")])
                return error_set(error, -EINVAL, "'%.64s' is no access: some of the letters r, w and m", text);
        for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
                if (!*text || strchr(text, letters[i].letter))
                        access |= letters[i].bit;
        *ret = access;
        return 0;
}

int device_item_parse(const char *text, struct device_item *ret, struct error *error) {
        static const struct { const char *prefix; size_t skip; enum device_item_kind kind; } kinds[] = {
                { "/dev/", 0, DEVICE_ITEM_NODE }, { "char-", 5, DEVICE_ITEM_CHAR }, { "block-", 6, DEVICE_ITEM_BLOCK },
        };
        size_t n = strcspn(text, BLANKS), i = 0;

        while (i < ARRAY_SIZE(kinds) && (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0 ||
                                         n == strlen(kinds[i].prefix)))
                i++;
        if (i == ARRAY_SIZE(kinds) || n - kinds[i].skip >= sizeof ret->name)
                return error_set(error, -EINVAL, "'%.64s' is no device: a path below /dev, or a group such as char-pts",
                                 text);
        ret->kind = kinds[i].kind;
        memcpy(ret->name, text + kinds[i].skip, n - kinds[i].skip);
        ret->name[n - kinds[i].skip] = '\0';
        return access_parse(text + n + strspn(text + n, BLANKS), &ret->access, error);
}
