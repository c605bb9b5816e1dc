# SPDX-License-Identifier: MIT
"""
A gang of its own for each scenario

A `Gang` is a private runtime directory, a configuration, and the gangerd of this build in the foreground. It is a
context manager: at its end the daemon is stopped, and the scenario fails if a process of the gang is left, if the
daemon did not end with 0, or if anything is left in the runtime directory but its lock.

What must hold: whatever is waited for is an event (a datagram of sd_notify, the event stream, the log stream,
the death of a process by its pidfd). Limits only end a hang; none is a measurement.

This process is a subreaper, so that whoever escapes from the daemon becomes a child of ours, and is found.
"""

import base64
import ctypes
import json
import os
import pwd
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SLOWER = int(os.environ.get('GANGER_TEST_SLOWER', '1'))
LIMIT = 40 * SLOWER         # seconds; for anything that is waited for
HANG = 150 * SLOWER         # a scenario that takes longer hangs
SKIPPED = 77

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('GANGER_BUILD') or os.getcwd())
# Not that of pyenv and the like: the programs of a gang run as other users, too, and with another PATH.
PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable

PR_SET_CHILD_SUBREAPER = 36
READY_LINE = 'READY=1'


class Failed(Exception):
    """What should hold does not."""


class Skip(Exception):
    """This cannot be tried here; the reason is told."""


def check(condition, text):
    """An assertion that python -O leaves in."""
    if not condition:
        raise Failed(text)


def equal(got, expected, what):
    if got != expected:
        raise Failed(f'{what}: {got!r}, expected {expected!r}')


def missing(what):
    """It is not installed: skipped, but in CI (GANGER_TEST_INSISTS), which has installed all that contrib/setup names."""
    raise (Failed if os.environ.get('GANGER_TEST_INSISTS') else Skip)(f'{what} is not installed')


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=PATH):
            missing(program)


def need_root():
    if os.geteuid() != 0:
        raise Skip('not root')


PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/bin:/bin'


def environment(**more):
    """Of the daemon and of gangerctl: this build, and nothing that a person's shell brings."""
    keep = ('HOME', 'TMPDIR', 'LD_LIBRARY_PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS')
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update(PATH=PATH, LANG='C.UTF-8', GANGERD=f'{BUILD}/gangerd', GANGER_BRIDGE=f'{BUILD}/ganger-bridge',
               GANGER_DEMO_DIR=f'{BUILD}/contrib/demo')
    env.update(more)
    return {name: value for name, value in env.items() if value is not None}


def need_library():
    """For programs that use contrib/python/ganger.py. @return a key of a worker."""
    if sanitized():
        raise Skip('the library is built with a sanitizer')
    return f'environment = {{"PYTHONPATH={SOURCE}/contrib/python", "LD_LIBRARY_PATH={BUILD}/.libs"}}'


def sanitized():
    """Whether this build has AddressSanitizer: its memory and its time say nothing."""
    with open(f'{BUILD}/gangerd', 'rb') as f:
        return b'__asan_init' in f.read()


# ---- processes ---------------------------------------------------------------------------------------


