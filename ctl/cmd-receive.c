/* SPDX-License-Identifier: MIT */

/*
 * receive: messages to standard output, or to a command each
 *
 * A message is acknowledged after its line has reached standard output, or its command has exited with 0;
 * until then it is leased to us, and goes to another when we die. So nothing is lost where the output
 * breaks; after a death in between it may be there twice.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "ctl/attach.h"
#include "ctl/verbs.h"

extern char **environ;

/** For the handler of SIGINT and SIGTERM: finish what is held, take no more. */
static struct ganger *volatile interruptible;
static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
        interrupted = 1;
        if (interruptible)
                ganger_interrupt(interruptible);
}

static void catch_signals(struct ganger *g) {
        struct sigaction action = { .sa_handler = on_signal };

        interruptible = g;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
}

static void describe_message(const struct received *m) {
        char number[24];

        setenv("GANGER_RING", m->ring, 1);
        snprintf(number, sizeof number, "%" PRIu64, m->id);
        setenv("GANGER_MESSAGE_ID", number, 1);
        snprintf(number, sizeof number, "%" PRIu32, m->deliveries);
        setenv("GANGER_DELIVERIES", number, 1);
}

/** Ours are ignored or caught; the command begins with the usual ones. */
static int default_signals(posix_spawnattr_t *attributes) {
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        r = posix_spawnattr_setsigdefault(attributes, &set);
        return r != 0 ? r : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

/** @param json  standard output is for JSON alone, so the command's goes to standard error. */
static int spawn_command(const char *command, int input, bool json, pid_t *ret) {
        char *const args[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = default_signals(&attributes);
                if (r == 0)
                        r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
                if (r == 0 && json)
                        r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
                if (r == 0)
                        r = posix_spawn(ret, "/bin/sh", &actions, &attributes, args, environ);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/** Run the command with the message as its input. */
static int execute(struct ctl *ctl, struct received *m) {
        _cleanup_(closep) int input = fd_memfd_sealed("message", m->data, m->size);
        pid_t pid;
        int r = input;

        if (r >= 0) {
                describe_message(m);
                r = spawn_command(ctl->options.exec, input, option_given(&ctl->options, OPTION_JSON), &pid);
        }
        if (r < 0)
                return complain(STATUS_FAILED, "--exec: %s", strerror(-r));
        while (waitpid(pid, &m->exec_status, 0) < 0 && errno == EINTR)
                ;
        m->executed = true;
        return STATUS_DONE;
}

/** Do with one message what was asked. @return STATUS_DONE, or STATUS_FAILED: end; what was not finished is redelivered. */
static int handle(struct ctl *ctl, struct ganger_message *message, uint64_t *rejected) {
        _cleanup_(freep) void *copy = malloc(message->size + 1);
        struct received m = {
                .ring = ctl->args[0], .id = message->id, .deliveries = message->deliveries, .data = copy, .size = message->size,
        };
        char reason[EXIT_STATUS_FORMAT_MAX];

        if (!copy)
                return complain(STATUS_FAILED, "out of memory");
        memcpy(copy, message->data, message->size);
        if (ctl->options.exec && execute(ctl, &m) != STATUS_DONE)
                return STATUS_FAILED;
        ctl->out.ops->received(&ctl->out, &m);
        if (m.executed && m.exec_status != 0) {
                exit_status_format(reason, sizeof reason, m.exec_status);
                talk(ctl, "message %" PRIu64 " rejected: %s", m.id, reason);
                (void)ganger_reject(message, reason);
                ++*rejected;
                return STATUS_DONE;
        }
        if (!ctl_flush(ctl) && !m.executed)
                return STATUS_FAILED; /* ctl_finish() says why */
        (void)ganger_acknowledge(message);
        return ferror(ctl->out.file) ? STATUS_FAILED : STATUS_DONE;
}

/** How long to wait for a message: see the help of the verb. */
static int64_t patience(const struct options *o) {
        if (option_given(o, OPTION_TIMEOUT))
                return o->timeout_usec <= INT64_MAX ? (int64_t)o->timeout_usec : -1;
        return option_given(o, OPTION_COUNT) || option_given(o, OPTION_FOLLOW) ? -1 : 0;
}

/** There is no more, or no more is wanted. */
static int ended(const struct ctl *ctl, int error, uint64_t got, uint64_t rejected) {
        bool counted = option_given(&ctl->options, OPTION_COUNT);

        if (error != -EAGAIN && error != -ETIMEDOUT && error != -ESHUTDOWN && error != -EINTR)
                return complain(STATUS_FAILED, "ring '%s': %s", ctl->args[0], strerror(-error));
        if (counted && got < ctl->options.count)
                return complain(STATUS_FAILED, "only %" PRIu64 " of %" PRIu32 " messages came", got, ctl->options.count);
        return rejected > 0 ? STATUS_FAILED : STATUS_DONE;
}

/* ---- pipes and broadcasts ---------------------------------------------------------------------- */

/** A message that nobody gives back: it goes on when it is written. @return STATUS_DONE, or STATUS_FAILED: end. */
static int show(struct ctl *ctl, const void *data, size_t size) {
        const struct received m = { .ring = ctl->args[0], .deliveries = 1, .data = data, .size = size };

        ctl->out.ops->received(&ctl->out, &m);
        return ctl_flush(ctl) ? STATUS_DONE : STATUS_FAILED;
}

static int receive_from_pipe(struct ctl *ctl, struct attachment *a) {
        const void *data;
        size_t size;
        int r;

        r = ganger_pipe_peek(a->pipe, &data, &size, patience(&ctl->options));
        if (r < 0)
                return r;
        if (show(ctl, data, size) != STATUS_DONE)
                return 1;
        (void)ganger_pipe_consume(a->pipe);
        return 0;
}

static int receive_from_broadcast(struct ctl *ctl, struct attachment *a, char *buffer) {
        uint64_t missed = 0;
        size_t size;
        int r;

        r = ganger_broadcast_receive(a->broadcast, buffer, ganger_broadcast_message_max(a->broadcast), &size, &missed,
                                     patience(&ctl->options));
        if (r < 0)
                return r;
        if (missed > 0)
                talk(ctl, "%" PRIu64 " messages were missed", missed);
        return show(ctl, buffer, size) != STATUS_DONE;
}

static int receive_plain(struct ctl *ctl, struct attachment *a) {
        bool counted = option_given(&ctl->options, OPTION_COUNT);
        _cleanup_(freep) char *buffer = malloc(attachment_message_max(a) + 1);
        uint64_t got = 0;
        int r;

        if (!buffer)
                return complain(STATUS_FAILED, "out of memory");
        if (ctl->options.exec)
                return complain(STATUS_USAGE, "--exec needs a queue, where a message can be rejected; '%s' is none", ctl->args[0]);
        while (!counted || got < ctl->options.count) {
                r = a->pipe ? receive_from_pipe(ctl, a) : receive_from_broadcast(ctl, a, buffer);
                if (r == -EINTR && !interrupted)
                        continue;
                if (r != 0)
                        return r < 0 ? ended(ctl, r, got, 0) : STATUS_FAILED; /* ctl_finish() says why */
                got++;
        }
        return STATUS_DONE;
}

/* ---- queues ------------------------------------------------------------------------------------ */

static int receive_all(struct ctl *ctl, struct attachment *a) {
        bool counted = option_given(&ctl->options, OPTION_COUNT);
        uint64_t got = 0, rejected = 0;

        while (!counted || got < ctl->options.count) {
                struct ganger_message message;
                int r;

                r = ganger_ring_receive(a->ring, &message, patience(&ctl->options));
                if (r == -EINTR && !interrupted)
                        continue;
                if (r < 0)
                        return ended(ctl, r, got, rejected);
                r = handle(ctl, &message, &rejected);
                if (r != STATUS_DONE)
                        return r;
                got++;
        }
        return rejected > 0 ? STATUS_FAILED : STATUS_DONE;
}

int verb_receive(struct ctl *ctl) {
        _cleanup_(attachment_done) struct attachment a = { 0 };
        int r;

        r = attach(ctl, ctl->args[0], GANGER_RECEIVE, &a);
        if (r != STATUS_DONE)
                return r;
        catch_signals(a.ganger);
        r = a.ring ? receive_all(ctl, &a) : receive_plain(ctl, &a);
        interruptible = NULL;
        return r;
}
