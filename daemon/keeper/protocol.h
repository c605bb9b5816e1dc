/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_PROTOCOL_H
#define GANGER_KEEPER_PROTOCOL_H

/*
 * What keeper and manager agree on, beside proto/keeper.proto
 *
 * The only header that both of them include. The pair is a SOCK_SEQPACKET, one packed message a packet.
 * The keeper's end never blocks; what does not fit waits in the keeper. A manager that sends without
 * reading can have KEEPER_REPLIES_MAX answers waiting; then the keeper stops reading, too.
 *
 * The keeper reads no request before it has sent the Welcome. What a manager had sent before it died is
 * still done, before the next one is started. A Signal for a process that is dead does nothing. Every Caught
 * SIGHUP is answered by a Ready with `reloaded`, also if the new configuration was refused: until then
 * each new manager is told of it again. After Leave the manager exits by itself; the keeper waits for that.
 */

/** Where a manager finds its end, and the variable that says so. */
#define KEEPER_FD 3
#define KEEPER_FD_ENV "GANGER_KEEPER_FD"
#define KEEPER_MANAGER_ARGV0 "gangerd: manager"

/**
 * Tells a keeper that it was another program before: the numbers of two descriptors, of the Handover and of that program.
 */
#define KEEPER_HANDOVER_ENV "GANGER_HANDOVER"
/** … and that the one that it was to become has refused it. */
#define KEEPER_HANDOVER_REFUSED_ENV "GANGER_HANDOVER_REFUSED"
/** What is in a Handover; who does not know it gives way. */
#define KEEPER_HANDOVER_VERSION 1
/** Bytes of all of a Handover. */
#define KEEPER_HANDOVER_MAX (KEEPER_WELCOME_MAX + 64 * 1024 * 1024)

/** One packet. Holds 150 of the longest names of stored fds, or an exit with the longest cookie. */
#define KEEPER_PACKET_MAX (64 * 1024)
/** Processes that live, and exits that nobody has acknowledged yet. More: EAGAIN. */
#define KEEPER_CHILDREN_MAX 16384
/** Exits that are told in one packet, if so many are to be told: each is handled before the next packet is read. */
#define KEEPER_EXITS_PACKET_MAX 16
/** Bytes of the requests that wait for the packet that they go with (ToKeeper.earlier). */
#define KEEPER_EARLIER_MAX (8 * 1024)
/** Answers to Spawn that the manager has not read. */
#define KEEPER_REPLIES_MAX KEEPER_CHILDREN_MAX
/** Stored descriptors. The limit that comes first is usually RLIMIT_NOFILE. */
#define KEEPER_STORED_FDS_MAX 65536
/** Descriptors in one StoredFds. */
#define KEEPER_STORED_FDS_PACKET_MAX 150
/** Bytes of an instance's key ("worker/0"), and of a stored fd's name ("instance/worker/0/member", ".../fd/1/FDNAME"). */
#define KEEPER_KEY_MAX 95
#define KEEPER_NAME_MAX 383
/** Bytes of a cookie: seats in 100 rings with the longest names. */
#define KEEPER_COOKIE_MAX (8 * 1024)
/** What a socket unit calls the control socket (FileDescriptorName=), and under what name it is stored then. */
#define KEEPER_SOCKET_UNIT_CONTROL "control"
#define KEEPER_ACTIVATED_CONTROL "activated/control"
/** Bytes of a packed WelcomeState: every child with its key, its cookie and its numbers. */
#define KEEPER_WELCOME_MAX (KEEPER_CHILDREN_MAX * (KEEPER_COOKIE_MAX + 256))
/** Bytes of a packed SpawnSpec; the kernel takes 6 MiB of arguments at the very most, and 2 MiB usually. */
#define KEEPER_SPEC_MAX (4 * 1024 * 1024)
/** Descriptors of one child: its 0, 1, 2 and more (253 in a packet, less the spec and the cgroup). */
#define KEEPER_CHILD_FDS_MIN 3
#define KEEPER_CHILD_FDS_MAX 251
/** Variables of one child whose value is its pid. */
#define KEEPER_PID_VARIABLES_MAX 4

/** Settings of one child, and bytes of a mask in one. */
#define KEEPER_SETTINGS_MAX 96
#define KEEPER_MASK_MAX 128
/** Bytes of a program of seccomp(2): BPF_MAXINSNS of 8 bytes. */
#define KEEPER_FILTER_MAX (4096 * 8)

/** RLIMIT_NLIMITS, checked where they are set. */
#define KEEPER_LIMITS_N 16

