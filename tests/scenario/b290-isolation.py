#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What a process may not do: a program tries it, and is refused; without the option, the same program can

Each case is a worker with the option, and one without.
"""

import ctypes
import os
import platform
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

KEYCTL_JOIN_SESSION_KEYRING = 1
KEY_SPEC_SESSION_KEYRING = -3
SYS = {'x86_64': {'add_key': 248, 'keyctl': 250}, 'aarch64': {'add_key': 217, 'keyctl': 219}}.get(platform.machine(), {})

# Each function tries something, and raises OSError if it is refused. What it returns is told instead of "done".
PROBE = r'''
import ctypes, errno, mmap, os, platform, socket, sys, time

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == 'x86_64'


def call(name, *arguments):
    result = getattr(libc, name)(*arguments)
    if result in (-1, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), name)
    return result


def syscall(number, *arguments):
    return call('syscall', ctypes.c_long(number), *(a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments))


libc.mmap.restype = libc.shmat.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
here = os.path.dirname(sys.argv[0]) + '/' + os.environ['GANGER_WORKER']


def file():
    with open(here, 'w'):
        pass
    return here


def chown():
    os.chown(file(), 1, 1)


def chown_of_another():
    os.chown(sys.argv[2], 1, 1)


def groups():
    return f'{os.getegid()}: ' + ', '.join(map(str, sorted(os.getgroups())))


def set_user_id():
    return os.popen(f'{sys.argv[2]} -u').read().strip()


def key():
    syscall(int(sys.argv[2]), 10, -3, b'user', sys.argv[3].encode(), 0)


def internet():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def local():
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close()


def internet_with_more_bits():
    os.close(syscall(41 if X86 else 198, 1 << 32 | socket.AF_INET, socket.SOCK_STREAM, 0))


def a_later_family():
    syscall(41 if X86 else 198, 200, socket.SOCK_STREAM, 0)


def io_uring():
    os.close(syscall(425, 4, bytes(120)))


def unshare_uts():
    call('unshare', 0x04000000)


def unshare_net():
    call('unshare', 0x40000000)


def clone_uts():
    pid = syscall(56 if X86 else 220, 0x04000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def setns_any():
    with open('/proc/self/ns/uts') as f:
        call('setns', f.fileno(), 0)


def thread():
    import threading
    t = threading.Thread(target=lambda: None)
    t.start()
    t.join()


def chmod_suid():
    os.chmod(file(), 0o4755)


def chmod_plain():
    os.chmod(file(), 0o755)


def fchmodat2_sgid():
    file()
    syscall(452, -100, here.encode(), 0o2755, 0)


def open_suid():
    os.close(os.open(here, os.O_CREAT | os.O_WRONLY, 0o4755))


def mkdir_sgid():
    os.mkdir(here, 0o2755)
    return oct(os.stat(here).st_mode & 0o7777) if os.stat(here).st_mode & 0o2000 else 'done'


def unnamed_suid():
    os.close(os.open(os.path.dirname(here), os.O_TMPFILE | os.O_WRONLY, 0o4755))


def map_write_execute():
    call('mmap', None, 4096, 7, 0x22, -1, 0)


def protect_execute():
    call('mprotect', call('mmap', None, 4096, 3, 0x22, -1, 0), 4096, 5)


def personality():
    call('personality', 0x0040000)


def sethostname():
    socket.sethostname(socket.gethostname())


def mount():
    call('mount', b'none', b'/nowhere', b'tmpfs', 0, None)


def swapoff():
    call('swapoff', b'/nowhere')


def foreign_call():
    """getpid() of 32 bits."""
    at = call('mmap', None, 4096, 7, 0x22, -1, 0)
    ctypes.memmove(at, b'\xb8\x14\x00\x00\x00\xcd\x80\xc3', 8)
    ctypes.CFUNCTYPE(ctypes.c_int)(at)()


try:
    print('=', globals()[sys.argv[1]]() or 'done', flush=True)
except OSError as e:
    print('=', errno.errorcode[e.errno], flush=True)
time.sleep(1000)
'''


class Case:
    def __init__(self, name, options, probe, refused, permitted='done', other=''):
        self.name, self.options, self.probe = name, options, probe
        self.refused, self.permitted, self.other = refused, permitted, other


def worker(name, case, options):
    words = ', '.join(f'"{word}"' for word in ('@/probe', *case.probe.split()))
    return f'worker {name} {{ exec = {{{words}}} restart = never {options} {case.other} }}\n'


def outcome(g, key):
    """What its probe has said; or how it was killed."""
    def find():
        said = g.logs.find(lambda line: line['key'] == key and line['text'].startswith('= '))
        state = g.instance(key)
        return said['text'][2:] if said else state['reason'] if state['state'] in ('failed', 'down') else None
    return g.until(f'{key} to have tried', find)


def gang_of_nobody(config):
    g = Gang(config, prefix=as_nobody(), env={'HOME': '/nonexistent'}, begin=False)
    os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
    return g


def try_all(cases):
    """Each with its option, and without."""
    config = ''.join(worker(f'{c.name}-in', c, c.options) + worker(f'{c.name}-out', c, '') for c in cases)
    with Gang(config, begin=False) as g:
        os.chmod(g.directory, 0o777)
        g.python('probe', PROBE)
        g.start()
        for c in cases:
            equal(outcome(g, f'{c.name}-out/0'), c.permitted, f'{c.name} without {c.options}')
            equal(outcome(g, f'{c.name}-in/0'), c.refused, f'{c.name} with {c.options}')


def system_calls():
    """system-call-filter: sets, names, what is taken out again, with an error and without"""
    number = 'system-call-error-number = EPERM'
    try_all([
        Case('listed', f'system-call-filter = @@system-service {number}', 'mount', 'EPERM', 'ENOENT'),
        Case('permitted', f'system-call-filter = {{@@system-service, @@mount}} {number}', 'mount', 'ENOENT', 'ENOENT'),
        Case('taken-out', f'system-call-filter = {{@@system-service, ~@@chown}} {number}', 'chown', 'EPERM'),
        Case('refused', f'system-call-filter = {{~@@mount, ~@@swap}} {number}', 'swapoff', 'EPERM', 'ENOENT'),
        Case('put-back', f'system-call-filter = {{~@@mount, ~@@swap, swapoff}} {number}', 'swapoff', 'ENOENT', 'ENOENT'),
        Case('number', 'system-call-filter = ~mount system-call-error-number = 38', 'mount', 'ENOSYS', 'ENOENT'),
        Case('killed', 'system-call-filter = ~mount', 'mount', 'killed by SIGSYS', 'ENOENT'),
        Case('threads', f'system-call-filter = @@system-service {number}', 'thread', 'done'),
    ])


def architectures():
    """system-call-architectures = native: a call of another one ends the process; so it does with any filter"""
    if platform.machine() != 'x86_64':
        raise Skip('there is no other architecture here')
    try:
        try_all([Case('plain', '', 'foreign_call', 'done')])
    except Failed:
        raise Skip('this kernel has no other architecture')
    try_all([
        Case('native', 'system-call-architectures = native', 'foreign_call', 'killed by SIGSYS'),
        Case('filtered', 'system-call-filter = ~mount system-call-error-number = EPERM', 'foreign_call', 'killed by SIGSYS'),
    ])


def families():
    """restrict-address-families: what is listed, or all but that; no other number, and no way round"""
    try_all([
        Case('others', 'restrict-address-families = AF_UNIX', 'internet', 'EAFNOSUPPORT'),
        Case('listed', 'restrict-address-families = AF_UNIX', 'local', 'done'),
        Case('excluded', 'restrict-address-families = ~AF_INET', 'internet', 'EAFNOSUPPORT'),
        Case('bits', 'restrict-address-families = ~AF_INET', 'internet_with_more_bits', 'EAFNOSUPPORT'),
        Case('bits-of-all', 'restrict-address-families = AF_UNIX', 'internet_with_more_bits', 'EAFNOSUPPORT'),
        Case('later', 'restrict-address-families = AF_UNIX', 'a_later_family', 'EAFNOSUPPORT', 'EAFNOSUPPORT'),
        Case('none', 'restrict-address-families = none', 'local', 'EAFNOSUPPORT'),
    ])
    if os.path.exists('/proc/sys/kernel/io_uring_disabled'):
        with open('/proc/sys/kernel/io_uring_disabled') as f:
            if f.read().strip() == '0':
                try_all([Case('uring', 'restrict-address-families = AF_UNIX', 'io_uring', 'ENOSYS')])


def namespaces():
    """restrict-namespaces: none, or those that are listed; by each call that makes or enters one"""
    need_root()
    try_all([
        Case('all', 'restrict-namespaces = yes', 'unshare_uts', 'EPERM'),
        Case('listed', 'restrict-namespaces = {uts, net}', 'unshare_uts', 'done'),
        Case('others', 'restrict-namespaces = uts', 'unshare_net', 'EPERM'),
        Case('excluded', 'restrict-namespaces = ~uts', 'unshare_uts', 'EPERM'),
        Case('clone', 'restrict-namespaces = yes', 'clone_uts', 'EPERM'),
        Case('enter', 'restrict-namespaces = ~uts', 'setns_any', 'EPERM'),
        Case('threads', 'restrict-namespaces = yes', 'thread', 'done'),
    ])


def files_with_more_rights():
    """restrict-suid-sgid: by each call that takes the mode of a file"""
    on = 'restrict-suid-sgid = yes'
    try_all([
        Case('chmod', on, 'chmod_suid', 'EPERM'),
        Case('plain', on, 'chmod_plain', 'done'),
        Case('open', on, 'open_suid', 'EPERM'),
        Case('mkdir', on, 'mkdir_sgid', 'EPERM'),
        Case('unnamed', on, 'unnamed_suid', 'EPERM'),
    ])
    if os.uname().release >= '6.6' and len(os.uname().release.split('.')[0]) == 1:
        try_all([Case('fchmodat2', on, 'fchmodat2_sgid', 'EPERM')])


def memory():
    """memory-deny-write-execute: neither at once, nor one after the other; and gangerd itself is not bound by it"""
    on = 'memory-deny-write-execute = yes'
    try_all([
        Case('map', on, 'map_write_execute', 'EPERM'),
        Case('protect', on, 'protect_execute', 'EPERM'),
    ])


def domain():
    """lock-personality"""
    try_all([Case('lock', 'lock-personality = yes', 'personality', 'EPERM')])


def capabilities():
    """capabilities: what is not in them even root has not; ambient-capabilities: what is in them an ordinary user has"""
    need_root()
    as_user = 'user = nobody'
    with open(f'/tmp/ganger-b290-file-{os.getpid()}', 'w') as f:
        path = f.name
    try:
        try_all([
            Case('without', 'capabilities = {~CAP_CHOWN}', 'chown', 'EPERM'),
            Case('only', 'capabilities = {CAP_CHOWN, CAP_DAC_OVERRIDE}', 'chown', 'done'),
            Case('hostname', 'capabilities = CAP_CHOWN', 'sethostname', 'EPERM'),
            Case('none', 'capabilities = {}', 'chown', 'EPERM'),
            Case('ambient', 'ambient-capabilities = CAP_CHOWN', f'chown_of_another {path}', 'done', 'EPERM', as_user),
            Case('both', 'capabilities = CAP_CHOWN ambient-capabilities = CAP_CHOWN', f'chown_of_another {path}', 'done', 'EPERM',
                 as_user),
            Case('one', 'ambient-capabilities = CAP_KILL', f'chown_of_another {path}', 'EPERM', 'EPERM', as_user),
            Case('filtered', 'ambient-capabilities = CAP_CHOWN system-call-filter = @@system-service',
                 f'chown_of_another {path}', 'done', 'EPERM', as_user),
        ])
    finally:
        os.unlink(path)


def privileges():
    """no-new-privileges: a set-user-ID program gives none; a filter implies it for a user"""
    need_root()
    path = f'/tmp/ganger-b290-id-{os.getpid()}'
    run(['cp', '/usr/bin/id', path])
    os.chmod(path, 0o4755)
    user = str(nobody().pw_uid)
    try:
        try_all([
            Case('plain', 'no-new-privileges = yes', f'set_user_id {path}', user, '0', 'user = nobody'),
            Case('implied', 'system-call-filter = @@system-service', f'set_user_id {path}', user, '0', 'user = nobody'),
        ])
    finally:
        os.unlink(path)


def groups():
    """primary-group and supplementary-groups, with a user and without; who is not root is told that it may not"""
    need_root()
    own, theirs = nobody().pw_gid, sorted({nobody().pw_gid, 2, 12345})
    try_all([
        Case('primary', 'primary-group = daemon', 'groups', '1: 1', f'{own}: {own}', 'user = nobody'),
        Case('more', 'supplementary-groups = {bin, 12345}', 'groups', f'{own}: {", ".join(map(str, theirs))}', f'{own}: {own}',
             'user = nobody'),
        Case('root', 'primary-group = daemon supplementary-groups = 54321', 'groups',
             f'1: {", ".join(map(str, sorted({*os.getgroups(), 54321})))}',
             f'{os.getegid()}: {", ".join(map(str, sorted(os.getgroups())))}'),
    ])
    with gang_of_nobody('worker w { exec = {"sleep", "1000"} restart = never primary-group = daemon }') as g:
        g.start()
        g.wait_state('w/0', 'failed')
        check("primary-group 'daemon': only root may" in g.instance('w/0')['reason'], g.instance('w/0')['reason'])


def keyrings():
    """keyring-mode: private is not that in which we have put something"""
    if not SYS:
        raise Skip('numbers of calls of this architecture')
    libc = ctypes.CDLL(None, use_errno=True)
    name = f'ganger-b290-{os.getpid()}'
    if libc.syscall(SYS['keyctl'], KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0) < 0 or \
       libc.syscall(SYS['add_key'], b'user', name.encode(), b'x', 1, KEY_SPEC_SESSION_KEYRING) < 0:
        raise Skip('this kernel has no keyrings')
    try_all([
        Case('private', 'keyring-mode = private', f'key {SYS["keyctl"]} {name}', 'ENOKEY'),
        Case('shared', 'keyring-mode = shared', f'key {SYS["keyctl"]} {name}', 'ENOKEY'),
        Case('inherit', 'keyring-mode = inherit', f'key {SYS["keyctl"]} {name}', 'done'),
    ])


def a_user_may_not():
    """what only root may is told: the key, the value, and the reason of the system; filters an ordinary user can have"""
    with gang_of_nobody('worker w { exec = {"sleep", "1000"} restart = never capabilities = CAP_CHOWN }\n'
                        'worker v { exec = {"sleep", "1000"} system-call-filter = @@system-service restrict-namespaces = yes }') as g:
        g.start()
        g.until_ready('v/0')
        g.wait_state('w/0', 'failed')
        equal(g.instance('w/0')['reason'], 'capabilities={CAP_CHOWN}: Operation not permitted', 'reason')


def everywhere():
    """it holds for the bridge and its program, for what runs beside the worker, and over the deaths of manager and process"""
    with Gang('''
ring in { } ring out { }
worker w { exec = {"@/io"} io = lines receive = in send = out restart-delay = 1ms system-call-filter = {~@@mount} no-new-privileges = yes
           system-call-error-number = EPERM }
worker h { exec = {"sleep", "1000"} ready = exec ready-exec = {"@/seccomp"} restrict-suid-sgid = yes }
''', begin=False) as g:
        g.script('io', 'while read -r x; do echo "OK $(grep -c "^Seccomp:.2" /proc/self/status)"; done')
        g.script('seccomp', 'grep -q "^Seccomp:.2" /proc/self/status')
        g.start()
        g.until_ready('w/0', 'h/0')
        kill_and_wait(g.manager_pid)
        g.ctl('restart', 'w')
        g.ctl('send', 'in', 'a')
        equal(g.ctl('receive', 'out', '--count', 1).out.strip(), '1', 'filters of the program')


main(system_calls, architectures, families, namespaces, files_with_more_rights, memory, domain, capabilities, privileges, groups,
     keyrings, a_user_may_not, everywhere)