def process_stat(pid):
    """State and parent of a process, or None."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rpartition(')')[2].split()
        return fields[0], int(fields[1])
    except (OSError, IndexError):
        return None


def process_name(pid):
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().rstrip('\n')
    except OSError:
        return ''


def process_arguments(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read().decode(errors='replace').rstrip('\0').split('\0')
    except OSError:
        return []


def process_memory(pid):
    """Bytes of private memory."""
    with open(f'/proc/{pid}/smaps_rollup') as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('Private_')) * 1024


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def descriptors(pid):
    """What the kernel tells of each descriptor of a process."""
    for fd in os.listdir(f'/proc/{pid}/fdinfo'):
        try:
            with open(f'/proc/{pid}/fdinfo/{fd}') as f:
                yield f.read()
        except FileNotFoundError:
            pass


def armed_timers(pid):
    """Of a process: timers that will go off."""
    return sum('it_value:' in text and 'it_value: (0, 0)' not in text for text in descriptors(pid))


def alive(pid):
    stat = process_stat(pid)
    return stat is not None and stat[0] not in 'ZX'


def children(pid):
    return [child for child, (_, parent) in processes().items() if parent == pid]


def processes():
    stats = {int(name): process_stat(name) for name in os.listdir('/proc') if name.isdigit()}
    return {pid: stat for pid, stat in stats.items() if stat}


def descendants(pid):
    """Of all generations, without the dead."""
    parents = {p: stat for p, stat in processes().items()}
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for p, (state, of) in parents.items():
            if of == parent:
                todo.append(p)
                if state not in 'ZX':
                    found.append(p)
    return found


def cgroup_directory(pid):
    """@return that of version 2 of a process; None: there is none."""
    with open(f'/proc/{pid}/cgroup') as f:
        path = next((line.strip()[3:] for line in f if line.startswith('0::')), None)
    return next((root + path for root in ('/sys/fs/cgroup/unified', '/sys/fs/cgroup')
                 if path and os.path.exists(f'{root}{path}/cgroup.procs')), None)


def controllers(pid):
    """@return the controllers that its cgroup has."""
    directory = cgroup_directory(pid)
    if not directory:
        return []
    with open(f'{directory}/cgroup.controllers') as f:
        return f.read().split()


def wait_dead(pid, limit=LIMIT):
    """Until the process has ended; at once if there is none."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        check(poll.poll(limit * 1000), f'process {pid} ({process_name(pid)}) still lives')
    finally:
        os.close(fd)


def kill(pid, number=signal.SIGKILL):
    check(pid > 1, f'no process to kill: {pid}')
    os.kill(pid, number)


def kill_and_wait(pid, number=signal.SIGKILL):
    kill(pid, number)
    wait_dead(pid)


# ---- what gangerctl says -----------------------------------------------------------------------------


class Result:
    """What a program left behind."""

    def __init__(self, arguments, status, out, err):
        self.arguments, self.status, self.out, self.err = arguments, status, out, err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as e:
            raise Failed(f'{self}: no JSON: {e}') from e

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def has(self, *texts):
        """Each is somewhere in what was printed."""
        for text in texts:
            check(text in self.out + self.err, f'{text!r} is missing: {self}')
        return self

    def __str__(self):
        return f'{" ".join(self.arguments)}\n  exit status {self.status}\n  out: {self.out}\n  err: {self.err}'


def run(arguments, expected=0, input=None, limit=LIMIT, **options):
    """Run a program to its end. `expected` is its exit status, or None: any."""
    options.setdefault('env', environment())
    p = subprocess.run(arguments, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                       stdin=subprocess.DEVNULL if input is None else None, encoding='utf-8', errors='replace', **options)
    result = Result([str(a) for a in arguments], p.returncode, p.stdout, p.stderr)
    if expected is not None:
        check(p.returncode == expected, f'exit status {p.returncode}, expected {expected}: {result}')
    return result


def data(message):
    """The payload of a message that --json shows."""
    return message['text'] if 'text' in message else base64.b64decode(message['base64'])


