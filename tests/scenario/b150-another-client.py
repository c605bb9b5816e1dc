#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another client of the control socket: Python, with what protoc makes of control.proto."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import importlib
import shutil
import socket
import struct

try:
    import google.protobuf  # noqa: F401
except ImportError:
    # The python3 in PATH may be another than that of the distribution, which has the package.
    if sys.executable != PYTHON and subprocess.run([PYTHON, '-c', 'import google.protobuf'], stderr=subprocess.DEVNULL).returncode == 0:
        os.execv(PYTHON, [PYTHON, *sys.argv])
    google = None

CONFIG = '''
ring jobs { slots = 64 }
worker w { exec = {"sleep", "1000"} instances = 2 }
worker fast { exec = {"@/fast"} restart-limit = 1/infinity restart-delay = 1ms }
'''


class Client:
    """Frames of four bytes, big-endian, and a message."""

    def __init__(self, pb, path):
        self.pb, self.id = pb, 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def send(self, **call):
        self.id += 1
        request = self.pb.Request(id=self.id, **call)
        text = request.SerializeToString()
        self.socket.sendall(struct.pack('>I', len(text)) + text)
        return self.id

    def read(self, n):
        got = b''
        while len(got) < n:
            more = self.socket.recv(n - len(got))
            check(more, 'the daemon hung up')
            got += more
        return got

    def receive(self):
        n, = struct.unpack('>I', self.read(4))
        return self.pb.Reply.FromString(self.read(n))

    def call(self, **call):
        sent = self.send(**call)
        reply = self.receive()
        equal(reply.id, sent, 'id of the reply')
        return reply


def compiled(g):
    """The module that protoc makes of control.proto."""
    if google is None:
        raise Skip('python3-protobuf is not installed')
    need('protoc')
    if os.path.exists(g.path('control_pb2.py')):
        return importlib.import_module('control_pb2')
    run(['protoc', f'--proto_path={SOURCE}/proto', f'--python_out={g.directory}', 'control.proto'])
    sys.path.insert(0, g.directory)
    sys.modules.pop('control_pb2', None)
    # One process can have the messages of a file but once.
    module = compiled.module = getattr(compiled, 'module', None) or importlib.import_module('control_pb2')
    sys.path.remove(g.directory)
    return module


def gang():
    g = Gang(CONFIG, begin=False)
    g.script('fast', 'exit 1')
    return g


def asks():
    """version, status, rings, scale, start, stop, peek, dead, reload; many requests on one connection"""
    with gang() as g:
        pb = compiled(g)
        g.start()
        g.until_ready('w/0', 'w/1')
        c = Client(pb, g.path('run/control'))
        version = c.call(version=pb.VersionRequest()).version
        equal((version.protocol, version.keeper_pid, version.manager_pid), (1, g.keeper_pid, g.manager_pid), 'version')
        status = c.call(status=pb.StatusRequest(names=['w'])).status
        equal([(i.key, i.state, i.pid) for i in status.workers[0].instances],
              [(key, 'ready', g.pid(key)) for key in ('w/0', 'w/1')], 'status')
        change = c.call(scale=pb.ScaleRequest(name='w', instances=4)).change
        equal({x.key for x in change.changes if x.ok} >= {'w/2', 'w/3'}, True, 'scale')
        equal(g.status('w')['w']['ready'], 4, 'ready')
        c.call(stop=pb.StopRequest(names=['w/1']))
        equal(g.instance('w/1')['state'], 'down', 'stopped')
        equal([r.name for r in c.call(rings=pb.RingsRequest()).rings.rings], ['jobs'], 'rings')
        g.ctl('send', 'jobs', 'hello')
        equal([m.data for m in c.call(peek=pb.PeekRequest(ring='jobs')).peek.messages], [b'hello'], 'peek')
        equal(len(c.call(dead=pb.DeadRequest(ring='jobs')).dead.messages), 0, 'dead')
        equal(c.call(reload=pb.ReloadRequest()).WhichOneof('result'), 'reload', 'reload')
        ids = [c.send(version=pb.VersionRequest()) for _ in range(100)]
        equal(sorted(c.receive().id for _ in ids), ids, 'a hundred at once')
        for call, code in ((dict(status=pb.StatusRequest(names=['nobody'])), pb.ERROR_NO_SUCH_NAME), (dict(), pb.ERROR_INVALID),
                           (dict(scale=pb.ScaleRequest(name='w', instances=4000000000)), None)):
            reply = c.call(**call)
            check(reply.HasField('error') and reply.error.message, f'{call} is answered with {reply}')
            check(code is None or reply.error.code == code, f'{call} is answered with {reply}')
        c.close()


def watches():
    """the event stream: every event in order, while other requests are answered on the same connection"""
    with gang() as g:
        pb = compiled(g)
        g.start()
        g.until_ready('w/0', 'w/1')
        c = Client(pb, g.path('run/control'))
        stream = c.send(events=pb.EventsRequest(follow=True, past=1000))
        killed = g.pid('w/0')
        kill(killed)
        events, versions = [], 0
        while not any(e.kind == 'state' and e.key == 'w/0' and e.state == 'ready' and e.pid not in (0, killed) for e in events):
            reply = c.receive()
            if reply.id == stream:
                check(reply.more, 'the stream ended')
                events.append(reply.event)
                c.send(version=pb.VersionRequest())
            else:
                versions += 1
        check(versions > 0, 'nothing else was answered meanwhile')
        numbers = [e.sequence for e in events]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 'sequence')
        [exited] = [e for e in events if e.kind == 'exit' and e.key == 'w/0']
        equal((exited.pid, os.WTERMSIG(exited.status)), (killed, signal.SIGKILL), 'exit')
        c.close()


def speaks_nonsense():
    """frames that are too long, broken or half: an end of that connection, and of nothing else"""
    with gang() as g:
        pb = compiled(g)
        g.start()
        path = g.path('run/control')
        g.until_ready('w/0', 'w/1')
        before, manager = g.pids()['w/0'], g.manager_pid
        for noise in (struct.pack('>I', 0xffffffff) + b'x' * 100, struct.pack('>I', (1 << 20) + 1), struct.pack('>I', 10) + b'\xff' * 10,
                      b'GET / HTTP/1.0\r\n\r\n', struct.pack('>I', 0) * 1000):
            c = Client(pb, path)
            try:
                c.socket.sendall(noise)
                while c.socket.recv(65536):
                    if noise[:4] == b'\0\0\0\0':
                        break                   # an empty request is a request
            except ConnectionError:
                pass                            # it may hang up before it has read all
            c.close()
        half = Client(pb, path)
        half.socket.sendall(struct.pack('>I', 100) + b'half')
        equal((g.pids()['w/0'], g.manager_pid), (before, manager), 'the daemon')
        half.close()
        # Many that say nothing do not keep others out.
        silent = [Client(pb, path) for _ in range(50)]
        g.ctl('status')
        for c in silent:
            c.close()


main(asks, watches, speaks_nonsense)
