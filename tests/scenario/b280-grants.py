#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users and groups do what `allow` gives them, see nothing else, and learn nothing else; whoever dies, and whatever is reloaded."""

import grp
import os
import pwd
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

CONFIG = '''
ring jobs { slots = 64 allow = {"games:produce", "daemon:consume", "nobody:operate"} }
ring secret { slots = 64 }
service quotes { allow = "games:produce" }
mutex gate { allow = {"nobody:operate", "games:produce", "games:consume"} }
semaphore hidden { }
listen page { stream = "@/page" }
worker web { exec = {"@/say", "web"} listen = page allow = {"@adm:operate", "games:view"} }
worker db { exec = {"@/say", "db"} requires = web }
worker mail { exec = {"@/say", "mail"} instances = 2 allow = {"@adm:operate", "made-later:admin"} }
group back { }
worker in-back { exec = {"@/say", "back"} group = back }
'''
SAY = 'echo "this is $1"; exec sleep 1000'
ALL = ('web/0', 'db/0', 'mail/0', 'mail/1', 'in-back/0')
DENIED = 6          # exit status of gangerctl


class GrantGang(Gang):
    def configure(self, text):
        """Here `@` without a slash behind it is a group."""
        self.config_text = text.replace('@/', self.directory + '/')
        self.write('ganger.conf', self.config_text)


def as_user(name, *groups):
    """Words to put before gangerctl."""
    as_nobody()
    user = pwd.getpwnam(name)
    numbers = ','.join(str(grp.getgrnam(group).gr_gid) for group in groups)
    return ['setpriv', '--reuid', str(user.pw_uid), '--regid', str(user.pw_gid),
            *(['--groups', numbers] if groups else ['--clear-groups'])]


def denied(g, who, *words):
    """@return what it is told."""
    g.ctl_prefix = who
    try:
        r = g.ctl(*words, expected=None)
    finally:
        g.ctl_prefix = []
    equal(r.status, DENIED, f'exit status of {words}')
    check(re.search(r"uid \d+ \(pid \d+\) may not ask for '[a-z-]+'", r.err), f'{words}: {r}')
    return r.err


def does(g, who, *words, **options):
    g.ctl_prefix = who
    try:
        return g.ctl(*words, **options)
    finally:
        g.ctl_prefix = []


def sees(g, who, *words):
    """@return the names of the workers in a status."""
    g.ctl_prefix = who
    try:
        return [w['name'] for w in g.json('status', *words)['workers']]
    finally:
        g.ctl_prefix = []


def gang(config=CONFIG):
    need_root()
    as_nobody()
    g = GrantGang(config, begin=False)
    g.script('say', SAY)
    g.start()
    return g


def all_classes():
    """each user has what `allow` gives, its group has, and no more"""
    with gang() as g:
        g.until_ready(*ALL)
        games, daemon, nobody, adm = as_user('games'), as_user('daemon'), as_user('nobody'), as_user('nobody', 'adm')
        backup = as_user('backup')
        pid = g.pid('web/0')
        equal(sees(g, games), ['web'], 'what games sees')
        does(g, games, 'wait', 'web')
        does(g, games, 'logs', 'web')
        for words in (('stop', 'web'), ('scale', 'web', 2), ('signal', 'web', 'SIGHUP'), ('restart', 'web'), ('drain', 'web'),
                      ('reset-failed', 'web'), ('restart', '--rolling', 'web'), ('upgrade', 'web', '--exec', 'true')):
            denied(g, games, *words)
        equal(g.pid('web/0'), pid, 'its process')
        # Of rings: to send, to receive, to see to the dead letters.
        does(g, games, 'send', 'jobs', 'a', 'b')
        denied(g, games, 'receive', 'jobs')
        denied(g, games, 'peek', 'jobs')
        denied(g, daemon, 'send', 'jobs', 'c')
        equal(sorted(does(g, daemon, 'receive', 'jobs').out.split()), ['a', 'b'], 'messages')
        does(g, daemon, 'dead', 'list', 'jobs')
        denied(g, daemon, 'dead', 'drop', 'jobs', '--all')
        does(g, nobody, 'dead', 'drop', 'jobs', '--all')
        denied(g, nobody, 'reset', 'jobs')
        denied(g, nobody, 'send', 'secret', 'x')
        # Of the daemon nobody has anything; whoever is given nothing at all is not even told the version.
        for words in (('reload',), ('shutdown',), ('daemon-upgrade',)):
            denied(g, adm, *words)
        for words in (('status',), ('rings',), ('locks',), ('sockets',), ('events',), ('logs',), ('tree',)):
            check('on anything' in denied(g, backup, *words), f'{words}')
        # By its group, and by that alone.
        denied(g, nobody, 'restart', 'web')
        does(g, adm, 'restart', 'web')
        check(g.pid('web/0') != pid, 'web was not restarted')
        does(g, adm, 'scale', 'mail', 3)
        denied(g, adm, 'upgrade', 'mail')


