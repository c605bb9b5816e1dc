/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SPAWN_SETTINGS_H
#define GANGER_DAEMON_SPAWN_SETTINGS_H

/*
 * Limits, priorities and processors of a process: from a definition to what the keeper's child sets
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/keeper/protocol.h"
#include "keeper.pb-c.h"

struct worker_definition;

struct spawn_settings {
        Ganger__Keeper__Setting settings[KEEPER_SETTINGS_MAX];
        Ganger__Keeper__Setting *pointers[KEEPER_SETTINGS_MAX];
        size_t n;
        size_t n_programs;              /* of them, filters of system calls */
};

/** Begins with none. */
#define SPAWN_SETTINGS_NULL { .n = 0, .n_programs = 0 }

/** One more; there is room for one of each kind. */
Ganger__Keeper__Setting *spawn_settings_add(struct spawn_settings *s, uint32_t what, int64_t value);

/** One with a filter of system calls, which must outlive it. */
void spawn_settings_add_program(struct spawn_settings *s, uint32_t what, uint8_t *program, size_t size);

/** Limits, priorities and processors that the definition has. Points into it. What it may not do: isolation/isolation.h. */
void spawn_settings_make(struct spawn_settings *s, const struct worker_definition *definition);

/** Hand them over. `s` must outlive the spec. */
void spawn_spec_set_settings(Ganger__Keeper__SpawnSpec *spec, struct spawn_settings *s);

/**
 * What has failed, in words: "limit-nofile=2000000" for a step that is a setting of the definition, else the step.
 * @return `buf`.
 */
const char *spawn_step_words(char *buf, size_t size, const struct worker_definition *definition, const char *step);
#define SPAWN_STEP_WORDS_MAX 128

#endif
