#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is started again, when, and who is given up."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from programs import ENDS  # noqa: E402

POLICIES = '''
worker always      { exec = {"@/ends"} restart = always restart-delay = 1ms restart-delay-max = 1ms }
worker on-failure  { exec = {"@/ends"} restart = on-failure restart-delay = 1ms restart-delay-max = 1ms }
worker on-abnormal { exec = {"@/ends"} restart = on-abnormal restart-delay = 1ms restart-delay-max = 1ms }
worker never       { exec = {"@/ends"} restart = never }
'''
# After which end each of them is started again.
AGAIN = {
    '0':       {'always'},
    '3':       {'always', 'on-failure'},
    'SIGKILL': {'always', 'on-failure', 'on-abnormal'},
    'SIGSEGV': {'always', 'on-failure', 'on-abnormal'},
    # systemd holds these for clean, so the same words mean the same.
}
WORKERS = ('always', 'on-failure', 'on-abnormal', 'never')


def policies():
    """always, on-failure, on-abnormal, never: after exit status 0, another, and signals"""
    for how, again in AGAIN.items():
        with Gang(POLICIES, begin=False) as g:
            g.python('ends', ENDS)
            for worker in WORKERS:
                os.mkfifo(g.path(f'how.{worker}'))
            g.start()
            for worker in WORKERS:
                # It has started when it reads. One reader a line: the next process waits for the next line.
                with open(g.path(f'how.{worker}'), 'w') as f:
                    f.write(how + '\n')
            for worker in WORKERS:
                exited = g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == f'{worker}/0', what=f'exit of {worker}')
                status = exited['status']
                got = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))
                equal(got, how, f'how {worker} ended')
                if worker in again:
                    g.until(f'{worker} runs again', lambda: (lambda i: i['pid'] not in (0, exited['pid']) and i['state'] == 'ready')
                            (g.instance(f'{worker}/0')))
                else:
                    state = 'down' if how == '0' else None
                    g.until(f'{worker} is left alone', lambda: g.instance(f'{worker}/0')['state'] in ('down', 'failed'))
                    i = g.instance(f'{worker}/0')
                    equal(i['pid'], 0, f'process of {worker} after {how}')
                    check(state is None or i['state'] == state, f'{worker} after {how}: {i}')
                i = g.instance(f'{worker}/0')
                equal(i['restarts'], 1 if worker in again else 0, f'restarts of {worker} after {how}')
                word = how if how.startswith('SIG') else f'exit status {how}' if how != '0' else 'exit'
                check(word in i['last_exit'], f'last exit of {worker} after {how}: {i["last_exit"]!r}')


def for_ever():
    """a program that exits with 0 at once, for ever: it backs off, the daemon answers and rests"""
    with Gang('worker quick { exec = {"true"} restart-delay = 100ms restart-delay-max = 30s }\n'
              'worker calm { exec = {"sleep", "1000"} }') as g:
        calm = g.pid('calm/0')
        g.wait_state('quick/0', 'backoff')
        def waits_long():
            i = g.instance('quick/0')
            return i if i['restarts'] >= 6 and i['state'] == 'backoff' else None
        i = g.until('the pauses are long', waits_long)
        pause = i['due_usec'] - i['since_usec']
        # The delay has doubled four times; a quarter of jitter, and a little for the clock.
        check(pause >= 100_000 * 16 * 0.74, f'the pause after {i["restarts"]} restarts is {pause} us')
        exits = len([e for e in g.events.items if e['kind'] == 'exit'])
        check(exits <= 12, f'{exits} processes by now')
        for pid in (g.keeper_pid, g.manager_pid):
            check(sanitized() or cpu_ticks(pid) < 100, f'{process_name(pid)} burns: {cpu_ticks(pid)} ticks')
        check(all(g.ctl('status').status == 0 for _ in range(5)), 'it answers')
        equal(g.pid('calm/0'), calm, 'the other')
        # By hand it starts at once, whatever it waits for.
        seen = len(g.events.items)
        g.ctl('start', 'quick', '--no-wait')
        g.wait_state('quick/0', 'starting', since=seen)
        g.ctl('stop', 'quick')
        equal(g.instance('quick/0')['state'], 'down', 'stopped while it waits')


def the_first_is_at_once():
    """the first restart waits for nothing, also with a long delay"""
    with Gang('worker w { exec = {"sleep", "1000"} restart-delay = 1h restart-delay-max = 1h }') as g:
        g.until_ready('w/0')
        pid = g.pid('w/0')
        kill(pid)
        g.until('it runs again', lambda: (lambda i: i['state'] == 'ready' and i['pid'] != pid)(g.instance('w/0')))
        equal(g.instance('w/0')['restarts'], 1, 'restarts')
        check('SIGKILL' in g.instance('w/0')['last_exit'], 'last exit')
        kill(g.pid('w/0'))
        g.until_state(('w/0', 'backoff'))
        i = g.instance('w/0')
        check(i['due_usec'] - i['since_usec'] > 35 * 60 * 1_000_000, f'the second waits: {i}')


def the_limit():
    """restart-limit: past it the instance is failed, says so, and a start by hand works again"""
    with Gang('worker w { exec = {"@/ends"} restart-limit = 3/infinity restart-delay = 1ms restart-delay-max = 1ms }\n'
              'worker calm { exec = {"sleep", "1000"} }', begin=False) as g:
        g.python('ends', ENDS)
        g.write('how.w', '5\n')
        g.start()
        g.wait_state('w/0', 'failed')
        i = g.instance('w/0')
        equal((i['state'], i['pid'], i['restarts']), ('failed', 0, 3), 'instance')
        check('3' in i['reason'] and i['last_exit'] == 'exit status 5', f'{i}')
        equal(len([e for e in g.events.items if e['kind'] == 'exit' and e['key'] == 'w/0']), 4, 'processes')
        g.ctl('is-active', 'w', expected=3)
        g.wait_stderr('w/0: .*(limit|gave up|given up|failed)')
        # It stays so over a death of the manager.
        kill_and_wait(g.manager_pid)
        equal((g.instance('w/0')['state'], g.instance('w/0')['pid']), ('failed', 0), 'after the death of the manager')
        # A FIFO: its next process waits.
        os.unlink(g.path('how.w'))
        os.mkfifo(g.path('how.w'))
        g.ctl('start', 'w')
        check(alive(g.pid('w/0')), 'a start by hand')
        equal(g.instance('w/0')['state'], 'ready', 'state')


def a_program_that_is_gone():
    """a program that vanishes is a failure in words; it comes back, and so does the instance"""
    with Gang('worker w { exec = {"@/prog"} restart-delay = 10ms restart-delay-max = 20ms }', begin=False) as g:
        g.script('prog', 'exec sleep 1000')
        g.start()
        g.until_ready('w/0')
        os.rename(g.path('prog'), g.path('gone'))
        seen = len(g.events.items)
        kill(g.pid('w/0'))
        failed = g.wait_event(lambda e: e['kind'] == 'spawn-failed', since=seen, what='a failed spawn')
        check('No such file' in failed['text'], failed['text'])
        g.ctl('status', 'w')
        os.rename(g.path('gone'), g.path('prog'))
        g.until_ready('w/0')


main(policies, for_ever, the_first_is_at_once, the_limit, a_program_that_is_gone)
