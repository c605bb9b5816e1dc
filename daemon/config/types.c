/* SPDX-License-Identifier: MIT */

/*
 * The types of values
 *
 * Each reads what it writes, exactly: the canonical form loses nothing. Errors say what is expected,
 * and the row's limits in the row's own unit.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "daemon/config/address.h"
#include "daemon/config/keys.h"
#include "daemon/config/values.h"
#include "daemon/policy/grant.h"
#include "shm/broadcast.h"
#include "shm/queue.h"

/* ---- choices ----------------------------------------------------------------------------------- */

const char *const ring_kind_words[] = {
        [OBJECT_QUEUE - RING_KIND_FIRST] = "queue", [OBJECT_PIPE - RING_KIND_FIRST] = "pipe",
        [OBJECT_BROADCAST - RING_KIND_FIRST] = "broadcast", [OBJECT_BROADCAST + 1 - RING_KIND_FIRST] = NULL,
};
const char *const broadcast_policy_words[] = {
        [BROADCAST_LOSSY] = "lossy", [BROADCAST_WAIT] = "wait", [BROADCAST_DROP] = "drop", [BROADCAST_REFUSE] = "refuse",
        [_BROADCAST_POLICY_N] = NULL,
};
const char *const worker_type_words[] = {
        [WORKER_SIMPLE] = "simple", [WORKER_ONESHOT] = "oneshot", [_WORKER_TYPE_N] = NULL,
};
const char *const schedule_overlap_words[] = {
        [SCHEDULE_SKIP] = "skip", [SCHEDULE_QUEUE] = "queue", [SCHEDULE_KILL] = "kill", [_SCHEDULE_OVERLAP_N] = NULL,
};
const char *const standard_output_words[] = {
        [WORKER_STREAM_LOG] = "log", [WORKER_STREAM_NULL] = "null", [WORKER_STREAM_INHERIT] = NULL,
};
const char *const standard_error_words[] = {
        [WORKER_STREAM_LOG] = "log", [WORKER_STREAM_NULL] = "null", [WORKER_STREAM_INHERIT] = "inherit",
        [_WORKER_STREAM_N] = NULL,
};
const char *const log_place_words[] = { "auto", "journal", "stderr", "file", "none", NULL };
const char *const group_strategy_words[] = {
        [GROUP_ONE_FOR_ONE] = "one-for-one", [GROUP_ONE_FOR_ALL] = "one-for-all", [GROUP_REST_FOR_ONE] = "rest-for-one",
        [_GROUP_STRATEGY_N] = NULL,
};
const char *const end_action_words[] = {
        [END_ACTION_NONE] = "none", [END_ACTION_EXIT] = "exit", [_END_ACTION_N] = NULL,
};
const char *const dead_policy_words[] = {
        [QUEUE_DEAD_REFUSE] = "refuse", [QUEUE_DEAD_DROP_OLDEST] = "drop-oldest", [_QUEUE_DEAD_POLICY_N] = NULL,
};
const char *const worker_io_words[] = {
        [WORKER_IO_NONE] = "none", [WORKER_IO_LINES] = "lines", [WORKER_IO_FRAMES] = "frames",
        [WORKER_IO_EXEC] = "exec", [_WORKER_IO_N] = NULL,
};
const char *const restart_policy_words[] = {
        [RESTART_ALWAYS] = "always",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ON_ABNORMAL] = "on-abnormal",
        [RESTART_NEVER] = "never",
        [_RESTART_POLICY_N] = NULL,
};
const char *const worker_ready_words[] = {
        [WORKER_READY_IMMEDIATE] = "immediate",
        [WORKER_READY_NOTIFY] = "notify",
        [WORKER_READY_LIBRARY] = "library",
        [WORKER_READY_FD] = "fd",
        [WORKER_READY_TCP] = "tcp",
        [WORKER_READY_UNIX] = "unix",
        [WORKER_READY_HTTP] = "http",
        [WORKER_READY_LOG] = "log",
        [WORKER_READY_EXEC] = "exec",
        [_WORKER_READY_N] = NULL,
};
const char *const worker_start_words[] = {
        [WORKER_START_BOOT] = "boot", [WORKER_START_ON_DEMAND] = "on-demand", [WORKER_START_MANUAL] = "manual",
        [_WORKER_START_N] = NULL,
};

