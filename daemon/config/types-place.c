/* SPDX-License-Identifier: MIT */

/*
 * The types of values that say where a process runs and how much it may have
 *
 * All of these can be left out, which is not the same as any value: then nothing is set, and the process has what
 * gangerd was given. So each has bytes that stand for "not set" (`unset`), and no key of these types changes a hash
 * before it is used.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "daemon/config/keys.h"
#include "daemon/config/values.h"

const char *const io_class_words[] = { "none", "realtime", "best-effort", "idle", NULL };
const char *const cpu_policy_words[] = {
        [WORKER_CPU_OTHER] = "other", [WORKER_CPU_BATCH] = "batch", [WORKER_CPU_IDLE] = "idle", [WORKER_CPU_FIFO] = "fifo",
        [WORKER_CPU_RR] = "rr", [_WORKER_CPU_N] = NULL,
};
const char *const oom_policy_words[] = {
        [WORKER_OOM_CONTINUE] = "continue", [WORKER_OOM_KILL] = "kill", [_WORKER_OOM_N] = NULL,
};
const char *const numa_policy_words[] = { "default", "preferred", "bind", "interleave", "local", NULL };

/* ---- amounts ----------------------------------------------------------------------------------- */

typedef int (*parse_fn)(const char *text, uint64_t *ret);
typedef void (*print_fn)(uint64_t value, FILE *out);

/* One value, or no limit. @return 0, -EINVAL, -ERANGE. */
static int amount_parse(const char *text, parse_fn parse, uint64_t *ret) {
        uint64_t value;
        int r;

        if (strcmp(text, "infinity") == 0) {
                *ret = AMOUNT_INFINITY;
                return 0;
        }
        r = parse(text, &value);
        if (r < 0)
                return r;
        if (value >= AMOUNT_INFINITY)
                return -ERANGE;
        *ret = value;
        return 0;
}

static void amount_print(uint64_t value, print_fn print, FILE *out) {
        if (value == AMOUNT_INFINITY)
                fputs("infinity", out);
        else
                print(value, out);
}

static void number_print(uint64_t value, FILE *out) {
        fprintf(out, "%" PRIu64, value);
}

static int amount_read(const struct config_key *key, void *field, const char *text, parse_fn parse, const char *example,
                       struct error *error) {
        uint64_t value = 0;
        int r = amount_parse(text, parse, &value);

        if (r == -EINVAL)
                return error_set(error, -EINVAL, "'%.64s' is not %s, or infinity", text, example);
        if (r < 0 || value < key->min || (key->max > 0 && value > key->max && value != AMOUNT_INFINITY))
                return error_set(error, -EINVAL, "%.64s is out of range", text);
        *(uint64_t *)field = value;
        return 0;
}

static int bytes_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return amount_read(key, field, items[0], size_parse, "a size, such as 512MiB", error);
}

static void bytes_write(const struct config_key *key, const void *field, FILE *out) {
        amount_print(*(const uint64_t *)field, size_print, out);
}

static int total_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return amount_read(key, field, items[0], number_parse, "a number", error);
}

static void total_write(const struct config_key *key, const void *field, FILE *out) {
        amount_print(*(const uint64_t *)field, number_print, out);
}

static int duration_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return key_type_time.read(key, field, items, n, error);
}

static void duration_write(const struct config_key *key, const void *field, FILE *out) {
        usec_print(*(const uint64_t *)field, out);
}

static bool amount_is_set(const void *field) {
        return *(const uint64_t *)field != AMOUNT_UNSET;
}

/* ---- limits: SOFT:HARD ------------------------------------------------------------------------- */

