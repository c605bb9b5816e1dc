#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What outlives reloads and managers: rings with their messages, dead letters, who is stopped, and whose message it was."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Keeps each message until somebody opens the gate; rejects what is bad.
KEEPS = 'while read -r x; do case $x in bad*) echo "FAIL $x" ;; *) read -r go < @/gate; echo "OK $x" ;; esac; done'


# Holds the first message of each of its rings.
BOTH = '''
import ctypes, signal, threading
lib = ctypes.CDLL('@')
g = ctypes.c_void_p()
assert lib.ganger_join(ctypes.byref(g), None) == 0
def hold(name):
    ring, message = ctypes.c_void_p(), ctypes.create_string_buffer(256)
    assert lib.ganger_ring_open(g, name, 1, ctypes.byref(ring)) == 0
    lib.ganger_ring_receive(ring, message, ctypes.c_int64(-1))
    threading.Event().wait()
for name in (b'one', b'two'):
    threading.Thread(target=hold, args=(name,)).start()
'''


def gang(config):
    g = Gang(config, begin=False)
    g.script('keeps', KEEPS.replace('@', g.directory))
    g.fifo('gate')
    g.start()
    return g


def texts(g, verb, ring):
    return [m['text'] for m in g.json(*verb, ring)['messages']]


def a_reload_keeps_rings():
    """a reload keeps each ring and what is in it; one that goes, goes with its last user, and comes back with its messages"""
    rings = 'ring one { slots = 16 }\nring two { slots = 16 }\n'
    worker = 'worker w { exec = {"@/keeps"} io = lines receive = {two} stop-timeout = 100ms }\n'
    with gang(rings + worker) as g:
        g.until_ready('w/0')
        g.ctl('send', 'one', 'a', 'b', 'c')
        g.ctl('send', 'two', 'x', 'y')
        g.until('x is held', lambda: g.ring('two')['leased'] == 1)
        g.configure(rings + worker + 'ring three { slots = 8 }\n')
        g.ctl('reload')
        equal((texts(g, ['peek'], 'one'), texts(g, ['peek'], 'two')), (['a', 'b', 'c'], ['x', 'y']), 'after a ring was added')
        kill_and_wait(g.manager_pid)
        g.ctl('reload')
        equal((texts(g, ['peek'], 'one'), texts(g, ['peek'], 'two')), (['a', 'b', 'c'], ['x', 'y']), 'after the manager has died')

        # No longer defined, but somebody has it: it is the same ring when it is defined again.
        holder = g.background('receive', 'one', '--exec', f'read x < {g.fifo("door")}', '--count', 1)
        g.until('a is held', lambda: g.ring('one')['leased'] == 1)
        g.configure('ring two { slots = 16 }\n' + worker)
        g.ctl('reload')
        g.ctl('peek', 'one', expected=4)
        kill_and_wait(g.manager_pid)
        g.ctl('peek', 'one', expected=4)
        g.configure(rings + worker)
        g.ctl('reload')
        equal(texts(g, ['peek'], 'one'), ['a', 'b', 'c'], 'defined again')

        # Nobody has it any more: it goes, and what is defined later is another.
        with open(g.path('door'), 'w') as door:
            door.write('go\n')
        g.wait_helper(holder)
        g.configure('ring two { slots = 16 }\n' + worker)
        g.ctl('reload')
        g.configure(rings.replace('ring one { slots = 16', 'ring one { slots = 32') + worker)
        g.ctl('reload')
        equal((g.ring('one')['slots'], texts(g, ['peek'], 'one')), (32, []), 'a new one')


def dead_letters_stay():
    """dead letters outlive the manager; retry and drop are done by the next one"""
    with gang('ring jobs { slots = 16 max-deliveries = 1 }\n'
              'worker w { exec = {"@/keeps"} io = lines receive = {jobs} }\n') as g:
        g.ctl('send', 'jobs', 'bad1', 'bad2', 'bad3')
        g.until('they are dead', lambda: g.ring('jobs')['dead'] == 3)
        kill_and_wait(g.manager_pid)
        dead = g.json('dead', 'list', 'jobs')['messages']
        equal([m['text'] for m in dead], ['bad1', 'bad2', 'bad3'], 'dead letters')
        check(all('bad' in m['reason'] for m in dead), f'the reasons: {dead}')
        g.ctl('dead', 'drop', 'jobs', dead[0]['id'])
        g.ctl('stop', 'w')
        g.ctl('dead', 'retry', 'jobs', dead[1]['id'])
        kill_and_wait(g.manager_pid)
        equal({m['text']: (m['state'], m['deliveries']) for m in g.json('peek', 'jobs')['messages']}, {'bad2': ('ready', 0)}, 'messages')
        equal(texts(g, ['dead', 'list'], 'jobs'), ['bad3'], 'dead letters left')
        equal(g.ctl('receive', 'jobs').out, 'bad2\n', 'received')


