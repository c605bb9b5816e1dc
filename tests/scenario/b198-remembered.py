#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What people have stopped and scaled stays so when the daemon is started anew; and a reload that only tells."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CALM = 'exec = {"sleep", "1000"}'
CONFIG = f'''
worker a {{ {CALM} }}
worker b {{ {CALM} instances = 2 }}
worker c {{ {CALM} instances = 2 }}
worker d {{ {CALM} remember = no }}
'''


class Remembering(Gang):
    def __init__(self, config=CONFIG, **options):
        super().__init__(config, begin=False, **options)
        os.mkdir(self.path('state'))
        self.arguments = ['--state-dir', self.path('state')]
        self.start()

    def again(self):
        """Shut down, and start."""
        self.ctl('shutdown')
        self.process.wait(LIMIT)
        self.start()

    def stopped_and_scaled(self):
        self.ctl('stop', 'a', 'c/1', 'd')
        self.ctl('scale', 'b', '3')

    def has_wishes(self, *lines):
        self.until(f'the wishes are {lines}', lambda: set(self.read('state/wishes').splitlines()) == set(lines))


def over_a_restart():
    """stop and scale hold over shutdown and start; start and a new number in the file end them"""
    with Remembering() as g:
        g.stopped_and_scaled()
        g.has_wishes('stopped a', 'scaled b 3 2', 'stopped c/1')
        g.again()
        g.until_state(('a/0', 'down'), ('b/0', 'ready'), ('b/1', 'ready'), ('b/2', 'ready'), ('c/0', 'ready'), ('c/1', 'down'),
                      ('d/0', 'ready'))
        g.ctl('start', 'a', 'c/1')
        g.has_wishes('scaled b 3 2')
        g.configure(CONFIG.replace('instances = 2 }', 'instances = 1 }', 1))
        g.again()
        g.until_state(('a/0', 'ready'), ('b/0', 'ready'), ('c/1', 'ready'))
        check('b/1' not in g.instances(), 'a number that is not that of the file any more')


def drained():
    """so does what was drained; resume ends that"""
    takes = 'exec = {"cat"} io = lines receive = jobs'
    with Remembering(f'ring jobs {{ }}\nworker a {{ {takes} }}\nworker c {{ {takes} instances = 2 }}\nworker d {{ {takes} remember = no }}\n') as g:
        g.ctl('drain', 'a', 'c/1', 'd')
        g.has_wishes('drained a', 'drained c/1')
        g.again()
        g.until_ready('a/0', 'c/0', 'c/1', 'd/0')
        equal({name: worker['drained'] for name, worker in g.status().items()}, {'a': True, 'c': False, 'd': False}, 'workers')
        equal([g.instance(key)['drained'] for key in ('c/0', 'c/1')], [False, True], 'instances')
        g.ctl('resume', 'a', 'c/1')
        g.has_wishes()


def over_a_kill():
    """they hold over SIGKILL of the keeper, too"""
    with Remembering(check_end=False) as g:
        g.stopped_and_scaled()
        g.has_wishes('stopped a', 'scaled b 3 2', 'stopped c/1')
        kill_and_wait(g.keeper_pid)
        g.process.wait(LIMIT)
        g.start()
        g.until_state(('a/0', 'down'), ('b/2', 'ready'), ('c/0', 'ready'), ('c/1', 'down'))
        g.ctl('shutdown')


def nonsense():
    """a file that makes no sense is told, and what makes sense in it holds; a directory that is none harms nobody"""
    with Remembering() as g:
        g.ctl('shutdown')
        g.process.wait(LIMIT)
        g.write('state/wishes', 'stopped a\nscaled b many\n\0\x01\nstopped nobody\nscaled a 99999999 1\n' + 'x' * 5000)
        g.start()
        g.wait_stderr('wishes:2: this says nothing')
        g.until_state(('a/0', 'down'), ('b/1', 'ready'), ('c/1', 'ready'))
    with Gang(CONFIG, arguments=['--state-dir', '/dev/null']) as g:
        g.ctl('stop', 'a')
        g.wait_stderr('cannot be remembered: .*Not a directory')
        g.until_state(('a/0', 'down'), ('b/1', 'ready'))


def dry_run():
    """reload --dry-run tells what would change, and whose processes are replaced; and changes nothing"""
    with Gang(CONFIG) as g:
        g.until_state(('a/0', 'ready'), ('b/1', 'ready'))
        pids = g.pids()
        g.ctl('reload', '--dry-run').has('')
        g.configure(CONFIG.replace('worker a {', 'worker e { exec = {"true"} }\nworker a { environment = "X=1"')
                    .replace('instances = 2 }', 'instances = 1 }', 1))
        for words in (['reload', '--dry-run'], ['reload', '--dry-run']):
            g.ctl(*words).has('added    worker e', 'changed  worker a: environment (none) -> {"X=1"} (its processes are replaced)',
                              'changed  worker b: instances 2 -> 1\n')
        equal(g.pids(), pids, 'processes')
        equal(g.json('reload', '--dry-run')['changes'], g.json('reload')['changes'], 'changes')
        g.until('it is done now', lambda: g.instance('a/0')['pid'] not in (0, pids['a/0']) and 'e/0' in g.instances())
        g.configure('worker a { }')
        g.ctl('reload', '--dry-run', expected=1).has('exec is missing')


if __name__ == '__main__':
    main(over_a_restart, drained, over_a_kill, nonsense, dry_run)
