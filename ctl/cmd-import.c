/* SPDX-License-Identifier: MIT */

/*
 * import: the configuration of another supervisor
 *
 * Prints the configuration to standard output, and what could not be carried over to standard error. The format follows
 * from the name of the file.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/import.h"
#include "ctl/verbs.h"

/** A file that is longer is none of these. */
#define FILE_MAX (1 << 20)

static char *read_file(const char *path) {
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *text = NULL;
        size_t n;

        if (!f)
                return NULL;
        text = malloc(FILE_MAX + 1);
        if (!text)
                return NULL;
        n = fread(text, 1, FILE_MAX, f);
        if (ferror(f))
                return NULL;
        if (n == FILE_MAX || memchr(text, '\0', n)) {
                errno = EFBIG;
                return NULL;
        }
        text[n] = '\0';
        return TAKE(text);
}

static bool ends_with(const char *text, const char *end) {
        size_t length = strlen(text);

        return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int read_as(struct import *import, const char *name, char *text) {
        if (strncmp(name, "Procfile", 8) == 0)
                return import_procfile(import, text);
        if (ends_with(name, ".service"))
                return import_unit(import, name, text);
        if (ends_with(name, ".conf") || ends_with(name, ".ini"))
                return import_supervisord(import, text);
        fprintf(import->err, "%s: it is none of supervisord.conf, Procfile and NAME.service\n", import->path);
        return -EINVAL;
}

int verb_import(struct ctl *ctl) {
        const char *path = ctl->args[0], *slash = strrchr(path, '/');
        struct import import = { .path = path, .err = stderr };
        _cleanup_(freep) char *text = read_file(path), *configuration = NULL;
        size_t size;
        int r;

        if (!text)
                return complain(STATUS_FAILED, "%s: %s", path, strerror(errno));
        import.out = open_memstream(&configuration, &size);
        if (!import.out)
                return complain(STATUS_FAILED, "out of memory");
        r = read_as(&import, slash ? slash + 1 : path, text);
        if (r < 0)
                (void)import_end(&import);
        if (fclose(import.out) != 0 || r == -ENOMEM)
                return complain(STATUS_FAILED, "out of memory");
        if (r < 0 || import.n_workers == 0)
                return complain(STATUS_FAILED, "%s: there is nothing to import", path);
        ctl->out.ops->imported(&ctl->out, path, configuration, import.n_left);
        return STATUS_DONE;
}
