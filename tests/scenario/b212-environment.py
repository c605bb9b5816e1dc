#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program finds: variables from files, secrets, and what tells its processes apart."""

import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

SLEEPS = 'exec = {"sleep", "1000"}'


def variables(pid):
    with open(f'/proc/{pid}/environ', 'rb') as f:
        return dict(v.decode().split('=', 1) for v in f.read().split(b'\0') if v)


def from_files():
    """variables come from files at each start; the last one counts, and a file with a '-' may be missing"""
    with Gang(f'worker w {{ {SLEEPS} environment = {{"A=0", "B=0"}} environment-file = {{one.env, -missing.env, "@/two.env"}} }}',
              begin=False) as g:
        g.write('one.env', '# a comment\nB=1\nC="one \\"quoted\\""\n')
        g.write('two.env', "C2='over\ntwo lines'\nB=2\n")
        g.start()
        g.until_ready('w/0')
        v = variables(g.pid('w/0'))
        equal([v[name] for name in ('A', 'B', 'C', 'C2')], ['0', '2', 'one "quoted"', 'over\ntwo lines'], 'variables')
        equal((v['GANGER_WORKER'], v['GANGER_INSTANCE']), ('w', '0'), 'who it is')
        g.write('two.env', 'B=3\n')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'w')
        now = variables(g.pid('w/0'))
        equal((now['B'], 'C2' in now), ('3', False), 'variables of the next process')


def mistakes_in_files():
    """a mistake in a file is told with its line; what is no file, or too long, is not read"""
    config = '\n'.join(f'worker w{i} {{ {SLEEPS} restart = never environment-file = f{i} }}' for i in range(6))
    with Gang(config, begin=False) as g:
        g.write('f0', 'A=1\nexport B=2\n')
        g.write('f1', 'A=1\n\nGANGER_INSTANCE=7\n')
        os.mkfifo(g.path('f3'))
        g.write('f4', 'A=' + 'x' * (1 << 20))
        os.mkdir(g.path('f5'))
        g.start()
        told = ('f0:2: what is before', 'f1:3: gangerd sets this', 'f2: No such file', 'f3: it is no ordinary file',
                'f4: it is too large', 'f5: it is no ordinary file')
        for i, text in enumerate(told):
            g.wait_state(f'w{i}/0', 'failed')
            check(text in g.instance(f'w{i}/0')['reason'], f'{g.instance(f"w{i}/0")["reason"]}')


def told_apart():
    """each process has an id of its own, of 128 bits; what it starts has the same"""
    with Gang('worker w { exec = {"@/w"} instances = 2 }', begin=False) as g:
        g.script('w', 'sh -c "sleep 1000; true" & exec sleep 1000')
        g.start()
        g.until_ready('w/0', 'w/1')
        ids = [variables(g.pid(key))['INVOCATION_ID'] for key in ('w/0', 'w/1')]
        g.ctl('restart', 'w/0')
        ids.append(variables(g.pid('w/0'))['INVOCATION_ID'])
        check(len(set(ids)) == 3 and all(len(i) == 32 and int(i, 16) for i in ids), f'{ids}')
        g.until('it has a child', lambda: children(g.pid('w/0')))
        for child in children(g.pid('w/0')):
            equal(variables(child)['GANGER_INVOCATION_ID'], ids[2], 'id of a child')


def secrets(g, key):
    """@return mode and owner of the directory, and its files as (mode, owner, content)."""
    path = variables(g.pid(key))['CREDENTIALS_DIRECTORY']
    files = {}
    for name in os.listdir(path):
        s = os.stat(f'{path}/{name}')
        with open(f'{path}/{name}') as f:
            files[name] = (oct(stat.S_IMODE(s.st_mode)), s.st_uid, f.read())
    s = os.stat(path)
    return oct(stat.S_IMODE(s.st_mode)), s.st_uid, files


def left(g):
    """@return what is in the directory of all credentials."""
    path = f'{g.runtime}/credentials'
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


