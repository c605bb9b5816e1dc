#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Which devices an instance can open, wherever it finds their nodes: device-policy and device-allow

Each probe is tried with the rules and without, so that it is seen that it is they that refuse. Nodes are made in the directory of
a gang: what is refused there is not refused for want of a node.
"""

import errno
import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Asked by a file; answers by lines of its output.
ASKED = '''
import errno, os, sys

def node(words):
    kind, major, minor, access = words
    path = f'{os.path.dirname(sys.argv[1])}/made.{os.getpid()}'
    mode = {'c': 0o020600, 'b': 0o060600}[kind]
    os.mknod(path, mode, os.makedev(int(major), int(minor)))
    try:
        if access != '-':
            os.close(os.open(path, FLAGS[access] | os.O_NONBLOCK))
    finally:
        os.unlink(path)

FLAGS = {'r': os.O_RDONLY, 'w': os.O_WRONLY, 'rw': os.O_RDWR}

def open_it(words):
    os.close(os.open(words[1], FLAGS[words[0]] | os.O_NONBLOCK | os.O_NOCTTY))

def terminal(words):
    import fcntl, struct
    fd = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(fd, 0x40045431, struct.pack('i', 0))    # TIOCSPTLCK
    os.close(os.open('/dev/pts/%d' % struct.unpack('i', fcntl.ioctl(fd, 0x80045430, bytes(4))), os.O_RDWR | os.O_NOCTTY))
    os.close(fd)

def nest(words):
    os.mkdir(words[0] + '/nested')
    with open(words[0] + '/nested/cgroup.procs', 'w') as f: f.write('0')

def tell(message):
    import socket
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(message, os.environ['NOTIFY_SOCKET'])

if 'NOTIFY_SOCKET' in os.environ:
    tell(b'READY=1')
with open(sys.argv[1]) as asked:
    while True:
        line = asked.readline()
        words = line.split()
        try:
            {'open': open_it, 'node': node, 'terminal': terminal, 'nest': nest}[words[1]](words[2:])
            said = 'done'
        except OSError as e:
            said = errno.errorcode[e.errno]
        print(words[0], said, flush=True)
'''

number = 0
# By somebody else, at some moment: the next one tells everything anew, and uses no cgroup of the one before again.
MANAGER_DIES = 'GANGER_MANAGER_DIES' in os.environ


class Asking:
    """A gang of workers that are asked to open devices; each has keys."""

    def __init__(self, workers, **options):
        self.workers = workers
        self.g = Gang(self.config(), begin=False, **options)

    def config(self):
        return ''.join(f'worker {name} {{ exec = {{"@/asked", "@/ask.{name}"}} directory = / {keys} }}\n' for name, keys in self.workers.items())

    def __enter__(self):
        self.g.python('asked', ASKED)
        self.to = {}
        for name in self.workers:
            self.g.fifo(f'ask.{name}')
            self.to[name] = os.open(self.g.path(f'ask.{name}'), os.O_RDWR)     # both, so that it neither waits nor ends
        self.g.__enter__()
        self.g.start()
        return self

    def __exit__(self, *what):
        for fd in self.to.values():
            os.close(fd)
        return self.g.__exit__(*what)

    def change(self, name, keys):
        self.workers[name] = keys
        self.g.configure(self.config())
        self.g.ctl('reload')

    def ask(self, name, *words):
        """@return 'done', or the name of an error."""
        global number
        number += 1
        mark = f'{name}.{number}'
        os.write(self.to[name], f'{mark} {" ".join(map(str, words))}\n'.encode())
        return self.g.wait_log(f'{name}/0', f'{mark} ')['text'].split()[1]

    def all(self, cases):
        """(worker, words…) and what it says; as the same says that has no rules, and must not."""
        for (name, *words), expected in cases.items():
            equal(self.ask(name, *words), expected, f'{words} of {name} with {self.workers[name]}')
            equal(self.ask('free', *words), 'done', f'{words} without rules')


def need_rules():
    need_root()
    with Gang('worker p { exec = {"sleep", "1000"} }') as g:
        need_device_rules(g)


def other():
    """A device that is not everybody's, and can be opened here: its path, and its numbers."""
    for path in '/dev/kmsg', '/dev/loop-control', '/dev/fuse', '/dev/kvm', '/dev/rtc0':
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        st = os.stat(path)
        if stat.S_ISCHR(st.st_mode):
            return path, os.major(st.st_rdev), os.minor(st.st_rdev)
    raise Skip('there is no other device that can be opened')


