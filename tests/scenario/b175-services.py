#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Services: calls from gangerctl, answered, refused, and with servers that are killed over them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

CONFIG = '''
service once  { slots = 4 message-max = 64 }
service again { slots = 4 message-max = 64 idempotent = yes max-deliveries = 3 }
ring jobs { }
worker a { exec = $TOLD serve = {once, again} }
worker b { exec = $TOLD serve = {once, again} }
'''


def gang():
    return ToldGang(CONFIG, ('a/0', 'b/0'))


def a_call():
    """a call is answered; a refusal, a request that is too long and a timeout say what they are"""
    with gang() as g:
        call = g.background('call', 'once', 'what?')
        equal(g.do('a/0', 'take', 'once'), '1 what?', 'request')
        equal((g.ring('once')['leased'], g.ring('once')['kind']), (1, 'service'), 'while it is served')
        g.do('a/0', 'reply', 'once', 'that')
        equal(g.wait_helper(call).out, 'that', 'reply')
        with open(g.write('input', 'from a file')) as f:
            call = g.background('--json', 'call', 'once', stdin=f)
        equal(g.do('b/0', 'take', 'once'), '1 from a file', 'request')
        g.do('b/0', 'fail', 'once', 'not today')
        g.wait_helper(call, 1).has('refused: not today')
        g.ctl('call', 'once', 'x' * 65, expected=1).has('longer than', '64 bytes')
        g.ctl('call', 'once', 'x', '--timeout', '50ms', expected=1).has('no reply in time')
        g.ctl('call', 'jobs', 'x', expected=1).has("'jobs' is no service")
        g.ctl('call', 'onec', 'x', expected=4).has("did you mean 'once'")
        g.ctl('peek', 'once', expected=1).has('only a queue')
        equal(g.ring('once')['receiving'], ['a', 'b'], 'workers')


def the_server_is_killed():
    """SIGKILL of the server: the caller is told at once; nobody else gets the call"""
    with gang() as g:
        call = g.background('call', 'once', 'deadly')
        g.do('a/0', 'take', 'once')
        kill(g.pid('a/0'))
        g.wait_helper(call, 1).has('the server died over it')
        equal((g.ring('once')['failed'], g.ring('once')['ready']), (1, 0), 'afterwards')


def another_tries():
    """idempotent: another server gets the call of one that was killed, until it was tried often enough"""
    with gang() as g:
        call = g.background('call', 'again', 'please')
        equal(g.do('a/0', 'take', 'again'), '1 please', 'request')
        kill(g.pid('a/0'))
        equal(g.do('b/0', 'take', 'again'), '2 please', 'request')
        g.do('b/0', 'reply', 'again', 'here')
        equal(g.wait_helper(call).out, 'here', 'reply')
        equal(g.ring('again')['redelivered'], 1, 'redelivered')
        call = g.background('call', 'again', 'deadly')
        for n in (1, 2, 3):
            g.until_ready('a/0')
            equal(g.do('a/0', 'take', 'again'), f'{n} deadly', 'request')
            kill_and_wait(g.pid('a/0'))
        g.wait_helper(call, 1).has('the server died over it')


def the_caller_is_killed():
    """SIGKILL of gangerctl: its call is served no more; the service goes on"""
    with gang() as g:
        call = g.background('call', 'once', 'nobody waits')
        g.until('it is there', lambda: g.ring('once')['ready'] == 1)
        kill_and_wait(call.pid)
        call.wait()
        g.until('it is gone', lambda: g.ring('once')['ready'] == 0)
        call = g.background('call', 'once', 'I do')
        equal(g.do('a/0', 'take', 'once'), '1 I do', 'request')
        g.do('a/0', 'reply', 'once', 'fine')
        equal(g.wait_helper(call).out, 'fine', 'reply')


main(a_call, the_server_is_killed, another_tries, the_caller_is_killed)
