/* SPDX-License-Identifier: MIT */

/*
 * The types of values that say what a process may not do
 *
 * In lists, a '~' takes out what comes after it, as in systemd's; if the first one has it, all that is not named is meant.
 * Other than there, each item has its own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config/device-item.h"
#include "daemon/config/keys.h"
#include "daemon/config/syscall-filter.h"
#include "daemon/config/values.h"
#include "daemon/config/words-isolation.h"

/** Of the kernel: MAX_ERRNO. */
#define ERRNO_MAX 4095
#define WORDS_MAX 64

const char *const keyring_mode_words[] = { "private", "shared", "inherit", NULL };
const char *const architecture_words[] = { "native", NULL };
const char *const protect_system_words[] = {
        [WORKER_SYSTEM_NO] = "no", [WORKER_SYSTEM_YES] = "yes", [WORKER_SYSTEM_FULL] = "full",
        [WORKER_SYSTEM_STRICT] = "strict", [WORKER_SYSTEM_STRICT + 1] = NULL,
};
const char *const protect_cgroups_words[] = {
        [WORKER_CGROUPS_NO] = "no", [WORKER_CGROUPS_YES] = "yes", [WORKER_CGROUPS_PRIVATE] = "private",
        [WORKER_CGROUPS_STRICT] = "strict", NULL,
};
const char *const protect_home_words[] = {
        [WORKER_HOME_NO] = "no", [WORKER_HOME_YES] = "yes", [WORKER_HOME_READ_ONLY] = "read-only",
        [WORKER_HOME_TMPFS] = "tmpfs", [WORKER_HOME_TMPFS + 1] = NULL,
};
const char *const protect_proc_words[] = {
        [WORKER_PROC_DEFAULT] = "default", [WORKER_PROC_NOACCESS] = "noaccess", [WORKER_PROC_INVISIBLE] = "invisible",
        [WORKER_PROC_PTRACEABLE] = "ptraceable", [_WORKER_PROC_N] = NULL,
};
const char *const proc_subset_words[] = { [WORKER_SUBSET_ALL] = "all", [WORKER_SUBSET_PID] = "pid", [WORKER_SUBSET_PID + 1] = NULL };
const char *const device_policy_words[] = {
        [WORKER_DEVICES_AUTO] = "auto", [WORKER_DEVICES_CLOSED] = "closed", [WORKER_DEVICES_STRICT] = "strict",
        [WORKER_DEVICES_STRICT + 1] = NULL,
};
const char *const strictness_words[] = {
        [WORKER_ISOLATION_USUAL] = "usual", [WORKER_ISOLATION_STRICT] = "strict", [WORKER_ISOLATION_STRICT + 1] = NULL,
};

static int word_of(const struct isolation_words *words, const char *item, const struct isolation_word **ret,
                   struct error *error) {
        const char *names[WORDS_MAX + 1] = { NULL };
        const char *name = item + (*item == '~'), *nearest;

        *ret = isolation_word_find(words, name);
        if (*ret)
                return 0;
        for (size_t i = 0; i < words->n && i < WORDS_MAX; i++)
                names[i] = words->words[i].name;
        nearest = text_nearest(name, names);
        if (nearest)
                return error_set(error, -EINVAL, "there is no %s '%.64s'; did you mean '%s'?", words->what, name, nearest);
        return error_set(error, -EINVAL, "there is no %s '%.64s'", words->what, name);
}

/* ---- sets, a bit for each word by its index ------------------------------------------------------ */

static int set_read(const struct isolation_words *words, char *const *items, size_t n, uint64_t *ret, struct error *error) {
        uint64_t all = (UINT64_C(1) << words->n) - 1, set = n > 0 && items[0][0] == '~' ? all : 0;

        for (size_t i = 0; i < n; i++) {
                const struct isolation_word *word = NULL;
                int r = word_of(words, items[i], &word, error);
                uint64_t bit;

                if (r < 0)
                        return r;
                bit = UINT64_C(1) << (word - words->words);
                set = items[i][0] == '~' ? set & ~bit : set | bit;
        }
        *ret = set;
        return 0;
}

static void set_write(const struct isolation_words *words, uint64_t set, FILE *out) {
        const char *separator = "";

        fputc('{', out);
        for (size_t i = 0; i < words->n; i++)
                if (set >> i & 1) {
                        fprintf(out, "%s%s", separator, words->words[i].name);
                        separator = ", ";
                }
        fputc('}', out);
}

static int capabilities_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return set_read(&isolation_capabilities, items, n, field, error);
}

static void capabilities_write(const struct config_key *key, const void *field, FILE *out) {
        set_write(&isolation_capabilities, *(const uint64_t *)field, out);
}

static bool capabilities_are_set(const void *field) {
        return *(const uint64_t *)field != AMOUNT_UNSET;
}

/* yes: none may be made or entered; no: all; else those that may. */
static int namespaces_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        uint64_t set = 0;
        int r = 0;

        if (n == 1 && strcmp(items[0], "no") == 0) {
                *(int *)field = INTEGER_UNSET;
                return 0;
        }
        if (n != 1 || strcmp(items[0], "yes") != 0)
                r = set_read(&isolation_namespaces, items, n, &set, error);
        if (r >= 0)
                *(int *)field = (int)set;
        return r;
}

static void namespaces_write(const struct config_key *key, const void *field, FILE *out) {
        int set = *(const int *)field;

        if (set == 0)
                fputs("yes", out);
        else
                set_write(&isolation_namespaces, (uint64_t)set, out);
}

