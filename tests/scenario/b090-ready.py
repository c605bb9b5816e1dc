#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is ready, and who may say so."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import socket

# Says READY=1 when a line comes, and what else the line says.
NOTIFIES = '''
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
s.send(b'STATUS=warming up')
with open(os.path.join(os.path.dirname(sys.argv[0]), 'go.' + os.environ['GANGER_WORKER'])) as go:
    for line in go:
        if 'child' in line and os.fork():
            os.wait()
            continue
        s.send(b'READY=1\\nSTATUS=' + line.strip().encode())
        if 'child' in line:
            # As systemd-notify does: it stays until all that it said was read, so that it can be asked who it is.
            read, write = os.pipe()
            socket.send_fds(s, [b'BARRIER=1'], [write])
            os.close(write)
            select.select([read], [], [])
            os._exit(0)
import signal
signal.pause()
'''


def by_notify():
    """ready = notify: starting until it says READY=1; its status is shown; a start waits for it"""
    with Gang('worker a { exec = {"@/notifies"} ready = notify }', begin=False) as g:
        g.python('notifies', NOTIFIES)
        g.fifo('go.a')
        g.start()
        with open(g.path('go.a'), 'w') as go:
            g.until('its status is there', lambda: g.instance('a/0')['status_text'] == 'warming up')
            equal(g.instance('a/0')['state'], 'starting', 'state')
            g.ctl('is-active', 'a', expected=3)
            waiting = g.background('start', 'a')
            go.write('at work\n')
            go.flush()
            g.wait_helper(waiting).has('a/0')
            i = g.instance('a/0')
            equal((i['state'], i['status_text']), ('ready', 'at work'), 'instance')


def by_a_child():
    """a process of its session may say it for the instance, as a shell script with systemd-notify does"""
    with Gang('worker a { exec = {"@/notifies"} ready = notify }', begin=False) as g:
        g.python('notifies', NOTIFIES)
        g.fifo('go.a')
        g.start()
        with open(g.path('go.a'), 'w') as go:
            go.write('child\n')
            go.flush()
            g.wait_state('a/0', 'ready')


def spoofed():
    """what another process says is ignored: a stranger's, and that of another worker; noise does no harm"""
    with Gang('worker a { exec = {"@/notifies"} ready = notify }\nworker b { exec = {"@/notifies"} ready = notify }\n'
              'worker c { exec = {"@/notifies"} ready = notify }', begin=False) as g:
        g.python('notifies', NOTIFIES)
        for name in 'abc':
            g.fifo(f'go.{name}')
        g.start()
        for name in 'abc':
            g.until('they wait', lambda: g.instance(f'{name}/0')['status_text'] == 'warming up')
        with open(g.path('go.b'), 'w') as b, open(g.path('go.c'), 'w') as c, open(g.path('go.a'), 'w') as a:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.connect(g.path('run/notify'))
                for text in (b'READY=1', f'MAINPID={g.pid("a/0")}\nREADY=1'.encode(), b'', b'\0\0', b'x' * 10000, b'STATUS=\xff\xfe\n',
                             b'READY=1\nSTATUS=hacked'):
                    s.send(text)
                # With descriptors, which must not pile up.
                for _ in range(50):
                    socket.send_fds(s, [b'FDSTORE=1\nFDNAME=x'], [0, 1, 2])
            # Datagrams come in order: when these are ready, all of the above was read.
            for name, go in (('b', b), ('c', c)):
                go.write('me\n')
                go.flush()
                g.wait_state(f'{name}/0', 'ready')
            i = g.instance('a/0')
            equal((i['state'], i['status_text']), ('starting', 'warming up'), 'a/0')
            fds = len(os.listdir(f'/proc/{g.manager_pid}/fd'))
            check(fds < 60, f'the manager has {fds} descriptors')
            a.write('now\n')
            a.flush()
            g.wait_state('a/0', 'ready')


def while_there_is_no_manager():
    """READY=1 that is sent while there is no manager is not lost"""
    with Gang('worker a { exec = {"@/notifies"} ready = notify }', begin=False) as g:
        g.python('notifies', NOTIFIES)
        g.fifo('go.a')
        g.start()
        g.until('it waits', lambda: g.instance('a/0')['status_text'] == 'warming up')
        with open(g.path('go.a'), 'w') as go:
            pid = g.pid('a/0')
            manager = g.manager_pid
            kill(manager, signal.SIGSTOP)
            go.write('now\n')
            go.flush()
            kill_and_wait(manager)
            g.until_ready('a/0')
            equal(g.pid('a/0'), pid, 'pid')


# libganger by ctypes: receive, work, forward.
CTYPES = '''
import ctypes, os, sys
lib = ctypes.CDLL(sys.argv[1])

class Message(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t), ('id', ctypes.c_uint64), ('deliveries', ctypes.c_uint32),
                ('slot', ctypes.c_uint32), ('ring', ctypes.c_void_p)]

def call(name, *args):
    f = getattr(lib, 'ganger_' + name)
    r = f(*args)
    if r < 0:
        sys.exit(f'{name}: {os.strerror(-r)}')
    return r

g, rx, tx = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
call('join', ctypes.byref(g), None)
call('ring_open', g, b'in', 1, ctypes.byref(rx))
call('ring_open', g, b'out', 2, ctypes.byref(tx))
call('ready', g)
call('status', g, 'läuft'.encode())
m, out = Message(), Message()
while lib.ganger_ring_receive(rx, ctypes.byref(m), ctypes.c_int64(-1)) == 0:
    text = ctypes.string_at(m.data, m.size)[::-1]
    call('ring_reserve', tx, ctypes.c_size_t(len(text)), ctypes.byref(out), ctypes.c_int64(-1))
    ctypes.memmove(out.data, text, len(text))
    out.size = len(text)
    call('forward', ctypes.byref(m), ctypes.byref(out))
print('asked to drain', flush=True)
'''


def by_library():
    """ready = library: a Python program with libganger by ctypes joins, forwards, and drains when it is stopped"""
    library = next((p for p in (f'{BUILD}/.libs/libganger.so', f'{BUILD}/lib/.libs/libganger.so') if os.path.exists(p)), None)
    if not library:
        raise Skip('there is no libganger.so')
    if sanitized():
        raise Skip('python cannot load a library with AddressSanitizer')
    config = f'''
    ring in {{ }}
    ring out {{ }}
    worker w {{ exec = {{"@/w", "{library}"}} ready = library receive = {{in}} send = {{out}} instances = 2 }}
    '''
    with Gang(config, begin=False) as g:
        g.python('w', CTYPES)
        g.start()
        g.until_ready('w/0', 'w/1')
        g.until('its status is there', lambda: g.instance('w/0')['status_text'] == 'läuft')
        words = [f'word{i}' for i in range(200)]
        g.ctl('send', 'in', *words)
        got = [data(m) for m in g.ctl('--json', 'receive', 'out', '--count', 200).json_lines()]
        equal(sorted(got), sorted(w[::-1] for w in words), 'messages')
        g.ctl('stop', 'w')
        for n in (0, 1):
            g.wait_log(f'w/{n}', 'asked to drain')
            equal(g.instance(f'w/{n}')['last_exit'], 'exit status 0', 'last exit')


main(by_notify, by_a_child, spoofed, while_there_is_no_manager, by_library)
