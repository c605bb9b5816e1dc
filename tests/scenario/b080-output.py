#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What workers print, and a daemon that cannot print it."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

def names_and_streams():
    """each line has its worker, instance and stream; the last ones are in status; bytes that are no text are replaced"""
    with Gang('worker talk { exec = {"@/talk"} instances = 2 }\nworker dies { exec = {"@/dies"} restart = never }', begin=False) as g:
        g.script('talk', 'echo "out of $GANGER_INSTANCE"; echo "err of $GANGER_INSTANCE" >&2; printf "\\377\\n\\033[31mred\\n"; exec sleep 1000')
        g.script('dies', 'seq 1 150; printf "the last, without an end"; exit 9')
        g.start()
        for n in (0, 1):
            for stream, text in (('stdout', f'out of {n}'), ('stderr', f'err of {n}')):
                line = g.logs.wait(lambda l: l['key'] == f'talk/{n}' and l['text'] == text, what=text)
                equal(line['stream'], stream, 'stream')
                check(line['pid'] in (0, g.pid(f'talk/{n}')), 'pid')     # 0: printed before it was known
                g.wait_stderr(f'^talk/{n}: {text}$')
        g.wait_log('talk/0', '\ufffd')
        g.wait_stderr('talk/0: .*red')
        check(not any('\033' in line for line in g.stderr_lines), 'an escape sequence of a worker reaches the terminal')
        g.wait_log('dies/0', 'the last, without an end')
        g.until('its end is known', lambda: g.instance('dies/0')['state'] == 'failed')
        i = g.json('status', 'dies', '--lines', 3)['workers'][0]['instances'][0]
        equal(i['log'], ['149', '150', 'the last, without an end'], 'the last lines in status')
        g.ctl('status', 'dies').has('exit status 9', 'the last, without an end')
        told = g.ctl('--json', 'logs', 'dies', '--lines', 5).json_lines()
        equal([l['text'] for l in told], ['147', '148', '149', '150', 'the last, without an end'], 'logs')


def over_the_death_of_the_manager():
    """what is printed while there is no manager is read by the next one"""
    with Gang('worker w { exec = {"@/w"} }', begin=False) as g:
        g.fifo('go')
        g.script('w', f'while read -r line; do echo "said $line"; done < {g.path("go")}')
        g.start()
        with open(g.path('go'), 'w') as go:
            go.write('one\n')
            go.flush()
            g.wait_log('w/0', 'said one')
            pid = g.pid('w/0')
            manager = g.manager_pid
            kill(manager, signal.SIGSTOP)
            for n in range(100):
                go.write(f'{n}\n')
            go.flush()
            kill_and_wait(manager)
            go.write('two\n')
            go.flush()
            g.wait_stderr('w/0: said two')
            said = [line.split()[-1] for line in g.stderr_lines if line.startswith('w/0: said ')]
            equal(said, ['one', *map(str, range(100)), 'two'], 'lines')
            equal(g.pid('w/0'), pid, 'pid')
            g.wait_log('w/0', 'said two')               # the stream goes on


