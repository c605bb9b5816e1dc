# Tests of scenario.
