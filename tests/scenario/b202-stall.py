#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stall-timeout: who holds one message, or serves one call, for too long is ended; with the manager killed in the middle."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

STALL_MS = 400
CONFIG = '''
ring jobs { slots = 64 max-deliveries = 5 }
ring out { slots = 256 }
worker a { exec = {"@/works"} io = lines receive = jobs send = out restart-delay = 1ms restart-delay-max = 1ms KEYS }
'''
# Hangs once with each message that says so; takes its time with one that says that.
WORKS = '''
while read -r x; do
    echo "has $x" >&2
    case $x in
    hang*) [ -e @/$x ] || { : > @/$x; read -r go < @/gate; } ;;
    slow*) sleep 0.05 ;;
    esac
    echo "OK $x"
done
'''
KEYS = f'stall-timeout = {STALL_MS}ms'


def gang(config=CONFIG, keys=KEYS, **files):
    g = Gang(config.replace('KEYS', keys), begin=False)
    g.script('works', WORKS.replace('@', g.directory))
    for name, text in files.items():
        g.python(name, text)
    g.script('source', f'while :; do cat {g.path("lines")}; done')
    g.fifo('gate')
    g.fifo('lines')
    g.start()
    return g


def stalls(g, pid, words, signal='SIGABRT', period=f'{STALL_MS}ms'):
    """Until that process has ended for it. @return the event."""
    e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
    check(re.fullmatch(f'killed by {signal} .stalled: {words} for {period}, delivery 1.', e['text']), f'its end: {e["text"]}')
    return e


def receives(g, *texts):
    equal(g.ctl('receive', 'out', '--count', len(texts)).out.split(), list(texts), 'messages')


def a_message():
    """its reason names ring, message and delivery, in the event, the log and the report; the message is delivered again"""
    with gang() as g:
        g.until_ready('a/0')
        g.ctl('send', 'jobs', 'one')
        receives(g, 'one')
        pid = g.pid('a/0')
        g.ctl('send', 'jobs', 'hang')
        stalls(g, pid, 'held message 1 of jobs')
        receives(g, 'hang')
        g.wait_stderr('a/0: stalled: held message 1 of jobs for 400ms, delivery 1: SIGABRT is sent')
        report = g.json('report', 'a')['reports'][0]
        equal((report['cause'], report['leases']), ('found not to be well', [
            {'object': 'jobs', 'id': 1, 'deliveries': 1, 'outcome': 'delivered again'}]), 'report')
        check(g.pid('a/0') != pid, 'pid')


def a_frozen_one():
    """so is one that is stopped by SIGSTOP with a message in its hands"""
    with gang() as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        os.kill(pid, signal.SIGSTOP)
        # Only what it has taken counts.
        g.ctl('send', 'jobs', 'waits')
        os.kill(pid, signal.SIGCONT)
        receives(g, 'waits')
        g.ctl('send', 'jobs', 'hang')
        g.wait_log('a/0', 'has hang')
        os.kill(pid, signal.SIGSTOP)
        stalls(g, pid, 'held message 1 of jobs')
        receives(g, 'hang')


def steady_work():
    """many messages, each for a short time, are none"""
    with gang(keys='stall-timeout = 2s') as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        names = [f'slow{i}' for i in range(60)]
        g.ctl('send', 'jobs', *names)
        receives(g, *names)
        equal(g.pid('a/0'), pid, 'pid')


def the_next_manager():
    """a new manager gives a whole period, and sees it"""
    with gang(keys='stall-timeout = 2s') as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        g.ctl('send', 'jobs', 'hang')
        g.wait_log('a/0', 'has hang')
        for _ in range(3):
            kill_and_wait(g.manager_pid)
            g.ctl('status')
        e = stalls(g, pid, 'held message 0 of jobs', period='2s')
        managers = [m for m in g.events.items if m['kind'] == 'manager' and m['monotonic_usec'] < e['monotonic_usec']]
        elapsed = e['monotonic_usec'] - managers[-1]['monotonic_usec']
        check(len(managers) > 1 and elapsed >= 2000000, f'{elapsed} us after the manager took over')
        receives(g, 'hang')


