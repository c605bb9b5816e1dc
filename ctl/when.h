/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_WHEN_H
#define GANGER_CTL_WHEN_H

/*
 * Times as people write them: those of systemd.time(7) that lie in the past
 */

#include <stdint.h>

/**
 * Read "now", "today", "yesterday", "10min ago", "-5m", "2026-11-27", "2026-11-27 10:00:30", "10:00" (today), "@1795773600".
 * Without "UTC", "Z" or "@" it is local time.
 * @param now_usec  CLOCK_REALTIME.
 * @param ret_usec  CLOCK_REALTIME.
 * @return 0; -EINVAL: that is no time, or no such day or hour exists; -ERANGE: it lies in the future, or before 1970.
 */
int when_parse(const char *text, uint64_t now_usec, uint64_t *ret_usec);

#endif
