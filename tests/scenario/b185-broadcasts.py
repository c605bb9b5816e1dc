#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broadcasts: every subscriber sees every message, whoever is killed; slow ones are told, waited for, or cut off."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

CONFIG = '''
ring news { kind = broadcast capacity = 4KiB message-max = 256 }
ring kept { kind = broadcast capacity = 4KiB message-max = 256 policy = wait subscribers = 3 }
worker writer { exec = $TOLD send = {news, kept} }
worker reader { exec = $TOLD receive = {news, kept} instances = 2 }
'''
READERS = ('reader/0', 'reader/1')


def gang():
    return ToldGang(CONFIG, ('writer/0', *READERS))


def everybody_sees_everything():
    """each message reaches each subscriber, in order, over the death of the writer, of the manager and of another subscriber"""
    with gang() as g:
        for key in READERS:
            g.do(key, 'subscribe', 'kept')
        for n in range(3):
            g.do('writer/0', 'publish', 'kept', f'm{n}')
        kill_and_wait(g.pid('writer/0'))
        kill_and_wait(g.manager_pid)
        g.until_ready('writer/0')
        g.do('writer/0', 'publish', 'kept', 'm3')
        for n in range(2):
            equal(g.do('reader/0', 'read', 'kept'), f'0 m{n}', 'reader/0')
        kill_and_wait(g.pid('reader/0'))
        for n in range(4):
            equal(g.do('reader/1', 'read', 'kept'), f'0 m{n}', 'reader/1')
        number = g.tell('reader/1', 'read', 'kept')
        g.do('writer/0', 'publish', 'kept', 'last')
        equal(g.answer('reader/1', number), ['done', '0 last'], 'who waited')
        g.ctl('stop', 'writer')
        g.until('the end is free', lambda: g.ring('kept')['senders'] == 0)
        g.ctl('send', 'kept', 'by hand')
        equal(g.do('reader/1', 'read', 'kept'), '0 by hand', 'from gangerctl')
        check('by hand' in g.ctl('receive', 'kept').out.splitlines(), 'gangerctl receive')


def a_slow_subscriber():
    """policy wait: the writer waits for it, it is shown how far it is behind; it is killed, and the writer goes on"""
    with gang() as g:
        g.do('reader/0', 'subscribe', 'kept')
        g.do('reader/1', 'subscribe', 'kept')
        numbers = [g.tell('writer/0', 'publish', 'kept', 'x' * 200) for _ in range(30)]
        ring = g.until('it is full', lambda: (lambda r: r['used'] > 3000 and r)(g.ring('kept')))
        equal((ring['policy'], ring['kind'], ring['capacity']), ('wait', 'broadcast', 4096), 'kept')
        equal(sorted(s['process'] for s in ring['subscribers']), list(READERS), 'subscribers')
        check(all(s['behind'] > 3000 for s in ring['subscribers']), str(ring['subscribers']))
        g.ctl('rings').has('of 4KiB, wait, reader/')
        for key in READERS:
            kill_and_wait(g.pid(key))
        for number in numbers:
            equal(g.answer('writer/0', number)[0], 'done', 'the writer')
        g.until('nobody subscribes', lambda: g.ring('kept')['subscribers'] == [])


def a_lossy_one():
    """lossy: the writer never waits; whoever was overtaken is told how many it missed"""
    with gang() as g:
        g.do('reader/0', 'subscribe', 'news')
        for n in range(40):
            g.do('writer/0', 'publish', 'news', f'{n:03} ' + 'x' * 196)
        missed, first = g.do('reader/0', 'read', 'news').split()[:2]
        check(int(missed) > 0 and int(missed) == int(first), f'missed {missed}, then {first}')
        equal(g.do('reader/0', 'read', 'news').split()[:2], ['0', f'{int(first) + 1:03}'], 'the next one')
        equal(g.ring('news')['accepted'], 40, 'accepted')
        lines = g.ctl('receive', 'news').out.splitlines()
        equal([int(line[:3]) for line in lines], list(range(40 - len(lines), 40)), 'what is kept')


main(everybody_sees_everything, a_slow_subscriber, a_lossy_one)
