#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The manager dies at chosen points, and the checks of that find the faults that are put in on purpose

Each check is run three times or more: with the daemon as it is, where it must hold, and with each fault that it guards
against, where it must fail. A check that does not fail then shows nothing.
"""

import contextlib
import glob
import io
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
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

    def __init__(self, fault):
        super().__init__(CONFIG, begin=False, program=PROGRAM, env={'GANGER_FAULT': fault})
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


def on_failure(fault, point=None):
    """on-failure is run once, wherever the manager dies that has it run"""
    with FaultyGang(fault) as g:
        if point:
            g.die_at(point)
        with open(g.path('end-tells'), 'w') as f:
            f.write('go\n')
        if point:
            g.has_died()
        g.wait_until('it has run', lambda: g.read('failures') == 'x\n')
        # Whoever takes over now must not run it again, when it has ended.
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        pids = [pid for pid in children(g.keeper_pid) if any(a.endswith('/failed') for a in process_arguments(pid))]
        with open(g.path('gate-failed'), 'w') as f:
            f.write('go\n')
        for pid in pids:
            wait_dead(pid)
        kill_and_wait(g.manager_pid)
        g.ctl('status')
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


WORKER_POINTS = ('before-recover', 'after-recover', 'after-state', 'after-acknowledge', 'before-spawn', 'amid-spawn', 'after-spawn')

# A check; the points at which it must hold; the faults that it must find: at which point, and what is seen of it.
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
    def __init__(self, fault):
        super().__init__(fault)
        self.configure('worker says { exec = {"@/says"} ready = notify fd-store-max = 2 stop-timeout = 500ms }\n'
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


CHECKS = (
    (who_does_not_read, (None,), {'hasty-keeper': (None, "no 'the service manager does not read'")}),
    (what_is_kept, (None,), {'kept-kills': (None, 'letters')}),
    (a_manager_hangs, (None,), {'trust-manager': (None, '.*still lives'), 'silent-keeper': (None, '.*until the watchdog hears of us')}),
    (stored_descriptors, (None, 'before-notify-taken'), {'fd-store-unbounded': (None, 'descriptors')}),
    (a_verdict, (None, 'condemned'), {}),
    (somebody_elses_process, (None,), {'any-main-pid': (None, 'MAINPID')}),
    (a_worker_dies, (None, *WORKER_POINTS), {
        'no-recover': (None, 'a message that nobody has'),
        'spawn-before-acknowledge': (None, 'processes of hold/0|a message that nobody has'),
        # The ring is quarantined: a message is leased to nobody.
        'acknowledge-before-recover': ('before-recover', 'a message that nobody has|.*until hold/0 is replaced'),
    }),
    (the_manager_dies, (None, 'taken-over', 'resumed'), {'double-start': (None, 'processes of|a message that nobody has')}),
    (a_worker_dies_later, (None,), {'forget-seats': (None, 'a message that nobody has|.*until hold/0 is replaced')}),
    (one_that_ends_for_good, ('before-recover', 'after-state', 'after-acknowledge'),
     {'acknowledge-before-state': ('after-acknowledge', 'once/0')}),
    (on_failure, (None, 'after-state', 'before-failure-hook', 'after-failure-hook'),
     {'forget-failure': (None, '.*it has run'), 'failure-twice': (None, 'how often it was run')}),
    (a_report, (None, 'before-recover', 'after-recover', 'after-report', 'after-state'),
     {'forget-leases': ('after-recover', 'what it held'), 'end-twice': ('after-report', 'ends')}),
    (a_drain, (None,), {'forget-member': (None, 'state')}),
    (what_people_want, (None,), {'forget-wish': (None, 'instances'), 'state-torn': (None, 'instances')}),
    (a_scale, ('after-scale', 'before-spawn', 'after-spawn'), {}),
    (a_reload, ('before-config', 'after-config', 'after-reload', 'before-spawn', 'after-acknowledge'),
     {}),
    (a_configuration_in_force, (None,), {'forget-config': (None, 'processes')}),
    (a_damaged_ring, (None, 'before-renew', 'amid-renew'),
     {'no-inspection': (None, 'the damage is not seen'), 'hand-out-quarantined': (None, 'the ring is given to somebody')}),
    (a_change_of_form, (None, 'after-config', 'successor-stored', 'successor-recorded', 'successor-placed'),
     {'forget-moving': (None, 'letters'), 'start-amid-change': (None, '.*until jobs has changed')}),
    (a_round, ('round-begun', 'after-state', 'after-acknowledge'),
     {'forget-round': ('after-acknowledge', '.*until plain/1 is replaced')}),
    (a_wish, (None, 'before-wishes'), {'forget-wishes': (None, '.*until the wish is written down')}),
    (a_foreign_semaphore, (None,), {'take-posix-name': (None, 'the foreign semaphore')}),
    (a_socket, (None,), {'forget-socket': (None, 'what it hears')}),
    (a_new_socket, ('before-socket-stored', 'after-socket-stored'), {}),
    (a_socket_that_goes, ('after-config', 'amid-socket-removal'), {'forget-sockets': (None, 'a file is left')}),
    (a_demand, (None,), {'demand-blind': (None, 'waited')}),
    (a_keeper_dies, (None, 'before-recover-held', 'after-recover-held'),
     {'forget-holding': (None, '.*until it is ready|left in jobs'), 'forget-held-member': (None, 'left in jobs|what was forwarded'),
      'forget-service-store': (None, "'(jobs|out)'|left in jobs|.*until it is forwarded"),
      'keep-in-service-store': (None, '.*until it is kept as before')}),
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
    sources = [*glob.glob(f'{SOURCE}/daemon/*.c'), *glob.glob(f'{SOURCE}/daemon/control/*.c'), *(f'{SOURCE}/daemon/keeper/{name}.c' for name in ('service-store', 'watchdog'))]
    text = ''.join(open(path).read() for path in sources)
    equal(set(re.findall(r'fault_is\("([^"]+)"\)', text)), {f for _, _, faults in CHECKS for f in faults}, 'faults')
    points = {p for _, points, _ in CHECKS for p in points if p}
    equal(set(re.findall(r'fault_point\("([^"]+)"\)', text)), points, 'points')


main(every_fault_is_tried,
     *(holds(function, point) for function, points, _ in CHECKS for point in points),
     *(finds(function, fault, *how) for function, _, faults in CHECKS for fault, how in faults.items()))
