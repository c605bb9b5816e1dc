/* SPDX-License-Identifier: MIT */

/*
 * help: from the tables of verbs and options
 */

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/utf8.h"
#include "ctl/verbs.h"

/** Help is wrapped for terminals this wide, also where there is none. */
#define HELP_WIDTH 80

static void print_option(FILE *f, const struct option_row *row) {
        char names[64];
        int n;

        n = row->letter ? snprintf(names, sizeof names, "-%c, --%s", row->letter, row->name)
                        : snprintf(names, sizeof names, "    --%s", row->name);
        if (row->argument)
                snprintf(names + n, sizeof names - (size_t)n, " %s", row->argument);
        fprintf(f, "  %-23s %s\n", names, row->help);
}

static void print_options(FILE *f, uint32_t set) {
        for (int i = 0; i < _OPTION_N; i++)
                if (set & (UINT32_C(1) << i))
                        print_option(f, &option_rows[i]);
}

/** Fill lines with words; a newline in the text begins a paragraph. */
static void print_wrapped(FILE *f, const char *text, size_t width) {
        size_t used = 0;

        while (*text) {
                size_t n = strcspn(text, " \n");

                if (used > 0 && used + 1 + n > width) {
                        putc('\n', f);
                        used = 0;
                }
                used += (size_t)fprintf(f, "%s%.*s", used > 0 ? " " : "", (int)n, text);
                if (text[n] == '\n') {
                        fputs("\n\n", f);
                        used = 0;
                }
                text += n + (text[n] != '\0');
        }
        putc('\n', f);
}

static int help_all(FILE *f) {
        fputs("usage: gangerctl [OPTION…] VERB [ARGUMENT…]\n\nVerbs:\n", f);
        for (size_t i = 0; i < n_verbs; i++) {
                char usage[64];

                snprintf(usage, sizeof usage, "%s %s", verbs[i].name, verbs[i].arguments);
                fprintf(f, "  %s%*s %s\n", usage, (int)(30 - utf8_width(usage)), "", verbs[i].summary);
        }
        fputs("\nOptions of every verb:\n", f);
        print_options(f, OPTIONS_GLOBAL);
        fputs("\nExit status: 0 done, 1 refused or failed, 2 usage, 3 not running (is-active), 4 no such name,\n"
              "5 daemon unreachable, 6 not permitted.\n", f);
        return STATUS_DONE;
}

/** The table of verbs for programs. */
static int help_json(FILE *f) {
        fputs("{\"verbs\": [", f);
        for (size_t i = 0; i < n_verbs; i++) {
                fprintf(f, "%s{\"name\": \"%s\", \"arguments\": ", i > 0 ? ", " : "", verbs[i].name);
                json_string(f, verbs[i].arguments, strlen(verbs[i].arguments));
                fputs(", \"summary\": ", f);
                json_string(f, verbs[i].summary, strlen(verbs[i].summary));
                fputs(", \"help\": ", f);
                json_string(f, verbs[i].help, strlen(verbs[i].help));
                putc('}', f);
        }
        fputs("]}\n", f);
        return STATUS_DONE;
}

int verb_help(struct ctl *ctl) {
        FILE *f = ctl->out.file;
        const struct verb *v;
        const char *nearest;

        if (option_given(&ctl->options, OPTION_JSON))
                return help_json(f);
        if (ctl->n_args == 0)
                return help_all(f);
        v = verb_find(ctl->args[0]);
        if (!v) {
                nearest = verb_nearest(ctl->args[0]);
                return complain(STATUS_USAGE, "no verb '%s'%s%s%s", ctl->args[0], nearest ? "; did you mean '" : "",
                                nearest ? nearest : "", nearest ? "'?" : "");
        }
        fprintf(f, "usage: gangerctl %s%s%s%s\n\n", v->name, v->options ? " [OPTION…]" : "", *v->arguments ? " " : "",
                v->arguments);
        print_wrapped(f, v->summary, HELP_WIDTH);
        if (*v->help) {
                putc('\n', f);
                print_wrapped(f, v->help, HELP_WIDTH);
        }
        if (v->options) {
                fputs("\nOptions:\n", f);
                print_options(f, v->options);
        }
        fputs("\nSee 'gangerctl help' for the options of every verb.\n", f);
        return STATUS_DONE;
}
