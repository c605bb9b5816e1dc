#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the service manager is told, and one that does not listen."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

def told_in_order():
    """READY=1 with its pid and a status; RELOADING=1, then READY=1; STOPPING=1"""
    with plain_gang() as g:
        g.start()
        g.until_ready('io/0', 'io/1', 'plain/0')
        check(f'MAINPID={g.keeper_pid}' in g.notified, f'told: {g.notified}')
        g.wait_notified(lambda line: line == 'STATUS=2 workers, 3 of 3 instances ready', 'its status')
        for text in (PLAIN_CONFIG, 'worker {'):               # a good reload, and one that is refused
            g.configure(text)
            seen = len(g.notified)
            kill(g.keeper_pid, signal.SIGHUP)
            def done():
                told = [line for line in g.notified[seen:] if line in ('RELOADING=1', READY_LINE)]
                return 'RELOADING=1' in told and told[-1] == READY_LINE
            g.wait_notified(lambda line: done(), 'READY=1 after RELOADING=1')
        g.json('shutdown', '--no-wait')
        g.wait_notified(lambda line: line == 'STOPPING=1', 'STOPPING=1')


def a_service_manager_that_does_not_listen():
    """a service manager that never reads what sd_notify tells it does not hold the keeper up"""
    with plain_gang(listen=False) as g:
        g.start(wait=False)
        while True:                             # its socket is full after a few; ask until the daemon is there
            if g.ctl('is-active', 'io', expected=None).status == 0:
                break
        pids = set()
        for n in range(40):
            g.ctl('restart', 'plain')
            pids.add(g.pid('plain/0'))
        equal(len(pids), 40, 'processes')
        works(g)


main(told_in_order, a_service_manager_that_does_not_listen)
