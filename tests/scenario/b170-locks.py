#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutexes, monitors, semaphores and counters between workers: who holds, who waits, who died, and who waits for each other."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

CONFIG = '''
mutex one { }
mutex two { }
monitor buffer { conditions = 2 }
semaphore ports { permits = 2 }
counter sums { counters = 2 }
ring jobs { }
worker a { exec = $TOLD use = {one, two, buffer, ports, sums} }
worker b { exec = $TOLD use = {one, two, buffer, ports, sums} }
worker c { exec = $TOLD use = {one, two, ports} }
'''
KEYS = ('a/0', 'b/0', 'c/0')


def gang(config=CONFIG, keys=KEYS, **options):
    return ToldGang(config, keys, **options)


def waits(g, name, key):
    g.until(f'{key} waits for {name}', lambda: key in g.who(g.lock(name)['waiters']))


def who_holds_and_who_waits():
    """holders, waiters, sleepers, permits and values are shown, over a death of the manager, too"""
    with gang() as g:
        g.do('a/0', 'lock', 'one')
        g.tell('b/0', 'lock', 'one')
        waits(g, 'one', 'b/0')
        g.do('a/0', 'acquire', 'ports')
        g.do('a/0', 'add', 'sums', 5)
        g.do('c/0', 'acquire', 'ports')
        g.do('a/0', 'add', 'sums', -7)
        before = g.json('locks')
        one = g.lock('one')
        equal((one['kind'], one['free'], g.who(one['holders']), g.who(one['waiters'])), ('mutex', 0, ['a/0'], ['b/0']), 'one')
        equal(one['holders'][0]['thread'], g.pid('a/0'), 'the thread of a holder that somebody waited for')
        ports = g.lock('ports')
        equal((ports['permits'], ports['free'], g.who(ports['holders'])), (2, 0, ['a/0', 'c/0']), 'ports')
        equal(g.lock('sums')['values'], [-2, 0], 'values')
        equal(before['deadlocks'], [], 'deadlocks')
        g.ctl('locks').has('a/0', 'b/0', '0 of 2', '-2 0')
        kill_and_wait(g.manager_pid)
        equal(g.json('locks'), before, 'after the death of the manager')
        g.do('a/0', 'unlock', 'one')
        g.until('b/0 has it', lambda: g.who(g.lock('one')['holders']) == ['b/0'])
        g.ctl('locks', 'tow', expected=4).has("did you mean 'two'")
        g.ctl('locks', 'jobs', expected=4).has("'jobs' is a queue")
        g.ctl('rings', 'one', expected=4).has("'one' is a mutex")
        g.ctl('send', 'one', 'x', expected=1).has("'one' is no ring")


def a_monitor():
    """who sleeps for a condition is shown with it, and goes on when it is signalled"""
    with gang() as g:
        g.do('a/0', 'enter', 'buffer')
        number = g.tell('a/0', 'await', 'buffer', 1)
        g.until('it sleeps', lambda: g.who(g.lock('buffer')['sleepers']) == ['a/0'])
        equal(g.lock('buffer')['sleepers'][0]['condition'], 1, 'condition')
        g.ctl('locks', 'buffer').has('a/0', '(condition 1)')
        g.do('b/0', 'enter', 'buffer')
        g.do('b/0', 'signal', 'buffer', 1)
        g.do('b/0', 'exit', 'buffer')
        equal(g.answer('a/0', number)[0], 'done', 'the wait')


def the_holder_is_killed():
    """SIGKILL of a holder: who waits gets the mutex and is told; permits are there for others; it is an event"""
    with gang() as g:
        g.do('a/0', 'lock', 'one')
        g.do('a/0', 'acquire', 'ports')
        g.do('a/0', 'acquire', 'ports')
        lock, acquire = g.tell('b/0', 'lock', 'one'), g.tell('c/0', 'acquire', 'ports')
        waits(g, 'one', 'b/0')
        waits(g, 'ports', 'c/0')
        seen = len(g.events.items)
        kill(g.pid('a/0'))
        equal(g.answer('b/0', lock)[0], 'EOWNERDEAD', 'who waited for the mutex')
        equal(g.answer('c/0', acquire)[0], 'done', 'who waited for a permit')
        event = g.wait_event(lambda e: e['kind'] == 'recovery' and e['key'] == 'a/0', seen)
        check('inconsistent' in event['text'], event['text'])
        equal(g.lock('one')['state'], 'inconsistent', 'state')
        g.do('b/0', 'consistent', 'one')
        equal(g.lock('one')['state'], '', 'state')
        g.do('b/0', 'unlock', 'one')
        g.until_ready('a/0')
        g.do('a/0', 'lock', 'one')


def nobody_puts_it_right():
    """a mutex that is unlocked inconsistent is of no more use, and says so"""
    with gang() as g:
        g.do('a/0', 'lock', 'one')
        kill(g.pid('a/0'))
        g.do('b/0', 'lock', 'one', result='EOWNERDEAD')
        g.do('b/0', 'unlock', 'one')
        equal(g.lock('one')['state'], 'unrecoverable', 'state')
        g.do('c/0', 'lock', 'one', result='ENOTRECOVERABLE')


