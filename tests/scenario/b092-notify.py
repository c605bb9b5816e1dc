#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All that a Type=notify program says by sd_notify, and what becomes of it; with the manager killed in the middle."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Does what comes by its fifo, a line of Python at a time.
SAYS = '''
import os, signal, socket, sys, time
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if 'NOTIFY_SOCKET' in os.environ:
    s.connect(os.environ['NOTIFY_SOCKET'])

def say(*lines, fds=()):
    socket.send_fds(s, ['\\n'.join(lines).encode()], list(fds))

def barrier():
    read, write = os.pipe()
    say('BARRIER=1', fds=[write])
    os.close(write)
    os.read(read, 1)

def listed():
    names = os.environ.get('LISTEN_FDNAMES', '').split(':')
    mine = os.environ.get('LISTEN_PID') == str(os.getpid())
    return dict(zip(names, range(3, 3 + int(os.environ.get('LISTEN_FDS', 0))))) if mine else {}

def follow():
    with open(os.path.join(HERE, 'go.' + os.environ['GANGER_WORKER'])) as go:
        for line in go:
            exec(line, globals())

print('begins', flush=True)
if len(sys.argv) > 1:
    exec(sys.argv[1], globals())
follow()
'''


def gang(config, **options):
    """Workers that say what the scenario tells them: `@/says`."""
    g = Gang(config, begin=False, **options)
    g.python('says', SAYS)
    for name in re.findall(r'worker (\w+)', config):
        g.fifo(f'go.{name}')
    g.gos = {}
    return g


def tell(g, name, line):
    if name not in g.gos:
        # Also for reading: it stays while one process goes and the next one comes.
        g.gos[name] = open(os.open(g.path(f'go.{name}'), os.O_RDWR | os.O_CLOEXEC), 'wb', buffering=0)
    g.gos[name].write(line.encode() + b'\n')


def new_manager(g):
    kill_and_wait(g.manager_pid)


NOTIFY = 'worker a { exec = {"@/says"} ready = notify %s }'


def what_it_says_is_shown():
    """RELOADING, STOPPING, ERRNO and STATUS are shown, also by the next manager; READY ends a reload"""
    with gang(NOTIFY % 'restart = never') as g:
        g.start()
        tell(g, 'a', "say('READY=1', 'STATUS=at work')")
        g.until_ready('a/0')
        tell(g, 'a', "say('RELOADING=1', 'MONOTONIC_USEC=%d' % (time.monotonic_ns() // 1000))")
        g.until('it reloads', lambda: g.instance('a/0')['activity'] == 'reloading')
        new_manager(g)
        equal(g.instance('a/0')['activity'], 'reloading', 'activity')
        g.ctl('status', 'a/0').has('reloading')
        tell(g, 'a', "say('READY=1')")
        g.until('it has', lambda: g.instance('a/0')['activity'] == '')
        equal(g.instance('a/0')['status_text'], 'at work', 'status')
        tell(g, 'a', "say('STOPPING=1', 'ERRNO=2', 'STATUS=no such thing'); barrier(); sys.exit(3)")
        g.wait_state('a/0', 'failed')
        i = g.instance('a/0')
        check('No such file' in i['reason'] and 'exit status 3' in i['reason'], f'reason: {i["reason"]}')


def a_stop_that_does_not_come():
    """a program that says STOPPING=1 has its stop-timeout; then it is killed, and the reason says so"""
    with gang(NOTIFY % 'stop-timeout = 300ms') as g:
        g.start()
        tell(g, 'a', "say('READY=1')")
        g.until_ready('a/0')
        pid = g.pid('a/0')
        tell(g, 'a', "say('STOPPING=1'); signal.pause()")
        g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid and 'said that it stops' in e['text'], what='its end')


