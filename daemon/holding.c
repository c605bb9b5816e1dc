/* SPDX-License-Identifier: MIT */
/*
 * What processes hold, for the case that the keeper dies with all of them
 *
 * The keeper has a cookie for each process, with its seats; that is what the next manager recovers it by. If the keeper
 * dies, each process dies with it, and so does the cookie. Hence, where a service manager keeps the objects and the state
 * memory over that, the seats are in the state memory too, and the member memory (the journals of forwards) is in the
 * store of the service manager: then whoever begins after the keeper recovers each of them as if its exit had been told.
 *
 * That the keeper is dead means that they are: the kernel sends each of them SIGKILL with it, and a service manager starts
 * a service again when all that is in its cgroup was sent SIGKILL and is gone; what it cannot get rid of executes no
 * instruction of its own any more. A process that has attached from outside is none of these: it may live, and has a
 * record and a pidfd.
 *
 * Written before the process is asked for, erased when it is recovered. So for a process that may hold something there is
 * always such a record; where there is one and no process, and no exit of one, the process is dead, or never was. To
 * recover one that was recovered before does no harm: its numbers, if anybody has them again, are of another generation.
 */

#include "daemon/holding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/objects.h"

/** Seats in one record: so many of the longest names fit. */
#define SEATS_PER_RECORD 8

static_assert(SEATS_PER_RECORD * (NAME_LENGTH_MAX + 32) + INSTANCE_KEY_MAX + 32 <= STATE_BODY_MAX, "a record must hold them");

/** Of one process that the predecessor has written down. */
struct holding {
        struct list link;               /* gang_objects.holdings */
        char key[INSTANCE_KEY_MAX];
        uint64_t generation;
        Ganger__State__Seat *seats[MEMBERSHIP_OBJECTS_MAX]; /* NULL: that part is missing */
        size_t n_seats;
        struct membership membership;   /* has the slots of its records */
};

/* ---- writing ----------------------------------------------------------------------------------- */

static int write_part(struct gang *gang, const char *key, uint64_t generation, const struct membership *m, size_t first,
                      uint32_t *slot) {
        Ganger__State__HeldState record = GANGER__STATE__HELD_STATE__INIT;
        Ganger__State__Seat seats[SEATS_PER_RECORD], *pointers[SEATS_PER_RECORD];

        record.key = (char *)key;
        record.generation = generation;
        record.first = (uint32_t)first;
        record.seats = pointers;
        for (; record.n_seats < SEATS_PER_RECORD && first + record.n_seats < m->n_seats; record.n_seats++) {
                membership_seat_record(&m->seats[first + record.n_seats], &seats[record.n_seats]);
                pointers[record.n_seats] = &seats[record.n_seats];
        }
        return state_write_message(&gang->state, slot, STATE_HELD, &record.base);
}

int holding_write(struct gang *gang, const char *key, uint64_t generation, struct membership *m) {
        size_t n = (m->n_seats + SEATS_PER_RECORD - 1) / SEATS_PER_RECORD;
        int r = 0;

        if (!gang->link.lasts || n == 0 || fault_is("forget-holding"))
                return 0;
        m->held = calloc(n, sizeof *m->held);
        if (!m->held)
                return -ENOMEM;
        for (; m->n_held < n && r >= 0; m->n_held++) {
                m->held[m->n_held] = STATE_SLOT_NONE;
                r = write_part(gang, key, generation, m, m->n_held * SEATS_PER_RECORD, &m->held[m->n_held]);
        }
        return r;
}

