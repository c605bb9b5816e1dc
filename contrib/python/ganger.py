# SPDX-License-Identifier: MIT
"""libganger for Python: rings and locks whose messages and permits survive the death of any process.

One file, for any Python from 3.8 on, by ctypes; it needs libganger.so.0 where the dynamic linker finds it, or its path in the
environment variable GANGER_LIBRARY.

A worker of gangerd:

    import ganger

    with ganger.join() as gang:
        gang.ready()
        for message in gang.ring('jobs'):           # ends when the worker is asked to drain
            with message:                           # acknowledged at the end; rejected if an exception leaves it
                work(message.data)

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

__all__ = ['Drained', 'Gang', 'Host', 'Member', 'Message', 'RECEIVE', 'Recovery', 'Ring', 'SEND', 'forward', 'join',
           'join_socket']

RECEIVE = 1
SEND = 2

_NAME = 'libganger.so.0'


class Drained(OSError):
    """This process is asked to drain: take no more, finish what you hold, end."""


# ---- the library ---------------------------------------------------------------------------------

class _Message(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t), ('id', ctypes.c_uint64),
                ('deliveries', ctypes.c_uint32), ('slot', ctypes.c_uint32), ('ring', ctypes.c_void_p)]


class _Definition(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in
                ('kind', 'slots', 'message_max', 'max_deliveries', 'capacity', 'policy', 'dead_max', 'delay_msec')]
    _fields_ += [('reserved', ctypes.c_uint32 * 8)]


class _Grant(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('flags', ctypes.c_uint)]


class Recovery(ctypes.Structure):
    """What a recovery found: how many messages are delivered again, became dead letters, …"""
    _fields_ = [(name, ctypes.c_uint32) for name in ('returned', 'dead', 'cancelled', 'redone')]
    _fields_ += [('reserved', ctypes.c_uint32 * 4)]

    def __repr__(self):
        return (f'Recovery(returned={self.returned}, dead={self.dead}, cancelled={self.cancelled}, '
                f'redone={self.redone})')


_handle = ctypes.c_void_p
_out = ctypes.POINTER(ctypes.c_void_p)
_time = ctypes.c_int64
_message = ctypes.POINTER(_Message)
_messages = ctypes.POINTER(_message)

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
}


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


def _timed(function, what, timeout, *arguments):
    """Call a function whose last argument is a time; go on after a signal."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = -1 if end is None else max(0, int((end - time.monotonic()) * 1_000_000)) if timeout else 0
        result = function(*arguments, left)
        if result != -errno.EINTR:
            # A wait that was cut to nothing by a signal has timed out all the same.
            if result == -errno.EAGAIN and timeout:
                result = -errno.ETIMEDOUT
            return _check(result, what)


def _bytes(text):
    return None if text is None else text if isinstance(text, bytes) else os.fsencode(text)


def _payload(data):
    return data.encode() if isinstance(data, str) else bytes(data)


class _Owned:
    """Something that is closed, once; a context manager. `_close` is the name of the function."""
    _close = None

    def __init__(self, pointer):
        self._pointer = pointer

    def _get(self):
        if self._pointer is None:
            raise ValueError(f'this {type(self).__name__} is closed')
        return self._pointer

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
        view = memoryview((ctypes.c_ubyte * size).from_address(self._message.data or 0)).cast('B')
        return view if self._reserved else view.toreadonly()

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

    def commit(self, size=None):
        """Send it. @param size  how much was written, if less than was reserved."""
        self._live()
        if size is not None:
            self._message.size = size
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


class Ring(_Owned):
    """A handle on a queue. Iterating receives messages, until the process is asked to drain."""
    _close = 'ring_close'

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

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self.receive()
        except Drained:
            raise StopIteration from None


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

    def interrupt(self):
        """Every receive of this process ends from now on, as when it is asked to drain. For a signal handler."""
        _c.interrupt(self._get())

    def ring(self, name=None, flags=RECEIVE):
        """Open a queue: RECEIVE, SEND, or both. @param name  None: the only one that fits."""
        return Ring(self, name, flags)

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

    KINDS = {'queue': 1}

    def __init__(self, name=None):
        pointer = ctypes.c_void_p()
        _check(_c.host_new(ctypes.byref(pointer), _bytes(name)), name)
        super().__init__(pointer)

    def add(self, name, kind='queue', **fields):
        """Make an object. @param fields  of struct ganger_definition: slots, message_max, …"""
        if kind not in self.KINDS:
            raise ValueError(f'no kind {kind!r}: {", ".join(self.KINDS)}')
        definition = _Definition(kind=self.KINDS[kind], **fields)
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
