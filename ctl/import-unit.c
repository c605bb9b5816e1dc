/* SPDX-License-Identifier: MIT */

/*
 * A service unit of systemd
 *
 * Names and meanings are mostly ganger's own. What differs: systemd counts some signals as a good end, and waits the same
 * time before each restart.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import-ini.h"
#include "ctl/import-isolation.h"
#include "ctl/import-place.h"

static void left(struct import *import, const struct setting *s, const char *why) {
        char text[256];

        snprintf(text, sizeof text, "%s=%s", s->key, s->value);
        import_left(import, s->line, text, "%s", why);
}

/* "%%" is a percent sign, and "$$" a dollar; any other of them stands for something. @return whether one does. */
static bool unescape(char *word) {
        bool stands = false;
        char *to = word;

        for (const char *p = word; *p; p++) {
                bool is_special = *p == '%' || *p == '$';

                if (is_special && p[1] == *p)
                        p++;
                else
                        stands |= is_special;
                *to++ = *p;
        }
        *to = '\0';
        return stands;
}

/* The words of a list, each without its escapes. */
static bool read_words(struct import *import, const struct setting *s, const char *value, struct words *words) {
        bool stands = false;

        if (words_split(words, value) < 0) {
                left(import, s, "it cannot be split into words");
                return false;
        }
        for (size_t i = 0; i < words->n; i++)
                stands |= unescape(words->v[i]);
        if (stands)
                left(import, s, "what its % and $ stand for must be written out");
        return words->n > 0;
}

static void carry_exec(struct import *import, const struct setting *s) {
        _cleanup_(words_done) struct words words = { .n = 0 };
        size_t prefix = strspn(s->value, "@-:+!");

        if (!read_words(import, s, s->value + prefix, &words))
                return;
        import_list(import, "exec", words.v);
        if (prefix > 0)
                left(import, s, "its prefix means nothing here");
}

static void carry_list(struct import *import, const struct setting *s, const char *key) {
        _cleanup_(words_done) struct words words = { .n = 0 };

        if (read_words(import, s, s->value, &words))
                import_list(import, key, words.v);
}

static void carry_prevent(struct import *import, const struct setting *s) {
        carry_list(import, s, "restart-prevent");
}

static void carry_force(struct import *import, const struct setting *s) {
        carry_list(import, s, "restart-force");
}

static void carry_environment(struct import *import, const struct setting *s) {
        carry_list(import, s, "environment");
}

static void carry_environment_file(struct import *import, const struct setting *s) {
        if (strpbrk(s->value, "*?["))
                left(import, s, "name each file");
        else
                carry_list(import, s, "environment-file");
}

/* Without a path it is one that was given to systemd. */
static void carry_credentials(struct import *import, const struct setting *s) {
        _cleanup_(words_done) struct words words = { .n = 0 };
        size_t n = 0;

        if (!read_words(import, s, s->value, &words))
                return;
        for (size_t i = 0; i < words.n; i++)
                n += strchr(words.v[i], ':') != NULL;
        if (n == words.n)
                import_list(import, "credentials", words.v);
        else
                left(import, s, "give each a path: NAME:PATH");
}

static void carry_directory(struct import *import, const struct setting *s) {
        if (*s->value == '/')
                import_string(import, "directory", s->value);
        else
                left(import, s, "give the directory by its path");
}

static void carry_user(struct import *import, const struct setting *s) {
        import_string(import, "user", s->value);
}

static void carry_signal(struct import *import, const struct setting *s) {
        import_word(import, "stop-signal", s->value);
}

/* A number without a unit, which are seconds. */
static bool is_bare(const struct setting *s) {
        return *s->value && strspn(s->value, "0123456789") == strlen(s->value);
}

static bool is_zero(const struct setting *s) {
        return strspn(s->value, "0") == strlen(s->value);
}

/* Seconds without a unit; 0 and "infinity" are no limit for systemd. */
static void carry_time(struct import *import, const struct setting *s, const char *key) {
        char text[64];

        snprintf(text, sizeof text, "%.50s%s", s->value, is_bare(s) ? "s" : "");
        if (is_zero(s))
                import_word(import, key, "infinity");
        else
                import_string(import, key, text);
}

static void carry_stop_timeout(struct import *import, const struct setting *s) {
        carry_time(import, s, "stop-timeout");
}

