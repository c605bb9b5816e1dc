# SPDX-License-Identifier: MIT
"""libganger for Python: rings and locks whose messages and permits survive the death of any process.

One file, for any Python from 3.8 on, by ctypes; it needs libganger.so.0 where the dynamic linker finds it, or its path in the
environment variable GANGER_LIBRARY (gangerd sets names that begin so itself: give a worker LD_LIBRARY_PATH). `make install` puts
this file into $(datadir)/ganger: as a rule, PYTHONPATH=/usr/local/share/ganger has it found.

A worker of gangerd:

    import ganger

    with ganger.join() as gang:
        gang.ready()
        for message in gang.ring('jobs'):           # ends when the worker is asked to drain
            with message:                           # acknowledged at the end; rejected if an exception leaves it
                work(message.data)

Locks and calls; a permit or a lock of a process that dies goes to the next one, and a caller is told that its server died:

    ports = gang.semaphore('ports')
    with ports:                                     # takes a permit, and gives it back
        print(gang.service('square').call('7', timeout=5))

Whatever comes first, of any kinds: then go on with a timeout of 0:

    call = gang.service('square').begin('7')
    for handle, events in ganger.wait_any([call, gang.ring('jobs'), ports], timeout=5):
        ...

A program that makes rings for its own children:

    host = ganger.Host('crawler')
    host.add('jobs', 'queue', slots=1024, message_max=256, max_deliveries=3)
    member = host.admit()
    if os.fork() == 0:
        gang = member.join()
        ...
    pid, status = os.wait()
    member.recover('it crashed')                    # what it held is delivered again

What the functions of the C library mean is told by their manual pages; names here are the same without the prefix. Times are in
seconds (None: without limit; 0: do not wait). A failure is an OSError with the errno of the C function: so BlockingIOError is
EAGAIN, TimeoutError is ETIMEDOUT, FileNotFoundError is ENOENT, PermissionError is EPERM or EACCES; Drained is ESHUTDOWN. A
call that a signal interrupts goes on after Python's handler ran.

A handle is used by one thread at a time; several threads use a handle each. A child after fork() must not use its parent's.
"""

import ctypes
import ctypes.util
import errno
import os
import time

__all__ = ['Broadcast', 'Call', 'Counter', 'Drained', 'Failed', 'Gang', 'Host', 'Member', 'Message', 'Monitor', 'Mutex',
           'OLDEST', 'Pipe', 'RECEIVE', 'Recovery', 'Request', 'Ring', 'SEND', 'Semaphore', 'Service', 'acknowledge_many',
           'forward', 'join', 'join_socket', 'wait_any']

RECEIVE = 1
SEND = 2
OLDEST = 4                              # of a broadcast's reader: begin with the oldest message that is kept

_NAME = 'libganger.so.0'


class Drained(OSError):
    """This process is asked to drain: take no more, finish what you hold, end."""


class Failed(OSError):
    """The server answered that it failed (EREMOTEIO); `strerror` is its reason."""


# ---- the library ---------------------------------------------------------------------------------

class _Message(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t), ('id', ctypes.c_uint64),
                ('deliveries', ctypes.c_uint32), ('slot', ctypes.c_uint32), ('ring', ctypes.c_void_p)]


class _Definition(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in
                ('kind', 'slots', 'message_max', 'max_deliveries', 'capacity', 'policy', 'dead_max', 'delay_msec',
                 'slot_size', 'heap_size')]
    _fields_ += [('reserved', ctypes.c_uint32 * 6)]


class _Request(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t), ('reply', ctypes.c_void_p), ('id', ctypes.c_uint64),
                ('deadline_usec', ctypes.c_uint64), ('deliveries', ctypes.c_uint32), ('caller', ctypes.c_uint32),
                ('service', ctypes.c_void_p)]


class _Call(ctypes.Structure):
    _fields_ = [('id', ctypes.c_uint64), ('deadline_usec', ctypes.c_uint64), ('service', ctypes.c_void_p)]


class _Wait(ctypes.Structure):
    _fields_ = [('handle', ctypes.c_void_p)]
    _fields_ += [(name, ctypes.c_uint32) for name in ('kind', 'events', 'ready', 'size')]


class _Grant(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('flags', ctypes.c_uint)]


class Recovery(ctypes.Structure):
    """What a recovery found: how many messages are delivered again, became dead letters, …, how many locks it held."""
    _NUMBERS = ('returned', 'dead', 'cancelled', 'redone', 'locks')
    _fields_ = [(name, ctypes.c_uint32) for name in _NUMBERS] + [('reserved', ctypes.c_uint32 * 3)]

    def __repr__(self):
        return f'Recovery({", ".join(f"{name}={getattr(self, name)}" for name in self._NUMBERS)})'


_handle = ctypes.c_void_p
_out = ctypes.POINTER(ctypes.c_void_p)
_time = ctypes.c_int64
_message = ctypes.POINTER(_Message)
_messages = ctypes.POINTER(_message)
_size = ctypes.c_size_t
_sizes = ctypes.POINTER(ctypes.c_size_t)
_number = ctypes.c_int64
_numbers = ctypes.POINTER(ctypes.c_int64)
_sequence = ctypes.c_uint64
_sequences = ctypes.POINTER(ctypes.c_uint64)
_request = ctypes.POINTER(_Request)
_call = ctypes.POINTER(_Call)