def group_of(major):
    """The name of a group of character devices in /proc/devices."""
    with open('/proc/devices') as f:
        lines = f.read().split('\n\n')[0].split('\n')
    return next(line.split()[1] for line in lines if line.split()[:1] == [str(major)])


def policies():
    """strict permits what is named; closed also what every program may have; auto is closed if anything is named"""
    need_rules()
    path, major, minor = other()
    with Asking({
        'free': '', 'auto': 'device-policy = auto',
        'strict': 'device-policy = strict', 'closed': 'device-policy = closed',
        'named': f'device-policy = strict device-allow = "{path}"', 'both': f'device-policy = closed device-allow = "{path}"',
        'some': 'device-allow = "/dev/null"', 'own': 'private-devices = yes',
        'given': f'private-devices = yes bind-paths = {path}',
        'gives': f'private-devices = yes bind-paths = {path} device-allow = "{path} r"',
    }) as a:
        a.g.until_ready('free/0', *(f'{name}/0' for name in a.workers))
        there, null, zero = ('open', 'r', path), ('open', 'rw', '/dev/null'), ('open', 'r', '/dev/zero')
        made = ('node', 'c', major, minor, '-')
        a.all({
            ('auto', *there): 'done', ('auto', *made): 'done',
            ('strict', *null): 'EPERM', ('strict', *there): 'EPERM', ('strict', *made): 'EPERM', ('strict', 'terminal'): 'EPERM',
            ('closed', *null): 'done', ('closed', *zero): 'done', ('closed', *there): 'EPERM', ('closed', *made): 'EPERM',
            ('closed', 'terminal'): 'done', ('closed', 'open', 'r', '/dev/urandom'): 'done', ('closed', 'open', 'r', '/dev/full'): 'done',
            ('closed', 'node', 'c', 1, 3, 'rw'): 'done', ('closed', 'node', 'c', 1, 11 if major != 1 else 4, '-'): 'EPERM',
            ('closed', 'node', 'b', 7, 0, '-'): 'EPERM', ('closed', 'node', 'b', 1, 3, '-'): 'EPERM',
            ('named', *null): 'EPERM', ('named', *there): 'done', ('named', *made): 'done',
            ('both', *null): 'done', ('both', *there): 'done',
            ('some', *null): 'done', ('some', *zero): 'done', ('some', *there): 'EPERM',
            ('own', *null): 'done', ('own', 'terminal'): 'done',
            ('given', *there): 'EPERM', ('gives', *there): 'done',
        })
        equal(a.ask('own', *there), 'ENOENT', 'what has no node')
        equal([a.g.worker(name)['warning'] for name in a.workers], [''] * len(a.workers), 'warnings')


