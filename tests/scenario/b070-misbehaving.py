#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Workers that do not behave."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

def never_ready():
    """one that never becomes ready is killed after ready-timeout, and that is a failure; the others do not wait"""
    with Gang('worker slow { exec = {"sleep", "1000"} ready = notify ready-timeout = 300ms restart = never }\n'
              'worker again { exec = {"sleep", "1000"} ready = notify ready-timeout = 100ms restart-limit = 2/infinity'
              ' restart-delay = 1ms restart-delay-max = 1ms }\n'
              'worker calm { exec = {"sleep", "2000"} }') as g:
        g.until_ready('calm/0')
        g.until('it is given up', lambda: g.instance('slow/0')['state'] in ('failed', 'down'))
        i = g.instance('slow/0')
        equal((i['pid'], i['state']), (0, 'failed'), 'slow/0')
        check('ready' in i['reason'] or 'ready' in i['last_exit'], f'it does not say why: {i}')
        g.wait_state('again/0', 'failed')
        exits = [e for e in g.events.items if e['kind'] == 'exit' and e['key'] == 'again/0']
        equal(len(exits), 3, 'processes')
        check(not any(alive(e['pid']) for e in exits), 'not killed')
        # gangerctl waits for the start, and tells that it failed.
        g.ctl('start', 'slow', expected=1).has('slow/0', 'ready')


def floods():
    """one that floods stdout with 100 MB: the others' lines get through, and the daemon's memory stays small"""
    with Gang('worker flood { exec = {"@/flood"} restart = never log-rate = none }\nworker calm { exec = {"@/calm"} }', begin=False, stderr=subprocess.DEVNULL) as g:
        g.python('flood', '''
import os, signal
line = b'x' * 99 + b'\\n'
for _ in range(100):
    for _ in range(10):
        os.write(1, line * 1000)
os.write(1, b'flooded\\n')
signal.pause()
''')
        g.fifo('go')
        g.script('calm', f'while read -r line; do echo "calm $line"; done < {g.path("go")}')
        g.start()
        most, n = 0, 0
        calm = g.stream('logs', '--follow', 'calm')     # of `calm` alone: who follows a flood may miss lines
        with open(g.path('go'), 'w') as go:
            def flooded():
                return 'flooded' in [l['text'] for l in g.ctl('--json', 'logs', 'flood', '--lines', 1).json_lines()]
            while not flooded():
                n += 1
                go.write(f'{n}\n')
                go.flush()
                calm.wait(lambda l: l['text'] == f'calm {n}', what=f'line {n} of calm/0')
                most = max(most, process_memory(g.manager_pid))
        calm.close()
        check(n > 3, 'the flood was over at once')
        most = max(most, process_memory(g.manager_pid), process_memory(g.keeper_pid))
        check(sanitized() or most < 24 << 20, f'{most >> 20} MiB of memory')
        check(alive(g.pid('flood/0')), 'flood/0')


def never_ends_a_line():
    """one that writes 20 MB without a line break: cut into pieces, the memory stays small"""
    with Gang('worker w { exec = {"@/w"} restart = never }', begin=False) as g:
        g.python('w', 'import os, signal\nfor _ in range(200): os.write(1, b"y" * 100000)\nos.write(1, b"\\nend\\n")\nsignal.pause()')
        g.start()
        g.until('its last line is there', lambda: 'end' in [l['text'] for l in g.ctl('--json', 'logs', 'w', '--lines', 1).json_lines()])
        lines = g.ctl('--json', 'logs', 'w', '--lines', 100).json_lines()
        check(max(len(l['text']) for l in lines) < 100000, 'a line is as long as it likes')
        check(sanitized() or process_memory(g.manager_pid) < 24 << 20, f'{process_memory(g.manager_pid) >> 20} MiB of memory')


def ignores_sigterm():
    """one that ignores SIGTERM is killed after stop-timeout; stop-timeout = 0 kills at once; another stop-signal works"""
    with Gang('worker deaf { exec = {"@/deaf"} stop-timeout = 300ms }\n'
              'worker now { exec = {"@/deaf"} stop-timeout = 0 }\n'
              'worker usr { exec = {"@/usr"} stop-signal = SIGUSR1 stop-timeout = infinity }', begin=False) as g:
        g.script('deaf', "trap '' TERM; echo deaf; while :; do sleep 1000; done")
        g.script('usr', "trap 'echo got USR1; exit 0' USR1; trap '' TERM; echo waits; while :; do sleep 1000 & wait; done")
        g.start()
        for key, text in (('deaf/0', 'deaf'), ('now/0', 'deaf'), ('usr/0', 'waits')):
            g.wait_log(key, text)
        pids = g.pids()
        for worker in ('deaf', 'now', 'usr'):
            g.ctl('stop', worker)
            check(not alive(pids[f'{worker}/0']), f'{worker} lives')
        for key, word in (('deaf/0', 'SIGKILL'), ('now/0', 'SIGKILL')):
            check(word in g.instance(key)['last_exit'], f'{key}: {g.instance(key)["last_exit"]}')
        g.wait_log('usr/0', 'got USR1')
        # And at the end of the daemon, too.
        g.ctl('start', 'deaf', 'now')


# A family: children and grandchildren that do not listen, one of them in a process group of its own.
FAMILY = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if 'deaf' in sys.argv else signal.SIG_DFL)
out = os.path.join(os.path.dirname(sys.argv[0]), 'members')
def child(depth):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if depth > 0:
            child(depth - 1)
        with open(out, 'a') as f:
            f.write(f'{os.getpid()}\\n')
        while True:
            signal.pause()
    return pid
for _ in range(3):
    child(2)
while sum(1 for _ in open(out)) < 9 if os.path.exists(out) else True:
    time.sleep(0.01)
print('all born', flush=True)
signal.pause()
'''


def forks_grandchildren():
    """children and grandchildren of a worker are gone after its stop, its death, and the end of the daemon"""
    with Gang('worker w { exec = {"@/family"} }', begin=False) as g:
        g.python('family', FAMILY)
        def family():
            g.wait_log('w/0', 'all born', since=len(g.logs.items) if family.seen is None else family.seen)
            family.seen = len(g.logs.items)
            pids = [int(pid) for pid in g.read('members').split()]
            os.unlink(g.path('members'))
            equal(len(pids), 9, 'the family')
            check(all(alive(pid) for pid in pids), 'it lives')
            return pids
        family.seen = 0
        g.start()
        first = family()
        g.ctl('stop', 'w')
        for pid in first:       # SIGKILL was sent to them before the stop was over; dying takes its time
            wait_dead(pid)
        g.ctl('start', 'w')
        second = family()
        kill(g.pid('w/0'))
        for pid in second:
            wait_dead(pid)
        family()


main(never_ready, floods, never_ends_a_line, ignores_sigterm, forks_grandchildren)
