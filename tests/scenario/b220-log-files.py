#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where output goes: files that are rotated, moved and attacked, the journal, and places that are full or hang."""

import glob
import os
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

LINE = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (\S+)\[(\d+)\] (stdout|stderr|-) ([a-z]+): (.*)$')


class LoggingGang(Gang):
    """Its log files are in `logs`; its workers say what is written to their fifo."""

    def __init__(self, config, names=('w',), **options):
        super().__init__(config, begin=False, **options)
        self.arguments += ['--log-dir', self.path('logs')]
        for name in names:
            self.fifo(f'{name}.in')
            self.script(name, f'exec < {self.path(name + ".in")}; while read -r line; do printf "%s\\n" "$line"; done')
        self.pipes = {}

    def __enter__(self):
        super().__enter__()
        try:
            self.start()
        except BaseException:
            self.abandon()
            raise
        return self

    def say(self, *lines, name='w', wait=True):
        """Have a worker print this, and wait until its last line has come through: then it is in its log, too."""
        if name not in self.pipes:
            self.pipes[name] = os.open(self.path(f'{name}.in'), os.O_RDWR | os.O_CLOEXEC)
        for i, line in enumerate(lines, 1):
            os.write(self.pipes[name], f'{line}\n'.encode())
            # Not too much at once: whoever follows a flood may miss lines.
            if wait and (i == len(lines) or i % 100 == 0):
                self.wait_log(f'{name}/0', re.sub('^<.>', '', line))

    def __exit__(self, *what):
        for fd in self.pipes.values():
            os.close(fd)
        self.pipes = {}
        return super().__exit__(*what)

    def lines(self, name='w.log', root=''):
        """(key, stream, priority, text) of each line of a log file; each must be whole."""
        with open(root + self.path(f'logs/{name}')) as f:
            text = f.read()
        check(text == '' or text.endswith('\n'), f'{name} ends in the middle of a line')
        found = [LINE.match(line) for line in text.splitlines()]
        check(all(found), f'{name} has lines that are none: {text[-300:]!r}')
        return [(m[1], m[3], m[4], m[5]) for m in found]

    def texts(self, name='w.log', root=''):
        return [line[3] for line in self.lines(name, root)]


def to_places():
    """each worker logs where its `log` says: to a file, to the log of gangerd, to both, or nowhere"""
    config = '''
    worker two { exec = {"@/two"} instances = 2 log = file }
    worker both { exec = {"@/both"} log = {auto, file} log-file = "sub/of/both.txt" }
    worker quiet { exec = {"@/quiet"} log = none }
    worker shown { exec = {"@/shown"} log = stderr }
    '''
    g = LoggingGang(config, names=())
    g.script('two', 'echo "out $GANGER_INSTANCE"; echo "<3>err $GANGER_INSTANCE" >&2; exec sleep 1000')
    for name in 'both', 'quiet', 'shown':
        g.script(name, f'echo "{name} says"; exec sleep 1000')
    with g:
        for key, text in ('two/0', 'err 0'), ('two/1', 'err 1'), ('both/0', 'both says'), ('quiet/0', 'quiet says'), \
                         ('shown/0', 'shown says'):
            g.wait_log(key, text)           # the last lines are kept, wherever they go
        equal(sorted(g.lines('two.log')),
              [('two/0', 'stderr', 'err', 'err 0'), ('two/0', 'stdout', 'info', 'out 0'),
               ('two/1', 'stderr', 'err', 'err 1'), ('two/1', 'stdout', 'info', 'out 1')], 'lines of both instances')
        equal(g.lines('sub/of/both.txt'), [('both/0', 'stdout', 'info', 'both says')], 'lines')
        g.wait_stderr('^both/0: both says$')
        g.wait_stderr('^shown/0: shown says$')
        check(not any(line.startswith(('two/', 'quiet/')) for line in g.stderr_lines), f'too much: {g.stderr_lines}')
        equal(sorted(os.listdir(g.path('logs'))), ['sub', 'two.log'], 'log files')
        check(os.stat(g.path('logs/two.log')).st_mode & 0o137 == 0, 'others can read or write it')
        # A change takes effect with the next line, and touches no process.
        before = g.pids()
        g.configure(config.replace('log = none', 'log = file').replace('instances = 2 log = file', 'instances = 2 log = none'))
        g.ctl('reload').has('log')
        equal(g.pids(), before, 'pids')


