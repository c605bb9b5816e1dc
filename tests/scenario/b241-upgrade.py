#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A new version: rolled out while the old one serves, tried by a few first, taken back if it is no good."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# What it is can be seen of its arguments; the bad one never gets as far.
PROGRAM = '''
case $1 in
one) n=1001 ;;
two) n=1002 ;;
three) n=1003 ;;
*) exit 7 ;;
esac
echo up
exec sleep $n
'''
WORDS = {'1001': 'one', '1002': 'two', '1003': 'three'}
CONFIG = '''
group all { strategy = one-for-all }
worker w { exec = {"@/program", "one"} ready = log ready-log = up instances = 3 group = all restart-delay = 100ms }
worker other { exec = {"sleep", "1000"} group = all }
'''


def gang(config=CONFIG):
    g = Gang(config, begin=False)
    g.script('program', PROGRAM)
    g.start()
    g.until('all are ready', lambda: all(i['state'] == 'ready' for i in g.instances().values()))
    return g


def upgrade(g, word, *more, **options):
    return g.ctl('upgrade', 'w', '--exec', g.path('program'), word, *more, **options)


def says(g, key):
    """The version of the process that it has; '' if it has just ended."""
    last = ''.join(process_arguments(g.pid(key))[-1:])
    return WORDS.get(last, last)


def versions(g):
    return [says(g, f'w/{n}') for n in range(3)]


def roll(g):
    return g.status('w')['w'].get('roll', {'phase': 'none'})


def exec_of(g):
    return g.status('w')['w']['exec'][1:]


def back_and_forth():
    """another program is put into force, over deaths of the manager and reloads; back to the one before, and forward"""
    with gang() as g:
        other = g.pid('other/0')
        upgrade(g, 'two').has('w/3 is started beside the others', 'w: upgrade: done')
        equal((versions(g), exec_of(g)), (['two'] * 3, ['two']), 'versions')
        check(g.status('w')['w']['differs'], 'it is not told that the file says something else')
        g.ctl('status', 'w').has('upgrade: done', 'is not what the configuration file says')
        before = g.pids()
        kill_and_wait(g.manager_pid)
        equal((g.pids(), exec_of(g)), (before, ['two']), 'after the death of the manager')
        g.ctl('reload')
        equal((g.pids(), exec_of(g)), (before, ['two']), 'after a reload that changes nothing')
        g.ctl('rollback', 'w').has('w: rollback: done')
        equal((versions(g), exec_of(g), g.status('w')['w'].get('differs', '')), (['one'] * 3, ['one'], ''), 'back')
        g.ctl('rollback', 'w')
        equal((versions(g), exec_of(g)), (['two'] * 3, ['two']), 'forward again')
        g.configure(g.config_text.replace('"one"', '"three"'))
        g.ctl('reload')
        g.until('the file is in force', lambda: versions(g) == ['three'] * 3)
        equal(g.status('w')['w'].get('differs', ''), '', 'it differs')
        equal(g.pid('other/0'), other, 'one that it is not about')


def what_the_file_says():
    """without --exec it is what the file says now of this worker, and of no other"""
    with gang() as g:
        other = g.pid('other/0')
        text = g.config_text.replace('"one"', '"two"').replace('instances = 3', 'instances = 2')
        g.configure(text.replace('"1000"', '"2000"'))
        g.ctl('upgrade', 'w').has('w: upgrade: done')
        g.until('there are two', lambda: set(g.pids()) == {'w/0', 'w/1', 'other/0'})
        equal([says(g, f'w/{n}') for n in range(2)], ['two'] * 2, 'versions')
        equal((g.pid('other/0'), g.status('w')['w'].get('differs', '')), (other, ''), 'the other')
        before = g.pids()
        g.ctl('reload', '--dry-run').has('worker other')
        check('worker w' not in g.ctl('reload', '--dry-run').out, 'it would be changed again')
        g.ctl('reload')
        g.until('the other is replaced', lambda: g.pid('other/0') not in (0, other))
        equal(g.pid('w/0'), before['w/0'], 'w/0')
        g.ctl('rollback', 'w')
        equal([says(g, f'w/{n}') for n in range(3)], ['one'] * 3, 'versions')
        g.configure(g.config_text.replace('ready-log = up', 'ready-log = up receive = nothing'))
        before = g.pids()
        g.ctl('upgrade', 'w', expected=1).has("there is no ring 'nothing'")
        g.configure('worker more { exec = {"true"} }')
        g.ctl('upgrade', 'w', expected=1).has("there is no worker 'w' any more")
        equal(g.pids(), before, 'pids')


