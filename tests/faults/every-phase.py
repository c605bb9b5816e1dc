#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The manager is killed at each of its system calls, and each of them fails once, in all that a gang does

Here at every GANGER_TEST_STRIDE-th of each phase; long-every-phase.py leaves none out. A phase is an operation, and the one
that takes it back. Whatever becomes of the manager: the operation succeeds, or says why not and leaves the gang as it was;
nobody is lost, doubled or left unmanaged, who has nothing to do with it keeps its process, and when all is as it was before,
there is no descriptor, cgroup or process more than there was.
"""

import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

STRIDE = int(os.environ.get('GANGER_TEST_STRIDE', '53'))
# In the long form each call says each of its errors.
VARIANTS = 3 if STRIDE == 1 else 1
ENDLESS = 1 << 30
# at-call refuses.
REFUSED = 77
# A message is given back so often, at most, before it is a dead letter.
DELIVERIES = 255
KILLED, FAILS = 'killed', 'fails'
TIMES = 'stop-timeout = 100ms ready-timeout = 2s restart-delay = 1ms restart-delay-max = 1ms restart-limit = 64/100ms'
ONE = f'''
ring jobs {{ slots = 16 max-deliveries = {DELIVERIES} }}
ring out {{ slots = 16 }}
ring grows {{ slots = 16 }}
worker plain {{ exec = {{"sleep", "1000"}} instances = 2 }}
worker hold  {{ exec = {{"@/hold"}} io = lines receive = jobs send = out {TIMES} }}
worker eats  {{ exec = {{"@/eats"}} io = lines receive = grows {TIMES} }}
worker web   {{ exec = {{"@/web", "one"}} ready = log ready-log = up instances = 2 {TIMES} }}
'''
# By a reload: a worker more, one less, one that is another, and a ring of another form.
OTHER = re.sub('worker web .*', 'worker more { exec = {"sleep", "1001"} listen = front instances = 2 }',
               ONE.replace('grows { slots = 16', 'grows { slots = 32').replace('"@/eats"', '"@/eats", "more"')) + \
    'listen front { stream = @/front }\n'
EVERYBODY = {'plain/0', 'plain/1', 'hold/0', 'eats/0', 'web/0', 'web/1'}
HOLD = 'while read -r x; do read -r go < @/gate; echo "OK $x"; done'
EATS = 'while read -r x; do echo OK; done'
WEB = 'echo up; read -r x < @/never'


class Trace:
    """The manager, or the next one of a keeper, with something that happens at its n-th call from now on."""

    def __init__(self, g, mode, n, variant, keeper=None):
        words = [f'{BUILD}/tests/faults/at-call']
        if mode == FAILS:
            words.append(f'--fail={variant}')
        if keeper:
            words.append('--next')
        self.process = subprocess.Popen([*words, str(keeper or g.manager_pid), str(n)], stdout=subprocess.PIPE, encoding='ascii')
        g.helpers.append(self.process)
        if self.process.stdout.readline() != 'attached\n' and self.process.wait() == REFUSED:
            raise Skip('processes cannot be traced here')

    def end(self):
        """@return what happened: the number of the call, and its error; None: it has not come to that."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(LIMIT)
        words = self.process.stdout.read().strip()
        self.process.stdout.close()
        if status == REFUSED:
            raise Skip('system calls cannot be made to fail here')
        return words if status == 0 else None