def rotated():
    """a file that is rotated has every line once, in order"""
    config = 'worker w { exec = {"seq", "5000"} log = file log-max-size = 16KiB log-keep = 100 restart = never }'
    with LoggingGang(config, names=()) as g:
        g.wait_log('w/0', '5000')
        files = sorted(glob.glob(g.path('logs/w.log*')), key=lambda name: -int(name.rpartition('.')[2] if name[-1] != 'g' else 0))
        check(len(files) > 10, f'files: {files}')
        said = [text for name in files for text in g.texts(os.path.basename(name))]
        equal(said, [str(n) for n in range(1, 5001)], 'lines of all files')
        check(max(os.path.getsize(name) for name in files) <= 16384, 'one is too long')


def over_the_death_of_the_manager():
    """the next manager goes on with the file, and what is printed in between comes into it"""
    with LoggingGang('worker w { exec = {"@/w"} log = file log-keep = 9 log-max-size = 300 }') as g:
        g.say('one')
        manager = g.manager_pid
        kill(manager, signal.SIGSTOP)
        g.say(*[f'n{i}.' for i in range(30)], wait=False)
        kill_and_wait(manager)
        g.say('two')
        said = []
        for name in sorted(glob.glob(g.path('logs/w.log.*')), reverse=True) + ['w.log']:
            said += g.texts(os.path.basename(name))
        equal(said, ['one', *[f'n{i}.' for i in range(30)], 'two'], 'lines')


def moved_by_others():
    """logrotate moves the file away, and a reload makes a new one at once; without one it is noticed, too"""
    with LoggingGang('worker w { exec = {"@/w"} log = file log-max-size = 0 }') as g:
        g.say('one')
        os.rename(g.path('logs/w.log'), g.path('logs/w.log.1'))
        kill(g.keeper_pid, signal.SIGHUP)
        g.wait_event(lambda e: e['kind'] == 'reload', what='the reload')
        g.say('two')
        equal(g.texts('w.log.1'), ['one'], 'the old one')
        equal(g.texts(), ['two'], 'the new one')
        os.unlink(g.path('logs/w.log'))
        n = 0
        while not os.path.exists(g.path('logs/w.log')):
            n += 1
            g.say(f'more {n}.')
        check(g.texts()[-1] == f'more {n}.', 'its last line')


def attacked():
    """a file or directory that somebody else can replace is not written to; the worker goes on, and what was dropped is told"""
    with LoggingGang('worker w { exec = {"@/w"} log = file }') as g:
        os.makedirs(g.path('logs'), mode=0o755, exist_ok=True)
        g.write('victim', 'precious')
        os.symlink(g.path('victim'), g.path('logs/w.log'))
        g.say('one', 'two')
        g.wait_stderr(r'w: log file .*/logs/w\.log: it is a symbolic link; lines are dropped')
        equal(g.read('victim'), 'precious', 'what the link leads to')
        os.unlink(g.path('logs/w.log'))
        g.ctl('reload')
        g.say('three')
        equal(g.texts(), ['2 lines of log dropped', 'three'], 'lines')
        g.wait_stderr('it is written again')
        os.chmod(g.path('logs'), 0o777)
        os.unlink(g.path('logs/w.log'))
        g.ctl('reload')
        g.say('four')
        g.wait_stderr('others can write to')
        check(not os.path.exists(g.path('logs/w.log')), 'it was made where others can write')
        equal(len([line for line in g.stderr_lines if 'dropped' in line]), 2, 'complaints: one for each time')
        g.until_ready('w/0')