# Name without the prefix: result ('r' is an int that is an error if it is less than 0), arguments.
_FUNCTIONS = {
    'join': ('r', _out, ctypes.c_char_p),
    'join_socket': ('r', _out, ctypes.c_int, _time),
    'leave': (_handle, _handle),
    'ready': ('r', _handle),
    'status': ('r', _handle, ctypes.c_char_p),
    'worker': (ctypes.c_char_p, _handle),
    'instance': (ctypes.c_uint, _handle),
    'interrupt': (None, _handle),
    'heartbeat': (None, _handle),
    'is_standby': ('r', _handle),
    'wait_active': ('r', _handle, _time),
    'ring_open': ('r', _handle, ctypes.c_char_p, ctypes.c_uint, _out),
    'ring_close': (_handle, _handle),
    'ring_name': (ctypes.c_char_p, _handle),
    'ring_message_max': (ctypes.c_size_t, _handle),
    'ring_fd': ('r', _handle),
    'ring_receive': ('r', _handle, _message, _time),
    'ring_send': ('r', _handle, ctypes.c_char_p, ctypes.c_size_t, _time),
    'ring_reserve': ('r', _handle, ctypes.c_size_t, _message, _time),
    'acknowledge': ('r', _message),
    'reject': ('r', _message, ctypes.c_char_p),
    'commit': ('r', _message),
    'cancel': ('r', _message),
    'forward_many': ('r', _messages, ctypes.c_size_t, _messages, ctypes.c_size_t),
    'host_new': ('r', _out, ctypes.c_char_p),
    'host_free': (_handle, _handle),
    'host_add': ('r', _handle, ctypes.c_char_p, ctypes.POINTER(_Definition)),
    'host_admit': ('r', _handle, ctypes.POINTER(_Grant), ctypes.c_size_t, ctypes.c_uint, _out),
    'member_join': ('r', _handle, _out),
    'member_environment': ('r', _handle, ctypes.POINTER(ctypes.c_char_p)),
    'member_descriptors': ('r', _handle, ctypes.POINTER(ctypes.c_int), ctypes.c_size_t),
    'member_send': ('r', _handle, ctypes.c_int),
    'member_drain': ('r', _handle),
    'member_recover': ('r', _handle, ctypes.c_char_p, ctypes.POINTER(Recovery)),
    'member_free': (_handle, _handle),
    'ring_receive_many': ('r', _handle, _message, _size, _time),
    'acknowledge_many': ('r', _message, _size),
    'ring_produce': ('r', _handle, _sequence, _sequences),
    'ring_send_sequenced': ('r', _handle, _sequence, ctypes.c_char_p, _size, _time),
    'commit_sequenced': ('r', _message, _sequence),
    'ring_sequence': ('r', _handle, _sequence, _sequences),
    'wait_any': ('r', ctypes.POINTER(_Wait), _size, _time),
    'broadcast_receive': ('r', _handle, ctypes.c_char_p, _size, _sizes, _sequences, _time),
    'broadcast_subscribe': ('r', _handle, ctypes.c_uint, _sequences),
    'service_open': ('r', _handle, ctypes.c_char_p, ctypes.c_uint, _out),
    'service_close': (_handle, _handle),
    'service_name': (ctypes.c_char_p, _handle),
    'service_message_max': (_size, _handle),
    'service_fd': ('r', _handle),
    'service_call': ('r', _handle, ctypes.c_char_p, _size, ctypes.c_char_p, _size, _sizes, _time),
    'service_begin': ('r', _handle, ctypes.c_char_p, _size, _time, _call),
    'service_finish': ('r', _call, ctypes.c_char_p, _size, _sizes, _time),
    'service_abandon': ('r', _call),
    'service_receive': ('r', _handle, _request, _time),
    'service_reply': ('r', _request, ctypes.c_char_p, _size),
    'service_fail': ('r', _request, ctypes.c_char_p),
    'semaphore_open': ('r', _handle, ctypes.c_char_p, _out),
    'semaphore_close': (_handle, _handle),
    'semaphore_name': (ctypes.c_char_p, _handle),
    'semaphore_acquire': ('r', _handle, _time),
    'semaphore_release': ('r', _handle),
    'semaphore_value': ('r', _handle),
    'monitor_open': ('r', _handle, ctypes.c_char_p, _out),
    'monitor_close': (_handle, _handle),
    'monitor_name': (ctypes.c_char_p, _handle),
    'monitor_lock': ('r', _handle, _time),
    'monitor_unlock': ('r', _handle),
    'monitor_consistent': ('r', _handle),
    'monitor_wait': ('r', _handle, ctypes.c_uint, _time),
    'monitor_signal': ('r', _handle, ctypes.c_uint),
    'monitor_broadcast': ('r', _handle, ctypes.c_uint),
    'counter_open': ('r', _handle, ctypes.c_char_p, _out),
    'counter_close': (_handle, _handle),
    'counter_name': (ctypes.c_char_p, _handle),
    'counter_add': ('r', _handle, ctypes.c_uint, _number, _numbers),
    'counter_get': ('r', _handle, ctypes.c_uint, _numbers),
    'counter_set': ('r', _handle, ctypes.c_uint, _number),
    'counter_compare_and_swap': ('r', _handle, ctypes.c_uint, _numbers, _number),
    'counter_snapshot': ('r', _handle, _numbers, _size),
}
for _kind in ('pipe', 'broadcast'):
    _FUNCTIONS.update({
        f'{_kind}_open': ('r', _handle, ctypes.c_char_p, ctypes.c_uint, _out),
        f'{_kind}_close': (_handle, _handle),
        f'{_kind}_name': (ctypes.c_char_p, _handle),
        f'{_kind}_message_max': (_size, _handle),
        f'{_kind}_fd': ('r', _handle),
        f'{_kind}_send': ('r', _handle, ctypes.c_char_p, _size, _time),
        f'{_kind}_append': ('r', _handle, ctypes.c_char_p, _size, _time),
        f'{_kind}_publish': ('r', _handle),
        f'{_kind}_reserve': ('r', _handle, _size, _out, _time),
        f'{_kind}_commit': ('r', _handle, _size),
        f'{_kind}_peek': ('r', _handle, _out, _sizes, _time),
        f'{_kind}_consume': ('r', _handle),
    })


