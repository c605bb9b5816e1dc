/* SPDX-License-Identifier: MIT */

/*
 * What the demo shows while it runs
 *
 * On a terminal a few lines that are redrawn in place, else a line a second. All of it is talk, so it
 * goes to standard error.
 */

#include <langinfo.h>
#include <string.h>

#include "base/time.h"
#include "ctl/demo/demo.h"

int sight_update(struct sight *s, struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *rings = NULL, *status = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__RingsRequest ask_rings = GANGER__V1__RINGS_REQUEST__INIT;
        Ganger__V1__StatusRequest ask_status = GANGER__V1__STATUS_REQUEST__INIT;
        uint64_t redelivered = 0;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_RINGS;
        request.rings = &ask_rings;
        r = ganger_control_call(ctl->client, &request, &rings);
        if (r < 0)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &ask_status;
        r = ganger_control_call(ctl->client, &request, &status);
        if (r < 0)
                return r;
        s->waiting = 0;
        s->dead = s->restarts = 0;
        for (size_t i = 0; i < rings->rings->n_rings; i++) {
                const Ganger__V1__Ring *ring = rings->rings->rings[i];
                uint32_t held = ring->ready + ring->leased + ring->writing;

                s->waiting += held;
                s->dead += ring->dead;
                redelivered += ring->redelivered;
                if (strcmp(ring->name, "lines") == 0) {
                        s->sent = ring->accepted;
                        s->acknowledged = ring->accepted > held + ring->dead ? ring->accepted - held - ring->dead : 0;
                }
        }
        for (size_t i = 0; i < status->status->n_workers; i++)
                for (size_t j = 0; j < status->status->workers[i]->n_instances; j++)
                        s->restarts += status->status->workers[i]->instances[j]->restarts;
        s->redelivered = redelivered;
        return 0;
}

void screen_init(struct screen *s, const struct ctl *ctl, uint64_t seconds) {
        const char *term = getenv("TERM");
        uint64_t now = now_usec();

        *s = (struct screen){
                .file = stderr,
                .live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
                .quiet = option_given(&ctl->options, OPTION_QUIET),
                .begun_usec = now,
                .end_usec = now + seconds * USEC_PER_SEC,
                .shown_usec = now,
        };
}

static void note_rate(struct screen *s, int64_t words) {
        uint64_t now = now_usec(), passed = MAX(now - s->shown_usec, UINT64_C(1));
        double rate = (double)(words - s->words_before) * 1e6 / (double)passed;

        if (s->n_rates == ARRAY_SIZE(s->rates))
                memmove(s->rates, s->rates + 1, --s->n_rates * sizeof s->rates[0]);
        s->rates[s->n_rates++] = rate > 0 ? (uint32_t)rate : 0;
        s->words_before = words;
        s->shown_usec = now;
}

static void sparkline(const struct screen *s) {
        static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
        static const char *const plain[] = { "_", ".", "-", "=", "+", "*", "%", "#" };
        const char *const *marks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? blocks : plain;
        uint32_t most = 1;

        for (size_t i = 0; i < s->n_rates; i++)
                most = MAX(most, s->rates[i]);
        for (size_t i = 0; i < s->n_rates; i++)
                fputs(marks[(uint64_t)s->rates[i] * 7 / most], s->file);
}

static double in_msec(uint32_t usec) {
        return (double)usec / 1000;
}

static void draw(struct screen *s, const struct sight *v, struct feed *f, const struct chaos *c) {
        uint64_t now = now_usec();

        if (s->lines > 0)
                fprintf(s->file, "\033[%dA", s->lines);
#define LINE(...) (fprintf(s->file, "\033[K" __VA_ARGS__), fputc('\n', s->file))
        LINE("  ganger demo   %4.0f s of %.0f s", (double)(now - s->begun_usec) / 1e6,
             (double)(s->end_usec - s->begun_usec) / 1e6);
        LINE("  lines   sent %-10llu acknowledged %-10llu", (unsigned long long)v->sent, (unsigned long long)v->acknowledged);
        LINE("  messages   redelivered %-8llu dead-lettered %-6llu lost: told at the end", (unsigned long long)v->redelivered,
             (unsigned long long)v->dead);
        LINE("  words   given %-10llu counted %-10lld on their way %-8lld", (unsigned long long)f->words_fed,
             (long long)f->got.total, (long long)f->words_fed - (long long)f->got.total);
        LINE("  killed   instances %-6llu manager %-4llu   restarts %llu", (unsigned long long)c->kills,
             (unsigned long long)c->manager_kills, (unsigned long long)v->restarts);
        LINE("  death to redelivery   p50 %.2f ms   p99 %.2f ms   (%zu)", in_msec(feed_percentile(f, 0.5)),
             in_msec(feed_percentile(f, 0.99)), f->n_samples);
        fputs("\033[K  words/s ", s->file);
        sparkline(s);
        fprintf(s->file, " %u\n", s->n_rates ? s->rates[s->n_rates - 1] : 0);
        s->lines = 7;
}

static void print_line(struct screen *s, const struct sight *v, struct feed *f, const struct chaos *c) {
        fprintf(s->file,
                "%3.0fs  lines sent %llu acknowledged %llu  redelivered %llu  dead %llu  words %lld  killed %llu+%llu  "
                "restarts %llu  death to redelivery p50 %.2fms p99 %.2fms\n",
                (double)(now_usec() - s->begun_usec) / 1e6, (unsigned long long)v->sent,
                (unsigned long long)v->acknowledged, (unsigned long long)v->redelivered, (unsigned long long)v->dead,
                (long long)f->got.total, (unsigned long long)c->kills, (unsigned long long)c->manager_kills,
                (unsigned long long)v->restarts, in_msec(feed_percentile(f, 0.5)), in_msec(feed_percentile(f, 0.99)));
}

void screen_show(struct screen *s, const struct sight *sight, struct feed *feed, const struct chaos *chaos) {
        note_rate(s, feed->got.total);
        if (s->quiet)
                return;
        if (s->live)
                draw(s, sight, feed, chaos);
        else
                print_line(s, sight, feed, chaos);
        fflush(s->file);
}
