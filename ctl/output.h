/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_OUTPUT_H
#define GANGER_CTL_OUTPUT_H

/*
 * Output: a command never prints its data by itself, but hands it to one of two backends.
 */

#include <stdbool.h>
#include <stdio.h>

#include "proto/control.pb-c.h"

/** A message that was taken from a ring. */
struct received {
        const char *ring;
        uint64_t id;
        uint32_t deliveries;
        const void *data;
        size_t size;
        int exec_status;        /* of waitpid(2), if a command was run */
        bool executed;
};

/** One answer of `is-active`. */
struct activity {
        const char *name;
        bool active;
        const char *state;      /* of an instance; of a worker, in words */
};

/** One finding of `check`. */
struct verdict {
        const char *file;
        bool valid;
        const char *text;       /* what gangerd said, its lines apart */
};

struct output;

/** A backend. No member is NULL. */
struct output_ops {
        const char *name;
        void (*status)(struct output *o, const Ganger__V1__StatusReply *reply, bool details);
        void (*changes)(struct output *o, const Ganger__V1__ChangeReply *reply);
        void (*activity)(struct output *o, const struct activity *activities, size_t n);
        void (*log)(struct output *o, const Ganger__V1__LogLine *line);
        void (*event)(struct output *o, const Ganger__V1__Event *event);
        void (*rings)(struct output *o, const Ganger__V1__RingsReply *reply);
        void (*peek)(struct output *o, const Ganger__V1__PeekReply *reply);
        void (*dead)(struct output *o, const Ganger__V1__DeadReply *reply, Ganger__V1__DeadAction action);
        void (*sent)(struct output *o, const char *ring, uint64_t count);
        void (*received)(struct output *o, const struct received *message);
        void (*reload)(struct output *o, const Ganger__V1__ReloadReply *reply);
        void (*verdict)(struct output *o, const struct verdict *verdict);
        void (*version)(struct output *o, const char *own, const Ganger__V1__VersionReply *reply_or_null);
        void (*done)(struct output *o, const char *what);
};

struct output {
        const struct output_ops *ops;
        FILE *file;
        bool terminal;          /* so control characters are kept from it */
        bool color;
        size_t width;           /* columns; 0: no limit */
};

extern const struct output_ops output_table;
extern const struct output_ops output_json;

/**
 * Look at where the output goes: terminal or not, its width (COLUMNS, else what the terminal says).
 * @param color  whether colours are welcome on a terminal; NO_COLOR and TERM=dumb say no, too.
 */
void output_init(struct output *o, FILE *file, bool json, bool color);

#endif
