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


class Membership(WithHost):
    def test_a_heartbeat_is_for_any_member(self):
        self.gang.heartbeat()
        self.gang.close()
        with self.assertRaises(ValueError):
            self.gang.heartbeat()

    def test_who_is_no_spare_is_active(self):
        self.assertIs(self.gang.is_standby, False)
        self.gang.wait_active()
        self.gang.wait_active(0)
        self.gang.interrupt()
        with self.assertRaises(ganger.Drained):
            self.gang.wait_active()


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

    def test_a_long_message_in_small_slots(self):
        self.host.add('mixed', 'queue', slots=8, message_max=100000, max_deliveries=2, slot_size=64, heap_size=200000)
        with self.host.admit({'mixed': BOTH}).join() as gang:
            ring = gang.ring('mixed', BOTH)
            for text in ('short', 'long' * 25000, 'x' * 64, 'y' * 65):
                ring.send(text)
            for text in ('short', 'long' * 25000, 'x' * 64, 'y' * 65):
                with ring.receive(0) as m:
                    self.assertEqual(m.data.decode(), text)
            with self.assertRaises(OSError) as caught:
                ring.send('z' * 100001)
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)

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
        out.size = 1
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


class Batches(WithHost):
    def test_many_at_once(self):
        ring = self.gang.ring('jobs', BOTH)
        for i in range(5):
            ring.send(str(i))
        messages = ring.receive_many(4)
        self.assertEqual([m.data for m in messages], [b'0', b'1', b'2', b'3'])
        with self.assertRaises(ValueError):
            ganger.acknowledge_many([messages[0]] * 2)
        ganger.acknowledge_many(messages)
        with self.assertRaises(ValueError):
            messages[0].acknowledge()
        self.assertEqual([m.data for m in ring.receive_many(4, 0)], [b'4'])

    def test_a_replacement_knows_the_last_number(self):
        def work(gang):
            ring = gang.ring('jobs', ganger.SEND)
            assert ring.produce(3) == 0
            ring.send_sequenced(7, 'seven')
        killed(self.host.admit(), work)
        ring = self.gang.ring('jobs', BOTH)
        self.assertEqual((ring.sequence(3), ring.produce(3)), (7, 7))
        with self.assertRaises(OSError) as caught:
            ring.send_sequenced(7, 'seven')
        self.assertEqual(caught.exception.errno, errno.EALREADY)
        ring.reserve(1).commit(sequence=8)
        self.assertEqual(ring.sequence(3), 8)

    def test_any_of_several(self):
        jobs, done = self.gang.ring('jobs'), self.gang.ring('done', BOTH)
        with self.assertRaises(BlockingIOError):
            ganger.wait_any([jobs, done], 0)
        done.send('x')
        self.assertEqual(ganger.wait_any([jobs, done]), [(done, ganger.RECEIVE)])
        self.assertEqual(ganger.wait_any([jobs, (done, ganger.SEND)]), [(done, ganger.SEND)])


class Streams(WithHost):
    def make(self):
        self.host.add('line', 'pipe', capacity=4096, message_max=256)
        self.host.add('news', 'broadcast', capacity=128, message_max=16, policy='lossy')
        self.host.add('safe', 'broadcast', capacity=4096, message_max=64, policy='refuse', subscribers=2)

    def test_the_next_reader_gets_what_was_not_consumed(self):
        with self.gang.pipe('line', ganger.SEND) as writer:
            writer.append('a')
            writer.send('b')
            writer.reserve(8)[:1] = b'c'
            writer.commit(1)

        def work(gang):
            pipe = gang.pipe('line')
            assert pipe.receive(0) == b'a'
            assert bytes(pipe.peek(0)) == b'b'
        killed(self.host.admit(), work)
        reader = self.gang.pipe('line')
        self.assertEqual(bytes(reader.peek(0)), b'b')
        self.assertEqual(bytes(reader.peek(0)), b'c')
        reader.consume()
        with self.assertRaises(BlockingIOError):
            reader.receive(0)

    def test_what_was_overwritten_is_counted(self):
        reader = self.gang.broadcast('news')
        late = self.gang.broadcast('safe')

        def work(gang):
            news = gang.broadcast('news', ganger.SEND)
            for i in range(100):
                news.send(str(i))
            gang.broadcast('safe', ganger.SEND).send('kept')
        killed(self.host.admit(), work)
        first = int(reader.receive(0))
        self.assertEqual(reader.missed, first)
        self.assertGreater(first, 0)
        self.assertEqual((int(reader.receive(0)), reader.missed), (first + 1, 0))
        self.assertEqual(int(self.gang.broadcast('news', ganger.RECEIVE | ganger.OLDEST).receive(0)), first)
        self.assertEqual(bytes(late.peek(0)), b'kept')
        late.consume()
        self.gang.broadcast('news', ganger.SEND).send('next')       # the place of the dead writer


