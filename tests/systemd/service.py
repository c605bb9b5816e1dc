# SPDX-License-Identifier: MIT
"""
gangerd as a service of systemd

Runs as root under a systemd of its own (tests/systemd/in-container), in which ganger is installed. Each case starts the
service that contrib/systemd brings, with a configuration of its own, and leaves it stopped.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

GANGERCTL = os.environ['GANGERCTL']
GANGERD = os.environ['GANGER_BUILD'] + '/gangerd'
DEMO = os.environ['GANGER_DEMO_DIR']
WORK = '/var/lib/ganger-test'
UNIT = 'ganger.service'

# `shout`: a few lines of shell, that the bridge speaks to. `split`: C, with libganger. `hold`: holds a lock as long as it
# lives, so that a second copy of it cannot; and has a process that left its session and its process group.
BASE = f'''
ring words {{ slots = 64 }}
ring cries {{ slots = 64 }}
ring files {{ slots = 64 }}
ring cursor {{ slots = 64 }}
ring lines {{ slots = 1024 }}
worker shout {{
    exec    = {{"{WORK}/shout"}}
    io      = lines
    receive = words
    send    = cries
}}
worker split {{
    exec    = {{"{DEMO}/split"}}
    receive = {{files, cursor}}
    send    = {{cursor, lines}}
    ready   = library
}}
worker hold {{
    exec      = {{"{WORK}/hold"}}
    instances = 2
    ready     = notify
}}
'''
PLAIN = 'worker plain { exec = {"sleep", "1000"} }\n'
SHOUT = '''
echo "shouting" >&2
while read -r word; do
    printf 'OK %s!\\n' "$word"
done
'''
HOLD = f'''
import fcntl, os, signal, socket, sys

key = os.environ['GANGER_WORKER'] + os.environ['GANGER_INSTANCE']
lock = os.open(f'{WORK}/{{key}}.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    with open(f'{WORK}/twice', 'a') as f:
        f.write(key + '\\n')
    sys.exit(1)
if os.fork() == 0:
    os.close(lock)
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(f'{WORK}/{{key}}.daemon.new', 'w') as f:
            f.write(str(os.getpid()))
        os.rename(f'{WORK}/{{key}}.daemon.new', f'{WORK}/{{key}}.daemon')
        signal.pause()
    os._exit(0)
os.wait()
while not os.path.exists(f'{WORK}/{{key}}.daemon'):
    os.sched_yield()

def end(number, frame):
    print('bye', flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print('holding', flush=True)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
while True:
    signal.pause()
'''
KEYS = ('shout/0', 'split/0', 'hold/0', 'hold/1')


def cgroup_of(pid):
    with open(f'/proc/{pid}/cgroup') as f:
        return next(line.split('::', 1)[1].strip() for line in f if line.startswith('0::'))


def processes_in(path):
    """Of a cgroup and all below it; none if there is no such cgroup."""
    pids = []
    for folder, _, _ in os.walk('/sys/fs/cgroup' + path):
        try:
            with open(f'{folder}/cgroup.procs') as f:
                pids += map(int, f.read().split())
        except OSError:
            pass        # it has just been removed
    return pids


class Service(Gang):
    """The service, as a Gang that systemd runs. `systemctl` and `journalctl` have the words that come first."""

    unit, runtime, remembered = UNIT, '/run/ganger', '/var/lib/ganger'
    config_path = os.environ['GANGER_CONFIG']
    unit_field = 'UNIT'         # of what systemd itself says of it in the journal
    env = dict(os.environ)
    systemctl_words = ['systemctl', '--no-pager']
    journalctl_words = ['journalctl', '--no-pager', '--quiet']

    def __init__(self, config=BASE):
        for folder in (WORK, self.remembered):
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(WORK)
        self.directory = WORK
        self._events = self._logs = None
        self.helpers = []
        self.script('shout', SHOUT)
        self.python('hold', HOLD)
        self.configure(config)

    def configure(self, text):
        self.config_text = text
        os.makedirs(os.path.dirname(self.config_path), exist_ok=True)
        with open(self.config_path, 'w') as f:
            f.write(text)

    def __enter__(self):
        self.cursor = self.journal_cursor()
        self.systemctl('start', self.unit)
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, Skip):
            self.tell()
        self.close_streams()
        self.systemctl('stop', self.unit, expected=None)
        self.systemctl('reset-failed', self.unit, expected=None)
        if kind is None:
            check(not os.path.exists(f'{WORK}/twice'), 'an instance was there twice')

    def tell(self):
        print('--- configuration', self.config_text, '--- systemctl status', sep='\n')
        print(self.systemctl('status', self.unit, expected=None).out)
        print('--- journal')
        print(run([*self.journalctl_words, '-n', '60', '-o', 'short-precise'], None, env=self.env).out, flush=True)

    # -- asking

    def ctl_words(self, *arguments):
        return [GANGERCTL, '--runtime-dir', self.runtime, *map(str, arguments)]

    def systemctl(self, *arguments, expected=0):
        return run([*self.systemctl_words, *arguments], expected, env=self.env)

    def show(self, *names):
        """Properties of the unit, as text."""
        out = self.systemctl('show', self.unit, *(f'--property={name}' for name in names)).out
        values = dict(line.split('=', 1) for line in out.splitlines())
        return values[names[0]] if len(names) == 1 else values

    def journal(self, *matches):
        """The entries of this case."""
        run([*self.journalctl_words, '--sync'], None, env=self.env)
        # Not --after-cursor: it passes over the first that matches, if the one at the cursor does not match.
        out = run([*self.journalctl_words, '-o', 'json', *([f'--cursor={self.cursor}'] if self.cursor else []), *matches],
                  None, env=self.env).out
        entries = [json.loads(line) for line in out.splitlines()]
        return [e for e in entries if e['__CURSOR'] != self.cursor]

    def journal_cursor(self):
        run([*self.journalctl_words, '--sync'], None, env=self.env)
        out = run([*self.journalctl_words, '-o', 'json', '-n', '1'], None, env=self.env).out
        return json.loads(out)['__CURSOR'] if out else None

    @property
    def keeper_pid(self):
        return int(self.show('MainPID'))

    def daemons(self):
        """What the instances of `hold` have daemonised."""
        return [int(self.read(f'hold{i}.daemon')) for i in range(2)]

    def until_service(self, what, condition):
        """Until systemd has it so: looked at after each line of its journal, and each 100 ms."""
        journal = Stream([*self.journalctl_words, '--follow', '-o', 'json', '-n', '0', f'{self.unit_field}={self.unit}'], self.env)
        try:
            end = time.monotonic() + LIMIT
            while True:
                seen = len(journal.items)
                if condition():
                    return
                check(time.monotonic() < end, f'waited {LIMIT} s until {what}')
                journal.wait_more(seen, 0.1)
        finally:
            journal.close()

    def wait_restarted(self, keeper):
        def restarted():
            now = self.show('ActiveState', 'MainPID')
            return now['ActiveState'] == 'active' and int(now['MainPID']) not in (0, keeper)
        self.until_service('it is up with another main process', restarted)

    def wait_serving(self):
        self.until_ready(*KEYS)


class UserService(Service):
    """The same for an ordinary user, under a `systemd --user` of his own."""

    uid, name = 4711, 'ganger-test'
    home, runtime_above = f'/home/{name}', f'/run/user/{uid}'
    runtime, config_path = f'{runtime_above}/ganger', f'{home}/.config/ganger/ganger.conf'
    unit_field = 'USER_UNIT'
    as_user = ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups']
    systemctl_words = [*as_user, 'systemctl', '--user', '--no-pager']
    env = dict(os.environ, HOME=home, USER=name, LOGNAME=name, XDG_RUNTIME_DIR=runtime_above)

    def ctl_words(self, *arguments):
        return [*self.as_user, GANGERCTL, *map(str, arguments)]

    def __init__(self, *arguments):
        need('setpriv', 'systemd-run')
        if not os.path.exists(self.home):
            with open('/etc/passwd', 'a') as f:
                f.write(f'{self.name}:x:{self.uid}:{self.uid}::{self.home}:/bin/sh\n')
            with open('/etc/group', 'a') as f:
                f.write(f'{self.name}:x:{self.uid}:\n')
            os.makedirs(self.home)
        super().__init__(*arguments)
        run(['chown', '-R', f'{self.uid}:{self.uid}', self.home, WORK])
        # As user@.service does it, without a login.
        run(['systemd-run', '--quiet', '--unit=user-manager', '--property=Type=notify', f'--property=User={self.name}',
             '--property=Delegate=yes', '--property=KillMode=mixed', f'--property=RuntimeDirectory=user/{self.uid}',
             '--property=RuntimeDirectoryMode=0700', f'--setenv=XDG_RUNTIME_DIR={self.runtime_above}', '/lib/systemd/systemd',
             '--user'], env=dict(os.environ))

    def __exit__(self, *exception):
        super().__exit__(*exception)
        run(['systemctl', 'stop', 'user-manager.service'], env=dict(os.environ))


def starts():
    """`systemctl start` returns when gangerd serves, `status` shows how many are ready"""
    with Service() as s:
        equal(s.json('version')['gangerd']['keeper_pid'], s.keeper_pid, 'pid of the keeper')
        equal(s.show('ActiveState'), 'active', 'state')
        equal(s.show('Type'), 'notify', 'type of the service')
        s.wait_serving()
        s.until('the status line shows all ready',
                lambda: 'Status: "3 workers, 4 of 4 instances ready"' in s.systemctl('status', UNIT).out)
        # It is at work.
        s.ctl('send', 'words', 'hello')
        equal(data(s.ctl('--json', 'receive', 'cries', '--count', '1').json_lines()[0]), 'hello!', 'answer of the shell')
        s.ctl('send', 'files', s.write('text', 'one\ntwo\n'))
        got = [data(m) for m in s.ctl('--json', 'receive', 'lines', '--count', '2').json_lines()]
        equal(got, ['one', 'two'], 'lines of the C worker')


def does_not_start():
    """with a configuration that is refused, `systemctl start` fails, says why in the journal, and does not try for ever"""
    s = Service('worker w { }\n')
    s.cursor = s.journal_cursor()
    try:
        check(s.systemctl('start', UNIT, expected=None).status != 0, 'it started')
        equal(s.show('ActiveState'), 'failed', 'state')
        equal(s.show('NRestarts'), '0', 'restarts')
        # Not by _SYSTEMD_UNIT: journald may look for the cgroup of a process that has ended by then.
        check(any(f'{s.config_path}:1' in e['MESSAGE'] for e in s.journal()),
              f'no mistake is shown: {[e["MESSAGE"] for e in s.journal()]}')
    finally:
        s.systemctl('reset-failed', UNIT, expected=None)


def has_cgroups():
    """each instance has a cgroup of its own below that of the service"""
    with Service() as s:
        s.wait_serving()
        base = s.show('ControlGroup')
        equal(s.show('Delegate'), 'yes', 'Delegate')
        equal({cgroup_of(s.keeper_pid), cgroup_of(s.manager_pid)}, {base}, 'cgroup of keeper and manager')
        found = {key: cgroup_of(pid) for key, pid in s.pids().items()}
        equal({os.path.basename(path) for path in found.values()}, {key.replace('/', ':') for key in KEYS}, 'cgroups')
        above = {os.path.dirname(path) for path in found.values()}
        equal(len(above), 1, f'where they are: {above}')
        equal(os.path.dirname(above.pop()), base, 'what is above them')
        equal({cgroup_of(pid) for pid in s.daemons()}, {found['hold/0'], found['hold/1']}, 'cgroups of daemonised processes')


def logs_to_the_journal():
    """what instances print is in the journal, with worker and instance as fields"""
    with Service() as s:
        s.wait_serving()
        # That an instance is ready may be heard before what it has printed.
        for i in range(2):
            s.wait_log(f'hold/{i}', 'holding')
        s.wait_log('shout/0', 'shouting')
        entries = s.journal('GANGER_WORKER=hold')
        equal(sorted((e['GANGER_INSTANCE'], e['GANGER_STREAM'], e['MESSAGE']) for e in entries),
              [('0', 'stdout', 'holding'), ('1', 'stdout', 'holding')], 'what hold printed')
        pids = s.pids()
        for e in entries:
            equal(int(e['OBJECT_PID']), pids[f'hold/{e["GANGER_INSTANCE"]}'], 'pid')
            equal((e['SYSLOG_IDENTIFIER'], e['_SYSTEMD_UNIT']), ('hold', UNIT), 'where it is from')
        equal(len(s.journal('-u', UNIT, 'GANGER_WORKER=hold')), 2, 'as README has it')
        equal([(e['GANGER_STREAM'], e['MESSAGE']) for e in s.journal('GANGER_WORKER=shout')], [('stderr', 'shouting')],
              'what shout printed')
        s.ctl('stop', 'hold/1')
        equal([e['MESSAGE'] for e in s.journal('GANGER_WORKER=hold', 'GANGER_INSTANCE=1')], ['holding', 'bye'], 'of hold/1')


def reloads():
    """`systemctl reload` returns when it is done, changes only what changed, and fails with a reason if it is refused"""
    with Service() as s:
        s.wait_serving()
        before = s.pids()
        s.configure(BASE + PLAIN)
        s.systemctl('reload', UNIT)
        check('plain' in s.status(), 'reload returned before there was the new worker')
        s.until_ready('plain/0')
        after = s.pids()
        equal({key: after[key] for key in before}, before, 'the others')
        equal(s.show('ActiveState'), 'active', 'state')

        s.configure(BASE + PLAIN + 'worker bad { exce = {"true"} }\n')
        line = s.config_text.count('\n')
        cursor, s.cursor = s.cursor, s.journal_cursor()
        check(s.systemctl('reload', UNIT, expected=None).status != 0, 'a bad configuration was reloaded')
        check(any(f'{s.config_path}:{line}' in e['MESSAGE'] for e in s.journal(f'_SYSTEMD_UNIT={UNIT}')),
              f'the mistake is not shown: {[e["MESSAGE"] for e in s.journal()]}')
        s.cursor = cursor
        equal(s.pids(), after, 'pids after a bad reload')
        equal(s.show('ActiveState', 'NRestarts'), {'ActiveState': 'active', 'NRestarts': '0'}, 'the service')

        # The old way.
        s.configure(BASE)
        os.kill(s.keeper_pid, signal.SIGHUP)
        s.until('the worker is gone', lambda: 'plain' not in s.status())
        s.until('the service is active', lambda: s.show('ActiveState') == 'active')
        equal(s.pids(), before, 'pids after SIGHUP')


def outlives_its_manager():
    """SIGKILL of the manager: the same processes, and systemd sees nothing"""
    properties = ('ActiveState', 'SubState', 'MainPID', 'NRestarts', 'InvocationID', 'ActiveEnterTimestampMonotonic',
                  'StateChangeTimestampMonotonic')
    with Service() as s:
        s.wait_serving()
        s.ctl('send', 'files', s.write('text', 'one\ntwo\n'))
        before, seen = s.pids(), s.show(*properties)
        entries = len(s.journal('_PID=1', f'UNIT={UNIT}'))
        for incarnation in range(2, 5):
            kill_and_wait(s.manager_pid)
            equal(s.json('version')['gangerd']['manager_incarnation'], incarnation, 'incarnation')
        equal(s.pids(), before, 'pids')
        equal(s.show(*properties), seen, 'what systemd knows')
        equal(len(s.journal('_PID=1', f'UNIT={UNIT}')), entries, 'what systemd said')
        equal([data(m) for m in s.ctl('--json', 'receive', 'lines', '--count', '2').json_lines()], ['one', 'two'], 'messages')
        # And the journal is still written to.
        s.ctl('stop', 'hold/1')
        equal([e['MESSAGE'] for e in s.journal('GANGER_WORKER=hold', 'GANGER_INSTANCE=1')], ['holding', 'bye'], 'of hold/1')


def comes_back_after_its_keeper():
    """SIGKILL of the keeper: systemd starts the service again, nothing old lives on, nothing is there twice"""
    with Service() as s:
        s.wait_serving()
        for restarts in range(1, 4):
            keeper, manager, old, daemons = s.keeper_pid, s.manager_pid, s.pids(), s.daemons()
            s.close_streams()
            kill_and_wait(keeper)
            for pid in [manager, *old.values(), *daemons]:
                wait_dead(pid)
            s.wait_restarted(keeper)
            s.wait_serving()
            new = s.pids()
            check(not set(new.values()) & set(old.values()), f'the same pids: {old} {new}')
            equal(s.show('NRestarts'), str(restarts), 'restarts')
            base = s.show('ControlGroup')
            expected = {s.keeper_pid, s.manager_pid, *new.values(), *s.daemons(), *descendants(new['shout/0'])}
            equal(set(processes_in(base)), expected, 'processes of the service')
        check(not os.path.exists(f'{WORK}/twice'), 'an instance was there twice')


# Numbers through `words` and `cries`, by way of a shell; a socket whose worker answers; one that is stopped by hand.
FLOW = f'''
ring words {{ slots = 64 max-deliveries = 255 }}
ring cries {{ slots = 64 }}
ring slow {{ slots = 16 }}
listen door {{ stream = {{"127.0.0.1:4711"}} }}
worker shout {{ exec = {{"{WORK}/shout"}} io = lines receive = words send = cries instances = 2 }}
worker keep {{ exec = {{"{WORK}/keep"}} io = lines receive = slow stop-timeout = 200ms }}
worker door {{ exec = {{"{WORK}/door"}} listen = door }}
worker rests {{ exec = {{"sleep", "1000"}} instances = 2 }}
'''
KEEP = 'while read -r word; do echo "kept $word" >&2; sleep 1000; done'
DOOR = '''
import socket
listening = socket.socket(fileno=3)
while True:
    connection, _ = listening.accept()
    connection.sendall(b'in')
    connection.close()
'''
KILLS = 5


class Visitors:
    """Connects to the socket again and again, until end(); nobody may be refused."""

    def __init__(self):
        self.served, self.refused, self.ended = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.005):
            try:
                with socket.create_connection(('127.0.0.1', 4711), LIMIT) as s:
                    # One that was accepted by a worker that was killed is told nothing.
                    try:
                        self.served += s.recv(8) == b'in'
                    except ConnectionResetError:
                        pass
            except OSError as e:
                self.refused.append(str(e))

    def end(self):
        self.ended.set()
        self.thread.join()


def outlives_sigkill_of_both():
    """SIGKILL of keeper and manager together, five times, under load: no message is lost or doubled, no connection refused"""
    s = Service(FLOW)
    s.script('keep', KEEP)
    s.python('door', DOOR)
    with s:
        s.until_ready('shout/0', 'shout/1', 'keep/0', 'door/0', 'rests/0', 'rests/1')
        s.ctl('send', 'slow', 'once', 'again')
        s.until('one is kept', lambda: s.ring('slow')['leased'] == 1)
        s.ctl('stop', 'rests/1')
        kept = int(s.show('NFileDescriptorStore'))
        read_end, pipe = os.pipe()
        sender = s.background('send', 'words', stdin=read_end)
        os.close(read_end)
        receiver = s.background('receive', 'cries', '--follow')
        visitors = Visitors()
        n, seen = 0, []
        for restarts in range(1, KILLS + 1):
            os.write(pipe, b''.join(b'%d\n' % i for i in range(n, n + 400)))
            n += 400
            s.until('some of them have arrived', lambda: s.ring('cries')['accepted'] >= n - 300)
            keeper, old = s.keeper_pid, s.pids()
            s.close_streams()
            manager = s.manager_pid
            os.kill(keeper, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):       # it may see that first, and end
                os.kill(manager, signal.SIGKILL)
            for pid in (keeper, manager, *filter(None, old.values())):
                wait_dead(pid)
            s.wait_restarted(keeper)
            s.until_ready('shout/0', 'shout/1', 'keep/0', 'door/0', 'rests/0')
            equal(s.show('NRestarts'), str(restarts), 'restarts')
            equal(s.instance('rests/1')['state'], 'down', 'what was stopped')
            s.until('one is kept again', lambda: s.ring('slow')['leased'] == 1)
            seen.append(sorted((m['text'], m['state'], m['deliveries']) for m in s.json('peek', 'slow')['messages']))
        os.close(pipe)
        s.wait_helper(sender)
        s.until('all have arrived', lambda: s.ring('words')['ready'] + s.ring('words')['leased'] + s.ring('cries')['ready'] == 0)
        visitors.end()
        receiver.send_signal(signal.SIGINT)
        receiver.wait()
        counts = [0] * n
        for word in s.printed(receiver).out.split():
            counts[int(word.rstrip('!'))] += 1
        equal([i for i in range(n) if counts[i] != 1], [], 'messages that did not arrive once')
        # It was not acknowledged, so it is delivered again, and says how often; after three times it is set aside, and the next comes.
        equal(seen[0], [('again', 'ready', 0), ('once', 'leased', 2)], 'what was kept, after the first')
        equal(visitors.refused, [], 'connections that were refused')
        check(visitors.served > 0, 'nobody was served')
        s.until_service('systemd keeps what it kept at first', lambda: int(s.show('NFileDescriptorStore')) == kept)


def a_restart_keeps_messages():
    """`systemctl restart` reads the configuration anew and keeps what is in the rings; `stop` and `start` keep nothing"""
    with Service(BASE) as s:
        s.wait_serving()
        s.ctl('send', 'lines', 'one')
        s.ctl('stop', 'hold/1')
        keeper = s.keeper_pid
        s.close_streams()
        s.configure(BASE + PLAIN)
        s.systemctl('restart', UNIT)
        check(s.keeper_pid != keeper, 'the same keeper')
        s.until_ready('shout/0', 'split/0', 'hold/0', 'plain/0')
        equal(s.instance('hold/1')['state'], 'down', 'what was stopped')       # as the state directory says
        equal([m['text'] for m in s.json('peek', 'lines')['messages']], ['one'], 'messages')
        s.ctl('start', 'hold/1')
        s.close_streams()
        s.systemctl('stop', UNIT)
        equal(s.show('NFileDescriptorStore'), '0', 'descriptors that systemd keeps')
        s.systemctl('start', UNIT)
        s.wait_serving()
        equal(s.json('peek', 'lines')['messages'], [], 'messages after a stop')


def drop_in(unit, text):
    """More of a unit."""
    folder = f'/etc/systemd/system/{unit}.d'
    shutil.rmtree(folder, ignore_errors=True)
    if text:
        os.makedirs(folder)
        with open(f'{folder}/test.conf', 'w') as f:
            f.write(text)
    run(['systemctl', 'daemon-reload'], env=dict(os.environ))


def a_manager_that_hangs():
    """a manager that hangs is replaced, and systemd sees nothing; a keeper that hangs is ended by the watchdog of systemd"""
    drop_in(UNIT, '[Service]\nWatchdogSec=2s\n')
    try:
        with Service(BASE) as s:
            s.wait_serving()
            s.ctl('send', 'lines', 'one')
            before, manager = s.pids(), s.manager_pid
            os.kill(manager, signal.SIGSTOP)
            wait_dead(manager)
            s.until('there is another', lambda: s.json('version')['gangerd']['manager_incarnation'] == 2)
            equal(s.pids(), before, 'pids')
            # For longer than the watchdog waits.
            since = time.monotonic()
            s.until('the time is over', lambda: time.monotonic() - since > 3)
            equal(s.show('ActiveState', 'NRestarts'), {'ActiveState': 'active', 'NRestarts': '0'}, 'the service')
            keeper = s.keeper_pid
            s.close_streams()
            os.kill(keeper, signal.SIGSTOP)
            s.wait_restarted(keeper)
            s.wait_serving()
            equal(s.show('NRestarts'), '1', 'restarts')
            check([e for e in s.journal('_PID=1', f'UNIT={UNIT}') if 'Watchdog timeout' in e['MESSAGE']], 'no watchdog is told of')
            equal([m['text'] for m in s.json('peek', 'lines')['messages']], ['one'], 'messages')
    finally:
        drop_in(UNIT, None)


def stops_in_its_own_time():
    """a stop that takes longer than TimeoutStopSec, since stop-timeout allows it, is in order"""
    drop_in(UNIT, '[Service]\nTimeoutStopSec=1s\n')
    slow = f'worker slow {{ exec = {{"{WORK}/slow"}} stop-timeout = 30s ready = notify }}\n'
    s = Service(slow)
    s.python('slow', '''
import os, signal, socket, time
def end(number, frame):
    time.sleep(4)
    print('slowly', flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
while True:
    signal.pause()
''')
    try:
        with s:
            s.until_ready('slow/0')
            s.close_streams()
            s.systemctl('stop', UNIT)
            equal(s.show('ActiveState', 'Result'), {'ActiveState': 'inactive', 'Result': 'success'}, 'the service')
            equal([e['MESSAGE'] for e in s.journal('GANGER_WORKER=slow')], ['slowly'], 'of the worker')
    finally:
        drop_in(UNIT, None)


def by_a_socket():
    """with ganger.socket the first that asks starts it; the socket outlives it, however it ends"""
    s = Service(BASE)
    s.cursor = s.journal_cursor()
    s.systemctl('start', 'ganger.socket')
    try:
        equal(s.show('ActiveState'), 'inactive', 'state')
        s.ctl('version')
        s.until_service('it is up', lambda: s.show('ActiveState') == 'active')
        s.wait_serving()
        inode = os.stat(f'{s.runtime}/control').st_ino
        equal(oct(os.stat(f'{s.runtime}/control').st_mode & 0o777), '0o666', 'mode of the socket')
        kill_and_wait(s.manager_pid)
        equal(s.json('version')['gangerd']['manager_incarnation'], 2, 'incarnation')
        keeper = s.keeper_pid
        s.close_streams()
        kill_and_wait(keeper)
        s.ctl('version')
        s.wait_restarted(keeper)
        s.wait_serving()
        s.close_streams()
        s.systemctl('stop', UNIT)
        equal(os.stat(f'{s.runtime}/control').st_ino, inode, 'the socket')
        s.ctl('version')
        s.until_service('it is up', lambda: s.show('ActiveState') == 'active')
        s.wait_serving()
    except BaseException:
        s.tell()
        raise
    finally:
        s.close_streams()
        s.systemctl('stop', 'ganger.socket', UNIT, expected=None)


class NamedService(Service):
    """ganger@NAME.service"""

    def __init__(self, name, config):
        self.unit, self.runtime, self.remembered = f'ganger@{name}.service', f'/run/ganger-{name}', f'/var/lib/ganger-{name}'
        self.config_path = f'{os.path.dirname(Service.config_path)}/{name}.conf'
        super().__init__(config)


def more_than_one():
    """ganger@NAME.service: gangs beside each other, each with its configuration, its sockets and its end"""
    worker = 'ring r {{ }}\nworker {} {{ exec = {{"sleep", "1000"}} }}\n'
    with NamedService('one', worker.format('a')) as one, NamedService('two', worker.format('b')) as two:
        one.until_ready('a/0')
        two.until_ready('b/0')
        one.ctl('send', 'r', 'x')
        equal((one.ring('r')['ready'], two.ring('r')['ready']), (1, 0), 'messages')
        two.configure(worker.format('c'))
        two.systemctl('reload', two.unit)
        two.until_ready('c/0')
        one.ctl('stop', 'a')
        keeper = one.keeper_pid
        one.close_streams()
        kill_and_wait(keeper)
        one.wait_restarted(keeper)
        equal(one.instance('a/0')['state'], 'down', 'what was stopped')
        equal(one.ring('r')['ready'], 1, 'messages')
        equal(two.show('NRestarts'), '0', 'restarts of the other')
        equal(open('/var/lib/ganger-one/wishes').read(), 'stopped a\n', 'the state directory')
        one.close_streams()
        one.systemctl('stop', one.unit)
        two.ctl('version')


def users_and_folders():
    """sysusers.d and tmpfiles.d say what systemd understands"""
    for folder, words in ('sysusers.d', ['systemd-sysusers']), ('tmpfiles.d', ['systemd-tmpfiles', '--create']):
        path = f'{os.environ["GANGER_PREFIX"]}/lib/{folder}/ganger.conf'
        result = run([*words, path], env=dict(os.environ))
        equal(result.err.replace('Creating group ganger', '').strip().count('Failed'), 0, result.err)
    equal(pwd.getpwnam('ganger').pw_dir, '/var/lib/ganger', 'folder of the user')
    equal(oct(os.stat('/var/lib/ganger').st_mode & 0o777), '0o755', 'mode of a folder')


def stops():
    """`systemctl stop` ends the instances in order, and leaves no process and no cgroup"""
    with Service() as s:
        s.wait_serving()
        base, pids, daemons = s.show('ControlGroup'), s.pids(), s.daemons()
        everything = processes_in(base)
        check({*pids.values(), *daemons} <= set(everything), f'{pids} {daemons} in {everything}')
        events = s.events
        s.systemctl('stop', UNIT)
        events.thread.join(LIMIT)
        for pid in everything:
            check(not alive(pid), f'process {pid} is left')
        check(not os.path.exists(f'/sys/fs/cgroup{base}'), f'the cgroup {base} is left')
        equal(s.show('ActiveState', 'Result'), {'ActiveState': 'inactive', 'Result': 'success'}, 'the service')
        stops = [e['key'] for e in events.items if e['kind'] == 'state' and e['state'] in ('stopping', 'draining')]
        first = {key: stops.index(key) for key in stops}
        check(first['hold/1'] < first['hold/0'] < first['split/0'] < first['shout/0'], f'order of stopping: {stops}')
        equal(sorted(e['MESSAGE'] for e in s.journal('GANGER_WORKER=hold')), ['bye', 'bye', 'holding', 'holding'], 'of hold')
        killed = [e['MESSAGE'] for e in s.journal('_PID=1', f'UNIT={UNIT}') if 'SIGKILL' in e['MESSAGE']]
        equal(killed, [], 'what systemd had to kill')


def daemons_go_with_their_instance():
    """what left its session and process group is gone when its instance is stopped"""
    with Service() as s:
        s.wait_serving()
        daemons = s.daemons()
        s.ctl('stop', 'hold/0')
        wait_dead(daemons[0])
        check(alive(daemons[1]), 'that of another instance is gone')
        kill(s.pid('hold/1'))
        wait_dead(daemons[1])


def shuts_down():
    """after `gangerctl shutdown` the service is down, and stays so"""
    with Service() as s:
        s.wait_serving()
        s.close_streams()
        s.ctl('shutdown')
        s.until_service('it is down', lambda: s.show('ActiveState') == 'inactive')
        equal(s.show('Result', 'NRestarts'), {'Result': 'success', 'NRestarts': '0'}, 'the service')


def of_a_user():
    """the service of an ordinary user: it starts, reloads, comes back and stops in the same way"""
    with UserService() as s:
        s.wait_serving()
        base = s.show('ControlGroup')
        check('user-manager.service/' in base, f'cgroup {base}')
        pids = s.pids()
        for key, pid in pids.items():
            equal(os.stat(f'/proc/{pid}').st_uid, s.uid, f'user of {key}')
            path = cgroup_of(pid)
            check(path.startswith(f'{base}/') and path.endswith('/' + key.replace('/', ':')), f'{key} is in {path}')
        for i in range(2):
            s.wait_log(f'hold/{i}', 'holding')
        equal([(e['_UID'], e['MESSAGE']) for e in s.journal('GANGER_WORKER=hold')], [(str(s.uid), 'holding')] * 2, 'journal')

        s.configure(BASE + PLAIN)
        s.systemctl('reload', UNIT)
        s.until_ready('plain/0')
        equal({key: pid for key, pid in s.pids().items() if key in pids}, pids, 'the others')
        s.configure('worker bad { }\n')
        check(s.systemctl('reload', UNIT, expected=None).status != 0, 'a bad configuration was reloaded')
        s.configure(BASE)

        kill_and_wait(s.manager_pid)
        equal({key: pid for key, pid in s.pids().items() if key in pids}, pids, 'pids under a new manager')

        keeper, daemons = s.keeper_pid, s.daemons()
        s.close_streams()
        kill_and_wait(keeper)
        for pid in [*pids.values(), *daemons]:
            wait_dead(pid)
        s.wait_restarted(keeper)
        s.wait_serving()
        everything = processes_in(base)
        s.close_streams()
        s.systemctl('stop', UNIT)
        for pid in everything:
            check(not alive(pid), f'process {pid} is left')
        check(not os.path.exists(f'/sys/fs/cgroup{base}'), f'the cgroup {base} is left')


def of_a_user_is_kept():
    """of an ordinary user, too: a restart and a SIGKILL of all keep messages, a manager that hangs is replaced, and so is a keeper"""
    s = UserService()
    folder = f'{s.home}/.config/systemd/user/{UNIT}.d'
    os.makedirs(folder)
    with open(f'{folder}/test.conf', 'w') as f:
        f.write('[Service]\nWatchdogSec=2s\n')
    run(['chown', '-R', f'{s.uid}:{s.uid}', s.home])
    try:
        s.systemctl('daemon-reload')
        with s:
            s.wait_serving()
            s.ctl('send', 'lines', 'one')

            def is_kept(how):
                equal([m['text'] for m in s.json('peek', 'lines')['messages']], ['one'], f'messages after {how}')

            keeper = s.keeper_pid
            s.close_streams()
            s.systemctl('restart', UNIT)
            check(s.keeper_pid != keeper, 'the same keeper')
            s.wait_serving()
            is_kept('a restart')

            before, manager = s.pids(), s.manager_pid
            os.kill(manager, signal.SIGSTOP)
            wait_dead(manager)
            s.until('there is another', lambda: s.json('version')['gangerd']['manager_incarnation'] == 2)
            equal(s.pids(), before, 'pids')

            for how, number in (('a keeper that hung', signal.SIGSTOP), ('a SIGKILL of all', signal.SIGKILL)):
                keeper, manager = s.keeper_pid, s.manager_pid
                s.close_streams()
                os.kill(keeper, number)
                if number == signal.SIGKILL:
                    with contextlib.suppress(ProcessLookupError):       # it may see that first, and end
                        os.kill(manager, number)
                s.wait_restarted(keeper)
                s.wait_serving()
                is_kept(how)
            equal(s.show('NRestarts'), '2', 'restarts')
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main(starts, does_not_start, has_cgroups, logs_to_the_journal, reloads, outlives_its_manager, comes_back_after_its_keeper, outlives_sigkill_of_both,
         a_restart_keeps_messages, a_manager_that_hangs, stops, stops_in_its_own_time, by_a_socket, more_than_one, users_and_folders,
         daemons_go_with_their_instance, shuts_down, of_a_user, of_a_user_is_kept)
