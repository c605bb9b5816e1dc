# Tests of bench.
