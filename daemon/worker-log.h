/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_WORKER_LOG_H
#define GANGER_DAEMON_WORKER_LOG_H

/*
 * Where the output of a worker goes: the places of its key `log`
 */

#include "daemon/log/file.h"
#include "daemon/log/sink.h"

struct gang;
struct worker;
struct worker_definition;

struct worker_log {
        struct log_file file;
        struct log_sink sink;           /* of that file */
        bool told_lost, told_unrotated; /* so that each is said once */
};

void worker_log_init(struct worker *worker);
void worker_log_done(struct worker *worker);

/** A line of one of its instances, or of what runs for one. */
void worker_log_write(struct worker *worker, const struct log_record *record);

/** Its definition may be another one, and somebody may have moved its file away. */
void worker_log_reload(struct worker *worker);

/** The path of its log file. @return 0; -ENOENT: it has none; -ENAMETOOLONG. */
int worker_log_path(const struct gang *gang, const struct worker_definition *definition, char *ret, size_t size);

#endif