def killed_in_between():
    """one that its signal does not end is killed, also by the next manager, which knows why"""
    with gang(keys=KEYS + ' watchdog-signal = SIGWINCH stop-timeout = 1s') as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        g.ctl('send', 'jobs', 'hang')
        g.wait_stderr('a/0: stalled: .*: SIGWINCH is sent')
        kill_and_wait(g.manager_pid)
        stalls(g, pid, 'held message 0 of jobs', signal='SIGKILL')
        receives(g, 'hang')


def a_reload():
    """what is held already counts when the key is new"""
    with gang(keys='') as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        g.ctl('send', 'jobs', 'hang')
        g.wait_log('a/0', 'has hang')
        g.configure(CONFIG.replace('KEYS', KEYS + ' watchdog-signal = SIGTERM'))
        g.ctl('reload')
        equal(g.pid('a/0'), pid, 'pid')
        stalls(g, pid, 'held message 0 of jobs', signal='SIGTERM')
        receives(g, 'hang')


SERVES = '''
import os, signal, sys
import ganger
gang = ganger.join()
service = gang.service('square', ganger.RECEIVE)
gang.ready()
while True:
    request = service.receive()
    hung = os.path.join(os.path.dirname(sys.argv[0]), 'hung')
    if not os.path.exists(hung):
        open(hung, 'w').close()
        signal.pause()
    request.reply(b'done')
'''


def a_call():
    """a call that a server does not answer: the caller is told, or another server answers"""
    binding = need_library()
    with gang('service square { idempotent = yes max-deliveries = 2 }\n'
              f'worker a {{ exec = {{"@/serves"}} serve = square ready = library {binding} restart-delay = 1ms '
              'restart-delay-max = 1ms KEYS }', serves=SERVES) as g:
        g.until_ready('a/0')
        pid = g.pid('a/0')
        equal(g.ctl('call', 'square', '7').out.strip(), 'done', 'the answer')
        stalls(g, pid, 'served call [0-9]+ of square')


# A bridge that sends reads what is to be sent from us.
SOURCE_TOO = CONFIG + 'worker source { exec = {"@/source"} io = lines send = jobs }'
# As epoll has it of a ring that is watched.
WATCHES = re.compile(r'tfd:.* events: 80000019 ', re.M)


def manager_watches(g):
    return any(WATCHES.search(text) for text in descriptors(g.manager_pid))


def taken_before_it_is_seen():
    """a message that was taken before the manager came to look"""
    with gang(SOURCE_TOO) as g:
        g.until_ready('a/0', 'source/0')
        pid = g.pid('a/0')
        g.until('the ring is watched', lambda: manager_watches(g))
        os.kill(g.manager_pid, signal.SIGSTOP)
        with open(g.path('lines'), 'w') as f:
            f.write('hang\n')
        g.until('it is taken', lambda: os.path.exists(g.path('hang')))
        os.kill(g.manager_pid, signal.SIGCONT)
        stalls(g, pid, 'held message 0 of jobs')
        receives(g, 'hang')


# ---- what it costs -----------------------------------------------------------------------------------


def nothing_to_do():
    """while the ring is empty no timer runs; after some work it is so again"""
    with gang() as g:
        g.until_ready('a/0')
        for text in 'one', 'two':
            g.until('nothing is awaited', lambda: manager_watches(g) and armed_timers(g.manager_pid) == 0)
            g.ctl('send', 'jobs', text)
            receives(g, text)
        g.until('nothing is awaited', lambda: manager_watches(g) and armed_timers(g.manager_pid) == 0)


main(a_message, a_frozen_one, steady_work, the_next_manager, killed_in_between, a_reload, a_call, taken_before_it_is_seen, nothing_to_do)
