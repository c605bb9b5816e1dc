/* SPDX-License-Identifier: MIT */

/*
 * Log files
 *
 * What must hold: a line is in NAME or in one of NAME.1 …, whole and once, or the caller is told that it is not. A
 * rotation renames the old file and opens a new one before the line is written; if either cannot be done, the old one is
 * what is written to, and it grows. Whatever moves the file away from outside (logrotate) is noticed within a
 * second, or at once after log_file_look_again().
 *
 * A regular file cannot be written to without waiting for its file system: O_NONBLOCK means nothing there. What the kernel
 * has room for in memory does not wait, and each write is small, but a file system that hangs (NFS whose server is gone)
 * hangs the manager too, until it is killed. To keep that away from it, a process of its own would have to do the writing,
 * fed by a pipe: one more process, a protocol for rotation and for what was dropped, and lines that are in neither place
 * when the manager dies. Local file systems do not need it, and the journal is there for others; ganger.conf(5) says so.
 */

#include "daemon/log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/own-directory.h"
#include "base/time.h"

#define MODE 0640
/** Ends a piece of a line that goes on in the next one. */
#define GOES_ON "…\n"
/** NAME.4294967295 */
#define NAME_SIZE (NAME_MAX + 16)

static const char *name_of(const struct log_file *f) {
        return strrchr(f->path, '/') + 1;
}

static int _printf_(3, 4) fail(struct log_file *f, int code, const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(f->why, sizeof f->why, format, args);
        va_end(args);
        return code;
}

int log_file_set_path(struct log_file *f, const char *path) {
        char *copy;

        if (f->path && strcmp(f->path, path) == 0)
                return 0;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        log_file_close(f);
        free(f->path);
        f->path = copy;
        return 0;
}

void log_file_close(struct log_file *f) {
        f->fd = close_fd(f->fd);
        f->directory_fd = close_fd(f->directory_fd);
        f->tried_usec = 0;
        f->torn = f->unrotated = false;
}

void log_file_done(struct log_file *f) {
        log_file_close(f);
        free(f->path);
        *f = LOG_FILE_NULL;
}

void log_file_look_again(struct log_file *f) {
        f->looked_usec = f->tried_usec = 0;
}

/* ---- opening ----------------------------------------------------------------------------------- */

/* When its first line was written; that of somebody else, when it was written to last. */
static uint64_t first_line_usec(int fd, const struct stat *st) {
        char text[LOG_LINE_TIME_LENGTH];
        uint64_t usec;

        if (st->st_size == 0)
                return 0;
        if (pread(fd, text, sizeof text, 0) == (ssize_t)sizeof text && log_line_time_parse(text, sizeof text, &usec) == 0)
                return usec;
        return (uint64_t)st->st_mtim.tv_sec * USEC_PER_SEC;
}

/* Is it ours alone, and a file? A hard link may be to a file that somebody wants to see spoilt. */
static int check(struct log_file *f, const struct stat *st) {
        if (!S_ISREG(st->st_mode))
                return fail(f, -EINVAL, "it is no regular file");
        if (st->st_uid != geteuid())
                return fail(f, -EPERM, "it belongs to user %u", (unsigned int)st->st_uid);
        if (st->st_nlink != 1)
                return fail(f, -EMLINK, "it has other names (hard links)");
        return 0;
}

/* Open the file in the directory that is open. What was open before stays if that fails. */
static int open_file(struct log_file *f) {
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        fd = openat(f->directory_fd, name_of(f),
                    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, MODE);
        if (fd < 0 && errno == ELOOP)
                return fail(f, -ELOOP, "it is a symbolic link");
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail(f, -errno, "opening it: %s", strerror(errno));
        r = check(f, &st);
        if (r < 0)
                return r;
        close_fd(f->fd);
        f->fd = TAKE_FD(fd);
        f->device = st.st_dev;
        f->inode = st.st_ino;
        f->size = (uint64_t)st.st_size;
        f->first_usec = first_line_usec(f->fd, &st);
        f->torn = false;
        return 0;
}

