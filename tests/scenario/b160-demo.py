#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo, on real files, with its verdict."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from gang import *  # noqa: E402, F403

def demo():
    """five seconds, twenty kills a second and the manager too: lost 0, duplicated 0"""
    if not os.path.isdir('/usr/share/common-licenses'):
        raise Skip('no /usr/share/common-licenses here')
    result = run([f'{BUILD}/gangerctl', '--json', 'demo', '--seconds', '5', '--kills-per-second', '20', '--seed', '1'], limit=120 * SLOWER)
    verdict = result.json_lines()[-1]
    equal((verdict['lost'], verdict['duplicated']), (0, 0), 'lost, duplicated')
    equal(verdict['words'], verdict['words_expected'], 'words')
    check(verdict['kills'] >= 50 // SLOWER and verdict['manager_kills'] >= 1 and verdict['words'] > 10000, f'too little happened: {verdict}')


def on_files_of_ours():
    """on files that are given, without a kill, as a table: the sums are those of tr, sort and uniq"""
    with Gang('', begin=False, check_end=False) as g:
        os.mkdir(g.path('texts'))
        for n in range(5):
            g.write(f'texts/{n}', f'one two three ä€ x{n}\n\n  two  $HOME \\t * ' * 20 + '\n' + 'long' * 500 + '\n')
        result = run([f'{BUILD}/gangerctl', 'demo', '--seconds', '1', '--kills-per-second', '0', g.path('texts')], limit=120 * SLOWER)
        result.has('lost 0, duplicated 0')


main(demo, on_files_of_ours)
