#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether an instance is ready, and well, asked from outside: tcp, unix, http, and its output; with the manager killed in the middle."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

import socket

# Serves as the scenario wants: `listen`, then for each connection the answer that the file `answer` has now.
SERVES = '''
import os, signal, socket, sys
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(os.path.join(HERE, 'go')) as go:
    for line in go:
        print('got', line, flush=True)
        if line == 'listen\\n':
            break
if sys.argv[1] == 'unix':
    path = os.path.join(HERE, 'socket')
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
else:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', int(sys.argv[1])))
s.listen(16)
while True:
    c, _ = s.accept()
    with open(os.path.join(HERE, 'answer')) as f:
        answer = f.read()
    if answer == 'close':
        s.close()
        signal.pause()
    if answer != 'nothing':
        c.settimeout(0.2)
        try:
            c.recv(1000)
            c.sendall(answer.encode())
        except OSError:
            pass
        c.close()
'''
OK, WRONG = 'HTTP/1.1 204 No Content\r\n\r\n', 'HTTP/1.0 500 Oh\r\n\r\n'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def gang(config, port='unix'):
    g = Gang(config.replace('PORT', str(port)), begin=False)
    g.python('serves', SERVES)
    g.go = os.open(g.fifo('go'), os.O_RDWR | os.O_CLOEXEC)
    g.write('answer', OK)
    return g


def becomes_ready(config, port):
    with gang(config, port) as g:
        g.start()
        os.write(g.go, b'not yet\n')
        g.wait_log('a/0', 'not yet')
        equal(g.instance('a/0')['state'], 'starting', 'state')
        pid = g.pid('a/0')
        kill_and_wait(g.manager_pid)
        os.write(g.go, b'listen\n')
        g.until_ready('a/0')
        equal(g.pid('a/0'), pid, 'pid')
        os.close(g.go)


def ready_by_tcp():
    """ready = tcp: once something listens at the port; the next manager goes on asking"""
    becomes_ready('worker a { exec = {"@/serves", "PORT"} ready = tcp ready-address = "127.0.0.1:PORT" }', free_port())


def ready_by_unix():
    """ready = unix: once something listens at the path"""
    becomes_ready('worker a { exec = {"@/serves", "unix"} ready = unix ready-address = "@/socket" }', 0)


def ready_by_http():
    """ready = http: once it answers with 2xx or 3xx, and not before"""
    port = free_port()
    with gang('worker a { exec = {"@/serves", "PORT"} ready = http ready-address = "http://localhost:PORT/is/ready" }', port) as g:
        g.write('answer', WRONG)
        g.start()
        os.write(g.go, b'listen\n')
        g.wait_log('a/0', 'listen')
        equal(g.instance('a/0')['state'], 'starting', 'state')
        g.write('answer', OK)
        g.until_ready('a/0')
        os.close(g.go)


def ready_by_output():
    """ready = log: once its output has the text"""
    with gang('worker a { exec = {"@/serves", "unix"} ready = log ready-log = "got this" }') as g:
        g.start()
        os.write(g.go, b'that\n')
        g.wait_log('a/0', 'got that')
        equal(g.instance('a/0')['state'], 'starting', 'state')
        kill_and_wait(g.manager_pid)
        os.write(g.go, b'this\n')
        g.until_ready('a/0')
        # The next process is not ready by what the one before has said.
        pid = g.pid('a/0')
        kill(pid)
        g.until('it is back', lambda: g.pid('a/0') not in (0, pid))
        equal(g.instance('a/0')['state'], 'starting', 'state')
        os.write(g.go, b'this\n')
        g.until_ready('a/0')
        os.close(g.go)


HEALTH = 'worker a { exec = {"@/serves", "PORT"} ready = tcp ready-address = PORT health = http ' \
         'health-address = "http://127.0.0.1:PORT" health-interval = 100ms health-timeout = 300ms health-retries = 2 %s }'


def unwell(answer, why):
    with gang(HEALTH % '', free_port()) as g:
        g.start()
        os.write(g.go, b'listen\n' * 2)     # what the first process has read ahead, the second does not get
        g.until_ready('a/0')
        pid = g.pid('a/0')
        kill_and_wait(g.manager_pid)
        g.write('answer', answer)
        e = g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid, what='its end')
        check('(health: ' in e['text'] and why in e['text'], f'its end: {e["text"]}')
        g.write('answer', OK)
        os.write(g.go, b'listen\n')
        g.until('it is back', lambda: g.instance('a/0')['state'] == 'ready' and g.pid('a/0') != pid)
        os.close(g.go)


def a_wrong_answer():
    """health = http: an instance that answers with an error is ended, also by the next manager, and started again"""
    unwell(WRONG, '2xx')


def no_answer():
    """… and one that does not answer in time"""
    unwell('nothing', 'in time')


def nobody_listens():
    """… and one that no longer listens"""
    unwell('close', 'refused')


def something_else():
    """… and one that talks something else"""
    unwell('220 mail.example.org ESMTP, and much more\r\n', 'not HTTP')


def a_start_period():
    """failures within health-start-period do not count, before the first success"""
    with gang(HEALTH % 'health-start-period = 1h', free_port()) as g:
        g.write('answer', WRONG)
        g.start()
        os.write(g.go, b'listen\n')
        g.until_ready('a/0')
        pid = g.pid('a/0')
        for _ in range(2):
            g.wait_stderr('a/0: health: ')
            with g.stderr_changed:
                g.stderr_lines.clear()
        g.wait_stderr('a/0: health: ')
        equal(g.pid('a/0'), pid, 'pid')
        g.write('answer', OK)
        os.close(g.go)


def redis():
    """redis-server without any support for supervisors: ready when its output says so; its socket gone, it is replaced"""
    need('redis-server')
    with Gang('worker redis { exec = {"redis-server", "@/redis.conf"} directory = "@" ready = log ready-log = "eady to accept connections" '
              'health = unix health-address = "@/redis.sock" health-interval = 100ms health-retries = 1 }', begin=False) as g:
        g.write('redis.conf', f'port 0\nunixsocket {g.path("redis.sock")}\ndaemonize no\nsave ""\ndir {g.directory}\nlogfile ""\n')
        g.start()
        g.until_ready('redis/0')
        pid = g.pid('redis/0')
        os.unlink(g.path('redis.sock'))
        g.wait_event(lambda e: e['kind'] == 'exit' and e['pid'] == pid and 'health' in e['text'], what='its end')
        g.until('it is back', lambda: g.instance('redis/0')['state'] == 'ready' and g.pid('redis/0') != pid)


main(ready_by_tcp, ready_by_unix, ready_by_http, ready_by_output, a_wrong_answer, no_answer, nobody_listens, something_else,
     a_start_period, redis)
