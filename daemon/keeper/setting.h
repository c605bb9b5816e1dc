/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_SETTING_H
#define GANGER_KEEPER_SETTING_H

/*
 * What a process has from before it executes: limits, priorities, processors, rights, filters of system calls
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** As Setting of keeper.proto. */
struct setting {
        uint32_t what;
        int64_t value;
        uint64_t soft, hard;
        const uint8_t *mask;
        size_t mask_size;
        const void *program;
        size_t program_size;
        bool may_lack;
};

/** When it is set, in this order. */
enum setting_stage {
        SETTING_FIRST,                  /* what needs files */
        SETTING_LIMIT,                  /* past everything that needs descriptors */
        SETTING_RIGHTS,                 /* with our rights still, just before those of the user are taken */
        SETTING_USER,                   /* with those of the user */
        SETTING_LAST,                   /* after it, nothing but execve(2) */
        SETTING_CLONE,                  /* no process can do it to itself: it begins with it; see spawn.c */
};

/** Is there such a one, and is what comes with it as long as it must be? */
bool setting_is_valid(const struct setting *s);

/** The key that it is set by: "limit-nofile". */
const char *setting_name(const struct setting *s);

enum setting_stage setting_stage(const struct setting *s);

/** Set it for this process, by system calls alone: in the child. @return -1 with errno, else not less than 0. */
long setting_apply(const struct setting *s);

/** May the process go without it, after this errno of setting_apply()? In the child. */
bool setting_can_lack(const struct setting *s, int error);

#endif
