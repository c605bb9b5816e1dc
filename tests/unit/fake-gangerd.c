/* SPDX-License-Identifier: MIT */

/*
 * A daemon with fixed answers, for tests of gangerctl
 *
 *      fake-gangerd SOCKET-DIRECTORY
 *
 * Answers one client at a time until it is asked to shut down. Names steer it: "nobody" is no such name,
 * "secret" is not permitted, "broken" fails, and asking to start "mortal" ends the connection twice before it
 * is answered. The queue "jobs" and the service "quotes" are real ones, so that send, receive and call can be tried; nobody
 * serves "quotes".
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "fake-control.h"
#include "shm/region.h"
#include "worker/handshake.h"
#include "shm/member.h"

/** Participants that each attached client gets. */
#define SEAT_SIZE 2

static const struct geometry geometry = {
        .kind = OBJECT_QUEUE, .slots = 16, .message_max = 64, .max_deliveries = 3, .fences = true,
};
static const struct geometry service_geometry = {
        .kind = OBJECT_SERVICE, .slots = 2, .message_max = 64, .max_deliveries = 1, .fences = true,
};

/** What is real. */
static struct real {
        const char *name;
        const struct geometry *geometry;
        int memory_fd, event_fd;
        unsigned int n_attached;
} reals[] = {
        { .name = "jobs", .geometry = &geometry, .memory_fd = -1, .event_fd = -1 },
        { .name = "quotes", .geometry = &service_geometry, .memory_fd = -1, .event_fd = -1 },
};

static unsigned int n_deaths;

static char *text(const char *s) {
        return (char *)s;
}

/** The names of a request, if it has any. */
static bool refused(struct fake *f, char **names, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (strcmp(names[i], "nobody") == 0) {
                        fake_error(f, GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME, "no worker or instance 'nobody'");
                        return true;
                }
                if (strcmp(names[i], "secret") == 0) {
                        fake_error(f, GANGER__V1__ERROR_CODE__ERROR_PERMISSION, "'secret' is not yours to see");
                        return true;
                }
        }
        return false;
}

