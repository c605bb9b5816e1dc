/* SPDX-License-Identifier: MIT */
/*
 * What people have wished, over the end of the daemon
 *
 *      stopped WORKER          stopped WORKER/N          scaled WORKER N DEFINED
 *      drained WORKER          drained WORKER/N
 *
 * DEFINED is how many the configuration had then ("2", "2..8"): if it has something else now, that counts.
 *
 * A new text is written beside the old one, synced, and renamed over it: so there is always a whole one. What cannot be read
 * is told, and begun anew; a directory that cannot be written to is told once, and nothing else is harmed.
 */

#include "daemon/wishes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/own-directory.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

#define FILE_NAME "wishes"
/** A line of it: two words, a name, a number. */
#define LINE_MAX_BYTES 256
/** "10000..10000" */
#define DEFINED_MAX 32

static void path_of(const struct gang *gang, char ret[PATH_MAX], const char *suffix) {
        snprintf(ret, PATH_MAX, "%s/" FILE_NAME "%s", gang->state_dir, suffix);
}

/*
 * Who can put another file there says what is stopped, and has us write over what the file is a link to: only a directory
 * that is ours alone is used. @return a descriptor of it, or -errno.
 */
static int open_directory(const struct gang *gang, struct error *error) {
        char path[PATH_MAX];

        path_of(gang, path, "");
        return own_directory_open(path, error);
}

/* ---- writing ----------------------------------------------------------------------------------- */

static const char *defined_text(const struct worker_definition *d, char *buf, size_t size) {
        if (d->instances_max > d->instances)
                snprintf(buf, size, "%u..%u", d->instances, d->instances_max);
        else
                snprintf(buf, size, "%u", d->instances);
        return buf;
}

static void print_worker(const struct worker *worker, FILE *out) {
        char text[DEFINED_MAX];

        if (worker->removed || !worker->definition->remember)
                return;
        if (worker->stopped)
                fprintf(out, "stopped %s\n", worker->name);
        if (worker->scaled)
                fprintf(out, "scaled %s %u %s\n", worker->name, worker->wanted,
                        defined_text(worker->definition, text, sizeof text));
        if (worker->drained)
                fprintf(out, "drained %s\n", worker->name);
        for (size_t i = 0; i < worker->n_instances && i < worker_count_target(worker); i++) {
                if (worker->instances[i]->stopped && !worker->stopped)
                        fprintf(out, "stopped %s\n", worker->instances[i]->key);
                if (worker->instances[i]->drained && !worker->drained)
                        fprintf(out, "drained %s\n", worker->instances[i]->key);
        }
}

/** @return the text; NULL: no memory. Free it. */
static char *print_all(struct gang *gang) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return NULL;
        list_for_each(it, &gang->workers)
                print_worker(list_entry(it, struct worker, link), out);
        if (fclose(out) != 0)
                text = (free(text), NULL);
        return text;
}

static int write_whole(int fd, const char *text) {
        size_t left = strlen(text);

        while (left > 0) {
                ssize_t n = write(fd, text, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                left -= (size_t)n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

static int replace(const struct gang *gang, const char *text, struct error *error) {
        _cleanup_(closep) int directory = open_directory(gang, error), fd = -1;
        int r;

        if (directory < 0)
                return directory;
        fd = openat(directory, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        r = write_whole(fd, text);
        fault_point("before-wishes");
        if (r == 0 && renameat(directory, FILE_NAME ".new", directory, FILE_NAME) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(directory, FILE_NAME ".new", 0);
        return r;
}

void wishes_touch(struct gang *gang) {
        if (!gang->state_dir)
                return;
        gang->wishes_changed = true;
        gang_touch(gang);
}

void wishes_turn(struct gang *gang) {
        _cleanup_(freep) char *text = NULL;
        struct error error = ERROR_NULL;
        int r;

        if (!gang->wishes_changed || gang->stopping || fault_is("forget-wishes"))
                return;
        gang->wishes_changed = false;
        text = print_all(gang);
        if (text && gang->wishes && strcmp(text, gang->wishes) == 0)
                return;
        r = text ? replace(gang, text, &error) : -ENOMEM;
        if (r < 0) {
                log_error("%s/" FILE_NAME ": what is stopped and scaled by hand cannot be remembered: %s", gang->state_dir,
                          error.code < 0 ? error.text : strerror(-r));
                return;
        }
        free(gang->wishes);
        gang->wishes = TAKE(text);
}

void wishes_done(struct gang *gang) {
        gang->wishes = (free(gang->wishes), NULL);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void load_stopped(struct gang *gang, const char *name) {
        struct worker *worker = worker_find(gang, name);
        struct instance *instance = worker ? NULL : instance_find(gang, name);

        if (worker && worker->definition->remember) {
                worker->stopped = true;
                worker_save(worker);
        } else if (instance && instance_definition(instance)->remember) {
                instance->stopped = true;
                instance_save(instance);
        }
}

static void load_drained(struct gang *gang, const char *name) {
        struct worker *worker = worker_find(gang, name);
        struct instance *instance = worker ? NULL : instance_find(gang, name);

        if (worker && worker->definition->remember) {
                worker->drained = true;
                worker_save(worker);
        } else if (instance && instance_definition(instance)->remember) {
                instance->drained = true;
                instance_save(instance);
        }
}

static void load_scaled(struct gang *gang, const char *name, unsigned int n, const char *defined) {
        struct worker *worker = worker_find(gang, name);
        char text[DEFINED_MAX];

        if (!worker || !worker->definition->remember ||
            strcmp(defined_text(worker->definition, text, sizeof text), defined) != 0 ||
            n > CONFIG_INSTANCES_MAX || worker_grow(worker, n + worker->definition->standby) < 0)
                return;
        worker->wanted = n;
        worker->scaled = true;
        worker_save(worker);
}

static bool load_line(struct gang *gang, const char *line) {
        char name[LINE_MAX_BYTES], defined[DEFINED_MAX], rest;
        unsigned int n;

        if (sscanf(line, "stopped %255s %c", name, &rest) == 1)
                load_stopped(gang, name);
        else if (sscanf(line, "drained %255s %c", name, &rest) == 1)
                load_drained(gang, name);
        else if (sscanf(line, "scaled %255s %u %31s %c", name, &n, defined, &rest) == 3)
                load_scaled(gang, name, n, defined);
        else
                return false;
        return true;
}

void wishes_load(struct gang *gang) {
        _cleanup_(closep) int directory = -1;
        _cleanup_(fclosep) FILE *in = NULL;
        char path[PATH_MAX], line[LINE_MAX_BYTES];
        struct error error = ERROR_NULL;
        unsigned int number = 0;
        int fd;

        if (!gang->state_dir)
                return;
        directory = open_directory(gang, &error);
        if (directory < 0) {
                log_error("%s: what was stopped and scaled by hand is not known: %s", gang->state_dir, error.text);
                return;
        }
        path_of(gang, path, "");
        fd = openat(directory, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        in = fd < 0 ? NULL : fdopen(fd, "r");
        if (!in && fd >= 0)
                close(fd);
        else if (!in && errno != ENOENT)
                log_error("%s: %s", path, strerror(errno));
        while (in && fgets(line, sizeof line, in)) {
                number++;
                if (!load_line(gang, line))
                        log_warning("%s:%u: this says nothing, and is left out", path, number);
        }
}
