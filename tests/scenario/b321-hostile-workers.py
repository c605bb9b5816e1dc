#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker with a user of its own does its worst with what it was given: others have theirs, and its successor begins as it should."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from attacks import ATTACKS  # noqa: E402
from gang import *  # noqa: E402, F403

# Does what comes by its fifo, a number and a text of Python in JSON a line, and prints the number and what it calls `result`.
WORKER = ATTACKS + '''
import json, socket, sys

def memfds():
    for name in os.listdir('/proc/self/fd'):
        try:
            if os.readlink(f'/proc/self/fd/{name}').startswith('/memfd:'):
                yield int(name)
        except OSError:
            pass

def is_sealed(fd):
    return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)

def reopen(fd):
    os.close(os.open(f'/proc/self/fd/{fd}', os.O_RDWR))

def attack_memory(fd):
    """Of what it was given: to write what is sealed, to change how much there is, to let others in."""
    attempts = {
        'grow': lambda: os.ftruncate(fd, 1 << 40), 'shrink': lambda: os.ftruncate(fd, 0), 'mode': lambda: os.fchmod(fd, 0o666),
        'owner': lambda: os.fchown(fd, os.getuid(), os.getgid()),
    }
    attempts['reopen'] = lambda: reopen(fd)
    if is_sealed(fd):
        attempts['write'] = lambda: os.pwrite(fd, b'x', 0)
    return [f'{os.readlink(f"/proc/self/fd/{fd}")}: {what}' for what in working(attempts) if 'Invalid argument' not in what]

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(os.path.join(HERE, 'go')) as go:
    for line in go:
        number, code = json.loads(line)
        result = None
        try:
            exec(code, globals())
        except Exception as e:
            result = f'failed: {e}'
        print(json.dumps([number, result]), flush=True)
'''


class Worker:
    """A gang with such a worker, `bad`, and another one, `good`."""

    def __init__(self, config):
        need_root()
        as_nobody()
        self.g = Gang(config, begin=False)
        path = self.g.fifo('go')
        self.g.python('bad', WORKER)
        self.go = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.number = 0

    def does(self, code):
        self.number += 1
        os.write(self.go, json.dumps([self.number, code]).encode() + b'\n')
        line = self.g.logs.wait(lambda line: line['key'] == 'bad/0' and line['text'].startswith(f'[{self.number}, '),
                                what='what the worker has done')
        return json.loads(line['text'])[1]


CREDENTIALS = '''
worker bad { exec = {"@/bad"} user = nobody credentials = {"password:@/password"} }
worker good { exec = {"sleep", "1000"} user = nobody credentials = {"password:@/password"} }
'''


def credentials():
    """its secrets: it can read them, and neither change them, nor let others in, nor put anything beside them"""
    w = Worker(CREDENTIALS)
    g = w.g
    g.write('password', 'first\n', 0o600)
    with g:
        g.start()
        g.until_ready('bad/0', 'good/0')
        w.does('D = os.environ["CREDENTIALS_DIRECTORY"]')
        equal(w.does('result = open(D + "/password").read()'), 'first\n', 'its secret')
        equal(w.does('result = working({'
                     '"mode": lambda: os.chmod(D, 0o777), "mode of a file": lambda: os.chmod(D + "/password", 0o666),'
                     '"write": lambda: open(D + "/password", "a"), "truncate": lambda: os.truncate(D + "/password", 1 << 30),'
                     '"remove": lambda: os.unlink(D + "/password"), "file": lambda: open(D + "/mine", "w"),'
                     '"directory": lambda: os.mkdir(D + "/mine"), "link": lambda: os.symlink("/", D + "/mine"),'
                     '"rename": lambda: os.rename(D, D + ".old"), "of another": lambda: os.mkdir(D + "/../good:0/mine")})'), [],
              'what it can do with them')
        # Neither it nor another is kept from beginning again.
        for key in ('bad/0', 'good/0'):
            pid = g.pid(key)
            kill(pid)
            g.until(f'{key} is replaced', lambda: g.pid(key) not in (0, pid))
        g.until_ready('bad/0', 'good/0')
        g.ctl('stop', 'bad', 'good')
        equal(os.listdir(f'{g.runtime}/credentials'), [], 'what is left')


RINGS = '''
ring news { kind = broadcast }
ring jobs { }
worker bad { exec = {"@/bad"} user = nobody receive = {news, jobs} }
'''


def memory():
    """its memory cannot grow or shrink, be opened anew by /proc, or be given to others; its handshake cannot be changed"""
    w = Worker(RINGS)
    with w.g as g:
        g.start()
        g.until_ready('bad/0')
        n = w.does('result = len(list(memfds()))')
        check(n >= 4, f'{n} descriptors of memory: handshake, member, two rings')
        equal(w.does('result = sum(is_sealed(fd) for fd in memfds())'), 1, 'what nobody may write: the handshake')
        equal(w.does('result = [x for fd in memfds() for x in attack_memory(fd)]'), [], 'what it can do with its memory')
        g.ctl('send', 'jobs', 'a')
        g.ctl('receive', 'jobs')


def processes_and_files():
    """keeper, manager, a worker of another user, and the runtime directory: as any user of the machine"""
    w = Worker('worker bad { exec = {"@/bad"} user = nobody }\nworker good { exec = {"sleep", "1000"} }')
    with w.g as g:
        g.start()
        g.until_ready('bad/0', 'good/0')
        for what, pid in (('keeper', g.keeper_pid), ('manager', g.manager_pid), ('worker', g.pid('good/0'))):
            equal(w.does(f'result = attack_process({pid})'), [], f'what it can do with the {what}')
        equal(w.does(f'result = attack_directory({g.runtime!r})'), [], 'what it can do in the runtime directory')


STORE = 'worker bad { exec = {"@/bad"} user = nobody ready = notify fd-store-max = 4 ready-timeout = 1h }'


def descriptors_of_its_own():
    """it has descriptors stored without end: no more than it may are kept, and what it says after that is heard"""
    w = Worker(STORE)
    with w.g as g:
        g.start()
        g.until('it is started', lambda: g.pid('bad/0') > 0)
        w.does('n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); n.connect(os.environ["NOTIFY_SOCKET"])')
        held = [len(list(descriptors(pid))) for pid in (g.manager_pid, g.keeper_pid)]
        w.does('for i in range(200): socket.send_fds(n, [f"FDSTORE=1\\nFDNAME=x{i}".encode()], [os.pipe()[0] for _ in range(1)] * 200)')
        w.does('n.send(b"READY=1\\nSTATUS=still here")')
        g.until_ready('bad/0')
        now = [len(list(descriptors(pid))) for pid in (g.manager_pid, g.keeper_pid)]
        check(all(b <= a + 5 for a, b in zip(held, now)), f'descriptors of manager and keeper: {held} before, {now} now')


main(credentials, memory, processes_and_files, descriptors_of_its_own)
