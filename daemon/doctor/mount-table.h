/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_MOUNT_TABLE_H
#define GANGER_DOCTOR_MOUNT_TABLE_H

/*
 * The mounts that a process sees, as /proc/PID/mountinfo has them
 */

#include <stdbool.h>
#include <stddef.h>

struct mount_entry {
        int id, parent;
        const char *device;             /* "0:34" */
        const char *root;               /* what of its file system is mounted: "/", "/null" */
        const char *point;
        const char *type;               /* "tmpfs" */
        const char *options;            /* of the file system: "rw,size=4k,mode=000" */
        bool read_only;                 /* the mount, or its file system */
};

struct mount_table {
        struct mount_entry *entries;
        size_t n;
        char *text;                     /* that they point into */
};

#define MOUNT_TABLE_NULL ((struct mount_table){ NULL })

/** Read a text, which is taken, also after an error. What is no line of it is left out. @return 0, -ENOMEM. */
int mount_table_parse(struct mount_table *table, char *text);
void mount_table_done(struct mount_table *table);

/** The mount that an absolute path is in, whatever lies under it. @return NULL: the table has no root. */
const struct mount_entry *mount_table_find(const struct mount_table *table, const char *path);

/** Is something mounted at just this path? */
bool mount_is_at(const struct mount_entry *mount, const char *path);

/** Has its file system this option: "mode=000"? */
bool mount_has_option(const struct mount_entry *mount, const char *option);

#endif