def accesses():
    """reading, writing and making nodes are told apart, and so are numbers; groups and wildcards"""
    need_rules()
    path, major, minor = other()
    on = 'device-policy = strict device-allow ='
    with Asking({
        'free': '', 'reads': f'{on} "/dev/null r"', 'writes': f'{on} "/dev/null w"', 'makes': f'{on} "/dev/null m"',
        'halves': f'{on} {{"/dev/null r", "/dev/null w"}}', 'all': f'{on} "/dev/null"', 'number': f'{on} "/dev/char/1:5 r"',
        'terminals': f'{on} {{"/dev/ptmx rw", "char-pts rw"}}', 'half-terminals': f'{on} "/dev/ptmx rw"',
        'memory': f'{on} "char-me? r"', 'majors': f'{on} "char-1 rm"', 'characters': f'{on} "char-* rw"', 'blocks': f'{on} "block-* m"',
        'group': f'{on} "char-{group_of(major)} r"',
    }) as a:
        a.g.until_ready(*(f'{name}/0' for name in a.workers))
        null, zero = '/dev/null', '/dev/zero'
        made, block = ('node', 'c', 1, 3, '-'), ('node', 'b', 7, 0, '-')
        a.all({
            ('reads', 'open', 'r', null): 'done', ('reads', 'open', 'w', null): 'EPERM', ('reads', 'open', 'rw', null): 'EPERM',
            ('reads', *made): 'EPERM', ('reads', 'open', 'r', zero): 'EPERM',
            ('writes', 'open', 'r', null): 'EPERM', ('writes', 'open', 'w', null): 'done', ('writes', 'open', 'rw', null): 'EPERM',
            ('makes', 'open', 'r', null): 'EPERM', ('makes', *made): 'done', ('makes', 'node', 'c', 1, 3, 'r'): 'EPERM',
            ('makes', 'node', 'c', 1, 5, '-'): 'EPERM',
            ('halves', 'open', 'r', null): 'done', ('halves', 'open', 'w', null): 'done', ('halves', 'open', 'rw', null): 'EPERM',
            ('all', 'node', 'c', 1, 3, 'rw'): 'done', ('all', 'node', 'c', 1, 5, '-'): 'EPERM', ('all', 'node', 'b', 1, 3, '-'): 'EPERM',
            ('number', 'open', 'r', zero): 'done', ('number', 'open', 'rw', zero): 'EPERM', ('number', 'open', 'r', null): 'EPERM',
            ('terminals', 'terminal'): 'done', ('half-terminals', 'terminal'): 'EPERM',
            ('memory', 'open', 'r', zero): 'done', ('memory', 'open', 'w', zero): 'EPERM', ('memory', 'open', 'rw', '/dev/ptmx'): 'EPERM',
            ('majors', 'node', 'c', 1, 3, 'r'): 'done', ('majors', 'node', 'c', 1, 3, 'w'): 'EPERM', ('majors', 'open', 'rw', '/dev/ptmx'): 'EPERM',
            ('characters', 'terminal'): 'done', ('characters', *made): 'EPERM', ('characters', *block): 'EPERM',
            ('blocks', *block): 'done', ('blocks', *made): 'EPERM', ('blocks', 'open', 'r', null): 'EPERM',
            ('group', 'open', 'r', path): 'done', ('group', *made): 'EPERM',
        })


def kept_by_the_kernel():
    """by whoever is manager, in a cgroup that it makes itself, for the next process in the same cgroup; not by that of another definition"""
    need_rules()
    on, told = 'device-policy = closed', 'ready = notify'
    path, major, minor = other()
    there, null = ('open', 'r', path), ('open', 'r', '/dev/null')
    with Asking({'free': '', 'w': f'{on} {told} watchdog = 30min'}) as a:
        g = a.g

        def renewed(act):
            """A new process in the same cgroup: nothing was left in there, and it had run for a while."""
            pid = g.pid('w/0')
            cgroup = os.stat(cgroup_directory(pid)).st_ino
            g.until('it to have run for a while', lambda: age(pid) > 0.5)
            act(pid)
            g.until('another process', lambda: g.pid('w/0') not in (0, pid))
            g.until_ready('w/0')
            if not MANAGER_DIES:
                equal(os.stat(cgroup_directory(g.pid('w/0'))).st_ino, cgroup, 'its cgroup')

        g.until_ready('free/0', 'w/0')
        a.all({('w', *there): 'EPERM', ('w', *null): 'done'})
        pid = g.pid('w/0')
        kill_and_wait(g.manager_pid)
        g.until_ready('w/0')
        equal(g.pid('w/0'), pid, 'its process')
        a.all({('w', *there): 'EPERM', ('w', *null): 'done'})
        equal(verdict(g), 'ok', 'what is in force')
        a.change('w', f'{on} {told}')
        g.until('another process', lambda: g.pid('w/0') not in (0, pid))
        g.until_ready('w/0')
        renewed(lambda pid: os.kill(pid, 9))
        a.all({('w', *there): 'EPERM', ('w', *null): 'done'})
        for keys, expected in ((f'{on} device-allow = "{path} r"', ('done', 'done')), (on, ('EPERM', 'done')),
                               ('device-policy = strict', ('EPERM', 'EPERM')), ('', ('done', 'done')), (on, ('EPERM', 'done'))):
            renewed(lambda pid: a.change('w', f'{keys} {told}'))
            for words, result in zip((there, null), expected):
                equal(a.ask('w', *words), result, f'{words} with {keys}')
            equal(verdict(g), 'ok' if keys else '', f'what is in force with {keys}')
        equal(a.ask('w', 'nest', cgroup_directory(g.pid('w/0'))), 'done', 'a cgroup of its own')
        check(cgroup_directory(g.pid('w/0')).endswith('/nested'), 'it is not in there')
        a.all({('w', *there): 'EPERM', ('w', *null): 'done'})
        equal(verdict(g), 'ok', 'what is in force')