/* A limit of the kernel whose unit is seconds; part of one counts as one, as systemd has it. */
static int seconds_parse(const char *text, uint64_t *ret) {
        uint64_t usec;
        int r = usec_parse(text, &usec);

        if (r >= 0)
                *ret = usec == USEC_INFINITY ? AMOUNT_INFINITY : (usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        return r;
}

static void seconds_print(uint64_t value, FILE *out) {
        usec_print(value * USEC_PER_SEC, out);
}

/* The kernel's number is 20 less the nice level: with a sign it is the level, without one that number. */
static int ceiling_parse(const char *text, uint64_t *ret) {
        bool is_level = *text == '+' || *text == '-';
        uint64_t value;
        int r = number_parse(text + is_level, &value);

        if (r < 0)
                return r;
        if (value > (*text == '-' ? 20 : *text == '+' ? 19 : 40))
                return -ERANGE;
        *ret = *text == '-' ? 20 + value : *text == '+' ? 20 - value : value;
        return 0;
}

static int limit_read(void *field, const char *text, parse_fn parse, const char *example, struct error *error) {
        const char *colon = strchr(text, ':');
        _cleanup_(freep) char *soft = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
        struct worker_limit limit;
        int r;

        if (!soft)
                return -ENOMEM;
        r = amount_parse(soft, parse, &limit.soft);
        limit.hard = limit.soft;
        if (r >= 0 && colon)
                r = amount_parse(colon + 1, parse, &limit.hard);
        if (r < 0)
                return error_set(error, -EINVAL, "'%.64s' is not %s, SOFT:HARD, or infinity", text, example);
        if (limit.soft > limit.hard)
                return error_set(error, -EINVAL, "the soft limit is above the hard one");
        memcpy(field, &limit, sizeof limit);
        return 0;
}

static void limit_write(const void *field, print_fn print, FILE *out) {
        struct worker_limit limit;

        memcpy(&limit, field, sizeof limit);
        amount_print(limit.soft, print, out);
        if (limit.hard == limit.soft)
                return;
        fputc(':', out);
        amount_print(limit.hard, print, out);
}

static bool limit_is_set(const void *field) {
        return ((const struct worker_limit *)field)->soft != AMOUNT_UNSET;
}

#define LIMIT_TYPE(name, parse, print, example) \
        static int name##_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) { \
                return limit_read(field, items[0], parse, example, error); \
        } \
        static void name##_write(const struct config_key *key, const void *field, FILE *out) { \
                limit_write(field, print, out); \
        } \
        const struct key_type key_type_##name = { \
                "limit", KEY_FIXED, sizeof(struct worker_limit), false, name##_read, name##_write, limit_is_set, 0xff, \
        };

LIMIT_TYPE(limit_count, number_parse, number_print, "a number")
LIMIT_TYPE(limit_size, size_parse, size_print, "a size, such as 512MiB")
LIMIT_TYPE(limit_seconds, seconds_parse, seconds_print, "a time span, such as 10min")
LIMIT_TYPE(limit_usec, usec_parse, usec_print, "a time span, such as 200ms")
LIMIT_TYPE(limit_nice, ceiling_parse, number_print, "a number from 0 to 40, or a nice level with its sign")

/* ---- small numbers ----------------------------------------------------------------------------- */

static int integer_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        bool minus = items[0][0] == '-';
        uint64_t size;
        int64_t value;

        if (number_parse(items[0] + (minus || items[0][0] == '+'), &size) < 0 || size > INT32_MAX)
                return error_set(error, -EINVAL, "'%.64s' is not a number", items[0]);
        value = minus ? -(int64_t)size : (int64_t)size;
        if (value < (int64_t)key->min || value > (int64_t)key->max)
                return error_set(error, -EINVAL, "%.64s is out of range; it is from %" PRId64 " to %" PRId64, items[0],
                                 (int64_t)key->min, (int64_t)key->max);
        *(int *)field = (int)value;
        return 0;
}

static void integer_write(const struct config_key *key, const void *field, FILE *out) {
        fprintf(out, "%d", *(const int *)field);
}

static bool integer_is_set(const void *field) {
        return *(const int *)field != INTEGER_UNSET;
}

static int word_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return key_type_start.read(key, field, items, n, error);
}

static void word_write(const struct config_key *key, const void *field, FILE *out) {
        key_type_start.write(key, field, out);
}

static int umask_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        return key_type_mode.read(key, field, items, n, error);
}

static void umask_write(const struct config_key *key, const void *field, FILE *out) {
        key_type_mode.write(key, field, out);
}

/* "150%", "12.5%": in hundredths of a percent. */
static int percent_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        char *end;
        double value = strtod(items[0], &end);

        if (end == items[0] || strcmp(end, "%") != 0 || !(value * 100 >= 1) || !(value <= PERCENT_MAX))
                return error_set(error, -EINVAL, "'%.64s' is not a share of a processor, such as 50%% or 250%%", items[0]);
        *(int *)field = (int)(value * 100 + 0.5);
        return 0;
}

static void percent_write(const struct config_key *key, const void *field, FILE *out) {
        int value = *(const int *)field;

        fprintf(out, value % 100 ? "%d.%02d%%" : "%d%%", value / 100, value % 100);
}

/* ---- sets of processors or nodes --------------------------------------------------------------- */

static bool mask_has(const struct worker_mask *mask, unsigned int i) {
        return mask->bits[i / 8] >> i % 8 & 1;
}

