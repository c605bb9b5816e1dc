/* SPDX-License-Identifier: MIT */

/*
 * Member memory and journals
 *
 * Invariant: while `armed` is not 0, the entries below it are complete, and each slot that they name was held
 * by this process, in the state they say, when the journal was armed. Redoing an entry that is done already
 * changes nothing: the slot has left the state, or is no longer owned.
 */

#include "shm/member.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/queue-fast.h"

int member_create(const char *name) {
        const struct member_memory header = {
                .magic = MEMBER_MAGIC,
                .layout_version = MEMBER_LAYOUT_VERSION,
                .handles = MEMBER_HANDLES,
        };
        _cleanup_(closep) int fd = -1;
        int r;

        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0)
                return -errno;
        r = posix_fallocate(fd, 0, sizeof(struct member_memory));
        if (r > 0)
                return -r;
        if (pwrite(fd, &header, offsetof(struct member_memory, drain), 0) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int member_map(struct member *ret, int fd) {
        struct member_memory *m;
        struct stat st;
        int seals;

        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return -errno;
        if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
                return -EPERM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((size_t)st.st_size < sizeof *m)
                return -EPROTO;
        m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (m == MAP_FAILED)
                return -errno;
        if (m->magic != MEMBER_MAGIC || m->layout_version != MEMBER_LAYOUT_VERSION || m->handles != MEMBER_HANDLES) {
                munmap(m, sizeof *m);
                return -EPROTO;
        }
        (void)madvise(m, sizeof *m, MADV_DONTFORK);
        ret->memory = m;
        return 0;
}

void member_unmap(struct member *m) {
        if (m->memory)
                munmap(m->memory, sizeof *m->memory);
        *m = MEMBER_NULL;
}

bool member_flag(struct member_memory *m, uint32_t bits, bool on) {
        uint32_t before = on ? atomic_fetch_or_explicit(&m->drain, bits, memory_order_release) :
                               atomic_fetch_and_explicit(&m->drain, ~bits, memory_order_release);

        wait_flag_wake(&m->drain);
        return on ? (before & bits) != bits : (before & bits) != 0;
}

uint64_t redo_pack(const struct redo *r) {
        return (uint64_t)r->acknowledge << 63 | (uint64_t)r->ring << (32 + WORD_OWNER_BITS) |
               (uint64_t)r->owner << 32 | r->slot;
}

struct redo redo_unpack(uint64_t entry) {
        return (struct redo){
                .acknowledge = entry >> 63,
                .ring = (uint32_t)(entry >> (32 + WORD_OWNER_BITS)) & ((1u << (31 - WORD_OWNER_BITS)) - 1),
                .owner = (uint32_t)(entry >> 32) & ((1u << WORD_OWNER_BITS) - 1),
                .slot = (uint32_t)entry,
        };
}

static void settle(const struct settlement *s) {
        if (s->acknowledge)
                queue_settle_acknowledge(s->queue, s->slot, s->queue->owner);
        else
                queue_settle_commit(s->queue, s->slot, s->queue->owner);
}

void journal_settle(struct journal *j, const struct settlement *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                j->entries[i] = redo_pack(&(struct redo){
                        .ring = s[i].ring,
                        .owner = s[i].queue->owner,
                        .slot = s[i].slot,
                        .acknowledge = s[i].acknowledge,
                });
#if SHM_FAULT != FAULT_NO_JOURNAL
        /* The commit point. Release: whoever sees it sees the entries and the messages. */
        atomic_store_explicit(&j->armed, n, memory_order_release);
#endif
        for (size_t i = 0; i < n; i++)
                settle(&s[i]);
#if SHM_FAULT != FAULT_JOURNAL_KEPT
        /* Release: after everything that it stands for. */
        atomic_store_explicit(&j->armed, 0, memory_order_release);
#endif
        for (size_t i = 0; i < n; i++)
                if (s[i].acknowledge)
                        queue_freed(s[i].queue);
                else
                        queue_published(s[i].queue, 1);
}
