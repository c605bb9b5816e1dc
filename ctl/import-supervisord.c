/* SPDX-License-Identifier: MIT */

/*
 * supervisord.conf
 *
 * Each [program:NAME] is a worker. Of the rest there is nothing to carry over: the daemon, its socket, its log are
 * ganger's own.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import-ini.h"

static bool is_true(const char *value) {
        static const char *const words[] = { "true", "yes", "on", "1" };

        for (size_t i = 0; value && i < ARRAY_SIZE(words); i++)
                if (strcasecmp(value, words[i]) == 0)
                        return true;
        return false;
}

static void left(struct import *import, const struct setting *s, const char *why) {
        char text[256];

        snprintf(text, sizeof text, "%s=%s", s->key, s->value);
        import_left(import, s->line, text, "%s", why);
}

/* A number and nothing else. */
static bool is_number(const char *value) {
        return *value && strlen(value) < 7 && strspn(value, "0123456789") == strlen(value);
}

/* "%(program_name)s" and the like: what is constant is put in by whoever edits it. */
static void check_expansions(struct import *import, const struct setting *s) {
        if (strstr(s->value, "%("))
                left(import, s, "what %(…)s stands for must be written out; the number of the instance is GANGER_INSTANCE "
                                "in the environment");
}

static void carry_command(struct import *import, const struct setting *s) {
        _cleanup_(words_done) struct words words = { .n = 0 };

        if (words_split(&words, s->value) < 0 || words.n == 0) {
                left(import, s, "it cannot be split into words; give exec by hand");
                return;
        }
        import_list(import, "exec", words.v);
        check_expansions(import, s);
}

static void carry_directory(struct import *import, const struct setting *s) {
        import_string(import, "directory", s->value);
        check_expansions(import, s);
}

static void carry_user(struct import *import, const struct setting *s) {
        import_string(import, "user", s->value);
}

/* KEY="value",KEY2=value: as words, once the commas outside of quotes are spaces. */
static void carry_environment(struct import *import, const struct setting *s) {
        _cleanup_(words_done) struct words words = { .n = 0 };
        char quote = 0;

        check_expansions(import, s);
        for (char *p = s->value; *p; p++) {
                if (quote ? *p == quote : *p == '"' || *p == '\'')
                        quote = quote ? 0 : *p;
                else if (!quote && *p == ',')
                        *p = ' ';
        }
        if (words_split(&words, s->value) < 0) {
                left(import, s, "it cannot be split into variables");
                return;
        }
        import_list(import, "environment", words.v);
}

static void carry_numprocs(struct import *import, const struct setting *s) {
        if (is_number(s->value))
                import_word(import, "instances", s->value);
        else
                left(import, s, "is not a number");
}

static void carry_stopsignal(struct import *import, const struct setting *s) {
        import_word(import, "stop-signal", s->value);
}

static void carry_stopwaitsecs(struct import *import, const struct setting *s) {
        char text[32];

        if (!is_number(s->value)) {
                left(import, s, "is not a number");
                return;
        }
        snprintf(text, sizeof text, "%ss", s->value);
        import_word(import, "stop-timeout", text);
}

static void carry_umask(struct import *import, const struct setting *s) {
        if (*s->value && strspn(s->value, "01234567") == strlen(s->value))
                import_word(import, "umask", s->value);
        else
                left(import, s, "is not an octal number");
}

static void carry_autostart(struct import *import, const struct setting *s) {
        if (!is_true(s->value))
                left(import, s, "every worker is started; 'instances = 0' defines one that is not");
}

static void carry_stream(struct import *import, const struct setting *s, const char *key) {
        if (strcasecmp(s->value, "none") == 0 || strcmp(s->value, "/dev/null") == 0)
                import_word(import, key, "null");
        else
                left(import, s, "output goes to the log of gangerd; see 'gangerctl logs'");
}

static void carry_stdout(struct import *import, const struct setting *s) {
        carry_stream(import, s, "standard-output");
}

static void carry_stderr(struct import *import, const struct setting *s) {
        carry_stream(import, s, "standard-error");
}