class _Library:
    """The functions of libganger, found at the first use."""

    def __init__(self):
        self._library = None

    def __getattr__(self, name):
        if self._library is None:
            path = os.environ.get('GANGER_LIBRARY') or ctypes.util.find_library('ganger') or _NAME
            self._library = ctypes.CDLL(path)
        result, *arguments = _FUNCTIONS[name]
        function = getattr(self._library, 'ganger_' + name)
        function.restype = ctypes.c_int if result == 'r' else result
        function.argtypes = arguments
        setattr(self, name, function)
        return function


_c = _Library()


def _check(result, what=None):
    """The result of a C function, or its error."""
    if result >= 0:
        return result
    kind = Drained if -result == errno.ESHUTDOWN else OSError
    raise kind(-result, os.strerror(-result), *([what] if what is not None else []))


def _timed(function, what, timeout, *arguments, also=()):
    """Call a function whose last argument is a time; go on after a signal. @param also  errors that are results."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = -1 if end is None else max(0, int((end - time.monotonic()) * 1_000_000)) if timeout else 0
        result = function(*arguments, left)
        if result != -errno.EINTR:
            # A wait that was cut to nothing by a signal has timed out all the same.
            if result == -errno.EAGAIN and timeout:
                result = -errno.ETIMEDOUT
            return result if -result in also else _check(result, what)


def _bytes(text):
    return None if text is None else text if isinstance(text, bytes) else os.fsencode(text)


def _view(pointer, size, write=False):
    view = memoryview((ctypes.c_ubyte * size).from_address(pointer or 0)).cast('B')
    return view if write else view.toreadonly()


def _payload(data):
    return data.encode() if isinstance(data, str) else bytes(data)


class _Owned:
    """Something that is closed, once; a context manager. `_close` is the name of the function, `_number` the kind, for
    wait_any()."""
    _close = _number = None

    def __init__(self, pointer):
        self._pointer = pointer

    def _get(self):
        if self._pointer is None:
            raise ValueError(f'this {type(self).__name__} is closed')
        return self._pointer

    def _waited(self):
        return self._get()

    def close(self):
        """Close it; a second time does nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            getattr(_c, self._close)(pointer)

    def __enter__(self):
        self._get()
        return self

    def __exit__(self, *_):
        self.close()


def _opened(function, *arguments, what=None):
    pointer = ctypes.c_void_p()
    _check(function(*arguments, ctypes.byref(pointer)), what)
    return pointer


# ---- messages ------------------------------------------------------------------------------------

class Message:
    """A message that was received (finish it by acknowledge, reject or forward), or reserved (by commit, cancel or forward).

    As a context manager, a received one is acknowledged at the end, and a reserved one committed; if an exception leaves the
    block, it is rejected with the exception's text, or cancelled, and the exception goes on.
    """

    def __init__(self, ring):
        self._ring = ring               # keeps the handle open
        self._message = _Message()
        self._reserved = False
        self._max = 0

    def _live(self):
        if not self._message.ring or self._ring._pointer is None:
            raise ValueError('this message is finished')
        return ctypes.byref(self._message)

    @property
    def data(self):
        """Its payload, a copy."""
        self._live()
        return ctypes.string_at(self._message.data, self._message.size) if self._message.size else b''

    @property
    def view(self):
        """Its payload in the ring itself: do not use it after the message is finished, and write only into a reserved one."""
        self._live()
        size = self._max if self._reserved else self._message.size
        return _view(self._message.data, size, self._reserved)

    @property
    def size(self):
        """In bytes; of a reserved one, how much of it is to be sent."""
        return self._message.size

    @size.setter
    def size(self, size):
        self._message.size = size

    @property
    def id(self):
        return self._message.id

    @property
    def deliveries(self):
        return self._message.deliveries

    def __len__(self):
        return self._message.size

    def __bytes__(self):
        return self.data

    def acknowledge(self):
        _check(_c.acknowledge(self._live()))

    def reject(self, reason=None):
        """@return whether it is a dead letter now; else it will be delivered again."""
        return _check(_c.reject(self._live(), _bytes(reason))) == 1

    def commit(self, size=None, sequence=None):
        """Send it. @param size  how much was written, if less than was reserved. @param sequence  as in send_sequenced()."""
        self._live()
        if size is not None:
            self._message.size = size
        if sequence is not None:
            _check(_c.commit_sequenced(self._live(), sequence))
        else:
            _check(_c.commit(self._live()))

    def cancel(self):
        _check(_c.cancel(self._live()))

    def __enter__(self):
        self._live()
        return self

    def __exit__(self, kind, error, _):
        if not self._message.ring:
            return                      # it was finished inside
        if self._reserved:
            self.cancel() if kind else self.commit()
        elif kind:
            self.reject(f'{kind.__name__}: {error}')
        else:
            self.acknowledge()


