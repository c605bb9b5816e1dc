/* SPDX-License-Identifier: MIT */

/*
 * The keeper becomes another program, and stays the same process
 *
 * By execve(2): its children stay its children, whom no death of a parent kills, and its pid stays the one that a service
 * manager knows. What it knows travels in a memfd, and every descriptor that it keeps stays open, under its number.
 * Signals that arrive meanwhile stay pending, since they are blocked all the time.
 *
 * There is no manager at that moment: the last one has exited, and what it had asked was served. The next one is of the
 * new program. Until one of it is ready, the program before is kept, as a descriptor: a new one that does not understand
 * what it is left, or whose managers do not come up, becomes that again, and says why.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"
#include "keeper.pb-c.h"

typedef Ganger__Keeper__Handover Handover;

/** A new program serves within this time, or gives way. */
#define PROVE_TIMEOUT_USEC (30 * USEC_PER_SEC)

#define ARGV_MAX 32

bool keeper_was_handed_over(void) {
        return getenv(KEEPER_HANDOVER_ENV) != NULL;
}

/* ---- what is left ------------------------------------------------------------------------------ */

/* As the welcome: messages one after the other are read as one. */
static int write_part(struct keeper *k, int fd, const Handover *part) {
        size_t size = ganger__keeper__handover__get_packed_size(part);

        if (size > sizeof k->packet)
                return -EMSGSIZE;
        ganger__keeper__handover__pack(part, k->packet);
        return fd_write_all(fd, k->packet, size);
}

static int write_child(struct keeper *k, int fd, const struct child_process *p) {
        Ganger__Keeper__Exited process = GANGER__KEEPER__EXITED__INIT;
        Ganger__Keeper__HandedChild child = GANGER__KEEPER__HANDED_CHILD__INIT, *children[] = { &child };
        Handover part = GANGER__KEEPER__HANDOVER__INIT;

        report_exited(&process, p);
        child.process = &process;
        child.exited = p->exited;
        child.stopped = p->stopped;
        child.ending = p->ending;
        child.may_fork = p->may_fork;
        child.former = p->former;
        child.heir = p->heir;
        child.heir_fd = p->heir_fd;
        part.children = children;
        part.n_children = 1;
        return write_part(k, fd, &part);
}

static int write_stored(struct keeper *k, int fd, const struct stored_descriptor *d) {
        Ganger__Keeper__HandedDescriptor descriptor = GANGER__KEEPER__HANDED_DESCRIPTOR__INIT, *stored[] = { &descriptor };
        Handover part = GANGER__KEEPER__HANDOVER__INIT;

        descriptor.name = (char *)d->name;
        descriptor.fd = d->fd;
        descriptor.lasting = d->lasting;
        part.stored = stored;
        part.n_stored = 1;
        return write_part(k, fd, &part);
}

static int write_rest(struct keeper *k, int fd) {
        Handover part = GANGER__KEEPER__HANDOVER__INIT;

        part.version = KEEPER_HANDOVER_VERSION;
        part.lock_fd = k->lock_fd;
        part.incarnation = k->incarnation;
        part.upgrades = k->upgrades;
        part.failure = k->upgrade_failure;
        part.stopping = k->stopping;
        part.stop_signal = k->stop_signal;
        part.reloading = k->reloading;
        part.next_lasting = k->service.next;
        part.nofile_soft = k->nofile.rlim_cur;
        part.nofile_hard = k->nofile.rlim_max;
        return write_part(k, fd, &part);
}

static int write_all(struct keeper *k, int fd) {
        int r = write_rest(k, fd);

        children_for_each(it, &k->children)
                if (r == 0)
                        r = write_child(k, fd, chain_entry(it, struct child_process, by_key));
        list_for_each(it, &k->store.all)
                if (r == 0)
                        r = write_stored(k, fd, list_entry(it, struct stored_descriptor, link));
        if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                r = -errno;
        return r;
}

/* ---- leaving ----------------------------------------------------------------------------------- */

/** All that the next program is to find. */
static void set_inherited(struct keeper *k, bool inherited) {
        int flags = inherited ? 0 : FD_CLOEXEC;

        list_for_each(it, &k->store.all)
                (void)fcntl(list_entry(it, struct stored_descriptor, link)->fd, F_SETFD, flags);
        children_for_each(it, &k->children) {
                const struct child_process *p = chain_entry(it, struct child_process, by_key);

                if (p->heir_fd >= 0)
                        (void)fcntl(p->heir_fd, F_SETFD, flags);
        }
        if (k->lock_fd >= 0)
                (void)fcntl(k->lock_fd, F_SETFD, flags);
}