class Anything(WithHost):
    """wait_any() for all kinds."""

    def make(self):
        self.host.add('jobs', 'queue', slots=8, message_max=64, max_deliveries=9, delay_msec=10)
        self.host.add('line', 'pipe', capacity=4096, message_max=1000)
        self.host.add('news', 'broadcast', capacity=4096, message_max=64, policy='wait', subscribers=2)
        self.host.add('safe', 'broadcast', capacity=4096, message_max=64, policy='refuse', subscribers=2)
        self.host.add('square', 'service', slots=2, message_max=64)
        self.host.add('ports', 'semaphore', permits=1)
        self.host.add('files', 'mutex')
        self.host.add('sums', 'counter')

    def check_not_there(self, item):
        with self.assertRaises(BlockingIOError):
            ganger.wait_any([item], 0)
        with self.assertRaises(TimeoutError):
            ganger.wait_any([item], 0.001)

    def refused(self, item):
        with self.assertRaises(OSError) as caught:
            ganger.wait_any([item], 0)
        return caught.exception.errno

    def test_rings(self):
        for kind, name in (('pipe', 'line'), ('broadcast', 'news')):
            writer, reader = (getattr(self.gang, kind)(name, flags) for flags in (ganger.SEND, ganger.RECEIVE))
            self.assertEqual(ganger.wait_any([reader, (writer, ganger.SEND)]), [(writer, ganger.SEND)])
            self.check_not_there(reader)
            while True:
                try:
                    writer.send(b'x' * 60, 0)
                except BlockingIOError:
                    break
            self.check_not_there((writer, ganger.SEND))
            self.check_not_there((writer, ganger.SEND, 60))
            self.assertEqual(self.refused((writer, ganger.SEND, 1001)), errno.EMSGSIZE)
            self.assertEqual(ganger.wait_any([reader]), [(reader, ganger.RECEIVE)])
            self.assertEqual(self.refused((reader, ganger.SEND)), errno.EACCES)
            for _ in range(8):
                reader.receive(0)
            self.assertEqual(ganger.wait_any([(writer, ganger.SEND, 60)]), [(writer, ganger.SEND)])
        self.assertEqual(self.refused((self.gang.broadcast('safe', ganger.SEND), ganger.SEND)), errno.EOPNOTSUPP)

    def test_calls(self):
        caller, server = self.gang.service('square', ganger.SEND), self.gang.service('square', ganger.RECEIVE)
        self.assertEqual(caller.name, 'square')
        self.check_not_there(server)
        first, second = caller.begin('2'), caller.begin('3')
        with self.assertRaises(BlockingIOError):
            caller.begin('4')
        self.check_not_there((caller, ganger.SEND))
        self.assertEqual(ganger.wait_any([first, server, second]), [(server, ganger.RECEIVE)])
        requests = [server.receive(0), server.receive(0)]
        requests[1].reply(requests[1].data * 2)
        [(call, events)] = ganger.wait_any([first, second])
        self.assertEqual(call.finish(0), b'22' if call is first else b'33')
        with self.assertRaises(ValueError):
            ganger.wait_any([call], 0)
        other = second if call is first else first
        with self.assertRaises(BlockingIOError):
            other.finish(0.001)             # it is still open
        with other:
            pass
        self.assertFalse(requests[0].reply('too late'))
        self.assertEqual(ganger.wait_any([(caller, ganger.SEND)]), [(caller, ganger.SEND)])
        late = caller.begin('5', 0.001)
        self.assertEqual(ganger.wait_any([late]), [(late, ganger.RECEIVE)])
        with self.assertRaises(TimeoutError):
            late.finish(0)
        self.check_not_there(server)

    def test_locks_and_the_dead(self):
        ports, files, sums = self.gang.semaphore('ports'), self.gang.mutex('files'), self.gang.counter('sums')
        self.assertEqual((ports.name, files.name, sums.name), ('ports', 'files', 'sums'))
        self.assertEqual(ganger.wait_any([ports, files]), [(ports, ganger.RECEIVE), (files, ganger.RECEIVE)])
        self.assertEqual(self.refused(sums), errno.EOPNOTSUPP)
        self.assertEqual(self.refused((ports, ganger.SEND)), errno.EINVAL)
        member, (parent, end) = self.host.admit(), os.pipe()

        def hold(gang):
            gang.semaphore('ports').acquire()
            gang.mutex('files').lock()
            os.write(end, b'x')
            signal.pause()
        pid = child(member, hold)
        os.read(parent, 1)
        os.close(parent)
        os.close(end)
        self.check_not_there(ports)
        self.check_not_there(files)
        os.kill(pid, signal.SIGKILL)
        wait(pid)
        self.assertEqual(member.recover('killed').locks, 1)
        self.assertEqual(ganger.wait_any([ports, files]), [(ports, ganger.RECEIVE), (files, ganger.RECEIVE)])
        ports.acquire(0)
        self.assertTrue(files.lock(0))

    def test_a_message_that_rests(self):
        ring, ports, held = self.gang.ring('jobs', BOTH), self.gang.semaphore('ports'), self.gang.semaphore('ports')
        held.acquire()
        ring.send('again')
        ring.receive().reject()
        self.assertEqual(ganger.wait_any([ports, ring]), [(ring, ganger.RECEIVE)])
        self.assertEqual(ring.receive(0).deliveries, 2)


