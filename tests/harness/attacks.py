# SPDX-License-Identifier: MIT
"""What a process without rights tries with the processes and files of others: the same for a user of the machine and for a worker."""

import os
import random
import signal
import socket

from gang import *  # noqa: F403

# Python, for a process that is to try it. Each function @returns what has worked, which should be nothing.
ATTACKS = r'''
import ctypes, fcntl, mmap, os, resource, signal, stat

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE, PIDFD_GETFD, PIDFD_OPEN, KCMP = 16, 0x4206, 438, 434, 312

def call(name, *arguments):
    """A function of libc, that fails as those of Python do."""
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def working(attempts):
    """@return the names of those that do not fail for want of rights."""
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
            done.append(name)
        except PermissionError:
            pass
        except OSError as e:
            done.append(f'{name}: {e}')
    return done

def read_memory(pid):
    buffer = ctypes.create_string_buffer(8)
    class vector(ctypes.Structure):
        _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
    ours, theirs = vector(ctypes.addressof(buffer), 8), vector(0x400000, 8)
    call('process_vm_readv', pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)

def take_descriptor(pid):
    pidfd = os.pidfd_open(pid)
    try:
        call('syscall', PIDFD_GETFD, pidfd, 0, 0)
    finally:
        os.close(pidfd)

def attack_process(pid):
    attempts = {f'signal {n}': lambda n=n: os.kill(pid, n) for n in (0, 1, 2, 9, 10, 15, 18, 19, 28, 34)}
    attempts |= {f'{name} of it': lambda name=name: os.close(os.open(f'/proc/{pid}/{name}', os.O_RDONLY))
                 for name in ('mem', 'environ', 'maps', 'stack', 'auxv')}
    attempts |= {
        'its descriptors': lambda: os.listdir(f'/proc/{pid}/fd'), 'its root': lambda: os.listdir(f'/proc/{pid}/root'),
        'its score': lambda: os.close(os.open(f'/proc/{pid}/oom_score_adj', os.O_WRONLY)),
        'attach': lambda: call('ptrace', PTRACE_ATTACH, pid, 0, 0), 'seize': lambda: call('ptrace', PTRACE_SEIZE, pid, 0, 0),
        'read memory': lambda: read_memory(pid), 'take a descriptor': lambda: take_descriptor(pid),
        'priority': lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), 'processors': lambda: os.sched_setaffinity(pid, {0}),
        'limit': lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3)),
    }
    return working(attempts)

def attack_directory(path):
    """Of the daemon: what is in it, and what could be put there."""
    attempts = {
        'make a file': lambda: os.close(os.open(f'{path}/mine', os.O_CREAT | os.O_WRONLY)),
        'make a link': lambda: os.symlink('/etc/passwd', f'{path}/lock.new'), 'rename': lambda: os.rename(path, f'{path}.old'),
        'make a directory': lambda: os.mkdir(f'{path}/credentials.new'), 'mode': lambda: os.chmod(path, 0o777),
    }
    for name in ('control', 'notify', 'lock'):
        attempts |= {f'remove {name}': lambda name=name: os.unlink(f'{path}/{name}'),
                     f'mode of {name}': lambda name=name: os.chmod(f'{path}/{name}', 0o777)}
    # Whoever can open it can lock it.
    attempts['open lock'] = lambda: fcntl.flock(os.open(f'{path}/lock', os.O_RDONLY), fcntl.LOCK_SH)
    return working(attempts)
'''

# A worker that says what comes by the fifo `go`, a line of Python at a time.
SAYS = '''
import os, signal, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])

def say(text):
    s.send(text.encode())

def be(pid):
    """Have a child with this number, or fail to, since others fork too; the file `been` says which."""
    for _ in range(50):
        with open('/proc/sys/kernel/ns_last_pid', 'w') as f:
            f.write(str(pid - 1))
        child = os.fork()
        if child == 0:
            signal.pause()
        if child == pid:
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    path = os.path.join(os.path.dirname(sys.argv[0]), 'been')
    with open(path + '.new', 'w') as f:
        f.write('yes' if child == pid else 'no')
    os.rename(path + '.new', path)

with open(os.path.join(os.path.dirname(sys.argv[0]), 'go')) as go:
    for line in go:
        exec(line, globals())
'''


def lie(g):
    """Somebody says that he is ready, and is gone. @return his number, which is far from those that are in use."""
    with open('/proc/sys/kernel/pid_max') as f:
        last = int(f.read()) - 1
    with open('/proc/sys/kernel/ns_last_pid', 'w') as f:
        f.write(str(random.randrange(last // 2, last)))
    user, pid = nobody(), os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            s.sendto(b'READY=1\nSTATUS=he', f'{g.runtime}/notify')
        os._exit(0)
    equal(os.waitpid(pid, 0)[1], 0, 'exit status of the one who lies')
    return pid


def number_comes_again(g, key, tell):
    """
    While the manager is stopped, a user says READY=1 and is gone; then a process of the worker has his number.
    @return when the worker is heard, who has said something after that; it is not ready.
    """
    if not os.access('/proc/sys/kernel/ns_last_pid', os.W_OK):
        raise Skip('here nobody can choose the number of a process')
    g.until('it is started', lambda: g.pid(key) > 0)
    manager = g.manager_pid
    kill(manager, signal.SIGSTOP)
    for _ in range(5):              # the socket holds no more of them
        pid = lie(g)
        tell(f'be({pid})')
        g.until('the worker has forked', lambda: os.path.exists(g.path('been')))
        been = g.read('been')
        os.unlink(g.path('been'))
        if been == 'yes':
            break
    equal(been, 'yes', 'a child of the worker has his number')
    tell("say('STATUS=I')")
    kill(manager, signal.SIGCONT)
    g.until('the worker is heard', lambda: g.instance(key)['status_text'] == 'I')
    equal(g.instance(key)['state'], 'starting', 'state of one for whom a stranger has spoken')
