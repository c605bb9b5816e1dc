#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which end is what: rules for exit statuses and signals, crash loops, and what is remembered of the dead."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from programs import ENDS  # noqa: E402

QUICK = 'restart-delay = 1ms restart-delay-max = 1ms'


def gang(config):
    g = Gang(config, begin=False)
    g.python('ends', ENDS)
    for line in config.splitlines():
        if line.startswith('worker '):
            g.fifo(f'how.{line.split()[1]}')
    g.start()
    return g


def end(g, worker, how):
    """The process of a worker ends like that. @return its pid."""
    with open(g.path(f'how.{worker}'), 'w') as f:
        f.write(f'{how}\n')


def rules():
    """success-exit-status, restart-prevent and restart-force, by number and by name, with the policy that they overrule"""
    cases = (
        ('good', 'restart = on-failure success-exit-status = {75, SIGUSR1}', '75', 'down'),
        ('signal', 'restart = on-failure success-exit-status = {TEMPFAIL, SIGUSR1}', 'SIGUSR1', 'down'),
        ('other', 'restart = on-failure success-exit-status = {TEMPFAIL, SIGUSR1}', '76', 'ready'),
        ('prevent', 'restart = always restart-prevent = CONFIG', '78', 'failed'),
        ('clean', 'restart = always restart-prevent = 0', '0', 'down'),
        ('force', 'restart = never restart-force = {3, KILL}', 'SIGKILL', 'ready'),
        ('both', 'restart = never restart-force = {3, KILL} restart-prevent = 3', '3', 'failed'),
    )
    with gang('\n'.join(f'worker {name} {{ exec = {{"@/ends"}} {QUICK} {keys} }}' for name, keys, _, _ in cases)) as g:
        pids = {name: g.pid(f'{name}/0') for name, _, _, _ in cases}
        for name, _, how, _ in cases:
            end(g, name, how)
        for name, _, how, state in cases:
            g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == f'{name}/0', what=f'the end of {name}')
            g.until(f'{name} is {state} after {how}', lambda: g.instance(f'{name}/0')['state'] == state and
                    (state != 'ready' or g.pid(f'{name}/0') not in (0, pids[name])))


def rules_change():
    """a reload with other rules touches no process, and the new rules hold"""
    with gang(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always }}\n') as g:
        pid = g.pid('w/0')
        g.configure(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always restart-prevent = 9 }}\n')
        g.ctl('reload').has('restart-prevent')
        equal(g.pid('w/0'), pid, 'its process')
        end(g, 'w', 9)
        g.until_state(('w/0', 'failed'))


def crash_loop():
    """ten failures in a row are a crash loop: an event, the log, the status, also of the next manager; one good end is its end"""
    with gang(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always }}\n') as g:
        def fails(how):
            seen = g.mark()
            end(g, 'w', how)
            g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == 'w/0', since=seen)
            g.until_ready('w/0')

        for _ in range(6):
            fails(1)
        equal(g.instance('w/0')['crash_loop'], 0, 'after six')
        kill_and_wait(g.manager_pid)
        for _ in range(4):
            fails('SIGUSR1')
        g.wait_event(lambda e: e['kind'] == 'crash-loop' and '10 failures in a row' in e['text'])
        g.wait_stderr('w/0: crash loop: 10 failures in a row')
        equal(g.instance('w/0')['crash_loop'], 10, 'after ten')
        g.ctl('status', 'w').has('crash loop: 10 failures in a row')
        kill_and_wait(g.manager_pid)
        equal(g.instance('w/0')['crash_loop'], 10, 'for the next manager')
        fails(0)
        equal(g.instance('w/0')['crash_loop'], 0, 'after a good end')


# Tells what it was told, and waits for its end to be allowed.
HOOK = '''
env | grep ^GANGER_ | sort > @/told.$$
echo told.$$ "$1" >> @/hooks
echo "the hook speaks"
read -r go < @/gate
'''
FAILS = (f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = on-failure restart-limit = 1/infinity '
         'on-failure = {"@/hook", "a b"} }\n')


def hook_gang(keys='', program='gangerd'):
    g = Gang(FAILS.replace('on-failure = {', f'{keys} on-failure = {{'), begin=False, program=program)
    g.python('ends', ENDS)
    g.script('hook', HOOK.replace('@', g.directory))
    g.write('hooks', '')
    g.fifo('how.w')
    g.fifo('gate')
    g.start()
    return g


def fail(g, how=3):
    """w/0 ends twice, which is once too often."""
    for state in ('ready', 'failed'):
        g.until_ready('w/0')
        seen = g.mark()
        end(g, 'w', how)
        g.wait_event(lambda e: e['kind'] == 'exit' and e['key'] == 'w/0', since=seen)
        g.until_state(('w/0', state))