def timeouts_are_extended():
    """EXTEND_TIMEOUT_USEC: a slow start is waited for as long as it says so, and a slow stop; a new manager keeps to it"""
    with gang(NOTIFY % 'ready-timeout = 20s stop-timeout = 20s') as g:
        def is_extended():
            return g.instance('a/0')['due_usec'] / 1e6 - time.monotonic() > 1000
        g.start()
        tell(g, 'a', "say('EXTEND_TIMEOUT_USEC=3600000000', 'STATUS=slow')")
        g.until('it is heard', lambda: g.instance('a/0')['status_text'] == 'slow')
        pid = g.pid('a/0')
        check(is_extended(), 'the manager knows no extension')
        new_manager(g)
        check(is_extended(), 'the new manager knows no extension')
        tell(g, 'a', "say('READY=1')")
        g.until_ready('a/0')
        equal(g.pid('a/0'), pid, 'pid')
        tell(g, 'a', "signal.signal(signal.SIGTERM, lambda *a: say('EXTEND_TIMEOUT_USEC=3600000000'))")
        tell(g, 'a', "say('STATUS=set')")
        g.until('it is set', lambda: g.instance('a/0')['status_text'] == 'set')
        g.ctl('stop', 'a', '--no-wait')
        g.until('its stop is extended', is_extended)
        tell(g, 'a', "os._exit(7)")
        g.until_state(('a/0', 'down'))
        equal(g.instance('a/0')['last_exit'], 'exit status 7', 'last exit')


def a_start_that_is_not_extended():
    """without it, and past it, the timeout holds"""
    with gang(NOTIFY % 'ready-timeout = 300ms') as g:
        g.start()
        tell(g, 'a', "say('EXTEND_TIMEOUT_USEC=1000')")
        g.wait_event(lambda e: e['kind'] == 'exit' and 'not ready in time' in e['text'], what='its end')


def watched():
    """watchdog: fed in time it lives, over the death of a manager; silent, it is sent SIGABRT, which counts as a failure"""
    with gang(NOTIFY % 'watchdog = 2s restart = on-failure') as g:
        g.start()
        tell(g, 'a', "print('watchdog', os.environ['WATCHDOG_USEC'], os.environ['WATCHDOG_PID'] == str(os.getpid()), flush=True)")
        g.wait_log('a/0', 'watchdog 2000000 True')
        tell(g, 'a', "say('READY=1')")
        g.until_ready('a/0')
        pid = g.pid('a/0')
        tell(g, 'a', "[(say('WATCHDOG=1'), time.sleep(0.1)) for _ in range(45)]; say('STATUS=fed')")
        new_manager(g)
        g.until('it was fed', lambda: g.instance('a/0')['status_text'] == 'fed')
        equal(g.pid('a/0'), pid, 'pid')
        g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid and 'SIGABRT' in e['text'] and 'watchdog' in e['text'],
                     what='the watchdog')
        g.wait_stderr('a/0: watchdog: silent for 2s')
        equal(g.instance('a/0')['restarts'], 1, 'restarts')


def watched_by_the_next_manager():
    """a deadline that runs while there is no manager is kept by the next one; SIGKILL follows where SIGABRT does nothing"""
    with gang(NOTIFY % 'watchdog = 500ms stop-timeout = 300ms') as g:
        g.start()
        tell(g, 'a', "signal.signal(signal.SIGABRT, signal.SIG_IGN); say('READY=1')")
        g.until_ready('a/0')
        pid, manager = g.pid('a/0'), g.manager_pid
        kill(manager, signal.SIGSTOP)
        kill_and_wait(manager)
        wait_dead(pid)
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('SIGKILL' in e['text'] and 'watchdog' in e['text'], f'its end: {e["text"]}')


def watchdog_by_wish():
    """WATCHDOG=trigger, and another WATCHDOG_USEC than the configuration has"""
    with gang(NOTIFY % 'restart = on-abnormal') as g:
        g.start()
        tell(g, 'a', "say('READY=1', 'WATCHDOG_USEC=300000')")
        g.wait_event(lambda e: e['kind'] == 'exit' and 'silent for 300ms' in e['text'], what='the watchdog')
        tell(g, 'a', "say('READY=1'); say('WATCHDOG=trigger'); signal.pause()")
        g.wait_event(lambda e: e['kind'] == 'exit' and 'by its own wish' in e['text'], what='the trigger')


def stopped_processes_are_silent():
    """a process that is stopped (SIGSTOP) does not feed its watchdog, and is ended"""
    with gang(NOTIFY % 'watchdog = 500ms') as g:
        g.start()
        tell(g, 'a', "say('READY=1'); [(say('WATCHDOG=1'), time.sleep(0.1)) for _ in range(1000)]")
        g.until_ready('a/0')
        pid = g.pid('a/0')
        kill(pid, signal.SIGSTOP)
        wait_dead(pid)
        g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid and 'watchdog' in e['text'], what='the watchdog')


