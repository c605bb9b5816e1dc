/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_CONFIG_H
#define GANGER_CONFIG_CONFIG_H

/*
 * The configuration: rings, services, locks and workers as ganger.conf(5) defines them
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
#include "daemon/policy/group.h"      /* enum group_strategy */
#include "daemon/policy/schedule.h"   /* enum schedule_overlap */
#include "base/exit-status.h"
#include "daemon/config/probe-address.h"
#include "daemon/policy/restart.h"    /* enum restart_policy */
#include "shm/region.h"               /* enum object_kind */

/** A file that is longer is refused. */
#define CONFIG_SIZE_MAX (UINT64_C(4) << 20)
/** Sections of one kind: more are refused. */
#define CONFIG_SECTIONS_MAX 10000
/** Values in one list: arguments, environment, names of rings. */
#define CONFIG_LIST_MAX 1024
/** Sockets in all, and those of one worker: they must fit the packet of a spawn. */
#define CONFIG_SOCKETS_MAX 1024
#define CONFIG_WORKER_SOCKETS_MAX 32
/** Instances of one worker. */
#define CONFIG_INSTANCES_MAX 10000
/** Older log files of a worker; lines in a period of `log-rate`. */
#define LOG_KEEP_MAX 1000
#define LOG_RATE_MAX 1000000000
/** The highest `ready-fd`, and the most descriptors in a store: with the rings, they must find room in one spawn. */
#define READY_FD_MAX 127
#define FD_STORE_MAX 64
/** Signals after the first that asks a process to end. */
#define STOP_STEPS_MAX 8
/** Errors that are kept; of the others only the number is told. */
#define CONFIG_ERRORS_MAX 400

/* ---- what is defined --------------------------------------------------------------------------- */

/**
 * What a section defines. Those before CONFIG_LISTEN define objects, which share one namespace with it; workers and groups
 * share another.
 */
enum config_section {
        CONFIG_RING,
        CONFIG_SERVICE,
        CONFIG_SEMAPHORE,
        CONFIG_MUTEX,
        CONFIG_MONITOR,
        CONFIG_COUNTER,
        CONFIG_LISTEN,
        CONFIG_WORKER,
        CONFIG_GROUP,
        CONFIG_DAEMON,          /* the daemon itself: there is one such section at most, and it has no name */
        _CONFIG_SECTION_N,
};

static inline bool config_section_is_object(enum config_section section) {
        return section < CONFIG_LISTEN;
}

static inline bool config_section_has_name(enum config_section section) {
        return section != CONFIG_DAEMON;
}

enum worker_io {
        WORKER_IO_NONE,         /* the program uses libganger, or no ring */
        WORKER_IO_LINES,
        WORKER_IO_FRAMES,
        WORKER_IO_EXEC,
        _WORKER_IO_N,
};

enum worker_type {
        WORKER_SIMPLE,          /* runs on */
        WORKER_ONESHOT,         /* does something, and ends */
        _WORKER_TYPE_N,
};

enum worker_ready {
        WORKER_READY_IMMEDIATE, /* as soon as it runs */
        WORKER_READY_NOTIFY,    /* READY=1 of sd_notify(3) */
        WORKER_READY_LIBRARY,   /* ganger_ready(), which says the same; with `io` the bridge calls it */
        WORKER_READY_FD,        /* a line on a descriptor, as s6 has it */
        WORKER_READY_TCP,       /* something listens at ready-address */
        WORKER_READY_UNIX,
        WORKER_READY_HTTP,      /* … and answers */
        WORKER_READY_LOG,       /* its output has ready-log in it */
        WORKER_READY_EXEC,      /* ready-exec ends with 0 */
        _WORKER_READY_N,
};

/** Where the output of a worker goes: any of them. */
enum log_place {
        WORKER_LOG_NONE = 0,
        WORKER_LOG_AUTO = 1 << 0,       /* where gangerd itself logs */
        WORKER_LOG_JOURNAL = 1 << 1,
        WORKER_LOG_STDERR = 1 << 2,     /* of gangerd */
        WORKER_LOG_FILE = 1 << 3,
};

