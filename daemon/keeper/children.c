/* SPDX-License-Identifier: MIT */

/*
 * The processes of the instances
 *
 * Two hash tables of fixed size over the same objects. What must hold: a child is found by its pid
 * exactly while that pid is ours to signal, that is from the clone to the reaping.
 */

#include "daemon/keeper/children.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/keeper/hash.h"

static struct list *bucket_of_key(struct children *c, const char *key) {
        return &c->keys[hash_text(key) % CHILDREN_BUCKETS];
}

static struct list *bucket_of_pid(struct children *c, pid_t pid) {
        return &c->pids[(size_t)pid % CHILDREN_BUCKETS];
}

void children_init(struct children *c) {
        for (size_t i = 0; i < CHILDREN_BUCKETS; i++) {
                list_init(&c->keys[i]);
                list_init(&c->pids[i]);
        }
        list_init(&c->pending);
        list_init(&c->formers);
        c->n = c->n_living = c->n_ending = 0;
}

void children_done(struct children *c) {
        children_for_each(it, c)
                child_process_free(c, list_entry(it, struct child_process, by_key));
}

struct child_process *child_process_new(const char *key, const void *cookie, size_t cookie_size) {
        size_t key_size = strlen(key) + 1;
        struct child_process *p = malloc(sizeof *p + key_size + cookie_size);

        if (!p)
                return NULL;
        *p = (struct child_process){ .cookie_size = cookie_size, .heir_fd = -1 };
        list_init(&p->by_key);
        list_init(&p->by_pid);
        list_init(&p->pending);
        list_init(&p->by_former);
        memcpy(p->key, key, key_size);
        p->cookie = (uint8_t *)p->key + key_size;
        if (cookie_size > 0)
                memcpy(p->cookie, cookie, cookie_size);
        return p;
}

struct child_process *child_process_free(struct children *c, struct child_process *p) {
        if (!p)
                return NULL;
        if (!list_is_empty(&p->by_key))
                c->n--;
        if (!list_is_empty(&p->by_pid))
                c->n_living--;
        list_unlink(&p->by_key);
        list_unlink(&p->by_pid);
        list_unlink(&p->pending);
        list_unlink(&p->by_former);
        c->n_ending -= p->ending;
        close_fd(p->heir_fd);
        free(p);
        return NULL;
}

struct child_process *children_find_key(struct children *c, const char *key) {
        struct list *bucket = bucket_of_key(c, key);

        list_for_each(it, bucket) {
                struct child_process *p = list_entry(it, struct child_process, by_key);

                if (strcmp(p->key, key) == 0)
                        return p;
        }
        return NULL;
}

struct child_process *children_find_pid(struct children *c, pid_t pid) {
        struct list *bucket = bucket_of_pid(c, pid);

        list_for_each(it, bucket) {
                struct child_process *p = list_entry(it, struct child_process, by_pid);

                if (p->pid == pid)
                        return p;
        }
        return NULL;
}

void children_add(struct children *c, struct child_process *p, pid_t pid, uint64_t started_usec) {
        p->pid = pid;
        p->started_usec = started_usec;
        list_append(bucket_of_key(c, p->key), &p->by_key);
        list_append(bucket_of_pid(c, pid), &p->by_pid);
        c->n++;
        c->n_living++;
}

/* News replaces older news of the same child, and keeps its place. */
static void set_pending(struct children *c, struct child_process *p) {
        if (list_is_empty(&p->pending))
                list_append(&c->pending, &p->pending);
}

static uint64_t timeval_usec(const struct timeval *tv) {
        return (uint64_t)tv->tv_sec * USEC_PER_SEC + (uint64_t)tv->tv_usec;
}

void children_set_exited(struct children *c, struct child_process *p, int status, const struct rusage *usage,
                         uint64_t exited_usec) {
        p->exited = true;
        p->stopped = false;
        p->status = status;
        p->exited_usec = exited_usec;
        p->user_usec = timeval_usec(&usage->ru_utime);
        p->system_usec = timeval_usec(&usage->ru_stime);
        p->max_rss_kib = (uint64_t)usage->ru_maxrss;
        p->minor_faults = (uint64_t)usage->ru_minflt;
        p->major_faults = (uint64_t)usage->ru_majflt;
        p->voluntary_switches = (uint64_t)usage->ru_nvcsw;
        p->involuntary_switches = (uint64_t)usage->ru_nivcsw;
        list_unlink(&p->by_pid);
        c->n_living--;
        p->heir_fd = close_fd(p->heir_fd);
        p->tell_state = true;
        set_pending(c, p);
}

void children_set_stopped(struct children *c, struct child_process *p, bool stopped) {
        if (p->stopped == stopped)
                return;
        p->stopped = stopped;
        p->tell_state = true;
        set_pending(c, p);
}

void children_set_ending(struct children *c, struct child_process *p, bool ending) {
        c->n_ending += ending;
        c->n_ending -= p->ending;
        p->ending = p->tell_ending = ending;
        if (ending)
                set_pending(c, p);
}

void children_set_former(struct children *c, struct child_process *p, pid_t pid) {
        list_unlink(&p->by_former);
        p->former = pid;
        if (pid > 0)
                list_append(&c->formers, &p->by_former);
}

void children_set_main(struct children *c, struct child_process *p, pid_t pid, bool former_lives) {
        children_set_former(c, p, former_lives ? p->pid : 0);
        list_unlink(&p->by_pid);
        p->pid = pid;
        p->stopped = false;
        list_append(bucket_of_pid(c, pid), &p->by_pid);
        p->tell_main = true;
        set_pending(c, p);
}

/* Few programs fork their main process: the list is short. */
void children_forget_former(struct children *c, pid_t pid) {
        list_for_each_safe(it, &c->formers) {
                struct child_process *p = list_entry(it, struct child_process, by_former);

                if (p->former == pid)
                        children_set_former(c, p, 0);
        }
}
