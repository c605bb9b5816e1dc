# Tests of manager.
