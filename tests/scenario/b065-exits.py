#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which end is what: rules for exit statuses and signals, crash loops, and what is remembered of the dead."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Each process of a worker takes one line of its FIFO, and ends as it says.
ENDS = '''
import os, signal, sys
with open(os.path.join(os.path.dirname(sys.argv[0]), 'how.' + os.environ['GANGER_WORKER'])) as f:
    how = f.readline().strip()
print('ends with', how, flush=True)
if how.startswith('SIG'):
    os.kill(os.getpid(), getattr(signal, how))
    signal.pause()
sys.exit(int(how))
'''
QUICK = 'restart-delay = 1ms restart-delay-max = 1ms'


def gang(config):
    g = Gang(config, begin=False)
    g.python('ends', ENDS)
    for line in config.splitlines():
        if line.startswith('worker '):
            g.fifo(f'how.{line.split()[1]}')
    g.start()
    return g


def end(g, worker, how):
    """The process of a worker ends like that. @return its pid."""
    with open(g.path(f'how.{worker}'), 'w') as f:
        f.write(f'{how}\n')


def rules():
    """success-exit-status, restart-prevent and restart-force, by number and by name, with the policy that they overrule"""
    cases = (
        ('good', 'restart = on-failure success-exit-status = {75, SIGUSR1}', '75', 'down'),
        ('signal', 'restart = on-failure success-exit-status = {TEMPFAIL, SIGUSR1}', 'SIGUSR1', 'down'),
        ('other', 'restart = on-failure success-exit-status = {TEMPFAIL, SIGUSR1}', '76', 'ready'),
        ('prevent', 'restart = always restart-prevent = CONFIG', '78', 'failed'),
        ('clean', 'restart = always restart-prevent = 0', '0', 'down'),
        ('force', 'restart = never restart-force = {3, KILL}', 'SIGKILL', 'ready'),
        ('both', 'restart = never restart-force = {3, KILL} restart-prevent = 3', '3', 'failed'),
    )
    with gang('\n'.join(f'worker {name} {{ exec = {{"@/ends"}} {QUICK} {keys} }}' for name, keys, _, _ in cases)) as g:
        pids = {name: g.pid(f'{name}/0') for name, _, _, _ in cases}
        for name, _, how, _ in cases:
            end(g, name, how)
        for name, _, how, state in cases:
            g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == f'{name}/0', what=f'the end of {name}')
            g.until(f'{name} is {state} after {how}', lambda: g.instance(f'{name}/0')['state'] == state and
                    (state != 'ready' or g.pid(f'{name}/0') not in (0, pids[name])))


def rules_change():
    """a reload with other rules touches no process, and the new rules hold"""
    with gang(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always }}\n') as g:
        pid = g.pid('w/0')
        g.configure(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always restart-prevent = 9 }}\n')
        g.ctl('reload').has('restart-prevent')
        equal(g.pid('w/0'), pid, 'its process')
        end(g, 'w', 9)
        g.until_state(('w/0', 'failed'))


def crash_loop():
    """ten failures in a row are a crash loop: an event, the log, the status, also of the next manager; one good end is its end"""
    with gang(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always }}\n') as g:
        def fails(how):
            seen = len(g.events.items)
            end(g, 'w', how)
            g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == 'w/0', since=seen)
            g.until_ready('w/0')

        for _ in range(6):
            fails(1)
        equal(g.instance('w/0')['crash_loop'], 0, 'after six')
        kill_and_wait(g.manager_pid)
        for _ in range(4):
            fails('SIGUSR1')
        g.wait_event(lambda e: e['kind'] == 'crash-loop' and '10 failures in a row' in e['text'])
        g.wait_stderr('w/0: crash loop: 10 failures in a row')
        equal(g.instance('w/0')['crash_loop'], 10, 'after ten')
        g.ctl('status', 'w').has('crash loop: 10 failures in a row')
        kill_and_wait(g.manager_pid)
        equal(g.instance('w/0')['crash_loop'], 10, 'for the next manager')
        fails(0)
        equal(g.instance('w/0')['crash_loop'], 0, 'after a good end')


main(rules, rules_change, crash_loop)