class Services(WithHost):
    def make(self):
        self.host.add('once', 'service', slots=4, message_max=64)
        self.host.add('again', 'service', slots=4, message_max=64, idempotent=True)

    def serve(self, name, body):
        """Call while a child serves. @return the child's member, and what the call gave, or raised."""
        member, result = self.host.admit(), []

        def call():
            try:
                result.append(self.gang.service(name).call('6', 60))
            except OSError as e:
                result.append(e)
        pid = child(member, lambda gang: body(gang.service(name, ganger.RECEIVE)))
        thread = threading.Thread(target=call)
        thread.start()
        status = wait(pid)
        member.recover('ended')
        return status, thread, result

    def test_a_reply(self):
        def body(service):
            with service.receive() as r:
                r.reply(str(int(r.data) ** 2))
        status, thread, result = self.serve('once', body)
        thread.join()
        self.assertEqual((status, result), (0, [b'36']))

    def test_an_exception_is_told(self):
        def body(service):
            try:
                with service.receive() as r:
                    raise KeyError(r.data.decode())
            except KeyError:
                pass
        status, thread, result = self.serve('once', body)
        thread.join()
        self.assertEqual(status, 0)
        [error] = result
        self.assertIsInstance(error, ganger.Failed)
        self.assertEqual(error.strerror, "KeyError: '6'")

    @staticmethod
    def die(service):
        service.receive()
        os.kill(os.getpid(), signal.SIGKILL)

    def test_a_killed_server_is_told(self):
        status, thread, result = self.serve('once', self.die)
        thread.join()
        self.assertEqual(status, -signal.SIGKILL)
        self.assertIsInstance(result[0], ConnectionResetError)

    def test_another_server_answers(self):
        status, thread, result = self.serve('again', self.die)
        with self.gang.service('again', ganger.RECEIVE).receive(60) as r:
            self.assertEqual((r.data, r.deliveries), (b'6', 2))
            self.assertTrue(r.reply('yes'))
        thread.join()
        self.assertEqual((status, result), (-signal.SIGKILL, [b'yes']))


class Locks(WithHost):
    def make(self):
        self.host.add('ports', 'semaphore', permits=2)
        self.host.add('latch', 'mutex')
        self.host.add('buffer', 'monitor', conditions=2)
        self.host.add('totals', 'counter', counters=3)

    def test_a_permit_of_a_killed_holder_comes_back(self):
        ports = self.gang.semaphore('ports')
        killed(self.host.admit(), lambda gang: [gang.semaphore('ports').acquire(0) for _ in range(2)])
        self.assertEqual(ports.value, 2)
        with ports:
            self.assertEqual(ports.value, 1)
        with self.assertRaises(PermissionError):
            ports.release()

    def test_the_death_of_an_owner_is_told(self):
        latch = self.gang.mutex('latch')
        killed(self.host.admit(), lambda gang: gang.mutex('latch').lock(0))
        with latch:
            self.assertTrue(latch.owner_died)
            latch.consistent()
        self.assertFalse(latch.lock(0))
        with self.assertRaises(BlockingIOError):
            self.gang.mutex('latch').lock(0)
        latch.unlock()
        killed(self.host.admit(), lambda gang: gang.mutex('latch').lock(0))
        with latch:
            pass
        with self.assertRaises(OSError) as caught, latch:
            pass
        self.assertEqual(caught.exception.errno, errno.ENOTRECOVERABLE)

    def test_a_signal_is_not_lost(self):
        buffer, done = self.gang.monitor('buffer'), self.gang.counter('totals')
        sleepers = []
        for _ in range(2):
            told, member = os.pipe(), self.host.admit()

            def work(gang, fd=told[1]):
                monitor, work_left = gang.monitor('buffer'), gang.counter('totals')
                with monitor:
                    os.write(fd, b'x')          # who has the lock after this finds it waiting
                    while not work_left.get():
                        monitor.wait(1)
                    work_left.add(-1)
            sleepers.append((child(member, work), member))
            os.read(told[0], 1)
            os.close(told[0])
            os.close(told[1])
        with buffer:
            done.add(1)
            buffer.signal(1)
            # Whoever was woken waits for the lock, which we have, and dies of it; or the other one was.
            os.kill(sleepers[0][0], signal.SIGKILL)
            self.assertEqual(wait(sleepers[0][0]), -signal.SIGKILL)
        sleepers[0][1].recover('killed')
        self.assertEqual(wait(sleepers[1][0]), 0)
        self.assertEqual(done.get(), 0)

    def test_counters_stay(self):
        killed(self.host.admit(), lambda gang: (gang.counter('totals').add(5), gang.counter('totals').set(-2, 1)))
        totals = self.gang.counter('totals')
        self.assertEqual(totals.snapshot(3), [5, -2, 0])
        self.assertEqual((totals.compare_and_swap(5, 9), totals.compare_and_swap(5, 1), totals.get()), (5, 9, 9))

    def test_words(self):
        with self.assertRaises(ValueError):
            self.host.add('x', 'broadcast', policy='hard')
        with self.assertRaises(TypeError):
            self.host.add('x', 'semaphore', conditions=1)


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
