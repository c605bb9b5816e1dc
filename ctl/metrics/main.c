/* SPDX-License-Identifier: MIT */

/*
 * ganger-metrics: what is known of a gang, for whoever scrapes it by HTTP
 *
 * A process of its own, since gangerd listens at no port. It asks gangerd when somebody asks it, and does nothing
 * otherwise. Each address has its own server, with a thread and a client of its own.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "ctl/metrics/address.h"
#include "ctl/metrics/exposition.h"
#include "ctl/metrics/server.h"

#define ADDRESSES_MAX 8
/** Whoever scrapes waits no longer, and neither do we. */
#define TIMEOUT_USEC (5 * USEC_PER_SEC)

struct arguments {
        const char *addresses[ADDRESSES_MAX];
        size_t n_addresses;
        const char *socket;             /* of gangerd; NULL: that of runtime_dir */
        const char *runtime_dir;        /* NULL: the usual one */
        bool once;
        enum exposition_format format;
};

static void help(void) {
        puts("usage: ganger-metrics [OPTION…]\n"
             "\n"
             "serve the metrics of a gang, as OpenMetrics by HTTP\n"
             "\n"
             "  --listen ADDRESS    a path, or a port of this machine alone: 127.0.0.1:9764, [::1]:9764\n"
             "                      (may be given several times; default: 'metrics' in the runtime directory)\n"
             "  --once              print them, and end\n"
             "  --text              with --once: in the text format that was before OpenMetrics\n"
             "  --runtime-dir DIR   the runtime directory of gangerd\n"
             "  --socket PATH       the control socket of gangerd\n"
             "  --version           print the version, and end\n"
             "  --help              print this, and end\n"
             "\n"
             "Sockets that are passed by LISTEN_FDS are served in place of the default.");
}

