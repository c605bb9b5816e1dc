/* SPDX-License-Identifier: MIT */

/*
 * The command line
 *
 * What must hold: both paths are absolute when they leave here, since a daemon goes to `/`, and what the manager is
 * given means the same as what the keeper was.
 */

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/config/config.h"

enum {
        OPTION_CHECK = 256,
        OPTION_CONFIG,
        OPTION_FOREGROUND,
        OPTION_FORMATS,
        OPTION_HELP,
        OPTION_LOG_DIR,
        OPTION_RUNTIME_DIR,
        OPTION_STATE_DIR,
        OPTION_VERSION,
};

/* One row an option: the parser and the help follow from it. */
static const struct {
        const char *name;
        int value;
        const char *argument;
        const char *help;
} rows[] = {
        { "config", OPTION_CONFIG, "FILE", "the configuration" },
        { "runtime-dir", OPTION_RUNTIME_DIR, "DIR", "where the control socket lives" },
        { "state-dir", OPTION_STATE_DIR, "DIR", "where it is kept what was stopped and scaled by hand" },
        { "log-dir", OPTION_LOG_DIR, "DIR", "where log files are" },
        { "foreground", OPTION_FOREGROUND, NULL, "stay, and log to stderr" },
        { "check", OPTION_CHECK, NULL, "read the configuration, tell every mistake, and end" },
        { "formats", OPTION_FORMATS, NULL, "print from which other versions it can take over, and end" },
        { "version", OPTION_VERSION, NULL, "print the version, and end" },
        { "help", OPTION_HELP, NULL, "print this, and end" },
};

#define N_ROWS (sizeof rows / sizeof rows[0])

static void long_options(struct option ret[N_ROWS + 1]) {
        for (size_t i = 0; i < N_ROWS; i++)
                ret[i] = (struct option){
                        .name = rows[i].name,
                        .has_arg = rows[i].argument ? required_argument : no_argument,
                        .val = rows[i].value,
                };
        ret[N_ROWS] = (struct option){ 0 };
}

static int path_set(char *ret, const char *directory, const char *rest, struct error *e) {
        int n = snprintf(ret, PATH_MAX, "%s%s", directory, rest);

        if (n < 0 || n >= PATH_MAX)
                return error_errno(e, -ENAMETOOLONG, "'%s%s'", directory, rest);
        return 0;
}

/* Not realpath(): what does not exist yet has a name, too, and a symlink is for the one who opens it to judge. */
static int path_absolute(char *ret, const char *path, struct error *e) {
        char directory[PATH_MAX], rest[PATH_MAX];

        if (path[0] == '/')
                return path_set(ret, path, "", e);
        if (path[0] == '\0')
                return error_set(e, -EINVAL, "an empty path names nothing");
        if (!getcwd(directory, sizeof directory))
                return error_errno(e, -errno, "the working directory");
        if ((size_t)snprintf(rest, sizeof rest, "/%s", path) >= sizeof rest)
                return error_errno(e, -ENAMETOOLONG, "'%s'", path);
        return path_set(ret, directory, rest, e);
}

static const char *variable(const char *name) {
        const char *value = getenv(name);

        return value && value[0] == '/' ? value : NULL;
}

static int default_config(char *ret, struct error *e) {
        _cleanup_(freep) char *path = NULL;
        int r = config_default_path(&path);

        if (r < 0)
                return error_errno(e, r, "where the configuration is");
        return path_set(ret, path, "", e);
}

static int default_runtime_dir(char *ret, struct error *e) {
        const char *directory = getenv("GANGER_RUNTIME_DIR");
        char rest[64];

        if (directory && directory[0])
                return path_absolute(ret, directory, e);
        if (geteuid() == 0)
                return path_set(ret, "/run/ganger", "", e);
        directory = variable("XDG_RUNTIME_DIR");
        if (directory)
                return path_set(ret, directory, "/ganger", e);
        snprintf(rest, sizeof rest, "/ganger-%u", (unsigned int)geteuid());
        return path_set(ret, "/tmp", rest, e);
}

/* systemd sets such variables, for StateDirectory= and the like; of several directories, the first. */
static int directory_of_systemd(char *ret, const char *directories, struct error *e) {
        char first[PATH_MAX];

        if ((size_t)snprintf(first, sizeof first, "%.*s", (int)strcspn(directories, ":"), directories) >= sizeof first)
                return error_errno(e, -ENAMETOOLONG, "'%s'", directories);
        return path_set(ret, first, "", e);
}

static int default_log_dir(char *ret, struct error *e) {
        const char *directory = variable("LOGS_DIRECTORY");

        if (directory)
                return directory_of_systemd(ret, directory, e);
        if (geteuid() == 0)
                return path_set(ret, "/var/log/ganger", "", e);
        directory = variable("XDG_STATE_HOME");
        if (directory)
                return path_set(ret, directory, "/ganger/log", e);
        directory = variable("HOME");
        return directory ? path_set(ret, directory, "/.local/state/ganger/log", e) : 0;
}

