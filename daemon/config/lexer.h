/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_LEXER_H
#define GANGER_CONFIG_LEXER_H

/*
 * The tokens of a configuration file, each with its line.
 */

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
        TOKEN_END,
        TOKEN_WORD,             /* without quotes */
        TOKEN_STRING,           /* in quotes, which are part of `text` */
        TOKEN_OPEN,
        TOKEN_CLOSE,
        TOKEN_EQUALS,
        TOKEN_COMMA,
        TOKEN_BAD,              /* stands where a word could; `problem` of the lexer says what is wrong */
};

struct token {
        enum token_kind kind;
        const char *text;       /* points into the file */
        size_t size;
        unsigned int line;      /* where it begins */
        bool first;             /* of its line */
};

struct lexer {
        const char *start, *p, *end;
        unsigned int line;
        char problem[160];
};

void lexer_init(struct lexer *lexer, const char *text, size_t size);

/** The next token; TOKEN_END again and again at the end. Always moves on. */
struct token lexer_next(struct lexer *lexer);

/** Go back, so that the next token is this one again. */
void lexer_rewind(struct lexer *lexer, const struct token *token);

#endif