def what_all_is():
    """all is what one may see, or operate, and that is said"""
    with gang() as g:
        g.until_ready(*ALL)
        games, adm = as_user('games'), as_user('nobody', 'adm')
        before = g.pids()
        r = does(g, adm, 'stop', '--all')
        check('only those that you may operate' in r.err, f'it is not said: {r}')
        g.until_state(('web/0', 'down'), ('mail/0', 'down'), ('mail/1', 'down'))
        equal({key: g.pid(key) for key in ('db/0', 'in-back/0')}, {key: before[key] for key in ('db/0', 'in-back/0')}, 'the others')
        check('only those' in does(g, adm, 'start', '--all').err, 'it is not said')
        g.until_ready(*ALL)
        denied(g, games, 'stop', '--all')
        check('only' not in g.ctl('start', '--all').err, 'root may do it all')
        g.ctl_prefix = games
        try:
            status = g.json('status')
            equal([w['name'] for w in status['workers']], ['web'], 'workers')
            equal(status.get('groups', []), [], 'groups')
            equal(sorted(r['name'] for r in g.json('rings')['rings']), ['jobs', 'quotes'], 'rings')
            equal([lock['name'] for lock in g.json('locks')['locks']], ['gate'], 'locks')
            equal([s['name'] for s in g.json('sockets')['sockets']], ['page'], 'sockets')
            events = g.ctl('--json', 'events', '--lines', 1000).json_lines()
            keys = {e.get('key', '') for e in events}
            check('web/0' in keys and not keys & {'db/0', 'mail/0', 'in-back/0'}, f'events of {keys}')
            lines = g.ctl('logs').out
            check('this is web' in lines and 'this is db' not in lines, lines)
        finally:
            g.ctl_prefix = []
        does(g, adm, 'status')
        equal([s['name'] for s in g.json('sockets')['sockets']], ['page'], 'sockets of root')


def names_that_are_hidden():
    """what is hidden and what is not there are denied in the same words"""
    with gang() as g:
        g.until_ready(*ALL)
        games = as_user('games')
        def told(*words):
            return re.sub(r'pid \d+', 'pid', denied(g, games, *words))
        for verb, there, not_there in (
                (('status',), 'db', 'dd'), (('status',), 'db/0', 'dd/0'), (('logs',), 'db', 'dd'), (('report',), 'db', 'dd'),
                (('stop',), 'db', 'dd'), (('stop',), 'back', 'bacc'), (('wait',), 'db', 'dd'), (('restart', '--rolling'), 'db', 'dd'),
                (('rings',), 'secret', 'secrets'), (('send',), 'secret', 'secrets'), (('peek',), 'secret', 'secrets'),
                (('locks',), 'hidden', 'hiddem'), (('reset',), 'secret', 'secrets'), (('sockets',), 'secret', 'secrets'),
                (('upgrade',), 'db', 'dd')):
            extra = ('x',) if verb == ('send',) else ()
            one, other = told(*verb, there, *extra), told(*verb, not_there, *extra)
            equal(one.replace(f"'{there}'", 'it'), other.replace(f"'{not_there}'", 'it'), f'what is told of {verb}')
        # Of what is seen, as ever.
        r = does(g, games, 'status', 'web/7', expected=None)
        check("worker 'web' has 1" in r.err, f'{r}')
        # A lock is not for those who may only send and receive.
        check(any(lock['name'] == 'gate' for lock in does(g, games, '--json', 'locks', 'gate').json()['locks']), 'it is not seen')


