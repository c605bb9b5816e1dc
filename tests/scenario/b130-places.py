#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where a daemon may run: as PID 1, as an ordinary user, beside another; and for whom."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

def as_pid_1():
    """PID 1 of a pid namespace: works, reaps strangers, and its end is that of all in it"""
    need_root()
    need('unshare', 'nsenter')
    if subprocess.run(['unshare', '-pf', '--mount-proc', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip('no pid namespaces here')
    config = PLAIN_CONFIG + 'worker orphans { exec = {"@/orphans"} }\n'
    with Gang(config, begin=False, prefix=['unshare', '-pf', '--mount-proc'], check_end=False) as g:
        g.script('io', 'while read -r x; do echo "OK $x"; done')
        # Each of these children loses its parent, and leaves the session: PID 1 inherits and reaps them.
        g.python('orphans', '''
import os, signal
for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.read(0, 1)
            os._exit(7)
        os._exit(0)
    os.wait()
print('made 50', flush=True)
signal.pause()
''')
        g.start()
        # Only a process that the daemon can name may attach itself to a ring.
        g.ctl('send', 'jobs', 'x', expected=1)
        g.ctl_prefix = ['nsenter', '-t', str(g.keeper_pid), '-p', '-m']
        g.wait_stderr('orphans/0: made 50')
        works(g)
        keeper = g.keeper_pid
        with open(f'/proc/{keeper}/status') as f:
            inside = next(line.split()[-1] for line in f if line.startswith('NSpid:'))
        equal(inside, '1', 'pid inside')
        g.until('the strangers are reaped', lambda: not any(process_stat(pid) and process_stat(pid)[0] == 'Z' for pid in children(keeper)))
        equal(g.json('version')['gangerd']['keeper_pid'], 1, 'pid that it says')
        kill(keeper, signal.SIGTERM)
        equal(g.process.wait(LIMIT), 0, 'exit status of unshare, which is that of the daemon')
        g.close_streams()
        equal(g.strangers(), [], 'processes left')


def as_an_ordinary_user():
    """as an ordinary user: in $XDG_RUNTIME_DIR, reached by that user and by root"""
    need_root()
    prefix = as_nobody()
    with plain_gang(prefix=prefix, env={'HOME': '/nonexistent'}) as g:
        os.mkdir(g.path('xdg'), 0o700)
        os.chown(g.path('xdg'), nobody().pw_uid, nobody().pw_gid)
        os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
        g.start()
        works(g)
        equal(os.stat(f'/proc/{g.pid("plain/0")}').st_uid, nobody().pw_uid, 'user of a worker')
        # By default: $XDG_RUNTIME_DIR/ganger, for daemon and gangerctl alike.
        env = dict(g.env, XDG_RUNTIME_DIR=g.path('xdg'))
        run([*prefix, f'{BUILD}/gangerd', '--config', g.config_path], env=env)
        try:
            run([*prefix, f'{BUILD}/gangerctl', 'is-active', 'plain', 'io'], None, env=env)
            run([*prefix, f'{BUILD}/gangerctl', 'start', '--all'], env=env)
            run([*prefix, f'{BUILD}/gangerctl', 'is-active', 'plain', 'io'], env=env)
            equal(os.stat(g.path('xdg/ganger')).st_mode & 0o777, 0o700, 'mode')
        finally:
            keeper = int(g.read('xdg/ganger/lock'))
            kill_and_wait(keeper, signal.SIGTERM)
        g.strangers()


def user_when_not_root():
    """user = of another when the daemon is not root: that worker is refused, in words; its own name is no change"""
    need_root()
    prefix = as_nobody()
    with Gang('worker w { exec = {"sleep", "1000"} user = daemon restart = never }\nworker own { exec = {"sleep", "1000"} user = nobody }',
              begin=False, prefix=prefix) as g:
        os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
        g.start()
        g.wait_state('w/0', 'failed')
        i = g.instance('w/0')
        check('daemon' in i['reason'] and 'root' in i['reason'], f'it does not say why: {i}')
        g.wait_stderr("w/0: .*daemon.*root")
        g.ctl('start', 'w', expected=1).has('daemon', 'root')
        g.until_ready('own/0')


def as_users():
    """user = as root: the process has that user, its groups, and nothing of ours"""
    need_root()
    with Gang('worker w { exec = {"@/w"} user = nobody }\nworker wrong { exec = {"sleep", "1"} user = nobody restart = never }', begin=False) as g:
        g.script('w', 'id -un; id -gn; echo "HOME=$HOME USER=$USER"; grep Cap[EP] /proc/self/status; exec sleep 1000')
        g.start()
        g.wait_log('w/0', 'CapEff:')
        texts = [l['text'] for l in g.ctl('--json', 'logs', 'w', '--lines', 20).json_lines()]
        equal(texts[0], 'nobody', 'user')
        check(f'HOME={nobody().pw_dir} USER=nobody' in texts, f'{texts}')
        check(any(l.startswith('CapEff:') and int(l.split()[1], 16) == 0 for l in texts), f'capabilities: {texts}')


def beside_another():
    """a second gangerd on the same runtime directory refuses, and the first does not notice"""
    with plain_gang() as g:
        g.start()
        g.until_ready('io/0', 'io/1', 'plain/0')
        before = g.pids()
        for mode in (['--foreground'], []):
            result = run([f'{BUILD}/gangerd', *mode, '--config', g.config_path, '--runtime-dir', g.runtime], None, env=g.env)
            check(result.status != 0, f'{result}')
            result.has('already', str(g.keeper_pid))
        equal(g.pids(), before, 'pids')
        g.ctl('status')
        # In another directory it may.
        with plain_gang() as other:
            other.start()
            works(other)
            # finish() of `other` looks for what is left of it alone; so end it here, by hand.
            other.close_streams()
            other.check_end = False
            kill(other.keeper_pid, signal.SIGTERM)
            equal(other.process.wait(LIMIT), 0, 'exit status')
            other.abandon = lambda: (other.say_notified(), shutil.rmtree(other.directory, ignore_errors=True), [])[2]
        equal(g.pids(), before, 'pids')


def a_directory_of_others():
    """a runtime directory that is not ours, or that others can write to, is refused"""
    need_root()
    with Gang(PLAIN_CONFIG, begin=False, check_end=False) as g:
        g.script('io', 'exec cat')
        os.mkdir(g.path('theirs'), 0o755)
        os.chown(g.path('theirs'), nobody().pw_uid, nobody().pw_gid)
        os.mkdir(g.path('open'))
        os.chmod(g.path('open'), 0o777)
        os.symlink(g.path('open'), g.path('link'))
        g.write('file', '')
        for name in ('theirs', 'open', 'link', 'file', 'no/where', 'x' * 120):
            result = run([f'{BUILD}/gangerd', '--foreground', '--config', g.config_path, '--runtime-dir', g.path(name)], None, env=g.env)
            check(result.status != 0, f'{name}: {result}')
            result.has('gangerd: ')
        equal(g.strangers(), [], 'processes left')


main(as_pid_1, as_an_ordinary_user, user_when_not_root, as_users, beside_another, a_directory_of_others)
