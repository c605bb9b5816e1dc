#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restarted one after the other: as many serve as before, no connection and no message is lost, whoever dies meanwhile."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from programs import *  # noqa: E402, F403

import http.client

WEB = '''
listen web { stream = @/web }
worker web { exec = {"@/http"} listen = web ready = notify instances = 3 }
worker other { exec = {"sleep", "1000"} after = web }
'''
# While there is a file `closed`, each waits until it is let in: "go", or "bad" to end.
GATED = '''
[ -e @/closed ] && read -r go < @/gate
[ "$go" = bad ] && echo "no such luck" && exit 7
echo up
exec sleep 1000
'''
GATES = 'worker w { exec = {"@/gated"} ready = log ready-log = up instances = 3 restart-delay = 10s %s }\n'


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=LIMIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.path)


class Load:
    """Asks all the time, from several threads, and counts what was not answered."""

    def __init__(self, path, n=4):
        self.path, self.answered, self.failed, self.stop = path, 0, [], False
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stop:
            try:
                connection = Connection(self.path)
                connection.request('GET', '/')
                response = connection.getresponse()
                check(response.status == 200 and response.read(), 'no answer')
                connection.close()
            except (OSError, http.client.HTTPException, Failed) as e:
                self.failed.append(repr(e))
            with self.changed:
                self.answered += 1
                self.changed.notify_all()

    def more(self, n=20):
        with self.changed:
            until = self.answered + n
            check(self.changed.wait_for(lambda: self.answered >= until, LIMIT), 'nobody answers')

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join(LIMIT)
        equal(self.failed, [], f'failures among {self.answered} requests')


def gated(more=''):
    g = Gang(GATES % more, begin=False)
    g.script('gated', GATED.replace('@', g.directory))
    g.gate = os.open(g.fifo('gate'), os.O_RDWR)
    g.start()
    g.until_ready('w/0', 'w/1', 'w/2')
    g.write('closed', '')
    return g


def let(g, word='go'):
    os.write(g.gate, f'{word}\n'.encode())


def least_ready(g, worker, since, n):
    """How many were ready at least, of `n` that were at first."""
    ready, least = {f'{worker}/{i}' for i in range(n)}, n
    for e in g.events.items[since:]:
        if e['kind'] == 'state' and e['key'].startswith(worker + '/'):
            ready.discard(e['key'])
            if e['state'] == 'ready':
                ready.add(e['key'])
            least = min(least, len(ready))
    return least


def roll(g, name):
    return g.status(name)[name]['roll']


def phase(g, name='w'):
    return roll(g, name)['phase']


def under_load():
    """every process is another one, each request is answered, and never fewer serve than before"""
    with Gang(WEB, begin=False) as g:
        g.python('http', HTTP)
        g.start()
        g.until_ready('web/0', 'web/1', 'web/2', 'other/0')
        before, since = g.pids(), g.mark()
        load = Load(g.path('web'))
        load.more()
        result = g.ctl('restart', '--rolling', 'web')
        result.has('web/3 is started beside the others', 'web: restart: done')
        load.more()
        load.end()
        g.mark()
        after = g.pids()
        equal(set(after), set(before), 'instances')
        equal(after['other/0'], before['other/0'], 'one that comes after it')
        check(all(after[f'web/{n}'] != before[f'web/{n}'] for n in range(3)), 'some were not replaced')
        equal(least_ready(g, 'web', since, 3), 3, 'instances that were ready, at least')
        order = [e['key'] for e in g.events.items[since:] if e['kind'] == 'state' and e['state'] == 'ready' and
                 e['key'].startswith('web/')]
        equal(order, ['web/3', 'web/0', 'web/1', 'web/2'], 'who became ready, in turn')


def while_managers_die():
    """the same, while manager after manager is killed"""
    with Gang(WEB, begin=False) as g:
        g.python('http', HTTP)
        g.start()
        g.until_ready('web/0', 'web/1', 'web/2')
        before = g.pids()
        load = Load(g.path('web'))
        ctl = g.background('restart', '--rolling', 'web')
        while ctl.poll() is None:
            manager = g.manager_pid
            if manager:
                kill_and_wait(manager)
            load.more(5)
        g.wait_helper(ctl).has('web: restart: done')
        load.more()
        load.end()
        g.until('the surge is gone', lambda: set(g.pids()) == set(before))
        after = g.pids()
        check(all(after[f'web/{n}'] != before[f'web/{n}'] for n in range(3)), 'some were not replaced')
        equal({i['generation'] for key, i in g.instances().items() if key.startswith('web/')}, {2}, 'processes of each')


