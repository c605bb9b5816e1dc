/* SPDX-License-Identifier: MIT */

/*
 * What a manager sends to the keeper, and what becomes of its processes meanwhile
 *
 * The input is a list of steps (enum step). Processes are played: spawn() is ours, and so is what the kernel says of them. Whatever
 * is asked for: no key has two processes, nobody is signalled but processes that were started here and are not reaped, and
 * no descriptor is left but those that are stored.
 *
 * Sources: daemon/keeper/requests.c daemon/keeper/reports.c daemon/keeper/children.c daemon/keeper/store.c daemon/keeper/setting.c
 * Sources: daemon/keeper/main-process.c daemon/keeper/reap.c daemon/keeper/mounts.c lib/base/fd.c proto/keeper.pb-c.c
 * Flags: -Wl,--wrap=kill,--wrap=waitid,--wrap=wait4,--wrap=getpgid,--wrap=keeper_log
 * Inputs: 2500
 * Faults: double-spawn signals-anybody any-number-of-settings
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"
#include "descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
        STEP_PACKET,                    /* how many descriptors, two bytes of its size, and it: is sent, and served */
        STEP_PACKET_AND_SPEC,           /* … with its first descriptor a sealed memfd: two bytes of the size of that, and that */
        STEP_END,                       /* which process, how */
        STEP_STOP,                      /* which process */
        STEP_READ,                      /* the manager reads what waits for it */
        STEP_NEW_MANAGER,
        _STEP_N,
};

/** What is left of an input. */
struct input {
        const uint8_t *data;
        size_t size;
};

static void fail(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

static unsigned int take(struct input *in) {
        if (in->size == 0)
                return 0;
        in->size--;
        return *in->data++;
}

static struct input take_some(struct input *in) {
        size_t n = take(in) << 8;
        struct input some;

        n |= take(in);
        some = (struct input){ in->data, MIN(n, in->size) };
        in->data += some.size;
        in->size -= some.size;
        return some;
}

/* ---- processes that are played ------------------------------------------------------------------- */

#define PIDS_FIRST 1000000
#define PROCESSES_MAX 64

static struct process {
        enum { RUNS, STOPPED, ZOMBIE, REAPED } state;
        bool told;                      /* that it is stopped */
        int status;
} processes[PROCESSES_MAX];
static unsigned int n_processes;

/* One that was not reaped; NULL: the kernel has none of that number, or one that is not ours. */
static struct process *process_of(pid_t pid) {
        unsigned int i = (unsigned int)(pid - PIDS_FIRST);

        return pid >= PIDS_FIRST && i < n_processes && processes[i].state != REAPED ? &processes[i] : NULL;
}

int spawn(struct spawner *s, const struct spawn_request *r, pid_t *ret_pid, const char **ret_step) {
        size_t length = strlen(r->path) + strlen(r->directory);

        for (char *const *p = r->argv; *p; p++)
                length += strlen(*p);
        for (char *const *p = r->environment; *p; p++)
                length += strlen(*p);
        for (size_t i = 0; i < r->n_fds; i++)
                if (fcntl(r->fds[i], F_GETFD) < 0)
                        fail("a process is given what is no descriptor");
        for (size_t i = 0; i < r->n_settings; i++)
                if (!setting_is_valid(&r->settings[i]))
                        fail("a process is given a setting that is none");
        if (n_processes == PROCESSES_MAX || length % 8 == 3) {
                *ret_step = "exec";
                return -ENOENT;
        }
        processes[n_processes] = (struct process){ .state = RUNS };
        *ret_pid = PIDS_FIRST + (pid_t)n_processes++;
        return 0;
}

int __wrap_kill(pid_t pid, int signal) {
        struct process *p = process_of(pid < 0 ? -pid : pid);

        if (pid == 0 || pid == -1)
                fail("everybody is signalled");
        if (!p)
                fail("somebody is signalled whom nobody has started");
        if (signal == SIGKILL && p->state != ZOMBIE)
                *p = (struct process){ .state = ZOMBIE, .status = SIGKILL };
        return 0;
}

pid_t __wrap_getpgid(pid_t pid) {
        return process_of(pid) ? pid : (errno = ESRCH, -1);
}

static bool has_news(const struct process *p, int options) {
        return (p->state == ZOMBIE && options & WEXITED) || (p->state == STOPPED && !p->told && options & WSTOPPED);
}

static void fill_news(siginfo_t *info, struct process *p, int options) {
        info->si_pid = PIDS_FIRST + (pid_t)(p - processes);
        info->si_code = p->state == STOPPED ? CLD_STOPPED : WIFEXITED(p->status) ? CLD_EXITED : CLD_KILLED;
        info->si_status = WIFEXITED(p->status) ? WEXITSTATUS(p->status) : WTERMSIG(p->status);
        if (!(options & WNOWAIT) && p->state == STOPPED)
                p->told = true;
}

/* A pidfd is whatever descriptor: it is one of a child. */
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
        *info = (siginfo_t){ 0 };
        if (type == P_PIDFD)
                return fcntl((int)id, F_GETFD) < 0 ? (errno = EBADF, -1) : 0;
        if (type == P_PID && !process_of((pid_t)id))
                return errno = ECHILD, -1;
        for (unsigned int i = 0; i < n_processes; i++)
                if ((type == P_ALL || (pid_t)id == PIDS_FIRST + (pid_t)i) && has_news(&processes[i], options)) {
                        fill_news(info, &processes[i], options);
                        return 0;
                }
        return 0;
}

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage) {
        struct process *p = process_of(pid);

        if (!p || p->state != ZOMBIE)
                fail("one is reaped that is no zombie");
        p->state = REAPED;
        *status = p->status;
        return pid;
}

