#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heartbeat: an instance says by libganger that it lives, without a system call; with the manager killed in the middle."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

PERIOD = 1 * SLOWER
# Beats until there is a file that says what it does instead.
BEATS = '''
import os, signal, sys, time
import ganger
here = os.path.dirname(sys.argv[0])
gang = ganger.join()
gang.ready()
print('period', os.environ['GANGER_HEARTBEAT_USEC'], flush=True)
n = 0
while True:
    for what in 'stops', 'leaves':
        if os.path.exists(os.path.join(here, what)):
            if what == 'leaves':
                gang.close()
            print(what, flush=True)
            signal.pause()
    gang.heartbeat()
    n += 1
    print('beat', n, flush=True)
    time.sleep(0.02)
'''
RESTART = 'restart-delay = 1ms restart-delay-max = 1ms'


def gang(more=''):
    binding = need_library()
    g = Gang(f'worker a {{ exec = {{"@/beats"}} ready = library heartbeat = {PERIOD}s {RESTART} {binding} }}\n{more}', begin=False)
    g.python('beats', BEATS)
    g.start()
    g.until_ready('a/0')
    return g


def beats(g, periods):
    """Until it has beaten for so many periods more."""
    last = max([int(e['text'].split()[1]) for e in g.logs.items if e['key'] == 'a/0' and e['text'].startswith('beat')], default=0)
    g.wait_log('a/0', f'beat {last + periods * PERIOD * 50}')


def is_ended(g, pid):
    e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
    equal(e['text'], f'killed by SIGABRT (heartbeat: still for {PERIOD}s)', 'its end')


def a_beating_one():
    """who beats lives, also over managers; who stops is ended, and started again"""
    with gang() as g:
        pid = g.pid('a/0')
        g.wait_log('a/0', f'period {PERIOD}000000')
        beats(g, 3)
        for _ in range(3):
            kill_and_wait(g.manager_pid)
            beats(g, 1)
        equal(g.pid('a/0'), pid, 'pid')
        g.write('stops', '')
        is_ended(g, pid)
        os.unlink(g.path('stops'))
        g.until('it is back', lambda: g.instance('a/0')['state'] == 'ready' and g.pid('a/0') != pid)


def a_frozen_one():
    """one that is stopped is ended, also by the next manager"""
    with gang() as g:
        for dies in False, True:
            g.until_ready('a/0')
            pid = g.pid('a/0')
            os.kill(pid, signal.SIGSTOP)
            if dies:
                kill_and_wait(g.manager_pid)
            is_ended(g, pid)
            g.until('it is back', lambda: g.instance('a/0')['state'] == 'ready' and g.pid('a/0') != pid)


def who_is_not_judged():
    """one that has not joined, or has left"""
    with gang('worker never { exec = {"sleep", "1000"} heartbeat = 10ms }\n') as g:
        pids = g.pids()
        beats(g, 1)
        equal(g.pids(), pids, 'pids')
        g.write('leaves', '')
        g.wait_log('a/0', 'leaves')
        # What others are ended for meanwhile: a worker like it, which stops.
        binding = need_library()
        g.configure(f'worker a {{ exec = {{"@/beats"}} ready = library heartbeat = {PERIOD}s {RESTART} {binding} }}\n'
                    f'worker b {{ exec = {{"@/beats"}} ready = library heartbeat = {PERIOD}s {RESTART} {binding} }}\n')
        os.rename(g.path('leaves'), g.path('stops'))
        g.ctl('reload')
        g.until_ready('b/0')
        is_ended(g, g.pid('b/0'))
        equal(g.pid('a/0'), pids['a/0'], 'pid')


main(a_beating_one, a_frozen_one, who_is_not_judged)