static void answer_version(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__VersionReply v = GANGER__V1__VERSION_REPLY__INIT;

        v.version = text("9.9");
        v.protocol = 1;
        v.config = text("/some/ganger.conf");
        reply.result_case = GANGER__V1__REPLY__RESULT_VERSION;
        reply.version = &v;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_status(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__StatusReply status = GANGER__V1__STATUS_REPLY__INIT;
        Ganger__V1__Worker resize = GANGER__V1__WORKER__INIT, idle = GANGER__V1__WORKER__INIT;
        Ganger__V1__Worker *workers[] = { &resize, &idle };
        Ganger__V1__Instance zero = GANGER__V1__INSTANCE__INIT, one = GANGER__V1__INSTANCE__INIT;
        Ganger__V1__Instance *instances[] = { &zero, &one };
        char *log[] = { text("a line"), text("evil \033[2J \xff bytes") }, *exec[] = { text("./resize.sh") };

        if (refused(f, f->request->status->names, f->request->status->n_names))
                return;
        status.now_usec = 100 * USEC_PER_SEC;
        zero.key = text("resize/0");
        zero.state = text("ready");
        zero.pid = 4242;
        zero.started_usec = 10 * USEC_PER_SEC;
        zero.log = log;
        zero.n_log = MIN((size_t)f->request->status->log_lines, ARRAY_SIZE(log));
        one.key = text("resize/1");
        one.number = 1;
        one.state = text("backoff");
        one.due_usec = 102 * USEC_PER_SEC;
        one.last_exit = text("exit status 3");
        one.reason = text("failed 3 times");
        one.restarts = 3;
        resize.name = text("resize");
        resize.exec = exec;
        resize.n_exec = 1;
        resize.wanted = 2;
        resize.ready = 1;
        resize.instances = instances;
        resize.n_instances = 2;
        idle.name = text("idle");
        idle.stopped = true;
        status.workers = workers;
        status.n_workers = 2;
        reply.result_case = GANGER__V1__REPLY__RESULT_STATUS;
        reply.status = &status;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_change(struct fake *f, char **names, size_t n) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__ChangeReply changes = GANGER__V1__CHANGE_REPLY__INIT;
        Ganger__V1__Change change = GANGER__V1__CHANGE__INIT, *list[] = { &change };
        bool broken = n > 0 && strcmp(names[0], "broken") == 0;

        if (refused(f, names, n))
                return;
        if (n > 0 && strcmp(names[0], "mortal") == 0 && n_deaths++ < 2) {
                fake_hang_up(f);
                return;
        }
        change.key = n > 0 ? names[0] : text("all");
        change.state = text(broken ? "failed" : "ready");
        change.ok = !broken;
        change.message = text(broken ? "exit status 1" : "");
        changes.changes = list;
        changes.n_changes = 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_CHANGE;
        reply.change = &changes;
        fake_reply(f, &reply, NULL, 0);
}

/* One that is done; "broken" has failed, "canary" holds, and what is taken back by hand has failed, too. */
static void answer_roll(struct fake *f, const char *kind, char **names, size_t n, bool back) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__RollReply rolls = GANGER__V1__ROLL_REPLY__INIT;
        Ganger__V1__Roll roll = GANGER__V1__ROLL__INIT, *list[] = { &roll };
        bool broken = n > 0 && strcmp(names[0], "broken") == 0, canary = n > 0 && strcmp(names[0], "canary") == 0;

        if (refused(f, names, n))
                return;
        roll.worker = n > 0 ? names[0] : text("all");
        roll.kind = (char *)kind;
        roll.phase = text(broken || back ? "failed" : canary ? "hold" : "done");
        roll.text = text(broken ? "failed: exit status 1" : back ? "failed: taken back by hand" : canary ? "holds" : "done");
        roll.by_hand = back;
        rolls.rolls = list;
        rolls.n_rolls = 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_ROLL;
        reply.roll = &rolls;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_logs(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT, last = GANGER__V1__REPLY__INIT;
        Ganger__V1__LogLine line = GANGER__V1__LOG_LINE__INIT;
        char words[64];

        if (refused(f, f->request->logs->names, f->request->logs->n_names))
                return;
        line.key = text("resize/0");
        line.stream = text("stdout");
        line.text = words;
        reply.more = true;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOG;
        reply.log = &line;
        for (uint32_t i = 0; i < MIN(f->request->logs->lines, 100u); i++) {
                snprintf(words, sizeof words, "line \"%u\" \\ \t", i);
                line.realtime_usec = i + 1;
                fake_reply(f, &reply, NULL, 0);
        }
        fake_reply(f, &last, NULL, 0);
}

static void answer_log_files(struct fake *f) {
        Ganger__V1__LogFilesReply files = GANGER__V1__LOG_FILES_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        reply.result_case = GANGER__V1__REPLY__RESULT_LOG_FILES;
        reply.log_files = &files;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_events(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__Event event = GANGER__V1__EVENT__INIT;

        event.sequence = 1;
        event.kind = text("exit");
        event.key = text("resize/0");
        event.text = text("killed by SIGKILL");
        reply.result_case = GANGER__V1__REPLY__RESULT_EVENT;
        reply.event = &event;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_rings(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__RingsReply rings = GANGER__V1__RINGS_REPLY__INIT;
        Ganger__V1__Ring jobs = GANGER__V1__RING__INIT, bytes = GANGER__V1__RING__INIT, news = GANGER__V1__RING__INIT;
        Ganger__V1__Ring quotes = GANGER__V1__RING__INIT, *list[] = { &jobs, &quotes, &bytes, &news };
        Ganger__V1__Subscriber slow = GANGER__V1__SUBSCRIBER__INIT, fast = GANGER__V1__SUBSCRIBER__INIT;
        Ganger__V1__Subscriber *subscribers[] = { &fast, &slow };
        bool jobs_only = f->request->rings->n_names > 0;

        if (refused(f, f->request->rings->names, f->request->rings->n_names))
                return;
        jobs.name = text("jobs");
        jobs.kind = text("queue");
        jobs.slots = geometry.slots;
        jobs.slot_size = geometry.message_max;
        quotes.name = text("quotes");
        quotes.kind = text("service");
        quotes.slots = service_geometry.slots;
        quotes.slot_size = service_geometry.message_max;
        bytes.name = text("bytes");
        bytes.kind = text("pipe");
        bytes.capacity = 4096;
        bytes.used = 512;
        slow.process = text("resize/1");
        slow.behind = 2048;
        fast.process = text("resize/0");
        news.name = text("news");
        news.kind = text("broadcast");
        news.capacity = 1 << 20;
        news.used = 4096;
        news.policy = text("wait");
        news.subscribers = subscribers;
        news.n_subscribers = ARRAY_SIZE(subscribers);
        rings.rings = list;
        rings.n_rings = jobs_only ? 1 : ARRAY_SIZE(list);
        reply.result_case = GANGER__V1__REPLY__RESULT_RINGS;
        reply.rings = &rings;
        fake_reply(f, &reply, NULL, 0);
}

static void describe_user(Ganger__V1__LockUser *user, const char *process, int32_t thread, uint32_t permits) {
        ganger__v1__lock_user__init(user);
        user->process = text(process);
        user->thread = thread;
        user->permits = permits;
}

/** One that crashed with two messages, of which one is named. */
static void answer_report(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__ReportReply report = GANGER__V1__REPORT_REPLY__INIT;
        Ganger__V1__Report one = GANGER__V1__REPORT__INIT, *list[] = { &one };
        Ganger__V1__ReportLease lease = GANGER__V1__REPORT_LEASE__INIT, *leases[] = { &lease };
        Ganger__V1__ReportEnd first = GANGER__V1__REPORT_END__INIT, last = GANGER__V1__REPORT_END__INIT;
        Ganger__V1__ReportEnd *ends[] = { &first, &last };
        char *name = f->request->report->name, *output[] = { (char *)"one", (char *)"", (char *)"\033[2Jtwo" };

        if (refused(f, &name, 1))
                return;
        first.exit = (char *)"exit status 75 (TEMPFAIL)";
        first.cause = (char *)"not ready in time";
        first.ran_usec = 1500000;
        last.exit = one.exit = (char *)"killed by SIGSEGV, core dumped";
        one.signal = (char *)"SIGSEGV";
        one.status = 139;
        one.key = (char *)"resize/0";
        one.state = (char *)"backoff";
        one.reason = (char *)"killed by SIGSEGV, core dumped; starts again in 100ms";
        one.core = (char *)"/var/crash/core.4242";
        one.pid = 4242;
        one.started_usec = one.ready_usec = 1000000000;
        one.ended_usec = 1003000000;
        one.ran_usec = 3000000;
        one.user_usec = 2000;
        one.max_rss_kib = 2048;
        one.minor_faults = 100;
        one.major_faults = 7;
        lease.object = (char *)"jobs";
        lease.id = 12;
        lease.deliveries = 2;
        lease.outcome = (char *)"dead letter";
        one.leases = leases;
        one.n_leases = 1;
        one.leased = 2;
        one.output = output;
        one.n_output = ARRAY_SIZE(output);
        one.ends = ends;
        one.n_ends = ARRAY_SIZE(ends);
        one.restarts = 3;
        one.crash_loop = 12;
        report.reports = list;
        report.n_reports = strcmp(name, "idle") == 0 ? 0 : 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_REPORT;
        reply.report = &report;
        fake_reply(f, &reply, NULL, 0);
}

/** A deadlock of two, over a mutex and a semaphore; and a counter. */
static void answer_locks(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__LocksReply locks = GANGER__V1__LOCKS_REPLY__INIT;
        Ganger__V1__Lock table = GANGER__V1__LOCK__INIT, ports = GANGER__V1__LOCK__INIT, sums = GANGER__V1__LOCK__INIT;
        Ganger__V1__Lock *list[] = { &table, &ports, &sums };
        Ganger__V1__LockUser holder, waiter, sleeper, double_holder, last;
        Ganger__V1__LockUser *holders[] = { &holder }, *waiters[] = { &waiter }, *sleepers[] = { &sleeper };
        Ganger__V1__LockUser *port_holders[] = { &double_holder }, *port_waiters[] = { &last };
        Ganger__V1__Deadlock deadlock = GANGER__V1__DEADLOCK__INIT, *deadlocks[] = { &deadlock };
        int64_t values[] = { -7, INT64_MAX };

        if (refused(f, f->request->locks->names, f->request->locks->n_names))
                return;
        describe_user(&holder, "resize/0", 4242, 1);
        describe_user(&waiter, "pid 17", 0, 0);
        describe_user(&sleeper, "resize/1", 4243, 0);
        sleeper.condition = 1;
        describe_user(&double_holder, "pid 17", 0, 2);
        describe_user(&last, "resize/0", 4242, 0);
        table.name = text("table");
        table.kind = text("monitor");
        table.permits = 1;
        table.state = text("inconsistent");
        table.holders = holders;
        table.waiters = waiters;
        table.sleepers = sleepers;
        table.n_holders = table.n_waiters = table.n_sleepers = 1;
        ports.name = text("ports");
        ports.kind = text("semaphore");
        ports.permits = 2;
        ports.holders = port_holders;
        ports.waiters = port_waiters;
        ports.n_holders = ports.n_waiters = 1;
        sums.name = text("sums");
        sums.kind = text("counter");
        sums.values = values;
        sums.n_values = ARRAY_SIZE(values);
        deadlock.text = text("resize/0[4242] waits for ports, which pid 17 holds; pid 17 waits for table, which resize/0[4242] holds");
        locks.locks = list;
        locks.n_locks = ARRAY_SIZE(list);
        locks.deadlocks = deadlocks;
        locks.n_deadlocks = 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOCKS;
        reply.locks = &locks;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_sockets(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__SocketsReply sockets = GANGER__V1__SOCKETS_REPLY__INIT;
        Ganger__V1__Socket web = GANGER__V1__SOCKET__INIT, log = GANGER__V1__SOCKET__INIT, *list[] = { &web, &log };
        char *workers[] = { text("nginx"), text("admin") };

        if (refused(f, f->request->sockets->names, f->request->sockets->n_names))
                return;
        web.name = text("web");
        web.type = text("stream");
        web.address = text("[::1]:80");
        web.connections = 17;
        web.waiting = 3;
        web.backlog = 4096;
        web.workers = workers;
        web.n_workers = ARRAY_SIZE(workers);
        log.name = text("log");
        log.type = text("datagram");
        log.address = text("/run/log");
        sockets.sockets = list;
        sockets.n_sockets = ARRAY_SIZE(list);
        reply.result_case = GANGER__V1__REPLY__RESULT_SOCKETS;
        reply.sockets = &sockets;
        fake_reply(f, &reply, NULL, 0);
}

/* The first answer has the machine and one instance, the next one the rest. */
static void answer_doctor(struct fake *f) {
        const Ganger__V1__DoctorRequest *request = f->request->doctor;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__DoctorReply doctor = GANGER__V1__DOCTOR_REPLY__INIT;
        Ganger__V1__MachineFact fact = GANGER__V1__MACHINE_FACT__INIT, *facts[] = { &fact };
        Ganger__V1__InstanceInForce instance = GANGER__V1__INSTANCE_IN_FORCE__INIT, *instances[] = { &instance };
        Ganger__V1__SettingInForce limit = GANGER__V1__SETTING_IN_FORCE__INIT, nice = GANGER__V1__SETTING_IN_FORCE__INIT;
        Ganger__V1__SettingInForce *settings[] = { &limit, &nice };
        bool first = request->skip == 0, sound = request->n_names > 0 && strcmp(request->names[0], "sound") == 0;

        if (refused(f, request->names, request->n_names))
                return;
        fact.name = text("namespace: net");
        fact.state = text("limited");
        fact.value = text("only in a user namespace");
        doctor.machine = facts;
        doctor.n_machine = request->machine;
        limit.key = text("limit-nofile");
        limit.wanted = text("100:200");
        limit.found = text(first && !sound ? "1024" : "100:200");
        limit.verdict = text(first && !sound ? "differs" : "ok");
        nice.key = text("nice");
        nice.found = text("0");
        instance.key = text(first ? "resize/0" : "resize/1");
        instance.state = text(first ? "ready" : "down");
        instance.pid = first ? 4242 : 0;
        instance.asked = first;
        instance.differ = first && !sound;
        instance.settings = settings;
        instance.n_settings = !first ? 0 : request->brief ? 1 : 2;
        doctor.instances = instances;
        doctor.n_instances = 1;
        doctor.more = first;
        reply.result_case = GANGER__V1__REPLY__RESULT_DOCTOR;
        reply.doctor = &doctor;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_security(struct fake *f) {
        const Ganger__V1__SecurityRequest *request = f->request->security;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__SecurityReply security = GANGER__V1__SECURITY_REPLY__INIT;
        Ganger__V1__Exposure worker = GANGER__V1__EXPOSURE__INIT, *workers[] = { &worker };
        Ganger__V1__ExposureCheck small = GANGER__V1__EXPOSURE_CHECK__INIT, root = GANGER__V1__EXPOSURE_CHECK__INIT;
        Ganger__V1__ExposureCheck *checks[] = { &small, &root };
        bool first = request->skip == 0;

        if (refused(f, request->names, request->n_names))
                return;
        small.name = text("umask");
        small.missing = text("others may read or write files that it makes");
        small.badness = 5;
        small.share = 1;
        root.name = text("user");
        root.missing = text("it runs as root");
        root.badness = 10;
        root.share = 44;
        worker.worker = text(first ? "idle" : "resize");
        worker.exposure = first ? 12 : 97;
        worker.level = text(first ? "ok" : "unsafe");
        worker.source = text(first ? "definition" : "process");
        worker.key = text(first ? "" : "resize/0");
        worker.pid = first ? 0 : 4242;
        worker.checks = checks;
        worker.n_checks = ARRAY_SIZE(checks);
        security.workers = workers;
        security.n_workers = 1;
        security.more = first;
        reply.result_case = GANGER__V1__REPLY__RESULT_SECURITY;
        reply.security = &security;
        fake_reply(f, &reply, NULL, 0);
}

static void describe_letter(Ganger__V1__MessageInfo *m, uint64_t id, const char *state) {
        ganger__v1__message_info__init(m);
        m->id = id;
        m->size = 3;
        m->deliveries = 3;
        m->state = text(state);
        m->reason = text("exit status 1");
        m->data.data = (uint8_t *)text("\xff\x01z");
        m->data.len = 3;
}

static void answer_peek(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__PeekReply peek = GANGER__V1__PEEK_REPLY__INIT;
        Ganger__V1__MessageInfo m, *list[] = { &m };

        describe_letter(&m, 17, "ready");
        peek.messages = list;
        peek.n_messages = 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_PEEK;
        reply.peek = &peek;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_dead(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__DeadReply dead = GANGER__V1__DEAD_REPLY__INIT;
        Ganger__V1__MessageInfo m, *list[] = { &m };
        const Ganger__V1__DeadRequest *request = f->request->dead;

        describe_letter(&m, request->n_ids > 0 ? request->ids[0] : 1, "dead");
        dead.messages = list;
        dead.n_messages = 1;
        dead.left = 5;
        reply.result_case = GANGER__V1__REPLY__RESULT_DEAD;
        reply.dead = &dead;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_reload(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__ReloadReply reload = GANGER__V1__RELOAD_REPLY__INIT;
        char *changes[] = { text("worker resize: restarted") };

        reload.changes = changes;
        reload.n_changes = 1;
        reply.result_case = GANGER__V1__REPLY__RESULT_RELOAD;
        reply.reload = &reload;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_reset(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__ResetReply reset = GANGER__V1__RESET_REPLY__INIT;

        if (refused(f, &f->request->reset->name, 1))
                return;
        reset.text = text("made anew, empty: about 3 messages are lost");
        reply.result_case = GANGER__V1__REPLY__RESULT_RESET;
        reply.reset = &reset;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_daemon_upgrade(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__DaemonUpgradeReply upgrade = GANGER__V1__DAEMON_UPGRADE_REPLY__INIT;

        upgrade.version = text(*f->request->daemon_upgrade->program ? f->request->daemon_upgrade->program : "9.9");
        reply.result_case = GANGER__V1__REPLY__RESULT_DAEMON_UPGRADE;
        reply.daemon_upgrade = &upgrade;
        fake_reply(f, &reply, NULL, 0);
}

static void answer_shutdown(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__ShutdownReply shutdown = GANGER__V1__SHUTDOWN_REPLY__INIT;

        reply.result_case = GANGER__V1__REPLY__RESULT_SHUTDOWN;
        reply.shutdown = &shutdown;
        fake_reply(f, &reply, NULL, 0);
}

/** What is meant; NULL: after an error. */
static struct real *find_real(struct fake *f, const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(reals); i++)
                if (strcmp(reals[i].name, name) == 0)
                        return &reals[i];
        fake_error(f, GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME, "no ring or service of that name");
        return NULL;
}

/** A seat in it, that nobody had before. */
static void answer_attach(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__AttachReply attach = GANGER__V1__ATTACH_REPLY__INIT;
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(closep) int member = member_create("member");
        _cleanup_(freep) void *blob = NULL;
        struct handshake_object object = {
                .memory_fd = 0, .event_fd = 1, .count = SEAT_SIZE, .generation = 1,
                .receives = f->request->attach->receive, .sends = f->request->attach->send,
        };
        int fds[] = { -1, -1, member };
        struct real *real;
        size_t size;

        if (refused(f, &f->request->attach->ring, 1))
                return;
        real = find_real(f, f->request->attach->ring);
        if (!real)
                return;
        snprintf(object.name, sizeof object.name, "%s", real->name);
        object.geometry = *real->geometry;
        object.first = 1 + SEAT_SIZE * real->n_attached++;
        fds[0] = real->memory_fd;
        fds[1] = real->event_fd;
        if (member < 0 || handshake_new(&h, "", 0, 2) < 0 || handshake_add(h, &object) < 0 ||
            handshake_encode(h, &blob, &size) < 0) {
                fake_error(f, GANGER__V1__ERROR_CODE__ERROR_FAILED, "no handshake");
                return;
        }
        attach.ring = text(real->name);
        attach.handshake.data = blob;
        attach.handshake.len = size;
        reply.result_case = GANGER__V1__REPLY__RESULT_ATTACH;
        reply.attach = &attach;
        fake_reply(f, &reply, fds, 3);
}

/** @return false: shut down. */
static bool answer(struct fake *f) {
        const Ganger__V1__Request *r = f->request;

        switch (r->call_case) {
        case GANGER__V1__REQUEST__CALL_VERSION:
                answer_version(f);
                break;
        case GANGER__V1__REQUEST__CALL_STATUS:
                answer_status(f);
                break;
        case GANGER__V1__REQUEST__CALL_START:
                answer_change(f, r->start->names, r->start->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_STOP:
                answer_change(f, r->stop->names, r->stop->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_WAIT:
                answer_change(f, r->wait->names, r->wait->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_SIGNAL:
                answer_change(f, r->signal->names, r->signal->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_RESET_FAILED:
                answer_change(f, r->reset_failed->names, r->reset_failed->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_DRAIN:
                answer_change(f, r->drain->names, r->drain->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_RESTART:
                answer_change(f, r->restart->names, r->restart->n_names);
                break;
        case GANGER__V1__REQUEST__CALL_ROLL:
                answer_roll(f, "restart", r->roll->names, r->roll->n_names,
                            r->roll->action == GANGER__V1__ROLL_ACTION__ROLL_BACK);
                break;
        case GANGER__V1__REQUEST__CALL_UPGRADE:
                answer_roll(f, "upgrade", &r->upgrade->name, 1, false);
                break;
        case GANGER__V1__REQUEST__CALL_SCALE:
                answer_change(f, &r->scale->name, 1);
                break;
        case GANGER__V1__REQUEST__CALL_LOGS:
                answer_logs(f);
                break;
        case GANGER__V1__REQUEST__CALL_LOG_FILES:
                answer_log_files(f);
                break;
        case GANGER__V1__REQUEST__CALL_EVENTS:
                answer_events(f);
                break;
        case GANGER__V1__REQUEST__CALL_RINGS:
                answer_rings(f);
                break;
        case GANGER__V1__REQUEST__CALL_REPORT:
                answer_report(f);
                break;
        case GANGER__V1__REQUEST__CALL_LOCKS:
                answer_locks(f);
                break;
        case GANGER__V1__REQUEST__CALL_SOCKETS:
                answer_sockets(f);
                break;
        case GANGER__V1__REQUEST__CALL_DOCTOR:
                answer_doctor(f);
                break;
        case GANGER__V1__REQUEST__CALL_SECURITY:
                answer_security(f);
                break;
        case GANGER__V1__REQUEST__CALL_ATTACH:
                answer_attach(f);
                break;
        case GANGER__V1__REQUEST__CALL_PEEK:
                answer_peek(f);
                break;
        case GANGER__V1__REQUEST__CALL_DEAD:
                answer_dead(f);
                break;
        case GANGER__V1__REQUEST__CALL_RELOAD:
                answer_reload(f);
                break;
        case GANGER__V1__REQUEST__CALL_RESET:
                answer_reset(f);
                break;
        case GANGER__V1__REQUEST__CALL_DAEMON_UPGRADE:
                answer_daemon_upgrade(f);
                break;
        case GANGER__V1__REQUEST__CALL_SHUTDOWN:
                answer_shutdown(f);
                return false;
        default:
                fake_error(f, GANGER__V1__ERROR_CODE__ERROR_INVALID, "what?");
        }
        return true;
}

int main(int argc, char **argv) {
        struct fake f = { .listener = -1, .peer = -1 };
        bool going = true;

        if (argc != 2 || snprintf(f.path, sizeof f.path, "%s/control", argv[1]) >= (int)sizeof f.path)
                return 2;
        for (size_t i = 0; i < ARRAY_SIZE(reals); i++) {
                reals[i].memory_fd = region_create(reals[i].name, reals[i].geometry);
                reals[i].event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
                if (reals[i].memory_fd < 0 || reals[i].event_fd < 0)
                        return 1;
        }
        fake_listen(&f);
        puts("listening");
        fflush(stdout);
        while (going) {
                fake_accept(&f);
                while (going && f.peer >= 0 && fake_request(&f))
                        going = answer(&f);
        }
        fake_unlisten(&f);
        fake_hang_up(&f);
        for (size_t i = 0; i < ARRAY_SIZE(reals); i++) {
                close(reals[i].memory_fd);
                close(reals[i].event_fd);
        }
        return 0;
}
