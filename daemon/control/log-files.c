/* SPDX-License-Identifier: MIT */

/*
 * log-files: the log files of a worker, open
 *
 * Who asks may read them as far back as they go, though the directory may be closed to him: they have what `logs` shows. A
 * descriptor of a file that is rotated meanwhile stays that of the same lines.
 */

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/worker.h"

/** Descriptors in one reply: GANGER_CONTROL_FDS_MAX of ganger-control.h. */
#define FILES_MAX 16

int call_log_files(struct call *call) {
        const struct worker *worker = worker_find(call->gang, call->request->log_files->worker);
        Ganger__V1__LogFilesReply files = GANGER__V1__LOG_FILES_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int fds[FILES_MAX], r;
        char path[PATH_MAX];
        size_t n = 0;

        r = call_permit_worker(call, call->request->log_files->worker, worker);
        if (r < 0)
                return r;
        if (!worker)
                return call_unknown(call, call->request->log_files->worker);
        if (worker_log_path(call->gang, worker->definition, path, sizeof path) >= 0) {
                r = log_files_open(path, fds, ARRAY_SIZE(fds), &n, &call->error);
                if (r < 0)
                        return error_prefix(&call->error, "log file %s", path);
                files.path = path;
        }
        files.files = (uint32_t)n;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOG_FILES;
        reply.log_files = &files;
        r = call_reply(call, &reply, fds, n);
        for (size_t i = 0; i < n; i++)
                close_fd(fds[i]);
        return r;
}
