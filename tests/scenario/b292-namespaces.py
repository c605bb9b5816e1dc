#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Namespaces of a worker: what it does not see, and cannot write to; without the option the same program can

Each case is a worker with the option, and one without. None of it may be seen on the host.
"""

import os
import shutil
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

TELLS = '''
import os, socket, time
open(os.environ["CREDENTIALS_DIRECTORY"] + "/name").read()
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(1000)
'''


class Place:
    """A directory with something in it, of which nothing is hidden by private-tmp."""

    def __enter__(self):
        need_root()
        self.path = tempfile.mkdtemp(prefix='gang.b292.', dir='/var/lib')
        for name in 'a', 'b', 'c', 'a/below', 'a/below/more':
            os.mkdir(f'{self.path}/{name}')
        for name in 'a/file', 'a/below/file', 'b/other':
            with open(f'{self.path}/{name}', 'w') as f:
                f.write('x')
        os.symlink(f'{self.path}/a', f'{self.path}/link')
        return self.path

    def __exit__(self, *what):
        shutil.rmtree(self.path)


def networks_and_names():
    """private-network, private-ipc, protect-hostname"""
    need_root()
    try_all([
        Case('net', 'private-network = yes', ('links', 'x'), 'lo', ' '.join(sorted(name for _, name in socket.if_nameindex()))),
        Case('net-own', 'private-network = yes', ('is_own', 'net'), 'own', 'shared'),
        Case('loopback', 'private-network = yes', ('loopback', 'x'), 'done'),
        Case('ipc', 'private-ipc = yes', ('is_own', 'ipc'), 'own', 'shared'),
        Case('name', 'protect-hostname = yes', ('sethostname', 'x'), 'EPERM'),
        Case('name-own', 'protect-hostname = yes', ('is_own', 'uts'), 'own', 'shared'),
    ])


def paths():
    """read-only-paths, read-write-paths, inaccessible-paths: the longer path counts, links are followed"""
    with Place() as at:
        ro = f'read-only-paths = {at}/a'
        rw = f'{ro} read-write-paths = {at}/a/below'
        try_all([
            Case('ro', ro, ('write', f'{at}/a/file'), 'EROFS'),
            Case('ro-below', ro, ('write', f'{at}/a/below/file'), 'EROFS'),
            Case('ro-beside', ro, ('write', f'{at}/b/other'), 'done'),
            Case('ro-link', f'read-only-paths = {at}/link', ('write', f'{at}/a/file'), 'EROFS'),
            Case('ro-file', f'read-only-paths = {at}/a/file', ('write', f'{at}/a/file'), 'EROFS'),
            Case('rw', rw, ('write', f'{at}/a/below/file'), 'done'),
            Case('rw-beside', rw, ('write', f'{at}/a/file'), 'EROFS'),
            Case('rw-again', f'{rw} inaccessible-paths = {at}/a/below/more', ('list', f'{at}/a/below/more'), 'empty', 'empty'),
            Case('both', f'{ro} read-write-paths = {at}/a', ('write', f'{at}/a/file'), 'EROFS'),
            Case('hidden', f'inaccessible-paths = {at}/a', ('read', f'{at}/a/file'), 'ENOENT'),
            Case('hidden-list', f'inaccessible-paths = {at}/a', ('list', f'{at}/a'), 'empty', 'below file'),
            Case('hidden-write', f'inaccessible-paths = {at}/c', ('make', f'{at}/c/new'), 'EROFS', 'done'),
            Case('hidden-file', f'inaccessible-paths = {at}/a/below/file', ('read', f'{at}/a/below/file'), 'EACCES'),
            Case('missing', f'read-only-paths = {{-{at}/none, {at}/b}}', ('write', f'{at}/b/other'), 'EROFS'),
        ])
        with Gang(f'worker w {{ exec = {{"sleep", "1000"}} restart = never read-only-paths = {{{at}/none}} }}') as g:
            g.wait_state('w/0', 'failed')
            equal(g.instance('w/0')['reason'], f'read-only-paths: {at}/none: No such file or directory', 'reason')


def binds():
    """bind-paths, bind-read-only-paths, temporary-filesystem: found in another place, which is made where it is its own"""
    with Place() as at:
        own = f'temporary-filesystem = {at}/a'
        try_all([
            Case('bind', f'bind-paths = {at}/b:{at}/a', ('list', f'{at}/a'), 'other', 'below file'),
            Case('bind-write', f'bind-paths = {at}/b:{at}/c', ('write', f'{at}/c/other'), 'done'),
            Case('bind-ro', f'bind-read-only-paths = {at}/b:{at}/c', ('write', f'{at}/c/other'), 'EROFS'),
            Case('own', own, ('list', f'{at}/a'), 'empty', 'below file'),
            Case('own-bind', f'{own} bind-paths = {at}/b:{at}/a/x/y', ('list', f'{at}/a/x/y'), 'other', 'ENOENT'),
            Case('own-file', f'{own} bind-read-only-paths = {at}/a/file', ('write', f'{at}/a/file'), 'EROFS'),
            Case('own-self', f'{own} bind-paths = {at}/a/below', ('list', f'{at}/a'), 'below', 'below file'),
        ])
        equal(sorted(os.listdir(f'{at}/a')), ['below', 'file'], 'the host')
        with Gang(f'worker w {{ exec = {{"sleep", "1000"}} restart = never bind-paths = "{at}/b:{at}/none" }}') as g:
            g.wait_state('w/0', 'failed')
            equal(g.instance('w/0')['reason'], f'bind-paths: {at}/none: No such file or directory', 'reason')
        check(not os.path.exists(f'{at}/none'), 'it was made on the host')


def of_the_system():
    """protect-system, protect-home, private-tmp, protect-control-groups, protect-kernel-tunables"""
    with Place() as at:
        name = f'.ganger-b292-{os.getpid()}'
        for directory in '/tmp', '/root', '/usr':
            with open(f'{directory}/{name}', 'w'):
                pass
        try:
            try_all([
                Case('usr', 'protect-system = yes', ('write', f'/usr/{name}'), 'EROFS'),
                Case('etc-yes', 'protect-system = yes', ('write', '/etc/hostname'), 'done'),
                Case('etc-full', 'protect-system = full', ('write', '/etc/hostname'), 'EROFS'),
                Case('strict', 'protect-system = strict', ('write', f'{at}/a/file'), 'EROFS'),
                Case('strict-dev', 'protect-system = strict', ('write', '/dev/null'), 'done'),
                Case('strict-but', f'protect-system = strict read-write-paths = {at}/a', ('write', f'{at}/a/file'), 'done'),
                Case('strict-tmp', 'protect-system = strict private-tmp = yes', ('write', '/tmp/x'), 'done'),
                Case('home', 'protect-home = yes', ('read', f'/root/{name}'), 'ENOENT'),
                Case('home-ro', 'protect-home = read-only', ('write', f'/root/{name}'), 'EROFS'),
                Case('home-own', 'protect-home = tmpfs', ('read', f'/root/{name}'), 'ENOENT'),
                Case('tmp', 'private-tmp = yes', ('read', f'/tmp/{name}'), 'ENOENT'),
                Case('tunable', 'protect-kernel-tunables = yes', ('write', '/proc/sys/kernel/hostname'), 'EROFS'),
                Case('kallsyms', 'protect-kernel-tunables = yes', ('read', '/proc/kallsyms'), 'EACCES'),
                *([Case('cgroup', 'protect-control-groups = yes', ('is_read_only', '/sys/fs/cgroup'), 'read-only', 'writable')]
                  if os.path.isdir('/sys/fs/cgroup') and not os.statvfs('/sys/fs/cgroup').f_flag & os.ST_RDONLY else []),
            ])
        finally:
            for path in f'/tmp/{name}', f'/root/{name}', f'/usr/{name}':
                os.unlink(path)


def it_is_told():
    """under private-tmp, with the runtime directory in /tmp, a program tells that it is ready and finds its credentials"""
    need_root()
    with Gang(f'''
worker w {{ exec = {{"{PYTHON}", "-c", '{TELLS}'}} directory = / ready = notify private-tmp = yes protect-system = strict
           credentials = "name:/etc/hostname" }}
''') as g:
        g.until_ready('w/0')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'w')
        g.until_ready('w/0')


main(networks_and_names, paths, binds, of_the_system, it_is_told)
