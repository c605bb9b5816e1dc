/* SPDX-License-Identifier: MIT */

/*
 * demo: the main job on real input, with everything being killed
 *
 * For so many seconds files are given out, sums are taken in, and processes are killed. Then the gang finishes what
 * it has, in peace, until no message is left in any ring; and the verdict is what other programs say of the sums.
 */

#include "ctl/demo/demo.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#include "base/time.h"
#include "ctl/verbs.h"

#define SHOW_LIVE_USEC (250 * USEC_PER_MSEC)
#define SHOW_LINE_USEC (1 * USEC_PER_SEC)
/** While the rings run empty: how often to look whether they are. */
#define LOOK_USEC (50 * USEC_PER_MSEC)
/** Nothing came for so long: what is missing is lost. */
#define STUCK_USEC (30 * USEC_PER_SEC)

struct demo {
        struct ctl *ctl;
        struct input input;
        struct gang_process gang;
        struct feed feed;
        struct chaos chaos;
        struct sight sight;
        struct screen screen;
        uint64_t seed;
        uint64_t show_usec;             /* when to show something next */
};

static int broken(struct demo *d, const char *what, int error) {
        const char *why = ganger_control_error(d->ctl->client);

        return complain(STATUS_FAILED, "%s: %s%s%s (the log of gangerd: %s/log)", what, strerror(-error), *why ? ": " : "", why,
                        d->gang.directory);
}

/** Wait for sums, or until something is due; or until the daemon is gone. @return 0 or -errno. */
static int wait_for_sums(struct demo *d, uint64_t until) {
        struct pollfd p[] = {
                { .fd = ganger_ring_fd(d->feed.totals.ring), .events = POLLIN },
                { .fd = d->gang.pidfd, .events = POLLIN },
        };
        uint64_t now = now_usec();

        if (poll(p, ARRAY_SIZE(p), until > now ? (int)((until - now) / USEC_PER_MSEC) + 1 : 0) < 0 && errno != EINTR)
                return -errno;
        return p[1].revents ? -EPIPE : 0;
}

static int show(struct demo *d, uint64_t now) {
        int r;

        if (now < d->show_usec)
                return 0;
        r = sight_update(&d->sight, d->ctl);
        if (r < 0)
                return r;
        screen_show(&d->screen, &d->sight, &d->feed, &d->chaos);
        d->show_usec = now + (d->screen.live ? SHOW_LIVE_USEC : SHOW_LINE_USEC);
        return 0;
}

/** When there is something to do besides taking sums in. */
static uint64_t next_due(const struct demo *d, uint64_t now) {
        uint64_t due = MIN(chaos_due(&d->chaos), d->show_usec);

        due = MIN(due, d->screen.end_usec);
        return MIN(due, now + LOOK_USEC); /* there may be space for files again */
}

/** Give out, take in, kill. */
static int work(struct demo *d) {
        uint64_t now;
        int r = 0;

        while (r == 0 && (now = now_usec()) < d->screen.end_usec) {
                r = feed_give(&d->feed);
                if (r == 0)
                        r = feed_take(&d->feed);
                if (r == 0)
                        r = chaos_run(&d->chaos, &d->feed, now);
                if (r == 0)
                        r = show(d, now);
                if (r == 0)
                        r = wait_for_sums(d, next_due(d, now));
        }
        return r;
}

/** Until nothing is left in any ring. */
static int finish(struct demo *d) {
        uint64_t progress = now_usec();
        int64_t before = d->feed.got.total;
        int r = 0;

        while (r == 0) {
                uint64_t now = now_usec();

                r = feed_take(&d->feed);
                if (r == 0)
                        r = sight_update(&d->sight, d->ctl);
                if (r < 0)
                        break;
                if (d->feed.got.total != before) {
                        before = d->feed.got.total;
                        progress = now;
                } else if (d->sight.waiting == 0 || now > progress + STUCK_USEC) {
                        return 0;
                }
                r = show(d, now);
                if (r == 0)
                        r = wait_for_sums(d, now + LOOK_USEC);
        }
        return r;
}

static int judge(struct demo *d) {
        struct demo_result result = {
                .seed = d->seed,
                .files = d->feed.files_fed,
                .lines = d->sight.sent,
                .redelivered = d->sight.redelivered,
                .dead = d->sight.dead,
                .kills = d->chaos.kills,
                .manager_kills = d->chaos.manager_kills,
                .restarts = d->sight.restarts,
                .seconds = (double)(now_usec() - d->screen.begun_usec) / 1e6,
                .redelivery_p50_usec = feed_percentile(&d->feed, 0.5),
                .redelivery_p99_usec = feed_percentile(&d->feed, 0.99),
                .samples = d->feed.n_samples,
        };

        screen_show(&d->screen, &d->sight, &d->feed, &d->chaos);
        if (verdict_compare(&d->feed, &result) < 0)
                return STATUS_FAILED;
        d->ctl->out.ops->demo(&d->ctl->out, &result);
        return result.lost == 0 && result.duplicated == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(struct demo *d) {
        struct ctl *ctl = d->ctl;
        int r;

        r = input_collect(ctl, ctl->args, ctl->n_args, &d->input);
        if (r != STATUS_DONE)
                return r;
        r = gang_start(ctl, &d->gang);
        if (r != STATUS_DONE)
                return r;
        ctl->options.given |= OPTION_BIT(SOCKET);
        ctl->options.socket = d->gang.socket;
        r = gang_wait(ctl, &d->gang);
        if (r == STATUS_DONE)
                r = feed_init(&d->feed, ctl, &d->input);
        if (r != STATUS_DONE)
                return r;
        talk(ctl, "counting the words of %zu files; seed %llu", d->input.n, (unsigned long long)d->seed);
        chaos_init(&d->chaos, ctl, d->seed, option_given(&ctl->options, OPTION_KILLS) ? ctl->options.kills : DEMO_KILLS_PER_SECOND);
        screen_init(&d->screen, ctl, option_given(&ctl->options, OPTION_SECONDS) ? ctl->options.seconds : DEMO_SECONDS);
        r = work(d);
        if (r == 0)
                r = finish(d);
        return r < 0 ? broken(d, "the demo stopped", r) : judge(d);
}

int verb_demo(struct ctl *ctl) {
        struct demo d = { .ctl = ctl, .gang = GANG_PROCESS_NULL };
        int status;

        if (option_given(&ctl->options, OPTION_SEED))
                d.seed = ctl->options.seed;
        else if (getrandom(&d.seed, sizeof d.seed, 0) > 0)
                d.seed %= 1000000;
        status = run(&d);
        feed_done(&d.feed);
        gang_stop(&d.gang);
        input_done(&d.input);
        return status;
}
