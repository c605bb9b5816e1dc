# The documentation is tried: what it says is run and compiled, and the manuals are well-formed.
dist_check_SCRIPTS += tests/readme tests/man-lint
TESTS += tests/readme tests/man-lint
