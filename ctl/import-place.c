/* SPDX-License-Identifier: MIT */

/*
 * What a service unit says of limits, priorities, processors, cgroups and files
 *
 * Names and meanings are ganger's own, but for units of time and some words. A row each; what of a value has no
 * counterpart is told.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "ctl/import-place.h"

enum kind {
        KIND_NUMBER,                    /* also SOFT:HARD, sizes, infinity, a sign */
        KIND_WORD,
        KIND_SECONDS,                   /* a time, of which a bare number is seconds, */
        KIND_USEC,                      /* … or these */
        KIND_NSEC,
        KIND_LIST,                      /* of numbers and ranges */
};

static const struct {
        const char *setting, *key;
        enum kind kind;
} rows[] = {
        { "LimitCPU", "limit-cpu", KIND_SECONDS },
        { "LimitFSIZE", "limit-fsize", KIND_NUMBER },
        { "LimitDATA", "limit-data", KIND_NUMBER },
        { "LimitSTACK", "limit-stack", KIND_NUMBER },
        { "LimitCORE", "limit-core", KIND_NUMBER },
        { "LimitRSS", "limit-rss", KIND_NUMBER },
        { "LimitNOFILE", "limit-nofile", KIND_NUMBER },
        { "LimitAS", "limit-as", KIND_NUMBER },
        { "LimitNPROC", "limit-nproc", KIND_NUMBER },
        { "LimitMEMLOCK", "limit-memlock", KIND_NUMBER },
        { "LimitLOCKS", "limit-locks", KIND_NUMBER },
        { "LimitSIGPENDING", "limit-sigpending", KIND_NUMBER },
        { "LimitMSGQUEUE", "limit-msgqueue", KIND_NUMBER },
        { "LimitNICE", "limit-nice", KIND_NUMBER },
        { "LimitRTPRIO", "limit-rtprio", KIND_NUMBER },
        { "LimitRTTIME", "limit-rttime", KIND_USEC },
        { "Nice", "nice", KIND_NUMBER },
        { "OOMScoreAdjust", "oom-score-adjust", KIND_NUMBER },
        { "OOMPolicy", "oom-policy", KIND_WORD },
        { "IOSchedulingClass", "io-scheduling-class", KIND_WORD },
        { "IOSchedulingPriority", "io-scheduling-priority", KIND_NUMBER },
        { "CPUSchedulingPolicy", "cpu-scheduling-policy", KIND_WORD },
        { "CPUSchedulingPriority", "cpu-scheduling-priority", KIND_NUMBER },
        { "CPUAffinity", "cpu-affinity", KIND_LIST },
        { "NUMAPolicy", "numa-policy", KIND_WORD },
        { "NUMAMask", "numa-mask", KIND_LIST },
        { "TimerSlackNSec", "timer-slack", KIND_NSEC },
        { "UMask", "umask", KIND_NUMBER },
        { "MemoryMax", "memory-max", KIND_NUMBER },
        { "MemoryHigh", "memory-high", KIND_NUMBER },
        { "MemoryLow", "memory-low", KIND_NUMBER },
        { "MemorySwapMax", "memory-swap-max", KIND_NUMBER },
        { "TasksMax", "tasks-max", KIND_NUMBER },
        { "CPUQuota", "cpu-quota", KIND_NUMBER },
        { "CPUWeight", "cpu-weight", KIND_NUMBER },
        { "IOWeight", "io-weight", KIND_NUMBER },
};

static void left(struct import *import, const struct setting *s, const char *why) {
        char text[256];

        snprintf(text, sizeof text, "%s=%s", s->key, s->value);
        import_left(import, s->line, text, "%s", why);
}

/* Numbers with a unit, a sign, a percent sign; "infinity". */
static bool is_plain(const char *value) {
        static const char plain[] = "0123456789KMGTiB+-:.%";
        size_t parts = 0;

        for (const char *p = value; *p; parts++) {
                size_t n = strncmp(p, "infinity", 8) == 0 ? 8 : strspn(p, plain);

                if (n == 0)
                        return false;
                p += n;
        }
        return parts > 0;
}