def a_reload_and_a_death():
    """a reload counts at once, for streams too; the next manager knows it; users that there are not give nothing"""
    with gang() as g:
        g.until_ready(*ALL)
        games = as_user('games')
        pids = g.pids()
        g.ctl_prefix = games
        follower = g.background('logs', '--follow', 'web')
        g.ctl_prefix = as_user('daemon')
        receiver = g.background('receive', 'jobs', '--count', 1)
        g.ctl_prefix = []
        g.until('it is attached', lambda: g.ring('jobs')['receivers'] == 1)
        everybody = g.background('logs', '--follow', 'web')

        def lines(helper):
            return g.printed(helper).out.count('this is web')
        g.until('both follow', lambda: lines(follower) == lines(everybody) == 1)
        g.configure(CONFIG.replace('"games:view"', '"backup:view"')
                           .replace('"games:produce", "daemon:consume"', '"daemon:produce"'))
        r = g.ctl('reload')
        check('restarted' not in r.out and 'replaced' not in r.out, f'{r}')
        denied(g, games, 'status', 'web')
        denied(g, games, 'send', 'jobs', 'x')
        # Who is in a ring already stays there, and does not stand in the way of the reload.
        g.ctl('send', 'jobs', 'for who is there')
        equal(g.wait_helper(receiver).out.strip(), 'for who is there', 'what it received')
        does(g, as_user('daemon'), 'send', 'jobs', 'x')
        equal(sees(g, as_user('backup')), ['web'], 'what backup sees')
        equal(g.pids(), pids, 'pids')
        kill(pids['web/0'])
        g.until('who may sees that it has begun again', lambda: lines(everybody) == 2)
        equal(lines(follower), 1, 'lines that games sees')
        kill_and_wait(g.manager_pid)
        equal(sees(g, as_user('backup')), ['web'], 'what backup sees after the death of the manager')
        denied(g, games, 'status', 'web')
        g.configure(CONFIG + 'daemon { allow = {"games:view", "daemon:admin"} }')
        g.ctl('reload')
        equal(sorted(sees(g, games)), ['db', 'in-back', 'mail', 'web'], 'what games sees')
        check("did you mean 'db'" in does(g, games, 'status', 'dd', expected=None).err, 'who sees all is told what there is not')
        denied(g, games, 'stop', 'db')
        does(g, as_user('daemon'), 'upgrade', 'mail', '--exec', g.path('say'), 'mail again', '--timeout', 60)
        g.configure(CONFIG)
        does(g, as_user('daemon'), 'reload')
        denied(g, as_user('daemon'), 'reload')
        equal(g.pid('db/0'), pids['db/0'], 'the pid of db')
        for helper in follower, everybody:
            helper.kill()
            helper.wait()


def going_back():
    """a rollback gives nothing to whom it was taken from since"""
    with gang() as g:
        g.until_ready(*ALL)
        games = as_user('games')
        g.ctl('upgrade', 'web', '--exec', g.path('say'), 'the new web')
        equal(sees(g, games), ['web'], 'what games sees of the new one')
        g.configure(CONFIG.replace(', "games:view"', ''))
        g.ctl('reload')
        denied(g, games, 'status', 'web')
        g.ctl('rollback', 'web')
        denied(g, games, 'status', 'web')
        # An upgrade to what the file says fails, and so leaves in force what was: but not who may do what, once it is reloaded.
        taken = CONFIG.replace('"games:view"', '"backup:view"')
        g.configure(CONFIG)
        g.ctl('reload')
        g.until_ready('web/0')
        equal(sees(g, games), ['web'], 'what games sees again')
        g.configure(taken.replace('{"@/say", "web"}', '{"sh", "-c", "exit 3"} ready = notify'))
        g.ctl('upgrade', 'web', expected=None)
        g.until_ready('web/0')
        g.ctl('reload')
        denied(g, games, 'status', 'web')
        equal(sees(g, as_user('backup')), ['web'], 'what backup sees')
        check(g.json('status', 'web')['workers'][0]['exec'][1:] == ['web'], 'the failed upgrade is in force')


def workers_have_what_they_are_given():
    """a worker that runs as another user has what `allow` gives to that user, and no more"""
    need_root()
    as_nobody()
    config = '''
worker asks {{ exec = {{"@/asks"}} user = games restart = never }}
worker other {{ exec = {{"sleep", "1000"}} {} }}
'''
    with GrantGang(config.format(''), begin=False) as g:
        words = ' '.join(g.ctl_words('stop', 'other'))
        g.script('asks', f'{words} 2>&1\necho "status $?"\nexec sleep 1000')
        g.start()
        g.until_ready('asks/0', 'other/0')
        g.wait_log('asks/0', 'may not ask for')
        check(g.instance('other/0')['state'] == 'ready', 'it was stopped')
        # The log of the daemon has who it was.
        g.wait_stderr(r"control: 'gangerctl', uid 5 \(pid \d+\) may not ask for 'stop' of 'other'")
        g.configure(config.format('allow = "games:operate"'))
        g.ctl('reload')
        g.ctl('restart', 'asks')
        g.until_state(('other/0', 'down'))


def a_flood_of_denials():
    """who asks again and again does not fill the log, and cannot write into it"""
    with gang() as g:
        g.until_ready(*ALL)
        backup = as_user('backup')
        denied(g, backup, 'status', 'a\nmanager: all is well')
        for _ in range(15):
            denied(g, backup, 'stop', 'web')
        g.wait_stderr(r"control: .*may not ask for")
        g.ctl('status')
        lines = [line for line in g.stderr_lines if 'may not ask for' in line]
        check(0 < len(lines) <= 10, f'{len(lines)} denials are in the log')
        check(not any(line.startswith('manager: all is well') for line in g.stderr_lines), 'a peer wrote a line of the log')


main(all_classes, what_all_is, names_that_are_hidden, a_reload_and_a_death, going_back, workers_have_what_they_are_given,
     a_flood_of_denials)
