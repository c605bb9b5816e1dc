/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_TIME_H
#define GANGER_BASE_TIME_H

/*
 * Times are microseconds in a uint64_t, of CLOCK_MONOTONIC unless the name says otherwise.
 */

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

uint64_t now_usec(void);
uint64_t now_realtime_usec(void);

/** Saturating addition. */
static inline uint64_t usec_add(uint64_t a, uint64_t b) {
        return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

/**
 * Read a time span as systemd writes it: "10s", "1min 30s", "250ms", "2h", "infinity"; a bare number is seconds.
 * @return 0, -EINVAL (not a time span), -ERANGE (too long).
 */
int usec_parse(const char *text, uint64_t *ret);

/** Write a time span for people, to two units at most: "1min 30s", "250ms". @return `buf`. */
char *usec_format(char *buf, size_t size, uint64_t usec);

/** Write about how long it is, in one unit: "778ms", "1.2s", "45s", "3h". @return `buf`. */
char *usec_format_rough(char *buf, size_t size, uint64_t usec);

#define USEC_FORMAT_MAX 48

#endif
