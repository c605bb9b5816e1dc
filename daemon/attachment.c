/* SPDX-License-Identifier: MIT */
/*
 * Processes that became members from outside
 *
 * The manager is not their parent, so it watches a pidfd, which is kept with the keeper together with the member memory
 * (attached/ID/process, attached/ID/member) and a record. A new manager watches again, and finds out at once if
 * the process has ended meanwhile. A process is recovered at its end and never before: it has the memory mapped.
 */

#include "daemon/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77                 /* Linux 6.5 */
#endif

#define STORED_NAME_MAX 48

int peer_pidfd(int socket, pid_t *ret_pid) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        int fd = -1;

        if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.pid <= 0)
                return -ESRCH; /* of a pid namespace that we do not see */
        size = sizeof fd;
        if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) < 0 || fd < 0)
                fd = syscall(SYS_pidfd_open, peer.pid, 0);
        if (fd < 0)
                return -errno;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        *ret_pid = peer.pid;
        return fd;
}

static const char *stored_name(char *buf, const struct attachment *a, const char *what) {
        snprintf(buf, STORED_NAME_MAX, "attached/%llu/%s", (unsigned long long)a->id, what);
        return buf;
}

static struct attachment *attachment_free(struct attachment *a) {
        list_unlink(&a->link);
        sd_event_source_disable_unref(a->source);
        membership_leave(a->objects, &a->membership);
        close_fd(a->pidfd);
        free(a);
        return NULL;
}
DEFINE_CLEANUP(struct attachment *, attachment_free)

static int attachment_make(struct attachment **ret, struct gang_objects *objects, uint64_t id, pid_t pid) {
        struct attachment *a = calloc(1, sizeof *a);

        if (!a)
                return -ENOMEM;
        list_init(&a->link);
        a->objects = objects;
        a->id = id;
        a->pid = pid;
        a->pidfd = -1;
        a->membership = MEMBERSHIP_NULL;
        a->state_slot = STATE_SLOT_NONE;
        *ret = a;
        return 0;
}

void attachment_forget(struct attachment *attachment) {
        attachment_free(attachment);
}

/* The process is dead: recover, forget the record, then what is stored. Idempotent up to the record. */
static void attachment_end(struct attachment *a) {
        struct gang *gang = a->objects->gang;
        char name[STORED_NAME_MAX];

        fault_point("before-recover-attached");
        membership_recover(a->objects, &a->membership, a->pid, "its process ended");
        fault_point("after-recover-attached");
        state_erase(&gang->state, &a->state_slot);
        keeper_link_drop(&gang->link, stored_name(name, a, "process"));
        keeper_link_drop(&gang->link, stored_name(name, a, "member"));
        attachment_free(a);
}

static int on_end(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        attachment_end(userdata);
        return 0;
}

static int attachment_watch(struct attachment *a) {
        struct gang *gang = a->objects->gang;
        int r = sd_event_add_io(gang->event, &a->source, a->pidfd, EPOLLIN, on_end, a);

        return r < 0 ? r : sd_event_source_set_priority(a->source, SD_EVENT_PRIORITY_IMPORTANT);
}

/* Descriptors first, then the record that speaks of them; all of it before the process learns its seat. */
static int attachment_record(struct attachment *a) {
        struct gang *gang = a->objects->gang;
        const struct membership_seat *seat = &a->membership.seats[0];
        Ganger__State__AttachedState record = GANGER__STATE__ATTACHED_STATE__INIT;
        Ganger__State__Seat record_seat;
        char name[STORED_NAME_MAX];
        int r;

        r = keeper_link_store_lasting(&gang->link, stored_name(name, a, "process"), a->pidfd);
        if (r >= 0)
                r = keeper_link_store_lasting(&gang->link, stored_name(name, a, "member"), a->membership.member_fd);
        if (r < 0)
                return r;
        membership_seat_record(seat, &record_seat);
        record.id = a->id;
        record.pid = a->pid;
        record.seat = &record_seat;
        if (fault_is("forget-attached"))
                return 0;
        return state_write_message(&gang->state, &a->state_slot, STATE_ATTACHED, &record.base);
}

