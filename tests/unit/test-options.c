/* SPDX-License-Identifier: MIT */
/* The command line of gangerd. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/options.h"
#include "harness.h"

static struct options o;
static struct error e;

#define PARSE(...) parse((const char *[]){ "gangerd", __VA_ARGS__, NULL })

static int parse(const char **argv) {
        int argc = 0;

        while (argv[argc])
                argc++;
        e = ERROR_NULL;
        return options_parse(&o, argc, (char **)argv, &e);
}

START_TEST(everything_is_read) {
        ck_assert_int_eq(PARSE("--config", "/a/b.conf", "--runtime-dir=/c", "--foreground", "--check"), 0);
        ck_assert_str_eq(o.config, "/a/b.conf");
        ck_assert_str_eq(o.runtime_dir, "/c");
        ck_assert(o.foreground && o.check && !o.version && !o.help && !o.detached);
        ck_assert_int_eq(PARSE("--version", "--help"), 0);
        ck_assert(o.version && o.help && !o.check && !o.foreground);
}
END_TEST

START_TEST(paths_become_absolute) {
        char directory[PATH_MAX], wanted[2 * PATH_MAX];

        ck_assert_ptr_nonnull(getcwd(directory, sizeof directory));
        ck_assert_int_eq(PARSE("--config", "b.conf", "--runtime-dir", "run"), 0);
        snprintf(wanted, sizeof wanted, "%s/b.conf", directory);
        ck_assert_str_eq(o.config, wanted);
        snprintf(wanted, sizeof wanted, "%s/run", directory);
        ck_assert_str_eq(o.runtime_dir, wanted);
        ck_assert_int_eq(PARSE("--config", ""), -EINVAL);
}
END_TEST

START_TEST(mistakes_are_named) {
        char longest[PATH_MAX + 2];

        ck_assert_int_eq(PARSE("--chek"), -EINVAL);
        ck_assert_str_eq(e.text, "unknown option --chek; did you mean --check?");
        ck_assert_int_eq(PARSE("--foreground", "-x"), -EINVAL);
        ck_assert_str_eq(e.text, "unknown option -x; see gangerd --help");
        ck_assert_int_eq(PARSE("--config"), -EINVAL);
        ck_assert_str_eq(e.text, "--config needs an argument");
        ck_assert_int_eq(PARSE("--foreground", "start"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(e.text, "'start'"));
        memset(longest, 'x', sizeof longest - 1);
        longest[0] = '/';
        longest[sizeof longest - 1] = '\0';
        ck_assert_int_eq(PARSE("--config", longest), -ENAMETOOLONG);
}
END_TEST

START_TEST(the_runtime_directory_has_a_default) {
        unsetenv("GANGER_RUNTIME_DIR");
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        ck_assert_int_eq(parse((const char *[]){ "gangerd", NULL }), 0);
        ck_assert_str_eq(o.runtime_dir, geteuid() == 0 ? "/run/ganger" : "/run/user/7/ganger");
        setenv("GANGER_RUNTIME_DIR", "/elsewhere", 1);
        ck_assert_int_eq(parse((const char *[]){ "gangerd", NULL }), 0);
        ck_assert_str_eq(o.runtime_dir, "/elsewhere");
        ck_assert_int_eq(PARSE("--runtime-dir", "/here"), 0);
        ck_assert_str_eq(o.runtime_dir, "/here");
        unsetenv("GANGER_RUNTIME_DIR");
}
END_TEST

START_TEST(the_directory_of_logs_has_a_default) {
        unsetenv("LOGS_DIRECTORY");
        setenv("XDG_STATE_HOME", "/home/u/state", 1);
        ck_assert_int_eq(parse((const char *[]){ "gangerd", NULL }), 0);
        ck_assert_str_eq(o.log_dir, geteuid() == 0 ? "/var/log/ganger" : "/home/u/state/ganger/log");
        setenv("LOGS_DIRECTORY", "/var/log/a:/var/log/b", 1);
        ck_assert_int_eq(parse((const char *[]){ "gangerd", NULL }), 0);
        ck_assert_str_eq(o.log_dir, "/var/log/a");
        ck_assert_int_eq(PARSE("--log-dir", "/here"), 0);
        ck_assert_str_eq(o.log_dir, "/here");
        unsetenv("LOGS_DIRECTORY");
        unsetenv("XDG_STATE_HOME");
}
END_TEST

START_TEST(a_manager_is_given_the_same) {
        const char *argv[OPTIONS_ARGV_MAX];

        ck_assert_int_eq(PARSE("--config", "b.conf", "--runtime-dir", "/c", "--log-dir", "/l", "--foreground"), 0);
        {
                struct options copy;
                int argc = 0;

                options_manager_argv(&o, "gangerd: manager", argv);
                while (argv[argc])
                        argc++;
                ck_assert_int_lt(argc, OPTIONS_ARGV_MAX);
                ck_assert_str_eq(argv[0], "gangerd: manager");
                ck_assert_int_eq(options_parse(&copy, argc, (char **)argv, &e), 0);
                ck_assert_str_eq(copy.config, o.config);
                ck_assert_str_eq(copy.runtime_dir, "/c");
                ck_assert_str_eq(copy.log_dir, "/l");
                ck_assert(copy.foreground);
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("options", everything_is_read, paths_become_absolute, mistakes_are_named,
                                         the_runtime_directory_has_a_default,
                                         the_directory_of_logs_has_a_default, a_manager_is_given_the_same));
}
