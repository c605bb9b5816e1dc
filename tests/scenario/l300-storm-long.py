#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""b300-storm.py for a minute and with another seed, for make check-long."""

import os
import random
import runpy

os.environ.setdefault('GANGER_TEST_SECONDS', '60')
os.environ.setdefault('GANGER_TEST_SEED', str(random.randrange(1 << 32)))
runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'b300-storm.py'), run_name='__main__')