static int check_limits(const struct gang_objects *objects, pid_t pid, struct error *error) {
        size_t n = 0, n_own = 0;

        list_for_each(it, &objects->attachments) {
                n++;
                n_own += list_entry(it, struct attachment, link)->pid == pid;
        }
        if (n >= ATTACHMENTS_MAX)
                return error_set(error, -EBUSY, "%zu processes are attached: no more can be", n);
        if (n_own >= ATTACHMENTS_PER_PROCESS_MAX)
                return error_set(error, -EBUSY, "process %d has attached %zu times: enough", (int)pid, n_own);
        return 0;
}

int attachment_new(struct attachment **ret, struct gang_objects *objects, const char *object, pid_t pid, int pidfd,
                   bool receive, bool send, struct error *error) {
        char *names[] = { (char *)object, NULL };
        const struct membership_wish wish = { .names = names, .receives = receive, .sends = send };
        _cleanup_(attachment_freep) struct attachment *a = NULL;
        char name[32];
        int r;

        if (!receive && !send)
                return error_set(error, -EINVAL, "neither to receive nor to send");
        r = check_limits(objects, pid, error);
        if (r < 0)
                return r;
        r = attachment_make(&a, objects, objects->next_attachment++, pid);
        if (r < 0)
                return error_errno(error, r, "attaching");
        a->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
        if (a->pidfd < 0)
                return error_errno(error, -errno, "watching process %d", (int)pid);
        snprintf(name, sizeof name, "pid %d", (int)pid);
        r = membership_join(objects, name, &wish, 1, SEAT_HANDLES, &a->membership, error);
        if (r < 0)
                return r;
        r = attachment_watch(a);
        if (r >= 0)
                r = attachment_record(a);
        if (r < 0)
                return error_errno(error, r, "watching process %d", (int)pid);
        list_append(&objects->attachments, &a->link);
        *ret = TAKE(a);
        return 0;
}

/*
 * @return a pidfd; if there is no such process, something that tells the end of one as a pidfd does: a pipe without a
 * writer.
 */
static int process_or_none(pid_t pid) {
        int fd = syscall(SYS_pidfd_open, pid, 0), ends[2];

        if (fd >= 0 || errno != ESRCH)
                return fd < 0 ? -errno : fd;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        close(ends[1]);
        return ends[0];
}

int attachment_restore(struct gang_objects *objects, const Ganger__State__AttachedState *record, uint32_t state_slot) {
        struct gang *gang = objects->gang;
        _cleanup_(attachment_freep) struct attachment *a = NULL;
        Ganger__State__Seat *seat = record->seat;
        char name[STORED_NAME_MAX], holder[32];
        int r;

        if (record->id >= objects->next_attachment)
                objects->next_attachment = record->id + 1;
        r = attachment_make(&a, objects, record->id, record->pid);
        if (r < 0)
                return r;
        a->pidfd = keeper_link_take(&gang->link, stored_name(name, a, "process"));
        /*
         * A keeper that died may not have come to store it. Whoever has that number now: the process is gone when that one
         * is.
         */
        if (a->pidfd < 0 && gang->link.restored)
                a->pidfd = process_or_none(record->pid);
        if (a->pidfd < 0 || !seat)
                return -ENOENT;
        snprintf(holder, sizeof holder, "pid %d", (int)record->pid);
        r = membership_restore(objects, holder, &seat, 1, keeper_link_take(&gang->link, stored_name(name, a, "member")),
                               &a->membership);
        if (r >= 0)
                r = attachment_watch(a); /* a pidfd of a dead process is readable: on_end() comes at once */
        if (r < 0)
                return r;
        a->state_slot = state_slot;
        list_append(&objects->attachments, &a->link);
        TAKE(a);
        return 0;
}
