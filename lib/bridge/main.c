/* SPDX-License-Identifier: MIT */

/*
 * ganger-bridge: joining, and ending
 *
 * However it ends, the rings are left first, so that what was held is delivered to others at once. If the
 * program was killed by a signal, so is the bridge: whoever watches it sees what has happened.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "base/fd.h"
#include "bridge/bridge.h"
#include "bridge/program.h"

/** As all commands of ganger. */
#define EXIT_USAGE 2

static int open_ring(struct bridge *b, unsigned int flag, const char *what, struct ganger_ring **ret) {
        int r = ganger_ring_open(b->ganger, NULL, flag, ret);

        if (r == -ENOENT)
                return 0; /* it has none */
        if (r == -ENOTUNIQ)
                bridge_log("there are several rings to %s; a worker with `io` has one at most", what);
        else if (r < 0)
                bridge_log("cannot open the ring to %s: %s", what, strerror(-r));
        return r;
}

/** As all commands of ganger. */
#define EXIT_USAGE 2

static int open_rings(struct bridge *b) {
        int r;

        r = open_ring(b, GANGER_RECEIVE, "receive from", &b->receive);
        if (r == 0)
                r = open_ring(b, GANGER_SEND, "send to", &b->send);
        if (r < 0)
                return r;
        if (!b->receive && (!b->send || b->options.io == IO_EXEC)) {
                bridge_log(b->send ? "io = exec needs a ring to receive from"
                                   : "there is no ring to receive from or send to");
                return -EINVAL;
        }
        if (!b->receive)
                return 0;
        b->ring_fd = ganger_ring_fd(b->receive);
        if (b->ring_fd < 0)
                bridge_log("cannot watch ring %s: %s", ganger_ring_name(b->receive), strerror(-b->ring_fd));
        return MIN(b->ring_fd, 0);
}

/** Requests to stop become readable, and deaths that are for us; a program that no longer reads makes a write fail, not us. */
static int watch_signals(struct bridge *b) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        if (program_is_first())
                sigaddset(&set, SIGCHLD);
        signal(SIGPIPE, SIG_IGN);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        b->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return b->signal_fd < 0 ? -errno : 0;
}

static int run(struct bridge *b) {
        int r;

        r = watch_signals(b);
        if (r < 0) {
                bridge_log("signals: %s", strerror(-r));
                return END_FAILED;
        }
        r = ganger_join(&b->ganger, NULL);
        if (r < 0) {
                bridge_log("cannot join: %s", r == -ENOENT ? "not started by gangerd" : strerror(-r));
                return END_FAILED;
        }
        if (open_rings(b) < 0)
                return END_FAILED;
        if (b->options.io == IO_EXEC)
                return once_run(b);
        return b->receive ? talk_run(b) : source_run(b);
}

/** End as the program did. It has left a core if it should; ours would tell nothing. */
static int end(int status) {
        const struct rlimit no_core = { 0, 0 };
        sigset_t set;

        if (!WIFSIGNALED(status))
                return WEXITSTATUS(status);
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(WTERMSIG(status), SIG_DFL);
        (void)raise(WTERMSIG(status)); /* pending, if it is blocked */
        sigfillset(&set);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        return 128 + WTERMSIG(status);
}

int main(int argc, char *argv[]) {
        struct bridge bridge = BRIDGE_NULL;
        int r, status;

        r = options_parse(&bridge.options, argc, argv);
        if (r != 0)
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        status = run(&bridge);
        ganger_leave(bridge.ganger);
        close_fd(bridge.signal_fd);
        return end(status);
}
