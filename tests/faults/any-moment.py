#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every scenario, with its manager killed once at some moment within the first second of each gang.

    any-moment.py [SCENARIO…]       SEEDS="1 2 3" are the moments

A scenario must hold all the same, but for what EXCEPTIONS say: where it is about something that dies with a manager by design.
"""

import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(os.path.dirname(HERE), 'scenario')
LIMIT = 600

# Case: why it does not hold.
EXCEPTIONS = {
}


def failures(path, seed):
    """The cases that fail, by name, with what they said."""
    env = {**os.environ, 'GANGER_MANAGER_DIES': seed}
    try:
        p = subprocess.run([sys.executable, path], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                           text=True, errors='replace')
    except subprocess.TimeoutExpired as e:
        return {'': f'it takes more than {LIMIT} s: {e.stdout[-2000:] if e.stdout else ""}'}
    failed = {}
    for text in re.split(r'^(?=ok - |FAILED - |skipped - )', p.stdout, flags=re.M):
        found = re.match(r'FAILED - .* \((\w+)\)$', text.split('\n', 1)[0])
        if found:
            failed[found[1]] = text
    if p.returncode not in (0, 77) and not failed:
        failed[''] = p.stdout[-2000:]
    return failed


def main():
    seeds = os.environ.get('SEEDS', '1').split()
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(SCENARIOS, 'b*.py')))
    bad = 0
    for path in paths:
        name = os.path.basename(path).partition('-')[0]
        for seed in seeds:
            excused = EXCEPTIONS.get(name, {})
            for case, text in failures(path, seed).items():
                if case in excused:
                    print(f'{name} {case}, seed {seed}: {excused[case]}')
                    continue
                bad += 1
                print(f'{name} {case}, seed {seed}: FAILED\n{text}')
        print(f'{name}: done', flush=True)
    return 1 if bad else 0


sys.exit(main())
