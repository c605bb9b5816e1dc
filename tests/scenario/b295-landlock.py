#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Landlock, and users of its own: what a program cannot do with the key, and can without; as root, and as an ordinary user
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

RULESET_VERSION = 1
# What a program in Python needs.
PROGRAM = 'landlock-execute = {/usr, -/bin, -/lib, -/lib64} landlock-read = {-/etc/ld.so.cache, -/dev/urandom, -/proc, %s}'


def need_landlock(version=1):
    has = ours('landlock_create_ruleset', 0, 0, RULESET_VERSION)
    if not isinstance(has, int):
        raise Skip(f'this kernel has no Landlock ({has})')
    if has < version:
        raise Skip(f'Landlock has version {has} here, not {version}')


class Place:
    """A directory that everybody may do everything with."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='gang.b295.', dir='/var/tmp')
        os.chmod(self.path, 0o777)
        for name in 'a', 'b':
            os.mkdir(f'{self.path}/{name}')
            os.chmod(f'{self.path}/{name}', 0o777)
        for name in 'a/file', 'b/file', 'b/other', 'b/third', 'a/third':
            with open(f'{self.path}/{name}', 'w') as f:
                f.write('x')
            os.chmod(f'{self.path}/{name}', 0o666)
        shutil.copy('/bin/true', f'{self.path}/a/true')
        return self.path

    def __exit__(self, *what):
        shutil.rmtree(self.path)


def cases_of_files(at, other=''):
    program = PROGRAM % f'{at}/a'
    writes = f'{program} landlock-write = {{{at}/b, -{at}/none}}'
    return [
        Case('read', program, ('read', f'{at}/a/file'), 'done', other=other),
        Case('read-beside', program, ('read', f'{at}/b/file'), 'EACCES', other=other),
        Case('list-beside', program, ('list', f'{at}/b'), 'EACCES', 'file other third', other=other),
        Case('write', program, ('write', f'{at}/a/file'), 'EACCES', other=other),
        Case('write-permitted', writes, ('write', f'{at}/b/file'), 'done', other=other),
        Case('write-read', writes, ('read', f'{at}/b/file'), 'done', other=other),
        Case('write-beside', writes, ('write', f'{at}/a/file'), 'EACCES', other=other),
        Case('execute', program, ('execute', f'{at}/a/true'), 'EACCES', other=other),
        Case('hosts', program, ('read', '/etc/passwd'), 'EACCES', other=other),
    ]


def files():
    """landlock-read, -write, -execute: nothing else can be, by root neither"""
    need_root()
    need_landlock()
    with Place() as at:
        program = PROGRAM % f'{at}/a'
        writes = f'{program} landlock-write = {at}/b'
        try_all(cases_of_files(at))
        try_all(cases_of_files(at, 'user = nobody'))
        os.mkdir(f'{at}/b/made')
        try_all([
            Case('make', writes, ('make', f'{at}/a/new'), 'EACCES', None),
            Case('remove', writes, ('remove', f'{at}/a/third'), 'EACCES', None),
            Case('remove-permitted', writes, ('remove_directory', f'{at}/b/made'), 'done', None),
        ])
        try_all([
            Case('make', '', ('make', f'{at}/a/new'), 'done', None),
            Case('remove', '', ('remove', f'{at}/a/third'), 'done', None),
        ])
        need_landlock(3)
        try_all([Case('truncate', program, ('truncate', f'{at}/a/file'), 'EACCES')])


def with_others():
    """after all mounts, with other keys, in the bridge's program, and when the manager has died"""
    need_root()
    need_landlock()
    with Place() as at:
        program, hidden = PROGRAM % f'{at}/a', PROGRAM % f'-{at}/a'
        made = [f'/tmp/ganger-b295-{os.getpid()}-{i}' for i in range(2)]
        try_all([
            Case('tmp', f'{hidden} private-tmp = yes', ('make', made[0]), 'EACCES'),
            Case('own', f'{hidden} private-tmp = yes landlock-write = /tmp', ('make', made[1]), 'done'),
            Case('filter', f'{program} system-call-filter = @@system-service limit-nofile = 4096', ('read', f'{at}/b/file'), 'EACCES'),
        ])
        for path in made:
            os.rmdir(path)
        with Gang(f"""
ring in {{ }} ring out {{ }}
worker w {{ exec = {{"@/io"}} io = lines receive = in send = out restart-delay = 1ms
            landlock-read = {{/, -/none}} landlock-execute = / landlock-write = {{/dev, /proc}} }}
""", begin=False) as g:
            g.script('io', f'while read -r x; do if (: >>{at}/b/file) 2>/dev/null; then echo OK can; else echo "OK cannot $x"; fi; done')
            g.start()
            g.until_ready('w/0')
            kill_and_wait(g.manager_pid)
            g.ctl('restart', 'w')
            g.ctl('send', 'in', 'write')
            equal(g.ctl('receive', 'out', '--count', 1).out.strip(), 'cannot write', 'what the program can')


