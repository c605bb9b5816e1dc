/* SPDX-License-Identifier: MIT */

/*
 * The tokens of a configuration file
 *
 * The language is libconfuse's without its surprises. Its scanner drops bytes that it does not know, replaces
 * ${NAME} by the environment, ends a word at two slashes, counts a line twice after a comment, and stays
 * inside a string that the file did not close, into the next file. Here each of these is an error with its
 * line.
 *
 * Invariant: what is given out as TOKEN_WORD or TOKEN_STRING is one string to libconfuse as well, once a word
 * was put into single quotes.
 */

#include "daemon/config/lexer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"

void lexer_init(struct lexer *lexer, const char *text, size_t size) {
        static const char mark[] = "\xef\xbb\xbf"; /* some editors put it in front of UTF-8 */

        *lexer = (struct lexer){ .start = text, .p = text, .end = text + size, .line = 1 };
        if (size >= 3 && memcmp(text, mark, 3) == 0)
                lexer->start = lexer->p = text + 3;
}

void lexer_rewind(struct lexer *lexer, const struct token *token) {
        lexer->p = token->text;
        lexer->line = token->line;
}

/* The byte at p + n, 0 past the end. */
static char peek(const struct lexer *l, size_t n) {
        return (size_t)(l->end - l->p) > n ? l->p[n] : '\0';
}

