/* SPDX-License-Identifier: MIT */
/*
 * Opening a socket to listen at
 *
 * A path is the one address that outlives its socket: after the death of a daemon its file is in the way of the next one.
 * So a file at the path is removed if it is a socket, ours, and nobody answers there. What must hold: nobody's living
 * socket is taken from it, and a new file is never open to more people than `mode` says, not for a moment. The directory
 * may be somebody else's, who can put another file in the place of ours at any time: nothing but a socket gets its owner
 * and mode.
 */

#include "daemon/socket-open.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/config/values.h"

/* ---- a path ------------------------------------------------------------------------------------ */

/* Does anybody answer there? Whoever speaks another type of socket does, too, and says so. */
static bool is_answered(int type, const struct listen_address *address) {
        _cleanup_(closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 || connect(fd, &address->any, address->size) == 0 || errno != ECONNREFUSED;
}

static int remove_stale(int type, const struct listen_address *address, struct error *error) {
        const char *path = listen_address_path(address);
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : error_errno(error, -errno, "looking at it");
        if (!S_ISSOCK(st.st_mode))
                return error_set(error, -EEXIST, "there is a file that is no socket");
        if (is_answered(type, address))
                return error_set(error, -EADDRINUSE, "somebody else listens there");
        if (st.st_uid != geteuid() && geteuid() != 0)
                return error_set(error, -EADDRINUSE, "there is a socket of user %u", (unsigned int)st.st_uid);
        return unlink(path) < 0 && errno != ENOENT ? error_errno(error, -errno, "removing what an earlier one has left") : 0;
}

/* @return 0, -ESRCH. */
static int find_owner(const struct listen_definition *listen, uid_t *uid, gid_t *gid) {
        const struct passwd *user;
        const struct group *group;
        uint64_t number;

        *uid = (uid_t)-1;
        *gid = (gid_t)-1;
        if (listen->user && number_parse(listen->user, &number) == 0)
                *uid = (uid_t)number;
        else if (listen->user) {
                user = getpwnam(listen->user);
                if (!user)
                        return -ESRCH;
                *uid = user->pw_uid;
        }
        if (listen->group && number_parse(listen->group, &number) == 0)
                *gid = (gid_t)number;
        else if (listen->group) {
                group = getgrnam(listen->group);
                if (!group)
                        return -ESRCH;
                *gid = group->gr_gid;
        }
        return 0;
}

static int adjust_file(const char *path, const struct listen_definition *listen, struct error *error) {
        uid_t uid;
        gid_t gid;
        _cleanup_(closep) int fd = -1;
        char link[32];
        struct stat st;
        int r = find_owner(listen, &uid, &gid);

        if (r < 0)
                return error_set(error, r, "its user or group does not exist");
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(error, -errno, "looking at it");
        if (!S_ISSOCK(st.st_mode))
                return error_set(error, -EPERM, "somebody has put another file in its place");
        if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
                return error_errno(error, -errno, "changing its owner");
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd); /* fchmod(2) takes no such descriptor */
        return chmod(link, listen->mode) < 0 ? error_errno(error, -errno, "changing its mode") : 0;
}

/* ---- any --------------------------------------------------------------------------------------- */

static int set_option(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int set_options(int fd, int type, const struct listen_address *address, const struct listen_definition *listen) {
        int r = 0;

        if (address->any.sa_family == AF_UNIX)
                return 0;
        if (address->any.sa_family == AF_INET6)
                r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->both);
        /* Connections of an earlier socket, which end by themselves, are not in the way. */
        if (r == 0 && type == SOCK_STREAM)
                r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (r == 0 && listen->reuse_port)
                r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        return r;
}

/* Nobody may connect before mode and owner are right: it is made without any rights. */
static int bind_closed(int fd, const struct listen_address *address) {
        mode_t before = umask(0777);
        int r = bind(fd, &address->any, address->size) < 0 ? -errno : 0;

        umask(before);
        return r;
}

int socket_adjust(int fd, int type, const struct listen_address *address, const struct listen_definition *listen_to,
                  struct error *error) {
        const char *path = listen_address_path(address);
        int r = path ? adjust_file(path, listen_to, error) : 0;

        if (r < 0)
                return r;
        if (type != SOCK_DGRAM && listen(fd, (int)listen_to->backlog) < 0)
                return error_errno(error, -errno, "listening");
        return 0;
}

/* A port alone means IPv4, where there is no IPv6. */
static struct listen_address without_ipv6(const struct listen_address *address) {
        struct listen_address ipv4 = { .ipv4 = { .sin_family = AF_INET, .sin_port = address->ipv6.sin6_port },
                                       .size = sizeof ipv4.ipv4 };

        return ipv4;
}

int socket_open(int type, const struct listen_address *address, const struct listen_definition *listen,
                struct error *error) {
        const char *path = listen_address_path(address);
        _cleanup_(closep) int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);
        struct listen_address ipv4;
        int r;

        if (fd < 0 && errno == EAFNOSUPPORT && address->both) {
                ipv4 = without_ipv6(address);
                return socket_open(type, &ipv4, listen, error);
        }
        if (fd < 0)
                return error_errno(error, -errno, "socket");
        r = set_options(fd, type, address, listen);
        if (r < 0)
                return error_errno(error, r, "setting its options");
        if (path) {
                r = remove_stale(type, address, error);
                if (r < 0)
                        return r;
        }
        r = bind_closed(fd, address);
        if (r < 0)
                return error_errno(error, r, "binding");
        r = socket_adjust(fd, type, address, listen, error);
        if (r < 0) {
                if (path)
                        (void)unlink(path);
                return r;
        }
        return TAKE_FD(fd);
}
