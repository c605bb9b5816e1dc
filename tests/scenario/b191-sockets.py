#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sockets that are opened once: passed as sd_listen_fds(3) wants it, and open over restarts, reloads and deaths."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403
from programs import *  # noqa: E402, F403

import http.client
import stat

# What the program finds, as one line of the log; then it waits.
TELL = '''
import json, os, signal, socket, stat, sys
n = int(os.environ.get('LISTEN_FDS', 0))
names, sockets = os.environ.get('LISTEN_FDNAMES', '').split(':'), []
for i in range(n):
    s = socket.socket(fileno=3 + i)
    name = s.getsockname()
    if isinstance(name, bytes):
        name = '@' + name[1:].decode()
    sockets.append([names[i], s.type.name, s.family.name, name if isinstance(name, str) else f'{name[0]} {name[1]}'])
    s.detach()
print(json.dumps({'mine': os.environ.get('LISTEN_PID') == str(os.getpid()), 'sockets': sockets, 'names': len(names),
                  'more': os.path.exists(f'/proc/self/fd/{3 + n}')}), flush=True)
signal.pause()
'''


def free_port(kind=socket.SOCK_STREAM, family=socket.AF_INET6):
    """A port that nobody has just now."""
    with socket.socket(family, kind) as s:
        s.bind(('', 0))
        return s.getsockname()[1]


def told(g, key, since=0):
    """What tell.py found."""
    line = g.wait_log(key, '{"mine"', since=since)
    return json.loads(line['text'])


