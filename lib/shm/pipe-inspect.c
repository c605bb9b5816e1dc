/* SPDX-License-Identifier: MIT */

/*
 * What can be wrong with a pipe
 *
 * Both positions together, and the sizes of the records between them. A record stays as it is until the reader is past it;
 * so what was read of one counts only if `consumed` is not, afterwards.
 */

#include "shm/damage.h"
#include "shm/pipe-fast.h"
#include "shm/pipe-object.h"

typedef unsigned long long ull;

/** A reader that is so busy that its position never stands still is looked at another time. */
#define LOOKS_MAX 64
/** So many records are looked at. */
#define RECORDS_MAX (1u << 16)

static uint64_t load(const _Atomic uint64_t *position) {
        return atomic_load_explicit(position, memory_order_acquire);
}

/** Both positions at one time. @return false: there was none. */
static bool look(const struct pipe *p, uint64_t *ret_consumed, uint64_t *ret_written) {
        for (unsigned int i = 0; i < LOOKS_MAX; i++) {
                *ret_consumed = load(&p->control->consumed);
                *ret_written = load(&p->control->written);
                if (load(&p->control->consumed) == *ret_consumed)
                        return true;
        }
        return false;
}

static void check_records(struct damage *d, const struct pipe *p, uint64_t position, uint64_t written) {
        for (unsigned int i = 0; i < RECORDS_MAX && position != written; i++) {
                uint64_t header = *(const volatile uint64_t *)(const void *)pipe_at(p, position);
                uint64_t left = written - position, rest = pipe_rest(p, position), size;
                bool padding = header == PIPE_PADDING && rest < left;

                atomic_thread_fence(memory_order_acquire);
                if ((int64_t)(load(&p->control->consumed) - position) > 0)
                        return;
                if (!padding && (header > p->message_max || pipe_stride(header) > left || pipe_stride(header) > rest)) {
                        damage_add(d, "the record at byte %llu says that it has %llu bytes; the longest has %u, and %llu are "
                                   "there", (ull)position, (ull)header, p->message_max, (ull)left);
                        return; /* where the next one begins nobody knows */
                }
                size = padding ? rest : pipe_stride(header);
                position += size;
        }
}

static void check_end(struct damage *d, const struct object *o, const _Atomic uint32_t *word, const char *name) {
        uint32_t owner = atomic_load_explicit(word, memory_order_acquire);
        char text[DAMAGE_OWNER_MAX];

        if (owner != 0 && !damage_is_member(o, owner))
                damage_add(d, "its %s is %s, which nobody is", name, damage_owner(text, owner));
}

void pipe_inspect(const struct object *o, struct damage *ret) {
        const struct pipe *p = &o->pipe;
        uint64_t consumed, written;

        check_end(ret, o, &p->control->writer, "writer");
        check_end(ret, o, &p->control->reader, "reader");
        damage_check_waiters(ret, &p->control->records, "the reader that waits");
        damage_check_waiters(ret, &p->control->space, "the writer that waits");
        if (!look(p, &consumed, &written))
                return;
        if (written - consumed > pipe_bytes(p) || (written | consumed) % PIPE_ALIGN != 0)
                damage_add(ret, "%llu bytes were written and %llu consumed; between them fit %llu, in steps of %u",
                           (ull)written, (ull)consumed, (ull)pipe_bytes(p), PIPE_ALIGN);
        else
                check_records(ret, p, consumed, written);
}
