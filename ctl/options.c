/* SPDX-License-Identifier: MIT */

/*
 * Parsing of options
 *
 * By our table rather than by getopt_long(3), which neither suggests the nearest name nor tells which verb
 * takes an option, and accepts abbreviations that break scripts when an option is added.
 */

#include "ctl/options.h"

#include <errno.h>
#include <string.h>

#include "base/log-line.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/ctl.h"
#include "ctl/when.h"

/** A day, and more than two processors can do. */
#define SECONDS_MAX 86400
#define KILLS_MAX 10000

const struct option_row option_rows[_OPTION_N] = {
#define OPTION(id, letter_, name_, argument_, help_) \
        [OPTION_##id] = { .letter = letter_, .name = name_, .argument = argument_, .help = help_ },
#include "ctl/options.def"
#undef OPTION
};

static int find_name(const char *name, size_t length) {
        for (int i = 0; i < _OPTION_N; i++)
                if (strlen(option_rows[i].name) == length && strncmp(option_rows[i].name, name, length) == 0)
                        return i;
        return -ENOENT;
}

static int find_letter(char letter) {
        for (int i = 0; i < _OPTION_N; i++)
                if (option_rows[i].letter == letter)
                        return i;
        return -ENOENT;
}

static int unknown_option(const char *typed, size_t length) {
        const char *names[_OPTION_N + 1] = { NULL }, *nearest;
        char word[64];

        for (int i = 0; i < _OPTION_N; i++)
                names[i] = option_rows[i].name;
        snprintf(word, sizeof word, "%.*s", (int)MIN(length, sizeof word - 1), typed);
        nearest = text_nearest(word, names);
        if (nearest)
                complain(0, "no option '--%s'; did you mean '--%s'?", word, nearest);
        else
                complain(0, "no option '--%s'; see 'gangerctl help'", word);
        return -EINVAL;
}

static int parse_count(const char *text, const char *what, uint32_t max, uint32_t *ret) {
        uint64_t n;
        int r;

        r = parse_number(text, what, max, &n);
        if (r < 0)
                return r;
        *ret = (uint32_t)n;
        return 0;
}

static int parse_since(const char *text, uint64_t *ret) {
        int r = when_parse(text, now_realtime_usec(), ret);

        if (r == -ERANGE)
                complain(0, "--since: '%s' has not been yet, or is too long ago", text);
        else if (r < 0)
                complain(0, "--since: '%s' is not a time, such as '10min ago', -5m, today, 10:00 or '2026-11-27 10:00'",
                         text);
        return r < 0 ? -EINVAL : 0;
}

static int parse_time(const char *text, const char *what, uint64_t *ret) {
        if (usec_parse(text, ret) >= 0)
                return 0;
        complain(0, "%s: '%s' is not a time, such as 10s or 1min", what, text);
        return -EINVAL;
}

static int set(struct options *o, enum option_id id, const char *value) {
        o->given |= UINT32_C(1) << id;
        switch (id) {
        case OPTION_SOCKET:
                o->socket = value;
                return 0;
        case OPTION_RUNTIME_DIR:
                o->runtime_dir = value;
                return 0;
        case OPTION_EXEC:
                o->exec = value;
                return 0;
        case OPTION_LINES:
                return parse_count(value, "--lines", UINT32_MAX, &o->lines);
        case OPTION_COUNT:
                return parse_count(value, "--count", UINT32_MAX, &o->count);
        case OPTION_SECONDS:
                return parse_count(value, "--seconds", SECONDS_MAX, &o->seconds);
        case OPTION_KILLS:
                return parse_count(value, "--kills-per-second", KILLS_MAX, &o->kills);
        case OPTION_SEED:
                return parse_number(value, "--seed", UINT64_MAX, &o->seed);
        case OPTION_SINCE:
                return parse_since(value, &o->since_usec);
        case OPTION_PRIORITY:
                o->priority = log_level_parse(value);
                if (o->priority >= 0)
                        return 0;
                complain(0, "--priority: '%s' is none of emerg, alert, crit, err, warning, notice, info, debug, 0 to 7",
                         value);
                return -EINVAL;
        case OPTION_CANARY:
                return parse_count(value, "--canary", UINT32_MAX, &o->canary);
        case OPTION_THRESHOLD:
                return parse_count(value, "--threshold", 100, &o->threshold);
        case OPTION_MAX_FAIL:
                return parse_count(value, "--max-fail", UINT32_MAX, &o->max_fail);
        case OPTION_TIMEOUT:
                return parse_time(value, "--timeout", &o->timeout_usec);
        case OPTION_HOLD:
                return parse_time(value, "--hold", &o->hold_usec);
        default:
                return 0;
        }
}

/** `--name`, `--name=value`, `--name value`. @return how many words more it took, or -EINVAL. */
static int parse_long(struct options *o, const char *word, const char *next) {
        const char *equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word) : strlen(word);
        int id = find_name(word, length);

        if (id < 0)
                return unknown_option(word, length);
        if (!option_rows[id].argument && equals) {
                complain(0, "--%s takes no argument", option_rows[id].name);
                return -EINVAL;
        }
        if (option_rows[id].argument && !equals && !next) {
                complain(0, "--%s needs an argument: %s", option_rows[id].name, option_rows[id].argument);
                return -EINVAL;
        }
        if (!option_rows[id].argument)
                return set(o, (enum option_id)id, NULL);
        if (set(o, (enum option_id)id, equals ? equals + 1 : next) < 0)
                return -EINVAL;
        return equals ? 0 : 1;
}

/** `-f`, `-fn5`, `-n 5`. @return how many words more it took, or -EINVAL. */
static int parse_short(struct options *o, const char *word, const char *next) {
        for (; *word; word++) {
                int id = find_letter(*word);

                if (id < 0) {
                        complain(0, "no option '-%c'; see 'gangerctl help'", *word);
                        return -EINVAL;
                }
                if (!option_rows[id].argument) {
                        set(o, (enum option_id)id, NULL);
                        continue;
                }
                if (!word[1] && !next) {
                        complain(0, "-%c needs an argument: %s", *word, option_rows[id].argument);
                        return -EINVAL;
                }
                if (set(o, (enum option_id)id, word[1] ? word + 1 : next) < 0)
                        return -EINVAL;
                return word[1] ? 0 : 1;
        }
        return 0;
}

int options_parse(struct options *o, char **args, int *n_args) {
        int kept = 0, r;

        for (int i = 0; i < *n_args; i++) {
                char *next = i + 1 < *n_args ? args[i + 1] : NULL;

                if (strcmp(args[i], "--") == 0) {
                        while (++i < *n_args)
                                args[kept++] = args[i];
                        break;
                }
                if (args[i][0] != '-' || !args[i][1]) {
                        args[kept++] = args[i];
                        continue;
                }
                if (args[i][1] == '-')
                        r = parse_long(o, args[i] + 2, next);
                else
                        r = parse_short(o, args[i] + 1, next);
                if (r < 0)
                        return r;
                i += r;
        }
        *n_args = kept;
        return 0;
}

int options_check(const struct options *o, const char *verb, uint32_t allowed) {
        for (int i = 0; i < _OPTION_N; i++) {
                if ((o->given & ~(allowed | OPTIONS_GLOBAL)) & (UINT32_C(1) << i)) {
                        complain(0, "'%s' takes no --%s; see 'gangerctl help %s'", verb, option_rows[i].name, verb);
                        return -EINVAL;
                }
        }
        return 0;
}
