# Frames of the control socket.
noinst_LTLIBRARIES += libwire.la
libwire_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
libwire_la_SOURCES = \
	lib/wire/frame.c lib/wire/frame.h \
	lib/wire/message.c lib/wire/message.h
