/* SPDX-License-Identifier: MIT */

/*
 * Tables that fit their terminal
 *
 * A table that is too wide first loses from its columns that may shrink, the widest first, then from any.
 * Invariant: no line is wider than the terminal, however narrow it is. Where there is no terminal nothing
 * is cut.
 */

#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/utf8.h"

/** Between columns. */
#define GAP 2
/** A column that shrinks keeps this many columns as long as others can give. */
#define SHRUNK_MIN 8
/** There is room for so many; then for twice as many. */
#define TABLE_ROWS_FIRST 16

static const struct {
        const char *state, *color;
} colors[] = {
        { "ready", "\033[32m" },    { "exited", "\033[32m" },
        { "starting", "\033[33m" }, { "backoff", "\033[33m" }, { "draining", "\033[33m" },
        { "stopping", "\033[33m" }, { "failed", "\033[31m" },   { "dead", "\033[31m" },    { "down", "\033[2m" },
        { "stopped", "\033[2m" },   { "standby", "\033[36m" },  { "leased", "\033[36m" },
        { "waiting", "\033[33m" },  { "ready (drained)", "\033[33m" },
        { "yes", "\033[32m" },      { "limited", "\033[33m" },  { "no", "\033[33m" },
        { "differs", "\033[31m" },  { "unknown", "\033[33m" },  { "perfect", "\033[32m" }, { "safe", "\033[32m" },
        { "exposed", "\033[33m" },  { "unsafe", "\033[31m" },   { "dangerous", "\033[31m" },
};

void table_init(struct table *t, const struct column *columns, size_t n_columns) {
        *t = (struct table){ .columns = columns, .n_columns = n_columns };
}

void table_done(struct table *t) {
        for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
                free(t->cells[i]);
        free(t->cells);
        *t = (struct table){ 0 };
}

void table_add(struct table *t, const char *const *texts) {
        char **cells = t->cells;

        if (t->n_rows == t->room) {
                size_t room = t->room ? 2 * t->room : TABLE_ROWS_FIRST;

                cells = reallocarray(t->cells, room * t->n_columns, sizeof *cells);
                if (!cells) {
                        t->failed = true;
                        return;
                }
                t->cells = cells;
                t->room = room;
        }
        for (size_t i = 0; i < t->n_columns; i++) {
                const char *text = texts[i] && *texts[i] ? texts[i] : "-";

                cells[t->n_rows * t->n_columns + i] = utf8_clean(text, strlen(text));
                t->failed |= !cells[t->n_rows * t->n_columns + i];
        }
        t->n_rows++;
}

static const char *cell(const struct table *t, size_t row, size_t column) {
        const char *text = t->cells[row * t->n_columns + column];

        return text ? text : "?";
}

/** The widest column that may give one more, or n_columns. */
static size_t widest(const struct table *t, const size_t *widths, bool shrinking_only) {
        size_t found = t->n_columns, least = shrinking_only ? SHRUNK_MIN : 1;

        for (size_t i = 0; i < t->n_columns; i++)
                if (widths[i] > least && (t->columns[i].shrinks || !shrinking_only) &&
                    (found == t->n_columns || widths[i] > widths[found]))
                        found = i;
        return found;
}

static void fit(const struct table *t, size_t *widths, size_t limit) {
        size_t total = GAP * (t->n_columns - 1);

        for (size_t i = 0; i < t->n_columns; i++)
                total += widths[i];
        for (; total > limit; total--) {
                size_t column = widest(t, widths, true);

                if (column == t->n_columns)
                        column = widest(t, widths, false);
                if (column == t->n_columns)
                        return;
                widths[column]--;
        }
}

void print_state(struct output *o, const char *state, const char *text) {
        if (o->color) {
                for (size_t i = 0; i < ARRAY_SIZE(colors); i++) {
                        if (strcmp(colors[i].state, state) == 0) {
                                fprintf(o->file, "%s%s\033[0m", colors[i].color, text);
                                return;
                        }
                }
        }
        fputs(text, o->file);
}

static void pad(struct output *o, size_t n) {
        static const char spaces[] = "                                ";

        for (size_t part; n > 0; n -= part) {
                part = MIN(n, sizeof spaces - 1);
                fwrite(spaces, 1, part, o->file);
        }
}

/** A cell in its column, cut if it must be. @return the columns that it took. */
static size_t print_cell(struct output *o, const struct column *c, const char *text, size_t width, bool last) {
        char part[1024];
        size_t columns = utf8_width(text);

        if (columns > width) {
                snprintf(part, sizeof part, "%.*s…", (int)MIN(utf8_fit(text, width - 1), sizeof part - 4), text);
                columns = utf8_width(part);
        } else
                part[0] = '\0';
        if (c->right && columns < width)
                pad(o, width - columns);
        if (c->state)
                print_state(o, text, part[0] ? part : text);
        else
                fputs(part[0] ? part : text, o->file);
        if (c->right)
                return width;
        if (!last && columns < width) {
                pad(o, width - columns);
                return width;
        }
        return columns;
}

/** One line. What does not even fit with columns of width 1 is left out on the right. */
static void print_row(const struct table *t, struct output *o, const size_t *widths, size_t row, bool titles) {
        static const struct column plain = { 0 };
        size_t used = 0;

        for (size_t i = 0; i < t->n_columns; i++) {
                const struct column *c = &t->columns[i];
                struct column title = plain;

                title.right = c->right;
                if (o->width > 0 && used + (i > 0 ? GAP : 0) + widths[i] > o->width)
                        break;
                if (i > 0) {
                        pad(o, GAP);
                        used += GAP;
                }
                used += print_cell(o, titles ? &title : c, titles ? c->title : cell(t, row, i), widths[i], i + 1 == t->n_columns);
        }
        putc('\n', o->file);
}

void table_print(const struct table *t, struct output *o) {
        size_t widths[TABLE_COLUMNS_MAX];

        if (t->n_rows == 0)
                return;
        for (size_t i = 0; i < t->n_columns; i++) {
                widths[i] = utf8_width(t->columns[i].title);
                for (size_t row = 0; row < t->n_rows; row++) {
                        size_t n = utf8_width(cell(t, row, i));

                        widths[i] = MAX(widths[i], n);
                }
        }
        if (o->width > 0)
                fit(t, widths, o->width);
        print_row(t, o, widths, 0, true);
        for (size_t row = 0; row < t->n_rows; row++)
                print_row(t, o, widths, row, false);
        if (t->failed)
                fputs("(not complete: out of memory)\n", o->file);
}