/** With the options that a manager is given, which are ours. */
static void execute_program(const struct keeper *k, int program) {
        char *argv[ARGV_MAX] = { (char *)"gangerd" };

        for (size_t i = 1; k->config->manager_argv[i] && i + 1 < ARRAY_SIZE(argv); i++)
                argv[i] = (char *)k->config->manager_argv[i];
        (void)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
}

static int execute(struct keeper *k, int program, int state, int last) {
        static const char *const given[] = { "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID" };
        char text[32];
        int r;

        /*
         * What we were given by the service manager is in the store by now; the next program has our pid, and would look
         * for it.
         */
        for (size_t i = 0; i < ARRAY_SIZE(given); i++)
                (void)unsetenv(given[i]);

        snprintf(text, sizeof text, "%d,%d", state, last);
        if (setenv(KEEPER_HANDOVER_ENV, text, 1) < 0)
                return -ENOMEM;
        set_inherited(k, true);
        execute_program(k, program);
        r = -errno;
        set_inherited(k, false);
        return r;
}

/* @return only on failure. */
static int become(struct keeper *k, int program) {
        _cleanup_(closep) int state = memfd_create("ganger-handover", MFD_ALLOW_SEALING);
        _cleanup_(closep) int last = open("/proc/self/exe", O_PATH);
        int r;

        if (state < 0 || last < 0 || fchmod(state, 0600) < 0)
                return -errno;
        service_store_settle(k); /* what is yet to be told is told by us */
        r = write_all(k, state);
        if (r < 0)
                return r;
        r = execute(k, program, state, last);
        (void)unsetenv(KEEPER_HANDOVER_ENV);
        return r;
}

static void note_failure(struct keeper *k, const char *why) {
        snprintf(k->upgrade_failure, sizeof k->upgrade_failure, "%s", why);
        keeper_log("another program was tried: %s", why);
}

void handover_plan(struct keeper *k, int fd) {
        close_fd(k->next_program);
        k->next_program = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
}

void handover_begin(struct keeper *k) {
        _cleanup_(closep) int program = k->next_program;
        int r;

        k->next_program = -1;
        if (program < 0 || k->leaving)
                return;
        k->upgrades++;
        k->upgrade_failure[0] = '\0';
        r = become(k, program);
        note_failure(k, strerrordesc_np(-r));
}

void handover_give_way(struct keeper *k, const char *why) {
        int r;

        k->prove_due_usec = USEC_INFINITY;
        if (k->last_program < 0)
                return;
        if (k->manager > 0) {
                (void)kill(k->manager, SIGKILL); /* its death leads here again */
                return;
        }
        note_failure(k, why);
        r = become(k, k->last_program);
        keeper_log("becoming the program before: %s", strerrordesc_np(-r));
        k->last_program = close_fd(k->last_program);
}

void handover_proven(struct keeper *k) {
        k->last_program = close_fd(k->last_program);
        k->prove_due_usec = USEC_INFINITY;
}

/* ---- taking over ------------------------------------------------------------------------------- */

/*
 * Only what a keeper stores is taken, and it stores all of that above the window: what else is open is none of its
 * business.
 */
static bool is_handed(int fd) {
        return (fd >= SPAWN_FD_WINDOW || fault_is("handover-any-descriptor")) && fcntl(fd, F_GETFD) >= 0;
}

/* What is no pid would be a signal to many: 0, -1 and all below it. */
static bool child_is_valid(const Ganger__Keeper__HandedChild *child) {
        const Ganger__Keeper__Exited *p = child->process;

        return p && (p->pid > 1 || fault_is("handover-any-pid")) && *p->key && strlen(p->key) <= KEEPER_KEY_MAX &&
               p->cookie.len <= KEEPER_COOKIE_MAX && child->former >= 0 && child->former != 1 && child->heir >= 0 &&
               child->heir != 1 && (child->heir_fd == -1 || is_handed(child->heir_fd));
}

/* Before anything of it is taken: a program that cannot go on leaves everything to the one before. */
static bool is_valid(const Handover *from) {
        if (from->n_children > KEEPER_CHILDREN_MAX || from->n_stored > KEEPER_STORED_FDS_MAX)
                return false;
        for (size_t i = 0; i < from->n_children; i++)
                if (!child_is_valid(from->children[i]))
                        return false;
        for (size_t i = 0; i < from->n_stored; i++)
                if (!is_handed(from->stored[i]->fd))
                        return false;
        return true;
}

