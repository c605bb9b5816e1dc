#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
private-pids: a worker that is process 1 of processes of its own; without the key the same program is one of all

It is told, watched, taken over and stopped as any other.
"""

import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403

ON = 'private-pids = yes'
SLEEP = 'exec = {"sleep", "1000"} directory = /'

# What it is given says that it is for process 1, which it is. It is a child that tells the rest.
TELLS = '''
import os, signal, socket, sys, time
for name in "LISTEN_PID", "WATCHDOG_PID":
    assert os.environ[name] == str(os.getpid()) == "1", (name, os.environ[name], os.getpid())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
if os.fork():
    while True:
        s.send(b"WATCHDOG=1")
        time.sleep(0.1)
s.send(b"STATUS=by a child")
s.send(b"READY=1")
time.sleep(1000)
'''

# A child in a session of its own, whose parent it does not stay.
LEAVES = 'setsid sh -c "sleep 1000 & exec sleep 1000" &\nexec sleep 1000\n'


def case(name, options, probe, refused, permitted='done', other=''):
    """The probe handles no signal."""
    return Case(name, options, probe, refused, permitted, f'{other} stop-timeout = 100ms')


class Root:
    """A directory that can be a root: programs are mounted in it."""

    keys = 'bind-read-only-paths = "/usr"'

    def __enter__(self):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix='gang.b340.', dir='/var/lib'))
        os.chmod(self.path, 0o755)
        for name in 'usr', 'proc', 'sys', 'dev', 'tmp':
            os.mkdir(f'{self.path}/{name}')
        for name in 'bin', 'lib', 'lib64':
            if os.path.islink(f'/{name}'):
                os.symlink(f'usr/{name}', f'{self.path}/{name}')
        return self.path

    def __exit__(self, *what):
        shutil.rmtree(self.path)


def what_it_sees():
    """it is number 1, in /proc there is nobody else, and nobody whom it could send a signal; with other keys, too"""
    need_root()
    with Root() as at:
        root = f'root-directory = {at} {Root.keys}'
        me = os.getpid()
        try_all([
            case('pid', ON, ('pid', 'x'), '1', 'another'),
            case('processes', ON, ('processes', 'x'), 'itself', 'others'),
            case('signal', ON, ('signal', me), 'ESRCH'),
            case('strict', f'{ON} isolation = strict protect-system = strict private-tmp = yes', ('processes', 'x'), 'itself',
                 'others'),
            case('tunable', f'{ON} protect-kernel-tunables = yes', ('write', '/proc/sys/kernel/hostname'), 'EROFS'),
            case('tunables', f'{ON} protect-kernel-tunables = yes', ('processes', 'x'), 'itself', None),
            case('proc', f'{ON} protect-proc = invisible', ('processes', 'x'), 'itself', 'others'),
            case('subset', f'{ON} proc-subset = pid', ('read', '/proc/meminfo'), 'ENOENT'),
            case('subset-own', f'{ON} proc-subset = pid', ('processes', 'x'), 'itself', None),
            case('users', f'{ON} private-users = yes', ('users', 'x'), '0', '0'),
            case('users-nobody', f'{ON} private-users = yes', ('users', 'x'), f'0, {nobody().pw_uid}', '0', 'user = nobody'),
            case('users-own', f'{ON} private-users = yes', ('processes', 'x'), 'itself', 'others', 'user = nobody'),
            case('root', f'{ON} {root}', ('processes', 'x'), 'itself', None),
            case('root-with', root, ('processes', 'x'), 'others', None),
        ])


def it_is_told():
    """LISTEN_PID and WATCHDOG_PID are its own number; a child of it tells; what asks whether it is ready is with the others"""
    need_root()
    with Gang(f'''
listen s {{ stream = @/s }}
worker w {{ exec = {{"{PYTHON}", "-c", '{TELLS}'}} directory = / ready = notify watchdog = 60s listen = s {ON} }}
worker asked {{ {SLEEP} ready = exec ready-exec = {{"sh", "-c", "kill -0 $MAINPID && test $$ != 1"}} stop-timeout = 100ms {ON} }}
''') as g:
        g.until_ready('w/0', 'asked/0')
        pid = g.pid('w/0')
        equal(g.instance('w/0')['status_text'], 'by a child', 'its status')
        kill_and_wait(g.manager_pid)
        equal((g.instance('w/0')['state'], g.pid('w/0')), ('ready', pid), 'after the manager has died')
        equal(g.json('doctor', 'w')['instances'][0]['key'], 'w/0', 'what is looked at')
        g.ctl('doctor', 'w').has('private-pids')
        g.ctl('daemon-upgrade', os.path.realpath(g.program))
        g.ctl('reload')
        equal(g.pid('w/0'), pid, 'pid after an upgrade and a reload')
        g.ctl('restart', 'w')
        g.until_ready('w/0')
        check(g.pid('w/0') != pid and not alive(pid), 'it is not another one')
        kill_and_wait(g.pid('w/0'))
        g.until('it is started again', lambda: g.instance('w/0')['restarts'] == 1)
        g.until_ready('w/0')


def it_stops():
    """a program that handles its stop-signal ends by it; to one that does not it is nothing, and stop-timeout ends it"""
    need_root()
    with Gang(f'worker deaf {{ {SLEEP} stop-timeout = 100ms {ON} }}\n'
              f'worker hears {{ exec = {{"@/hears"}} stop-timeout = infinity {ON} }}\n'
              f'worker plain {{ {SLEEP} stop-timeout = infinity }}', begin=False) as g:
        g.script('hears', 'trap "exit 0" TERM\nwhile :; do sleep 0.1; done\n')
        g.start()
        g.until_ready('deaf/0', 'hears/0', 'plain/0')
        g.until('it handles it', lambda: children(g.pid('hears/0')))
        pids = [g.pid(key) for key in ('deaf/0', 'hears/0', 'plain/0')]
        kill(pids[0], signal.SIGTERM)
        for name in 'plain', 'hears', 'deaf':
            g.ctl('stop', name)
        check(not any(alive(pid) for pid in pids), 'it lives')
        for key, words in ('deaf/0', 'signal 9'), ('hears/0', 'exit status 0'):
            check(words in g.ctl('report', key).out or 'SIGKILL' in g.ctl('report', key).out, g.ctl('report', key).out)


def nothing_is_left():
    """what it has started ends with it, and not only because somebody finds it: also when nobody is there to do so"""
    need_root()
    with Gang(f'worker in {{ exec = {{"@/leaves"}} {ON} }}\nworker out {{ exec = {{"@/leaves"}} }}', begin=False,
              check_end=False) as g:
        g.script('leaves', LEAVES)
        g.start()
        g.until_ready('in/0', 'out/0')
        left = {}
        for key in 'in/0', 'out/0':
            g.until('it has started them', lambda: len(descendants(g.pid(key))) == 2 and
                    all(process_name(pid) == 'sleep' for pid in descendants(g.pid(key))))
            left[key] = descendants(g.pid(key))
        mains = [g.pid(key) for key in left]
        kill_and_wait(g.keeper_pid)
        for pid in mains + left['in/0']:
            wait_dead(pid)
        try:
            check(all(alive(pid) for pid in left['out/0']), 'they end without the key')
        finally:
            for pid in left['out/0']:
                kill_and_wait(pid)


def messages():
    """by libganger, and by the bridge, which is then process 1"""
    need_root()
    with Gang(f'''
ring jobs {{ }}
ring out {{ }}
ring lines {{ }}
ring said {{ }}
worker stage {{ exec = {{"{BUILD}/tests/scenario/stage-worker"}} receive = jobs send = out ready = library {ON} }}
worker talks {{ exec = {{"@/talks"}} io = lines receive = lines send = said {ON} }}
worker once {{ exec = {{"sh", "-c", "cat; test $$ != 1"}} io = exec receive = said send = jobs {ON} }}
''', begin=False) as g:
        g.script('talks', 'while read -r x; do sh -c "sleep 0.01 & exit 0"; echo "OK $x"; done\n')
        g.start()
        g.until_ready('stage/0', 'talks/0', 'once/0')
        for round in range(2):
            texts = [f'{round}{i}' for i in range(5)]
            g.ctl('send', 'lines', *texts)
            equal(sorted(g.ctl('receive', 'out', '--count', 5).out.split()), texts, 'what went through all of them')
            g.until('whom the program has left is reaped', lambda: len(children(g.pid('talks/0'))) == 1)
            kill_and_wait(g.pid('talks/0') if round else g.manager_pid)
        for key in 'stage/0', 'talks/0', 'once/0':
            settings = g.json('doctor', key)['instances'][0]['settings']
            equal({s['verdict'] for s in settings if s['key'] == 'private-pids'}, {'ok'}, f'what is in force of {key}')


def without_root():
    """an ordinary user: with users of its own it is the same; without, it is told and gone without, or refused"""
    need_root()
    own = f'{ON} private-users = yes'
    cases = [
        case('pid', f'{own} isolation = strict', ('pid', 'x'), '1'),
        case('processes', f'{own} isolation = strict', ('processes', 'x'), 'itself'),
        case('signal', own, ('signal', os.getpid()), 'ESRCH'),
        case('users', own, ('users', 'x'), str(nobody().pw_uid)),
        case('tmp', f'{own} private-tmp = yes', ('processes', 'x'), 'itself'),
        case('lacks', ON, ('pid', 'x'), 'another'),
        case('lacks-proc', ON, ('processes', 'x'), 'others'),
    ]
    with gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases) +
                        f'worker strict {{ {SLEEP} {ON} isolation = strict restart = never }}') as g:
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')
        g.wait_stderr('lacks/0: it goes without private-pids=yes: Operation not permitted')
        g.wait_state('strict/0', 'failed')
        equal(g.instance('strict/0')['reason'], 'private-pids=yes: Operation not permitted', 'reason')


def without_a_proc():
    """where the kernel gives no /proc of its own, it has no processes of its own either; the other keys it has"""
    need_root()
    need('unshare')
    own = f'{ON} private-users = yes'
    cases = [
        case('pid', own, ('pid', 'x'), 'another'),
        case('processes', f'{own} private-tmp = yes', ('processes', 'x'), 'others'),
        case('users', own, ('users', 'x'), str(nobody().pw_uid)),
        case('tmp', f'{own} private-tmp = yes', ('list', '/var/tmp'), 'empty'),
    ]
    g = gang_of_nobody(''.join(worker(c.name, c, c.options) for c in cases) +
                       f'worker strict {{ {SLEEP} {own} isolation = strict restart = never }}')
    # What hides a part of it could be undone by mounting another one.
    g.prefix = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc/sys/kernel && exec "$@"', 'sh', *g.prefix]
    with g:
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}/0'), c.refused, f'{c.name} with {c.options}')
        g.wait_stderr('pid/0: it goes without private-pids=yes: Operation not permitted')
        g.wait_state('strict/0', 'failed')
        equal(g.instance('strict/0')['reason'], 'private-pids=yes: Operation not permitted', 'reason')


main(what_it_sees, it_is_told, it_stops, nothing_is_left, messages, without_root, without_a_proc)
