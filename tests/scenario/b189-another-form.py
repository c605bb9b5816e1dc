#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reload gives rings, services and locks another form while they are in use, and nothing that is in them is lost."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from told import *  # noqa: E402, F403

ECHO = 'worker echo { exec = {"sed", "-u", "s/^/OK /"} io = lines receive = jobs send = out instances = 2 }\n'
STAYS = 'worker other { exec = {"sleep", "1000"} }\n'


def jobs(more):
    return f'ring jobs {{ {more} }}\nring out {{ slots = 4096 slot-size = 64 }}\n'


def changed(g, name):
    g.wait_event(lambda e: (e['kind'], e['key']) == ('reload', name) and 'of another form' in e['text'], what=f'{name} has changed')


def all_of(g, ring, n, **options):
    return g.ctl('receive', ring, '--count', n, **options).out.split()


def messages_stay():
    """messages, dead letters and their reasons come into a ring of other slots; back again too, if they fit"""
    with Gang(jobs('slots = 8 slot-size = 64 max-deliveries = 2') +
              'worker fails { exec = {"sed", "-u", "s/.*/FAIL bad/"} io = lines receive = jobs }\n' + STAYS) as g:
        g.until_ready('fails/0', 'other/0')
        other = g.pid('other/0')
        g.ctl('send', 'jobs', 'dead')
        g.until('it is a dead letter', lambda: g.ring('jobs')['dead'] == 1)
        g.ctl('stop', 'fails')
        g.ctl('send', 'jobs', *(f'm{n}' for n in range(7)))
        before = g.json('dead', 'list', 'jobs')['messages']
        g.configure(jobs('slots = 64 slot-size = 128 max-deliveries = 4') + STAYS)
        g.ctl('reload', '--dry-run').has('changed  ring jobs: slots 8 -> 64', 'what is in it stays')
        equal(g.ring('jobs')['slots'], 8, 'slots, after a dry run')
        g.ctl('reload').has('changed  ring jobs')
        changed(g, 'jobs')
        ring = g.ring('jobs')
        equal((ring['slots'], ring['ready'], ring['dead'], ring['accepted']), (64, 7, 1, 8), 'the ring')
        after = g.json('dead', 'list', 'jobs')['messages']
        equal([(m['reason'], m['deliveries'], data(m)) for m in after],
              [(m['reason'], m['deliveries'], data(m)) for m in before], 'dead letters')
        check(after[0]['id'] > 8, f'an id that was given before: {after[0]["id"]}')
        g.ctl('send', 'jobs', *(f'n{n}' for n in range(40)))
        kill_and_wait(g.manager_pid)
        g.until_ready('other/0')
        # 48 messages and a dead letter do not fit in 32, and then they do.
        g.configure(jobs('slots = 32 slot-size = 64') + STAYS)
        g.ctl('reload', expected=1).has("ganger.conf:1: ring 'jobs': its slots cannot be changed: what is in it does not fit")
        equal(all_of(g, 'jobs', 20), [f'm{n}' for n in range(7)] + [f'n{n}' for n in range(13)], 'the first')
        g.ctl('reload')
        equal(g.ring('jobs')['slots'], 32, 'slots')
        equal(all_of(g, 'jobs', 27), [f'n{n}' for n in range(13, 40)], 'the rest')
        equal(g.pid('other/0'), other, 'one that has nothing to do with it')


