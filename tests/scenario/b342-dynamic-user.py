#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
dynamic-user: a user that exists only while a worker runs, whose number nobody else has, and who leaves nothing behind

Numbers are looked at as the kernel tells them. Locks are those of the whole machine: so names are of this process alone.
"""

import contextlib
import ctypes
import fcntl
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from probing import *  # noqa: E402, F403
from service_manager import KeptGang  # noqa: E402

FIRST, LAST = 61184, 65519
LOCKS = '/run/ganger-dynamic-uid'
ON = 'dynamic-user = yes'
SLEEP = 'exec = {"sleep", "1000"} directory = / stop-timeout = 100ms'
ME = os.getpid()


def first(name):
    """The number that is tried first for a name."""
    hash = 2166136261
    for byte in name.encode():
        hash = (hash ^ byte) * 16777619 % 2 ** 32
    return FIRST + hash % (LAST - FIRST + 1)


def colliding(n):
    """Names of which the same number is tried first, and that number."""
    found = {}
    for i in range(100000):
        name = f'w{ME}-{i}'
        names = found.setdefault(first(name), [])
        names.append(name)
        if len(names) == n:
            return names, first(name)
    raise Failed('no names collide')


def ids(pid):
    """Its user, its group and its groups; all the same of a dynamic user."""
    with open(f'/proc/{pid}/status') as f:
        fields = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
    return set(fields['Uid'].split()), set(fields['Gid'].split()), fields['Groups'].split()


def number(g, key):
    """Of a process that has a number, and nothing else."""
    uids, gids, groups = ids(g.pid(key))
    uid = min(uids)
    equal((uids, gids, groups), ({uid}, {uid}, [uid]), f'ids of {key}')
    check(FIRST <= int(uid) <= LAST, f'{key} has the number {uid}')
    return int(uid)


def is_locked(uid, directory=LOCKS):
    with open(f'{directory}/{uid}') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def running_as(uid):
    """A process of somebody else that has a number."""
    p = subprocess.Popen(['sleep', '1000'], user=uid, group=uid, extra_groups=[])
    try:
        yield p
    finally:
        p.kill()
        p.wait()


@contextlib.contextmanager
def directory():
    """One that a worker with a /tmp of its own sees."""
    path = os.path.realpath(tempfile.mkdtemp(prefix='gang.b342.', dir='/var/lib'))
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def gone(g, name, uid):
    g.wait_stderr(f"the user '{name}' with the number {uid} is gone")


def what_it_may_not():
    """it is somebody, cannot write to the system, has a /tmp of its own, and makes nobody set-user-ID; whatever else is written"""
    need_root()
    off = 'private-tmp = no protect-system = no protect-home = no no-new-privileges = no restrict-suid-sgid = no'
    with directory() as at, tempfile.NamedTemporaryFile(prefix='gang.b342.', dir='/tmp') as left:
        os.chmod(at, 0o777)
        os.chmod(left.name, 0o666)
        shm = f'/dev/shm/gang.b342.{ME}'
        try:
            for n, on in enumerate((ON, f'{ON} {off}', f'{ON} private-users = yes', f'{ON} private-ipc = yes private-pids = yes stop-timeout = 100ms')):
                try_all([
                    Case(f'system{n}', on, ('write', f'{at}/in{n}'), 'EROFS', None),
                    Case(f'system-without{n}', '', ('write', f'{at}/without{n}'), 'done', None),
                    Case(f'tmp{n}', on, ('stat', left.name), 'ENOENT'),
                    Case(f'home{n}', on, ('is_read_only', '/root'), 'read-only', 'writable'),
                    Case(f'privileges{n}', on, ('privileges', 'x'), 'none new', 'what it gets'),
                    Case(f'suid{n}', on, ('set_user_id', f'{shm}.{n}'), 'EPERM', None),
                    Case(f'suid-without{n}', '', ('set_user_id', f'{shm}.{n}.without'), 'done', None),
                    Case(f'home-more{n}', f'{on} protect-home = tmpfs' if 'protect-home' not in on else on,
                         ('is_read_only', '/root'), 'writable' if 'protect-home' not in on else 'read-only', None),
                ])
        finally:
            for path in glob.glob(f'{shm}.*'):
                os.unlink(path)


def who_it_is():
    """one number for all instances, and for all workers with the same user; another for others; that of a user who exists"""
    need_root()
    a, shared = f'a{ME}', f's{ME}'
    with Gang(f'''
worker {a} {{ exec = {{"sh", "-c", "env; echo all; exec sleep 1000"}} directory = / instances = 2 {ON} }}
worker b{ME} {{ {SLEEP} {ON} }}
worker c{ME} {{ {SLEEP} {ON} user = {shared} }}
worker d{ME} {{ {SLEEP} {ON} user = {shared} }}
worker e{ME} {{ {SLEEP} {ON} supplementary-groups = daemon }}
worker static {{ {SLEEP} {ON} user = nobody private-tmp = no }}
worker plain {{ {SLEEP} }}
worker {nobody().pw_uid} {{ {SLEEP} {ON} }}
''') as g:
        keys = [f'{a}/0', f'{a}/1', f'b{ME}/0', f'c{ME}/0', f'd{ME}/0', 'static/0', 'plain/0', f'{nobody().pw_uid}/0', f'e{ME}/0']
        g.until_ready(*keys)
        numbers = [number(g, key) for key in keys[:5]]
        equal(numbers[0], numbers[1], 'of two instances')
        equal(numbers[3], numbers[4], 'of two workers with one user')
        equal(len(set(numbers)), 3, 'different numbers')
        check(all(is_locked(uid) for uid in numbers), 'not locked')
        equal(ids(g.pid('static/0'))[0], {str(nobody().pw_uid)}, 'user of static')
        equal(ids(g.pid('plain/0'))[0], {'0'}, 'user of plain')
        check(number(g, keys[7]) != nobody().pw_uid, 'a worker that is called by a number')
        equal(len(ids(g.pid(f'e{ME}/0'))[2]), 2, 'groups with one more')
        g.wait_log(f'{a}/0', 'all')
        said = [line['text'] for line in g.logs.items if line['key'] == f'{a}/0']
        check(f'USER={a}' in said and f'LOGNAME={a}' in said, f'what it has in its environment: {said}')
        check(not any(text.startswith(('HOME=', 'SHELL=')) for text in said), f'it has a home or a shell: {said}')
        for key in keys[0], keys[3], 'e%d/0' % ME:
            rows = {s['key']: s['verdict'] for s in g.json('doctor', key)['instances'][0]['settings']}
            for row in 'dynamic-user', 'primary-group', 'supplementary-groups', 'private-tmp', 'protect-system', 'protect-home', \
                    'no-new-privileges', 'restrict-suid-sgid':
                equal(rows[row], 'ok', f'{row} of {key} as it is read back')
        equal(next(f['state'] for f in g.json('doctor')['machine'] if f['name'] == 'dynamic users'), 'yes', 'what doctor says')


def it_is_nobody_elses():
    """two names that begin with the same number; a lock of somebody else, a process, shared memory, a user of the system"""
    need_root()
    need('unshare', 'mount')
    names, uid = colliding(7)
    workers = {}
    with directory() as at:
        # A machine with a systemd, and with a user that has one of the numbers.
        prefix = ['unshare', '-m', 'sh', '-c', f'mount -t tmpfs none /run && mkdir -p /run/systemd/dynamic-uid && '
                  f'(cat /etc/passwd && echo known:x:{uid + 1}:{uid + 1}::/:/bin/false && echo toor:x:0:0::/:/bin/false) > {at}/passwd && '
                  f'mount --bind {at}/passwd /etc/passwd && '
                  f'(cat /etc/group && echo known:x:{uid + 2}:) > {at}/group && mount --bind {at}/group /etc/group && exec "$@"', 'sh']
        with Gang('', prefix=prefix) as g:
            run_of = f'/proc/{g.keeper_pid}/root/run'

            def begin(name):
                workers[name] = f'worker {name} {{ {SLEEP} {ON} }}\n'
                g.configure(''.join(workers.values()))
                g.ctl('reload')
                g.until_ready(f'{name}/0')
                return number(g, f'{name}/0')

            def free(n):
                """The next that nobody has: uid + 1 and + 2 are known."""
                return next(i for i in range(uid, uid + 100) if i not in taken and i not in (uid + 1, uid + 2))

            taken = set()
            for name in names[:2]:
                expected = free(taken)
                equal(begin(name), expected, f'number of {name}')
                check(is_locked(expected, f'{run_of}/ganger-dynamic-uid') and is_locked(expected, f'{run_of}/systemd/dynamic-uid'),
                      f'{expected} is not locked')
                taken.add(expected)
            # Another gang's, and a unit's of systemd.
            for name, lock in zip(names[2:4], ('ganger-dynamic-uid', 'systemd/dynamic-uid')):
                with open(f'{run_of}/{lock}/{free(taken)}', 'a') as f:
                    fcntl.flock(f, fcntl.LOCK_EX)
                    taken.add(free(taken))
                    expected = free(taken)
                    equal(begin(name), expected, f'number beside a lock in {lock}')
                taken = {number(g, f'{name}/0') for name in workers}
            with running_as(free(taken)):
                taken.add(free(taken))
                expected = free(taken)
                equal(begin(names[4]), expected, 'number beside a process')
                taken = {number(g, f'{name}/0') for name in workers}
            with tempfile.NamedTemporaryFile(prefix='gang.b342.', dir='/dev/shm') as f:
                os.chown(f.name, free(taken), -1)
                taken.add(free(taken))
                expected = free(taken)
                equal(begin(names[5]), expected, 'number beside shared memory')
            # The system's own are not dynamic, and root is refused.
            workers['sysadmin'] = f'worker sysadmin {{ {SLEEP} {ON} user = toor restart = never }}\n'
            g.configure(''.join(workers.values()))
            g.ctl('reload')
            g.until('it was tried', lambda: g.instance('sysadmin/0')['state'] == 'failed')
            equal(g.instance('sysadmin/0')['reason'], "dynamic-user: 'toor' is root", 'reason')
            # The first again, when he is no more, and the same when there is one of that name again.
            del workers[names[0]]
            g.configure(''.join(workers.values()))
            g.ctl('reload')
            gone(g, names[0], uid)
            equal(begin(names[6]), uid, 'number of one that was given back')


def two_gangs():
    """a worker of the same name in another gang has another number; a manager that dies does not change that"""
    need_root()
    name = f'g{ME}'
    config = f'worker {name} {{ {SLEEP} {ON} }}'
    with Gang(config, check_end=False) as one, Gang(config, begin=False, check_end=False) as other:
        one.until_ready(f'{name}/0')
        kill_and_wait(one.manager_pid)
        equal(one.instance(f'{name}/0')['state'], 'ready', 'after the death of the manager')
        other.start()
        other.until_ready(f'{name}/0')
        check(number(one, f'{name}/0') != number(other, f'{name}/0'), 'they have the same')


def it_lasts():
    """the number is the same over deaths of the manager, an upgrade, a reload, restarts and deaths of its process"""
    need_root()
    (name, later), _ = colliding(2)
    config = f'worker {name} {{ {SLEEP} {ON} instances = 2 restart-delay = 1ms }}\n'
    with Gang(config) as g:
        key, beside = f'{name}/0', f'{name}/1'
        g.until_ready(key, beside)
        uid, pids = number(g, key), (g.pid(key), g.pid(beside))
        kill_and_wait(g.manager_pid)
        equal((g.pid(key), g.pid(beside)), pids, 'pids after the death of the manager')
        check(is_locked(uid), 'not locked after the death of the manager')
        g.configure(config + f'worker {later} {{ {SLEEP} {ON} }}')
        g.ctl('reload')
        g.until_ready(f'{later}/0')
        check(number(g, f'{later}/0') != uid, 'another worker has it too')
        g.ctl('daemon-upgrade', os.path.realpath(g.program))
        equal((g.pid(key), g.pid(beside)), pids, 'pids after an upgrade')
        g.ctl('restart', key)
        g.until_ready(key)
        equal(number(g, key), uid, 'number after a restart')
        kill_and_wait(g.pid(key))
        g.until('it is started again', lambda: g.instance(key)['state'] == 'ready' and g.instance(key)['restarts'] == 1)
        equal(number(g, key), uid, 'number after the death of its process')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', name)
        g.until_ready(key, beside)
        equal({number(g, key), number(g, beside)}, {uid}, 'numbers after a restart of all')
        g.ctl('stop', name)
        gone(g, name, uid)
        g.until('the lock is given back', lambda: not is_locked(uid))
        g.ctl('start', name)
        g.until_ready(key, beside)
        equal(number(g, key), uid, 'number when it is started again')


def as_long_as_any_process():
    """while a process of it is left nobody else has its number, though the worker is stopped and the manager is another one"""
    need_root()
    (name, later), _ = colliding(2)
    config = f'worker {name} {{ {SLEEP} {ON} }}\n'
    with Gang(config) as g:
        g.until_ready(f'{name}/0')
        uid = number(g, f'{name}/0')
        with running_as(uid):
            g.ctl('stop', name)
            g.configure(f'{config}worker {later} {{ {SLEEP} {ON} }}\n')
            g.ctl('reload')
            g.until_ready(f'{later}/0')
            check(number(g, f'{later}/0') != uid, 'it is given to another one')
            kill_and_wait(g.manager_pid)
            equal(g.instance(f'{later}/0')['state'], 'ready', 'after the death of the manager')
            check(is_locked(uid), 'it is not locked')
            check(not any('is gone' in line for line in g.stderr_lines), 'it is gone')
        gone(g, name, uid)
        g.until('the lock is given back', lambda: not is_locked(uid))


def it_outlives_its_keeper():
    """where a service manager keeps descriptors the number is taken though nobody runs, and what was left is removed"""
    need_root()
    (name, later), _ = colliding(2)
    with KeptGang(f'worker {name} {{ {SLEEP} {ON} }}', check_end=False) as g:
        g.until_ready(f'{name}/0')
        uid = number(g, f'{name}/0')
        g.until('it is kept', lambda: f'user/{uid}/{name}' in g.kept())
        g.crash()
        check(is_locked(uid), 'it is not locked')
        g.configure(f'worker {name} {{ {SLEEP} {ON} }}\nworker {later} {{ {SLEEP} {ON} }}')
        g.start()
        g.until_ready(f'{name}/0')
        equal(number(g, f'{name}/0'), uid, 'number with the next keeper')
        g.ctl('reload')
        g.until_ready(f'{later}/0')
        check(number(g, f'{later}/0') != uid, 'another one has it too')
        g.ctl('stop', name)
        gone(g, name, uid)
        g.until('it is no longer kept', lambda: f'user/{uid}/{name}' not in g.kept())


# What it leaves, of all kinds: directories in each other, too.
LEAVES = r'''
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
def ok(result):
    if result < 0: raise OSError(ctypes.get_errno(), 'a call')
ok(libc.shmget(0, 4096, 0o1666))
ok(libc.semget(0, 1, 0o1666))
ok(libc.msgget(0, 0o1666))
me = os.environ['GANGER_WORKER']
ok(libc.mq_open(f'/{me}'.encode(), os.O_RDWR | os.O_CREAT, 0o666, None))
path = f'/dev/shm/{me}'
for _ in range(60):
    os.mkdir(path)
    open(f'{path}/file', 'w').close()
    os.symlink('/etc/passwd', f'{path}/link')
    path += '/deep'
open(f'/dev/shm/{me}.file', 'w').close()
print('made', flush=True)
time.sleep(1000)
'''


def system_v(uid):
    """How many of System V are a user's."""
    n = 0
    for kind, owner in ('shm', 7), ('sem', 4), ('msg', 7):
        with open(f'/proc/sysvipc/{kind}') as f:
            n += sum(line.split()[owner] == str(uid) for line in f.readlines()[1:])
    return n


