# SPDX-License-Identifier: MIT
"""
The life of the Debian packages on one machine

Runs as root under a systemd of its own (tests/systemd/in-container); the packages are in /test/packages/VERSION. The cases
are steps: each goes on where the one before has ended.
"""

import contextlib
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ['ganger', 'ganger-metrics', 'libganger0', 'libganger-dev', 'libganger-control0', 'libganger-control-dev',
         'python3-ganger']
CONFIG_FILE = '/etc/ganger/ganger.conf'
# `holder` takes a message and never acknowledges it.
CONFIG = '''
ring jobs { slots = 64 }
worker holder {
    exec    = {"sh", "-c", "read -r line; echo holding $line >&2; exec sleep 1000"}
    io      = lines
    receive = jobs
    stop-timeout = 1s
}
worker plain { exec = {"sleep", "1000"} }
'''
# A gang beside it, by a unit that is a template.
OTHER_FILE, OTHER = '/etc/ganger/other.conf', 'ganger@other'
# A program that no gangerd has started.
PROGRAM = '''
#include <errno.h>
#include <stddef.h>
#include <ganger.h>
int main(void) {
        struct ganger *g;

        return ganger_join(&g, NULL) == -ENOENT ? 0 : 1;
}
'''
# Where anything of ganger may be; of systemd's own memory of what was enabled, too.
LEFT = ('/etc/ganger*', '/usr/*/ganger*', '/usr/lib/*/*ganger*', '/usr/share/*/*ganger*', '/usr/share/man/man*/*ganger*',
        '/lib/systemd/system/ganger*', '/etc/systemd/system/*/ganger*', '/var/lib/systemd/deb-systemd-helper-*/*ganger*',
        '/var/lib/ganger*', '/var/log/ganger*', '/run/ganger*')


def dpkg(*arguments, expected=0):
    return run(['dpkg', *arguments], expected, env=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))


def install(version, names=NAMES):
    return dpkg('-i', *(f'{HERE}/{version}/{name}.deb' for name in names))


def systemctl(*arguments, expected=0):
    return run(['systemctl', '--no-pager', *arguments], expected)


def ctl(*arguments, expected=0):
    return run(['gangerctl', *arguments], expected)


def active(unit):
    return systemctl('is-active', unit, expected=None).out.strip()


def pids():
    return {i['key']: i['pid'] for worker in ctl('status', '--json').json()['workers'] for i in worker['instances']}


def ring():
    return next(r for r in ctl('rings', '--json').json()['rings'] if r['name'] == 'jobs')


def keeper(unit='ganger'):
    return int(systemctl('show', '--property=MainPID', '--value', unit).out)


def has_other():
    """Whether there is such a unit."""
    return systemctl('cat', OTHER, expected=None).status == 0


def others():
    """The keeper of the other gang, and what it has started but the manager."""
    if not has_other():
        return None, []
    pid = keeper(OTHER)
    return pid, [child for child in children(pid) if process_name(child) == 'sleep']


def program(pid):
    return os.readlink(f'/proc/{pid}/exe')


def until_held():
    """The event stream tells of no lease; the log of the one that took it does."""
    with contextlib.closing(Stream(['gangerctl', 'logs', '--follow', '--json', 'holder'], dict(os.environ))) as logs:
        logs.wait(lambda line: 'holding' in line.get('text', ''), what='the message to be held')


def installed():
    """nothing is enabled or started; the example is a configuration"""
    equal(active('ganger.service'), 'inactive', 'the service')
    equal(systemctl('is-enabled', 'ganger.service', expected=1).out.strip(), 'disabled', 'the service')
    run(['gangerd', '--check'])
    for file in ('/usr/share/bash-completion/completions/gangerctl', '/usr/share/zsh/vendor-completions/_gangerctl',
                 '/usr/share/fish/vendor_completions.d/gangerctl.fish', '/usr/libexec/ganger/ganger-bridge'):
        check(os.path.exists(file), f'no {file}')
    for page in (('8', 'gangerd'), ('1', 'gangerctl'), ('5', 'ganger.conf'), ('3', 'ganger_send'), ('8', 'ganger-metrics')):
        run(['man', '-w', *page])


