#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where there are no cgroups: what an instance has started ends with it, however it hides."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from programs import *  # noqa: E402, F403

# argv: how its child hides. The pid of the one that hides is appended to a file of the worker's name.
PROGRAM = '''
import os, signal, sys
how = set(sys.argv[1].split(','))
here = os.path.dirname(os.path.abspath(sys.argv[0]))
def hides():
    if 'session' in how:
        os.setsid()
    if 'group' in how:
        os.setpgid(0, 0)
    if 'orphan' in how and os.fork() > 0:
        os._exit(0)
    if 'session' in how and 'orphan' in how:
        os.setsid()
    if 'silent' in how:
        null = os.open('/dev/null', os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
    with open(f'{here}/{os.environ["GANGER_WORKER"]}.pids', 'a') as f:
        f.write(f'{os.getpid()}\\n')
    if 'bare' in how:
        os.execve('/bin/sleep', ['sleep', '1000'], {})
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()
if os.fork() == 0:
    hides()
if 'orphan' in how:
    os.wait()
if 'deaf' in how:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while not os.path.exists(f'{here}/{os.environ["GANGER_WORKER"]}.pids'):
    pass
print('started', flush=True)
signal.pause()
'''
WAYS = ('plain', 'group', 'session', 'session,orphan', 'session,orphan,silent', 'session,orphan,bare', 'session,bare,silent')


def name(way):
    return 'w-' + way.replace(',', '-')


def gang(ways, prefix, extra=''):
    workers = (f'worker {name(way)} {{ exec = {{"@/program", "{way}"}} restart = never stop-timeout = 200ms {extra} }}' for way in ways)
    g = Gang('\n'.join(workers), begin=False, prefix=prefix)
    g.begin = True
    g.python('program', PROGRAM)
    if prefix and prefix[0] == 'setpriv':
        os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
    g.ways = ways
    return g


def hide(g):
    """Until all hide."""
    for way in g.ways:
        g.wait_log(f'{name(way)}/0', 'started')


def hidden(g, way):
    """Whoever hides writes its pid down itself, when it is where it hides."""
    def read():
        path = g.path(f'{name(way)}.pids')
        text = g.read(path[len(g.directory) + 1:]) if os.path.exists(path) else ''
        return [int(line) for line in text.splitlines()] if text.endswith('\n') else []
    return g.until(f'one hides by {way}', read)


def ends(end):
    """Each way of hiding, and one end of the main process."""
    with gang(WAYS, without_cgroups()) as g:
        hide(g)
        before = {way: hidden(g, way) for way in WAYS}
        for way in WAYS:
            equal(len(before[way]), 1, f'hidden: {way}')
            check(alive(before[way][0]), f'{way} does not live')
            end(g, f'{name(way)}/0')
            g.until(f'what hides by {way} is gone', lambda: not alive(before[way][0]))
            for other in WAYS[WAYS.index(way) + 1:]:
                check(alive(before[other][0]), f'{other} is gone with {way}')


def when_it_is_stopped():
    """stopped: all that it has started goes, whatever session, parent, environment or output it has; of others nothing"""
    ends(lambda g, key: g.ctl('stop', key))


def when_it_crashes():
    """killed by somebody: the same"""
    ends(lambda g, key: kill(g.pid(key)))


def when_it_must_be_killed():
    """deaf to the signal, so that gangerd kills it: also what has nothing in common with it but its parent"""
    ways = ('session,silent,bare,deaf', 'plain,deaf')
    with gang(ways, without_cgroups()) as g:
        hide(g)
        before = {way: hidden(g, way)[0] for way in ways}
        for way in ways:
            g.ctl('stop', name(way))
            g.until(f'what hides by {way} is gone', lambda: not alive(before[way]))


def with_nothing_in_common():
    """an orphan with a session, environment and output of its own goes where it can be nobody else's; else it is told"""
    way = 'session,orphan,silent,bare'
    with gang((way,), without_cgroups()) as g:
        hide(g)
        pid = hidden(g, way)[0]
        kill(g.pid(f'{name(way)}/0'))
        g.until('it is gone', lambda: not alive(pid))
    with gang((way,), without_cgroups()) as g:
        hide(g)
        pid = hidden(g, way)[0]
        g.configure('worker older { exec = {"sleep", "1000"} }\n' + g.config_text)
        # Older than the one that hides: it might be its parent.
        g.ctl('reload')
        g.until_ready('older/0')
        os.unlink(g.path(f'{name(way)}.pids'))
        kill(g.pid(f'{name(way)}/0'))
        g.until('it is gone', lambda: not alive(pid))
        g.ctl('start', name(way))
        g.until('the next one hides', lambda: os.path.exists(g.path(f'{name(way)}.pids')) and hidden(g, way))
        pid = hidden(g, way)[0]
        kill(g.pid(f'{name(way)}/0'))
        g.wait_stderr('may be of any worker')
        check(alive(pid), 'it was touched')
        kill_and_wait(pid)


def as_an_ordinary_user():
    """as an ordinary user, who can make no cgroup: the same"""
    need_root()
    ways = ('session,orphan', 'session,orphan,bare')
    with gang(ways, as_nobody()) as g:
        hide(g)
        for way in ways:
            pid = hidden(g, way)[0]
            g.ctl('stop', name(way))
            g.until(f'what hides by {way} is gone', lambda: not alive(pid))


def at_the_end():
    """at the end of gangerd nothing is left"""
    with gang(WAYS, without_cgroups()) as g:
        hide(g)
        pids = [hidden(g, way)[0] for way in WAYS]
        g.ctl('shutdown')
        equal(g.process.wait(LIMIT), 0, 'exit status')
        check(not any(alive(pid) for pid in pids), 'some are left')


def its_daemons_stay():
    """what a worker that runs has put into the background is left alone, whoever ends beside it"""
    ways = ('session,orphan', 'session,orphan,bare')
    with gang(ways, without_cgroups()) as g:
        hide(g)
        pids = [hidden(g, way)[0] for way in ways]
        g.configure(g.config_text + 'worker short { exec = {"true"} start = manual restart = never }\n')
        g.ctl('reload')
        for _ in range(5):
            g.ctl('start', 'short', expected=None)
            g.wait_state('short/0', 'down')
        kill_and_wait(g.manager_pid)
        g.ctl('start', 'short', expected=None)
        g.wait_state('short/0', 'down')
        check(all(alive(pid) for pid in pids), 'one is gone')


def those_who_run():
    """a program whose children fork and leave as fast as they can is got down, and another does not notice"""
    with Gang('worker runs { exec = {"@/runs", "4"} restart = never }\nworker plain { exec = {"sleep", "1000"} }', begin=False,
              prefix=without_cgroups()) as g:
        runs = Runs(g)
        g.start()
        ends = time.monotonic() + 60
        g.wait_log('runs/0', 'off')
        g.until_ready('plain/0')
        g.until('they run', lambda: runs.hops() > 100)
        before = g.pids()['plain/0']
        g.ctl('stop', 'runs')
        g.until('it is quiet', runs.quiet_at_last)
        check(time.monotonic() < ends, 'they have ended by themselves')
        equal(g.pid('plain/0'), before, 'the other')


main(when_it_is_stopped, when_it_crashes, when_it_must_be_killed, with_nothing_in_common, as_an_ordinary_user, at_the_end,
     its_daemons_stay, those_who_run)