/** @return 1: go on; 0: all is done; -EINVAL. */
static int parse(int argc, char **argv, struct arguments *ret) {
        static const struct option options[] = {
                { "listen", required_argument, NULL, 'l' }, { "once", no_argument, NULL, 'o' },
                { "text", no_argument, NULL, 't' },
                { "runtime-dir", required_argument, NULL, 'r' }, { "socket", required_argument, NULL, 's' },
                { "version", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case 'l':
                        if (ret->n_addresses == ADDRESSES_MAX) {
                                fprintf(stderr, "ganger-metrics: more than %d addresses\n", ADDRESSES_MAX);
                                return -EINVAL;
                        }
                        ret->addresses[ret->n_addresses++] = optarg;
                        break;
                case 'o':
                        ret->once = true;
                        break;
                case 't':
                        ret->format = EXPOSITION_TEXT;
                        break;
                case 'r':
                        ret->runtime_dir = optarg;
                        break;
                case 's':
                        ret->socket = optarg;
                        break;
                case 'v':
                        puts("ganger-metrics " PACKAGE_VERSION);
                        return 0;
                case 'h':
                        help();
                        return 0;
                default:
                        return -EINVAL; /* told already */
                }
        if (optind < argc) {
                fprintf(stderr, "ganger-metrics: unexpected argument '%s'; see ganger-metrics --help\n", argv[optind]);
                return -EINVAL;
        }
        if (ret->format == EXPOSITION_TEXT && !ret->once) {
                fputs("ganger-metrics: --text goes with --once; over HTTP, whoever asks says what he wants\n", stderr);
                return -EINVAL;
        }
        return 1;
}

/** "DIR/what", of the runtime directory. */
static char *runtime_path(const struct arguments *a, const char *what) {
        _cleanup_(freep) char *directory = NULL;
        char *path = NULL;

        if (!a->runtime_dir && ganger_control_runtime_dir(&directory) < 0)
                return NULL;
        return asprintf(&path, "%s/%s", a->runtime_dir ?: directory, what) < 0 ? NULL : path;
}

static int client_new(struct ganger_control **ret, const char *path) {
        int r = ganger_control_new(ret, path);

        if (r >= 0)
                ganger_control_set_timeout(*ret, TIMEOUT_USEC);
        return r;
}

static int print_once(const char *path, enum exposition_format format) {
        struct ganger_control *client = NULL;
        const char *error = "";
        int r = client_new(&client, path);

        if (r >= 0)
                r = exposition_write(client, format, stdout, &error);
        if (r >= 0 && fflush(stdout) != 0)
                r = -errno;
        if (r < 0)
                fprintf(stderr, "ganger-metrics: %s\n", strerror(-r));
        else if (*error)
                fprintf(stderr, "ganger-metrics: %s\n", error);
        r = r < 0 || *error ? EXIT_FAILURE : EXIT_SUCCESS;
        ganger_control_free(client);
        return r;
}

/* ---- serving ----------------------------------------------------------------------------------- */

struct servers {
        struct server *servers[ADDRESSES_MAX];
        size_t n;
};

/** @param fd  taken. */
static int serve(struct servers *s, int fd, const char *path) {
        struct ganger_control *client;
        int r;

        if (s->n == ADDRESSES_MAX) {
                close_fd(fd);
                return -E2BIG;
        }
        r = client_new(&client, path);
        if (r < 0) {
                close_fd(fd);
                return r;
        }
        r = server_new(&s->servers[s->n], fd, client);
        s->n += r >= 0;
        return r;
}

static int serve_given(struct servers *s, int n, const char *path) {
        for (int i = 0; i < n; i++) {
                int r = serve(s, SD_LISTEN_FDS_START + i, path);

                if (r < 0) {
                        fprintf(stderr, "ganger-metrics: descriptor %d: %s\n", SD_LISTEN_FDS_START + i, strerror(-r));
                        return r;
                }
        }
        return 0;
}

static int serve_addresses(struct servers *s, const struct arguments *a, const char *path) {
        for (size_t i = 0; i < a->n_addresses; i++) {
                struct error error = ERROR_NULL;
                int fd = address_listen(a->addresses[i], &error), r = fd < 0 ? fd : serve(s, fd, path);

                if (r < 0) {
                        fprintf(stderr, "ganger-metrics: %s: %s\n", a->addresses[i], fd < 0 ? error.text : strerror(-r));
                        return r;
                }
        }
        return 0;
}

static void wait_for_end(void) {
        sigset_t end;
        int number;

        sigemptyset(&end);
        sigaddset(&end, SIGTERM);
        sigaddset(&end, SIGINT);
        (void)sd_notify(0, "READY=1");
        (void)sigwait(&end, &number);
        (void)sd_notify(0, "STOPPING=1");
}

/** Before there are threads: all of them leave these to the one that waits. */
static void block_signals(void) {
        sigset_t end;

        sigemptyset(&end);
        sigaddset(&end, SIGTERM);
        sigaddset(&end, SIGINT);
        sigprocmask(SIG_BLOCK, &end, NULL);
        signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
        _cleanup_(freep) char *control = NULL, *usual = NULL;
        struct arguments arguments = { 0 };
        struct servers servers = { 0 };
        const char *path;
        int r = parse(argc, argv, &arguments), n_given;

        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        control = runtime_path(&arguments, "control");
        usual = runtime_path(&arguments, "metrics");
        if (!control || !usual) {
                fprintf(stderr, "ganger-metrics: %s\n", strerror(ENOMEM));
                return EXIT_FAILURE;
        }
        path = arguments.socket ?: control;
        if (arguments.once)
                return print_once(path, arguments.format);
        block_signals();
        n_given = sd_listen_fds(1);
        if (arguments.n_addresses == 0 && n_given <= 0)
                arguments.addresses[arguments.n_addresses++] = usual;
        r = serve_given(&servers, MAX(n_given, 0), path);
        if (r >= 0)
                r = serve_addresses(&servers, &arguments, path);
        if (r >= 0)
                wait_for_end();
        while (servers.n > 0)
                server_free(servers.servers[--servers.n]);
        for (size_t i = 0; i < arguments.n_addresses; i++)
                address_forget(arguments.addresses[i]);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
