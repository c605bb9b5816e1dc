/* SPDX-License-Identifier: MIT */

/*
 * Values written exactly
 *
 * The canonical form is read back: it must not round, and no string may mean something else in it.
 */

#include "daemon/config/values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"

int number_parse(const char *text, uint64_t *ret) {
        unsigned long long n;
        char *end;

        if (!isdigit((unsigned char)text[0]))
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno)
                return -ERANGE;
        if (*end)
                return -EINVAL;
        *ret = n;
        return 0;
}

struct unit {
        const char *name;
        uint64_t factor;
};

static void print_exact(uint64_t n, const struct unit *units, size_t n_units, FILE *out) {
        size_t i = 0;

        while (i + 1 < n_units && n % units[i].factor != 0)
                i++;
        fprintf(out, "%" PRIu64 "%s", n / units[i].factor, units[i].name);
}

void size_print(uint64_t bytes, FILE *out) {
        static const struct unit units[] = {
                { "GiB", UINT64_C(1) << 30 },
                { "MiB", UINT64_C(1) << 20 },
                { "KiB", UINT64_C(1) << 10 },
                { "", 1 },
        };

        print_exact(bytes, units, ARRAY_SIZE(units), out);
}

void usec_print(uint64_t usec, FILE *out) {
        static const struct unit units[] = {
                { "h", 3600 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "ms", USEC_PER_MSEC },
                { "us", 1 },
        };

        if (usec == USEC_INFINITY)
                fputs("infinity", out);
        else if (usec == 0)
                fputs("0s", out);
        else
                print_exact(usec, units, ARRAY_SIZE(units), out);
}

void string_print(const char *text, FILE *out) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

        if (*text && strspn(text, plain) == strlen(text)) {
                fputs(text, out);
                return;
        }
        fputc('"', out);
        for (; *text; text++) {
                if (*text == '\n')
                        fputs("\\n", out);
                else if ((unsigned char)*text < ' ' || *text == 0x7f)
                        fprintf(out, "\\x%02x", (unsigned char)*text);
                else if (*text == '"' || *text == '\\' || *text == '$')
                        fprintf(out, "\\%c", *text);
                else
                        fputc(*text, out);
        }
        fputc('"', out);
}

char **strings_free(char **list) {
        for (size_t i = 0; list && list[i]; i++)
                free(list[i]);
        free(list);
        return NULL;
}

void words_join(const char *const *words, char *buf, size_t size) {
        size_t n = 0, last = 0;

        while (words[last + 1])
                last++;
        for (size_t i = 0; i <= last && n < size; i++)
                n += (size_t)snprintf(buf + n, size - n, "%s%s", i == 0 ? "" : i < last ? ", " : " or ", words[i]);
}

bool variable_is_ours(const char *assignment) {
        static const char *const names[] = {
                "GANGER_", "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "INVOCATION_ID=",
                "CREDENTIALS_DIRECTORY=",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strncmp(assignment, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

int strings_copy(char *const *items, size_t n, char ***ret) {
        _cleanup_(strings_freep) char **list = calloc(n + 1, sizeof *list);

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                list[i] = strdup(items[i]);
                if (!list[i])
                        return -ENOMEM;
        }
        *ret = TAKE(list);
        return 0;
}
