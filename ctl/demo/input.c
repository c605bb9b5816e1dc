/* SPDX-License-Identifier: MIT */

/*
 * The files whose words are counted
 *
 * Text only, as grep would see it: a file with a NUL byte is left out, and so is one with a word that no line of
 * the demo can carry. Said once for each, since a count that leaves something out silently is wrong.
 */

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ctl/demo/demo.h"

#define DEFAULT_INPUT "/usr/share/common-licenses"

void input_done(struct input *in) {
        for (size_t i = 0; i < in->n; i++)
                free(in->files[i].path);
        free(in->files);
        *in = (struct input){ 0 };
}

static bool is_space(char c) {
        return c == ' ' || (c >= '\t' && c <= '\r');
}

/** Count the words of a text. @return why it cannot be counted here, or NULL. */
static const char *count_words(const char *text, size_t size, uint64_t *ret) {
        size_t length = 0;
        uint64_t words = 0;

        for (size_t i = 0; i < size; i++) {
                if (text[i] == '\0')
                        return "it is no text (it has a NUL byte)";
                length = is_space(text[i]) ? 0 : length + 1;
                if (length == 1)
                        words++;
                if (length >= DEMO_LINE_MAX)
                        return "it has a word that is longer than a line may be";
        }
        *ret = words;
        return NULL;
}

static const char *look_at(const char *path, uint64_t *ret) {
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        const char *why;
        struct stat st;
        void *map;

        if (fd < 0 || fstat(fd, &st) < 0)
                return strerror(errno);
        if (st.st_size == 0)
                return "it is empty";
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return strerror(errno);
        why = count_words(map, (size_t)st.st_size, ret);
        munmap(map, (size_t)st.st_size);
        return why;
}

static int add(const struct ctl *ctl, struct input *in, const char *found) {
        _cleanup_(freep) char *path = realpath(found, NULL);
        const char *why;
        uint64_t words = 0;
        void *grown;

        if (in->n == DEMO_FILES_MAX)
                return -E2BIG;
        why = !path ? strerror(errno) : strlen(path) >= 4000 ? "its path is too long" : look_at(path, &words);
        if (why) {
                talk(ctl, "%s is left out: %s", found, why);
                in->skipped++;
                return 0;
        }
        grown = reallocarray(in->files, in->n + 1, sizeof *in->files);
        if (!grown)
                return -ENOMEM;
        in->files = grown;
        in->files[in->n++] = (struct input_file){ .path = TAKE(path), .words = words };
        return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
        return strcmp((*a)->fts_name, (*b)->fts_name);
}

/** Symbolic links are followed where they were named, and not below a folder: no file is counted twice. */
static int walk(const struct ctl *ctl, struct input *in, char *const *paths) {
        FTS *fts = fts_open(paths, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, by_name);
        FTSENT *e;
        int r = 0;

        if (!fts)
                return -errno;
        while (r == 0 && (e = fts_read(fts))) {
                if (e->fts_info == FTS_F)
                        r = add(ctl, in, e->fts_path);
                else if (e->fts_info == FTS_DNR || e->fts_info == FTS_NS || e->fts_info == FTS_ERR)
                        r = complain(-e->fts_errno, "%s: %s", e->fts_path, strerror(e->fts_errno));
        }
        fts_close(fts);
        return r;
}

int input_collect(const struct ctl *ctl, char **paths, int n_paths, struct input *ret) {
        char *fallback[] = { (char *)DEFAULT_INPUT, NULL };
        _cleanup_(input_done) struct input in = { 0 };
        _cleanup_(freep) char **list = NULL;
        int r;

        if (n_paths > 0) {
                list = calloc((size_t)n_paths + 1, sizeof *list);
                if (!list)
                        return complain(STATUS_FAILED, "%s", strerror(ENOMEM));
                memcpy(list, paths, (size_t)n_paths * sizeof *list);
        }
        r = walk(ctl, &in, list ? list : fallback);
        if (r == -E2BIG)
                return complain(STATUS_FAILED, "more than %d files; name fewer", DEMO_FILES_MAX);
        if (r < 0)
                return STATUS_FAILED;
        if (in.n == 0)
                return complain(STATUS_FAILED, "no text file in %s", n_paths > 0 ? "what was named" : DEFAULT_INPUT);
        *ret = in;
        in = (struct input){ 0 };
        return STATUS_DONE;
}
