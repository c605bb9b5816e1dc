/* SPDX-License-Identifier: MIT */

/*
 * The words of the keys of isolation: capabilities, families of addresses, kinds of namespaces
 *
 * Each stands for the number that the system has for it.
 */

#include "daemon/config/words-isolation.h"

#include <linux/capability.h>
#include <sched.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define WORD(name) { #name, name }

static const struct isolation_word capabilities[] = {
        WORD(CAP_CHOWN), WORD(CAP_DAC_OVERRIDE), WORD(CAP_DAC_READ_SEARCH), WORD(CAP_FOWNER),
        WORD(CAP_FSETID), WORD(CAP_KILL), WORD(CAP_SETGID), WORD(CAP_SETUID), WORD(CAP_SETPCAP),
        WORD(CAP_LINUX_IMMUTABLE), WORD(CAP_NET_BIND_SERVICE), WORD(CAP_NET_BROADCAST), WORD(CAP_NET_ADMIN),
        WORD(CAP_NET_RAW), WORD(CAP_IPC_LOCK), WORD(CAP_IPC_OWNER), WORD(CAP_SYS_MODULE), WORD(CAP_SYS_RAWIO),
        WORD(CAP_SYS_CHROOT), WORD(CAP_SYS_PTRACE), WORD(CAP_SYS_PACCT), WORD(CAP_SYS_ADMIN),
        WORD(CAP_SYS_BOOT), WORD(CAP_SYS_NICE), WORD(CAP_SYS_RESOURCE), WORD(CAP_SYS_TIME),
        WORD(CAP_SYS_TTY_CONFIG), WORD(CAP_MKNOD), WORD(CAP_LEASE), WORD(CAP_AUDIT_WRITE),
        WORD(CAP_AUDIT_CONTROL), WORD(CAP_SETFCAP), WORD(CAP_MAC_OVERRIDE), WORD(CAP_MAC_ADMIN),
        WORD(CAP_SYSLOG), WORD(CAP_WAKE_ALARM), WORD(CAP_BLOCK_SUSPEND), WORD(CAP_AUDIT_READ),
        WORD(CAP_PERFMON), WORD(CAP_BPF), WORD(CAP_CHECKPOINT_RESTORE),
};
_Static_assert(ARRAY_SIZE(capabilities) == CAP_CHECKPOINT_RESTORE + 1, "each has its word, in the order of their numbers");

static const struct isolation_word families[] = {
        WORD(AF_UNIX), { "AF_LOCAL", AF_UNIX }, WORD(AF_INET), WORD(AF_INET6), WORD(AF_NETLINK),
        WORD(AF_PACKET), WORD(AF_VSOCK), WORD(AF_ALG), WORD(AF_BLUETOOTH), WORD(AF_CAN), WORD(AF_TIPC),
        WORD(AF_XDP), WORD(AF_KCM), WORD(AF_SMC), WORD(AF_QIPCRTR), WORD(AF_KEY), WORD(AF_RDS), WORD(AF_NFC),
        WORD(AF_IEEE802154), WORD(AF_PHONET), WORD(AF_CAIF), WORD(AF_PPPOX), WORD(AF_LLC), WORD(AF_IB),
        WORD(AF_MPLS), WORD(AF_RXRPC), WORD(AF_ISDN), WORD(AF_AX25), WORD(AF_NETROM), WORD(AF_ROSE),
        WORD(AF_X25), WORD(AF_IPX), WORD(AF_APPLETALK), WORD(AF_ATMPVC), WORD(AF_ATMSVC), WORD(AF_BRIDGE),
        WORD(AF_SECURITY),
};

static const struct isolation_word namespaces[] = {
        { "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET },
        { "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME }, { "user", CLONE_NEWUSER }, { "uts", CLONE_NEWUTS },
};

const struct isolation_words isolation_capabilities = { "capability", capabilities, ARRAY_SIZE(capabilities) };
const struct isolation_words isolation_families = { "family of addresses", families, ARRAY_SIZE(families) };
const struct isolation_words isolation_namespaces = { "kind of namespace", namespaces, ARRAY_SIZE(namespaces) };

#define BIT(capability) (UINT64_C(1) << (capability))

const uint64_t isolation_devices = BIT(CAP_MKNOD) | BIT(CAP_SYS_RAWIO);
const uint64_t isolation_modules = BIT(CAP_SYS_MODULE);
const uint64_t isolation_logs = BIT(CAP_SYSLOG);
const uint64_t isolation_clock = BIT(CAP_SYS_TIME) | BIT(CAP_WAKE_ALARM);

const struct isolation_word *isolation_word_find(const struct isolation_words *words, const char *name) {
        for (size_t i = 0; i < words->n; i++)
                if (strcasecmp(words->words[i].name, name) == 0)
                        return &words->words[i];
        return NULL;
}