const char *const probe_words[] = {
        [PROBE_NONE] = "none", [PROBE_TCP] = "tcp", [PROBE_UNIX] = "unix", [PROBE_HTTP] = "http",
        [PROBE_EXEC] = "exec", [_PROBE_KIND_N] = NULL,
};

/* The fields are enums of different types, all of the size of an int. */
_Static_assert(sizeof(enum object_kind) == sizeof(int) && sizeof(enum worker_io) == sizeof(int) &&
                       sizeof(enum restart_policy) == sizeof(int) && sizeof(enum worker_ready) == sizeof(int) &&
                       sizeof(enum worker_start) == sizeof(int),
               "enums are ints");

static int choice_read(const struct config_key *key, void *field, char *const *items, size_t n,
                       struct error *error) {
        const char *nearest;
        char words[128];

        for (int i = 0; key->words[i]; i++)
                if (strcmp(key->words[i], items[0]) == 0) {
                        int value = i + (int)key->min;

                        memcpy(field, &value, sizeof value);
                        return 0;
                }
        nearest = text_nearest(items[0], key->words);
        if (nearest)
                return error_set(error, -EINVAL, "unknown value '%s'; did you mean '%s'?", items[0], nearest);
        words_join(key->words, words, sizeof words);
        if (!key->words[1])
                return error_set(error, -EINVAL, "unknown value '%s'; there is only '%s'", items[0], words);
        return error_set(error, -EINVAL, "unknown value '%s'; it is one of %s", items[0], words);
}

static void choice_write(const struct config_key *key, const void *field, FILE *out) {
        int i;

        memcpy(&i, field, sizeof i);
        fputs(key->words[i - (int)key->min], out);
}

/* A bit for each word; the last word stands for none of them. */
static int log_places_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        int places = 0;

        if (n == 0)
                return error_set(error, -EINVAL, "it is empty; 'none' is nowhere");
        for (size_t i = 0; i < n; i++) {
                int place, r = choice_read(key, &place, &items[i], 1, error);

                if (r < 0)
                        return r;
                if (!key->words[place + 1] && n > 1)
                        return error_set(error, -EINVAL, "'%s' stands alone", items[i]);
                if (places & 1 << place)
                        return error_set(error, -EINVAL, "'%s' is there twice", items[i]);
                places |= key->words[place + 1] ? 1 << place : 0;
        }
        memcpy(field, &places, sizeof places);
        return 0;
}

static void log_places_write(const struct config_key *key, const void *field, FILE *out) {
        const char *separator = "";
        int places, i;

        memcpy(&places, field, sizeof places);
        fputc('{', out);
        for (i = 0; key->words[i + 1]; i++)
                if (places & 1 << i) {
                        fprintf(out, "%s%s", separator, key->words[i]);
                        separator = ", ";
                }
        fprintf(out, "%s}", places ? "" : key->words[i]);
}

static bool always_set(const void *field) {
        return true;
}

static int boolean_read(const struct config_key *key, void *field, char *const *items, size_t n,
                        struct error *error) {
        bool yes = strcmp(items[0], "yes") == 0;

        if (!yes && strcmp(items[0], "no") != 0)
                return error_set(error, -EINVAL, "'%s' is neither yes nor no", items[0]);
        *(bool *)field = yes;
        return 0;
}