def verdict(g, key='w/0', expected=0):
    return next(s['verdict'] for s in g.json('doctor', key, expected=expected)['instances'][0]['settings'] if s['key'] == 'device-policy')


def what_is_not_there():
    """a node or a group that is not there is passed over, and said once; what is no item is refused"""
    need_rules()
    with Asking({'free': '', 'w': 'device-policy = strict restart = always device-allow = {"/dev/ganger-none", "char-ganger-none", "/dev/null r", '
                                  '"/dev/pts r"}'}) as a:
        a.g.until_ready('free/0', 'w/0')
        for text in '/dev/ganger-none: No such file', 'char-ganger-none: the kernel has no such', '/dev/pts r: it is no device':
            a.g.wait_stderr(f'w/0: device-allow: {text}')
        a.all({('w', 'open', 'r', '/dev/null'): 'done', ('w', 'open', 'r', '/dev/zero'): 'EPERM'})
        a.g.ctl('restart', 'w')
        a.g.until_ready('w/0')
        if not MANAGER_DIES:
            equal(sum('device-allow: /dev/ganger-none' in line for line in a.g.stderr_lines), 1, 'warnings')
        equal(a.g.worker('w')['warning'], '', 'a warning')
        said = run([f'{BUILD}/gangerd', '--check', '--config', a.g.write('bad.conf', '''
worker w { exec = {"sleep", "1"} device-allow = {"/dev/null x", "null", "char-"} device-policy = open }
''')], None).err
        for text in "'x' is no access", "device-policy":
            check(text in said, said)


def looked_after():
    """what a doctor finds of one that has lost them, and how exposed one is with them and without"""
    need_rules()
    with Gang('worker w { exec = {"sleep", "1000"} device-policy = closed }\nworker n { exec = {"sleep", "1000"} }\n'
              'worker a { exec = {"sleep", "1000"} device-allow = "/dev/fuse" }') as g:
        g.until_ready('w/0', 'n/0', 'a/0')
        badness = {name: next(c['badness'] for c in g.json('security', name)['workers'][0]['checks'] if c['name'] == 'device-policy')
                   for name in ('w', 'n', 'a')}
        equal(badness, {'w': 0, 'n': 10, 'a': 5}, 'badness')
        equal((verdict(g), verdict(g, 'n/0'), verdict(g, 'a/0')), ('ok', '', 'ok'), 'verdicts')
        root = os.path.dirname(cgroup_directory(g.pid('w/0')))
        with open(f'{root}/cgroup.procs', 'w') as f:
            f.write(str(g.pid('w/0')))
        equal(verdict(g, expected=1), 'differs', 'of one that was taken out of its cgroup')


