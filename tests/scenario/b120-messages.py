#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages and the processes that hold them: kills, rejects, long leases, full rings."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

# Takes a message and waits for a line from the file `go` before it answers with it. Says what it holds.
HOLDS = '''
import os, sys
print('ready', file=sys.stderr, flush=True)
for line in sys.stdin:
    print('holds', line.strip(), file=sys.stderr, flush=True)
    if 'kill' in line or 'hold' in line:
        with open(os.path.join(os.path.dirname(sys.argv[0]), 'go')) as f:
            f.readline()
    print('OK', os.environ['GANGER_INSTANCE'] + ':' + line.strip(), flush=True)
'''
CONFIG = '''
ring jobs { slots = 8 max-deliveries = 3 }
ring out { slots = 64 }
worker w { exec = {"@/holds"} io = lines receive = {jobs} send = {out} instances = 2 restart-delay = 1ms restart-delay-max = 1ms }
'''


def gang(config=CONFIG):
    g = Gang(config, begin=False)
    g.python('holds', HOLDS)
    g.fifo('go')
    g.start()
    return g


def holder_of(g, text, since=0):
    """Who said that it holds this message, and where in the log."""
    line = g.logs.wait(lambda l: l['text'] == f'holds {text}', since, what=f'somebody to hold {text!r}')
    return line['key'], g.logs.items.index(line) + 1


def the_holder_is_killed():
    """SIGKILL of the instance that holds a message: another gets it, as its second delivery; the rest goes on"""
    with gang() as g:
        g.until_ready('w/0', 'w/1')
        g.ctl('send', 'jobs', 'hold me')
        key, seen = holder_of(g, 'hold me')
        [message] = g.json('peek', 'jobs')['messages']
        equal((message['state'], message['deliveries'], message['holder']), ('leased', 1, key), 'before')
        # Others are not held up by it.
        g.ctl('send', 'jobs', *(f'm{i}' for i in range(20)))
        equal(len(g.ctl('receive', 'out', '--count', 20).out.split('\n')), 21, 'the others')
        events = len(g.events.items)
        kill(g.pid(key))
        recovery = g.wait_event(lambda e: e['kind'] == 'recovery' and e['key'] == key, since=events, what='a recovery')
        equal((recovery['returned'], recovery['dead']), (1, 0), 'recovery')
        again, seen = holder_of(g, 'hold me', seen)
        [message] = g.json('peek', 'jobs')['messages']
        equal((message['state'], message['deliveries'], message['holder']), ('leased', 2, again), 'after')
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        equal(g.ctl('receive', 'out', '--count', 1).out, f'{again.split("/")[1]}:hold me\n', 'the reply')
        equal([g.ring('jobs')[m] for m in ('ready', 'leased', 'dead', 'redelivered')], [0, 0, 0, 1], 'ring')


def the_program_of_a_bridge_is_killed():
    """SIGKILL of the program behind a bridge: the same"""
    with gang() as g:
        g.until_ready('w/0', 'w/1')
        g.ctl('send', 'jobs', 'hold me')
        key, seen = holder_of(g, 'hold me')
        [program] = children(g.pid(key))
        kill(program)
        again, _ = holder_of(g, 'hold me', seen)
        equal(g.json('peek', 'jobs')['messages'][0]['deliveries'], 2, 'deliveries')
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        g.ctl('receive', 'out', '--count', 1).has('hold me')


def too_often():
    """a message that kills its receiver max-deliveries times is set aside, with the reason; list, retry, drop"""
    with gang() as g:
        g.until_ready('w/0', 'w/1')
        g.ctl('send', 'jobs', 'kill one', 'kill two')
        seen = 0
        for _ in range(6):
            # Whoever holds one is killed; each is delivered three times.
            line = g.logs.wait(lambda l: l['text'].startswith('holds kill'), seen, what='a holder')
            seen = g.logs.items.index(line, seen) + 1
            g.until('it is known', lambda: g.pid(line['key']) > 0)
            if line['pid'] in (0, g.pid(line['key'])):
                kill(g.pid(line['key']))
        def dead():
            messages = g.json('dead', 'list', 'jobs')['messages']
            return messages if len(messages) == 2 else None
        messages = g.until('both are set aside', dead)
        equal(sorted((data(m), m['deliveries'], m['state']) for m in messages), [('kill one', 3, 'dead'), ('kill two', 3, 'dead')], 'dead')
        check(all('killed' in m['reason'] or 'SIGKILL' in m['reason'] or 'died' in m['reason'] for m in messages), f'reasons: {messages}')
        equal(g.ring('jobs')['dead'], 2, 'ring')
        g.wait_event(lambda e: e['kind'] == 'recovery' and e['dead'] == 1, what='a recovery that sets one aside')
        # The ring goes on around them.
        g.ctl('send', 'jobs', *(f'm{i}' for i in range(50)))
        g.ctl('receive', 'out', '--count', 50)
        one, two = messages
        g.ctl('dead', 'drop', 'jobs', one['id'])
        equal([m['id'] for m in g.json('dead', 'list', 'jobs')['messages']], [two['id']], 'after the drop')
        g.ctl('dead', 'drop', 'jobs', one['id'], expected=None)
        g.ctl('dead', 'retry', 'jobs', two['id'])
        key, _ = holder_of(g, data(two), seen)
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        g.ctl('receive', 'out', '--count', 1).has(data(two))
        equal(g.ring('jobs')['dead'], 0, 'dead')