static void boolean_write(const struct config_key *key, const void *field, FILE *out) {
        fputs(*(const bool *)field ? "yes" : "no", out);
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static int count_read(const struct config_key *key, void *field, char *const *items, size_t n,
                      struct error *error) {
        uint64_t value;

        if (number_parse(items[0], &value) < 0)
                return error_set(error, -EINVAL, "'%s' is not a number", items[0]);
        if (value < key->min || value > key->max)
                return error_set(error, -EINVAL, "%s is out of range; it is from %llu to %llu", items[0],
                                 (unsigned long long)key->min, (unsigned long long)key->max);
        *(uint32_t *)field = (uint32_t)value;
        return 0;
}

static void count_write(const struct config_key *key, const void *field, FILE *out) {
        fprintf(out, "%u", *(const uint32_t *)field);
}

/* Two fields, one behind the other: N is N..N. */
#define RANGE_SIZE (2 * sizeof(uint32_t))
_Static_assert(offsetof(struct worker_definition, instances_max) - offsetof(struct worker_definition, instances) ==
               sizeof(uint32_t), "the fields of a range are neighbours");

static int range_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        _cleanup_(freep) char *least = strdup(items[0]);
        uint32_t range[2];
        char *dots, *numbers[2] = { least, NULL };
        int r;

        if (!least)
                return -ENOMEM;
        dots = strstr(least, "..");
        if (dots)
                *dots = '\0';
        r = count_read(key, &range[0], &numbers[0], 1, error);
        range[1] = range[0];
        if (r >= 0 && dots) {
                numbers[0] = dots + 2;
                r = count_read(key, &range[1], &numbers[0], 1, error);
        }
        if (r < 0)
                return r;
        if (range[1] < range[0])
                return error_set(error, -EINVAL, "%s: the second number is less than the first", items[0]);
        memcpy(field, range, RANGE_SIZE);
        return 0;
}

static void range_write(const struct config_key *key, const void *field, FILE *out) {
        uint32_t range[2];

        memcpy(range, field, RANGE_SIZE);
        fprintf(out, "%u", range[0]);
        if (range[1] != range[0])
                fprintf(out, "..%u", range[1]);
}

/* Octal, as people write modes. */
static int mode_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        size_t digits = strspn(items[0], "01234567");
        unsigned long value = strtoul(items[0], NULL, 8);

        if (digits == 0 || items[0][digits] || digits > 4 || value > key->max)
                return error_set(error, -EINVAL, "'%s' is not an access mode, such as 0660", items[0]);
        *(uint32_t *)field = (uint32_t)value;
        return 0;
}

static void mode_write(const struct config_key *key, const void *field, FILE *out) {
        fprintf(out, "%04o", *(const uint32_t *)field);
}

static int power_read(const struct config_key *key, void *field, char *const *items, size_t n,
                      struct error *error) {
        uint32_t value, next = 1;
        int r = count_read(key, &value, items, n, error);

        if (r < 0)
                return r;
        while (next < value)
                next *= 2;
        if (next != value)
                return error_set(error, -EINVAL, "%u is not a power of two; the next one is %u", value, next);
        *(uint32_t *)field = value;
        return 0;
}

static int size_read(const struct config_key *key, void *field, char *const *items, size_t n,
                     struct error *error) {
        char least[SIZE_FORMAT_MAX], most[SIZE_FORMAT_MAX];
        uint64_t value = 0;
        int r = size_parse(items[0], &value);

        if (r == -EINVAL)
                return error_set(error, -EINVAL, "'%s' is not a size, such as 512, 4KiB or 1MiB", items[0]);
        if (r < 0 || value < key->min || value > key->max)
                return error_set(error, -EINVAL, "%s is out of range; it is from %s to %s", items[0],
                                 size_format(least, sizeof least, key->min),
                                 size_format(most, sizeof most, key->max));
        *(uint32_t *)field = (uint32_t)value;
        return 0;
}

static void size_write(const struct config_key *key, const void *field, FILE *out) {
        size_print(*(const uint32_t *)field, out);
}

