#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Devices, the kernel, and a root of its own: what a program cannot do with the key, and can without
"""

import os
import sys
import tempfile
import shutil

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

SHOWN = {'fd', 'full', 'hugepages', 'log', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty',
         'urandom', 'zero'}
CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME, CAP_MKNOD, CAP_SYSLOG = 16, 17, 25, 27, 34


def devices():
    """private-devices: what every program may have, and no more; a device can be given back"""
    need_root()
    on = 'private-devices = yes'
    here = set(os.listdir('/dev'))
    name = f'/dev/ganger-b294-{os.getpid()}'
    given = sorted(f'/dev/{n}' for n in here - SHOWN if os.path.exists(f'/dev/{n}') and not os.path.isdir(f'/dev/{n}'))
    shm = f'/dev/shm/ganger-b294-{os.getpid()}'
    with open(shm, 'w'):
        pass
    try:
        try_all([
            Case('dev', on, ('list', '/dev'), ' '.join(sorted(n for n in here & SHOWN if os.path.exists(f'/dev/{n}'))),
                 None),
            Case('null', on, ('write', '/dev/null'), 'done'),
            Case('random', on, ('read', '/dev/urandom'), 'done'),
            Case('chmod', on, ('chmod', '/dev/null'), 'EROFS'),
            Case('pty', on, ('terminal', 'x'), 'done'),
            Case('shm', on, ('write', shm), 'done'),
            Case('mknod', on, ('capability', CAP_MKNOD), 'has not', has_capability(CAP_MKNOD)),
            Case('rawio', on, ('capability', CAP_SYS_RAWIO), 'has not', has_capability(CAP_SYS_RAWIO)),
            Case('strict', f'{on} protect-system = strict', ('write', '/dev/null'), 'done'),
            Case('stdin', on, ('stat', '/dev/stdin'), 'done'),
        ])
        if given:
            try_all([
                Case('other', on, ('stat', given[0]), 'ENOENT'),
                Case('given', f'{on} bind-paths = {given[0]}', ('stat', given[0]), 'done'),
            ])
        with Gang(f'worker w {{ exec = {{"{PYTHON}", "-c", "open(\'{name}\', \'w\')"}} directory = / restart = never {on} }}') as g:
            g.wait_state('w/0', 'failed')
        check(not os.path.exists(name), 'it was made on the host')
    finally:
        os.unlink(shm)


def the_kernel():
    """protect-kernel-modules, protect-kernel-logs, protect-clock, restrict-realtime; the ports of the hardware"""
    need_root()
    modules, logs, clock, realtime = (f'{key} = yes' for key in ('protect-kernel-modules', 'protect-kernel-logs', 'protect-clock',
                                                                'restrict-realtime'))
    try_all([
        Case('module', modules, ('tell', f'{number("init_module")} 0 0 0'), 'EPERM', ours('init_module', 0, 0, 0)),
        Case('module-cap', modules, ('capability', CAP_SYS_MODULE), 'has not', has_capability(CAP_SYS_MODULE)),
        Case('log', logs, ('tell', f'{number("syslog")} 10 0 0'), 'EPERM', 'done'),
        Case('log-cap', logs, ('capability', CAP_SYSLOG), 'has not', has_capability(CAP_SYSLOG)),
        Case('clock', clock, ('tell', f'{number("clock_settime")} 1 0'), 'EPERM', 'EINVAL'),
        Case('clock-cap', clock, ('capability', CAP_SYS_TIME), 'has not', has_capability(CAP_SYS_TIME)),
        Case('fifo', realtime, ('schedule', '1 1000'), 'EPERM', 'EINVAL'),
        Case('round-robin', realtime, ('schedule', '2 1000'), 'EPERM', 'EINVAL'),
        Case('flag', realtime, ('schedule', f'{1 << 30} 0'), 'EPERM', 'done'),
        Case('batch', realtime, ('schedule', '3 0'), 'done'),
        Case('attributes', realtime, ('tell', f'{number("sched_setattr")} 0 0 0'), 'ENOSYS', 'EINVAL'),
        Case('kept', f'{realtime} cpu-scheduling-policy = idle', ('schedule', '5 0'), 'done'),
        *([Case('kmsg', logs, ('stat', '/dev/kmsg'), 'done'), Case('kmsg-open', logs, ('open_it', '/dev/kmsg'), 'EACCES')]
          if os.path.exists('/dev/kmsg') else []),
        *([Case('modules', modules, ('list', '/usr/lib/modules'), 'empty', ' '.join(sorted(os.listdir('/usr/lib/modules'))) or 'empty')]
          if os.path.isdir('/usr/lib/modules') else []),
    ])
    if CALLS['iopl'][0] and platform.machine() == 'x86_64' and ours('iopl', 0) == 0:
        try_all([Case('ports', 'private-devices = yes', ('tell', f'{number("iopl")} 0'), 'EPERM')])


def processes_of_others():
    """protect-proc, proc-subset: an ordinary user does not see those of root"""
    need_root()
    other = 'user = nobody'
    us = f'/proc/{os.getpid()}'
    try_all([
        Case('invisible', 'protect-proc = invisible', ('stat', us), 'ENOENT', other=other),
        Case('no-access', 'protect-proc = noaccess', ('list', us), 'EPERM', ' '.join(sorted(os.listdir(us))), other=other),
        Case('traceable', 'protect-proc = ptraceable', ('stat', us), 'ENOENT', other=other),
        Case('itself', 'protect-proc = invisible', ('read', '/proc/self/status'), 'done', other=other),
        Case('default', 'protect-proc = default', ('stat', us), 'done', other=other),
        Case('subset', 'proc-subset = pid', ('stat', '/proc/meminfo'), 'ENOENT'),
        Case('both', 'protect-proc = invisible proc-subset = pid protect-kernel-tunables = yes', ('stat', '/proc/sys'), 'ENOENT',
             other=other),
        Case('read-only', 'protect-proc = invisible protect-kernel-tunables = yes', ('is_read_only', '/proc/sys'), 'read-only', 'writable'),
        Case('strict', 'protect-proc = invisible protect-system = strict', ('stat', us), 'ENOENT', other=other),
    ])


class Root:
    """A directory that can be a root: programs are mounted in it."""

    keys = 'bind-read-only-paths = "/usr"'

    def __enter__(self):
        need_root()
        self.path = os.path.realpath(tempfile.mkdtemp(prefix='gang.b294.', dir='/var/lib'))
        os.chmod(self.path, 0o755)
        for name in 'usr', 'proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'data':
            os.mkdir(f'{self.path}/{name}')
        for name in 'bin', 'lib', 'lib64':
            if os.path.islink(f'/{name}'):
                os.symlink(f'usr/{name}', f'{self.path}/{name}')
        for name in 'etc/own', 'run/left':
            with open(f'{self.path}/{name}', 'w') as f:
                f.write('x')
        os.symlink('/etc/own', f'{self.path}/data/link')
        return self.path

    def __exit__(self, *what):
        shutil.rmtree(self.path)


def a_root_of_its_own():
    """root-directory: its files and no others; what the other keys say is of paths in there"""
    with Root() as at:
        on = f'root-directory = {at} {Root.keys}'
        try_all([
            Case('root', on, ('list', '/'), ' '.join(sorted(os.listdir(at))), ' '.join(sorted(os.listdir('/')))),
            Case('file', on, ('read', '/etc/own'), 'done', 'ENOENT'),
            Case('host', on, ('stat', at), 'ENOENT'),
            Case('host-link', on, ('read', '/data/link'), 'done', 'ENOENT'),
            Case('up', on, ('stat', f'/../../../..{at}'), 'ENOENT'),
            Case('proc', on, ('read', '/proc/self/status'), 'done'),
            Case('sys', on, ('stat', '/sys/kernel'), 'done'),
            Case('dev', on, ('write', '/dev/null'), 'done'),
            Case('run', on, ('list', '/run'), 'empty', None),
            Case('devices', f'{on} private-devices = yes', ('stat', '/dev/kmsg'), 'ENOENT', 'done' if os.path.exists('/dev/kmsg') else 'ENOENT'),
            Case('read-only', f'{on} protect-system = strict', ('touch', '/etc/own'), 'EROFS', 'ENOENT'),
            Case('writable', on, ('touch', '/etc/own'), 'done', 'ENOENT'),
            Case('its-link', f'{on} read-only-paths = /data/link', ('touch', '/etc/own'), 'EROFS', 'ENOENT'),
            Case('tunable', f'{on} protect-kernel-tunables = yes', ('is_read_only', '/proc/sys'), 'read-only', 'writable'),
            Case('secret', f'{on} protect-kernel-tunables = yes', ('read', '/proc/kallsyms'), 'EACCES'),
            Case('bound', f'{on} bind-paths = "/etc:/data"', ('stat', '/data/passwd'), 'done', 'ENOENT'),
            Case('tmp', f'{on} private-tmp = yes', ('touch', f'{at}/etc/own'), 'ENOENT', 'done'),
            Case('user', on, ('touch', '/etc/own'), 'EACCES', 'ENOENT', 'user = nobody'),
        ])
        equal(sorted(os.listdir(f'{at}/tmp')) + sorted(os.listdir(f'{at}/run')), ['left'], 'what is left in it')


def it_is_told_in_there():
    """ready = notify in a root of its own: its runtime directory is in it, or that is a failure that says so"""
    with Root() as at:
        config = f"""
