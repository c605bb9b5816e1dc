#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is in force of workers is read back: what differs from the definition is found, and how exposed they are is told"""

import grp
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

FAULTY = 'tests/faults/gangerd-faults'
DENIED = 6          # exit status of gangerctl

PLAIN = 'worker plain { exec = {"sleep", "1000"} directory = / }\n'
# Whoever gangerd runs as.
USUAL = {
    'umask': '0027', 'limit-nofile': '"100:200"', 'limit-core': '0', 'limit-fsize': '10MiB', 'nice': '19',
    'io-scheduling-class': 'best-effort', 'io-scheduling-priority': '6', 'oom-score-adjust': '300',
    'cpu-scheduling-policy': 'batch',
    'no-new-privileges': 'yes', 'system-call-filter': '{@@system-service, ~@@privileged}',
    'system-call-architectures': 'native', 'restrict-address-families': 'AF_UNIX', 'restrict-namespaces': 'yes',
    'restrict-realtime': 'yes', 'restrict-suid-sgid': 'yes', 'memory-deny-write-execute': 'yes', 'lock-personality': 'yes',
}
FILTERS = 8
# Only root.
RIGHTS = {
    'user': 'nobody', 'primary-group': 'daemon', 'supplementary-groups': '{bin, 12345}', 'timer-slack': '2ms',
    'capabilities': '{CAP_CHOWN, CAP_NET_BIND_SERVICE}', 'ambient-capabilities': 'CAP_NET_BIND_SERVICE',
    'protect-clock': 'yes', 'private-network': 'yes', 'private-ipc': 'yes', 'protect-hostname': 'yes',
    'private-pids': 'yes',
}
MOUNTS = {
    'protect-kernel-modules': 'yes', 'protect-kernel-logs': 'yes', 'private-devices': 'yes', 'protect-proc': 'invisible',
    'proc-subset': 'pid', 'private-tmp': 'yes', 'protect-system': 'strict', 'protect-home': 'yes', 'protect-control-groups': 'yes',
    'protect-kernel-tunables': 'yes', 'read-only-paths': '/var/lib/dpkg', 'read-write-paths': '/var/lib',
    'inaccessible-paths': '/var/log',
    'bind-paths': '"/usr/share:/mnt"', 'bind-read-only-paths': '"/usr/lib:/srv"', 'temporary-filesystem': '/opt',
}


def worker(name, options, other=''):
    keys = '\n'.join(f'{key} = {value}' for key, value in options.items())
    return f'worker {name} {{ exec = {{"sleep", "1000"}} directory = / {other}\n{keys} }}\n'


def look(g, key, expected=0):
    """@return each setting of an instance by its key, the worst of those that have several rows."""
    order = ('', 'ok', 'unknown', 'differs')
    found = {}
    for s in g.json('doctor', key, expected=expected)['instances'][0]['settings']:
        if s['key'] not in found or order.index(s['verdict']) > order.index(found[s['key']]['verdict']):
            found[s['key']] = s
    return found


def verdicts(settings, keys):
    return {key: settings[key]['verdict'] for key in keys}


def differing(settings):
    return sorted(key for key, s in settings.items() if s['verdict'] == 'differs')


def as_asked():
    """each setting is in force, and is seen to be; of a worker that asks for nothing there is nothing to say"""
    need_root()
    options = {**USUAL, **RIGHTS, **MOUNTS}
    if os.path.exists('/proc/self/numa_maps'):
        options.update({'numa-policy': 'bind', 'numa-mask': '0'})
    with Gang(PLAIN + worker('full', {**options, 'keyring-mode': 'private'})) as g:
        g.until_ready('plain/0', 'full/0')
        for _ in range(2):
            full = look(g, 'full/0')
            equal(verdicts(full, options), {key: 'ok' for key in options}, 'what is in force')
            equal(full['keyring-mode']['verdict'], 'unknown', 'what nobody is told')
            equal(full['filters of system calls']['found'], str(FILTERS + 5), 'filters')
            equal({s['verdict'] for s in look(g, 'plain/0').values()}, {''}, 'of a worker that asks for nothing')
            g.ctl('doctor').has('full/0', 'plain/0', 'namespace: net', 'RLIMIT_NOFILE', 'Landlock')
            kill_and_wait(g.manager_pid)
        g.ctl('doctor', 'full').has('SETTING', '0027', 'nobody (', '1 cannot be read back')


