#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many processes that are asked for, and end, at once: what that takes of descriptors, and what becomes of them."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

MANY = 250
# Of each the manager has two pipes and maybe a cgroup: it can have these, and not many more.
DESCRIPTORS = 1000
CONFIG = 'worker w { exec = {"sleep", "1000"} instances = 0 stop-signal = SIGKILL }'


def gang(program='gangerd', env=None):
    return Gang(CONFIG, prefix=('prlimit', f'--nofile={DESCRIPTORS}:{DESCRIPTORS}'), program=program, env=env)


def all_run(g):
    ready = [i for i in g.instances().values() if i['state'] == 'ready' and i['pid'] > 0]
    return ready if len(ready) == MANY else None


def a_keeper_that_is_busy(program='gangerd', env=None):
    """whatever the keeper has no time for yet takes no descriptors, and fails no start"""
    with gang(program, env) as g:
        keeper = g.keeper_pid
        kill(keeper, signal.SIGSTOP)
        g.ctl('scale', 'w', MANY, '--no-wait')          # the manager has asked for what it can
        kill(keeper, signal.SIGCONT)
        g.until('all of them run', lambda: all_run(g))
        equal({i['restarts'] for i in g.instances().values()}, {0}, 'restarts')
        check(not any('open files' in line for line in g.stderr_lines), 'a start has failed for want of descriptors')
        started = [i['started_usec'] for i in sorted(g.instances().values(), key=lambda i: i['number'])]
        equal(started, sorted(started), 'when each has begun: they had their turn in their order')


def stopped_before_it_was_asked_for():
    """who is stopped while the keeper is yet to be asked for a process has none in the end, and can be started again"""
    with gang() as g:
        keeper = g.keeper_pid
        kill(keeper, signal.SIGSTOP)
        g.ctl('scale', 'w', MANY, '--no-wait')
        g.ctl('stop', f'w/{MANY - 1}', '--no-wait')
        kill(keeper, signal.SIGCONT)
        g.until('the last one is down', lambda: g.instance(f'w/{MANY - 1}')['state'] == 'down')
        g.until('the others run', lambda: sum(i['state'] == 'ready' for i in g.instances().values()) == MANY - 1)
        g.ctl('start', f'w/{MANY - 1}')
        g.until('all of them run', lambda: all_run(g))
        equal(len(children(keeper)), MANY + 1, 'children of the keeper')


def the_manager_dies_before_it_has_asked():
    """a manager that dies before it has asked for all of them has a successor that does, once for each"""
    with gang() as g:
        keeper = g.keeper_pid
        kill(keeper, signal.SIGSTOP)
        g.ctl('scale', 'w', MANY, '--no-wait')
        kill(g.manager_pid)
        kill(keeper, signal.SIGCONT)
        g.until('all of them run', lambda: all_run(g))
        equal(len(children(keeper)), MANY + 1, 'children of the keeper')
        equal(len({i['pid'] for i in g.instances().values()}), MANY, 'processes')


def all_end_at_once():
    """ends that are told together are each handled, and each process is replaced once"""
    with gang() as g:
        g.ctl('scale', 'w', MANY)
        before = {i['pid'] for i in all_run(g)}
        kill(g.keeper_pid, signal.SIGSTOP)
        for pid in before:
            kill(pid)
        kill(g.keeper_pid, signal.SIGCONT)
        g.until('all are replaced', lambda: not before & {i['pid'] for i in g.instances().values()} and all_run(g))
        equal({i['restarts'] for i in g.instances().values()}, {1}, 'restarts')
        equal(len(children(g.keeper_pid)), MANY + 1, 'children of the keeper')


if __name__ == '__main__':
    main(a_keeper_that_is_busy, stopped_before_it_was_asked_for, the_manager_dies_before_it_has_asked, all_end_at_once)
