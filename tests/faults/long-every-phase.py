#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""every-phase.py without leaving any out, for make check-long."""

import os
import runpy

os.environ['GANGER_TEST_STRIDE'] = '1'
os.environ.setdefault('GANGER_TEST_SLOWER', '4')
runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'every-phase.py'), run_name='__main__')
