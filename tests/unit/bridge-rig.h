/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_BRIDGE_RIG_H
#define GANGER_TESTS_BRIDGE_RIG_H

/*
 * A bridge under test
 *
 * The test sends to `jobs`, receives from `results`, and plays the manager. Programs are lines of shell, or
 * bridge-program in one of its modes. What must be waited for is told by a ring, or by a pipe that the
 * program has as descriptor 9 (wait_told); it can be held up by one that it has as 8 (let_go).
 */

#include "gang-rig.h"
#include "harness.h"

#define BRIDGE "./ganger-bridge"
#define BRIDGE_PROGRAM "tests/unit/bridge-program"

#define SLOTS 8
#define MESSAGE_MAX 4096
#define MAX_DELIVERIES 3
#define BIG (1 << 20)

extern struct rig_ring jobs, results;
extern struct rig_member worker;
extern int log_fd, out_fd;

/** What the worker has: a ring in, a ring out. */
enum gang_kind { BOTH, SINK, SOURCE };

/** Each test begins with this. */
void make_gang(enum gang_kind kind, uint32_t message_max);

/** Start a bridge, in a session of its own. */
pid_t run(const char *const *argv);

#define RUN(...) run((const char *[]){ BRIDGE, __VA_ARGS__, NULL })
#define RUN_SHELL(io, script) RUN("--io=" io, "--", "sh", "-c", script)
#define RUN_MODE(io, mode) RUN("--io=" io, "--", BRIDGE_PROGRAM, mode)

void send_bytes(const void *data, size_t size);
void receive_bytes(const void *data, size_t size);

#define SEND(text) send_bytes(text, strlen(text))
#define RECEIVE(text) receive_bytes(text, strlen(text))

/** The program says that it is so far. */
void wait_told(void);

/** Nobody is left who could say anything. */
void wait_silence(void);

/** Let the program go on. */
void let_go(void);

/** Ask the worker to drain, as the daemon does. */
void drain(void);

void ends_by_exit(pid_t pid, int code);
void ends_by_signal(pid_t pid, int signal);

/** Drain; it must end well and hold nothing. */
void drain_and_end(pid_t pid);

/** So many messages of `jobs` are in a state, and this is why they came back. */
void left(enum slot_state state, uint32_t n, const char *reason);

bool file_contains(int fd, const char *text);

/** Run the tests. @return the exit status. */
int bridge_rig_main(const char *name, const TTest *const *tests, size_t n);

#endif
