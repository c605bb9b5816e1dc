/* SPDX-License-Identifier: MIT */

/*
 * Clocks and time spans
 *
 * What usec_format() writes, usec_parse() reads.
 */

#include "base/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

static uint64_t clock_usec(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t now_realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}

static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "weeks", 604800 * USEC_PER_SEC }, { "week", 604800 * USEC_PER_SEC }, { "w", 604800 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },   { "day", 86400 * USEC_PER_SEC },   { "d", 86400 * USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },   { "hour", 3600 * USEC_PER_SEC },   { "hr", 3600 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },       { "minutes", 60 * USEC_PER_SEC },  { "minute", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },       { "m", 60 * USEC_PER_SEC },        { "seconds", USEC_PER_SEC },
        { "second", USEC_PER_SEC },         { "sec", USEC_PER_SEC },           { "s", USEC_PER_SEC },
        { "msec", USEC_PER_MSEC },          { "ms", USEC_PER_MSEC },           { "usec", 1 },
        { "us", 1 },
};

/** One number with its unit at *p; moves *p on. A number without a unit is seconds. */
static int parse_part(const char **p, uint64_t *ret) {
        double number, usec;
        uint64_t unit = USEC_PER_SEC;
        char *end;
        size_t n = 0;

        if (!isdigit((unsigned char)**p))
                return -EINVAL;
        number = strtod(*p, &end);
        while (*end == ' ')
                end++;
        while (isalpha((unsigned char)end[n]))
                n++;
        if (n > 0) {
                unit = 0;
                for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                        if (strlen(units[i].name) == n && strncmp(units[i].name, end, n) == 0)
                                unit = units[i].usec;
                if (unit == 0)
                        return -EINVAL;
        }
        usec = number * (double)unit;
        if (usec >= 1e18)
                return -ERANGE;
        *p = end + n;
        *ret = (uint64_t)(usec + 0.5);
        return 0;
}

int usec_parse(const char *text, uint64_t *ret) {
        const char *p = text;
        uint64_t sum = 0, part;
        int r;

        while (*p == ' ')
                p++;
        if (strcmp(p, "infinity") == 0) {
                *ret = USEC_INFINITY;
                return 0;
        }
        do {
                r = parse_part(&p, &part);
                if (r < 0)
                        return r;
                sum = usec_add(sum, part);
                while (*p == ' ')
                        p++;
        } while (*p);

        *ret = sum;
        return 0;
}

static const struct {
        const char *name;
        uint64_t usec;
} steps[] = {
        { "d", 86400 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "min", 60 * USEC_PER_SEC },
        { "s", USEC_PER_SEC },         { "ms", USEC_PER_MSEC },      { "us", 1 },
};

char *usec_format_rough(char *buf, size_t size, uint64_t usec) {
        size_t i = 0;
        uint64_t tenths;

        if (usec == USEC_INFINITY || usec == 0)
                return usec_format(buf, size, usec);
        /* The largest unit of which it is one or more, rounded as it will be. */
        while (i + 1 < ARRAY_SIZE(steps) && usec + steps[i + 1].usec / 2 < steps[i].usec)
                i++;
        tenths = (usec + steps[i].usec / 20) / (steps[i].usec / 10 ?: 1);
        if (steps[i].usec >= USEC_PER_SEC && tenths < 100 && tenths % 10 != 0)
                snprintf(buf, size, "%llu.%llu%s", (unsigned long long)tenths / 10, (unsigned long long)tenths % 10,
                         steps[i].name);
        else
                snprintf(buf, size, "%llu%s", (unsigned long long)((usec + steps[i].usec / 2) / steps[i].usec),
                         steps[i].name);
        return buf;
}

char *usec_format(char *buf, size_t size, uint64_t usec) {
        size_t n = 0;
        int parts = 0;

        if (usec == USEC_INFINITY) {
                snprintf(buf, size, "infinity");
                return buf;
        }
        buf[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(steps) && parts < 2; i++) {
                if (usec < steps[i].usec) {
                        if (parts > 0)
                                parts++; /* the second unit is the next one or none */
                        continue;
                }
                n += (size_t)snprintf(buf + n, size > n ? size - n : 0, "%s%llu%s", parts ? " " : "",
                                      (unsigned long long)(usec / steps[i].usec), steps[i].name);
                usec %= steps[i].usec;
                parts++;
        }
        if (n == 0)
                snprintf(buf, size, "0s");
        return buf;
}
