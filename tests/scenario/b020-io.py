#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Any program can be a worker: lines, frames, a process a message; and rings between them."""

import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

SHELL_LINES = '''
while read -r line; do
    case $line in
    bad*) echo "FAIL it is $line" ;;
    *)    echo "OK <$line>" ;;
    esac
done
'''
PYTHON_LINES = '''
import sys
for line in sys.stdin:
    print('OK', line.rstrip('\\n')[::-1], flush=True)
'''
PYTHON_FRAMES = '''
import struct, sys

def read(n):
    data = b''
    while len(data) < n:
        more = sys.stdin.buffer.read(n - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data

while True:
    n, = struct.unpack('>I', read(4))
    reply = b'OK ' + read(n)[::-1]
    sys.stdout.buffer.write(struct.pack('>I', len(reply)) + reply)
    sys.stdout.buffer.flush()
'''
PYTHON_FDS = '''
import os, sys
print('stdout is free')
read, write = os.fdopen(5, 'r'), os.fdopen(7, 'w', buffering=1)
for line in read:
    print('got', line, end='', flush=True)
    write.write('OK ' + line.upper())
'''


def received(g, ring, count):
    """The messages that come, as JSON shows them."""
    return g.ctl('--json', 'receive', ring, '--count', count).json_lines()


def texts(g, ring, count):
    return sorted(data(m) for m in received(g, ring, count))


def shell_lines():
    """io = lines, a few lines of shell: each message one line, each reply forwarded, a refusal redelivered"""
    config = '''
    ring in { max-deliveries = 2 }
    ring out { }
    worker w { exec = {"@/w"} io = lines receive = {in} send = {out} instances = 2 }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', SHELL_LINES)
        g.start()
        g.until_ready('w/0', 'w/1')
        words = [f'w{i} "quoted" and $HOME, ä€' for i in range(300)]
        g.ctl('send', 'in', input=''.join(w + '\n' for w in words)).has('300 sent')
        got = texts(g, 'out', 300)
        equal(got, sorted(f'<{w}>' for w in words), 'replies')
        g.ctl('send', 'in', '', 'last')                     # an empty message is one, too
        equal(texts(g, 'out', 2), ['<>', '<last>'], 'an empty message')
        g.ctl('send', 'in', 'bad apple')
        dead = g.until('the bad one is set aside', lambda: g.json('dead', 'list', 'in')['messages'])
        equal([(m['deliveries'], m['reason'], data(m)) for m in dead], [(2, 'it is bad apple', 'bad apple')], 'dead letter')
        for ring in ('in', 'out'):
            r = g.ring(ring)
            equal((r['ready'], r['leased'], r['writing']), (0, 0, 0), f'left in {ring}')


def a_line_break():
    """a message with a line break cannot be a line: it is set aside and says so, the worker goes on"""
    config = '''
    ring in { max-deliveries = 1 }
    ring out { }
    worker w { exec = {"@/w"} io = lines receive = {in} send = {out} }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', SHELL_LINES)
        g.start()
        g.until_ready('w/0')
        g.ctl('send', 'in', 'one\ntwo')
        g.ctl('send', 'in', 'three')
        equal(texts(g, 'out', 1), ['<three>'], 'the next one')
        dead = g.until('it is set aside', lambda: g.json('dead', 'list', 'in')['messages'])
        equal([data(m) for m in dead], ['one\ntwo'], 'dead letter')
        check(dead[0]['reason'], 'a dead letter without a reason')


def python_lines():
    """io = lines in Python, with another program that turns it round again behind it"""
    config = '''
    ring a { slots = 16 }
    ring b { slots = 16 }
    ring c { slots = 1024 }
    worker there { exec = {"@/turn"} io = lines receive = {a} send = {b} instances = 2 }
    worker back  { exec = {"@/turn"} io = lines receive = {b} send = {c} }
    '''
    with Gang(config, begin=False) as g:
        g.python('turn', PYTHON_LINES)
        g.start()
        g.until_ready('there/0', 'there/1', 'back/0')
        words = [f'message number {i}' for i in range(500)]
        g.ctl('send', 'a', input='\n'.join(words) + '\n')   # more than the rings hold: it waits for space
        equal(texts(g, 'c', 500), sorted(words), 'turned round twice')


