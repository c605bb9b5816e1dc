/* SPDX-License-Identifier: MIT */

/*
 * The table of verbs
 *
 * Compiled a second time, with VERBS_WITHOUT_FUNCTIONS, for the generators of man page and completion.
 */

#include "ctl/verbs.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#ifdef VERBS_WITHOUT_FUNCTIONS
#define RUN(id) NULL
#else
#define RUN(id) verb_##id
#endif

const struct verb verbs[] = {
#define VERB(id, name_, arguments_, min, max, options_, completes_, summary_, help_)    \
        { .name = name_, .arguments = arguments_, .args_min = min, .args_max = max,     \
          .options = options_, .completes = completes_, .summary = summary_,            \
          .help = help_, .run = RUN(id) },
#include "ctl/verbs.def"
#undef VERB
};

const size_t n_verbs = ARRAY_SIZE(verbs);

const struct verb *verb_find(const char *name) {
        for (size_t i = 0; i < n_verbs; i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

const char *verb_nearest(const char *typed) {
        const char *names[ARRAY_SIZE(verbs) + 1] = { NULL };

        for (size_t i = 0; i < n_verbs; i++)
                names[i] = verbs[i].name;
        return text_nearest(typed, names);
}