static bool is_control(char c) {
        return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static bool is_word(char c) {
        return c && !is_control(c) && !strchr(" \t\"'{}=,#", c);
}

/* Past a comment that began at p; false if it has no end. */
static bool skip_comment(struct lexer *l) {
        const char *end;

        if (peek(l, 0) == '#' || peek(l, 1) == '/') {
                end = memchr(l->p, '\n', (size_t)(l->end - l->p));
                l->p = end ?: l->end;
                return true;
        }
        end = memmem(l->p + 2, (size_t)(l->end - l->p - 2), "*/", 2);
        for (const char *p = l->p; p < (end ?: l->end); p++)
                l->line += *p == '\n';
        l->p = end ? end + 2 : l->end;
        return end;
}

/* Past blanks and comments; false: a comment has no end. */
static bool skip_blanks(struct lexer *l, unsigned int *line) {
        while (l->p < l->end) {
                *line = l->line;
                if (*l->p == '#' || (*l->p == '/' && (peek(l, 1) == '/' || peek(l, 1) == '*'))) {
                        if (!skip_comment(l))
                                return false;
                        continue;
                }
                if (!strchr(" \t\r\n", *l->p) || !*l->p)
                        return true;
                l->line += *l->p == '\n';
                l->p++;
        }
        return true;
}

static enum token_kind bad(struct lexer *l, const char *problem) {
        snprintf(l->problem, sizeof l->problem, "%s", problem);
        return TOKEN_BAD;
}

static enum token_kind bad_control(struct lexer *l, char c) {
        snprintf(l->problem, sizeof l->problem, "a control character (byte 0x%02x) is not allowed here",
                 (unsigned char)c);
        return TOKEN_BAD;
}

static enum token_kind bad_variable(struct lexer *l) {
        return bad(l, "the environment is not put in for ${…}; write '${…}' in single quotes to mean these "
                      "characters");
}

static enum token_kind lex_word(struct lexer *l) {
        enum token_kind kind = TOKEN_WORD;

        if (!is_word(*l->p)) {
                l->p++;
                return bad_control(l, l->p[-1]);
        }
        while (l->p < l->end && is_word(*l->p)) {
                if (*l->p == '/' && (peek(l, 1) == '/' || peek(l, 1) == '*'))
                        kind = bad(l, "a word with '//' or '/*' in it must be in quotes");
                else if (*l->p == '$' && peek(l, 1) == '{') {
                        kind = bad_variable(l);
                        while (l->p < l->end && !strchr("}\n", *l->p))
                                l->p++;
                        l->p += peek(l, 0) == '}';
                        continue;
                }
                l->p++;
        }
        if (peek(l, 0) == '"' || peek(l, 0) == '\'')
                kind = bad(l, "a quote in the middle of a word; put quotes around all of it");
        return kind;
}

/* An escape of a double-quoted string, at its backslash: moves past it. */
static enum token_kind lex_escape(struct lexer *l) {
        unsigned int n = 0, value = 0;

        l->p++;
        if (l->p == l->end && !fault_is("config-past-the-end"))
                return TOKEN_STRING; /* the caller sees the end, too */
        if (*l->p == 'x' && isxdigit((unsigned char)peek(l, 1))) {
                n = isxdigit((unsigned char)peek(l, 2)) ? 3 : 2;
                value = n == 3 || peek(l, 1) != '0';
                if (n == 3 && peek(l, 1) == '0' && peek(l, 2) == '0')
                        value = 0;
        } else if (isdigit((unsigned char)*l->p)) {
                for (; isdigit((unsigned char)peek(l, n)); n++)
                        if (peek(l, n) > '7' || n >= 3 || value > 037)
                                value = 0x100;
                        else
                                value = 8 * value + (unsigned int)(peek(l, n) - '0');
        } else {
                l->line += *l->p == '\n';
                l->p++;
                return TOKEN_STRING;
        }
        l->p += n;
        if (value > 0xff)
                return bad(l, "an octal escape has three digits at most, up to \\377");
        return value == 0 ? bad(l, "a string cannot contain the byte 0") : TOKEN_STRING;
}

static enum token_kind lex_double(struct lexer *l) {
        enum token_kind kind = TOKEN_STRING;

        for (l->p++; l->p < l->end && *l->p != '"'; l->p++) {
                if (*l->p == '\n')
                        return bad(l, "the string is not closed on its line "
                                      "(only one in single quotes may go on)");
                if (*l->p == '\\') {
                        if (lex_escape(l) == TOKEN_BAD)
                                kind = TOKEN_BAD;
                        l->p--;
                } else if (*l->p == '$' && peek(l, 1) == '{')
                        kind = bad_variable(l);
                else if (is_control(*l->p) && *l->p != '\r')
                        kind = bad_control(l, *l->p);
        }
        if (l->p == l->end)
                return bad(l, "the string is not closed");
        l->p++;
        return kind;
}

static enum token_kind lex_single(struct lexer *l) {
        enum token_kind kind = TOKEN_STRING;

        for (l->p++; l->p < l->end && *l->p != '\''; l->p++) {
                if (*l->p == '\\' && l->p + 1 < l->end)
                        l->p++;
                l->line += *l->p == '\n';
                if (is_control(*l->p) && *l->p != '\n' && *l->p != '\r')
                        kind = bad_control(l, *l->p);
        }
        if (l->p == l->end)
                return bad(l, "the string is not closed");
        l->p++;
        return kind;
}

static enum token_kind lex_quoted(struct lexer *l) {
        enum token_kind kind = *l->p == '"' ? lex_double(l) : lex_single(l);

        if (kind == TOKEN_STRING && (is_word(peek(l, 0)) || peek(l, 0) == '"' || peek(l, 0) == '\'')) {
                kind = bad(l, "something follows the closing quote; put a space or a comma between");
                while (l->p < l->end && is_word(*l->p))
                        l->p++;
        }
        return kind;
}

/* Is there only blank space before p on its line? */
static bool is_first(const struct lexer *l) {
        const char *p = l->p;

        while (p > l->start && (p[-1] == ' ' || p[-1] == '\t'))
                p--;
        return p == l->start || p[-1] == '\n';
}

struct token lexer_next(struct lexer *l) {
        static const char marks[] = "{}=,";
        static const enum token_kind kinds[] = { TOKEN_OPEN, TOKEN_CLOSE, TOKEN_EQUALS, TOKEN_COMMA };
        struct token t = { .line = l->line, .text = l->p };
        const char *mark;

        if (!skip_blanks(l, &t.line)) {
                t.kind = bad(l, "the comment is not closed");
                return t;
        }
        t.line = l->line;
        t.text = l->p;
        t.first = is_first(l);
        if (l->p == l->end)
                return t;
        mark = *l->p ? strchr(marks, *l->p) : NULL;
        if (mark) {
                t.kind = kinds[mark - marks];
                l->p++;
        } else if (*l->p == '"' || *l->p == '\'')
                t.kind = lex_quoted(l);
        else
                t.kind = lex_word(l);
        t.size = (size_t)(l->p - t.text);
        return t;
}
