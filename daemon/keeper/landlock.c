/* SPDX-License-Identifier: MIT */

/*
 * Landlock
 *
 * What must hold: it runs in the child, which shares our memory, so it makes system calls and nothing else.
 *
 * The kernel says which version of it it has. Each restricts more: 2 that files are moved between directories, which before
 * nobody can who is restricted; 3 that they are truncated; 4 ports of TCP; 5 what devices are told. What the headers here
 * may not know yet is by its number.
 */

#include "daemon/keeper/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/keeper/protocol.h"

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEVICE (UINT64_C(1) << 15)
#define NET_BIND (UINT64_C(1) << 0)
#define NET_CONNECT (UINT64_C(1) << 1)
#define RULE_PORT 2

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_EXECUTE (LANDLOCK_ACCESS_FS_EXECUTE | FS_READ)
#define FS_FIRST ((UINT64_C(1) << 13) - 1)
#define FS_WRITE ((FS_FIRST & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE) | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEVICE)
/** What can be done with something that is no directory. */
#define FS_OF_FILE \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEVICE)

/** As the kernel has them, of any version. */
struct attributes {
        uint64_t files, ports;
};
struct port_rule {
        uint64_t access, port;
};

static const struct row {
        const char *key;
        uint64_t files, ports;          /* what is permitted */
} rows[] = {
        [KEEPER_LANDLOCK_READ] = { "landlock-read", FS_READ, 0 },
        [KEEPER_LANDLOCK_WRITE] = { "landlock-write", FS_WRITE, 0 },
        [KEEPER_LANDLOCK_EXECUTE] = { "landlock-execute", FS_EXECUTE, 0 },
        [KEEPER_LANDLOCK_BIND] = { "landlock-bind", 0, NET_BIND },
        [KEEPER_LANDLOCK_CONNECT] = { "landlock-connect", 0, NET_CONNECT },
};

bool landlock_rule_is_valid(const struct landlock_rule *rule) {
        if (rule->what <= KEEPER_LANDLOCK_NONE || rule->what > KEEPER_LANDLOCK_LAST)
                return false;
        return rows[rule->what].ports ? rule->port <= UINT16_MAX : rule->path[0] == '/';
}

_child_ static uint64_t files_of(long version) {
        return FS_FIRST | (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
               (version >= 5 ? FS_IOCTL_DEVICE : 0);
}

/* Any rule of a kind restricts all of that kind: files of all sorts, ports each way. */
_child_ static struct attributes attributes_of(const struct landlock_rule *rules, size_t n) {
        struct attributes a = { 0 };

        for (size_t i = 0; i < n; i++) {
                if (rows[rules[i].what].files)
                        a.files = files_of(INT64_MAX);
                a.ports |= rows[rules[i].what].ports;
        }
        return a;
}

_child_ static const char *first_key(const struct landlock_rule *rules, size_t n, bool of_ports) {
        for (size_t i = 0; i < n; i++)
                if ((rows[rules[i].what].ports != 0) == of_ports)
                        return rows[rules[i].what].key;
        return rows[KEEPER_LANDLOCK_WRITE].key;
}

/* Before version 3 files can be truncated, before 5 devices told things, wherever they are. */
_child_ static long make_set(const struct landlock_rule *rules, size_t n, long version, bool may_lack, struct left_out *left_out,
                             const char **ret_key) {
        struct attributes a = attributes_of(rules, n);

        if (a.ports && version < 4) {
                *ret_key = first_key(rules, n, true);
                errno = EOPNOTSUPP;
                return -1;
        }
        if (a.files && version < 3) {
                *ret_key = first_key(rules, n, false);
                if (!may_lack) {
                        errno = EOPNOTSUPP;
                        return -1;
                }
                left_out_add(left_out, *ret_key, EOPNOTSUPP);
        }
        a.files &= files_of(version);
        return syscall(SYS_landlock_create_ruleset, &a, version < 4 ? sizeof a.files : sizeof a, 0);
}

/* @return 1: it is one; 0; -1 with errno. */
_child_ static long is_directory(long fd) {
        struct statx stx;

        if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) < 0)
                return -1;
        return S_ISDIR(stx.stx_mode);
}

_child_ static long add_path(long set, const struct landlock_rule *rule, long version) {
        struct landlock_path_beneath_attr attr = { .allowed_access = rows[rule->what].files & files_of(version) };
        long fd = syscall(SYS_openat, AT_FDCWD, rule->path, O_PATH | O_CLOEXEC), r;
        int error;

        if (fd < 0)
                return rule->may_be_missing && (errno == ENOENT || errno == ENOTDIR) ? 0 : -1;
        r = is_directory(fd);
        if (r == 0)
                attr.allowed_access &= FS_OF_FILE;
        attr.parent_fd = (int)fd;
        if (r >= 0)
                r = syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
        error = errno;
        syscall(SYS_close, fd);
        errno = error;
        return r;
}

_child_ static long add_port(long set, const struct landlock_rule *rule) {
        struct port_rule attr = { rows[rule->what].ports, rule->port };

        return syscall(SYS_landlock_add_rule, set, RULE_PORT, &attr, 0);
}

_child_ static long add_rule(long set, const struct landlock_rule *rule, long version) {
        if (rule->none)
                return 0;
        return rows[rule->what].ports ? add_port(set, rule) : add_path(set, rule, version);
}

_child_ long landlock_make(const struct landlock_rule *rules, size_t n, bool may_lack, struct left_out *left_out,
                           const char **ret_key) {
        long version, set;

        *ret_key = rows[rules[0].what].key;
        version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (version < 0)
                return -1;
        set = make_set(rules, n, version, may_lack, left_out, ret_key);
        if (set < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                *ret_key = rows[rules[i].what].key;
                if (add_rule(set, &rules[i], version) < 0)
                        return -1;
        }
        return set;
}

_child_ long landlock_restrict(long fd) {
        return syscall(SYS_landlock_restrict_self, fd, 0);
}
