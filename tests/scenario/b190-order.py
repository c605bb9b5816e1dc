#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who starts after whom, who needs whom, and who does not bear whom."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import socket

# Does as the lines of its fifo say: `ready`, `fail`, `end`. One whose name begins with `slow` takes no notice of SIGTERM.
TOLD = '''
import os, signal, socket, sys
name = os.environ['GANGER_WORKER']
if name.startswith('slow'):
    signal.signal(signal.SIGTERM, lambda *_: None)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
with open(os.path.join(os.path.dirname(sys.argv[0]), 'go.' + name)) as go:
    for line in go:
        if line == 'ready\\n':
            s.send(b'READY=1')
        else:
            sys.exit(3 if line == 'fail\\n' else 0)
'''


def worker(name, more=''):
    return f'worker {name} {{ exec = {{"@/told"}} ready = notify {more} }}\n'


class Told(Gang):
    """A gang of workers that are told by name."""

    def __init__(self, config, *names, **options):
        super().__init__(config, begin=False, **options)
        self.python('told', TOLD)
        self.fifos = {name: os.open(self.fifo(f'go.{name}'), os.O_RDWR) for name in names}
        self.start()

    def tell_worker(self, name, what):
        os.write(self.fifos[name], f'{what}\n'.encode())

    def ready(self, *names):
        for name in names:
            self.tell_worker(name, 'ready')
        self.until_ready(*(f'{name}/0' for name in names))

    def stays(self, key, state, reason):
        """It is so, and the reason is told."""
        self.until(f'{key} is {state}: {reason}', lambda: (lambda i: i['state'] == state and reason in i['reason'])
                   (self.instance(key)))

    def ends(self, since=0):
        """Keys in the order in which their processes ended."""
        return [e['key'] for e in self.events.items[since:] if e['kind'] == 'exit']


# Defined in another order than they start.
CHAIN = worker('web', 'after = {"cache"} requires = {"db"}') + worker('cache', 'after = {"db"}') + worker('db')


def in_order():
    """after and requires: each starts when those before it are ready; at the end the other way round"""
    with Told(CHAIN, 'web', 'cache', 'db', check_end=False) as g:
        g.until_state(('db/0', 'starting'))
        g.stays('cache/0', 'waiting', 'after db, which is starting')
        g.stays('web/0', 'waiting', 'requires db, which is starting')
        equal(g.instance('web/0')['pid'], 0, 'process of one that waits')
        g.ready('db')
        g.until_state(('cache/0', 'starting'))
        g.stays('web/0', 'waiting', 'after cache, which is starting')
        g.ready('cache')
        g.until_state(('web/0', 'starting'))
        g.ready('web')
        g.ctl('shutdown')
        g.events.wait(lambda e: e['kind'] == 'exit' and e['key'] == 'db/0', what='exit of db')
        equal(g.ends(), ['web/0', 'cache/0', 'db/0'], 'order of ends')
        g.process.wait(LIMIT)


def not_waited_for():
    """after: one that failed, was stopped, or is not to run is not waited for; requires: it is, and says so"""
    with Told(worker('db', 'restart = never') + worker('off', 'instances = 0') + worker('a', 'after = {"db", "off"}') +
              worker('b', 'requires = {"db"}') + worker('c', 'requires = {"off"}'), 'db', 'a', 'b', 'c') as g:
        g.stays('c/0', 'waiting', 'requires off, which is down')
        g.until_state(('db/0', 'starting'))
        g.tell_worker('db', 'fail')
        g.until_state(('db/0', 'failed'), ('a/0', 'starting'))
        g.stays('b/0', 'waiting', 'requires db, which is failed')
        waits = g.background('start', 'b')
        g.until_state(('db/0', 'starting'))
        g.tell_worker('db', 'fail')
        g.wait_helper(waits, expected=1).has('requires db, which is failed')
        # Once it is there, what waited for it starts by itself.
        db = g.background('start', 'db')
        g.tell_worker('db', 'ready')
        g.wait_helper(db)
        g.until_state(('b/0', 'starting'))
        g.ready('b')


def done_its_part():
    """requires: one that ended well and is not started again has done its part"""
    with Told(worker('setup', 'restart = on-failure') + worker('a', 'requires = {"setup"}'), 'setup', 'a') as g:
        g.stays('a/0', 'waiting', 'requires setup, which is starting')
        g.tell_worker('setup', 'end')
        g.until_state(('setup/0', 'down'), ('a/0', 'starting'))