def a_long_lease():
    """a message that is leased for long does not stall the others: the ring goes round many times"""
    with gang() as g:
        g.until_ready('w/0', 'w/1')
        g.ctl('send', 'jobs', 'hold me')
        holder_of(g, 'hold me')
        words = [f'm{i}' for i in range(2000)]          # 250 laps of the ring
        sender = g.helper(g.ctl_words('send', 'jobs', *words[:1000]))
        got = g.ctl('receive', 'out', '--count', 1000).out.split()
        g.wait_helper(sender)
        sender = g.helper(g.ctl_words('send', 'jobs', *words[1000:]))
        got += g.ctl('receive', 'out', '--count', 1000).out.split()
        g.wait_helper(sender)
        equal([m.split(':')[1] for m in got], words, 'in order, by the other instance')
        [message] = g.json('peek', 'jobs')['messages']
        equal((data(message), message['state'], message['deliveries']), ('hold me', 'leased', 1), 'the held one')
        with open(g.path('go'), 'w') as go:
            go.write('go\n')
        g.ctl('receive', 'out', '--count', 1).has('hold me')
        equal([g.ring('jobs')[m] for m in ('ready', 'leased', 'dead')], [0, 0, 0], 'ring')


def a_full_ring():
    """a full ring: send waits, goes on when there is space, gives up at its timeout, and loses nothing"""
    with Gang('ring jobs { slots = 4 }') as g:
        g.ctl('send', 'jobs', 'a', 'b', 'c', 'd')
        g.ctl('send', 'jobs', 'e', '--timeout', '1ms', expected=1).has('full')
        sender = g.background('send', 'jobs', 'e', 'f', 'g')
        # It has attached itself, so it has nothing else to do than to wait.
        g.until('it is there', lambda: g.ring('jobs')['senders'] == 1)
        equal(g.ring('jobs')['ready'], 4, 'ready')
        check(sender.poll() is None, 'it did not wait')
        equal(g.ctl('receive', 'jobs', '--count', 7).out.split(), list('abcdefg'), 'messages')
        g.wait_helper(sender).has('3 sent')
        # One that is killed while it waits has sent what it has sent.
        g.ctl('send', 'jobs', 'a', 'b', 'c', 'd')
        sender = g.background('send', 'jobs', 'e')
        g.until('it is there', lambda: g.ring('jobs')['senders'] == 1)
        sender.kill()
        sender.wait()
        g.until('it is gone', lambda: g.ring('jobs')['senders'] == 0)
        equal(g.ctl('receive', 'jobs').out.split(), list('abcd'), 'messages')


def receive_is_killed():
    """SIGKILL of gangerctl receive --exec in the middle: the message comes back; a command that fails rejects it"""
    with Gang('ring jobs { max-deliveries = 2 }', begin=False) as g:
        g.start()
        g.fifo('begun')
        begun = os.open(g.path('begun'), os.O_RDWR)
        g.ctl('send', 'jobs', 'precious')
        receiver = g.background('receive', 'jobs', '--exec', f'echo $GANGER_DELIVERIES > {g.path("begun")}; exec sleep 1000')
        equal(os.read(begun, 10), b'1\n', 'deliveries')
        [command] = children(receiver.pid)
        equal(g.json('peek', 'jobs')['messages'][0]['holder'], f'pid {receiver.pid}', 'holder')
        kill(receiver.pid)
        receiver.wait()
        [message] = g.ctl('--json', 'receive', 'jobs', '--count', 1, '--exec', 'cat >&2').json_lines()
        equal((data(message), message['deliveries'], message['acknowledged']), ('precious', 2, True), 'again')
        kill_and_wait(command)                  # a command is its own master; the message was not
        g.ctl('send', 'jobs', 'bad')
        g.ctl('receive', 'jobs', '--count', 2, '--exec', 'exit 3', expected=1)
        [dead] = g.json('dead', 'list', 'jobs')['messages']
        equal((data(dead), dead['deliveries'], dead['reason']), ('bad', 2, 'exit status 3'), 'dead letter')
        os.close(begun)


def too_many_dead_letters():
    """dead-max: past it senders are refused until some are seen to; or, with drop-oldest, the first of them goes"""
    config = '''
    ring refuses { slots = 8 max-deliveries = 1 dead-max = 2 }
    ring drops   { slots = 8 max-deliveries = 1 dead-max = 2 dead-policy = drop-oldest }
    '''
    with Gang(config) as g:
        for ring in ('refuses', 'drops'):
            g.ctl('send', ring, 'a', 'b', 'c')
            g.ctl('receive', ring, '--count', 3, '--exec', 'exit 1', expected=1)
        g.ctl('send', 'refuses', 'd', '--timeout', 0, expected=1).has('too many dead letters')
        sender = g.background('send', 'refuses', 'd')
        g.ctl('dead', 'drop', 'refuses', '--all')
        g.wait_helper(sender)
        g.ctl('send', 'drops', 'd')
        equal([data(m) for m in g.json('dead', 'list', 'drops')['messages']], ['b', 'c'], 'dead letters that are kept')
        equal((g.ring('drops')['dropped'], g.ring('drops')['dead'], g.ring('drops')['ready']), (1, 2, 1), 'drops')


