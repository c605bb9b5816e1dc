#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL of the keeper: no worker outlives it, and the next daemon begins anew."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { }
ring out { }
worker plain { exec = {"sleep", "1000"} instances = 5 }
worker deaf  { exec = {"@/deaf"} stop-timeout = 500ms }
worker io    { exec = {"@/io"} io = lines receive = {jobs} send = {out} instances = 2 }
worker one   { exec = {"@/one"} io = exec receive = {jobs} stop-timeout = 500ms }
'''


def gang(config=CONFIG):
    g = Gang(config, begin=False, check_end=False)
    g.script('deaf', "trap '' TERM HUP INT; echo deaf; while :; do read x < /dev/null; sleep 1000; done")
    g.script('io', 'while read -r x; do echo "OK $x"; done')
    g.script('one', 'exec sleep 1000')
    return g


def everybody_dies():
    """every worker dies with it, the programs behind bridges too; the manager ends; a new daemon starts at once"""
    with gang() as g:
        g.start()
        g.until_ready(*(f'plain/{n}' for n in range(5)), 'io/0', 'io/1', 'deaf/0', 'one/0')
        g.wait_log('deaf/0', 'deaf')
        instances = {i['pid'] for i in g.instances().values()}
        programs = {pid for i in ('io/0', 'io/1') for pid in children(g.pid(i))}
        check(len(programs) == 2, f'programs of the bridges: {programs}')
        manager, keeper = g.manager_pid, g.keeper_pid
        g.close_streams()
        kill(keeper)
        for pid in (keeper, manager, *instances, *programs):
            wait_dead(pid)
        g.process.wait()
        # The lock went with it, and what is left of sockets is replaced.
        g.ctl('status', expected=5)
        first = g.process.pid
        g.start()
        g.until_ready(*(f'plain/{n}' for n in range(5)), 'io/0', 'io/1', 'deaf/0', 'one/0')
        check(g.keeper_pid != first, 'a new keeper')
        g.ctl('send', 'jobs', 'x')
        kill(g.keeper_pid, signal.SIGTERM)
        g.close_streams()
        g.process.wait(LIMIT)


def during_a_start():
    """also those that are just being started: kill it while a hundred are"""
    for _ in range(5):
        with gang('worker many { exec = {"sleep", "1000"} instances = 100 }') as g:
            g.start()
            kill(g.process.pid)
            g.process.wait()
            # Our children are those whose parent has died: all that is left of the gang.
            for pid in descendants(os.getpid()):
                wait_dead(pid)
            equal(g.strangers(), [], 'processes left')


def other_users():
    """a worker that runs as another user dies, too: the kernel forgets the death signal when credentials change"""
    need_root()
    with gang('worker w { exec = {"sleep", "1000"} user = nobody instances = 3 }') as g:
        g.start()
        g.until_ready('w/0', 'w/1', 'w/2')
        pids = [p for p in g.pids().values()]
        equal({os.stat(f'/proc/{pid}').st_uid for pid in pids}, {nobody().pw_uid}, 'users')
        g.close_streams()
        kill(g.keeper_pid)
        for pid in pids:
            wait_dead(pid)


main(everybody_dies, during_a_start, other_users)