class World(Gang):
    """A gang whose whole state can be told in a line. Its daemon begins when it is let."""

    def __init__(self):
        super().__init__(ONE, begin=False, env={'LD_LIBRARY_PATH': f'{BUILD}/.libs'})
        for name, text in ('hold', HOLD), ('eats', EATS), ('web', WEB):
            self.script(name, text.replace('@', self.directory))
        for name in 'gate', 'never', 'begin':
            self.fifo(name)
        self.prefix = ['sh', '-c', f'read -r go < {self.path("begin")}; exec "$@"', 'sh']
        self.texts = [self.config_text, OTHER.replace('@', self.directory)]

    def begin_traced(self, mode=None, n=0, variant=0):
        """@return the trace of its first manager, if there is to be one."""
        self.start(wait=False)
        trace = Trace(self, mode, n, variant, self.process.pid) if mode else None
        with open(self.path('begin'), 'w') as f:
            f.write('go\n')
        return trace

    def begins(self):
        self.begin_traced()
        self.wait_served()
        self.all_run()

    def all_run(self):
        self.until('all run', lambda: set(self.shape() or ()) == EVERYBODY)

    def ctl_words(self, *arguments):
        """Without libtool's script in between: there are thousands of them."""
        words = super().ctl_words(*arguments)
        direct = f'{BUILD}/.libs/gangerctl'
        return [direct, *words[1:]] if os.path.exists(direct) else words

    def json(self, *arguments, **options):
        """It may be this question that is told an error: then it says so, and is asked again."""
        for _ in range(3):
            result = self.ctl('--json', *arguments, expected=None, **options)
            if result.status == 0:
                return result.json()
            check(result.err.strip(), f'it fails and says nothing: {result}')
        raise Failed(f'it fails again: {result}')

    @property
    def events(self):
        """It may be that one, too: then another follows."""
        if self._events and self._events.ended:
            self._events.close()
            self._events = None
        return super().events

    # -- looking

    def shape(self):
        """{key: what it runs} of all that are ready; None while anything is on its way."""
        shape = {}
        for worker in self.status().values():
            if worker.get('roll', {'phase': 'done'})['phase'] not in ('done', 'failed'):
                return None
            for i in worker['instances']:
                if i['state'] == 'down':
                    continue
                if i['state'] != 'ready' or not i['pid']:
                    return None
                shape[i['key']] = process_arguments(i['pid'])[-1:] + [worker['drained']]
        return shape

    def settled(self, where, *shapes):
        last = []
        def reached():
            last[:] = [self.shape()]
            return last[0] in shapes
        try:
            self.until(where, reached)
        except Failed as e:
            raise Failed(f'{e}\n  it is {last[0]}\n  and should be {shapes}\n  {self.instances()}') from e
        return last[0]

    def nobody_else(self, where):
        """The keeper has the processes that are told of, and no other."""
        def same():
            living = {pid for pid in children(self.keeper_pid) if alive(pid)} - {self.manager_pid}
            return living == {i['pid'] for i in self.instances().values() if i['pid']}
        self.until(f'{where}: the keeper has those processes that are told of, and no other', same)

    def held(self):
        """What the keeper has open, and which files and cgroups there are."""
        directory = cgroup_directory(self.pid('plain/0'))
        above = os.path.dirname(directory) if directory else None
        return [kinds(self.keeper_pid), sorted(os.listdir(self.runtime)),
                {name.partition('.')[0] for name in os.listdir(above) if os.path.isdir(f'{above}/{name}')} if above else set()]


def kinds(pid):
    """How many descriptors a process has of each kind."""
    found = collections.Counter()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[re.sub(r':?\[.*\]|/proc/\d+', '', os.readlink(f'/proc/{pid}/fd/{fd}'))] += 1
        except FileNotFoundError:
            pass
    return dict(found)


# ---- phases ------------------------------------------------------------------------------------------


class Phase:
    """
    forth, back   what is done, and what takes it back: words of gangerctl, or a function of the gang
    strict        what fails has changed nothing
    next          it is the next manager that is killed, or told an error
    """

    def __init__(self, name, forth, back=None, strict=False, next=False):
        self.name, self.strict, self.next = name, strict, next
        self.steps = [forth, back] if back else [forth]


def reload_to(which):
    def act(g):
        g.write('ganger.conf', g.texts[which])
        return g.ctl('reload', expected=None)
    return act


def dies(g):
    """A worker dies that holds a message."""
    before = g.instance('hold/0')
    kill_and_wait(before['pid'])
    for _ in range(3):
        g.status()
    return await_next(g, before)


def await_next(g, before):
    g.until('it is replaced', lambda: g.instance('hold/0')['generation'] > before['generation'] and
            g.instance('hold/0')['state'] == 'ready')