def changed_by_itself():
    """a program that changes what it has is found; one that has fewer rights than it may have is as good"""
    with Gang('worker w { exec = {"@/less"} limit-nofile = 200 umask = 0022 cpu-affinity = {0-1023} nice = 18 }\n'
              'worker d { exec = {"sleep", "1000"} start = manual limit-nofile = 100 }', begin=False) as g:
        g.script('less', 'ulimit -n 50\numask 0077\nexec nice -n 1 sleep 1000\n')
        g.start()
        g.until('it has done so', lambda: process_name(g.pid('w/0')) == 'sleep')
        w = look(g, 'w/0', expected=1)
        equal(differing(w), ['limit-nofile', 'nice', 'umask'], 'what differs')
        equal((w['limit-nofile']['wanted'], w['limit-nofile']['found']), ('200', '50'), 'a limit')
        g.ctl('doctor', expected=1).has('w/0: limit-nofile differs: wanted 200, in force 50')
        g.ctl('doctor', 'd').has('d/0 is down: nothing is in force')
        g.ctl('doctor', 'nobody', expected=4)


def cgroups():
    """bounds of a cgroup: in force where there is a controller; else a difference"""
    with Gang('worker w { exec = {"sleep", "1000"} memory-max = 100000000 tasks-max = 50 }') as g:
        g.until_ready('w/0')
        there = controllers(g.pid('w/0'))
        bounded = {'memory-max', 'tasks-max'} if not there else \
            {key for key, name in (('memory-max', 'memory'), ('tasks-max', 'pids')) if name not in there}
        w = look(g, 'w/0', expected=1 if bounded else 0)
        for key in 'memory-max', 'tasks-max':
            equal(w[key]['verdict'], 'differs' if key in bounded else 'ok', f'{key}: {w[key]}')


def an_ordinary_user():
    """a gangerd that is not root: what it can give is in force, what it has is told"""
    g = Gang(PLAIN + worker('full', USUAL), prefix=as_nobody(), env={'HOME': '/nonexistent'}, begin=False)
    os.chown(g.directory, nobody().pw_uid, nobody().pw_gid)
    with g:
        g.start()
        g.until_ready('plain/0', 'full/0')
        full = look(g, 'full/0')
        equal(verdicts(full, USUAL), {key: 'ok' for key in USUAL}, 'what is in force')
        machine = {fact['name']: fact for fact in g.json('doctor')['machine']}
        equal(machine['privileges of gangerd']['state'], 'no', 'its privileges')
        check(f'uid {nobody().pw_uid}' in machine['privileges of gangerd']['value'], f'{machine["privileges of gangerd"]}')
        check(machine['namespace: net']['state'] in ('limited', 'no', 'unknown'), f'{machine["namespace: net"]}')
        equal(machine['pidfd']['state'], 'yes', 'pidfd')


def a_viewer():
    """who may view a worker sees what is in force of it, and nothing of others"""
    need_root()
    games = ['setpriv', '--reuid', 'games', '--regid', str(grp.getgrnam('games').gr_gid), '--clear-groups']
    with Gang(worker('shown', USUAL, 'allow = "games:view"') + PLAIN) as g:
        g.until_ready('plain/0', 'shown/0')
        g.ctl_prefix = as_nobody()
        for verb in 'doctor', 'security':
            g.ctl(verb, expected=DENIED)
        g.ctl_prefix = games
        equal([i['key'] for i in g.json('doctor')['instances']], ['shown/0'], 'what it sees')
        equal(verdicts(look(g, 'shown/0'), USUAL), {key: 'ok' for key in USUAL}, 'what is in force')
        equal([w['worker'] for w in g.json('security')['workers']], ['shown'], 'whose exposure it sees')
        for verb in 'doctor', 'security':
            for name in 'plain', 'plain/0', 'plain/7', 'none', 'none/0':
                g.ctl(verb, name, expected=DENIED)


def left_out():
    """whatever the keeper's child leaves out is found, and nothing else"""
    need_root()
    options = {**USUAL, **RIGHTS, **MOUNTS}
    del options['user'], options['ambient-capabilities']         # else rights that it does not get are those that it has not
    faults = {
        'without-limit': ['limit-nofile'], 'without-nice': ['nice'], 'without-namespace': ['private-ipc'], 'without-pids': ['private-pids'],
        'without-bounding': ['capabilities'], 'without-privileges': ['no-new-privileges'],
        'without-filter': ['filters of system calls'],
        # What is in /dev and /proc is part of their own ones; there may be no modules.
        'no-mounts': sorted(set(MOUNTS) - {'read-write-paths', 'proc-subset', 'protect-kernel-logs'} -
                            (set() if os.path.isdir('/usr/lib/modules') else {'protect-kernel-modules'})),
    }
    for fault, found in faults.items():
        with Gang(worker('full', options), program=FAULTY, env={'GANGER_FAULT': fault}) as g:
            g.until_ready('full/0')
            full = look(g, 'full/0', expected=1)
            equal(differing(full), found, f'what differs with {fault}')
            if fault == 'without-filter':
                equal(full['lock-personality']['verdict'], 'unknown', 'a filter, where one is missing')
                equal(full['filters of system calls'], {'key': 'filters of system calls', 'wanted': str(FILTERS + 5), 'found': str(FILTERS + 4),
                                                        'verdict': 'differs'}, 'filters')
                equal({c['badness'] for c in g.json('security', 'full')['workers'][0]['checks']
                       if c['name'].startswith('system-call-filter')}, {10}, 'what a filter counts that may be missing')


