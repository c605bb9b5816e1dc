#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An ordinary user of the machine does his worst: all others are served meanwhile, nothing of others is touched, and memory stays."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from attacks import ATTACKS, SAYS, number_comes_again  # noqa: E402
from gang import *  # noqa: E402, F403

# As daemon/control/control.h has them.
STRANGERS_PER_UID_MAX = 8
GUESTS_PER_UID_MAX = 32
MIB = 2 ** 20
# A reader of the control socket costs this much at most: what waits for it (CONNECTION_STREAM), and a frame that is half there.
CONNECTION_COSTS = 2 * MIB
PLAIN = 'worker w { exec = {"sleep", "1000"} }\n'

# Runs as that user: does what comes, a JSON text of Python a line, and answers with what it calls `result`.
STRANGER = ATTACKS + '''
import json, socket, struct, sys
RUN, DIRECTORY = sys.argv[1:3]
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(RUN + '/control')
    return s

def frame(body):
    return struct.pack('>I', len(body)) + body

def is_open(s):
    """Has the daemon not closed it? What it has said before does not count."""
    s.setblocking(False)
    try:
        while True:
            if not s.recv(65536):
                return False
    except BlockingIOError:
        return True
    except OSError:
        return False

VERSION = frame(b'\\x08\\x01\\x52\\x00')
STATUS = frame(b'\\x08\\x01\\x5a\\x00')
FOLLOW_EVENTS = frame(b'\\x08\\x02\\x92\\x01\\x05\\x08\\x01\\x10\\xe8\\x07')
FOLLOW_LOGS = frame(b'\\x08\\x03\\x8a\\x01\\x04\\x10\\x01\\x18\\x64')
print('null', flush=True)
for line in sys.stdin:
    result = None
    exec(json.loads(line), globals())
    print(json.dumps(result), flush=True)
'''


