/* SPDX-License-Identifier: MIT */
/*
 * Files of variables, as systemd.exec(5) has them (EnvironmentFile=)
 *
 * A state for each place that a character can be in, as in systemd's own reader; what that passes over in silence (a
 * line without "=", a name that is none) is an error here, since it is nearly always a mistake.
 */

#include "daemon/env-file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/config/values.h"
#include "daemon/small-file.h"
#include "daemon/spawn-parts.h"

enum place {
        PLACE_BEFORE_NAME,
        PLACE_COMMENT,
        PLACE_COMMENT_ESCAPE,
        PLACE_NAME,
        PLACE_BEFORE_VALUE,             /* also between two quoted parts of one */
        PLACE_VALUE,
        PLACE_VALUE_ESCAPE,
        PLACE_SINGLE,
        PLACE_DOUBLE,
        PLACE_DOUBLE_ESCAPE,
};

struct reader {
        enum place place;
        unsigned int line;              /* that it is at */
        unsigned int began;             /* of the assignment */
        char *text;                     /* "NAME=value", as far as it was read; room for all of the file */
        size_t n;
        size_t kept;                    /* of these, what no blank at the end is taken from */
        env_file_fn fn;
        void *userdata;
        const char *why;
};

static int bad(struct reader *r, const char *why) {
        r->why = why;
        return -EINVAL;
}

static void keep(struct reader *r, char c) {
        r->text[r->n++] = c;
        r->kept = r->n;
}

static bool is_name(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!(isalpha((unsigned char)text[i]) || text[i] == '_' || (i > 0 && isdigit((unsigned char)text[i]))))
                        return false;
        return n > 0;
}

/* At "=". */
static int end_name(struct reader *r) {
        while (r->n > 0 && isblank((unsigned char)r->text[r->n - 1]))
                r->n--;
        if (!is_name(r->text, r->n) && !fault_is("env-any-name"))
                return bad(r, "what is before '=' is not the name of a variable");
        keep(r, '=');
        r->place = PLACE_BEFORE_VALUE;
        return 0;
}

static int end_value(struct reader *r) {
        r->n = r->kept;
        r->text[r->n] = '\0';
        r->n = 0;
        r->place = PLACE_BEFORE_NAME;
        return r->fn(r->userdata, r->text, &r->why);
}

static int in_value(struct reader *r, char c) {
        if (c == '\n')
                return end_value(r);
        if (c == '\\')
                r->place = PLACE_VALUE_ESCAPE;
        else if (isblank((unsigned char)c))
                r->text[r->n++] = c;
        else
                keep(r, c);
        return 0;
}

static int before_value(struct reader *r, char c) {
        if (isblank((unsigned char)c))
                return 0;
        if (c == '\'' || c == '"') {
                r->n = r->kept;
                r->place = c == '"' ? PLACE_DOUBLE : PLACE_SINGLE;
                return 0;
        }
        r->place = PLACE_VALUE;
        return in_value(r, c);
}

static int take(struct reader *r, char c) {
        switch (r->place) {
        case PLACE_BEFORE_NAME:
                r->began = r->line;
                r->n = r->kept = 0;
                if (c == '#' || c == ';')
                        r->place = PLACE_COMMENT;
                else if (!isspace((unsigned char)c)) {
                        r->place = PLACE_NAME;
                        return take(r, c);
                }
                return 0;
        case PLACE_COMMENT:
                r->place = c == '\\' ? PLACE_COMMENT_ESCAPE : c == '\n' ? PLACE_BEFORE_NAME : PLACE_COMMENT;
                return 0;
        case PLACE_COMMENT_ESCAPE:
                r->place = PLACE_COMMENT;
                return 0;
        case PLACE_NAME:
                if (c == '\n')
                        return bad(r, "'=' is missing");
                if (c == '=')
                        return end_name(r);
                r->text[r->n++] = c;
                return 0;
        case PLACE_BEFORE_VALUE:
                return before_value(r, c);
        case PLACE_VALUE:
                return in_value(r, c);
        case PLACE_VALUE_ESCAPE:
                r->place = PLACE_VALUE;
                if (c != '\n')
                        keep(r, c);
                return 0;
        case PLACE_SINGLE:
                if (c == '\'')
                        r->place = PLACE_BEFORE_VALUE;
                else
                        keep(r, c);
                return 0;
        case PLACE_DOUBLE:
                if (c == '"')
                        r->place = PLACE_BEFORE_VALUE;
                else if (c == '\\')
                        r->place = PLACE_DOUBLE_ESCAPE;
                else
                        keep(r, c);
                return 0;
        case PLACE_DOUBLE_ESCAPE:
                r->place = PLACE_DOUBLE;
                if (c == '\n')
                        return 0;
                if (!strchr("\"\\`$", c))
                        keep(r, '\\');
                keep(r, c);
                return 0;
        }
        return 0;
}

/* As if the last line had its end. */
static int finish(struct reader *r) {
        if (r->place == PLACE_SINGLE || r->place == PLACE_DOUBLE || r->place == PLACE_DOUBLE_ESCAPE)
                return bad(r, "a quote is not closed");
        if (r->place == PLACE_VALUE_ESCAPE)
                r->place = PLACE_VALUE;
        return take(r, '\n');
}

int env_file_parse(const char *text, size_t size, env_file_fn fn, void *userdata, unsigned int *ret_line,
                   const char **ret_why) {
        struct reader r = { .line = 1, .began = 1, .fn = fn, .userdata = userdata };
        int result = 0;

        r.text = malloc(2 * size + 2); /* an escape that means nothing is kept with its backslash */
        if (!r.text) {
                *ret_line = 0;
                *ret_why = "no memory";
                return -ENOMEM;
        }
        for (size_t i = 0; i < size && result >= 0; i++) {
                result = text[i] == '\0' ? bad(&r, "there is a byte 0 in it") : take(&r, text[i] == '\r' ? '\n' : text[i]);
                r.line += result >= 0 && text[i] == '\n';
        }
        if (result >= 0)
                result = finish(&r);
        free(r.text);
        if (result >= 0)
                return 0;
        *ret_line = r.began;
        *ret_why = r.why ?: "no memory";
        return result;
}

/* ---- those of a worker ------------------------------------------------------------------------- */

static int add(void *userdata, const char *assignment, const char **why) {
        if (variable_is_ours(assignment)) {
                *why = "gangerd sets this variable itself";
                return -EINVAL;
        }
        return environment_set(userdata, assignment);
}

static int add_file(struct strings *environment, const struct worker_definition *definition, const char *name,
                    struct error *error) {
        bool may_be_missing = *name == '-';
        _cleanup_(freep) char *path = NULL, *text = NULL;
        const char *why;
        unsigned int line;
        size_t size;
        int r = worker_definition_path(definition, name + may_be_missing, &path);

        if (r < 0)
                return error_errno(error, r, "environment-file");
        r = small_file_read(path, ENV_FILE_MAX, &text, &size);
        if (r == -ENOENT && may_be_missing)
                return 0;
        if (r < 0)
                return error_set(error, r, "environment-file: %s: %s", path, small_file_problem(r));
        r = env_file_parse(text, size, add, environment, &line, &why);
        return r < 0 ? error_set(error, r, "environment-file: %s:%u: %s", path, line, why) : 0;
}

int environment_files(struct strings *environment, const struct worker_definition *definition, struct error *error) {
        for (char **name = definition->environment_file; *name; name++) {
                int r = add_file(environment, definition, *name, error);

                if (r < 0)
                        return r;
        }
        return 0;
}
