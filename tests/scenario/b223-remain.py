#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""remain: a oneshot that has ended well is active until it is stopped."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403


class Runs(Gang):
    """`once` notes each run, and ends as it is told to."""

    def __init__(self, config):
        super().__init__(config, begin=False)
        self.script('once', f'echo run >> {self.path("runs")}; read -r status < {self.path("go")}; exit "$status"')
        self.go = os.open(self.fifo('go'), os.O_RDWR | os.O_CLOEXEC)
        self.write('runs', '')

    def __enter__(self):
        super().__enter__()
        try:
            self.start()
        except BaseException:
            self.abandon()
            raise
        return self

    def __exit__(self, *what):
        os.close(self.go)
        return super().__exit__(*what)

    def let(self, status):
        os.write(self.go, f'{status}\n'.encode())

    def runs(self):
        return self.read('runs').count('run')


CONFIG = '''
worker net { exec = {"@/once"} type = oneshot remain = yes }
worker serve { exec = {"sleep", "1000"} requires = {"net"} }
worker off { exec = {"sleep", "1000"} conflicts = {"net"} start = manual }
'''


def active_when_it_has_ended():
    """it is exited: active, waited for, required, in conflict; start does nothing, also after the manager has died"""
    with Runs(CONFIG) as g:
        g.until_state(('net/0', 'starting'), ('serve/0', 'waiting'))
        g.ctl('is-active', 'net', expected=3)
        waiter = g.background('wait', 'net', '--ready')
        g.let(0)
        g.wait_helper(waiter)
        g.until_state(('net/0', 'exited'), ('serve/0', 'ready'))
        g.ctl('is-active', 'net', 'net/0').has('exited')
        g.ctl('is-failed', 'net', expected=1)
        worker = g.status('net')['net']
        equal((worker['ready'], worker['wanted']), (1, 1), 'ready')
        g.ctl('start', 'net').has('exited')
        g.ctl('start', 'serve')
        equal(g.runs(), 1, 'runs')
        kill_and_wait(g.manager_pid)
        g.until_state(('net/0', 'exited'), ('serve/0', 'ready'))
        g.ctl('start', 'net')
        g.ctl('wait', 'net', '--ready')
        g.ctl('reload')
        equal(g.runs(), 1, 'runs after the death of the manager')
        # What is in conflict with it stops it, and those that need it.
        g.ctl('start', 'off')
        g.until_state(('net/0', 'down'), ('off/0', 'ready'))
        equal(g.runs(), 1, 'runs: to stop it runs nothing')
        g.ctl('is-active', 'net', expected=3)


def stopped_and_run_again():
    """stop makes it down and runs nothing; start and restart run it again; a failure, or a stop while it runs, leaves nothing"""
    with Runs(CONFIG) as g:
        g.let(0)
        g.until_state(('net/0', 'exited'), ('serve/0', 'ready'))
        g.ctl('stop', 'net')
        g.until_state(('net/0', 'down'), ('serve/0', 'down'))
        equal(g.runs(), 1, 'runs')
        g.wait_event(lambda e: e['key'] == 'net/0' and e['state'] == 'down' and 'by hand' in e['text'], what='the stop')
        kill_and_wait(g.manager_pid)
        equal(g.instance('net/0')['state'], 'down', 'state after the death of the manager')
        g.let(0)
        g.ctl('start', 'serve')
        g.until_state(('net/0', 'exited'), ('serve/0', 'ready'))
        equal(g.runs(), 2, 'runs')
        g.let(0)
        g.ctl('restart', 'net')
        g.until_state(('net/0', 'exited'))
        equal(g.runs(), 3, 'runs')
        g.let(7)
        g.ctl('restart', 'net', expected=1)
        g.until_state(('net/0', 'failed'))
        g.ctl('is-active', 'net', expected=3)
        g.ctl('start', 'net', '--no-wait')
        g.until_state(('net/0', 'starting'))
        g.ctl('stop', 'net')
        g.until_state(('net/0', 'down'))
        # Without `remain` it is what it was.
        g.let(0)
        g.ctl('start', 'net')
        g.until_state(('net/0', 'exited'))
        g.configure(CONFIG.replace('remain = yes', ''))
        g.ctl('reload')
        g.until_state(('net/0', 'down'))


main(active_when_it_has_ended, stopped_and_run_again)