class Stranger:
    """That user."""

    def __init__(self, g, prefix):
        self.process = subprocess.Popen([*prefix, PYTHON, '-c', STRANGER, g.runtime, g.directory], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        check(line, 'the stranger has died')
        return json.loads(line)

    def tell(self, code):
        self.process.stdin.write(json.dumps(code) + '\n')
        self.process.stdin.flush()

    def does(self, code):
        self.tell(code)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()


def hostile(config=PLAIN, **options):
    """@return a gang, and who is to attack it: words to put before his commands."""
    need_root()
    prefix = as_nobody()
    return Gang(config, **options), prefix


def serves(g):
    equal(g.ctl('status', 'w').status, 0, 'status')


def connections():
    """more connections than he may have are turned away, as often as he tries; others get theirs"""
    g, prefix = hostile()
    with g, Stranger(g, prefix) as s:
        g.until_ready('w/0')
        before = len(list(descriptors(g.manager_pid)))
        s.does('c = [connect() for _ in range(200)]')
        serves(g)
        # Those that were turned away were told so, so that they are closed by the time that the others are answered.
        g.until('the rest is turned away', lambda: s.does('c = [s for s in c if is_open(s)]; result = len(c)') <= STRANGERS_PER_UID_MAX)
        now = len(list(descriptors(g.manager_pid)))
        check(now <= before + STRANGERS_PER_UID_MAX + 2, f'{now - before} descriptors more')
        # Again and again, while others ask.
        s.tell('for _ in range(2000): connect().close()')
        for _ in range(5):
            serves(g)
        s.answer()
        s.does('c.clear()')
        g.until('nothing is left of him', lambda: len(list(descriptors(g.manager_pid))) <= before + 1)
        check('too many connections' not in g.ctl('status').err, 'root was turned away')


def frames():
    """frames that are enormous, never end, or are nonsense: closed or waited for, at little cost"""
    g, prefix = hostile()
    with g, Stranger(g, prefix) as s:
        g.until_ready('w/0')
        before = process_memory(g.manager_pid)
        # Longer than a frame may be: the end at once, though nothing of it has come.
        s.does('c = connect(); c.sendall(struct.pack(">I", 0x7fffffff) + b"x")')
        g.until('it is closed', lambda: not s.does('result = is_open(c)'))
        # As long as it may be, but for a byte; and a length of which half is there.
        s.does(f'c = [connect() for _ in range({STRANGERS_PER_UID_MAX})]\n'
               'for i, s in enumerate(c): s.settimeout(5); s.sendall(b"\\0\\0" if i % 2 else struct.pack(">I", 1 << 20) + bytes((1 << 20) - 1))')
        serves(g)
        grown = process_memory(g.manager_pid) - before
        check(sanitized() or grown < STRANGERS_PER_UID_MAX * CONNECTION_COSTS, f'{grown} bytes more')
        equal(s.does('result = all(is_open(s) for s in c)'), True, 'they are waited for')
        s.does('for s in c: s.close()')
        # Parts without end, of which each is an object in memory.
        s.does('c = connect(); c.settimeout(5); body = b"\\x5a\\x00" * (1 << 19); c.sendall(frame(body))')
        g.until('it is closed', lambda: not s.does('result = is_open(c)'))
        # Descriptors, which nobody wants.
        held = len(list(descriptors(g.manager_pid)))
        s.does('c = connect()\n'
               'try:\n    for _ in range(50): socket.send_fds(c, [VERSION[:1]], [0] * 200)\nexcept OSError: pass')
        serves(g)
        check(len(list(descriptors(g.manager_pid))) <= held + 1, 'descriptors of his are kept')


def readers():
    """one who follows and asks, and never reads: what waits for him is bounded, and he is behind alone"""
    g, prefix = hostile('worker w { exec = {"@/talks"} allow = "nobody:view" log-rate = none }', begin=False)
    go = g.fifo('go')
    g.script('talks', f'exec 3<>{go}; while read -r n <&3; do i=0; while [ $i -lt $n ]; do '
                      'echo "line $i which is not short, so that many of them are much to remember for somebody who does not read"; '
                      'i=$((i+1)); done; echo "end of $n"; done')
    with g:
        g.start()
        with Stranger(g, prefix) as s:
            g.until_ready('w/0')
            before = process_memory(g.manager_pid)
            s.does(f'c = [connect() for _ in range({GUESTS_PER_UID_MAX})]\nfor s in c: s.sendall(FOLLOW_EVENTS + FOLLOW_LOGS)')
            # … and answers to what he asks, until he is heard no more.
            s.does('for s in c:\n    s.setblocking(False)\n    try:\n        while True: s.send(STATUS)\n    except OSError: pass')
            equal(refusal(s), True, 'one connection more is turned away')
            with open(go, 'w') as f:
                f.write('1000\n')
            g.wait_log('w/0', 'end of 1000')
            serves(g)
            grown = process_memory(g.manager_pid) - before
            check(sanitized() or grown < GUESTS_PER_UID_MAX * CONNECTION_COSTS, f'{grown} bytes more')


def refusal(s):
    """@return whether a connection more is turned away."""
    return s.does('s = connect(); s.settimeout(30); result = b"too many connections" in s.recv(4096)')


NOTIFY = 'worker w { exec = {"@/says"} ready = notify fd-store-max = 8 watchdog = 1h ready-timeout = 1h }\n'
def saying(config=NOTIFY):
    """A gang whose worker says what is written to the file that is returned."""
    g, prefix = hostile(config, begin=False)
    path = g.fifo('go')
    g.python('says', SAYS)
    go = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    return g, prefix, lambda line: os.write(go, line.encode() + b'\n')


def strangers_that_say():
    """what he says at the notify socket counts for nobody, however often; what workers say is heard"""
    g, prefix, tell = saying()
    with g:
        g.start()
        with Stranger(g, prefix) as s:
            pid, held = g.pid('w/0'), len(list(descriptors(g.manager_pid)))
            s.does('n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); n.connect(RUN + "/notify")')
            lies = ['READY=1', f'MAINPID={s.process.pid}', 'STOPPING=1', 'WATCHDOG=trigger', 'RELOADING=1', 'STATUS=mine', 'X' * 5000]
            s.tell(f'for i in range(40):\n    for lie in {lies}: n.send(lie.encode())\n'
                   '    socket.send_fds(n, [b"FDSTORE=1\\nFDNAME=x"], [0] * 253)')
            # Meanwhile its word comes through, one of those that he has sent before and after.
            for i in range(5):
                tell(f"say('STATUS=it is me {i}')")
                g.until(f'word {i} comes through', lambda: g.instance('w/0')['status_text'] == f'it is me {i}')
                equal(g.instance('w/0')['state'], 'starting', 'state')
            tell("say('READY=1')")
            g.until_ready('w/0')
            s.answer()
            # After the last of his there is one of its own: then all of them were dealt with.
            tell("say('STATUS=end')")
            g.until('the end comes through', lambda: g.instance('w/0')['status_text'] == 'end')
            i = g.instance('w/0')
            equal((i['state'], i['pid'], i['restarts']), ('ready', pid, 0), 'what has become of it')
            check(len(list(descriptors(g.manager_pid))) <= held + 1, 'descriptors of his are kept')


def a_number_that_comes_again():
    """he says something and is gone, and a process of the worker has his number before it is heard: it still is not the worker's word"""
    g, _, tell = saying()
    with g:
        g.start()
        number_comes_again(g, 'w/0', tell)
        tell("say('READY=1')")
        g.until_ready('w/0')


def processes_and_files():
    """no signal, no ptrace, no memory, descriptor, limit or priority of keeper, manager or worker; nothing of the runtime directory"""
    g, prefix = hostile()
    with g, Stranger(g, prefix) as s:
        g.until_ready('w/0')
        for what, pid in (('keeper', g.keeper_pid), ('manager', g.manager_pid), ('worker', g.pid('w/0'))):
            equal(s.does(f'result = attack_process({pid})'), [], f'what he can do with the {what}')
        before = g.pids()
        equal(s.does('result = attack_directory(RUN)'), [], 'what he can do in the runtime directory')
        serves(g)
        equal(g.pids(), before, 'pids')


def directories_that_are_his():
    """links that he puts into directories which are his: nothing is written through them, neither state nor socket"""
    g, prefix = hostile(PLAIN + 'listen page { stream = "@/his/page" mode = 0666 }', begin=False)
    os.mkdir(g.path('his'))
    os.chown(g.path('his'), nobody().pw_uid, nobody().pw_gid)
    g.arguments = ['--state-dir', g.path('his')]
    secret = g.write('secret', 'what nobody may change', 0o600)
    g.write('his/wishes', 'stopped w\n')       # nobody is to believe that
    os.chown(g.path('his/wishes'), nobody().pw_uid, nobody().pw_gid)
    os.symlink('../secret', g.path('his/wishes.new'))
    with g:
        g.start()
        g.wait_stderr('what was stopped and scaled by hand is not known: .*belongs to user')
        g.until_ready('w/0')
        g.ctl('stop', 'w')              # which is to be remembered
        g.wait_stderr('what is stopped and scaled by hand cannot be remembered: .*belongs to user')
        # His link in the place of our socket, whose mode changes.
        with Stranger(g, prefix) as s:
            s.does('os.unlink(DIRECTORY + "/his/page"); os.symlink("../secret", DIRECTORY + "/his/page")')
        g.configure(g.config_text.replace('mode = 0666', 'mode = 0606'))
        g.ctl('reload')
        g.wait_stderr("listen 'page': .* its file is no longer there")
        serves(g)
        st = os.stat(secret)
        equal((st.st_uid, st.st_mode & 0o777, g.read('secret')), (0, 0o600, 'what nobody may change'), 'the file that he links to')


main(connections, frames, readers, strangers_that_say, a_number_that_comes_again, processes_and_files, directories_that_are_his)