/** Where a standard stream of a worker's process goes. */
enum worker_stream {
        WORKER_STREAM_LOG,              /* … where its log does */
        WORKER_STREAM_NULL,             /* /dev/null */
        WORKER_STREAM_INHERIT,          /* of standard error: where standard output goes, as the same stream */
        _WORKER_STREAM_N,
};

enum worker_start {
        WORKER_START_BOOT,
        WORKER_START_ON_DEMAND, /* by the first connection or message */
        WORKER_START_MANUAL,
        _WORKER_START_N,
};

/** An amount that was not given, and one that has no bound; a size, a number or a time may be less than both. */
#define AMOUNT_UNSET UINT64_MAX
#define AMOUNT_INFINITY (UINT64_MAX - 1)
/** A small number, word or mode that was not given: four of these bytes, and no number that anybody may give. */
#define INTEGER_UNSET_BYTE 0x80
#define INTEGER_UNSET (-0x7f7f7f80)
/** Bytes of the name of a credential: NAME_MAX. */
#define CREDENTIAL_NAME_MAX 255
/** Processors and nodes in a mask. */
#define WORKER_MASK_MAX 1024
/** Percent of one processor: as many processors. */
#define PERCENT_MAX (100 * WORKER_MASK_MAX)
/** Limits of setrlimit(2): RLIMIT_NLIMITS, checked where they are set. */
#define WORKER_LIMITS_N 16

/** As setrlimit(2) has it; AMOUNT_UNSET: as gangerd was given it. */
struct worker_limit {
        uint64_t soft, hard;
};

struct worker_mask {
        uint8_t bits[WORKER_MASK_MAX / 8];
};

/** What the end of a worker or a group means for the daemon; see daemon/exit-action.h. */
enum end_action {
        END_ACTION_NONE,
        END_ACTION_EXIT,                /* it ends, too */
        _END_ACTION_N,
};

struct end_actions {
        int success, failure;           /* enum end_action */
        int success_status, failure_status; /* that it ends with; INTEGER_UNSET: that of the process */
};

enum worker_oom_policy {
        WORKER_OOM_CONTINUE,            /* the kernel kills the one that it picks */
        WORKER_OOM_KILL,                /* … and all of the instance with it */
        _WORKER_OOM_N,
};

/**
 * What a cgroup bounds; see daemon/placement.h. AMOUNT_UNSET and INTEGER_UNSET as ever. No padding: compared by its bytes.
 */
struct worker_resources {
        uint64_t memory_max, memory_high, memory_low, memory_swap_max; /* bytes */
        uint64_t tasks_max;
        int cpu_quota;                  /* hundredths of a percent of one processor */
        int cpu_weight, io_weight;
        int oom_policy;                 /* enum worker_oom_policy */
};

enum worker_cpu_policy {
        WORKER_CPU_OTHER,
        WORKER_CPU_BATCH,
        WORKER_CPU_IDLE,
        WORKER_CPU_FIFO,
        WORKER_CPU_RR,
        _WORKER_CPU_N,
};

/** What is made of a definition once, and freed with it. */
struct definition_kept {
        void *data;                     /* NULL: nothing yet */
        void (*free)(void *data);
        bool told;                      /* what its processes go without, */
        bool devices_told;              /* … and which devices there are none of */
};

/** What a process may not do; see daemon/isolation/isolation.h. What is not given is not restricted. */
struct worker_isolation {
        char *primary_group;            /* NULL: that of the user; a name or a number */
        char **supplementary_groups;    /* beside those of the user */
        uint64_t capabilities;          /* that may be had at all, a bit each; AMOUNT_UNSET */
        uint64_t ambient_capabilities;  /* AMOUNT_UNSET */
        bool no_new_privileges;
        int keyring_mode;               /* enum worker_keyring; the next three may be INTEGER_UNSET too */
        int architectures;              /* 0: native */
        int namespaces;                 /* that it may make or enter: bits of isolation_namespaces */
        int system_call_error;          /* errno: what a call that is refused fails with; unset: it ends the process */
        char **address_families;
        bool restrict_suid_sgid;
        bool memory_deny_write_execute;
        bool lock_personality;
        bool private_network;
        bool private_ipc;
        bool protect_hostname;
        bool private_tmp;
        int protect_system;             /* enum worker_protect_system */
        int protect_home;               /* enum worker_protect_home */
        int protect_control_groups;     /* enum worker_protect_cgroups */
        bool protect_kernel_tunables;
        bool private_devices;
        int device_policy;              /* enum worker_device_policy */
        char **device_allow;            /* as device_item_parse() takes them */
        bool protect_kernel_modules, protect_kernel_logs, protect_clock;
        bool restrict_realtime;
        char *root_directory;           /* NULL: ours; absolute */
        int protect_proc;               /* enum worker_protect_proc */
        int proc_subset;                /* enum worker_proc_subset */
        bool private_users;
        bool private_pids;
        char **landlock_read, **landlock_write, **landlock_execute; /* as read_only_paths */
        char **landlock_bind, **landlock_connect; /* ports of TCP; or only "none" */
        int strictness;                 /* enum worker_strictness */
        char **read_only_paths, **read_write_paths, **inaccessible_paths; /* absolute; after '-' one that may be missing */
        char **bind_paths, **bind_read_only_paths; /* SOURCE:TARGET, or one that is both; '-' as above */
        char **temporary_filesystem;
        char **system_calls;            /* as syscall_filter_read() takes them */
};

