/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_OUTPUT_H
#define GANGER_CTL_OUTPUT_H

/*
 * Output: a command never prints its data by itself, but hands it to one of two backends.
 */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

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

/** One answer of `is-active` and `is-failed`. */
struct activity {
        const char *name;
        bool active;
        bool failed;
        const char *state;      /* of an instance; of a worker, in words */
};

/** A line of `tree`. */
struct tree_line {
        unsigned int depth;
        const char *what;       /* "keeper", "manager", a group, a worker, an instance, "other"; of what those have started "" */
        const char *state;      /* of an instance; of a group its strategy, or "failed"; else "" */
        pid_t pid, parent;      /* 0: none */
        const char *command;    /* as the kernel has its name */
};

/** One finding of `check`. */
struct verdict {
        const char *file;
        bool valid;
        const char *text;       /* what gangerd said, its lines apart */
};

/** How the demo ended. */
struct demo_result {
        uint64_t seed;
        uint64_t files, lines;          /* given out */
        uint64_t words, words_expected; /* counted by the gang, and by other programs */
        uint64_t distinct;
        uint64_t lost, duplicated;      /* words */
        uint64_t redelivered, dead;     /* messages */
        uint64_t kills, manager_kills, restarts;
        uint32_t redelivery_p50_usec, redelivery_p99_usec;
        size_t samples;                 /* that these are of */
        double seconds;
};

struct output;

/** A backend. No member is NULL. */
struct output_ops {
        const char *name;
        void (*status)(struct output *o, const Ganger__V1__StatusReply *reply, bool details);
        void (*changes)(struct output *o, const Ganger__V1__ChangeReply *reply);
        void (*rolls)(struct output *o, const Ganger__V1__RollReply *reply);
        void (*activity)(struct output *o, const struct activity *activities, size_t n);
        void (*tree)(struct output *o, const struct tree_line *line);
        void (*log)(struct output *o, const Ganger__V1__LogLine *line);
        void (*event)(struct output *o, const Ganger__V1__Event *event);
        void (*rings)(struct output *o, const Ganger__V1__RingsReply *reply);
        void (*report)(struct output *o, const char *name, const Ganger__V1__ReportReply *reply);
        void (*locks)(struct output *o, const Ganger__V1__LocksReply *reply);
        void (*sockets)(struct output *o, const Ganger__V1__SocketsReply *reply);
        /** @param all  each instance was asked for by name: all of it is shown, not only what differs. */
        void (*doctor)(struct output *o, const Ganger__V1__DoctorReply *reply, bool all);
        /** @param all  each worker was: what is missing is shown, too. */
        void (*security)(struct output *o, const Ganger__V1__SecurityReply *reply, bool all);
        /** The reply of a service. */
        void (*called)(struct output *o, const char *service, const void *data, size_t size);
        void (*peek)(struct output *o, const Ganger__V1__PeekReply *reply);
        void (*dead)(struct output *o, const Ganger__V1__DeadReply *reply, Ganger__V1__DeadAction action);
        void (*sent)(struct output *o, const char *ring, uint64_t count);
        void (*received)(struct output *o, const struct received *message);
        void (*reload)(struct output *o, const Ganger__V1__ReloadReply *reply);
        void (*daemon_upgrade)(struct output *o, const Ganger__V1__DaemonUpgradeReply *reply);
        void (*reset)(struct output *o, const char *name, const Ganger__V1__ResetReply *reply);
        void (*verdict)(struct output *o, const struct verdict *verdict);
        /** What `import` has made of a file, and how many lines could not be carried over. */
        void (*imported)(struct output *o, const char *file, const char *configuration, size_t n_left);
        void (*version)(struct output *o, const char *own, const Ganger__V1__VersionReply *reply_or_null);
        void (*demo)(struct output *o, const struct demo_result *result);
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