def hooks(g):
    return g.read('hooks').split('\n')[:-1]


def hook_pids(g):
    return [pid for pid in children(g.keeper_pid) if any(a.endswith('/hook') for a in process_arguments(pid))]


def let_go(g):
    with open(g.path('gate'), 'w') as f:
        f.write('go\n')


def on_failure():
    """on-failure is run once when an instance has failed, and is told why; its output is in the log; nobody waits for it"""
    with hook_gang() as g:
        fail(g)
        g.until('it runs', lambda: len(hooks(g)) == 1)
        words = hooks(g)[0].split()
        equal(words[1:], ['a', 'b'], 'its argument')
        g.until('it was told', lambda: 'GANGER_WORKER' in g.read(words[0]))
        told = dict(line.split('=', 1) for line in g.read(words[0]).splitlines())
        check(told.pop('GANGER_REASON').startswith('exit status 3; gave up: more than 1 restarts'), f'reason: {told}')
        equal(told, {'GANGER_WORKER': 'w', 'GANGER_INSTANCE': '0', 'GANGER_EXIT': 'exit status 3', 'GANGER_RESTARTS': '1'},
              'what it was told')
        g.wait_stderr('w/0/on-failure.*the hook speaks')
        # It still runs: the daemon answers, and the instance can be started, and fail again.
        g.ctl('start', 'w')
        fail(g)
        equal(len(hooks(g)), 1, 'one at a time')
        let_go(g)
        g.until('that of the second failure', lambda: len(hooks(g)) == 2)
        let_go(g)
        g.until('it is gone', lambda: not hook_pids(g))


def on_failure_over_managers():
    """the manager is killed while it runs: it goes on, is not run again, and its end is noticed by the next one"""
    with hook_gang() as g:
        fail(g)
        g.until('it runs', lambda: len(hooks(g)) == 1)
        pids = hook_pids(g)
        equal(len(pids), 1, 'hooks')
        for _ in range(3):
            kill_and_wait(g.manager_pid)
            g.ctl('status')
            equal((hook_pids(g), len(hooks(g))), (pids, 1), 'hooks')
        let_go(g)
        g.until('it is gone', lambda: not hook_pids(g))
        g.ctl('start', 'w')
        fail(g)
        g.until('the next one', lambda: len(hooks(g)) == 2)
        let_go(g)


def on_failure_that_hangs():
    """past on-failure-timeout it is killed, and one that cannot be started is said"""
    with hook_gang('on-failure-timeout = 200ms') as g:
        fail(g)
        g.wait_stderr('w/0/on-failure: has not ended in time: killed')
        g.wait_stderr('w/0/on-failure: killed by SIGKILL')
        equal(hook_pids(g), [], 'hooks')
        os.rename(g.path('hook'), g.path('gone'))
        g.ctl('start', 'w')
        fail(g)
        g.wait_stderr('w/0/on-failure: .*No such file')


WORK = '''
ring jobs { slots = 64 max-deliveries = 2 }
worker w { exec = {"@/hold"} io = lines receive = jobs restart-delay = 1ms restart-delay-max = 1ms }
worker idle { exec = {"sleep", "1000"} }
'''
# Says what it has, and keeps it.
HOLD = '''
echo "begins to hold" >&2
read -r x || exit 0
echo "has $x" >&2
sleep 1000
'''


def report(g, name):
    return g.json('report', name)['reports']


def reports():
    """a report has the words, the times, what it used and held, and its last lines; the next manager has it too"""
    with Gang(WORK, begin=False) as g:
        g.script('hold', HOLD)
        g.start()
        g.until_ready('w/0', 'idle/0')
        equal(report(g, 'w'), [], 'before any end')
        g.ctl('report', 'w').has('w: no process has ended yet')
        g.ctl('report', 'nobody', expected=4)
        g.ctl('send', 'jobs', 'letter')
        for deliveries, outcome in (1, 'delivered again'), (2, 'dead letter'):
            g.wait_log('w/0', 'has letter')
            g.until('it is leased', lambda: g.ring('jobs')['leased'] == 1)
            pid = g.pid('w/0')
            if deliveries == 1:     # what one manager has read of a living process is not known to the next
                g.until('its last line is read', lambda: 'has letter' in g.ctl('logs', 'w').out)
            kill_and_wait(pid)
            g.until('it is started again', lambda: g.pid('w/0') not in (0, pid))
            r = g.until('its report', lambda: (lambda x: x[0] if x and x[0]['pid'] == pid else None)(report(g, 'w/0')))
            equal((r['exit'], r['signal'], r['status'], r['cause'], r['leased']), ('killed by SIGKILL', 'SIGKILL', 9, '', 1), 'end')
            equal([(lease['object'], lease['deliveries'], lease['outcome']) for lease in r['leases']],
                  [('jobs', deliveries, outcome)], 'what it held')
            check(0 < r['started_usec'] <= r['ready_usec'] <= r['ended_usec'], f'times: {r}')
            check(r['max_rss_kib'] > 0 and r['minor_faults'] > 0, f'what it used: {r}')
            equal(len(r['ends']), deliveries, 'ends')
            kill_and_wait(g.manager_pid)
            after = report(g, 'w')[0]
            for member in r:
                if member not in ('state', 'reason'):
                    equal(after[member], r[member], f'{member}, for the next manager')
            check(deliveries > 1 or after['output'] == ['begins to hold', 'has letter'], f'output: {after["output"]}')
        g.ctl('report', 'w').has(f'w/0 (pid {pid}): killed by SIGKILL', 'delivery 2: dead letter', 'before: ')
        # One that was asked to end, and one that could not begin.
        g.ctl('stop', 'idle')
        equal([(r['exit'], r['cause']) for r in report(g, 'idle')], [('killed by SIGTERM', 'asked to end')], 'stopped')


