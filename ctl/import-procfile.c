/* SPDX-License-Identifier: MIT */

/*
 * A Procfile: "NAME: COMMAND", a line each
 *
 * What runs it gives each command to a shell; so it is here.
 */

#include <errno.h>
#include <string.h>

#include "ctl/import.h"

static int read_line(struct import *import, unsigned int number, char *line) {
        char *colon = strchr(line, ':'), *command;
        int r;

        if (!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line)) {
                import_left(import, number, line, "is not of the form NAME: COMMAND");
                return 0;
        }
        *colon = '\0';
        command = colon + 1 + strspn(colon + 1, " \t");
        if (!*command) {
                *colon = ':';
                import_left(import, number, line, "there is no command");
                return 0;
        }
        r = import_worker(import, number, line);
        if (r < 0)
                return r;
        import_list(import, "exec", (char *[]){ (char *)"/bin/sh", (char *)"-c", command, NULL });
        if (strstr(command, "$PORT") || strstr(command, "${PORT"))
                import_left(import, number, command, "nobody sets PORT here: add environment = {'PORT=…'}");
        return 0;
}

int import_procfile(struct import *import, char *text) {
        unsigned int number = 0;
        char *line;
        int r = 0;

        import_remark(import, "From %s. What was in .env belongs into environment = { … }.", import->path);
        while (r == 0 && (line = strsep(&text, "\n"))) {
                size_t length = strlen(line);

                number++;
                while (length > 0 && strchr(" \t\r", line[length - 1]))
                        line[--length] = '\0';
                line += strspn(line, " \t");
                if (*line && *line != '#')
                        r = read_line(import, number, line);
        }
        return r < 0 ? r : import_end(import);
}
