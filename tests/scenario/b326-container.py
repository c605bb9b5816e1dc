#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""As process 1 of a container: signals, orphans, a root that is read-only, and the exit status of what it is for."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

EXAMPLE = f'{SOURCE}/contrib/examples/container'
# Ends as the line of its FIFO says; one that is asked to end says so.
ENDS = '''
import os, signal, sys
def asked(number, frame):
    os.write(1, b'asked to end\\n')     # not print(), which it may be in the middle of
    os._exit(0)
signal.signal(signal.SIGTERM, asked)
os.write(1, b'begins\\n')
how = ''
while not how:
    with open(sys.argv[1]) as f:
        how = f.readline().strip()
if how.startswith('SIG'):
    os.kill(os.getpid(), getattr(signal, how))
    signal.pause()
sys.exit(int(how))
'''
# Is asked to end, says so, and does when somebody opens its FIFO.
SLOW = '''
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda number, frame: os.write(1, b'asked to end\\n'))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
signal.pause()
with open(sys.argv[1]) as f:
    f.readline()
'''
BESIDE = 'worker beside { exec = {"@/ends", "@/never"} }\n'


class Contained(Gang):
    """One that ends by itself, with an exit status that the case looks at."""

    def __init__(self, config, n=1, **options):
        super().__init__(config, begin=False, check_end=False, **options)
        self.python('ends', ENDS)
        for name in ('never', *(f'how{i}' for i in range(n))):
            self.fifo(name)

    def end(self, how, i=0):
        """A process ends like that: the one that reads from there."""
        with open(self.path(f'how{i}'), 'w') as f:
            f.write(f'{how}\n')

    def ended(self, status):
        """
        Until the daemon has ended, with nothing left. What we have sent into its namespace is ours to reap, and process 1 waits
        for that.
        """
        self.close_streams()
        end = time.monotonic() + LIMIT
        while self.process.poll() is None:
            check(time.monotonic() < end, f'it does not end: {self.names(descendants(self.process.pid))}')
            self.strangers()
            time.sleep(0.01)
        equal(self.process.returncode, status, 'exit status of gangerd')
        equal(self.strangers(), [], 'processes left')

    def begin_all(self):
        """Until each process of `ends` knows what it does when it is asked to end."""
        self.start()
        for key in re.findall(r'^worker (\w+) .*"@/ends"'.replace('@', self.directory), self.config_text, re.M):
            self.wait_stderr(f'{key}/0: begins')

    def ends_with(self, how, status):
        self.begin_all()
        for i, line in enumerate(how):
            self.end(line, i)
        self.ended(status)


def exit_statuses():
    """with success-action and failure-action = exit it ends as the worker does, when all others have ended in order"""
    main = 'worker main { exec = {"@/ends", "@/how0"} '
    both = 'success-action = exit failure-action = exit }\n'
    cases = (
        (main + 'restart = never ' + both, ('0',), 0),
        (main + 'restart = never ' + both, ('3',), 3),
        (main + 'restart = never ' + both, ('SIGKILL',), 128 + 9),
        (main + 'restart = on-failure ' + both, ('0',), 0),
        (main + 'restart = on-failure restart-limit = 1/infinity restart-delay = 1ms ' + both, ('3', None), 4),
        (main + 'restart = on-failure success-exit-status = 75 ' + both, ('75',), 75),
        (main + 'restart = never failure-action = exit failure-action-exit-status = 7 }\n', ('3',), 7),
        (main + 'restart = never success-action = exit success-action-exit-status = 9 }\n', ('0',), 9),
        # It has said 0, but is not to end: that is a failure.
        (main + 'restart = always restart-limit = 1/infinity restart-delay = 1ms failure-action = exit }\n', ('0', None), 1),
    )
    for config, how, status in cases:
        with Contained(config + BESIDE) as g:
            if how[-1] is not None:
                g.ends_with(how, status)
            else:
                g.begin_all()
                g.end(how[0])
                g.until('it is there again', lambda: g.instance('main/0')['restarts'] == 1)
                g.end(how[0] if how[0] == '0' else status)
                g.ended(status)
            g.wait_stderr('worker main has .*: gangerd ends, with exit status')
            g.wait_stderr('beside/0: asked to end')
    with Contained('worker main { exec = "@/broken" restart = never failure-action = exit }\n') as g:
        g.script('broken', '', '/no/such/interpreter')
        g.start(wait=False)
        g.ended(126)


