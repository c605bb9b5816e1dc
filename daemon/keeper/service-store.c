/* SPDX-License-Identifier: MIT */

/*
 * Descriptors that the service manager keeps for us, over the end of the keeper
 *
 * Those that the manager calls lasting are stored with systemd too, and come back with LISTEN_FDS when it starts the next
 * keeper. Each is there under NUMBER/NAME, where the number is used once: so one that takes the place of another of its
 * name is there before that one is removed, and a keeper that dies in between leaves both; the higher number counts.
 *
 * What must hold: what a request stores was given to the kernel before the next request is served, so that no process runs
 * whose memory the service manager could not have. (What was sent before we died it reads before it hears of that.) It
 * must not stop us for good: one that does not read for PATIENCE_USEC is no longer waited for.
 *
 * It never tells what it refuses. So we count, and say it when the limit of which it has told us (FDSTORE) is reached.
 */

#include "daemon/keeper/service-store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"

/** What systemd allows of a name: see sd_notify(3), FDNAME. */
#define FDNAME_MAX 255
/** All names come back in one variable, and execve(2) takes no string of more than 128 KiB. */
#define NAMES_SIZE_MAX ((size_t)120 * 1024)
/** For so long requests wait for a service manager that does not read. */
#define PATIENCE_USEC (5 * USEC_PER_SEC)
/** If the kernel is short of memory, or of descriptors in flight. */
#define RETRY_USEC (10 * USEC_PER_MSEC)
/** Notes that wait; only past our patience there are more than a few. */
#define NOTES_MAX 4096
/** A note as text. */
#define TEXT_MAX (FDNAME_MAX + 64)

struct note {
        struct list link;
        int fd;                         /* -1: it is to be removed */
        char name[];
};

/* ---- notes ---------------------------------------------------------------------------------------- */

static void note_free(struct service_store *s, struct note *note) {
        list_unlink(&note->link);
        s->n_notes--;
        close_fd(note->fd);
        free(note);
}

static int reach(struct service_store *s) {
        struct sockaddr_un address;
        socklen_t size = notify_address(&address);
        _cleanup_(closep) int fd = -1;

        if (s->socket >= 0)
                return 0;
        if (size == 0)
                return -EOPNOTSUPP;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
                return -errno;
        /* Out of the way of those that children get. */
        s->socket = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
        return s->socket < 0 ? -errno : 0;
}

static int tell(struct service_store *s, const struct note *note) {
        char text[TEXT_MAX];
        ssize_t n;
        int r = reach(s);

        if (r < 0)
                return r;
        /* It is not to be polled: whether a descriptor has hung up is ours to judge. */
        snprintf(text, sizeof text, note->fd < 0 ? "FDSTOREREMOVE=1\nFDNAME=%s" : "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", note->name);
        n = fd_send(s->socket, text, strlen(text), &note->fd, note->fd < 0 ? 0 : 1);
        return n < 0 ? (int)n : 0;
}

static bool must_retry(int error) {
        return error == -ENOBUFS || error == -ENOMEM || error == -ETOOMANYREFS || error == -EMFILE || error == -ENFILE;
}

static void flush(struct keeper *k) {
        struct service_store *s = &k->service;

        s->retry_usec = USEC_INFINITY;
        while (!list_is_empty(&s->notes)) {
                struct note *note = list_entry(list_first(&s->notes), struct note, link);
                int r = tell(s, note);

                if (must_retry(r))
                        s->retry_usec = now_usec() + RETRY_USEC;
                if (must_retry(r) || r == -EAGAIN)
                        break;
                if (r < 0)
                        keeper_log("telling the service manager of descriptor '%s': %s", note->name, strerrordesc_np(-r));
                note_free(s, note);
        }
        if (list_is_empty(&s->notes)) {
                s->patience_usec = USEC_INFINITY;
                s->slow = false;
        } else if (s->patience_usec == USEC_INFINITY)
                s->patience_usec = now_usec() + PATIENCE_USEC;
}

bool service_store_must_wait(const struct keeper *k) {
        return k->service.patience_usec != USEC_INFINITY && now_usec() < k->service.patience_usec && !fault_is("hasty-keeper");
}

void service_store_turn(struct keeper *k, bool writable) {
        struct service_store *s = &k->service;
        uint64_t now = now_usec();

        if (writable || now >= s->retry_usec)
                flush(k);
        if (s->slow || now < s->patience_usec)
                return;
        s->slow = true;
        keeper_log("the service manager does not read: until it does, what is made does not outlive the keeper");
}

uint64_t service_store_due_usec(const struct keeper *k) {
        const struct service_store *s = &k->service;

        return service_store_must_wait(k) ? MIN(s->retry_usec, s->patience_usec) : s->retry_usec;
}

/* @param fd  -1: it is to be removed. */
static int add_note(struct keeper *k, const char *name, int fd) {
        struct service_store *s = &k->service;
        struct note *note = s->n_notes < NOTES_MAX ? malloc(sizeof *note + FDNAME_MAX + 1) : NULL;

        if (!note)
                return -ENOBUFS;
        note->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
        if (fd >= 0 && note->fd < 0) {
                free(note);
                return -errno;
        }
        snprintf(note->name, FDNAME_MAX + 1, "%s", name);
        list_append(&s->notes, &note->link);
        s->n_notes++;
        flush(k);
        return 0;
}

/* ---- what it has ---------------------------------------------------------------------------------- */

/* A name as it has it. @return its size, with what separates it from the next. */
static size_t format_name(char ret[FDNAME_MAX + 1], uint64_t number, const char *name) {
        return (size_t)snprintf(ret, FDNAME_MAX + 1, "%llx/%s", (unsigned long long)number, name) + 1;
}

