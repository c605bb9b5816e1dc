#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A configuration full of mistakes, and reloads good and bad."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

GOOD = '''
ring jobs { slots = 64 }
worker a { exec = {"sleep", "1000"} instances = 2 }
worker b { exec = {"sleep", "2000"} }
worker c { exec = {"sleep", "3000"} }
'''
# Line by line: a mistake, and words that tell of it.
MISTAKES = (
    ('rin jobs { }', ['ring']),
    ('ring r1 { slots = 1000 }', ['r1', 'slots', '1024']),
    ('ring r2 { slotz = 64 }', ['slotz', 'slots']),
    ('ring r3 { kind = que }', ['que', 'queue']),
    ('worker w1 { instances = 1 }', ['w1', 'exec']),
    ('worker w2 { exec = {"sleep"} receive = {nowhere} }', ['w2', 'nowhere']),
    ('worker w3 { exec = {"sleep"} restart = allways }', ['w3', 'allways', 'always']),
    ('worker w4 { exec = {"sleep"} stop-signal = SIGTREM }', ['w4', 'SIGTREM', 'SIGTERM']),
    ('worker w5 { exec = {"sleep"} io = lines }', ['w5', 'receive']),
    ('worker w6 { exec = {"sleep"} stop-timeout = 5parsecs }', ['w6', '5parsecs']),
    ('worker w7 { exec = {"sleep"} }', []),
    ('worker w7 { exec = {"sleep"} }', ['w7', 'line 11']),
    ('worker w8 { exec = {"sleep"} instances = -1 }', ['w8', 'instances']),
    ('worker w9 { exec = {"sleep"} restart-limit = 5 }', ['w9', 'restart-limit']),
)


def all_at_once():
    """every mistake is told at once, with its line and what may have been meant"""
    with Gang(GOOD, begin=False, check_end=False) as g:
        path = g.write('bad.conf', ''.join(line + '\n' for line, _ in MISTAKES))
        by_daemon = run([f'{BUILD}/gangerd', '--check', '--config', path], None)
        check(by_daemon.status != 0, 'it is accepted')
        by_ctl = run([f'{BUILD}/gangerctl', 'check', path], 1)
        for result in (by_daemon, by_ctl):
            lines = (result.out + result.err).splitlines()
            for number, (line, words) in enumerate(MISTAKES, 1):
                told = [l for l in lines if l.startswith(f'{path}:{number}:')]
                equal(bool(told), bool(words), f'line {number}, {line}; told {lines}')
                check(all(word in ' '.join(told) for word in words), f'{words} for {line}: {told}')
        equal(run([f'{BUILD}/gangerctl', '--json', 'check', path], 1).json()['valid'], False, 'valid')
        good = g.config_path
        run([f'{BUILD}/gangerd', '--check', '--config', good])
        equal(run([f'{BUILD}/gangerctl', '--json', 'check', good]).json()['valid'], True, 'valid')


def no_text_at_all():
    """what is no text, too large, or no file is refused in words, by check and by reload"""
    with Gang(GOOD, check_end=True) as g:
        g.until_ready('a/0', 'b/0')
        before = g.pids()
        with open(g.path('zeros'), 'wb') as f:
            f.write(b'worker a { exec = {"sleep"} }\n\0\n')
        with open(g.path('noise'), 'wb') as f:
            f.write(bytes(range(256)) * 100)
        with open(g.path('large'), 'wb') as f:
            f.write(b'# a comment\n' * 1000000)
        with open(g.path('open'), 'w') as f:
            f.write('worker a { exec = {"sleep"')
        for name in ('zeros', 'noise', 'large', 'open', '.', 'missing'):
            result = run([f'{BUILD}/gangerctl', 'check', g.path(name)], 1)
            check(result.out + result.err, f'it says nothing of {name}')
        for name in ('zeros', 'noise', 'open'):
            os.replace(g.path(name), g.config_path)
            g.ctl('reload', expected=1)
        os.unlink(g.config_path)
        g.ctl('reload', expected=1).has('ganger.conf')
        equal(g.pids(), before, 'pids')


