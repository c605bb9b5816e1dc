#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL of the manager at bad moments: no worker dies, none is doubled, none is forgotten."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import random

CONFIG = '''
ring jobs { slots = 64 }
ring out { slots = 1024 }
worker plain { exec = {"sleep", "1000"} instances = 3 }
worker io    { exec = {"@/io"} io = lines receive = {jobs} send = {out} instances = 2 }
worker slow  { exec = {"@/slow"} ready = notify instances = 0 }
'''
IO = 'while read -r x; do echo "OK $x"; done'
# Ready when somebody writes a line.
SLOW = '''
import os, signal, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
s.send(b'STATUS=waits')
with open(os.path.join(os.path.dirname(sys.argv[0]), 'go')) as f:
    f.readline()
s.send(b'READY=1')
signal.pause()
'''


def gang():
    g = Gang(CONFIG, begin=False)
    g.script('io', IO)
    g.python('slow', SLOW)
    g.fifo('go')
    g.start()
    return g


def one_process_each(g):
    """Of each instance that has a process there is one, and the keeper has no other children."""
    keeper = g.keeper_pid
    instances = g.instances()
    pids = {i['pid'] for i in instances.values() if i['pid']}
    living = {pid for pid in children(keeper) if alive(pid)} - {g.manager_pid}
    equal(living, pids, f'children of the keeper, beside what status says: {g.names(living ^ pids)}')


def kill_manager(g):
    manager = g.manager_pid
    if manager:
        kill_and_wait(manager)


def nothing_happens():
    """the same pids, the same counts, a new manager that answers; the log says it"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        g.ctl('send', 'jobs', *(f'm{i}' for i in range(10)))
        g.until('they are worked on', lambda: g.ring('out')['ready'] == 10)
        g.ctl('stop', 'plain/2')
        before, keeper = g.instances(), g.keeper_pid
        for incarnation in (2, 3, 4):
            kill_manager(g)
            version = g.json('version')['gangerd']
            equal((version['manager_incarnation'], version['keeper_pid'], version['manager_pid']),
                  (incarnation, keeper, g.manager_pid), 'version')
            now = g.instances()
            for key in before:
                for member in ('pid', 'state', 'restarts', 'generation', 'started_usec', 'last_exit'):
                    equal(now[key][member], before[key][member], f'{member} of {key}')
            equal([g.ring('out')[m] for m in ('ready', 'leased', 'dead')], [10, 0, 0], 'ring')
            one_process_each(g)
        equal(sorted(g.ctl('receive', 'out', '--count', 10).out.split()), [f'm{i}' for i in range(10)], 'messages')
        g.wait_event(lambda e: e['kind'] == 'manager' and 'takes over' in e['text'])
        g.wait_stderr('manager died')


def in_quick_succession():
    """twice in a row and more, also before the new one is ready"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        before = g.pids()
        for _ in range(8):
            dead = g.manager_pid
            kill_and_wait(dead)
            # No waiting for anything but the process itself.
            while g.manager_pid in (0, dead):
                pass
        equal(g.pids(), before, 'pids')
        one_process_each(g)
        g.ctl('send', 'jobs', 'x')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'x\n', 'a message')


