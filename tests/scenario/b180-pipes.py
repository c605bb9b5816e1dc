#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pipes between two workers, either of which is killed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

CONFIG = '''
ring bytes { kind = pipe capacity = 4KiB message-max = 64 }
worker writer { exec = $TOLD send = bytes }
worker reader { exec = $TOLD receive = bytes }
'''


def gang():
    return ToldGang(CONFIG, ('writer/0', 'reader/0'))


def either_end_is_killed():
    """SIGKILL of the reader: the next one reads what that one had not consumed; of the writer: what it had sent is there"""
    with gang() as g:
        for n in range(5):
            g.do('writer/0', 'write', 'bytes', f'm{n}')
        equal(g.do('reader/0', 'peek', 'bytes'), 'm0', 'first')
        g.do('reader/0', 'consume', 'bytes')
        equal(g.do('reader/0', 'peek', 'bytes'), 'm1', 'second')
        kill_and_wait(g.pid('reader/0'))
        g.until_ready('reader/0')
        equal(g.do('reader/0', 'peek', 'bytes'), 'm1', 'second, again')
        kill_and_wait(g.pid('writer/0'))
        g.until_ready('writer/0')
        g.do('writer/0', 'write', 'bytes', 'm5')
        kill_and_wait(g.manager_pid)
        g.do('reader/0', 'consume', 'bytes')
        for n in range(2, 6):
            equal(g.do('reader/0', 'peek', 'bytes'), f'm{n}', 'the rest')
            g.do('reader/0', 'consume', 'bytes')
        g.until('it is empty', lambda: g.ring('bytes')['used'] == 0)


def who_waits_goes_on():
    """a reader that waits gets what comes from the next writer; a writer that waits for room gets it from the next reader"""
    with gang() as g:
        number = g.tell('reader/0', 'peek', 'bytes')
        kill_and_wait(g.pid('writer/0'))
        g.until_ready('writer/0')
        g.do('writer/0', 'write', 'bytes', 'late')
        equal(g.answer('reader/0', number), ['done', 'late'], 'who waited')
        for n in range(50):                     # 64 bytes each: it is full at 56 or so
            g.do('writer/0', 'write', 'bytes', 'x' * 56)
        numbers = [g.tell('writer/0', 'write', 'bytes', 'x' * 56) for _ in range(20)]
        kill_and_wait(g.pid('reader/0'))
        g.until_ready('reader/0')
        for n in range(20):
            g.do('reader/0', 'peek', 'bytes')
            g.do('reader/0', 'consume', 'bytes')
        for number in numbers:
            equal(g.answer('writer/0', number)[0], 'done', 'who waited for room')


def one_of_each():
    """a pipe has one receiver and one sender: others are refused, by scale, send, receive, and in the configuration"""
    with gang() as g:
        g.do('writer/0', 'write', 'bytes', 'abc')
        pipe = g.ring('bytes')
        equal((pipe['kind'], pipe['capacity'], pipe['senders'], pipe['receivers']), ('pipe', 4096, 1, 1), 'pipe')
        check(0 < pipe['used'] <= 16, f'used: {pipe["used"]}')
        g.ctl('rings').has('pipe', 'of 4KiB')
        g.ctl('scale', 'reader', 2, expected=1).has('there can be one instance')
        g.ctl('send', 'bytes', 'x', expected=1).has('has its sender')
        g.ctl('receive', 'bytes', expected=1).has('has its receiver')
        g.ctl('peek', 'bytes', expected=1).has('only a queue')
        g.ctl('stop', 'writer')
        g.ctl('send', 'bytes', 'x', 'y' * 64, input='')
        g.ctl('send', 'bytes', 'y' * 65, expected=1).has('takes 64 at most')
        g.until('the end is free', lambda: g.ring('bytes')['senders'] == 0)
        g.ctl('start', 'writer')
        g.do('writer/0', 'write', 'bytes', 'def')
        g.ctl('stop', 'reader')
        g.ctl('receive', 'bytes', '--exec', 'true', expected=2).has('needs a queue')
        g.until('the end is free', lambda: g.ring('bytes')['receivers'] == 0)
        equal(g.ctl('receive', 'bytes', '--count', 2).out, 'abc\nx\n', 'what the pipe had')
        g.until('the end is free', lambda: g.ring('bytes')['receivers'] == 0)
        equal([data(m) for m in g.ctl('--json', 'receive', 'bytes').json_lines()], ['y' * 64, 'def'], 'the rest')
        g.configure(CONFIG.replace('$TOLD', '{"sleep", "1000"}') + 'worker other { exec = {"sleep", "1000"} receive = bytes }\n')
        g.ctl('reload', expected=1).has("its receiver is worker 'reader' already")


main(either_end_is_killed, who_waits_goes_on, one_of_each)
