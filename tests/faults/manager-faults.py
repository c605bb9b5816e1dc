#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The manager dies at chosen points, and the checks of that find the faults that are put in on purpose

Each check is run three times or more: with the daemon as it is, where it must hold, and with each fault that it guards
against, where it must fail. A check that does not fail then shows nothing.
"""

import contextlib
import fcntl
import glob
import grp
import io
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
import attacks  # noqa: E402
from gang import *  # noqa: E402, F403
from programs import *  # noqa: E402, F403
from service_manager import KeptGang  # noqa: E402

PROGRAM = 'tests/faults/gangerd-faults'
# What does not come with a fault, within this time, does not come.
PATIENCE_WITH_FAULT = 5 * SLOWER

CONFIG = '''
ring jobs { slots = 64 max-deliveries = 100 }
ring out { slots = 64 }
ring mail { slots = 16 }
worker hold { exec = {"@/hold"} io = lines receive = jobs send = out instances = 2 }
worker plain { exec = {"sleep", "1000"} instances = 2 }
worker once { exec = {"@/once"} restart = never }
worker tells { exec = {"@/tells"} restart = never on-failure = {"@/failed"} }
'''
# Keeps each message until somebody opens the gate.
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x"; done'
ONCE = 'read -r go < @/end; exit 3'
TELLS = 'read -r go < @/end-tells; exit 3'
FAILED = 'echo x >> @/failures; read -r go < @/gate-failed'


class FaultyGang(Gang):
    """With a fault, or none; dies once wherever die_at() says."""

    def __init__(self, fault, **options):
        super().__init__(CONFIG, begin=False, program=PROGRAM, env={'GANGER_FAULT': fault}, **options)
        self.limit = PATIENCE_WITH_FAULT if fault else LIMIT
        self.at = self.path('at')
        self.env['GANGER_FAULT_AT'] = self.at
        self.gate = None
        for name, text in ('hold', HOLD), ('once', ONCE), ('tells', TELLS), ('failed', FAILED):
            self.script(name, text.replace('@', self.directory))
        self.fifo('end-tells')
        self.fifo('gate-failed')
        self.write('failures', '')
        self.fifo('gate')
        self.fifo('end')

    def __enter__(self):
        super().__enter__()
        self.start()
        self.wait_until('all are ready', lambda: all(i['state'] == 'ready' for i in self.instances().values()))
        return self

    def __exit__(self, *what):
        try:
            return super().__exit__(*what)
        finally:
            if self.gate is not None:
                os.close(self.gate)

    def wait_until(self, what, condition):
        return self.until(what, condition, self.limit)

    def die_at(self, point):
        """Of the managers, the next that comes by this point dies, and it alone."""
        self.write('at', point)

    def has_died(self):
        """Until a manager was at that point."""
        self.wait_until('a manager has died', lambda: not os.path.exists(self.at))

    def hold(self):
        """Two messages, one with each instance of `hold`. @return who has which."""
        self.ctl('send', 'jobs', 'a', 'b')
        self.wait_until('both are held', lambda: self.ring('jobs')['leased'] == 2)
        return {m['holder']: m['text'] for m in self.json('peek', 'jobs')['messages']}

    def open_gate(self):
        self.gate = os.open(self.path('gate'), os.O_RDWR)
        os.write(self.gate, b'go\n' * 64)

    def replaced(self, key, before):
        """Until that instance has its next process, and that is ready."""
        def is_replaced():
            i = self.instance(key)
            return i['state'] == 'ready' and i['pid'] not in (0, before[key]['pid'])
        self.wait_until(f'{key} is replaced', is_replaced)

    def is_whole(self, before, *restarted):
        """None is doubled or forgotten, those that did not die are the same, and every message is with a living one."""
        now = self.instances()
        for m in self.json('peek', 'jobs')['messages']:
            check(m['state'] == 'ready' or m['holder'] in now, f'a message that nobody has: {m}')
        for key, i in before.items():
            again = key in restarted
            equal(now[key]['generation'], i['generation'] + again, f'processes of {key}')
            equal(now[key]['restarts'], i['restarts'] + again, f'restarts of {key}')
            check(again or now[key]['pid'] == i['pid'], f'{key} has another process')
        self.has_these({i['pid'] for i in now.values() if i['pid']})
        told = [line for line in self.stderr_lines if 'File exists' in line]
        check(not told, f'it asked for what there was: {told}')

    def has_these(self, pids):
        living = {pid for pid in children(self.keeper_pid) if alive(pid)} - {self.manager_pid}
        equal(living, pids, f'children of the keeper: {self.names(living ^ pids)}')

    def delivers(self):
        """Once each, now that the gate is open."""
        self.open_gate()
        self.wait_until('all is delivered', lambda: self.ring('out')['ready'] >= 2 and self.ring('jobs')['leased'] == 0)
        got = [data(m) for m in self.json('peek', 'out')['messages']]
        equal(sorted(got), ['a', 'b'], 'messages')


# ---- checks ------------------------------------------------------------------------------------------


def a_worker_dies(fault, point=None):
    """a worker that holds a message is killed, and the manager where it handles that"""
    with FaultyGang(fault) as g:
        g.hold()
        before = g.instances()
        if point:
            g.die_at(point)
        kill(before['hold/0']['pid'])
        if point:
            g.has_died()
        g.replaced('hold/0', before)
        g.is_whole(before, 'hold/0')
        g.delivers()


def the_manager_dies(fault, point=None):
    """the manager is killed, and the next one where it takes over"""
    with FaultyGang(fault) as g:
        g.hold()
        before = g.instances()
        if point:
            g.die_at(point)
        kill_and_wait(g.manager_pid)
        if point:
            g.has_died()
        g.is_whole(before)
        g.delivers()


def a_worker_dies_later(fault):
    """a worker dies whose seats the manager has from the one before"""
    with FaultyGang(fault) as g:
        g.hold()
        before = g.instances()
        kill_and_wait(g.manager_pid)
        kill(before['hold/0']['pid'])
        g.replaced('hold/0', before)
        g.is_whole(before, 'hold/0')
        g.delivers()


MANY_AT_ONCE = 250
# Of each the manager has two pipes, and maybe a cgroup.
DESCRIPTORS = 1000


def many_at_once(fault, point=None):
    """what the keeper has no time for yet takes no descriptors of the manager; each of many ends is handled"""
    with Gang('worker w { exec = {"sleep", "1000"} instances = 0 stop-signal = SIGKILL }', program=PROGRAM,
              env={'GANGER_FAULT': fault}, prefix=('prlimit', f'--nofile={DESCRIPTORS}:{DESCRIPTORS}')) as g:
        limit = PATIENCE_WITH_FAULT if fault else LIMIT
        def running(others=()):
            pids = {i['pid'] for i in g.instances().values() if i['state'] == 'ready'} - {0, *others}
            return pids if len(pids) == MANY_AT_ONCE else None
        keeper = g.keeper_pid
        kill(keeper, signal.SIGSTOP)
        g.ctl('scale', 'w', MANY_AT_ONCE, '--no-wait')
        kill(keeper, signal.SIGCONT)
        before = g.until('all of them run', running)
        equal({i['restarts'] for i in g.instances().values()}, {0}, 'restarts')
        kill(keeper, signal.SIGSTOP)
        for pid in before:
            kill(pid)
        kill(keeper, signal.SIGCONT)
        g.until('all of them are replaced', lambda: running(before), limit)


def one_that_ends_for_good(fault, point='after-acknowledge'):
    """`restart = never` holds, wherever the manager dies that decides it"""
    with FaultyGang(fault) as g:
        before = g.instances()
        g.die_at(point)
        with open(g.path('end'), 'w') as f:
            f.write('go\n')
        g.has_died()
        def is_decided():
            i = g.instance('once/0')
            return i if i['state'] == 'failed' or i['pid'] not in (0, before['once/0']['pid']) else None
        i = g.wait_until('it is decided', is_decided)
        equal((i['state'], i['pid'], i['restarts'], i['last_exit']), ('failed', 0, 0, 'exit status 3'), 'once/0')
        g.has_these({i['pid'] for key, i in before.items() if key != 'once/0'})


def the_end_of_all(fault, point=None):
    """failure-action: the daemon ends with the exit status of the process, wherever the manager dies that decides it"""
    with FaultyGang(fault, check_end=False) as g:
        once = 'worker once { exec = {"@/once"} restart = never '
        check(once in CONFIG, 'it is another configuration')
        g.configure(CONFIG.replace(once, once + 'failure-action = exit '))
        g.ctl('reload')
        if point:
            g.die_at(point)
        with open(g.path('end'), 'w') as f:
            f.write('go\n')
        try:
            status = g.process.wait(g.limit)
        except subprocess.TimeoutExpired:
            raise Failed('it does not end') from None
        check(not point or not os.path.exists(g.at), 'no manager has died')
        equal(status, 3, 'exit status')
        g.close_streams()
        equal(g.strangers(), [], 'processes left')


def on_failure(fault, point=None):
    """on-failure is run once, wherever the manager dies that has it run"""
    with FaultyGang(fault) as g:
        if point:
            g.die_at(point)
        with open(g.path('end-tells'), 'w') as f:
            f.write('go\n')
        if point:
            g.has_died()
        def running():
            return [pid for pid in children(g.keeper_pid) if any(a.endswith('/failed') for a in process_arguments(pid))]
        g.wait_until('it has run', lambda: g.read('failures') == 'x\n')
        # Whoever takes over now must not run it again, when it has ended.
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        pids = running()
        with open(g.path('gate-failed'), 'w') as f:
            f.write('go\n')
        for pid in pids:
            wait_dead(pid)
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'plain/0')     # the keeper has done what it was asked before
        if running():
            g.wait_until('it has run again', lambda: g.read('failures') != 'x\n')
        equal(g.read('failures'), 'x\n', 'how often it was run')


def a_report(fault, point=None):
    """the report of a death has what it held, and the death once, wherever the manager dies that writes it"""
    with FaultyGang(fault) as g:
        g.hold()
        pid = g.pid('hold/0')
        if point:
            g.die_at(point)
        kill_and_wait(pid)
        if point:
            g.has_died()
        g.wait_until('the report', lambda: [r for r in g.json('report', 'hold/0')['reports'] if r['pid'] == pid])
        kill_and_wait(g.manager_pid)
        r = g.json('report', 'hold/0')['reports'][0]
        equal(len(r['ends']), 1, 'ends')
        equal([e['count'] for e in g.status('hold')['hold']['ends'] if e['reason'] == 'signal'], [1], 'times that it was counted')
        equal([(lease['object'], lease['outcome']) for lease in r['leases']], [('jobs', 'delivered again')], 'what it held')
        g.open_gate()


def a_drain(fault):
    """what drains is not interrupted by the next manager"""
    with FaultyGang(fault) as g:
        g.hold()
        kill_and_wait(g.manager_pid)
        g.ctl('stop', 'hold', '--no-wait')
        equal({g.instance(key)['state'] for key in ('hold/0', 'hold/1')}, {'draining'}, 'state')
        g.delivers()
        g.wait_until('it has stopped', lambda: g.instance('hold/0')['state'] == 'down')


def what_people_want(fault):
    """a scale, a stop and counts of restarts outlive the manager"""
    with FaultyGang(fault) as g:
        before = g.instances()
        kill(before['plain/1']['pid'])
        g.replaced('plain/1', before)
        g.ctl('scale', 'plain', 3)
        g.ctl('stop', 'plain/0', 'hold')
        before = g.instances()
        kill_and_wait(g.manager_pid)
        now = g.instances()
        equal({k: (i['pid'], i['state'], i['restarts']) for k, i in now.items()},
              {k: (i['pid'], i['state'], i['restarts']) for k, i in before.items()}, 'instances')
        g.has_these({i['pid'] for i in before.values() if i['pid']})


def a_scale(fault, point='after-scale'):
    """a scale that the manager dies in is finished by the next one"""
    with FaultyGang(fault) as g:
        before = g.instances()
        g.die_at(point)
        g.ctl('scale', 'plain', 4)
        g.has_died()
        g.wait_until('there are four', lambda: g.status('plain')['plain']['ready'] == 4)
        now = g.instances()
        check(all(now[key]['pid'] == i['pid'] for key, i in before.items()), 'others were touched')
        g.has_these({i['pid'] for i in now.values()})


def a_scale_down(fault, point=None):
    """what goes finishes what it holds: no message is delivered twice"""
    with FaultyGang(fault) as g:
        g.hold()
        if point:
            g.die_at(point)
        g.ctl('scale', 'hold', 1, '--no-wait')
        if point:
            g.has_died()
        g.ctl('restart', 'plain')           # so the keeper has done what it was asked before
        g.delivers()
        g.wait_until('there is one', lambda: len(g.status('hold')['hold']['instances']) == 1)
        equal(g.ring('jobs').get('redelivered', 0), 0, 'redelivered')


def a_reload(fault, point='after-config'):
    """a reload is whole or not at all, wherever the manager dies"""
    with FaultyGang(fault) as g:
        before = g.instances()
        g.configure(CONFIG.replace('"1000"', '"2000"') + 'worker more { exec = {"sleep", "3000"} }\n')
        g.die_at(point)
        g.ctl('reload')                     # which asks again
        g.has_died()
        g.wait_until('it is in force', lambda: 'more' in g.status() and g.instance('more/0')['state'] == 'ready')
        g.wait_until('processes are new', lambda: all(process_arguments(g.pid(f'plain/{n}'))[-1:] == ['2000'] for n in (0, 1)))
        g.wait_until('those before are gone', lambda: not alive(before['plain/0']['pid']) and not alive(before['plain/1']['pid']))
        now = g.instances()
        for key in ('hold/0', 'hold/1', 'once/0'):
            equal(now[key]['pid'], before[key]['pid'], f'process of {key}')
        g.has_these({i['pid'] for i in now.values()})


def a_removed_worker(fault, point=None):
    """a worker is taken away, and the manager dies before it gives back what that had"""
    with FaultyGang(fault) as g:
        directory = cgroup_directory(g.pid('plain/0'))
        if not directory or 'plain:0' not in directory:
            raise Skip('there are no cgroups')
        g.configure(re.sub('worker plain .*', '', CONFIG))
        if point:
            g.die_at(point)
        g.ctl('reload', expected=None)
        if point:
            g.has_died()
        g.wait_until('it is gone', lambda: 'plain/0' not in g.instances())
        above = os.path.dirname(directory)
        g.wait_until('none of its cgroups is left', lambda: not any(name.startswith('plain:') for name in os.listdir(above)))


def a_configuration_in_force(fault):
    """what was reloaded stays in force over the death of the manager, whatever the file says by then"""
    with FaultyGang(fault) as g:
        g.configure(CONFIG + 'worker more { exec = {"sleep", "3000"} }\n')
        g.ctl('reload')
        g.wait_until('it is in force', lambda: g.instance('more/0')['state'] == 'ready')
        before = g.pids()
        g.configure('worker {')
        kill_and_wait(g.manager_pid)
        equal(g.pids(), before, 'processes')
        g.has_these(set(before.values()))


def as_adm():
    return [*as_nobody()[:-1], '--groups', str(grp.getgrnam('adm').gr_gid)]


def a_grant(fault):
    """who has something of one worker, by its user or its group, has nothing of the others; and what was taken stays taken"""
    need_root()
    who, adm = as_nobody(), as_adm()
    with FaultyGang(fault) as g:
        def allow(of_plain):
            text = g.config_text.replace('worker plain { ', f'worker plain {{ {of_plain} ').replace(
                'worker tells { ', 'worker tells { allow = "@adm:operate" ')
            g.write('ganger.conf', text)
            g.ctl('reload')

        def may_see(prefix, name):
            g.ctl_prefix = prefix
            try:
                return g.ctl('status', name, expected=None).status == 0
            finally:
                g.ctl_prefix = []

        allow('allow = "nobody:view"')
        check(may_see(who, 'plain'), 'plain is not seen')
        check(not may_see(who, 'hold'), 'hold is seen')
        check(not may_see(who, 'tells'), 'tells is seen')
        check(may_see(adm, 'tells'), 'what its group may see is not seen')
        g.ctl('upgrade', 'plain', '--exec', 'sleep', 1001)
        allow('')
        g.ctl('rollback', 'plain')
        check(not may_see(who, 'plain'), 'what was taken is given again')


def an_outsider(fault, point=None):
    """a gangerctl that receives outlives the manager; when it is killed, its message comes back"""
    with FaultyGang(fault) as g:
        g.ctl('send', 'mail', 'letter')
        receiver = g.background('receive', 'mail', '--exec', f'read x < {g.path("gate")}', start_new_session=True)
        g.wait_until('it holds the letter', lambda: g.ring('mail')['leased'] == 1)
        kill_and_wait(g.manager_pid)
        m = g.json('peek', 'mail')['messages'][0]
        equal((m['state'], m['holder']), ('leased', f'pid {receiver.pid}'), 'the letter')
        if point:
            g.die_at(point)
        os.killpg(receiver.pid, signal.SIGKILL)
        receiver.wait()
        if point:
            g.has_died()
        g.wait_until('the letter is back', lambda: g.json('peek', 'mail')['messages'][0]['state'] == 'ready')
        equal(g.ctl('receive', 'mail').out, 'letter\n', 'received')


def scribble(pid, name):
    """Overwrite the memory of a ring, beyond its header, as a process may that has it."""
    for fd in os.listdir(f'/proc/{pid}/fd'):
        path = f'/proc/{pid}/fd/{fd}'
        if os.readlink(path) == f'/memfd:{name} (deleted)':
            with open(path, 'r+b') as f:
                f.seek(64)
                f.write(b'\xff' * 65536)
            return
    check(False, f'{pid} has no memory of {name}')


def a_damaged_ring(fault, point=None):
    """a ring that was overwritten is told of, given to nobody, and made anew, wherever the manager dies over that"""
    with FaultyGang(fault) as g:
        scribble(g.manager_pid, 'mail')
        check(g.ring('mail')['damage'], 'the damage is not seen')
        refusal = g.ctl('send', 'mail', 'letter', '--timeout', '100ms', expected=None).err
        check('quarantined' in refusal, f'the ring is given to somebody: {refusal}')
        if point:
            g.die_at(point)
        g.ctl('reset', 'mail')
        if point:
            g.has_died()
        equal(g.ring('mail')['damage'], '', 'the damage afterwards')
        g.ctl('send', 'mail', 'letter')
        equal(g.ctl('receive', 'mail').out, 'letter\n', 'received')


def a_round(fault, point='round-begun'):
    """a group is started again as a whole, though the manager dies before the others are told"""
    with FaultyGang(fault) as g:
        g.configure(CONFIG.replace('worker plain {', 'group g { strategy = one-for-all }\nworker plain { group = g'))
        g.ctl('reload')
        before = g.instances()
        g.die_at(point)
        kill(before['plain/0']['pid'])
        g.has_died()
        g.replaced('plain/0', before)
        g.replaced('plain/1', before)
        equal(g.pid('hold/0'), before['hold/0']['pid'], 'one that is not in the group')


def a_wish(fault, point=None):
    """what was stopped by hand is written down for the next daemon, though the manager dies over it"""
    g = FaultyGang(fault)
    os.mkdir(g.path('state'))
    g.arguments = ['--state-dir', g.path('state')]
    with g:
        if point:
            g.die_at(point)
        g.ctl('stop', 'plain')
        if point:
            g.has_died()
        g.wait_until('the wish is written down', lambda: os.path.exists(g.path('state/wishes')) and
                     g.read('state/wishes') == 'stopped plain\n')


def a_foreign_semaphore(fault):
    """a POSIX semaphore that another program has under the name of one of ours stays what it is"""
    name = f'ganger-test-{os.getpid()}'
    path = f'/dev/shm/sem.{name}'
    with FaultyGang(fault) as g:
        with open(path, 'wb') as f:
            f.write(bytes(32))
        try:
            before = os.stat(path).st_ino
            g.configure(CONFIG + f'semaphore {name} {{ permits = 1 posix = yes }}\n')
            g.ctl('reload', expected=None)
            equal(os.stat(path).st_ino, before, 'the foreign semaphore')
        finally:
            os.unlink(path)


# Answers each connection.
SERVE = '''
import socket
server = socket.socket(fileno=3)
while True:
    connection, address = server.accept()
    connection.sendall(b'here')
    connection.close()
'''
SOCKET = 'listen web { stream = @/web }\nworker web { exec = {"@/serve"} listen = web start = manual }\n'


def with_socket(g):
    """A worker with a socket, that rests."""
    g.python('serve', SERVE)
    g.configure(CONFIG + SOCKET)


def is_answered(g):
    s = socket.socket(socket.AF_UNIX)
    s.connect(g.path('web'))
    g.ctl('start', 'web')
    return heard(g, s)


def heard(g, s):
    s.settimeout(g.limit)
    try:
        return s.recv(100)
    except OSError as e:
        return e


def a_socket(fault):
    """who waits at a socket is served, though the manager that opened it died meanwhile"""
    with FaultyGang(fault) as g:
        with_socket(g)
        g.ctl('reload')
        s = socket.socket(socket.AF_UNIX)
        s.connect(g.path('web'))
        kill_and_wait(g.manager_pid)
        g.ctl('start', 'web')
        equal(heard(g, s), b'here', 'what it hears')


def a_new_socket(fault, point):
    """a manager dies over a socket that a reload defines: the reload is asked for again, and opens it"""
    with FaultyGang(fault) as g:
        with_socket(g)
        g.die_at(point)
        g.ctl('reload')
        g.has_died()
        g.wait_until('it is in force', lambda: 'web' in g.status())
        equal(is_answered(g), b'here', 'what one hears')


def a_socket_that_goes(fault, point='after-config'):
    """a manager dies over a socket that is no longer defined: it is closed, and its file goes"""
    with FaultyGang(fault) as g:
        with_socket(g)
        g.ctl('reload')
        check(os.path.exists(g.path('web')), 'there is no file')
        g.configure(CONFIG)
        g.die_at(point)
        g.ctl('reload')
        g.has_died()
        g.wait_until('it is in force', lambda: 'web' not in g.status())
        check(not os.path.exists(g.path('web')), 'a file is left')


def a_demand(fault):
    """a message that is there already when the watching begins is seen"""
    with FaultyGang(fault) as g:
        g.ctl('send', 'mail', 'letter')
        g.configure(CONFIG + 'worker late { exec = {"sleep", "1000"} receive = mail start = on-demand }\n')
        g.ctl('reload')
        g.wait_until('it is started', lambda: g.instance('late/0')['state'] == 'ready')


def a_probe(fault, point=None):
    """a probe that is a program ends with its process, wherever the manager dies that has begun it"""
    with FaultyGang(fault) as g:
        g.script('ask', f'read -r go < {g.fifo("gate-ask")}')
        if point:
            g.die_at(point)
        g.configure(CONFIG + 'worker asked { exec = {"sleep", "1000"} health = exec health-exec = {"@/ask"} health-interval = 10ms '
                             'health-timeout = 1h }\n')
        g.ctl('reload')
        if point:
            g.has_died()
        def one():
            pids = [p for p in children(g.keeper_pid) if any(a.endswith('/ask') for a in process_arguments(p))]
            check(len(pids) <= 1, 'two probes at once')
            return pids
        probe, = g.wait_until('it is asked', one)
        before = g.instances()
        kill(g.manager_pid)
        kill(before['asked/0']['pid'])
        g.wait_until('the probe is gone', lambda: not alive(probe))
        g.replaced('asked/0', before)
        g.wait_until('the next one is asked', one)


STALLS = '''
ring jobs { slots = 64 max-deliveries = 100 }
worker hold { exec = {"@/hold"} io = lines receive = jobs stall-timeout = 200ms stop-timeout = 500ms }
worker source { exec = {"@/source"} io = lines send = jobs }
'''


def stalling(fault, after='200ms'):
    """With one that receives, and one that sends what comes by a fifo."""
    g = FaultyGang(fault)
    g.configure(STALLS.replace('stall-timeout = 200ms', f'stall-timeout = {after}'))
    g.script('source', f'while :; do cat {g.fifo("lines")}; done')
    g.script('hold', f'while read -r x; do : > {g.path("taken")}; read -r go < {g.path("gate")}; done')
    return g


def is_stalled(g):
    def ended(e):
        return e['kind'] == 'exit' and e['key'].startswith('hold/')
    g.wait_until('it is ended', lambda: any(map(ended, g.events.items)))
    e = g.wait_event(ended, what='its end')
    check('stalled: held message 0 of jobs' in e['text'], f'its end: {e["text"]}')


def a_stall(fault):
    """whoever holds a message for too long is ended, though the message was taken before the manager came to look"""
    with stalling(fault) as g:
        g.wait_until('nothing is awaited', lambda: armed_timers(g.manager_pid) == 0)
        os.kill(g.manager_pid, signal.SIGSTOP)
        with open(g.path('lines'), 'w') as f:
            f.write('x\n')
        g.wait_until('it is taken', lambda: os.path.exists(g.path('taken')))
        os.kill(g.manager_pid, signal.SIGCONT)
        is_stalled(g)


def a_frozen_stall(fault):
    """… and though it is stopped, also if a manager has died meanwhile"""
    with stalling(fault, f'{2 * SLOWER}s') as g:
        pid = g.pid('hold/0')
        g.ctl('send', 'jobs', 'x')
        g.wait_until('it is taken', lambda: g.ring('jobs')['leased'] == 1)
        os.kill(pid, signal.SIGSTOP)
        g.ctl('restart', 'source')          # the keeper has seen that before, and tells the next manager
        kill_and_wait(g.manager_pid)
        is_stalled(g)


BEATS = '''
import signal, sys
import ganger
gang = ganger.join()
gang.heartbeat()
gang.ready()
signal.pause()
'''


def a_heartbeat(fault, point=None):
    """one without a heartbeat has a whole period with each manager, and no more"""
    binding = need_library()
    with FaultyGang(fault) as g:
        g.python('beats', BEATS)
        g.configure(f'worker beats {{ exec = {{"@/beats"}} ready = library heartbeat = 2s {binding} }}\n')
        g.ctl('reload')
        g.wait_until('it is ready', lambda: g.instance('beats/0')['state'] == 'ready')
        pid = g.pid('beats/0')
        for _ in range(2):
            kill_and_wait(g.manager_pid)
            g.ctl('status')
        g.wait_until('it is ended', lambda: not alive(pid))
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        equal(e['text'], 'killed by SIGABRT (heartbeat: still for 2s)', 'its end')
        began = [m for m in g.events.items if m['kind'] == 'manager' and m['monotonic_usec'] < e['monotonic_usec']][-1]
        check(e['monotonic_usec'] - began['monotonic_usec'] >= 2000000, 'the period is too short')


# Says which instance it is.
WHO = 'while read -r x; do echo "OK $GANGER_INSTANCE"; done'
WHO_CONFIG = CONFIG + '''
ring in { slots = 64 max-deliveries = 100 }
ring back { slots = 64 }
worker who { exec = {"@/who"} io = lines receive = in send = back instances = 2 %s }
'''


def with_who(g, keys=''):
    g.script('who', WHO)
    g.configure(WHO_CONFIG % keys)
    g.ctl('reload')
    g.wait_until('it is there', lambda: g.status().get('who', {}).get('ready') == 2)


def answered_by(g, expected, n=40):
    """So many messages, one after the other, are answered by these; as many more as it takes until each has one."""
    got, sent, end = set(), 0, time.monotonic() + g.limit
    while sent < n or (got < expected and time.monotonic() < end):
        g.ctl('send', 'in', 'x')
        got |= set(g.ctl('receive', 'back', '--count', '1').out.split())
        sent += 1
    equal(got, expected, 'who answers')


def a_hold(fault, point=None):
    """what is drained stays so over a manager that dies in it, and over its next process"""
    with FaultyGang(fault) as g:
        with_who(g)
        if point:
            g.die_at(point)
        g.ctl('drain', 'who/0')
        if point:
            g.has_died()
        kill_and_wait(g.manager_pid)
        check(g.instance('who/0').get('drained'), 'it is drained no more')
        answered_by(g, {'1'}, 4)
        before = g.instances()
        kill(before['who/0']['pid'])
        g.replaced('who/0', before)
        answered_by(g, {'1'})
        if point:
            g.die_at(point)
        g.ctl('resume', 'who/0')
        answered_by(g, {'0', '1'})


def a_spare(fault, point=None):
    """one that works dies, and the manager where a spare takes over: there is one spare after it, and the other two work"""
    with FaultyGang(fault) as g:
        with_who(g, 'standby = 1 restart = always')
        g.wait_until('there is a spare', lambda: g.instance('who/2')['state'] == 'standby')
        before, since = g.instances(), g.mark()
        if point:
            g.die_at(point)
        kill(before['who/0']['pid'])
        if point:
            g.has_died()
        g.wait_until('it is replaced', lambda: g.instance('who/0')['pid'] not in (0, before['who/0']['pid']))
        g.wait_until('it is the spare', lambda: g.instance('who/0')['state'] == 'standby')
        equal([g.instance(f'who/{i}')['state'] for i in (1, 2)], ['ready', 'ready'], 'states')
        answered_by(g, {'1', '2'})
        told = [(e['key'], e['state']) for e in g.events.items[since:] if e['kind'] == 'state']
        if not point:
            check(told.index(('who/2', 'ready')) < told.index(('who/0', 'starting')), 'it takes over too late')
        kill_and_wait(g.manager_pid)
        equal([g.instance(f'who/{i}')['state'] for i in range(3)], ['standby', 'ready', 'ready'],
              'states after another manager')


WORKER_POINTS = ('before-recover', 'after-recover', 'after-state', 'after-acknowledge', 'before-spawn', 'amid-spawn', 'after-spawn')

# Says what comes by its fifo, with a descriptor.
SAYS = '''
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
s.send(b'READY=1')
with open(os.path.join(os.path.dirname(sys.argv[0]), 'say')) as lines:
    for line in lines:
        r, w = os.pipe()
        socket.send_fds(s, [line.strip().replace('|', '\\n').encode()], [w])
'''


class SayingGang(FaultyGang):
    def __init__(self, fault, keys=''):
        super().__init__(fault)
        self.configure(f'worker says {{ exec = {{"@/says"}} ready = notify fd-store-max = 2 stop-timeout = 500ms {keys} }}\n'
                       'worker plain { exec = {"sleep", "1000"} instances = 2 }')
        self.python('says', SAYS)
        self.say_to = os.open(self.fifo('say'), os.O_RDWR)

    def __exit__(self, *what):
        try:
            return super().__exit__(*what)
        finally:
            os.close(self.say_to)

    def say(self, *lines):
        os.write(self.say_to, ''.join(line + '\n' for line in lines).encode())


def stored_descriptors(fault, point=None):
    """a process stores descriptors, and the manager dies where it has stored one: none is kept twice, or beyond the limit"""
    with SayingGang(fault) as g:
        if point:
            g.die_at(point)
        g.say(*('FDSTORE=1|FDNAME=x',) * (1 if point else 5), 'STATUS=stored')
        g.wait_until('all is said', lambda: g.instance('says/0')['status_text'] == 'stored')
        equal(g.instance('says/0')['stored_fds'], 1 if point else 2, 'descriptors')


def a_verdict(fault, point=None):
    """the manager dies where it has condemned a process, and has sent no signal: the next one ends it, and says why"""
    with SayingGang(fault) as g:
        before = g.instances()
        if point:
            g.die_at(point)
        g.say('WATCHDOG=trigger')
        g.replaced('says/0', before)
        g.wait_stderr('says/0: .*[(]watchdog', g.limit)


def somebody_elses_process(fault, point=None):
    """MAINPID of a process of another instance is passed over"""
    with SayingGang(fault) as g:
        before = g.instances()
        stranger = g.helper(['sleep', '1000'])
        g.say(f'MAINPID={stranger.pid}', 'STATUS=said')
        g.wait_until('it is said', lambda: g.instance('says/0')['status_text'] == 'said')
        kill(stranger.pid)
        stranger.wait()
        equal(g.instance('says/0')['pid'], before['says/0']['pid'], 'pid')
        told = [line for line in g.stderr_lines if f'MAINPID={stranger.pid}' in line]
        check(told, 'MAINPID is not told to be passed over')


def a_number_of_a_namespace(fault):
    """MAINPID of a process of a namespace of its own is none of ours, whoever has that number with us"""
    need_root()
    with SayingGang(fault, 'private-pids = yes') as g:
        pid = g.instance('says/0')['pid']
        g.say(f'MAINPID={os.getpid()}', 'MAINPID=1', 'STATUS=said')
        g.wait_until('it is said', lambda: g.instance('says/0')['status_text'] == 'said')
        equal(g.instance('says/0')['pid'], pid, 'pid')
        check([line for line in g.stderr_lines if f'MAINPID={os.getpid()} is of a namespace' in line], 'MAINPID is taken for one of ours')


def a_change_of_form(fault, point=None):
    """two rings are given another form: one that nobody has, and one of which messages are held"""
    with FaultyGang(fault) as g:
        g.ctl('send', 'mail', 'x', 'y', 'z')
        g.hold()
        if point:
            g.die_at(point)
        g.configure(CONFIG.replace('slots = 16 ', 'slots = 32 ').replace('slots = 64 max', 'slots = 128 max'))
        g.ctl('reload')
        if point:
            g.has_died()
        g.wait_until('mail has changed', lambda: g.ring('mail')['slots'] == 32)
        equal([data(m) for m in g.json('peek', 'mail')['messages']], ['x', 'y', 'z'], 'letters')
        g.ctl('send', 'mail', 'later')
        g.open_gate()
        g.wait_until('jobs has changed', lambda: g.ring('jobs')['slots'] == 128)
        g.wait_until('all are ready', lambda: all(g.instance(f'hold/{n}')['state'] == 'ready' for n in range(2)))
        g.delivers()
        g.has_these({i['pid'] for i in g.instances().values() if i['pid']})


def a_daemon_upgrade(fault, point=None):
    """the daemon becomes another program while messages are held"""
    with FaultyGang(fault) as g:
        g.hold()
        before = g.instances()
        if point:
            g.die_at(point)
        copy = g.path('gangerd.copy')
        shutil.copy(os.path.realpath(g.program), copy)
        g.ctl('daemon-upgrade', copy).has('has taken over')
        equal(os.readlink(f'/proc/{g.keeper_pid}/exe'), copy, 'the program')
        g.is_whole(before)
        g.delivers()


LOGS = '''
worker many { exec = {"@/count", 101, 300} restart = never start = manual log = file log-max-size = 1KiB log-keep = 100 }
worker limited { exec = {"@/count", 1, 100} restart = never start = manual log = file log-rate = 10/1h }
'''


class LoggingGang(FaultyGang):
    def __init__(self, fault):
        super().__init__(fault)
        self.arguments = ['--log-dir', self.path('logs')]
        os.mkdir(self.path('logs'), 0o755)
        self.fifo('count-now')
        self.script('count', f'read -r go < {self.path("count-now")}; exec seq "$1" "$2"')

    def __enter__(self):
        super().__enter__()
        self.configure(CONFIG + LOGS)
        self.ctl('reload')
        return self

    def run(self, name):
        self.ctl('start', name)
        with open(self.path('count-now'), 'w') as go:
            go.write('go\n')
        self.wait_until(f'{name} has ended', lambda: self.instance(f'{name}/0')['state'] == 'down')

    def texts(self, name):
        """All that is in its files, the oldest first; each line must be whole."""
        files = glob.glob(self.path(f'logs/{name}.log*'))
        files.sort(key=lambda path: -int(path.rpartition('.')[2].replace('log', '0')))
        lines = ''.join(open(path).read() for path in files)
        check(lines == '' or lines.endswith('\n'), 'the last line is not whole')
        return [line.partition(': ')[2] for line in lines.splitlines()]


def a_log_file(fault, point=None):
    """every line is in a log file that is rotated; after a manager that dies over that, the next one goes on"""
    with LoggingGang(fault) as g:
        if point:
            g.die_at(point)
            g.run('many')               # what the manager had read of it dies with it
            g.has_died()
            before = g.texts('many')
            equal(before, sorted(set(before)), 'lines before')
            g.run('many')
            equal(g.texts('many')[len(before):], [str(n) for n in range(101, 301)], 'lines afterwards')
        else:
            g.run('many')
            equal(g.texts('many'), [str(n) for n in range(101, 301)], 'lines')


def lines_that_were_dropped(fault):
    """lines that could not be written, or were too many, are told of"""
    with LoggingGang(fault) as g:
        os.symlink('nowhere', g.path('logs/limited.log'))
        g.run('limited')
        os.unlink(g.path('logs/limited.log'))
        g.ctl('reload')
        g.run('limited')                # it is still in the period of its first run
        said = g.texts('limited')
        check(said and said[0] == '11 lines of log dropped', f'what could not be written: {said[:1]}')
        equal(said[1:], ['dropped 100 lines: more than 10 in 1h'], 'what was too much')


def one_that_remains(fault, point=None):
    """a oneshot that has ended well remains so, wherever the manager dies over that, and is not run again"""
    with FaultyGang(fault) as g:
        end = g.fifo('end-part')
        g.script('part', f'echo run >> {g.path("parts")}; read -r go < {end}')
        g.configure(CONFIG + 'worker part { exec = {"@/part"} type = oneshot remain = yes }\n')
        g.ctl('reload')
        g.wait_until('it runs', lambda: os.path.exists(g.path('parts')))
        if point:
            g.die_at(point)
        with open(end, 'w') as f:
            f.write('go\n')
        if point:
            g.has_died()
        g.wait_until('it has ended', lambda: g.instance('part/0')['state'] in ('exited', 'down'))
        kill_and_wait(g.manager_pid)
        equal(g.instance('part/0')['state'], 'exited', 'state')
        g.ctl('start', 'part')
        equal(g.read('parts'), 'run\n', 'runs')


# Is ready once it is let in.
GATED = '[ -e @/closed ] && read -r go < @/gate; echo up; exec sleep "$1"'
ROLLED = '''
worker w { exec = {"@/gated", "1001"} ready = log ready-log = up instances = 2 restart-delay = 100ms }
worker other { exec = {"sleep", "1000"} }
'''


class RollingGang(FaultyGang):
    def __init__(self, fault):
        super().__init__(fault)
        self.configure(ROLLED)
        self.script('gated', GATED.replace('@', self.directory))

    def runs(self):
        """With which argument each runs; '' for one that has just ended. (Before it is sleep it is a shell that has the same.)"""
        return [''.join(process_arguments(self.pid(f'w/{n}'))[-1:]) for n in range(2)]

    def upgrade(self, word, *more):
        return self.background('upgrade', 'w', '--exec', self.path('gated'), word, *more)

    def phase(self):
        return self.status('w')['w'].get('roll', {'phase': 'none'})['phase']

    def is_rolled(self, before, times=1):
        """Each was replaced that often, the other was not touched, and nobody is left over."""
        self.wait_until('the surge is gone', lambda: set(self.pids()) == set(before))
        now = self.instances()
        for key in ('w/0', 'w/1'):
            equal(now[key]['generation'], before[key]['generation'] + times, f'processes of {key}')
        equal(now['other/0']['pid'], before['other/0']['pid'], 'one that it is not about')
        self.has_these({i['pid'] for i in now.values()})


def a_rolling_restart(fault, point=None):
    """each is replaced once, wherever the manager dies over it"""
    with RollingGang(fault) as g:
        before = g.instances()
        if point:
            g.die_at(point)
        ctl = g.background('restart', '--rolling', 'w')
        if point:
            g.has_died()
        g.wait_helper(ctl, limit=g.limit)
        g.is_rolled(before)


def a_surge(fault):
    """nobody is taken away before the surge serves, whoever is the manager then"""
    with RollingGang(fault) as g:
        g.write('closed', '')
        ctl = g.background('restart', '--rolling', 'w')
        g.wait_state('w/2', 'starting', limit=g.limit)
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        equal({key: i['state'] for key, i in g.instances().items() if key != 'w/2'},
              {'w/0': 'ready', 'w/1': 'ready', 'other/0': 'ready'}, 'those that serve')
        os.unlink(g.path('closed'))
        g.open_gate()
        g.wait_helper(ctl)


def an_upgrade(fault, point=None):
    """the new version is in force, and the one before is kept, wherever the manager dies over it"""
    with RollingGang(fault) as g:
        before = g.instances()
        if point:
            g.die_at(point)
        ctl = g.upgrade('1002')
        if point:
            g.has_died()
        result = g.wait_helper(ctl, None, limit=g.limit)
        equal(result.status, 0, f'the upgrade: {result}')
        equal(g.runs(), ['1002'] * 2, 'what runs')
        g.is_rolled(before)
        kill_and_wait(g.manager_pid)
        equal(g.status('w')['w']['exec'][-1], '1002', 'in force')
        g.ctl('reload')
        g.is_rolled(before)
        g.ctl('rollback', 'w')
        equal(g.runs(), ['1001'] * 2, 'what runs after all')
        g.is_rolled(before, 2)


def a_canary(fault, point=None):
    """one that fails is taken back, wherever the manager dies over it"""
    with RollingGang(fault) as g:
        before = g.pids()
        ctl = g.upgrade('1002', '--canary', 1)
        if point == 'roll-hold':
            g.die_at(point)
        g.wait_helper(ctl)
        if point == 'roll-turned':
            g.die_at(point)
        kill(g.pid('w/0'))
        if point:
            g.has_died()
        g.wait_until('it is taken back', lambda: g.phase() == 'failed')
        equal((g.runs(), g.pid('w/1')), (['1001'] * 2, before['w/1']), 'what runs')


def a_promotion(fault, point):
    """canaries that are promoted are followed by the rest, though the manager dies over it"""
    with RollingGang(fault) as g:
        g.wait_helper(g.upgrade('1002', '--canary', 1))
        g.die_at(point)
        ctl = g.background('promote', 'w')
        g.has_died()
        g.wait_helper(ctl)
        equal(g.runs(), ['1002'] * 2, 'what runs')


ROLL_POINTS = ('roll-begun', 'roll-surge', 'roll-replace', 'roll-ebb', 'roll-over')


def a_warning(fault):
    """what a worker cannot be bounded to is told, also by the next manager"""
    with FaultyGang(fault) as g:
        g.configure(CONFIG + 'worker bounded { exec = {"sleep", "1000"} memory-max = 64MiB oom-policy = continue }')
        g.ctl('reload')
        g.wait_until('it is ready', lambda: g.instance('bounded/0')['state'] == 'ready')
        if controllers(g.pid('bounded/0')):
            raise Skip('there is a controller for memory')
        check('memory-max' in g.worker('bounded')['warning'], 'nothing is told')
        kill_and_wait(g.manager_pid)
        check('memory-max' in g.worker('bounded')['warning'], 'nothing is told by the next manager')


# What it can open of these, one after the other.
OPENS = '''
import os, time
said = [os.path.basename(path) + mode for path in ('/dev/null', '/dev/zero') for mode in 'rw' if not os.system(
    f': {"<" if mode == "r" else ">"} {path}')]
print('=', os.getpid(), *said, flush=True)
time.sleep(1000)
'''


def device_rules(fault):
    """an instance can open what its rules say; one that is born in the cgroup of another what its own say"""
    with FaultyGang(fault) as g:
        need_device_rules(g)
        g.python('opens', OPENS)
        cgroups = set()
        before = 0
        for allow, expected in ('null rw', ['nullr', 'nullw']), ('null r', ['nullr']), ('zero w', ['zerow']):
            if before:
                g.wait_until('it has run for a while', lambda: age(before) > 0.5)
            g.configure(CONFIG + f'worker opens {{ exec = {{"@/opens"}} device-policy = strict device-allow = "/dev/{allow}" }}')
            g.ctl('reload')
            g.wait_until('another process', lambda: 'opens/0' in g.pids() and g.pid('opens/0') not in (0, before))
            before = g.pid('opens/0')
            cgroups.add(os.stat(cgroup_directory(before)).st_ino)
            equal(g.wait_log('opens/0', f'= {before}')['text'].split()[2:], expected, f'what it can open with {allow}')
        equal(len(cgroups), 1, 'cgroups')


def no_device_rules(fault):
    """where there can be none it is told, also by the next manager; where isolation is strict, nothing is started"""
    with FaultyGang(fault, prefix=without_cgroups()) as g:
        on = 'exec = {"sleep", "1000"} restart = never device-policy = closed'
        g.configure(CONFIG + f'worker runs {{ {on} }}\nworker not {{ {on} isolation = strict }}\n')
        g.ctl('reload')
        g.wait_until('it is ready', lambda: g.instance('runs/0')['state'] == 'ready')
        g.wait_until('it was tried', lambda: g.instance('not/0')['state'] in ('ready', 'failed'))
        equal(g.instance('not/0')['state'], 'failed', 'what must not run')
        check('device-policy' in g.worker('runs')['warning'], 'nothing is told')
        kill_and_wait(g.manager_pid)
        check('device-policy' in g.worker('runs')['warning'], 'nothing is told by the next manager')


@contextlib.contextmanager
def running_as(uid):
    """A process of somebody else that has a number."""
    p = subprocess.Popen(['sleep', '1000'], user=uid, group=uid, extra_groups=[])
    try:
        yield
    finally:
        p.kill()
        p.wait()


def a_dynamic_user(fault, point=None):
    """its number is its own while any process has it, over the death of a manager too; nothing of it is left then"""
    need_root()
    name = f'd{os.getpid()}'
    sleeps = 'exec = {"sleep", "1000"} directory = / dynamic-user = yes'
    with FaultyGang(fault) as g:
        def lock(uid):
            """@return it, taken; None: somebody has it."""
            f = open(f'/run/ganger-dynamic-uid/{uid}', 'a')
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return f
            except BlockingIOError:
                f.close()

        def uid_of(i):
            return os.stat(f'/proc/{g.pid(f"{name}/{i}")}').st_uid

        def begin():
            g.ctl('start', name, expected=None)
            g.wait_until('both are ready', lambda: all(g.instance(f'{name}/{i}')['state'] == 'ready' for i in (0, 1)))
            return uid_of(0)

        def end(uid, at=None):
            if at:
                g.die_at(at)
            g.ctl('stop', name, expected=None)
            if at:
                g.has_died()
                g.wait_until('both are down', lambda: all(g.instance(f'{name}/{i}')['state'] == 'down' for i in (0, 1)))
            g.wait_until('its number is given back', lambda: uid is None or lock(uid))

        g.configure(f'{CONFIG}worker {name} {{ {sleeps} instances = 2 start = manual }}')
        g.ctl('reload')
        if point == 'dynamic-taken':
            g.die_at(point)
        uid = begin()
        if point == 'dynamic-taken':
            g.has_died()
        check(61184 <= uid <= 65519 and uid_of(1) == uid, f'they are {uid} and {uid_of(1)}')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', f'{name}/1')
        g.wait_until('it is ready', lambda: g.instance(f'{name}/1')['state'] == 'ready')
        equal(uid_of(1), uid, 'number after the death of the manager')
        left = f'/dev/shm/gang.{name}'
        open(left, 'w').close()
        os.chown(left, uid, uid)
        try:
            end(uid, point if point == 'dynamic-given-back' else None)
            check(not os.path.exists(left), 'what it leaves is left')
        finally:
            if os.path.exists(left):
                os.unlink(left)
        with lock(uid):
            other = begin()
            check(other != uid, 'it has what is locked')
            with running_as(other):
                g.ctl('stop', name)
                g.ctl('status')                 # that turn of its loop is over
                check(lock(other) is None, 'its number is given back though a process has it')
            g.wait_until('its number is given back', lambda: lock(other))


def what_a_dynamic_user_implies(fault):
    """it can leave no files where others find them; where that cannot be had it is not started"""
    need_root()
    on = 'exec = {"sleep", "1000"} directory = / restart = never dynamic-user = yes'
    with FaultyGang(fault, prefix=['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin']) as g:
        g.configure(f'{CONFIG}worker d{os.getpid()} {{ {on} }}')
        g.ctl('reload')
        g.wait_until('it was tried', lambda: g.instance(f'd{os.getpid()}/0')['state'] in ('ready', 'failed'))
        equal(g.instance(f'd{os.getpid()}/0')['state'], 'failed', 'what must not run')


def a_secret(fault, point=None):
    """the secrets of an instance are there for as long as it runs, and no longer, whoever dies in between"""
    with FaultyGang(fault) as g:
        g.write('secret', 'x')
        def kept():
            path = f'{g.runtime}/credentials'
            return sorted(os.listdir(path)) if os.path.isdir(path) else []
        if point:
            g.die_at(point)
        g.configure(CONFIG + 'worker a { exec = {"sleep", "1000"} credentials = "x:@/secret" instances = 2 }')
        g.ctl('reload', expected=None)
        if point:
            g.has_died()
        g.wait_until('both are ready', lambda: all(g.instances().get(f'a/{i}', {}).get('state') == 'ready' for i in (0, 1)))
        equal(kept(), ['a:0', 'a:1'], 'secrets of both')
        g.ctl('stop', 'a/0')
        equal(kept(), ['a:1'], 'secrets of one')
        # Of one that the manager has left.
        if os.geteuid() == 0:
            os.mkdir(f'{g.runtime}/credentials/gone:7')
            kill_and_wait(g.manager_pid)
            g.wait_until('the next one serves', lambda: g.ctl('status', expected=None).status == 0)
            equal(kept(), ['a:1'], 'secrets after the manager has died')


def a_secret_of_a_user(fault):
    """the secrets of a worker with a user of its own are not his: he can read them, and that is all"""
    need_root()
    with FaultyGang(fault) as g:
        g.write('secret', 'x')
        g.configure(CONFIG + 'worker a { exec = {"sleep", "1000"} user = nobody credentials = "x:@/secret" }')
        g.ctl('reload')
        path = f'{g.runtime}/credentials/a:0'
        equal([os.stat(p).st_uid for p in (path, f'{path}/x')], [0, 0], 'owner of the secrets')


# In the background twice over: a session of its own, an orphan, and its children.
HIDES = '''
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                break
        with open('@/hidden', 'a') as f:
            f.write(f'{os.getpid()}\\n')
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
'''


def a_sweep(fault, point=None):
    """without cgroups, what an instance has left goes with its process, wherever it went; what others have left stays"""
    with FaultyGang(fault, prefix=without_cgroups()) as g:
        for name in ('hides', 'stays'):
            g.python(name, HIDES.replace('@/hidden', g.path(f'{name}.pids')))
            g.write(f'{name}.pids', '')
        g.configure(CONFIG + 'worker hides { exec = {"@/hides"} }\nworker stays { exec = {"@/stays"} }')
        g.ctl('reload')
        def pids(name):
            return [int(line) for line in g.read(f'{name}.pids').splitlines()]
        g.wait_until('all hide', lambda: len(pids('hides')) == 4 and len(pids('stays')) == 4)
        hidden, stay = pids('hides'), pids('stays')
        before = g.instances()
        if point:
            g.die_at(point)
        kill(before['hides/0']['pid'])
        if point:
            g.has_died()
        g.wait_until('they are gone', lambda: not any(alive(pid) for pid in hidden))
        g.replaced('hides/0', before)
        check(all(alive(pid) for pid in stay), 'the daemons of another are gone')
        g.wait_until('the next ones hide', lambda: len(pids('hides')) == 8)
        hidden = pids('hides')
        # By hand: it is the one that is frozen first.
        g.ctl('stop', 'hides')
        g.wait_until('they are gone, too', lambda: not any(alive(pid) for pid in hidden))
        check(all(alive(pid) for pid in stay), 'the daemons of another are gone')


def a_race(fault):
    """without cgroups, those who fork and leave as fast as they can are got down"""
    with FaultyGang(fault, prefix=without_cgroups()) as g:
        runs = Runs(g)
        g.configure(CONFIG + 'worker runs { exec = {"@/runs", "8"} stop-signal = SIGKILL restart = never }')
        g.ctl('reload')
        g.wait_log('runs/0', 'off')
        g.wait_until('they run', lambda: runs.hops() > 50)
        kill(g.instance('runs/0')['pid'])
        g.wait_until('it is quiet', runs.quiet_at_last)


def a_number_by_hand(fault):
    """when it is time to look how many are needed, and somebody says how many at that moment, it is as he says"""
    with FaultyGang(fault) as g, socket.socket(socket.AF_UNIX) as s:
        # A message that nobody takes before the worker is told to: so it is looked at every 20 ms.
        g.configure(CONFIG + 'ring todo { slots = 16 }\nworker scales { exec = {"sleep", "1000"} receive = todo instances = 1..2 '
                    'scale-on-depth = 1 scale-up-delay = 20ms }')
        g.ctl('reload')
        g.ctl('send', 'todo', 'one', 'two')
        g.wait_until('there are as many as may be', lambda: g.status('scales')['scales'].get('wanted', 0) == 2)
        s.settimeout(LIMIT)
        s.connect(f'{g.runtime}/control')

        def ask(number, *scale):
            """A ScaleRequest of control.proto."""
            request = bytes([0x08, number, 0x7a, len(scale), *scale])
            s.sendall(len(request).to_bytes(4, 'big') + request)

        name, no_wait = (0x0a, 6, *b'scales'), (0x18, 1)
        for number in range(1, 11):
            ask(2 * number, *name, *no_wait, 0xc0, 0x0c, 1)     # automatic: and the connection is known
            s.recv(65536)
            kill(g.manager_pid, signal.SIGSTOP)
            ask(2 * number + 1, *name, 0x10, 4, *no_wait)
            time.sleep(0.05)                                    # by then it is time to look
            kill(g.manager_pid, signal.SIGCONT)
            s.recv(65536)
            g.ctl('status')
            equal(g.status('scales')['scales']['wanted'], 4, 'how many are wanted')


def a_word_of_nobody(fault):
    """somebody speaks and is gone, and a process of the worker has his number before he is heard: it is not the worker's word"""
    need_root()
    with FaultyGang(fault) as g:
        g.fifo('go')
        g.python('says', attacks.SAYS)
        go = os.open(g.path('go'), os.O_RDWR | os.O_CLOEXEC)
        g.configure(CONFIG + 'worker says { exec = {"@/says"} ready = notify ready-timeout = 1h }')
        g.ctl('reload')
        attacks.number_comes_again(g, 'says/0', lambda line: os.write(go, line.encode() + b'\n'))
        os.close(go)


