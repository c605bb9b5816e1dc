/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_SEMANTICS_H
#define GANGER_CONFIG_SEMANTICS_H

/*
 * What must hold between keys and between sections; inside of the configuration only.
 */

#include "daemon/config/config.h"
#include "daemon/config/outline.h"

/**
 * Check it, and set the defaults that depend on other keys.
 * @param outline  of the same text: its n-th section of a kind is the n-th definition of it.
 * @return 0, also if there are errors; -ENOMEM.
 */
int config_check_semantics(struct config *config, const struct outline *outline,
                           struct config_errors *errors);

#endif
