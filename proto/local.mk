# What protoc-c generates. The sources are committed, the generated code never.
PROTOS = proto/control.proto proto/keeper.proto proto/state.proto
EXTRA_DIST += $(PROTOS)

PROTO_GENERATED = \
	proto/control.pb-c.c proto/control.pb-c.h \
	proto/keeper.pb-c.c proto/keeper.pb-c.h \
	proto/state.pb-c.c proto/state.pb-c.h
BUILT_SOURCES += $(PROTO_GENERATED)
CLEANFILES += $(PROTO_GENERATED)

proto/%.pb-c.c proto/%.pb-c.h: $(top_srcdir)/proto/%.proto
	$(AM_V_GEN)$(MKDIR_P) proto && $(PROTOC_C) --proto_path=$(top_srcdir)/proto --c_out=proto $(top_srcdir)/proto/$*.proto

# Generated code is not held to our warnings.
PROTO_CFLAGS = -std=gnu17 -w

noinst_LTLIBRARIES += libproto-control.la libproto-daemon.la
libproto_control_la_CFLAGS = $(PROTO_CFLAGS) $(PROTOBUF_C_CFLAGS)
nodist_libproto_control_la_SOURCES = proto/control.pb-c.c proto/control.pb-c.h
libproto_daemon_la_CFLAGS = $(PROTO_CFLAGS) $(PROTOBUF_C_CFLAGS)
nodist_libproto_daemon_la_SOURCES = proto/keeper.pb-c.c proto/keeper.pb-c.h proto/state.pb-c.c proto/state.pb-c.h

pkgdata_DATA = proto/control.proto
