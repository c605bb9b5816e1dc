/* SPDX-License-Identifier: MIT */

/*
 * The outline of a configuration file
 *
 * libconfuse stops at the first error of syntax, and its callbacks know no context; people want all errors
 * at once. So this pass looks at the structure first: it reports what is wrong, skips to where the next
 * statement must begin, and writes the statements that are right for libconfuse, which reads the values.
 *
 * Invariants: libconfuse finds no error in that text; its n-th section of a kind is the n-th of that kind
 * here. Nothing recurses, and every loop consumes a token.
 */

#include "daemon/config/outline.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config/lexer.h"
#include "daemon/config/values.h"

/** What is quoted of the file in an error, in bytes. */
#define QUOTE_MAX 64

struct scanner {
        struct lexer lexer;
        struct token token;                     /* the one to look at */
        unsigned int line;                      /* of the last token before it */
        const char *path;
        struct config_errors *errors;
        struct outline *outline;
        size_t n_sections[_CONFIG_SECTION_N];
        struct outline_section *section;        /* that we are in, or NULL */
        struct token *values;                   /* of the statement that we are in */
        size_t n_values;
        unsigned int assigned;                  /* line of the end of the last assignment */
        FILE *out;
        unsigned int out_line;
};

static void advance(struct scanner *s) {
        s->line = s->token.line;
        s->token = lexer_next(&s->lexer);
}

static struct token look_ahead(const struct scanner *s) {
        struct lexer copy = s->lexer;

        return lexer_next(&copy);
}

/* A word or a string, good or bad. */
static bool is_value(const struct token *t) {
        return t->kind == TOKEN_WORD || t->kind == TOKEN_STRING || t->kind == TOKEN_BAD;
}

static bool is_text(const struct token *t, const char *text) {
        return t->kind == TOKEN_WORD && t->size == strlen(text) && memcmp(t->text, text, t->size) == 0;
}

/* The kind of section that a word begins; _CONFIG_SECTION_N: none. */
static enum config_section section_kind(const struct token *t) {
        size_t kind = 0;

        while (kind < _CONFIG_SECTION_N && !is_text(t, config_section_names[kind]))
                kind++;
        return (enum config_section)kind;
}

#define QUOTED "%.*s"
#define QUOTE(t) (int)MIN((t)->size, (size_t)QUOTE_MAX), (t)->text

static void _printf_(3, 4) report(struct scanner *s, unsigned int line, const char *format, ...) {
        _cleanup_(freep) char *message = NULL;
        const struct outline_section *section = s->section;
        va_list ap;
        int r;

        if (config_errors_full(s->errors)) { /* a file of nothing but mistakes has millions */
                s->errors->n_dropped++;
                return;
        }
        va_start(ap, format);
        r = vasprintf(&message, format, ap);
        va_end(ap);
        if (r < 0)
                message = NULL;
        if (section && section->name)
                config_errors_add(s->errors, s->path, line, "%s '%s': %s",
                                  config_section_names[section->kind], section->name,
                                  message ?: "out of memory");
        else if (section && !config_section_has_name(section->kind))
                config_errors_add(s->errors, s->path, line, "%s: %s", config_section_names[section->kind],
                                  message ?: "out of memory");
        else
                config_errors_add(s->errors, s->path, line, "%s", message ?: "out of memory");
}

/* What is at the token, for people. */
static void report_unexpected(struct scanner *s, const char *expected) {
        if (s->token.kind == TOKEN_BAD)
                report(s, s->token.line, "%s", s->lexer.problem);
        else if (s->token.kind == TOKEN_END)
                report(s, s->token.line, "the file ends where %s is expected", expected);
        else
                report(s, s->token.line, "'" QUOTED "' where %s is expected", QUOTE(&s->token), expected);
}

/* ---- recovery ---------------------------------------------------------------------------------- */

