#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""b331 with 10,000 instances."""

import os
import runpy
import sys

os.environ['GANGER_TEST_INSTANCES'] = '10000'
# It is not a hang that they take their time.
os.environ['GANGER_TEST_SLOWER'] = str(4 * int(os.environ.get('GANGER_TEST_SLOWER', '1')))
sys.argv[1:] = sys.argv[1:] or ['many']
runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'b331-many-instances.py'), run_name='__main__')
