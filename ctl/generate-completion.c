/* SPDX-License-Identifier: MIT */

/*
 * The tables of verbs and options as bash, zsh and fish have them
 *
 * Only tables: how they are used stands in the templates (contrib/completion). bash has no place for descriptions, the other
 * two show the summary of a verb and the help of an option.
 */

#include <stdio.h>
#include <string.h>

#include "ctl/generate.h"
#include "ctl/verbs.h"

static const char *const kinds[] = {
        [COMPLETE_NOTHING] = "nothing", [COMPLETE_WORKERS] = "workers", [COMPLETE_RINGS] = "rings",
        [COMPLETE_SERVICES] = "services", [COMPLETE_LOCKS] = "locks", [COMPLETE_SOCKETS] = "sockets",
        [COMPLETE_FILES] = "files",
        [COMPLETE_VERBS] = "verbs", [COMPLETE_DEAD] = "dead",
};

/** How a shell completes an argument of an option. */
struct argument_row {
        const char *argument;           /* as it is called in options.def */
        const char *action;
};

/** @return the action for this option's argument, or otherwise for one of which nothing is known. */
static const char *argument_action(const struct argument_row *table, const struct option_row *row, const char *otherwise) {
        for (; table->argument; table++)
                if (strcmp(table->argument, row->argument) == 0)
                        return table->action;
        return otherwise;
}

/** Text within single quotes, with `quote` for a quote, and a backslash before each of `escaped`. */
static void quoted(const char *text, const char *quote, const char *escaped) {
        for (; *text; text++) {
                if (*text == '\'')
                        fputs(quote, stdout);
                else {
                        if (strchr(escaped, *text))
                                putchar('\\');
                        putchar(*text);
                }
        }
}

/** The options that take an argument, as words. */
static void words_with_argument(void) {
        const char *separator = "";

        for (int i = 0; i < _OPTION_N; i++) {
                if (!rows[i].argument)
                        continue;
                printf("%s--%s", separator, rows[i].name);
                if (rows[i].letter)
                        printf(" -%c", rows[i].letter);
                separator = " ";
        }
}

/* ---- bash -------------------------------------------------------------------------------------- */

static void bash_options(uint32_t set) {
        const char *separator = "";

        for (int i = 0; i < _OPTION_N; i++) {
                if (!(set & (UINT32_C(1) << i)))
                        continue;
                printf("%s--%s", separator, rows[i].name);
                separator = " ";
        }
}

void completion_bash(void) {
        fputs("    local global=\"", stdout);
        bash_options(OPTIONS_GLOBAL);
        fputs("\"\n    local with_argument=\"", stdout);
        words_with_argument();
        fputs("\"\n    local -A completes=(", stdout);
        for (size_t i = 0; i < n_verbs; i++)
                printf("%s[%s]=%s", i > 0 ? " " : "", verbs[i].name, kinds[verbs[i].completes]);
        fputs(")\n    local -A options=(", stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                printf("%s[%s]=\"", i > 0 ? " " : "", verbs[i].name);
                bash_options(verbs[i].options);
                putchar('"');
        }
        fputs(")\n", stdout);
}

/* ---- zsh --------------------------------------------------------------------------------------- */

/* Within single quotes: out of them, the quote, and back. */
#define ZSH_QUOTE "'\\''"

static const struct argument_row zsh_arguments[] = {
        { "PATH", "_files" }, { "DIR", "_files -/" }, { "COMMAND", "_command_names -e" }, { NULL, NULL },
};

/** Options as _arguments has them: (-n --lines)'{-n+,--lines=}'[how much of the past to show]:N: */
static void zsh_options(uint32_t set) {
        for (int i = 0; i < _OPTION_N; i++) {
                const struct option_row *row = &rows[i];

                if (!(set & (UINT32_C(1) << i)))
                        continue;
                if (row->letter)
                        printf(" '(-%c --%s)'{-%c%s,--%s%s}'[", row->letter, row->name,
                               row->letter, row->argument ? "+" : "", row->name, row->argument ? "=" : "");
                else
                        printf(" '--%s%s[", row->name, row->argument ? "=" : "");
                quoted(row->help, ZSH_QUOTE, "[]\\");
                putchar(']');
                if (row->argument)
                        printf(":%s:%s", row->argument, argument_action(zsh_arguments, row, ""));
                putchar('\'');
        }
}

void completion_zsh(void) {
        fputs("    global=(", stdout);
        zsh_options(OPTIONS_GLOBAL);
        fputs(" )\n    verbs=(\n", stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                printf("        '%s:", verbs[i].name);
                quoted(verbs[i].summary, ZSH_QUOTE, ":\\");
                fputs("'\n", stdout);
        }
        fputs("    )\n    case $1 in\n", stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                printf("    %s) completes=%s options=(", verbs[i].name, kinds[verbs[i].completes]);
                zsh_options(verbs[i].options);
                fputs(" ) ;;\n", stdout);
        }
        fputs("    esac\n", stdout);
}

/* ---- fish -------------------------------------------------------------------------------------- */

#define FISH_QUOTE "\\'"

static const struct argument_row fish_arguments[] = {
        { "PATH", "-r -F" },
        { "DIR", "-x -a '(__fish_complete_directories)'" },
        { "COMMAND", "-x -a '(__fish_complete_command)'" },
        { NULL, NULL },
};

static void fish_options(uint32_t set, const char *condition) {
        for (int i = 0; i < _OPTION_N; i++) {
                const struct option_row *row = &rows[i];

                if (!(set & (UINT32_C(1) << i)))
                        continue;
                printf("complete -c gangerctl -n '%s'", condition);
                if (row->letter)
                        printf(" -s %c", row->letter);
                printf(" -l %s", row->name);
                if (row->argument)
                        printf(" %s", argument_action(fish_arguments, row, "-x"));
                fputs(" -d '", stdout);
                quoted(row->help, FISH_QUOTE, "\\");
                fputs("'\n", stdout);
        }
}

void completion_fish(void) {
        char condition[128];

        fputs("set -g __gangerctl_with_argument ", stdout);
        words_with_argument();
        putchar('\n');
        fish_options(OPTIONS_GLOBAL, "true");
        for (size_t i = 0; i < n_verbs; i++) {
                const struct verb *v = &verbs[i];

                printf("complete -c gangerctl -n __gangerctl_needs_verb -a %s -d '", v->name);
                quoted(v->summary, FISH_QUOTE, "\\");
                fputs("'\n", stdout);
                printf("__gangerctl_completes %s %s\n", v->name, kinds[v->completes]);
                (void)snprintf(condition, sizeof condition, "__gangerctl_in %s", v->name);
                fish_options(v->options, condition);
        }
}
