#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A gang starts, shows itself, and stops in order."""

import itertools
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

THREE = '''
worker first  { exec = {"sleep", "1000"} }
worker second { exec = {"@/polite"}  instances = 2 }
worker third  { exec = {"sleep", "1000"} }
'''
# Says when it is asked to end.
POLITE = '''
trap 'echo "$GANGER_WORKER/$GANGER_INSTANCE: bye"; exit 0' TERM
echo here
sleep 1000 & wait
'''


def gang_of_three(**options):
    g = Gang(THREE, **options)
    g.script('polite', POLITE)
    return g


def starts_and_stops():
    """gangerd starts what is defined, and stops it in the reverse order at SIGTERM"""
    with gang_of_three() as g:
        g.until_ready('first/0', 'second/0', 'second/1', 'third/0')
        for i in g.instances().values():
            check(alive(i['pid']), f'{i["key"]} has no process {i["pid"]}')
            equal(process_stat(i['pid'])[1], g.keeper_pid, f'parent of {i["key"]}')
            equal(os.getsid(i['pid']), i['pid'], f'session of {i["key"]}')
        g.wait_log('second/0', 'here')
        g.wait_log('second/1', 'here')
        events, logs = g.events, g.logs
        kill(g.keeper_pid, signal.SIGTERM)
        g.process.wait(LIMIT)
        # In the stream as it was when the daemon ended.
        events.thread.join(LIMIT)
        logs.thread.join(LIMIT)
        stops = [e['key'] for e in events.items if e['kind'] == 'state' and e['state'] in ('stopping', 'draining')]
        first = {key: stops.index(key) for key in stops}
        check(set(first) == {'first/0', 'second/0', 'second/1', 'third/0'}, f'stopped: {stops}')
        check(first['third/0'] < first['second/1'] < first['second/0'] < first['first/0'], f'order of stopping: {stops}')
        g.wait_stderr('second/0: .*bye')


def one_by_one():
    """stop and start by name; what is stopped stays so, and the others do not notice"""
    with gang_of_three() as g:
        g.until_ready('first/0', 'second/0', 'second/1', 'third/0')
        before = g.pids()
        changed = g.json('stop', 'second/1')['changes']
        equal([(c['key'], c['state'], c['ok']) for c in changed], [('second/1', 'down', True)], 'changes')
        check(not alive(before['second/1']), 'second/1 lives')
        g.ctl('is-active', 'second/1', expected=3)
        g.ctl('is-active', 'second', 'first', 'third/0')
        g.ctl('stop', 'second')
        g.ctl('is-active', 'second', expected=3)
        equal(g.json('stop', 'second')['changes'][0]['ok'], True, 'stopped twice')
        g.ctl('start', 'second')
        after = g.pids()
        check(after['second/0'] != before['second/0'] and after['second/1'] != before['second/1'], 'not started anew')
        equal((after['first/0'], after['third/0']), (before['first/0'], before['third/0']), 'the others')
        g.ctl('start', 'second')
        equal(g.pids(), after, 'started twice')
        g.ctl('restart', 'first')
        check(g.pids()['first/0'] != after['first/0'], 'restart did not')
        g.ctl('stop', '--all')
        equal(set(i['state'] for i in g.instances().values()), {'down'}, 'all stopped')
        g.ctl('start', '--all')
        g.until_ready('first/0', 'second/0', 'second/1', 'third/0')


STUBBORN = '''
trap 'echo got TERM' TERM
trap 'echo got INT' INT
trap 'echo got QUIT; exit 7' QUIT
echo here
exec 2>&-
while :; do sleep 1000 & wait; kill $!; done
'''


def one_signal_after_the_other():
    """stop-then: what does not end of the first signal is sent the next, also by the next manager; SIGKILL is the last"""
    with Gang('worker s { exec = {"@/stubborn"} stop-timeout = 100ms stop-then = {INT/1s, QUIT/1h} restart = never }\n'
              'worker k { exec = {"@/stubborn"} stop-timeout = 50ms stop-then = {INT/50ms} restart = never }', begin=False) as g:
        g.script('stubborn', STUBBORN)
        g.start()
        for key in ('s/0', 'k/0'):
            g.wait_log(key, 'here')
        g.ctl('stop', 'k')
        equal(g.instance('k/0')['last_exit'], 'killed by SIGKILL', 'the end of one that takes no signal')
        equal([l['text'] for l in g.logs.items if l['key'] == 'k/0' and l['text']], ['here', 'got TERM', 'got INT'], 'signals')
        g.ctl('stop', 's', '--no-wait')
        g.wait_log('s/0', 'got INT')
        kill_and_wait(g.manager_pid)
        g.until_state(('s/0', 'down'))
        equal(g.instance('s/0')['last_exit'], 'exit status 7', 'its end')
        g.wait_log('s/0', 'got QUIT')
        said = [l['text'] for l in g.logs.items if l['key'] == 's/0' and l['text']]
        # The manager that takes over sends the last one again: it cannot know that it was sent.
        equal([key for key, _ in itertools.groupby(said)], ['here', 'got TERM', 'got INT', 'got QUIT'], 'signals, by two managers')


def shutdown():
    """gangerctl shutdown returns when all workers have ended and nobody answers any more; then the daemon is gone, too"""
    with gang_of_three() as g:
        g.until_ready('first/0', 'second/0', 'second/1', 'third/0')
        pids = g.pids().values()
        daemon = (g.manager_pid, g.keeper_pid)
        g.ctl('shutdown')
        for pid in pids:
            check(not alive(pid), f'process {pid} outlives shutdown')
        g.ctl('status', expected=5)
        for pid in daemon:
            wait_dead(pid)


def in_the_background():
    """without --foreground it returns as soon as it serves, and SIGTERM to the pid in the lock ends it"""
    with gang_of_three(begin=False, check_end=False) as g:
        run([f'{BUILD}/gangerd', '--config', g.config_path, '--runtime-dir', g.runtime], env=g.env)
        version = g.json('version')['gangerd']
        keeper = int(g.read('run/lock'))
        equal(version['keeper_pid'], keeper, 'pid of the keeper')
        equal(version['manager_incarnation'], 1, 'incarnation')
        g.until_ready('first/0', 'second/0', 'second/1', 'third/0')
        g.close_streams()
        equal(os.readlink(f'/proc/{keeper}/cwd'), '/', 'working directory')
        kill_and_wait(keeper, signal.SIGTERM)
        equal(g.strangers(), [], 'processes left')


def cannot_begin():
    """with a configuration that is missing or refused it ends at once, and says why"""
    with gang_of_three() as g:
        for words in (['--config', g.path('nothing')], ['--config', g.write('bad.conf', 'worker w { }\n')]):
            for mode in ([], ['--foreground']):
                result = run([f'{BUILD}/gangerd', *mode, '--runtime-dir', g.path('other'), *words], None, env=g.env)
                check(result.status not in (0, None) and result.err.strip(), f'{result}')
                result.has(words[1])


main(starts_and_stops, one_signal_after_the_other, one_by_one, shutdown, in_the_background, cannot_begin)