/* To the next statement: the first token of a line, or the end of the section. */
static void skip_statement(struct scanner *s) {
        while (s->token.kind != TOKEN_END && s->token.kind != TOKEN_CLOSE && !s->token.first)
                advance(s);
}

/* Past a block, from its opening brace on. */
static void skip_block(struct scanner *s) {
        size_t depth = 0;

        do {
                depth += s->token.kind == TOKEN_OPEN;
                depth -= s->token.kind == TOKEN_CLOSE;
                advance(s);
        } while (depth > 0 && s->token.kind != TOKEN_END);
}

/* To the next line that begins a section. */
static void skip_section(struct scanner *s) {
        while (s->token.kind != TOKEN_END &&
               !(s->token.first && section_kind(&s->token) != _CONFIG_SECTION_N))
                advance(s);
}

/* ---- what libconfuse gets ---------------------------------------------------------------------- */

static void emit_line(struct scanner *s, unsigned int line) {
        for (; s->out_line < line; s->out_line++)
                fputc('\n', s->out);
        fputc(' ', s->out);
}

static void emit_value(struct scanner *s, const struct token *t) {
        emit_line(s, t->line);
        if (t->kind == TOKEN_STRING) {
                fwrite(t->text, 1, t->size, s->out);
                for (size_t i = 0; i < t->size; i++)
                        s->out_line += t->text[i] == '\n';
                return;
        }
        fputc('\'', s->out);
        for (size_t i = 0; i < t->size; i++) {
                if (t->text[i] == '\\')
                        fputc('\\', s->out);
                fputc(t->text[i], s->out);
        }
        fputc('\'', s->out);
}

static void emit_statement(struct scanner *s, const struct config_key *key, unsigned int line) {
        emit_line(s, line);
        fprintf(s->out, "%s =%s", key->name, key->type->list ? " {" : "");
        for (size_t i = 0; i < s->n_values; i++) {
                if (i > 0)
                        fputc(',', s->out);
                emit_value(s, &s->values[i]);
        }
        fputs(key->type->list ? " }" : "", s->out);
}

/* ---- values ------------------------------------------------------------------------------------ */

/* One value; false: it is none, or a bad one (reported). */
static bool scan_item(struct scanner *s, const struct token *key) {
        bool good = s->token.kind != TOKEN_BAD;

        if (!good)
                report(s, s->token.line, QUOTED ": %s", QUOTE(key), s->lexer.problem);
        else if (s->n_values == CONFIG_LIST_MAX) {
                report(s, s->token.line, QUOTED ": more than %d values", QUOTE(key), CONFIG_LIST_MAX);
                good = false;
        } else
                s->values[s->n_values++] = s->token;
        advance(s);
        return good;
}

/* After an error in a list: past its end. If the list has none, back to the key that follows it. */
static void skip_list(struct scanner *s, const struct token *key, unsigned int line) {
        struct token before = s->token;

        while (s->token.kind != TOKEN_CLOSE && s->token.kind != TOKEN_EQUALS && s->token.kind != TOKEN_OPEN &&
               s->token.kind != TOKEN_END) {
                before = s->token;
                advance(s);
        }
        if (s->token.kind == TOKEN_CLOSE) {
                advance(s);
                return;
        }
        report(s, line, QUOTED ": the list is not closed", QUOTE(key));
        if (s->token.kind == TOKEN_END)
                return;
        lexer_rewind(&s->lexer, &before);
        s->token = lexer_next(&s->lexer);
}

/* Does the key of the next statement stand here? It does not in {A=b}, where quotes are missing. */
static bool is_next_key(const struct scanner *s) {
        char name[QUOTE_MAX + 1];

        if (look_ahead(s).kind != TOKEN_EQUALS)
                return false;
        snprintf(name, sizeof name, QUOTED, QUOTE(&s->token));
        return s->token.first && (!s->section || config_key_find(s->section->kind, name));
}

