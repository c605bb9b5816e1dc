# SPDX-License-Identifier: MIT
"""
gangerd as a service of systemd

Runs as root under a systemd of its own (tests/systemd/in-container), in which ganger is installed. Each case starts the
service that contrib/systemd brings, with a configuration of its own, and leaves it stopped.
"""

import os
import signal
import subprocess
import sys

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

    runtime = '/run/ganger'
    config_path = os.environ['GANGER_CONFIG']
    unit_field = 'UNIT'         # of what systemd itself says of it in the journal
    env = dict(os.environ)
    systemctl_words = ['systemctl', '--no-pager']
    journalctl_words = ['journalctl', '--no-pager', '--quiet']

    def __init__(self, config=BASE):
        shutil.rmtree(WORK, ignore_errors=True)
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
        self.systemctl('start', UNIT)
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, Skip):
            self.tell()
        self.close_streams()
        self.systemctl('stop', UNIT, expected=None)
        self.systemctl('reset-failed', UNIT, expected=None)
        if kind is None:
            check(not os.path.exists(f'{WORK}/twice'), 'an instance was there twice')

    def tell(self):
        print('--- configuration', self.config_text, '--- systemctl status', sep='\n')
        print(self.systemctl('status', UNIT, expected=None).out)
        print('--- journal')
        print(run([*self.journalctl_words, '-n', '60', '-o', 'short-precise'], None, env=self.env).out, flush=True)

    # -- asking

    def ctl_words(self, *arguments):
        return [GANGERCTL, '--runtime-dir', self.runtime, *map(str, arguments)]

    def systemctl(self, *arguments, expected=0):
        return run([*self.systemctl_words, *arguments], expected, env=self.env)

    def show(self, *names):
        """Properties of the unit, as text."""
        out = self.systemctl('show', UNIT, *(f'--property={name}' for name in names)).out
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
        journal = Stream([*self.journalctl_words, '--follow', '-o', 'json', '-n', '0', f'{self.unit_field}={UNIT}'], self.env)
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


def keeps_messages():
    """tmp"""
    with Service() as s:
        s.wait_serving()
        s.ctl('stop', 'split')
        s.ctl('send', 'files', 'x')
        s.ctl('send', 'lines', 'one')
        print(s.show('NFileDescriptorStore', 'FileDescriptorStoreMax'))
        keeper, manager = s.keeper_pid, s.manager_pid
        s.close_streams()
        os.kill(manager, 19); os.kill(keeper, 9); kill_and_wait(manager)
        s.wait_restarted(keeper)
        s.until_ready('shout/0', 'hold/0')
        print(s.ctl('status').out)
        print(s.ctl('rings').out)
        print(s.show('NFileDescriptorStore', 'NRestarts'))
        print('\n'.join(e['MESSAGE'] for e in s.journal()))
        s.close_streams()
        s.systemctl('restart', UNIT)
        s.until_ready('shout/0', 'hold/0')
        print(s.ctl('status').out)
        print(s.ctl('rings').out)
        print(s.show('NFileDescriptorStore', 'NRestarts'))
        print('\n'.join(e['MESSAGE'] for e in s.journal()))


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


main(starts, does_not_start, has_cgroups, logs_to_the_journal, reloads, outlives_its_manager, comes_back_after_its_keeper, keeps_messages, stops,
     daemons_go_with_their_instance, shuts_down, of_a_user)
