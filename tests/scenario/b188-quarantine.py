#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker overwrites the memory of what it has: it is told and quarantined, all else goes on, a reset makes it anew."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

RINGS = ('jobs', 'bytes', 'news', 'calls')
LOCKS = ('permits', 'table', 'room', 'sums')
CONFIG = '''
ring jobs { slots = 8 }
ring bytes { kind = pipe capacity = 4KiB message-max = 64 }
ring news { kind = broadcast capacity = 4KiB message-max = 64 }
service calls { slots = 4 message-max = 64 }
semaphore permits { permits = 2 }
mutex table { }
monitor room { conditions = 1 }
counter sums { counters = 2 }
ring mail { slots = 8 }
ring out { slots = 64 }
worker bad { exec = $TOLD receive = {jobs, bytes} send = news serve = calls use = {permits, table, room, sums} }
worker good { exec = $TOLD send = {jobs, bytes} call = calls }
worker echo { exec = {"sed", "-u", "s/^/OK /"} io = lines receive = mail send = out instances = 2 }
'''


def gang(config=CONFIG, keys=('bad/0', 'good/0')):
    return ToldGang(config, keys)


def neighbours_go_on(g, text):
    """A message through a ring that nobody touched."""
    g.ctl('send', 'mail', text)
    equal(g.ctl('receive', 'out', '--count', 1).out, f'{text}\n', 'a neighbour')


def events_of(g, kind, name):
    return [e for e in g.events.items if e['kind'] == kind and e['key'] == name]


def quarantined(g):
    return {q['name']: q['damage'] for q in g.json('status')['quarantined']}


def damage(g):
    """Of everything, as the listings have it."""
    listed = g.json('rings')['rings'] + g.json('locks')['locks']
    return {o['name']: o['damage'] for o in listed if o['damage']}


def every_kind_is_damaged():
    """each kind is told of once, when its member is recovered; neighbours go on, the worker fails; reset makes it anew"""
    with gang() as g:
        everything = RINGS + LOCKS
        for name in everything:
            g.do('bad/0', 'scribble', name, 255, 64)
        neighbours_go_on(g, 'before')
        kill_and_wait(g.pid('bad/0'))
        for name in everything:
            e = g.wait_event(lambda e, name=name: (e['kind'], e['key']) == ('quarantine', name), what=f'quarantine of {name}')
            check('bad/0' in e['text'], f'{name}: who can write it is not in {e["text"]!r}')
            g.wait_stderr(f"'{name}' is quarantined: .*bad/0")
        neighbours_go_on(g, 'after')
        equal(sorted(quarantined(g)), sorted(everything), 'quarantined')
        equal(damage(g), quarantined(g), 'as listed')
        check('its word' in quarantined(g)['jobs'], f'what is wrong: {quarantined(g)}')
        # The worker has failed, and says why; gangerctl is not given it either.
        g.until_state(('bad/0', 'failed'))
        check("ring 'jobs' is quarantined" in g.instance('bad/0')['reason'], 'the reason')
        g.ctl('start', 'bad', expected=1).has('is quarantined', 'gangerctl reset')
        g.ctl('send', 'jobs', 'x', expected=1).has('quarantined', 'its word')
        g.ctl('status').has("quarantined: queue 'jobs': slot 0")
        g.ctl('rings').has("quarantined: queue 'jobs': slot 0", "quarantined: pipe 'bytes'")
        g.ctl('locks').has("quarantined: mutex 'table': its word")
        g.ctl('reset', 'jbos', expected=4).has("did you mean 'jobs'")
        g.ctl('reset', 'mail').has('is sound')
        for name in everything:
            g.ctl('reset', name).has(f'{name}: made anew')
        g.until_ready('bad/0', 'good/0')
        equal((quarantined(g), damage(g)), ({}, {}), 'at the end')
        for name in everything:
            equal(len(events_of(g, 'quarantine', name)), 1, f'told of {name}')
            equal(len(events_of(g, 'reset', name)), 1, f'reset of {name}')
        # All of it works: with the new memory, on both sides.
        g.do('good/0', 'write', 'bytes', 'anew')
        equal(g.do('bad/0', 'peek', 'bytes'), 'anew', 'the pipe')
        for command, name in ('lock', 'table'), ('enter', 'room'), ('acquire', 'permits'):
            g.do('bad/0', command, name)
        g.ctl('send', 'jobs', 'x')
        g.ctl('peek', 'jobs').has('x')
        neighbours_go_on(g, 'at last')


def it_is_found_by_looking():
    """nobody has died: `gangerctl rings` finds it; who has it keeps it, and is restarted by the reset"""
    with gang() as g:
        g.do('bad/0', 'scribble', 'jobs', 65, 4096)
        before = g.pids()
        check(g.ring('jobs')['damage'], 'it is found')
        equal(g.pids(), before, 'processes')
        equal(g.json('reset', 'jobs')['name'], 'jobs', 'reset')
        g.until_ready('bad/0', 'good/0')
        check(g.pid('bad/0') != before['bad/0'] and g.pid('good/0') != before['good/0'], 'both are new')
        equal([g.pid(f'echo/{i}') for i in (0, 1)], [before[f'echo/{i}'] for i in (0, 1)], 'neighbours')
        equal(g.ring('jobs')['damage'], '', 'it is sound')


def who_attached_must_end_first():
    """reset refuses while a process from outside has the old memory, and names it"""
    with gang() as g:
        receiver = g.background('receive', 'jobs', '--follow')
        g.until('it is attached', lambda: g.ring('jobs')['receivers'] == 2)
        g.do('bad/0', 'scribble', 'jobs', 65, 4096)
        check(g.ring('jobs')['damage'], 'it is found')
        g.ctl('reset', 'jobs', expected=1).has(f'pid {receiver.pid}', 'must end first')
        kill_and_wait(receiver.pid)
        receiver.wait()
        g.until('it is recovered', lambda: g.ring('jobs')['receivers'] == 1)
        g.ctl('reset', 'jobs').has('made anew')
        g.until_ready('bad/0', 'good/0')


def the_manager_dies():
    """the next manager finds a scribbled header too, keeps the ring, and what was quarantined stays so"""
    with gang() as g:
        g.ctl('send', 'mail', 'kept')
        g.do('bad/0', 'scribble', 'jobs', 0, 0)
        g.do('bad/0', 'scribble', 'table', 255, 64)
        check(g.json('locks', 'table')['locks'][0]['damage'], 'found before')
        before, pids = g.json('locks', 'table')['locks'][0]['damage'], g.pids()
        kill_and_wait(g.manager_pid)
        g.until('the next one has found it', lambda: 'jobs' in quarantined(g))
        check('header' in quarantined(g)['jobs'], f'the header: {quarantined(g)}')
        equal(quarantined(g)['table'], before, 'what was known before')
        equal(g.pids(), pids, 'processes')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'kept\n', 'the neighbour')
        for name in 'jobs', 'table':
            g.ctl('reset', name).has('made anew')
        g.until_ready('bad/0', 'good/0')
        equal(quarantined(g), {}, 'at the end')


main(every_kind_is_damaged, it_is_found_by_looking, who_attached_must_end_first, the_manager_dies)