class Stream:
    """`gangerctl --json events --follow` or `logs --follow`: what came so far, and waiting for more."""

    def __init__(self, arguments, env):
        self.items, self.ended = [], False
        self.changed = threading.Condition()
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=env, process_group=0)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            if not line.endswith(b'\n'):
                break               # it was killed in the middle of a line
            item = json.loads(line)
            with self.changed:
                self.items.append(item)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def find(self, predicate, since=0):
        return next((item for item in self.items[since:] if predicate(item)), None)

    def wait(self, predicate, since=0, limit=LIMIT, what='something'):
        """The first item that fits, from the past, too. `since`: an earlier `len(items)`."""
        end = time.monotonic() + limit
        with self.changed:
            while True:
                item = self.find(predicate, since)
                if item is not None:
                    return item
                check(not self.ended, f'waiting for {what}: the stream ended')
                left = end - time.monotonic()
                check(left > 0, f'waited {limit} s for {what}; the last: {self.items[-10:]}')
                self.changed.wait(left)

    def wait_more(self, seen, limit):
        """Until there are more than `seen` items, or for `limit` seconds."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.items) > seen or self.ended, limit)

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)     # it may be behind a prefix that forks
        except ProcessLookupError:
            pass
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


# ---- the gang ----------------------------------------------------------------------------------------


class Gang:
    """
    prefix     words before gangerd: `setpriv …`, `unshare …`
    stderr     where the daemon's stderr goes; None: it is collected
    arguments  more options of gangerd
    check_end  False: the scenario ends the daemon itself, or breaks it
    begin      False: the scenario calls start(), when its programs are written
    listen     False: nobody reads what it says by sd_notify
    program    the gangerd, relative to the build directory
    """

    def __init__(self, config, prefix=(), stderr=None, arguments=(), env=None, check_end=True, begin=True,
                 listen=True, directory=None, program='gangerd'):
        self.directory = directory or tempfile.mkdtemp(prefix='gang.')
        os.chmod(self.directory, 0o755)
        self.made_directory = directory is None
        self.program = f'{BUILD}/{program}'
        self.runtime = f'{self.directory}/run'
        self.config_path = f'{self.directory}/ganger.conf'
        self.prefix, self.arguments, self.stderr_to = list(prefix), list(arguments), stderr
        self.check_end, self.begin = check_end, begin
        self.env = environment(**(env or {}))
        self.process = self._events = self._logs = self.notify_thread = self.watch_thread = None
        self.helpers, self.ctl_prefix = [], []       # what comes before gangerctl
        self.dying = None           # a timer
        self.stderr_lines, self.stderr_thread = [], None
        self.stderr_changed = threading.Condition()
        self.notified, self.listener, self.listen = [], None, listen
        self.notify_changed = threading.Condition()
        self.configure(config)

    # -- files

    def path(self, name):
        return f'{self.directory}/{name}'

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path + '.new', 'w') as f:
            f.write(text)
        os.chmod(path + '.new', mode)
        os.rename(path + '.new', path)
        return path

    def read(self, name):
        with open(self.path(name), errors='replace') as f:
            return f.read()

    def script(self, name, text, interpreter='/bin/sh'):
        """A program for a worker."""
        return self.write(name, f'#!{interpreter}\n{text}', 0o755)

    def python(self, name, text):
        return self.script(name, text, PYTHON)

    def fifo(self, name):
        """A named pipe, opened so that neither end ever waits for the other. @return the path."""
        path = self.path(name)
        os.mkfifo(path)
        os.chmod(path, 0o666)
        return path

    def configure(self, text):
        """`@` stands for the directory of this gang."""
        self.config_text = re.sub('@@?', lambda at: self.directory if at[0] == '@' else '@', text)
        self.write('ganger.conf', self.config_text)

    # -- begin and end

    def __enter__(self):
        try:
            if self.begin:
                self.start()
        except BaseException:
            self.abandon()
            raise
        return self

    def start(self, wait=True):
        """Start gangerd, and wait until it serves. It may be started again when it has ended."""
        for thread in (self.watch_thread, self.notify_thread):
            if thread:
                thread.join(LIMIT)
        if self.listener:
            self.listener.close()
        self.notified = []
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.listener = listener
        path = self.path('supervisor')
        if os.path.exists(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o777)
        # It must be read all the time, as a service manager does.
        self.notify_thread = threading.Thread(target=self.read_notified, args=(listener,), daemon=True)
        if self.listen:
            self.notify_thread.start()
        words = [*self.prefix, self.program, '--foreground', '--config', self.config_path, '--runtime-dir', self.runtime,
                 *self.arguments]
        self.process = self.popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE if self.stderr_to is None else self.stderr_to,
                                  env=dict(self.env, NOTIFY_SOCKET=path), cwd=self.directory)
        if self.stderr_to is None:
            self.stderr_thread = threading.Thread(target=self.read_stderr, args=(self.process.stderr,), daemon=True)
            self.stderr_thread.start()
        if wait:
            self.wait_served()

    def popen(self, words, **options):
        return subprocess.Popen(words, **options)

    def receive(self, listener):
        """A message of sd_notify."""
        return listener.recv(65536)

    def read_notified(self, listener):
        while True:
            message = self.receive(listener)
            with self.notify_changed:
                self.notified += message.decode().split('\n')
                self.notify_changed.notify_all()
            if message == b'':
                return

    def say_notified(self):
        """End the thread above, or wake whoever waits for what it reads: an empty message comes from nobody else."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b'', self.path('supervisor'))

    def watch_death(self):
        try:
            wait_dead(self.process.pid, HANG)
            self.say_notified()
        except (Failed, OSError):
            pass                    # nobody waits any more

    def wait_served(self):
        """Until it says READY=1, as a service manager waits for it; or it ends, which is a failure."""
        self.watch_thread = threading.Thread(target=self.watch_death, daemon=True)
        self.watch_thread.start()
        self.wait_notified(lambda line: line == READY_LINE, 'gangerd is not ready')
        self.begin_dying()

    def wait_notified(self, predicate, what):
        """Until a line of sd_notify comes that fits; those that came before count."""
        def find():
            return next((line for line in self.notified if predicate(line)), None)
        with self.notify_changed:
            self.notify_changed.wait_for(lambda: find() or '' in self.notified, LIMIT)
            check(find(), f'{what}; told so far: {self.notified}')
            return find()

    def read_stderr(self, pipe):
        for line in pipe:
            with self.stderr_changed:
                self.stderr_lines.append(line.decode(errors='replace').rstrip('\n'))
                self.stderr_changed.notify_all()
        pipe.close()

    def wait_stderr(self, pattern, limit=LIMIT):
        """The first line of the daemon's stderr that fits."""
        with self.stderr_changed:
            def find():
                return next((line for line in self.stderr_lines if re.search(pattern, line)), None)
            check(self.stderr_changed.wait_for(find, limit), f'no {pattern!r} on stderr: {self.stderr_lines[-20:]}')
            return find()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.check_end:
                self.finish()
        except BaseException:
            self.tell()
            raise
        finally:
            if kind is not None and not issubclass(kind, Skip):
                self.tell()
            left = self.abandon()
        if kind is None and self.check_end:
            check(not left, f'left behind: {left}')

    def finish(self):
        """Stop the daemon as an init system does, and look for what it leaves."""
        self.close_streams()
        for helper in self.helpers:
            check(helper.poll() is not None, f'a helper is left: {helper.args}')
        try:
            kill(self.keeper_pid, signal.SIGTERM)
        except (Failed, ProcessLookupError):
            pass                    # it has ended, or is about to
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f'gangerd does not end; it has {self.names(descendants(os.getpid()))}') from None
        equal(self.process.returncode, 0, 'exit status of gangerd')
        left = self.strangers()
        check(not left, f'processes left: {left}')
        equal(sorted(os.listdir(self.runtime)), ['lock'], 'left in the runtime directory')

    def names(self, pids):
        return [(pid, ' '.join(process_arguments(pid)) or process_name(pid)) for pid in pids]

    def strangers(self):
        """Our descendants that are not helpers: reaps those that are dead."""
        own = {helper.pid for helper in self.helpers} | {self.process.pid if self.process else 0}
        for pid in children(os.getpid()):
            stat = process_stat(pid)
            if pid not in own and stat and stat[0] == 'Z' and pid not in (s.process.pid for s in self.streams()):
                os.waitpid(pid, 0)
        return self.names(pid for pid in descendants(os.getpid()) if pid not in own)

    def streams(self):
        return [s for s in (self._events, self._logs) if s]

    def close_streams(self):
        for stream in self.streams():
            stream.close()
        self._events = self._logs = None

    def abandon(self):
        """Leave nothing behind, whatever went wrong. @return what had to be killed."""
        if self.dying:
            self.dying.cancel()
            self.dying.join()
        self.close_streams()
        left = []
        for helper in self.helpers:
            if helper.poll() is None:
                helper.kill()
            helper.wait()
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            # Of the daemon's death its processes die, one after the other: only what does not is left behind.
            for _ in range(100):
                pids = [pid for pid in descendants(os.getpid())]
                if not pids:
                    break
                left = self.names(pids)
                for pid in pids:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                for pid in pids:
                    try:
                        wait_dead(pid, 1)       # PID 1 of a namespace waits for us to reap the others
                    except Failed:
                        pass
                self.strangers()
        if self.notify_thread and self.notify_thread.is_alive():
            self.say_notified()
            self.notify_thread.join()
        if self.listener:
            self.listener.close()
        if self.stderr_thread:
            self.stderr_thread.join()
        if os.path.ismount(f'{self.runtime}/credentials'):      # of a daemon that was killed
            subprocess.run(['umount', '-l', f'{self.runtime}/credentials'])
        if self.made_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        return left

    def tell(self):
        """For whoever reads the log of a failed test."""
        print('--- configuration', self.config_text, '--- stderr of gangerd (the end)', sep='\n')
        print('\n'.join(line[:300] for line in self.stderr_lines[-60:]))
        if self._events:
            print('--- events (the end)')
            for e in self._events.items[-60:]:
                print(f'  {e["sequence"]} {e["kind"]} {e["key"]} {e["text"]}')
        print('---', flush=True)

    # -- at random

    def begin_dying(self):
        """With GANGER_MANAGER_DIES=SEED the manager is killed once, at a moment within the first second that the seed says."""
        seed = os.environ.get('GANGER_MANAGER_DIES')
        if not seed or not self.check_end or self.dying:
            return
        # Not of the directory, which is another one each time.
        delay = random.Random(f'{seed} {self.config_text.replace(self.directory, "@")}').random()
        self.dying = threading.Timer(delay, self.kill_manager)
        self.dying.daemon = True
        self.dying.start()

    def kill_manager(self):
        try:
            kill(self.manager_pid or 0, signal.SIGKILL)
            print(f'(its manager was killed, as GANGER_MANAGER_DIES={os.environ["GANGER_MANAGER_DIES"]} wants it)')
        except (Failed, OSError):
            pass                    # there is none just now

    # -- asking

    def ctl_words(self, *arguments):
        return [*self.ctl_prefix, f'{BUILD}/gangerctl', '--runtime-dir', self.runtime, *map(str, arguments)]

    def ctl(self, *arguments, expected=0, input=None, limit=LIMIT, **options):
        """gangerctl to its end; `expected` is its exit status, or None."""
        options.setdefault('env', self.env)
        return run(self.ctl_words(*arguments), expected, input, limit, **options)

    def json(self, *arguments, **options):
        """The document that `gangerctl --json` prints."""
        return self.ctl('--json', *arguments, **options).json()

    def background(self, *arguments, **options):
        """gangerctl beside us; the scenario waits for it with `wait_helper`."""
        return self.helper(self.ctl_words(*arguments), **options)

    def helper(self, words, **options):
        """A program beside us. It prints into files, so that it never waits for us to read."""
        options.setdefault('env', self.env)
        options.setdefault('stdin', subprocess.DEVNULL)
        out, err = (tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') for _ in range(2))
        p = subprocess.Popen(words, stdout=out, stderr=err, **options)
        p.printed = (out, err)
        self.helpers.append(p)
        return p

    def printed(self, helper):
        """What it has printed so far, as the result of a program; the exit status is None while it runs."""
        texts = []
        for f in helper.printed:
            f.seek(0)
            texts.append(f.read())
        return Result([str(a) for a in helper.args], helper.poll(), *texts)

    def wait_helper(self, helper, expected=0, limit=LIMIT):
        try:
            helper.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f'it does not end: {self.printed(helper)}') from None
        result = self.printed(helper)
        if expected is not None:
            check(result.status == expected, f'exit status {result.status}, expected {expected}: {result}')
        return result

    def status(self, *names):
        return {worker['name']: worker for worker in self.json('status', *names)['workers']}

    def instances(self):
        """Each instance by its key."""
        return {i['key']: i for worker in self.json('status')['workers'] for i in worker['instances']}

    def worker(self, name):
        return self.status(name)[name]

    def instance(self, key):
        return self.instances()[key]

    def pid(self, key):
        return self.instance(key)['pid']

    def pids(self):
        return {key: i['pid'] for key, i in self.instances().items()}

    def ring(self, name):
        return self.json('rings', name)['rings'][0]

    @property
    def keeper_pid(self):
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            if process_name(pid) == 'gangerd: keeper':
                return pid
        raise Failed('there is no keeper')

    @property
    def manager_pid(self):
        """By the process table, so that a daemon that cannot answer has one, too. 0: there is none now."""
        end = time.monotonic() + LIMIT
        while True:
            pid = next((pid for pid in children(self.keeper_pid) if process_arguments(pid)[:1] == ['gangerd: manager']), 0)
            # One that dies at random may not be there just now, where the scenario relies on it.
            if pid or not self.dying or not self.dying.finished.is_set() or time.monotonic() > end:
                return pid
            time.sleep(0.01)

    # -- waiting

    @property
    def events(self):
        if not self._events:
            self._events = Stream(self.ctl_words('--json', 'events', '--follow', '--lines', '1000'), self.env)
        return self._events

    def stream(self, *arguments):
        """Another one, for the caller to close."""
        return Stream(self.ctl_words('--json', *arguments), self.env)

    @property
    def logs(self):
        if not self._logs:
            self._logs = Stream(self.ctl_words('--json', 'logs', '--follow', '--lines', '100'), self.env)
        return self._logs

    def mark(self):
        """
        How many events there are up to now, for `since`. The stream may be behind what the daemon says elsewhere: so it is
        waited for until it has come to the last one of which the daemon knows.
        """
        last = int(self.ctl('--json', 'events', '--lines', '1').json_lines()[-1]['sequence'])
        self.events.wait(lambda e: int(e['sequence']) >= last, what=f'event {last}')
        return len(self.events.items)

    def wait_event(self, predicate, since=0, limit=LIMIT, what='an event'):
        return self.events.wait(predicate, since, limit, what)

    def wait_state(self, key, state, since=0, limit=LIMIT):
        """An event that says so, from the past, too."""
        return self.wait_event(lambda e: e['kind'] == 'state' and e['key'] == key and e['state'] == state, since, limit,
                               f'{key} to be {state}')

    def wait_log(self, key, text, since=0, limit=LIMIT):
        return self.logs.wait(lambda l: l['key'] == key and text in l['text'], since, limit, f'{text!r} of {key}')

    def until(self, what, condition, limit=LIMIT):
        """
        Until the daemon's state is such: looked at again after each event. What changes without an event
        (counts of rings, and whatever happened while no manager was there to tell) is looked at each 100 ms.
        """
        end = time.monotonic() + limit
        events = self.events
        while True:
            seen = len(events.items)
            value = condition()
            if value:
                return value
            check(time.monotonic() < end, f'waited {limit} s until {what}')
            events.wait_more(seen, 0.1)

    def until_state(self, *pairs, limit=LIMIT):
        """until_state(('a/0', 'ready'), …): now, not at some time in the past."""
        def reached():
            instances = self.instances()
            return all(key in instances and instances[key]['state'] == state for key, state in pairs)
        self.until(f'{pairs}', reached, limit)

    def until_ready(self, *keys):
        self.until_state(*((key, 'ready') for key in keys))


