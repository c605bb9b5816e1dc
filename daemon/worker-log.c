/* SPDX-License-Identifier: MIT */

/*
 * Where the output of a worker goes
 *
 * Its file is told of in the log of the daemon: once when lines are lost, and once when they are not any more; how many
 * were, the file itself says.
 */

#include "daemon/worker-log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

void worker_log_init(struct worker *worker) {
        worker->log.file = LOG_FILE_NULL;
        worker->log.sink = LOG_SINK_NULL;
        worker->log.sink.file = &worker->log.file;
}

void worker_log_done(struct worker *worker) {
        log_sink_close(&worker->log.sink);
        log_file_done(&worker->log.file);
}

int worker_log_path(const struct gang *gang, const struct worker_definition *definition, char *ret, size_t size) {
        const char *name = definition->log_file, *end = "";
        int n;

        if (!(definition->log & WORKER_LOG_FILE) || (!gang->log_dir && !(name && name[0] == '/')))
                return -ENOENT;
        if (!name) {
                name = definition->name;
                end = ".log";
        }
        n = snprintf(ret, size, "%s%s%s%s", name[0] == '/' ? "" : gang->log_dir, name[0] == '/' ? "" : "/", name, end);
        return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* As the definition in force wants it. */
static void prepare_file(struct worker *worker) {
        const struct worker_definition *definition = worker->definition;
        struct worker_log *log = &worker->log;
        char path[PATH_MAX];
        int r = worker_log_path(worker->gang, definition, path, sizeof path);

        if (r >= 0)
                r = log_file_set_path(&log->file, path);
        if (r < 0) {
                if (log->sink.dropped++ == 0)
                        log_error("%s: log file: %s; lines are dropped", worker->name,
                                  r == -ENOENT ? "there is no directory for it; see --log-dir" : strerror(-r));
                return;
        }
        log->file.size_max = definition->log_max_size;
        log->file.age_max_usec = definition->log_max_age_usec;
        log->file.keep = definition->log_keep;
        (void)log_sink_try(&log->sink, &log_sink_file);
}

/* What happened to the file, if it is not known yet. */
static void tell(struct worker *worker) {
        struct worker_log *log = &worker->log;
        bool lost = log->sink.dropped > 0;

        if (lost && !log->told_lost)
                log_warning("%s: log file %s: %s; lines are dropped until it can be written", worker->name,
                            log->file.path, log->file.why);
        if (!lost && log->told_lost)
                log_info("%s: log file %s: it is written again", worker->name, log->file.path);
        if (log->file.unrotated && !log->told_unrotated)
                log_warning("%s: log file %s: it grows, since it cannot be rotated: %s", worker->name, log->file.path,
                            log->file.why);
        log->told_lost = lost;
        log->told_unrotated = log->file.unrotated;
}

void worker_log_write(struct worker *worker, const struct log_record *record) {
        int places = worker->definition->log;
        unsigned int where = 0;

        where |= places & WORKER_LOG_AUTO ? LOG_HERE : 0;
        where |= places & WORKER_LOG_JOURNAL ? LOG_JOURNAL : 0;
        where |= places & WORKER_LOG_STDERR ? LOG_STDERR : 0;
        log_write(record, where);
        if (!(places & WORKER_LOG_FILE))
                return;
        if (worker->log.sink.type != &log_sink_file)
                prepare_file(worker);
        if (worker->log.sink.type != &log_sink_file)
                return;
        log_sink_write(&worker->log.sink, record);
        tell(worker);
}

void worker_log_reload(struct worker *worker) {
        struct worker_log *log = &worker->log;

        if (log->sink.type != &log_sink_file)
                return;
        if (worker->definition->log & WORKER_LOG_FILE) {
                prepare_file(worker);
                log_file_look_again(&log->file);
        } else {
                log_sink_close(&log->sink);
                log->told_lost = log->told_unrotated = false;
        }
}
