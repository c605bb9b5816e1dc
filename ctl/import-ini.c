/* SPDX-License-Identifier: MIT */

/*
 * Sections of KEY=VALUE
 *
 * Invariant: each line of the text is in a setting, is a comment, begins a section, or was told.
 */

#include "ctl/import-ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *trim(char *text) {
        size_t length;

        text += strspn(text, " \t\r");
        length = strlen(text);
        while (length > 0 && strchr(" \t\r", text[length - 1]))
                text[--length] = '\0';
        return text;
}

/* " ;" begins a comment. */
static void cut_comment(char *line) {
        for (char *p = line; (p = strchr(p, ';')); p++)
                if (p > line && isspace((unsigned char)p[-1])) {
                        *p = '\0';
                        return;
                }
}

static int add(struct ini *ini, const struct setting *setting) {
        struct setting *list = reallocarray(ini->settings, ini->n + 1, sizeof *list);

        if (!list)
                return -ENOMEM;
        ini->settings = list;
        list[ini->n++] = *setting;
        return 0;
}

/* Both parts lie in the same text, one behind the other: what is between them becomes space. */
static void join_lines(char *first, char *second) {
        memset(first + strlen(first), ' ', (size_t)(second - first) - strlen(first));
}

static bool is_comment(const char *line) {
        return *line == '#' || *line == ';';
}

struct parser {
        struct ini *ini;
        struct import *import;
        enum ini_dialect dialect;
        const char *section;
};

static int read_setting(struct parser *p, unsigned int number, char *line) {
        char *equals = line + strcspn(line, p->dialect == INI_SYSTEMD ? "=" : "=:");

        if (!*equals || equals == line || !p->section) {
                import_left(p->import, number, line, p->section ? "is not of the form KEY=VALUE" : "is in no section");
                return 0;
        }
        *equals = '\0';
        return add(p->ini, &(struct setting){ .line = number, .section = p->section, .key = trim(line),
                                              .value = trim(equals + 1) });
}

static int read_line(struct parser *p, unsigned int number, char *line) {
        char *end;

        line = trim(line);
        if (!*line || is_comment(line))
                return 0;
        if (*line != '[')
                return read_setting(p, number, line);
        end = strchr(line, ']');
        if (!end) {
                fprintf(p->import->err, "%s:%u: a section that is not closed\n", p->import->path, number);
                return -EINVAL;
        }
        *end = '\0';
        p->section = line + 1;
        return 0;
}

/* The next line with what goes on of it. @return NULL: the text is at its end. */
static char *next_line(struct parser *p, char **text, unsigned int *number) {
        char *line = strsep(text, "\n");

        (*number)++;
        if (line && p->dialect == INI_SUPERVISORD)
                cut_comment(line);
        while (line && *text) {
                size_t length = strlen(line);
                char *more;

                if (p->dialect == INI_SYSTEMD ? length == 0 || line[length - 1] != '\\' || is_comment(line)
                                              : !strchr(" \t", **text) || **text == '\0' || length == 0)
                        break;
                if (p->dialect == INI_SYSTEMD)
                        line[length - 1] = '\0';
                more = strsep(text, "\n");
                (*number)++;
                if (p->dialect == INI_SUPERVISORD)
                        cut_comment(more);
                if (p->dialect == INI_SYSTEMD && is_comment(more)) {
                        /* It is left out, and the line goes on behind it. */
                        memset(more, ' ', strlen(more));
                        if (strlen(more) > 0)
                                more[strlen(more) - 1] = '\\';
                }
                join_lines(line, more);
        }
        return line;
}

int ini_parse(struct ini *ini, struct import *import, enum ini_dialect dialect, char *text) {
        struct parser p = { .ini = ini, .import = import, .dialect = dialect };
        unsigned int number = 0;
        int r = 0;

        *ini = (struct ini){ .n = 0 };
        while (r == 0 && text) {
                unsigned int first = number + 1;
                char *line = next_line(&p, &text, &number);

                r = read_line(&p, first, line);
        }
        return r;
}

void ini_done(struct ini *ini) {
        for (size_t i = 0; i < ini->n; i++)
                free(ini->settings[i].merged);
        free(ini->settings);
        *ini = (struct ini){ .n = 0 };
}

const struct setting *ini_take(struct ini *ini, const struct setting *first, const char *key) {
        const struct setting *found = NULL;

        for (size_t i = 0; i < ini->n; i++) {
                struct setting *s = &ini->settings[i];

                if (s->section != first->section || strcmp(s->key, key) != 0)
                        continue;
                found = s;
                s->done = true;
        }
        return found;
}

/* Is there another of the same key further down, which counts instead? */
static bool is_replaced(const struct ini *ini, size_t at) {
        for (size_t i = at + 1; i < ini->n; i++)
                if (ini->settings[i].section == ini->settings[at].section &&
                    strcmp(ini->settings[i].key, ini->settings[at].key) == 0)
                        return true;
        return false;
}

static const struct ini_rule *find_rule(const char *key, const struct ini_rule *rules, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(rules[i].key, key) == 0)
                        return &rules[i];
        return NULL;
}

static void apply(struct import *import, const struct setting *s, const struct ini_rule *rule, bool replaced) {
        char text[256];

        snprintf(text, sizeof text, "%s=%s", s->key, s->value);
        if (!rule)
                import_left(import, s->line, text, "ganger has no such setting");
        else if (rule->why)
                import_left(import, s->line, text, "%s", rule->why);
        else if (!rule->carry)
                return;
        else if (replaced)
                import_left(import, s->line, text, "it is set again below");
        else if (*s->value)
                rule->carry(import, s);
        else
                import_left(import, s->line, text, "it is empty");
}

void ini_apply(struct ini *ini, const struct setting *first, struct import *import, const struct ini_rule *rules, size_t n) {
        for (size_t i = 0; i < ini->n; i++) {
                struct setting *s = &ini->settings[i];

                if (s->section != first->section || s->done)
                        continue;
                s->done = true;
                apply(import, s, find_rule(s->key, rules, n), is_replaced(ini, i));
        }
}
