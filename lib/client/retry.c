/* SPDX-License-Identifier: MIT */

/*
 * When to connect again
 *
 * Pure: the caller passes the time. The first try after a loss is at once, since a manager that died has
 * a successor within milliseconds, and its socket takes connections meanwhile.
 */

#include <errno.h>

#include "base/time.h"
#include "client/client.h"

void retry_init(struct retry *r, uint64_t now, uint64_t give_up_usec) {
        *r = (struct retry){ .at_usec = now, .give_up_usec = give_up_usec };
}

int retry_failed(struct retry *r, uint64_t now, bool absent) {
        if (!absent)
                r->absent_until_usec = 0;
        else if (r->absent_until_usec == 0)
                r->absent_until_usec = usec_add(now, ABSENT_USEC);

        r->wait_usec = MIN(r->wait_usec * 2, RETRY_MAX_USEC);
        if (r->wait_usec == 0)
                r->wait_usec = RETRY_USEC;
        r->at_usec = usec_add(now, r->wait_usec);
        if (r->at_usec >= r->give_up_usec || (absent && r->at_usec >= r->absent_until_usec))
                return -ECONNRESET;
        return 0;
}