SECRET = 'worker w {{ exec = {{"sleep", "1000"}} credentials = {{"password:@/password", key:key.pem}} instances = 2 {} }}'


def given_secrets():
    """each instance has copies of its own, for its user alone, and for as long as it runs"""
    # Where gangerd is root they are root's, and a list says that the user can read them: its rights show as those of the group.
    root = os.geteuid() == 0
    user = 'user = nobody' if root else ''
    with Gang(SECRET.format(user), begin=False) as g:
        g.write('password', 'first\n', 0o600)
        g.write('key.pem', 'key', 0o600)
        g.start()
        g.until_ready('w/0', 'w/1')
        directory, file, uid = ('0o550', '0o440', 0) if root else ('0o500', '0o400', os.geteuid())
        expected = (directory, uid, {'password': (file, uid, 'first\n'), 'key': (file, uid, 'key')})
        equal(secrets(g, 'w/0'), expected, 'w/0')
        equal(secrets(g, 'w/1'), expected, 'w/1')
        check(variables(g.pid('w/0'))['CREDENTIALS_DIRECTORY'] != variables(g.pid('w/1'))['CREDENTIALS_DIRECTORY'], 'the same')
        if os.geteuid() == 0:
            with open('/proc/self/mounts') as f:
                check(any(line.split()[1:3] == [f'{g.runtime}/credentials', 'tmpfs'] for line in f), 'it is no tmpfs')
            # Its user can read them; another cannot, in whatever group he is.
            run([*as_nobody(), 'cat', f'{g.runtime}/credentials/w:0/password']).has('first')
            for group in '1', '0':
                run(['setpriv', '--reuid', '1', '--regid', group, '--clear-groups', 'cat', f'{g.runtime}/credentials/w:0/password'], 1)
        g.write('password', 'second\n', 0o600)
        g.ctl('restart', 'w/0')
        equal([secrets(g, key)[2]['password'][2] for key in ('w/0', 'w/1')], ['second\n', 'first\n'], 'after a change')
        g.ctl('stop', 'w/1')
        equal(left(g), ['w:0'], 'what is there')
        kill(g.pid('w/0'))
        g.until_ready('w/0')
        g.ctl('stop', 'w')
        equal(left(g), [], 'what is left')
    check(not os.path.exists(f'{g.runtime}/credentials'), 'the directory is left')


def secrets_of_an_ordinary_user():
    """as an ordinary user they are in the runtime directory, and go as well"""
    need_root()
    with Gang(SECRET.format(''), begin=False, prefix=as_nobody()) as g:
        os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
        g.write('password', 'first\n', 0o644)
        g.write('key.pem', 'key', 0o644)
        g.start()
        g.until_ready('w/0', 'w/1')
        equal(secrets(g, 'w/0')[0:2], ('0o500', nobody().pw_uid), 'mode, owner')
        kill_and_wait(g.manager_pid)
        equal(left(g), ['w:0', 'w:1'], 'after the manager has died')
        g.ctl('stop', 'w')
        equal(left(g), [], 'what is left')


def secrets_that_are_missing():
    """without one of them nothing is started and nothing is left"""
    with Gang(SECRET.format('restart = never') + '\nworker big { exec = {"sleep", "1"} restart = never credentials = {"a:b", "b:b"} }',
              begin=False) as g:
        g.write('password', 'first\n')
        g.write('b', 'x' * (600 << 10))
        g.start()
        g.wait_state('w/0', 'failed')
        g.wait_state('big/0', 'failed')
        check('credentials: key: ' in g.instance('w/0')['reason'] and 'No such file' in g.instance('w/0')['reason'], f'{g.instances()}')
        check('b: it is too large' in g.instance('big/0')['reason'].replace(g.directory + '/', ''), f'{g.instance("big/0")}')
        equal(left(g), [], 'what is left')


main(from_files, mistakes_in_files, told_apart, given_secrets, secrets_of_an_ordinary_user, secrets_that_are_missing)