/** Which device nodes can be opened; see daemon/device-rules.h. */
enum worker_device_policy {
        WORKER_DEVICES_AUTO,            /* all, if none is named; else as the next one */
        WORKER_DEVICES_CLOSED,          /* what every program may have, and those that are named */
        WORKER_DEVICES_STRICT,          /* those that are named */
};

enum worker_protect_system {
        WORKER_SYSTEM_NO,
        WORKER_SYSTEM_YES,
        WORKER_SYSTEM_FULL,
        WORKER_SYSTEM_STRICT,
};

enum worker_protect_cgroups {
        WORKER_CGROUPS_NO,
        WORKER_CGROUPS_YES,
        WORKER_CGROUPS_PRIVATE,
        WORKER_CGROUPS_STRICT,
};

enum worker_protect_home {
        WORKER_HOME_NO,
        WORKER_HOME_YES,
        WORKER_HOME_READ_ONLY,
        WORKER_HOME_TMPFS,
};

enum worker_protect_proc {
        WORKER_PROC_DEFAULT,
        WORKER_PROC_NOACCESS,
        WORKER_PROC_INVISIBLE,
        WORKER_PROC_PTRACEABLE,
        _WORKER_PROC_N,
};

enum worker_proc_subset {
        WORKER_SUBSET_ALL,
        WORKER_SUBSET_PID,
};

enum worker_strictness {
        WORKER_ISOLATION_USUAL,         /* as systemd is: of some things a process goes without, if they cannot be had */
        WORKER_ISOLATION_STRICT,        /* of none */
};

enum worker_keyring {
        WORKER_KEYRING_PRIVATE,
        WORKER_KEYRING_SHARED,
        WORKER_KEYRING_INHERIT,
};

/** Does a process say by sd_notify(3) that it is ready? */
static inline bool ready_by_message(enum worker_ready ready) {
        return ready == WORKER_READY_NOTIFY || ready == WORKER_READY_LIBRARY;
}

/** The probe that tells it; PROBE_NONE: something else does. */
static inline enum probe_kind ready_probe(enum worker_ready ready) {
        return ready == WORKER_READY_TCP ? PROBE_TCP : ready == WORKER_READY_UNIX ? PROBE_UNIX :
               ready == WORKER_READY_HTTP ? PROBE_HTTP : ready == WORKER_READY_EXEC ? PROBE_EXEC : PROBE_NONE;
}

/** A ring, a service or a lock. A field that its kind has no key for is at its default, or 0. */
struct object_definition {
        char *name;
        enum config_section section;
        enum object_kind kind;
        uint32_t slots;                 /* queue, service: a power of two */
        uint32_t slot_size;             /* queue: bytes of the longest message that a slot holds itself */
        uint32_t message_max;           /* bytes of the longest message; queue: more than slot_size only with a heap */
        uint32_t heap_size;             /* queue: bytes; 0: there is no heap */
        uint32_t max_deliveries;        /* queue, service: 1 … 255 */
        uint32_t dead_max;              /* queue: dead letters that are kept; 0: as many as there are slots */
        int dead_policy;                /* queue: what happens past them; enum queue_dead_policy */
        uint64_t redelivery_delay_usec; /* queue */
        uint32_t capacity;              /* pipe, broadcast: bytes */
        int policy;                     /* broadcast: what happens to slow subscribers; enum broadcast_policy */
        uint32_t subscribers;           /* broadcast */
        bool idempotent;                /* service */
        uint32_t permits;               /* semaphore */
        bool posix;                     /* semaphore */
        uint32_t conditions;            /* monitor; 0: a mutex */
        uint32_t counters;              /* counter */
        char **allow;                   /* who may ask what of it; see daemon/policy/grant.h */
        unsigned int line;              /* where it is defined; not part of what it is */
};

