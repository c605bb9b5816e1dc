# Tests of services (lib/shm/service.h).
check_LTLIBRARIES += libcrashservice.la
libcrashservice_la_SOURCES = tests/crash/service/ops.c tests/crash/service/scenarios.c tests/crash/service/world.h
libcrashservice_la_CPPFLAGS = $(CRASH_SIM_CPPFLAGS)
libcrashservice_la_CFLAGS = $(CRASH_SIM_CFLAGS)
check_PROGRAMS += tests/crash/crashsim-service
tests_crash_crashsim_service_SOURCES = $(CRASH_SIM) tests/crash/service/world.c
tests_crash_crashsim_service_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_crashsim_service_CFLAGS = $(CRASH_CFLAGS)
tests_crash_crashsim_service_LDFLAGS =
tests_crash_crashsim_service_LDADD = libcrashservice.la libcrashshm.la
dist_check_SCRIPTS += tests/crash/run-crashsim-service tests/crash/run-crashsim-service-long
TESTS += tests/crash/run-crashsim-service
LONG_TESTS += tests/crash/run-crashsim-service-long
dist_check_SCRIPTS += tests/crash/faults-service
TESTS += tests/crash/faults-service

SERVICE_TESTS = tests/unit/test-service tests/unit/test-ganger-service
check_PROGRAMS += $(SERVICE_TESTS)
TESTS += $(SERVICE_TESTS)
tests_unit_test_service_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_service_LDADD = libharness.la libshm.la libbase.la
tests_unit_test_ganger_service_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ganger_service_LDADD = $(GANG_RIG_LIBS)

check_PROGRAMS += tests/crash/stepkill-service
tests_crash_stepkill_service_SOURCES = $(STEP_SOURCES) \
	tests/crash/service/step-world.h tests/crash/service/step-check.c tests/crash/service/step-ops.c
tests_crash_stepkill_service_CPPFLAGS = $(CRASH_CPPFLAGS)
tests_crash_stepkill_service_CFLAGS = $(CRASH_CFLAGS)
tests_crash_stepkill_service_LDFLAGS = -Wl,-z,now
dist_check_SCRIPTS += tests/crash/run-stepkill-service tests/crash/run-stepkill-service-long
TESTS += tests/crash/run-stepkill-service
LONG_TESTS += tests/crash/run-stepkill-service-long