def messages():
    """a queue whose receivers are replaced: each message comes once"""
    config = '''
    ring jobs { slots = 4096 }
    ring out { slots = 4096 }
    worker io { exec = {"sh", "-c", "while read -r x; do echo OK $x; done"}
                io = lines receive = jobs send = out instances = 2 }
    '''
    with Gang(config) as g:
        g.until_ready('io/0', 'io/1')
        before = g.pids()
        sender = g.helper(['sh', '-c', 'seq 3000 | ' + ' '.join(g.ctl_words('send', 'jobs'))])
        g.ctl('restart', '--rolling', 'io')
        g.wait_helper(sender)
        g.until('all are done', lambda: g.ring('out')['ready'] == 3000)
        equal(g.ring('jobs')['redelivered'], 0, 'delivered again')
        got = sorted(map(int, g.ctl('receive', 'out').out.split()))
        check(got == list(range(1, 3001)), f'{len(got)} messages, {len(set(got))} different')
        check(not set(before.values()) & set(g.pids().values()), 'some were not replaced')


def one_that_does_not_come_up():
    """a new process that does not become ready: the old ones are as they were, and the last line says why"""
    with gated() as g:
        before = g.pids()
        ctl = g.background('restart', '--rolling', 'w')
        g.until_state(('w/3', 'starting'))
        let(g, 'bad')
        result = g.wait_helper(ctl, 1)
        check('w/3 did not become ready: exit status 7' in result.out.splitlines()[-1], f'{result}')
        g.until('the surge is gone', lambda: g.pids() == before)


def in_place():
    """without a surge: one after the other is down; if one does not come up, the rest stay as they are"""
    with gated('surge = 0') as g:
        before, since = g.pids(), g.mark()
        ctl = g.background('restart', '--rolling', 'w')
        for n in range(3):
            g.until_state((f'w/{n}', 'starting'))
            equal(sum(i['state'] == 'ready' for i in g.instances().values()), 2, 'ready')
            let(g)
        g.wait_helper(ctl)
        g.mark()
        equal((least_ready(g, 'w', since, 3), len(g.pids())), (2, 3), 'instances')
        before = g.pids()
        ctl = g.background('restart', '--rolling', 'w')
        g.until_state(('w/0', 'starting'))
        let(g, 'bad')
        g.wait_helper(ctl, 1).has('w/0 did not become ready')
        let(g)
        g.until_ready('w/0')
        after = g.pids()
        equal((after['w/1'], after['w/2']), (before['w/1'], before['w/2']), 'the rest')


def a_pipe():
    """an end of a pipe is one process's, so its worker is replaced in place, and nothing is lost"""
    config = '''
    ring p { kind = pipe }
    worker reads { exec = {"sleep", "1000"} receive = p }
    '''
    with Gang(config) as g:
        g.until_ready('reads/0')
        pid = g.pid('reads/0')
        g.ctl('restart', '--rolling', 'reads')
        check(g.pid('reads/0') != pid, 'it was not replaced')
        check(not any(e['key'] == 'reads/1' for e in g.events.items), 'there was a surge')


def people_meanwhile():
    """a second one is refused; to scale is part of it; to stop ends it"""
    with gated() as g:
        before = g.pids()
        ctl = g.background('restart', '--rolling', 'w')
        g.until_state(('w/3', 'starting'))
        g.ctl('restart', '--rolling', 'w', expected=None).has('is busy: restart')
        g.ctl('scale', 'w', 2, '--no-wait')
        # The instance that was the surge goes, and another one takes its place.
        g.until('there are three', lambda: set(g.pids()) == {'w/0', 'w/1', 'w/2'} and
                g.instance('w/2')['state'] == 'starting')
        for key in ('w/2', 'w/0', 'w/1'):
            g.until_state((key, 'starting'))
            let(g)
        g.wait_helper(ctl)
        g.until('there are two', lambda: set(g.pids()) == {'w/0', 'w/1'})
        check(not set(before.values()) & set(g.pids().values()), 'some were not replaced')
        ctl = g.background('restart', '--rolling', 'w')
        g.until_state(('w/2', 'starting'))
        g.ctl('stop', 'w')
        g.wait_helper(ctl, 1).has('stopped by hand')
        equal(g.status('w')['w']['ready'], 0, 'ready')


def what_cannot_be_rolled():
    """what is stopped, what ends by itself, instances, and what nobody knows; --all leaves the first two out"""
    config = '''
    worker once { exec = {"true"} type = oneshot }
    worker off { exec = {"sleep", "1000"} }
    worker on { exec = {"sleep", "1000"} }
    '''
    with Gang(config) as g:
        g.until_ready('on/0', 'off/0')
        g.ctl('stop', 'off')
        g.ctl('restart', '--rolling', 'once', expected=1).has('ends by itself')
        g.ctl('restart', '--rolling', 'off', expected=1).has('is stopped')
        g.ctl('restart', '--rolling', 'on/0', expected=1).has('is an instance')
        g.ctl('restart', '--rolling', 'onn', expected=4).has("did you mean 'on'")
        g.ctl('restart', '--rolling', expected=2)
        before = g.pids()
        g.ctl('restart', '--rolling', '--all').has('on: restart: done')
        after = g.pids()
        check(after['on/0'] != before['on/0'] and after['off/0'] == 0, f'{after}')


main(under_load, while_managers_die, messages, one_that_does_not_come_up, in_place, a_pipe, people_meanwhile,
     what_cannot_be_rolled)
