/* SPDX-License-Identifier: MIT */

/*
 * gangerctl: see and steer a gang
 *
 * Parses the command line by the tables of verbs and options, runs one verb, and turns what became of it
 * into an exit status. Data goes to standard output, talk to standard error.
 */

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"

static int check_arguments(const struct ctl *ctl) {
        const struct verb *v = ctl->verb;

        if (options_check(&ctl->options, v->name, v->options) < 0)
                return STATUS_USAGE;
        if (ctl->n_args < v->args_min || ctl->n_args > v->args_max)
                return complain(STATUS_USAGE, "usage: gangerctl %s%s%s", v->name, *v->arguments ? " " : "", v->arguments);
        return STATUS_DONE;
}

static int find_verb(struct ctl *ctl, char **args, int n_args) {
        const char *nearest;

        ctl->verb = verb_find(n_args > 0 ? args[0] : "help");
        if (ctl->verb) {
                ctl->args = args + (n_args > 0);
                ctl->n_args = n_args - (n_args > 0);
                return STATUS_DONE;
        }
        nearest = verb_nearest(args[0]);
        if (nearest)
                return complain(STATUS_USAGE, "no verb '%s'; did you mean '%s'?", args[0], nearest);
        return complain(STATUS_USAGE, "no verb '%s'; see 'gangerctl help'", args[0]);
}

static int run(struct ctl *ctl) {
        int r;

        if (option_given(&ctl->options, OPTION_VERSION)) {
                ctl->out.ops->version(&ctl->out, PACKAGE_VERSION, NULL);
                return STATUS_DONE;
        }
        if (option_given(&ctl->options, OPTION_HELP)) {
                static char *name[1];

                name[0] = (char *)ctl->verb->name;
                ctl->n_args = strcmp(name[0], "help") != 0;
                ctl->args = name;
                return verb_help(ctl);
        }
        r = check_arguments(ctl);
        return r != STATUS_DONE ? r : ctl->verb->run(ctl);
}

/** Widths of characters follow the locale; ours is UTF-8 in any case. */
static void set_locale(void) {
        setlocale(LC_TIME, "");
        if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv) {
        struct ctl ctl = { 0 };
        int n_args = argc > 0 ? argc - 1 : 0, status;

        set_locale();
        signal(SIGPIPE, SIG_IGN); /* a reader that went away is told by write(2) */
        if (options_parse(&ctl.options, argv + 1, &n_args) < 0)
                return STATUS_USAGE;
        status = find_verb(&ctl, argv + 1, n_args);
        if (status != STATUS_DONE)
                return status;
        output_init(&ctl.out, stdout, option_given(&ctl.options, OPTION_JSON), !option_given(&ctl.options, OPTION_NO_COLOR));
        status = ctl_finish(&ctl, run(&ctl));
        ganger_control_free(ctl.client);
        return status;
}
