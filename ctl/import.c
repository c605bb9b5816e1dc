/* SPDX-License-Identifier: MIT */

/*
 * import: what the formats share
 */

#include "ctl/import.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

/* As ganger.conf(5) reads it again. */
static void put_string(FILE *f, const char *text) {
        fputc('"', f);
        for (; *text; text++) {
                if (*text == '\n')
                        fputs("\\n", f);
                else if ((unsigned char)*text < ' ' || *text == 0x7f)
                        fprintf(f, "\\x%02x", (unsigned char)*text);
                else if (strchr("\"\\$", *text))
                        fprintf(f, "\\%c", *text);
                else
                        fputc(*text, f);
        }
        fputc('"', f);
}

/* A comment ends with its line, whatever is in it. */
static void put_comment(FILE *f, const char *text) {
        for (; *text; text++)
                fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, f);
        fputc('\n', f);
}

static int finish_worker(struct import *import) {
        if (!import->keys_file)
                return 0;
        if (fclose(import->keys_file) != 0)
                return -ENOMEM;
        import->keys_file = NULL;
        fprintf(import->out, "\nworker %s {\n%s}\n", import->worker, import->keys);
        free(import->keys);
        import->keys = NULL;
        import->worker[0] = '\0';
        import->n_workers++;
        return 0;
}

/* A character of a name, where it may stand; else what stands for it. */
static char name_character(char c, bool first) {
        if (isalnum((unsigned char)c) || (!first && strchr("-_.", c)))
                return c;
        return first ? 'w' : '_';
}

int import_worker(struct import *import, unsigned int line, const char *name) {
        size_t n = 0;
        int r = finish_worker(import);

        if (r < 0)
                return r;
        for (; name[n] && n < NAME_LENGTH_MAX; n++)
                import->worker[n] = name_character(name[n], n == 0);
        import->worker[n] = '\0';
        import->keys_file = open_memstream(&import->keys, &import->keys_size);
        if (!import->keys_file)
                return -ENOMEM;
        if (strcmp(import->worker, name) != 0)
                import_left(import, line, name, "a worker cannot have that name; it is '%s' here", import->worker);
        return 0;
}

/* What is no word to ganger.conf(5) would be something else there: another value, a comment, the end of the section. */
static bool is_word(const char *text) {
        for (const char *p = text; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._:%+-/", *p))
                        return false;
        return *text && !strstr(text, "//");
}

void import_word(struct import *import, const char *key, const char *value) {
        if (is_word(value) || fault_is("import-no-quotes"))
                fprintf(import->keys_file, "        %s = %s\n", key, value);
        else
                import_string(import, key, value);
}

void import_string(struct import *import, const char *key, const char *value) {
        fprintf(import->keys_file, "        %s = ", key);
        put_string(import->keys_file, value);
        fputc('\n', import->keys_file);
}

void import_list(struct import *import, const char *key, char *const *values) {
        fprintf(import->keys_file, "        %s = {", key);
        for (size_t i = 0; values[i]; i++) {
                fputs(i > 0 ? ", " : "", import->keys_file);
                put_string(import->keys_file, values[i]);
        }
        fputs("}\n", import->keys_file);
}

void import_left(struct import *import, unsigned int line, const char *text, const char *format, ...) {
        FILE *f = import->keys_file ? import->keys_file : import->out;
        char why[256], comment[512];
        va_list args;

        va_start(args, format);
        vsnprintf(why, sizeof why, format, args);
        va_end(args);
        fprintf(import->err, "%s:%u: ", import->path, line);
        snprintf(comment, sizeof comment, "%.200s: %s", text, why);
        put_comment(import->err, comment);
        fprintf(f, "%s# line %u: ", f == import->out ? "" : "        ", line);
        put_comment(f, comment);
        import->n_left++;
}

void import_remark(struct import *import, const char *format, ...) {
        FILE *f = import->keys_file ? import->keys_file : import->out;
        char text[512];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        fputs(f == import->out ? "# " : "        # ", f);
        put_comment(f, text);
}

int import_end(struct import *import) {
        return finish_worker(import);
}

/* ---- words ------------------------------------------------------------------------------------- */

void words_done(struct words *words) {
        for (size_t i = 0; i < words->n; i++)
                free(words->v[i]);
        *words = (struct words){ .n = 0 };
}

/* One word, to `word`, which has room for all of the text. @return what follows it; NULL: a quote is not closed. */
static const char *split_word(const char *p, char *word) {
        char quote = 0;

        for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
                if (*p == '\\' && quote != '\'' && p[1] && (!quote || strchr("\"\\$`", p[1])))
                        *word++ = *++p;
                else if (quote && *p == quote)
                        quote = 0;
                else if (!quote && (*p == '\'' || *p == '"'))
                        quote = *p;
                else
                        *word++ = *p;
        }
        *word = '\0';
        return quote ? NULL : p;
}

int words_split(struct words *words, const char *text) {
        *words = (struct words){ .n = 0 };
        for (;;) {
                _cleanup_(freep) char *word = NULL;

                text += strspn(text, " \t\r\n");
                if (!*text)
                        return 0;
                if (words->n == IMPORT_WORDS_MAX)
                        return -E2BIG;
                word = malloc(strlen(text) + 1);
                if (!word)
                        return -ENOMEM;
                text = split_word(text, word);
                if (!text)
                        return -EINVAL;
                words->v[words->n++] = TAKE(word);
                words->v[words->n] = NULL;
        }
}
