/* SPDX-License-Identifier: MIT */
/*
 * Limits, priorities and processors of a process: from a definition to what the keeper's child sets
 *
 * What is not given is not set. The keeper applies what it is handed and knows no units; the numbers are those of the system
 * calls from here on.
 */

#include "daemon/spawn-settings.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"

_Static_assert(WORKER_LIMITS_N == RLIMIT_NLIMITS, "a limit for each that there is");
_Static_assert(KEEPER_SETTING_LAST + 1 <= KEEPER_SETTINGS_MAX, "one of each kind, and no-new-privileges once more, fits");
_Static_assert(sizeof(struct worker_mask) <= KEEPER_MASK_MAX, "a mask fits");

/** As ioprio_set(2) has them, for which there is no header. */
#define IO_CLASS_BEST_EFFORT 2
#define IO_CLASS_SHIFT 13
#define IO_PRIORITY_DEFAULT 4
#define NSEC_PER_USEC 1000

Ganger__Keeper__Setting *spawn_settings_add(struct spawn_settings *s, uint32_t what, int64_t value) {
        Ganger__Keeper__Setting *setting = &s->settings[s->n];

        ganger__keeper__setting__init(setting);
        setting->what = what;
        setting->value = value;
        s->pointers[s->n++] = setting;
        return setting;
}

void spawn_settings_add_program(struct spawn_settings *s, uint32_t what, uint8_t *program, size_t size) {
        Ganger__Keeper__Setting *setting = spawn_settings_add(s, what, 0);

        setting->program.data = program;
        setting->program.len = size;
        s->n_programs++;
}

/* As many bytes as have something in them: the kernel may know of fewer processors than a mask has room for. */
static void set_mask(Ganger__Keeper__Setting *setting, const struct worker_mask *mask) {
        size_t n = sizeof mask->bits;

        while (n > 0 && mask->bits[n - 1] == 0)
                n--;
        setting->mask.data = (uint8_t *)mask->bits;
        setting->mask.len = (n + sizeof(long) - 1) / sizeof(long) * sizeof(long); /* the kernel wants whole words */
}

static bool mask_is_empty(const struct worker_mask *mask) {
        static const struct worker_mask none = { 0 };

        return memcmp(mask, &none, sizeof none) == 0;
}

static void add_scheduling(struct spawn_settings *s, const struct worker_definition *d) {
        static const int policies[_WORKER_CPU_N] = {
                [WORKER_CPU_OTHER] = SCHED_OTHER, [WORKER_CPU_BATCH] = SCHED_BATCH, [WORKER_CPU_IDLE] = SCHED_IDLE,
                [WORKER_CPU_FIFO] = SCHED_FIFO, [WORKER_CPU_RR] = SCHED_RR,
        };
        bool is_real_time = d->cpu_policy == WORKER_CPU_FIFO || d->cpu_policy == WORKER_CPU_RR;

        if (d->nice != INTEGER_UNSET)
                spawn_settings_add(s, KEEPER_NICE, d->nice);
        if (d->cpu_policy != INTEGER_UNSET)
                spawn_settings_add(s, KEEPER_CPU_POLICY, policies[d->cpu_policy])->soft =
                        !is_real_time ? 0 : d->cpu_priority == INTEGER_UNSET ? 1 : (uint64_t)d->cpu_priority;
        if (!mask_is_empty(&d->cpus))
                set_mask(spawn_settings_add(s, KEEPER_CPUS, 0), &d->cpus);
}

static void add_io(struct spawn_settings *s, const struct worker_definition *d) {
        int class = d->io_class == INTEGER_UNSET ? IO_CLASS_BEST_EFFORT : d->io_class;
        bool has_priority = class == IO_CLASS_BEST_EFFORT || class == IO_CLASS_BEST_EFFORT - 1;
        int priority = d->io_priority == INTEGER_UNSET ? IO_PRIORITY_DEFAULT : d->io_priority;

        if (d->io_class != INTEGER_UNSET || d->io_priority != INTEGER_UNSET)
                spawn_settings_add(s, KEEPER_IO_PRIORITY, class << IO_CLASS_SHIFT | (has_priority ? priority : 0));
}

static uint64_t limit_of(uint64_t amount) {
        return amount == AMOUNT_INFINITY ? UINT64_MAX : amount;
}

void spawn_settings_make(struct spawn_settings *s, const struct worker_definition *d) {
        if (d->oom_score_adjust != INTEGER_UNSET)
                spawn_settings_add(s, KEEPER_OOM_SCORE, d->oom_score_adjust);
        add_scheduling(s, d);
        add_io(s, d);
        if (d->numa_policy != INTEGER_UNSET)
                set_mask(spawn_settings_add(s, KEEPER_NUMA, d->numa_policy), &d->numa_nodes);
        if (d->timer_slack_usec != AMOUNT_UNSET)
                spawn_settings_add(s, KEEPER_TIMER_SLACK, (int64_t)(d->timer_slack_usec * NSEC_PER_USEC));
        for (uint32_t i = 0; i < WORKER_LIMITS_N; i++)
                if (d->limits[i].soft != AMOUNT_UNSET) {
                        Ganger__Keeper__Setting *setting = spawn_settings_add(s, KEEPER_LIMIT + i, 0);

                        setting->soft = limit_of(d->limits[i].soft);
                        setting->hard = limit_of(d->limits[i].hard);
                }
}

void spawn_spec_set_settings(Ganger__Keeper__SpawnSpec *spec, struct spawn_settings *s) {
        spec->settings = s->pointers;
        spec->n_settings = s->n;
}

const char *spawn_step_words(char *buf, size_t size, const struct worker_definition *definition, const char *step) {
        _cleanup_(freep) char *value = worker_definition_value(definition, step);

        snprintf(buf, size, "%s%s%s", step, value ? "=" : "", value ?: "");
        return buf;
}
