#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ganger-metrics tells is well-formed, is what there is, and comes to those alone who are on this machine."""

import http.client
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 8 max-deliveries = 1 }
ring bytes { kind = pipe }
ring news { kind = broadcast }
service ask { slots = 4 }
semaphore permits { permits = 3 }
mutex table { }
counter sums { counters = 2 }
group g { }
worker w { exec = {"sleep", "1000"} instances = 2 restart-delay = 1ms group = g }
worker bad { exec = {"sed", "-u", "s/.*/FAIL no/"} io = lines receive = jobs }
worker ends { exec = {"false"} restart = never }
'''
METRICS = f'{BUILD}/ganger-metrics'


def words(g, *arguments):
    return [METRICS, '--runtime-dir', g.runtime, *arguments]


def parse(text):
    """{name: {labels: value}} of OpenMetrics, by a parser that is not ours; else by hand, which understands less."""
    samples = {}
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
    except ImportError:
        families = None
    if families:
        found = [(s.name, s.labels, s.value) for family in families(text) for s in family.samples]
    else:
        found = []
        for line in text.splitlines():
            m = re.fullmatch(r'(\w+)(?:\{(.*)\})? ([-0-9.]+)', line)
            if m:
                found.append((m[1], dict(re.findall(r'(\w+)="([^"]*)"', m[2] or '')), float(m[3])))
            else:
                check(line.startswith('# '), f'not a line of OpenMetrics: {line!r}')
        check(text.endswith('# EOF\n'), 'the end is missing')
    for name, labels, value in found:
        key = tuple(sorted(labels.items()))
        check(key not in samples.setdefault(name, {}), f'{name}{labels} comes twice')
        samples[name][key] = value
    return samples


def value(samples, name, **labels):
    found = samples.get(name, {})
    key = tuple(sorted(labels.items()))
    check(key in found, f'{name}{labels} is not among {found}')
    return found[key]


def get(address, path='/metrics', method='GET', **headers):
    """@return status, type and body."""
    if isinstance(address, tuple):
        connection = http.client.HTTPConnection(*address, timeout=LIMIT)
    else:
        connection = http.client.HTTPConnection('localhost', timeout=LIMIT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(address)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers['Content-Type'], body


def what_is_told():
    """each number is the one that gangerctl shows, before and after the death of the manager"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1', 'bad/0')
        g.until_state(('ends/0', 'failed'))
        before = g.pids()
        kill(before['w/1'])
        g.until('it is replaced', lambda: g.instance('w/1')['state'] == 'ready' and g.pid('w/1') != before['w/1'])
        g.ctl('send', 'jobs', 'a', 'b')
        g.until('both are dead letters', lambda: g.ring('jobs')['dead'] == 2)

        def look():
            s = parse(run(words(g, '--once'), env=g.env).out)
            equal(value(s, 'ganger_up'), 1, 'up')
            equal(value(s, 'ganger_worker_wanted', worker='w'), 2, 'wanted')
            equal(value(s, 'ganger_worker_instances', worker='w', state='ready'), 2, 'ready')
            equal(value(s, 'ganger_worker_instances', worker='ends', state='failed'), 1, 'failed')
            equal(value(s, 'ganger_worker_ends_total', worker='w', reason='signal'), 1, 'killed')
            equal(value(s, 'ganger_worker_ends_total', worker='ends', reason='exit-code'), 1, 'exit status 1')
            equal(value(s, 'ganger_instance_restarts_total', worker='w', instance='1'), 1, 'restarts')
            check(value(s, 'ganger_instance_resident_bytes', worker='w', instance='0') > 4096, 'memory')
            check(value(s, 'ganger_instance_context_switches_total', worker='w', instance='0', kind='voluntary') > 0, 'switches')
            value(s, 'ganger_instance_cpu_seconds_total', worker='w', instance='0')
            value(s, 'ganger_instance_ready_time_seconds', worker='w', instance='0')
            equal(value(s, 'ganger_ring_messages', ring='jobs', state='dead'), 2, 'dead letters')
            equal(value(s, 'ganger_ring_accepted_total', ring='jobs'), 2, 'accepted')
            check('ganger_ring_capacity_bytes' in s and 'ganger_ring_failed_calls_total' in s, 'other kinds')
            equal(value(s, 'ganger_lock_free', lock='permits'), 3, 'permits')
            equal(value(s, 'ganger_lock_value', lock='sums', number='1'), 0, 'a counter')
            equal(value(s, 'ganger_group_failed', group='g'), 0, 'the group')
            equal(value(s, 'ganger_deadlocks'), 0, 'deadlocks')
            return s

        equal(value(look(), 'ganger_manager_restarts_total'), 0, 'managers')
        kill_and_wait(g.manager_pid)
        equal(value(look(), 'ganger_manager_restarts_total'), 1, 'managers')
    result = run(words(g, '--once', '--socket', '/nowhere/control'), expected=1)
    equal(parse(result.out), {'ganger_up': {(): 0}}, 'without a daemon')
    check('/nowhere/control' in result.err, result.err)


def promtool_agrees():
    """promtool has nothing against what is told as text (it does not read OpenMetrics, which the parser above does)"""
    need('promtool')
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1', 'bad/0')
        g.until_state(('ends/0', 'failed'))
        g.ctl('send', 'jobs', 'a')
        g.until('there is a dead letter', lambda: g.ring('jobs')['dead'] == 1)
        text = run(words(g, '--once', '--text'), env=g.env).out
        result = run(['promtool', 'check', 'metrics'], input=text)
        equal((result.out, result.err), ('', ''), 'what promtool says')
        # It is one that would say something.
        run(['promtool', 'check', 'metrics'], None, input=text.replace('ganger_up 1', 'ganger_up one')).has('error')


def by_http():
    """at a path and at a port of this machine; other methods, paths and addresses are refused; it outlives the daemon"""
    with Gang(CONFIG) as g:
        g.until_ready('w/0', 'w/1')
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        path = f'{g.directory}/metrics'
        server = g.helper(words(g, '--listen', path, '--listen', f'127.0.0.1:{port}'))
        g.until('it serves', lambda: os.path.exists(path) and serves(('127.0.0.1', port)))
        for address in (path, ('127.0.0.1', port)):
            status, kind, body = get(address)
            equal((status, kind), (200, 'application/openmetrics-text; version=1.0.0; charset=utf-8'), 'answer')
            equal(value(parse(body), 'ganger_worker_wanted', worker='w'), 2, 'wanted')
            status, kind, body = get(address, Accept='text/plain')
            equal((status, kind, body.count('# EOF')), (200, 'text/plain; version=0.0.4; charset=utf-8', 0), 'as text')
            equal(get(address, path='/')[0], 404, 'another path')
            equal(get(address, method='POST')[0], 405, 'another method')
        for wrong in ('0.0.0.0:1', '[::]:1', 'localhost:80', ':1', '127.0.0.1:', '127.0.0.1:http', f'127.0.0.1:{port}', path, g.path('ganger.conf')):
            check(wrong in run(words(g, '--listen', wrong), expected=1, env=g.env).err, wrong)
        run(words(g, '--text'), expected=2, env=g.env)
        kill(server.pid, signal.SIGTERM)
        g.wait_helper(server)
        check(not os.path.exists(path), 'its socket is left')


def serves(address):
    with socket.socket() as s:
        return s.connect_ex(address) == 0


def as_a_worker():
    """a worker with a listen socket, ready when it serves; it goes on over its own death and the manager's"""
    with Gang(CONFIG + 'listen m { stream = @/m }\nworker metrics { exec = {"' + METRICS + '", "--runtime-dir", "@/run"} listen = m '
              'ready = notify restart-delay = 1ms }') as g:
        g.until_ready('w/0', 'metrics/0')
        for victim in (None, g.pid('metrics/0'), g.manager_pid):
            if victim:
                kill_and_wait(victim)
            equal(value(parse(get(g.path('m'))[2]), 'ganger_worker_instances', worker='metrics', state='ready') >= 0, True, 'itself')
        g.until_ready('metrics/0')


if __name__ == '__main__':
    main(what_is_told, promtool_agrees, by_http, as_a_worker)
