/* SPDX-License-Identifier: MIT */

/*
 * Who asks, and what is said to those who may not
 *
 * What a peer may do is in grants.c. A denial is logged; a peer that asks again and again cannot fill the log, and what it
 * typed cannot look like another line of it.
 */

#include "daemon/control/access.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/log/log.h"
#include "daemon/objects.h"

/** What is said of a name that was typed. */
#define TYPED_MAX 128
/** The name of a program, as the kernel keeps it. */
#define PROGRAM_MAX 64

/* ---- who it is --------------------------------------------------------------------------------- */

void peer_done(struct peer *peer) {
        free(peer->groups);
        *peer = PEER_NULL;
}

/** The groups that it had when it connected. What cannot be known gives nothing. */
static int read_groups(int socket, struct peer *peer) {
        _cleanup_(freep) gid_t *groups = NULL;
        socklen_t size = 0;

        if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
                return 0; /* it has none, or this kernel does not tell */
        if (size > PEER_GROUPS_MAX * sizeof(gid_t))
                return 0;
        groups = malloc(size);
        if (!groups)
                return -ENOMEM;
        if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return -errno;
        peer->n_groups = size / sizeof(gid_t);
        peer->groups = TAKE(groups);
        return 0;
}

int peer_identify(int socket, struct peer *ret) {
        _cleanup_(peer_donep) struct peer peer = PEER_NULL;
        struct ucred credentials;
        socklen_t size = sizeof credentials;
        int r;

        if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        peer.pid = credentials.pid;
        peer.uid = credentials.uid;
        peer.gid = credentials.gid;
        peer.owner = peer.uid == 0 || peer.uid == geteuid();
        r = peer.owner ? 0 : read_groups(socket, &peer);
        if (r < 0)
                return r;
        *ret = peer;
        peer = PEER_NULL;
        return 0;
}

/* ---- denials ----------------------------------------------------------------------------------- */

/** In the log, nothing that a peer has chosen begins another line, or moves the cursor. */
static void make_plain(char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
                        *text = '?';
}

static bool has_ended(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) != 0;
}

/** The program that asks; "?" if the process is gone: its pid may be that of another one. */
static void read_program(int socket, char program[PROGRAM_MAX]) {
        _cleanup_(closep) int pidfd = -1;
        _cleanup_(fclosep) FILE *f = NULL;
        char path[64];
        pid_t pid = 0;

        strcpy(program, "?");
        pidfd = peer_pidfd(socket, &pid);
        if (pidfd < 0)
                return;
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        f = fopen(path, "re");
        if (!f || !fgets(program, PROGRAM_MAX, f) || has_ended(pidfd)) {
                strcpy(program, "?");
                return;
        }
        program[strcspn(program, "\n")] = 0;
        make_plain(program);
}

static void denial_log(struct denials *denials, int socket, const char *text) {
        uint64_t now = now_usec();
        char program[PROGRAM_MAX], line[ERROR_TEXT_MAX];

        if (denials->n == 0 || now - denials->since_usec >= DENIALS_PERIOD_USEC) {
                if (denials->n > DENIALS_MAX)
                        log_warning("control: %u more requests were denied", denials->n - DENIALS_MAX);
                *denials = (struct denials){ .since_usec = now };
        }
        if (denials->n++ >= DENIALS_MAX)
                return;
        read_program(socket, program);
        snprintf(line, sizeof line, "%s", text);
        make_plain(line);
        log_warning("control: '%s', %s", program, line);
}

int access_deny(struct denials *denials, const struct peer *peer, const struct denial *denial, struct error *error) {
        char of[TYPED_MAX + 16] = "";

        if (denial->name)
                snprintf(of, sizeof of, " of '%.*s'", TYPED_MAX, denial->name);
        error_set(error, -EACCES, "uid %u (pid %d) may not ask for '%s'%s: that needs the class '%s' on %s",
                  (unsigned int)peer->uid, (int)peer->pid, denial->call, of, control_class_name(denial->needs), denial->on);
        denial_log(denials, denial->socket, error->text);
        return -EACCES;
}