def forward(received, reserved):
    """Acknowledge messages and send others in one step: all of it, or nothing. Each argument is a message, or several."""
    lists = []
    for messages in (received, reserved):
        messages = [messages] if isinstance(messages, Message) else list(messages)
        for m in messages:
            m._live()
        lists.append((_message * max(1, len(messages)))(*[ctypes.pointer(m._message) for m in messages]))
        lists.append(len(messages))
    _check(_c.forward_many(*lists))


def acknowledge_many(messages):
    """Acknowledge received messages: each by itself, with one wake-up for all."""
    messages = list(messages)
    for m in messages:
        m._live()
    if len(set(map(id, messages))) != len(messages):
        raise ValueError('a message is there twice')
    if messages:
        _check(_c.acknowledge_many((_Message * len(messages))(*[m._message for m in messages]), len(messages)))
    for m in messages:
        m._message.ring = None


class _Iterated:
    """Iterating receives, until the process is asked to drain."""

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self.receive()
        except Drained:
            raise StopIteration from None


class Ring(_Iterated, _Owned):
    """A handle on a queue. Iterating receives messages, until the process is asked to drain."""
    _close, _number = 'ring_close', 1

    def __init__(self, gang, name, flags):
        self._gang = gang
        super().__init__(_opened(_c.ring_open, gang._get(), _bytes(name), flags, what=name))

    @property
    def name(self):
        return os.fsdecode(_c.ring_name(self._get()))

    @property
    def message_max(self):
        return _c.ring_message_max(self._get())

    def fileno(self):
        """Readable when there may be a message: then receive(0) until it raises BlockingIOError."""
        return _check(_c.ring_fd(self._get()))

    def receive(self, timeout=None):
        """@return a Message."""
        m = Message(self)
        _timed(_c.ring_receive, None, timeout, self._get(), ctypes.byref(m._message))
        return m

    def send(self, data, timeout=None):
        """Send bytes, or a str as UTF-8. After it returns, the message will not be lost."""
        data = _payload(data)
        _timed(_c.ring_send, None, timeout, self._get(), data, len(data))

    def reserve(self, size, timeout=None):
        """@return a Message to write into (`view`), and to commit."""
        m = Message(self)
        _timed(_c.ring_reserve, None, timeout, self._get(), size, ctypes.byref(m._message))
        m._reserved, m._max = True, size
        return m

    def receive_many(self, n, timeout=None):
        """Wait for one, and take what is there besides. @return a list of 1 to n Messages."""
        rows = (_Message * n)()
        found = _timed(_c.ring_receive_many, None, timeout, self._get(), rows, n)
        messages = [Message(self) for _ in range(found)]
        for m, row in zip(messages, rows):
            m._message = row            # which keeps all of them
        return messages

    def produce(self, producer):
        """Be the producer of that key, until this is closed. @return the highest number that was accepted from it; 0: none."""
        found = ctypes.c_uint64()
        _check(_c.ring_produce(self._get(), producer, ctypes.byref(found)))
        return found.value

    def send_sequenced(self, sequence, data, timeout=None):
        """Send the message of that number, higher than the last. For one that was accepted before the errno is EALREADY."""
        data = _payload(data)
        _timed(_c.ring_send_sequenced, None, timeout, self._get(), sequence, data, len(data))

    def sequence(self, producer):
        """The highest number that was accepted from a producer."""
        found = ctypes.c_uint64()
        _check(_c.ring_sequence(self._get(), producer, ctypes.byref(found)))
        return found.value


# ---- pipes and broadcasts ------------------------------------------------------------------------

