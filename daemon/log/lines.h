/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_LINES_H
#define GANGER_DAEMON_LOG_LINES_H

/*
 * Bytes in, lines out
 *
 * Splits what a process writes into lines that are fit to print: valid UTF-8, no control characters
 * (a worker must not get at the terminal of whoever reads its logs), and never longer than LOG_LINE_MAX.
 */

#include <stdbool.h>
#include <stddef.h>

/** The longest line in bytes, as it comes out; a longer one is cut into pieces between characters. */
#define LOG_LINE_MAX 8192

/**
 * One line, or one piece of it.
 * @param text       not terminated; only valid during the call. It may be empty.
 * @param continued  the line goes on in the next piece.
 */
typedef void (*log_line_fn)(void *userdata, const char *text, size_t size, bool continued);

struct half_line;

/** A splitter has memory only while a line is half read. */
struct log_lines {
        struct half_line *line;         /* or NULL */
};

#define LOG_LINES_NULL ((struct log_lines){ 0 })

void log_lines_done(struct log_lines *l);

/**
 * Take bytes, and hand on each line that they complete. What is left waits for the next call. The
 * work is in proportion to `size`; at most `size` lines come of it.
 *
 * A line ends with LF or CR LF. Control characters other than TAB, and bytes that are not UTF-8, come
 * out as U+FFFD.
 *
 * @return 0, or -ENOMEM: the bytes since the last complete line were dropped.
 */
int log_lines_feed(struct log_lines *l, const void *data, size_t size, log_line_fn fn, void *userdata);

/** At the end of the stream: hand on a last line that has no end. */
void log_lines_flush(struct log_lines *l, log_line_fn fn, void *userdata);

/** Where to cut valid UTF-8 so that at most `max` bytes remain, and no character is broken. */
size_t log_text_cut(const char *text, size_t size, size_t max);

#endif
