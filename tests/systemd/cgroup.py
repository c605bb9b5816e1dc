#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
A cgroup for each instance, without systemd: below the cgroup of version 2 that gangerd is in, wherever it is mounted.

Each gang runs in a cgroup that is made for it. Its end is a test, too: what still has a process or a folder cannot be removed.
"""

import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Becomes a daemon in the old way (two forks, a session of its own), says its pid, and sleeps. Its parent stays, too.
DAEMONIZES = '''
import os, sys, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with open(sys.argv[1], 'w') as f:
            f.write(f'{os.getpid()}\\n')
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
'''
TWO = '''
worker plain   { exec = {"sleep", "1000"}  instances = 2 }
worker strange { exec = {"@/daemonizes", "@/pids"} }
'''


def own_cgroup():
    """The folder of the cgroup that we are in, or Skip."""
    with open('/proc/self/cgroup') as f:
        path = next((line.split('::', 1)[1].strip() for line in f if line.startswith('0::')), None)
    with open('/proc/self/mountinfo') as f:
        mounts = [line.split()[4] for line in f if ' - cgroup2 ' in line and line.split()[3] == '/']
    if path is None or not mounts:
        raise Skip('no cgroup v2')
    return mounts[0] + path.rstrip('/')


def cgroup_of(pid):
    with open(f'/proc/{pid}/cgroup') as f:
        return next(line.split('::', 1)[1].strip() for line in f if line.startswith('0::'))


def folders(path):
    return sorted(entry.name for entry in os.scandir(path) if entry.is_dir())


class Cgroup:
    """Ours, for one case."""

    made = 0

    def __enter__(self):
        Cgroup.made += 1
        self.path = f'{own_cgroup()}/cgroup-test-{os.getpid()}-{Cgroup.made}'
        try:
            os.mkdir(self.path)
        except OSError as e:
            raise Skip(f'no cgroup can be made: {e}') from e
        if not os.path.exists(f'{self.path}/cgroup.kill'):
            os.rmdir(self.path)
            raise Skip('the kernel has no cgroup.kill')
        return self

    def __exit__(self, kind, value, trace):
        left = [(folder, names) for folder, names, _ in os.walk(self.path) if names]
        with open(f'{self.path}/cgroup.kill', 'w') as f:
            f.write('1')
        for folder, _, _ in os.walk(self.path, topdown=False):
            with open(f'{folder}/cgroup.procs') as f:
                for pid in f.read().split():
                    wait_dead(int(pid))
            os.rmdir(folder)
        if kind is None:
            equal(left, [], 'cgroups left behind')

    def enter(self, *prefix):
        """Words before those of a program that is to run in it."""
        return ['sh', '-c', f'echo 0 >{self.path}/cgroup.procs && exec "$@"', 'enter', *prefix]

    @property
    def ours(self):
        """The folder that holds those of the instances."""
        names = folders(self.path)
        equal(len(names), 1, f'folders {names}')
        return f'{self.path}/{names[0]}'


def gang(cgroup, config=TWO, prefix=(), **options):
    g = Gang(config, prefix=cgroup.enter(*prefix), begin=False, **options)
    g.python('daemonizes', DAEMONIZES)
    g.fifo('pids')
    g.pids_fd = os.open(g.path('pids'), os.O_RDWR)
    return g


def next_daemon(g):
    """The pid of the next process that has become a daemon."""
    poll = select.poll()
    poll.register(g.pids_fd, select.POLLIN)
    check(poll.poll(LIMIT * 1000), 'no daemon says its pid')
    return int(os.read(g.pids_fd, 32))


def start(g):
    g.start()
    g.until_ready('plain/0', 'plain/1', 'strange/0')
    daemon = next_daemon(g)
    check(alive(daemon), f'the daemon {daemon} does not live')
    return daemon


def each_has_its_own():
    """each instance has a cgroup of its own, and at the end none is left"""
    with Cgroup() as c, gang(c) as g:
        daemon = start(g)
        base = cgroup_of(g.keeper_pid)
        equal(cgroup_of(g.manager_pid), base, 'cgroup of the manager')
        check(base.endswith(os.path.basename(c.path)), f'the keeper is in {base}')
        name = os.path.basename(c.ours)
        for key, pid in g.pids().items():
            equal(cgroup_of(pid), f'{base}/{name}/{key.replace("/", ":")}', f'cgroup of {key}')
        equal(cgroup_of(daemon), f'{base}/{name}/strange:0', 'cgroup of the daemon')
        equal(folders(c.ours), ['plain:0', 'plain:1', 'strange:0'], 'folders')
        g.ctl('stop', 'plain/1')
        equal(folders(c.ours), ['plain:0', 'strange:0'], 'folders after stop')
        g.ctl('start', 'plain/1')
        equal(cgroup_of(g.pid('plain/1')), f'{base}/{name}/plain:1', 'cgroup of plain/1 started again')


def daemons_go_with_their_instance():
    """what an instance has daemonised ends with it: at stop, at its death, and at the end of gangerd"""
    with Cgroup() as c, gang(c) as g:
        daemon = start(g)
        g.ctl('stop', 'strange')
        wait_dead(daemon)
        g.ctl('start', 'strange')
        daemon = next_daemon(g)
        kill(g.pid('strange/0'))
        wait_dead(daemon)
        daemon = next_daemon(g)
        g.until_ready('strange/0')
        g.finish()
        check(not alive(daemon), 'the daemon outlives gangerd')
        equal(folders(c.path), [], 'cgroups when gangerd has ended')


def over_a_new_manager():
    """a new manager finds the cgroups of the one before"""
    with Cgroup() as c, gang(c) as g:
        daemon = start(g)
        before, ours = g.pids(), c.ours
        kill_and_wait(g.manager_pid)
        equal(g.pids(), before, 'pids')
        equal(c.ours, ours, 'folder')
        g.ctl('stop', 'strange')
        wait_dead(daemon)
        g.until('its cgroup is gone', lambda: folders(ours) == ['plain:0', 'plain:1'])


def over_a_new_keeper():
    """what a killed keeper could not end, the next one does, before anything is started"""
    with Cgroup() as c, gang(c, check_end=False) as g:
        daemon = start(g)
        pids, first = g.pids(), c.ours
        g.close_streams()
        kill_and_wait(g.keeper_pid)
        for pid in pids.values():
            wait_dead(pid)
        check(alive(daemon), 'the daemon died with the keeper: then this test shows nothing')
        g.process.wait(LIMIT)
        g.process = None
        g.notified.clear()
        g.notify_thread.join(0)
        second = gang(c)
        with second:
            start(second)
            wait_dead(daemon)
            check(not os.path.exists(first), f'{first} is left')
            check(c.ours != first, 'the same folder')
        g.strangers()


def cgroups_of_its_own():
    """cgroups that an instance makes below its own are removed with it"""
    with Cgroup() as c, gang(c, 'worker nests { exec = {"@/nests"} }') as g:
        g.script('nests', f'''
set -- {c.path}/*/nests:0
mkdir -p $1/a/b/c $1/d
sleep 1000 &
echo $! >$1/d/cgroup.procs && echo nested
wait
''')
        g.start()
        g.wait_log('nests/0', 'nested')
        check(os.path.isdir(f'{c.ours}/nests:0/a/b/c'), 'no nested cgroup')
        g.ctl('stop', 'nests')
        g.until('its cgroups are removed', lambda: folders(c.ours) == [])


# What happens to an instance that is in the cgroup `folder`, and whether the next one is born in the same.
def killed(pid, folder):
    kill(pid)


def killed_with_one_below(pid, folder):
    os.mkdir(f'{folder}/below')
    kill(pid)


def killed_frozen(pid, folder):
    with open(f'{folder}/cgroup.freeze', 'w') as f:
        f.write('1')
    kill(pid)


def killed_by_somebody_with_its_cgroup(pid, folder):
    with open(f'{folder}/cgroup.kill', 'w') as f:
        f.write('1')


ENDS = ((killed, True), (killed_with_one_below, False), (killed_frozen, False), (killed_by_somebody_with_its_cgroup, False))


def kept_over_a_restart():
    """the next process is born in the cgroup of the one before if that is as it was made, else in a new one"""
    with Cgroup() as c, gang(c, f'worker plain {{ exec = {{"sleep", "1000"}} instances = {len(ENDS)} restart-delay = 1ms }}') as g:
        g.start()
        keys = [f'plain/{i}' for i in range(len(ENDS))]
        g.until_ready(*keys)
        time.sleep(0.2)  # that of one that lived for less is not kept; each is ended once, since the second time it is not kept either
        for key, (end, kept) in zip(keys, ENDS):
            pid, folder = g.pid(key), f'{c.ours}/{key.replace("/", ":")}'
            inode = os.stat(folder).st_ino
            end(pid, folder)
            # The kernel may kill one at its birth; it goes on until one lives.
            g.until(f'another process of {key}', lambda: g.pid(key) not in (0, None, pid) and alive(g.pid(key)) and
                    g.instance(key)['state'] == 'ready' and os.path.exists(folder) and
                    (os.stat(folder).st_ino == inode) == kept)
            equal(cgroup_of(g.pid(key)), f'{cgroup_of(g.keeper_pid)}/{os.path.basename(c.ours)}/{key.replace("/", ":")}', key)
            equal(folders(folder), [], f'cgroups in that of {key}')


def without_any():
    """where no cgroup can be had, it does without, and does not complain"""
    need('unshare', 'setpriv')
    need_root()
    hidden = ['unshare', '--mount', 'sh', '-c', 'for m in $(awk \'/ - cgroup2 / { print $5 }\' /proc/self/mountinfo); do '
              'mount -t tmpfs none $m || exit; done; exec "$@"', 'hide']
    read_only = ['unshare', '--mount', 'sh', '-c', 'for m in $(awk \'/ - cgroup2 / { print $5 }\' /proc/self/mountinfo); do '
                 'mount -o remount,bind,ro $m || exit; done; exec "$@"', 'protect']
    user = ['setpriv', '--reuid', str(nobody().pw_uid), '--regid', str(nobody().pw_gid), '--clear-groups']
    for prefix in (hidden, read_only, user):
        with Cgroup() as c, gang(c, 'worker plain { exec = {"sleep", "1000"}  instances = 2 }', prefix=prefix) as g:
            os.chown(g.directory, nobody().pw_uid, -1) if prefix is user else None
            g.start()
            g.until_ready('plain/0', 'plain/1')
            equal(folders(c.path), [], 'folders')
            for key, pid in g.pids().items():
                equal(cgroup_of(pid), cgroup_of(g.keeper_pid), f'cgroup of {key}')
            g.ctl('restart', 'plain')
            check(not any('cgroup' in line for line in g.stderr_lines), f'it complains: {g.stderr_lines}')


def of_a_user():
    """an ordinary user to whom a cgroup was delegated has them, too"""
    need('setpriv')
    need_root()
    user = nobody()
    with Cgroup() as c:
        for name in ('', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'):
            os.chown(f'{c.path}/{name}', user.pw_uid, user.pw_gid)
        with gang(c, prefix=['setpriv', '--reuid', str(user.pw_uid), '--regid', str(user.pw_gid), '--clear-groups']) as g:
            os.chown(g.directory, user.pw_uid, -1)
            daemon = start(g)
            for key, pid in g.pids().items():
                check(cgroup_of(pid).endswith('/' + key.replace('/', ':')), f'{key} is in {cgroup_of(pid)}')
            g.ctl('stop', 'strange')
            wait_dead(daemon)


main(each_has_its_own, daemons_go_with_their_instance, over_a_new_manager, over_a_new_keeper, cgroups_of_its_own,
     kept_over_a_restart, without_any,
     of_a_user)
