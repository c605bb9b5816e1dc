# ganger-bridge: io = lines, frames, exec. Includes ganger.h and lib/base only.
pkglibexec_PROGRAMS += ganger-bridge
ganger_bridge_SOURCES = \
	lib/bridge/bridge.c lib/bridge/bridge.h \
	lib/bridge/buffer.c lib/bridge/buffer.h \
	lib/bridge/main.c \
	lib/bridge/once.c \
	lib/bridge/options.c \
	lib/bridge/program.c lib/bridge/program.h \
	lib/bridge/protocol.c lib/bridge/protocol.h \
	lib/bridge/source.c \
	lib/bridge/talk.c
# It takes the library's objects, not the shared library: a gang must not depend on what ldconfig has seen.
ganger_bridge_LDADD = libworker.la libshm.la libbase.la
dist_man_MANS += man/ganger-bridge.8
