/* SPDX-License-Identifier: MIT */

/*
 * logs: what workers print
 *
 * The daemon has the last lines of each instance. Who wants more, of a worker that logs to files, gets them from there
 * first; then the stream goes on. With the first item of the stream it is certain that it has begun: what has come into
 * the files until then is read once more, so that nothing is missing between the two, and what both have is shown once.
 */

#include <errno.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/time.h"
#include "ctl/log-files.h"
#include "ctl/verbs.h"
#include "ctl/watch.h"
#include "ctl/when.h"

#define LINES_DEFAULT 10
/** What the daemon keeps of each instance. */
#define LINES_KEPT 100

struct logs {
        struct log_files files;
        bool begun;                     /* the stream has */
        int status;
};

static bool takes(void *userdata, const Ganger__V1__Reply *item) {
        struct logs *logs = userdata;

        if (!logs->begun) {
                logs->begun = true;
                logs->status = log_files_print(&logs->files);
        }
        return !log_files_had(&logs->files, item->log);
}

static int logs_with_files(struct logs *logs, Ganger__V1__Request *request) {
        struct ctl *ctl = logs->files.ctl;
        int status = log_files_find(&logs->files);

        if (status == STATUS_DONE)
                status = log_files_print(&logs->files);
        /* The stream has a connection of its own; this one is not kept open beside it for nothing. */
        ctl->client = ganger_control_free(ctl->client);
        if (status == STATUS_DONE)
                status = watch(ctl, request, takes, logs);
        log_files_done(&logs->files);
        return status != STATUS_DONE ? status : logs->status;
}

/** How many lines: those that were asked for; with --since, all since then. */
static uint32_t lines_of(const struct ctl *ctl) {
        if (option_given(&ctl->options, OPTION_LINES))
                return ctl->options.lines;
        return option_given(&ctl->options, OPTION_SINCE) ? UINT32_MAX : LINES_DEFAULT;
}

int verb_logs(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__LogsRequest call = GANGER__V1__LOGS_REQUEST__INIT;
        struct logs logs = { .files = { .ctl = ctl, .level_max = LOG_DEBUG } };

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.follow = option_given(&ctl->options, OPTION_FOLLOW);
        call.lines = lines_of(ctl);
        if (option_given(&ctl->options, OPTION_PRIORITY)) {
                call.levels = (uint32_t)ctl->options.priority + 1;
                logs.files.level_max = ctl->options.priority;
        }
        call.since_usec = logs.files.since_usec = ctl->options.since_usec;
        request.call_case = GANGER__V1__REQUEST__CALL_LOGS;
        request.logs = &call;
        if (call.lines <= LINES_KEPT)
                return watch(ctl, &request, NULL, NULL);
        logs.files.names = call.names;
        logs.files.n_names = call.n_names;
        logs.files.lines = call.lines;
        return logs_with_files(&logs, &request);
}
