#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The number of instances follows what waits in a ring: up, down, held by hand; whatever dies, and no message twice."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 256 max-deliveries = 100 }
ring out { slots = 256 }
worker w { exec = {"@/w"} io = lines receive = jobs send = out instances = %s
           scale-on-depth = 5 scale-up-delay = 50ms scale-down-delay = %s scale-cool-down = 0 %s }
'''
# Keeps each message until somebody opens the gate; then it lets everything pass.
W = 'while read -r x; do if [ ! -e @/open ]; then read -r go < @/gate; fi; echo "OK $x"; done'


def gang(instances='1..4', down='50ms', more='', remembers=False):
    g = Gang(CONFIG % (instances, down, more), begin=False)
    g.script('w', W.replace('@', g.directory))
    g.fifo('gate')
    if remembers:
        os.mkdir(g.path('state'))
        g.arguments = ['--state-dir', g.path('state')]
    g.start()
    return g


def wanted(g):
    return g.status('w')['w'].get('wanted', 0)


def until_wanted(g, n):
    g.until(f'{n} are wanted', lambda: wanted(g) == n)


def until_ready(g, n):
    def are_ready():
        w = g.status('w')['w']
        return w.get('wanted', 0) == n and [i['state'] for i in w.get('instances', [])] == ['ready'] * n
    g.until(f'{n} are ready', are_ready)


def send(g, n, first=0):
    g.ctl('send', 'jobs', *(f'm{i}' for i in range(first, first + n)))


class Gate:
    """Everybody who stands before it goes on."""

    def __init__(self, g):
        g.write('open', '')
        self.fd = os.open(g.path('gate'), os.O_RDWR)
        os.write(self.fd, b'go\n' * 64)

    def close(self, g):
        os.unlink(g.path('open'))
        os.close(self.fd)


def got(g, n, first=0):
    """Each once."""
    came = sorted(g.ctl('receive', 'out', '--count', n).out.split())
    equal(came, sorted(f'm{i}' for i in range(first, first + n)), 'messages')
    equal(g.ring('jobs').get('redelivered', 0), 0, 'redelivered')


def up_and_down():
    """more messages make more instances, up to the most; then it goes down to the least, and none is delivered twice"""
    with gang() as g:
        until_ready(g, 1)
        send(g, 6)
        g.until('one is held', lambda: g.ring('jobs')['leased'] == 1)
        equal(wanted(g), 1, 'instances with as many messages as one may have')
        send(g, 20, 6)
        until_ready(g, 4)
        check('4 of 1..4' in g.ctl('status').out, 'status does not say so')
        check(g.events.find(lambda e: e['kind'] == 'scaled' and e['key'] == 'w'), 'there is no event')
        gate = Gate(g)
        got(g, 26)
        until_ready(g, 1)
        gate.close(g)
        # One that holds a message when it is to go finishes it.
        send(g, 26)
        until_ready(g, 4)
        gate = Gate(g)
        got(g, 26)
        until_ready(g, 1)
        gate.close(g)


def over_the_manager():
    """a manager that is killed in the middle goes on where it was, up and down"""
    with gang() as g:
        until_ready(g, 1)
        send(g, 40)
        until_wanted(g, 2)
        pids = g.pids()
        kill_and_wait(g.manager_pid)
        check(wanted(g) >= 2, 'it begins anew')
        until_ready(g, 4)
        check(all(g.pid(key) == pid for key, pid in pids.items() if pid), 'others were restarted')
        kill_and_wait(g.manager_pid)
        gate = Gate(g)
        got(g, 40)
        kill_and_wait(g.manager_pid)
        until_ready(g, 1)
        gate.close(g)


def by_hand():
    """scale N holds it there, also over the end of the daemon; scale auto lets it go"""
    with gang(remembers=True) as g:
        until_ready(g, 1)
        g.ctl('scale', 'w', 2)
        send(g, 60)
        g.until('two are held', lambda: g.ring('jobs')['leased'] == 2)
        kill_and_wait(g.manager_pid)
        w = g.status('w')['w']
        equal((w['wanted'], w['scaled'], w['instances_min'], w['instances_max']), (2, True, 1, 4), 'what status says')
        check('2 of 1..4, held by hand' in g.ctl('status', 'w').out, 'status does not say so')
        g.until('it is written down', lambda: g.read('state/wishes') == 'scaled w 2 1..4\n')
        g.ctl('scale', 'w', 'auto', '--no-wait')
        until_ready(g, 4)
        g.until('it is written down', lambda: g.read('state/wishes') == '')
        g.ctl('scale', 'w', 6)
        equal(wanted(g), 6, 'more than the most')
        gate = Gate(g)
        got(g, 60)
        equal(wanted(g), 6, 'by hand')
        g.ctl('scale', 'w', 'auto')
        until_ready(g, 1)
        gate.close(g)
        # Another range counts more than what was asked for by hand; and one that is not scaled is let be.
        g.ctl('scale', 'w', 3)
        g.configure(CONFIG % ('2..4', '50ms', ''))
        g.ctl('reload')
        until_ready(g, 2)
        g.configure((CONFIG % ('2', '50ms', '')).replace('scale-on-depth = 5 scale-up-delay = 50ms scale-down-delay = 50ms '
                                                          'scale-cool-down = 0', ''))
        g.ctl('reload')
        until_ready(g, 2)
        g.ctl('scale', 'w', 3)
        g.ctl('scale', 'w', 'auto')
        equal(wanted(g), 2, 'as the configuration has it')


def from_none():
    """a range from 0: the first message starts one, and none is left when nothing is to be done"""
    with gang('0..2') as g:
        g.until('there is none', lambda: g.status('w')['w'].get('instances', []) == [])
        send(g, 1)
        until_ready(g, 1)
        g.until('it is held', lambda: g.ring('jobs')['leased'] == 1)
        kill_and_wait(g.manager_pid)
        gate = Gate(g)
        got(g, 1)
        until_wanted(g, 0)
        gate.close(g)


def by_age():
    """few messages that wait for long"""
    with gang('1..3', more='scale-on-age = 200ms') as g:
        until_ready(g, 1)
        send(g, 3)
        until_ready(g, 3)
        gate = Gate(g)
        got(g, 3)
        until_ready(g, 1)
        gate.close(g)


def idle_costs_nothing():
    """with nothing in the ring, and the least number of instances, the manager sleeps"""
    with gang() as g:
        until_ready(g, 1)
        gate = Gate(g)
        send(g, 30)
        got(g, 30)
        until_ready(g, 1)
        g.ctl('events', '--lines', 1)

        def switches():
            return sum(int(line.split()[1]) for line in open(f'/proc/{g.manager_pid}/status') if 'ctxt_switches' in line)

        # It may have to look once or twice more; then it wakes for nothing. Asked by /proc, which wakes nobody.
        g_end = time.monotonic() + LIMIT
        while True:
            before = switches()
            time.sleep(0.5)
            if switches() == before:
                break
            check(time.monotonic() < g_end, 'it never sleeps')
        gate.close(g)


if __name__ == '__main__':
    main(up_and_down, over_the_manager, by_hand, from_none, by_age, idle_costs_nothing)
