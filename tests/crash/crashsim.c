/* SPDX-License-Identifier: MIT */

/*
 * crashsim [--scenario=NAME] [--preemptions=N] [--kills=N] [--supervisor-kills=N] [--delays=N]
 *          [--limit=N] [--random=SEED] [--replay=PATH] [--jobs=N] [--quiet] [--list]
 *
 * Without a budget, the standard ones one after the other. Fails at the first execution that violates a check, and prints
 * its path, which --replay repeats with a trace.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sim.h"

static const struct budget standard[] = {
        { .preemptions = 1 },
        { .kills = 1, .supervisor_kills = 1 },
        { .preemptions = 1, .kills = 1 },
};
static const struct budget brief[] = { { .preemptions = 1 }, { .kills = 1 } };
static const struct scenario_head *scenario;
/* Store buffers add nothing without a switch. */
static const struct budget with_delays = { .preemptions = 1, .delays = 1 };

static struct {
        const char *scenario, *replay;
        struct budget budget;
        bool has_budget, random, quiet;
        unsigned long seed, limit, jobs;
} options = { .limit = 100000000, .jobs = 1 };

static double now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void report(const char *why, const struct budget *b, unsigned long executions, double since) {
        unsigned long n = sim_points();
        static unsigned long before;

        if (!options.quiet || why)
                printf("%-18s switch %u kill %u+%u delay %u: %9lu executions %11lu points %6.1f s  %s\n", scenario->name,
                       b->preemptions, b->kills, b->supervisor_kills, b->delays, executions, n - before, now() - since,
                       why ? why : "ok");
        before = n;
        fflush(stdout);
}

/** @return whether nothing was found. */
static bool search(const struct budget *b) {
        unsigned long executions = 0;
        const char *why = NULL;
        double since = now();

        if (options.replay)
                choice_replay(options.replay);
        else if (options.random)
                choice_random(options.seed);
        else
                choice_exhaustive();
        do {
                choice_restart();
                why = sim_execute(b);
                executions++;
        } while (!why && !options.replay && executions < options.limit && choice_next());
        report(why, b, executions, since);
        if (why && !options.quiet) {
                printf("  --scenario=%s --preemptions=%u --kills=%u --supervisor-kills=%u --delays=%u --replay=",
                       scenario->name, b->preemptions, b->kills, b->supervisor_kills, b->delays);
                choice_print();
        }
        return !why;
}

static bool search_standard(void) {
        const struct budget *budgets = scenario->brief ? brief : standard;
        size_t n = scenario->brief ? ARRAY_SIZE(brief) : ARRAY_SIZE(standard);
        bool ok = true;

        for (size_t i = 0; ok && i < n; i++)
                ok = search(&budgets[i]);
        if (ok && scenario->switches > 0)
                ok = search(&(struct budget){ .preemptions = scenario->switches });
        if (ok && scenario->delays)
                ok = search(&with_delays);
        return ok;
}

/** Every `jobs`th scenario. */
static bool run_scenarios(size_t first) {
        bool ok = true, any = false;

        for (size_t i = first; (scenario = world_scenario(i)) != NULL; i += options.jobs) {
                if (options.scenario && strcmp(options.scenario, scenario->name) != 0)
                        continue;
                world_choose(i);
                ok = (options.has_budget ? search(&options.budget) : search_standard()) && ok;
                any = true;
                if (!ok && options.quiet)
                        break;
        }
        if (!any)
                fprintf(stderr, "crashsim: no scenario '%s'\n", options.scenario);
        return ok && any;
}

/** Share the scenarios out to so many processes. */
static bool run_jobs(void) {
        bool ok = true;
        int status;

        for (size_t i = 0; i < options.jobs; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return false;
                if (pid == 0)
                        exit(run_scenarios(i) ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        while (wait(&status) > 0)
                ok = ok && status == 0;
        return ok;
}

static void list(void) {
        for (size_t i = 0; world_scenario(i); i++)
                printf("%-18s %s\n", world_scenario(i)->name, world_scenario(i)->what);
}

static unsigned int number(void) {
        options.has_budget = true;
        return (unsigned int)strtoul(optarg, NULL, 10);
}

static bool parse(int argc, char **argv) {
        static const struct option table[] = {
                { "scenario", required_argument, NULL, 's' }, { "preemptions", required_argument, NULL, 'p' },
                { "kills", required_argument, NULL, 'k' },    { "supervisor-kills", required_argument, NULL, 'K' },
                { "delays", required_argument, NULL, 'd' },   { "limit", required_argument, NULL, 'l' },
                { "random", required_argument, NULL, 'r' },   { "replay", required_argument, NULL, 'R' },
                { "jobs", required_argument, NULL, 'j' },
                { "quiet", no_argument, NULL, 'q' },          { "list", no_argument, NULL, 'L' },
                { 0 },
        };
        int c;

        while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
                switch (c) {
                case 's': options.scenario = optarg; break;
                case 'p': options.budget.preemptions = number(); break;
                case 'k': options.budget.kills = number(); break;
                case 'K': options.budget.supervisor_kills = number(); break;
                case 'd': options.budget.delays = number(); break;
                case 'l': options.limit = strtoul(optarg, NULL, 10); break;
                case 'r': options.random = true; options.seed = strtoul(optarg, NULL, 10); break;
                case 'R': options.replay = optarg; sim_trace = true; break;
                case 'j': options.jobs = MAX(1UL, strtoul(optarg, NULL, 10)); break;
                case 'q': options.quiet = true; break;
                case 'L': list(); exit(EXIT_SUCCESS);
                default: return false;
                }
        if (options.scenario)
                options.jobs = 1; /* one scenario is not shared out */
        return optind == argc;
}

int main(int argc, char **argv) {
        double since = now();
        bool ok;

        if (!parse(argc, argv))
                return 2;
        ok = options.jobs > 1 ? run_jobs() : run_scenarios(0);
        if (!options.quiet)
                printf("crashsim: %.1f s: %s\n", now() - since, ok ? "ok" : "FAILED");
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