static void carry_type(struct import *import, const struct setting *s) {
        if (strcmp(s->value, "notify") == 0 || strcmp(s->value, "notify-reload") == 0)
                import_word(import, "ready", "notify");
        else if (strcmp(s->value, "simple") != 0 && strcmp(s->value, "exec") != 0 && strcmp(s->value, "idle") != 0)
                left(import, s, strcmp(s->value, "forking") == 0
                                ? "a worker must stay in the foreground: give the program the option for that"
                                : "only simple, exec and notify have a counterpart");
}

static const struct ini_rule service_rules[] = {
        { "Type", carry_type, NULL },
        { "ExecStart", carry_exec, NULL },
        { "Environment", carry_environment, NULL },
        { "User", carry_user, NULL },
        { "WorkingDirectory", carry_directory, NULL },
        { "KillSignal", carry_signal, NULL },
        { "TimeoutStopSec", carry_stop_timeout, NULL },
        { "RestartPreventExitStatus", carry_prevent, NULL },
        { "RestartForceExitStatus", carry_force, NULL },
        { "EnvironmentFile", carry_environment_file, NULL },
        { "LoadCredential", carry_credentials, NULL },
        { "ExecReload", NULL, "see 'gangerctl signal'" },
        { "PIDFile", NULL, "the process that is started is the one that is watched" },
        { "KillMode", NULL, "all of a worker's processes are killed with it" },
        { "SyslogIdentifier", NULL, "output goes to the log of gangerd" },
};

/* Of a unit as a whole: nothing but its name is needed here. */
static const struct ini_rule unit_rules[] = {
        { "Description", NULL, NULL },
        { "Documentation", NULL, NULL },
};

/* systemd counts these as a good end, with what SuccessExitStatus adds. */
static void carry_success(struct import *import, const struct setting *more, const struct setting *first,
                          const char *restart) {
        _cleanup_(words_done) struct words words = { .n = 0 };
        char text[1024];

        if (strcmp(restart, "always") == 0 && !more)
                return;
        snprintf(text, sizeof text, "SIGHUP SIGINT SIGTERM SIGPIPE %.900s", more ? more->value : "");
        if (read_words(import, more ? more : first, text, &words))
                import_list(import, "success-exit-status", words.v);
}

static void carry_restart(struct ini *ini, const struct setting *first, struct import *import) {
        const struct setting *restart = ini_take(ini, first, "Restart"), *delay = ini_take(ini, first, "RestartSec");
        const struct setting *success = ini_take(ini, first, "SuccessExitStatus");
        static const char *const known[] = { "always", "on-failure", "on-abnormal" };
        const char *word = "never";

        for (size_t i = 0; restart && i < ARRAY_SIZE(known); i++)
                if (strcmp(restart->value, known[i]) == 0)
                        word = known[i];
        if (restart && strcmp(restart->value, word) != 0 && strcmp(restart->value, "no") != 0) {
                left(import, restart, "there is no such policy; see 'restart-force'");
                word = "on-abnormal";
        }
        import_word(import, "restart", word);
        carry_success(import, success, first, word);
        if (!delay || is_zero(delay))
                return;
        carry_time(import, delay, "restart-delay");
        carry_time(import, delay, "restart-delay-max");
        import_remark(import, "The first restart is at once.");
}

/* StartLimitBurst in StartLimitIntervalSec; systemd has them in [Unit], or in [Service] of old. */
static void carry_limit(struct ini *ini, const struct setting *section, struct import *import) {
        const struct setting *burst = ini_take(ini, section, "StartLimitBurst");
        const struct setting *interval = ini_take(ini, section, "StartLimitIntervalSec");
        char text[96];

        if (!interval)
                interval = ini_take(ini, section, "StartLimitInterval");
        if (!burst && !interval)
                return;
        if (interval && is_zero(interval)) {
                import_word(import, "restart-limit", "none");
                return;
        }
        snprintf(text, sizeof text, "%.16s/%.48s%s", burst ? burst->value : "5", interval ? interval->value : "10",
                 !interval || is_bare(interval) ? "s" : "");
        import_string(import, "restart-limit", text);
}

static bool has_key(const struct ini *ini, const struct setting *first, const char *key) {
        for (size_t i = 0; i < ini->n; i++)
                if (ini->settings[i].section == first->section && strcmp(ini->settings[i].key, key) == 0)
                        return true;
        return false;
}