static bool integer_is_set(const void *field) {
        return *(const int *)field != INTEGER_UNSET;
}

/* ---- lists --------------------------------------------------------------------------------------- */

static int families_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        bool none = n == 1 && strcmp(items[0], "none") == 0;

        for (size_t i = 0; i < n && !none; i++) {
                const struct isolation_word *word;
                int r = word_of(&isolation_families, items[i], &word, error);

                if (r < 0)
                        return r;
                if ((items[i][0] == '~') != (items[0][0] == '~'))
                        return error_set(error, -EINVAL, "either all of them have a '~' or none");
        }
        return strings_copy(items, n, field);
}

static int groups_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        for (size_t i = 0; i < n; i++)
                if (!items[i][0])
                        return error_set(error, -EINVAL, "the name of a group is missing");
        return strings_copy(items, n, field);
}

static int path_check(const char *path, struct error *error) {
        return *path == '/' ? 0 : error_set(error, -EINVAL, "'%.64s' is not an absolute path", path);
}

static int paths_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        for (size_t i = 0; i < n; i++) {
                int r = path_check(items[i] + (items[i][0] == '-'), error);

                if (r < 0)
                        return r;
        }
        return strings_copy(items, n, field);
}

static int ports_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        bool none = n == 1 && strcmp(items[0], "none") == 0;
        uint64_t port;

        for (size_t i = 0; i < n && !none; i++)
                if (number_parse(items[i], &port) < 0 || port > UINT16_MAX)
                        return error_set(error, -EINVAL, "'%.64s' is no port: a number from 0 to 65535", items[i]);
        return strings_copy(items, n, field);
}

static int path_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        int r = path_check(items[0], error);

        return r < 0 ? r : key_type_text.read(key, field, items, n, error);
}

static void path_write(const struct config_key *key, const void *field, FILE *out) {
        key_type_text.write(key, field, out);
}

static bool path_is_set(const void *field) {
        return key_type_text.is_set(field);
}

/* "SOURCE:TARGET", "PATH" */
static int binds_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        for (size_t i = 0; i < n; i++) {
                const char *colon = strchr(items[i], ':');
                int r = path_check(items[i] + (items[i][0] == '-'), error);

                if (r >= 0 && colon)
                        r = path_check(colon + 1, error);
                if (r < 0)
                        return r;
        }
        return strings_copy(items, n, field);
}

static int calls_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        struct syscall_filter filter;
        int r = syscall_filter_read(&filter, items, n, error);

        return r < 0 ? r : strings_copy(items, n, field);
}

static int devices_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        struct device_item item;

        for (size_t i = 0; i < n; i++) {
                int r = device_item_parse(items[i], &item, error);

                if (r < 0)
                        return r;
        }
        return strings_copy(items, n, field);
}

static void list_write(const struct config_key *key, const void *field, FILE *out) {
        key_type_names.write(key, field, out);
}

static bool list_is_set(const void *field) {
        return key_type_names.is_set(field);
}

/* ---- errors -------------------------------------------------------------------------------------- */

static int errno_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        uint64_t number;

        for (int i = 1; i <= ERRNO_MAX; i++) {
                const char *name = strerrorname_np(i);

                if (name && strcmp(name, items[0]) == 0) {
                        *(int *)field = i;
                        return 0;
                }
        }
        if (number_parse(items[0], &number) < 0 || number < 1 || number > ERRNO_MAX)
                return error_set(error, -EINVAL, "'%.64s' is not an error, such as EPERM, nor its number", items[0]);
        *(int *)field = (int)number;
        return 0;
}

static void errno_write(const struct config_key *key, const void *field, FILE *out) {
        const char *name = strerrorname_np(*(const int *)field);

        if (name)
                fputs(name, out);
        else
                fprintf(out, "%d", *(const int *)field);
}

const struct key_type key_type_capabilities = {
        "list of capabilities", KEY_FIXED, sizeof(uint64_t), true, capabilities_read, capabilities_write,
        capabilities_are_set, 0xff,
};
const struct key_type key_type_namespaces = {
        "yes, no or list", KEY_FIXED, sizeof(int), true, namespaces_read, namespaces_write, integer_is_set,
        INTEGER_UNSET_BYTE,
};
const struct key_type key_type_groups = {
        "list of groups", KEY_LIST, sizeof(char **), true, groups_read, list_write, list_is_set,
};
const struct key_type key_type_paths = {
        "list of paths", KEY_LIST, sizeof(char **), true, paths_read, list_write, list_is_set,
};
const struct key_type key_type_ports = {
        "list of ports", KEY_LIST, sizeof(char **), true, ports_read, list_write, list_is_set,
};
const struct key_type key_type_path = {
        "path", KEY_TEXT, sizeof(char *), false, path_read, path_write, path_is_set,
};
const struct key_type key_type_binds = {
        "list of paths", KEY_LIST, sizeof(char **), true, binds_read, list_write, list_is_set,
};
const struct key_type key_type_devices = {
        "list of devices", KEY_LIST, sizeof(char **), true, devices_read, list_write, list_is_set,
};
const struct key_type key_type_families = {
        "list of families", KEY_LIST, sizeof(char **), true, families_read, list_write, list_is_set,
};
const struct key_type key_type_calls = {
        "list of calls", KEY_LIST, sizeof(char **), true, calls_read, list_write, list_is_set,
};
const struct key_type key_type_error_number = {
        "error", KEY_FIXED, sizeof(int), false, errno_read, errno_write, integer_is_set, INTEGER_UNSET_BYTE,
};
