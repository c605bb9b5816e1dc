/* SPDX-License-Identifier: MIT */

/*
 * Receiving while the flag of the member memory is set
 *
 * A process that is held (drained, or a spare) sleeps at the flag, in its own member memory, and is announced at no ring:
 * so it takes no wake-up from those who receive. Whoever clears the flag wakes the futex, and posts to the event
 * descriptor of each ring after that. So a poller forgets the posts so far, and only then looks at the flag: a post that
 * stands for the end of the hold comes after what it forgot, or is seen in the flag.
 */

#include "worker/hold.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "shm/wait.h"

/** Descriptors in that of a handle: of the ring, and a timer. */
#define POLLED_MAX 2

static void forget_posts(int poll_fd) {
        struct epoll_event ignored[POLLED_MAX];

        if (poll_fd >= 0)
                (void)epoll_wait(poll_fd, ignored, POLLED_MAX, 0);
}

int hold_wait_bits(const _Atomic uint32_t *flag, uint32_t bits, uint64_t deadline_usec) {
        int r = 0;

        for (;;) {
                /* Acquire: partner is the release of whoever changed it. */
                uint32_t value = atomic_load_explicit((_Atomic uint32_t *)flag, memory_order_acquire);

                if (value & MEMBER_ENDS)
                        return -ESHUTDOWN;
                if ((value & bits) == 0 || r < 0)
                        return (value & bits) == 0 ? 0 : r;
                r = wait_flag_sleep(flag, value, deadline_usec);
        }
}

/** What is left of a timeout: something, so that the receive that follows looks once, and ends as one that waited. */
static int64_t time_left(uint64_t deadline_usec) {
        uint64_t now = now_usec();

        return deadline_usec > now ? (int64_t)(deadline_usec - now) : 1;
}

int hold_wait(const _Atomic uint32_t *flag, int poll_fd, int64_t *timeout_usec) {
        uint64_t deadline;
        int r;

        if (hold_ends(flag))
                return -ESHUTDOWN;
        if (*timeout_usec == 0) {
                forget_posts(poll_fd);
                if (hold_ends(flag))
                        return -ESHUTDOWN;
                return hold_is_set(flag) ? -EAGAIN : 0;
        }
        if (*timeout_usec < 0)
                return hold_wait_bits(flag, UINT32_MAX, USEC_INFINITY);
        deadline = usec_add(now_usec(), (uint64_t)*timeout_usec);
        r = hold_wait_bits(flag, UINT32_MAX, deadline);
        if (r == 0)
                *timeout_usec = time_left(deadline);
        return r;
}
