#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Scenarios, each with the manager of its gangs killed once at a moment within their first second. By hand, in the build directory:

    [SEEDS="1 2 3"] ../tests/faults/any-moment.py [SCENARIO…]

A seed is a moment. What fails wants to be looked into: it is a fault, or the scenario is about something that dies with a manager by
design (lines that are printed, who the manager is), or it has a race that is seldom met otherwise.
"""

import glob
import os
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 600


def failures(path, seed):
    """What was said of each case that fails."""
    env = {'GANGER_BUILD': os.getcwd(), **os.environ, 'GANGER_MANAGER_DIES': seed}
    try:
        p = subprocess.run([sys.executable, path], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return [f'it takes more than {LIMIT} s']
    said = p.stdout.decode(errors='replace')
    failed = [text for text in re.split(r'^(?=ok - |FAILED - |skipped - )', said, flags=re.M) if text.startswith('FAILED')]
    return failed or ([said] if p.returncode not in (0, 77) else [])


def main():
    bad = 0
    for path in sys.argv[1:] or sorted(glob.glob(os.path.join(TESTS, 'scenario', 'b*.py'))):
        for seed in os.environ.get('SEEDS', '1').split():
            found = failures(path, seed)
            bad += len(found)
            print(f'{os.path.basename(path)}, seed {seed}: {len(found)} failed', *found, sep='\n', flush=True)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
