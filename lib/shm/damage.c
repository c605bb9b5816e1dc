/* SPDX-License-Identifier: MIT */

/*
 * Looking for damage
 *
 * Twice, and what the second look finds too is damage: words that different participants changed in some order may for a
 * moment be seen in another, where neither waits for the other. What is wrong stays wrong.
 */

#include "shm/damage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shm/object.h"

#define LOOKS 2

void damage_add(struct damage *d, const char *format, ...) {
        va_list args;

        if (d->n++ > 0)
                return;
        va_start(args, format);
        vsnprintf(d->text, sizeof d->text, format, args);
        va_end(args);
}

bool damage_is_member(const struct object *o, uint32_t owner) {
        uint32_t participant = owner_participant(owner);

        if (participant == 0 || participant > RING_PARTICIPANTS)
                return false;
        return !o->seats || seats_has(o->seats, participant, owner_generation(owner));
}

const char *damage_owner(char *buf, uint32_t owner) {
        snprintf(buf, DAMAGE_OWNER_MAX, "participant %u (generation %u)", owner_participant(owner), owner_generation(owner));
        return buf;
}

void damage_check_waiters(struct damage *d, const struct eventcount *c, const char *who) {
        uint32_t stopped = atomic_load(&c->stopped);

        /* As a poller, it is the manager: it starts those that wait for demand. */
        if (atomic_load(&c->sleeping[0]) & 1)
                damage_add(d, "%s: participant 0 waits, which nobody is", who);
        if (stopped > RING_PARTICIPANTS)
                damage_add(d, "%s: %u participants are stopped, of at most %u", who, stopped, RING_PARTICIPANTS);
}

/** The header: nobody relies on it but who joins. */
static void check_header(struct damage *d, const struct object *o) {
        struct region_header header, expected;

        region_header_fill(&expected, &o->region.geometry);
        memcpy(&header, o->region.base, sizeof header);
        if (header.magic != expected.magic)
                damage_add(d, "its header begins with 0x%016llx, not with 0x%016llx", (unsigned long long)header.magic,
                           (unsigned long long)expected.magic);
        else if (memcmp(&header, &expected, sizeof header) != 0)
                damage_add(d, "its header says version %u, kind %u, %u slots of %u bytes; it is version %u, kind %u, %u of "
                           "%u", header.layout_version, header.kind, header.slots, header.message_max, expected.layout_version,
                           expected.kind, expected.slots, expected.message_max);
}

bool object_inspect(const struct object *o, struct damage *ret) {
        for (unsigned int look = 0; look < LOOKS; look++) {
                *ret = DAMAGE_NULL;
                check_header(ret, o);
                o->ops->inspect(o, ret);
                if (ret->n == 0)
                        return false;
        }
        return true;
}