def a_stopped_consumer():
    """SIGSTOP of a consumer that waits: it swallows no wake-up, the sibling gets each message"""
    with gang() as g:
        g.until_ready('w/0', 'w/1')
        for stopped, other in (('w/0', 'w/1'), ('w/1', 'w/0')):
            kill(g.pid(stopped), signal.SIGSTOP)
            for n in range(20):                 # one after the other: each must wake the one that is awake
                g.ctl('send', 'jobs', f'{stopped} {n}')
                equal(g.ctl('receive', 'out', '--count', 1).out, f'{other[-1]}:{stopped} {n}\n', 'who got it')
            kill(g.pid(stopped), signal.SIGCONT)
        # Both of them stopped: it waits, and is there when one goes on.
        for key in ('w/0', 'w/1'):
            kill(g.pid(key), signal.SIGSTOP)
        g.ctl('send', 'jobs', 'later')
        equal(g.ring('jobs')['ready'], 1, 'ready')
        kill(g.pid('w/1'), signal.SIGCONT)
        equal(g.ctl('receive', 'out', '--count', 1).out, '1:later\n', 'who got it')
        kill(g.pid('w/0'), signal.SIGCONT)


def kills_under_load():
    """bridges and programs killed at random under load: each message is worked on, and forwarded once"""
    import random
    seed = int(os.environ.get('GANGER_TEST_SEED', '1'))
    print(f'GANGER_TEST_SEED={seed}')
    rng = random.Random(seed)
    config = '''
    ring jobs { slots = 64 max-deliveries = 255 }
    ring out { slots = 8192 }
    worker w { exec = {"@/w"} io = lines receive = {jobs} send = {out} instances = 3 restart-delay = 1ms restart-delay-max = 1ms }
    '''
    with Gang(config, begin=False) as g:
        g.script('w', 'while read -r x; do echo "OK $x"; done')
        g.start()
        g.until_ready('w/0', 'w/1', 'w/2')
        words = [f'm{i}' for i in range(5000)]
        kills = 0
        for first in range(0, 5000, 500):
            g.write('input', ''.join(w + '\n' for w in words[first:first + 500]))
            with open(g.path('input')) as f:
                sender = g.background('send', 'jobs', stdin=f)
            while True:
                pids = [pid for pid in g.pids().values() if pid]
                pids += [child for pid in pids for child in children(pid)]
                try:
                    kill(rng.choice(pids or [0]))
                    kills += 1
                except (Failed, ProcessLookupError):
                    pass                        # nobody is there now
                if sender.poll() is not None:
                    break
            g.wait_helper(sender)
        check(kills >= 5, f'{kills} kills: too few to show anything')
        got = [data(m) for m in g.ctl('--json', 'receive', 'out', '--count', 5000).json_lines()]
        equal(sorted(got), sorted(words), f'messages, after {kills} kills')
        g.until('nothing is left', lambda: g.ring('jobs')['leased'] == 0)
        equal([g.ring(r)[m] for r in ('jobs', 'out') for m in ('ready', 'leased', 'dead')], [0] * 6, 'left')


def a_rejected_message_rests():
    """redelivery-delay: what was rejected comes again, but not before its time; others do not wait for it"""
    with Gang('''
ring jobs { slots = 8 max-deliveries = 3 redelivery-delay = 700ms }
worker w { exec = {"@/refuses"} io = lines receive = jobs }
''', begin=False) as g:
        g.python('refuses', '''
import sys, time
for line in sys.stdin:
    print(line.strip(), time.monotonic(), file=sys.stderr, flush=True)
    print('FAIL not yet' if line.startswith('no') else 'OK', flush=True)
''')
        g.start()
        g.ctl('send', 'jobs', 'no', 'other')
        g.until('a dead letter', lambda: g.ring('jobs')['dead'] == 1)
        times, seen = {'no': [], 'other': []}, 0
        while len(times['no']) < 3 or not times['other']:
            line = g.logs.wait(lambda l: l['text'].split(' ')[0] in times, seen, what='what it was given')
            seen = g.logs.items.index(line) + 1
            what, when = line['text'].split()
            times[what].append(float(when))
        first, second, third = times['no']
        check(second - first >= 0.7 and third - second >= 0.7, f'it rested too short: {times["no"]}')
        check(times['other'][0] < second, 'another message waited for the one that rests')


main(the_holder_is_killed, the_program_of_a_bridge_is_killed, too_often, a_long_lease, a_full_ring, too_many_dead_letters, receive_is_killed,
     a_stopped_consumer, a_rejected_message_rests, kills_under_load)
