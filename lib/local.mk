# The libraries. libganger.so needs libc only; libganger-control.so needs protobuf-c too.

LIB_BASE = \
	lib/base/cleanup.h lib/base/list.h \
	lib/base/error.c lib/base/error.h \
	lib/base/fd.c lib/base/fd.h \
	lib/base/tally.c lib/base/tally.h \
	lib/base/text.c lib/base/text.h \
	lib/base/time.c lib/base/time.h
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = $(LIB_BASE)

LIB_SHM = \
	lib/shm/fault.h lib/shm/layout.h lib/shm/word.h \
	lib/shm/member.c lib/shm/member.h \
	lib/shm/object.c lib/shm/object.h \
	lib/shm/queue.c lib/shm/queue-dead.c lib/shm/queue-delay.c lib/shm/queue-producer.c lib/shm/queue-wait.c lib/shm/queue.h lib/shm/queue-fast.h \
	lib/shm/queue-object.c lib/shm/queue-object.h \
	lib/shm/recover.c lib/shm/recover.h \
	lib/shm/region.c lib/shm/region.h \
	lib/shm/seats.c lib/shm/seats.h \
	lib/shm/sys.c lib/shm/sys.h \
	lib/shm/wait.c lib/shm/wait.h
noinst_LTLIBRARIES += libshm.la
libshm_la_SOURCES = $(LIB_SHM)

include lib/worker/local.mk
include lib/bridge/local.mk

include_HEADERS += lib/ganger.h
pkgconfig_DATA += lib/ganger.pc

include lib/wire/local.mk
include lib/client/local.mk