def local(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(LIMIT)
    s.connect(path)
    return s


def gang(config, **options):
    g = Gang(config, begin=False, **options)
    g.python('tell', TELL)
    g.python('http', HTTP)
    return g


def every_kind_is_passed():
    """paths, names, ports of both families; in order, with names, from descriptor 3 on, and to the program itself"""
    a, b, c = (free_port() for _ in range(3))
    u = free_port(socket.SOCK_DGRAM)
    with gang(f'''
        listen web {{ stream = {{{a}, "127.0.0.1:{b}", "[::1]:{c}", @/web, "\\x40ganger-test-{os.getpid()}"}} }}
        listen log {{ datagram = {{@/log, {u}}} sequential = @/seq mode = 0620 }}
        worker all {{ exec = {{"@/tell"}} listen = {{log, web}} }}
        worker none {{ exec = {{"@/tell"}} }}
        ''') as g:
        g.start()
        found = told(g, 'all/0')
        equal(found['sockets'], [
            ['log', 'SOCK_DGRAM', 'AF_UNIX', g.path('log')], ['log', 'SOCK_DGRAM', 'AF_INET6', f':: {u}'],
            ['log', 'SOCK_SEQPACKET', 'AF_UNIX', g.path('seq')],
            ['web', 'SOCK_STREAM', 'AF_INET6', f':: {a}'], ['web', 'SOCK_STREAM', 'AF_INET', f'127.0.0.1 {b}'],
            ['web', 'SOCK_STREAM', 'AF_INET6', f'::1 {c}'], ['web', 'SOCK_STREAM', 'AF_UNIX', g.path('web')],
            ['web', 'SOCK_STREAM', 'AF_UNIX', f'@ganger-test-{os.getpid()}']], 'sockets')
        check(found['mine'] and not found['more'], f'{found}')
        equal(told(g, 'none/0')['sockets'], [], 'sockets of a worker without any')
        equal(stat.S_IMODE(os.stat(g.path('log')).st_mode), 0o620, 'mode of a path')
        equal(stat.S_IMODE(os.stat(g.path('web')).st_mode), 0o666, 'mode of a path, where none is given')
        # A port alone is of both families, one in brackets of IPv6 only.
        for address, refused in (('127.0.0.1', a), False), (('::1', a), False), (('127.0.0.1', c), True), (('::1', c), False):
            try:
                socket.create_connection(address, LIMIT).close()
                check(not refused, f'{address} answers')
            except ConnectionRefusedError:
                check(refused, f'{address} does not answer')
        # Nobody takes them: they wait. One that is closed by the other side is gone when the program closes it, too.
        waiting = [socket.create_connection(address, LIMIT) for address in (('127.0.0.1', a), ('::1', a), ('127.0.0.1', b))]
        waiting.append(local(g.path('web')))

        def counts(name, address):
            found = next(s for s in g.json('sockets', name)['sockets'] if s['address'] == address)
            return found['connections'], found['waiting'], found['workers']

        # Beside those of above, which were closed and nobody has taken.
        g.until('they are counted', lambda: [counts('web', str(address))[0] for address in (a, f'127.0.0.1:{b}')] >= [2, 1])
        check(counts('web', str(a))[1] >= 2, 'connections that wait')
        equal(counts('web', g.path('web')), (1, 1, ['all']), 'of the path')
        equal(counts('log', g.path('log')), (0, 0, ['all']), 'of datagrams')
        g.ctl('sockets').has('127.0.0.1:' + str(b), 'sequential', 'all')
        g.ctl('status', 'all').has('listen: log, web')
    check(not os.path.exists(g.path('web')) and not os.path.exists(g.path('seq')), 'a file is left')


def of_other_people():
    """a path has the owner, the group and the mode that are asked for, also after a reload"""
    need_root()
    with gang('listen a { stream = @/a user = nobody group = 0 mode = 0600 }\nworker a { exec = {"@/tell"} listen = a }') as g:
        g.start()
        st = os.stat(g.path('a'))
        equal((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (pwd.getpwnam('nobody').pw_uid, 0, 0o600), 'owner')
        g.configure(g.config_text.replace('user = nobody', 'user = 12345'))
        g.ctl('reload')
        equal(os.stat(g.path('a')).st_uid, 12345, 'owner')
        g.configure(g.config_text.replace('user = 12345', 'user = nobody-here'))
        g.ctl('reload', expected=1).has("there is no user 'nobody-here'")


def a_file_that_is_replaced():
    """what somebody else has put at the path is neither removed nor given another mode; the log says that it is in the way"""
    with gang('listen a { stream = @/a }\nworker a { exec = {"@/tell"} listen = a }') as g:
        g.start()
        os.unlink(g.path('a'))
        g.write('a', 'mine', 0o640)
        kill_and_wait(g.manager_pid)
        g.ctl('status')
        g.wait_stderr('its file is no longer there')
        g.configure('worker a { exec = {"@/tell"} }')
        g.ctl('reload')
        equal((g.read('a'), stat.S_IMODE(os.stat(g.path('a')).st_mode)), ('mine', 0o640), 'the file')


def a_port_that_others_have():
    """with reuse-port another program can listen there, too; that cannot be changed under an open socket"""
    port = free_port()
    with gang(f'listen a {{ stream = "127.0.0.1:{port}" reuse-port = yes }}\nworker a {{ exec = {{"@/tell"}} listen = a }}') as g:
        g.start()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(('127.0.0.1', port))
            s.listen()
        g.configure(g.config_text.replace('reuse-port = yes', 'reuse-port = no'))
        g.ctl('reload', expected=1).has('ganger.conf:1:', 'reuse-port cannot be changed')


def beside_the_bridge():
    """with `io` the sockets are those of the program, not of the bridge, and messages still come"""
    with gang('''
        listen log { datagram = @/log }
        ring jobs { }
        ring out { }
        worker w { exec = {"@/echo"} io = lines receive = jobs send = out listen = log }
        ''') as g:
        g.python('echo', '''
import os, socket, sys
mine = os.environ['LISTEN_PID'] == str(os.getpid()) and socket.socket(fileno=3).type == socket.SOCK_DGRAM
for line in sys.stdin:
    print('OK', mine, os.environ['LISTEN_FDS'], os.environ['LISTEN_FDNAMES'], line, end='', flush=True)
''')
        g.start()
        g.ctl('send', 'jobs', 'x')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'True 1 log x\n', 'what it says')


class Load(threading.Thread):
    """Connections, one after the other and several at a time; each must be answered."""

    def __init__(self, path, clients=4):
        super().__init__(daemon=True)
        self.path, self.stop, self.wrong = path, threading.Event(), []
        self.answers = [[] for _ in range(clients)]
        self.threads = [threading.Thread(target=self.ask, args=(answers,), daemon=True) for answers in self.answers]

    def start(self):
        for t in self.threads:
            t.start()

    def ask(self, answers):
        while not self.stop.is_set():
            try:
                c = http.client.HTTPConnection('here')
                c.sock = local(self.path)
                c.request('GET', '/')
                answers.append(int(c.getresponse().read()))
                c.close()
            except Exception as e:                      # whatever it is, somebody was not served
                self.wrong.append(repr(e))

    def served(self):
        return sum(map(len, self.answers))

    def pids(self):
        return {pid for answers in self.answers for pid in answers}

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(LIMIT)
        equal(self.wrong, [], 'connections that were not served')


def restarts_under_load():
    """python's http.server, restarted again and again, also with the manager killed: no connection is refused or cut off"""
    with gang('listen web { stream = @/web }\nworker web { exec = {"@/http"} listen = web }') as g:
        g.start()
        load = Load(g.path('web'))
        load.start()
        pids = set()
        for round in range(6):
            before = load.served()
            g.until('it serves', lambda: load.served() > before + 20)
            pids.add(g.pid('web/0'))
            if round == 2:
                kill_and_wait(g.manager_pid)
            if round == 3:
                restart = g.background('restart', 'web')
                kill_and_wait(g.manager_pid)
                g.wait_helper(restart)
            else:
                g.ctl('restart', 'web')
        before = load.served()
        g.until('it serves', lambda: load.served() > before + 20)
        load.end()
        check(len(pids) >= 6 and pids <= load.pids(), f'{len(pids)} processes, of which {len(load.pids())} have served')


def a_death_keeps_what_waits():
    """SIGKILL of the program, and of the manager at the same time: who waits in the backlog is served by the next one"""
    with gang('listen web { stream = @/web }\nworker web { exec = {"@/http"} listen = web }') as g:
        g.start()
        g.until_ready('web/0')
        manager, pid = g.manager_pid, g.pid('web/0')
        kill(pid, signal.SIGSTOP)
        waiting = [local(g.path('web')) for _ in range(20)]
        for s in waiting:
            s.sendall(b'GET / HTTP/1.0\r\n\r\n')
        kill(manager, signal.SIGSTOP)
        kill_and_wait(pid)
        kill_and_wait(manager)
        for s in waiting:
            answer = b''.join(iter(lambda: s.recv(4096), b''))
            check(answer.startswith(b'HTTP/1.0 200'), f'answer {answer!r}')
            check(int(answer.rpartition(b'\n')[2]) != pid, 'the dead one has answered')
            s.close()


def a_reload():
    """what stays is not touched; what is new is opened, what is gone is closed and its file removed; all of it or nothing"""
    with gang('''
        listen a { stream = {@/a, @/b} }
        listen other { stream = @/o }
        worker a { exec = {"@/tell"} listen = a }
        worker other { exec = {"@/tell"} listen = other }
        ''') as g:
        g.start()
        g.until_ready('a/0', 'other/0')
        before, inode = g.instances(), os.stat(g.path('a')).st_ino
        kept = local(g.path('a'))

        def reload(text, expected=0):
            g.configure(text)
            return g.ctl('reload', expected=expected)

        plain = g.config_text
        reload(plain.replace(f'{g.path("b")}}}', f'{g.path("c")}}}')).has('changed  worker a: its sockets')
        g.until('a is another', lambda: g.instance('a/0')['pid'] not in (0, before['a/0']['pid']))
        equal(g.pid('other/0'), before['other/0']['pid'], 'process of other')
        equal(os.stat(g.path('a')).st_ino, inode, 'file of a')
        check(not os.path.exists(g.path('b')) and os.path.exists(g.path('c')), 'files')
        kept.sendall(b'x')
        # Live: mode and backlog.
        now = g.instances()
        changed = g.config_text.replace(f'stream = {g.path("o")}', f'stream = {g.path("o")} mode = 0600 backlog = 7')
        reload(changed).has('mode 0666 -> 0600')
        equal(stat.S_IMODE(os.stat(g.path('o')).st_mode), 0o600, 'mode')
        equal(g.pids(), {key: i['pid'] for key, i in now.items()}, 'processes')
        # Refused: a file that is no socket, and somebody else's socket. Nothing is left of what was opened before it.
        g.write('file', '')
        with socket.socket(socket.AF_UNIX) as somebody:
            somebody.bind(g.path('taken'))
            somebody.listen()
            for path, why in ('file', 'there is a file that is no socket'), ('taken', 'somebody else listens there'):
                result = reload(f'{changed}listen n {{ stream = {{{g.path("n")}, {g.path(path)}}} }}', 1)
                result.has("listen 'n': stream", why)
                check(not os.path.exists(g.path('n')) and os.path.exists(g.path(path)), f'files after {path}')
        # A section gets another name: the socket stays.
        reload(changed.replace('listen other', 'listen another').replace('listen = other', 'listen = another'))
        g.until('other is another', lambda: g.instance('other/0')['pid'] not in (0, before['other/0']['pid']))
        local(g.path('o')).close()
        local(g.path('a')).close()
        g.wait_event(lambda e: e['kind'] == 'socket' and e['key'] == 'a' and e['text'] == f'stream {g.path("b")} is closed')
    check(not any(os.path.exists(g.path(name)) for name in 'acno'), 'a file is left')


def what_is_in_the_way():
    """the files that a dead daemon has left are replaced; a living socket of somebody else stops the start"""
    with gang('listen a { stream = @/a datagram = @/d }\nworker a { exec = {"@/tell"} listen = a }', check_end=False) as g:
        g.start()
        g.until_ready('a/0')
        manager, pid = g.manager_pid, g.pid('a/0')
        g.close_streams()
        kill(g.keeper_pid)
        for dead in (manager, pid, g.process.pid):
            wait_dead(dead)
        g.process.wait()
        check(os.path.exists(g.path('a')) and os.path.exists(g.path('d')), 'the dead one has left no file')
        g.start()
        g.until_ready('a/0')
        local(g.path('a')).close()
        local(g.path('d'), socket.SOCK_DGRAM).close()
        second = run([f'{BUILD}/gangerd', '--foreground', '--config', g.config_path, '--runtime-dir', g.path('second')],
                     expected=None, env=g.env)
        check(second.status != 0, 'two daemons have the same socket')
        second.has("listen 'a': stream", 'somebody else listens there')
        local(g.path('a')).close()
        kill(g.keeper_pid, signal.SIGTERM)
        g.close_streams()
        g.process.wait(LIMIT)
        check(not os.path.exists(g.path('a')) and not os.path.exists(g.path('d')), 'a file is left')


def the_check():
    """gangerctl check tells what is wrong with sockets, with file and line"""
    with gang('worker a { exec = {"sleep", "1000"} }') as g:
        g.start()
        bad = g.write('bad.conf', 'listen a { stream = "localhost:80" }\nlisten b { stream = {80, "0.0.0.0:80"} user = nobody-here }\n'
                                  'worker w { exec = sh listen = c }\n')
        g.ctl('check', bad, expected=1).has('bad.conf:1:', 'names are not looked up', 'bad.conf:2:', 'cannot be had beside', 'bad.conf:3:',
                                            'there is no listen section')


if __name__ == '__main__':
    main(every_kind_is_passed, of_other_people, a_file_that_is_replaced, a_port_that_others_have, beside_the_bridge, restarts_under_load, a_death_keeps_what_waits, a_reload, what_is_in_the_way,
         the_check)