/** Sockets that are opened once, and given to workers. */
struct listen_definition {
        char *name;
        char **stream, **datagram, **sequential; /* addresses, as config/address.h reads them */
        uint32_t backlog;
        uint32_t mode;                  /* of their files; */
        char *user, *group;             /* NULL: ours */
        bool reuse_port;
        unsigned int line;
};

struct worker_definition {
        char *name;
        char **exec;                    /* at least the program; ends with NULL, as all lists here */
        char *directory;                /* NULL: not set; relative: to the directory of the file */
        char **environment;             /* NAME=value; never NULL, as all lists here */
        char **environment_file;        /* paths, relative to the directory of the file; after '-' one that may be missing */
        char **credentials;             /* NAME:PATH */
        char *user;                     /* NULL: that of the daemon; a name or a number */
        bool dynamic_user;              /* that exists only while it runs, by that name or its own */
        enum worker_io io;
        int io_fds[2];                  /* where the program reads and writes; -1: its stdin and stdout */
        char **receive;                 /* names of rings; with `io` one at most */
        char **send;
        char **call;                    /* names of services */
        char **serve;
        char **use;                     /* names of locks */
        char *group;                    /* its name; NULL: in none */
        char **after;                   /* names of workers; so are the next two */
        char **requires;
        char **conflicts;
        int type;                       /* enum worker_type */
        bool remain;                    /* oneshot: once it has ended well it is as good as ready */
        uint64_t every_usec;            /* from start to start; USEC_INFINITY: not */
        int overlap;                    /* enum schedule_overlap */
        uint64_t jitter_usec;
        char **listen;                  /* names of listen sections */
        enum worker_start start;
        uint64_t idle_stop_usec;        /* USEC_INFINITY: never */
        uint64_t sockets;               /* hash of the sockets that `listen` means; not a key */
        uint32_t instances;             /* may be 0; of a range, the least */
        uint32_t instances_max;         /* the same, if it is no range */
        uint32_t standby;               /* spares, beside those */
        uint32_t scale_on_depth;        /* these only with a range; 0: not by depth */
        uint64_t scale_on_age_usec;     /* USEC_INFINITY: not by age */
        uint64_t scale_up_delay_usec;
        uint64_t scale_down_delay_usec;
        uint64_t scale_cool_down_usec;
        uint32_t scale_step;            /* never 0 */
        bool remember;                  /* what people have wished, over the end of the daemon */
        enum restart_policy restart;
        struct exit_set success_exit_status, restart_prevent, restart_force;
        char **on_failure;              /* a program and its arguments; may be empty */
        uint64_t on_failure_timeout_usec; /* never USEC_INFINITY */
        struct end_actions end_actions;
        enum worker_stream standard_output; /* never WORKER_STREAM_INHERIT */
        enum worker_stream standard_error;
        int log;                        /* of enum log_place */
        char *log_file;                 /* NULL: named after the worker; relative: to the directory of logs */
        uint32_t log_max_size;          /* 0: no limit */
        uint64_t log_max_age_usec;      /* USEC_INFINITY: no limit */
        uint32_t log_keep;
        uint64_t log_rate_period_usec;
        uint32_t log_rate_count;        /* 0: no limit */
        int log_level_max;              /* LOG_DEBUG: all */
        uint64_t restart_delay_usec;
        uint64_t restart_delay_max_usec; /* never less than restart_delay_usec */
        uint64_t restart_limit_period_usec;
        uint32_t restart_limit_count;   /* 0: no limit */
        int stop_signal;
        char **stop_then;               /* "SIGINT/5s", in order; see stop_step_parse() */
        uint64_t stop_timeout_usec;     /* may be USEC_INFINITY */
        uint32_t surge;                 /* 0 or 1 */
        enum worker_ready ready;
        int ready_fd;                   /* with WORKER_READY_FD; else -1 */
        uint64_t ready_timeout_usec;    /* never 0, never USEC_INFINITY */
        uint64_t watchdog_usec;         /* USEC_INFINITY: none */
        int watchdog_signal;
        uint32_t fd_store_max;
        char *ready_address;            /* NULL: not set */
        char *ready_log;                /* NULL: not set */
        char **ready_exec;              /* a program and its arguments; may be empty */
        enum probe_kind health;
        char *health_address;           /* NULL: not set */
        char **health_exec;             /* as ready_exec */
        uint64_t health_interval_usec;
        uint64_t health_timeout_usec;
        uint32_t health_retries;        /* never 0 */
        uint64_t health_start_period_usec;
        uint64_t stall_timeout_usec;    /* USEC_INFINITY: none */
        uint64_t heartbeat_usec;        /* USEC_INFINITY: none */
        struct worker_limit limits[WORKER_LIMITS_N]; /* by RLIMIT_… */
        int umask;                      /* INTEGER_UNSET, as all that may be left out below */
        int nice;
        int io_class, io_priority;      /* ioprio_set(2) */
        int oom_score_adjust;
        struct worker_mask cpus;        /* none: all */
        int cpu_policy;                 /* enum worker_cpu_policy */
        int cpu_priority;
        int numa_policy;                /* MPOL_… */
        struct worker_mask numa_nodes;
        uint64_t timer_slack_usec;      /* AMOUNT_UNSET */
        struct worker_resources resources;
        char **allow;                   /* as of an object */
        struct worker_isolation isolation;
        char *base;                     /* directory of the file, absolute; not part of what it is */
        struct definition_kept *kept;   /* never NULL; so neither is this */
        unsigned int line;
};