def counts_are_those_of_the_ring():
    """of one that holds messages of two rings, each ring counts its own redeliveries and dead letters"""
    if sanitized():
        raise Skip('a library with AddressSanitizer cannot be loaded into Python')
    with Gang('ring one { slots = 16 max-deliveries = 3 }\nring two { slots = 16 max-deliveries = 1 }\n'
              'worker w { exec = {"@/both"} receive = {one, two} restart-delay = 10ms stop-timeout = 100ms }\n', begin=False) as g:
        g.python('both', BOTH.replace('@', f'{BUILD}/.libs/libganger.so'))
        g.start()
        g.until_ready('w/0')
        pid = g.pid('w/0')
        g.ctl('send', 'one', 'a', 'b')
        g.ctl('send', 'two', 'x')
        g.until('it has one of each', lambda: (g.ring('one')['leased'], g.ring('two')['leased']) == (1, 1))
        kill(pid)
        letter = g.wait_event(lambda e: e['kind'] == 'dead-letter', what='a dead letter')
        equal((letter['key'], letter['dead']), ('two', 1), 'dead letter')
        recovery = g.wait_event(lambda e: e['kind'] == 'recovery', what='a recovery')
        equal((recovery['key'], recovery['returned'], recovery['dead']), ('w/0', 1, 1), 'recovery')
        g.until('a is delivered again', lambda: g.ring('one')['leased'] == 1)
        kill_and_wait(g.manager_pid)
        equal([(g.ring(r)['redelivered'], g.ring(r)['dead']) for r in ('one', 'two')], [(1, 0), (0, 1)], 'redelivered and dead')


def the_stopped_stay_known():
    """a consumer that is stopped by SIGSTOP swallows no wake-up, also under the next manager, which was not told"""
    with Gang('ring jobs { slots = 16 }\nring out { slots = 16 }\n'
              'worker w { exec = {"@/w"} io = lines receive = {jobs} send = {out} instances = 2 }\n', begin=False) as g:
        g.script('w', 'while read -r x; do echo "OK $x"; done')
        g.start()
        g.until_ready('w/0', 'w/1')
        frozen = g.pid('w/0')
        kill(frozen, signal.SIGSTOP)
        g.until('it is stopped', lambda: process_stat(frozen)[0] == 'T')
        for n in range(3):
            kill_and_wait(g.manager_pid)
            g.ctl('version')
            for i in range(5):
                g.ctl('send', 'jobs', f'{n}.{i}')
                equal(g.ctl('receive', 'out', '--count', 1).out, f'{n}.{i}\n', 'the other has it')
        equal(g.pid('w/0'), frozen, 'the stopped one')
        kill(frozen, signal.SIGCONT)


def nothing_to_drain():
    """one that has rings and never joins them is stopped at once; the timeout is for those who hold messages"""
    with Gang('ring jobs { slots = 16 }\n'
              'worker w { exec = {"sleep", "1000"} receive = {jobs} stop-timeout = 1h }\n') as g:
        g.until_ready('w/0')
        pid = g.pid('w/0')
        g.ctl('stop', 'w')
        check(not alive(pid), 'it lives')


def outsiders_make_no_noise():
    """who attaches and leaves with nothing in its hands is no event; who is killed with a message is one"""
    with gang('ring jobs { slots = 16 }\n') as g:
        g.ctl('send', 'jobs', 'a')
        g.ctl('peek', 'jobs')
        holder = g.background('receive', 'jobs', '--exec', f'read x < {g.path("gate")}', start_new_session=True)
        g.until('a is held', lambda: g.ring('jobs')['leased'] == 1)
        os.killpg(holder.pid, signal.SIGKILL)
        recovery = g.wait_event(lambda e: e['kind'] == 'recovery', what='a recovery')
        equal((recovery['key'], recovery['returned']), (f'pid {holder.pid}', 1), 'the first recovery')
        holder.wait()


main(a_reload_keeps_rings, dead_letters_stay, counts_are_those_of_the_ring, the_stopped_stay_known, nothing_to_drain,
     outsiders_make_no_noise)
