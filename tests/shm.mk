# Tests of shm.