static void carry_number(struct import *import, const struct setting *s, const char *key) {
        bool is_share = strchr(s->value, '%') && strcmp(key, "cpu-quota") != 0;

        if (is_share || !is_plain(s->value))
                left(import, s, is_share ? "write how much that is" : "there is no such value here");
        else
                import_word(import, key, s->value);
}

static void carry_word(struct import *import, const struct setting *s, const char *key) {
        static const char *const classes[] = { "none", "realtime", "best-effort", "idle" };
        const char *value = s->value;

        if (strcmp(key, "io-scheduling-class") == 0 && value[0] >= '0' && value[0] <= '3' && !value[1])
                value = classes[value[0] - '0'];
        if (strcmp(key, "oom-policy") == 0 && strcmp(value, "stop") == 0)
                left(import, s, "see 'oom-policy': all of it is killed, or goes on");
        else if (!*value || strspn(value, "abcdefghijklmnopqrstuvwxyz-") != strlen(value))
                left(import, s, "there is no such value here");
        else
                import_word(import, key, value);
}

/* One time; a bare number has the unit that is given. @return false: it is none. */
static bool print_time(char *buf, size_t size, const char *value, size_t length, const char *unit) {
        bool is_bare = strspn(value, "0123456789") >= length;
        char text[64];
        uint64_t usec;

        snprintf(text, sizeof text, "%.*s%s", (int)MIN(length, (size_t)48), value, is_bare ? unit : "");
        if (length == 0 || usec_parse(text, &usec) < 0)
                return false;
        if (usec == USEC_INFINITY)
                snprintf(buf, size, "infinity");
        else
                snprintf(buf, size, "%lluus", (unsigned long long)usec);
        return true;
}

static void carry_time(struct import *import, const struct setting *s, const char *key, const char *unit) {
        const char *colon = strchr(s->value, ':');
        char soft[32], hard[32] = "", both[80];

        if (!print_time(soft, sizeof soft, s->value, colon ? (size_t)(colon - s->value) : strlen(s->value), unit) ||
            (colon && !print_time(hard, sizeof hard, colon + 1, strlen(colon + 1), unit))) {
                left(import, s, "is not a time");
                return;
        }
        snprintf(both, sizeof both, "%s%s%s", soft, colon ? ":" : "", hard);
        import_word(import, key, both);
}

/* A bare number is nanoseconds, of which ganger counts a thousand at a time. */
static void carry_nsec(struct import *import, const struct setting *s, const char *key) {
        char text[32];

        if (strspn(s->value, "0123456789") == strlen(s->value) && *s->value) {
                snprintf(text, sizeof text, "%lluus", (strtoull(s->value, NULL, 10) + 999) / 1000);
                import_word(import, key, text);
        } else
                carry_time(import, s, key, "us");
}

static void carry_list(struct import *import, const struct setting *s, const char *key) {
        _cleanup_(words_done) struct words words = { .n = 0 };

        for (char *p = s->value; *p; p++)
                if (*p == ',')
                        *p = ' ';
        if (words_split(&words, s->value) < 0 || words.n == 0) {
                left(import, s, "is no list");
                return;
        }
        for (size_t i = 0; i < words.n; i++)
                if (strspn(words.v[i], "0123456789-") != strlen(words.v[i])) {
                        left(import, s, "give the numbers");
                        return;
                }
        import_list(import, key, words.v);
}

static void carry(struct import *import, const struct setting *s, size_t row) {
        switch (rows[row].kind) {
        case KIND_NUMBER:
                carry_number(import, s, rows[row].key);
                break;
        case KIND_WORD:
                carry_word(import, s, rows[row].key);
                break;
        case KIND_SECONDS:
                carry_time(import, s, rows[row].key, "s");
                break;
        case KIND_USEC:
                carry_time(import, s, rows[row].key, "us");
                break;
        case KIND_NSEC:
                carry_nsec(import, s, rows[row].key);
                break;
        case KIND_LIST:
                carry_list(import, s, rows[row].key);
                break;
        }
}

void import_place(struct ini *ini, const struct setting *first, struct import *import) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct setting *s = ini_take(ini, first, rows[i].setting);

                /* An empty one takes back what was set before. */
                if (s && *s->value)
                        carry(import, s, i);
        }
}
