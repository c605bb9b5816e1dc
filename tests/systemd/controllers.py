# SPDX-License-Identifier: MIT
"""
What cgroups bound, with every controller: under ganger.service, and under that of an ordinary user

Runs as root under a systemd of its own (tests/systemd/in-vm), in which ganger is installed.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import *  # noqa: E402, F403

BOUNDS = 'memory-max = 64MiB cpu-quota = 50% tasks-max = 20 cpu-weight = 300 io-weight = 250 memory-swap-max = 0'
# Takes more memory than it may have, when it is told to.
EATS = f'''
import os
with open('{WORK}/go') as f:
    f.readline()
everything = bytearray(1 << 30)
'''
FORKS = '''
import os, signal
n = 1
try:
    while os.fork():
        n += 1
except OSError as e:
    print(f'{n} processes, then: {e.strerror}', flush=True)
signal.pause()
'''
SPINS = 'while True: pass\n'


def cgroup_folder(s, key):
    return '/sys/fs/cgroup' + cgroup_of(s.pid(key))


def read(s, key, name):
    with open(f'{cgroup_folder(s, key)}/{name}') as f:
        return f.read().strip()


def numbers(s, key, name):
    return {words[0]: int(words[1]) for words in map(str.split, read(s, key, name).splitlines())}


class Bounded:
    """Of either kind of service, with the programs above."""

    def __init__(self, config):
        super().__init__(config)
        self.python('eats', EATS)
        self.python('forks', FORKS)
        self.python('spins', SPINS)
        if not os.path.exists(self.path('go')):
            self.fifo('go')


class BoundedService(Bounded, Service):
    pass


class BoundedUserService(Bounded, UserService):
    pass


def holds_in(make):
    config = f'''
worker bound {{ exec = {{"sleep", "1000"}} {BOUNDS} }}
worker eats {{ exec = {{"{WORK}/eats"}} memory-max = 48MiB memory-swap-max = 0 restart = never }}
worker forks {{ exec = {{"{WORK}/forks"}} tasks-max = 8 }}
worker spins {{ exec = {{"{WORK}/spins"}} cpu-quota = 20% }}
worker free {{ exec = {{"sleep", "1000"}} }}
'''
    with make(config) as s:
        s.until_ready('bound/0', 'eats/0', 'spins/0', 'forks/0', 'free/0')
        equal(s.worker('bound')['warning'], '', 'warning')
        before, base = s.pids(), s.show('ControlGroup')
        # Keeper and manager have gone into one beside those of the instances.
        check(cgroup_of(s.keeper_pid).startswith(base + '/'), f'the keeper is in {cgroup_of(s.keeper_pid)}')
        equal({cgroup_of(pid).startswith(base + '/') for pid in before.values()}, {True}, 'below the service')
        files = ('memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'cpu.weight', 'io.weight')
        expected = [str(64 << 20), '0', '50000 100000', '20', '300', 'default 250']
        if not os.path.exists(f'{cgroup_folder(s, "bound/0")}/memory.swap.max'):      # a kernel without swap
            files, expected = files[:1] + files[2:], expected[:1] + expected[2:]
        equal([read(s, 'bound/0', name) for name in files], expected, 'bounds')

        # Processes.
        s.wait_log('forks/0', 'processes, then')
        line = next(l['text'] for l in s.logs.items if l['key'] == 'forks/0' and 'processes, then' in l['text'])
        equal(line, '8 processes, then: Resource temporarily unavailable', 'processes')
        check(numbers(s, 'forks/0', 'pids.events')['max'] > 0, 'the bound of processes was not met')

        # The processor: what it had in so many periods, of 100 ms each, and a slice more.
        s.until('it was throttled', lambda: numbers(s, 'spins/0', 'cpu.stat')['nr_throttled'] >= 10)
        stat = numbers(s, 'spins/0', 'cpu.stat')
        most = (stat['nr_periods'] + 2) * 20000 * 3 // 2
        check(stat['usage_usec'] < most, f'it had {stat}')
        s.ctl('stop', 'spins')

        # Memory.
        with open(s.path('go'), 'w') as f:
            f.write('go\n')
        s.until_state(('eats/0', 'failed'))
        check('oom-kill' in s.instance('eats/0')['reason'], f'{s.instance("eats/0")}')
        s.ctl('report', 'eats/0').has('oom-kill')

        # A reload changes it under the process, also by a new manager; the others are not touched.
        kill_and_wait(s.manager_pid)
        s.configure(s.config_text.replace('64MiB', '32MiB').replace('io-weight = 250', 'io-weight = 500').replace(' cpu-quota = 50%', ''))
        s.systemctl('reload', s.unit)
        equal([read(s, 'bound/0', name) for name in ('memory.max', 'cpu.max', 'io.weight')],
              [str(32 << 20), 'max 100000', 'default 500'], 'bounds')
        equal({key: s.pid(key) for key in ('bound/0', 'free/0', 'forks/0')},
              {key: before[key] for key in ('bound/0', 'free/0', 'forks/0')}, 'processes')
        s.close_streams()
        everything = processes_in(base)
        s.systemctl('stop', s.unit)
        for pid in everything:
            check(not alive(pid), f'process {pid} is left')
        check(not os.path.exists(f'/sys/fs/cgroup{base}'), f'the cgroup {base} is left')


def of_the_service():
    """under ganger.service each bound holds, is reported, and is changed by a reload; nothing is left at the end"""
    holds_in(BoundedService)


def of_a_users_service():
    """so it is under the service of an ordinary user, to whom the controllers were delegated"""
    holds_in(BoundedUserService)


def of_the_daemon():
    """TasksMax= of the service: the instance that cannot be started says which limit it is"""
    drop_in(UNIT, '[Service]\nTasksMax=12\n')
    try:
        with Service('worker many { exec = {"sleep", "1000"} instances = 30 restart-delay = 1s }\n') as s:
            s.until('one is refused', lambda: any('pids.max of /sys/fs/cgroup' in i['reason'] and 'is 12' in i['reason']
                                                  for i in s.instances().values()))
            check(any('30 instances are more processes than there may be' in e['MESSAGE'] for e in s.journal()), 'no warning')
            s.ctl('stop', 'many')
    finally:
        drop_in(UNIT, None)


main(of_the_service, of_a_users_service, of_the_daemon)
