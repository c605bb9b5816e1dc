/* SPDX-License-Identifier: MIT */

/*
 * The verdict: what the gang counted against what tr, sort and uniq count
 *
 * Files that were given out equally often are counted together, and multiplied. Two programs that share no
 * line with us must agree with each single word.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "ctl/demo/demo.h"

extern char **environ;

/** Reads paths, each ended by NUL; a newline after each file keeps its last word from the next one's first. */
static const char script[] =
        "LC_ALL=C; export LC_ALL\n"
        "xargs -0 -r -n 100 sh -c 'for f; do cat -- \"$f\" && echo || exit 255; done' sh |\n"
        "tr -s '[:space:]' '\\n' | sed '/^$/d' | sort | uniq -c\n";

/** Start the script. @return 0 or -errno. */
static int start(pid_t *ret_pid, int *ret_in, int *ret_out) {
        char *const args[] = { (char *)"bash", (char *)"-o", (char *)"pipefail", (char *)"-c", (char *)script, NULL };
        _cleanup_(closep) int in_r = -1, in_w = -1, out_r = -1, out_w = -1;
        posix_spawn_file_actions_t actions;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        in_r = fds[0];
        in_w = fds[1];
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        out_r = fds[0];
        out_w = fds[1];
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, in_r, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out_w, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(ret_pid, "bash", &actions, NULL, args, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;
        *ret_in = TAKE_FD(in_w);
        *ret_out = TAKE_FD(out_r);
        return 0;
}

/** The paths of the files that were given out so often. sort answers only when all was read: no deadlock. */
static int write_paths(int fd, const struct input *in, uint64_t times) {
        FILE *f = fdopen(fd, "w");

        if (!f) {
                close(fd);
                return -errno;
        }
        for (size_t i = 0; i < in->n; i++)
                if (in->files[i].times == times)
                        fwrite(in->files[i].path, 1, strlen(in->files[i].path) + 1, f);
        return fclose(f) == 0 ? 0 : -errno;
}

/** "   12 word" a line. */
static int read_counts(int fd, uint64_t times, struct tally *expected) {
        _cleanup_(freep) char *line = NULL;
        _cleanup_(fclosep) FILE *f = fdopen(fd, "r");
        size_t size = 0;
        ssize_t n;
        int r = 0;

        if (!f) {
                close(fd);
                return -errno;
        }
        while (r == 0 && (n = getline(&line, &size, f)) > 0) {
                char *word;
                long long count = strtoll(line, &word, 10);

                n -= word + 1 - line;
                if (n > 0 && word[n] == '\n')
                        n--;
                r = tally_add(expected, word + 1, (size_t)n, count * (int64_t)times);
        }
        return r;
}

/** What the files that were given out so often must have added. */
static int expect(const struct input *in, uint64_t times, struct tally *expected) {
        int to = -1, from = -1, status, r;
        pid_t pid;

        r = start(&pid, &to, &from);
        if (r < 0)
                return r;
        r = write_paths(to, in, times);
        if (r == 0)
                r = read_counts(from, times, expected);
        else
                close(from);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r == 0 && status != 0)
                return -EIO;
        return r;
}

static void compare(const struct tally *expected, const struct tally *got, struct demo_result *ret) {
        tally_for_each(e, expected) {
                int64_t n = tally_get(got, e->name, e->length);

                if (n < e->count)
                        ret->lost += (uint64_t)(e->count - n);
                else
                        ret->duplicated += (uint64_t)(n - e->count);
        }
        tally_for_each(e, got)
                if (tally_get(expected, e->name, e->length) == 0)
                        ret->duplicated += (uint64_t)e->count;
        ret->words = (uint64_t)got->total;
        ret->words_expected = (uint64_t)expected->total;
        ret->distinct = expected->n;
}

int verdict_compare(struct feed *f, struct demo_result *ret) {
        _cleanup_(tally_done) struct tally expected = TALLY_NULL;
        uint64_t most = 0;
        int r = 0;

        for (size_t i = 0; i < f->input->n; i++)
                most = MAX(most, f->input->files[i].times);
        /* Rounds are given out in order: a file was given out as often as the first, or once less. */
        for (uint64_t times = most; r == 0 && times > 0 && times + 1 >= most; times--)
                r = expect(f->input, times, &expected);
        if (r < 0) {
                complain(STATUS_FAILED, "counting with tr, sort and uniq: %s", strerror(-r));
                return r;
        }
        compare(&expected, &f->got, ret);
        return 0;
}
