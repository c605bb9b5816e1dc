/* SPDX-License-Identifier: MIT */
/*
 * What a process goes without
 *
 * A kernel does not change: what the first process of a definition has not got, no other has. So it is told of the first,
 * and by each manager anew.
 */

#include "daemon/left-out.h"

#include <string.h>

#include "daemon/config/config.h"
#include "daemon/log/log.h"
#include "daemon/spawn-settings.h"

void left_out_tell(const struct worker_definition *definition, const char *key, const Ganger__Keeper__Spawned *message) {
        if (message->n_left_out == 0 || definition->kept->told)
                return;
        definition->kept->told = true;
        for (size_t i = 0; i < message->n_left_out; i++) {
                const Ganger__Keeper__LeftOut *left_out = message->left_out[i];
                char words[SPAWN_STEP_WORDS_MAX];

                log_warning("%s: it goes without %s: %s", key, spawn_step_words(words, sizeof words, definition, left_out->key),
                            strerror(left_out->error));
        }
}
