#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
protect-control-groups: whether a worker can write to cgroups, and which of them it sees

The machine may have cgroups of the first version too. So gangerd is given a /sys/fs/cgroup with nothing in it but those of
the second, which nobody else sees.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

UNIFIED = ('unshare', '--mount', 'sh', '-c', 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', 'sh')
SLEEP = 'exec = {"sleep", "1000"} directory = /'
KEY = 'protect-control-groups'


def need_cgroups():
    """The second version, to make cgroups in."""
    need_root()
    need('unshare')
    if not cgroup_directory(os.getpid()) or subprocess.run([*UNIFIED, 'true']).returncode:
        raise Skip('cgroups of version 2, which may be mounted')


def of_the_second_version():
    """private: there is none but its own; strict: and it cannot write there; yes: all are there, and it cannot write"""
    need_cgroups()
    cases = [
        Case('no-root', '', ('is_cgroup_root', 'x'), 'another'),
        Case('no-write', '', ('is_read_only', '/sys/fs/cgroup'), 'writable'),
        Case('yes-root', f'{KEY} = yes', ('is_cgroup_root', 'x'), 'another'),
        Case('yes-write', f'{KEY} = yes', ('is_read_only', '/sys/fs/cgroup'), 'read-only'),
        Case('private-root', f'{KEY} = private isolation = strict', ('is_cgroup_root', 'x'), 'its own'),
        Case('private-write', f'{KEY} = private', ('make', '/sys/fs/cgroup/below'), 'done'),
        Case('strict-root', f'{KEY} = strict isolation = strict', ('is_cgroup_root', 'x'), 'its own'),
        Case('strict-write', f'{KEY} = strict', ('make', '/sys/fs/cgroup/below'), 'EROFS'),
        Case('tunables', f'{KEY} = private protect-kernel-tunables = yes', ('is_cgroup_root', 'x'), 'its own'),
        Case('users', f'{KEY} = strict private-users = yes private-pids = yes stop-timeout = 100ms', ('is_cgroup_root', 'x'), 'its own'),
    ]
    with Gang(''.join(worker(c.name, c, c.options) for c in cases), prefix=UNIFIED) as g:
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')
        kill_and_wait(g.manager_pid)
        for name in 'private-root', 'strict-root', 'yes-root':
            settings = g.json('doctor', f'{name}/0')['instances'][0]['settings']
            equal({s['verdict'] for s in settings if s['key'] == KEY} - {''}, {'ok'}, f'what is in force of {name}')
        g.ctl('restart', 'private-root')
        g.until_ready('private-root/0')


def without_root():
    """an ordinary user: with users of its own it is the same"""
    need_cgroups()
    on = f'{KEY} = strict private-users = yes isolation = strict'
    cases = [
        Case('namespace', on, ('namespace', 'cgroup'), None),
        Case('root', on, ('is_cgroup_root', 'x'), 'its own'),
        Case('write', on, ('is_read_only', '/sys/fs/cgroup'), 'read-only'),
    ]
    g = gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases))
    g.prefix = [*UNIFIED, *g.prefix]
    with g:
        g.start()
        check(outcome(g, 'namespace/0') not in (None, os.readlink('/proc/self/ns/cgroup')), 'it is in the namespace of all')
        for c in cases[1:]:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')


def of_both_versions():
    """private is as no, strict is as yes, and a warning says so; not with isolation = strict"""
    need_root()
    with open('/proc/self/mountinfo') as f:
        if any(line.split()[4] == '/sys/fs/cgroup' and ' - cgroup2 ' in line for line in f):
            raise Skip('a machine with cgroups of the first version')
    if not os.path.isdir('/sys/fs/cgroup'):
        raise Skip('/sys/fs/cgroup')
    with Gang(''.join(worker(value, Case(value, '', ('is_read_only', '/sys/fs/cgroup'), ''), f'{KEY} = {value}')
                      for value in ('private', 'strict')) +
              f'worker refused {{ {SLEEP} {KEY} = strict isolation = strict restart = never }}') as g:
        equal(outcome(g, 'private/0'), 'writable', 'private')
        equal(outcome(g, 'strict/0'), 'read-only', 'strict')
        for value in 'private', 'strict':
            g.wait_stderr(f'{value}/0: it goes without {KEY}={value}: Operation not supported')
        g.wait_state('refused/0', 'failed')
        equal(g.instance('refused/0')['reason'], f'{KEY}=strict: Operation not supported', 'reason')


main(of_the_second_version, without_root, of_both_versions)
