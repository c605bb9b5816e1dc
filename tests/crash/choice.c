/* SPDX-License-Identifier: MIT */

/*
 * Choices
 *
 * An execution is the list of choices made in it. Exhaustive search walks the tree of lists depth first, each
 * time from the beginning; random search draws. A failing execution is told as its list, without the zeros at its end.
 */

#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define CHOICES_MAX 200000

static struct {
        unsigned char options, taken;
} choices[CHOICES_MAX];
static unsigned int made, known;
static bool random_mode;
static uint64_t random_state;

static uint64_t draw(void) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

void choice_exhaustive(void) {
        random_mode = false;
        known = 0;
}

void choice_random(uint64_t seed) {
        random_mode = true;
        random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/** `path` is what choice_print() printed: pairs of index=choice. */
void choice_replay(const char *path) {
        random_mode = false;
        known = 0;
        while (*path) {
                char *end;
                unsigned long at = strtoul(path, &end, 10);

                if (*end != '=' || at >= CHOICES_MAX)
                        break;
                while (known <= at) {
                        choices[known].options = 255;
                        choices[known++].taken = 0;
                }
                choices[at].taken = (unsigned char)strtoul(end + 1, &end, 10);
                path = *end == ',' ? end + 1 : end;
        }
}

void choice_restart(void) {
        made = 0;
        if (random_mode)
                known = 0;
}

bool choice_next(void) {
        if (random_mode)
                return true;
        while (known > 0) {
                if (choices[known - 1].taken + 1 < choices[known - 1].options) {
                        choices[known - 1].taken++;
                        return true;
                }
                known--;
        }
        return false;
}

/** The next choice: one already known, or a new one. */
static unsigned int take(unsigned int n, unsigned int otherwise) {
        if (made == known) {
                if (known == CHOICES_MAX)
                        return 0;
                choices[known].options = (unsigned char)n;
                choices[known++].taken = (unsigned char)otherwise;
        }
        return choices[made++].taken % n;
}

unsigned int choose(unsigned int n) {
        if (n <= 1)
                return 0;
        return take(n, random_mode ? (unsigned int)(draw() % n) : 0);
}

unsigned int choose_rarely(unsigned int n, unsigned int rarity) {
        unsigned int otherwise = 0;

        if (n <= 1)
                return 0;
        if (random_mode && draw() % rarity == 0)
                otherwise = 1 + (unsigned int)(draw() % (n - 1));
        return take(n, otherwise);
}

void choice_print(void) {
        const char *comma = "";

        for (unsigned int i = 0; i < made; i++)
                if (choices[i].taken != 0) {
                        printf("%s%u=%u", comma, i, choices[i].taken);
                        comma = ",";
                }
        printf("\n");
}