class _Stream(_Iterated, _Owned):
    """What pipes and broadcasts have in common; `_kind` is how their functions begin."""

    def __init__(self, gang, name, flags):
        self._gang = gang
        super().__init__(_opened(self._function('open'), gang._get(), _bytes(name), flags, what=name))

    def _function(self, name):
        return getattr(_c, f'{self._kind}_{name}')

    @property
    def _close(self):
        return f'{self._kind}_close'

    @property
    def name(self):
        return os.fsdecode(self._function('name')(self._get()))

    @property
    def message_max(self):
        return self._function('message_max')(self._get())

    def fileno(self):
        """The reader's. Readable when there may be a message: then receive(0) until it raises BlockingIOError."""
        return _check(self._function('fd')(self._get()))

    def send(self, data, timeout=None):
        """Send bytes, or a str as UTF-8, with all that was appended before."""
        data = _payload(data)
        _timed(self._function('send'), None, timeout, self._get(), data, len(data))

    def append(self, data, timeout=None):
        """As send(), but readers see it only after publish(), a send or the close; lost if this process dies first."""
        data = _payload(data)
        _timed(self._function('append'), None, timeout, self._get(), data, len(data))

    def publish(self):
        _check(self._function('publish')(self._get()))

    def reserve(self, size, timeout=None):
        """@return a memoryview to write into until commit(), or until the next send, append or reserve gives it up."""
        data = ctypes.c_void_p()
        _timed(self._function('reserve'), None, timeout, self._get(), size, ctypes.byref(data))
        return _view(data.value, size, True)

    def commit(self, size):
        """Publish what was reserved, so many bytes of it."""
        _check(self._function('commit')(self._get(), size))

    def peek(self, timeout=None):
        """@return a message in place, a memoryview: do not use it after consume()."""
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        _timed(self._function('peek'), None, timeout, self._get(), ctypes.byref(data), ctypes.byref(size))
        return _view(data.value, size.value)

    def consume(self):
        """Done with what was peeked at."""
        _check(self._function('consume')(self._get()))


class Pipe(_Stream):
    """One end of a pipe: SEND, the writer, or RECEIVE, the reader. Each peek() gives the next message, and consume() is for all."""
    _kind, _number = 'pipe', 2

    def receive(self, timeout=None):
        """@return the next message, bytes, consumed; also all that were peeked at before."""
        data = bytes(self.peek(timeout))
        self.consume()
        return data


class Broadcast(_Stream):
    """The writer of a broadcast (SEND), or a reader (RECEIVE, also with OLDEST). `missed` is how many messages were overwritten
    before the last one that was received; a reader that was dropped gets ENOTCONN, and may subscribe()."""
    _kind, _number = 'broadcast', 3

    def __init__(self, gang, name, flags):
        self.missed = 0
        super().__init__(gang, name, flags)
        self._buffer = ctypes.create_string_buffer(self.message_max) if flags & RECEIVE else None

    def receive(self, timeout=None):
        """@return the next message, bytes."""
        size, missed = ctypes.c_size_t(), ctypes.c_uint64()
        _timed(_c.broadcast_receive, None, timeout, self._get(), self._buffer, len(self._buffer or b''),
               ctypes.byref(size), ctypes.byref(missed))
        self.missed = missed.value
        return ctypes.string_at(self._buffer, size.value)

    def subscribe(self, flags=0):
        """Again, after having been dropped. @return how many messages were skipped."""
        missed = ctypes.c_uint64()
        _check(_c.broadcast_subscribe(self._get(), flags, ctypes.byref(missed)))
        return missed.value


# ---- services ------------------------------------------------------------------------------------

class Request:
    """A call to serve: finish it by reply or fail. As a context manager, it fails with the text of an exception that leaves the
    block, which goes on, or because nobody replied."""

    def __init__(self, service):
        self._service = service
        self._request = _Request()

    def _live(self):
        if not self._request.service or self._service._pointer is None:
            raise ValueError('this request is finished')
        return ctypes.byref(self._request)

    @property
    def data(self):
        """What is asked, a copy."""
        self._live()
        return ctypes.string_at(self._request.data, self._request.size) if self._request.size else b''

    @property
    def id(self):
        return self._request.id

    @property
    def deliveries(self):
        return self._request.deliveries

    def _finish(self, result):
        _check(result)
        self._request.service = None
        return result == 0

    def reply(self, data=b''):
        """@return whether somebody still waits for it."""
        data = _payload(data)
        return self._finish(_c.service_reply(self._live(), data, len(data)))

    def fail(self, reason=None):
        """@return whether somebody still waits for it."""
        return self._finish(_c.service_fail(self._live(), _bytes(reason)))

    def __enter__(self):
        self._live()
        return self

    def __exit__(self, kind, error, _):
        if self._request.service:
            self.fail(f'{kind.__name__}: {error}' if kind else 'no reply')