def streams():
    """standard-output, standard-error: thrown away, or one stream in the order of its lines; so it is for the next manager, and the next process"""
    say = 'echo "out $1"; echo "err $1" >&2; echo "out $1 again"'
    with Gang('worker both { exec = {"@/w", both} standard-error = inherit }\n'
              'worker null { exec = {"@/w", null} standard-output = null }\n'
              'worker mute { exec = {"@/w", mute} standard-output = null standard-error = inherit }\n'
              'worker error { exec = {"@/w", error} standard-error = null }\n'
              'worker all { exec = {"@/w", all} }', begin=False) as g:
        g.fifo('go')
        g.script('w', f'{say}\nread -r line < "{g.path("go")}.$1"\n{say}\nexec sleep 1000')
        expected = {
            'both': [('stdout', 'out both'), ('stdout', 'err both'), ('stdout', 'out both again')],
            'null': [('stderr', 'err null')],
            'mute': [],
            'error': [('stdout', 'out error'), ('stdout', 'out error again')],
            'all': [('stderr', 'err all'), ('stdout', 'out all'), ('stdout', 'out all again')],
        }
        for name in expected:
            g.fifo(f'go.{name}')

        def logged(name):
            lines = [(l['stream'], l['text']) for l in g.ctl('--json', 'logs', name, '--lines', 50).json_lines()]
            return sorted(lines) if name == 'all' else lines

        def settle(times):
            for name, lines in expected.items():
                lines = lines * times
                g.until(f'{name} has said all', lambda: logged(name) == (sorted(lines) if name == 'all' else lines))

        g.start()
        pids = g.pids()
        settle(1)
        manager = g.manager_pid
        kill_and_wait(manager)
        equal(g.pids(), pids, 'processes under another manager')
        equal([line for line in g.stderr_lines if 'is lost' in line], [], 'what is missed')
        for name in expected:
            with open(g.path(f'go.{name}'), 'w') as go:
                go.write('go on\n')
        settle(1)
        for name in expected:
            kill(pids[f'{name}/0'])
        settle(2)
        for name in 'both', 'null', 'mute':
            pipes = {os.readlink(f'/proc/{g.pid(f"{name}/0")}/fd/{fd}') for fd in (1, 2)}
            equal(len(pipes), 2 if name == 'null' else 1, f'what {name} writes to')


def pipes(pid):
    n = 0
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            n += os.readlink(f'/proc/{pid}/fd/{fd}').startswith('pipe:')
        except FileNotFoundError:
            pass
    return n


def pipes_that_are_left():
    """a stream that is no longer logged, and one whose process is gone, has no pipe any more, with keeper and manager"""
    config = 'worker w { exec = {"sleep", "1000"} %s }'
    with Gang(config % '') as g:
        g.until_ready('w/0')
        none = {pid: pipes(pid) - 2 for pid in (g.keeper_pid, g.manager_pid)}

        def until(n):
            g.until(f'there are {n} pipes', lambda: all(pipes(pid) == before + n for pid, before in none.items()))
        for keys, n in (('standard-error = inherit', 1), ('standard-output = null', 1), ('standard-output = null standard-error = null', 0), ('', 2)):
            g.configure(config % keys)
            g.ctl('reload')
            until(n)
        g.ctl('stop', 'w')
        until(0)


def goes_on(stderr, prefix=()):
    """A gang whose daemon cannot print works, and is steered, as any other."""
    config = '''
    ring jobs { }
    ring out { }
    worker loud { exec = {"@/loud"} }
    worker io { exec = {"@/io"} io = lines receive = {jobs} send = {out} }
    '''
    with Gang(config, begin=False, stderr=stderr, prefix=prefix) as g:
        g.script('loud', 'i=0; while :; do i=$((i+1)); echo "line $i with some words in it, and some more to fill the pipe"; done')
        g.script('io', 'while read -r x; do echo "about $x" >&2; echo "OK $x"; done')
        g.start()
        g.until_ready('loud/0', 'io/0')
        words = [f'm{i}' for i in range(100)]
        g.ctl('send', 'jobs', *words)
        got = [data(m) for m in g.ctl('--json', 'receive', 'out', '--count', 100).json_lines()]
        equal(got, words, 'messages')
        g.wait_log('io/0', 'about m99')                 # what cannot be printed is kept all the same
        before = g.pids()
        kill_and_wait(g.manager_pid)
        equal(g.pids(), before, 'pids')
        g.ctl('restart', 'loud', 'io')
        g.ctl('send', 'jobs', 'last')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'last\n', 'after all that')


def full_disk():
    """stderr of the daemon on a full disk"""
    with open('/dev/full', 'w') as full:
        goes_on(full)


def closed():
    """stderr of the daemon closed"""
    goes_on(subprocess.DEVNULL, prefix=['sh', '-c', 'exec "$0" "$@" 2>&-'])


def nobody_reads():
    """stderr of the daemon a pipe that nobody reads, and one whose reader is gone"""
    r, w = os.pipe()
    goes_on(w)
    os.close(r)
    goes_on(w)
    os.close(w)


main(names_and_streams, streams, pipes_that_are_left, over_the_death_of_the_manager, full_disk, closed, nobody_reads)
