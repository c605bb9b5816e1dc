/* SPDX-License-Identifier: MIT */

/*
 * How much an instance may print
 *
 * What is dropped in a period is told by one line at its end: by the timer, by the first line of the next period, or when
 * the process ends, whichever comes first.
 */

#include "daemon/output-rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"

static void tell(struct instance *instance, uint64_t dropped) {
        const struct worker_definition *definition = instance_definition(instance);
        struct log_record record = {
                .source = instance->captures[LOG_STREAM_STDERR].from,
                .priority = LOG_WARNING,
                .realtime_usec = now_realtime_usec(),
        };
        char text[128], period[USEC_FORMAT_MAX];

        if (dropped == 0 || fault_is("forget-rated"))
                return;
        record.source.worker = instance->worker->name;
        record.source.key = instance->key;
        record.source.instance = instance->number;
        record.source.stream = LOG_STREAM_STDERR;
        record.text = text;
        record.size = (size_t)snprintf(text, sizeof text, "dropped %" PRIu64 " lines: more than %u in %s", dropped,
                                       definition->log_rate_count,
                                       usec_format(period, sizeof period, definition->log_rate_period_usec));
        instance_put_line(instance, &record);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Without a timer the next line, or the end, tells. */
static void arm(struct instance *instance) {
        struct output_rate *o = &instance->output_rate;
        uint64_t due = usec_add(o->rate.since_usec, instance_definition(instance)->log_rate_period_usec);
        sd_event *event = instance_gang(instance)->event;

        if (due == USEC_INFINITY)
                return;
        if (!o->timer) {
                (void)sd_event_add_time(event, &o->timer, CLOCK_MONOTONIC, due, 1, on_timer, instance);
                return;
        }
        sd_event_source_set_time(o->timer, due);
        sd_event_source_set_enabled(o->timer, SD_EVENT_ONESHOT);
}

/* If a reload has made the period longer, it is not over yet. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;
        struct rate *rate = &instance->output_rate.rate;

        tell(instance, rate_turn(rate, instance_definition(instance)->log_rate_period_usec, now_usec()));
        if (rate->dropped > 0)
                arm(instance);
        return 0;
}

bool output_rate_admit(struct instance *instance) {
        const struct worker_definition *definition = instance_definition(instance);
        struct output_rate *o = &instance->output_rate;
        uint64_t now;

        if (definition->log_rate_count == 0 && o->rate.dropped == 0)
                return true;
        now = now_usec();
        tell(instance, rate_turn(&o->rate, definition->log_rate_period_usec, now));
        if (rate_admit(&o->rate, definition->log_rate_count, now))
                return true;
        if (o->rate.dropped == 1)
                arm(instance);
        return false;
}

void output_rate_end(struct instance *instance) {
        tell(instance, TAKE_GENERIC(instance->output_rate.rate.dropped, 0));
}

void output_rate_done(struct instance *instance) {
        instance->output_rate.timer = sd_event_source_disable_unref(instance->output_rate.timer);
}
