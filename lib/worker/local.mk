# The public side of libganger.
#
# libworker.la is for whoever needs more of it than libganger.so exports (gangerd: worker/handshake.h), and for tests. They take
# it with libshm.la and libbase.la.
noinst_LTLIBRARIES += libworker.la
libworker_la_SOURCES = \
	lib/worker/batch.c \
	lib/worker/broadcast.c \
	lib/worker/counter.c \
	lib/worker/forward.c \
	lib/worker/handle.c \
	lib/worker/handshake.c lib/worker/handshake.h \
	lib/worker/hold.c lib/worker/hold.h \
	lib/worker/host-member.c lib/worker/host-pass.c lib/worker/host.c lib/worker/host.h \
	lib/worker/join.c lib/worker/join.h \
	lib/worker/membership.c lib/worker/membership.h \
	lib/worker/monitor.c \
	lib/worker/notify.c \
	lib/worker/pipe.c \
	lib/worker/produce.c \
	lib/worker/semaphore.c \
	lib/worker/service.c \
	lib/worker/transfer.c lib/worker/transfer.h \
	lib/worker/wait-any.c lib/worker/wait-any.h

# libganger.so: libc only.
lib_LTLIBRARIES += libganger.la
libganger_la_SOURCES =
libganger_la_LIBADD = libworker.la libshm.la libbase.la
libganger_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(LIBGANGER_VERSION) \
	-Wl,--version-script=$(top_srcdir)/lib/libganger.map
libganger_la_DEPENDENCIES = libworker.la libshm.la libbase.la $(top_srcdir)/lib/libganger.map
EXTRA_DIST += lib/libganger.map lib/libganger.abi