def while_one_dies():
    """a worker that is killed while there is no manager: started again once, and its message is delivered again"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        before = g.pids()
        receiver = g.background('receive', 'out', '--exec', f'echo got; read x < {g.path("go")}')
        manager = g.manager_pid
        kill(manager, signal.SIGSTOP)
        kill_and_wait(before['plain/1'])
        kill_and_wait(before['io/0'])
        kill_and_wait(manager)
        g.until('both are back', lambda: all(g.instance(k)['pid'] not in (0, before[k]) and g.instance(k)['state'] == 'ready'
                                             for k in ('plain/1', 'io/0')))
        now = g.instances()
        for key in before:
            killed = key in ('plain/1', 'io/0')
            equal(now[key]['restarts'], 1 if killed else 0, f'restarts of {key}')
            check(killed or now[key]['pid'] == before[key], f'{key} has another process')
        one_process_each(g)
        receiver.wait(LIMIT)


def during_a_start():
    """while gangerctl waits for a slow start: it asks again, the same process becomes ready"""
    with gang() as g:
        scale = g.background('scale', 'slow', 1)
        g.until('it waits', lambda: 'slow/0' in g.instances() and g.instance('slow/0')['status_text'] == 'waits')
        pid = g.pid('slow/0')
        kill_manager(g)
        equal((g.pid('slow/0'), g.instance('slow/0')['state']), (pid, 'starting'), 'slow/0')
        starts = [g.background('start', 'slow'), g.background('start', 'slow/0', 'plain')]
        kill_manager(g)
        for helper in (scale, *starts):
            check(helper.poll() is None, f'it did not wait: {g.printed(helper)}')
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        for helper in (scale, *starts):
            g.wait_helper(helper)
        equal((g.pid('slow/0'), g.instance('slow/0')['state'], g.instance('slow/0')['restarts']), (pid, 'ready', 0), 'slow/0')
        one_process_each(g)


def during_a_restart():
    """while gangerctl waits for a restart: each is restarted once, not once a manager"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        for _ in range(5):
            before = g.instances()
            restart = g.background('restart', 'plain')
            kill_manager(g)
            kill_manager(g)
            g.wait_helper(restart)
            now = g.instances()
            for n in range(3):
                equal(now[f'plain/{n}']['generation'], before[f'plain/{n}']['generation'] + 1, f'processes of plain/{n}')
                equal(now[f'plain/{n}']['state'], 'ready', 'state')
            equal(now['io/0']['pid'], before['io/0']['pid'], 'io/0')
            one_process_each(g)


def during_a_scale():
    """while it is scaled up and down"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        before = g.pids()
        for n in (20, 2, 15, 3):
            scale = g.background('scale', 'plain', n)
            g.until('it has begun', lambda: g.status('plain')['plain']['wanted'] == n)
            kill_manager(g)
            g.wait_helper(scale)
            g.until(f'there are {n}', lambda: g.status('plain')['plain']['ready'] == n)
            one_process_each(g)
        now = g.pids()
        equal([now[k] for k in ('plain/0', 'plain/1', 'io/0', 'io/1')], [before[k] for k in ('plain/0', 'plain/1', 'io/0', 'io/1')], 'pids')


def during_a_reload():
    """while it reloads: the new configuration, whole, or the old one"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        before = g.pids()
        for n in range(6):
            g.configure(CONFIG.replace('"sleep", "1000"', f'"sleep", "{2000 + n}"') + f'worker more{n} {{ exec = {{"sleep", "3000"}} }}\n')
            reload = g.background('reload')
            kill_manager(g)
            g.wait_helper(reload, expected=None)
            g.ctl('reload')                 # what was done is not done again; what was not is
            g.until('it is in force', lambda: f'more{n}' in g.status() and g.instance(f'more{n}/0')['state'] == 'ready'
                    and all(process_arguments(g.pid(f'plain/{i}'))[-1:] == [str(2000 + n)] for i in range(3)))
            g.until('the earlier one is gone', lambda: f'more{n - 1}' not in g.status())
            one_process_each(g)
        equal([g.pids()[k] for k in ('io/0', 'io/1')], [before[k] for k in ('io/0', 'io/1')], 'untouched')


def during_a_stop():
    """while one is being stopped that does not listen: it is killed in time, and stays stopped"""
    with Gang('worker deaf { exec = {"@/deaf"} stop-timeout = 500ms }', begin=False) as g:
        g.script('deaf', "trap '' TERM; echo deaf; while :; do sleep 1000; done")
        g.start()
        g.wait_log('deaf/0', 'deaf')
        pid = g.pid('deaf/0')
        stop = g.background('stop', 'deaf')
        g.until('it has begun', lambda: g.instance('deaf/0')['state'] in ('draining', 'stopping'))
        kill_manager(g)
        g.wait_helper(stop)
        check(not alive(pid), 'it lives')
        kill_manager(g)
        equal((g.instance('deaf/0')['state'], g.instance('deaf/0')['pid']), ('down', 0), 'deaf/0')


