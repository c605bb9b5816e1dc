# libganger-control.so: the client of the control socket, and the messages of control.proto.
lib_LTLIBRARIES += libganger-control.la
libganger_control_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
libganger_control_la_SOURCES = \
	lib/client/attach.c \
	lib/client/call.c \
	lib/client/client.c lib/client/client.h \
	lib/client/link.c lib/client/link.h \
	lib/client/reply.c \
	lib/client/retry.c \
	lib/client/seen.c lib/client/seen.h \
	lib/client/stream.c
libganger_control_la_LIBADD = libproto-control.la libwire.la libbase.la $(PROTOBUF_C_LIBS)
libganger_control_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(LIBGANGER_CONTROL_VERSION) \
	-Wl,--version-script=$(top_srcdir)/lib/client/libganger-control.sym
libganger_control_la_DEPENDENCIES = libproto-control.la libwire.la libbase.la \
	$(top_srcdir)/lib/client/libganger-control.sym
EXTRA_DIST += lib/client/libganger-control.sym

include_HEADERS += lib/ganger-control.h
gangerincludedir = $(includedir)/ganger
nodist_gangerinclude_HEADERS = proto/control.pb-c.h
pkgconfig_DATA += lib/ganger-control.pc
dist_man_MANS += man/libganger-control.3