static bool name_is_allowed(const char *name, size_t size) {
        for (const char *p = name; *p; p++)
                if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f || *p == ':')
                        return false;
        return size <= FDNAME_MAX + 1;
}

static bool fits(struct keeper *k, size_t size) {
        struct service_store *s = &k->service;
        bool fits = s->n < s->max && s->names_size + size <= NAMES_SIZE_MAX;

        if (!fits && !s->full)
                keeper_log("the service manager keeps no more than %zu descriptors, of the %zu that it may "
                           "(FileDescriptorStoreMax=): what is made now does not outlive the keeper", s->n, s->max);
        s->full = !fits;
        return fits;
}

uint64_t service_store_put(struct keeper *k, const char *name, int fd) {
        struct service_store *s = &k->service;
        char fdname[FDNAME_MAX + 1];
        size_t size = format_name(fdname, s->next, name);

        if (s->max == 0 || !name_is_allowed(name, size) || !fits(k, size) || fault_is("forget-service-store"))
                return 0;
        if (add_note(k, fdname, fd) < 0) {
                keeper_log("descriptor '%s' does not outlive the keeper: the service manager is not reached", name);
                return 0;
        }
        s->n++;
        s->names_size += size;
        return s->next++;
}

void service_store_remove(struct keeper *k, uint64_t number, const char *name) {
        struct service_store *s = &k->service;
        char fdname[FDNAME_MAX + 1];

        if (number == 0 || fault_is("keep-in-service-store"))
                return;
        s->n--;
        s->names_size -= format_name(fdname, number, name);
        if (add_note(k, fdname, -1) < 0)
                keeper_log("descriptor '%s' stays with the service manager, which is not reached", name);
}

/* ---- coming and going ----------------------------------------------------------------------------- */

void service_store_know(struct keeper *k, const char *name, uint64_t number) {
        struct service_store *s = &k->service;
        struct stored_descriptor *d = number > 0 ? store_find(&k->store, name) : NULL;
        char fdname[FDNAME_MAX + 1];

        if (!d)
                return;
        d->lasting = number;
        s->n++;
        s->names_size += format_name(fdname, number, name);
        s->next = MAX(s->next, number + 1);
}

/* One that the keeper before us had it keep. */
static int take_back(struct keeper *k, uint64_t number, const char *name, int fd) {
        struct service_store *s = &k->service;
        struct stored_descriptor *d = store_find(&k->store, name);
        uint64_t former = d ? d->lasting : 0;
        char fdname[FDNAME_MAX + 1];
        int r;

        s->next = MAX(s->next, number + 1);
        if (former > number)
                return -EEXIST;
        r = store_put(&k->store, name, fd);
        if (r < 0)
                return r;
        s->n++;
        s->names_size += format_name(fdname, number, name);
        store_find(&k->store, name)->lasting = number;
        service_store_remove(k, former, name);
        k->restored = true;
        return 0;
}

static int take(struct keeper *k, const char *name, int fd) {
        unsigned long long number;
        char *slash;

        if (strcmp(name, KEEPER_SOCKET_UNIT_CONTROL) == 0)
                return store_put(&k->store, KEEPER_ACTIVATED_CONTROL, fd);
        number = strtoull(name, &slash, 16);
        if (*slash != '/' || number == 0 || number >= UINT64_MAX)
                return -EINVAL;
        return take_back(k, number, slash + 1, fd);
}

static size_t limit(void) {
        const char *text = getenv("FDSTORE");
        struct sockaddr_un address;
        unsigned long n = text ? strtoul(text, NULL, 10) : 0;

        return notify_address(&address) > 0 ? MIN(n, (unsigned long)KEEPER_STORED_FDS_MAX) : 0;
}

void service_store_init(struct keeper *k) {
        struct service_store *s = &k->service;
        char **names = NULL;
        int n;

        *s = (struct service_store){ .socket = -1, .next = 1, .max = limit(), .patience_usec = USEC_INFINITY,
                                     .retry_usec = USEC_INFINITY };
        list_init(&s->notes);
        n = sd_listen_fds_with_names(0, &names);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i, r = take(k, names[i], fd);

                /* One of an older number was replaced by a keeper that had no time to say so. */
                if (r < 0 && r != -EEXIST)
                        keeper_log("descriptor '%.*s' of the service manager is of no use: %s", FDNAME_MAX, names[i],
                                   strerrordesc_np(-r));
                if (r < 0)
                        (void)add_note(k, names[i], -1);
                close(fd);
        }
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
}

/* What is not to be kept must not be found by the next keeper: the configuration of before, above all. */
void service_store_settle(struct keeper *k) {
        while (service_store_must_wait(k)) {
                struct pollfd fd = { .fd = k->service.socket, .events = POLLOUT };

                (void)poll(&fd, 1, (int)(RETRY_USEC / USEC_PER_MSEC));
                flush(k);
        }
}

void service_store_done(struct keeper *k) {
        list_for_each_safe(it, &k->service.notes)
                note_free(&k->service, list_entry(it, struct note, link));
        k->service.socket = close_fd(k->service.socket);
}

void service_store_forget_all(struct keeper *k) {
        list_for_each_safe(it, &k->store.all) {
                struct stored_descriptor *d = list_entry(it, struct stored_descriptor, link);

                if (d->lasting == 0)
                        continue;
                service_store_remove(k, d->lasting, d->name);
                store_drop(&k->store, d->name);
        }
        k->restored = false;
}
