/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_MACHINE_H
#define GANGER_DOCTOR_MACHINE_H

/*
 * What this machine has of what gangerd can use
 */

#include <stddef.h>

struct gang;
struct process_look;

enum machine_state {
        MACHINE_TOLD,                   /* it is as it is */
        MACHINE_YES,
        MACHINE_LIMITED,                /* some of it */
        MACHINE_NO,
        MACHINE_UNKNOWN,                /* it could not be tried */
};

#define MACHINE_VALUE_MAX 512

struct machine_fact {
        const char *name;
        enum machine_state state;
        char value[MACHINE_VALUE_MAX];  /* in words; "": the state says it all */
};

/** "yes", "limited", "no", "unknown"; "" of MACHINE_TOLD. */
const char *machine_state_name(enum machine_state state);

/** How many facts there are. */
size_t machine_facts(void);

/**
 * Find one out, by trying it or by reading it. Nothing is left of what was tried, and no process is made.
 * @param own  the manager.
 */
void machine_look(const struct gang *gang, const struct process_look *own, size_t i, struct machine_fact *ret);

#endif
