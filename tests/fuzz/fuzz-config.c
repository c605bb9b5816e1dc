/* SPDX-License-Identifier: MIT */

/*
 * Two texts of a configuration, what is after a line of three dashes is the second
 *
 * Each is refused with a reason, or can be printed, read back, and is the same. From one to the other is a difference that can be
 * told; there is none from a configuration to itself.
 *
 * Sources: daemon/config/d[!o]*.c daemon/config/[!d]*.c daemon/policy/grant.c lib/base/text.c lib/base/error.c
 * Inputs: 600
 * Faults: config-past-the-end config-prints-no-key
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *text) {
        fprintf(stderr, "fuzz: %s\n%s\n", what, text);
        abort();
}

/* A copy of exactly this size, so that the sanitizer sees a byte too far. @return NULL: it is refused. */
static struct config *parse(const char *text, size_t size, struct config_errors *errors) {
        _cleanup_(freep) char *copy = malloc(size + !size);
        struct config *config = NULL;
        int r;

        memcpy(copy, text, size);
        r = config_parse(copy, size, "x", &config, errors);
        if (r != 0 && (r != -EINVAL || config_errors_count(errors) == 0))
                fail("refused without a reason", "");
        if (r == 0 && config_errors_count(errors) > 0)
                fail("taken, with errors", "");
        return config;
}

static char *print(const struct config *config, size_t *ret_size) {
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_size);

        config_print(config, out);
        fclose(out);
        return text;
}

/* How far apart they are, told to nobody. */
static size_t compare(const struct config *a, const struct config *b) {
        struct config_diff diff;
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (config_diff(a, b, &diff) < 0)
                fail("no difference for want of memory", "");
        config_diff_print(&diff, out);
        fclose(out);
        free(text);
        size = diff.n;
        config_diff_done(&diff);
        return size;
}

/* A configuration that was taken is the same once it was printed and read again. */
static void check_printed(const struct config *config) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *again = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size;

        text = print(config, &size);
        if (size > CONFIG_SIZE_MAX) /* it has every default, too */
                return;
        again = parse(text, size, &errors);
        if (!again)
                fail(errors.errors[0].text, text);
        if (compare(config, again) > 0 || compare(again, config) > 0)
                fail("it differs, once it was printed and read", text);
        for (size_t i = 0; i < config->n_workers; i++)
                if (worker_definition_hash(config->workers[i]) != worker_definition_hash(again->workers[i]))
                        fail("the hash differs, once it was printed and read", text);
}

/* What was refused is looked at as far as it goes, so that all errors are told at once. */
static void check_refused(const char *text, size_t size) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL;

        (void)config_build(text, size, "x", &config, &errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char between[] = "\n---\n";
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL, other_errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL, *other = NULL;
        const char *text = (const char *)data, *second = memmem(data, size, between, strlen(between));
        size_t first = second ? (size_t)(second - text) : size;

        config = parse(text, first, &errors);
        if (second)
                other = parse(second + strlen(between), size - first - strlen(between), &other_errors);
        if (config)
                check_printed(config);
        else
                check_refused(text, first);
        if (config && other) {
                compare(config, other);
                compare(other, config);
        }
        return 0;
}