def library():
    """a program is built with the -dev package alone, Python has its module"""
    dpkg('-r', 'libganger-control-dev')
    os.makedirs('/test/c', exist_ok=True)
    with open('/test/c/p.c', 'w') as f:
        f.write(PROGRAM)
    run(['sh', '-c', 'cc -o /test/c/p /test/c/p.c $(pkg-config --cflags --libs ganger)'])
    run(['/test/c/p'])
    run(['python3', '-c', 'import ganger'])
    equal(run(['pkg-config', '--exists', 'ganger-control'], 1).out, '', 'ganger-control')
    install('0.1.0-1', ['libganger-control-dev'])
    run(['sh', '-c', 'echo "#include <ganger-control.h>" | cc -fsyntax-only -xc $(pkg-config --cflags ganger-control) -'])
    run(['ganger-metrics', '--version'])


def enabled():
    """the administrator enables it: workers run, a message is held"""
    with open(CONFIG_FILE, 'w') as f:
        f.write(CONFIG)
    with open(OTHER_FILE, 'w') as f:
        f.write('worker plain { exec = {"sleep", "1000"} }\n')
    systemctl('enable', '--now', 'ganger')
    if has_other():
        systemctl('enable', '--now', OTHER)
        ctl('--runtime-dir', '/run/ganger-other', 'wait', 'plain')
    else:
        print('not tried: there is no ganger@.service')
    ctl('wait', 'holder', 'plain')
    ctl('send', 'jobs', 'one', 'two')
    until_held()


def upgraded():
    """the daemon becomes the new one; workers, and what they hold, stay"""
    before, was = pids(), keeper()
    manager, other = children(was), others()
    said = install('0.1.0-2')
    check('goes on as' not in said.err, said.err)
    equal(pids(), before, 'processes of workers')
    equal(keeper(), was, 'the keeper')
    # What dpkg has replaced is called so: 'deleted'.
    equal(program(was), '/usr/sbin/gangerd', 'the program of the keeper')
    equal(others(), other, 'the other gang')
    check(other[0] is None or program(other[0]) == '/usr/sbin/gangerd', 'the program of its keeper is the old one')
    check(not set(manager) - set(before.values()) <= set(children(was)), 'the manager is the old one')
    queue = ring()
    equal((queue['leased'], queue['ready']), (1, 1), 'messages held, and ready')
    with open(CONFIG_FILE) as f:
        equal(f.read(), CONFIG, 'the configuration')


def refused():
    """one that cannot take over leaves the old one running, and the package is installed all the same"""
    before, was = pids(), keeper()
    said = install('0.1.0-3')
    said.has('ganger.service goes on as the version that it was')
    equal(pids(), before, 'processes of workers')
    equal(keeper(), was, 'the keeper')
    check(program(was).endswith('(deleted)'), program(was))
    equal(run(['dpkg-query', '-W', '-f', '${Status}', 'ganger']).out, 'install ok installed', 'the package')
    # And on to one that can: it starts from what runs.
    install('0.1.0-2')
    equal(pids(), before, 'processes of workers')


def stopped():
    """what the administrator has stopped is not started by an upgrade"""
    systemctl('stop', 'ganger')
    install('0.1.0-1')
    install('0.1.0-2')
    equal(active('ganger.service'), 'inactive', 'the service')
    systemctl('start', 'ganger')


def removed():
    """remove stops it, keeps the configuration; purge leaves nothing"""
    was, other = keeper(), others()[0]
    dpkg('-r', *NAMES)
    check(not alive(was), 'the daemon runs on')
    check(os.path.exists(CONFIG_FILE), 'the configuration is gone')
    check(not os.path.exists(f'/proc/{other}'), 'the other gang runs on')
    dpkg('-P', *NAMES)
    # What the administrator has written is his.
    equal(os.listdir('/etc/ganger'), [os.path.basename(OTHER_FILE)], 'configurations')
    shutil.rmtree('/etc/ganger')
    equal([path for pattern in LEFT for path in glob.glob(pattern)], [], 'what is left')


# Before the cases, since these want a gangerd.
install('0.1.0-1')
main(installed, library, enabled, upgraded, refused, stopped, removed)