static int power_size_read(const struct config_key *key, void *field, char *const *items, size_t n,
                           struct error *error) {
        char size[SIZE_FORMAT_MAX];
        uint32_t value, next = 1;
        int r = size_read(key, &value, items, n, error);

        if (r < 0)
                return r;
        while (next < value)
                next *= 2;
        if (next != value)
                return error_set(error, -EINVAL, "%s is not a power of two; the next one is %s", items[0],
                                 size_format(size, sizeof size, next));
        *(uint32_t *)field = value;
        return 0;
}

static int time_read(const struct config_key *key, void *field, char *const *items, size_t n,
                     struct error *error) {
        char least[USEC_FORMAT_MAX], most[USEC_FORMAT_MAX];
        uint64_t value = 0;
        int r = usec_parse(items[0], &value);

        if (r == -EINVAL)
                return error_set(error, -EINVAL,
                                 "'%s' is not a time span, such as 250ms, 10s or \"1min 30s\"", items[0]);
        if (r < 0 || value < key->min || value > key->max)
                return error_set(error, -EINVAL, "%s is out of range; it is from %s to %s", items[0],
                                 usec_format(least, sizeof least, key->min),
                                 usec_format(most, sizeof most, key->max));
        *(uint64_t *)field = value;
        return 0;
}

static void time_write(const struct config_key *key, const void *field, FILE *out) {
        usec_print(*(const uint64_t *)field, out);
}

static bool time_is_set(const void *field) {
        return *(const uint64_t *)field != USEC_INFINITY;
}

/* ---- count/period ------------------------------------------------------------------------------ */

/* Two fields side by side, so that they compare and hash as one. */
struct limit {
        uint64_t period_usec;
        uint32_t count;
};
#define LIMIT_SIZE (sizeof(uint64_t) + sizeof(uint32_t))
_Static_assert(offsetof(struct worker_definition, restart_limit_count) -
               offsetof(struct worker_definition, restart_limit_period_usec) == offsetof(struct limit, count),
               "the fields of a limit are neighbours");
_Static_assert(offsetof(struct group_definition, restart_limit_count) -
               offsetof(struct group_definition, restart_limit_period_usec) == offsetof(struct limit, count),
               "the fields of a limit are neighbours");

_Static_assert(offsetof(struct worker_definition, log_rate_count) -
               offsetof(struct worker_definition, log_rate_period_usec) == offsetof(struct limit, count),
               "the fields of a limit are neighbours");

static int limit_read(const struct config_key *key, void *field, char *const *items, size_t n,
                      struct error *error) {
        const char *slash = strchr(items[0], '/');
        _cleanup_(freep) char *number = NULL;
        struct limit limit = { 0 };
        uint64_t count;

        if (strcmp(items[0], "none") == 0) {
                memcpy(field, &limit, LIMIT_SIZE);
                return 0;
        }
        number = strndup(items[0], slash ? (size_t)(slash - items[0]) : 0);
        if (!number)
                return -ENOMEM;
        if (!slash || number_parse(number, &count) < 0 || usec_parse(slash + 1, &limit.period_usec) < 0)
                return error_set(error, -EINVAL, "'%s' is not a count and a period, such as 5/10s, or none",
                                 items[0]);
        if (count < key->min || count > key->max)
                return error_set(error, -EINVAL, "the count %s is out of range; it is from %llu to %llu",
                                 number, (unsigned long long)key->min, (unsigned long long)key->max);
        if (limit.period_usec == 0)
                return error_set(error, -EINVAL, "the period cannot be 0");
        limit.count = (uint32_t)count;
        memcpy(field, &limit, LIMIT_SIZE);
        return 0;
}

static void limit_write(const struct config_key *key, const void *field, FILE *out) {
        struct limit limit = { 0 };

        memcpy(&limit, field, LIMIT_SIZE);
        if (limit.count == 0) {
                fputs("none", out);
                return;
        }
        fprintf(out, "%u/", limit.count);
        usec_print(limit.period_usec, out);
}

/* ---- signals and descriptors ------------------------------------------------------------------- */

