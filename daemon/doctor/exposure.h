/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_EXPOSURE_H
#define GANGER_DOCTOR_EXPOSURE_H

/*
 * How exposed a worker is: what its processes could do to the system if somebody else took them over
 *
 * In tenths, from 0 to EXPOSURE_MAX, as systemd-analyze security has it. See exposure.c for what it can say.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/doctor/check.h"

#define EXPOSURE_MAX 100
/** A row whose restriction is not there at all is that bad. */
#define BADNESS_MAX 10

enum exposure_home { EXPOSURE_HOME_WRITABLE, EXPOSURE_HOME_READ_ONLY, EXPOSURE_HOME_HIDDEN };

enum exposure_devices { EXPOSURE_DEVICES_ALL, EXPOSURE_DEVICES_SOME, EXPOSURE_DEVICES_USUAL };

/** Families of addresses that sockets may be opened of: a bit each. */
enum exposure_family {
        FAMILY_INTERNET = 1 << 0,
        FAMILY_UNIX = 1 << 1,
        FAMILY_NETLINK = 1 << 2,
        FAMILY_PACKET = 1 << 3,
        FAMILY_OTHER = 1 << 4,
        FAMILY_ALL = (1 << 5) - 1,
};

/** Sets of system calls that it may make some of: a bit each, in the order of exposure_sets. */
extern const char *const exposure_sets[]; /* "@mount"; ends with NULL */
#define EXPOSURE_SETS_N 11
#define EXPOSURE_SETS_ALL ((1u << EXPOSURE_SETS_N) - 1)

/** What its processes may do. */
struct exposure_facts {
        bool root;
        bool groups;                    /* it is in some beside its own */
        bool leaves_no_ipc;             /* objects that it has made are removed when it ends */
        uint64_t capabilities;          /* that it has, or can get */
        uint64_t ambient;
        bool no_new_privileges;
        bool private_keyring;
        bool own_network, own_ipc, own_hostname;
        bool own_tmp, own_devices, own_users, own_root;
        enum exposure_devices devices;  /* that it can open */
        bool hidden_processes;          /* those of others, in /proc */
        bool only_processes;            /* … and all else there */
        bool modules, logs, clock;      /* of the kernel: it may use what there is for them */
        bool real_time;                 /* it may take such a policy */
        int system;                     /* enum worker_protect_system: what it cannot write to */
        enum exposure_home home;
        bool cgroups_read_only;
        bool tunables_read_only;
        unsigned int umask;
        bool native_calls;
        unsigned int families;          /* enum exposure_family */
        unsigned int namespaces;        /* that it may make or enter: bits of isolation_namespaces */
        bool suid_sgid;                 /* it may make files that have them */
        bool write_execute;             /* it may have memory that is both */
        bool personality;               /* it may change it */
        unsigned int sets;              /* of system calls */
};

/** What a worker that is not restricted may do, as root. */
void exposure_facts_open(struct exposure_facts *facts);

/** What the processes of a definition may do once they run: as it is written. */
void exposure_facts_of_definition(struct exposure_facts *facts, const struct checks *checks);

/**
 * What a process may do, as it is read back. Of what the kernel does not tell (which calls a filter refuses, its keyring),
 * what the definition says: of filters only if as many are in force as it wants.
 */
void exposure_facts_of_process(struct exposure_facts *facts, const struct checks *checks, const struct process_look *look);

struct exposure_row {
        const char *name;               /* the key, and what of it: "restrict-namespaces: user" */
        const char *missing;            /* what it can do without: "it runs as root" */
        unsigned int weight;
};

/** The rows. */
size_t exposure_rows(void);
const struct exposure_row *exposure_row(size_t i);

/** How bad a row is, 0 to BADNESS_MAX. */
unsigned int exposure_badness(size_t i, const struct exposure_facts *facts);

/** All of it. @return 0 to EXPOSURE_MAX: tenths. */
unsigned int exposure_of(const struct exposure_facts *facts);

/** What a row adds to that. @return in tenths of a tenth, so that small ones are seen. */
unsigned int exposure_share(size_t i, const struct exposure_facts *facts);

/** "perfect", "safe", "ok", "medium", "exposed", "unsafe", "dangerous": systemd's words. */
const char *exposure_level(unsigned int exposure);

#endif