def has_queue(name):
    """@return whether there was one; now there is none."""
    return ctypes.CDLL(None).mq_unlink(f'/{name}'.encode()) == 0


def files(uid):
    """Below /dev/shm, that are a user's."""
    return [name for at, directories, names in os.walk('/dev/shm') for name in (*directories, *names)
            if os.lstat(f'{at}/{name}').st_uid == uid]


def it_leaves_nothing():
    """System V's and POSIX's shared memory, semaphores and queues go with its last process, and with that only; others stay"""
    need_root()
    name, kept, beside = f'i{ME}', f'k{ME}', f'/dev/shm/gang.b342.{ME}'
    with Gang(f'''
worker {name} {{ exec = {{"{PYTHON}", "-c", '{LEAVES.replace("'", chr(92) + "'").replace("@", "@@")}'}} directory = / {ON} }}
worker also{ME} {{ {SLEEP} {ON} user = {name} }}
worker {kept} {{ exec = {{"{PYTHON}", "-c", '{LEAVES.replace("'", chr(92) + "'").replace("@", "@@")}'}} directory = / user = nobody }}
''') as g:
        try:
            with open(beside, 'w'):
                pass
            for worker in name, kept:
                g.wait_log(f'{worker}/0', 'made')
            uid, of_nobody = number(g, f'{name}/0'), system_v(nobody().pw_uid)
            equal((system_v(uid), bool(files(uid))), (3, True), 'what it has made')
            g.ctl('stop', name)
            equal((system_v(uid), bool(files(uid))), (3, True), 'what is left while another one has its user')
            g.ctl('stop', f'also{ME}')
            gone(g, name, uid)
            equal((system_v(uid), files(uid), has_queue(name)), (0, [], False), 'what it has left')
            g.ctl('stop', kept)
            deep = f'/dev/shm/{kept}{"/deep" * 59}/file'
            check(os.path.exists(beside) and os.path.exists(deep) and os.path.exists(f'/dev/shm/{kept}.file') and has_queue(kept) and
                  system_v(nobody().pw_uid) == of_nobody, 'what is of others is removed')
            check(not glob.glob(f'/dev/shm/.ganger-{uid}-*'), 'what was moved is left')
        finally:
            for path in (beside, *glob.glob(f'/dev/shm/{kept}*')):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            subprocess.run(['ipcrm', '--all'], user=nobody().pw_uid, stderr=subprocess.DEVNULL)


