/* SPDX-License-Identifier: MIT */

/*
 * What must hold of where output goes
 */

#include <string.h>

#include "daemon/config/checker.h"
#include "daemon/config/definition.h"

/* Two would move it away under each other. */
static bool is_same_file(const struct worker_definition *a, const struct worker_definition *b) {
        const char *path = a->log_file ?: b->log_file, *name = a->log_file ? b->name : a->name;

        if (!path)
                return false;
        if (a->log_file && b->log_file)
                return strcmp(a->log_file, b->log_file) == 0;
        return strncmp(path, name, strlen(name)) == 0 && strcmp(path + strlen(name), ".log") == 0;
}

/* Somebody waits for a line that never comes. */
static void check_streams(const struct checker *c, const struct worker_definition *w) {
        if (w->ready == WORKER_READY_LOG && w->standard_output == WORKER_STREAM_NULL &&
            w->standard_error != WORKER_STREAM_LOG)
                complain(c, "ready", "not with log while nothing of its output is logged");
}

void check_log(const struct checker *c, const struct worker_definition *w) {
        static const char *const of_file[] = { "log-max-size", "log-max-age", "log-keep" };

        check_streams(c, w);
        if (!(w->log & WORKER_LOG_FILE)) {
                if (w->log_file && !is_doubtful(c, "log"))
                        complain(c, "log-file", "only with log = file");
                for (size_t i = 0; i < ARRAY_SIZE(of_file); i++)
                        if (was_written(c, of_file[i]) && !was_written(c, "log"))
                                complain(c, of_file[i], "only with log = file");
                return;
        }
        if (w->log_file && (!w->log_file[0] || w->log_file[strlen(w->log_file) - 1] == '/'))
                complain(c, "log-file", "'%s' is no path of a file", w->log_file);
        for (size_t i = 0; i < c->config->n_workers && c->config->workers[i] != w; i++) {
                const struct worker_definition *other = c->config->workers[i];

                if (!(other->log & WORKER_LOG_FILE) || !is_same_file(w, other))
                        continue;
                complain(c, "log-file", "worker '%s' writes to that file already", other->name);
                return;
        }
}
