/* SPDX-License-Identifier: MIT */
/*
 * Rolling: what to do next
 *
 * What must hold, and test-roll.c shows over random histories:
 *
 * - one that serves is ended only while all others that are to run serve, and with a surge the surge serves, too;
 *   but what the roll itself has made unready is no reason to wait for ever;
 * - it ends, whatever happens, if only processes that start become ready or end, and pauses pass;
 * - after it has failed nothing new runs, unless new and old are the same.
 */

#include "daemon/policy/roll.h"

#include <stddef.h>

static struct roll_action act(enum roll_what what) {
        return (struct roll_action){ .what = what };
}

static struct roll_action act_on(enum roll_what what, unsigned int instance) {
        return (struct roll_action){ .what = what, .instance = instance };
}

static struct roll_action turn_back(enum roll_trouble trouble, unsigned int instance) {
        return (struct roll_action){ .what = ROLL_TURN_BACK, .trouble = trouble, .instance = instance };
}

/** The instances that are wanted, and the surge if there is one. */
static unsigned int count_all(const struct roll_policy *p, const struct roll_facts *f) {
        return f->n + p->surging;
}

static bool is_coming(const struct roll_member *m) {
        return m->place == ROLL_COMES || m->place == ROLL_LATER;
}

/* ---- what tells that it fails ------------------------------------------------------------------ */

static struct roll_action look_for_trouble(const struct roll_policy *p, const struct roll_facts *f) {
        for (unsigned int i = 0; i < count_all(p, f); i++) {
                const struct roll_member *m = &f->members[i];

                if (m->new && m->unready)
                        return turn_back(ROLL_UNREADY, i);
                if (m->new && m->place == ROLL_LOST)
                        return turn_back(ROLL_ENDED, i);
        }
        if (f->failures > p->max_fail)
                return turn_back(ROLL_FAILURES, 0);
        return act(ROLL_WAIT);
}

/* ---- forward ----------------------------------------------------------------------------------- */

/** Of those that are old: one that serves nobody costs nothing, and comes first. @return n: there is none. */
static unsigned int choose(const struct roll_facts *f, bool new) {
        unsigned int serving = f->n;

        for (unsigned int i = 0; i < f->n; i++) {
                const struct roll_member *m = &f->members[i];

                if (m->new != new || m->place == ROLL_AWAY)
                        continue;
                if (m->place != ROLL_SERVES)
                        return i;
                if (serving == f->n)
                        serving = i;
        }
        return serving;
}

/** All that were to be replaced are. */
static struct roll_action finish(const struct roll_policy *p, const struct roll_facts *f, enum roll_what what) {
        if (p->surging)
                return act(ROLL_STOP_SURGE);
        return act(f->trailing ? ROLL_WAIT : what);
}

static struct roll_action replace_old(const struct roll_policy *p, const struct roll_facts *f) {
        unsigned int victim = choose(f, false);
        const struct roll_member *surge = p->surging ? &f->members[f->n] : NULL;

        if (p->in_place || f->members[victim].place != ROLL_SERVES)
                return act_on(ROLL_REPLACE, victim);
        if (surge && surge->place == ROLL_AWAY)
                return turn_back(ROLL_ENDED, f->n);
        if (!surge || !surge->new)
                return act(ROLL_START_SURGE);
        return surge->place == ROLL_SERVES ? act_on(ROLL_REPLACE, victim) : act(ROLL_WAIT);
}

static struct roll_action step_forward(const struct roll_policy *p, const struct roll_facts *f) {
        struct roll_action trouble = look_for_trouble(p, f);
        unsigned int n_new = 0, n_all = 0, goal;
        bool holds = p->canary > 0 && !p->promoted;

        if (trouble.what != ROLL_WAIT)
                return trouble;
        for (unsigned int i = 0; i < f->n; i++) {
                if (f->members[i].place == ROLL_AWAY)
                        continue;
                if (f->members[i].new && is_coming(&f->members[i]))
                        return act(ROLL_WAIT);
                n_all++;
                n_new += f->members[i].new;
        }
        goal = holds && p->canary < n_all ? p->canary : n_all;
        if (n_new < goal)
                return replace_old(p, f);
        return finish(p, f, holds && n_all > 0 ? ROLL_BEGIN_HOLD : ROLL_COMPLETE);
}

static struct roll_action step_hold(const struct roll_policy *p, const struct roll_facts *f) {
        struct roll_action trouble = look_for_trouble(p, f);

        if (trouble.what != ROLL_WAIT)
                return trouble;
        return act(p->promoted || f->hold_over ? ROLL_PROMOTE : ROLL_WAIT);
}

/* ---- backward ---------------------------------------------------------------------------------- */

/** Is one on its way that is to serve in the place of what is ended next? (Of `same`, that is the surge.) */
static bool must_wait(const struct roll_policy *p, const struct roll_facts *f) {
        for (unsigned int i = 0; i < f->n; i++) {
                const struct roll_member *m = &f->members[i];

                if (p->same ? p->surging && m->new && m->place == ROLL_COMES : !m->new && is_coming(m) && !m->unready)
                        return true;
        }
        return false;
}

static struct roll_action replace_new(const struct roll_policy *p, const struct roll_facts *f, unsigned int victim) {
        const struct roll_member *surge = p->surging ? &f->members[f->n] : NULL;

        /* A new one that serves is as good as an old one for this. */
        if (p->in_place || (surge && surge->place == ROLL_SERVES))
                return act_on(ROLL_REPLACE, victim);
        if (!surge || surge->new)
                return act(ROLL_START_SURGE);
        if (surge->unready || surge->place == ROLL_LOST || surge->place == ROLL_AWAY)
                return act(ROLL_DO_WITHOUT);
        return act(ROLL_WAIT);
}

static struct roll_action step_backward(const struct roll_policy *p, const struct roll_facts *f) {
        unsigned int victim = p->same ? f->n : choose(f, true);

        if (victim < f->n && f->members[victim].place != ROLL_SERVES)
                return act_on(ROLL_REPLACE, victim);
        if (must_wait(p, f))
                return act(ROLL_WAIT);
        return victim < f->n ? replace_new(p, f, victim) : finish(p, f, ROLL_ABANDON);
}

/* ---- all of it --------------------------------------------------------------------------------- */

struct roll_action roll_step(const struct roll_policy *policy, const struct roll_facts *facts) {
        if (!facts->wanted)
                return act(ROLL_ABANDON);
        switch (policy->phase) {
        case ROLL_FORWARD:
                return step_forward(policy, facts);
        case ROLL_HOLD:
                return step_hold(policy, facts);
        case ROLL_BACKWARD:
                return step_backward(policy, facts);
        case ROLL_OVER:
        case _ROLL_PHASE_N:
                break;
        }
        return act(ROLL_WAIT);
}

const char *roll_phase_name(enum roll_phase phase) {
        static const char *const names[_ROLL_PHASE_N] = {
                [ROLL_OVER] = "over", [ROLL_FORWARD] = "forward", [ROLL_HOLD] = "hold", [ROLL_BACKWARD] = "backward",
        };

        return (unsigned)phase < _ROLL_PHASE_N ? names[phase] : "?";
}
