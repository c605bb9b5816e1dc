/* SPDX-License-Identifier: MIT */
/*
 * The mounts that a process sees
 *
 * Pure: a text in, answers out. What a path is in is found as the kernel finds it, from the root on: of the mounts on
 * the one before, that which the path meets first. So what lies under another one is never found.
 */

#include "daemon/doctor/mount-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* "\040" is a blank: what would end a word is written as an octal number. In place. */
static void unescape(char *text) {
        char *to = text;

        for (const char *p = text; *p; to++)
                if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
                        *to = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
                        p += 4;
                } else
                        *to = *p++;
        *to = '\0';
}

static bool has_word(const char *list, const char *word) {
        size_t n = strlen(word);

        for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
                if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
                        return true;
        return false;
}

/* "ID PARENT DEVICE ROOT POINT OPTIONS TAG… - TYPE SOURCE OPTIONS" */
static bool parse_line(char *line, struct mount_entry *ret) {
        char *words[6], *rest = line, *type, *source, *options;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                words[i] = strsep(&rest, " ");
                if (!words[i])
                        return false;
        }
        do
                type = strsep(&rest, " ");
        while (type && strcmp(type, "-") != 0);
        type = strsep(&rest, " ");
        source = strsep(&rest, " ");
        options = rest;
        if (!type || !source || !options)
                return false;
        unescape(words[3]);
        unescape(words[4]);
        *ret = (struct mount_entry){
                .id = atoi(words[0]), .parent = atoi(words[1]), .device = words[2], .root = words[3], .point = words[4],
                .type = type, .options = options, .read_only = has_word(words[5], "ro") || has_word(options, "ro"),
        };
        return true;
}

int mount_table_parse(struct mount_table *table, char *text) {
        size_t lines = 0;
        char *line;

        *table = (struct mount_table){ .text = text };
        for (const char *p = text; *p; p++)
                lines += *p == '\n';
        table->entries = calloc(lines + 1, sizeof *table->entries);
        if (!table->entries) {
                mount_table_done(table);
                return -ENOMEM;
        }
        while ((line = strsep(&text, "\n")))
                if (*line)
                        table->n += parse_line(line, &table->entries[table->n]);
        return 0;
}

void mount_table_done(struct mount_table *table) {
        free(table->entries);
        free(table->text);
        *table = MOUNT_TABLE_NULL;
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* Does the path lead through this one? */
static bool leads_through(const char *path, const char *point) {
        size_t n = strcmp(point, "/") == 0 ? 0 : strlen(point);

        return strncmp(path, point, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_in_table(const struct mount_table *table, int id) {
        for (size_t i = 0; i < table->n; i++)
                if (table->entries[i].id == id)
                        return true;
        return false;
}

/* Mounted on something that the process does not see. */
static const struct mount_entry *find_root(const struct mount_table *table) {
        for (size_t i = 0; i < table->n; i++) {
                const struct mount_entry *m = &table->entries[i];

                if (strcmp(m->point, "/") == 0 && (m->parent == m->id || !is_in_table(table, m->parent)))
                        return m;
        }
        return NULL;
}

/* Of those that are mounted on it, the one that the path meets first. */
static const struct mount_entry *next_on(const struct mount_table *table, const struct mount_entry *on, const char *path) {
        const struct mount_entry *found = NULL;

        for (size_t i = 0; i < table->n; i++) {
                const struct mount_entry *m = &table->entries[i];

                if (m->parent == on->id && m != on && leads_through(path, m->point) &&
                    (!found || strlen(m->point) <= strlen(found->point)))
                        found = m;
        }
        return found;
}

const struct mount_entry *mount_table_find(const struct mount_table *table, const char *path) {
        const struct mount_entry *found = NULL, *next = find_root(table);

        /* No more steps than there are mounts, whatever the numbers of a text say. */
        for (size_t i = 0; next && i < table->n; i++) {
                found = next;
                next = next_on(table, found, path);
        }
        return found;
}

bool mount_is_at(const struct mount_entry *mount, const char *path) {
        return strcmp(mount->point, path) == 0;
}

bool mount_has_option(const struct mount_entry *mount, const char *option) {
        return has_word(mount->options, option);
}
