/* SPDX-License-Identifier: MIT */

/*
 * A configuration of another supervisor; the first byte says of which
 *
 * What is made of it is a configuration of ours, which may lack something that only a person can know, but is no nonsense: nothing of
 * the text gets out of its quotes.
 *
 * Sources: ctl/import.c ctl/import-ini.c ctl/import-procfile.c ctl/import-supervisord.c ctl/import-unit.c ctl/import-place.c
 * Sources: ctl/import-isolation.c daemon/config/lexer.c daemon/config/outline.c
 * Inputs: 2000
 * Faults: import-no-quotes
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import.h"
#include "daemon/config/config.h"
#include "daemon/config/lexer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(struct import *import, unsigned int which, char *text) {
        switch (which % 3) {
        case 0:
                return import_supervisord(import, text);
        case 1:
                return import_procfile(import, text);
        default:
                return import_unit(import, "some.service", text);
        }
}

static void check_tokens(const char *text, size_t size) {
        struct lexer lexer;
        struct token token;
        unsigned int depth = 0;

        lexer_init(&lexer, text, size);
        do {
                token = lexer_next(&lexer);
                depth += token.kind == TOKEN_OPEN;
                if (token.kind == TOKEN_BAD || (token.kind == TOKEN_CLOSE && depth-- == 0)) {
                        fprintf(stderr, "fuzz: line %u of what was made of it is nonsense: %s\n%.*s\n", token.line, lexer.problem,
                                (int)size, text);
                        abort();
                }
        } while (token.kind != TOKEN_END);
        if (depth > 0) {
                fprintf(stderr, "fuzz: a section is not closed\n%.*s\n", (int)size, text);
                abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct import import = { .path = "x" };
        char *text, *out = NULL, *err = NULL;
        size_t out_size, err_size;
        int r;

        if (size < 1)
                return 0;
        text = strndup((const char *)data + 1, size - 1);
        import.out = open_memstream(&out, &out_size);
        import.err = open_memstream(&err, &err_size);
        r = run(&import, data[0], text);
        if (r < 0)
                (void)import_end(&import);
        fclose(import.out);
        fclose(import.err);
        if (r == 0)
                check_tokens(out, out_size);
        free(out);
        free(err);
        free(text);
        return 0;
}
