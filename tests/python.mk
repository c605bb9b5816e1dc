# contrib/python/ganger.py. A library that is built with a sanitizer wants a program that is: the test then skips.
dist_check_SCRIPTS += tests/python/test-ganger.py
TESTS += tests/python/test-ganger.py