static const struct ini_rule rules[] = {
        { "command", carry_command, NULL },
        { "directory", carry_directory, NULL },
        { "user", carry_user, NULL },
        { "environment", carry_environment, NULL },
        { "numprocs", carry_numprocs, NULL },
        { "stopsignal", carry_stopsignal, NULL },
        { "stopwaitsecs", carry_stopwaitsecs, NULL },
        { "autostart", carry_autostart, NULL },
        { "process_name", NULL, "an instance is called WORKER/NUMBER" },
        { "numprocs_start", NULL, "instances are counted from 0" },
        { "startsecs", NULL, "a process is ready when it says so; see 'ready'" },
        { "startretries", NULL, "see 'restart-limit' and 'restart-delay'" },
        { "priority", NULL, "workers are started at once" },
        { "umask", carry_umask, NULL },
        { "stopasgroup", NULL, NULL },          /* so it is always */
        { "killasgroup", NULL, NULL },
        { "redirect_stderr", NULL, NULL },      /* both are in the log, each by its name */
        { "stdout_logfile", carry_stdout, NULL },
        { "stderr_logfile", carry_stderr, NULL },
};

static bool are_codes(const struct words *words) {
        for (size_t i = 0; i < words->n; i++)
                if (!is_number(words->v[i]) || atoi(words->v[i]) > 255)
                        return false;
        return words->n > 0;
}

/* autorestart, and exitcodes, which mean something together. */
static int carry_restart(struct ini *ini, const struct setting *first, struct import *import) {
        const struct setting *autorestart = ini_take(ini, first, "autorestart");
        const struct setting *exitcodes = ini_take(ini, first, "exitcodes");
        _cleanup_(freep) char *codes = strdup(exitcodes ? exitcodes->value : "0");
        _cleanup_(words_done) struct words words = { .n = 0 };
        bool zero = false;

        if (!codes)
                return -ENOMEM;
        if (autorestart && is_true(autorestart->value)) {
                import_word(import, "restart", "always");
                return 0;
        }
        if (autorestart && strcasecmp(autorestart->value, "unexpected") != 0) {
                import_word(import, "restart", "never");
                return 0;
        }
        for (char *p = codes; *p; p++)
                if (*p == ',')
                        *p = ' ';
        import_word(import, "restart", "on-failure");
        if (words_split(&words, codes) < 0 || !are_codes(&words)) {
                left(import, exitcodes, "are no exit statuses");
                return 0;
        }
        for (size_t i = 0; i < words.n; i++)
                zero |= strcmp(words.v[i], "0") == 0;
        if (words.n > 1 || !zero)
                import_list(import, "success-exit-status", words.v);
        if (!zero)
                import_word(import, "restart-force", "0");
        return 0;
}

static int program(struct ini *ini, const struct setting *first, struct import *import, const char *name) {
        int r = import_worker(import, first->line, name);

        if (r >= 0)
                r = carry_restart(ini, first, import);
        if (r >= 0)
                ini_apply(ini, first, import, rules, ARRAY_SIZE(rules));
        return r;
}

int import_supervisord(struct import *import, char *text) {
        struct ini ini;
        int r = ini_parse(&ini, import, INI_SUPERVISORD, text);

        import_remark(import, "From %s. Of gangerd's environment a worker gets PATH and LANG, and what it is given here.",
                      import->path);
        for (size_t i = 0; r == 0 && i < ini.n; i++) {
                const struct setting *s = &ini.settings[i];

                if (s->done || strncmp(s->section, "program:", 8) != 0)
                        continue;
                r = program(&ini, s, import, s->section + 8);
        }
        if (r == 0)
                r = import_end(import);
        for (size_t i = 0; r == 0 && i < ini.n; i++)
                if (!ini.settings[i].done) {
                        char why[128];

                        snprintf(why, sizeof why, "[%.60s] has no counterpart here", ini.settings[i].section);
                        left(import, &ini.settings[i], why);
                }
        ini_done(&ini);
        return r;
}
