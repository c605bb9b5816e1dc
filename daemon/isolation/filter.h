/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_FILTER_H
#define GANGER_ISOLATION_FILTER_H

/*
 * Filters of system calls, by libseccomp
 */

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "daemon/keeper/protocol.h"

struct worker_isolation;
struct filter;

/** Of one kind each; see the rows of isolation.c. */
#define FILTERS_MAX 24

/** Those of a definition, in the order in which they are to be set. */
struct filters {
        struct {
                uint32_t what;          /* KEEPER_FILTER_… */
                uint8_t *program;
                size_t size;
        } v[FILTERS_MAX];
        size_t n;
};

/** Free. @return NULL. */
struct filters *filters_free(struct filters *filters);
DEFINE_CLEANUP(struct filters *, filters_free)

/**
 * Begin one, for the system calls of this architecture; those of others end the process.
 * @param action  SCMP_ACT_…, what becomes of a call that no rule is about.
 * @return 0, -ENOMEM.
 */
int filter_new(struct filter **ret, uint32_t action);

/** Free. @return NULL. */
struct filter *filter_free(struct filter *filter);
DEFINE_CLEANUP(struct filter *, filter_free)

/** A call of which `n` arguments are so. One that this architecture does not have is passed over. */
void filter_rule(struct filter *filter, uint32_t action, int call, unsigned int n, const struct scmp_arg_cmp *arguments);

/** … with none, and with one of which these bits are all set. */
void filter_call(struct filter *filter, uint32_t action, int call);
void filter_bits(struct filter *filter, uint32_t action, int call, unsigned int argument, uint64_t bits);

/** … and with one that is this number, of the 32 bits that the kernel looks at. */
void filter_number(struct filter *filter, uint32_t action, int call, unsigned int argument, uint32_t number);

/** io_uring makes calls that no filter sees. */
void filter_no_io_uring(struct filter *filter);

/** Keep what it comes to, as `what` (KEEPER_FILTER_…). @return 0; -errno: also what went wrong with a rule. */
int filter_keep(struct filter *filter, struct filters *filters, uint32_t what, struct error *error);

/* ---- one for each key: adds nothing if it is not set -------------------------------------------- */

int filter_devices_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_modules_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_logs_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_clock_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_realtime_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_calls_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_families_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_hostname_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_namespaces_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_personality_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_suid_sgid_make(const struct worker_isolation *i, struct filters *filters, struct error *error);
int filter_write_execute_make(const struct worker_isolation *i, struct filters *filters, struct error *error);

#endif