class Call:
    """A call that is open, from Service.begin(): over after finish() or abandon(). As a context manager it is abandoned at the
    end, unless it is over."""
    _number = 100                       # GANGER_CALL

    def __init__(self, service):
        self._service = service         # keeps the handle open
        self._call = _Call()

    def _live(self):
        if not self._call.service or self._service._pointer is None:
            raise ValueError('this call is over')
        return ctypes.byref(self._call)

    def _waited(self):
        return ctypes.addressof(self._live()._obj)

    def finish(self, timeout=None):
        """Wait for the reply, at most so long. @return it, bytes. Raises as Service.call(), and the call is over; but for
        BlockingIOError, also after `timeout`: there is none yet, and the call stays open. TimeoutError: its own time is
        over."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = -1 if end is None else max(0, int((end - time.monotonic()) * 1_000_000))
            result, size = self._service._finish(self._live(), left)
            if result != -errno.EINTR and (result != -errno.EAGAIN or end is not None):
                return self._service._reply(result, size)

    def abandon(self):
        """It is served no more, or its reply is dropped."""
        _check(_c.service_abandon(self._live()))

    def __enter__(self):
        self._live()
        return self

    def __exit__(self, *_):
        if self._call.service and self._service._pointer is not None:
            self.abandon()


class Service(_Iterated, _Owned):
    """A handle on a service: SEND calls, RECEIVE serves. Iterating receives requests."""
    _close, _number = 'service_close', 4

    def __init__(self, gang, name, flags):
        self._gang = gang
        super().__init__(_opened(_c.service_open, gang._get(), _bytes(name), flags, what=name))
        self._buffer = ctypes.create_string_buffer(self.message_max + 1) if flags & SEND else None

    @property
    def name(self):
        return os.fsdecode(_c.service_name(self._get()))

    @property
    def message_max(self):
        return _c.service_message_max(self._get())

    def fileno(self):
        """Readable when there may be a request: then receive(0) until it raises BlockingIOError."""
        return _check(_c.service_fd(self._get()))

    def call(self, data, timeout=None):
        """@return the reply, bytes. ConnectionResetError: the server died, and nobody knows what was done; Failed: it said so.

        A signal does not end it, but for InterruptedError while every slot of the service is taken: then nothing was called, or
        the call was given up, as after TimeoutError.
        """
        # In two steps, since one that a signal interrupts must not be made twice.
        try:
            call = self.begin(data, timeout)
        except BlockingIOError:
            data, size = _payload(data), ctypes.c_size_t()
            usec = -1 if timeout is None else int(timeout * 1_000_000)
            buffer = (self._buffer, len(self._buffer or b''), ctypes.byref(size))
            return self._reply(_c.service_call(self._get(), data, len(data), *buffer, usec), size.value)
        with call:
            return call.finish()

    def begin(self, data, timeout=None):
        """Make a call, and do not wait: several may be open. @param timeout  after it the call is served no more.
        @return a Call. BlockingIOError: every slot of the service is taken."""
        data, call = _payload(data), Call(self)
        usec = -1 if timeout is None else int(timeout * 1_000_000)
        _check(_c.service_begin(self._get(), data, len(data), usec, ctypes.byref(call._call)))
        return call

    def _finish(self, call, usec):
        size = ctypes.c_size_t()
        return _c.service_finish(call, self._buffer, len(self._buffer or b''), ctypes.byref(size), usec), size.value

    def _reply(self, result, size):
        """What a call gave, or its error."""
        if result in (-errno.EREMOTEIO, -errno.ECONNRESET):
            kind = Failed if result == -errno.EREMOTEIO else OSError
            raise kind(-result, os.fsdecode(self._buffer.value) or os.strerror(-result))
        _check(result)
        return ctypes.string_at(self._buffer, size)

    def receive(self, timeout=None):
        """@return a Request."""
        r = Request(self)
        _timed(_c.service_receive, None, timeout, self._get(), ctypes.byref(r._request))
        return r


# ---- locks and counters --------------------------------------------------------------------------

class Semaphore(_Owned):
    """A handle on a semaphore. As a context manager it takes a permit, and gives it back."""
    _close, _number = 'semaphore_close', 5

    def __init__(self, gang, name):
        self._gang = gang
        super().__init__(_opened(_c.semaphore_open, gang._get(), _bytes(name), what=name))

    @property
    def name(self):
        return os.fsdecode(_c.semaphore_name(self._get()))

    def acquire(self, timeout=None):
        _timed(_c.semaphore_acquire, None, timeout, self._get())

    def release(self):
        _check(_c.semaphore_release(self._get()))

    @property
    def value(self):
        """How many permits are free just now: for people."""
        return _check(_c.semaphore_value(self._get()))

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_):
        self.release()


class Monitor(_Owned):
    """A handle on a lock with conditions to wait for. As a context manager it takes the lock, and gives it back.

    When whoever held it last has died, lock() returns True and `owner_died` is True: what the lock guards may be half changed. Put
    that right and call consistent(). To unlock, or to leave the block, also by an exception, without that makes the lock of no
    more use to anybody (ENOTRECOVERABLE).
    """
    _close, _number = 'monitor_close', 6

    def __init__(self, gang, name):
        self._gang = gang
        self.owner_died = False
        self._locked = False
        super().__init__(_opened(_c.monitor_open, gang._get(), _bytes(name), what=name))

    @property
    def name(self):
        return os.fsdecode(_c.monitor_name(self._get()))

    def lock(self, timeout=None):
        """@return whether whoever held it last has died."""
        result = _timed(_c.monitor_lock, None, timeout, self._get(), also=(errno.EOWNERDEAD,))
        self._locked, self.owner_died = True, result < 0
        return self.owner_died

    def unlock(self):
        _check(_c.monitor_unlock(self._get()))
        self._locked = self.owner_died = False

    def consistent(self):
        """What the lock guards is whole again."""
        _check(_c.monitor_consistent(self._get()))
        self.owner_died = False

    def wait(self, condition=0, timeout=None):
        """Give the lock up, wait for a signal, take the lock again; then look again, since there may have been none.

        The lock is held also after TimeoutError and Drained. @return as lock().
        """
        usec = -1 if timeout is None else int(timeout * 1_000_000)
        result = _c.monitor_wait(self._get(), condition, usec)
        if result in (-errno.ENOTRECOVERABLE, -errno.EPERM):
            self._locked = False
        self.owner_died = self.owner_died or result == -errno.EOWNERDEAD
        if result not in (-errno.EOWNERDEAD, -errno.EINTR):     # after a signal handler: look again
            _check(result)
        return self.owner_died

    def signal(self, condition=0):
        _check(_c.monitor_signal(self._get(), condition))

    def broadcast(self, condition=0):
        _check(_c.monitor_broadcast(self._get(), condition))

    def __enter__(self):
        self.lock()
        return self

    def __exit__(self, *_):
        if self._locked:
            self.unlock()


class Mutex(Monitor):
    """A Monitor whose conditions nobody uses."""


class Counter(_Owned):
    """A handle on a row of 64-bit numbers."""
    _close, _number = 'counter_close', 7

    def __init__(self, gang, name):
        self._gang = gang
        super().__init__(_opened(_c.counter_open, gang._get(), _bytes(name), what=name))

    @property
    def name(self):
        return os.fsdecode(_c.counter_name(self._get()))

    def add(self, delta=1, index=0):
        """@return the number before."""
        before = ctypes.c_int64()
        _check(_c.counter_add(self._get(), index, delta, ctypes.byref(before)))
        return before.value

    def get(self, index=0):
        found = ctypes.c_int64()
        _check(_c.counter_get(self._get(), index, ctypes.byref(found)))
        return found.value

    def set(self, value, index=0):
        _check(_c.counter_set(self._get(), index, value))

    def compare_and_swap(self, expected, desired, index=0):
        """Set it to `desired` if it is `expected`. @return what it was."""
        found = ctypes.c_int64(expected)
        _check(_c.counter_compare_and_swap(self._get(), index, ctypes.byref(found), desired))
        return found.value

    def snapshot(self, n):
        """The first n, as they were at one instant."""
        values = (ctypes.c_int64 * n)()
        _check(_c.counter_snapshot(self._get(), values, n))
        return list(values)


# ---- waiting for any of several ------------------------------------------------------------------

def wait_any(items, timeout=None):
    """Wait for any of several, of whatever kinds. Each item is a handle (Ring, Pipe, Broadcast, Service, Semaphore, Monitor,
    Mutex) or a Call; or a pair of a handle and RECEIVE, SEND or both; or a triple, with the bytes of the message for which
    there must be room in a Pipe or Broadcast (0: the longest).

    A handle by itself stands for RECEIVE: a message, a call to serve, a permit, the lock, the end of a call. SEND: space, room,
    a slot to begin a call. Takes nothing: go on with a timeout of 0, at the first first. @return a list of pairs of an item's
    handle and what may be there, in order.
    """
    given = [item if isinstance(item, tuple) else (item,) for item in items]
    whole = [item + (RECEIVE, 0)[len(item) - 1:] for item in given]
    rows = (_Wait * max(1, len(whole)))()
    for row, (handle, events, size) in zip(rows, whole):
        row.handle, row.kind, row.events, row.size = handle._waited(), handle._number, events, size
    _timed(_c.wait_any, None, timeout, rows, len(whole))
    return [(handle, row.ready) for (handle, _, _), row in zip(whole, rows) if row.ready]


# ---- membership ----------------------------------------------------------------------------------

class Gang(_Owned):
    """Membership: what this process was given. Handles on rings and locks are opened from it, and closed with it."""
    _close = 'leave'

    @property
    def worker(self):
        return os.fsdecode(_c.worker(self._get()))

    @property
    def instance(self):
        return _c.instance(self._get())

    def ready(self):
        _check(_c.ready(self._get()))

    def status(self, text):
        _check(_c.status(self._get(), text.encode()))

    def heartbeat(self):
        """This process lives: more often than each GANGER_HEARTBEAT_USEC (in os.environ), with `heartbeat` of its worker."""
        _c.heartbeat(self._get())

    @property
    def is_standby(self):
        """Whether this process is a spare (`standby` of its worker); not any more once it has taken over."""
        return bool(_c.is_standby(self._get()))

    def wait_active(self, timeout=None):
        """Wait until this process is no spare, or no longer; Drained if it is asked to end before. @param timeout  as in Ring.receive."""
        _timed(lambda left: _c.wait_active(self._get(), left), None, timeout)

    def interrupt(self):
        """Every receive of this process ends from now on, as when it is asked to drain. For a signal handler."""
        _c.interrupt(self._get())

    def ring(self, name=None, flags=RECEIVE):
        """Open a queue: RECEIVE, SEND, or both. @param name  None: the only one that fits."""
        return Ring(self, name, flags)

    def pipe(self, name=None, flags=RECEIVE):
        """Open an end of a pipe: RECEIVE or SEND."""
        return Pipe(self, name, flags)

    def broadcast(self, name=None, flags=RECEIVE):
        """Open a broadcast: RECEIVE, with OLDEST if you like, or SEND."""
        return Broadcast(self, name, flags)

    def service(self, name=None, flags=SEND):
        """Open a service: SEND (call), RECEIVE (serve), or both."""
        return Service(self, name, flags)

    def semaphore(self, name=None):
        return Semaphore(self, name)

    def mutex(self, name=None):
        return Mutex(self, name)

    def monitor(self, name=None):
        return Monitor(self, name)

    def counter(self, name=None):
        return Counter(self, name)

    leave = _Owned.close


def join():
    """Join the gang that this process was started for, by gangerd or a Host."""
    pointer = ctypes.c_void_p()
    _check(_c.join(ctypes.byref(pointer), None))
    return Gang(pointer)


def join_socket(sock, timeout=None):
    """Join with what a Host's member.send() sends over a connected Unix socket."""
    pointer = ctypes.c_void_p()
    fd = sock if isinstance(sock, int) else sock.fileno()
    _timed(_c.join_socket, None, timeout, ctypes.byref(pointer), fd)
    return Gang(pointer)


