#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Spares: started and ready, they receive nothing until another ends, and then take over at once."""

import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 64 max-deliveries = 100 }
ring out { slots = 256 }
ring kept { slots = 64 max-deliveries = 100 }
ring done { slots = 64 }
worker echo { exec = {"@/echo"} io = lines receive = jobs send = out instances = 2 standby = 1 restart = always }
worker hold { exec = {"@/hold"} io = lines receive = kept send = done standby = 1 restart = always }
'''
ECHO = 'while read -r x; do echo "OK $GANGER_INSTANCE"; done'
# Keeps each message until somebody opens the gate.
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x $GANGER_INSTANCE"; done'
# A leader: it receives nothing, and acts once it is no spare.
LEADER = '''
import os, signal
import ganger
with ganger.join() as gang:
    print('begins', gang.is_standby, os.environ.get('GANGER_STANDBY', '0'), flush=True)
    gang.ready()
    gang.wait_active()
    print('leads', gang.is_standby, flush=True)
    signal.pause()
'''


def gang(config=CONFIG, **options):
    g = Gang(config, begin=False, **options)
    g.script('echo', ECHO)
    g.script('hold', HOLD.replace('@', g.directory))
    g.python('leader', LEADER)
    g.fifo('gate')
    g.start()
    return g


def open_gate(g):
    with open(g.path('gate'), 'w') as f:
        f.write('go\n')


def states(g, worker):
    return {i['key']: i['state'] for i in g.status(worker)[worker]['instances']}


def spares(g, worker):
    return {key for key, state in states(g, worker).items() if state == 'standby'}


def until_complete(g, worker, ready, standby):
    def is_complete():
        now = list(states(g, worker).values())
        return now.count('ready') == ready and now.count('standby') == standby and len(now) == ready + standby
    g.until(f'{worker} has {ready} ready and {standby} in standby', is_complete)


def answered_by(g, expected, n=40):
    """So many messages, one after the other, are answered by these instances; as many more as it takes until each has one."""
    got, sent, end = set(), 0, time.monotonic() + LIMIT
    while sent < n or (got < expected and time.monotonic() < end):
        g.ctl('send', 'jobs', 'x')
        got |= set(g.ctl('receive', 'out', '--count', 1).out.split())
        sent += 1
    equal(got, expected, 'who answers')


def numbers(keys):
    return {key.split('/')[1] for key in keys}


def it_receives_nothing():
    """a spare is ready, and receives nothing; status says standby, and what waits for it to be ready sees it ready"""
    with gang() as g:
        g.ctl('wait', 'echo', 'hold')
        equal(states(g, 'echo'), {'echo/0': 'ready', 'echo/1': 'ready', 'echo/2': 'standby'}, 'states')
        answered_by(g, {'0', '1'})
        g.ctl('is-active', 'echo/2')
        worker = g.status('echo')['echo']
        equal((worker['wanted'], worker['ready'], worker['standby']), (2, 2, 1), 'wanted, ready and standby')
        check('standby' in g.ctl('status').out, 'the table does not say so')


def it_takes_over():
    """what dies leaves its role and its messages to a spare, and comes back as one; before its replacement is started"""
    with gang() as g:
        g.ctl('wait', 'echo', 'hold')
        g.ctl('send', 'kept', 'a')
        g.until('it is held', lambda: g.ring('kept')['leased'] == 1)
        since = g.mark()
        kill(g.pid('hold/0'))
        g.until('the spare has it', lambda: [m.get('holder') for m in g.json('peek', 'kept')['messages']] == ['hold/1'])
        open_gate(g)
        equal(g.ctl('receive', 'done', '--count', 1).out, 'a 1\n', 'who answers')
        until_complete(g, 'hold', 1, 1)
        equal(spares(g, 'hold'), {'hold/0'}, 'spares')
        g.wait_state('hold/0', 'standby', since)
        told = [(e['key'], e['state']) for e in g.events.items[since:] if e['kind'] == 'state']
        check(told.index(('hold/1', 'ready')) < told.index(('hold/0', 'starting')), f'the order of events: {told}')
        # And back.
        kill(g.pid('hold/1'))
        until_complete(g, 'hold', 1, 1)
        equal(spares(g, 'hold'), {'hold/1'}, 'spares')
        # A spare that dies is replaced by a spare.
        before = g.pid('hold/1')
        kill(before)
        g.until('it is replaced', lambda: g.pid('hold/1') not in (0, before))
        until_complete(g, 'hold', 1, 1)
        equal(spares(g, 'hold'), {'hold/1'}, 'spares')


def over_the_manager():
    """the manager is killed before, and with, the one that dies: as many work as are wanted, and all is answered"""
    with gang() as g:
        g.ctl('wait', 'echo', 'hold')
        for _ in range(5):
            before = states(g, 'echo')
            victim = next(key for key, state in before.items() if state == 'ready')
            pids = g.pids()
            kill_and_wait(g.manager_pid)
            equal(states(g, 'echo'), before, 'states after the death of the manager')
            equal(g.pids(), pids, 'pids')
            manager = g.manager_pid
            os.kill(pids[victim], signal.SIGKILL)
            os.kill(manager, signal.SIGKILL)
            g.until('it is replaced', lambda: g.pid(victim) not in (0, pids[victim]))
            until_complete(g, 'echo', 2, 1)
            equal(spares(g, 'echo'), {victim}, 'spares')
            answered_by(g, numbers(set(before) - {victim}))


def by_hand():
    """roles move with stop, restart and scale; standby itself can be changed by a reload"""
    with gang() as g:
        g.ctl('wait', 'echo', 'hold')
        g.ctl('stop', 'echo/0')
        equal(states(g, 'echo'), {'echo/0': 'down', 'echo/1': 'ready', 'echo/2': 'ready'}, 'states')
        g.ctl('start', 'echo/0')
        equal(spares(g, 'echo'), {'echo/0'}, 'spares')
        g.ctl('restart', 'echo')
        until_complete(g, 'echo', 2, 1)
        g.ctl('scale', 'echo', 3)
        until_complete(g, 'echo', 3, 1)
        equal(len(states(g, 'echo')), 4, 'instances')
        g.ctl('scale', 'echo', 1)
        g.until('there are two', lambda: len(states(g, 'echo')) == 2)
        until_complete(g, 'echo', 1, 1)
        kill_and_wait(g.manager_pid)
        until_complete(g, 'echo', 1, 1)
        pids = g.pids()
        g.configure(CONFIG.replace('instances = 2 standby = 1', 'instances = 2 standby = 2'))
        g.ctl('reload')
        until_complete(g, 'echo', 1, 2)
        equal(g.pid('echo/0'), pids['echo/0'], 'pid')
        g.configure(CONFIG.replace('instances = 2 standby = 1', 'instances = 2'))
        g.ctl('reload')
        until_complete(g, 'echo', 1, 0)
        # One that is drained is a poor spare, and one that is drained stays so when it takes over.
        g.ctl('drain', 'hold/1')
        kill(g.pid('hold/0'))
        until_complete(g, 'hold', 1, 1)


def while_it_is_rolled():
    """a rolling restart replaces spares, too, and needs nobody beside them: they stand in for whoever is replaced"""
    with gang() as g:
        g.ctl('wait', 'echo', 'hold')
        before, since = g.pids(), g.mark()
        g.ctl('restart', '--rolling', 'echo')
        until_complete(g, 'echo', 2, 1)
        after = g.pids()
        check(all(after[f'echo/{n}'] != before[f'echo/{n}'] for n in range(3)), 'some were not replaced')
        g.mark()
        changed = {e['key'] for e in g.events.items[since:] if e['kind'] == 'state' and e['key'].startswith('echo/')}
        equal(changed, {'echo/0', 'echo/1', 'echo/2'}, 'instances')
        answered_by(g, {'0', '1', '2'} - numbers(spares(g, 'echo')))


def a_leader():
    """a program that receives nothing waits until it is active; also after the death of the manager"""
    with gang(f'worker leader {{ exec = {{"@/leader"}} ready = library standby = 1 restart = always {need_library()} }}\n') as g:
        g.ctl('wait', 'leader')
        g.wait_log('leader/0', 'begins False 0')
        g.wait_log('leader/0', 'leads False')
        g.wait_log('leader/1', 'begins True 1')
        check(not [line for line in g.logs.items if line['key'] == 'leader/1' and 'leads' in line['text']], 'two lead')
        kill_and_wait(g.manager_pid)
        kill(g.pid('leader/0'))
        g.wait_log('leader/1', 'leads False')
        until_complete(g, 'leader', 1, 1)
        equal(spares(g, 'leader'), {'leader/0'}, 'spares')
        g.wait_log('leader/0', 'begins True 1')


def spread(times):
    return f'median {statistics.median(times):.0f} us, {min(times):.0f} to {max(times):.0f}'


def how_long_it_takes():
    """from SIGKILL to the wake-up of the spare, and to the process that replaces the dead: measured, not judged"""
    with gang(CONFIG.replace(' instances = 2', '')) as g:
        g.ctl('wait', 'echo')
        woken, again, ready = [], [], []
        for _ in range(10):
            active = next(key for key, state in states(g, 'echo').items() if state == 'ready')
            other = next(iter(spares(g, 'echo')))
            since, pid = g.mark(), g.pid(active)
            began = time.clock_gettime(time.CLOCK_REALTIME)
            os.kill(pid, signal.SIGKILL)
            for key, state, times in (other, 'ready', woken), (active, 'starting', again), (active, 'standby', ready):
                event = g.wait_state(key, state, since)
                times.append(int(event['realtime_usec']) - began * 1e6)
        for what, times in ('its spare was woken', woken), ('its replacement was asked for', again), ('it was ready', ready):
            print(f'  from kill(2) until {what}: {spread(times)}')


if __name__ == '__main__':
    main(it_receives_nothing, it_takes_over, over_the_manager, by_hand, while_it_is_rolled, a_leader, how_long_it_takes)
