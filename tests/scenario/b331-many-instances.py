#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Many instances: all are started, shown, and stopped; where a limit is too low for them it is said which, and the others run

With GANGER_TEST_INSTANCES=N of so many; l331 has 10,000.
"""

import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

N = int(os.environ.get('GANGER_TEST_INSTANCES', '500'))
PER_WORKER = 1000       # as ganger.conf(5) has it, one may have more; so that there are several
# Descriptors of keeper and manager for each: two of output. Once three quarters of all are used, one; see `standard-error`.
DESCRIPTORS_FOR_EACH = 2
DESCRIPTORS_OF_GANGERD = 350


def limits_of(pid, name):
    """Soft and hard."""
    with open(f'/proc/{pid}/limits') as f:
        line = next(line for line in f if line.startswith(name))
    return line[len(name):].split()[:2]


def sleepers(n):
    """A program that takes next to nothing: `tests/bench/idle` is for that, too, where it was built."""
    config, number = '', 0
    while n > 0:
        config += f'worker sleeps{number} {{ exec = {{"sleep", "infinity"}} instances = {min(n, PER_WORKER)} }}\n'
        n -= PER_WORKER
        number += 1
    return config


def room():
    """How many there can be, at most N, and what bounds them; and words before gangerd that give it the descriptors."""
    need('prlimit')

    def number(path, pattern=r'(\d+)'):
        with open(path) as f:
            return int(re.search(pattern, f.read())[1])
    processes = min(number('/proc/sys/kernel/pid_max'), number('/proc/sys/kernel/threads-max')) - 5000
    memory = number('/proc/meminfo', r'MemAvailable: *(\d+)') // 300         # KiB for each
    wanted = N * DESCRIPTORS_FOR_EACH * 4 // 3 + 2000
    prefix = ['prlimit', f'--nofile={wanted}:{wanted}']
    if subprocess.run([*prefix, 'true'], stderr=subprocess.DEVNULL).returncode == 0:
        return min(N, processes, memory), prefix
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]        # and it may not be raised
    usable = hard - 2 * DESCRIPTORS_OF_GANGERD
    return min(N, processes, memory, usable * 3 // 4 // DESCRIPTORS_FOR_EACH + usable // 4), ['prlimit', f'--nofile={hard}:{hard}']


def many():
    """all run, all are shown, each of them can be killed and comes back, a new manager takes all over, and all are stopped"""
    n_instances, prefix = room()
    if n_instances < N:
        print(f'  {n_instances} instead of {N}: more descriptors, processes or memory cannot be had here')
    check(n_instances > 100, 'there is no room for a hundred')
    with Gang(sleepers(n_instances), begin=False, prefix=prefix) as g:
        begun = time.monotonic()
        g.start()
        g.until('all are ready', lambda: sum(w['ready'] for w in g.status().values()) == n_instances, limit=HANG)
        print(f'  {n_instances} started: {time.monotonic() - begun:.1f} s')
        instances = g.instances()
        equal(len({i['pid'] for i in instances.values()}), n_instances, 'processes')
        keeper, manager = g.keeper_pid, g.manager_pid
        for pid, name in ((keeper, 'keeper'), (manager, 'manager')):
            n = len(os.listdir(f'/proc/{pid}/fd'))
            print(f'  {name}: {n} descriptors, {process_memory(pid) >> 10} KiB')
            check(n <= n_instances * DESCRIPTORS_FOR_EACH + DESCRIPTORS_OF_GANGERD, f'{name} has {n} descriptors')
        victim = f'sleeps{(n_instances - 1) // PER_WORKER}/0'
        kill(instances[victim]['pid'])
        g.until('it is there again', lambda: g.instance(victim)['state'] == 'ready' and g.pid(victim) not in (0, instances[victim]['pid']))
        before = g.pids()
        begun = time.monotonic()
        kill_and_wait(manager)
        equal(g.pids(), before, 'processes under another manager')
        print(f'  taken over: {time.monotonic() - begun:.1f} s')
        begun = time.monotonic()
        g.close_streams()
        kill(keeper, signal.SIGTERM)
        g.process.wait(HANG)
        print(f'  stopped: {time.monotonic() - begun:.1f} s')


def few_descriptors():
    """where descriptors run short, the output of more instances is one stream each; it is logged, and taken over, as the others'"""
    need('prlimit')
    with Gang('worker talks { exec = {"@/talk"} instances = 160 standard-error = log }', begin=False, prefix=['prlimit', '--nofile=650:650']) as g:
        g.script('talk', 'echo "one of $GANGER_INSTANCE" >&2; exec sleep 1000')
        g.start()
        g.wait_stderr(r'talks: descriptors run short: .* is one stream')
        g.until('all are ready', lambda: g.status()['talks']['ready'] == 160)
        equal(len([line for line in g.stderr_lines if 'descriptors run short' in line]), 1, 'how often that was told')
        for n in range(160):
            g.wait_stderr(f'^talks/{n}: one of {n}$')

        def streams(n):
            return len({os.readlink(f'/proc/{g.pid(f"talks/{n}")}/fd/{fd}') for fd in (1, 2)})
        equal(streams(0), 2, 'streams of one that was early')
        equal(streams(159), 1, 'streams of one that was late')
        pids = g.pids()
        kill_and_wait(g.manager_pid)
        equal(g.pids(), pids, 'processes under another manager')
        equal([line for line in g.stderr_lines if 'is lost' in line], [], 'what is missed')
        kill(pids['talks/159'])
        g.until('the last one is there again', lambda: g.pid('talks/159') not in (0, pids['talks/159']))
        g.ctl('stop', '--all')