/* An item; also A=b without quotes, which is reported. */
static bool scan_list_item(struct scanner *s, const struct token *key) {
        bool good = scan_item(s, key);

        if (s->token.kind != TOKEN_EQUALS)
                return good;
        report(s, s->line, QUOTED ": an item with '=' in it must be in quotes", QUOTE(key));
        advance(s);
        if (is_value(&s->token))
                advance(s);
        return false;
}

/* Where a list went on in a way that it cannot. */
static void report_list(struct scanner *s, const struct token *key) {
        if (is_value(&s->token) && !s->token.first)
                report(s, s->token.line, QUOTED ": a comma is missing before '" QUOTED "'", QUOTE(key),
                       QUOTE(&s->token));
        else if (s->token.kind == TOKEN_COMMA)
                report(s, s->token.line, QUOTED ": a value is missing before the comma", QUOTE(key));
        else if (is_value(&s->token) && look_ahead(s).kind != TOKEN_EQUALS &&
                 look_ahead(s).kind != TOKEN_OPEN)
                report(s, s->line, QUOTED ": a comma is missing after the value", QUOTE(key));
}

/* { item, item, } from its brace on. */
static bool scan_list(struct scanner *s, const struct token *key) {
        unsigned int line = s->token.line;
        bool good = true;

        advance(s);
        while (is_value(&s->token) && !is_next_key(s)) {
                good = scan_list_item(s, key) && good;
                if (s->token.kind != TOKEN_COMMA)
                        break;
                advance(s);
        }
        if (s->token.kind == TOKEN_CLOSE) {
                advance(s);
                return good;
        }
        report_list(s, key);
        skip_list(s, key, line);
        return false;
}

/* item, or item, item: a list needs no braces. */
static bool scan_values(struct scanner *s, const struct token *key) {
        bool good;

        s->n_values = 0;
        if (s->token.kind == TOKEN_OPEN)
                return scan_list(s, key);
        if (!is_value(&s->token) || (s->token.first && look_ahead(s).kind == TOKEN_EQUALS)) {
                report(s, s->line, QUOTED ": the value is missing", QUOTE(key));
                skip_statement(s);
                return false;
        }
        good = scan_item(s, key);
        while (s->token.kind == TOKEN_COMMA) {
                advance(s);
                if (!is_value(&s->token) || look_ahead(s).kind == TOKEN_EQUALS) {
                        report(s, s->line, QUOTED ": a value is missing after the comma", QUOTE(key));
                        return false;
                }
                good = scan_item(s, key) && good;
        }
        return good;
}

/* ---- statements -------------------------------------------------------------------------------- */

static const struct config_key *find_key(struct scanner *s, const struct token *t) {
        const struct config_key *key, *nearest;
        char name[QUOTE_MAX + 1];

        snprintf(name, sizeof name, QUOTED, QUOTE(t));
        key = config_key_find(s->section->kind, name);
        if (key)
                return key;
        nearest = config_key_nearest(s->section->kind, name);
        if (nearest) {
                s->section->meant[nearest - config_keys] = true;
                report(s, t->line, "%s: unknown key; did you mean '%s'?", name, nearest->name);
        } else
                report(s, t->line, "%s: unknown key", name);
        return NULL;
}

/* KEY = VALUE, from its value on. */
static void scan_assignment(struct scanner *s, const struct token *name) {
        const struct config_key *key = find_key(s, name);
        bool good = scan_values(s, name), braces;
        unsigned int *line;

        if (!key)
                return;
        line = &s->section->lines[key - config_keys];
        braces = !key->type->list && s->n_values != 1;
        if (*line > 0) {
                report(s, name->line, "%s: it is set already, in line %u", key->name, *line);
                return;
        }
        *line = name->line;
        if (good && braces)
                report(s, name->line, "%s: takes one value", key->name);
        if (good && !braces)
                emit_statement(s, key, name->line);
        else
                s->section->meant[key - config_keys] = true;
}

