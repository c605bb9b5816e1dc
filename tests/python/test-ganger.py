#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""contrib/python/ganger.py in a plain interpreter: what it promises, with real processes that are killed."""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('GANGER_BUILD', os.getcwd()))
MODULE = os.path.join(SOURCE, 'contrib', 'python')
os.environ['GANGER_LIBRARY'] = os.path.join(BUILD, '.libs', 'libganger.so')
sys.path.insert(0, MODULE)
sys.dont_write_bytecode = True

with open(os.environ['GANGER_LIBRARY'], 'rb') as library:
    if b'__asan_init' in library.read():
        print('skipped: a library with sanitizers does not load into a plain interpreter')
        sys.exit(77)

import ganger  # noqa: E402

BOTH = ganger.SEND | ganger.RECEIVE


def child(member, body):
    """Fork a child that joins as a member and runs body(gang). @return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        body(member.join())
        os._exit(0)
    except BaseException as e:
        print('child:', type(e).__name__, e, file=sys.stderr, flush=True)
        os._exit(1)


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(member, body):
    """A child that runs body(gang) and is then killed by SIGKILL; recovered."""
    def run(gang):
        body(gang)
        os.kill(os.getpid(), signal.SIGKILL)
    assert wait(child(member, run)) == -signal.SIGKILL
    return member.recover('killed')


class WithHost(unittest.TestCase):
    """A host, and this process as a member of it."""

    def setUp(self):
        self.host = ganger.Host('test')
        self.make()
        self.gang = self.host.admit().join()

    def make(self):
        self.host.add('jobs', 'queue', slots=8, message_max=64, max_deliveries=2)
        self.host.add('done', 'queue', slots=8, message_max=64, max_deliveries=2)

    def tearDown(self):
        self.gang.close()
        self.host.close()


class Queue(WithHost):
    def test_a_message_goes_through(self):
        ring = self.gang.ring('jobs', BOTH)
        ring.send('grüße')
        ring.send(b'\0\1')
        with ring.receive() as m:
            self.assertEqual(m.data.decode(), 'grüße')
            self.assertEqual((m.deliveries, len(m), bytes(m)), (1, 7, m.data))
        with ring.receive() as m:
            self.assertEqual(bytes(m.view), b'\0\1')
            with self.assertRaises(TypeError):
                m.view[0] = 1
        with self.assertRaises(ValueError):
            m.data

    def test_errors_have_names(self):
        ring = self.gang.ring('jobs', BOTH)
        with self.assertRaises(BlockingIOError):
            ring.receive(0)
        with self.assertRaises(TimeoutError):
            ring.receive(0.01)
        with self.assertRaises(FileNotFoundError):
            self.gang.ring('nowhere')
        with self.assertRaises(OSError) as caught:
            ring.send(b'x' * 65)
        self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
        for i in range(8):
            ring.send(str(i))
        with self.assertRaises(BlockingIOError):
            ring.send('full', 0)
        ring.close()
        with self.assertRaises(ValueError):
            ring.receive()

    def test_an_exception_rejects(self):
        ring = self.gang.ring('jobs', BOTH)
        ring.send('x')
        with self.assertRaises(KeyError), ring.receive():
            raise KeyError('no')
        m = ring.receive()
        self.assertEqual(m.deliveries, 2)
        self.assertTrue(m.reject('twice'))
        with self.assertRaises(BlockingIOError):
            ring.receive(0)

    def test_what_a_killed_process_held_comes_back(self):
        ring = self.gang.ring('jobs', BOTH)
        ring.send('precious')
        found = killed(self.host.admit(), lambda gang: gang.ring('jobs').receive())
        self.assertEqual(found.returned, 1)
        with ring.receive(0) as m:
            self.assertEqual((m.data, m.deliveries), (b'precious', 2))

    def test_forward_is_one_step(self):
        self.gang.ring('jobs', ganger.SEND).send('3')

        def half(gang):
            gang.ring('jobs').receive()
            gang.ring('done', ganger.SEND).reserve(8).view[0:1] = b'?'
        found = killed(self.host.admit(), half)
        self.assertEqual((found.returned, found.cancelled), (1, 1))
        m, out = self.gang.ring('jobs').receive(0), self.gang.ring('done', ganger.SEND).reserve(8)
        out.view[0:1] = b'9'
        out._message.size = 1
        ganger.forward(m, out)
        with self.gang.ring('done').receive(0) as m:
            self.assertEqual(m.data, b'9')

    def test_iterating_ends_when_asked_to_drain(self):
        ring = self.gang.ring('jobs', BOTH)
        for i in range(3):
            ring.send(str(i))
        member, seen = self.host.admit(), os.pipe()

        def work(gang):
            for m in gang.ring('jobs'):
                with m:
                    os.write(seen[1], m.data)
        pid = child(member, work)
        got = b''
        while len(got) < 3:
            got += os.read(seen[0], 3)
        self.assertEqual(got, b'012')
        member.drain()
        self.assertEqual(wait(pid), 0)
        os.close(seen[0])
        os.close(seen[1])

    def test_a_descriptor_to_poll(self):
        ring = self.gang.ring('jobs', BOTH)
        poll = select.poll()
        poll.register(ring, select.POLLIN)
        poll.poll(0)
        with self.assertRaises(BlockingIOError):
            ring.receive(0)
        self.assertEqual(poll.poll(0), [])
        self.gang.ring('jobs', ganger.SEND).send('x')
        self.assertEqual(len(poll.poll(10000)), 1)
        ring.receive(0).acknowledge()

    def test_a_signal_does_not_end_a_wait(self):
        ring, handled = self.gang.ring('jobs', BOTH), threading.Event()
        before = signal.signal(signal.SIGUSR1, lambda *_: (handled.set(), self.gang.ring('jobs', ganger.SEND).send('x')))
        main = threading.main_thread().ident
        # Sent again until it is handled: the first may come before the wait begins, and then its handler sends all the same.
        thread = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGUSR1))
        thread.start()
        with ring.receive(10) as m:
            self.assertEqual(m.data, b'x')
        thread.join()
        self.assertTrue(handled.is_set())
        signal.signal(signal.SIGUSR1, before)


class Joining(WithHost):
    def test_over_exec(self):
        member = self.host.admit({'jobs': ganger.SEND})
        environment, fds = member.environment()
        code = 'import ganger\nwith ganger.join() as g:\n  g.ring("jobs", ganger.SEND).send(g.worker)'
        subprocess.run([sys.executable, '-B', '-c', code], check=True, pass_fds=fds,
                       env={**os.environ, 'PYTHONPATH': MODULE, **environment})
        with self.gang.ring('jobs').receive(0) as m:
            self.assertEqual(m.data, b'test')

    def test_over_a_socket(self):
        here, there = socket.socketpair()
        member = self.host.admit()
        pid = os.fork()
        if pid == 0:
            here.close()
            ganger.join_socket(there, 10).ring('jobs', ganger.SEND).send('from afar')
            os._exit(0)
        member.send(here)
        self.assertEqual(wait(pid), 0)
        with self.gang.ring('jobs').receive(0) as m:
            self.assertEqual(m.data, b'from afar')
        here.close()
        there.close()

    def test_no_gang(self):
        os.environ.pop('GANGER_HANDSHAKE', None)
        with self.assertRaises(FileNotFoundError):
            ganger.join()


if __name__ == '__main__':
    unittest.main()
