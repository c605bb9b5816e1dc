/* SPDX-License-Identifier: MIT */
/*
 * How many instances a worker should have
 *
 * Invariant: a step up happens only if more wait than `depth` for each; the step back that would follow only if no more
 * than half of what the smaller number can hold do. So no load makes both happen in turn, however short the delays.
 */

#include "daemon/policy/scale.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"

/** Too little. From none, anything that waits is too much for them. */
static bool is_above(const struct scale_options *o, const struct scale_facts *f, uint32_t wanted) {
        if (wanted == 0)
                return f->waiting > 0;
        return f->old || (o->depth > 0 && f->waiting > (uint64_t)o->depth * wanted);
}

/** So many would do. None do only where nothing is to be done. */
static bool is_enough(const struct scale_options *o, const struct scale_facts *f, uint32_t fewer) {
        if (f->old)
                return false;
        if (fewer == 0 || o->depth == 0)
                return f->waiting == 0 && (fewer > 0 || !f->busy);
        return f->waiting <= (uint64_t)o->depth * fewer / 2;
}

static uint32_t step_up(const struct scale_options *o, uint32_t wanted) {
        return o->max - wanted > o->step ? wanted + o->step : o->max;
}

static uint32_t step_down(const struct scale_options *o, uint32_t wanted) {
        return wanted - o->min > o->step ? wanted - o->step : o->min;
}

static void note(uint64_t *since, bool holds, uint64_t now) {
        if (!holds)
                *since = 0;
        else if (*since == 0)
                *since = now;
}

/** After the last change; before the first nothing has to cool down. */
static uint64_t cool_usec(const struct scale *s, const struct scale_options *o) {
        return s->changed_usec == 0 ? 0 : usec_add(s->changed_usec, o->cool_down_usec);
}

static uint64_t due_usec(const struct scale *s, const struct scale_options *o, uint64_t since, uint64_t delay) {
        return since == 0 ? USEC_INFINITY : MAX(usec_add(since, delay), cool_usec(s, o));
}

uint64_t scale_due(const struct scale *s, const struct scale_options *o) {
        return MIN(due_usec(s, o, s->above_usec, o->up_delay_usec), due_usec(s, o, s->below_usec, o->down_delay_usec));
}

static uint32_t change(struct scale *s, uint32_t wanted, uint64_t now) {
        *s = (struct scale){ .changed_usec = now };
        return wanted;
}

uint32_t scale_look(struct scale *s, const struct scale_options *o, const struct scale_facts *facts, uint32_t wanted,
                    uint64_t now) {
        if (wanted < o->min || wanted > o->max)
                return change(s, wanted < o->min ? o->min : o->max, now);
        note(&s->above_usec, wanted < o->max && is_above(o, facts, wanted), now);
        note(&s->below_usec, wanted > o->min && is_enough(o, facts, step_down(o, wanted)), now);
        if (now >= due_usec(s, o, s->above_usec, wanted == 0 ? 0 : o->up_delay_usec))
                return change(s, step_up(o, wanted), now);
        if (now >= due_usec(s, o, s->below_usec, o->down_delay_usec))
                return change(s, step_down(o, wanted), now);
        return wanted;
}

/* ---- how long something has waited ------------------------------------------------------------- */

static void drop_first(struct scale_age *a, uint32_t n) {
        memmove(a->marks, a->marks + n, (a->n - n) * sizeof *a->marks);
        a->n -= n;
}

bool scale_age_look(struct scale_age *a, uint64_t accepted, uint64_t waiting, uint64_t age_usec, uint64_t now) {
        bool old;

        /* Of those that are old enough, the youngest says most. */
        while (a->n > 1 && usec_add(a->marks[1].at_usec, age_usec) <= now)
                drop_first(a, 1);
        old = a->n > 0 && usec_add(a->marks[0].at_usec, age_usec) <= now && accepted >= a->marks[0].accepted &&
              waiting > accepted - a->marks[0].accepted;
        if (a->n > 0 && now - a->marks[a->n - 1].at_usec < age_usec / (SCALE_MARKS - 1))
                return old;
        if (a->n == SCALE_MARKS)
                drop_first(a, 1);
        a->marks[a->n++] = (struct scale_mark){ now, accepted };
        return old;
}
