#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gangerctl logs: since when, how important, as JSON, and further back than the daemon remembers."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403


def logs(g, *arguments):
    return g.ctl('--json', 'logs', *arguments).json_lines()


def texts(g, *arguments):
    return [l['text'] for l in logs(g, *arguments)]


def what_is_asked_for():
    """--priority and --since leave out lines before --lines counts them; --json has what is known of each"""
    with Gang('worker w { exec = {"@/w"} instances = 2 }', begin=False) as g:
        g.script('w', 'for i in 1 2 3 4; do echo "<3>bad $i"; echo "<6>good $i"; done; echo "<4>end" >&2; exec sleep 1000')
        g.start()
        for key in 'w/0', 'w/1':
            g.wait_log(key, 'end')
            g.wait_log(key, 'good 4')
        equal(texts(g, 'w/0', '--priority', 'err', '--lines', 2), ['bad 3', 'bad 4'], 'errors')
        equal(sorted(texts(g, 'w/1', '-p', 4)), ['bad 1', 'bad 2', 'bad 3', 'bad 4', 'end'], 'up to warnings')
        line = next(l for l in logs(g, 'w/1') if l['text'] == 'end')
        pid = g.pid('w/1')
        check(abs(line.pop('realtime_usec') / 1e6 - time.time()) < 3600, 'time')
        check(line.pop('pid') in (0, pid), 'pid')
        equal(line, {'key': 'w/1', 'worker': 'w', 'instance': 1, 'stream': 'stderr', 'priority': 4, 'text': 'end', 'dropped': 0,
                     'generation': '1' if isinstance(line['generation'], str) else 1, 'continued': False}, 'the line as JSON')
        first = min(l['realtime_usec'] for l in logs(g, '-n', 100))
        equal(len(logs(g, '--since', '1h ago')), 18, 'all lines')
        equal(len(logs(g, '--since', f'@{first // 10**6}')), 18, 'all lines since the second of the first one')
        equal(logs(g, '--since', 'now'), [], 'lines since now')
        equal(texts(g, 'w/0', '--since', '-1h', '-n', 1, '-p', 'err'), ['bad 4'], 'the last of them')
        follower = g.stream('logs', 'w/0', '--follow', '--lines', 1, '--priority', 'err')
        try:
            follower.wait(lambda l: l['text'] == 'bad 4', what='the last of the past')     # and now it follows
            g.ctl('restart', 'w')
            follower.wait(lambda l: l['text'] == 'bad 4', since=1, what='an error that comes')
            equal([l['text'] for l in follower.items], ['bad 4', 'bad 1', 'bad 2', 'bad 3', 'bad 4'], 'errors')
            check(not any(l['priority'] > 3 for l in follower.items), 'others are shown')
        finally:
            follower.close()
        g.ctl('logs', '--since', '2999-01-01', expected=2).has('has not been yet')
        g.ctl('logs', '--priority', 'loud', expected=2)


FILES = '''
worker w { exec = {"@/w"} instances = 2 log = file log-max-size = 20KiB log-keep = 12 log-rate = none }
worker v { exec = {"@/v"} }
'''


def files_gang():
    g = Gang(FILES, begin=False)
    g.arguments += ['--log-dir', g.path('logs')]
    for n in 0, 1:
        g.fifo(f'go{n}')
    g.script('w', f'exec <> {g.directory}/go$GANGER_INSTANCE; while read -r a b; do seq -f "$GANGER_INSTANCE:%.0f" "$a" "$b"; done')
    g.script('v', 'echo "of the other"; exec sleep 1000')
    return g


def count(g, n, first, last):
    """Have an instance print these numbers, and wait until the last one is there."""
    with open(g.path(f'go{n}'), 'w') as go:
        go.write(f'{first} {last}\n')
    g.wait_log(f'w/{n}', f'{n}:{last}')


def numbers(n, first, last):
    return [f'{n}:{i}' for i in range(first, last + 1)]


def further_back():
    """of a worker that logs to files, more lines than the daemon has come from there, each once; also of a manager before"""
    with files_gang() as g:
        g.start()
        g.wait_log('v/0', 'of the other')
        count(g, 0, 1, 800)
        count(g, 1, 1, 300)
        kill_and_wait(g.manager_pid)
        count(g, 0, 801, 1000)
        check(os.path.exists(g.path('logs/w.log.2')), 'it was rotated')
        equal(texts(g, 'w/0', '-n', 50), numbers(0, 951, 1000), 'few lines')
        equal(texts(g, 'w/0', '-n', 700), numbers(0, 301, 1000), 'more lines')
        equal(texts(g, 'w/1', '-n', 5000), numbers(1, 1, 300), 'all lines of the other one')
        said = texts(g, '--since', 'today')
        equal([t for t in said if t.startswith('0:')], numbers(0, 1, 1000), 'all lines of all')
        equal([t for t in said if t.startswith('1:')], numbers(1, 1, 300), 'all lines of all')
        equal(len(said), 1300 + ('of the other' in said), 'and no others')
        # A directory that the daemon refuses is told of.
        os.chmod(g.path('logs'), 0o777)
        g.ctl('logs', '-n', 700, expected=1).has('others can write to')
        os.chmod(g.path('logs'), 0o755)


def followed_from_far_back():
    """--follow begins in the files and goes on with what comes: nothing is missing, and nothing is there twice"""
    with files_gang() as g:
        g.start()
        count(g, 0, 1, 500)
        follower = g.stream('logs', 'w', '--follow', '-n', 1000)
        try:
            for i in range(501, 1001, 50):
                count(g, 0, i, i + 49)
            follower.wait(lambda l: l['text'] == '0:1000', what='the last line')
            kill_and_wait(g.manager_pid)
            count(g, 0, 1001, 1010)
            follower.wait(lambda l: l['text'] == '0:1010', what='a line of the next manager')
            equal([l['text'] for l in follower.items], numbers(0, 1, 1010), 'lines')
        finally:
            follower.close()


main(what_is_asked_for, further_back, followed_from_far_back)