void __wrap_keeper_log(const char *format, ...) {
        char line[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(line, sizeof line, format, ap);
        va_end(ap);
}

/* ---- the keeper ---------------------------------------------------------------------------------- */

static const struct keeper_config config = { .ready_fd = -1, .lock_fd = -1 };
static struct keeper *k;
static int manager_end = -1;

static void begin(void) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                fail("no socket");
        if (!k)
                k = malloc(sizeof *k);
        memset(k, 0, offsetof(struct keeper, packet));
        *k = (struct keeper){
                .config = &config, .signal_fd = -1, .socket = pair[0], .lock_fd = -1, .next_program = -1, .last_program = -1,
                .kill_due_usec = USEC_INFINITY, .prove_due_usec = USEC_INFINITY, .ping_usec = USEC_INFINITY,
                .pong_due_usec = USEC_INFINITY, .say_again_usec = USEC_INFINITY, .service.socket = -1,
        };
        manager_end = pair[1];
        children_init(&k->children);
        store_init(&k->store);
        service_store_init(k);
        list_init(&k->replies);
        reports_reset(k);
        n_processes = 0;
}

static void end(void) {
        close(k->socket);
        close(manager_end);
        close_fd(k->next_program);
        reports_reset(k);
        children_done(&k->children);
        store_done(&k->store);
        service_store_done(k);
}

static void manager_reads(void) {
        static uint8_t packet[KEEPER_PACKET_MAX];
        int fds[FD_MESSAGE_MAX];
        size_t n_fds;

        for (;;) {
                reports_flush(k);
                ssize_t n = fd_receive(manager_end, packet, sizeof packet, fds, &n_fds, MSG_DONTWAIT);
                Ganger__Keeper__FromKeeper *event = n > 0 ? ganger__keeper__from_keeper__unpack(NULL, (size_t)n, packet) : NULL;

                if (n <= 0)
                        return;
                if (!event)
                        fail("the manager is told nonsense");
                ganger__keeper__from_keeper__free_unpacked(event, NULL);
                for (size_t i = 0; i < n_fds; i++)
                        close(fds[i]);
        }
}

static void send_packet(struct input *in, bool with_spec) {
        unsigned int n_fds = take(in) % 8;
        struct input spec = with_spec ? take_some(in) : (struct input){ 0 }, packet = take_some(in);
        int fds[8];

        for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = manager_end;
        if (with_spec)
                fds[0] = fd_memfd_sealed("spec", spec.data, spec.size);
        if (packet.size > 0 && fd_send(manager_end, packet.data, packet.size, fds, n_fds) > 0)
                requests_serve(k, 1);
        if (with_spec)
                close(fds[0]);
}

static void change(struct input *in, bool ends) {
        struct process *p = process_of(PIDS_FIRST + (pid_t)take(in));
        unsigned int how = take(in);

        if (p && p->state != ZOMBIE) {
                p->state = ends ? ZOMBIE : STOPPED;
                p->status = how % 2 ? (int)(how << 8) : (int)how % 32;
                if (p->status == SIGCONT)
                        p->status = 0;
        }
        reap_all(k);
}

static void check_keys(void) {
        children_for_each(it, &k->children) {
                struct child_process *p = chain_entry(it, struct child_process, by_key);
                unsigned int n = 0;

                chain_for_each(other, &k->children.keys[it_i])
                        n += strcmp(chain_entry(other, struct child_process, by_key)->key, p->key) == 0;
                if (n != 1)
                        fail("a key has two processes");
        }
}

static void run(struct input *in) {
        while (in->size > 0)
                switch (take(in) % _STEP_N) {
                case STEP_PACKET:
                        send_packet(in, false);
                        break;
                case STEP_PACKET_AND_SPEC:
                        send_packet(in, true);
                        break;
                case STEP_END:
                        change(in, true);
                        break;
                case STEP_STOP:
                        change(in, false);
                        break;
                case STEP_READ:
                        manager_reads();
                        break;
                default:
                        reports_reset(k);
                }
        check_keys();
        manager_reads();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        unsigned int before = descriptors_open();

        begin();
        run(&in);
        end();
        if (descriptors_open() != before)
                fail("a descriptor is left");
        return 0;
}
