# What systemd and the kernel's cgroups do with us. `service` runs under a real systemd, in a container; where there can be none it is
# skipped, and says why. One case of it by hand, in the build directory: ../tests/systemd/service reloads
SYSTEMD_TESTS = tests/systemd/cgroup.py tests/systemd/service
TESTS += $(SYSTEMD_TESTS)
EXTRA_DIST += $(SYSTEMD_TESTS) tests/systemd/service.py tests/systemd/in-container tests/systemd/staged
# In a machine of its own, with all controllers.
SYSTEMD_LONG_TESTS = tests/systemd/controllers
LONG_TESTS += $(SYSTEMD_LONG_TESTS)
EXTRA_DIST += $(SYSTEMD_LONG_TESTS) tests/systemd/controllers.py tests/systemd/in-vm

# Where a service manager keeps descriptors: one of ours.
check_PROGRAMS += tests/scenario/stage-worker
tests_scenario_stage_worker_CPPFLAGS = $(AM_CPPFLAGS)
tests_scenario_stage_worker_LDADD = libganger.la
KEPT_SCENARIOS = tests/scenario/b260-outlives-its-keeper.py
TESTS += $(KEPT_SCENARIOS)
EXTRA_DIST += $(KEPT_SCENARIOS) tests/harness/service_manager.py
