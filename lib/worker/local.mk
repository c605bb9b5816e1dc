# The public side of libganger. libworker.la is for whoever needs more of it than libganger.so exports: gangerd
# (handshake), gangerctl (worker/join.h). They take libshm.la and libbase.la too.
noinst_LTLIBRARIES += libworker.la
libworker_la_SOURCES = \
	lib/worker/handshake.c lib/worker/handshake.h