def no_such_ends():
    """an end by hand is none, nor the first of several, nor one after which it is started again"""
    with Contained('worker main { exec = {"@/ends", "@/how0"} restart = on-failure restart-delay = 1ms '
                   'success-action = exit failure-action = exit }\n'
                   'worker two { exec = {"@/two"} instances = 2 restart = never success-action = exit }\n' + BESIDE, n=3) as g:
        g.script('two', 'exec @/ends @/how$((1 + GANGER_INSTANCE))'.replace('@', g.directory))
        g.start()
        g.until_ready('main/0', 'two/0', 'two/1', 'beside/0')
        before = g.pid('main/0')
        g.end(3)
        g.until('it is started again', lambda: g.pid('main/0') not in (0, before))
        g.ctl('stop', 'main')
        g.ctl('start', 'main')
        g.end(0, 1)
        g.until_state(('two/0', 'down'))
        g.until_ready('main/0', 'two/1', 'beside/0')
        g.end(0, 2)
        g.ended(0)


def groups():
    """of a group: when the last of it has ended well, or when it gives up, with the nested ones"""
    config = 'group g { success-action = exit failure-action = exit }\ngroup h { group = g }\n'
    worker = 'worker {} {{ exec = {{"@/ends", "@/how{}"}} group = {} restart = never success-exit-status = 5 }}\n'
    whole = config + worker.format('a', 0, 'g') + worker.format('b', 1, 'h') + BESIDE
    with Contained(whole, n=2) as g:
        g.start()
        g.until_ready('a/0', 'b/0', 'beside/0')
        g.end(0, 0)
        g.until_state(('a/0', 'down'))
        g.end(5, 1)
        g.ended(5)
        g.wait_stderr('group g has ended well')
    gives_up = config.replace('group g {', 'group g { strategy = one-for-all ').replace('h {', 'h { strategy = one-for-all')
    with Contained(gives_up + worker.format('a', 0, 'g') + worker.format('b', 1, 'h') + BESIDE, n=2) as g:
        g.start()
        g.until_ready('a/0', 'b/0', 'beside/0')
        g.end(3, 1)
        g.ended(3)
        g.wait_stderr('group g has failed')


def others_of_a_group():
    """a group ends well when each of it has, or was stopped; it has not failed with a member, nor a group in it, that it goes on without"""
    worker = 'worker {} {{ exec = {{"@/ends", "@/how{}"}} group = {} restart = never {} }}\n'
    config = 'group g { success-action = exit failure-action = exit }\ngroup h { group = g strategy = one-for-all }\n' + \
        worker.format('a', 0, 'g', '') + worker.format('b', 1, 'h', '') + worker.format('c', 2, 'g', 'success-exit-status = 5')
    with Contained(config + BESIDE, n=3) as g:
        g.start()
        g.until_ready('a/0', 'b/0', 'c/0', 'beside/0')
        g.end(3, 1)
        g.until_state(('b/0', 'failed'))
        g.end(3, 0)
        g.until_state(('a/0', 'failed'))
        g.end(5, 2)
        g.until_state(('c/0', 'down'), ('beside/0', 'ready'))
        g.ctl('stop', 'b')
        # Nor has one that was started again by hand.
        g.ctl('start', 'a', 'c')
        g.end(0, 0)
        g.until_state(('a/0', 'down'), ('c/0', 'ready'), ('beside/0', 'ready'))
        g.ctl('start', 'a')
        g.end(5, 2)
        g.until_state(('c/0', 'down'), ('a/0', 'ready'), ('beside/0', 'ready'))
        g.end(0, 0)
        g.ended(0)
        g.wait_stderr('group g has ended well')


def one_that_is_being_stopped():
    """what people have stopped holds nothing up, though it takes its time to end"""
    config = 'group g { success-action = exit }\nworker a { exec = {"@/ends", "@/how0"} group = g restart = never }\n' \
             'worker slow { exec = {"@/slow", "@/how1"} group = g ready = notify stop-timeout = 1h }\n'
    with Contained(config, n=2) as g:
        g.python('slow', SLOW)
        g.start()
        g.until_ready('a/0', 'slow/0')
        g.ctl('stop', 'slow', '--no-wait')
        g.wait_stderr('slow/0: asked to end')
        g.end(0)
        g.wait_stderr('group g has ended well: gangerd ends')
        g.end('', 1)
        g.ended(0)


def over_a_new_manager():
    """a manager that dies while it stops everything leaves the exit status to the next one"""
    config = 'worker main { exec = {"@/ends", "@/how0"} restart = never failure-action = exit }\n' \
             'worker slow { exec = {"@/slow", "@/how1"} ready = notify stop-timeout = 1h }\n'
    with Contained(config, n=2) as g:
        g.python('slow', SLOW)
        g.start()
        g.until_ready('main/0', 'slow/0')
        g.end(3)
        g.wait_stderr('slow/0: asked to end')
        for _ in range(2):
            kill_and_wait(g.manager_pid)
            g.ctl('status')
        g.end('', 1)
        g.ended(3)


# ---- process 1 ---------------------------------------------------------------------------------------


