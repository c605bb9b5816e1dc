#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Workers that nobody needs yet: the first connection, message or call starts them, and idle ones are stopped."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Answers each connection with its pid and "hello", until the other side closes it. "end" ends the program with 0.
SERVE = '''
import os, signal, socket, threading
server = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *what: os._exit(0))
def talk(connection):
    connection.sendall(str(os.getpid()).encode() + b'\\n')
    while True:
        text = connection.recv(100)
        if text == b'end':
            os._exit(0)
        if not text:
            return connection.close()
while True:
    connection, address = server.accept()
    threading.Thread(target=talk, args=(connection,), daemon=True).start()
'''
ECHO = 'while read -r x; do echo "OK $x"; done'


# Ends only when somebody opens the gate.
SLOW = f'{ECHO}; read -r go < @/gate'


def gang(config):
    g = Gang(config, begin=False)
    g.python('serve', SERVE)
    g.script('echo', ECHO)
    g.script('slow', SLOW.replace('@', g.directory))
    g.fifo('gate')
    g.start()
    return g


def connect(g, name='web'):
    """@return the connection, and the pid of who took it."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(LIMIT)
    s.connect(g.path(name))
    return s, int(s.makefile('r').readline())


def open_gate(g):
    """Once; waits for whoever stands before it."""
    with open(g.path('gate'), 'w') as f:
        f.write('go\n')


def state(g, key):
    i = g.instance(key)
    return i['state'], i['pid'] > 0


def rests(g, *keys):
    for key in keys:
        g.until(f'{key} is down', lambda: state(g, key) == ('down', False))


def the_first_connection():
    """it starts the worker; when the program ends well, the next one does; what runs is not started twice"""
    with gang('''
        listen web { stream = {@/web, @/other} }
        worker web { exec = {"@/serve"} listen = web start = on-demand }
        worker boot { exec = {"sleep", "1000"} }
        ''') as g:
        g.until_ready('boot/0')
        equal(state(g, 'web/0'), ('down', False), 'web/0')
        pids = []
        for _ in range(3):
            s, pid = connect(g)
            equal(connect(g)[1], pid, 'who takes the next')
            equal(g.pid('web/0'), pid, 'pid')
            pids.append(pid)
            s.sendall(b'end')
            rests(g, 'web/0')
        equal(len(set(pids)), 3, 'processes')
        g.wait_event(lambda e: e['key'] == 'web/0' and e['kind'] == 'state' and e['text'] == 'starting: wanted at web')


def over_a_death_of_the_manager():
    """what rests is started by a connection to the next manager, and by one that came while there was none; what runs, stays"""
    with gang('listen web { stream = @/web }\nworker web { exec = {"@/serve"} listen = web start = on-demand }') as g:
        kill_and_wait(g.manager_pid)
        s, pid = connect(g)
        kill_and_wait(g.manager_pid)
        equal((g.pid('web/0'), connect(g)[1]), (pid, pid), 'pid')
        s.sendall(b'end')
        rests(g, 'web/0')
        manager = g.manager_pid
        kill(manager, signal.SIGSTOP)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(g.path('web'))
        kill_and_wait(manager)
        waiting.settimeout(LIMIT)
        equal(int(waiting.makefile('r').readline()), g.pid('web/0'), 'pid')


def the_first_message():
    """of a queue, while a manager looks and while there is none; of a pipe; a call of a service"""
    with gang('''
        ring jobs { slots = 16 }
        ring out { }
        ring bytes { kind = pipe }
        service quotes { }
        worker io { exec = {"@/echo"} io = lines receive = jobs send = out start = on-demand idle-stop = 1s }
        worker reader { exec = {"sleep", "1000"} receive = bytes start = on-demand }
        worker server { exec = {"sleep", "1000"} serve = quotes start = on-demand }
        ''') as g:
        rests(g, 'io/0', 'reader/0', 'server/0')
        g.ctl('send', 'jobs', 'a', 'b', 'c')
        equal(g.ctl('receive', 'out', '--count', 3).out, 'a\nb\nc\n', 'answers')
        rests(g, 'io/0')
        g.wait_event(lambda e: e['key'] == 'io/0' and e['kind'] == 'state' and 'idle for 1s' in e['text'])
        # Nobody looks just now: it is found by the next manager.
        manager = g.manager_pid
        kill(manager, signal.SIGKILL)
        wait_dead(manager)
        g.ctl('send', 'jobs', 'd')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'd\n', 'answers')
        rests(g, 'io/0')
        # The next one looks, too.
        g.ctl('send', 'jobs', 'e')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'e\n', 'answers')
        equal((state(g, 'reader/0'), state(g, 'server/0')), (('down', False),) * 2, 'others')
        g.ctl('send', 'bytes', 'x')
        g.until_ready('reader/0')
        call = g.background('call', 'quotes', 'x')
        g.until_ready('server/0')
        call.kill()
        call.wait()


def a_message_that_rests():
    """one that was rejected, and is to be delivered again later, starts nobody before that; then it does"""
    with gang('''
        ring jobs { redelivery-delay = 2s }
        ring out { }
        worker io { exec = {"@/echo"} io = lines receive = jobs send = out start = on-demand }
        ''') as g:
        g.ctl('stop', 'io')                 # so that it is not it that receives the message
        g.ctl('send', 'jobs', 'x')
        g.ctl('receive', 'jobs', '--exec', 'exit 1', expected=None)
        equal(g.json('peek', 'jobs')['messages'][0]['deliveries'], 1, 'deliveries')
        g.configure(g.config_text.replace('worker io', 'worker new'))
        g.ctl('reload')
        equal(state(g, 'new/0'), ('down', False), 'while it rests')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'x\n', 'answer')


def while_it_stops():
    """a message that comes while it is on its way down, and looks no more, is for the next process"""
    with gang('''
        ring jobs { }
        ring out { }
        worker io { exec = {"@/slow"} io = lines receive = jobs send = out start = on-demand idle-stop = 1s stop-timeout = infinity }
        ''') as g:
        g.ctl('send', 'jobs', 'a')
        equal(g.ctl('receive', 'out', '--count', 1).out, 'a\n', 'answer')
        g.until('it is on its way down', lambda: state(g, 'io/0')[0] in ('draining', 'stopping'))
        pid = g.pid('io/0')
        g.ctl('send', 'jobs', 'b')
        g.ctl('status')
        equal(g.pid('io/0'), pid, 'pid')
        open_gate(g)
        equal(g.ctl('receive', 'out', '--count', 1).out, 'b\n', 'answer')
        check(g.pid('io/0') != pid, 'pid')
        g.ctl('stop', 'io', '--no-wait')
        open_gate(g)


def stopped_by_hand():
    """it is not started before somebody starts it by hand; what waits then is served. `manual` is never started by itself"""
    with gang('''
        listen web { stream = @/web }
        worker web { exec = {"@/serve"} listen = web start = on-demand }
        worker tool { exec = {"sleep", "1000"} start = manual instances = 2 }
        ''') as g:
        g.ctl('stop', 'web')
        waiting = socket.socket(socket.AF_UNIX)
        waiting.settimeout(LIMIT)
        waiting.connect(g.path('web'))
        kill_and_wait(g.manager_pid)
        equal([state(g, key) for key in ('web/0', 'tool/0', 'tool/1')], [('down', False)] * 3, 'states')
        g.ctl('start', 'tool/1')
        g.ctl('start', 'web')
        equal(int(waiting.makefile('r').readline()), g.pid('web/0'), 'pid')
        pid = g.pid('tool/1')
        kill_and_wait(g.manager_pid)
        equal((state(g, 'tool/0'), g.pid('tool/1')), (('down', False), pid), 'tool')
        g.ctl('scale', 'tool', 3)
        g.until_ready('tool/2')


def idle_connections():
    """as long as a connection is open it is not idle; then it is stopped, and the next connection starts it"""
    with gang('''
        listen web { stream = @/web }
        listen tick { stream = @/tick }
        worker web { exec = {"@/serve"} listen = web start = on-demand idle-stop = 1s }
        worker clock { exec = {"@/serve"} listen = tick start = on-demand idle-stop = 1s }
        ''') as g:
        s, pid = connect(g)
        other, _ = connect(g)
        web = next(i for i in g.json('sockets')['sockets'] if i['name'] == 'web')
        equal((web['connections'], web['workers'], web['backlog']), (2, ['web'], 4096), 'web')
        other.close()
        g.ctl('sockets', 'tick').has(g.path('tick'), 'clock')
        g.ctl('sockets', 'tack', expected=4).has("did you mean 'tick'")
        # Two of the periods after which it would be stopped, as a worker that is idle tells them.
        for _ in range(2):
            connect(g, 'tick')[0].close()
            rests(g, 'clock/0')
        equal(g.pid('web/0'), pid, 'pid')
        s.close()
        rests(g, 'web/0')
        check(connect(g)[1] != pid, 'pid')


def one_that_takes_nothing():
    """a program that ends well and leaves what it was started for is started again, but not without end"""
    with gang('listen web { stream = @/web }\nworker web { exec = {"true"} listen = web start = on-demand }') as g:
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(g.path('web'))
        g.wait_stderr('started too often')
        waiting.close()


def a_reload():
    """what rests is started when its definition says boot, also if the manager dies over it; and the other way round it stays"""
    resting = 'listen web { stream = @/web }\nworker web { exec = {"@/serve"} listen = web start = on-demand }'
    with gang(resting) as g:
        s, first = connect(g)
        s.sendall(b'end')
        rests(g, 'web/0')
        g.configure(resting.replace('on-demand', 'boot'))
        g.ctl('reload').has('start on-demand -> boot')
        g.until_ready('web/0')
        pid = g.pid('web/0')
        g.configure(resting)
        g.ctl('reload')
        equal(g.pid('web/0'), pid, 'pid')
        connect(g)[0].sendall(b'end')
        rests(g, 'web/0')
        g.configure(resting.replace('stream = @/web', 'stream = {@/new, @/web}'))
        g.ctl('reload')
        equal(state(g, 'web/0'), ('down', False), 'state')
        check(connect(g, 'new')[1] != pid, 'pid')
        g.ctl('status', 'web').has('on-demand')


if __name__ == '__main__':
    main(the_first_connection, over_a_death_of_the_manager, the_first_message, a_message_that_rests, while_it_stops, stopped_by_hand, idle_connections,
         one_that_takes_nothing, a_reload)
