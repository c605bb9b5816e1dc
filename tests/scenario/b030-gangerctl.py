#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What gangerctl prints, and with which exit status it ends."""

import json
import os
import pty
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 64 slot-size = 256 max-deliveries = 1 }
ring done { slots = 64 }
worker idle { exec = {"@/idle"} instances = 2 }
worker cannot { exec = {"@/cannot"} restart = never }
worker off { exec = {"sleep", "1000"} instances = 0 }
'''


def gang():
    g = Gang(CONFIG, begin=False)
    g.script('idle', 'echo "hello from $GANGER_WORKER/$GANGER_INSTANCE"; exec sleep 1000')
    g.script('cannot', 'exit 0', '/nonexistent/interpreter')
    return g


def every_verb_as_json():
    """--json of every verb is JSON: a document, or an object a line"""
    with gang() as g:
        g.start()
        g.until_ready('idle/0', 'idle/1')
        g.wait_log('idle/0', 'hello')
        documents = [
            (['status'], 0), (['status', 'idle', 'cannot/0'], 0), (['start', 'idle'], 0), (['stop', 'idle/1'], 0),
            (['restart', 'idle/0', 'idle/1'], 0), (['scale', 'idle', '3'], 0), (['is-active', 'idle', 'idle/2'], 0),
            (['is-active', 'off'], 3), (['start', 'cannot'], 1), (['report', 'idle/1'], 0), (['report', 'idle/2'], 0),
            (['wait', 'idle'], 0), (['wait', 'off', '--stopped'], 0), (['signal', 'idle', 'CONT'], 0),
            (['is-failed', 'cannot', 'idle'], 0), (['reset-failed', 'cannot'], 0), (['drain', '--all'], 0), (['resume', '--all'], 0),
            (['restart', 'idle', '--rolling'], 0), (['upgrade', 'idle'], 0),
            (['is-failed', 'cannot'], 1), (['rings'], 0), (['rings', 'jobs'], 0), (['locks'], 0), (['sockets'], 0),
            (['doctor'], 0), (['doctor', 'idle'], 0), (['security'], 0), (['security', 'idle'], 0),
            (['send', 'jobs', 'one', 'two', 'three'], 0), (['peek', 'jobs', '--count', '2'], 0), (['dead', 'list', 'jobs'], 0),
            (['dead', 'retry', 'jobs', '--all'], 0), (['dead', 'drop', 'jobs', '--all'], 0), (['reset', 'jobs'], 0), (['reload'], 0), (['version'], 0),
            (['import', f'{SOURCE}/tests/import/supervisord.conf'], 0), (['check', g.config_path], 0), (['check', '/nonexistent'], 1),
        ]
        for arguments, expected in documents:
            result = g.ctl('--json', *arguments, expected=expected)
            check(isinstance(result.json(), dict), f'no object: {result}')
            check(result.out.count('\n') == 1, f'more than a line: {result}')
        streams = [(['tree'], 'depth'), (['logs'], 'text'), (['logs', 'idle', '--lines', '1'], 'text'), (['events'], 'sequence'),
                   (['receive', 'jobs', '--count', '2'], 'deliveries'), (['receive', 'jobs', '--exec', 'cat'], 'exit_status')]
        for arguments, member in streams:
            lines = g.ctl('--json', *arguments).json_lines()
            check(lines and all(member in line for line in lines), f'{arguments}: {lines}')
        failures = (['status', 'nobody'], ['nonsense'], ['send', 'nowhere', 'x'], ['call', 'jobs', 'x'], ['promote', 'idle'],
                    ['rollback', 'idle'])
        for arguments in failures:
            result = g.ctl('--json', *arguments, expected=None)
            check(result.out == '' and result.err, f'a failure prints no data: {result}')
        verbs = {line.split()[0] for line in g.ctl('help').out.splitlines() if line.startswith('  ')}
        tried = {d[0][0] for d in documents} | {s[0][0] for s in streams} | {f[0] for f in failures} | {'help', 'demo', 'shutdown'}
        missing = {line for line in verbs if line.isalpha() and line not in tried}
        check(not missing, f'verbs that nobody tried: {missing}')
        g.close_streams()
        equal(g.json('shutdown'), {'done': 'shutdown'}, 'shutdown')


def what_json_says():
    """the names and numbers in --json are those of the table, and of the machine"""
    with gang() as g:
        g.start()
        g.until_ready('idle/0', 'idle/1')
        worker = g.status('idle')['idle']
        equal((worker['wanted'], worker['ready'], worker['stopped'], worker['restart']), (2, 2, False, 'always'), 'worker')
        equal([i['key'] for i in worker['instances']], ['idle/0', 'idle/1'], 'keys')
        table = g.ctl('status').out
        for i in worker['instances']:
            check(any(i['key'] in line and f' {i["pid"]} ' in line and ' ready ' in line for line in table.splitlines()),
                  f'{i} is not in\n{table}')
            equal(process_arguments(i['pid'])[-2:], ['sleep', '1000'], 'its program')
        g.ctl('send', 'jobs', 'a', 'b')
        ring = g.ring('jobs')
        equal((ring['slots'], ring['slot_size'], ring['max_deliveries'], ring['ready']), (64, 256, 1, 2), 'ring')
        version = g.json('version')
        equal((version['gangerd']['keeper_pid'], version['gangerd']['manager_pid']), (g.keeper_pid, g.manager_pid), 'pids')
        equal(version['gangerd']['version'], version['gangerctl'], 'versions')
        peek = g.json('peek', 'jobs')['messages']
        equal([(data(m), m['size'], m['deliveries'], m['state']) for m in peek], [('a', 1, 0, 'ready'), ('b', 1, 0, 'ready')], 'peek')
        equal(g.ring('jobs')['ready'], 2, 'peeking takes nothing')


def exit_statuses():
    """0 done, 1 refused or failed, 2 usage, 3 not running, 4 no such name, 5 unreachable, 6 not permitted"""
    with gang() as g:
        g.start()
        g.until_ready('idle/0', 'idle/1')
        for expected, cases in {
            0: [['status'], ['is-active', 'idle'], ['start', 'idle'], ['help'], ['help', 'scale'], ['--version'], ['status', '--help']],
            1: [['start', 'cannot'], ['receive', 'jobs', '--count', '1', '--timeout', '1ms'], ['check', '/nonexistent'],
                ['send', 'jobs', 'x' * 257]],
            2: [['wait', 'idle', '--ready', '--stopped'], ['signal', 'idle', 'SIGFOO'], ['reset-failed'], ['report'], ['frobnicate'], ['status', '--frob'], ['start'], ['stop', '--all', 'idle'], ['scale', 'idle'], ['scale', 'idle', 'x'],
                ['send'], ['dead', 'list'], ['dead', 'eat', 'jobs'], ['status', '--count', '3'], ['receive', 'jobs', '--timeout', 'soon'],
                ['help', 'frobnicate'], ['is-active']],
            3: [['is-active', 'off'], ['is-active', 'idle', 'off'], ['is-active', 'cannot/0']],
            4: [['report', 'nobody'], ['wait', 'nobody'], ['signal', 'nobody', 'HUP'], ['reset-failed', 'nobody'],
                ['is-failed', 'nobody'], ['status', 'nobody'], ['start', 'nobody'], ['stop', 'idle', 'nobody'], ['restart', 'idle/9'], ['scale', 'nobody', '1'],
                ['is-active', 'nobody'], ['logs', 'nobody'], ['send', 'nowhere', 'x'], ['receive', 'nowhere'], ['peek', 'nowhere'],
                ['dead', 'list', 'nowhere'], ['rings', 'nowhere']],
        }.items():
            for arguments in cases:
                result = g.ctl(*arguments, expected=expected)
                if expected not in (0, 3):
                    check(result.err.startswith('gangerctl: ') or 'did not' in result.err or arguments[0] in ('check', 'start'),
                          f'it says nothing: {result}')
        equal(g.ctl('is-active', 'idle', 'off', '--quiet', expected=3).out, '', 'quiet')
        for arguments in (['status'], ['send', 'jobs', 'x'], ['shutdown'], ['version']):
            g.ctl('--runtime-dir', g.path('nowhere'), *arguments, expected=5).has(g.path('nowhere'))
        equal(g.pids()['idle/0'] > 0, True, 'it still runs')


def not_permitted():
    """6: a stranger may not ask, and the daemon says that he did"""
    need_root()
    prefix = as_nobody()
    with gang() as g:
        g.start()
        g.until_ready('idle/0')
        before = g.pids()
        for arguments in (['status'], ['stop', 'idle'], ['send', 'jobs', 'x'], ['receive', 'jobs'], ['shutdown'], ['reload']):
            run([*prefix, *g.ctl_words(*arguments)], 6, env=g.env)
        equal(g.pids(), before, 'nothing happened')
        g.wait_stderr(f'{nobody().pw_uid} .*may not ask')


def suggestions():
    """a word that is nearly right is suggested"""
    with gang() as g:
        g.start()
        for arguments, expected, word in ((['statsu'], 2, 'status'), (['recieve', 'jobs'], 2, 'receive'), (['status', '--jsn'], 2, '--json'),
                                          (['start', 'idel'], 4, 'idle'), (['send', 'jbos', 'x'], 4, 'jobs'), (['dead', 'lst', 'jobs'], 2, 'list'),
                                          (['help', 'scael'], 2, 'scale')):
            g.ctl(*arguments, expected=expected).has(word)
        for words, suggestion in ((['--foregruond'], '--foreground'), (['--chekc'], '--check')):
            run([f'{BUILD}/gangerd', *words], 2, env=g.env).has(suggestion)


def on_a_terminal(g, *arguments, **env):
    """What gangerctl prints on a terminal."""
    ours, theirs = pty.openpty()
    helper = subprocess.Popen(g.ctl_words(*arguments), stdin=theirs, stdout=theirs, stderr=theirs,
                              env=dict(g.env, TERM='xterm-256color', **env))
    os.close(theirs)
    text = b''
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:
        pass                # the terminal was closed by its last user
    os.close(ours)
    equal(helper.wait(LIMIT), 0, 'exit status')
    return text.decode()


def colours():
    """colours on a terminal, and nowhere else: not in a pipe, not with NO_COLOR, not with --no-color, not in JSON"""
    with gang() as g:
        g.start()
        g.until_ready('idle/0', 'idle/1')
        check('\033[' in on_a_terminal(g, 'status'), 'no colours on a terminal')
        check('\033[' not in on_a_terminal(g, 'status', NO_COLOR='1'), 'colours with NO_COLOR')
        check('\033[' not in on_a_terminal(g, '--no-color', 'status'), 'colours with --no-color')
        check('\033[' not in on_a_terminal(g, '--json', 'status'), 'colours in JSON')
        check('\033[' not in g.ctl('status').out, 'colours in a pipe')
        json.loads(on_a_terminal(g, '--json', 'status'))


def output_that_breaks():
    """a full disk behind standard output is a failure; a reader that went away is none; a message survives both"""
    with gang() as g:
        g.start()
        g.ctl('send', 'done', 'precious')
        with open('/dev/full', 'w') as full:
            p = subprocess.run(g.ctl_words('status'), stdout=full, stderr=subprocess.PIPE, env=g.env, timeout=LIMIT)
            equal(p.returncode, 1, 'status')
            p = subprocess.run(g.ctl_words('receive', 'done'), stdout=full, stderr=subprocess.PIPE, env=g.env, timeout=LIMIT)
            equal(p.returncode, 1, 'receive')
        r, w = os.pipe()
        os.close(r)
        subprocess.run(g.ctl_words('receive', 'done'), stdout=w, stderr=subprocess.DEVNULL, env=g.env, timeout=LIMIT)
        os.close(w)
        g.ctl('receive', 'done', '--count', '1').has('precious')


main(every_verb_as_json, what_json_says, exit_statuses, not_permitted, suggestions, colours, output_that_breaks)
