# What systemd and the kernel's cgroups do with us. `service` runs under a real systemd, in a container; where there can be none it is
# skipped, and says why. By hand, in the build directory: ../tests/systemd/service.test
SYSTEMD_TESTS = tests/systemd/cgroup.py
TESTS += $(SYSTEMD_TESTS)
EXTRA_DIST += $(SYSTEMD_TESTS) tests/systemd/in-container