# ---- hosts ---------------------------------------------------------------------------------------

class Host(_Owned):
    """Makes rings and locks without gangerd, admits members, and recovers those that die."""
    _close = 'host_free'

    KINDS = {'queue': 1, 'pipe': 2, 'broadcast': 3, 'service': 4, 'semaphore': 5, 'monitor': 6, 'mutex': 6, 'counter': 7}
    POLICIES = {'queue': ('refuse', 'drop-oldest'), 'broadcast': ('lossy', 'wait', 'drop', 'refuse')}
    # What a kind calls its slots, and how many there are if nothing is said.
    _SLOTS = {'broadcast': ('subscribers', 16), 'semaphore': ('permits', 1), 'monitor': ('conditions', 1), 'counter': ('counters', 1)}

    def __init__(self, name=None):
        pointer = ctypes.c_void_p()
        _check(_c.host_new(ctypes.byref(pointer), _bytes(name)), name)
        super().__init__(pointer)

    def add(self, name, kind='queue', **fields):
        """Make an object. @param fields  of struct ganger_definition: slots, message_max, …; also policy='drop-oldest', or another
        word of POLICIES; idempotent=True of a service; subscribers, permits, conditions, counters."""
        if kind not in self.KINDS:
            raise ValueError(f'no kind {kind!r}: {", ".join(self.KINDS)}')
        if isinstance(fields.get('policy'), str):
            words = self.POLICIES.get(kind, ())
            if fields['policy'] not in words:
                raise ValueError(f'no policy {fields["policy"]!r} of a {kind}: {", ".join(words) or "it has none"}')
            fields['policy'] = words.index(fields['policy'])
        if kind == 'service' and fields.pop('idempotent', False):
            fields = {'max_deliveries': 5, **fields, 'policy': 1}
        if kind in self._SLOTS and not (kind == 'broadcast' and not fields.get('policy')):
            word, n = self._SLOTS[kind]
            fields.setdefault('slots', fields.pop(word, n))
        definition = _Definition(kind=self.KINDS[kind])
        for field, value in fields.items():
            if field not in (name for name, _ in _Definition._fields_):
                raise TypeError(f'a {kind} has no {field}')
            setattr(definition, field, value)
        _check(_c.host_add(self._get(), _bytes(name), ctypes.byref(definition)), name)

    def admit(self, grants=None, handles=0):
        """Admit a process. @param grants  {name: flags}; None: everything. @return a Member."""
        rows = None if grants is None else (_Grant * len(grants))(*[_Grant(_bytes(n), f) for n, f in grants.items()])
        return Member(self, _opened(_c.host_admit, self._get(), rows, len(grants or ()), handles))


