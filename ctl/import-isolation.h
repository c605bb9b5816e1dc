/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_IMPORT_ISOLATION_H
#define GANGER_CTL_IMPORT_ISOLATION_H

/*
 * What a service unit says of what the program may not do
 */

#include "ctl/import-ini.h"

/** Carry over what there is of that in the section that `first` begins. */
void import_isolation(struct ini *ini, const struct setting *first, struct import *import);

#endif