/** What can be set (Setting.what); the failure of one is told under the name of its key (`Spawned.step`). */
enum keeper_setting {
        KEEPER_SETTING_NONE,
        KEEPER_OOM_SCORE,               /* value */
        KEEPER_NICE,                    /* value */
        KEEPER_CPU_POLICY,              /* value: SCHED_…, soft: priority */
        KEEPER_CPUS,                    /* mask */
        KEEPER_IO_PRIORITY,             /* value: as ioprio_set(2) takes it */
        KEEPER_NUMA,                    /* value: MPOL_…, mask */
        KEEPER_TIMER_SLACK,             /* value: nanoseconds */
        KEEPER_LIMIT,                   /* and as many as RLIMIT_NLIMITS from here on, by RLIMIT_…: soft, hard */
        KEEPER_BOUNDING = KEEPER_LIMIT + KEEPER_LIMITS_N, /* soft: the capabilities that stay, a bit each */
        KEEPER_KEEP_CAPABILITIES,       /* through the change of the user, for the next one */
        KEEPER_AMBIENT,                 /* soft: capabilities */
        KEEPER_KEYRING,                 /* value: enum keeper_keyring */
        KEEPER_NO_NEW_PRIVILEGES,
        KEEPER_FILTER_ARCHITECTURES,    /* program; as all that follow, which are set in the order in which they come */
        KEEPER_FILTER_FAMILIES,
        KEEPER_FILTER_NAMESPACES,
        KEEPER_FILTER_SUID_SGID,
        KEEPER_FILTER_WRITE_EXECUTE,
        KEEPER_FILTER_PERSONALITY,
        KEEPER_FILTER_CALLS,            /* after all others, which it may refuse to set */
        KEEPER_FILTER_HOSTNAME,
        KEEPER_PRIVATE_NETWORK,         /* a namespace of its own; so are the next two */
        KEEPER_PRIVATE_IPC,
        KEEPER_PRIVATE_HOSTNAME,
        KEEPER_WITHOUT_DEVICES,         /* soft: as of KEEPER_BOUNDING, value: 1: so far as it may; as the next three */
        KEEPER_WITHOUT_MODULES,
        KEEPER_WITHOUT_LOGS,
        KEEPER_WITHOUT_CLOCK,
        KEEPER_FILTER_DEVICES,          /* program */
        KEEPER_FILTER_MODULES,
        KEEPER_FILTER_LOGS,
        KEEPER_FILTER_CLOCK,
        KEEPER_FILTER_REALTIME,
        KEEPER_OWN_USERS,               /* a user namespace, soft: the user, hard: the group that it has, and keeps */
        KEEPER_PRIVATE_USERS,           /* … in which root, too, is itself; what goes before it is done as root of all */
        KEEPER_PRIVATE_PIDS = KEEPER_PRIVATE_USERS + 20, /* process 1 of a namespace of its own, from the start */
        KEEPER_SETTING_LAST = KEEPER_PRIVATE_PIDS,
};

/** Of one child. Their sources are descriptors, beside those of KEEPER_CHILD_FDS_MAX. */
#define KEEPER_MOUNTS_MAX 256

/** What can be done in a mount namespace (Mount.what). */
enum keeper_mount {
        KEEPER_MOUNT_NONE,
        KEEPER_MOUNT_READ_ONLY,         /* with all that is mounted below it */
        KEEPER_MOUNT_READ_WRITE,        /* source, which is the path: as it was before */
        KEEPER_MOUNT_BIND,              /* source */
        KEEPER_MOUNT_BIND_READ_ONLY,    /* source */
        KEEPER_MOUNT_HIDE_DIRECTORY,
        KEEPER_MOUNT_HIDE_FILE,
        KEEPER_MOUNT_SHARED_TMPFS,      /* everybody may write there, as in /tmp */
        KEEPER_MOUNT_TMPFS,
        KEEPER_MOUNT_DIRECTORY,         /* is made, in a tmpfs of before */
        KEEPER_MOUNT_FILE,              /* … for something to be mounted on it */
        KEEPER_MOUNT_DEVICES,           /* a tmpfs for what follows it */
        KEEPER_MOUNT_LINK,              /* is made, in a tmpfs of before; source is what it says */
        KEEPER_MOUNT_SEAL,              /* read-only, without what is mounted below it */
        KEEPER_MOUNT_TERMINALS,         /* pseudo terminals of its own */
        KEEPER_MOUNT_PROC,              /* processes; source: its options */
        KEEPER_MOUNT_ROOT,              /* source, which is the path: to become the root */
        KEEPER_MOUNT_ENTER,             /* it does; after it there are no other paths */
        KEEPER_MOUNT_CGROUPS,           /* the cgroup that it is in, as the root of all, in a namespace of its own */
        KEEPER_MOUNT_CGROUPS_READ_ONLY, /* …; where it cannot be had, what is there is read-only */
        KEEPER_MOUNT_LAST = KEEPER_MOUNT_CGROUPS_READ_ONLY,
};

/** Of one child. */
#define KEEPER_LANDLOCK_MAX 256

/**
 * What Landlock permits (Landlock.what). A kind of which nothing is said is not restricted; READ, WRITE and EXECUTE are
 * one kind.
 */
enum keeper_landlock {
        KEEPER_LANDLOCK_NONE,
        KEEPER_LANDLOCK_READ,           /* path */
        KEEPER_LANDLOCK_WRITE,          /* … and read, make, remove */
        KEEPER_LANDLOCK_EXECUTE,        /* … and read */
        KEEPER_LANDLOCK_BIND,           /* port of TCP */
        KEEPER_LANDLOCK_CONNECT,
        KEEPER_LANDLOCK_LAST = KEEPER_LANDLOCK_CONNECT,
};

enum keeper_keyring {
        KEEPER_KEYRING_PRIVATE,         /* a session keyring of its own */
        KEEPER_KEYRING_SHARED,          /* … in which that of its user is */
};

/** `Spawned.step` where the keeper said no before there was a process: EEXIST, EINVAL, EAGAIN, ESHUTDOWN, … */
#define KEEPER_STEP_REFUSED "refused"
/** `Spawned.step` where the spec cannot be used: not sealed, too long, not a SpawnSpec, nonsense in it. */
#define KEEPER_STEP_SPEC "spec"

#endif
