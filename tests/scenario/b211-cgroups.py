#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the cgroup of an instance bounds it to, where there are controllers; and what is said where there are none."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

BOUNDED = 'worker w { exec = {"sleep", "1000"} memory-max = 64MiB cpu-quota = 50% tasks-max = 20 }\n'
PLAIN = 'worker plain { exec = {"sleep", "1000"} }\n'
WANTED = {'memory', 'cpu', 'pids'}


ROOT = '/sys/fs/cgroup'


class own_cgroup:
    """A cgroup for a gangerd alone, with controllers; words to put before its command."""

    def __enter__(self):
        need_root()
        if not os.path.exists(f'{ROOT}/cgroup.subtree_control'):
            raise Skip('there is no cgroup of version 2 only')
        self.path = f'{ROOT}/ganger-test-{os.getpid()}'
        try:
            with open(f'{ROOT}/cgroup.subtree_control', 'w') as f:
                f.write(' '.join(f'+{name}' for name in WANTED))
            os.mkdir(self.path)
        except OSError as e:
            raise Skip(f'no cgroup with controllers can be made here: {e}')
        return ['sh', '-c', f'echo $$ > {self.path}/cgroup.procs; exec "$@"', 'sh']

    def __exit__(self, *what):
        left = [name for name in os.listdir(self.path) if os.path.isdir(f'{self.path}/{name}')]
        os.rmdir(self.path)
        equal(left, [], 'cgroups left')


def has_controllers(g, key):
    return WANTED <= set(controllers(g.pid(key)))


def without_controllers():
    """without controllers it runs, and status and log say once what has no effect, until it is wanted no more"""
    with Gang(BOUNDED + PLAIN) as g:
        g.until_ready('w/0', 'plain/0')
        if has_controllers(g, 'w/0'):
            raise Skip('there are controllers')
        before = g.pids()
        g.ctl('restart', 'w')
        for _ in range(2):
            g.ctl('status', 'w').has('warning', 'no effect', 'memory-max', 'cpu-quota', 'tasks-max')
            equal(g.worker('plain')['warning'], '', 'warning of one that wants nothing')
            kill_and_wait(g.manager_pid)
        told = [line for line in g.stderr_lines if 'no effect' in line]
        check(0 < len(told) <= 3, f'not once for each manager: {told}')
        g.configure(BOUNDED.replace(' cpu-quota = 50%', '') + PLAIN)
        g.ctl('reload')
        check('cpu-quota' not in g.worker('w')['warning'], 'still')
        g.configure(PLAIN + 'worker w { exec = {"sleep", "1000"} }')
        pid = g.pid('w/0')
        g.ctl('reload')
        equal((g.worker('w')['warning'], g.pid('w/0'), g.pid('plain/0')), ('', pid, before['plain/0']), 'warning, processes')


def read(g, key, name):
    with open(f'{cgroup_directory(g.pid(key))}/{name}') as f:
        return f.read().strip()


def with_controllers():
    """with controllers: what is given is what the kernel has, a reload changes it under the process, also by a new manager"""
    with own_cgroup() as prefix, Gang(BOUNDED + PLAIN, prefix=prefix) as g:
        g.until_ready('w/0', 'plain/0')
        check(has_controllers(g, 'w/0'), f'{g.worker("w")}')
        before = g.pids()
        equal([read(g, 'w/0', f) for f in ('memory.max', 'cpu.max', 'pids.max', 'memory.oom.group')],
              [str(64 << 20), '50000 100000', '20', '1'], 'bounds')
        equal(g.worker('w')['warning'], '', 'warning')
        kill_and_wait(g.manager_pid)
        g.configure(BOUNDED.replace('64MiB', '32MiB').replace(' cpu-quota = 50%', '') + PLAIN)
        g.ctl('reload')
        equal([read(g, 'w/0', f) for f in ('memory.max', 'cpu.max')], [str(32 << 20), 'max 100000'], 'bounds')
        equal(g.pids(), before, 'processes')


def killed_by_the_kernel():
    """an instance that takes more memory than it may have ends by oom-kill, all of it, and is told so"""
    config = 'worker w { exec = {"@/w"} memory-max = 32MiB memory-swap-max = 0 restart = never }\n'
    with own_cgroup() as prefix, Gang(config, begin=False, prefix=prefix) as g:
        g.fifo('go')
        g.python('w', f'''
import os
if os.fork() == 0:
    os.setsid()
    os.execvp('sleep', ['sleep', '1000'])
open('{g.path('go')}').readline()
x = b'x' * (1 << 30)
''')
        g.start()
        g.until_ready('w/0')
        with open(g.path('go'), 'w') as f:
            f.write('go\n')
        g.wait_state('w/0', 'failed')
        check('oom-kill' in g.instance('w/0')['reason'], f'{g.instance("w/0")}')


main(without_controllers, with_controllers, killed_by_the_kernel)