worker w {{ exec = {{"{PYTHON}", "-c", 'import os, socket, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(1000)'}} ready = notify restart = never root-directory = {at} {Root.keys} }}
"""
        with Gang(config) as g:
            g.wait_state('w/0', 'failed')
            check(g.instance('w/0')['reason'].startswith('root-directory: '), g.instance('w/0')['reason'])
            os.makedirs(f'{at}{g.runtime}')
            g.ctl('start', 'w')
            g.until_ready('w/0')
            kill_and_wait(g.manager_pid)
            g.ctl('restart', 'w')
            g.until_ready('w/0')


def what_is_not_there():
    """a root that is missing, a program that is not in it: told with the key"""
    with Root() as at:
        with Gang(f"""
worker a {{ exec = {{"sleep", "1000"}} restart = never root-directory = {at} {Root.keys} bind-paths = "/etc:/none" }}
""") as g:
            g.wait_state('a/0', 'failed')
            equal(g.instance('a/0')['reason'], f'bind-paths: {at}/none: No such file or directory', 'reason')
            path = g.write('other.conf', f"""
worker a {{ exec = {{"sleep", "1000"}} root-directory = {at}/none }}
worker b {{ exec = {{"{PYTHON}"}} root-directory = {at} }}
worker c {{ exec = {{"sh"}} root-directory = {at} {Root.keys} directory = /none }}
worker d {{ exec = {{"sh"}} root-directory = {at} {Root.keys} directory = /data }}
""")
            said = run([f'{BUILD}/gangerd', '--check', '--config', path], None).err
            for name, text in ('a', "exec: 'sleep' is not found"), ('b', f"exec: '{PYTHON}': No such file"), ('c', "directory: '/none'"):
                check(f"worker '{name}': {text}" in said, said)
            check("worker 'd'" not in said, said)


main(devices, the_kernel, processes_of_others, a_root_of_its_own, it_is_told_in_there, what_is_not_there)
