#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a process may have, and where it runs: limits, priorities, processors, umask."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CAP_SYS_RESOURCE = 24

CONFIG = '''
worker w {
        exec = {"sleep", "1000"} umask = 027 nice = 5 oom-score-adjust = 500 cpu-affinity = 0 io-scheduling-class = idle
        cpu-scheduling-policy = batch timer-slack = 2ms
        limit-nofile = 700:900 limit-core = 0 limit-nproc = 5000 limit-stack = 4MiB:infinity limit-cpu = 90s
}
worker plain { exec = {"sleep", "1000"} }
'''


def limits(pid):
    """@return by name: (soft, hard)."""
    with open(f'/proc/{pid}/limits') as f:
        return {line[:26].strip(): tuple(line[26:68].split()) for line in list(f)[1:]}


def status(pid, name):
    with open(f'/proc/{pid}/status') as f:
        return next(line.split(':')[1].strip() for line in f if line.startswith(f'{name}:'))


def has_all(pid):
    now = limits(pid)
    equal(now['Max open files'], ('700', '900'), 'limit-nofile')
    equal(now['Max core file size'], ('0', '0'), 'limit-core')
    equal(now['Max processes'], ('5000', '5000'), 'limit-nproc')
    equal(now['Max stack size'], (str(4 << 20), 'unlimited'), 'limit-stack')
    equal(now['Max cpu time'], ('90', '90'), 'limit-cpu')
    equal(status(pid, 'Umask'), '0027', 'umask')
    equal(status(pid, 'Cpus_allowed_list'), '0', 'cpu-affinity')
    equal(os.getpriority(os.PRIO_PROCESS, pid), 5, 'nice')
    equal(os.sched_getscheduler(pid), os.SCHED_BATCH, 'cpu-scheduling-policy')
    with open(f'/proc/{pid}/oom_score_adj') as f:
        equal(f.read().strip(), '500', 'oom-score-adjust')
    with open(f'/proc/{pid}/timerslack_ns') as f:
        equal(f.read().strip(), '2000000', 'timer-slack')


def they_are_set():
    """all that is given is set, over a restart and the death of the manager; what is not given is as gangerd has it"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'plain/0')
        has_all(g.pid('w/0'))
        equal(limits(g.pid('plain/0'))['Max processes'], limits(os.getpid())['Max processes'], 'what was not given')
        equal(status(g.pid('plain/0'), 'Umask'), '0022', 'umask')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'w')
        has_all(g.pid('w/0'))


def a_change_replaces():
    """a change of a limit replaces the processes of that worker, and of no other"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'plain/0')
        before = g.pids()
        g.configure(CONFIG.replace('700:900', '800:infinity'))
        g.ctl('reload', expected=0).has('limit-nofile', 'replaced')
        g.wait_stderr('limit-nofile=800:infinity: Operation not permitted')
        g.configure(CONFIG.replace('700:900', '800'))
        g.ctl('reload')
        g.until_ready('w/0')
        equal(limits(g.pid('w/0'))['Max open files'], ('800', '800'), 'limit-nofile')
        equal(g.pid('plain/0'), before['plain/0'], 'the other')


def a_failure_names_it():
    """what cannot be set is told: the key, the value, and the reason of the system"""
    with Gang('worker w { exec = {"sleep", "1000"} restart = never limit-nofile = infinity }\n'
              'worker v { exec = {"sleep", "1000"} restart = never cpu-affinity = 1000-1003 nice = 3 }') as g:
        g.wait_state('w/0', 'failed')
        g.wait_state('v/0', 'failed')
        equal(g.instance('w/0')['reason'], 'limit-nofile=infinity: Operation not permitted', 'reason')
        equal(g.instance('v/0')['reason'], 'cpu-affinity={1000-1003}: Invalid argument', 'reason')


def has_capability(number):
    return int(status(os.getpid(), 'CapEff'), 16) >> number & 1


def raised_for_a_user():
    """what the user could not do itself is done before it is that user"""
    need_root()
    with Gang('worker w { exec = {"sleep", "1000"} user = nobody nice = -4 limit-nofile = 300 @more }'
              .replace('@more', 'limit-msgqueue = 1MiB oom-score-adjust = -7' if has_capability(CAP_SYS_RESOURCE) else '')) as g:
        g.until_ready('w/0')
        pid = g.pid('w/0')
        equal(limits(pid)['Max open files'], ('300', '300'), 'limit-nofile')
        if has_capability(CAP_SYS_RESOURCE):
            equal(limits(pid)['Max msgqueue size'], ('1048576', '1048576'), 'limit-msgqueue')
        equal(os.getpriority(os.PRIO_PROCESS, pid), -4, 'nice')
        equal(os.stat(f'/proc/{pid}').st_uid, nobody().pw_uid, 'user')


main(they_are_set, a_change_replaces, a_failure_names_it, raised_for_a_user)