def under_load():
    """while messages go through, the ring is made larger, smaller, and another; each arrives, in the end"""
    count = 3000
    with Gang(jobs('slots = 64 slot-size = 64') + ECHO, arguments=()) as g:
        g.until_ready('echo/0', 'echo/1')
        sent = 0
        forms = ('slots = 256 slot-size = 64', 'slots = 128 slot-size = 16 message-max = 64', 'slots = 1024', 'slots = 128 slot-size = 128')
        for form in forms:
            g.ctl('send', 'jobs', input=''.join(f'{n}\n' for n in range(sent, sent + count // len(forms))))
            sent += count // len(forms)
            g.configure(jobs(form) + ECHO)
            g.until('it fits', lambda: g.ctl('reload', expected=None).status == 0)
        g.until('all is through', lambda: g.ring('out')['ready'] >= sent)
        got = [int(text) for text in all_of(g, 'out', sent)]
        equal(sorted(set(got)), list(range(sent)), 'messages')
        equal(g.ring('jobs')['slots'], 128, 'slots')


def whoever_has_it_waits():
    """a worker that has the ring is ended in its own time; others that have it wait meanwhile, and say for what"""
    with Gang(jobs('slots = 8') + 'worker slow { exec = {"@/slow"} io = lines receive = jobs stop-timeout = infinity }\n'
              'worker quick { exec = {"sleep", "1000"} io = lines send = jobs }\n', begin=False) as g:
        g.fifo('go')
        g.script('slow', 'while read -r x; do read -r go < @/go; echo OK; done'.replace('@', g.directory))
        g.start()
        g.until_ready('slow/0', 'quick/0')
        g.ctl('send', 'jobs', 'a')
        g.until('it is held', lambda: g.ring('jobs')['leased'] == 1)
        g.configure(g.read('ganger.conf').replace('slots = 8', 'slots = 16'))
        g.ctl('reload')
        g.until_state(('slow/0', 'draining'), ('quick/0', 'waiting'))
        equal(g.instance('quick/0')['reason'], 'jobs is changing', 'for what it waits')
        g.ctl('send', 'jobs', 'b', expected=1).has("ring 'jobs' is changing just now")
        kill_and_wait(g.manager_pid)
        g.until_state(('slow/0', 'draining'), ('quick/0', 'waiting'))
        with open(g.path('go'), 'w') as f:
            f.write('go\n')
        g.until_ready('slow/0', 'quick/0')
        equal((g.ring('jobs')['slots'], g.ring('jobs')['ready']), (16, 0), 'the ring')


def what_is_refused():
    """another kind, a longer message than there may be, a member from outside: refused, with the reason, all or nothing"""
    with Gang(jobs('slots = 8 slot-size = 64') + 'semaphore s { permits = 2 }\n' + STAYS) as g:
        g.until_ready('other/0')
        g.ctl('send', 'jobs', 'x' * 60)

        def refused(text, *reasons):
            g.configure(text)
            g.ctl('reload', expected=1).has(*reasons)
            equal((g.ring('jobs')['slots'], g.ring('jobs')['ready']), (8, 1), 'the ring')

        refused(jobs('kind = pipe') + STAYS, "ring 'jobs': its kind cannot be changed: it exists as a queue")
        refused(jobs('slots = 16 slot-size = 32') + STAYS, 'a message in it is longer than 32 bytes')
        refused(jobs('slots = 16 slot-size = 64') + 'semaphore s { permits = 2 posix = yes }\n' + STAYS, "semaphore 's'", 'other programs')
        waiting = g.background('receive', 'out', '--follow')
        g.until('it is a member', lambda: g.ring('out')['receivers'] == 1)
        refused(jobs('slots = 16 slot-size = 64').replace('4096', '1024') + STAYS, "ring 'out'", f'pid {waiting.pid} must end first')
        waiting.terminate()
        g.wait_helper(waiting, expected=None)
        g.until('it is none any more', lambda: g.ring('out')['receivers'] == 0)
        g.ctl('reload')
        equal((g.ring('jobs')['slots'], g.ring('out')['slots']), (16, 1024), 'slots')
        equal(all_of(g, 'jobs', 1), ['x' * 60], 'the message')


KINDS = '''
ring bytes { kind = pipe capacity = 4KiB message-max = 64 }
ring news { kind = broadcast capacity = 4KiB message-max = 64 }
service calls { slots = 4 message-max = 64 }
counter sums { counters = 2 }
semaphore permits { permits = 1 }
worker writer { exec = $TOLD send = {bytes, news} call = calls use = {sums, permits} }
worker reader { exec = $TOLD receive = {bytes, news} serve = calls use = {sums, permits} }
'''


def other_kinds():
    """a pipe keeps its records, a broadcast what it kept, counters their values; services and locks come up anew"""
    with ToldGang(KINDS, ('writer/0', 'reader/0')) as g:
        for n in range(5):
            g.do('writer/0', 'write', 'bytes', f'm{n}')
        g.do('reader/0', 'peek', 'bytes')
        g.do('reader/0', 'consume', 'bytes')
        before = g.pids()
        g.configure(KINDS.replace('4KiB', '64KiB').replace('slots = 4', 'slots = 16').replace('counters = 2', 'counters = 9')
                    .replace('permits = 1', 'permits = 3'))
        g.ctl('reload').has('ring bytes: capacity', 'ring news: capacity', 'service calls: slots', 'counter sums', 'semaphore permits')
        for name in ('bytes', 'news', 'calls', 'sums', 'permits'):
            changed(g, name)
        g.until('both are new', lambda: all(g.instance(key)['state'] == 'ready' and g.pid(key) != before[key] for key in before))
        for n in range(1, 5):
            equal(g.do('reader/0', 'peek', 'bytes'), f'm{n}', 'a record')
            g.do('reader/0', 'consume', 'bytes')
        equal(g.ring('bytes')['capacity'], 65536, 'capacity')
        equal(len(g.lock('sums')['values']), 9, 'counters')


if __name__ == '__main__':
    main(messages_stay, under_load, whoever_has_it_waits, what_is_refused, other_kinds)