# ---- running -----------------------------------------------------------------------------------------


def hang(number, frame):
    raise Failed(f'it takes more than {HANG} s')


def main(*cases):
    """Run each; the file fails if one does, and is skipped if all are."""
    only = sys.argv[1:]
    failed, skipped = 0, 0
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, hang)
    signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell has what it runs in the background ignore it
    sys.stdout.reconfigure(line_buffering=True, errors='replace')
    if not os.access(f'{BUILD}/gangerd', os.X_OK):
        sys.exit(f'no gangerd in {BUILD}: set GANGER_BUILD to the build directory')
    cases = [case for case in cases if not only or case.__name__ in only]
    for case in cases:
        name = (case.__doc__ or case.__name__).strip().split('\n')[0]
        began = time.monotonic()
        signal.alarm(HANG)
        try:
            case()
            print(f'ok - {name} ({time.monotonic() - began:.1f} s)')
        except Skip as e:
            skipped += 1
            print(f'skipped - {name}: {e}')
        except Exception:
            failed += 1
            print(f'FAILED - {name} ({case.__name__})')
            traceback.print_exc(file=sys.stdout)
        finally:
            signal.alarm(0)
    sys.exit(1 if failed else SKIPPED if skipped == len(cases) else 0)


def without_cgroups():
    """@return words to put before a command, so that it sees no cgroups of version 2."""
    need_root()
    need('unshare', 'umount')
    return ['unshare', '-m', 'sh', '-c', 'for m in $(awk \'$3 == "cgroup2" { print $2 }\' /proc/self/mounts); do umount -l "$m"; done; '
            'exec "$@"', 'sh']


