#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that end: once, and every so often."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Takes a line of its fifo for each run; ends with the status that it says.
ONCE = 'read -r status < "@/go.$GANGER_WORKER"; exit "$status"'


class Runs(Gang):
    def __init__(self, config, *names):
        super().__init__(config, begin=False)
        self.script('once', ONCE.replace('@', self.directory))
        self.fifos = {name: os.open(self.fifo(f'go.{name}'), os.O_RDWR) for name in names}
        self.start()

    def let(self, name, status):
        os.write(self.fifos[name], f'{status}\n'.encode())

    def starts(self, key):
        return sum(e['kind'] == 'state' and e['key'] == key and e['state'] == 'starting' for e in self.events.items)

    def ends(self, key):
        return sum(e['kind'] == 'exit' and e['key'] == key for e in self.events.items)


def oneshot():
    """type = oneshot: starting until it has ended; then who comes after it starts, and start returns; a failure is one"""
    with Runs('worker prepare { exec = {"@/once"} type = oneshot }\n'
              'worker serve { exec = {"sleep", "1000"} requires = {"prepare"} }', 'prepare') as g:
        g.until_state(('prepare/0', 'starting'), ('serve/0', 'waiting'))
        g.let('prepare', 3)
        g.until_state(('prepare/0', 'failed'), ('serve/0', 'waiting'))
        again = g.background('start', 'prepare')
        g.until_state(('prepare/0', 'starting'))
        g.let('prepare', 0)
        g.wait_helper(again)
        g.until_state(('prepare/0', 'down'), ('serve/0', 'ready'))
        g.mark()
        equal(g.ends('prepare/0'), 2, 'runs')


def every():
    """every: it runs again and again, and what is stopped by hand does not; a death of the manager doubles none"""
    with Runs('worker tick { exec = {"true"} every = 200ms }\nworker tock { exec = {"true"} every = 200ms jitter = 10ms }\n'
              'worker other { exec = {"sleep", "1000"} }') as g:
        g.until('it has run five times', lambda: g.ends('tick/0') >= 5)
        equal(g.instance('tick/0')['restarts'], 0, 'restarts by policy')
        kill_and_wait(g.manager_pid)
        g.until_ready('other/0')
        g.until('it goes on', lambda: g.ends('tick/0') >= 3)
        g.ctl('stop', 'tick')
        g.until_state(('tick/0', 'down'))
        g.mark()
        runs = g.starts('tick/0')
        others = g.ends('tock/0')
        g.until('another has run three times', lambda: g.ends('tock/0') >= others + 3)
        equal(g.starts('tick/0'), runs, 'runs of one that was stopped')
        g.ctl('start', 'tick')
        g.until('it runs again', lambda: g.starts('tick/0') > runs + 1)


def planned():
    """the next run is told, and a manager's death does not move it, jitter or not"""
    with Gang('worker rare { exec = {"true"} every = 1d jitter = 20h }\nworker other { exec = {"sleep", "1000"} }') as g:
        g.until('it has run', lambda: g.instance('rare/0')['last_exit'])
        planned = g.json('status', 'rare')['workers'][0]['next_run_usec']
        g.ctl('status', 'rare').has('every: 1d, next in ')
        kill_and_wait(g.manager_pid)
        g.until_ready('other/0')
        equal(g.json('status', 'rare')['workers'][0]['next_run_usec'], planned, 'the next run, of the next manager')
        g.ctl('stop', 'rare')
        equal(g.json('status', 'rare')['workers'][0]['next_run_usec'], 0, 'the next run of one that is stopped')


def overlap():
    """overlap: skip leaves a run out, queue makes up for one, kill ends what runs"""
    config = ''.join(f'worker {o} {{ exec = {{"@/once"}} every = 300ms overlap = {o} }}\n' for o in ('skip', 'queue', 'kill'))
    with Runs(config, 'skip', 'queue', 'kill') as g:
        g.wait_stderr('skip/0: has not ended when it is due again: this run is left out')
        g.wait_stderr('kill/0: has not ended when it is due again: ended')
        g.until('it was killed and run again', lambda: g.starts('kill/0') >= 2)
        g.mark()
        equal((g.starts('skip/0'), g.starts('queue/0')), (1, 1), 'runs of those that have not ended')
        # However often it was due, it runs once more, and at once.
        g.let('queue', 0)
        g.until('it has ended, and runs again', lambda: g.ends('queue/0') == 1 and g.starts('queue/0') == 2)
        equal(g.instance('queue/0')['state'], 'ready', 'state')


if __name__ == '__main__':
    main(oneshot, every, planned, overlap)