def without_any():
    """without a cgroup it runs, and status says what it has not, also of the next manager; strictly, it does not"""
    keys = {'w': 'device-policy = closed', 'a': 'device-allow = "/dev/null"', 'own': 'private-devices = yes isolation = strict',
            'strict': 'device-policy = closed isolation = strict', 'allows': 'device-allow = "/dev/null" isolation = strict'}
    with Gang(''.join(f'worker {name} {{ exec = {{"sleep", "1000"}} directory = / restart = never {words} }}\n' for name, words in keys.items()),
              prefix=without_cgroups()) as g:
        g.until_ready('w/0', 'a/0', 'own/0')
        g.wait_stderr('own/0: private-devices: no cgroup keeps it from the nodes of devices elsewhere: there is no cgroup of version 2')
        for name, text in ('strict', 'device-policy=closed: '), ('allows', 'device-allow='):
            g.wait_state(f'{name}/0', 'failed')
            reason = g.instance(f'{name}/0')['reason']
            check(reason.startswith(text) and reason.endswith(': there is no cgroup of version 2 that gangerd may write to'), reason)
        for _ in range(2):
            g.ctl('status', 'w').has('no effect: device-policy (there is no cgroup of version 2')
            g.ctl('status', 'a').has('no effect: device-allow (there is no cgroup of version 2')
            equal(g.worker('own')['warning'], '', 'of what is implied only')
            kill_and_wait(g.manager_pid)
        g.configure(g.config_text.replace('device-policy = closed }', '}'))
        g.ctl('reload')
        g.until('no warning', lambda: g.worker('w')['warning'] == '')


def refused():
    """where the kernel lets gangerd attach no program: as without a cgroup, and what it says is the reason"""
    need_rules()
    need('setpriv')
    keys = {'w': 'device-policy = closed', 'own': 'private-devices = yes', 'strict': 'device-policy = strict isolation = strict'}
    with Gang(''.join(f'worker {name} {{ exec = {{"sleep", "1000"}} directory = / restart = never {words} }}\n' for name, words in keys.items()),
              prefix=['setpriv', '--bounding-set', '-bpf,-net_admin,-sys_admin']) as g:
        g.until_ready('w/0')
        g.ctl('status', 'w').has('no effect: device-policy: Operation not permitted (the system refuses it)')
        g.wait_state('strict/0', 'failed')
        equal(g.instance('strict/0')['reason'], 'device-policy=strict: Operation not permitted', 'reason')
        g.wait_stderr('own/0: private-devices: no cgroup keeps it .*: Operation not permitted')
        kill_and_wait(g.manager_pid)
        g.ctl('status', 'w').has('no effect: device-policy')


def with_all_else():
    """messages, a handshake, a watchdog, what is asked whether it is ready, an end: none of it needs another device"""
    need_rules()
    on = 'device-policy = closed isolation = strict'
    with Gang(f'''
ring in {{ }}
ring out {{ }}
worker io {{ exec = {{"@/io"}} io = lines receive = in send = out {on} }}
worker strict {{ exec = {{"@/io"}} io = lines receive = in send = out device-policy = strict isolation = strict }}
worker asked {{ exec = {{"sleep", "1000"}} ready = exec ready-exec = {{"true"}} {on} }}
worker line {{ exec = {{"@/line"}} ready = fd ready-fd = 3 {on} }}
''', begin=False) as g:
        g.script('io', 'while read -r x; do echo "OK $x"; done')
        g.script('line', 'echo >&3\nexec sleep 1000')
        g.start()
        g.until_ready('io/0', 'strict/0', 'asked/0', 'line/0')
        for _ in range(2):
            g.ctl('send', 'in', 'a', 'b', 'c', 'd')
            equal(sorted(g.ctl('receive', 'out', '--count', 4).out.split()), ['a', 'b', 'c', 'd'], 'messages')
            before = g.pids()
            kill_and_wait(g.manager_pid)
            equal(g.pids(), before, 'processes')
        g.ctl('restart', 'io', 'strict', 'asked', 'line')
        g.until_ready('io/0', 'strict/0', 'asked/0', 'line/0')
        equal([g.worker(name)['warning'] for name in ('io', 'strict', 'asked', 'line')], [''] * 4, 'warnings')


main(policies, accesses, kept_by_the_kernel, what_is_not_there, looked_after, without_any, refused, with_all_else)