def a_deadlock_of_two():
    """two that wait for each other: shown with who holds what, one event; it ends when one of them dies"""
    with gang() as g:
        seen = len(g.events.items)
        g.do('a/0', 'lock', 'one')
        g.do('b/0', 'lock', 'two')
        a = g.tell('a/0', 'lock', 'two')
        waits(g, 'two', 'a/0')
        equal(g.deadlocks(), [], 'one of them waits')
        g.tell('b/0', 'lock', 'one')
        g.tell('c/0', 'lock', 'one')            # behind it, and not in it
        waits(g, 'one', 'b/0')
        waits(g, 'one', 'c/0')
        [deadlock] = g.until('it is found', g.deadlocks)
        equal({(s['process'], s['waits_for']) for s in deadlock['steps']}, {('a/0', 'two'), ('b/0', 'one')}, 'steps')
        equal({s['process']: s['thread'] for s in deadlock['steps']}, {k: g.pid(k) for k in ('a/0', 'b/0')}, 'threads')
        g.ctl('locks', 'sums').has('deadlock: ', 'waits for two, which b/0[', 'waits for one, which a/0[')
        event = g.wait_event(lambda e: e['kind'] == 'deadlock', seen)
        equal(event['text'], deadlock['text'], 'event')
        g.deadlocks()
        kill(g.pid('b/0'))
        equal(g.answer('a/0', a)[0], 'EOWNERDEAD', 'the other')
        equal(g.deadlocks(), [], 'afterwards')
        equal(len([e for e in g.events.items if e['kind'] == 'deadlock']), 1, 'events')


def every_permit_must_be_in_it():
    """a permit that somebody else holds is no deadlock; it is one when that one waits, too"""
    with gang() as g:
        g.do('a/0', 'lock', 'one')
        g.do('b/0', 'acquire', 'ports')
        g.do('c/0', 'acquire', 'ports')
        g.tell('a/0', 'acquire', 'ports')
        g.tell('b/0', 'lock', 'one')
        waits(g, 'ports', 'a/0')
        waits(g, 'one', 'b/0')
        equal(g.deadlocks(), [], 'c/0 can give its permit back')
        g.tell('c/0', 'lock', 'one')
        waits(g, 'one', 'c/0')
        g.until('it is found', g.deadlocks)


def a_posix_semaphore():
    """`posix = yes`: there under its name while the gang is, and over a death of the manager; gone with it"""
    name = f'ganger-test-{os.getpid()}'
    path = f'/dev/shm/sem.{name}'
    config = f'semaphore {name} {{ permits = 2 posix = yes }}\nworker a {{ exec = $TOLD use = {name} }}\n'
    with gang(config, ['a/0']) as g:
        check(os.path.exists(path), f'no {path}')
        g.do('a/0', 'acquire', name)
        equal(g.lock(name)['free'], 1, 'free')
        kill_and_wait(g.manager_pid)
        equal(g.lock(name)['free'], 1, 'free')
        kill(g.pid('a/0'))
        g.until('it is given back', lambda: g.lock(name)['free'] == 2)
        g.configure(config + f'semaphore another {{ posix = yes permits = 1 }}\n'.replace('another', name + '.2'))
        g.ctl('reload')
        check(os.path.exists(path + '.2'), f'no {path}.2')
        g.configure(config)
        g.ctl('reload')
        check(not os.path.exists(path + '.2'), f'{path}.2 is left')
    check(not os.path.exists(path), f'{path} is left')


def a_posix_semaphore_is_left():
    """SIGKILL of the keeper leaves its file: the next daemon takes its place, and says so; not of another program"""
    name = f'ganger-test-{os.getpid()}'
    path = f'/dev/shm/sem.{name}'
    config = f'semaphore {name} {{ permits = 2 posix = yes }}\nworker a {{ exec = $TOLD use = {name} }}\n'
    with gang(config, ['a/0']) as g:
        g.do('a/0', 'acquire', name)
        dying = (g.pid('a/0'), g.manager_pid, g.keeper_pid)
        g.close_streams()
        kill(g.keeper_pid)
        for pid in dying:
            wait_dead(pid)
        g.process.wait()
        left = os.stat(path).st_ino
        g.start()
        g.until_ready('a/0')
        g.wait_stderr(f"'{name}': replaces the POSIX semaphore")
        check(os.stat(path).st_ino != left, 'it is the old one')
        equal(g.lock(name)['free'], 2, 'free')
        g.do('a/0', 'acquire', name)
        equal(g.lock(name)['free'], 1, 'free')
        # One of another program stands in the way, and stays.
        with open(path + '.2', 'wb') as f:
            f.write(bytes(32))
        g.configure(config + f'semaphore {name}.2 {{ posix = yes permits = 1 }}\n')
        g.ctl('reload', expected=1).has('which is not ours', f'remove {path}.2')
        os.unlink(path + '.2')
        g.ctl('reload')
        check(os.path.exists(path + '.2'), f'no {path}.2')
    check(not os.path.exists(path), f'{path} is left')


main(who_holds_and_who_waits, a_monitor, the_holder_is_killed, nobody_puts_it_right, a_deadlock_of_two,
     every_permit_must_be_in_it, a_posix_semaphore, a_posix_semaphore_is_left)
