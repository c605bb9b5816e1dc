/* SPDX-License-Identifier: MIT */

/*
 * A manager that hangs
 *
 * Where the service manager has a watchdog (WatchdogSec= of systemd), it is told that we live as often as it wants: each
 * time when the manager has answered that its loop turns. So it hears nothing from a gang whose keeper or manager hangs. A
 * manager that does not answer is killed, and the next one goes on, before the service manager would end all of it.
 *
 * What must hold: without a watchdog nothing of this wakes us.
 */

#include <signal.h>
#include <systemd/sd-daemon.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"

/** The manager is asked so often in a period, */
#define PINGS_PER_PERIOD 4
/** and must have answered after this part of it: what is left is enough for the next one to begin. */
#define PATIENCE_PER_PERIOD 2

void watchdog_end(struct keeper *k) {
        k->ping_usec = k->pong_due_usec = USEC_INFINITY;
        k->tell_ping = false;
}

void watchdog_init(struct keeper *k) {
        watchdog_end(k);
        if (sd_watchdog_enabled(0, &k->watchdog_usec) <= 0)
                k->watchdog_usec = 0;
}

static void ask(struct keeper *k) {
        k->ping_usec = USEC_INFINITY;
        k->pong_due_usec = now_usec() + k->watchdog_usec / PATIENCE_PER_PERIOD;
        k->tell_ping = true;
}

void watchdog_begin(struct keeper *k) {
        if (k->watchdog_usec > 0)
                ask(k);
}

void watchdog_answered(struct keeper *k) {
        if (k->pong_due_usec == USEC_INFINITY)
                return;
        if (!fault_is("silent-keeper"))
                notify_alive();
        k->pong_due_usec = USEC_INFINITY;
        k->ping_usec = now_usec() + k->watchdog_usec / PINGS_PER_PERIOD;
}

void watchdog_turn(struct keeper *k) {
        uint64_t now = now_usec();

        if (now >= k->ping_usec)
                ask(k);
        if (now < k->pong_due_usec)
                return;
        watchdog_end(k);
        if (k->manager <= 0 || fault_is("trust-manager"))
                return;
        keeper_log("the manager hangs, killing it");
        (void)kill(k->manager, SIGKILL);
}

uint64_t watchdog_due_usec(const struct keeper *k) {
        return MIN(k->ping_usec, k->pong_due_usec);
}