def reports_of_failures():
    """statuses have systemd's names, ends are remembered, a failed start has its report, and only so many are kept"""
    with gang(f'worker w {{ exec = {{"@/ends"}} {QUICK} restart = always }}\n') as g:
        for status in range(70, 81):
            g.until_ready('w/0')
            pid, seen = g.pid('w/0'), g.mark()
            end(g, 'w', status)
            g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, since=seen)
            g.until('the next', lambda: g.pid('w/0') not in (0, pid))
        r = report(g, 'w/0')[0]
        equal([e['exit'] for e in r['ends']],
              ['exit status 73 (CANTCREAT)', 'exit status 74 (IOERR)', 'exit status 75 (TEMPFAIL)', 'exit status 76 (PROTOCOL)',
               'exit status 77 (NOPERM)', 'exit status 78 (CONFIG)', 'exit status 79', 'exit status 80'], 'ends')
        equal((r['exit'], r['status_name'], r['restarts'], r['crash_loop']), ('exit status 80', '', 11, 11), 'the last')
        with open(g.path('how.w'), 'w') as f:       # when it opens, its program has been read
            os.rename(g.path('ends'), g.path('gone'))
            f.write('75\n')
        g.wait_event(lambda e: e['kind'] == 'spawn-failed')
        g.until('the report of it', lambda: report(g, 'w')[0]['cause'] == 'could not be started')
        r = report(g, 'w')[0]
        check('No such file' in r['exit'] and r['pid'] == 0, f'{r}')
        os.rename(g.path('gone'), g.path('ends'))


def reports_have_limits():
    """the longest names, and more output than is kept: the report has the last of it, also after the manager"""
    worker, ring = 'w' * 63, 'r' * 63
    with Gang(f'ring {ring} {{ slots = 4 }}\n'
              f'worker {worker} {{ exec = {{"@/prints"}} io = lines receive = {ring} restart-delay = 1ms restart = never }}',
              begin=False) as g:
        g.script('prints', 'read -r x || exit 0\nfor i in $(seq 100 160); do printf "%s %300d\\n" $i 0; done >&2\nexit 75')
        g.start()
        g.ctl('send', ring, 'letter')
        g.until_state((f'{worker}/0', 'failed'))
        r = g.until('its report', lambda: (lambda x: x[0] if x and x[0]['output'] else None)(report(g, worker)))
        equal([line[:4] for line in r['output']], ['158 ', '159 ', '160 '], 'the last lines')
        check(all(len(line) == 160 for line in r['output']), f'lines are cut: {r["output"]}')
        equal((r['exit'], [lease['object'] for lease in r['leases']]), ('exit status 75 (TEMPFAIL)', []), 'its end')
        kill_and_wait(g.manager_pid)
        equal(report(g, worker)[0], r, 'for the next manager')
        check(not any('cannot write its report' in line for line in g.stderr_lines), 'it is written')


SIGNALLED = '''
import os, signal, socket, sys
got = []
signal.signal(signal.SIGUSR1, lambda *_: print('got USR1', flush=True))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
s.send(b'STATUS=waits')
with open(os.path.join(os.path.dirname(sys.argv[0]), 'go')) as f:
    f.readline()
s.send(b'READY=1')
while True:
    signal.pause()
'''


