# Tests of the configuration.
check_LTLIBRARIES += libtest-config.la
libtest_config_la_SOURCES = $(CONFIG_SOURCES) daemon/policy/grant.c
libtest_config_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CONFUSE_CFLAGS) $(SECCOMP_CFLAGS)
libtest_config_la_LIBADD = libshm.la libbase.la $(CONFUSE_LIBS) $(SECCOMP_LIBS)

CONFIG_TESTS = tests/unit/test-config tests/unit/test-config-errors tests/unit/test-config-hostile
check_PROGRAMS += $(CONFIG_TESTS)
TESTS += $(CONFIG_TESTS)
CONFIG_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(CONFUSE_CFLAGS) $(SECCOMP_CFLAGS) -DCONFIG_EXAMPLES='"$(abs_top_srcdir)/tests/config"'
tests_unit_test_config_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)
tests_unit_test_config_LDADD = libtest-config.la libharness.la
tests_unit_test_config_errors_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)
tests_unit_test_config_errors_LDADD = libtest-config.la libharness.la
tests_unit_test_config_hostile_CPPFLAGS = $(CONFIG_TEST_CPPFLAGS)
tests_unit_test_config_hostile_LDADD = libtest-config.la libharness.la
EXTRA_DIST += tests/config/good.conf tests/config/bad.conf tests/config/bad.expected

# What import prints must be a configuration.
IMPORT_SOURCES = ctl/import.c ctl/import-ini.c ctl/import-procfile.c ctl/import-supervisord.c ctl/import-unit.c \
	ctl/import-place.c ctl/import-isolation.c
check_PROGRAMS += tests/unit/test-import
TESTS += tests/unit/test-import
tests_unit_test_import_SOURCES = tests/unit/test-import.c $(IMPORT_SOURCES)
tests_unit_test_import_CPPFLAGS = $(TEST_CPPFLAGS) $(CONFUSE_CFLAGS) $(SECCOMP_CFLAGS) -DIMPORT_EXAMPLES='"$(abs_top_srcdir)/tests/import"'
tests_unit_test_import_LDADD = libtest-config.la libharness.la
EXTRA_DIST += tests/import/supervisord.conf tests/import/Procfile tests/import/redis-server.service \
	tests/import/nginx.service tests/import/ssh.service tests/import/postgresql@.service