void holding_erase(struct gang *gang, struct membership *m) {
        for (size_t i = 0; i < m->n_held; i++)
                state_erase(&gang->state, &m->held[i]);
        free(m->held);
        m->held = NULL;
        m->n_held = 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static struct holding *holding_free(struct holding *h) {
        list_unlink(&h->link);
        for (size_t i = 0; i < h->n_seats; i++)
                if (h->seats[i])
                        ganger__state__seat__free_unpacked(h->seats[i], NULL);
        free(h->membership.held);
        free(h);
        return NULL;
}

static struct holding *find(struct gang *gang, const char *key, uint64_t generation) {
        list_for_each(it, &gang->objects.holdings) {
                struct holding *h = list_entry(it, struct holding, link);

                if (h->generation == generation && strcmp(h->key, key) == 0)
                        return h;
        }
        return NULL;
}

static struct holding *find_or_make(struct gang *gang, const Ganger__State__HeldState *record) {
        struct holding *h = find(gang, record->key, record->generation);

        if (h)
                return h;
        h = calloc(1, sizeof *h);
        if (!h)
                return NULL;
        h->generation = record->generation;
        h->membership = MEMBERSHIP_NULL;
        snprintf(h->key, sizeof h->key, "%s", record->key);
        list_append(&gang->objects.holdings, &h->link);
        return h;
}

static int add_slot(struct membership *m, uint32_t slot) {
        uint32_t *held = reallocarray(m->held, m->n_held + 1, sizeof *held);

        if (!held)
                return -ENOMEM;
        m->held = held;
        m->held[m->n_held++] = slot;
        return 0;
}

/* What is not restored here is recovered by nobody: better that another manager tries than that it goes on without. */
bool holding_restore(struct gang *gang, const Ganger__State__HeldState *record, uint32_t slot) {
        struct holding *h;

        if (record->n_seats > MEMBERSHIP_OBJECTS_MAX || record->first > MEMBERSHIP_OBJECTS_MAX - record->n_seats ||
            strlen(record->key) >= sizeof h->key)
                return false;
        h = find_or_make(gang, record);
        if (!h || add_slot(&h->membership, slot) < 0)
                abort();
        for (size_t i = 0; i < record->n_seats; i++) {
                Ganger__State__Seat **seat = &h->seats[record->first + i];

                if (*seat)
                        ganger__state__seat__free_unpacked(*seat, NULL);
                *seat = record->seats[i];
                record->seats[i] = NULL;
        }
        h->n_seats = MAX(h->n_seats, record->first + record->n_seats);
        return true;
}

void holding_claim(struct gang *gang, const char *key, uint64_t generation, struct membership *m) {
        struct holding *h = find(gang, key, generation);

        if (!h)
                return;
        m->held = TAKE(h->membership.held);
        m->n_held = h->membership.n_held;
        holding_free(h);
}

static void take_seats(struct gang *gang, struct holding *h) {
        const Ganger__State__Seat missing = GANGER__STATE__SEAT__INIT;
        Ganger__State__Seat *seats[MEMBERSHIP_OBJECTS_MAX];
        char name[INSTANCE_KEY_MAX + 20];
        uint32_t *held = h->membership.held;
        size_t n_held = h->membership.n_held;
        int member, r;

        for (size_t i = 0; i < h->n_seats; i++)
                seats[i] = h->seats[i] ? h->seats[i] : (Ganger__State__Seat *)&missing;
        snprintf(name, sizeof name, "instance/%s/member", h->key);
        member = keeper_link_take(&gang->link, name);
        if (fault_is("forget-held-member"))
                member = close_fd(member);
        r = membership_restore(&gang->objects, h->key, seats, h->n_seats, member, &h->membership);
        h->membership.held = held;
        h->membership.n_held = n_held;
        if (r < 0)
                log_error("%s: what it held cannot be recovered in full: %s", h->key, strerror(-r));
        else if (member < 0)
                log_warning("%s: its member memory is lost: what it forwarded last may be there twice", h->key);
}

void holdings_take_seats(struct gang *gang) {
        list_for_each(it, &gang->objects.holdings)
                take_seats(gang, list_entry(it, struct holding, link));
}

void holdings_recover(struct gang *gang) {
        size_t n = 0;

        list_for_each_safe(it, &gang->objects.holdings) {
                struct holding *h = list_entry(it, struct holding, link);

                fault_point("before-recover-held");
                membership_recover(&gang->objects, &h->membership, 0, "its keeper died");
                fault_point("after-recover-held");
                membership_leave(&gang->objects, &h->membership);
                holding_free(h);
                n++;
        }
        if (n > 0)
                log_warning("the keeper before has died: what %zu process%s of it held is recovered", n, n == 1 ? "" : "es");
}

void holdings_done(struct gang_objects *objects) {
        list_for_each_safe(it, &objects->holdings)
                holding_free(list_entry(it, struct holding, link));
}
