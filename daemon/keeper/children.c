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

static struct chain *bucket_of_key(struct children *c, const char *key) {
        return &c->keys[hash_text(key) % CHILDREN_BUCKETS];
}

static struct chain *bucket_of_pid(struct children *c, pid_t pid) {
        return &c->pids[(size_t)pid % CHILDREN_BUCKETS];
}

void children_init(struct children *c) {
        *c = (struct children){ 0 };
        list_init(&c->pending);
}

void children_done(struct children *c) {
        children_for_each(it, c)
                child_process_free(c, chain_entry(it, struct child_process, by_key));
}

struct child_process *child_process_new(const char *key, const void *cookie, size_t cookie_size) {
        size_t key_size = strlen(key) + 1;
        struct child_process *p = malloc(offsetof(struct child_process, key) + key_size + cookie_size);

        if (!p)
                return NULL;
        memset(p, 0, offsetof(struct child_process, key));
        p->cookie_size = (uint32_t)cookie_size;
        p->heir_fd = -1;
        list_init(&p->pending);
        memcpy(p->key, key, key_size);
        if (cookie_size > 0)
                memcpy(p->key + key_size, cookie, cookie_size);
        return p;
}

uint8_t *child_process_cookie(const struct child_process *p) {
        return (uint8_t *)p->key + strlen(p->key) + 1;
}

/** Is its pid ours to signal? */
static bool is_living(const struct child_process *p) {
        return p->known && !p->exited;
}

struct child_process *child_process_free(struct children *c, struct child_process *p) {
        if (!p)
                return NULL;
        if (is_living(p)) {
                chain_remove(bucket_of_pid(c, p->pid), &p->by_pid);
                c->n_living--;
        }
        if (p->known) {
                chain_remove(bucket_of_key(c, p->key), &p->by_key);
                c->n--;
        }
        list_unlink(&p->pending);
        c->n_ending -= p->ending;
        c->n_formers -= p->former > 0;
        close_fd(p->heir_fd);
        free(p->usage);
        free(p);
        return NULL;
}

struct child_process *children_find_key(struct children *c, const char *key) {
        chain_for_each(it, bucket_of_key(c, key)) {
                struct child_process *p = chain_entry(it, struct child_process, by_key);

                if (strcmp(p->key, key) == 0)
                        return p;
        }
        return NULL;
}

struct child_process *children_find_pid(struct children *c, pid_t pid) {
        chain_for_each(it, bucket_of_pid(c, pid)) {
                struct child_process *p = chain_entry(it, struct child_process, by_pid);

                if (p->pid == pid)
                        return p;
        }
        return NULL;
}

void children_add(struct children *c, struct child_process *p, pid_t pid, uint64_t started_usec) {
        p->known = true;
        p->pid = pid;
        p->started_usec = started_usec;
        chain_add(bucket_of_key(c, p->key), &p->by_key);
        chain_add(bucket_of_pid(c, pid), &p->by_pid);
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

struct child_usage child_usage_of(const struct rusage *usage) {
        return (struct child_usage){
                .user_usec = timeval_usec(&usage->ru_utime),
                .system_usec = timeval_usec(&usage->ru_stime),
                .max_rss_kib = (uint64_t)usage->ru_maxrss,
                .minor_faults = (uint64_t)usage->ru_minflt,
                .major_faults = (uint64_t)usage->ru_majflt,
                .voluntary_switches = (uint64_t)usage->ru_nvcsw,
                .involuntary_switches = (uint64_t)usage->ru_nivcsw,
        };
}

void children_set_exited(struct children *c, struct child_process *p, int status, const struct child_usage *usage,
                         uint64_t exited_usec) {
        chain_remove(bucket_of_pid(c, p->pid), &p->by_pid);
        c->n_living--;
        p->exited = true;
        p->stopped = false;
        p->status = status;
        p->exited_usec = exited_usec;
        p->usage = malloc(sizeof *p->usage);
        if (p->usage)
                *p->usage = *usage;
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
        c->n_formers -= p->former > 0;
        p->former = pid;
        c->n_formers += p->former > 0;
}

void children_set_main(struct children *c, struct child_process *p, pid_t pid, bool former_lives) {
        children_set_former(c, p, former_lives ? p->pid : 0);
        chain_remove(bucket_of_pid(c, p->pid), &p->by_pid);
        p->pid = pid;
        p->stopped = false;
        chain_add(bucket_of_pid(c, pid), &p->by_pid);
        p->tell_main = true;
        set_pending(c, p);
}

/* Few programs fork their main process, and most of those that do end it at once. */
void children_forget_former(struct children *c, pid_t pid) {
        if (c->n_formers == 0)
                return;
        children_for_each(it, c) {
                struct child_process *p = chain_entry(it, struct child_process, by_key);

                if (p->former == pid)
                        children_set_former(c, p, 0);
        }
}
