/* SPDX-License-Identifier: MIT */

/*
 * Log files of workers
 *
 * A file is read twice the first time: to count what is wanted of each instance, and to print the last of that. So any
 * number of lines takes no memory. How far each was read is kept by its inode, for it may have been rotated when it is
 * read again.
 */

#include "ctl/log-files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log-line.h"

/** A line that is longer was not written by gangerd. */
#define LINE_MAX_SIZE (64 * 1024)

/** A file that was read. */
struct file {
        struct list link;
        dev_t device;
        ino_t inode;
        off_t end;                      /* so far; never in the middle of a line */
};

struct files_worker {
        struct list link;
        char *name;
        struct list files;
};

struct key {
        struct list link;
        char name[LOG_LINE_KEY_MAX];
        uint64_t wanted, passed;        /* lines, of the first reading */
        uint64_t remembered[LOG_FILES_REMEMBERED]; /* hashes of the last lines */
        uint64_t n;                     /* how many there were */
        uint64_t next;                  /* the first that the stream may still have */
};

/* ---- whose lines they are ------------------------------------------------------------------------ */

static struct key *key_find(struct log_files *f, const char *name) {
        list_for_each(it, &f->keys)
                if (strcmp(list_entry(it, struct key, link)->name, name) == 0)
                        return list_entry(it, struct key, link);
        return NULL;
}

static struct key *key_get(struct log_files *f, const char *name) {
        struct key *key = key_find(f, name);

        if (key)
                return key;
        key = calloc(1, sizeof *key);
        if (!key)
                return NULL;
        memcpy(key->name, name, strlen(name) + 1);
        list_append(&f->keys, &key->link);
        return key;
}

static uint64_t hash(uint64_t realtime_usec, const char *stream, const char *text, size_t size) {
        uint64_t h = UINT64_C(14695981039346656037) ^ realtime_usec; /* FNV-1a */

        for (; *stream; stream++)
                h = (h ^ (uint8_t)*stream) * UINT64_C(1099511628211);
        for (size_t i = 0; i < size; i++)
                h = (h ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
        return h;
}

static bool is_named(const struct log_files *f, const char *worker, const char *key) {
        for (size_t i = 0; i < f->n_names; i++)
                if (strcmp(f->names[i], worker) == 0 || strcmp(f->names[i], key) == 0)
                        return true;
        return f->n_names == 0;
}

/* ---- lines ------------------------------------------------------------------------------------- */

/** A line that is wanted, and what comes of it: @return 0, -ENOMEM. */
typedef int (*line_fn)(struct log_files *f, const struct files_worker *worker, const struct log_line_head *head,
                       const char *text, size_t size);

static bool is_wanted(const struct log_files *f, const struct files_worker *worker, const struct log_line_head *head) {
        /* What the daemon says there, of lines that were dropped, is about all of its instances. */
        return head->realtime_usec >= f->since_usec && head->priority <= f->level_max &&
               (is_named(f, worker->name, head->key) || strcmp(head->key, "gangerd") == 0);
}

static int count(struct log_files *f, const struct files_worker *worker, const struct log_line_head *head, const char *text,
                 size_t size) {
        struct key *key = key_get(f, head->key);

        if (!key)
                return -ENOMEM;
        key->wanted++;
        return 0;
}

static void print_line(struct log_files *f, const struct files_worker *worker, const struct log_line_head *head,
                       const char *text) {
        Ganger__V1__LogLine line = GANGER__V1__LOG_LINE__INIT;
        const char *slash = strchr(head->key, '/');

        line.key = (char *)head->key;
        line.worker = worker->name;
        line.instance = slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
        line.stream = (char *)head->stream;
        line.realtime_usec = head->realtime_usec;
        line.priority = head->priority;
        line.pid = head->pid;
        line.text = (char *)text;
        f->ctl->out.ops->log(&f->ctl->out, &line);
}

static int print(struct log_files *f, const struct files_worker *worker, const struct log_line_head *head, const char *text,
                 size_t size) {
        _cleanup_(freep) char *copy = strndup(text, size);
        struct key *key = key_get(f, head->key);

        if (!copy || !key)
                return -ENOMEM;
        key->remembered[key->n++ % LOG_FILES_REMEMBERED] = hash(head->realtime_usec, head->stream, text, size);
        if (key->passed++ + f->lines >= key->wanted || key->passed > key->wanted)
                print_line(f, worker, head, copy);
        return 0;
}

/** Each whole line from `*at` on; moves `*at` behind the last one. */
static int each_line(struct log_files *f, const struct files_worker *worker, FILE *file, off_t *at, line_fn fn) {
        _cleanup_(freep) char *line = NULL;
        struct log_line_head head;
        size_t room = 0;
        ssize_t n;
        int r;

        if (fseeko(file, *at, SEEK_SET) < 0)
                return -errno;
        while ((n = getline(&line, &room, file)) > 0 && line[n - 1] == '\n') {
                const char *text = n <= LINE_MAX_SIZE ? log_line_head_parse(line, (size_t)n - 1, &head) : NULL;

                *at += n;
                r = text && is_wanted(f, worker, &head) ? fn(f, worker, &head, text, (size_t)(line + n - 1 - text)) : 0;
                if (r < 0)
                        return r;
                if (ferror(f->ctl->out.file))
                        return 0;
        }
        return ferror(file) ? -EIO : 0;
}

/* ---- files ------------------------------------------------------------------------------------- */

/** What is known of a file; it is new if nothing is. */
static int file_get(struct files_worker *worker, int fd, struct file **ret) {
        struct file *file;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        list_for_each(it, &worker->files) {
                file = list_entry(it, struct file, link);
                if (file->device == st.st_dev && file->inode == st.st_ino) {
                        if (st.st_size < file->end)
                                file->end = 0; /* somebody has emptied it */
                        *ret = file;
                        return 0;
                }
        }
        file = calloc(1, sizeof *file);
        if (!file)
                return -ENOMEM;
        file->device = st.st_dev;
        file->inode = st.st_ino;
        list_append(&worker->files, &file->link);
        *ret = file;
        return 0;
}

/** @param counting  only count what there is: another reading follows. */
static int read_file(struct log_files *f, struct files_worker *worker, int fd, bool counting) {
        _cleanup_(fclosep) FILE *stream = NULL;
        struct file *file = NULL;
        off_t at;
        int copy, r = file_get(worker, fd, &file);

        if (r < 0)
                return r;
        copy = dup(fd);
        stream = copy < 0 ? NULL : fdopen(copy, "r");
        if (!stream) {
                close_fd(copy);
                return -errno;
        }
        at = file->end;
        r = each_line(f, worker, stream, &at, counting ? count : print);
        if (!counting)
                file->end = at;
        return r;
}

/** Ask for the files of a worker. @return STATUS_DONE, or the exit status after complaining. */
static int ask(struct ctl *ctl, const char *worker, int fds[GANGER_CONTROL_FDS_MAX], size_t *ret_n) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__LogFilesRequest files = GANGER__V1__LOG_FILES_REQUEST__INIT;
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        int r;

        files.worker = (char *)worker;
        request.call_case = GANGER__V1__REQUEST__CALL_LOG_FILES;
        request.log_files = &files;
        *ret_n = 0;
        r = ganger_control_call_fds(ctl->client, &request, &reply, fds, ret_n);
        return r < 0 ? complain(status_of_error(r), "%s", ganger_control_error(ctl->client)) : STATUS_DONE;
}

