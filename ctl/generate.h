/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_GENERATE_H
#define GANGER_CTL_GENERATE_H

/*
 * What the generator's parts share: the tables, and who writes them in the language of which shell (to standard output).
 */

#include "ctl/options.h"

extern const struct option_row rows[_OPTION_N];

void completion_bash(void);
void completion_zsh(void);
void completion_fish(void);

#endif
