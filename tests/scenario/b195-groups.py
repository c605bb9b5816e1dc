#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Groups: who is started again with whom, and what follows when one gives up."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CALM = 'exec = {"sleep", "1000"}'
QUICK = 'restart-delay = 1ms restart-delay-max = 1ms'


def worker(name, group, more=''):
    return f'worker {name} {{ {CALM} group = {group} {QUICK} {more} }}\n'


THREE = worker('a', 'g') + worker('b', 'g') + worker('c', 'g') + f'worker other {{ {CALM} }}\n'
KEYS = ('a/0', 'b/0', 'c/0', 'other/0')


def new_pids(g, old, *keys):
    """Until each of these has another process, ready, than it had."""
    def all_new():
        instances = g.instances()
        return all(instances[key]['state'] == 'ready' and instances[key]['pid'] not in (0, old[key]) for key in keys)
    g.until(f'{keys} are new', all_new)
    return g.pids()


def strategies():
    """one-for-one, one-for-all, rest-for-one: those are new that must be, and nobody else"""
    for strategy, concerned in (('one-for-one', ('b/0',)), ('one-for-all', ('a/0', 'b/0', 'c/0')),
                                ('rest-for-one', ('b/0', 'c/0'))):
        with Gang(f'group g {{ strategy = {strategy} }}\n' + THREE) as g:
            g.until_ready(*KEYS)
            for _ in range(3):
                old = g.pids()
                kill(old['b/0'])
                now = new_pids(g, old, *concerned)
                for key in set(KEYS) - set(concerned):
                    equal(now[key], old[key], f'{strategy}: process of {key}')


def none_before_the_last_is_gone():
    """one-for-all: none is started before the last of those before is gone; in their order"""
    stubborn = 'trap t=1 TERM; while [ -z $t ] || [ ! -e @/go ]; do sleep 0.05; done'
    with Gang('group g { strategy = one-for-all }\n' + worker('a', 'g', 'after = {"c"}') +
              f'worker slow {{ exec = {{"sh", "-c", "{stubborn}"}} group = g stop-timeout = infinity }}\n' +
              worker('c', 'g')) as g:
        # At first it would start again at once, and then after a delay, which is over before the others are gone.
        for _ in range(2):
            g.until_ready('a/0', 'slow/0', 'c/0')
            old = g.pids()
            g.until('its trap is set', lambda: 1 << signal.SIGTERM - 1 & signals_caught(old['slow/0']))
            kill(old['c/0'])
            g.until_state(('slow/0', 'stopping'), ('a/0', 'waiting'), ('c/0', 'waiting'))
            check('started again' in g.instance('a/0')['reason'], g.instance('a/0')['reason'])
            since = g.mark()
            g.write('go', '')
            new_pids(g, old, 'a/0', 'c/0', 'slow/0')
            os.unlink(g.path('go'))
            g.mark()
            starts = [e['key'] for e in g.events.items[since:] if e['kind'] == 'state' and e['state'] == 'starting']
            check(starts.index('c/0') < starts.index('a/0'), f'order of starts: {starts}')
        g.write('go', '')


def signals_caught(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1], 16) for line in f if line.startswith('SigCgt'))


def kill_instance(g, key):
    """Kill it, and wait until that is decided."""
    pid = g.pid(key)
    since = g.mark()
    kill(pid)
    g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, since, what=f'exit of {key}')


def limit():
    """restart-limit of a group: past it all of it ends, and stays so until somebody starts it"""
    with Gang('group g { restart-limit = 2/1h }\n' + THREE) as g:
        g.until_ready(*KEYS)
        other = g.pid('other/0')
        for key in ('a/0', 'b/0'):
            old = g.pids()
            kill_instance(g, key)
            new_pids(g, old, key)
        kill_instance(g, 'a/0')
        g.until_state(('a/0', 'failed'), ('b/0', 'down'), ('c/0', 'down'))
        g.wait_event(lambda e: e['key'] == 'b/0' and 'group g gave up: more than 2 restarts in 1h' in e['text'])
        equal(g.pid('other/0'), other, 'one outside')
        g.ctl('status').has('\nfailed: group g gave up: more than 2 restarts in 1h')
        kill_and_wait(g.manager_pid)
        g.until_state(('a/0', 'failed'), ('b/0', 'down'), ('c/0', 'down'))
        group = g.json('status')['groups'][0]
        check('gave up' in group.pop('failed'), 'the next manager does not know that it has failed')
        equal(group, {'name': 'g', 'parent': '', 'strategy': 'one-for-one'}, 'group')
        # Whoever is started is forgiven, and that starts nobody else: neither now nor by the next manager.
        g.ctl('start', 'a')
        kill_and_wait(g.manager_pid)
        g.until_state(('a/0', 'ready'), ('b/0', 'down'), ('c/0', 'down'))
        g.ctl('start', 'g').has('b/0', 'c/0')
        g.until_ready(*KEYS)
        for key in ('a/0', 'b/0'):
            old = g.pids()
            kill_instance(g, key)
            new_pids(g, old, key)