static bool ends_a_process(int number) {
        static const int pausing[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };

        for (size_t i = 0; i < ARRAY_SIZE(pausing); i++)
                if (number == pausing[i])
                        return false;
        return true;
}

int stop_step_parse(const char *text, int *ret_signal, uint64_t *ret_timeout_usec) {
        const char *slash = strchr(text, '/');
        char name[SIGNAL_FORMAT_MAX];
        int number;

        if (!slash || (size_t)(slash - text) >= sizeof name)
                return -EINVAL;
        memcpy(name, text, (size_t)(slash - text));
        name[slash - text] = '\0';
        number = signal_parse(name);
        if (number < 0 || !ends_a_process(number) || usec_parse(slash + 1, ret_timeout_usec) < 0)
                return -EINVAL;
        *ret_signal = number;
        return 0;
}

static int stop_signal_read(const struct config_key *key, void *field, char *const *items, size_t n,
                            struct error *error) {
        int number = signal_parse(items[0]);

        if (number < 0)
                return error_set(error, -EINVAL, "'%s' is not a signal, such as SIGTERM or SIGRTMIN+3",
                                 items[0]);
        if (!ends_a_process(number))
                return error_set(error, -EINVAL, "%s pauses or continues a process, and never ends it", items[0]);
        *(int *)field = number;
        return 0;
}

static void signal_write(const struct config_key *key, const void *field, FILE *out) {
        char name[SIGNAL_FORMAT_MAX];

        fputs(signal_format(name, sizeof name, *(const int *)field), out);
}

static int io_fds_read(const struct config_key *key, void *field, char *const *items, size_t n,
                       struct error *error) {
        uint64_t value;
        int *fds = field;
        int pair[2];

        if (n != 2)
                return error_set(error, -EINVAL, "two numbers are expected, such as 3, 4");
        for (size_t i = 0; i < 2; i++) {
                if (number_parse(items[i], &value) < 0 || value < key->min || value > key->max)
                        return error_set(error, -EINVAL, "'%s' is not a descriptor from %llu to %llu",
                                         items[i], (unsigned long long)key->min,
                                         (unsigned long long)key->max);
                pair[i] = (int)value;
        }
        if (pair[0] == pair[1])
                return error_set(error, -EINVAL, "reading and writing need two different descriptors");
        fds[0] = pair[0];
        fds[1] = pair[1];
        return 0;
}

static void io_fds_write(const struct config_key *key, const void *field, FILE *out) {
        const int *fds = field;

        fprintf(out, "{%d, %d}", fds[0], fds[1]);
}

static bool io_fds_is_set(const void *field) {
        return ((const int *)field)[0] >= 0;
}

/* ---- exit statuses and signals ----------------------------------------------------------------- */

static int ends_read(const struct config_key *key, void *field, char *const *items, size_t n,
                     struct error *error) {
        struct exit_set set = EXIT_SET_NULL;

        for (size_t i = 0; i < n; i++) {
                int r = exit_set_add(&set, items[i]);

                if (r == -ERANGE)
                        return error_set(error, -EINVAL, "%.64s is no exit status; these are from 0 to 255", items[i]);
                if (r < 0)
                        return error_set(error, -EINVAL, "'%.64s' is neither an exit status nor a signal, such as 75, "
                                         "TEMPFAIL or SIGUSR1", items[i]);
        }
        memcpy(field, &set, sizeof set);
        return 0;
}

static void ends_write(const struct config_key *key, const void *field, FILE *out) {
        const struct exit_set *set = field;
        char text[SIGNAL_FORMAT_MAX];
        const char *separator = "";

        fputc('{', out);
        for (int member = exit_set_next(set, 0); member >= 0; member = exit_set_next(set, member + 1)) {
                fprintf(out, "%s%s", separator, exit_set_format(text, sizeof text, member));
                separator = ", ";
        }
        fputc('}', out);
}

static bool ends_is_set(const void *field) {
        return !exit_set_is_empty(field);
}

