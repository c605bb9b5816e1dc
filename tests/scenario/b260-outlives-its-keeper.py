#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
SIGKILL of keeper and manager together, where a service manager keeps their descriptors: the next daemon goes on

The service manager is one of ours (tests/harness/service_manager.py); tests/systemd has the same with a real one.
"""

import random
import os
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from service_manager import KeptGang  # noqa: E402
from told import ToldGang  # noqa: E402

KILLS = int(os.environ.get('GANGER_TEST_KILLS', '5'))
SEED = int(os.environ.get('GANGER_TEST_SEED', '1'))

CONFIG = '''
ring jobs { slots = 64 max-deliveries = 5 }
ring out { slots = 64 }
mutex door { }
listen web { stream = {"@/web.socket"} }
worker hold { exec = {"@/hold"} io = lines receive = jobs send = out instances = 2 stop-timeout = 200ms }
worker plain { exec = {"sleep", "1000"} instances = 2 }
worker web { exec = {"@/web"} listen = web }
'''
# Keeps each message until somebody opens the gate.
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x"; done'
WEB = '''
import socket
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.sendall(b'hello')
    c.close()
'''
READY = ('hold/0', 'hold/1', 'plain/0', 'plain/1', 'web/0')


def gang(config=CONFIG, **options):
    g = KeptGang(config, begin=False, **options)
    g.script('hold', HOLD.replace('@', g.directory))
    g.python('web', WEB)
    g.fifo('gate')
    return g


def ask(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(path)
        return s


def goes_on():
    """messages, leases, what was stopped and scaled, counts of restarts, sockets and the configuration are as they were"""
    with gang() as g:
        g.start()
        g.until_ready(*READY)
        kept = g.kept()
        g.ctl('send', 'jobs', 'a', 'b', 'c')
        g.until('two are held', lambda: g.ring('jobs')['leased'] == 2)
        kill_and_wait(g.pid('plain/1'))
        g.until('it is replaced', lambda: g.instance('plain/1')['restarts'] == 1 and g.instance('plain/1')['state'] == 'ready')
        g.ctl('scale', 'plain', 3)
        g.ctl('stop', 'plain/0')
        g.configure('worker {')                 # what is in force is another one
        before = g.pids()
        inode = os.stat(g.path('web.socket')).st_ino

        g.crash()
        # Nobody is refused meanwhile: who connects now is served by the next one.
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for s in waiting:
            s.settimeout(LIMIT)
            s.connect(g.path('web.socket'))
        asked = g.background('--json', 'version')
        g.start()
        equal(g.wait_helper(asked).json()['gangerd']['manager_incarnation'], 1, 'incarnation')
        equal([s.recv(16) for s in waiting], [b'hello'] * 3, 'what the waiting were told')
        equal(os.stat(g.path('web.socket')).st_ino, inode, 'file of the socket')
        g.until_ready('hold/0', 'hold/1', 'plain/1', 'plain/2', 'web/0')
        now = g.pids()
        check(not set(now.values()) & set(before.values()) - {0}, f'the same processes: {before} {now}')
        equal(g.instance('plain/0')['state'], 'down', 'what was stopped')
        equal(g.instance('plain/1')['restarts'], 1, 'restarts')
        g.until('as much is kept', lambda: g.kept() == kept)
        # Those that were held are held again, for the second time.
        g.until('two are held', lambda: g.ring('jobs')['leased'] == 2)
        found = sorted((m['text'], m['state'], m['deliveries']) for m in g.json('peek', 'jobs')['messages'])
        equal(found, [('a', 'leased', 2), ('b', 'leased', 2), ('c', 'ready', 0)], 'messages')
        gate = os.open(g.path('gate'), os.O_RDWR)
        os.write(gate, b'go\n' * 8)
        equal(sorted(g.ctl('receive', 'out', '--count', 3).out.split()), ['a', 'b', 'c'], 'what was done')
        os.close(gate)
        for s in waiting:
            s.close()


STAGE = f'''
ring jobs {{ slots = 256 max-deliveries = 255 }}
ring out {{ slots = 256 }}
worker stage {{ exec = {{"{BUILD}/tests/scenario/stage-worker"}} receive = jobs send = out instances = 2 ready = library }}
'''


def after_an_upgrade():
    """another program knows what the service manager has: it goes on keeping that, and what comes and goes"""
    with gang() as g:
        g.start()
        g.until_ready(*READY)
        kept = g.kept()
        copy = g.path('gangerd.copy')
        shutil.copy(os.path.realpath(g.program), copy)
        for path in (copy, os.path.realpath(g.program)):
            g.ctl('daemon-upgrade', path)
            equal(g.kept(), kept, 'what is kept')
        text = g.config_text
        g.configure(text + 'ring more { }\n')
        g.ctl('reload')
        g.until('more is kept', lambda: len(g.kept()) == len(kept) + 2)
        g.ctl('send', 'more', 'x')
        g.ctl('send', 'jobs', 'a')
        g.until('it is held', lambda: g.ring('jobs')['leased'] == 1)
        g.crash()
        g.start()
        g.until_ready(*READY)
        equal(g.ring('more')['ready'], 1, 'what was sent after the upgrade')
        g.until('it is held again', lambda: g.ring('jobs')['leased'] == 1)
        equal(g.json('peek', 'jobs')['messages'][0]['deliveries'], 2, 'deliveries')
        g.configure(text)
        g.ctl('reload')
        g.until('as much is kept', lambda: g.kept() == kept)


def a_forward_that_was_committed():
    """who was killed between the two halves of a forward has forwarded: the output is there, once, and the input is gone"""
    with gang(STAGE) as g:
        g.start()
        g.until_ready('stage/0', 'stage/1')
        g.ctl('send', 'jobs', 'halt')
        g.until('it has halted', lambda: any('halted' in g.ctl('logs', f'stage/{n}').out for n in (0, 1)))
        equal((g.ring('jobs')['leased'], g.ring('out')['ready']), (1, 1), 'leased, sent')
        g.crash()
        g.start()
        g.until_ready('stage/0', 'stage/1')
        g.ctl('send', 'jobs', 'after')
        equal(g.ctl('receive', 'out', '--count', 2).out, 'halt\nafter\n', 'what was forwarded')
        equal([g.ring('jobs')[what] for what in ('ready', 'leased', 'writing', 'dead')], [0] * 4, 'left in jobs')


class Feeder:
    """Numbers to a `gangerctl send`, until end()."""

    def __init__(self, g):
        read_end, self.pipe = os.pipe()
        self.sender = g.background('send', 'jobs', stdin=read_end)
        os.close(read_end)
        self.n, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self.feed, daemon=True)
        self.thread.start()

    def feed(self):
        while not self.ended.is_set():
            os.write(self.pipe, b''.join(b'%d\n' % i for i in range(self.n, self.n + 500)))
            self.n += 500
        os.close(self.pipe)

    def end(self, g):
        self.ended.set()
        self.thread.join()
        g.wait_helper(self.sender)
        return self.n


def nothing_is_lost_or_doubled():
    """at random moments under load, outsiders and all: every message arrives, once"""
    moments = random.Random(SEED)
    with gang(STAGE) as g:
        g.start()
        g.until_ready('stage/0', 'stage/1')
        feeder = Feeder(g)
        receiver = g.background('receive', 'out', '--follow')
        for _ in range(KILLS):
            goal = g.ring('out')['accepted'] + moments.randrange(200, 2000)
            g.until('more have arrived', lambda: g.ring('out')['accepted'] >= goal)
            g.crash()
            g.start()
        n = feeder.end(g)
        g.until('all have arrived', lambda: g.ring('jobs')['ready'] + g.ring('jobs')['leased'] + g.ring('out')['ready'] == 0)
        receiver.send_signal(signal.SIGINT)
        receiver.wait()
        counts = [0] * n
        for word in g.printed(receiver).out.split():
            counts[int(word)] += 1
        equal([i for i in range(n) if counts[i] == 0][:20], [], 'messages that were lost')
        equal([i for i in range(n) if counts[i] > 1][:20], [], 'messages that were doubled')
        counts = {name: [g.ring(name)[what] for what in ('ready', 'leased', 'writing', 'dead')] for name in ('jobs', 'out')}
        equal(counts, {'jobs': [0] * 4, 'out': [0] * 4}, 'left in the rings')
        equal(g.json('status')['quarantined'], [], 'taken for damage')


def an_outsider_dies_meanwhile():
    """what an attached process held comes back, if it dies with the daemon, and stays with it if it lives"""
    with gang('ring mail { slots = 16 }\n') as g:
        g.start()
        g.ctl('send', 'mail', 'one', 'two')
        holders = [g.background('receive', 'mail', '--count', 1, '--exec', f'read x < {g.path("gate")}', start_new_session=True)
                   for _ in range(2)]
        g.until('both are held', lambda: g.ring('mail')['leased'] == 2)
        of = {m['holder']: m['text'] for m in g.json('peek', 'mail')['messages']}
        g.crash()
        os.killpg(holders[0].pid, signal.SIGKILL)
        holders[0].wait()
        g.start()
        lost, held = (of[f'pid {h.pid}'] for h in holders)
        g.until('one is back', lambda: g.ring('mail')['ready'] == 1)
        found = {m['text']: (m['state'], m['holder']) for m in g.json('peek', 'mail')['messages']}
        equal(found, {lost: ('ready', ''), held: ('leased', f'pid {holders[1].pid}')}, 'letters')
        with open(g.path('gate'), 'w') as f:
            f.write('go\n')
        g.wait_helper(holders[1])
        equal(g.ctl('receive', 'mail').out, f'{lost}\n', 'what is left')


class KeptToldGang(ToldGang, KeptGang):
    """Whose workers do what they are told."""


def locks_come_back():
    """a mutex, a permit and a counter are as they were, without those who held and waited"""
    config = '''
mutex one { }
semaphore ports { permits = 2 }
semaphore known { permits = 1 posix = yes }
counter sums { counters = 1 }
worker a { exec = $TOLD use = {one, ports, known, sums} }
worker b { exec = $TOLD use = {one, ports, known, sums} }
'''.replace('known', f'known-{os.getpid()}')
    with KeptToldGang(config, ('a/0', 'b/0')) as g:
        known = f'known-{os.getpid()}'
        for name in 'ports', known:
            g.do('a/0', 'acquire', name)
        g.do('a/0', 'lock', 'one')
        g.do('a/0', 'add', 'sums', 5)
        g.tell('b/0', 'lock', 'one')
        g.until('b/0 waits', lambda: g.who(g.lock('one')['waiters']) == ['b/0'])
        g.crash()
        g.start()
        g.until_ready('a/0', 'b/0')
        g.do('b/0', 'lock', 'one', result='EOWNERDEAD')       # its owner has died: whoever comes next is told
        g.do('b/0', 'acquire', known)
        for key in 'a/0', 'b/0':
            g.do(key, 'acquire', 'ports')
        equal(g.who(g.lock('ports')['holders']), ['a/0', 'b/0'], 'holders')
        equal(g.lock('sums')['values'], [5], 'value')


def what_an_instance_left():
    """descriptors that a process has stored with FDSTORE=1 are there for the next one, of the next daemon"""
    config = 'worker leaves { exec = {"@/leaves"} ready = notify fd-store-max = 2 }\n'
    with gang(config) as g:
        g.python('leaves', '''
import array, os, signal, socket
if 'LISTEN_FDS' in os.environ:
    fd = 3
    assert os.environ['LISTEN_FDNAMES'] == 'mine', os.environ['LISTEN_FDNAMES']
else:
    fd = os.memfd_create('mine')
os.lseek(fd, 0, os.SEEK_END)
os.write(fd, b'x')
print('so many: %d' % os.fstat(fd).st_size, flush=True)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.connect(os.environ['NOTIFY_SOCKET'])
    s.sendmsg([b'FDSTORE=1\\nFDNAME=mine'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])
    s.send(b'READY=1')
while True:
    signal.pause()
''')
        for n in range(1, 4):
            g.start()
            g.until_ready('leaves/0')
            g.until('it has left it', lambda: f'so many: {n}' in g.ctl('logs', 'leaves/0').out and 'instance/leaves/0/fd/0/mine' in g.kept())
            g.crash()
        g.start()


def ends_in_order():
    """after an end in order there are the rings with what is in them, if it is started again at once, and nothing else"""
    with gang() as g:
        g.start()
        g.until_ready(*READY)
        g.ctl('send', 'out', 'x')
        g.ctl('stop', 'plain/0')
        g.close_streams()
        kill(g.keeper_pid, signal.SIGTERM)
        equal(g.process.wait(LIMIT), 0, 'exit status')
        g.configure(CONFIG.replace('instances = 2', 'instances = 1'))
        g.start()
        g.until_ready('hold/0', 'plain/0', 'web/0')
        check('plain/1' not in g.instances(), 'the configuration is not read anew')
        equal([(m['text'], m['deliveries']) for m in g.json('peek', 'out')['messages']], [('x', 0)], 'messages')
        kept = g.kept()
        equal([n for n in kept if n in ('config', 'control', 'state')], ['config', 'control', 'state'], 'kept')
        equal(len(kept), len(set(kept)), f'kept twice: {kept}')
        # And where it is not, nothing.
        g.close_streams()
        kill(g.keeper_pid, signal.SIGTERM)
        g.process.wait(LIMIT)
        g.forget()
        g.start()
        equal(g.ring('out')['ready'], 0, 'messages after a stop')


def what_is_kept_follows():
    """reloads, resets, changes of form and processes leave nothing behind, and lose nothing that is kept"""
    with gang() as g:
        g.start()
        g.until_ready(*READY)
        first = g.kept()
        g.ctl('send', 'out', 'x')
        # Another form; another ring; another name of a socket; and back.
        changed = CONFIG.replace('ring out { slots = 64 }', 'ring out { slots = 128 }\nring more { }').replace('web {', 'net {', 1)
        g.configure(changed.replace('listen = web', 'listen = net'))
        g.ctl('reload')
        g.until('it has another form', lambda: g.ring('out')['slots'] == 128)
        g.until_ready(*READY)
        g.crash()
        g.start()
        equal((g.ring('out')['slots'], g.ring('out')['ready']), (128, 1), 'the ring of another form')
        ask(g.path('web.socket'))
        g.until_ready(*READY)
        g.configure(CONFIG)
        g.ctl('reload')
        g.until('it has its form', lambda: g.ring('out')['slots'] == 64)
        g.ctl('restart', 'hold')
        g.until_ready(*READY)
        g.until('nothing more is kept', lambda: g.kept() == first)


def what_is_foreign():
    """of what cannot be used, that is said, and it begins anew: another layout, nonsense, things by names that nobody knows"""
    def find(g, wanted):
        return next(fd for name, fd in g.store if name.split('/', 1)[1] == wanted)

    with gang() as g:
        g.start()
        g.until_ready(*READY)
        kept = g.kept()
        g.ctl('send', 'out', 'x')
        g.crash()
        os.pwrite(find(g, 'state'), b'\x63', 8)             # the version of its layout
        g.start()
        g.wait_stderr('the state memory is foreign .*: beginning anew')
        g.until_ready(*READY)
        equal(g.ring('out')['ready'], 0, 'messages')

        # Each record is a message of its own with a checksum; where that is wrong, it is no record.
        g.crash()
        state = find(g, 'state')
        for offset in range(4096, os.fstat(state).st_size, 512):
            os.pwrite(state, os.urandom(64), offset)
        # A ring that is no ring, a second one of a name, and strangers.
        pipe = os.pipe()
        g.store = [(name, fd) for name, fd in g.store if not name.endswith('/ring/jobs/memory')]
        for name in 'fff/ring/jobs/memory', '1/ring/out/memory', 'stranger', 'zz/y', 'ffe/', f'ffd/{"n" * 200}':
            g.store.append((name, os.open(f'/proc/self/fd/{pipe[0]}', os.O_RDONLY | os.O_NONBLOCK)))
        for fd in pipe:
            os.close(fd)
        g.start()
        g.wait_stderr("descriptor 'stranger' of the service manager is of no use")
        g.until_ready(*READY)
        g.ctl('send', 'out', 'y')
        g.until('nothing else is kept', lambda: g.kept() == kept)


def too_little_room():
    """where less is kept than there is, that is said; what is kept comes back"""
    with gang(store_max=8) as g:
        g.start()
        g.until_ready(*READY)
        g.wait_stderr('the service manager keeps no more than 8 descriptors, of the 8 .*FileDescriptorStoreMax=')
        equal(g.refused, 0, 'refused')
        g.crash()
        g.start()
        g.until_ready(*READY)


def who_does_not_read():
    """while the service manager does not read, no process runs whose memory it does not have; but that is not for ever"""
    with gang(STAGE) as g:
        g.start()
        g.until_ready('stage/0', 'stage/1')
        g.reads.clear()
        g.ctl('scale', 'stage', 40, '--no-wait')
        def starting():
            return [i for i in g.instances().values() if i['state'] == 'starting' and i['pid'] == 0]
        g.until('some are not started', starting)
        g.wait_stderr('the service manager does not read')
        g.until('all are ready', lambda: len([i for i in g.instances().values() if i['state'] == 'ready']) == 40)
        g.reads.set()
        g.until('it has all', lambda: len([n for n in g.kept() if n.endswith('/member')]) == 40)

        g.ctl('scale', 'stage', 2)
        g.until('it has two', lambda: len([n for n in g.kept() if n.endswith('/member')]) == 2)
        g.reads.clear()
        g.ctl('scale', 'stage', 40, '--no-wait')
        g.until('some are not started', starting)
        g.reads.set()
        g.until('all are ready', lambda: len([i for i in g.instances().values() if i['state'] == 'ready']) == 40)
        # The kernel has them; the service manager is about to read the last of them.
        g.until('it has all', lambda: len([n for n in g.kept() if n.endswith('/member')]) == 40)


def without_a_store():
    """where nothing is kept, the next daemon begins anew"""
    with gang(store_max=0) as g:
        g.start()
        g.until_ready(*READY)
        g.ctl('send', 'out', 'x')
        g.crash()
        equal(g.store, [], 'kept')
        g.start()
        g.until_ready(*READY)
        equal(g.ring('out')['ready'], 0, 'messages')


main(goes_on, after_an_upgrade, a_forward_that_was_committed, nothing_is_lost_or_doubled, an_outsider_dies_meanwhile, locks_come_back,
     what_an_instance_left, ends_in_order, what_is_kept_follows, what_is_foreign, too_little_room,
     who_does_not_read, without_a_store)