def exposure():
    """the most exposed first; as read back of what runs, as its definition says of what does not"""
    need_root()
    options = {**USUAL, **RIGHTS, **MOUNTS}
    with Gang(PLAIN + worker('full', options) + worker('down', options, 'start = manual')) as g:
        g.until_ready('plain/0', 'full/0')
        workers = g.json('security')['workers']
        equal(workers[0]['worker'], 'plain', 'the most exposed')
        by_name = {w['worker']: w for w in workers}
        equal({name: w['source'] for name, w in by_name.items()},
              {'plain': 'process', 'full': 'process', 'down': 'definition'}, 'seen of')
        fact = next(f for f in g.json('doctor')['machine'] if f['name'] == 'device rules of cgroups')
        other = [] if fact['state'] == 'yes' else ['device-policy']     # that private-devices implies, where it can be had
        if not other:
            equal(by_name['full']['exposure'], by_name['down']['exposure'], 'of what runs as of what is to run in the same way')
        equal([c['name'] for a, b in zip(by_name['full']['checks'], by_name['down']['checks']) for c in (a,)
               if a['badness'] != b['badness']], other, 'what is judged in another way')
        check(by_name['plain']['exposure'] >= 90 and by_name['down']['exposure'] < 15, f'{workers}')
        shown = g.ctl('security').out.split('\n')
        check(shown[1].startswith('plain') and 'its definition' in '\n'.join(shown), f'{shown}')
        g.ctl('security', 'full', 'down').has('WHAT WOULD HELP', 'it does not run', 'read back of full/0')
        g.ctl('security', '--threshold', by_name['plain']['exposure'])
        g.ctl('security', '--threshold', by_name['plain']['exposure'] - 1, expected=1)
        g.ctl('security', 'down', '--threshold', 15)
        g.ctl('security', '--threshold', 101, expected=2)
        g.ctl('security', 'full/0', expected=4)


def the_most_exposed_instance():
    """it is the most exposed one that is told of, whichever that is"""
    need('setpriv')
    with Gang(''.join(f'worker w{i} {{ exec = {{"@/less", "{i}"}} instances = 3 }}\n' for i in range(3)), begin=False) as g:
        g.script('less', 'test $GANGER_INSTANCE = $1 && exec sleep 1000\nexec setpriv --no-new-privs sleep 1000\n')
        g.start()
        g.until('all of them sleep', lambda: all(process_name(i['pid']) == 'sleep' for i in g.instances().values() if i['pid']) and
                sum(i['state'] == 'ready' for i in g.instances().values()) == 9)
        equal({w['worker']: w['key'] for w in g.json('security')['workers']}, {f'w{i}': f'w{i}/{i}' for i in range(3)}, 'seen of')


def of_an_older_definition():
    """a process that is yet to be replaced after a reload has another definition than that in force"""
    with Gang('worker w { exec = {"@/slow"} stop-timeout = 1h ready = log ready-log = up }', begin=False) as g:
        g.script('slow', 'trap "echo asked" TERM\necho up\nwhile :; do read -r x < @/never; done'.replace('@', g.directory))
        g.fifo('never')
        g.start()
        g.until_ready('w/0')
        check('definition' not in look(g, 'w/0'), 'it has that in force')
        g.configure(g.config_text.replace('{ exec', '{ environment = "X=1" exec'))
        g.ctl('reload')
        g.wait_stderr('w/0: asked')
        equal(look(g, 'w/0', expected=1)['definition']['verdict'], 'differs', 'its definition')
        pid = g.pid('w/0')
        kill(pid)
        g.until('it is replaced', lambda: g.pid('w/0') not in (0, pid))
        g.until_ready('w/0')
        check('definition' not in look(g, 'w/0'), 'it has that in force')
        g.ctl('stop', 'w', '--no-wait')
        kill(g.pid('w/0'))


def many():
    """more than an answer has room for: each is told once"""
    keys = [f'w/{i}' for i in range(70)]
    with Gang('worker w { exec = {"sleep", "1000"} instances = 70 limit-core = 0 }\n' +
              ''.join(f'worker v{i} {{ exec = {{"sleep", "1000"}} start = manual }}\n' for i in range(40))) as g:
        g.until_ready(*keys)
        for words in ('doctor',), ('doctor', 'w'):
            told = [i['key'] for i in g.json(*words)['instances']]
            equal(sorted(key for key in told if key.startswith('w')), sorted(keys), f'instances of {words}')
        equal(len({w['worker'] for w in g.json('security')['workers']}), 41, 'workers')


main(as_asked, changed_by_itself, cgroups, an_ordinary_user, a_viewer, left_out, exposure, the_most_exposed_instance, of_an_older_definition, many)
