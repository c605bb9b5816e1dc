/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_CHECKER_H
#define GANGER_CONFIG_CHECKER_H

/*
 * What the files share that check what must hold between keys and sections (semantics*.c)
 */

#include "daemon/config/config.h"
#include "daemon/config/outline.h"

struct ends;

struct checker {
        const struct config *config;
        const struct outline *outline;
        const struct outline_section *section;
        struct ends *ends;                      /* of config->objects */
        struct config_errors *errors;
};

/** Was something written for this key of the section, be it right or wrong? */
bool was_written(const struct checker *c, const char *name);

/** Is something written for it that was wrong, so that it has its default? */
bool is_doubtful(const struct checker *c, const char *name);

/** The line of a key, or, if it is not there, of its section. */
unsigned int line_of(const struct checker *c, const char *name);

/** Add an error at the line of a key, or, if it is not there, of its section. */
void complain(const struct checker *c, const char *key, const char *format, ...) _printf_(3, 4);

/* ---- rings, services and locks; semantics-object.c --------------------------------------------- */

void check_object(const struct checker *c, struct object_definition *o);

/* ---- order and groups; semantics-order.c ------------------------------------------------------- */

/** Names of other workers, under that key. */
void check_workers(const struct checker *c, const struct worker_definition *w, const char *key, char *const *names);

/** Nobody waits for itself. @return 0, -ENOMEM. */
int check_cycles(const struct checker *c);

/** @param name  of the group that somebody is in; may be NULL. */
void check_group_name(const struct checker *c, const char *name);

/** A group is not in itself; and its actions. */
void check_group(const struct checker *c, const struct group_definition *g);

/* ---- how a program runs; semantics-run.c ------------------------------------------------------- */

/** `type` and `every`; what follows from them for what was not given. */
void check_kind_of_run(const struct checker *c, struct worker_definition *w);

/** `success-action` and `failure-action`, of a worker or of a group. */
void check_end_actions(const struct checker *c, const struct end_actions *actions);

/** … of a worker alone. */
void check_end_action(const struct checker *c, const struct worker_definition *w);

/** `ready` and what a program says of itself. */
void check_ready(const struct checker *c, const struct worker_definition *w);

/** `log`, and its keys; semantics-log.c. */
void check_log(const struct checker *c, const struct worker_definition *w);

/** The addresses and the text of `ready` and `health`. */
void check_probes(const struct checker *c, const struct worker_definition *w);

/* ---- how it is known to be well; semantics-liveness.c ------------------------------------------- */

/** `stall-timeout` and `heartbeat`. */
void check_liveness(const struct checker *c, const struct worker_definition *w);

/* ---- how many; semantics-scale.c ---------------------------------------------------------------- */

/** `standby`. */
void check_standby(const struct checker *c, const struct worker_definition *w);

/** `instances = N..M` and `scale-…`. */
void check_scaling(const struct checker *c, const struct worker_definition *w);

/* ---- where a program runs, and how much it may have; semantics-place.c ------------------------- */

void check_place(const struct checker *c, const struct worker_definition *w);

/* ---- what it may not do; semantics-isolation.c ------------------------------------------------- */

void check_isolation(const struct checker *c, const struct worker_definition *w);

/** `dynamic-user`, and what it implies; semantics-user.c. */
void check_dynamic_user(const struct checker *c, struct worker_definition *w);

/* ---- sockets; semantics-listen.c ---------------------------------------------------------------- */

void check_listen(const struct checker *c, const struct listen_definition *listen);

/** No two sockets want the same. @return 0, -ENOMEM. */
int check_addresses(const struct checker *c);

size_t count_worker_sockets(const struct checker *c, const struct worker_definition *w);

/** The sockets of a worker, and what of them makes it another one. */
void check_worker_sockets(const struct checker *c, struct worker_definition *w);

/** `start` and `idle-stop`. */
void check_start(const struct checker *c, const struct worker_definition *w);

#endif
