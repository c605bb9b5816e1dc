# SPDX-License-Identifier: MIT
"""
A service manager that keeps descriptors

What systemd does for a service with FileDescriptorStoreMax=, as far as gangerd needs it: FDSTORE=1, FDSTOREREMOVE=1, and
LISTEN_FDS for the next process. For scenarios that need no systemd; those with a real one are in tests/systemd.
"""

import array
import fcntl

from gang import *  # noqa: F403

STORE_MAX = 512
# Ours are above this, so that those of the next process can be put below it.
FIRST_FD = 600
KCMP_FILE = 0
# Before it executes gangerd: has the descriptors where they belong, and knows its pid.
LAUNCHER = '''
import os, sys
n = int(sys.argv[1])
for i in range(n):
    os.dup2(int(sys.argv[2 + i]), 3 + i, inheritable=True)
os.closerange(3 + n, 4096)
if 'WATCHDOG_USEC' in os.environ:
    os.environ['WATCHDOG_PID'] = str(os.getpid())
if n:
    os.environ.update(LISTEN_FDS=str(n), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=sys.argv[2 + n])
os.execv(sys.argv[3 + n], sys.argv[3 + n:])
'''


def same_file(a, b):
    """As systemd finds out that it has a descriptor already; what the kernel does not tell is another one."""
    if os.uname().machine != 'x86_64':
        return False
    return ctypes.CDLL(None).syscall(312, os.getpid(), os.getpid(), KCMP_FILE, a, b) == 0


def family(pid):
    """It and all below it; by what the kernel says of each, which is quicker than to look at all processes."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            below = f.read().split()
    except OSError:
        return []
    return [pid, *(found for child in below for found in family(int(child)))]


def reap(pid):
    """If it has become a child of ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


class KeptGang(Gang):
    """
    A gang whose descriptors are kept. When its keeper has died, start() begins the next one with them.

    store_max  FileDescriptorStoreMax=; 0: nothing is kept
    """

    def __init__(self, *arguments, store_max=STORE_MAX, env=None, **options):
        self.store, self.store_max, self.sockets = [], store_max, []        # [(name, fd)], and of socket units
        self.refused = 0
        self.reads = threading.Event()          # cleared: it does not
        self.reads.set()
        super().__init__(*arguments, env=dict(env or {}, FDSTORE=str(store_max)), **options)

    def popen(self, words, **options):
        # What the one before has sent is read, and it is dead: nothing changes any more.
        given = self.sockets + self.store
        fds = [fd for _, fd in given]
        return subprocess.Popen([PYTHON, '-c', LAUNCHER, str(len(fds)), *map(str, fds), ':'.join(name for name, _ in given), *words],
                                pass_fds=fds, **options)

    def receive(self, listener):
        self.reads.wait()
        fds = array.array('i')
        text, ancillary, _, _ = listener.recvmsg(65536, socket.CMSG_SPACE(16 * fds.itemsize))
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
        lines = text.decode().split('\n')
        name = next((line[7:] for line in lines if line.startswith('FDNAME=')), 'stored')
        if 'FDSTORE=1' in lines:
            check('FDPOLL=0' in lines and len(name) < 256 and ':' not in name and name.isascii(), f'FDSTORE: {lines}')
            for fd in fds:
                self.keep(name, fd)
        elif 'FDSTOREREMOVE=1' in lines:
            for entry in [e for e in self.store if e[0] == name]:
                os.close(entry[1])
                self.store.remove(entry)
        for fd in fds:
            os.close(fd)
        return text

    def keep(self, name, fd):
        if len(self.store) >= self.store_max:
            self.refused += 1
        elif not any(same_file(fd, other) for _, other in self.store):
            self.store.append((name, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FD)))

    def kept(self):
        """The names of what is kept, without their numbers."""
        return sorted(name.split('/', 1)[-1] for name, _ in self.store)

    def add_socket(self, name, listening):
        """As of a socket unit: given to each process, and not part of what is kept."""
        self.sockets.append((name, fcntl.fcntl(listening.fileno(), fcntl.F_DUPFD_CLOEXEC, FIRST_FD)))

    def crash(self):
        """SIGKILL of the keeper and of the manager, together."""
        keeper, manager = self.keeper_pid, self.manager_pid
        everything = family(keeper)
        self.close_streams()
        os.kill(keeper, signal.SIGKILL)
        try:
            os.kill(manager, signal.SIGKILL)
        except ProcessLookupError:
            pass
        # Until nothing of the service is left: before, a service manager does not start it again.
        self.process.wait(LIMIT)
        for pid in everything:
            wait_dead(pid)
            if pid != keeper:
                reap(pid)

    def forget(self):
        """As when the service is stopped."""
        for _, fd in self.store:
            os.close(fd)
        self.store = []

    def abandon(self):
        self.reads.set()
        try:
            return super().abandon()
        finally:
            self.forget()
            for _, fd in self.sockets:
                os.close(fd)
            self.sockets = []
