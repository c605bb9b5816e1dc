#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rings of small slots that carry long messages: slot-size, message-max, heap-size."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

MIB = 1 << 20
CONFIG = '''
ring jobs { slots = 1024 slot-size = 256 message-max = 1MiB heap-size = 4MiB max-deliveries = 2 }
ring out  { slots = 1024 slot-size = 256 message-max = 1MiB }
'''
# Answers with what it gets; says how long it is, and waits for a line from the file `go` first if it is to.
ECHO = '''
import os, sys
for line in sys.stdin:
    print('holds', len(line) - 1, file=sys.stderr, flush=True)
    if line.startswith('hold'):
        with open(os.path.join(os.path.dirname(sys.argv[0]), 'go')) as f:
            f.readline()
    print('OK', line, end='', flush=True)
'''
WORKER = 'worker w { exec = {"@/echo"} io = lines receive = jobs send = out restart-delay = 1ms restart-delay-max = 1ms }\n'


def text(n, size):
    """A message of that many bytes that is no other's."""
    return (f'{n} ' * size)[:size]


def send(g, *messages, timeout='10s', **options):
    return g.ctl('--timeout', timeout, 'send', 'jobs', input=''.join(m + '\n' for m in messages), **options)


def sender(g, *messages):
    """The same, beside us."""
    g.write('messages', ''.join(m + '\n' for m in messages))
    with open(g.path('messages')) as f:
        return g.background('send', 'jobs', stdin=f)


def heap(g, ring='jobs'):
    return g.ring(ring)['heap_used']


def of_all_sizes():
    """messages of one byte and of one MiB, in order and whole, through slots of 256 bytes; nothing is left in use"""
    with Gang(CONFIG + WORKER, begin=False) as g:
        g.python('echo', ECHO)
        g.start()
        messages = [text(n, size) for n, size in enumerate((1, 256, 257, MIB - 3, 2, 4096, MIB - 3, 100000, 255) * 4)]
        sending = sender(g, *messages)
        got = g.ctl('receive', 'out', '--count', len(messages)).out.split('\n')
        g.wait_helper(sending)
        check(got[:-1] == messages, 'what comes out is not what was sent')
        g.until('nothing is leased', lambda: g.ring('jobs')['leased'] == 0)
        equal((heap(g), heap(g, 'out')), (0, 0), 'blocks in use')
        ring = g.ring('jobs')
        equal((ring['slot_size'], ring['message_max'], ring['heap']), (256, MIB, 4 * MIB), 'what the ring is')
        check(ring['memory'] < 8 * MIB, f'{ring["memory"]} bytes for 1,024 slots')
        equal(g.ring('out')['heap'], 16 * MIB, 'the default heap')
        g.ctl('rings', 'jobs').has('heap: 0B of 4MiB')


def too_long():
    """a message above message-max is refused, and says so"""
    with Gang(CONFIG) as g:
        check(f'takes {MIB} at most' in send(g, text(1, MIB + 1), expected=None).err, 'no clear refusal')
        send(g, text(1, MIB))
        check(g.ctl('receive', 'jobs', '--count', 1).out == text(1, MIB) + '\n', 'the longest one')


def a_full_heap():
    """long messages wait until there is room, short ones do not; what is received makes room"""
    with Gang(CONFIG) as g:
        long = [text(n, MIB) for n in range(5)]
        send(g, *long[:4])
        equal(heap(g), 4 * MIB, 'the heap is full')
        check('is full' in send(g, long[4], expected=None, timeout='0').err, 'no room, and nothing is said of it')
        send(g, 'short')
        sending = sender(g, long[4])
        g.until('it waits', lambda: sending.poll() is None and g.ring('jobs')['ready'] == 5)
        check(g.ctl('receive', 'jobs', '--count', 1).out == long[0] + '\n', 'the first')
        g.wait_helper(sending)
        check(g.ctl('receive', 'jobs', '--count', 5).out.split('\n')[:-1] == long[1:4] + ['short', long[4]], 'the rest')
        equal(heap(g), 0, 'blocks in use')


def the_holder_dies():
    """SIGKILL of the one who holds a long message: it comes again, whole; then it is a dead letter, and keeps its room"""
    with Gang(CONFIG + WORKER, begin=False) as g:
        g.python('echo', ECHO)
        g.fifo('go')
        g.start()
        message, seen = text('hold', MIB - 3), 0
        send(g, message)
        for _ in range(2):
            line = g.logs.wait(lambda l: l['text'] == f'holds {MIB - 3}', seen, what='a holder')
            seen = g.logs.items.index(line, seen) + 1
            check(heap(g) >= MIB - 3, 'a message that is held has no room')
            kill(g.pid('w/0'))
        g.until('a dead letter', lambda: g.ring('jobs')['dead'] == 1)
        equal(heap(g), MIB, 'blocks of a dead letter')
        [letter] = g.json('dead', 'list', 'jobs')['messages']
        equal((letter['size'], data(letter)[:9]), (MIB - 3, 'hold hold'), 'the dead letter')
        g.ctl('dead', 'retry', 'jobs', letter['id'])
        g.logs.wait(lambda l: l['text'] == f'holds {MIB - 3}', seen, what='a holder')
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        check(g.ctl('receive', 'out', '--count', 1).out == message + '\n', 'what comes out is not what was sent')
        g.until('nothing is in use', lambda: heap(g) == 0)


def a_dead_letter_is_dropped():
    """whoever drops a long dead letter gives its room back; a sender that waits for it goes on"""
    config = CONFIG.replace('max-deliveries = 2', 'max-deliveries = 1').replace('heap-size = 4MiB', 'heap-size = 1MiB')
    with Gang(config + WORKER, begin=False) as g:
        g.python('echo', 'import sys\nfor line in sys.stdin:\n    print("OK" if len(line) < 9 else "FAIL no", flush=True)\n')
        g.start()
        send(g, text(1, MIB))
        g.until('a dead letter', lambda: g.ring('jobs')['dead'] == 1)
        sending = sender(g, text(2, 1000))
        equal(g.ctl('send', 'jobs', 'short').status, 0, 'a short one')
        check(sending.poll() is None, 'there was room')
        g.ctl('dead', 'drop', 'jobs', '--all')
        g.wait_helper(sending)


def the_manager_dies():
    """a manager that takes over knows the heap"""
    with Gang(CONFIG) as g:
        send(g, text(1, MIB), 'short')
        before = g.ring('jobs')
        kill_and_wait(g.manager_pid)
        equal(g.ring('jobs'), before, 'the ring')
        check(g.ctl('receive', 'jobs', '--count', 2).out == text(1, MIB) + '\nshort\n', 'what was there')


main(of_all_sizes, too_long, a_full_heap, the_holder_dies, a_dead_letter_is_dropped, the_manager_dies)