def need_namespaces():
    need_root()
    need('unshare', 'nsenter')
    if subprocess.run(['unshare', '-pfm', '--mount-proc', 'mount', '-o', 'remount,bind,ro', '/'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip('no pid and mount namespaces here')


class Process1(Contained):
    """What contrib/examples/container/run starts: unshare, and in it the daemon as process 1."""

    def __init__(self, config, **options):
        super().__init__(config, **options)
        self.runtime = '/run/ganger'        # within

    def popen(self, words, **options):
        return super().popen(['sh', f'{EXAMPLE}/run', *words[1:]], **options)

    def start(self, wait=True):
        super().start(wait)
        self.ctl_prefix = ['nsenter', '-t', str(self.keeper_pid), '-p', '-m']


def the_example():
    """contrib/examples/container: it runs as it is told there, and ends with what it is for"""
    need_namespaces()
    result = run(['sh', f'{EXAMPLE}/run'])
    result.has('main/0: the sum is 42', 'worker main has ended well')


def read_only():
    """the root is read-only, /run is a tmpfs; it is reached from within; it ends with the exit status of the main program"""
    need_namespaces()
    with Process1('ring r { }\nworker main { exec = {"@/writes"} restart = never failure-action = exit }\n' + BESIDE) as g:
        g.script('writes', 'touch "$0.new" || echo "not written"; exec "${0%/*}/ends" "${0%/*}/how0"')
        g.start()
        g.until_ready('main/0', 'beside/0')
        if os.path.exists(g.path('writes.new')):
            raise Skip('the folder for temporary files is not that of the root')
        g.wait_stderr('main/0: not written')
        equal(g.json('version')['gangerd']['keeper_pid'], 1, 'pid that it says')
        g.ctl('send', 'r', 'x')
        equal(g.ring('r')['ready'], 1, 'messages')
        kill_and_wait(g.manager_pid)
        g.until_ready('main/0', 'beside/0')
        equal(g.ring('r')['ready'], 1, 'messages after the death of the manager')
        g.end(5)
        g.ended(5)


def no_runtime_directory():
    """where none can be made, it says what to set; and by that it runs"""
    need_namespaces()
    with Gang(BESIDE, begin=False, check_end=False) as g:
        g.python('ends', ENDS)
        g.fifo('never')
        for before in ('mount -o remount,bind,ro / && mount -t tmpfs -o ro tmpfs /run', 'mount -t tmpfs tmpfs /run && mount -o remount,bind,ro /run'):
            prefix = ['unshare', '-pfm', '--mount-proc', 'sh', '-c', f'mount --make-rprivate / && {before} && exec "$@"', 'sh']
            result = run([*prefix, f'{BUILD}/gangerd', '--config', g.config_path], 73, env=g.env)
            result.has("runtime directory '/run/ganger'", 'Read-only file system', 'GANGER_RUNTIME_DIR', '--runtime-dir')
        result = run(['setpriv', '--reuid', '64711', '--regid', '64711', '--clear-groups', f'{BUILD}/gangerd', '--foreground',
                      '--config', g.config_path], 73, env=dict(g.env, XDG_RUNTIME_DIR='/nonexistent'))
        result.has("runtime directory '/nonexistent/ganger'", 'GANGER_RUNTIME_DIR')


def signals():
    """SIGHUP reads the configuration again, SIGTERM and SIGINT end all of it in order, from without and from within"""
    need_namespaces()
    for number, within in ((signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGTERM, True)):
        with Process1(BESIDE) as g:
            g.begin_all()
            g.configure(BESIDE + 'worker more { exec = {"sleep", "1000"} }\n')
            kill(g.keeper_pid, signal.SIGHUP)
            g.until_ready('more/0', 'beside/0')
            if within:
                run([*g.ctl_prefix, 'sh', '-c', 'kill -TERM 1'], None, env=g.env)      # it may end with process 1
            else:
                kill(g.keeper_pid, number)
            g.ended(0)
            g.wait_stderr('beside/0: asked to end')


def orphans():
    """processes of others are reaped: what a worker leaves, and what enters the namespace"""
    need_namespaces()
    with Process1('worker leaves { exec = {"@/leaves"} }\n' + BESIDE) as g:
        # Each loses its parent, and leaves the session, so that only process 1 can reap it.
        g.python('leaves', '''
import os, signal
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.read(0, 1)
            os._exit(7)
        os._exit(0)
    os.wait()
print('left 20', flush=True)
signal.pause()
''')
        g.start()
        g.wait_stderr('leaves/0: left 20')
        run([*g.ctl_prefix, 'sh', '-c', '(setsid true &) && :'], env=g.env)
        keeper = g.keeper_pid
        g.until('all are reaped', lambda: not any((process_stat(pid) or 'R')[0] == 'Z' for pid in children(keeper)))
        g.ctl('shutdown', expected=None)        # it may end with process 1
        g.ended(0)


main(exit_statuses, no_such_ends, groups, others_of_a_group, one_that_is_being_stopped,
     over_a_new_manager, the_example, read_only, no_runtime_directory, signals, orphans)
