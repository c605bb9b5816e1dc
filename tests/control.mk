# Tests of control.
