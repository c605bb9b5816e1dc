#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drained workers and instances run on and take nothing new, until they are resumed; whatever dies meanwhile."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 64 max-deliveries = 100 }
ring out { slots = 256 }
ring kept { slots = 64 max-deliveries = 100 }
ring done { slots = 64 }
ring once { slots = 64 }
ring said { slots = 64 }
listen web { stream = "@/web" }
worker echo { exec = {"@/echo"} io = lines receive = jobs send = out instances = 2 }
worker hold { exec = {"@/hold"} io = lines receive = kept send = done }
worker each { exec = {"@/each"} io = exec receive = once send = said }
worker plain { exec = {"sleep", "1000"} }
worker page { exec = {"sleep", "1000"} listen = web }
'''
ECHO = 'while read -r x; do echo "OK $GANGER_INSTANCE"; done'
# Keeps each message until somebody opens the gate.
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x"; done'
EACH = 'cat'
ALL = ('echo/0', 'echo/1', 'hold/0', 'each/0', 'plain/0', 'page/0')


def gang(config=CONFIG, remembers=False):
    g = Gang(config, begin=False)
    if remembers:
        os.mkdir(g.path('state'))
        g.arguments = ['--state-dir', g.path('state')]
    g.script('echo', ECHO)
    g.script('hold', HOLD.replace('@', g.directory))
    g.script('each', EACH)
    g.fifo('gate')
    g.start()
    g.until_ready(*ALL)
    return g


def open_gate(g):
    with open(g.path('gate'), 'w') as f:
        f.write('go\n')


def answers(g, n=20):
    """@return which instances answer so many messages."""
    g.ctl('send', 'jobs', *(['x'] * n))
    return set(g.ctl('receive', 'out', '--count', n).out.split())


def drained(g):
    return {key for key, i in g.instances().items() if i.get('drained')}


def one_of_two():
    """a drained instance takes nothing: the other takes all"""
    with gang() as g:
        pids = g.pids()
        g.ctl('drain', 'echo/0')
        equal(drained(g), {'echo/0'}, 'drained')
        check('ready (drained)' in g.ctl('status').out, 'status does not say that it is drained')
        equal(answers(g), {'1'}, 'who answers')
        g.ctl('drain', 'echo/1')
        g.ctl('resume', 'echo/0')
        equal(answers(g), {'0'}, 'who answers')
        g.ctl('drain', 'echo')
        g.ctl('send', 'jobs', 'x')
        g.ctl('resume', 'echo/1')
        equal(g.ctl('receive', 'out', '--count', 1).out, '1\n', 'who answers')
        equal(drained(g), {'echo/0'}, 'drained')
        g.ctl('resume', 'echo')
        g.ctl('resume', 'echo')
        equal(drained(g), set(), 'drained')
        equal(g.pids(), pids, 'pids')


def until_it_holds_nothing():
    """it waits until what is held is finished, also if the manager dies meanwhile; with --no-wait it does not"""
    with gang() as g:
        g.ctl('send', 'kept', 'a')
        g.until('it holds one', lambda: g.ring('kept')['leased'] == 1)
        g.ctl('drain', 'hold', '--no-wait')
        g.ctl('drain', 'hold', '--timeout', '100ms', expected=5)
        waits = g.background('drain', 'hold')
        kill_and_wait(g.manager_pid)
        g.ctl('send', 'kept', 'b')
        equal(drained(g), {'hold/0'}, 'drained')
        check(waits.poll() is None, 'it does not wait')
        open_gate(g)
        g.wait_helper(waits)
        equal(g.ctl('receive', 'done', '--count', 1).out, 'a\n', 'the answer')
        ring = g.ring('kept')
        equal((ring['ready'], ring.get('leased', 0)), (1, 0), 'ready and leased')
        g.ctl('resume', 'hold')
        open_gate(g)
        equal(g.ctl('receive', 'done', '--count', 1).out, 'b\n', 'the answer')


def over_deaths():
    """what is drained stays so over the death of its process, of the manager, and over a restart"""
    with gang() as g:
        g.ctl('drain', 'echo/0', 'each')
        before = g.pid('echo/0')
        kill(before)
        g.until('it is replaced', lambda: g.instance('echo/0')['state'] == 'ready' and g.pid('echo/0') != before)
        equal(answers(g), {'1'}, 'who answers')
        kill_and_wait(g.manager_pid)
        equal(drained(g), {'echo/0', 'each/0'}, 'drained')
        equal(answers(g), {'1'}, 'who answers')
        before = g.pid('echo/0')
        kill_and_wait(g.manager_pid)
        kill(before)
        g.until('it is replaced', lambda: g.instance('echo/0')['state'] == 'ready' and g.pid('echo/0') != before)
        g.ctl('restart', 'echo/0')
        equal(answers(g), {'1'}, 'who answers')
        # Those that come later, too, if all of a worker is drained.
        g.ctl('drain', 'echo')
        g.ctl('scale', 'echo', 3)
        equal(drained(g), {'echo/0', 'echo/1', 'echo/2', 'each/0'}, 'drained')
        g.ctl('resume', 'echo/2')
        equal(answers(g), {'2'}, 'who answers')
        g.ctl('send', 'once', 'x')
        equal(g.ring('said')['ready'], 0, 'what a drained one has said')
        g.ctl('resume', '--all')
        equal(g.ctl('receive', 'said', '--count', 1).out, 'x\n', 'the answer')
        # One that is drained can be stopped, and comes back drained.
        g.ctl('drain', 'echo/1')
        g.ctl('stop', 'echo/1')
        g.ctl('start', 'echo/1')
        equal(drained(g), {'echo/1'}, 'drained')


def over_the_end():
    """with a state directory it stays so over the end of the daemon"""
    with gang(remembers=True) as g:
        g.ctl('drain', 'echo/0', 'each')
        g.ctl('drain', 'hold')
        g.ctl('resume', 'hold')
        g.until('it is written down', lambda: 'drained each\n' in g.read('state/wishes') and
                'hold' not in g.read('state/wishes'))
        g.ctl('shutdown')
        g.process.wait(LIMIT)
        g.start()
        g.until_ready(*ALL)
        equal(drained(g), {'echo/0', 'each/0'}, 'drained')
        equal(answers(g), {'1'}, 'who answers')


def what_cannot_be():
    """a worker that receives nothing cannot be drained, and it says why; of all, it is left out"""
    with gang() as g:
        check('receives from no ring' in g.ctl('drain', 'plain', expected=1).err, 'the reason')
        check('sockets cannot be held back' in g.ctl('drain', 'page/0', expected=1).err, 'the reason')
        check('cannot be drained' in g.ctl('drain', 'echo', 'plain', expected=1).err, 'the reason')
        equal(drained(g), set(), 'drained')
        g.ctl('drain', 'nobody', expected=4)
        g.ctl('drain', '--all')
        equal(drained(g), {'echo/0', 'echo/1', 'hold/0', 'each/0'}, 'drained')


if __name__ == '__main__':
    main(one_of_two, until_it_holds_nothing, over_deaths, over_the_end, what_cannot_be)