/* What is not KEY = VALUE. */
static void scan_stray(struct scanner *s, const struct token *name) {
        struct token next = s->token;

        if (next.kind == TOKEN_OPEN || (is_value(&next) && look_ahead(s).kind == TOKEN_OPEN)) {
                report(s, name->line, QUOTED ": there is no such section in %s", QUOTE(name),
                       config_section_articles[s->section->kind]);
                if (next.kind != TOKEN_OPEN)
                        advance(s);
                skip_block(s);
                return;
        }
        if (is_text(&next, "+") || is_text(&next, "+="))
                report(s, name->line, QUOTED ": there is no '+='; give all values at once", QUOTE(name));
        else if (s->assigned == name->line)
                report(s, name->line,
                       "'" QUOTED "' where a key is expected (a value with spaces must be in quotes)",
                       QUOTE(name));
        else
                report(s, name->line, QUOTED ": '=' is missing after it", QUOTE(name));
        skip_statement(s);
}

/* In a section: one statement. @return false: the section ends. */
static bool scan_statement(struct scanner *s) {
        struct token name = s->token, next;

        if (name.kind == TOKEN_CLOSE) {
                advance(s);
                return false;
        }
        next = look_ahead(s);
        if (name.kind == TOKEN_END ||
            (section_kind(&name) != _CONFIG_SECTION_N && next.kind != TOKEN_EQUALS)) {
                report(s, s->section->line, "it is not closed: '}' is missing%s",
                       name.kind == TOKEN_END ? " at the end of the file" : " before the next section");
                return false;
        }
        if (name.kind != TOKEN_WORD) {
                report_unexpected(s, "a key");
                advance(s);
                skip_statement(s);
                return true;
        }
        advance(s);
        if (s->token.kind == TOKEN_EQUALS) {
                advance(s);
                scan_assignment(s, &name);
                s->assigned = s->line;
        } else
                scan_stray(s, &name);
        return true;
}

/* ---- sections ---------------------------------------------------------------------------------- */

static int add_section(struct scanner *s, enum config_section kind, unsigned int line) {
        struct outline *o = s->outline;

        if (o->n == o->allocated) {
                size_t n = o->allocated ? 2 * o->allocated : 16;
                struct outline_section *sections = reallocarray(o->sections, n, sizeof *sections);

                if (!sections)
                        return -ENOMEM;
                o->sections = sections;
                o->allocated = n;
        }
        s->section = &o->sections[o->n++];
        *s->section = (struct outline_section){ .kind = kind, .line = line };
        return 0;
}

/* The title, if it is there; a wrong one is kept for the messages that follow. */
static int scan_title(struct scanner *s) {
        struct token t = s->token;
        const char *kind = config_section_names[s->section->kind];

        if (!config_section_has_name(s->section->kind)) {
                if (!is_value(&t))
                        return 0;
                report(s, t.line, "'" QUOTED "': there is one %s, which has no name: %s { … }", QUOTE(&t), kind, kind);
                advance(s);
                return 0;
        }
        if (!is_value(&t)) {
                report(s, s->section->line, "%s has no name: %s NAME { … }",
                       config_section_articles[s->section->kind], kind);
                return 0;
        }
        if (t.kind == TOKEN_STRING) {
                t.text++;
                t.size -= 2;
        }
        s->section->name = strndup(t.text, MIN(t.size, (size_t)QUOTE_MAX));
        if (!s->section->name)
                return -ENOMEM;
        if (t.kind == TOKEN_BAD)
                report(s, t.line, "%s", s->lexer.problem);
        else if (t.size > QUOTE_MAX || !name_is_valid(s->section->name))
                report(s, t.line,
                       "not a name: up to %d letters, digits, '-', '_' and '.', the first a letter or digit",
                       NAME_LENGTH_MAX);
        advance(s);
        return 0;
}