static int read_worker(struct log_files *f, struct files_worker *worker, bool counting) {
        int fds[GANGER_CONTROL_FDS_MAX], status, r = 0;
        size_t n;

        status = ask(f->ctl, worker->name, fds, &n);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        r = read_file(f, worker, fds[i], counting);
                close(fds[i]);
        }
        if (status != STATUS_DONE)
                return status;
        return r < 0 ? complain(STATUS_FAILED, "log files of %s: %s", worker->name, strerror(-r)) : STATUS_DONE;
}

int log_files_print(struct log_files *f) {
        int status = STATUS_DONE;

        for (int counting = list_is_empty(&f->keys); counting >= 0 && status == STATUS_DONE; counting--)
                list_for_each(it, &f->workers)
                        if (status == STATUS_DONE)
                                status = read_worker(f, list_entry(it, struct files_worker, link), counting > 0);
        return status;
}

bool log_files_had(struct log_files *f, const Ganger__V1__LogLine *line) {
        struct key *key = key_find(f, line->key);
        uint64_t h = hash(line->realtime_usec, line->stream, line->text, strlen(line->text));

        if (!key)
                return false;
        if (key->n - key->next > LOG_FILES_REMEMBERED)
                key->next = key->n - LOG_FILES_REMEMBERED;
        for (uint64_t i = key->next; i < key->n; i++)
                if (key->remembered[i % LOG_FILES_REMEMBERED] == h) {
                        key->next = i + 1;
                        return true;
                }
        return false;
}

/* ---- which workers ----------------------------------------------------------------------------- */

static int worker_add(struct log_files *f, const char *name) {
        struct files_worker *worker = calloc(1, sizeof *worker);

        if (!worker)
                return -ENOMEM;
        worker->name = strdup(name);
        if (!worker->name) {
                free(worker);
                return -ENOMEM;
        }
        list_init(&worker->files);
        list_append(&f->workers, &worker->link);
        return 0;
}

int log_files_find(struct log_files *f) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        int r;

        list_init(&f->workers);
        list_init(&f->keys);
        status.names = (char **)f->names;
        status.n_names = f->n_names;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status;
        r = ctl_call(f->ctl, &request, false, &reply);
        if (r != STATUS_DONE)
                return r;
        for (size_t i = 0; i < reply->status->n_workers; i++) {
                int fds[GANGER_CONTROL_FDS_MAX];
                size_t n;

                r = ask(f->ctl, reply->status->workers[i]->name, fds, &n);
                if (r != STATUS_DONE)
                        return r;
                for (size_t j = 0; j < n; j++)
                        close(fds[j]);
                if (n > 0 && worker_add(f, reply->status->workers[i]->name) < 0)
                        return complain(STATUS_FAILED, "%s", strerror(ENOMEM));
        }
        return STATUS_DONE;
}

void log_files_done(struct log_files *f) {
        list_for_each_safe(it, &f->workers) {
                struct files_worker *worker = list_entry(it, struct files_worker, link);

                list_for_each_safe(at, &worker->files)
                        free(list_entry(at, struct file, link));
                free(worker->name);
                free(worker);
        }
        list_for_each_safe(it, &f->keys)
                free(list_entry(it, struct key, link));
        list_init(&f->workers);
        list_init(&f->keys);
}
