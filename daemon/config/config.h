/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_CONFIG_H
#define GANGER_CONFIG_CONFIG_H

/*
 * The configuration: rings and workers as ganger.conf(5) defines them
 *
 * What is here is what was written, checked and typed; nothing is resolved: users are names, programs
 * are as typed. A `struct config` is never changed once it was made. Every key is a row of keys.def.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "daemon/policy/restart.h"    /* enum restart_policy */
#include "shm/region.h"               /* enum object_kind */

/** A file that is longer is refused. */
#define CONFIG_SIZE_MAX (UINT64_C(4) << 20)
/** Workers and rings each: more are refused. */
#define CONFIG_SECTIONS_MAX 10000
/** Values in one list: arguments, environment, rings. */
#define CONFIG_LIST_MAX 1024
/** Instances of one worker. */
#define CONFIG_INSTANCES_MAX 10000
/** Errors that are kept; of the others only the number is told. */
#define CONFIG_ERRORS_MAX 100

/* ---- what is defined --------------------------------------------------------------------------- */

enum worker_io {
        WORKER_IO_NONE,         /* the program uses libganger, or no ring */
        WORKER_IO_LINES,
        WORKER_IO_FRAMES,
        WORKER_IO_EXEC,
        _WORKER_IO_N,
};

enum worker_ready {
        WORKER_READY_IMMEDIATE, /* as soon as it runs */
        WORKER_READY_NOTIFY,    /* READY=1 of sd_notify(3) */
        WORKER_READY_LIBRARY,   /* ganger_ready(), which says the same; with `io` the bridge calls it */
        _WORKER_READY_N,
};

struct ring_definition {
        char *name;
        enum object_kind kind;
        uint32_t slots;                 /* a power of two, 2 … 2^20 */
        uint32_t slot_size;             /* bytes of the longest message */
        uint32_t max_deliveries;        /* 1 … 255 */
        unsigned int line;              /* where it is defined; not part of what it is */
};

struct worker_definition {
        char *name;
        char **exec;                    /* at least the program; ends with NULL, as all lists here */
        char *directory;                /* NULL: not set; relative: to the directory of the file */
        char **environment;             /* NAME=value; never NULL, as all lists here */
        char *user;                     /* NULL: that of the daemon; a name or a number */
        enum worker_io io;
        int io_fds[2];                  /* where the program reads and writes; -1: its stdin and stdout */
        char **receive;                 /* names of rings; with `io` one at most */
        char **send;
        uint32_t instances;             /* may be 0 */
        enum restart_policy restart;
        uint64_t restart_delay_usec;
        uint64_t restart_delay_max_usec; /* never less than restart_delay_usec */
        uint64_t restart_limit_period_usec;
        uint32_t restart_limit_count;   /* 0: no limit */
        int stop_signal;
        uint64_t stop_timeout_usec;     /* may be USEC_INFINITY */
        enum worker_ready ready;
        uint64_t ready_timeout_usec;    /* never 0, never USEC_INFINITY */
        char *base;                     /* directory of the file, absolute; not part of what it is */
        unsigned int line;
};

struct config {
        char *path;                     /* as given; stands in front of errors */
        struct ring_definition **rings; /* in the order of the file, as the workers are */
        size_t n_rings;
        struct worker_definition **workers;
        size_t n_workers;
        char *text;                     /* the file as it was read, for the next manager */
        size_t text_size;
};

/* ---- errors ------------------------------------------------------------------------------------ */

struct config_error {
        unsigned int line;              /* 0: of the whole file */
        char *text;                     /* "ganger.conf:12: worker 'resize': …" */
};

/** All that is wrong with a file, in the order of its lines. */
struct config_errors {
        struct config_error *errors;
        size_t n;
        size_t n_dropped;               /* past CONFIG_ERRORS_MAX, or no memory to keep them */
};

#define CONFIG_ERRORS_NULL ((struct config_errors){ 0 })

/** How many there were, also those that were not kept. */
static inline size_t config_errors_count(const struct config_errors *errors) {
        return errors->n + errors->n_dropped;
}

/** No more are kept, only counted. */
static inline bool config_errors_full(const struct config_errors *errors) {
        return errors->n == CONFIG_ERRORS_MAX;
}

/** Free what was collected; it can be used again. */
void config_errors_done(struct config_errors *errors);

/** Add one at a line (0: of the whole file): "PATH:LINE: …". */
void config_errors_add(struct config_errors *errors, const char *path, unsigned int line,
                       const char *format, ...) _printf_(4, 5);

