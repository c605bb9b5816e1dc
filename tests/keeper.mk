# Tests of keeper.
