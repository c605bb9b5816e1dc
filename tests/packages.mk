# Packages: built, installed, upgraded while workers run, removed; in a container, where there can be one.
PACKAGES_LONG_TESTS = tests/packages/deb tests/packages/rpm
LONG_TESTS += $(PACKAGES_LONG_TESTS)
EXTRA_DIST += $(PACKAGES_LONG_TESTS) tests/packages/lifecycle.py