/** One error a line, and how many were not kept. */
void config_errors_print(const struct config_errors *errors, FILE *out);

/* ---- making one -------------------------------------------------------------------------------- */

/**
 * Read a file, parse it, and check it against this machine (config_verify).
 * @param errors  collects everything that is wrong; done by the caller.
 * @return 0; -EINVAL: the errors say why; another errno if the file could not be read (in the errors too).
 */
int config_load(const char *path, struct config **ret, struct config_errors *errors);

/**
 * Parse a text that was in `path`, without a look at the file system: a text that was good once stays
 * good, so a new manager uses this on the text that is in force.
 * @param path  stands in front of errors; relative programs and directories are relative to its directory.
 * @return 0, -EINVAL (the errors say why), -ENOMEM.
 */
int config_parse(const char *text, size_t size, const char *path, struct config **ret,
                 struct config_errors *errors);

/**
 * Check what depends on this machine: that programs, directories and users exist.
 * @return 0, -EINVAL (the errors say why), -ENOMEM.
 */
int config_verify(const struct config *config, struct config_errors *errors);

/** Free. @return NULL. */
struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/**
 * `gangerd --check`: load, and tell people on `out` that it is good ("PATH: ok (2 rings, 3 workers)"), or
 * on `err` everything that is not.
 * @return the exit status: 0 or 1.
 */
int config_check(const char *path, FILE *out, FILE *err);

/** The path that is used where --config is not given: see HACKING. @return 0, -ENOENT (no home), -ENOMEM. */
int config_default_path(char **ret);

/* ---- using it ---------------------------------------------------------------------------------- */

/** @return the worker or ring of this name, or NULL. */
struct worker_definition *config_worker(const struct config *config, const char *name);
struct ring_definition *config_ring(const struct config *config, const char *name);

/** Write the canonical form: every key, also those left at their default. Parsing it gives an equal config. */
void config_print(const struct config *config, FILE *out);
void worker_definition_print(const struct worker_definition *worker, FILE *out);
void ring_definition_print(const struct ring_definition *ring, FILE *out);

/** Every key has the same value. */
bool worker_definition_equal(const struct worker_definition *a, const struct worker_definition *b);
bool ring_definition_equal(const struct ring_definition *a, const struct ring_definition *b);

/**
 * A stable hash (FNV-1a) of what a process of this worker was started with: the keys whose change needs a
 * new process. Not `instances`, `restart*`, `stop*`, `ready-timeout`: these change under a process.
 */
uint64_t worker_definition_hash(const struct worker_definition *worker);

/**
 * The absolute path of the program to execute. A name without a slash is searched in PATH of this process;
 * a relative path is relative to `directory` if set, else to the directory of the file.
 * @return 0; -ENOENT, -EACCES, … (the error says what was looked for); -ENOMEM.
 */
int worker_definition_program(const struct worker_definition *worker, char **ret, struct error *error);

/** The absolute path of the directory the program starts in. @return 0, -ENOMEM. */
int worker_definition_directory(const struct worker_definition *worker, char **ret);

/** The words of the file: "queue", "lines", "on-failure", "notify". */
const char *ring_kind_name(enum object_kind kind);
const char *worker_io_name(enum worker_io io);
const char *restart_policy_name(enum restart_policy policy);
const char *worker_ready_name(enum worker_ready ready);

/* ---- differences ------------------------------------------------------------------------------- */

enum config_change_kind {
        CONFIG_ADDED,
        CONFIG_REMOVED,
        CONFIG_CHANGED,         /* the definitions are not equal */
};

struct config_change {
        enum config_change_kind kind;
        const char *name;                               /* owned by one of the two configs */
        const struct worker_definition *old_worker, *new_worker; /* NULL: a ring, or not there */
        const struct ring_definition *old_ring, *new_ring;
        bool restart;                                   /* the processes of the worker must be replaced */
};

/** What is new, gone or different. Points into both configs. */
struct config_diff {
        struct config_change *changes;                  /* rings first; removed ones, then in the new order */
        size_t n;
};

/**
 * Compare two configs.
 * @param from  may be NULL: everything is new.
 * @return 0, -ENOMEM.
 */
int config_diff(const struct config *from, const struct config *to, struct config_diff *ret);
void config_diff_done(struct config_diff *diff);

/** For people: "changed  worker resize: instances 4 -> 8", a line each. */
void config_diff_print(const struct config_diff *diff, FILE *out);

#endif
