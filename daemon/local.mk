# gangerd. Each part of it brings a fragment that adds to DAEMON_SOURCES; the unit tests link libgangerd.la.
DAEMON_SOURCES =
include daemon/keeper/local.mk
include daemon/config/local.mk
include daemon/policy/local.mk
include daemon/log/local.mk
include daemon/control/local.mk
include daemon/manager.mk