static int open_all(struct log_file *f) {
        struct error error = ERROR_NULL;
        int fd = own_directory_open(f->path, &error);

        if (fd < 0)
                return fail(f, fd, "its directory: %s", error.text);
        f->directory_fd = fd;
        /* A limit of file sizes (RLIMIT_FSIZE) is to be an error like a full disk. */
        signal(SIGXFSZ, SIG_IGN);
        return open_file(f);
}

/* Is NAME still what is open? */
static bool is_there(const struct log_file *f) {
        struct stat st;

        return fstatat(f->directory_fd, name_of(f), &st, AT_SYMLINK_NOFOLLOW) >= 0 && st.st_dev == f->device &&
               st.st_ino == f->inode;
}

/* Have it open, if it can be. What failed is not tried for each line. */
static int make_ready(struct log_file *f, uint64_t now) {
        struct stat st;
        int r;

        if (f->fd >= 0 && now - f->looked_usec < LOG_FILE_LOOK_USEC)
                return 0;
        if (f->fd < 0 && f->tried_usec != 0 && now - f->tried_usec < LOG_FILE_LOOK_USEC)
                return f->code;
        f->looked_usec = now;
        if (f->fd >= 0 && is_there(f)) {
                if (fstat(f->fd, &st) >= 0)
                        f->size = (uint64_t)st.st_size; /* somebody may have emptied it */
                return 0;
        }
        log_file_close(f);
        r = open_all(f);
        if (r < 0) {
                log_file_close(f);
                f->tried_usec = now;
        }
        return r;
}

/* ---- rotation ---------------------------------------------------------------------------------- */

static const char *numbered(const struct log_file *f, char buf[NAME_SIZE], uint32_t number) {
        snprintf(buf, NAME_SIZE, "%s.%u", name_of(f), number);
        return buf;
}

