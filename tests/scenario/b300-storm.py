#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Managers killed at random moments while everything changes and messages flow: a few seconds, or GANGER_TEST_SECONDS."""

import os
import random
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

SECONDS = int(os.environ.get('GANGER_TEST_SECONDS', '5'))
SEED = int(os.environ.get('GANGER_TEST_SEED', '1'))
RATE = 400              # messages a second
SCALE_MAX = 8

CONFIG = '''
ring jobs { slots = 64 max-deliveries = 255 }
ring out { slots = 256 }
worker still { exec = {"sleep", "1000"} instances = 4 }
worker hears { exec = {"@/io"} io = lines receive = jobs send = out instances = 2 }
worker dies  { exec = {"@/io"} io = lines receive = jobs send = out instances = 3 restart-delay = 1ms restart-delay-max = 10ms restart-limit = 64/100ms }
worker moves { exec = {"sleep", "2000"} instances = 3 }
'''
MORE = 'worker more { exec = {"sleep", "3000"} instances = 2 }\n'


class Sampler:
    """Looks all the time for an instance with two processes. There is never a moment at which there may be two."""

    def __init__(self, g):
        self.keeper, self.ended, self.samples, self.doubled = g.keeper_pid, threading.Event(), 0, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def instance_of(pid):
        """The instance that a process says it is; None of what is no instance, or has not been executed yet, or is dead."""
        try:
            with open(f'/proc/{pid}/environ', 'rb') as f:
                pairs = dict(word.split(b'=', 1) for word in f.read().split(b'\0') if b'=' in word)
        except OSError:
            return None
        if b'GANGER_WORKER' not in pairs:
            return None
        return pairs[b'GANGER_WORKER'].decode(), int(pairs[b'GANGER_INSTANCE'])

    @classmethod
    def runs(cls, pid):
        """Can it still execute an instruction of its own? Not once SIGKILL is upon it: the kernel is taking it down."""
        try:
            with open(f'/proc/{pid}/status', encoding='ascii') as f:
                pending = dict(line.split(':', 1) for line in f if 'Pnd:' in line)
        except OSError:
            return False
        killed = any(int(mask, 16) >> (signal.SIGKILL - 1) & 1 for mask in pending.values())
        return not killed and alive(pid) and cls.instance_of(pid) is not None

    def look(self):
        with open(f'/proc/{self.keeper}/task/{self.keeper}/children') as f:
            pids = f.read().split()
        seen = {}
        for pid in pids:
            instance = self.instance_of(pid)
            # What was read first may have died since.
            if instance in seen and self.runs(int(pid)) and self.runs(seen[instance]):
                self.doubled.append((instance, seen[instance], int(pid)))
            if instance:
                seen[instance] = int(pid)

    def run(self):
        while not self.ended.wait(0.005):
            try:
                self.look()
            except FileNotFoundError:
                return              # the keeper is dead: the storm fails by other things
            self.samples += 1

    def end(self):
        self.ended.set()
        self.thread.join()
        check(self.samples > SECONDS, 'nobody looked')
        equal(self.doubled, [], 'instances with two processes')


class Flow:
    """Numbered messages through `jobs` and `out`, for as long as the storm lasts."""

    def __init__(self, g):
        self.g, self.n = g, RATE * SECONDS
        read_end, self.pipe = os.pipe()
        self.sender = g.background('send', 'jobs', stdin=read_end)
        os.close(read_end)
        self.receiver = g.background('--json', 'receive', 'out', '--count', self.n)
        self.thread = threading.Thread(target=self.feed, daemon=True)
        self.thread.start()

    def feed(self):
        pause = threading.Event()
        for i in range(self.n):
            os.write(self.pipe, b'%d\n' % i)
            if i % 20 == 0:
                pause.wait(20 / RATE)
        os.close(self.pipe)

    def end(self):
        self.thread.join()
        self.g.wait_helper(self.sender)
        got = [int(data(m)) for m in self.g.wait_helper(self.receiver).json_lines()]
        bitmap = bytearray(self.n)
        for number in got:
            bitmap[number] += 1
        equal([i for i in range(self.n) if bitmap[i] != 1], [], 'messages that did not arrive once')
        counts = {name: [self.g.ring(name)[what] for what in ('ready', 'leased', 'writing', 'dead')] for name in ('jobs', 'out')}
        equal(counts, {'jobs': [0] * 4, 'out': [0] * 4}, 'left in the rings')
        equal(self.g.json('status')['quarantined'], [], 'taken for damage')


