# Tests of crash.
