#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""redis and nginx, unchanged, as workers."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import http.client
import socket


class UnixHTTP(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=LIMIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.path)


def redis_says(path, *words):
    """One command to redis, and its reply as it comes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(LIMIT)
        s.connect(path)
        s.sendall(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words))
        return s.recv(65536)


def redis():
    """redis-server: ready when it says so by sd_notify; killed, it comes back with its data; it stops in order"""
    need('redis-server')
    with Gang('worker redis { exec = {"redis-server", "@/redis.conf"} directory = "@" ready = notify stop-timeout = 20s }', begin=False) as g:
        g.write('redis.conf', f'port 0\nunixsocket {g.path("redis.sock")}\nsupervised systemd\ndaemonize no\nappendonly yes\n'
                              f'appendfsync always\nsave ""\ndir {g.directory}\nlogfile ""\n')
        g.start()
        g.until_ready('redis/0')
        path = g.path('redis.sock')
        equal(redis_says(path, b'SET', b'key', b'value'), b'+OK\r\n', 'SET')
        for _ in range(3):
            pid = g.pid('redis/0')
            kill(pid)
            g.until('it is back', lambda: (lambda i: i['state'] == 'ready' and i['pid'] != pid)(g.instance('redis/0')))
            equal(redis_says(path, b'GET', b'key'), b'$5\r\nvalue\r\n', 'GET')
        check('SIGKILL' in g.instance('redis/0')['last_exit'], 'last exit')
        kill_and_wait(g.manager_pid)
        equal(redis_says(path, b'GET', b'key'), b'$5\r\nvalue\r\n', 'GET without a manager')
        g.ctl('stop', 'redis')
        equal(g.instance('redis/0')['last_exit'], 'exit status 0', 'its end')
        check(not os.path.exists(path), 'it had no time to remove its socket')
        g.wait_stderr('redis/0: .*ready to accept connections')


def nginx():
    """nginx with worker processes of its own: killed, all of it is replaced; it stops in order"""
    need('nginx')
    with Gang('worker nginx { exec = {"nginx", "-e", "stderr", "-p", "@", "-c", "@/nginx.conf"} stop-signal = SIGQUIT }', begin=False) as g:
        for name in ('body', 'proxy', 'fastcgi', 'uwsgi', 'scgi', 'www'):
            os.mkdir(g.path(name))
            os.chmod(g.path(name), 0o755)
        g.write('www/index.html', 'from nginx')
        user = 'user root;' if os.geteuid() == 0 else ''
        g.write('nginx.conf', f'''
daemon off; worker_processes 2; pid {g.path("nginx.pid")}; error_log stderr notice; {user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {g.path("body")}; proxy_temp_path {g.path("proxy")}; fastcgi_temp_path {g.path("fastcgi")};
    uwsgi_temp_path {g.path("uwsgi")}; scgi_temp_path {g.path("scgi")};
    server {{ listen unix:{g.path("nginx.sock")}; root {g.path("www")}; }}
}}
''')
        g.start()

        def answers():
            connection = UnixHTTP(g.path('nginx.sock'))
            try:
                connection.request('GET', '/')
                response = connection.getresponse()
                return (response.status, response.read()) == (200, b'from nginx')
            except (OSError, http.client.HTTPException):
                return False
            finally:
                connection.close()

        g.until('it answers', answers)
        for _ in range(2):
            pid = g.pid('nginx/0')
            family = [pid, *children(pid)]
            check(len(family) == 3, f'processes of nginx: {g.names(family)}')
            kill(pid)
            for member in family:
                wait_dead(member)
            # What it left behind would hold up the next one, as it would anywhere.
            try:
                os.unlink(g.path('nginx.sock'))
            except FileNotFoundError:
                pass
            g.until('it answers again', lambda: g.pid('nginx/0') not in (0, pid) and answers() and len(children(g.pid('nginx/0'))) == 2)
        pid = g.pid('nginx/0')
        family = [pid, *children(pid)]
        g.ctl('stop', 'nginx')
        for member in family:
            wait_dead(member)
        equal(g.instance('nginx/0')['last_exit'], 'exit status 0', 'its end')


main(redis, nginx)