class Chaos:
    def __init__(self, g):
        self.g, self.random, self.kills, self.took, self.changes, self.scaled = g, random.Random(SEED), 0, [], 0, 3
        self.more = False

    def kill_manager(self):
        pid = self.g.manager_pid
        if not pid:
            return
        began = time.monotonic()
        kill_and_wait(pid)
        self.kills += 1
        self.g.ctl('version')
        self.took.append(time.monotonic() - began)

    def begin_change(self):
        g = self.g
        what = self.random.choice(('restart', 'scale', 'reload', 'stop', 'kill'))
        self.changes += 1
        if what == 'restart':
            return g.background('restart', 'moves')
        if what == 'scale':
            self.scaled = self.random.randint(1, SCALE_MAX)
            return g.background('scale', 'moves', self.scaled)
        if what == 'reload':
            self.more = not self.more
            g.configure(CONFIG + (MORE if self.more else ''))
            return g.background('reload')
        if what == 'stop':
            g.ctl('stop', 'moves/0')
            return g.background('start', 'moves/0')
        for i in range(3):
            pid = g.pid(f'dies/{i}')
            if pid and self.random.random() < 0.7:
                kill(pid)
        return None

    def step(self):
        change = self.begin_change()
        # How far the change has come by then is chance; that is what this is for.
        threading.Event().wait(self.random.random() * 0.02)
        for _ in range(self.random.randint(1, 2)):
            self.kill_manager()
        if change:
            self.g.wait_helper(change)


def settled(g, chaos):
    wanted = {'still': 4, 'hears': 2, 'dies': 3, 'moves': chaos.scaled, **({'more': 2} if chaos.more else {})}
    def is_settled():
        status = g.status()
        return {name: (w['ready'], len(w['instances'])) for name, w in status.items()} == {name: (n, n) for name, n in wanted.items()}
    g.until(f'it is {wanted}', is_settled)
    pids = {pid for pid in g.pids().values()}
    living = {pid for pid in children(g.keeper_pid) if alive(pid)} - {g.manager_pid}
    equal(living, pids, f'children of the keeper: {g.names(living ^ pids)}')


def storm():
    """nobody who is not meant dies, nobody is doubled or left, no message is lost or doubled"""
    print(f'GANGER_TEST_SEED={SEED} GANGER_TEST_SECONDS={SECONDS}')
    with Gang(CONFIG, begin=False) as g:
        g.script('io', 'while read -r x; do echo "OK $x"; done')
        g.start()
        g.until('all are ready', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
        untouched = {key: pid for key, pid in g.pids().items() if key.startswith(('still/', 'hears/'))}
        sampler, flow, chaos = Sampler(g), Flow(g), Chaos(g)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            chaos.step()
        flow.end()
        settled(g, chaos)
        sampler.end()
        pids = g.pids()
        equal({key: pids[key] for key in untouched}, untouched, 'those that nobody touched')
        took = sorted(chaos.took)
        print(f'{chaos.changes} changes, {chaos.kills} managers killed, {flow.n} messages, {sampler.samples} looks; '
              f'answered again after {took[len(took) // 2] * 1000:.0f} ms at the median, {took[-1] * 1000:.0f} ms at most '
              f'(the keeper makes a manager wait that dies too often)')
        check(chaos.kills >= SECONDS, f'only {chaos.kills} managers were killed')


main(storm)