def ports():
    """landlock-bind, landlock-connect: those ports of TCP, and no others"""
    need_landlock(4)
    with socket.create_server(('127.0.0.1', 0)) as s, socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))            # nobody listens, and nobody else gets it
        port, other = s.getsockname()[1], taken.getsockname()[1]
        try_all([
            Case('connect', f'landlock-connect = {port}', ('connect', port), 'done'),
            Case('connect-other', f'landlock-connect = {port}', ('connect', other), 'EACCES', 'nobody there'),
            Case('connect-none', 'landlock-connect = none', ('connect', port), 'EACCES'),
            Case('bind-only', 'landlock-bind = none', ('connect', port), 'done'),
            Case('bind-any', 'landlock-bind = 0', ('bind', 0), 'done'),
            Case('bind-none', 'landlock-bind = none', ('bind', 0), 'EACCES'),
            Case('both', f'landlock-bind = 1 landlock-connect = {{{port}, {other}}}', ('bind', 0), 'EACCES'),
        ])


def an_ordinary_user():
    """an ordinary user can have it all"""
    need_root()
    need_landlock()
    with Place() as at:
        with gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases_of_files(at))) as g:
            g.start()
            for c in cases_of_files(at):
                equal(outcome(g, f'{c.name}/0'), c.refused, c.name)


def what_cannot_be_is_told():
    """a path that is missing, a program that it may not execute: with the key and its value"""
    need_landlock()
    with Gang("""
worker a { exec = {"sleep", "1000"} restart = never landlock-read = {/usr, /none-of-this} }
worker b { exec = {"sleep", "1000"} restart = never landlock-read = / }
""") as g:
        for name, text in ('a', 'landlock-read={"/usr", "/none-of-this"}: No such file or directory'), ('b', 'landlock-execute'):
            g.wait_state(f'{name}/0', 'failed')
            check(text in g.instance(f'{name}/0')['reason'], g.instance(f'{name}/0')['reason'])


def need_user_namespaces():
    if subprocess.run([*as_nobody(), 'unshare', '-U', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip('an ordinary user may make no user namespace here')


def users():
    """private-users, as root: root, its user, and nobody else; it has no rights over what is the host's"""
    need_root()
    with Place() as at:
        on = 'private-users = yes'
        os.chown(f'{at}/a/file', 1, 1)
        os.chown(f'{at}/b/other', nobody().pw_uid, nobody().pw_gid)
        os.chmod(f'{at}/a/file', 0o600)
        them = f'{nobody().pw_uid}:{nobody().pw_gid}'
        with open('/proc/self/uid_map') as f:
            ours_are = ', '.join(line.split()[0] for line in f)
        try_all([
            Case('root', on, ('users', 'x'), '0', ours_are),
            Case('user', on, ('users', 'x'), f'0, {nobody().pw_uid}', ours_are, 'user = nobody'),
            Case('of-another', on, ('owner', f'{at}/a/file'), '65534:65534', '1:1'),
            Case('of-itself', on, ('owner', f'{at}/b/other'), them, other='user = nobody', permitted=them),
            Case('of-root', on, ('owner', '/usr'), '0:0', '0:0', 'user = nobody'),
            Case('right', on, ('read', f'{at}/a/file'), 'EACCES'),
            Case('with-mounts', f'{on} private-tmp = yes private-devices = yes', ('stat', f'{at}/a'), 'ENOENT'),
            Case('groups', f'{on} supplementary-groups = bin', ('owner', '/usr'), '0:0', '0:0', 'user = nobody'),
        ])


def users_of_an_ordinary_user():
    """private-users gives one what else only root can have: private-network, private-tmp, private-devices, bind-paths"""
    need_root()
    need_user_namespaces()
    on = 'isolation = strict private-users = yes'
    cases = [
        Case('users', on, ('users', 'x'), str(nobody().pw_uid)),
        Case('tmp', f'{on} private-tmp = yes', ('list', '/var/tmp'), 'empty'),
        Case('net', f'{on} private-network = yes', ('loopback', 'x'), 'done'),
        Case('home', f'{on} protect-home = tmpfs', ('list', '/root'), 'empty'),
        Case('strict', f'{on} protect-system = strict private-devices = yes', ('write', '/dev/null'), 'done'),
        Case('device', f'{on} private-devices = yes', ('stat', '/dev/kmsg'), 'ENOENT'),
        Case('capability', f'{on} capabilities = CAP_KILL', ('capability', 21), 'has not'),
        Case('filter', f'{on} system-call-filter = @@system-service protect-clock = yes', ('read', '/etc/hostname'), 'done'),
    ]
    with gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases)) as g:
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')


main(files, with_others, ports, an_ordinary_user, what_cannot_be_is_told, users, users_of_an_ordinary_user)
