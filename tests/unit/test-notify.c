/* SPDX-License-Identifier: MIT */
/*
 * The notify socket: who speaks is told by the kernel, what is said is bounded, and nothing is lost that could not be
 * dealt with.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/notify.h"
#include "harness.h"

START_TEST(lines_are_told_apart) {
        char a[] = "READY=1\nSTATUS=three=jobs\nX", b[] = "STATUS=\nREADY=0", c[] = "XREADY=1\nREADY=1 ", d[] = "READY=1", e[] = "";
        struct notify_message m;

        m = notify_parse(a);
        ck_assert(m.ready);
        ck_assert_str_eq(m.status, "three=jobs");
        m = notify_parse(b);
        ck_assert(!m.ready);
        ck_assert_str_eq(m.status, "");
        m = notify_parse(c);
        ck_assert(!m.ready);
        ck_assert_ptr_null(m.status);
        ck_assert(notify_parse(d).ready);
        m = notify_parse(e);
        ck_assert(!m.ready && !m.reloading && !m.stopping && !m.fd_store && !m.fd_remove && !m.has_watchdog_usec);
        ck_assert(m.error == -1 && m.main_pid == 0 && m.watchdog == NOTIFY_WATCHDOG_NONE && m.fd_poll);
}
END_TEST

START_TEST(every_word_is_understood) {
        char a[] = "RELOADING=1\nMONOTONIC_USEC=17\nSTOPPING=1\nERRNO=2\nMAINPID=4711\nEXTEND_TIMEOUT_USEC=18446744073709551615\n"
                   "WATCHDOG=1\nWATCHDOG_USEC=0\nFDSTORE=1\nFDNAME=a b.c\nFDPOLL=0\nFDSTOREREMOVE=1";
        char b[] = "WATCHDOG=trigger";
        struct notify_message m = notify_parse(a);

        ck_assert(m.reloading && m.stopping && m.fd_store && m.fd_remove && !m.fd_poll && m.has_watchdog_usec);
        ck_assert_uint_eq(m.monotonic_usec, 17);
        ck_assert_int_eq(m.error, 2);
        ck_assert_int_eq(m.main_pid, 4711);
        ck_assert_uint_eq(m.extend_usec, UINT64_MAX);
        ck_assert_int_eq(m.watchdog, NOTIFY_WATCHDOG_FEED);
        ck_assert_uint_eq(m.watchdog_usec, 0);
        ck_assert_str_eq(m.fd_name, "a b.c");
        ck_assert_int_eq(notify_parse(b).watchdog, NOTIFY_WATCHDOG_TRIGGER);
}
END_TEST

START_TEST(what_is_malformed_is_passed_over) {
        static const char *const texts[] = {
                "ERRNO=-2", "ERRNO=4096", "ERRNO=", "ERRNO=2x", "MAINPID=-1", "MAINPID=4294967297", "MAINPID= 1", "MAINPID=+1",
                "EXTEND_TIMEOUT_USEC=18446744073709551616", "WATCHDOG=2", "WATCHDOG_USEC=x", "FDSTORE=yes", "FDSTOREREMOVE=",
                "FDNAME=", "FDNAME=a:b", "FDNAME=\t", "FDNAME=\xc3\xa4", "RELOADING=0", "STOPPING=10", "READY", "=1", "=",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char text[64];
                struct notify_message m;

                strcpy(text, texts[i]);
                m = notify_parse(text);
                ck_assert_msg(m.error == -1 && m.main_pid == 0 && m.extend_usec == 0 && m.watchdog == NOTIFY_WATCHDOG_NONE &&
                              !m.has_watchdog_usec && !m.fd_store && !m.fd_remove && !m.fd_name && !m.ready && !m.reloading &&
                              !m.stopping, "%s", texts[i]);
        }
}
END_TEST

START_TEST(a_name_of_a_descriptor_has_a_limit) {
        char text[8 + NOTIFY_FD_NAME_MAX + 2] = "FDNAME=";

        memset(text + 7, 'x', NOTIFY_FD_NAME_MAX);
        ck_assert_ptr_nonnull(notify_parse(text).fd_name);
        strcpy(text, "FDNAME=");
        memset(text + 7, 'x', NOTIFY_FD_NAME_MAX + 1);
        ck_assert_ptr_null(notify_parse(text).fd_name);
}
END_TEST

static void check_stat(const char *text, int r, pid_t parent, pid_t session) {
        pid_t p = -1, s = -1;

        ck_assert_int_eq(notify_parse_stat(text, &p, &s), r);
        ck_assert_int_eq(p, parent);
        ck_assert_int_eq(s, session);
}

START_TEST(a_session_is_read_whatever_the_program_is_called) {
        check_stat("12 (sh) S 1 34 56 0 -1", 0, 1, 56);
        check_stat("12 (a) S 9 9 9 (b) S 1 34 57 0 -1", 0, 1, 57);
        check_stat("12 (sh", -EINVAL, -1, -1);
        check_stat("12 (sh) S 1 34", -EINVAL, -1, -1);
        check_stat("12 (sh) S 1 34 -5 0", -EINVAL, -1, -1);
        check_stat("12 (sh) S 0 0 0 0 -1", 0, 0, 0);
        ck_assert_int_eq(notify_session(getpid()), getsid(0)); /* 0 where the leader is outside our pid namespace */
        ck_assert_int_eq(notify_parent(getpid()), getppid());
}
END_TEST