static bool descriptor_is_set(const void *field) {
        return *(const int *)field >= 0;
}

/* ---- strings ----------------------------------------------------------------------------------- */

static int text_read(const struct config_key *key, void *field, char *const *items, size_t n,
                     struct error *error) {
        if (!items[0][0])
                return error_set(error, -EINVAL, "it is empty; leave the key out for the default");
        *(char **)field = strdup(items[0]);
        return *(char **)field ? 0 : -ENOMEM;
}

static void text_write(const struct config_key *key, const void *field, FILE *out) {
        string_print(*(char *const *)field, out);
}

static bool text_is_set(const void *field) {
        return *(char *const *)field;
}

static int list_read(const struct config_key *key, void *field, char *const *items, size_t n,
                     struct error *error) {
        return strings_copy(items, n, field);
}

static void list_write(const struct config_key *key, const void *field, FILE *out) {
        char *const *list = *(char **const *)field;

        fputc('{', out);
        for (size_t i = 0; list[i]; i++) {
                fputs(i ? ", " : "", out);
                string_print(list[i], out);
        }
        fputc('}', out);
}

static bool list_is_set(const void *field) {
        char *const *list = *(char **const *)field;

        return list && list[0];
}

static int program_read(const struct config_key *key, void *field, char *const *items, size_t n,
                        struct error *error) {
        if (n == 0 || !items[0][0])
                return error_set(error, -EINVAL, "the program is missing");
        return list_read(key, field, items, n, error);
}

/* The length of the name in NAME=value; 0: there is none. */
static size_t variable_name(const char *item) {
        const char *equals = strchr(item, '=');

        return equals ? (size_t)(equals - item) : 0;
}

static int environment_read(const struct config_key *key, void *field, char *const *items, size_t n,
                            struct error *error) {
        for (size_t i = 0; i < n; i++) {
                size_t length = variable_name(items[i]);

                if (length == 0)
                        return error_set(error, -EINVAL, "'%.64s' is not of the form NAME=value", items[i]);
                if (variable_is_ours(items[i]))
                        return error_set(error, -EINVAL, "%.*s is set by gangerd itself",
                                         (int)MIN(length, 64u), items[i]);
                for (size_t j = 0; j < i; j++)
                        if (strncmp(items[i], items[j], length + 1) == 0)
                                return error_set(error, -EINVAL, "%.*s is there twice", (int)MIN(length, 64u),
                                                 items[i]);
        }
        return list_read(key, field, items, n, error);
}

static int stop_steps_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        uint64_t timeout;
        int number;

        if (n > STOP_STEPS_MAX)
                return error_set(error, -EINVAL, "more than %d", STOP_STEPS_MAX);
        for (size_t i = 0; i < n; i++)
                if (stop_step_parse(items[i], &number, &timeout) < 0)
                        return error_set(error, -EINVAL, "'%s' is not a signal that ends a process and a time, such as SIGINT/5s",
                                         items[i]);
        return list_read(key, field, items, n, error);
}

static int names_read(const struct config_key *key, void *field, char *const *items, size_t n,
                      struct error *error) {
        for (size_t i = 0; i < n; i++) {
                if (!name_is_valid(items[i]))
                        return error_set(error, -EINVAL, "'%.64s' is not a name", items[i]);
                for (size_t j = 0; j < i; j++)
                        if (strcmp(items[i], items[j]) == 0)
                                return error_set(error, -EINVAL, "'%s' is there twice", items[i]);
        }
        return list_read(key, field, items, n, error);
}

static int grants_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        struct grant grant;

        for (size_t i = 0; i < n; i++) {
                int r = grant_parse(items[i], &grant, error);

                if (r < 0)
                        return r;
                for (size_t j = 0; j < i; j++)
                        if (strcmp(items[i], items[j]) == 0)
                                return error_set(error, -EINVAL, "'%.64s' is there twice", items[i]);
        }
        return list_read(key, field, items, n, error);
}

