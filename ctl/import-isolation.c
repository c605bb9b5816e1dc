/* SPDX-License-Identifier: MIT */

/*
 * What a service unit says of groups, capabilities, system calls and other things that the program may not do
 *
 * Names and meanings are ganger's own. Lists may be given in several lines, which add up, each with a '~' of its own, or
 * none; an empty one begins afresh. Here each word has its own.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import-isolation.h"

enum kind {
        KIND_BOOLEAN,
        KIND_WORD,
        KIND_WORD_OR_BOOLEAN,
        KIND_NAME,
        KIND_LIST,
        KIND_LIST_OR_NONE,              /* of which an empty one is none at all */
        KIND_LIST_OR_BOOLEAN,
        KIND_DEVICES,                   /* of which each line is one */
        KIND_PATHS,                     /* what comes after a colon has no counterpart */
        KIND_BINDS,                     /* … after a second one */
};

static const struct {
        const char *setting, *key;
        enum kind kind;
} rows[] = {
        { "DynamicUser", "dynamic-user", KIND_BOOLEAN },
        { "Group", "primary-group", KIND_NAME },
        { "SupplementaryGroups", "supplementary-groups", KIND_LIST },
        { "CapabilityBoundingSet", "capabilities", KIND_LIST_OR_NONE },
        { "AmbientCapabilities", "ambient-capabilities", KIND_LIST_OR_NONE },
        { "NoNewPrivileges", "no-new-privileges", KIND_BOOLEAN },
        { "KeyringMode", "keyring-mode", KIND_WORD },
        { "SystemCallFilter", "system-call-filter", KIND_LIST },
        { "SystemCallErrorNumber", "system-call-error-number", KIND_WORD },
        { "SystemCallArchitectures", "system-call-architectures", KIND_WORD },
        { "RestrictAddressFamilies", "restrict-address-families", KIND_LIST },
        { "RestrictNamespaces", "restrict-namespaces", KIND_LIST_OR_BOOLEAN },
        { "RestrictSUIDSGID", "restrict-suid-sgid", KIND_BOOLEAN },
        { "MemoryDenyWriteExecute", "memory-deny-write-execute", KIND_BOOLEAN },
        { "LockPersonality", "lock-personality", KIND_BOOLEAN },
        { "PrivateNetwork", "private-network", KIND_BOOLEAN },
        { "PrivateIPC", "private-ipc", KIND_BOOLEAN },
        { "ProtectHostname", "protect-hostname", KIND_BOOLEAN },
        { "PrivateTmp", "private-tmp", KIND_BOOLEAN },
        { "ProtectSystem", "protect-system", KIND_WORD_OR_BOOLEAN },
        { "ProtectHome", "protect-home", KIND_WORD_OR_BOOLEAN },
        { "ProtectControlGroups", "protect-control-groups", KIND_WORD_OR_BOOLEAN },
        { "ProtectKernelTunables", "protect-kernel-tunables", KIND_BOOLEAN },
        { "PrivateDevices", "private-devices", KIND_BOOLEAN },
        { "DevicePolicy", "device-policy", KIND_WORD },
        { "DeviceAllow", "device-allow", KIND_DEVICES },
        { "ProtectKernelModules", "protect-kernel-modules", KIND_BOOLEAN },
        { "ProtectKernelLogs", "protect-kernel-logs", KIND_BOOLEAN },
        { "ProtectClock", "protect-clock", KIND_BOOLEAN },
        { "RestrictRealtime", "restrict-realtime", KIND_BOOLEAN },
        { "ProtectProc", "protect-proc", KIND_WORD },
        { "ProcSubset", "proc-subset", KIND_WORD },
        { "PrivateUsers", "private-users", KIND_BOOLEAN },
        { "PrivatePIDs", "private-pids", KIND_BOOLEAN },
        { "RootDirectory", "root-directory", KIND_NAME },
        { "ReadOnlyPaths", "read-only-paths", KIND_PATHS },
        { "ReadWritePaths", "read-write-paths", KIND_PATHS },
        { "InaccessiblePaths", "inaccessible-paths", KIND_PATHS },
        { "TemporaryFileSystem", "temporary-filesystem", KIND_PATHS },
        { "BindPaths", "bind-paths", KIND_BINDS },
        { "BindReadOnlyPaths", "bind-read-only-paths", KIND_BINDS },
};

static void left(struct import *import, const struct setting *s, const char *why) {
        char text[256];

        snprintf(text, sizeof text, "%s=%s", s->key, s->value);
        import_left(import, s->line, text, "%s", why);
}

/* @return 1, 0, or -1: neither. */
static int boolean_of(const char *value) {
        static const char *const yes[] = { "1", "yes", "true", "on", "y", "t" };
        static const char *const no[] = { "0", "no", "false", "off", "n", "f" };

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
                if (strcasecmp(value, yes[i]) == 0)
                        return 1;
                if (strcasecmp(value, no[i]) == 0)
                        return 0;
        }
        return -1;
}

static void carry_boolean(struct import *import, const struct setting *s, const char *key) {
        int value = boolean_of(s->value);

        if (value < 0)
                left(import, s, "is neither yes nor no");
        else
                import_word(import, key, value ? "yes" : "no");
}

