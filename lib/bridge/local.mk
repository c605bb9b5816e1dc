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
ganger_bridge_LDADD = libganger.la libbase.la
dist_man_MANS += man/ganger-bridge.8
