#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs from outside that attach themselves to a ring by libganger-control, and are killed."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = 'ring jobs { slots = 8 max-deliveries = 3 }'


class Attached:
    """tests/unit/attached, and what it is told to do."""

    def __init__(self, g, ring='jobs', expected='attached'):
        self.process = subprocess.Popen([f'{BUILD}/tests/unit/attached', g.path('run/control'), ring], env=g.env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')
        equal(self.line(), expected, 'attaching')

    def line(self):
        return self.process.stdout.readline().rstrip('\n')

    def tell(self, words):
        self.process.stdin.write(words + '\n')
        self.process.stdin.flush()

    def ask(self, words, expected):
        self.tell(words)
        equal(self.line(), expected, words)

    def kill(self):
        self.process.kill()
        equal(self.end(), -signal.SIGKILL, 'its end')

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(LIMIT)


def it_is_killed():
    """SIGKILL of a program that attached itself and holds a message: another gets it, as its second delivery"""
    with Gang(CONFIG) as g:
        g.ctl('send', 'jobs', 'precious')
        one = Attached(g)
        one.ask('receive', 'precious 1')
        [message] = g.json('peek', 'jobs')['messages']
        equal((message['state'], message['holder']), ('leased', f'pid {one.process.pid}'), 'before')
        other = Attached(g)
        other.tell('receive')
        events = len(g.events.items)
        one.kill()
        equal(other.line(), 'precious 2', 'the other')
        recovery = g.wait_event(lambda e: e['kind'] == 'recovery', since=events, what='a recovery')
        equal((recovery['returned'], recovery['dead']), (1, 0), 'recovery')
        other.ask('acknowledge', 'done')
        other.ask('send more', 'done')
        equal(other.end(), 0, 'exit status')
        equal(g.ctl('receive', 'jobs', '--count', 1).out, 'more\n', 'what it sent')
        g.until('nobody is there', lambda: g.ring('jobs')['receivers'] == 0)
        equal([g.ring('jobs')[m] for m in ('ready', 'leased', 'dead')], [0, 0, 0], 'ring')


def the_manager_is_killed():
    """SIGKILL of the manager meanwhile: messages go on, and the next manager recovers who dies then"""
    with Gang(CONFIG) as g:
        one, other = Attached(g), Attached(g)
        one.ask('send a', 'done')
        kill_and_wait(g.manager_pid)
        other.ask('receive', 'a 1')
        other.kill()
        one.ask('receive', 'a 2')
        one.ask('acknowledge', 'done')
        equal(one.end(), 0, 'exit status')


def it_is_refused():
    """a ring that is not there; a daemon that is not there"""
    with Gang(CONFIG) as g:
        refused = Attached(g, 'none', "attach: no ring or service 'none'")
        equal(refused.end(), 1, 'exit status')
        path = g.path('run/control')
        nobody_there = run([f'{BUILD}/tests/unit/attached', path + 'x', 'jobs'], expected=1)
        nobody_there.has(f'no gangerd answers at {path}x')


main(it_is_killed, the_manager_is_killed, it_is_refused)