static int take_child(struct keeper *k, const Ganger__Keeper__HandedChild *child) {
        const Ganger__Keeper__Exited *from = child->process;
        struct child_process *p;
        struct child_usage usage;

        /* The number of one that was reaped may be that of another by now. */
        if (children_find_key(&k->children, from->key) || (!child->exited && children_find_pid(&k->children, from->pid)))
                return -EBADMSG;
        p = child_process_new(from->key, from->cookie.data, from->cookie.len);
        if (!p)
                return -ENOMEM;
        children_add(&k->children, p, from->pid, from->started_usec);
        p->may_fork = child->may_fork;
        p->stopped = child->stopped;
        p->heir = child->heir;
        p->heir_fd = child->heir_fd;
        if (child->former > 0)
                children_set_former(&k->children, p, child->former);
        if (child->ending)
                children_set_ending(&k->children, p, true);
        if (!child->exited)
                return 0;
        usage = (struct child_usage){
                .user_usec = from->user_usec, .system_usec = from->system_usec, .max_rss_kib = from->max_rss_kib,
                .minor_faults = from->minor_faults, .major_faults = from->major_faults,
                .voluntary_switches = from->voluntary_switches, .involuntary_switches = from->involuntary_switches,
        };
        children_set_exited(&k->children, p, from->status, &usage, from->exited_usec);
        return 0;
}

static int take_all(struct keeper *k, const Handover *from) {
        int r = 0;

        if (from->version != KEEPER_HANDOVER_VERSION || fault_is("refuse-handover"))
                return -EPROTONOSUPPORT;
        if (!is_valid(from))
                return -EBADMSG;
        k->lock_fd = from->lock_fd;
        k->incarnation = from->incarnation;
        k->was_ready = true; /* as another program */
        k->upgrades = from->upgrades;
        snprintf(k->upgrade_failure, sizeof k->upgrade_failure, "%s", from->failure);
        k->stopping = from->stopping;
        k->stop_signal = from->stop_signal;
        k->reloading = k->tell_reload = from->reloading;
        k->nofile = (struct rlimit){ from->nofile_soft, from->nofile_hard };
        for (size_t i = fault_is("forget-child"); i < from->n_children && r == 0; i++)
                r = take_child(k, from->children[i]);
        for (size_t i = 0; i < from->n_stored && r == 0; i++) {
                r = store_put(&k->store, from->stored[i]->name, from->stored[i]->fd);
                if (r == 0)
                        service_store_know(k, from->stored[i]->name, from->stored[i]->lasting);
        }
        if (r < 0)
                return r;
        k->service.next = MAX(k->service.next, from->next_lasting);
        /* Now it is ours: whoever refuses it leaves the numbers as they are. */
        for (size_t i = 0; i < from->n_stored; i++)
                close(from->stored[i]->fd);
        set_inherited(k, false);
        return 0;
}

static int read_all(struct keeper *k, int fd) {
        Handover *from;
        size_t size;
        void *map;
        int r;

        r = fd_map_sealed(fd, KEEPER_HANDOVER_MAX, &map, &size);
        if (r < 0)
                return r;
        from = ganger__keeper__handover__unpack(NULL, size, map);
        r = from ? take_all(k, from) : -EBADMSG;
        if (from)
                ganger__keeper__handover__free_unpacked(from, NULL);
        munmap(map, size);
        return r;
}

/*
 * What was left is not understood: the program that has left it becomes the keeper again, and finds it as it left it, save
 * for the reason. (It adds that itself: it alone knows how.)
 */
static void refuse(struct keeper *k, int state, int last) {
        (void)fcntl(state, F_SETFD, 0);
        (void)setenv(KEEPER_HANDOVER_REFUSED_ENV, "1", 1);
        keeper_log("what the program before has left is of another kind: it goes on");
        execute_program(k, last);
}

int handover_take(struct keeper *k) {
        const char *text = getenv(KEEPER_HANDOVER_ENV);
        _cleanup_(closep) int state = -1;
        int last, r;

        if (!text)
                return -ENOENT;
        if (sscanf(text, "%d,%d", &state, &last) != 2 || state < 0 || last < 0)
                return -EBADMSG;
        (void)fcntl(last, F_SETFD, FD_CLOEXEC);
        r = read_all(k, state);
        if (r < 0 && !getenv(KEEPER_HANDOVER_REFUSED_ENV))
                refuse(k, state, last);
        if (r < 0)
                return r;
        (void)unsetenv(KEEPER_HANDOVER_ENV);
        if (getenv(KEEPER_HANDOVER_REFUSED_ENV)) {
                note_failure(k, "it does not understand what this one leaves");
                (void)unsetenv(KEEPER_HANDOVER_REFUSED_ENV);
                close(last);
        } else if (*k->upgrade_failure)
                close(last); /* it has given way to us, and is not tried again */
        else {
                k->last_program = last;
                k->prove_due_usec = now_usec() + PROVE_TIMEOUT_USEC;
        }
        /* Some of ours may have died since, and the signal of that may have been taken before. */
        reap_all(k);
        return 0;
}