def verbs():
    """wait, signal, is-failed and reset-failed, with the manager killed meanwhile"""
    with Gang('worker w { exec = {"@/slow"} ready = notify }\n'
              'worker bad { exec = {"false"} restart = never }\nworker other { exec = {"sleep", "1000"} }', begin=False) as g:
        g.python('slow', SIGNALLED)
        g.fifo('go')
        g.start(wait=False)
        g.wait_served()
        g.until('it waits', lambda: g.instance('w/0')['status_text'] == 'waits')
        waiting = g.background('wait', 'w', '--ready')
        kill_and_wait(g.manager_pid)
        g.ctl('wait', 'w', '--timeout', '100ms', expected=None).has('w')
        check(waiting.poll() is None, 'it waits still')
        with open(g.path('go'), 'w') as f:
            f.write('go\n')
        g.wait_helper(waiting)
        g.ctl('wait', 'w', 'other')
        # Signals
        g.ctl('signal', 'w', 'USR1')
        g.wait_log('w/0', 'got USR1')
        equal(g.instance('w/0')['state'], 'ready', 'it goes on')
        g.ctl('signal', 'bad', 'USR1', expected=1).has('no process')
        # What has failed
        g.until_state(('bad/0', 'failed'))
        g.ctl('wait', 'bad', expected=1).has('exit status 1')
        equal(g.ctl('is-failed', 'bad', 'w').out, 'failed\nready\n', 'is-failed')
        g.ctl('is-failed', 'w', 'other', expected=1)
        g.ctl('is-failed', 'nobody', expected=4)
        kill_and_wait(g.manager_pid)
        g.ctl('is-failed', 'bad/0')
        g.ctl('reset-failed', 'bad')
        g.ctl('is-failed', 'bad', expected=1)
        equal((g.instance('bad/0')['state'], g.instance('bad/0')['pid']), ('down', 0), 'reset')
        kill_and_wait(g.manager_pid)
        equal((g.instance('bad/0')['state'], g.instance('bad/0')['pid']), ('down', 0), 'reset, for the next manager')
        g.ctl('reset-failed', '--all')
        equal(g.instance('w/0')['state'], 'ready', 'others are left alone')
        # Until it is gone
        waiting = g.background('wait', 'other', '--stopped')
        g.ctl('wait', 'bad', '--stopped')
        g.ctl('stop', 'other')
        g.wait_helper(waiting)


def tree():
    """tree shows the keeper, the manager, each instance and what that has started"""
    with Gang('worker w { exec = {"@/parent"} instances = 2 }\nworker off { exec = {"sleep", "1000"} instances = 0 }',
              begin=False) as g:
        g.script('parent', 'sleep 1000; exit 1')
        g.start()
        g.until_ready('w/0', 'w/1')

        def lines():
            return g.ctl('--json', 'tree').json_lines()

        def below(items, pid):
            return [x for x in items if x['parent'] == pid]
        pids = g.pids()
        def with_all():
            found = lines()
            return found if len([x for x in found if x['command'] == 'sleep']) == 2 else None
        items = g.until('all have started theirs', with_all)
        equal([(x['what'], x['depth']) for x in items if x['what'] not in ('', 'other')],
              [('keeper', 0), ('manager', 1), ('w', 1), ('w/0', 2), ('w/1', 2), ('off', 1)], 'what there is')
        by_name = {x['what']: x for x in items if x['what']}
        equal((by_name['keeper']['pid'], by_name['manager']['pid'], by_name['manager']['parent']),
              (g.keeper_pid, g.manager_pid, g.keeper_pid), 'the daemon')
        for key in ('w/0', 'w/1'):
            equal((by_name[key]['pid'], by_name[key]['state']), (pids[key], 'ready'), key)
            check('sleep' in [x['command'] for x in below(items, pids[key])], f'below {key}: {items}')
        text = g.ctl('tree').out
        check(text.startswith(f'keeper {g.keeper_pid} ') and f'\n    w/0 ready {pids["w/0"]} ' in text, text)
        check(all(f'      {x["pid"]} sleep' in text for x in below(items, pids['w/0']) if x['command'] == 'sleep'), text)


def a_success_is_a_success():
    """`start` of what ends by success-exit-status has worked"""
    with Gang('worker w { exec = {"sh", "-c", "exit 75"} ready = notify restart = never success-exit-status = 75 instances = 0 }\n'
              'worker v { exec = {"sh", "-c", "exit 75"} ready = notify restart = never instances = 0 }') as g:
        g.ctl('scale', 'w', 1)
        g.ctl('start', 'w')
        equal(g.instance('w/0')['state'], 'down', 'w/0')
        g.ctl('scale', 'v', 1, expected=1)
        equal(g.instance('v/0')['state'], 'failed', 'v/0')


main(rules, rules_change, crash_loop, on_failure, on_failure_over_managers, on_failure_that_hangs,
     reports, reports_of_failures, reports_have_limits, verbs, tree, a_success_is_a_success)
