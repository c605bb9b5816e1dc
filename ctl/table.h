/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_TABLE_H
#define GANGER_CTL_TABLE_H

/*
 * Tables that fit their terminal.
 */

#include <stdbool.h>
#include <stddef.h>

#include "ctl/output.h"

#define TABLE_COLUMNS_MAX 16

struct column {
        const char *title;
        bool right;             /* numbers */
        bool state;             /* coloured by what it says */
        bool shrinks;           /* is the first to be cut */
};

struct table {
        const struct column *columns;
        size_t n_columns, n_rows;
        size_t room;            /* for so many rows */
        char **cells;           /* row by row; owned, clean text */
        bool failed;            /* no memory for a cell */
};

void table_init(struct table *t, const struct column *columns, size_t n_columns);
void table_done(struct table *t);

/** Add a row: one text for each column, copied and cleaned; NULL or "" shows as "-". */
void table_add(struct table *t, const char *const *texts);

/** Print it: titles, then rows; no line is wider than the terminal. Nothing if there are no rows. */
void table_print(const struct table *t, struct output *o);

/** Print a clean text in the colour of that state. */
void print_state(struct output *o, const char *state, const char *text);

#endif
