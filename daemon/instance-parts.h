/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_INSTANCE_PARTS_H
#define GANGER_DAEMON_INSTANCE_PARTS_H

/*
 * What the files of an instance share with each other, and with nobody else
 */

#include "base/error.h"
#include "base/text.h"
#include "daemon/instance.h"
#include "daemon/worker.h"

static inline struct gang *instance_gang(const struct instance *instance) {
        return instance->worker->gang;
}

/**
 * Something happened to it: enter the next state, write it down, and do what the table says.
 * @param delay_usec  of a back-off.
 * @param ended       the process whose exit this is about: acknowledged once it is written down; 0: none.
 */
void instance_handle(struct instance *instance, enum instance_event event, uint64_t delay_usec, pid_t ended);

/** Be in a state, and nothing else. @param anew  also if it was in it, it enters it now. */
void instance_enter(struct instance *instance, enum instance_state next, bool anew);

/** End its process, for good or to start it again, as soon as those that come after it and end too are gone. */
void instance_end_in_order(struct instance *instance, enum instance_held how);

/** It is starting, and nothing tells when it is ready but that it runs. */
bool instance_is_ready_at_once(const struct instance *instance);

/** Why it is in its state, in words. */
void instance_set_reason(struct instance *instance, const char *format, ...) _printf_(2, 3);

/** Set `due_usec` as the actions of a transition want it; arm the timer for it. */
void instance_timer_plan(struct instance *instance, unsigned int actions, uint64_t delay_usec);
void instance_timer_arm(struct instance *instance);

/** SIGKILL to all of it. */
void instance_kill(struct instance *instance);

/** Ask the process to end. */
void instance_signal_stop(struct instance *instance);

/** It has this process from now on; it has none, and waits for none. */
void instance_remember_pid(struct instance *instance, pid_t pid);
void instance_forget_pid(struct instance *instance);

/** The process that was wanted could not be asked for, or could not be made; told from the loop. */
int instance_on_spawn_failure(sd_event_source *source, void *userdata);

/** Ask the keeper for a process. After an error nothing was asked for, and nothing is held. */
int instance_ask(struct instance *instance, struct error *error);

/** The same for one that waited for its turn; what fails is told from the loop. */
void instance_ask_now(struct instance *instance);

/** The name under which a descriptor of an instance is kept: "instance/KEY/stdout". @return `buf`. */
#define INSTANCE_STORED_MAX (INSTANCE_KEY_MAX + 20)
const char *instance_stored(char *buf, const struct instance *instance, const char *what);

/** Begin to capture from the read end of a pipe. Takes the descriptor, in any case. */
int instance_capture(struct instance *instance, enum log_stream stream, int fd);

/** A line of its output, or about it: to its log, to its last lines, and to those who follow. */
void instance_put_line(struct instance *instance, const struct log_record *record);

/** A stream has no pipe any more: what was stored of the process before is dropped. */
void instance_capture_forget(struct instance *instance, enum log_stream stream);

/** Its process is gone: read the rest, close, and drop what is stored. */
void instance_capture_end(struct instance *instance);

/**
 * Give back seats, cgroup and what is stored of a process that is gone, or never was.
 * @param again  another one is asked for at once: what that one uses again, or replaces, stays until then.
 */
void instance_clear_process(struct instance *instance, bool again);

/** Its process has ended: kill what that has left. Its cgroup is kept for the next one, if it can be. */
void instance_kill_rest(struct instance *instance, uint64_t lived_usec);

#endif
