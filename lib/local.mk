# The libraries. libganger.so needs libc only; libganger-control.so needs protobuf-c too.

LIB_BASE = \
	lib/base/chain.h lib/base/cleanup.h lib/base/copy.h lib/base/list.h \
	lib/base/error.c lib/base/error.h \
	lib/base/fd.c lib/base/fd.h \
	lib/base/log-line.c lib/base/log-line.h \
	lib/base/own-directory.c lib/base/own-directory.h \
	lib/base/tally.c lib/base/tally.h \
	lib/base/text.c lib/base/text.h \
	lib/base/exit-status.c lib/base/exit-status.h \
	lib/base/time.c lib/base/time.h
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = $(LIB_BASE)

LIB_SHM = \
	lib/shm/broadcast-inspect.c lib/shm/broadcast-object.c lib/shm/broadcast-object.h lib/shm/broadcast-wait.c \
	lib/shm/broadcast.c \
	lib/shm/broadcast.h \
	lib/shm/counter-object.c lib/shm/counter-object.h lib/shm/counter.c lib/shm/counter.h \
	lib/shm/damage.c lib/shm/damage.h \
	lib/shm/fault.h \
	lib/shm/layout.h \
	lib/shm/member.c lib/shm/member.h \
	lib/shm/monitor-object.c lib/shm/monitor-object.h lib/shm/monitor-wait.c lib/shm/monitor.c \
	lib/shm/monitor.h \
	lib/shm/object.c lib/shm/object.h \
	lib/shm/pipe-fast.h lib/shm/pipe-inspect.c lib/shm/pipe-object.c lib/shm/pipe-object.h lib/shm/pipe-wait.c lib/shm/pipe.c \
	lib/shm/pipe.h \
	lib/shm/queue-dead.c lib/shm/queue-delay.c lib/shm/queue-fast.h lib/shm/queue-heap.c lib/shm/queue-inspect.c lib/shm/queue-move.c lib/shm/queue-object.c \
	lib/shm/queue-object.h lib/shm/queue-producer.c lib/shm/queue-wait.c lib/shm/queue.c lib/shm/queue.h \
	lib/shm/recover.c lib/shm/recover.h \
	lib/shm/region.c lib/shm/region.h \
	lib/shm/seats.c lib/shm/seats.h \
	lib/shm/semaphore-file.c lib/shm/semaphore-object.c lib/shm/semaphore-object.h lib/shm/semaphore-posix.c \
	lib/shm/semaphore-posix.h lib/shm/semaphore.c lib/shm/semaphore.h \
	lib/shm/service-inspect.c lib/shm/service-object.c lib/shm/service-object.h lib/shm/service-wait.c lib/shm/service.c \
	lib/shm/service.h \
	lib/shm/stream.h \
	lib/shm/sys.c lib/shm/sys.h \
	lib/shm/wait-any.c lib/shm/wait-any.h lib/shm/wait-until.c lib/shm/wait-until.h lib/shm/wait.c \
	lib/shm/wait.h \
	lib/shm/word.h
noinst_LTLIBRARIES += libshm.la
libshm_la_SOURCES = $(LIB_SHM)

include lib/worker/local.mk
include lib/bridge/local.mk

include_HEADERS += lib/ganger.h
pkgconfig_DATA += lib/ganger.pc

include lib/wire/local.mk
include lib/client/local.mk
