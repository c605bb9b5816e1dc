# Scenarios: the daemon of this build with real workers, from basic to complex. One by hand, in the build directory:
# python3 ../tests/scenario/b010-start-and-stop.py [CASE…]
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = env GANGER_BUILD=$(abs_top_builddir) PYTHONDONTWRITEBYTECODE=1 $(PYTHON3)
SCENARIOS = \
	tests/scenario/b010-start-and-stop.py \
	tests/scenario/b020-io.py \
	tests/scenario/b030-gangerctl.py \
	tests/scenario/b040-config.py \
	tests/scenario/b275-daemon-upgrade.py \
	tests/scenario/b280-grants.py \
	tests/scenario/b320-hostile-users.py tests/scenario/b321-hostile-workers.py tests/scenario/b322-forged-records.py \
	tests/scenario/b050-scale.py \
	tests/scenario/b060-restart.py \
	tests/scenario/b065-exits.py \
	tests/scenario/b070-misbehaving.py \
	tests/scenario/b080-output.py \
	tests/scenario/b090-ready.py \
	tests/scenario/b092-notify.py \
	tests/scenario/b094-probes.py \
	tests/scenario/b100-manager-dies.py \
	tests/scenario/b110-keeper-dies.py \
	tests/scenario/b120-messages.py \
	tests/scenario/b130-places.py \
	tests/scenario/b135-service-manager.py \
	tests/scenario/b140-real-daemons.py \
	tests/scenario/b150-another-client.py \
	tests/scenario/b160-demo.py \
	tests/scenario/b191-sockets.py \
	tests/scenario/b192-on-demand.py \
	tests/scenario/b190-order.py \
	tests/scenario/b195-groups.py \
	tests/scenario/b196-runs.py \
	tests/scenario/b198-remembered.py \
	tests/scenario/b201-exec-probes.py \
	tests/scenario/b202-stall.py \
	tests/scenario/b203-heartbeat.py \
	tests/scenario/b210-limits.py \
	tests/scenario/b211-cgroups.py \
	tests/scenario/b212-environment.py \
	tests/scenario/b214-sweep.py \
	tests/scenario/b220-log-files.py \
	tests/scenario/b221-log-rates.py \
	tests/scenario/b222-logs-verb.py \
	tests/scenario/b223-remain.py \
	tests/scenario/b240-rolling-restart.py \
	tests/scenario/b241-upgrade.py \
	tests/scenario/b250-real-programs.py \
	tests/scenario/b290-isolation.py \
	tests/scenario/b326-container.py \
	tests/scenario/b327-stand-alone.py \
	tests/scenario/b330-many-clients.py \
	tests/scenario/b331-many-instances.py \
	tests/scenario/b333-many-at-once.py \
	tests/scenario/b292-namespaces.py \
	tests/scenario/b294-devices.py \
	tests/scenario/b295-landlock.py \
	tests/scenario/b296-strict.py \
	tests/scenario/b297-doctor.py \
	tests/scenario/b340-private-pids.py \
	tests/scenario/b342-dynamic-user.py \
	tests/scenario/b341-cgroup-namespace.py \
	tests/scenario/b344-device-rules.py \
	tests/scenario/b230-drain.py \
	tests/scenario/b232-scaling.py \
	tests/scenario/b234-standby.py
TESTS += $(SCENARIOS)
EXTRA_DIST += $(SCENARIOS) tests/harness/attacks.py tests/harness/gang.py tests/harness/probing.py tests/harness/programs.py
LOAD_LONG_TESTS = tests/scenario/l330-many-clients-long.py tests/scenario/l331-ten-thousand.py
LONG_TESTS += $(LOAD_LONG_TESTS)
EXTRA_DIST += $(LOAD_LONG_TESTS)

# The include law of HACKING.md.
dist_check_SCRIPTS += tests/check-includes tests/check-attacks
TESTS += tests/check-includes tests/check-attacks
EXTRA_DIST += tests/attacks.md