def descriptors_are_kept():
    """FDSTORE: the next process finds what the one before stored, by name, though manager and process were killed; not after a stop"""
    with gang(NOTIFY % 'fd-store-max = 3') as g:
        g.start()
        tell(g, 'a', "import tempfile; f = tempfile.TemporaryFile(); f.write(b'kept'); f.flush()")
        tell(g, 'a', "say('FDSTORE=1', 'FDNAME=file', fds=[f.fileno()]); say('FDSTORE=1', 'FDNAME=file', fds=[f.fileno()])")
        tell(g, 'a', "r, w = os.pipe(); say('FDSTORE=1', 'FDNAME=pipe', fds=[w]); say('FDSTORE=1', fds=[os.open('/dev/null', os.O_RDWR)])")
        tell(g, 'a', "say('FDSTORE=1', 'FDNAME=much', fds=[0]); say('READY=1')")
        g.until_ready('a/0')
        equal(g.instance('a/0')['stored_fds'], 3, 'descriptors')
        g.wait_stderr('a/0: it wants to store more than 3')
        tell(g, 'a', "say('FDSTOREREMOVE=1', 'FDNAME=stored')")
        g.until('one is removed', lambda: g.instance('a/0')['stored_fds'] == 2)
        new_manager(g)
        equal(g.instance('a/0')['stored_fds'], 2, 'descriptors after the death of the manager')
        pid = g.pid('a/0')
        kill(pid)
        g.until('it is back', lambda: g.pid('a/0') not in (0, pid))
        # A pipe that nobody reads any more has hung up, and is dropped by itself.
        tell(g, 'a', "fd = listed()['file']; print('found', os.pread(fd, 9, 0), os.get_inheritable(fd), flush=True); say('READY=1')")
        g.wait_log('a/0', "found b'kept'")
        g.until('the pipe has hung up', lambda: g.instance('a/0')['stored_fds'] == 1)
        pid = g.pid('a/0')
        g.ctl('restart', 'a', '--no-wait')
        wait_dead(pid)
        tell(g, 'a', "print('again', list(listed()), flush=True); say('READY=1')")
        g.wait_log('a/0', "again ['file']")
        g.until_ready('a/0')
        g.ctl('stop', 'a')
        equal(g.instance('a/0')['stored_fds'], 0, 'descriptors after a stop')
        g.ctl('start', 'a', '--no-wait')
        tell(g, 'a', "print('anew', listed(), flush=True)")
        g.wait_log('a/0', 'anew {}')


# Forks as daemons do; the child is told what to do by the fifo.
FORKS = "exec(open(os.path.join(HERE, 'fork')).read(), globals())"
ONCE = '''
r, w = os.pipe()
if not os.fork():
    os.setsid()
    say(f'MAINPID={os.getpid()}', 'READY=1')
    os.write(w, b'x')
    os.close(w)
    follow()
os.read(r, 1)
os._exit(0)
'''
TWICE = '''
r, w = os.pipe()
if not os.fork():
    os.setsid()
    if not os.fork():
        os.write(w, b'%d' % os.getpid())
        os.close(w)
        follow()
        os._exit(0)
    os._exit(0)
os.wait()
say('MAINPID=' + os.read(r, 20).decode(), 'READY=1')
os._exit(0)
'''


def in_the_background(how):
    with gang(f'worker a {{ exec = {{"@/says", "{FORKS}"}} ready = notify }}') as g:
        g.write('fork', how)
        g.start()
        g.until_ready('a/0')
        g.until('the daemon is its process', lambda: process_stat(g.pid('a/0')) and process_stat(g.pid('a/0'))[1] == g.keeper_pid and
                len(descendants(g.keeper_pid)) == 2)
        pid = g.pid('a/0')
        equal(g.instance('a/0')['restarts'], 0, 'restarts')
        new_manager(g)
        equal(g.pid('a/0'), pid, 'pid for the next manager')
        tell(g, 'a', "say('STATUS=in the background')")
        g.until('it is heard', lambda: g.instance('a/0')['status_text'] == 'in the background')
        kill_and_wait(pid)
        g.until('it is replaced', lambda: g.instance('a/0')['state'] == 'ready' and g.pid('a/0') not in (0, pid))
        check('SIGKILL' in g.instance('a/0')['last_exit'], 'last exit')
        g.until('the daemon is its process', lambda: len(descendants(g.keeper_pid)) == 2)
        g.ctl('stop', 'a')
        equal(g.instance('a/0')['last_exit'], 'killed by SIGTERM', 'last exit')


