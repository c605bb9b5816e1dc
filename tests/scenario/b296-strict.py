#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What cannot be had: told once, and gone without, where systemd does so too; with `isolation = strict` nothing is

An ordinary user is one of whom the kernel refuses much.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

LACKED = ('private-network', 'private-ipc', 'protect-hostname', 'private-tmp', 'private-devices')
SLEEP = 'exec = {"sleep", "1000"} directory = / restart = never'


def usual():
    """the program runs, and one warning says what it has not; not again for the next process, but by the next manager"""
    need_root()
    with gang_of_nobody(''.join(f'worker {key} {{ {SLEEP} {key} = yes }}\n' for key in LACKED)) as g:
        g.start()
        for key in LACKED:
            g.until_ready(f'{key}/0')
            g.wait_stderr(f'{key}/0: it goes without {key}=yes: Operation not permitted')
        g.ctl('restart', 'private-ipc')
        g.until_ready('private-ipc/0')
        g.ctl('restart', 'private-tmp')
        g.until_ready('private-tmp/0')
        equal(told(g, 'private-ipc'), 1, 'warnings')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'private-ipc')
        g.until('another warning', lambda: told(g, 'private-ipc') == 2)


def told(g, key):
    return sum(f'{key}/0: it goes without {key}=' in line for line in g.stderr_lines)


def strict():
    """nothing is started, and the reason says the key, its value, and what the kernel says"""
    need_root()
    with gang_of_nobody(''.join(f'worker {key} {{ {SLEEP} {key} = yes isolation = strict }}\n' for key in LACKED)) as g:
        g.start()
        for key in LACKED:
            g.wait_state(f'{key}/0', 'failed')
            equal(g.instance(f'{key}/0')['reason'], f'{key}=yes: Operation not permitted', 'reason')


def never_without():
    """what would have the program find other files, or other rights, fails in any case"""
    need_root()
    keys = {'temporary-filesystem': '/mnt', 'bind-paths': '"/usr:/mnt"', 'root-directory': '/usr', 'capabilities': 'CAP_KILL'}
    with gang_of_nobody(''.join(f'worker {key} {{ {SLEEP} {key} = {value} exec = "/bin/sleep" }}\n'.replace('exec = {"sleep", "1000"}', '')
                                for key, value in keys.items())) as g:
        g.start()
        for key in keys:
            g.wait_state(f'{key}/0', 'failed')
            check(g.instance(f'{key}/0')['reason'].endswith(': Operation not permitted'), g.instance(f'{key}/0')['reason'])
            check(g.instance(f'{key}/0')['reason'].startswith(key), g.instance(f'{key}/0')['reason'])


def without_root():
    """what needs no rights an ordinary user has in any case"""
    need_root()
    on = 'isolation = strict'
    cases = [
        Case('clock', f'{on} protect-clock = yes', ('tell', f'{number("clock_settime")} 1 0'), 'EPERM'),
        Case('log', f'{on} restrict-realtime = yes', ('schedule', '1 1000'), 'EPERM'),
    ]
    with gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases)) as g:
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')


def root_of_a_container():
    """root without CAP_SYS_ADMIN has all that an ordinary user has: filters and Landlock, with which nothing can be gained by executing"""
    need_root()
    need('setpriv')
    cases = [
        Case('clock', 'protect-clock = yes', ('tell', f'{number("clock_settime")} 1 0'), 'EPERM'),
        Case('devices', 'private-devices = yes', ('schedule', '0 0'), 'done'),
        Case('realtime', 'restrict-realtime = yes isolation = strict', ('schedule', '1 1000'), 'EPERM'),
    ]
    config = ''.join(worker(c.name, c, c.options) for c in cases) + f'worker none {{ {SLEEP} }}\n'
    without = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']
    with Gang(config, begin=False, prefix=without) as g:
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')
            equal(gains_nothing(g.pid(f'{c.name}/0')), True, f'whether {c.name} gains nothing')
        g.until_ready('none/0')
        equal(gains_nothing(g.pid('none/0')), False, 'whether one without a filter gains nothing')
        g.ctl('doctor', 'clock', 'realtime').has('no-new-privileges')


def gains_nothing(pid):
    with open(f'/proc/{pid}/status') as f:
        return 'NoNewPrivs:\t1\n' in f.read()


main(usual, strict, never_without, without_root, root_of_a_container)
