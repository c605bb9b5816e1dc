/* SPDX-License-Identifier: MIT */
/*
 * Access control lists, as the kernel takes them: an extended attribute, acl(5)
 */

#include "daemon/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <sys/xattr.h>

#include "base/cleanup.h"

#define ATTRIBUTE "system.posix_acl_access"

static struct posix_acl_xattr_entry entry(unsigned int tag, unsigned int rights, uint32_t id) {
        return (struct posix_acl_xattr_entry){ htole16(tag), htole16(rights), htole32(id) };
}

int acl_give(int fd, unsigned int own, uid_t user, unsigned int theirs) {
        struct {
                struct posix_acl_xattr_header header;
                struct posix_acl_xattr_entry entries[5];
        } list = {
                .header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
                .entries = {
                        entry(ACL_USER_OBJ, own, (uint32_t)ACL_UNDEFINED_ID),
                        entry(ACL_USER, theirs, user),
                        entry(ACL_GROUP_OBJ, 0, (uint32_t)ACL_UNDEFINED_ID),
                        entry(ACL_MASK, theirs, (uint32_t)ACL_UNDEFINED_ID),
                        entry(ACL_OTHER, 0, (uint32_t)ACL_UNDEFINED_ID),
                },
        };

        return fsetxattr(fd, ATTRIBUTE, &list, sizeof list, 0) < 0 ? -errno : 0;
}