/* NAME.1 to NAME.2, and so on; the last one is replaced, and what is past it goes. */
static int shift(struct log_file *f) {
        char from[NAME_SIZE], to[NAME_SIZE];
        uint32_t last = 1;

        for (uint32_t i = f->keep + 1; unlinkat(f->directory_fd, numbered(f, from, i), 0) >= 0; i++)
                ;

        /* Up to the first gap only: what is behind it stays. */
        while (last < f->keep && faccessat(f->directory_fd, numbered(f, from, last), F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                last++;
        for (uint32_t i = last; i > 1; i--)
                if (renameat(f->directory_fd, numbered(f, from, i - 1), f->directory_fd, numbered(f, to, i)) < 0)
                        return -errno;
        return 0;
}

static int move_away(struct log_file *f) {
        char to[NAME_SIZE];

        if (f->keep == 0)
                return unlinkat(f->directory_fd, name_of(f), 0) < 0 ? -errno : 0;
        return renameat(f->directory_fd, name_of(f), f->directory_fd, numbered(f, to, 1)) < 0 ? -errno : 0;
}

/* @return whether a new file is open; else the old one is, where it was if that can be. */
static bool rotate(struct log_file *f) {
        char moved[NAME_SIZE];
        int r = shift(f);

        if (r >= 0)
                r = move_away(f);
        if (r < 0) {
                fail(f, r, "renaming it: %s", strerror(-r));
                return false;
        }
        fault_point("after-rotate");
        if (open_file(f) >= 0)
                return true;
        if (f->keep > 0)
                (void)renameat(f->directory_fd, numbered(f, moved, 1), f->directory_fd, name_of(f));
        return false;
}

static bool is_due(const struct log_file *f, size_t size, uint64_t realtime_usec) {
        if (f->size == 0)
                return false;
        if (f->size_max > 0 && f->size + size > f->size_max)
                return true;
        return f->age_max_usec != USEC_INFINITY && f->first_usec > 0 && realtime_usec > f->first_usec &&
               realtime_usec - f->first_usec >= f->age_max_usec;
}

/* @return whether it was. */
static bool rotate_if_due(struct log_file *f, size_t size, uint64_t realtime_usec, uint64_t now) {
        if (!is_due(f, size, realtime_usec)) {
                f->unrotated = false;
                return false;
        }
        if (f->unrotated && now - f->tried_usec < LOG_FILE_LOOK_USEC)
                return false;
        f->unrotated = !rotate(f);
        f->tried_usec = f->unrotated ? now : 0;
        return !f->unrotated;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static size_t format(const struct log_file *f, const struct log_record *record, char buf[LOG_FILE_WRITE_MAX]) {
        const struct log_source *from = &record->source;
        size_t size = log_text_cut(record->text, record->size, LOG_LINE_MAX), n = 0;
        const char *end = record->continued ? GOES_ON : "\n";
        struct log_line_head head = {
                .realtime_usec = record->realtime_usec,
                .pid = from->pid,
                .priority = record->priority,
        };

        snprintf(head.key, sizeof head.key, "%s", from->worker ? from->key : "gangerd");
        snprintf(head.stream, sizeof head.stream, "%s", from->worker ? log_stream_name(from->stream) : "-");
        if (f->torn)
                buf[n++] = '\n';
        n += log_line_head_format(buf + n, &head);
        memcpy(buf + n, record->text, size);
        n += size;
        memcpy(buf + n, end, strlen(end));
        return n + strlen(end);
}

/* A part of a line, since the disk is full: take it back. */
static void take_back(struct log_file *f, size_t n) {
        off_t end = lseek(f->fd, 0, SEEK_CUR);

        if (end >= (off_t)n && ftruncate(f->fd, end - (off_t)n) >= 0)
                return;
        f->torn = true;
        f->size += n;
}

static int write_whole(struct log_file *f, const char *data, size_t size) {
        ssize_t n;

        do
                n = write(f->fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return fail(f, -errno, "writing to it: %s", strerror(errno));
        if ((size_t)n < size) {
                take_back(f, (size_t)n);
                return fail(f, -ENOSPC, "writing to it: %s", strerror(ENOSPC));
        }
        f->torn = false;
        f->size += size;
        return 0;
}

static int write_line(struct log_file *f, const struct log_record *record) {
        char line[LOG_FILE_WRITE_MAX];
        uint64_t now = now_usec();
        size_t size;
        int r;

        r = make_ready(f, now);
        if (r < 0)
                return r;
        size = format(f, record, line);
        if (rotate_if_due(f, size, record->realtime_usec, now) && fault_is("rotation-loses-line"))
                return 0;
        r = write_whole(f, line, size);
        if (r >= 0 && f->first_usec == 0)
                f->first_usec = record->realtime_usec;
        return r;
}

int log_file_write(struct log_file *f, const struct log_record *record) {
        f->code = f->path ? write_line(f, record) : -ENOENT;
        return f->code;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int open_to_read(int directory, const char *name) {
        _cleanup_(closep) int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) && st.st_uid == geteuid() ? TAKE_FD(fd) : -EPERM;
}

static void reverse(int *fds, size_t n) {
        for (size_t i = 0; i < n / 2; i++) {
                int fd = fds[i];

                fds[i] = fds[n - 1 - i];
                fds[n - 1 - i] = fd;
        }
}

int log_files_open(const char *path, int *fds, size_t max, size_t *ret_n, struct error *e) {
        _cleanup_(closep) int directory = own_directory_open(path, e);
        const char *last = strrchr(path, '/') + 1;
        char name[NAME_SIZE];
        size_t n = 0;
        int fd = -1;

        if (directory < 0)
                return directory;
        for (; n < max; n++) {
                snprintf(name, sizeof name, n > 0 ? "%s.%zu" : "%s", last, n);
                fd = open_to_read(directory, name);
                if (fd < 0)
                        break;
                fds[n] = fd;
        }
        if (n == 0 && fd < 0 && fd != -ENOENT)
                return error_errno(e, fd, "opening it");
        reverse(fds, n);
        *ret_n = n;
        return 0;
}