static int addresses_read(const struct config_key *key, void *field, char *const *items, size_t n,
                          struct error *error) {
        struct listen_address address;

        for (size_t i = 0; i < n; i++) {
                int r = listen_address_parse(items[i], &address, error);

                if (r < 0)
                        return r;
        }
        return list_read(key, field, items, n, error);
}

#define CHOICE(label) { label, KEY_FIXED, sizeof(int), false, choice_read, choice_write, always_set }
#define NUMBER(label, size, read, write) { label, KEY_FIXED, size, false, read, write, always_set }
#define LIST(label, read) { label, KEY_LIST, sizeof(char **), true, read, list_write, list_is_set }

const struct key_type key_type_ring_kind = CHOICE("word");
const struct key_type key_type_broadcast_policy = CHOICE("word");
const struct key_type key_type_dead_policy = CHOICE("word");
const struct key_type key_type_io = CHOICE("word");
const struct key_type key_type_boolean = NUMBER("yes or no", sizeof(bool), boolean_read, boolean_write);
const struct key_type key_type_restart = CHOICE("word");
const struct key_type key_type_ready = CHOICE("word");
const struct key_type key_type_strategy = CHOICE("word");
const struct key_type key_type_end_action = CHOICE("word");
const struct key_type key_type_worker_type = CHOICE("word");
const struct key_type key_type_overlap = CHOICE("word");
const struct key_type key_type_start = CHOICE("word");
const struct key_type key_type_log_level = CHOICE("word");
const struct key_type key_type_log_places = {
        "list of words", KEY_FIXED, sizeof(int), true, log_places_read, log_places_write, always_set,
};
const struct key_type key_type_mode = NUMBER("mode", sizeof(uint32_t), mode_read, mode_write);
const struct key_type key_type_probe = CHOICE("word");
const struct key_type key_type_count = NUMBER("number", sizeof(uint32_t), count_read, count_write);
const struct key_type key_type_range = NUMBER("number, or N..M", RANGE_SIZE, range_read, range_write);
const struct key_type key_type_descriptor = {
        "number", KEY_FIXED, sizeof(int), false, count_read, count_write, descriptor_is_set,
        0xff, /* -1 */
};
const struct key_type key_type_power = NUMBER("number", sizeof(uint32_t), power_read, count_write);
const struct key_type key_type_size = NUMBER("size", sizeof(uint32_t), size_read, size_write);
const struct key_type key_type_power_size = NUMBER("size", sizeof(uint32_t), power_size_read, size_write);
const struct key_type key_type_time = NUMBER("time", sizeof(uint64_t), time_read, time_write);
const struct key_type key_type_optional_time = {
        "time", KEY_FIXED, sizeof(uint64_t), false, time_read, time_write, time_is_set,
        0xff, /* USEC_INFINITY */
};
const struct key_type key_type_limit = NUMBER("count/time", LIMIT_SIZE, limit_read, limit_write);
const struct key_type key_type_stop_signal = NUMBER("signal", sizeof(int), stop_signal_read, signal_write);
const struct key_type key_type_io_fds = {
        "two numbers", KEY_FIXED, sizeof(int[2]), true, io_fds_read, io_fds_write, io_fds_is_set,
        0xff, /* descriptors that are not set: -1 */
};
const struct key_type key_type_ends = {
        "list of ends", KEY_FIXED, sizeof(struct exit_set), true, ends_read, ends_write, ends_is_set,
};
const struct key_type key_type_text = {
        "string", KEY_TEXT, sizeof(char *), false, text_read, text_write, text_is_set,
};
const struct key_type key_type_stop_steps = LIST("list of signal/time", stop_steps_read);
const struct key_type key_type_program = LIST("list", program_read);
const struct key_type key_type_environment = LIST("list", environment_read);
const struct key_type key_type_addresses = LIST("list of addresses", addresses_read);
const struct key_type key_type_names = LIST("list of names", names_read);
const struct key_type key_type_grants = LIST("list of grants", grants_read);
