#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Many clients at once, while workers die and come back, and the manager does

Each client asks in its own way, again and again. None is refused, none waits for ever, and none is told anything that cannot
be. l330 has 200 of them.
"""

import os
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CLIENTS = int(os.environ.get('GANGER_TEST_CLIENTS', '40'))
DEATHS = CLIENTS // 5
CONFIG = '''
ring jobs { slots = 256 max-deliveries = 255 }
ring out { slots = 1024 }
worker io { exec = {"sed", "-u", "s/.*/OK &/"} io = lines receive = jobs send = out instances = 4 restart-delay = 1ms restart-delay-max = 10ms }
worker plain { exec = {"sleep", "1000"} instances = 16 restart-delay = 1ms restart-delay-max = 10ms }
worker says { exec = {"sh", "-c", "while read -r x < @/say; do echo $x; done; exec sleep 1000"} }
'''
# Not where the library is built with a sanitizer.
SERVED = '''
service ask { slots = 64 message-max = 64 idempotent = yes max-deliveries = 100 }
worker serves { exec = {"@/serves"} serve = ask ready = library instances = 2 restart-delay = 1ms restart-delay-max = 10ms '''
SERVES = '''
import ganger
with ganger.join() as gang:
    service = gang.service('ask', ganger.RECEIVE)
    gang.ready()
    for request in service:
        with request:
            request.reply(request.data + b'!')
'''


class Clients:
    """gangerctl after gangerctl in each of some threads; and some that stay."""

    def __init__(self, g):
        self.g, self.over, self.problems, self.answers = g, threading.Event(), [], 0
        self.lock = threading.Lock()
        self.threads = []

    def begin(self, ask):
        thread = threading.Thread(target=self.run, args=(ask,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def run(self, ask):
        while not self.over.is_set():
            try:
                ask(self.g)
                with self.lock:
                    self.answers += 1
            except Exception as e:
                with self.lock:
                    self.problems.append(str(e))
                return

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(LIMIT)
            check(not thread.is_alive(), 'a client waits for ever')
        equal(self.problems[:3], [], f'{len(self.problems)} clients failed')


def ask_status(g):
    instances = g.instances()
    equal(len(instances), g.n_instances, 'instances')
    pids = [i['pid'] for i in instances.values() if i['pid']]
    equal(len(set(pids)), len(pids), f'a pid is there twice: {instances}')


def ask_logs(g):
    g.ctl('--json', 'logs', 'says', '--lines', '5')


def ask_events(g):
    sequences = [int(e['sequence']) for e in g.ctl('--json', 'events', '--lines', '50').json_lines()]
    check(sequences == sorted(set(sequences)), f'events out of order: {sequences}')


def ask_rings(g):
    ring = g.ring('jobs')
    check(ring['ready'] + ring['leased'] <= 256, f'{ring}')


def send(g):
    g.ctl('send', 'jobs', 'x')


def call(g):
    equal(g.ctl('call', 'ask', 'who').out, 'who!', 'reply')


def many_clients():
    """clients ask, follow, send and wait while workers and managers are killed: all are answered"""
    asks = [ask_status, ask_logs, ask_events, ask_rings, send]
    config, victims = CONFIG, [('plain', 16), ('io', 4)]
    if not sanitized():
        config += SERVED + need_library() + ' }\n'
        asks.append(call)
        victims.append(('serves', 2))
    with Gang(config, begin=False) as g:
        g.n_instances = 1 + sum(n for _, n in victims)
        g.python('serves', SERVES)
        g.fifo('say')
        g.start()
        g.until_ready('io/0', 'plain/15', 'says/0')
        # Those that stay: most of them only listen.
        followers = [g.background('--json', 'events', '--follow', '--lines', '0') for _ in range(CLIENTS * 2 // 5)]
        followers += [g.background('--json', 'logs', '--follow', '--lines', '0') for _ in range(CLIENTS * 2 // 5)]
        receiver = g.background('--json', 'receive', 'out', '--follow')
        clients = Clients(g)
        for i in range(CLIENTS // 5):
            clients.begin(asks[i % len(asks)])
        g.until('some were answered', lambda: clients.answers >= len(clients.threads))
        for i in range(DEATHS):
            pids = g.pids()
            name, n = victims[i % len(victims)]
            victim = f'{name}/{i // len(victims) % n}'
            if pids[victim]:
                kill(pids[victim])
            if i % 4 == 3:
                kill_and_wait(g.manager_pid)
            seen = clients.answers
            g.until('they are answered', lambda: clients.answers > seen)
        clients.end()
        g.until('all work again', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
        sent = g.ring('jobs')['accepted']
        g.until('all was delivered', lambda: g.ring('out')['accepted'] >= sent and g.ring('out')['ready'] + g.ring('out')['leased'] == 0)
        # Each of those that follow is told what comes now, and goes when it is asked to.
        restarts = g.instance('plain/0')['restarts']
        kill(g.pid('plain/0'))
        g.until('it is there again', lambda: g.instance('plain/0')['restarts'] > restarts)
        with open(g.path('say'), 'w') as f:
            f.write('the last line\n')
        for i, follower in enumerate(followers):
            text = '"plain/0"' if i < CLIENTS * 2 // 5 else 'the last line'
            g.until(f'{follower.args[-4:]} is told', lambda: text in g.printed(follower).out or follower.poll() is not None)
            check(follower.poll() is None, f'one has ended: {g.printed(follower)}')
        for p in [*followers, receiver]:
            p.send_signal(signal.SIGINT)
        for p in [*followers, receiver]:
            g.wait_helper(p, None)


if __name__ == '__main__':
    main(many_clients)