def take_over(g):
    """The manager dies, and so does a worker that holds a message."""
    before = g.instance('hold/0')
    kill_and_wait(g.manager_pid)
    kill(before['pid'])
    return await_next(g, before)


def upgrade(word):
    return lambda g: g.ctl('upgrade', 'web', '--exec', g.path('web'), word, '--canary', '1', '--hold', '20ms', expected=None)


PHASES = [
    Phase('a worker dies', dies),
    Phase('a manager takes over', take_over, next=True),
    Phase('scale', ['scale', 'web', '4'], ['scale', 'web', '2']),
    Phase('restart --rolling', ['restart', '--rolling', 'web']),
    Phase('upgrade with canary', upgrade('two'), upgrade('one')),
    Phase('reload', reload_to(1), reload_to(0), strict=True),
    Phase('drain and resume', ['drain', 'eats'], ['resume', 'eats']),
    Phase('stop and start', ['stop', 'web', 'eats'], ['start', 'web', 'eats']),
]


def act(g, step):
    return step(g) if callable(step) else g.ctl(*step, expected=None)


class Sweep:
    """One phase over and over, each time with another call."""

    def __init__(self, g, phase, mode):
        self.g, self.phase, self.mode = g, phase, mode
        self.shapes = [g.shape()]
        for step in phase.steps:
            act(g, step)
            self.shapes.append(g.until('it is done', g.shape))
        self.base = g.held()
        self.happened, self.gave_way = collections.Counter(), collections.Counter()

    def run(self):
        for variant in range(VARIANTS if self.mode == FAILS else 1):
            for n in range(1, ENDLESS, STRIDE):
                done = [self.step(k, n, variant + n // STRIDE) for k in range(len(self.phase.steps))]
                self.is_as_before(f'{self.where(n)}: {done}')
                if n // STRIDE % (DELIVERIES // 2) == DELIVERIES // 2 - 1:
                    finish_message(self.g)
                    hold_message(self.g)
                if not any(done):
                    break
        check(self.happened.total() >= 2, f'only {self.happened}')
        print(f'{self.happened.total()} times, {len(self.happened)} different, {self.gave_way.total()} gave way'
              f' {dict(self.gave_way) if self.gave_way else ""}')

    def where(self, n):
        return f'{self.phase.name}, {self.mode} at call {n}'

    def step(self, k, n, variant):
        """@return what happened to the manager, or None."""
        g, phase, mode, where = self.g, self.phase, self.mode, self.where(n)
        before, after, step = self.shapes[k], self.shapes[k + 1], phase.steps[k]
        plain, manager = [g.pid('plain/0'), g.pid('plain/1')], g.manager_pid
        trace = Trace(g, mode, n, variant, g.keeper_pid if phase.next else None)
        result = act(g, step)
        failed = result is not None and result.status != 0
        shape = g.settled(where, *([after] if not failed else [before] if phase.strict and mode == FAILS else [before, after]))
        happened = trace.end()
        where += f' ({happened})'
        if failed:
            check(happened and (result.err + result.out).strip(), f'{where}: {result}')
        if shape != after:
            result = act(g, step)
            check(result.status == 0, f'{where}, once more: {result}')
            g.settled(f'{where}, once more', after)
        g.nobody_else(where)
        equal([g.pid('plain/0'), g.pid('plain/1')], plain, f'{where}: processes of others')
        if happened:
            self.happened[happened] += 1
            if mode == FAILS and not phase.next and g.manager_pid != manager:
                self.gave_way[happened] += 1
        return happened

    def is_as_before(self, where):
        """Nothing is there that was not. What could not be had is missing until the next process: a cgroup."""
        last = []
        def same():
            last[:] = [self.g.held()]
            return last[0][:2] == self.base[:2] and set(last[0][2]) <= set(self.base[2])
        try:
            self.g.until(where, same, 10 * SLOWER)
        except Failed as e:
            raise Failed(f'{e}\n  it is {last[0]}\n  and was {self.base}') from e


def hold_message(g):
    g.ctl('send', 'jobs', 'a')
    g.until('it is held', lambda: g.ring('jobs')['leased'] == 1)


def finish_message(g):
    """It was held all the time by one that died again and again: it arrives, once."""
    gate = os.open(g.path('gate'), os.O_RDWR)
    os.write(gate, b'go\n' * 8)
    try:
        equal(g.ctl('receive', 'out', '--count', 1).out, 'a\n', 'received')
        g.until('all is done', lambda: g.ring('jobs')['leased'] == 0)
        equal([g.ring(r)['ready'] for r in ('jobs', 'out')], [0, 0], 'left')
    finally:
        os.close(gate)


def more_time():
    signal.alarm(HANG * (100 if STRIDE == 1 else 2))


def case_of(phase, mode):
    def case():
        more_time()
        with World() as g:
            g.begins()
            hold_message(g)
            Sweep(g, phase, mode).run()
            finish_message(g)
    case.__name__ = re.sub('[^a-z]+', '_', f'{phase.name} {mode}')
    case.__doc__ = f'{phase.name}: the manager {"is killed" if mode == KILLED else "is told an error"}'
    return case


# ---- the first and the last --------------------------------------------------------------------------


def begin_once(mode, n, variant):
    where = f'begin, {mode} at call {n}'
    with World() as g:
        trace = g.begin_traced(mode, n, variant)
        try:
            g.wait_served()
        except Failed:
            if mode == KILLED:
                raise
            happened = trace.end()
            g.process.wait(LIMIT)
            g.stderr_thread.join(LIMIT)
            check(happened, f'{where}: it does not begin')
            check(g.process.returncode > 0 and len(g.stderr_lines) > 0, f'{where}, {happened}: it says nothing of why it ends')
            g.check_end = False
            left = g.strangers()
            check(not left, f'{where}, {happened}: left are {left}')
            return happened
        g.all_run()
        g.nobody_else(where)
        return trace.end()


def rest_once(mode, n, variant):
    """Nobody runs, so that a manager which cannot begin might take the daemon with it."""
    where = f'rest, {mode} at call {n}'
    with World() as g:
        g.begins()
        g.ctl('stop', '--all')
        trace = Trace(g, mode, n, variant, g.keeper_pid)
        kill_and_wait(g.manager_pid)
        g.settled(f'{where}: what was stopped stays so', {})
        happened = trace.end()
        g.ctl('start', '--all')
        g.all_run()
        g.nobody_else(f'{where}, {happened}')
        return happened


def end_once(mode, n, variant):
    where = f'end, {mode} at call {n}'
    with World() as g:
        g.begins()
        trace = Trace(g, mode, n, variant)
        g.close_streams()
        g.ctl('shutdown', '--no-wait', expected=None)
        g.process.wait(LIMIT)
        happened = trace.end()
        equal(g.process.returncode, 0, f'{where}, {happened}: exit status')
        left = g.strangers()
        check(not left, f'{where}, {happened}: left are {left}')
        g.check_end = False
        return happened


def whole(name, once, mode, stride):
    def case():
        more_time()
        happened = collections.Counter()
        for n in range(1, ENDLESS, stride):
            what = once(mode, n, n // stride)
            if not what:
                break
            happened[what] += 1
        check(happened.total() >= 2, f'only {happened}')
        print(f'{happened.total()} times, {len(happened)} different')
    case.__name__ = f'{name}_{mode}'
    case.__doc__ = f'the daemon {name}s: the manager {"is killed" if mode == KILLED else "is told an error"}'
    return case


# A daemon of its own for each call: fewer of them, if there are many. The end has few.
DAEMONS = [('begin', begin_once, STRIDE if STRIDE == 1 else STRIDE * 4), ('rest', rest_once, STRIDE),
           ('end', end_once, max(STRIDE // 4, 1))]

main(*(whole(name, once, mode, stride) for name, once, stride in DAEMONS for mode in (KILLED, FAILS)),
     *(case_of(phase, mode) for phase in PHASES for mode in (KILLED, FAILS)))
