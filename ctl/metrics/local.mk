# ganger-metrics: a client of the control socket that serves OpenMetrics.
if WITH_METRICS
sbin_PROGRAMS += ganger-metrics
dist_man_MANS += man/ganger-metrics.8
TESTS += tests/scenario/b270-metrics.py
endif
EXTRA_DIST += tests/scenario/b270-metrics.py
ganger_metrics_CPPFLAGS = $(CTL_CPPFLAGS) $(SYSTEMD_CFLAGS) $(MICROHTTPD_CFLAGS)
ganger_metrics_SOURCES = \
	ctl/metrics/address.c ctl/metrics/address.h \
	ctl/metrics/exposition.c ctl/metrics/exposition.h \
	ctl/metrics/main.c \
	ctl/metrics/process.c ctl/metrics/process.h \
	ctl/metrics/server.c ctl/metrics/server.h
ganger_metrics_LDADD = libganger-control.la libganger.la libbase.la $(PROTOBUF_C_LIBS) $(SYSTEMD_LIBS) $(MICROHTTPD_LIBS)
