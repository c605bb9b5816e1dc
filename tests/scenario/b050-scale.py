#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""More and fewer instances, and nobody else notices."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { }
worker w { exec = {"sleep", "1000"} instances = 2 }
worker other { exec = {"sleep", "2000"} }
worker io { exec = {"sh", "-c", "while read -r x; do echo OK; done"} io = lines receive = {jobs} instances = 2 }
'''


def up_and_down():
    """scale up, down, to nothing and back; the others keep their processes"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1', 'other/0', 'io/0', 'io/1')
        before = g.pids()
        changes = g.json('scale', 'w', 5)['changes']
        check({'w/2', 'w/3', 'w/4'} <= {c['key'] for c in changes} and all(c['ok'] for c in changes), f'{changes}')
        five = g.pids()
        equal({key: pid for key, pid in five.items() if key in before}, before, 'those that were there')
        equal(len({pid for pid in five.values()}), 8, 'processes')
        check(all(alive(pid) for pid in five.values()), 'not all live')
        worker = g.status('w')['w']
        equal((worker['wanted'], worker['ready'], worker['scaled']), (5, 5, True), 'worker')
        g.ctl('scale', 'w', 1)
        for number in (1, 2, 3, 4):
            check(not alive(five[f'w/{number}']), f'w/{number} lives')
        one = g.pids()
        equal({k: v for k, v in one.items() if v}, {k: before[k] for k in ('w/0', 'other/0', 'io/0', 'io/1')}, 'those that stay')
        g.ctl('scale', 'w', 0)
        g.ctl('is-active', 'w', expected=3)
        check(not alive(before['w/0']), 'w/0 lives')
        g.ctl('scale', 'w', 3)
        equal(g.status('w')['w']['ready'], 3, 'ready')
        g.ctl('scale', 'w', 3)
        check(all(alive(g.pid(k)) for k in ('w/0', 'w/1', 'w/2')), 'scaled to what it was')


def too_many():
    """a number out of range is refused, and changes nothing"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1')
        before = g.pids()
        g.ctl('scale', 'w', 1000000, expected=1)
        g.ctl('scale', 'w', '4294967296', expected=2)
        g.ctl('scale', 'w', '--', '-1', expected=2)
        equal({k: v for k, v in g.pids().items() if v}, {k: v for k, v in before.items() if v}, 'pids')


def over_the_death_of_the_manager():
    """the number holds when the manager dies, and a reload that does not name it leaves it alone"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1')
        g.ctl('scale', 'w', 4)
        before = g.pids()
        kill_and_wait(g.manager_pid)
        equal(g.pids(), before, 'pids')
        equal(g.status('w')['w']['wanted'], 4, 'wanted')
        g.configure(CONFIG.replace('"2000"', '"2001"'))
        g.ctl('reload')
        equal({k: v for k, v in g.pids().items() if k.startswith('w/')}, {k: v for k, v in before.items() if k.startswith('w/')}, 'pids')
        g.configure(CONFIG.replace('"2000"', '"2001"').replace('instances = 2 }\nworker other', 'instances = 3 }\nworker other'))
        g.ctl('reload')
        g.until('the new configuration decides', lambda: g.status('w')['w']['wanted'] == 3)
        wait_dead(before['w/3'])
        equal({k: v for k, v in g.pids().items() if k in ('w/0', 'w/1', 'w/2')}, {k: before[k] for k in ('w/0', 'w/1', 'w/2')}, 'pids')


def under_load():
    """instances come and go while messages flow: each is worked on, none is left"""
    config = '''
    ring jobs { slots = 64 max-deliveries = 20 }
    ring out { slots = 4096 }
    worker io { exec = {"@/w"} io = lines receive = {jobs} send = {out} instances = 2 }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', 'while read -r x; do echo "OK $x"; done')
        g.start()
        g.until_ready('io/0', 'io/1')
        words = [f'm{i}' for i in range(3000)]
        g.write('input', ''.join(w + '\n' for w in words))
        with open(g.path('input')) as f:
            sender = g.background('send', 'jobs', stdin=f)
        for n in (6, 1, 4, 0, 3, 1, 5):
            g.ctl('scale', 'io', n)
        g.wait_helper(sender)
        got = [data(m) for m in g.ctl('--json', 'receive', 'out', '--count', 3000).json_lines()]
        equal(sorted(got), sorted(words), 'each once')


main(up_and_down, too_many, over_the_death_of_the_manager, under_load)
