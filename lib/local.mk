# The libraries. libganger.so needs libc only; libganger-control.so needs protobuf-c too.

LIB_BASE = \
	lib/base/cleanup.h lib/base/list.h \
	lib/base/error.c lib/base/error.h \
	lib/base/fd.c lib/base/fd.h \
	lib/base/text.c lib/base/text.h \
	lib/base/time.c lib/base/time.h
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = $(LIB_BASE)

include_HEADERS += lib/ganger.h
pkgconfig_DATA += lib/ganger.pc

include lib/wire/local.mk