def one_that_is_no_good():
    """a version that does not come up, or is not there, touches nobody"""
    with gang() as g:
        before = g.pids()
        result = upgrade(g, 'bad', expected=1)
        check('w/3 did not become ready: exit status 7' in result.out.splitlines()[-1], f'{result}')
        g.ctl('upgrade', 'w', '--exec', g.path('nothing'), expected=1).has('nothing')
        equal((g.pids(), exec_of(g), roll(g)['phase']), (before, ['one'], 'failed'), 'afterwards')
        g.ctl('rollback', 'w', expected=1).has('was not upgraded')
        g.ctl('promote', 'w', expected=1).has('no upgrade under way')


def reloads_meanwhile():
    """what the file says is tried by a few, or was taken back: a reload that is about others leaves it at that"""
    with gang() as g:
        g.configure(g.config_text.replace('"one"', '"two"'))
        g.ctl('upgrade', 'w', '--canary', 1)
        g.configure(g.config_text.replace('"1000"', '"2000"'))
        check('worker w' not in g.ctl('reload').out, 'it is changed')
        equal((versions(g), roll(g)['phase']), (['two', 'one', 'one'], 'hold'), 'versions')
        g.ctl('rollback', 'w')
        equal((versions(g), bool(g.status('w')['w']['differs'])), (['one'] * 3, True), 'taken back')
        kill_and_wait(g.manager_pid)
        g.configure(g.config_text.replace('"2000"', '"3000"'))
        check('worker w' not in g.ctl('reload').out, 'it is changed')
        equal(versions(g), ['one'] * 3, 'versions')
        g.ctl('upgrade', 'w').has('w: upgrade: done')
        equal((versions(g), bool(g.status('w')['w'].get('differs'))), (['two'] * 3, False), 'after all')


def in_place_and_no_good():
    """without a surge the one that was replaced by it is put back"""
    with gang(CONFIG.replace('instances = 3', 'instances = 3 surge = 0')) as g:
        before = g.pids()
        result = upgrade(g, 'bad', expected=1)
        check('w/0 did not become ready' in result.out.splitlines()[-1], f'{result}')
        g.until('the old one serves again', lambda: g.instance('w/0')['state'] == 'ready')
        after = g.pids()
        equal((versions(g), {k: p for k, p in after.items() if k != 'w/0'}),
              (['one'] * 3, {k: p for k, p in before.items() if k != 'w/0'}), 'the others')


def canaries():
    """so many are tried first; the others follow when they are promoted"""
    with gang(CONFIG.replace('group = all restart', 'restart')) as g:
        before = g.pids()
        upgrade(g, 'two', '--canary', 1).has('holds')
        equal(versions(g), ['two', 'one', 'one'], 'canary')
        equal([g.instance(f'w/{n}')['version'] for n in range(3)], ['new', 'old', 'old'], 'what is told of them')
        equal((exec_of(g), set(g.pids())), (['one'], set(before)), 'in force')
        g.ctl('status', 'w').has('holds, 1 of 3 are new and ready', 'version: new')
        kill_and_wait(g.manager_pid)
        equal(versions(g), ['two', 'one', 'one'], 'after the death of the manager')
        # One that is killed is replaced by its own version, and old ones say nothing of the new one.
        kill(g.pid('w/2'))
        g.until('it is there again', lambda: g.instance('w/2')['state'] == 'ready' and g.pid('w/2') != before['w/2'])
        equal((versions(g), roll(g)['phase']), (['two', 'one', 'one'], 'hold'), 'canary')
        upgrade(g, 'three', expected=None).has('is busy: upgrade: holds')
        g.ctl('promote', 'w').has('w: upgrade: done')
        equal((versions(g), exec_of(g)), (['two'] * 3, ['two']), 'promoted')


