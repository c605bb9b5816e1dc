# SPDX-License-Identifier: MIT
"""Programs that more than one scenario runs, for Gang.python()."""

import os
import time

from gang import *  # noqa: F403

# Takes one line of the FIFO `how.WORKER` beside it, and ends as that says: "3", "SIGSEGV". (Who comes while the line of the one
# before is being written finds the end of the file, and nothing in it.)
ENDS = '''
import os, signal, sys
how = ''
while not how:
    with open(os.path.join(os.path.dirname(sys.argv[0]), 'how.' + os.environ['GANGER_WORKER'])) as f:
        how = f.readline().strip()
print('ends with', how, flush=True)
if how.startswith('SIG'):
    os.kill(os.getpid(), getattr(signal, how))
    signal.pause()
sys.exit(int(how))
'''

# python's http.server on the socket that it was given; every answer is its pid. Asked to end, it ends after what it is at.
HTTP = '''
import http.server, os, select, signal, socket
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *what):
        pass
server = http.server.HTTPServer(('', 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
server.server_name, server.server_port = 'here', 0
server.socket.setblocking(False)
here, there = socket.socketpair()
there.setblocking(False)
signal.set_wakeup_fd(there.fileno())
signal.signal(signal.SIGTERM, lambda *what: None)
if 'NOTIFY_SOCKET' in os.environ:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.environ['NOTIFY_SOCKET'])
        s.send(b'READY=1')
while True:
    ready = select.select([here, server.socket], [], [])[0]
    if here in ready:
        break
    try:
        connection, address = server.socket.accept()
    except BlockingIOError:
        continue
    connection.setblocking(True)
    server.finish_request(connection, address)
    server.shutdown_request(connection)
'''

# As many as it is told are born and die all the time, each an orphan in a session of its own. It says "off" when they do.
RUNS = '''
import os, signal, sys, time
end = time.monotonic() + 60             # for the sake of the machine, if nobody stops them
hops = os.open(__file__ + '.hops', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        while os.path.exists(__file__) and time.monotonic() < end:
            os.setsid()
            os.write(hops, b'.')
            time.sleep(0.003)           # or their numbers run out sooner than the dead are reaped
            if os.fork() == 0:
                if os.fork() == 0:
                    continue
                os._exit(0)
            os._exit(0)
print('off', flush=True)
signal.pause()
'''


# Seconds without a sign of anybody.
QUIET = 2 * SLOWER


class Runs:
    """Those of RUNS, installed in a gang under that name."""

    def __init__(self, g):
        self.path = g.python('runs', RUNS)
        self.last, self.since = -1, 0

    def hops(self):
        try:
            return os.stat(f'{self.path}.hops').st_size
        except FileNotFoundError:
            return 0

    def quiet_at_last(self):
        """Whether for a while nobody has been there and nothing was counted. (Who hops is seldom seen, and on a busy machine hops seldom.)"""
        now = self.hops()
        if now != self.last or any(self.path in process_arguments(pid) and alive(pid) for pid in processes()):
            self.last, self.since = now, time.monotonic()
        return time.monotonic() > self.since + QUIET