/* "3", "4-7" */
static int mask_add(struct worker_mask *mask, const char *text) {
        char *dash;
        unsigned long first = strtoul(text, &dash, 10), last = first;

        if (dash == text || *text == '-' || *text == '+' || *text == ' ')
                return -EINVAL;
        if (*dash == '-') {
                char *end;

                last = strtoul(dash + 1, &end, 10);
                if (end == dash + 1 || dash[1] == '-' || dash[1] == '+' || *end)
                        return -EINVAL;
        } else if (*dash)
                return -EINVAL;
        if (first > last || last >= WORKER_MASK_MAX)
                return -ERANGE;
        for (; first <= last; first++)
                mask->bits[first / 8] |= (uint8_t)(1u << first % 8);
        return 0;
}

static int mask_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        struct worker_mask mask = { 0 };

        for (size_t i = 0; i < n; i++) {
                int r = mask_add(&mask, items[i]);

                if (r == -ERANGE)
                        return error_set(error, -EINVAL, "%.64s is out of range; it is from 0 to %d", items[i],
                                         WORKER_MASK_MAX - 1);
                if (r < 0)
                        return error_set(error, -EINVAL, "'%.64s' is neither a number nor a range, such as 4-7", items[i]);
        }
        memcpy(field, &mask, sizeof mask);
        return 0;
}

static void mask_write(const struct config_key *key, const void *field, FILE *out) {
        const struct worker_mask *mask = field;
        const char *separator = "";

        fputc('{', out);
        for (unsigned int i = 0; i < WORKER_MASK_MAX; i++) {
                unsigned int first = i;

                if (!mask_has(mask, i))
                        continue;
                while (i + 1 < WORKER_MASK_MAX && mask_has(mask, i + 1))
                        i++;
                fprintf(out, first == i ? "%s%u" : "%s%u-%u", separator, first, i);
                separator = ", ";
        }
        fputc('}', out);
}

static bool mask_is_set(const void *field) {
        const struct worker_mask *mask = field;

        for (size_t i = 0; i < sizeof mask->bits; i++)
                if (mask->bits[i])
                        return true;
        return false;
}

/* ---- files ------------------------------------------------------------------------------------- */

static int files_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        for (size_t i = 0; i < n; i++)
                if (!items[i][items[i][0] == '-'])
                        return error_set(error, -EINVAL, "the path of a file is missing");
        return strings_copy(items, n, field);
}

/* The name of a file in a directory, of which nobody could mistake anything for another. */
static bool is_credential_name(const char *name, size_t length) {
        return length > 0 && length <= CREDENTIAL_NAME_MAX && memchr(name, '/', length) == NULL && name[0] != '.';
}

/* "NAME:PATH" */
static int credentials_read(const struct config_key *key, void *field, char *const *items, size_t n, struct error *error) {
        for (size_t i = 0; i < n; i++) {
                const char *colon = strchr(items[i], ':');

                if (!colon || !colon[1])
                        return error_set(error, -EINVAL, "'%.64s' is not of the form NAME:PATH", items[i]);
                if (!is_credential_name(items[i], (size_t)(colon - items[i])))
                        return error_set(error, -EINVAL, "'%.*s' is not the name of a file", (int)MIN(colon - items[i], 64),
                                         items[i]);
                for (size_t j = 0; j < i; j++)
                        if (strncmp(items[i], items[j], (size_t)(colon - items[i]) + 1) == 0)
                                return error_set(error, -EINVAL, "%.*s is there twice", (int)(colon - items[i]), items[i]);
        }
        return strings_copy(items, n, field);
}

static void files_write(const struct config_key *key, const void *field, FILE *out) {
        key_type_names.write(key, field, out);
}

static bool files_are_set(const void *field) {
        return key_type_names.is_set(field);
}

#define OPTIONAL(label, read, write) { label, KEY_FIXED, sizeof(uint64_t), false, read, write, amount_is_set, 0xff }
#define SMALL(label, read, write) { label, KEY_FIXED, sizeof(int), false, read, write, integer_is_set, INTEGER_UNSET_BYTE }

const struct key_type key_type_bytes = OPTIONAL("size", bytes_read, bytes_write);
const struct key_type key_type_total = OPTIONAL("number", total_read, total_write);
const struct key_type key_type_duration = OPTIONAL("time", duration_read, duration_write);
const struct key_type key_type_integer = SMALL("number", integer_read, integer_write);
const struct key_type key_type_word = SMALL("word", word_read, word_write);
const struct key_type key_type_umask = SMALL("mode", umask_read, umask_write);
const struct key_type key_type_percent = SMALL("percent", percent_read, percent_write);
const struct key_type key_type_mask = {
        "list of numbers", KEY_FIXED, sizeof(struct worker_mask), true, mask_read, mask_write, mask_is_set,
};
const struct key_type key_type_files = {
        "list of files", KEY_LIST, sizeof(char **), true, files_read, files_write, files_are_set,
};
const struct key_type key_type_credentials = {
        "list", KEY_LIST, sizeof(char **), true, credentials_read, files_write, files_are_set,
};