class Member(_Owned):
    """One process that a host has admitted."""
    _close = 'member_free'

    def __init__(self, host, pointer):
        self._host = host
        super().__init__(pointer)

    def join(self):
        """Join as this member: here, or in a child after fork()."""
        return Gang(_opened(_c.member_join, self._get()))

    def environment(self):
        """For a program that a child will execute: what to add to its environment, and descriptors to let through."""
        text = ctypes.c_char_p()
        _check(_c.member_environment(self._get(), ctypes.byref(text)))
        n = _check(_c.member_descriptors(self._get(), None, 0))
        fds = (ctypes.c_int * n)()
        _check(_c.member_descriptors(self._get(), fds, n))
        name, _, value = os.fsdecode(text.value).partition('=')
        return {name: value}, list(fds)

    def send(self, sock):
        """Pass it to the process at the other end of a Unix socket, which calls join_socket()."""
        _check(_c.member_send(self._get(), sock if isinstance(sock, int) else sock.fileno()))

    def drain(self):
        _check(_c.member_drain(self._get()))

    def recover(self, reason=None):
        """The process is dead: deliver again what it held. @return a Recovery."""
        found = Recovery()
        _check(_c.member_recover(self._get(), _bytes(reason), ctypes.byref(found)))
        return found

    free = _Owned.close