/* ---- the socket -------------------------------------------------------------------------------- */

struct heard {
        struct notify notify;
        sd_event *event;
        char directory[64];
        int n;                          /* told */
        int n_ready;
        bool refuse;                    /* not now */
        pid_t pid;
        char status[128];
};

static bool on_message(void *userdata, pid_t pid, const struct notify_message *message) {
        struct heard *heard = userdata;

        heard->n++;
        if (heard->refuse)
                return false;
        heard->pid = pid;
        heard->n_ready += message->ready;
        if (message->status)
                snprintf(heard->status, sizeof heard->status, "%s", message->status);
        return true;
}

static void heard_init(struct heard *heard) {
        bool made;

        *heard = (struct heard){ .directory = "/tmp/test-notify-XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(heard->directory));
        ck_assert_int_ge(sd_event_new(&heard->event), 0);
        ck_assert_int_eq(notify_init(&heard->notify, heard->event, heard->directory, -1, on_message, heard, &made), 0);
        ck_assert(made);
}

static void heard_done(struct heard *heard) {
        unlink(heard->notify.path);
        notify_done(&heard->notify);
        sd_event_unref(heard->event);
        rmdir(heard->directory);
}

/* Everything that is in the socket, as far as the loop will take it. */
static void listen_now(struct heard *heard) {
        while (sd_event_run(heard->event, 0) > 0)
                ;
}

static void say(const struct heard *heard, const void *text, size_t size, const int *fds, size_t n_fds) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, heard->notify.path);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        ck_assert_int_eq(fd_send(fd, text, size, fds, n_fds), (ssize_t)size);
        close(fd);
}

static void say_text(const struct heard *heard, const char *text) {
        say(heard, text, strlen(text), NULL, 0);
}

START_TEST(the_kernel_says_who_speaks) {
        struct heard heard;
        int status;
        pid_t pid;

        heard_init(&heard);
        pid = fork();
        if (pid == 0) {
                say_text(&heard, "READY=1\nSTATUS=from a child");
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        listen_now(&heard);
        ck_assert_int_eq(heard.n_ready, 1);
        ck_assert_int_eq(heard.pid, pid);
        ck_assert_str_eq(heard.status, "from a child");
        heard_done(&heard);
}
END_TEST

START_TEST(what_is_odd_is_dropped_and_leaks_nothing) {
        static char large[NOTIFY_MESSAGE_MAX + 1];
        int fds[] = { 0, 1, 2 };
        struct heard heard;

        heard_init(&heard);
        memset(large, 'x', sizeof large);
        say(&heard, large, sizeof large, NULL, 0);
        say(&heard, "READY=1\0STATUS=x", 16, NULL, 0);
        listen_now(&heard);
        ck_assert_int_eq(heard.n, 0);
        say(&heard, "READY=1", 7, fds, 3);
        listen_now(&heard);
        ck_assert_int_eq(heard.n_ready, 1);
        heard_done(&heard);
}
END_TEST

START_TEST(what_cannot_be_dealt_with_stays) {
        struct heard heard;

        heard_init(&heard);
        heard.refuse = true;
        say_text(&heard, "READY=1");
        say_text(&heard, "STATUS=later");
        listen_now(&heard);
        ck_assert_int_eq(heard.n, 1);
        listen_now(&heard);             /* it waits to be told, and does not spin */
        ck_assert_int_eq(heard.n, 1);
        heard.refuse = false;
        notify_resume(&heard.notify);
        listen_now(&heard);
        ck_assert_int_eq(heard.n_ready, 1);
        ck_assert_str_eq(heard.status, "later");
        heard_done(&heard);
}
END_TEST

START_TEST(a_successor_hears_what_was_not_dealt_with) {
        struct heard heard;
        bool made;
        int fd;

        heard_init(&heard);
        heard.refuse = true;
        say_text(&heard, "READY=1");
        listen_now(&heard);
        heard.refuse = false;
        fd = dup(heard.notify.fd);
        notify_done(&heard.notify);
        ck_assert_int_eq(notify_init(&heard.notify, heard.event, heard.directory, fd, on_message, &heard, &made), 0);
        ck_assert(!made);
        listen_now(&heard);
        ck_assert_int_eq(heard.n_ready, 1);
        heard_done(&heard);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("notify", lines_are_told_apart, every_word_is_understood,
                                         what_is_malformed_is_passed_over, a_name_of_a_descriptor_has_a_limit,
                                         a_session_is_read_whatever_the_program_is_called, the_kernel_says_who_speaks,
                                         what_is_odd_is_dropped_and_leaks_nothing, what_cannot_be_dealt_with_stays,
                                         a_successor_hears_what_was_not_dealt_with));
}
