/* SPDX-License-Identifier: MIT */

/*
 * What is wrong with a configuration
 *
 * Several passes look at a file, and a person reads it from the top: the list is kept in the order of lines,
 * and of finding within a line. It is bounded, and never fails: what cannot be kept is counted.
 */

#include "daemon/config/config.h"

#include <stdarg.h>
#include <string.h>

/** A longer message is cut. */
#define MESSAGE_MAX 1024

void config_errors_done(struct config_errors *errors) {
        for (size_t i = 0; i < errors->n; i++)
                free(errors->errors[i].text);
        free(errors->errors);
        *errors = CONFIG_ERRORS_NULL;
}

/* Messages quote the file: its control characters must not reach a terminal. */
static void make_printable(char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        *text = '?';
}

static int insert(struct config_errors *errors, unsigned int line, char *text) {
        size_t at = errors->n;

        if (!errors->errors) {
                errors->errors = calloc(CONFIG_ERRORS_MAX, sizeof *errors->errors);
                if (!errors->errors)
                        return -1;
        }
        while (at > 0 && errors->errors[at - 1].line > line)
                at--;
        memmove(errors->errors + at + 1, errors->errors + at, (errors->n - at) * sizeof *errors->errors);
        errors->errors[at] = (struct config_error){ .line = line, .text = text };
        errors->n++;
        return 0;
}

void config_errors_add(struct config_errors *errors, const char *path, unsigned int line, const char *format,
                       ...) {
        _cleanup_(freep) char *text = NULL;
        char message[MESSAGE_MAX];
        va_list ap;
        int r;

        if (config_errors_full(errors)) {
                errors->n_dropped++;
                return;
        }
        va_start(ap, format);
        vsnprintf(message, sizeof message, format, ap);
        va_end(ap);
        make_printable(message);
        r = line > 0 ? asprintf(&text, "%s:%u: %s", path, line, message)
                     : asprintf(&text, "%s: %s", path, message);
        if (r < 0) {
                text = NULL;
                errors->n_dropped++;
        } else if (insert(errors, line, text) < 0)
                errors->n_dropped++;
        else
                (void)TAKE(text);
}

void config_errors_print(const struct config_errors *errors, FILE *out) {
        for (size_t i = 0; i < errors->n; i++)
                fprintf(out, "%s\n", errors->errors[i].text);
        if (errors->n_dropped > 0)
                fprintf(out, "and %zu more errors\n", errors->n_dropped);
}
