/* SPDX-License-Identifier: MIT */

/*
 * The man page and the completions of gangerctl, from the tables of its verbs and options
 *
 *      generate man TEMPLATE                   replaces the lines @VERBS@, @OPTIONS@ of a man page
 *      generate bash|zsh|fish TEMPLATE         replaces the line @TABLES@ of a completion
 *
 * Runs at build time only.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/generate.h"
#include "ctl/verbs.h"

const struct option_row rows[_OPTION_N] = {
#define OPTION(id, letter_, name_, argument_, help_) \
        [OPTION_##id] = { .letter = letter_, .name = name_, .argument = argument_, .help = help_ },
#include "ctl/options.def"
#undef OPTION
};

/** A place in a template, and who fills it. */
struct filler {
        const char *marker;
        void (*fill)(void);
};

/* ---- roff -------------------------------------------------------------------------------------- */

/** Text as roff has it: no escapes, no requests, an ellipsis that every terminal has. */
static void roff(const char *text) {
        if (*text == '.' || *text == '\'')
                fputs("\\&", stdout);
        for (; *text; text++) {
                if (strncmp(text, "…", strlen("…")) == 0) {
                        fputs("\\&...", stdout);
                        text += strlen("…") - 1;
                } else if (*text == '-')
                        fputs("\\-", stdout);
                else if (*text == '\\')
                        fputs("\\e", stdout);
                else if (*text == '\n')
                        fputs("\n.IP\n", stdout);
                else
                        putchar(*text);
        }
}

static void roff_option(const struct option_row *row) {
        fputs(".TP\n", stdout);
        if (row->letter)
                printf("\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", stdout);
        roff(row->name);
        fputs("\\fR", stdout);
        if (row->argument)
                printf(" \\fI%s\\fR", row->argument);
        putchar('\n');
        roff(row->help);
        putchar('\n');
}

/** A first letter as a sentence has it; what a table says begins without. */
static void roff_sentence(const char *text) {
        char first[2] = { text[0] >= 'a' && text[0] <= 'z' ? (char)(text[0] - 'a' + 'A') : text[0] };

        roff(first);
        roff(text + 1);
        fputs(".\n", stdout);
}

static void man_verb(const struct verb *v) {
        fputs(".TP\n\\fB", stdout);
        roff(v->name);
        fputs("\\fR", stdout);
        if (*v->arguments) {
                fputs(" \\fI", stdout);
                roff(v->arguments);
                fputs("\\fR", stdout);
        }
        putchar('\n');
        roff_sentence(v->summary);
        if (*v->help) {
                roff(v->help);
                putchar('\n');
        }
        if (!v->options)
                return;
        fputs(".RS\n", stdout);
        for (int i = 0; i < _OPTION_N; i++)
                if (v->options & (UINT32_C(1) << i))
                        roff_option(&rows[i]);
        fputs(".RE\n", stdout);
}

static void man_verbs(void) {
        for (size_t i = 0; i < n_verbs; i++)
                man_verb(&verbs[i]);
}

static void man_options(void) {
        for (int i = 0; i < _OPTION_N; i++)
                if (OPTIONS_GLOBAL & (UINT32_C(1) << i))
                        roff_option(&rows[i]);
}

/* ---- templates --------------------------------------------------------------------------------- */

#define FILLERS_MAX 3

/** What can be made; a row of fillers ends with an empty one. */
static const struct product {
        const char *name;
        struct filler fillers[FILLERS_MAX];
} products[] = {
        { "man", { { "@VERBS@", man_verbs }, { "@OPTIONS@", man_options } } },
        { "bash", { { "@TABLES@", completion_bash } } },
        { "zsh", { { "@TABLES@", completion_zsh } } },
        { "fish", { { "@TABLES@", completion_fish } } },
};

static const struct product *find_product(const char *name) {
        for (size_t i = 0; i < sizeof products / sizeof *products; i++)
                if (strcmp(products[i].name, name) == 0)
                        return &products[i];
        return NULL;
}

static const struct filler *find_filler(const struct filler *fillers, const char *line) {
        for (; fillers->marker; fillers++)
                if (strncmp(line, fillers->marker, strlen(fillers->marker)) == 0)
                        return fillers;
        return NULL;
}

/** Copy a template, lines that are markers filled. */
static int copy(const char *path, const struct filler *fillers) {
        _cleanup_(fclosep) FILE *template = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t capacity = 0;

        if (!template)
                return -errno;
        while (getline(&line, &capacity, template) >= 0) {
                const struct filler *filler = find_filler(fillers, line);

                if (filler)
                        filler->fill();
                else
                        fputs(line, stdout);
        }
        return fflush(stdout) == 0 ? 0 : -errno;
}

int main(int argc, char **argv) {
        const struct product *product = argc == 3 ? find_product(argv[1]) : NULL;
        int r;

        if (!product) {
                fputs("usage: generate man|bash|zsh|fish TEMPLATE\n", stderr);
                return 2;
        }
        r = copy(argv[2], product->fillers);
        if (r < 0)
                fprintf(stderr, "generate: %s: %s\n", argv[2], strerror(-r));
        return r < 0;
}
