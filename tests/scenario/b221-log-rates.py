#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much a worker may print, and how important it must be: log-rate, log-level-max, and floods."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403


def texts(g, key, lines=100):
    return [l['text'] for l in g.ctl('--json', 'logs', key, '--lines', lines).json_lines()]


def told_at_the_end():
    """of a process that has printed too much, the first lines are logged, and how many were not"""
    with Gang('worker w { exec = {"seq", "1000"} log-rate = 60/1h restart = never }') as g:
        g.wait_log('w/0', 'dropped')
        equal(texts(g, 'w'), [*[str(n) for n in range(1, 61)], 'dropped 940 lines: more than 60 in 1h'], 'lines')
        g.wait_stderr('^w/0: dropped 940 lines')
        equal(len([line for line in g.stderr_lines if line.startswith('w/0')]), 61, 'lines in the log')


def told_when_the_period_ends():
    """what was dropped is told when the period ends, though the worker prints nothing more; the next period begins afresh"""
    with Gang('worker w { exec = {"@/w"} log-rate = 10/200ms }', begin=False) as g:
        g.fifo('go')
        g.script('w', f'exec < {g.path("go")}; while read -r n; do seq 1 "$n"; done')
        g.start()
        with open(g.path('go'), 'w') as go:
            total, printed = 0, (3000, 2000, 10)
            for n in printed:
                seen = len(g.logs.items)
                go.write(f'{n}\n')
                go.flush()
                if n > 10:
                    line = g.logs.wait(lambda l: 'dropped' in l['text'], seen, what='what was dropped')
                    equal(line['stream'], 'stderr', 'stream')
                    total += 1
                else:
                    g.logs.wait(lambda l: l['text'] == '10', seen, what='the last line')
            said = [l['text'] for l in g.logs.items if 'dropped' not in l['text']]
            told = sum(int(l['text'].split()[1]) for l in g.logs.items if 'dropped' in l['text'])
            equal(len(said) + told, sum(printed), 'lines, those included that were dropped')
            check(total > 0 and len(said) >= 30, f'{told} dropped, {len(said)} not')


def flood(more, check_memory=True):
    """Beside one that floods, every line of another comes through, also over the death of the manager; memory stays."""
    with Gang(f'worker flood {{ exec = {{"yes", "a line of a flood"}} {more} }}\nworker calm {{ exec = {{"@/calm"}} log = file }}',
              begin=False, stderr=subprocess.DEVNULL) as g:
        g.arguments += ['--log-dir', g.path('logs')]
        g.fifo('go')
        g.script('calm', f'exec < {g.path("go")}; while read -r line; do echo "$line"; echo "<3>$line" >&2; done')
        g.start()
        g.until_ready('flood/0', 'calm/0')
        follower = g.stream('logs', '--follow', 'calm', '--lines', 100)
        flooding = g.pid('flood/0')
        n = 0
        try:
            with open(g.path('go'), 'w') as go:
                def some(count):
                    nonlocal n
                    for _ in range(count):
                        go.write(f'{n}.\n')
                        go.flush()
                        for stream in 'stdout', 'stderr':
                            follower.wait(lambda l: l['text'] == f'{n}.' and l['stream'] == stream, what=f'{n} on {stream}')
                        n += 1
                some(50)
                before = process_memory(g.manager_pid)
                some(200)
                grown = process_memory(g.manager_pid) - before
                check(sanitized() or grown < 2 << 20, f'the manager has grown by {grown} bytes')
                kill_and_wait(g.manager_pid)
                some(50)
        finally:
            follower.close()
        equal(g.pid('flood/0'), flooding, 'pid of the one that floods')
        said = [line.partition(': ')[2] for line in g.read('logs/calm.log').splitlines()]
        equal(sorted(said), sorted(f'{i}.' for i in range(n) for _ in range(2)), 'lines of the other')


def flood_with_a_limit():
    """a flood that is limited: the others' lines come through, and the manager's memory stays"""
    flood('')


def flood_without_one():
    """a flood that is not limited: the same"""
    flood('log-rate = none log = none')


def flood_to_a_file():
    """a flood to a file of 64 KiB: the same, and the disk does not fill"""
    flood('log-rate = none log = file log-max-size = 64KiB log-keep = 1')


def levels():
    """lines below log-level-max are dropped, but ready = log sees them"""
    config = '''
    worker w { exec = {"@/w"} log = file log-level-max = info ready = log ready-log = "I am up" }
    worker v { exec = {"@/w"} log = file log-level-max = err ready = log ready-log = "I am up" }
    '''
    with Gang(config, begin=False) as g:
        g.arguments += ['--log-dir', g.path('logs')]
        g.script('w', 'echo "<7>I am up"; echo "<6>info"; echo plain; echo "<3>broken" >&2; echo "<7>more" >&2; echo "<0>last" >&2; exec sleep 1000')
        g.start()
        g.until_ready('w/0', 'v/0')
        g.wait_log('w/0', 'last')
        g.wait_log('v/0', 'last')
        equal(sorted(texts(g, 'w')), ['broken', 'info', 'last', 'plain'], 'lines up to info')
        equal(sorted(texts(g, 'v')), ['broken', 'last'], 'lines up to err')
        said = [line.split(' ', 3)[3] for line in g.read('logs/v.log').splitlines()]
        equal(said, ['err: broken', 'emerg: last'], 'lines of the file')


main(told_at_the_end, told_when_the_period_ends, flood_with_a_limit, flood_without_one, flood_to_a_file, levels)