static int unknown(const char *word, struct error *e) {
        const char *names[N_ROWS + 1] = { NULL }, *near;

        for (size_t i = 0; i < N_ROWS; i++)
                names[i] = rows[i].name;
        near = text_nearest(word + strspn(word, "-"), names);
        if (near)
                return error_set(e, -EINVAL, "unknown option %s; did you mean --%s?", word, near);
        return error_set(e, -EINVAL, "unknown option %s; see gangerd --help", word);
}

static int apply(struct options *o, int value, struct error *e) {
        switch (value) {
        case OPTION_CHECK:
                o->check = true;
                return 0;
        case OPTION_CONFIG:
                return path_absolute(o->config_buffer, optarg, e);
        case OPTION_FOREGROUND:
                o->foreground = true;
                return 0;
        case OPTION_FORMATS:
                o->formats = true;
                return 0;
        case OPTION_HELP:
                o->help = true;
                return 0;
        case OPTION_LOG_DIR:
                return path_absolute(o->log_dir_buffer, optarg, e);
        case OPTION_RUNTIME_DIR:
                return path_absolute(o->runtime_dir_buffer, optarg, e);
        case OPTION_STATE_DIR:
                return path_absolute(o->state_dir_buffer, optarg, e);
        case OPTION_VERSION:
                o->version = true;
                return 0;
        case ':':
                return error_set(e, -EINVAL, "%s needs an argument", o->word);
        default:
                return unknown(o->word, e);
        }
}

int options_parse(struct options *ret, int argc, char **argv, struct error *e) {
        struct option longs[N_ROWS + 1];
        int value, r = 0;

        *ret = (struct options){ .detached = getenv(OPTIONS_DETACHED_ENV) };
        long_options(longs);
        optind = 0;                             /* glibc: begin anew, whoever parsed before */
        for (;;) {
                ret->word = argv[optind > 0 ? optind : 1];
                value = getopt_long(argc, argv, ":", longs, NULL);
                if (value < 0)
                        break;
                r = apply(ret, value, e);
                if (r < 0)
                        return r;
        }
        if (optind < argc)
                return error_set(e, -EINVAL, "'%s' is not an option, and gangerd takes nothing else", argv[optind]);
        if (!ret->config_buffer[0])
                r = default_config(ret->config_buffer, e);
        if (r == 0 && !ret->runtime_dir_buffer[0])
                r = default_runtime_dir(ret->runtime_dir_buffer, e);
        if (r == 0 && !ret->state_dir_buffer[0] && variable("STATE_DIRECTORY"))
                r = directory_of_systemd(ret->state_dir_buffer, variable("STATE_DIRECTORY"), e);
        if (r == 0 && !ret->log_dir_buffer[0])
                r = default_log_dir(ret->log_dir_buffer, e);
        ret->config = ret->config_buffer;
        ret->runtime_dir = ret->runtime_dir_buffer;
        ret->log_dir = ret->log_dir_buffer[0] ? ret->log_dir_buffer : NULL;
        ret->state_dir = ret->state_dir_buffer[0] ? ret->state_dir_buffer : NULL;
        return r;
}

void options_help(void) {
        char config[PATH_MAX] = "?", runtime_dir[PATH_MAX] = "?", log_dir[PATH_MAX] = "?", column[64];

        (void)default_config(config, NULL);
        (void)default_runtime_dir(runtime_dir, NULL);
        (void)default_log_dir(log_dir, NULL);
        printf("Usage: gangerd [OPTION]…\n"
               "Keep groups of worker processes running, and carry messages between them.\n\n");
        for (size_t i = 0; i < N_ROWS; i++) {
                snprintf(column, sizeof column, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                         rows[i].argument ?: "");
                printf("  %-20s %s", column, rows[i].help);
                if (rows[i].value == OPTION_CONFIG)
                        printf(" (here: %s)", config);
                else if (rows[i].value == OPTION_RUNTIME_DIR)
                        printf(" (here: %s)", runtime_dir);
                else if (rows[i].value == OPTION_LOG_DIR)
                        printf(" (here: %s)", log_dir);
                putchar('\n');
        }
        printf("\nWithout --foreground gangerd goes to the background, and returns as soon as it serves: 0, or not 0\n"
               "and the reason on stderr. Started by systemd (Type=notify) it stays in any case.\n\n"
               "SIGTERM stops the workers in order, and ends it; SIGHUP reads the configuration anew.\n"
               "See gangerd(8), ganger.conf(5), gangerctl(1).\n");
}

void options_manager_argv(const struct options *o, const char *name, const char *ret_argv[OPTIONS_ARGV_MAX]) {
        size_t n = 0;

        ret_argv[n++] = name;
        ret_argv[n++] = "--config";
        ret_argv[n++] = o->config;
        ret_argv[n++] = "--runtime-dir";
        ret_argv[n++] = o->runtime_dir;
        if (o->state_dir) {
                ret_argv[n++] = "--state-dir";
                ret_argv[n++] = o->state_dir;
        }
        if (o->log_dir) {
                ret_argv[n++] = "--log-dir";
                ret_argv[n++] = o->log_dir;
        }
        if (o->foreground)
                ret_argv[n++] = "--foreground";
        ret_argv[n] = NULL;
}