def together():
    """start takes along what is required, stop and restart those who require it, in order"""
    with Told(CHAIN.replace('after = {"cache"} ', ''), 'web', 'cache', 'db') as g:
        g.ready('db')
        g.ready('web', 'cache')
        pids = g.pids()
        since = g.mark()
        again = g.background('restart', 'db')
        g.until('web and db are new', lambda: g.instance('db/0')['pid'] not in (0, pids['db/0']) and
                g.instance('web/0')['state'] == 'waiting')
        equal(g.ends(since), ['web/0', 'db/0'], 'order of ends')
        g.ready('db')
        g.until_state(('web/0', 'starting'))
        g.ready('web')
        g.wait_helper(again)
        equal(g.pid('cache/0'), pids['cache/0'], 'one that comes after it only')
        since = g.mark()
        g.ctl('stop', 'db').has('web/0', 'db/0')
        g.until('both are told', lambda: len(g.ends(since)) == 2)
        equal(g.ends(since), ['web/0', 'db/0'], 'order of ends')
        check(alive(pids['cache/0']), 'one that comes after it only is stopped')
        up = g.background('start', 'web')
        g.ready('db')
        g.until_state(('web/0', 'starting'))
        g.ready('web')
        g.wait_helper(up).has('web/0', 'db/0')


def stop_waits():
    """a stop waits for those that come after it, over the death of the manager, too"""
    with Told(worker('db') + worker('slow', 'requires = {"db"} stop-timeout = infinity'), 'db', 'slow') as g:
        g.ready('db')
        g.ready('slow')
        db = g.pid('db/0')
        down = g.background('stop', 'db')
        g.until_state(('slow/0', 'stopping'))
        kill_and_wait(g.manager_pid)
        g.until_state(('slow/0', 'stopping'))
        equal((g.instance('db/0')['state'], alive(db)), ('ready', True), 'the one that is to end after it')
        g.tell_worker('slow', 'end')
        g.until_state(('db/0', 'down'), ('slow/0', 'down'))
        g.wait_helper(down)


def start_waits():
    """who waits goes on waiting when the manager dies, and starts once"""
    with Told(CHAIN, 'web', 'cache', 'db') as g:
        g.until_state(('db/0', 'starting'), ('cache/0', 'waiting'), ('web/0', 'waiting'))
        kill_and_wait(g.manager_pid)
        g.until_state(('db/0', 'starting'), ('cache/0', 'waiting'), ('web/0', 'waiting'))
        g.ready('db')
        g.ready('cache')
        g.ready('web')
        equal(len(set(descendants(g.keeper_pid)) - {g.manager_pid}), 3, 'processes')


def conflicts():
    """of two that conflict one runs: the first by itself, the other when it is asked for"""
    with Told(worker('old') + worker('new', 'conflicts = {"old"}'), 'old', 'new') as g:
        g.ready('old')
        g.stays('new/0', 'waiting', 'conflicts with old, which is up')
        since = g.mark()
        up = g.background('start', 'new')
        g.until_state(('old/0', 'down'), ('new/0', 'starting'))
        equal(g.ends(since), ['old/0'], 'ends')
        g.ready('new')
        g.wait_helper(up)
        g.ctl('start', 'old', 'new', expected=1).has("workers 'old' and 'new' conflict")
        g.until_ready('new/0')


def on_demand():
    """one that is started by a connection waits for what it requires, as any other"""
    with Told('listen l { stream = @/socket }\n' + worker('db') +
              worker('web', 'requires = {"db"} start = on-demand listen = l'), 'web', 'db') as g:
        g.until_state(('db/0', 'starting'), ('web/0', 'down'))
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(g.path('socket'))
            g.stays('web/0', 'waiting', 'requires db, which is starting')
            g.ready('db')
            g.until_state(('web/0', 'starting'))
            g.ready('web')
            # While it waited, the connection that waits too has not started it again and again.
            check(not any('too often' in line for line in g.stderr_lines), g.stderr_lines)


def reloads():
    """reload: new workers start in their order, and a new order touches nobody who runs"""
    with Told(worker('db'), 'db', 'web', 'cache') as g:
        g.ready('db')
        pid = g.pid('db/0')
        g.configure(worker('web', 'after = {"cache"}') + worker('cache', 'requires = {"db"}') + worker('db'))
        g.ctl('reload')
        g.until_state(('cache/0', 'starting'))
        g.stays('web/0', 'waiting', 'after cache, which is starting')
        g.ready('cache')
        g.ready('web')
        g.configure(worker('cache') + worker('db') + worker('web', 'requires = {"cache", "db"}'))
        g.ctl('reload')
        equal(g.pid('db/0'), pid, 'db')
        g.until_ready('web/0', 'cache/0', 'db/0')


if __name__ == '__main__':
    main(in_order, not_waited_for, done_its_part, together, stop_waits, start_waits, conflicts, on_demand, reloads)
