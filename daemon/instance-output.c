/* SPDX-License-Identifier: MIT */
/*
 * The output of an instance: to the log, to its last lines, and to those who follow
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/worker.h"

const char *instance_stored(char *buf, const struct instance *instance, const char *what) {
        snprintf(buf, INSTANCE_STORED_MAX, "instance/%s/%s", instance->key, what);
        return buf;
}

void instance_put_line(struct instance *instance, const struct log_record *record) {
        worker_log_write(instance->worker, record);
        log_tail_add(&instance->tail, record);
        list_for_each_safe(it, &instance->worker->gang->log_listeners) {
                struct log_listener *listener = list_entry(it, struct log_listener, link);

                listener->fn(listener, record);
        }
}

static void on_line(struct log_capture *capture, const struct log_record *record) {
        struct instance *instance = capture->userdata;

        if (record->priority <= instance_definition(instance)->log_level_max && output_rate_admit(instance))
                instance_put_line(instance, record);
        probing_line(instance, record);
}

int instance_capture(struct instance *instance, enum log_stream stream, int fd) {
        struct log_source from = {
                .worker = instance->worker->name,
                .key = instance->key,
                .instance = instance->number,
                .stream = stream,
                .pid = instance->pid,
                .generation = instance->generation,
        };
        struct log_capture *capture = &instance->captures[stream];
        int r;

        log_capture_close(capture);
        r = log_capture_open(capture, &instance->worker->gang->captures, fd, &from, on_line, instance);
        if (r < 0)
                close_fd(fd);
        instance->streams |= 1u << stream;
        return r;
}

void instance_capture_forget(struct instance *instance, enum log_stream stream) {
        char name[INSTANCE_STORED_MAX];

        if (!(instance->streams & 1u << stream))
                return;
        log_capture_close(&instance->captures[stream]);
        keeper_link_drop(&instance->worker->gang->link, instance_stored(name, instance, log_stream_name(stream)));
        instance->streams &= ~(1u << stream);
}

void instance_capture_end(struct instance *instance) {
        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                log_capture_drain(&instance->captures[stream]);
                instance_capture_forget(instance, stream);
        }
        output_rate_end(instance);
}