def escalation():
    """a group that gives up is started again by the one around it, as that one may"""
    with Gang('group outer { strategy = rest-for-one restart-limit = 1/1h }\n'
              'group inner { group = outer restart-limit = 1/1h }\n' +
              worker('first', 'outer') + worker('a', 'inner') + worker('b', 'inner') + worker('last', 'outer')) as g:
        keys = ('first/0', 'a/0', 'b/0', 'last/0')
        g.until_ready(*keys)
        old = g.pids()
        kill_instance(g, 'a/0')
        now = new_pids(g, old, 'a/0')
        depths = {line['what']: (line['depth'], line['state']) for line in g.ctl('--json', 'tree').json_lines() if line['what']}
        equal([depths[what] for what in ('outer', 'inner', 'a', 'last')],
              [(1, 'rest-for-one'), (2, 'one-for-one'), (3, ''), (2, '')], 'tree')
        equal(now['b/0'], old['b/0'], 'one-for-one')
        kill_instance(g, 'b/0')
        old, now = now, new_pids(g, now, 'a/0', 'b/0', 'last/0')
        equal(now['first/0'], old['first/0'], 'rest-for-one: one that is defined before')
        kill_instance(g, 'a/0')
        now = new_pids(g, now, 'a/0')
        kill_instance(g, 'a/0')
        g.until_state(('a/0', 'failed'), ('b/0', 'down'), ('first/0', 'down'), ('last/0', 'down'))
        g.ctl('start', '--all')
        g.until_ready(*keys)


def gives_up_with_it():
    """a member that gives up by its own limit: its group goes on, tries again, or gives up with it"""
    config = 'group g { ? }\n' + worker('a', 'g', 'restart-limit = 1/1h') + worker('b', 'g')
    for group, after, b in (('strategy = one-for-one', 'failed', 'ready'), ('strategy = one-for-all', 'failed', 'down'),
                            ('strategy = one-for-one restart-limit = 5/1h', 'ready', 'ready')):
        with Gang(config.replace('?', group)) as g:
            g.until_ready('a/0', 'b/0')
            old = g.pids()
            kill_instance(g, 'a/0')
            new_pids(g, old, 'a/0')
            g.until_ready('a/0', 'b/0')
            kill_instance(g, 'a/0')
            g.until_state(('a/0', after), ('b/0', b))


def by_hand():
    """the name of a group stands for its workers; what was stopped by hand is not started with the others"""
    with Gang('group g { strategy = one-for-all }\n' + THREE) as g:
        g.until_ready(*KEYS)
        g.ctl('stop', 'c')
        old = g.pids()
        kill(old['a/0'])
        new_pids(g, old, 'a/0', 'b/0')
        equal(g.instance('c/0')['state'], 'down', 'one that was stopped')
        old = g.pids()
        g.ctl('restart', 'g')
        new_pids(g, old, 'a/0', 'b/0', 'c/0')
        g.ctl('stop', 'g')
        g.until_state(('a/0', 'down'), ('b/0', 'down'), ('c/0', 'down'), ('other/0', 'ready'))
        g.ctl('stop', 'gg', expected=4).has("no worker or instance 'gg'")


def reloads():
    """a reload puts workers into a group and takes them out, and touches no process"""
    with Gang(THREE.replace('group = g', '')) as g:
        g.until_ready(*KEYS)
        pids = g.pids()
        g.configure('group g { strategy = one-for-all }\n' + THREE)
        g.ctl('reload').has('added    group g', 'changed  worker a: group (none) -> g')
        equal(g.pids(), pids, 'processes')
        kill(pids['b/0'])
        pids = new_pids(g, pids, 'a/0', 'b/0', 'c/0')
        g.configure(THREE.replace('group = g', ''))
        g.ctl('reload')
        kill(pids['b/0'])
        now = new_pids(g, pids, 'b/0')
        equal((now['a/0'], now['c/0']), (pids['a/0'], pids['c/0']), 'those that are in no group any more')


def manager_dies_in_a_round():
    """the manager is killed when a round is written down, and nothing of it was done: its successor does it"""
    with Gang('group g { strategy = one-for-all }\n' + THREE, program='tests/faults/gangerd-faults', begin=False) as g:
        at = g.env['GANGER_FAULT_AT'] = g.path('at')
        g.start()
        g.until_ready(*KEYS)
        old = g.pids()
        g.write('at', 'round-begun')
        kill(old['b/0'])
        g.until('the manager has died', lambda: not os.path.exists(at))
        new_pids(g, old, 'a/0', 'b/0', 'c/0')
        equal(g.pid('other/0'), old['other/0'], 'one outside')


if __name__ == '__main__':
    main(strategies, none_before_the_last_is_gone, limit, escalation, gives_up_with_it, by_hand, reloads,
         manager_dies_in_a_round)