def during_the_end():
    """while the daemon stops: it stops all the same"""
    with Gang('worker deaf { exec = {"@/deaf"} stop-timeout = 500ms instances = 3 }\nworker plain { exec = {"sleep", "1000"} }', begin=False) as g:
        g.script('deaf', "trap '' TERM; echo deaf; while :; do sleep 1000; done")
        g.start()
        for n in range(3):
            g.wait_log(f'deaf/{n}', 'deaf')
        kill(g.keeper_pid, signal.SIGTERM)
        g.wait_notified(lambda line: line == 'STOPPING=1', 'STOPPING=1')
        kill_manager(g)
        # finish() sees that all is gone


def while_it_backs_off():
    """while an instance waits for its restart: it goes on waiting, and is started"""
    with Gang('worker w { exec = {"@/w"} restart-delay = 600ms restart-delay-max = 600ms }', begin=False) as g:
        g.script('w', 'exit 1')
        g.start()
        g.wait_state('w/0', 'backoff')
        due = g.until('it waits', lambda: (lambda i: i['due_usec'] if i['state'] == 'backoff' else 0)(g.instance('w/0')))
        restarts = g.instance('w/0')['restarts']
        kill_manager(g)
        i = g.instance('w/0')
        check(i['restarts'] > restarts or (i['state'] == 'backoff' and i['due_usec'] == due), f'it was due at {due}: {i}')
        g.until('it is started', lambda: g.instance('w/0')['restarts'] > restarts)


def a_program_has_gone():
    """when programs and the configuration file have changed meanwhile: what runs is taken over as it is"""
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        before = g.pids()
        os.rename(g.path('io'), g.path('io.old'))
        os.unlink(g.config_path)
        for _ in range(2):
            kill_manager(g)
            equal(g.pids(), before, 'pids')
        g.ctl('send', 'jobs', 'x')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'x\n', 'a message')


def messages_meanwhile():
    """messages flow while managers die: each arrives once"""
    with gang() as g:
        g.until_ready('io/0', 'io/1')
        words = [f'm{i}' for i in range(4000)]
        g.write('input', ''.join(w + '\n' for w in words))
        with open(g.path('input')) as f:
            sender = g.background('send', 'jobs', stdin=f)
        receiver = g.background('--json', 'receive', 'out', '--count', 4000)
        kills = 0
        while receiver.poll() is None and kills < 8:
            kill_manager(g)
            kills += 1
            g.ctl('version')
        g.wait_helper(sender)
        got = [data(m) for m in g.wait_helper(receiver).json_lines()]
        equal(sorted(got), sorted(words), 'messages')


def at_random():
    """at random moments of any change, by a seed that is printed"""
    seed = int(os.environ.get('GANGER_TEST_SEED', '1'))
    print(f'GANGER_TEST_SEED={seed}')
    rng = random.Random(seed)
    with gang() as g:
        g.until_ready('plain/0', 'plain/1', 'plain/2', 'io/0', 'io/1')
        wanted = 3
        for _ in range(25):
            what = rng.choice(('scale', 'restart', 'kill', 'stop', 'reload'))
            if what == 'scale':
                wanted = rng.randint(1, 8)
                helper = g.background('scale', 'plain', wanted)
            elif what == 'restart':
                helper = g.background('restart', 'plain', 'io/1')
            elif what == 'kill':
                for pid in g.pids().values():
                    if pid and rng.random() < 0.5:
                        kill(pid)
                helper = g.background('start', 'plain')
            elif what == 'stop':
                g.ctl('stop', 'plain')
                helper = g.background('start', 'plain')
            else:
                helper = g.background('reload')
            for _ in range(rng.randint(1, 2)):
                # How far the other has come by then is chance; that is what this is for.
                for _ in range(rng.randint(0, 3)):
                    os.listdir('/proc')
                kill_manager(g)
            g.wait_helper(helper)
            g.until(f'{wanted} are ready after {what}', lambda: g.status('plain')['plain']['ready'] == wanted
                    and g.status('io')['io']['ready'] == 2)
            one_process_each(g)


main(nothing_happens, in_quick_succession, while_one_dies, during_a_start, during_a_restart, during_a_scale, during_a_reload,
     during_a_stop, during_the_end, while_it_backs_off, a_program_has_gone, messages_meanwhile, at_random)