struct group_definition {
        char *name;
        int strategy;                   /* enum group_strategy */
        uint64_t restart_limit_period_usec;
        uint32_t restart_limit_count;   /* 0: no limit */
        char *group;                    /* the one that it is in; NULL: in none */
        struct end_actions end_actions;
        unsigned int line;
};

struct daemon_definition {
        char *name;                     /* "" */
        char **allow;                   /* as of an object; holds for everything */
        unsigned int line;
};

struct config {
        char *path;                     /* as given; stands in front of errors */
        struct object_definition **objects; /* in the order of the file, as the workers are */
        size_t n_objects;
        struct listen_definition **listens;
        size_t n_listens;
        struct worker_definition **workers;
        size_t n_workers;
        struct group_definition **groups;
        size_t n_groups;
        struct daemon_definition **daemons;
        size_t n_daemons;               /* 0 or 1 */
        bool ordered;                   /* some worker has `after`, `requires` or `conflicts` */
        char *text;                     /* the file as it was read, for the next manager */
        size_t text_size;
};

/** What one of `stop_then` says. @return 0, -EINVAL (not of a definition that was checked). */
int stop_step_parse(const char *text, int *ret_signal, uint64_t *ret_timeout_usec);

/** Does a worker name that ring, service or lock? */
bool worker_definition_uses(const struct worker_definition *definition, const char *object);

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
 * on `err` everything that is not. Users and groups that there are not yet, and are allowed something, are told there too.
 * @return the exit status: 0 or 1.
 */
int config_check(const char *path, FILE *out, FILE *err);

/** The path that is used where --config is not given: see HACKING. @return 0, -ENOENT (no home), -ENOMEM. */
int config_default_path(char **ret);

/* ---- using it ---------------------------------------------------------------------------------- */

/** @return the worker, group, object or listen section of this name, or NULL. */
struct worker_definition *config_worker(const struct config *config, const char *name);
struct group_definition *config_group(const struct config *config, const char *name);
struct listen_definition *config_listen(const struct config *config, const char *name);
struct object_definition *config_object(const struct config *config, const char *name);

/** Write the canonical form: every key, also those left at their default. Parsing it gives an equal config. */
void config_print(const struct config *config, FILE *out);
void worker_definition_print(const struct worker_definition *worker, FILE *out);
void object_definition_print(const struct object_definition *object, FILE *out);
void group_definition_print(const struct group_definition *group, FILE *out);
void listen_definition_print(const struct listen_definition *listen, FILE *out);
void daemon_definition_print(const struct daemon_definition *daemon, FILE *out);

