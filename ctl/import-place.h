/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_IMPORT_PLACE_H
#define GANGER_CTL_IMPORT_PLACE_H

/*
 * What a service unit says of limits, priorities, processors and cgroups
 */

#include "ctl/import-ini.h"

/** Carry over what there is of that in the section that `first` begins. */
void import_place(struct ini *ini, const struct setting *first, struct import *import);

#endif