def frames():
    """io = frames: any bytes, up to the longest message"""
    config = '''
    ring in { slots = 8 slot-size = 64KiB }
    ring out { slots = 8 slot-size = 64KiB }
    worker w { exec = {"@/w"} io = frames receive = {in} send = {out} }
    '''
    with Gang(config, begin=False) as g:
        g.python('w', PYTHON_FRAMES)
        g.start()
        g.until_ready('w/0')
        long = ''.join(chr(ord('a') + i % 26) for i in range(65536))
        for text in ('', 'x', 'one\ntwo\n', long):
            g.ctl('send', 'in', '--', text)
            equal([data(m) for m in received(g, 'out', 1)], [text[::-1]], f'{len(text)} bytes turned round')
        g.ctl('send', 'in', 'a' * 65537, expected=1).has('65537', '65536')


def processes_a_message():
    """io = exec: the message on standard input, the reply on standard output, the exit status decides"""
    config = '''
    ring in { max-deliveries = 2 }
    ring out { }
    worker w { exec = {"@/w"} io = exec receive = {in} send = {out} instances = 3 }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', 'read -r text; echo "log of $text" >&2; [ "$text" != bad ] || exit 7; printf "did %s\\n%s" "$text" "$$"')
        g.start()
        g.until_ready('w/0', 'w/1', 'w/2')
        g.ctl('send', 'in', *(f'm{i}' for i in range(30)))
        replies = [data(m).rstrip('\n').split('\n') for m in received(g, 'out', 30)]
        equal(sorted(r[0] for r in replies), sorted(f'did m{i}' for i in range(30)), 'replies')
        equal(len(set(r[1] for r in replies)), 30, 'processes')
        g.wait_stderr('w/[0-2]: log of m29')
        g.ctl('send', 'in', 'bad')
        dead = g.until('it is set aside', lambda: g.json('dead', 'list', 'in')['messages'])
        check('7' in dead[0]['reason'] and dead[0]['deliveries'] == 2, f'dead letter: {dead}')


def other_descriptors():
    """io-fds: the protocol has descriptors of its own, and standard output stays the log"""
    config = '''
    ring in { }
    ring out { }
    worker w { exec = {"@/w"} io = lines io-fds = {5, 7} receive = {in} send = {out} }
    '''
    with Gang(config, begin=False) as g:
        g.python('w', PYTHON_FDS)
        g.start()
        g.until_ready('w/0')
        g.ctl('send', 'in', 'hello')
        equal(texts(g, 'out', 1), ['HELLO'], 'reply')
        g.wait_stderr('w/0: stdout is free')
        g.wait_stderr('w/0: got hello')


def without_a_reply_ring():
    """without `send` a reply is no more than an acknowledgement; two workers on one ring share it"""
    config = '''
    ring in { slots = 64 }
    worker a { exec = {"@/w"} io = lines receive = {in} }
    worker b { exec = {"@/w"} io = lines receive = {in} }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', 'while read -r line; do echo "$GANGER_WORKER $line" >&2; echo OK; done')
        g.start()
        g.until_ready('a/0', 'b/0')
        g.ctl('send', 'in', *(f'm{i}.' for i in range(80)))
        counts = collections.Counter()
        for i in range(80):
            line = g.logs.wait(lambda l: l['text'].endswith(f' m{i}.'), what=f'message {i}')
            counts[line['text'].split()[1]] += 1
        equal(sum(counts.values()), 80, 'messages')
        equal(max(counts.values()), 1, 'each once')
        r = g.until('all are acknowledged', lambda: (lambda r: r if r['ready'] + r['leased'] == 0 else None)(g.ring('in')))
        equal(r['dead'], 0, 'dead letters')


main(shell_lines, a_line_break, python_lines, frames, processes_a_message, other_descriptors, without_a_reply_ring)
