#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another gangerd takes the place of the one that runs: no worker notices, no message is lost; one that cannot gives way."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 64 }
ring out { slots = 8192 slot-size = 64 }
listen web { stream = @/web }
worker echo { exec = {"sed", "-u", "s/^/OK /"} io = lines receive = jobs send = out instances = 2 }
worker plain { exec = {"sleep", "1000"} restart-delay = 1ms }
worker forks { exec = {"@/forks"} ready = notify }
worker once { exec = {"@/once"} restart = never }
'''
FAULTY = f'{BUILD}/tests/faults/gangerd-faults'


def gang(**options):
    g = Gang(CONFIG, begin=False, **options)
    g.python('forks', 'import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n'
             's.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])\ntime.sleep(1000)\n')
    g.script('once', 'read -r x < @/go; exit 3'.replace('@', g.directory))
    g.fifo('go')
    return g


def ready(g):
    g.until_ready('echo/0', 'echo/1', 'plain/0', 'forks/0', 'once/0')


def program(pid):
    return os.readlink(f'/proc/{pid}/exe')


def same(g, before, keeper):
    equal(g.pids(), before, 'processes')
    equal(g.keeper_pid, keeper, 'the keeper')
    equal({pid for pid in children(keeper) if alive(pid)} - {g.manager_pid}, {pid for pid in before.values() if pid}, 'children')


def under_load():
    """several times over, to a copy of the program and back, while messages go through; what ends meanwhile is noticed"""
    with gang() as g:
        copy = g.path('gangerd.copy')
        shutil.copy(os.path.realpath(g.program), copy)
        g.start()
        ready(g)
        before, keeper = g.pids(), g.keeper_pid
        sent, stop = [0], threading.Event()

        def feed():
            while not stop.is_set():
                g.ctl('send', 'jobs', *range(sent[0], sent[0] + 20))
                sent[0] += 20

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            for path in (copy, g.program, copy):
                g.ctl('daemon-upgrade', path).has('has taken over')
                for pid in (keeper, g.manager_pid):
                    equal(program(pid), os.path.realpath(path), 'the program')
                same(g, before, keeper)
        finally:
            stop.set()
            thread.join()
        g.until('all is through', lambda: g.ring('out')['ready'] == sent[0])
        got = [int(text) for text in g.ctl('receive', 'out', '--count', sent[0]).out.split()]
        equal(sorted(got), list(range(sent[0])), 'messages')
        # It is the parent of all still: it sees ends, starts again, stops.
        equal(g.json('version')['gangerd']['upgrades'], 3, 'upgrades')
        kill(before['plain/0'])
        g.until('it is replaced', lambda: g.instance('plain/0')['state'] == 'ready' and g.pid('plain/0') != before['plain/0'])
        with open(g.path('go'), 'w') as f:
            f.write('x\n')
        g.until_state(('once/0', 'failed'))
        equal(g.instance('once/0')['last_exit'], 'exit status 3', 'its end')
        g.ctl('stop', 'forks')
        kill_and_wait(g.manager_pid)
        g.until_ready('plain/0')
        run([f'{BUILD}/gangerd', '--runtime-dir', g.runtime, '--foreground', '--config', g.config_path], expected=75, env=g.env)
        # In place: what is there by now where it was started from. (A program that runs cannot be written to.)
        shutil.copy(os.path.realpath(g.program), copy + '.new')
        os.rename(copy + '.new', copy)
        g.ctl('daemon-upgrade')
        equal(program(keeper), copy, 'the program')


def what_cannot_take_over():
    """what is no gangerd, and an older one: refused, and the manager of before goes on"""
    with gang(program='tests/faults/gangerd-faults', env={'GANGER_FAULT': 'older-version'}) as g:
        g.start()
        ready(g)
        before, keeper, manager = g.pids(), g.keeper_pid, g.manager_pid
        g.script('script', 'echo gangerd 99 handover=1 state=1 layout=1')
        g.write('data', 'x')
        for path, why in ((FAULTY, 'it is version 0.0.1, which is older'), ('/bin/true', 'does not say what it can take over'),
                          (g.path('script'), 'does not say what it can take over'), ('/usr/bin/yes', 'does not say'), (g.path('data'), 'is no program'), (g.directory, 'is no program'),
                          ('nowhere', 'nowhere')):
            g.ctl('daemon-upgrade', path, expected=1).has(why)
        same(g, before, keeper)
        equal(g.manager_pid, manager, 'the manager')


def gives_way(fault, why):
    with gang(env={'GANGER_FAULT': fault}) as g:
        g.start()
        ready(g)
        before, keeper = g.pids(), g.keeper_pid
        for n in range(2):
            g.ctl('daemon-upgrade', FAULTY, expected=1).has('has given way', why)
            same(g, before, keeper)
            equal(program(keeper), os.path.realpath(g.program), 'the program')
            g.wait_stderr(f'another program was tried: .*{why}')
        g.wait_event(lambda e: e['kind'] == 'manager' and 'given way' in e['text'] and why in e['text'])
        g.ctl('send', 'jobs', 'x')
        g.ctl('receive', 'out', '--count', 1)
        kill(before['plain/0'])
        g.until('it is replaced', lambda: g.instance('plain/0')['state'] == 'ready' and g.pid('plain/0') != before['plain/0'])


def one_that_does_not_understand():
    """a program that does not understand what it is left becomes the one before again, and says so; twice"""
    gives_way('refuse-handover', 'does not understand')


def one_whose_manager_does_not_come_up():
    """a program whose manager ends before it is ready gives way to the one before"""
    gives_way('never-ready', 'exit status 70')


if __name__ == '__main__':
    main(under_load, what_cannot_take_over, one_that_does_not_understand, one_whose_manager_does_not_come_up)