def namespace(command):
    """A prefix for gangerd: a mount namespace in which this was done before."""
    need_root()
    need('unshare', 'mount')
    prefix = ['unshare', '-m', 'sh', '-c', f'{command} || exit 9; exec "$0" "$@"']
    if subprocess.run([*prefix, 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip('mounting is not possible here')
    return prefix


def full_disk():
    """a file system that is full: nobody waits, no line is there by half, and when there is room it goes on"""
    directory = tempfile.mkdtemp(prefix='gang.')
    os.mkdir(f'{directory}/logs', 0o755)
    try:
        prefix = namespace(f'mount -t tmpfs -o size=64k,mode=755 none {directory}/logs')
        config = 'worker w { exec = {"@/w"} log = file log-max-size = 0 }\nworker io { exec = {"@/io"} }'
        with LoggingGang(config, names=('w', 'io'), prefix=prefix, directory=directory) as g:
            root = f'/proc/{g.keeper_pid}/root'
            with open(f'{root}{directory}/logs/filler', 'wb') as filler:
                filler.write(bytes(48 * 1024))
            total = 1000
            g.say(*[f'line {i}, which is not the last one.' for i in range(total)])
            g.wait_stderr('w: log file .*No space left on device; lines are dropped')
            g.say('the other worker', name='io')
            g.until_ready('w/0', 'io/0')
            kept = g.texts(root=root)
            check(0 < len(kept) < total, f'{len(kept)} lines have found room')
            os.unlink(f'{root}{directory}/logs/filler')
            g.say('there is room')
            lines = g.texts(root=root)
            equal(lines[:len(kept)], [f'line {i}, which is not the last one.' for i in range(len(kept))], 'lines before')
            equal(lines[len(kept):], [f'{total - len(kept)} lines of log dropped', 'there is room'], 'lines after')
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def records(journal):
    """What a journal of ours was sent, as dictionaries."""
    while True:
        try:
            message = journal.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        fields = {}
        while message:
            name, _, rest = message.partition(b'\n')
            if b'=' in name:
                name, _, value = name.partition(b'=')
                message = rest
            else:
                size = int.from_bytes(rest[:8], 'little')
                value, message = rest[8:8 + size], rest[9 + size:]
            fields[name.decode()] = value.decode()
        yield fields


def to_the_journal():
    """the journal gets all fields; one that is absent, hangs or comes back stalls nobody, and is told what it has missed"""
    prefix = namespace('mount -t tmpfs none /run && mkdir -p /run/systemd/journal')
    with LoggingGang('worker w { exec = {"@/w"} log = {journal, file} log-rate = none }', prefix=prefix) as g:
        path = f'/proc/{g.keeper_pid}/root/run/systemd/journal/socket'
        g.say('before', 'there is one')
        g.wait_stderr("the log 'journal' cannot be opened")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(path)
            g.say('<4>low on space')
            got = list(records(journal))
            equal([r['MESSAGE'] for r in got], ['2 lines of log dropped', 'low on space'], 'messages')
            pid = str(g.pid('w/0'))
            equal(got[1], {'PRIORITY': '4', 'SYSLOG_IDENTIFIER': 'w', 'GANGER_WORKER': 'w', 'GANGER_INSTANCE': '0',
                           'GANGER_GENERATION': '1', 'GANGER_STREAM': 'stdout', 'OBJECT_PID': pid, 'MESSAGE': 'low on space'},
                  'fields')
            # It does not read: the socket is full after some.
            total = 2000
            g.say(*[f'line {i}.' for i in range(total)])
            g.until_ready('w/0')
            kept = len(list(records(journal)))
            check(0 < kept < total, f'{kept} lines have found room')
            g.say('it reads again')
            equal([r['MESSAGE'] for r in records(journal)], [f'{total - kept} lines of log dropped', 'it reads again'], 'messages')
        os.unlink(path)
        g.say('it is gone')
        equal(len(g.texts()), total + 5, 'lines of the file, which misses none')


def read_now(fd):
    """What is in a pipe."""
    text = b''
    while True:
        try:
            text += os.read(fd, 1 << 20)
        except BlockingIOError:
            return text.decode()


def full_pipe():
    """standard error of the daemon a pipe that nobody reads for a while: nobody waits, and it is told what was dropped"""
    r, w = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(r, False)
    try:
        with LoggingGang('worker w { exec = {"@/w"} log = {stderr, file} log-rate = none }', stderr=w) as g:
            total = 2000
            g.say(*[f'line {i}, which is long enough to fill a pipe when there are so many of them.' for i in range(total)])
            g.until_ready('w/0')
            kept = read_now(r).count('w/0: line')
            check(0 < kept < total, f'{kept} lines have found room')
            g.say('it is read again')
            told = read_now(r).splitlines()
            check(f'gangerd: {total - kept} lines of log dropped' in told and 'w/0: it is read again' in told, f'afterwards: {told}')
            equal(len(g.texts()), total + 1, 'lines of the file, which misses none')
    finally:
        os.close(r)
        os.close(w)


main(full_pipe, to_places, rotated, over_the_death_of_the_manager, moved_by_others, attacked, full_disk, to_the_journal)