/** Every key has the same value. */
bool worker_definition_equal(const struct worker_definition *a, const struct worker_definition *b);
bool object_definition_equal(const struct object_definition *a, const struct object_definition *b);
bool group_definition_equal(const struct group_definition *a, const struct group_definition *b);
bool listen_definition_equal(const struct listen_definition *a, const struct listen_definition *b);
bool daemon_definition_equal(const struct daemon_definition *a, const struct daemon_definition *b);

/** What an object is to be made of: sound, since the configuration is. */
struct geometry object_definition_geometry(const struct object_definition *object);

/**
 * A stable hash (FNV-1a) of what a process of this worker was started with: the keys whose change needs a
 * new process, and which sockets it was given. Not `instances`, `restart*`, `stop*`, `ready-timeout`: these change
 * under a process.
 */
uint64_t worker_definition_hash(const struct worker_definition *worker);

/**
 * The absolute path of a program to execute: `exec`, `on-failure`, …, as typed.
 * A name without a slash is searched in PATH of this process;
 * a relative path is relative to `directory` if set, else to the directory of the file.
 * @return 0; -ENOENT, -EACCES, … (the error says what was looked for); -ENOMEM.
 */
int worker_definition_program(const struct worker_definition *worker, const char *name, char **ret,
                              struct error *error);

/** The absolute path of the directory the program starts in. @return 0, -ENOMEM. */
int worker_definition_directory(const struct worker_definition *worker, char **ret);

/** … as those see it who have another root than it. */
int worker_definition_directory_outside(const struct worker_definition *worker, char **ret);

/** The absolute path of a file that is named in the definition. @return 0, -ENOMEM. */
int worker_definition_path(const struct worker_definition *worker, const char *path, char **ret);

/** What a key is set to, as it would be written. @return NULL: no such key, or not set, or no memory; free it. */
char *worker_definition_value(const struct worker_definition *worker, const char *key);

/** The words of the file: "mutex", "lines", "on-failure", "notify". */
const char *config_section_name(enum config_section section);
const char *broadcast_policy_name(int policy);
const char *worker_io_name(enum worker_io io);
const char *restart_policy_name(enum restart_policy policy);
const char *group_strategy_name(int strategy);
const char *worker_ready_name(enum worker_ready ready);
const char *worker_start_name(enum worker_start start);

/**
 * Called for each socket of a section, in the order in which workers find them.
 * @param type  SOCK_STREAM, …
 * @return < 0: stop.
 */
typedef int (*listen_fn)(void *userdata, const struct listen_definition *listen, int type, const char *address);

/** @return 0, or what `fn` returned to stop it. */
int listen_definition_each(const struct listen_definition *listen, listen_fn fn, void *userdata);

/** How many sockets it has. */
size_t listen_definition_count(const struct listen_definition *listen);

/** What a socket listens at, as a key of the file: "stream", … for SOCK_STREAM, …. */
const char *listen_type_name(int type);

/* ---- differences ------------------------------------------------------------------------------- */

enum config_change_kind {
        CONFIG_ADDED,
        CONFIG_REMOVED,
        CONFIG_CHANGED,         /* the definitions are not equal */
};

struct config_change {
        enum config_change_kind kind;
        const char *name;                               /* owned by one of the two configs */
        const struct worker_definition *old_worker, *new_worker; /* NULL: something else, or not there */
        const struct object_definition *old_object, *new_object;
        const struct group_definition *old_group, *new_group;
        const struct listen_definition *old_listen, *new_listen;
        const struct daemon_definition *old_daemon, *new_daemon;
        bool restart;                                   /* the processes of the worker must be replaced */
};

/** The first key that changed of an object or a listen section (CONFIG_CHANGED); "kind" if it is of another section now. */
const char *config_change_key(const struct config_change *change);

/** Does an object (CONFIG_CHANGED) become another one? If not, only what is told of it has changed. */
bool config_change_moves(const struct config_change *change);

/** What is new, gone or different. Points into both configs. */
struct config_diff {
        struct config_change *changes;                  /* objects, sockets, workers; removed ones, then in the new order */
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
