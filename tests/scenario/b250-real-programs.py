#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""postgres, and nginx on a socket that it is given, unchanged, as workers."""

import glob
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import socket


def back(g, key, pid):
    """Until the process of the instance is another one, and ready. @return its pid."""
    def there():
        i = g.instance(key)
        return i['pid'] if i['state'] == 'ready' and i['pid'] not in (0, pid) else 0
    return g.until(f'{key} is back', there)


# ---- postgres ----------------------------------------------------------------------------------------


class Postgres:
    """
    A cluster of its own in the directory of a gang, and clients that come through a Unix socket in it. postgres refuses to
    be root: where we are, it is the user that its package made.
    """

    def __init__(self, g):
        need('setpriv')
        folders = sorted(glob.glob('/usr/lib/postgresql/*/bin'), key=lambda f: int(f.split('/')[4]), reverse=True)
        self.bin = next((f for f in folders if os.access(f'{f}/postgres', os.X_OK)), None)
        if not self.bin:
            missing('postgresql')
        self.user = 'postgres' if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.prefix = []
        self.directory = g.path('pg')
        os.mkdir(self.directory, 0o700)
        if os.geteuid() == 0:
            p = pwd.getpwnam(self.user)
            os.chown(self.directory, p.pw_uid, p.pw_gid)
            self.prefix = ['setpriv', '--reuid', str(p.pw_uid), '--regid', str(p.pw_gid), '--init-groups']
        run([*self.prefix, f'{self.bin}/initdb', '-D', f'{self.directory}/data', '-U', 'test', '-A', 'trust', '-E', 'UTF8',
             '--locale', 'C', '--no-sync'], cwd=self.directory)

    def config(self, stop_signal):
        user = f'user = "{self.user}"' if os.geteuid() == 0 else ''
        return f'''
worker pg {{
    exec         = {{"{self.bin}/postgres", "-D", "{self.directory}/data", "-k", "{self.directory}",
                     "-c", "listen_addresses=", "-c", "shared_buffers=4MB", "-c", "max_connections=20"}}
    ready        = notify
    stop-signal  = {stop_signal}
    stop-timeout = 30s
    {user}
}}
'''

    def words(self):
        return [*self.prefix, f'{self.bin}/psql', '-X', '-A', '-t', '-q', '-h', self.directory, '-U', 'test', 'postgres']

    def says(self, sql):
        return run([*self.words(), '-c', sql], cwd=self.directory).out.strip()

    def client(self, sql):
        """A client that stays: it has said `sql`, and what it was answered has come."""
        p = subprocess.Popen(self.words(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             cwd=self.directory, env=environment(), encoding='utf-8')
        p.stdin.write(f'{sql}\n\\echo done\n')
        p.stdin.flush()
        equal(p.stdout.readline(), 'done\n', 'the client')
        return p


def postgres():
    """postgres: as its own user, ready when it takes connections; what was committed outlives SIGKILL, of the manager too"""
    with Gang('worker none { exec = {"true"} instances = 0 }', begin=False) as g:
        pg = Postgres(g)
        g.configure(pg.config('SIGINT'))
        g.start()
        g.until_ready('pg/0')
        pid = g.pid('pg/0')
        if os.geteuid() == 0:
            equal(os.stat(f'/proc/{pid}').st_uid, pwd.getpwnam('postgres').pw_uid, 'its user')
        # It said that it is ready: so the first query is answered.
        pg.says('create table kept (n int)')
        for n in range(3):
            pg.says(f'insert into kept values ({n})')
            before = pid
            family = descendants(pid)
            check(len(family) >= 4, f'its processes: {g.names(family)}')
            kill(pid)
            pid = back(g, 'pg/0', before)
            equal(pg.says('select count(*) from kept'), str(n + 1), 'rows')
            for member in family:
                wait_dead(member)
        check('SIGKILL' in g.instance('pg/0')['last_exit'], 'last exit')

        # Without a manager it goes on; and one that dies meanwhile is replaced by the next manager.
        kill_and_wait(g.manager_pid)
        pg.says('insert into kept values (3)')
        before = pid
        kill_and_wait(g.until('there is a manager', lambda: g.manager_pid))
        kill(pid)
        pid = back(g, 'pg/0', before)
        equal(pg.says('select sum(n) from kept'), '6', 'what is in it')

        # Its configuration is read again, by the same process.
        pg.says("alter system set work_mem = '7MB'")
        equal(pg.says('show work_mem'), '4MB', 'work_mem')
        g.ctl('signal', 'pg', 'HUP')
        g.until('it has read its configuration', lambda: pg.says('show work_mem') == '7MB')
        equal(g.pid('pg/0'), pid, 'its pid')


def postgres_stops():
    """postgres: asked with SIGINT it ends in order in spite of a client; with SIGTERM it waits for that one"""
    with Gang('worker none { exec = {"true"} instances = 0 }', begin=False) as g:
        pg = Postgres(g)
        g.configure(pg.config('SIGINT'))
        g.start()
        g.until_ready('pg/0')
        pg.says('create table kept (n int)')
        client = pg.client('begin; insert into kept values (1);')
        g.ctl('stop', 'pg')
        equal(g.instance('pg/0')['last_exit'], 'exit status 0', 'its end, by SIGINT')
        client.communicate('commit;\n', LIMIT)

        g.configure(pg.config('SIGTERM'))
        g.ctl('reload')
        g.ctl('start', 'pg')
        equal(pg.says('select count(*) from kept'), '0', 'rows of a transaction that was not committed')
        client = pg.client('begin; insert into kept values (2);')
        stop = g.background('stop', 'pg')
        g.wait_state('pg/0', 'stopping')
        g.wait_stderr('pg/0: .*smart shutdown')
        client.communicate('commit;\n', LIMIT)
        equal(client.returncode, 0, 'exit status of the client')
        g.wait_helper(stop)
        equal(g.instance('pg/0')['last_exit'], 'exit status 0', 'its end, by SIGTERM')
        g.ctl('start', 'pg')
        equal(pg.says('select n from kept'), '2', 'what the last client has left')


# ---- nginx -------------------------------------------------------------------------------------------


def get(g, path='/'):
    """A request to nginx. @return the connection, with its answer under way."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(LIMIT)
    s.connect(g.path('web.sock'))
    s.sendall(f'GET {path} HTTP/1.0\r\nHost: here\r\n\r\n'.encode())
    return s


def answer(s):
    """All of the answer. @return its body."""
    with s:
        data = b''
        while more := s.recv(65536):
            data += more
    head, _, body = data.partition(b'\r\n\r\n')
    check(head.startswith(b'HTTP/1.1 200 '), f'nginx answers {head[:80]}')
    return body


def write_nginx(g, word):
    user = 'user root;' if os.geteuid() == 0 else ''
    g.write('nginx.conf', f'''
daemon off; worker_processes 2; pid {g.path("nginx.pid")}; error_log stderr notice; {user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {g.path("body")}; proxy_temp_path {g.path("proxy")}; fastcgi_temp_path {g.path("fastcgi")};
    uwsgi_temp_path {g.path("uwsgi")}; scgi_temp_path {g.path("scgi")};
    server {{ listen unix:{g.path("web.sock")}; root {g.path("www")}; location = / {{ return 200 "{word} $pid"; }} }}
}}
''')


# NGINX is how nginx passes its sockets to the nginx that takes its place; so it takes those of a `listen` section, too.
NGINX = '''
listen web { stream = "@/web.sock" }
worker nginx {
    exec         = {"nginx", "-e", "stderr", "-p", "@", "-c", "@/nginx.conf"}
    environment  = {"NGINX=3;"}
    listen       = web
    stop-signal  = SIGQUIT
    stop-timeout = 30s
}
'''
# More than the buffers between nginx and a client that does not read.
BIG = 8 << 20


def nginx():
    """nginx on a socket that it is given: none is refused when all of it is killed; HUP reloads; SIGQUIT lets it finish"""
    need('nginx')
    with Gang(NGINX, begin=False) as g:
        for name in ('body', 'proxy', 'fastcgi', 'uwsgi', 'scgi', 'www'):
            os.mkdir(g.path(name))
            os.chmod(g.path(name), 0o755)
        g.write('www/big', 'x' * BIG)
        write_nginx(g, 'one')
        g.start()
        equal(answer(get(g)).split()[0], b'one', 'an answer')
        for manager_too in (False, True):
            pid = g.pid('nginx/0')
            family = g.until('its processes', lambda: len(children(pid)) == 2 and [pid, *children(pid)])
            if manager_too:
                kill_and_wait(g.manager_pid)
            kill(pid)
            # Whoever comes when nobody is there waits. (One that a process has taken which is about to die goes with it.)
            for member in family:
                wait_dead(member)
            equal(answer(get(g)).split()[0], b'one', 'an answer after SIGKILL')
            back(g, 'nginx/0', pid)

        pid = g.pid('nginx/0')
        old = g.until('its processes', lambda: len(children(pid)) == 2 and children(pid))
        slow = get(g, '/big')
        equal(slow.recv(5), b'HTTP/', 'a slow answer')
        write_nginx(g, 'two')
        g.ctl('signal', 'nginx', 'HUP')
        g.until('it is configured anew', lambda: answer(get(g)).split()[0] == b'two')
        equal(g.pid('nginx/0'), pid, 'its pid')
        check(any(alive(p) for p in old), 'the process that has a client was not waited for')

        stop = g.background('stop', 'nginx')
        g.wait_state('nginx/0', 'stopping')
        g.wait_stderr('nginx/0: .*gracefully shutting down')
        with slow:
            got = 5
            while more := len(slow.recv(1 << 20)):
                got += more
        check(got > BIG, f'{got} bytes of the slow answer')
        g.wait_helper(stop)
        equal(g.instance('nginx/0')['last_exit'], 'exit status 0', 'its end')
        # The socket is not its own: it is there for the next one.
        late = get(g)
        g.ctl('start', 'nginx')
        equal(answer(late).split()[0], b'two', 'an answer to who waited')


main(postgres, postgres_stops, nginx)
