/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_OUTPUT_TABLE_H
#define GANGER_CTL_OUTPUT_TABLE_H

/*
 * What the parts of the backend for people share
 */

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/output.h"
#include "ctl/utf8.h"

#define NUMBER_MAX 24

static inline const char *number(char *buf, uint64_t n) {
        snprintf(buf, NUMBER_MAX, "%" PRIu64, n);
        return buf;
}

/** A number as text, in a buffer of its own that lives as long as the block around it. */
#define NUMBER(n) number((char[NUMBER_MAX]){ 0 }, (uint64_t)(n))

static inline void put(struct output *o, const char *text) {
        _cleanup_(freep) char *clean = o->terminal ? utf8_clean(text, strlen(text)) : NULL;

        fputs(clean ? clean : text, o->file);
}

void table_rings(struct output *o, const Ganger__V1__RingsReply *reply);
void table_report(struct output *o, const char *name, const Ganger__V1__ReportReply *reply);
void table_locks(struct output *o, const Ganger__V1__LocksReply *reply);
void table_sockets(struct output *o, const Ganger__V1__SocketsReply *reply);
void table_doctor(struct output *o, const Ganger__V1__DoctorReply *reply, bool all);
void table_security(struct output *o, const Ganger__V1__SecurityReply *reply, bool all);

/** A line below a table, about what is quarantined. @param first  of them. */
void put_quarantined(struct output *o, bool first, const char *kind, const char *name, const char *damage);

#endif
