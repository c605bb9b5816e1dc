# SPDX-License-Identifier: MIT
"""
What a program may do, with a key of isolation and without

Each case is a worker with the key, and one without: so it is seen that it is the key that refuses.
"""

import ctypes
import errno
import os
import platform

from gang import Gang, PYTHON, Skip, as_nobody, equal, nobody

# Numbers of system calls: x86_64, aarch64.
CALLS = {'init_module': (175, 105), 'syslog': (103, 116), 'clock_settime': (227, 112), 'iopl': (172, None),
         'sched_setattr': (314, 274), 'landlock_create_ruleset': (444, 444)}

# Started by its text, since it may not see where we are.
PROBE = r'''
import ctypes, errno, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def write(path):
    with open(path, 'a'): pass
def read(path):
    with open(path, 'rb') as f: f.read(1)
def touch(path):
    os.close(os.open(path, os.O_WRONLY))
def open_it(path):
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
def list(path):
    return ' '.join(sorted(os.listdir(path))) or 'empty'
def is_read_only(path):
    return 'read-only' if os.statvfs(path).f_flag & os.ST_RDONLY else 'writable'
def make(path):
    os.mkdir(path)
def is_own(kind):
    return 'own' if os.readlink(f'/proc/self/ns/{kind}') != os.readlink(f'/proc/{os.getppid()}/ns/{kind}') else 'shared'
def pid(_):
    return '1' if os.getpid() == 1 else 'another'
def processes(_):
    return ' '.join(name for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()) and 'others' or 'itself'
def namespace(kind):
    return os.readlink(f'/proc/self/ns/{kind}')
def is_cgroup_root(_):
    with open('/proc/self/cgroup') as f: own = [line.strip()[3:] for line in f if line.startswith('0::')][0]
    procs = open('/sys/fs/cgroup/cgroup.procs').read().split()
    return 'its own' if own == '/' and ('0' if os.getpid() not in map(int, procs) else str(os.getpid())) in procs else 'another'
def signal(pid):
    os.kill(int(pid), 0)
def links(_):
    return ' '.join(sorted(name for _, name in socket.if_nameindex()))
def loopback(_):
    with socket.create_server(('127.0.0.1', 0)) as s: socket.create_connection(s.getsockname()).close()
def sethostname(_):
    socket.sethostname(socket.gethostname())
def tell(what):
    """A call of the kernel by its number, and what it is called with."""
    if libc.syscall(*(ctypes.c_long(int(word)) for word in what.split())) < 0:
        raise OSError(ctypes.get_errno(), what)
def capability(number):
    with open('/proc/self/status') as f:
        return 'has' if int(f.read().split('CapBnd:')[1].split()[0], 16) >> int(number) & 1 else 'has not'
def schedule(what):
    policy, priority = map(int, what.split())
    if libc.sched_setscheduler(0, policy, ctypes.byref(ctypes.c_int(priority))) < 0:
        raise OSError(ctypes.get_errno(), what)
def execute(path):
    import subprocess
    return subprocess.run([path], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
def truncate(path):
    os.truncate(path, 0)
def remove(path):
    os.unlink(path)
def remove_directory(path):
    os.rmdir(path)
def stat(path):
    os.stat(path)
def chmod(path):
    os.chmod(path, os.stat(path).st_mode)
def terminal(_):
    import pty
    for fd in pty.openpty(): os.close(fd)
def set_user_id(path):
    write(path)
    os.chmod(path, 0o4755)
def privileges(_):
    with open('/proc/self/status') as f: return 'none new' if 'NoNewPrivs:\t1' in f.read() else 'what it gets'
def bind(port):
    socket.create_server(('127.0.0.1', int(port))).close()
def connect(port):
    try:
        socket.create_connection(('127.0.0.1', int(port)), 5).close()
    except ConnectionRefusedError:
        return 'nobody there'
def users(_):
    with open('/proc/self/uid_map') as f: return ', '.join(line.split()[0] for line in f)
def owner(path):
    st = os.stat(path)
    return f'{st.st_uid}:{st.st_gid}'
try:
    print('=', globals()[sys.argv[1]](sys.argv[2]) or 'done', flush=True)
except OSError as e:
    print('=', errno.errorcode[e.errno], flush=True)
time.sleep(1000)
'''

PROBE_QUOTED = PROBE.replace('\\', '\\\\').replace("'", "\\'").replace('@', '@@')


class Case:
    """
    options    keys, with which the probe says `refused`; without them it says `permitted`; None: that is not tried
    probe      a function of PROBE, and what it is called with
    other      keys of both
    """

    def __init__(self, name, options, probe, refused, permitted='done', other=''):
        self.name, self.options, self.probe = name, options, probe
        self.refused, self.permitted, self.other = refused, permitted, other


def worker(name, case, options):
    function, argument = case.probe
    return f'worker {name} {{ exec = {{"{PYTHON}", "-c", \'{PROBE_QUOTED}\', "{function}", "{argument}"}} directory = / restart = never\n' \
           f'{options} {case.other} }}\n'


def outcome(g, key):
    def find():
        said = g.logs.find(lambda line: line['key'] == key and line['text'].startswith('= '))
        state = g.instance(key)
        return said['text'][2:] if said else f'{state["state"]}: {state["reason"]}' if state['state'] in ('failed', 'down') else None
    return g.until(f'{key} to have tried', find)


def mounts():
    """Where something is mounted; what another gang mounts in its directory, meanwhile, is not of ours."""
    with open('/proc/self/mountinfo') as f:
        return sorted(point for point in (line.split()[4] for line in f) if '/gang.' not in point)


def try_all(cases):
    """Each with its option, and without; none of it reaches the host."""
    before = mounts()
    config = ''.join(worker(f'{c.name}-in', c, c.options) + (worker(f'{c.name}-out', c, '') if c.permitted is not None else '')
                     for c in cases)
    with Gang(config) as g:
        for c in cases:
            equal(outcome(g, f'{c.name}-in/0'), c.refused, f'{c.name} with {c.options}')
        for c in cases:
            if c.permitted is not None:
                equal(outcome(g, f'{c.name}-out/0'), c.permitted, f'{c.name} without {c.options}')
        equal(mounts(), before, 'mounts of the host')


def number(call):
    """Of a system call, on this machine."""
    machines = {'x86_64': 0, 'aarch64': 1}
    if platform.machine() not in machines or CALLS[call][machines[platform.machine()]] is None:
        raise Skip(f'the number of {call} on this machine')
    return CALLS[call][machines[platform.machine()]]


def ours(call, *arguments):
    """What it says to us: a number, or the name of an error."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number(call), *map(ctypes.c_long, arguments))
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def has_capability(which):
    with open('/proc/self/status') as f:
        return 'has' if int(f.read().split('CapBnd:')[1].split()[0], 16) >> which & 1 else 'has not'


def gang_of_nobody(config):
    g = Gang(config, prefix=as_nobody(), env={'HOME': '/nonexistent'}, begin=False)
    os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
    return g