static void carry_word(struct import *import, const struct setting *s, const char *key) {
        if (strcmp(key, "system-call-architectures") == 0 && strcmp(s->value, "native") != 0)
                left(import, s, "it is 'native', or left out");
        else if (strcmp(key, "system-call-error-number") == 0 && strcmp(s->value, "kill") == 0)
                return;                 /* as without it */
        else if (s->value[strspn(s->value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")])
                left(import, s, "there is no such value here");
        else
                import_word(import, key, s->value);
}

/* ---- lists ------------------------------------------------------------------------------------- */

/** Words of a list, each with its '~'. */
struct list {
        struct words words;
        bool given;
};

static void list_clear(struct list *list) {
        for (size_t i = 0; i < list->words.n; i++)
                free(list->words.v[i]);
        list->words.n = 0;
        list->words.v[0] = NULL;
}

/* How much of a path, or of two, is carried over. */
static size_t path_length(struct import *import, const struct setting *s, enum kind kind, const char *word, size_t n) {
        const char *colon = memchr(word, ':', n);

        if (word[strspn(word, "-")] != '/' || memchr(word, '%', n)) {
                left(import, s, "write the whole path");
                return 0;
        }
        if (colon && kind == KIND_BINDS)
                colon = memchr(colon + 1, ':', n - (size_t)(colon + 1 - word));
        if (!colon)
                return n;
        left(import, s, "options have no counterpart");
        return (size_t)(colon - word);
}

static void list_add(struct import *import, struct list *list, const struct setting *s, const char *word, size_t n,
                     bool negated) {
        char *copy;

        if (memchr(word, ':', n) && strcmp(s->key, "SystemCallFilter") == 0) {
                left(import, s, "a call has no error of its own; see 'system-call-error-number'");
                n = (size_t)((const char *)memchr(word, ':', n) - word);
        }
        else if (memchr(word, '%', n))
                left(import, s, "what its % stands for must be written out");
        if (list->words.n >= IMPORT_WORDS_MAX) {
                left(import, s, "there are too many words");
                return;
        }
        if (asprintf(&copy, "%s%.*s", negated ? "~" : "", (int)n, word) < 0)
                return;
        list->words.v[list->words.n++] = copy;
        list->words.v[list->words.n] = NULL;
}

/* "/dev/null rw". What lies elsewhere is for systemd's own use. */
static void list_add_device(struct import *import, struct list *list, const struct setting *s, const char *value) {
        const char *access = value + strcspn(value, " \t");

        if (access[strspn(access, " \trwm")])
                left(import, s, "is no access: some of the letters r, w and m");
        else if (strncmp(value, "/dev/", 5) != 0 && strncmp(value, "char-", 5) != 0 && strncmp(value, "block-", 6) != 0)
                left(import, s, "is no device below /dev, and no group of devices");
        else
                list_add(import, list, s, value, strlen(value), false);
}

static void list_add_line(struct import *import, struct list *list, const struct setting *s, enum kind kind) {
        const char *p = s->value + strspn(s->value, " \t");
        bool negated = *p == '~';

        list->given = true;
        if (!*p) {
                list_clear(list);
                return;
        }
        if (kind == KIND_DEVICES) {
                list_add_device(import, list, s, p);
                return;
        }
        for (p += negated; *p;) {
                size_t n, length;

                p += strspn(p, " \t");
                n = strcspn(p, " \t");
                length = n > 0 && kind >= KIND_PATHS ? path_length(import, s, kind, p, n) : n;
                if (length > 0)
                        list_add(import, list, s, p, length, negated);
                p += n;
        }
}

/* All lines of a key. */
static void carry_list(struct import *import, struct ini *ini, const struct setting *first, size_t row) {
        struct list list = { .given = false };
        const struct setting *last = NULL;

        for (size_t i = 0; i < ini->n; i++) {
                struct setting *s = &ini->settings[i];

                if (s->section != first->section || strcmp(s->key, rows[row].setting) != 0)
                        continue;
                s->done = true;
                last = s;
                list_add_line(import, &list, s, rows[row].kind);
        }
        if (rows[row].kind == KIND_LIST_OR_BOOLEAN && last && list.words.n == 1 && boolean_of(list.words.v[0]) >= 0)
                import_word(import, rows[row].key, boolean_of(list.words.v[0]) ? "yes" : "no");
        else if (list.words.n > 0 || (list.given && rows[row].kind == KIND_LIST_OR_NONE))
                import_list(import, rows[row].key, list.words.v);
        list_clear(&list);
}

void import_isolation(struct ini *ini, const struct setting *first, struct import *import) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct setting *s;

                if (rows[i].kind >= KIND_LIST) {
                        carry_list(import, ini, first, i);
                        continue;
                }
                s = ini_take(ini, first, rows[i].setting);
                if (!s || !*s->value)
                        continue;
                if (rows[i].kind == KIND_BOOLEAN || (rows[i].kind == KIND_WORD_OR_BOOLEAN && boolean_of(s->value) >= 0))
                        carry_boolean(import, s, rows[i].key);
                else if (rows[i].kind == KIND_WORD || rows[i].kind == KIND_WORD_OR_BOOLEAN)
                        carry_word(import, s, rows[i].key);
                else
                        import_string(import, rows[i].key, s->value);
        }
}
