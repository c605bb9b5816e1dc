/* SPDX-License-Identifier: MIT */

/*
 * Making and mapping the memory of objects
 *
 * Whoever maps knows the geometry from elsewhere; the header is compared with it, and then never read again. (Seals keep the
 * size; what is in the header may change, and does not matter any more.)
 */

#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "shm/layout.h"
#include "shm/sys.h"

#define REGION_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

bool region_barrier_is_available(void) {
        return sys_barrier_register() == 0 && sys_barrier_all() == 0;
}

static int write_header(int fd, const struct geometry *g) {
        struct region_header header;

        region_header_fill(&header, g);
        if (pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
                return -EIO;
        return 0;
}

int region_create(const char *name, const struct geometry *g) {
        _cleanup_(closep) int fd = -1;
        int r;

        r = geometry_check(g);
        if (r < 0)
                return r;
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0)
                return -errno;
        /* In full now, so that no later access can fail. */
        r = posix_fallocate(fd, 0, (off_t)geometry_size(g));
        if (r > 0)
                return -r;
        r = write_header(fd, g);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, REGION_SEALS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/** What the file says of itself. Its version comes first: of another layout not even the size says anything. */
static int check_header(int fd, const struct geometry *g) {
        struct region_header h;

        if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h || h.magic != REGION_MAGIC)
                return -EPROTO;
        if (h.layout_version != REGION_LAYOUT_VERSION)
                return -EPROTONOSUPPORT;
        if (h.kind != g->kind || h.slots != g->slots || h.message_max != g->message_max || h.capacity != g->capacity ||
            h.policy != g->policy || h.participants != RING_PARTICIPANTS || h.slot_size != g->slot_size || h.heap != g->heap)
                return -EPROTO;
        return 0;
}

static int check_file(int fd, const struct geometry *g, bool own) {
        struct stat st;
        int seals, r;

        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return -errno;
        if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
                return -EPERM;
        r = own ? 0 : check_header(fd, g);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        return (size_t)st.st_size < geometry_size(g) ? -EPROTO : 0;
}

static int map(struct region *ret, int fd, const struct geometry *geometry, bool own, int how) {
        size_t size;
        void *base;
        int r;

        r = geometry_check(geometry);
        if (r < 0)
                return r;
        r = check_file(fd, geometry, own);
        if (r < 0)
                return r;
        if (!geometry->fences && sys_barrier_register() < 0)
                return -EOPNOTSUPP;
        size = geometry_size(geometry);
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, how, fd, 0);
        if (base == MAP_FAILED)
                return -errno;
        (void)madvise(base, size, MADV_DONTFORK); /* refused for none of our mappings */
        *ret = (struct region){ .base = base, .size = size, .geometry = *geometry };
        return 0;
}

int region_map(struct region *ret, int fd, const struct geometry *geometry) {
        return map(ret, fd, geometry, false, MAP_SHARED);
}

int region_map_own(struct region *ret, int fd, const struct geometry *geometry) {
        return map(ret, fd, geometry, true, MAP_SHARED);
}

int region_map_copy(struct region *ret, int fd, const struct geometry *geometry) {
        return map(ret, fd, geometry, true, MAP_PRIVATE | MAP_NORESERVE);
}

int region_protect(const struct region *r, size_t shared) {
        if (shared >= r->size)
                return 0;
        if (mprotect((unsigned char *)r->base + shared, r->size - shared, PROT_READ) < 0)
                return -errno;
        return 0;
}

void region_unmap(struct region *r) {
        if (r->base)
                munmap(r->base, r->size);
        *r = REGION_NULL;
}
