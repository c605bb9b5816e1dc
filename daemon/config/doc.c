/* SPDX-License-Identifier: MIT */

/*
 * Makes the manual of the configuration
 *
 * Copies a page, and puts the keys of a section where a line says `@keys SECTION@`, and a
 * table of all keys where one says `@table@`. So the manual cannot lack a key or tell a wrong default.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config/keys.h"
#include "daemon/config/values.h"

/** A line of the page that is longer is a mistake in the page. */
#define LINE_MAX_BYTES 1024
/** A line of roff is broken at the first space after this. */
#define LINE_BREAK_COLUMN 60

static const char *const effects[] = {
        [CONFIG_EFFECT_REFUSED] = "is refused",
        [CONFIG_EFFECT_MOVED] = "moves what is in it",
        [CONFIG_EFFECT_PROCESS] = "replaces the processes",
        [CONFIG_EFFECT_LIVE] = "takes effect at once",
};

/* Text with `code` in backticks; as roff wants it, a sentence begins a line, and lines are short. */
static void print_text(const char *text) {
        bool code = false;
        size_t column = 0;

        for (const char *p = text; *p; p++, column++) {
                if (*p == '`') {
                        code = !code;
                        fputs(code ? "\\fB" : "\\fP", stdout);
                } else if (*p == '-' && code)
                        fputs("\\-", stdout);
                else if (*p == ' ' && !code && (column > LINE_BREAK_COLUMN || (p > text && p[-1] == '.'))) {
                        putchar('\n');
                        column = 0;
                } else
                        putchar(*p);
        }
        putchar('\n');
}

static void print_help(const char *help) {
        char sentence[LINE_MAX_BYTES];

        snprintf(sentence, sizeof sentence, "%s.", help);
        sentence[0] = (char)toupper((unsigned char)sentence[0]);
        print_text(sentence);
}

/* Which rings have it. */
static void print_kinds(const struct config_key *key) {
        const char *words[_OBJECT_KIND_N + 1] = { NULL };
        char text[LINE_MAX_BYTES];
        size_t n = 0;

        for (int kind = 0; kind < _OBJECT_KIND_N; kind++)
                if (key->kinds >> kind & 1)
                        words[n++] = ring_kind_words[kind - RING_KIND_FIRST];
        words_join(words, text, sizeof text);
        printf("Only with\n.Ic kind No = %s .\n", text);
}

static void print_keys(enum config_section section) {
        printf(".Bl -tag -width Ds\n");
        config_for_each_key(key, section) {
                printf(".It Ic %s No = Ar %s\n", key->name, key->type->name);
                print_help(key->help);
                if (key->text[0])
                        print_text(key->text);
                if (key->initial)
                        printf("The default is\n.Li %s .\n", key->initial);
                if (key->kinds)
                        print_kinds(key);
        }
        printf(".El\n");
}

static void print_table(void) {
        printf(".Bl -column \"restart-delay-max\" \"list of names\" \"immediate\" \"replaces the "
               "processes\"\n");
        printf(".It Sy Key Ta Sy Value Ta Sy Default Ta Sy A change\n");
        for (size_t i = 0; i < config_keys_n; i++) {
                const struct config_key *key = &config_keys[i];

                if (i == 0 || key->section != key[-1].section)
                        printf(".It Em %s Ta \\& Ta \\& Ta \\&\n", config_section_names[key->section]);
                printf(".It Ic %s Ta %s Ta %s Ta %s\n", key->name, key->type->name, key->initial ?: "\\(en",
                       effects[key->effect]);
        }
        printf(".El\n");
}

static void print_line(const char *line) {
        char section[LINE_MAX_BYTES];

        for (size_t s = 0; s < _CONFIG_SECTION_N; s++) {
                snprintf(section, sizeof section, "@keys %s@\n", config_section_names[s]);
                if (strcmp(line, section) == 0) {
                        print_keys((enum config_section)s);
                        return;
                }
        }
        if (strcmp(line, "@table@\n") == 0)
                print_table();
        else
                fputs(line, stdout);
}

int main(int argc, char **argv) {
        _cleanup_(fclosep) FILE *page = NULL;
        char line[LINE_MAX_BYTES];

        if (argc != 2) {
                fprintf(stderr, "usage: config-doc PAGE\n");
                return 2;
        }
        page = fopen(argv[1], "re");
        if (!page) {
                fprintf(stderr, "config-doc: %s: %s\n", argv[1], strerror(errno));
                return 1;
        }
        while (fgets(line, sizeof line, page))
                print_line(line);
        return ferror(page) || fflush(stdout) != 0;
}