def too_few_descriptors():
    """a limit of descriptors that is too low is told before, and to whom it is refused; the others run, and clients are served"""
    need('prlimit')
    with Gang(sleepers(300), begin=False, prefix=['prlimit', '--nofile=550:550']) as g:
        g.start()
        g.wait_stderr(r'300 instances need 725 descriptors and more: RLIMIT_NOFILE of gangerd is 550 .*LimitNOFILE=')
        g.wait_stderr(r'Too many open files: RLIMIT_NOFILE of gangerd is 550 .*LimitNOFILE=')
        streams = [g.stream('events', '--follow') for _ in range(8)]
        running = [i for i in g.instances().values() if i['state'] == 'ready']
        check(50 < len(running) < 300, f'{len(running)} run')
        for stream in streams:
            stream.close()
        # So it is at a reload; those that are kept in reserve count.
        g.configure('worker spare { exec = {"sleep", "1000"} ready = library instances = 210 standby = 100 }\n')
        g.ctl('reload')
        g.wait_stderr(r'310 instances need 735 descriptors and more: RLIMIT_NOFILE of gangerd is 550 .*LimitNOFILE=')
        equal(len([line for line in g.stderr_lines if 'descriptors and more' in line]), 2, 'warnings')
        g.ctl('stop', '--all')


def too_few_processes():
    """so it is with a limit of processes, of whatever kind"""
    need_root()
    need('prlimit', 'setpriv')
    as_nobody()
    uid = 100000 + os.getpid() % 100000     # nobody else has processes of it
    with Gang(sleepers(40), begin=False, prefix=['prlimit', '--nproc=20:20', 'setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups']) as g:
        os.chown(g.directory, uid, uid)
        g.start()
        g.wait_stderr(r'40 instances are more processes than there may be: RLIMIT_NPROC is 20 .*LimitNPROC=')
        g.wait_stderr(r'clone: Resource temporarily unavailable: RLIMIT_NPROC is 20 .*LimitNPROC=')
        running = [i for i in g.instances().values() if i['state'] == 'ready']
        check(10 < len(running) < 40, f'{len(running)} run')
        g.ctl('stop', '--all')


if __name__ == '__main__':
    main(many, few_descriptors, too_few_descriptors, too_few_processes)
