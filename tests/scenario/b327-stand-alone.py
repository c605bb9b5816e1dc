#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Without root and without a service manager: a user of whom nobody knows a name, with $XDG_RUNTIME_DIR and without."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { }
ring out { }
worker io { exec = {"@/io"} io = lines receive = jobs send = out }
worker files { exec = {"sh", "-c", "echo written; exec sleep 1000"} log = file }
'''


class Alone:
    """The daemon in the background, started as that user would, by its defaults."""

    def __init__(self, g, **env):
        # As containers choose them: there is no such user. One of its own for each run of this test.
        self.uid = 100000 + os.getpid() % 100000
        self.g = g
        self.prefix = ['setpriv', f'--reuid={self.uid}', f'--regid={self.uid}', '--clear-groups']
        self.env = {**g.env, **env}
        for name in ('TMPDIR', 'HOME'):
            if name not in env:
                self.env.pop(name, None)
        for folder, _, _ in os.walk(g.directory):
            os.chown(folder, self.uid, self.uid)

    def ctl(self, *arguments, expected=0):
        return run([*self.prefix, f'{BUILD}/gangerctl', *arguments], expected, env=self.env)

    def lives(self, runtime, words=()):
        """Start it, use it, kill its manager, stop it: all that is in this directory."""
        run([*self.prefix, f'{BUILD}/gangerd', *words], env=self.env)
        keeper = 0
        try:
            with open(f'{runtime}/lock') as f:
                keeper = int(f.read())
            equal((os.stat(runtime).st_mode & 0o777, os.stat(runtime).st_uid), (0o700, self.uid), 'the directory')
            equal(os.stat(f'/proc/{keeper}').st_uid, self.uid, 'user of the keeper')
            self.ctl('send', 'jobs', 'hello')
            equal(data(self.ctl('--json', 'receive', 'out', '--count', '1').json_lines()[0]), 'hello', 'answer')
            manager = next(pid for pid in children(keeper) if process_arguments(pid)[:1] == ['gangerd: manager'])
            kill_and_wait(manager)
            self.ctl('is-active', 'io')
            self.ctl('reload')
            # Root, and nobody else but the user, may ask.
            run([f'{BUILD}/gangerctl', '--runtime-dir', runtime, 'is-active', 'io'], env=self.env)
        finally:
            if keeper:
                kill_and_wait(keeper, signal.SIGTERM)
        equal(os.listdir(runtime), ['lock'], 'left in the directory')
        equal(self.g.strangers(), [], 'processes left')
        shutil.rmtree(runtime)


def prepared(config=CONFIG):
    need_root()
    need('setpriv')
    g = Gang(config, begin=False, check_end=False)
    g.script('io', 'while read -r x; do echo "OK $x"; done')
    os.makedirs(g.path('home/.config/ganger'))
    os.mkdir(g.path('xdg'), 0o700)
    os.rename(g.config_path, g.path('home/.config/ganger/ganger.conf'))
    as_nobody()
    return g


def with_a_runtime_directory():
    """in $XDG_RUNTIME_DIR, with ~/.config/ganger/ganger.conf; log files are in ~/.local/state"""
    with prepared() as g:
        alone = Alone(g, HOME=g.path('home'), XDG_RUNTIME_DIR=g.path('xdg'))
        alone.lives(g.path('xdg/ganger'))
        check('written' in g.read('home/.local/state/ganger/log/files.log'), 'no log file')


def without():
    """without it, below /tmp; and without a home where the configuration is named"""
    with prepared() as g:
        alone = Alone(g, HOME=g.path('home'))
        alone.lives(f'/tmp/ganger-{alone.uid}')
    with prepared(CONFIG.replace('log = file', '')) as g:
        alone = Alone(g)
        alone.lives(f'/tmp/ganger-{alone.uid}', ['--config', g.path('home/.config/ganger/ganger.conf')])


def somebody_was_there_first():
    """what another user has made below /tmp is not used"""
    with prepared() as g:
        alone = Alone(g, HOME=g.path('home'))
        os.mkdir(f'/tmp/ganger-{alone.uid}', 0o777)
        try:
            result = run([*alone.prefix, f'{BUILD}/gangerd'], 73, env=alone.env)
            result.has(f"runtime directory '/tmp/ganger-{alone.uid}'", 'belongs to user 0')
        finally:
            os.rmdir(f'/tmp/ganger-{alone.uid}')


main(with_a_runtime_directory, without, somebody_was_there_first)
