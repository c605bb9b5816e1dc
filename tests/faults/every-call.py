#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
SIGKILL of the manager at each system call that it makes while it recovers and replaces a worker

Here at every GANGER_TEST_STRIDE-th; long-every-call.py takes each of them.
"""

import contextlib
import io
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

STRIDE = int(os.environ.get('GANGER_TEST_STRIDE', '8'))
# What follows is the answering of our own questions.
CALLS = 120
REFUSED = 77

CONFIG = '''
ring jobs { slots = 16 max-deliveries = 255 }
ring out { slots = 16 }
worker hold  { exec = {"@/hold"} io = lines receive = jobs send = out stop-timeout = 100ms
               restart-delay = 1ms restart-delay-max = 1ms restart-limit = 64/100ms }
worker plain { exec = {"sleep", "1000"} instances = 2 }
'''
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x"; done'


def attach(g, n):
    """Kill the manager at its n-th system call from now on."""
    helper = subprocess.Popen([f'{BUILD}/tests/faults/at-call', str(g.manager_pid), str(n)], stdout=subprocess.PIPE, encoding='ascii')
    g.helpers.append(helper)
    if helper.stdout.readline() != 'attached\n' and helper.wait() == REFUSED:
        raise Skip('processes cannot be traced here')
    return helper


def one_kill(g, n):
    """@return the number of the system call."""
    g.until('it holds the message', lambda: g.ring('jobs')['leased'] == 1)
    before = g.instances()
    helper = attach(g, n)
    kill(before['hold/0']['pid'])
    # Our questions are calls, too: it will have its n.
    while helper.poll() is None:
        g.ctl('version')
    equal(helper.returncode, 0, 'exit status of at-call')
    def is_replaced():
        i = g.instance('hold/0')
        return i['state'] == 'ready' and i['pid'] not in (0, before['hold/0']['pid'])
    g.until('it is replaced', is_replaced)
    now = g.instances()
    equal((now['hold/0']['generation'], now['hold/0']['restarts']),
          (before['hold/0']['generation'] + 1, before['hold/0']['restarts'] + 1), f'processes and restarts, call {n}')
    for key in ('plain/0', 'plain/1'):
        equal(now[key]['pid'], before[key]['pid'], f'process of {key}, call {n}')
    living = {pid for pid in children(g.keeper_pid) if alive(pid)} - {g.manager_pid}
    equal(living, {i['pid'] for i in now.values()}, f'children of the keeper, call {n}')
    for m in g.json('peek', 'jobs')['messages']:
        check(m['state'] == 'ready' or m['holder'] == 'hold/0', f'a message that nobody has, call {n}: {m}')
    return int(helper.stdout.read())


def every_call(program='gangerd', fault=None):
    """at each of them: replaced once, nobody else touched, the message is with the new one, and arrives once"""
    with Gang(CONFIG, begin=False, program=program, env={'GANGER_FAULT': fault}) as g:
        g.script('hold', HOLD.replace('@', g.directory))
        g.fifo('gate')
        g.start()
        g.ctl('send', 'jobs', 'a')
        calls = [one_kill(g, n) for n in range(1, CALLS + 1, STRIDE)]
        print(f'{len(calls)} managers killed, at {len(set(calls))} different system calls')
        check(len(set(calls)) >= min(8, len(calls) // 2), f'killed only at these calls: {calls}')
        gate = os.open(g.path('gate'), os.O_RDWR)
        os.write(gate, b'go\n' * 8)
        equal(g.ctl('receive', 'out', '--count', 1).out, 'a\n', 'received')
        g.until('all is done', lambda: g.ring('jobs')['leased'] == 0)
        equal([g.ring(r)['ready'] for r in ('jobs', 'out')], [0, 0], 'left')
        os.close(gate)


def finds(fault, seen):
    def case():
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told):
                every_call('tests/faults/gangerd-faults', fault)
        except Failed as e:
            check(re.match(seen, str(e)), f'it fails with {fault}, but by something else: {e}')
            return
        raise Failed(f'it does not find {fault}')
    case.__doc__ = f'finds {fault}'
    return case


# Which calls lie between two steps is known to nobody: only whoever tries each finds what is in the wrong order.
FAULTS = {'acknowledge-before-recover': 'processes and restarts', 'acknowledge-before-state': 'processes and restarts',
          'no-recover': 'a message that nobody has'}

main(every_call, *(finds(*pair) for pair in FAULTS.items() if STRIDE == 1))
