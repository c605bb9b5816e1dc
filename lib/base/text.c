/* SPDX-License-Identifier: MIT */

/*
 * Text for people
 *
 * What a `_format` writes, its `_parse` reads.
 */

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/** Longer words are never near each other. */
#define WORD_MAX 64

bool name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > NAME_LENGTH_MAX || !isalnum((unsigned char)name[0]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
                        return false;
        return true;
}

int size_parse(const char *text, uint64_t *ret) {
        static const char letters[] = "KMGT";
        unsigned long long n;
        unsigned int shift = 0;
        const char *unit;
        char *end;

        if (!isdigit((unsigned char)text[0]))
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno)
                return -ERANGE;
        while (*end == ' ')
                end++;
        if (*end && strcmp(end, "B") != 0) {
                unit = strchr(letters, toupper((unsigned char)*end));
                if (!unit || (end[1] && strcasecmp(end + 1, "iB") != 0 && strcasecmp(end + 1, "B") != 0))
                        return -EINVAL;
                shift = 10 * (unsigned int)(unit - letters + 1);
        }
        if (n > UINT64_MAX >> shift)
                return -ERANGE;
        *ret = n << shift;
        return 0;
}

char *size_format(char *buf, size_t size, uint64_t bytes) {
        static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        unsigned int i = 0;
        double n = (double)bytes;

        while (n >= 1024 && i + 1 < ARRAY_SIZE(names)) {
                n /= 1024;
                i++;
        }
        if (n >= 100 || n == (double)(uint64_t)n)
                snprintf(buf, size, "%.0f%s", n, names[i]);
        else
                snprintf(buf, size, "%.1f%s", n, names[i]);
        return buf;
}

int signal_parse(const char *text) {
        const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
        char *end;
        long n;

        if (isdigit((unsigned char)text[0])) {
                n = strtol(text, &end, 10);
                return *end == '\0' && n > 0 && n < NSIG ? (int)n : -EINVAL;
        }
        for (int i = 1; i < SIGRTMIN; i++) {
                const char *abbreviation = sigabbrev_np(i);

                if (abbreviation && strcasecmp(abbreviation, name) == 0)
                        return i;
        }
        if (strncasecmp(name, "RTMIN", 5) == 0) {
                n = name[5] == '+' ? strtol(name + 6, &end, 10) : 0;
                if (name[5] == '\0' || (name[5] == '+' && name[6] && *end == '\0' && n >= 0 && SIGRTMIN + n <= SIGRTMAX))
                        return SIGRTMIN + (int)n;
        }
        return -EINVAL;
}

char *signal_format(char *buf, size_t size, int signal) {
        const char *abbreviation = signal > 0 && signal < NSIG ? sigabbrev_np(signal) : NULL;

        if (abbreviation)
                snprintf(buf, size, "SIG%s", abbreviation);
        else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
                snprintf(buf, size, "SIGRTMIN+%d", signal - SIGRTMIN);
        else
                snprintf(buf, size, "signal %d", signal);
        return buf;
}

char *exit_status_format(char *buf, size_t size, int status) {
        char name[SIGNAL_FORMAT_MAX];

        if (WIFSIGNALED(status))
                snprintf(buf, size, "killed by %s%s", signal_format(name, sizeof name, WTERMSIG(status)),
                         WCOREDUMP(status) ? ", core dumped" : "");
        else
                snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
        return buf;
}

/* Optimal string alignment: Levenshtein's table, and a swap of neighbours counts as one edit. */
size_t text_distance(const char *a, const char *b) {
        size_t la = strlen(a), lb = strlen(b), row[3][WORD_MAX + 1];

        if (la > WORD_MAX || lb > WORD_MAX)
                return WORD_MAX;
        for (size_t j = 0; j <= lb; j++)
                row[0][j] = row[1][j] = row[2][j] = j;
        for (size_t i = 1; i <= la; i++) {
                size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

                now[0] = i;
                for (size_t j = 1; j <= lb; j++) {
                        size_t cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);

                        now[j] = MIN(before[j], now[j - 1]) + 1;
                        now[j] = MIN(now[j], before[j - 1] + cost);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                now[j] = MIN(now[j], earlier[j - 2] + 1);
                }
        }
        return row[la % 3][lb];
}

const char *text_nearest(const char *typed, const char *const *candidates) {
        size_t best = strlen(typed) / 3 + 1; /* one edit in a short word, more in a long one */
        const char *found = NULL;

        for (; *candidates; candidates++) {
                size_t d = text_distance(typed, *candidates);

                if (d < best || (d == best && !found)) {
                        best = d;
                        found = *candidates;
                }
        }
        return found;
}
