/* SPDX-License-Identifier: MIT */

/*
 * Times as people write them
 *
 * What is not understood to its last letter is refused: half a time is worse than none.
 */

#include "ctl/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"

/** What is left of a text after `word`, which ends there or before a space; NULL: it does not begin so. */
static const char *after_word(const char *text, const char *word) {
        size_t n = strlen(word);

        if (strncmp(text, word, n) != 0 || (text[n] && text[n] != ' '))
                return NULL;
        text += n;
        return text + strspn(text, " ");
}

/* ---- so long ago ------------------------------------------------------------------------------- */

static int parse_ago(const char *span, size_t size, uint64_t now_usec, uint64_t *ret_usec) {
        char text[64];
        uint64_t usec;

        if (size >= sizeof text)
                return -EINVAL;
        memcpy(text, span, size);
        text[size] = '\0';
        if (usec_parse(text, &usec) < 0 || usec == USEC_INFINITY)
                return -EINVAL;
        if (usec > now_usec)
                return -ERANGE;
        *ret_usec = now_usec - usec;
        return 0;
}

static size_t length_before_ago(const char *text) {
        size_t n = strlen(text);

        if (n < 5 || strcmp(text + n - 4, " ago") != 0)
                return 0;
        return n - 4;
}

/* ---- days and hours ------------------------------------------------------------------------------ */

/** Exactly `n` digits. @return whether they are there, and nothing less. */
static bool digits(const char **p, size_t n, int *ret) {
        int value = 0;

        for (size_t i = 0; i < n; i++, (*p)++) {
                if (**p < '0' || **p > '9')
                        return false;
                value = value * 10 + (**p - '0');
        }
        *ret = value;
        return true;
}

static bool letter(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

/** "2026-11-27" */
static bool parse_day(const char **p, struct tm *tm) {
        int year, month, day;

        if (!digits(p, 4, &year) || !letter(p, '-') || !digits(p, 2, &month) || !letter(p, '-') || !digits(p, 2, &day))
                return false;
        tm->tm_year = year - 1900;
        tm->tm_mon = month - 1;
        tm->tm_mday = day;
        return true;
}

/** ".123456": at least one digit, and those after the sixth do not count. */
static bool parse_fraction(const char **p, uint64_t *ret_usec) {
        uint64_t usec = 0, unit = USEC_PER_SEC / 10;
        const char *begin = *p;

        for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
                usec += (uint64_t)(**p - '0') * unit;
        *ret_usec = usec;
        return *p > begin;
}

/** "10:00", "10:00:30", "10:00:30.5" */
static bool parse_hour(const char **p, struct tm *tm, uint64_t *ret_usec) {
        if (!digits(p, 2, &tm->tm_hour) || !letter(p, ':') || !digits(p, 2, &tm->tm_min))
                return false;
        if (letter(p, ':')) {
                if (!digits(p, 2, &tm->tm_sec))
                        return false;
                if (letter(p, '.') && !parse_fraction(p, ret_usec))
                        return false;
        }
        return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/** What is not in the calendar, as February 30, comes out as another day. */
static int to_usec(const struct tm *written, bool utc, uint64_t usec, uint64_t *ret_usec) {
        struct tm tm = *written;
        time_t seconds;

        tm.tm_isdst = -1;
        seconds = utc ? timegm(&tm) : mktime(&tm);
        if (tm.tm_year != written->tm_year || tm.tm_mon != written->tm_mon || tm.tm_mday != written->tm_mday)
                return -EINVAL;
        if (seconds < 0)
                return -ERANGE;
        *ret_usec = (uint64_t)seconds * USEC_PER_SEC + usec;
        return 0;
}

/** Midnight of the day so many days before this one. */
static int midnight(uint64_t now_usec, int days, struct tm *ret) {
        time_t now = (time_t)(now_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&now, &tm))
                return -EINVAL;
        *ret = (struct tm){ .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday - days, .tm_isdst = -1 };
        if (mktime(ret) < 0)
                return -ERANGE;
        ret->tm_hour = ret->tm_min = ret->tm_sec = 0;
        return 0;
}

/** @return whether it names a day, of which `*p` then has the rest. */
static bool parse_named_day(const char **p, uint64_t now_usec, struct tm *tm) {
        static const char *const names[] = { "today", "yesterday" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *rest = after_word(*p, names[i]);

                if (rest && midnight(now_usec, (int)i, tm) == 0) {
                        *p = rest;
                        return true;
                }
        }
        return false;
}

static int parse_date(const char *p, uint64_t now_usec, uint64_t *ret_usec) {
        uint64_t usec = 0;
        bool utc = false, day;
        struct tm tm = { 0 };
        const char *begin = p;

        day = parse_named_day(&p, now_usec, &tm);
        if (!day) {
                day = parse_day(&p, &tm);
                if (day && (*p == 'T' || *p == ' '))
                        p++;
        }
        if (!day) {
                p = begin;
                if (midnight(now_usec, 0, &tm) < 0)
                        return -EINVAL;
        }
        if ((*p >= '0' && *p <= '9') || !day)
                if (!parse_hour(&p, &tm, &usec))
                        return -EINVAL;
        if (strcmp(p, "Z") == 0 || strcmp(p, " UTC") == 0 || (strcmp(p, "UTC") == 0 && p > begin && p[-1] == ' '))
                utc = true;
        else if (*p || (p > begin && (p[-1] == 'T' || (p[-1] == ' '))))
                return -EINVAL;
        return to_usec(&tm, utc, usec, ret_usec);
}

/* ---- all of it --------------------------------------------------------------------------------- */

/** "@1795773600", "@1795773600.5" */
static int parse_seconds(const char *p, uint64_t *ret_usec) {
        uint64_t usec = 0;
        char *end;
        unsigned long long seconds;

        if (*p < '0' || *p > '9' || strspn(p, "0123456789") > 12)
                return -EINVAL;
        seconds = strtoull(p, &end, 10);
        p = end;
        if ((letter(&p, '.') && !parse_fraction(&p, &usec)) || *p)
                return -EINVAL;
        *ret_usec = seconds * USEC_PER_SEC + usec;
        return 0;
}

int when_parse(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
        uint64_t usec;
        size_t ago = length_before_ago(text);
        int r;

        if (strcmp(text, "now") == 0) {
                usec = now_usec;
                r = 0;
        } else if (text[0] == '-')
                r = parse_ago(text + 1, strlen(text + 1), now_usec, &usec);
        else if (ago > 0)
                r = parse_ago(text, ago, now_usec, &usec);
        else if (text[0] == '@')
                r = parse_seconds(text + 1, &usec);
        else
                r = parse_date(text, now_usec, &usec);
        if (r < 0)
                return r;
        if (usec > now_usec)
                return -ERANGE;
        *ret_usec = usec;
        return 0;
}
