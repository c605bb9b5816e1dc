#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a manager leaves for its successor says something else than it should, in whole records: the successor serves, and nothing is doubled."""

import mmap
import os
import random
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# As daemon/state.c has it.
HEADER, RECORD, RECORDS, SHORT_MAX, BODY_MAX = 4096, 256, 256, 96, 992
SEGMENT = RECORDS * (RECORD + 2 * BODY_MAX)
KINDS = (1, 2, 3, 4, 5, 60, 80, 220, 260)
CONFIG = '''
ring jobs { slots = 64 }
ring out { slots = 64 }
mutex gate { }
listen page { stream = "@/page" }
worker io { exec = {"@/io"} io = lines receive = jobs send = out instances = 2 }
worker web { exec = {"sleep", "1000"} listen = page group = back }
worker fails { exec = {"false"} restart = never }
worker plain { exec = {"sleep", "1000"} instances = 2 remember = yes }
group back { }
'''


def checksum(*parts):
    value = 0xcbf29ce484222325
    for byte in b''.join(parts):
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


class StateMemory:
    def __init__(self, g):
        keeper = g.keeper_pid
        for name in os.listdir(f'/proc/{keeper}/fd'):
            path = f'/proc/{keeper}/fd/{name}'
            if os.readlink(path).startswith('/memfd:ganger-state'):
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                self.map = mmap.mmap(fd, 0)
                os.close(fd)
                return
        raise Failed('the keeper has no state memory')

    def halves(self):
        """@return of each record that is there: where its half begins that counts, and its sequence number, kind and body."""
        for segment in range(HEADER, len(self.map), SEGMENT):
            for i in range(RECORDS):
                at = segment + i * RECORD
                sequence, = struct.unpack_from('<Q', self.map, at)
                half = at + 16 + (sequence & 1) * 120
                ours, _, kind, size = struct.unpack_from('<QQII', self.map, half)
                if sequence and ours == sequence and kind and size <= SHORT_MAX:
                    yield half, sequence, kind, self.map[half + 24:half + 24 + size]

    def write(self, half, sequence, kind, body):
        start = struct.pack('<Q', sequence)
        rest = struct.pack('<II', kind, len(body))
        self.map[half:half + 24 + len(body)] = start + struct.pack('<Q', checksum(start, rest, body)) + rest + body


def damage(chance, body):
    """Another body, that is most of it what it was."""
    body = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        how, at = chance.randrange(5), chance.randrange(len(body) + 1)
        if how == 0 and at < len(body):
            body[at] ^= 1 << chance.randrange(8)
        elif how == 1 and at < len(body):
            body[at] = chance.choice((0, 1, 0x7f, 0x80, 0xff))
        elif how == 2:
            del body[at:at + chance.randrange(1, 4)]
        elif how == 3:
            body[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
        else:
            body[at:at] = body[:chance.randrange(12)]
    return bytes(body[:SHORT_MAX])


def incarnation(g):
    return g.json('version')['gangerd']['manager_incarnation']


def no_key_twice(g):
    pids = [pid for pid in g.pids().values() if pid]
    equal(len(pids), len(set(pids)), 'number of processes')


def rounds(n, change):
    with Gang(CONFIG, begin=False) as g:
        g.script('io', 'while read -r x; do echo "OK $x"; done')
        g.start()
        g.until_ready('io/0', 'io/1', 'web/0', 'plain/0', 'plain/1')
        g.ctl('stop', 'plain/1')
        keeper = g.keeper_pid
        for i in range(n):
            chance = random.Random(i)
            manager, before = g.manager_pid, incarnation(g)
            kill(manager, signal.SIGSTOP)
            memory = StateMemory(g)
            check(len(list(memory.halves())) >= 8, 'there are hardly any records')
            change(chance, memory)
            kill_and_wait(manager)
            equal(g.keeper_pid, keeper, 'keeper')
            equal(incarnation(g), before + 1, f'managers in round {i}: one has died of what it found')
            no_key_twice(g)
        # It is none the worse: what is written anew is right.
        g.ctl('start', '--all', expected=None)
        g.until_ready('plain/0', 'plain/1', 'web/0')


def damaged_bodies():
    """records that are damaged, with checksums that are right"""
    def change(chance, memory):
        for half, sequence, kind, body in list(memory.halves()):
            if chance.random() < 0.4:
                memory.write(half, sequence, kind, damage(chance, body))
    rounds(5, change)


def other_kinds():
    """records that say that they are of another kind, and records twice"""
    def change(chance, memory):
        halves = list(memory.halves())
        for half, sequence, kind, body in halves:
            what = chance.random()
            if what < 0.2:
                memory.write(half, sequence, chance.choice(KINDS), body)
            elif what < 0.4:
                memory.write(half, sequence, kind, chance.choice(halves)[3])
    rounds(4, change)


def noise():
    """bytes that are none of ours, anywhere"""
    def change(chance, memory):
        for _ in range(2000):
            at = chance.randrange(0 if chance.random() < 0.001 else HEADER, HEADER + RECORDS * RECORD)
            memory.map[at] = chance.randrange(256)
    rounds(2, change)


main(damaged_bodies, other_kinds, noise)