def manager_dies_meanwhile():
    """the manager is dead when the last process ends: the next one removes what it leaves"""
    need_root()
    name = f'm{ME}'
    with Gang(f'''worker {name} {{ exec = {{"{PYTHON}", "-c", '{LEAVES.replace("'", chr(92) + "'").replace("@", "@@")}'}} directory = /
        restart = never {ON} }}''') as g:
        g.wait_log(f'{name}/0', 'made')
        uid, pid, manager = number(g, f'{name}/0'), g.pid(f'{name}/0'), g.manager_pid
        kill(manager, signal.SIGSTOP)
        kill_and_wait(pid)
        kill_and_wait(manager)
        gone(g, name, uid)
        equal((system_v(uid), files(uid), has_queue(name)), (0, [], False), 'what it has left')


TELLS = '''
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
with open(os.environ["CREDENTIALS_DIRECTORY"] + "/secret") as f: print("read", f.read(), flush=True)
assert os.environ["LISTEN_FDS"] == "1"
s.send(b"READY=1")
while True:
    s.send(b"WATCHDOG=1")
    time.sleep(0.1)
'''


def all_else():
    """it says that it is ready, is watched, has its secrets and sockets; what runs beside it is the same user; messages"""
    need_root()
    need_library()
    if subprocess.run(['test', '-x', f'{BUILD}/tests/scenario/stage-worker'], user=nobody().pw_uid).returncode != 0:
        raise Skip('an ordinary user may not execute what was built')
    same = 'test $(id -u) = $(stat -c %u /proc/$MAINPID)'
    built = f'bind-read-only-paths = "{os.path.realpath(BUILD)}"'       # which may lie below /tmp, and theirs is another
    with directory() as at, Gang(f'''
listen s {{ stream = {at}/s }}
ring jobs {{ }}
ring out {{ }}
ring lines {{ }}
worker tells {{ exec = {{"{PYTHON}", "-c", '{TELLS}'}} directory = / ready = notify watchdog = 60s listen = s credentials = "secret:{at}/secret" {ON} }}
worker asked {{ {SLEEP} ready = exec ready-exec = {{"sh", "-c", "{same}"}} health = exec health-exec = {{"sh", "-c", "{same} && echo well"}}
                health-interval = 50ms {ON} }}
worker fails {{ exec = {{"sh", "-c", "echo user $(id -u); exit 3"}} directory = / restart = never on-failure = {{"sh", "-c", "echo after user $(id -u)"}} {ON} }}
worker stage {{ exec = {{"{BUILD}/tests/scenario/stage-worker"}} directory = / receive = jobs send = out ready = library {ON} {built} }}
worker talks {{ exec = {{"sh", "-c", 'while read -r x; do echo "OK $x"; done'}} directory = / io = lines receive = lines send = jobs {ON} {built} }}
''', begin=False) as g:
        with open(f'{at}/secret', 'w') as f:
            f.write('treasure')
        os.chmod(f'{at}/secret', 0o600)
        g.start()
        g.until_ready('tells/0', 'asked/0', 'stage/0', 'talks/0')
        g.wait_log('tells/0', 'read treasure')
        g.wait_log('asked/0/probe', 'well')
        said = g.wait_log('fails/0', 'user ')['text'].split()[-1]
        g.wait_stderr(f'fails/0/on-failure: after user {said}')
        check(FIRST <= int(said) <= LAST, f'it was {said}')
        gone(g, 'fails', said)
        for round in range(2):
            texts = [f'{round}{i}' for i in range(5)]
            g.ctl('send', 'lines', *texts)
            equal(sorted(g.ctl('receive', 'out', '--count', 5).out.split()), texts, 'what went through both')
            pids = g.pids()
            kill_and_wait(g.manager_pid)
            equal({key: pid for key, pid in g.pids().items() if pid}, {key: pid for key, pid in pids.items() if pid}, 'pids')
        g.ctl('restart', 'tells')
        g.until_ready('tells/0')


def where_it_cannot_be_had():
    """without root it is not started; nor where nothing can be mounted, where others go without"""
    need_root()
    with gang_of_nobody(f'worker w {{ {SLEEP} restart = never {ON} }}') as g:
        g.start()
        g.wait_state('w/0', 'failed')
        equal(g.instance('w/0')['reason'], 'dynamic-user: only root may run as another user', 'reason')
        equal(next(f['state'] for f in g.json('doctor')['machine'] if f['name'] == 'dynamic users'), 'no', 'what doctor says')
    with Gang(f'worker w{ME} {{ {SLEEP} restart = never {ON} }}\nworker without {{ {SLEEP} private-tmp = yes }}',
              prefix=['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin']) as g:
        g.until_ready('without/0')
        g.wait_stderr('without/0: it goes without private-tmp')
        g.wait_state(f'w{ME}/0', 'failed')
        check('Operation not permitted' in g.instance(f'w{ME}/0')['reason'], g.instance(f'w{ME}/0')['reason'])


main(what_it_may_not, who_it_is, it_is_nobody_elses, two_gangs, it_lasts, it_outlives_its_keeper, as_long_as_any_process, it_leaves_nothing,
     manager_dies_meanwhile, all_else, where_it_cannot_be_had)