/* TimeoutSec is both; how long a start may take matters only if it says when it is ready. */
static void carry_timeouts(struct ini *ini, const struct setting *first, struct import *import) {
        const struct setting *both = ini_take(ini, first, "TimeoutSec"), *start = ini_take(ini, first, "TimeoutStartSec");

        if (!start)
                start = both;
        if (start && !is_zero(start) && strcmp(start->value, "infinity") != 0)
                carry_time(import, start, "ready-timeout");
        else if (start)
                left(import, start, "'ready-timeout' always has a value");
        /* A TimeoutStopSec of its own comes later, by its rule. */
        if (both && !has_key(ini, first, "TimeoutStopSec"))
                carry_time(import, both, "stop-timeout");
}

static bool is_null(const struct setting *s) {
        return s && strcmp(s->value, "null") == 0;
}

static void leave_stream(struct import *import, const struct setting *s) {
        static const char *const log[] = { "journal", "syslog", "inherit", "null" };

        for (size_t i = 0; i < ARRAY_SIZE(log); i++)
                if (!s || strcmp(s->value, log[i]) == 0)
                        return;
        left(import, s, "output goes to the log of gangerd");
}

/* Without a word about it, standard error goes where standard output does. */
static void carry_streams(struct ini *ini, const struct setting *first, struct import *import) {
        const struct setting *output = ini_take(ini, first, "StandardOutput");
        const struct setting *error = ini_take(ini, first, "StandardError");
        bool follows = error ? strcmp(error->value, "inherit") == 0 : is_null(output);

        leave_stream(import, output);
        leave_stream(import, error);
        if (is_null(output))
                import_word(import, "standard-output", "null");
        if (is_null(error) || follows)
                import_word(import, "standard-error", follows ? "inherit" : "null");
}

static const struct setting *find_section(const struct ini *ini, const char *name) {
        for (size_t i = 0; i < ini->n; i++)
                if (strcmp(ini->settings[i].section, name) == 0)
                        return &ini->settings[i];
        return NULL;
}

/* Settings that may be there more than once add up, unless one is empty: that begins afresh. */
static int merge(struct ini *ini, const struct setting *first, const char *key) {
        char *sum = NULL;
        struct setting *last = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&sum, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < ini->n; i++) {
                struct setting *s = &ini->settings[i];

                if (s->section != first->section || strcmp(s->key, key) != 0)
                        continue;
                if (!*s->value)
                        rewind(f);
                fprintf(f, "%s ", s->value);
                s->done = true;
                last = s;
        }
        if (fclose(f) != 0) {
                free(sum);
                return -ENOMEM;
        }
        if (last) {
                last->merged = sum;
                last->value = sum;
                last->done = false;
        } else
                free(sum);
        return 0;
}

static int service(struct ini *ini, const struct setting *first, const struct setting *unit, struct import *import) {
        static const char *const adding[] = { "Environment", "SuccessExitStatus", "RestartPreventExitStatus",
                                              "RestartForceExitStatus", "EnvironmentFile", "LoadCredential", "CPUAffinity",
                                              "NUMAMask" };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(adding); i++)
                r = merge(ini, first, adding[i]);
        if (r < 0)
                return r;
        carry_restart(ini, first, import);
        carry_timeouts(ini, first, import);
        carry_streams(ini, first, import);
        import_place(ini, first, import);
        import_isolation(ini, first, import);
        carry_limit(ini, first, import);
        if (unit)
                carry_limit(ini, unit, import);
        ini_apply(ini, first, import, service_rules, ARRAY_SIZE(service_rules));
        return 0;
}

int import_unit(struct import *import, const char *name, char *text) {
        const struct setting *first, *unit;
        char worker[256];
        struct ini ini;
        int r = ini_parse(&ini, import, INI_SYSTEMD, text);

        first = find_section(&ini, "Service");
        unit = find_section(&ini, "Unit");
        if (r == 0 && !first) {
                fprintf(import->err, "%s: there is no [Service] in it\n", import->path);
                r = -EINVAL;
        }
        snprintf(worker, sizeof worker, "%.*s", (int)strcspn(name, "."), name);
        import_remark(import, "From %s.", import->path);
        if (r == 0)
                r = import_worker(import, 1, worker);
        if (r == 0)
                r = service(&ini, first, unit, import);
        if (r == 0 && unit)
                ini_apply(&ini, unit, import, unit_rules, ARRAY_SIZE(unit_rules));
        for (size_t i = 0; r == 0 && i < ini.n; i++)
                if (!ini.settings[i].done)
                        ini_apply(&ini, &ini.settings[i], import, NULL, 0);
        if (r == 0)
                r = import_end(import);
        ini_done(&ini);
        return r;
}