def a_hold_that_ends():
    """after the time that was said the others follow by themselves"""
    with gang() as g:
        result = upgrade(g, 'two', '--canary', 2, '--hold', '300ms')
        result.has('holds with 2 of 3 new', 'goes on with the rest', 'w: upgrade: done')
        equal(versions(g), ['two'] * 3, 'versions')


def a_canary_that_fails():
    """more failures than are borne: taken back, and the group that would start all again is not asked"""
    with gang() as g:
        before = g.pids()
        ctl = g.background('upgrade', 'w', '--canary', 1, '--hold', '1h', '--max-fail', 1,
                           '--exec', g.path('program'), 'two')
        g.until('it holds', lambda: roll(g)['phase'] == 'hold')
        canary = g.pid('w/0')
        kill(canary)
        g.until('it is there again', lambda: g.instance('w/0')['state'] == 'ready' and g.pid('w/0') != canary)
        equal((versions(g), roll(g)['phase'], roll(g)['failures']), (['two', 'one', 'one'], 'hold', 1), 'after one')
        kill_and_wait(g.manager_pid)
        kill(g.pid('w/0'))
        result = g.wait_helper(ctl, 1)
        check('2 failures, where 1 are borne' in result.out.splitlines()[-1], f'{result}')
        equal((versions(g), exec_of(g)), (['one'] * 3, ['one']), 'afterwards')
        after = g.pids()
        equal({k: p for k, p in after.items() if k != 'w/0'}, {k: p for k, p in before.items() if k != 'w/0'}, 'the others')


def taken_back_by_hand():
    """rollback takes canaries back, one after the other, and whoever waits for the upgrade is told"""
    with gang() as g:
        ctl = g.background('upgrade', 'w', '--canary', 2, '--hold', '1h', '--exec', g.path('program'), 'two')
        g.until('it holds', lambda: roll(g)['phase'] == 'hold')
        g.ctl('rollback', 'w').has('taken back by hand')
        g.wait_helper(ctl, 1).has('taken back by hand')
        equal((versions(g), exec_of(g)), (['one'] * 3, ['one']), 'afterwards')
        g.ctl('rollback', 'w', expected=1)


def what_ends_it():
    """a reload that changes the worker, and a stop"""
    with gang() as g:
        upgrade(g, 'two', '--canary', 1)
        g.configure(g.config_text.replace('"one"', '"three"'))
        g.ctl('reload')
        g.until('it has ended', lambda: roll(g)['phase'] == 'failed' and versions(g) == ['three'] * 3)
        equal(roll(g)['reason'], 'its configuration was changed', 'reason')
        upgrade(g, 'two', '--canary', 1)
        g.ctl('stop', 'w')
        g.until('it has ended', lambda: roll(g)['phase'] == 'failed')
        g.ctl('start', 'w')
        equal(versions(g), ['three'] * 3, 'versions')


def wrong_words():
    """what makes no sense is refused"""
    with gang() as g:
        g.ctl('upgrade', 'w', 'two', expected=2)
        g.ctl('upgrade', 'w', '--hold', '1s', expected=2)
        g.ctl('upgrade', 'w', '--canary', 'x', expected=2)
        g.ctl('upgrade', expected=2)
        g.ctl('upgrade', 'v', expected=4)


main(back_and_forth, what_the_file_says, one_that_is_no_good, reloads_meanwhile, in_place_and_no_good, canaries,
     a_hold_that_ends, a_canary_that_fails, taken_back_by_hand, what_ends_it, wrong_words)
