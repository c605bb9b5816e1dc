/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_ROLL_H
#define GANGER_DAEMON_POLICY_ROLL_H

/*
 * Rolling: to replace the processes of a worker one after the other, so that the others serve meanwhile
 *
 * A surge instance, one more than are wanted, is started first. While it serves, each of the others in turn is ended and
 * started anew under its own number; at last the surge goes. So as many serve as are wanted, but for what ends by itself.
 *
 * What is to be done next follows from what is the case: which processes there are, which of them are new, and the few facts
 * of `struct roll_policy`. Nothing is planned ahead. So a manager that takes over goes on by looking, and whatever people
 * do meanwhile (stop one, scale) is part of what is seen.
 *
 * Pure: the caller tells what is the case, and does what it is told.
 */

#include <stdbool.h>
#include <stdint.h>

/** The numbers are kept in the state memory: never renumber. */
enum roll_phase {
        ROLL_OVER = 0,
        ROLL_FORWARD = 1,               /* old ones are replaced by new ones */
        ROLL_HOLD = 2,                  /* some are new: they are watched, before the others follow */
        ROLL_BACKWARD = 3,              /* it has failed: new ones are replaced by old ones */
        _ROLL_PHASE_N,
};

/** "over", "forward", "hold", "backward"; "?" for what is none. */
const char *roll_phase_name(enum roll_phase phase);

/** How far an instance is. */
enum roll_place {
        ROLL_AWAY,                      /* it is not to run: stopped by hand, or done */
        ROLL_SERVES,
        ROLL_COMES,                     /* a process is starting, or will once the one before has ended */
        ROLL_LATER,                     /* its process has failed; there will be another one after a pause */
        ROLL_LOST,                      /* no process, and none will come by itself */
};

struct roll_member {
        enum roll_place place;
        bool new;                       /* its process; or if it has none, or one that ends, the next one */
        bool unready;                   /* one ended before it was ready, since this roll has asked for it */
};

struct roll_facts {
        bool wanted;                    /* the worker is to run at all */
        unsigned int n;                 /* instances that are wanted */
        const struct roll_member *members; /* n of them; and with `surging` the surge, members[n] */
        bool trailing;                  /* past those, others still have processes */
        uint32_t failures;              /* of new processes, after they were ready */
        bool hold_over;                 /* they were watched for long enough */
};

struct roll_policy {
        enum roll_phase phase;
        bool in_place;                  /* without a surge: one is down while it is replaced */
        bool same;                      /* old and new are the same but for their age: nothing is to be taken back */
        bool surging;                   /* there is a surge instance, or is to be */
        uint32_t canary;                /* so many first, and then hold; 0: all at once */
        bool promoted;                  /* the hold is over, or was not waited for */
        uint32_t max_fail;              /* so many failures are borne */
};

enum roll_what {
        ROLL_WAIT,                      /* nothing, until something changes */
        ROLL_START_SURGE,               /* have `surging`, and instance n start: a new one in FORWARD, else an old one */
        ROLL_STOP_SURGE,                /* have it no more */
        ROLL_REPLACE,                   /* `instance`: by a new one in FORWARD, else by an old one */
        ROLL_BEGIN_HOLD,                /* the phase is HOLD */
        ROLL_PROMOTE,                   /* the phase is FORWARD, and `promoted` */
        ROLL_TURN_BACK,                 /* the phase is BACKWARD */
        ROLL_DO_WITHOUT,                /* no surge comes up: `in_place`, and not `surging` */
        ROLL_COMPLETE,                  /* it is over: all are new */
        ROLL_ABANDON,                   /* it is over: it has failed, or nobody wants the worker any more */
};

/** Why it turns back. */
enum roll_trouble {
        ROLL_NO_TROUBLE,
        ROLL_UNREADY,                   /* `instance` did not become ready */
        ROLL_ENDED,                     /* `instance` ended, and does not come back by itself */
        ROLL_FAILURES,                  /* more than are borne */
};

struct roll_action {
        enum roll_what what;
        unsigned int instance;
        enum roll_trouble trouble;
};

/** What to do next, in a phase that is not OVER. Done, it is asked again, until it says to wait or that it is over. */
struct roll_action roll_step(const struct roll_policy *policy, const struct roll_facts *facts);

#endif