def a_daemon_in_the_background():
    """MAINPID: the child of the process that was started is the instance; the parent's exit is not its end"""
    in_the_background(ONCE)


def a_daemon_far_in_the_background():
    """… also one that was forked twice, named by the process that was started"""
    in_the_background(TWICE)


def the_end_waits_for_what_was_said():
    """a parent that exits while no manager reads is not taken for the end of the instance: the next manager hears who is"""
    with gang(f'worker a {{ exec = {{"@/says", "{FORKS}"}} ready = notify restart = never }}') as g:
        g.fifo('gate')
        g.write('fork', "say('STATUS=here'); open(os.path.join(HERE, 'gate')).readline()\n" + ONCE)
        g.start()
        g.until('it is here', lambda: g.instance('a/0')['status_text'] == 'here')
        parent, manager = g.pid('a/0'), g.manager_pid
        kill(manager, signal.SIGSTOP)
        with open(g.path('gate'), 'w') as gate:
            gate.write('go\n')
            gate.flush()
            # A zombie that the keeper keeps.
            wait_dead(parent)
        kill_and_wait(manager)
        g.until_ready('a/0')
        check(g.pid('a/0') != parent, 'it is the parent')
        equal(g.instance('a/0')['restarts'], 0, 'restarts')


def nobody_elses_process():
    """MAINPID of a process of another instance, of the daemon or of nobody is passed over"""
    with gang('worker a { exec = {"@/says"} ready = notify }\nworker b { exec = {"@/says"} ready = notify }') as g:
        g.start()
        tell(g, 'b', "say('READY=1')")
        g.until_ready('b/0')
        a, b = g.pid('a/0'), g.pid('b/0')
        for pid in (b, g.keeper_pid, g.manager_pid, 1, os.getpid(), 2 ** 30, 0):
            tell(g, 'a', f"say('MAINPID={pid}')")
        tell(g, 'a', "say('READY=1')")
        g.until_ready('a/0')
        equal((g.pid('a/0'), g.pid('b/0')), (a, b), 'pids')
        kill_and_wait(a)
        g.until('a is replaced', lambda: g.pid('a/0') not in (0, a))
        equal(g.pid('b/0'), b, 'pid of b')


def ready_by_descriptor():
    """ready = fd: a newline says it, an end without one does not; heard by the next manager, if it comes between two"""
    with gang('worker a { exec = {"@/says"} ready = fd ready-fd = 5 }\n'
              'worker b { exec = {"@/says"} ready = fd ready-fd = 3 ready-timeout = 500ms restart = never }') as g:
        g.start()
        tell(g, 'b', "os.close(3); signal.pause()")
        tell(g, 'a', "os.write(5, b'half'); print('half', flush=True)")
        g.wait_log('a/0', 'half')
        equal(g.instance('a/0')['state'], 'starting', 'state')
        manager = g.manager_pid
        kill(manager, signal.SIGSTOP)
        tell(g, 'a', "os.write(5, b'\\n'); os.close(5)")
        kill_and_wait(manager)
        g.until_ready('a/0')
        e = g.wait_event(lambda e: e['kind'] == 'state' and e['key'] == 'b/0' and e['state'] == 'failed', what='b to fail')
        check('not ready in time' in e['text'], f'its end: {e["text"]}')


main(what_it_says_is_shown, a_stop_that_does_not_come, timeouts_are_extended, a_start_that_is_not_extended, watched,
     watched_by_the_next_manager, watchdog_by_wish, stopped_processes_are_silent, descriptors_are_kept, a_daemon_in_the_background,
     a_daemon_far_in_the_background, the_end_waits_for_what_was_said, nobody_elses_process, ready_by_descriptor)