def a_bad_reload():
    """a bad reload changes nothing, says why, and leaves the old configuration in force, over a death of the manager"""
    with Gang(GOOD) as g:
        g.until_ready('a/0', 'a/1', 'b/0', 'c/0')
        before = g.pids()
        for text, words in ((GOOD.replace('worker b', 'wroker b'), ['wroker', 'worker']),
                            (GOOD.replace('slots = 64', 'kind = pipe'), ['jobs', 'kind']),
                            (GOOD + 'worker d { exec = {"sleep"} receive = {nowhere} }\n', ['nowhere'])):
            g.configure(text)
            g.ctl('reload', expected=1).has(*words)
            kill(g.keeper_pid, signal.SIGHUP)
            g.wait_stderr(words[0])
            equal(g.pids(), before, 'pids')
        manager = g.manager_pid
        kill_and_wait(manager)
        equal(g.pids(), before, 'pids after the death of the manager, with a bad file')
        equal(set(g.status()), {'a', 'b', 'c'}, 'workers')


def a_good_reload():
    """a good reload touches only what changed"""
    with Gang(GOOD) as g:
        g.until_ready('a/0', 'a/1', 'b/0', 'c/0')
        before = g.pids()
        g.ctl('reload')
        equal(g.pids(), before, 'nothing changed')
        # What is live changes no process.
        g.configure(GOOD.replace('"2000"}', '"2000"} stop-timeout = 3s restart = on-failure'))
        g.ctl('reload').has('b')
        equal(g.pids(), before, 'a live change')
        equal(g.status('b')['b']['restart'], 'on-failure', 'restart')
        # A changed program, one that is gone, one that is new, and one more instance.
        g.configure('''
        ring jobs { slots = 64 }
        ring more { }
        worker a { exec = {"sleep", "1000"} instances = 3 }
        worker b { exec = {"sleep", "2001"} }
        worker d { exec = {"sleep", "4000"} }
        ''')
        changes = g.json('reload')['changes']
        check(len(changes) >= 4, f'changes: {changes}')
        g.until_ready('a/0', 'a/1', 'a/2', 'd/0')
        g.until('b is replaced', lambda: (lambda b: b['state'] == 'ready' and b['pid'] != before['b/0'])(g.instance('b/0')))
        g.until('c is gone', lambda: 'c' not in g.status())
        wait_dead(before['c/0'])
        after = g.pids()
        equal(set(after), {'a/0', 'a/1', 'a/2', 'b/0', 'd/0'}, 'instances')
        equal((after['a/0'], after['a/1']), (before['a/0'], before['a/1']), 'untouched ones')
        equal(process_arguments(after['b/0']), ['sleep', '2001'], 'the new program')
        equal({r['name'] for r in g.json('rings')['rings']}, {'jobs', 'more'}, 'rings')
        # What was stopped by hand stays so over a reload.
        g.ctl('stop', 'd')
        g.configure(g.config_text.replace('"4000"', '"4001"'))
        g.ctl('reload')
        equal(g.instance('d/0')['state'], 'down', 'd after a reload')


def by_signal():
    """SIGHUP reloads, and tells the service manager when it is done"""
    with Gang(GOOD) as g:
        g.until_ready('a/0', 'a/1', 'b/0', 'c/0')
        before = g.pids()
        g.configure(GOOD + 'worker d { exec = {"sleep", "4000"} }\n')
        seen = len(g.notified)
        kill(g.keeper_pid, signal.SIGHUP)
        g.wait_state('d/0', 'ready')
        after = g.pids()
        check(after.pop('d/0') > 0, 'd/0 runs')
        equal(after, before, 'the others')
        g.wait_notified(lambda line: line == 'RELOADING=1', 'RELOADING=1')
        g.wait_notified(lambda line: line in g.notified[seen:] and line == 'READY=1', 'READY=1 after it')


def messages_stay():
    """messages in a ring stay over a reload; a ring that is taken away and comes back is empty"""
    with Gang(GOOD) as g:
        g.ctl('send', 'jobs', 'x', 'y')
        g.configure(GOOD + 'ring other { }\n')
        g.ctl('reload')
        equal(g.ring('jobs')['ready'], 2, 'messages')
        g.configure(GOOD.replace('ring jobs { slots = 64 }', ''))
        g.ctl('reload')
        g.ctl('receive', 'jobs', expected=4)
        g.configure(GOOD.replace('slots = 64', 'slots = 128'))
        g.ctl('reload')
        ring = g.ring('jobs')
        equal((ring['slots'], ring['ready']), (128, 0), 'the new ring')


main(all_at_once, no_text_at_all, a_bad_reload, a_good_reload, by_signal, messages_stay)
