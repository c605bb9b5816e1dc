/* SPDX-License-Identifier: MIT */

/*
 * A file of variables: each that is read is NAME=value, or the file is refused with a line and a reason
 *
 * Sources: daemon/env-file.c
 * Inputs: 6000
 * Faults: env-any-name
 */

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/env-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

static size_t total;

static int on_assignment(void *userdata, const char *assignment, const char **why) {
        const char *equals = strchr(assignment, '=');

        if (!equals || equals == assignment || isdigit((unsigned char)*assignment))
                fail("a variable without a name");
        for (const char *p = assignment; p < equals; p++)
                if (!isalnum((unsigned char)*p) && *p != '_')
                        fail("a name that is none");
        total += strlen(assignment) + 1;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned int line = 0, n_lines = 1;
        const char *why = NULL;
        int r;

        total = 0;
        for (size_t i = 0; i < size; i++)
                n_lines += data[i] == '\n';
        r = env_file_parse((const char *)data, size, on_assignment, NULL, &line, &why);
        if (total > size + n_lines)
                fail("more is read than there is");
        if (r < 0 && (line == 0 || line > n_lines || !why))
                fail("refused without a line and a reason");
        return 0;
}
