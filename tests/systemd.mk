# What systemd and the kernel's cgroups do with us. `service` runs under a real systemd, in a container; where there can be none it is
# skipped, and says why. One case of it by hand, in the build directory: ../tests/systemd/service reloads
SYSTEMD_TESTS = tests/systemd/cgroup.py tests/systemd/service
TESTS += $(SYSTEMD_TESTS)
EXTRA_DIST += $(SYSTEMD_TESTS) tests/systemd/service.py tests/systemd/in-container

# Where a service manager keeps descriptors: one of ours.
check_PROGRAMS += tests/scenario/stage-worker
tests_scenario_stage_worker_CPPFLAGS = $(AM_CPPFLAGS)
tests_scenario_stage_worker_LDADD = libganger.la
KEPT_SCENARIOS = tests/scenario/b260-outlives-its-keeper.py
TESTS += $(KEPT_SCENARIOS)
EXTRA_DIST += $(KEPT_SCENARIOS) tests/harness/service_manager.py