STAGE = f'''
ring jobs {{ slots = 64 max-deliveries = 100 }}
ring out {{ slots = 64 }}
listen web {{ stream = {{"@/web"}} }}
worker stage {{ exec = {{"{BUILD}/tests/scenario/stage-worker"}} receive = jobs send = out }}
worker plain {{ exec = {{"sleep", "1000"}} }}
'''


def a_keeper_dies(fault, point=None):
    """keeper and manager are killed amid a forward, and the next manager where it recovers: what was done is done, once"""
    with KeptGang(STAGE, program=PROGRAM, env={'GANGER_FAULT': fault}) as g:
        limit = PATIENCE_WITH_FAULT if fault else LIMIT
        at = g.path('at')
        g.until('all are ready', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
        kept = g.kept()
        g.ctl('stop', 'plain')
        g.ctl('send', 'jobs', 'halt')
        g.until('it has halted', lambda: 'halted' in g.ctl('logs', 'stage/0').out)
        inode = os.stat(g.path('web')).st_ino
        g.crash()
        if point:
            g.env['GANGER_FAULT_AT'] = g.write('at', point)
        g.start()
        if point:
            g.until('a manager has died', lambda: not os.path.exists(at))
        g.until('it is ready', lambda: g.instance('stage/0')['state'] == 'ready', limit)
        equal([g.ring('jobs')[what] for what in ('ready', 'leased', 'dead')], [0] * 3, 'left in jobs')
        g.ctl('send', 'jobs', 'after')
        g.until('it is forwarded', lambda: g.ring('jobs')['accepted'] == 2 and g.ring('out')['ready'] >= 2, limit)
        equal([m['text'] for m in g.json('peek', 'out')['messages']], ['halt', 'after'], 'what was forwarded')
        equal(g.instance('plain/0')['state'], 'down', 'what was stopped')
        equal(os.stat(g.path('web')).st_ino, inode, 'file of the socket')
        g.until('it is kept as before', lambda: g.kept() == kept, limit)


def a_manager_hangs(fault):
    """where the service manager has a watchdog, a manager that hangs is replaced, and the watchdog hears of us all the time"""
    with KeptGang(STAGE, program=PROGRAM, env={'GANGER_FAULT': fault, 'WATCHDOG_USEC': '1000000'}) as g:
        limit = PATIENCE_WITH_FAULT if fault else LIMIT
        g.until('all are ready', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
        before, manager = g.pids(), g.manager_pid
        g.until('the watchdog hears of us', lambda: g.notified.count('WATCHDOG=1') > 2, limit)
        os.kill(manager, signal.SIGSTOP)
        try:
            wait_dead(manager, limit)
        finally:
            if alive(manager):
                os.kill(manager, signal.SIGCONT)
        equal(g.json('version')['gangerd']['manager_incarnation'], 2, 'incarnation')
        heard = g.notified.count('WATCHDOG=1')
        g.until('the watchdog hears of us again', lambda: g.notified.count('WATCHDOG=1') > heard + 2, limit)
        equal(g.pids(), before, 'processes')


def what_is_kept(fault):
    """what a service manager has kept is used; if it kills each manager, the keeper begins without it in the end"""
    with KeptGang('ring mail { slots = 16 }\n', program=PROGRAM, env={'GANGER_FAULT': fault}) as g:
        kept = g.kept()
        g.ctl('send', 'mail', 'letter')
        g.crash()
        g.start()
        g.until('as much is kept', lambda: g.kept() == kept)
        equal(g.ring('mail')['ready'], 1, 'letters')


def who_does_not_read(fault):
    """no process is started before a service manager that is slow to read can have its memory"""
    with KeptGang(STAGE, program=PROGRAM, env={'GANGER_FAULT': fault}) as g:
        g.until('all are ready', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
        def started():
            return sum(i['pid'] != 0 for i in g.instances().values())
        g.reads.clear()
        g.ctl('scale', 'stage', 40, '--no-wait')
        # Not before the keeper has lost its patience, and says so.
        g.until('all are started', lambda: started() == 41)
        g.wait_stderr('the service manager does not read', 1)
        g.reads.set()


# A check; the points at which it must hold; the faults that it must find: at which point, and what is seen of it.
CHECKS = (
    (a_rolling_restart, (None, *ROLL_POINTS, 'after-state', 'after-acknowledge', 'before-spawn', 'after-spawn'),
     {'forget-roll': ('after-acknowledge', 'processes of w/0')}),
    (a_surge, (None,), {'roll-blindly': (None, 'those that serve')}),
    (an_upgrade, (None, *ROLL_POINTS, 'before-release', 'before-config', 'after-config', 'after-reload', 'after-release'),
     {'forget-release': ('roll-replace', 'the upgrade'), 'restart-rolled': (None, 'processes of w/|what runs'),
      'reload-all': (None, 'processes of w/|children of the keeper|what runs')}),
    (a_canary, (None, 'roll-hold', 'roll-turned'), {'roll-forgives': (None, '.*it is taken back')}),
    (a_promotion, ('roll-promoted',), {}),
    (who_does_not_read, (None,), {'hasty-keeper': (None, "no 'the service manager does not read'")}),
    (what_is_kept, (None,), {'kept-kills': (None, 'letters')}),
    (a_manager_hangs, (None,), {'trust-manager': (None, '.*still lives'), 'silent-keeper': (None, '.*until the watchdog hears of us')}),
    (stored_descriptors, (None, 'before-notify-taken'), {'fd-store-unbounded': (None, 'descriptors')}),
    (a_verdict, (None, 'condemned'), {}),
    (somebody_elses_process, (None,), {'any-main-pid': (None, 'MAINPID')}),
    (a_number_of_a_namespace, (None,), {'any-pid-namespace': (None, 'MAINPID')}),
    (a_worker_dies, (None, *WORKER_POINTS), {
        'no-recover': (None, 'a message that nobody has'),
        'spawn-before-acknowledge': (None, 'processes of hold/0|a message that nobody has'),
        # The ring is quarantined: a message is leased to nobody.
        'acknowledge-before-recover': ('before-recover', 'a message that nobody has|.*until hold/0 is replaced'),
    }),
    (the_manager_dies, (None, 'taken-over', 'resumed'), {'double-start': (None, 'processes of|a message that nobody has')}),
    (a_worker_dies_later, (None,), {'forget-seats': (None, 'a message that nobody has|.*until hold/0 is replaced')}),
    (many_at_once, (None,), {'ask-at-once': (None, 'restarts'), 'tell-one-exit': (None, '.*until all of them are replaced'),
                             'forget-earlier': (None, '.*until all of them are replaced')}),
    (one_that_ends_for_good, ('before-recover', 'after-state', 'after-acknowledge'),
     {'acknowledge-before-state': ('after-acknowledge', 'once/0')}),
    (the_end_of_all, (None, 'ending-decided', 'after-state', 'after-acknowledge'), {'forget-exit-status': ('after-acknowledge', 'it does not end')}),
    (on_failure, (None, 'after-state', 'before-failure-hook', 'after-failure-hook'),
     {'forget-failure': (None, '.*it has run'), 'failure-twice': (None, 'how often it was run')}),
    (a_report, (None, 'before-recover', 'after-recover', 'after-report', 'after-state'),
     {'forget-leases': ('after-recover', 'what it held'), 'end-twice': ('after-report', 'ends'),
      'count-twice': ('after-report', 'times that it was counted')}),
    (a_drain, (None,), {'forget-member': (None, 'state')}),
    (what_people_want, (None,), {'forget-wish': (None, 'instances'), 'state-torn': (None, 'instances')}),
    (a_scale, ('after-scale', 'before-spawn', 'after-spawn'), {}),
    (a_scale_down, (None, 'after-scale'), {'scale-undrained': (None, 'redelivered')}),
    (a_reload, ('before-config', 'after-config', 'after-reload', 'before-spawn', 'after-acknowledge'),
     {}),
    (a_removed_worker, (None, 'after-acknowledge'), {'forget-cgroups': ('after-acknowledge', '.*until none of its cgroups')}),
    (a_configuration_in_force, (None,), {'forget-config': (None, 'processes')}),
    (a_damaged_ring, (None, 'before-renew', 'amid-renew'),
     {'no-inspection': (None, 'the damage is not seen'), 'hand-out-quarantined': (None, 'the ring is given to somebody')}),
    (a_change_of_form, (None, 'after-config', 'successor-stored', 'successor-recorded', 'successor-placed'),
     {'forget-moving': (None, 'letters'), 'start-amid-change': (None, '.*until jobs has changed')}),
    (a_daemon_upgrade, (None, 'before-upgrade', 'taken-over'), {'forget-child': (None, 'processes of|a message that|.* has another|children|.*File exists')}),
    (a_round, ('round-begun', 'after-state', 'after-acknowledge'),
     {'forget-round': ('after-acknowledge', '.*until plain/1 is replaced')}),
    (a_wish, (None, 'before-wishes'), {'forget-wishes': (None, '.*until the wish is written down')}),
    (a_foreign_semaphore, (None,), {'take-posix-name': (None, 'the foreign semaphore')}),
    (a_socket, (None,), {'forget-socket': (None, 'what it hears')}),
    (a_new_socket, ('before-socket-stored', 'after-socket-stored'), {}),
    (a_socket_that_goes, ('after-config', 'amid-socket-removal'), {'forget-sockets': (None, 'a file is left')}),
    (a_demand, (None,), {'demand-blind': (None, 'waited')}),
    (a_log_file, (None, 'after-rotate'), {'rotation-loses-line': (None, 'lines')}),
    (lines_that_were_dropped, (None,),
     {'forget-dropped': (None, 'what could not be written'), 'forget-rated': (None, 'what could not be written|what was too much')}),
    (one_that_remains, (None, 'before-recover', 'after-state', 'after-acknowledge'), {'forget-remains': (None, 'state')}),
    (a_heartbeat, (None,), {'heartbeat-forgotten': (None, '.*until it is ended'),
                            'heartbeat-goes-on': (None, 'the period is too short')}),
    (a_stall, (None,), {'stall-unheard': (None, '.*until it is ended')}),
    (a_frozen_stall, (None,), {'stall-frozen': (None, '.*until it is ended')}),
    (a_probe, (None, 'after-probe'), {'probe-left': (None, '.*until the probe is gone')}),
    (a_spare, (None, 'role-given', 'role-recorded', 'before-recover', 'after-acknowledge'),
     {'takeover-late': (None, 'it takes over too late'), 'forget-spare': (None, 'states after another')}),
    (a_hold, (None, 'after-drained', 'after-flag'), {
        'forget-drained': (None, 'it is drained no more'), 'spawn-unheld': (None, 'who answers')}),
    (a_warning, (None,), {'placement-silent': (None, 'nothing is told')}),
    (device_rules, (None,), {
        'device-unattached': (None, 'what it can open with null rw'), 'device-strict': (None, 'what it can open with null rw'),
        'device-minor': (None, 'what it can open with null rw'), 'device-access': (None, 'what it can open with null r:'),
        'device-kept': (None, 'what it can open with null r:')}),
    (no_device_rules, (None,), {'device-lenient': (None, 'what must not run'),
                                'device-unlooked': (None, 'nothing is told by the next manager')}),
    (a_dynamic_user, (None, 'dynamic-taken', 'dynamic-given-back'), {
        'dynamic-unstored': (None, 'number after the death'), 'dynamic-forgotten': (None, 'number after the death'),
        'dynamic-unlocked': (None, 'it has what is locked'), 'dynamic-early': (None, 'its number is given back though'),
        'dynamic-leaves-ipc': (None, 'what it leaves is left')}),
    (what_a_dynamic_user_implies, (None,), {
        'dynamic-implies-nothing': (None, 'what must not run'), 'dynamic-lenient': (None, 'what must not run')}),
    (a_secret_of_a_user, (None,), {'credentials-are-given': (None, 'owner of the secrets')}),
    (a_secret, (None, 'amid-credentials', 'before-spawn', 'after-spawn'),
     {'credentials-stay': (None, 'secrets of one'), 'credentials-forgotten': (None, 'secrets after the manager')}),
    (a_sweep, (None, 'before-sweep', 'amid-sweep', 'after-state', 'after-acknowledge'),
     {'no-sweep': (None, '.*they are gone'), 'sweep-own-session': (None, '.*they are gone')}),
    (a_number_by_hand, (None,), {'scale-over-hand': (None, 'how many are wanted')}),
    (a_word_of_nobody, (None,), {'notify-anybody': (None, 'state of one for whom')}),
    (a_race, (None,), {'sweep-once': (None, '.*it is quiet')}),
    (a_keeper_dies, (None, 'before-recover-held', 'after-recover-held'),
     {'forget-holding': (None, '.*until it is ready|left in jobs'), 'forget-held-member': (None, 'left in jobs|what was forwarded'),
      'forget-service-store': (None, "'(jobs|out)'|left in jobs|.*until it is forwarded"),
      'keep-in-service-store': (None, '.*until it is kept as before')}),
    (a_grant, (None,), {'grant-all-workers': (None, 'hold is seen'), 'grant-first-group': (None, 'what its group may see'),
                        'grants-come-back': (None, 'what was taken')}),
    (an_outsider, (None, 'before-recover-attached', 'after-recover-attached'), {'forget-attached': (None, 'the letter')}),
)


def arguments(fault, point):
    return (fault,) if point is None else (fault, point)


def holds(function, point):
    def case():
        function(*arguments('', point))
    case.__doc__ = f'{function.__doc__}{f" ({point})" if point else ""}'
    case.__name__ = f'{function.__name__}:{point}'
    return case


def finds(function, fault, point, seen):
    def case():
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told):
                function(*arguments(fault, point))
        except Failed as e:
            check(re.match(seen, str(e)), f'{function.__name__} fails with {fault}, but by something else: {e}')
            return
        raise Failed(f'{function.__name__} does not find {fault}')
    case.__doc__ = f'{function.__name__} finds {fault}'
    case.__name__ = f'{function.__name__}:{fault}'
    return case


def every_fault_is_tried():
    """each fault and each point that is in the sources is tried here"""
    folders = ('daemon', 'daemon/config', 'daemon/control', 'daemon/isolation', 'daemon/log')
    sources = [path for folder in folders for path in glob.glob(f'{SOURCE}/{folder}/*.c')]
    sources += [f'{SOURCE}/daemon/keeper/{name}.c' for name in ('handover', 'reports', 'requests', 'service-store', 'watchdog')]
    text = ''.join(open(path).read() for path in sources)
    found = set(re.findall(r'fault_is\("([^"]+)"\)', text))
    # Programs that cannot take over, for tests/scenario/b275-daemon-upgrade.py; of a keeper alone, for
    # tests/unit/test-keeper-faults.c; and what fuzz targets find.
    elsewhere = {'older-version', 'never-ready', 'refuse-handover', 'double-spawn', 'drop-exit'}
    for path in glob.glob(f'{SOURCE}/tests/fuzz/fuzz-*.c'):
        elsewhere |= {fault for line in re.findall(r'^ \* Faults: (.*)', open(path).read(), re.M) for fault in line.split()}
    equal(found - elsewhere, {f for _, _, faults in CHECKS for f in faults}, 'faults')
    points = {p for _, points, _ in CHECKS for p in points if p}
    equal(set(re.findall(r'fault_point\("([^"]+)"\)', text)), points, 'points')


main(every_fault_is_tried,
     *(holds(function, point) for function, points, _ in CHECKS for point in points),
     *(finds(function, fault, *how) for function, _, faults in CHECKS for fault, how in faults.items()))
