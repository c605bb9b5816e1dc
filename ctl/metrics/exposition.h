/* SPDX-License-Identifier: MIT */
#ifndef GANGER_METRICS_EXPOSITION_H
#define GANGER_METRICS_EXPOSITION_H

/*
 * What is known of a gang, as OpenMetrics (https://openmetrics.io, version 1.0.0), or in the text format of Prometheus that
 * was before it (0.0.4), for those who ask for nothing else
 */

#include <stdio.h>

#include <ganger-control.h>

enum exposition_format { EXPOSITION_OPENMETRICS, EXPOSITION_TEXT };

#define EXPOSITION_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define EXPOSITION_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/**
 * Ask the daemon, and write what it says. If it does not answer, that is what is written (`ganger_up 0`).
 * @param ret_error  receives why, in words, owned by `client`; "": it did.
 * @return 0, -ENOMEM, or an error of writing.
 */
int exposition_write(struct ganger_control *client, enum exposition_format format, FILE *out, const char **ret_error);

#endif
