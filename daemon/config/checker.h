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

/** Add an error at the line of a key, or, if it is not there, of its section. */
void complain(const struct checker *c, const char *key, const char *format, ...) _printf_(3, 4);

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