/* NAME { … }, from the name on. */
static int scan_section(struct scanner *s, enum config_section kind, unsigned int line) {
        int r;

        if (s->n_sections[kind]++ == CONFIG_SECTIONS_MAX) {
                report(s, line, "more than %d sections '%s'", CONFIG_SECTIONS_MAX, config_section_names[kind]);
                s->token = (struct token){ .kind = TOKEN_END };
                return 0;
        }
        r = add_section(s, kind, line);
        if (r >= 0)
                r = scan_title(s);
        if (r < 0)
                return r;
        emit_line(s, line);
        fprintf(s->out, "%s {", config_section_names[kind]);
        if (s->token.kind == TOKEN_OPEN) {
                advance(s);
                while (scan_statement(s))
                        ;
        } else {
                report_unexpected(s, "'{'");
                skip_section(s);
        }
        fputs(" }", s->out);
        s->section = NULL;
        return 0;
}

/* @param name  one of config_section_names. */
static enum config_section section_named(const char *name) {
        size_t kind = 0;

        while (config_section_names[kind] != name)
                kind++;
        return (enum config_section)kind;
}

/* Outside of sections: anything else than the name of one. */
static int scan_unknown(struct scanner *s) {
        struct token t = s->token;
        const char *nearest;
        char word[QUOTE_MAX + 1], words[128];

        if (t.kind != TOKEN_WORD) {
                if (t.kind == TOKEN_CLOSE)
                        report(s, t.line, "'}' closes nothing");
                else
                        report_unexpected(s, "a section, such as 'ring' or 'worker',");
                advance(s);
                skip_statement(s);
                return 0;
        }
        snprintf(word, sizeof word, QUOTED, QUOTE(&t));
        advance(s);
        if (s->token.kind == TOKEN_EQUALS) {
                report(s, t.line, "%s: a key outside of any section", word);
                advance(s);
                if (s->token.kind == TOKEN_OPEN)
                        skip_block(s);
                skip_statement(s);
                return 0;
        }
        nearest = text_nearest(word, config_section_names);
        if (nearest) {
                report(s, t.line, "%s: unknown section; did you mean '%s'?", word, nearest);
                return scan_section(s, section_named(nearest), t.line);
        }
        if (strcmp(word, "include") == 0)
                report(s, t.line, "include: not known; a configuration is one file");
        else {
                words_join(config_section_names, words, sizeof words);
                report(s, t.line, "%s: unknown section; it is one of %s", word, words);
        }
        if (is_value(&s->token) && look_ahead(s).kind == TOKEN_OPEN)
                advance(s);
        if (s->token.kind == TOKEN_OPEN)
                skip_block(s);
        else
                skip_section(s);
        return 0;
}

static int scan_file(struct scanner *s) {
        int r = 0;

        advance(s);
        while (r >= 0 && s->token.kind != TOKEN_END) {
                enum config_section kind = section_kind(&s->token);
                unsigned int line = s->token.line;

                if (kind == _CONFIG_SECTION_N) {
                        r = scan_unknown(s);
                        continue;
                }
                advance(s);
                r = scan_section(s, kind, line);
        }
        return r;
}

int outline_scan(struct outline *outline, const char *text, size_t size, const char *path,
                 struct config_errors *errors) {
        struct scanner s = { .path = path, .errors = errors, .outline = outline, .out_line = 1 };
        _cleanup_(freep) struct token *values = NULL;
        int r;

        values = calloc(CONFIG_LIST_MAX, sizeof *values);
        s.out = open_memstream(&outline->text, &outline->text_size);
        if (!values || !s.out) {
                if (s.out)
                        fclose(s.out);
                return -ENOMEM;
        }
        s.values = values;
        lexer_init(&s.lexer, text, size);
        r = scan_file(&s);
        if (ferror(s.out) && r >= 0)
                r = -ENOMEM;
        if (fclose(s.out) != 0 && r >= 0)
                r = -ENOMEM;
        return r;
}

void outline_done(struct outline *outline) {
        for (size_t i = 0; i < outline->n; i++)
                free(outline->sections[i].name);
        free(outline->sections);
        free(outline->text);
        *outline = OUTLINE_NULL;
}