def age(pid):
    """Seconds since a process began."""
    with open(f'/proc/{pid}/stat') as f:
        began = int(f.read().rsplit(')', 1)[1].split()[19]) / os.sysconf('SC_CLK_TCK')
    with open('/proc/uptime') as f:
        return float(f.read().split()[0]) - began


def need_device_rules(g):
    """That gangerd can bound which devices its instances open."""
    fact = next(f for f in g.json('doctor')['machine'] if f['name'] == 'device rules of cgroups')
    if fact['state'] != 'yes':
        raise Skip(f'device rules of cgroups: {fact["value"]}')


def nobody():
    return pwd.getpwnam('nobody')


def as_nobody():
    """Words to put before a command, so that an ordinary user runs it; skipped where he cannot reach the build."""
    need('setpriv')
    prefix = ['setpriv', '--reuid', str(nobody().pw_uid), '--regid', str(nobody().pw_gid), '--clear-groups']
    if subprocess.run([*prefix, 'test', '-x', f'{BUILD}/gangerd'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip('nobody may not execute what was built')
    return prefix


PLAIN_CONFIG = '''
ring jobs { }
ring out { }
worker io { exec = {"@/io"} io = lines receive = {jobs} send = {out} instances = 2 }
worker plain { exec = {"sleep", "1000"} }
'''


def works(g):
    """It does what every gang does."""
    g.until_ready('io/0', 'io/1', 'plain/0')
    g.ctl('send', 'jobs', 'a', 'b', 'c')
    equal(sorted(g.ctl('receive', 'out', '--count', 3).out.split()), ['a', 'b', 'c'], 'messages')
    before = g.pids()
    kill_and_wait(g.manager_pid)
    equal(g.pids(), before, 'pids after the death of the manager')
    g.ctl('restart', 'io')
    g.ctl('send', 'jobs', 'd')
    g.ctl('receive', 'out', '--count', 1)


def plain_gang(**options):
    """A gang of a worker with rings and one without, for scenarios that are about the daemon."""
    g = Gang(PLAIN_CONFIG, begin=False, **options)
    g.script('io', 'while read -r x; do echo "OK $x"; done')
    return g
