#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""b330 with 200 clients."""

import os
import runpy

os.environ['GANGER_TEST_CLIENTS'] = '200'
os.environ['GANGER_TEST_SLOWER'] = str(4 * int(os.environ.get('GANGER_TEST_SLOWER', '1')))
runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'b330-many-clients.py'), run_name='__main__')
