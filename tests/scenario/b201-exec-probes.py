#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether an instance is ready, and well, asked by a program; with the manager killed in the middle."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Does what the file `does` says: ends with a status, or waits. Says with whose environment it runs, and what it found.
ASK = '''
import os, signal, sys
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(os.path.join(HERE, 'asked'), 'a') as f:
    print(os.getpid(), sys.argv[1], os.environ['GANGER_WORKER'], os.environ['GANGER_INSTANCE'], os.environ['MAINPID'],
          os.environ['OWN'], os.getcwd(), file=f)
with open(os.path.join(HERE, 'does')) as f:
    does = f.read()
print('first', flush=True)
if does == 'wait':
    print('waits', flush=True)
    signal.pause()
print('ends with', does, flush=True)
sys.exit(int(does))
'''
KEYS = 'directory = "/" environment = "OWN=mine" restart-delay = 1ms restart-delay-max = 1ms'
READY = f'worker a {{ exec = {{"sleep", "1000"}} {KEYS} ready = exec ready-exec = {{"@/ask", "r"}} %s }}'
HEALTH = f'worker a {{ exec = {{"sleep", "1000"}} {KEYS} health = exec health-exec = {{"@/ask", "h"}} ' \
         'health-interval = 10ms health-retries = RETRIES %s }'


def gang(config, does, retries=2):
    g = Gang(config.replace('RETRIES', str(retries)), begin=False)
    g.python('ask', ASK)
    g.write('asked', '')
    g.write('does', does)
    g.start()
    return g


def asked(g):
    """One line for each that was run: pid, argument, worker, instance, main pid, variable, directory."""
    return [line.split() for line in g.read('asked').splitlines()]


def probes(g):
    return [pid for pid in children(g.keeper_pid) if any(a.endswith('/ask') for a in process_arguments(pid))]


def a_probe(g):
    """Until one waits. @return its pid."""
    g.until('one waits', lambda: len(probes(g)) == 1 and str(probes(g)[0]) in [a[0] for a in asked(g)])
    return probes(g)[0]


def replaced(g, pid):
    g.until('it is replaced', lambda: g.instance('a/0')['state'] == 'ready' and g.pid('a/0') != pid)


def ready():
    """ready = exec: once the program ends with 0, and not before; it runs as the worker does, and knows of whom it is asked"""
    with gang(READY % '', '3') as g:
        g.until('it was asked', lambda: len(asked(g)) > 1)
        i = g.instance('a/0')
        equal(i['state'], 'starting', 'state')
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        n = len(asked(g))
        g.until('it is asked again', lambda: len(asked(g)) > n)
        g.write('does', '0')
        g.until_ready('a/0')
        equal(g.pid('a/0'), i['pid'], 'pid')
        for words in asked(g):
            equal(words[1:], ['r', 'a', '0', str(i['pid']), 'mine', '/'], 'what it was told')


def ready_as_another():
    """… as the worker's user"""
    need_root()
    with Gang('worker a { exec = {"sleep", "1000"} user = nobody ready = exec ready-exec = {sh, -c, "id -un"} }') as g:
        g.until_ready('a/0')
        g.wait_stderr('a/0/probe: nobody')


def not_ready():
    """one that is not ready in time is killed, and the reason has the last line of what the program said"""
    with gang(READY % 'ready-timeout = 500ms restart = never', '3') as g:
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == 'a/0', what='its end')
        check('not ready in time: exit status 3: ends with 3' in e['text'], f'its end: {e["text"]}')
        g.until_state(('a/0', 'failed'))
        g.until('no probe is left', lambda: not probes(g))


def the_manager_dies_meanwhile():
    """a manager dies while one waits: there is never a second one, and the next manager ends what was begun"""
    with gang(READY % 'health-timeout = 1h', 'wait') as g:
        pid = g.pid('a/0')
        for does in 'wait', 'wait', '0':
            old = a_probe(g)
            g.write('does', does)
            kill_and_wait(g.manager_pid)
            wait_dead(old)
        g.until_ready('a/0')
        equal(g.pid('a/0'), pid, 'pid')


def unwell():
    """health = exec: one that fails so often in a row is ended, also by the next manager, and started again"""
    with gang(HEALTH % '', '0') as g:
        g.until('it was asked', lambda: len(asked(g)) > 1)
        pid = g.pid('a/0')
        kill_and_wait(g.manager_pid)
        g.write('does', '4')
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('(health: exit status 4: ends with 4)' in e['text'], f'its end: {e["text"]}')
        g.write('does', '0')
        replaced(g, pid)


def no_answer():
    """… and so is one whose program does not end in time, or cannot be started"""
    with gang(HEALTH % 'health-timeout = 300ms', 'wait') as g:
        pid = g.pid('a/0')
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('(health: no answer in time: waits)' in e['text'], f'its end: {e["text"]}')
        g.write('does', '0')
        replaced(g, pid)
        pid = g.pid('a/0')
        os.rename(g.path('ask'), g.path('gone'))
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('health: ' in e['text'] and 'No such file' in e['text'], f'its end: {e["text"]}')
        os.rename(g.path('gone'), g.path('ask'))
        replaced(g, pid)


def adopted():
    """the next manager hears what one has found that was begun before, and keeps its time"""
    with gang(HEALTH % 'health-timeout = 1h', 'wait', retries=1) as g:
        pid, old = g.pid('a/0'), a_probe(g)
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        equal(probes(g), [old], 'probes')
        kill(old)
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('(health: killed by SIGKILL)' in e['text'], f'its end: {e["text"]}')
        g.write('does', '0')
        replaced(g, pid)


def with_the_instance():
    """the end of an instance is that of its probe; the next process is asked anew"""
    with gang(HEALTH % 'health-timeout = 1h', 'wait') as g:
        for end in lambda pid: kill(pid), lambda pid: g.ctl('restart', 'a'):
            pid, old = g.pid('a/0'), a_probe(g)
            end(pid)
            wait_dead(old)
            replaced(g, pid)
            g.until('the next one is asked', lambda: asked(g)[-1][4] == str(g.pid('a/0')))
        # Both at once: the manager that was to kill it is gone.
        pid, old = g.pid('a/0'), a_probe(g)
        kill(g.manager_pid)
        kill(pid)
        wait_dead(old)
        replaced(g, pid)
        g.ctl('stop', 'a')
        g.until('no probe is left', lambda: not probes(g))


def a_reload():
    """health-exec changes under a process"""
    with gang(HEALTH % '', '0') as g:
        g.until('it was asked', lambda: len(asked(g)) > 1)
        pid = g.pid('a/0')
        g.configure(HEALTH.replace('"h"', '"other"').replace('RETRIES', '2') % '')
        g.ctl('reload')
        g.until('the other is asked', lambda: asked(g)[-1][1] == 'other')
        equal(g.pid('a/0'), pid, 'pid')


main(ready, ready_as_another, not_ready, the_manager_dies_meanwhile, unwell, no_answer, adopted, with_the_instance, a_reload)
