/* SPDX-License-Identifier: MIT */
/* What is said of a bad configuration: all of it, in the order of lines, in these words. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "harness.h"

/* The errors of a text that must be bad. */
static char *errors_of(const char *text, size_t size) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct config *config = NULL;
        char *said = NULL;
        size_t said_size;
        FILE *out = open_memstream(&said, &said_size);

        ck_assert_msg(config_parse(text, size, "x", &config, &errors) == -EINVAL, "%.80s", text);
        ck_assert_ptr_null(config);
        config_errors_print(&errors, out);
        config_errors_done(&errors);
        fclose(out);
        return said;
}

#define W(body) "ring r { }\nworker w { exec = a " body " }"

START_TEST(mistakes_are_told) {
        static const struct {
                const char *text, *said;
        } cases[] = {
                /* structure */
                { "ring",
                  "x:1: a ring has no name: ring NAME { … }\nx:1: the file ends where '{' is expected\n" },
                { "ring r", "x:1: ring 'r': the file ends where '{' is expected\n" },
                { "ring r {", "x:1: ring 'r': it is not closed: '}' is missing at the end of the file\n" },
                { "ring r }", "x:1: ring 'r': '}' where '{' is expected\n" },
                { "}", "x:1: '}' closes nothing\n" },
                { "= 3", "x:1: '=' where a section, such as 'ring' or 'worker', is expected\n" },
                { "wroker w { exec = a }", "x:1: wroker: unknown section; did you mean 'worker'?\n" },
                { "band g { a = { b c } }",
                  "x:1: band: unknown section; it is one of ring, service, semaphore, mutex, monitor, counter, listen, worker, group or daemon\n" },
                { "include(\"f\")", "x:1: a quote in the middle of a word; put quotes around all of it\n" },
                { "include 'f'", "x:1: include: not known; a configuration is one file\n" },
                { "slots = 3", "x:1: slots: a key outside of any section\n" },
                { "ring r { slots }", "x:1: ring 'r': slots: '=' is missing after it\n" },
                { "ring r { slots = }", "x:1: ring 'r': slots: the value is missing\n" },
                { "ring r {\n slots =\n kind = queue }", "x:2: ring 'r': slots: the value is missing\n" },
                { "ring r { slots = 2\n\n slots = 4 }",
                  "x:3: ring 'r': slots: it is set already, in line 1\n" },
                { "ring r { slots += 2 }",
                  "x:1: ring 'r': slots: there is no '+='; give all values at once\n" },
                { "ring r { { } }", "x:1: ring 'r': '{' where a key is expected\nx:1: '}' closes nothing\n" },
                { "ring r { }\nring r { }\nring r { }",
                  "x:2: ring 'r': it is defined already, in line 1\nx:3: ring 'r': it is defined already, in "
                  "line 1\n" },
                { "ring -r { }", "x:1: ring '-r': not a name: up to 63 letters, digits, '-', '_' and '.', "
                                 "the first a letter "
                                 "or digit\n" },
                { "ring '' { }",
                  "x:1: ring '': not a name: up to 63 letters, digits, '-', '_' and '.', the first a letter "
                  "or digit\n" },
                { "/*\n\n", "x:1: the comment is not closed\n" },
                /* words and strings */
                { W("user = 'a"),
                  "x:2: worker 'w': user: the string is not closed\n"
                  "x:2: worker 'w': it is not closed: '}' is missing at the end of the file\n" },
                { W("user = \"a\nx\""),
                  "x:2: worker 'w': user: the string is not closed on its line (only one in single "
                  "quotes may go on)\nx:2: worker 'w': it is not closed: '}' is missing at the end of the "
                  "file\nx:3: worker 'w': a quote in the middle of a word; put quotes around all of it\n" },
                { W("user = ${USER}"),
                  "x:2: worker 'w': user: the environment is not put in for ${…}; write '${…}' in single "
                  "quotes to mean these characters\n" },
                { W("user = \"${USER:-x}\""),
                  "x:2: worker 'w': user: the environment is not put in for ${…}; write '${…}' in "
                  "single quotes to mean these characters\n" },
                { W("user = \"\\0\""), "x:2: worker 'w': user: a string cannot contain the byte 0\n" },
                { W("user = \"\\x00\""), "x:2: worker 'w': user: a string cannot contain the byte 0\n" },
                { W("user = \"\\777\""),
                  "x:2: worker 'w': user: an octal escape has three digits at most, up to \\377\n" },
                { W("user = a\001b"),
                  "x:2: worker 'w': a control character (byte 0x01) is not allowed here\n" },
                { W("user = 'a'b"),
                  "x:2: worker 'w': user: something follows the closing quote; put a space or a comma "
                  "between\n" },
                /* lists */
                { W("receive = {r"),
                  "x:2: worker 'w': it is not closed: '}' is missing at the end of the file\n" },
                { W("receive = {r\nuser = root"), "x:2: worker 'w': receive: the list is not closed\n" },
                { W("environment = {A=b, 'C=d'}"),
                  "x:2: worker 'w': environment: an item with '=' in it must be in quotes\n" },
                { W("environment = {'A=b' 'C=d'}"),
                  "x:2: worker 'w': environment: a comma is missing before ''C=d''\n" },
                { W("environment = {'A=b',,}"),
                  "x:2: worker 'w': environment: a value is missing before the comma\n" },
                { W("environment = {\n'A=b'\n'C=d'}"),
                  "x:3: worker 'w': environment: a comma is missing after the value\n" },
                { W("restart = {always, never}"), "x:2: worker 'w': restart: takes one value\n" },
                { W("restart = {}"), "x:2: worker 'w': restart: takes one value\n" },
                /* values */
                { "ring r { kind = pipes }",
                  "x:1: ring 'r': kind: unknown value 'pipes'; did you mean 'pipe'?\n" },
                { "ring r { slots = 1000 }",
                  "x:1: ring 'r': slots: 1000 is not a power of two; the next one is 1024\n" },
                { "ring r { slots = 1 }",
                  "x:1: ring 'r': slots: 1 is out of range; it is from 2 to 1048576\n" },
                { "ring r { slots = -4 }", "x:1: ring 'r': slots: '-4' is not a number\n" },
                { "ring r { slots = 99999999999999999999 }",
                  "x:1: ring 'r': slots: '99999999999999999999' is not a number\n" },
                { "ring r { slot-size = 0 }",
                  "x:1: ring 'r': slot-size: 0 is out of range; it is from 1B to 16MiB\n" },
                { "ring r { slot-size = 4Q }",
                  "x:1: ring 'r': slot-size: '4Q' is not a size, such as 512, 4KiB or 1MiB\n" },
                { "ring r { slots = 1048576 slot-size = 16MiB }",
                  "x:1: ring 'r': slots times slot-size is 16TiB; the most is 64GiB\n" },
                { "ring r { message-max = 17MiB }",
                  "x:1: ring 'r': message-max: 17MiB is too long for a queue; the most is 16MiB\n" },
                { "ring r { message-max = 1MiB\nheap-size = 0 }",
                  "x:2: ring 'r': heap-size: it does not hold a message of 1MiB (message-max)\n" },
                { "ring r { message-max = 1MiB\nheap-size = 2GiB }",
                  "x:2: ring 'r': heap-size: 2GiB is out of range; it is from 0B to 1GiB\n" },
                { "ring r { max-deliveries = 256 }",
                  "x:1: ring 'r': max-deliveries: 256 is out of range; it is from 1 to 255\n" },
                { W("instances = 10001"),
                  "x:2: worker 'w': instances: 10001 is out of range; it is from 0 to 10000\n" },
                { W("stop-timeout = soon"),
                  "x:2: worker 'w': stop-timeout: 'soon' is not a time span, such as 250ms, 10s or "
                  "\"1min 30s\"\n" },
                { W("ready-timeout = 0"),
                  "x:2: worker 'w': ready-timeout: 0 is out of range; it is from 1ms to 30d\n" },
                { W("ready-timeout = infinity"),
                  "x:2: worker 'w': ready-timeout: infinity is out of range; it is from 1ms to "
                  "30d\n" },
                { W("restart-limit = 5"),
                  "x:2: worker 'w': restart-limit: '5' is not a count and a period, such as 5/10s, or "
                  "none\n" },
                { W("restart-limit = 0/1s"),
                  "x:2: worker 'w': restart-limit: the count 0 is out of range; it is from 1 to 64\n" },
                { W("restart-limit = 3/0"), "x:2: worker 'w': restart-limit: the period cannot be 0\n" },
                { W("stop-signal = SIGHUB"),
                  "x:2: worker 'w': stop-signal: 'SIGHUB' is not a signal, such as SIGTERM or "
                  "SIGRTMIN+3\n" },
                { W("stop-signal = SIGSTOP"),
                  "x:2: worker 'w': stop-signal: SIGSTOP pauses or continues a process, and never "
                  "ends it\n" },
                { W("success-exit-status = {3, 256}"),
                  "x:2: worker 'w': success-exit-status: 256 is no exit status; these are from 0 to 255\n" },
                { W("restart-force = tempfail"),
                  "x:2: worker 'w': restart-force: 'tempfail' is neither an exit status nor a signal, such as 75, "
                  "TEMPFAIL or SIGUSR1\n" },
                { W("environment = {'=x'}"),
                  "x:2: worker 'w': environment: '=x' is not of the form NAME=value\n" },
                { W("environment = {'GANGER_X=y'}"),
                  "x:2: worker 'w': environment: GANGER_X is set by gangerd itself\n" },
                { W("user = ''"), "x:2: worker 'w': user: it is empty; leave the key out for the default\n" },
                { W("receive = {r, r}"), "x:2: worker 'w': receive: 'r' is there twice\n" },
                { W("receive = a/b"), "x:2: worker 'w': receive: 'a/b' is not a name\n" },
                { W("io-fds = 3, 3 io = lines receive = r"),
                  "x:2: worker 'w': io-fds: reading and writing need two different descriptors\n" },
                { W("io-fds = 1, 2 io = lines receive = r"),
                  "x:2: worker 'w': io-fds: '1' is not a descriptor from 3 to 255\n" },
                { W("io-fds = 3 io = lines receive = r"),
                  "x:2: worker 'w': io-fds: two numbers are expected, such as 3, 4\n" },
                { "worker w { exec = {} }", "x:1: worker 'w': exec: the program is missing\n" },
                /* what must hold between them */
                { "worker w { }", "x:1: worker 'w': exec is missing\n" },
                { "worker w { exce = a }", "x:1: worker 'w': exce: unknown key; did you mean 'exec'?\n" },
                { W("group = g"), "x:2: worker 'w': group: there is no group 'g'\n" },
                { "group one { }\nworker w { exec = a group = onr }",
                  "x:2: worker 'w': group: there is no group 'onr'; did you mean 'one'?\n" },
                { "group g { group = g }", "x:1: group 'g': group: it is itself\n" },
                { "group g { group = h }\ngroup h { group = g }",
                  "x:1: group 'g': group: 'h' is in this one\nx:2: group 'h': group: 'g' is in this one\n" },
                { "group w { }\n" W(""), "x:3: worker 'w': the name is that of a group already, in line 1\n" },
                { "group g { strategy = all-for-one }",
                  "x:1: group 'g': strategy: unknown value 'all-for-one'; did you mean 'one-for-one'?\n" },
                { W("overlap = kill"), "x:2: worker 'w': overlap: only with every = TIME\n" },
                { W("every = 1s jitter = 1s"), "x:2: worker 'w': jitter: it is not less than every\n" },
                { W("every = 1s restart = always"), "x:2: worker 'w': restart: not always with every: it is to end\n" },
                { W("type = oneshot ready = notify"),
                  "x:2: worker 'w': ready: not with type = oneshot: it is ready when it has ended well\n" },
                { W("after = w"), "x:2: worker 'w': after: it is itself\n" },
                { W("requires = v"), "x:2: worker 'w': requires: there is no worker 'v'\n" },
                { "worker one { exec = a conflicts = twp } worker two { exec = a }",
                  "x:1: worker 'one': conflicts: there is no worker 'twp'; did you mean 'two'?\n" },
                { "worker a { exec = a after = b }\nworker b { exec = b requires = c }\nworker c { exec = c after = a }",
                  "x:1: worker 'a': nobody can start first: a after b after c after a\n" },
                { W("receive = s"), "x:2: worker 'w': receive: there is no ring 's'; did you mean 'r'?\n" },
                { W("send = elsewhere"), "x:2: worker 'w': send: there is no ring 'elsewhere'\n" },
                { W("io = lines"),
                  "x:2: worker 'w': io: a ring to receive from is missing; add receive = RING\n" },
                { W("io = exec send = r"),
                  "x:2: worker 'w': io: a ring to receive from is missing; add receive = RING\n" },
                { "ring q { } " W("io = lines receive = {r, q} send = {q, r}"),
                  "x:2: worker 'w': receive: one ring at most with io = lines\n"
                  "x:2: worker 'w': send: one ring at most with io = lines\n" },
                { W("io-fds = 3, 4"), "x:2: worker 'w': io-fds: only with io = lines or frames\n" },
                { W("ready = library"),
                  "x:2: worker 'w': ready: a program without rings, services and locks cannot join the library; use notify\n" },
                { W("restart-delay = 10s restart-delay-max = 5s"),
                  "x:2: worker 'w': restart-delay-max: it is less than restart-delay\n" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *said = errors_of(cases[i].text, strlen(cases[i].text));

                ck_assert_str_eq(said, cases[i].said);
        }
}
END_TEST

static char *read_whole(const char *path) {
        FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;

        ck_assert_msg(f, "%s", path);
        ck_assert_int_gt(getdelim(&text, &size, '\0', f), 0);
        fclose(f);
        return text;
}

START_TEST(all_errors_of_a_file_are_told_at_once) {
        _cleanup_(freep) char *text = read_whole(CONFIG_EXAMPLES "/bad.conf");
        _cleanup_(freep) char *expected = read_whole(CONFIG_EXAMPLES "/bad.expected");
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct config *config = NULL;
        _cleanup_(freep) char *said = NULL;
        size_t size;
        FILE *out = open_memstream(&said, &size);

        ck_assert_int_eq(config_parse(text, strlen(text), "bad.conf", &config, &errors), -EINVAL);
        config_errors_print(&errors, out);
        fclose(out);
        ck_assert_str_eq(said, expected);
        config_errors_done(&errors);
}
END_TEST

START_TEST(too_many_errors_are_counted) {
        char text[2000] = "";
        _cleanup_(freep) char *said = NULL;
        size_t n = 0;

        for (int i = 0; i < CONFIG_ERRORS_MAX + 7; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "}\n");
        said = errors_of(text, n);
        ck_assert_ptr_nonnull(strstr(said, "\nand 7 more errors\n"));
}
END_TEST

/* What config_check() says of a file with this text; NULL: of a path. */
static int check(const char *path, const char *text, char **ret) {
        char file[] = "/tmp/ganger-test-config-XXXXXX";
        size_t size;
        FILE *said = open_memstream(ret, &size);
        int fd, r;

        if (text) {
                fd = mkstemp(file);
                ck_assert_int_ge(fd, 0);
                ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
                close(fd);
        }
        r = config_check(path ?: file, said, said);
        fclose(said);
        if (text)
                unlink(file);
        return r;
}

START_TEST(a_check_tells_people) {
        static const struct {
                const char *path, *text, *said;
                int result;
        } cases[] = {
                { NULL, "ring r { }\nworker a { exec = sh } worker b { exec = sh }\n",
                  ": ok (1 ring, 2 workers)\n", 0 },
                { NULL, "", ": ok (0 rings, 0 workers)\n", 0 },
                { NULL, "worker w {\nexec = no-such-program-anywhere\nusr = root }",
                  "exec: 'no-such-program-anywhere' is not found in PATH\n", 1 },
                { NULL, "worker w { exec = \"sort -u\" }",
                  "exec: 'sort -u' is not found in PATH (exec is a list: the program, then its arguments)\n",
                  1 },
                { NULL, "worker w { exec = /etc/passwd }",
                  ":1: worker 'w': exec: '/etc/passwd' is not executable\n", 1 },
                { NULL, "worker w { exec = / }", ":1: worker 'w': exec: '/': Is a directory\n", 1 },
                { NULL, "worker w { exec = sh user = no-such-user }",
                  ": user: there is no user 'no-such-user'\n", 1 },
                { NULL, "worker w { exec = sh directory = /etc/passwd }",
                  ": directory: '/etc/passwd': Not a directory\n", 1 },
                { "/no/such/file", NULL, "/no/such/file: No such file or directory\n", 1 },
                { "/", NULL, "/: Is a directory\n", 1 },
                { "/dev/zero", NULL, "/dev/zero: the file is longer than 4 MiB\n", 1 },
                { "/dev/null", NULL, "/dev/null: ok (0 rings, 0 workers)\n", 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *said = NULL;
                size_t n, tail = strlen(cases[i].said);

                ck_assert_msg(check(cases[i].path, cases[i].text, &said) == cases[i].result, "%s", said);
                n = strlen(said);
                ck_assert_msg(n >= tail && strstr(said, cases[i].said), "'%s' has no '%s'", said,
                              cases[i].said);
        }
}
END_TEST

START_TEST(a_file_without_permission_is_told) {
        char file[] = "/tmp/ganger-test-config-XXXXXX";
        _cleanup_(freep) char *said = NULL;
        int fd = mkstemp(file);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fchmod(fd, 0), 0);
        close(fd);
        if (geteuid() != 0) { /* root may read everything */
                ck_assert_int_eq(check(file, NULL, &said), 1);
                ck_assert_ptr_nonnull(strstr(said, ": Permission denied\n"));
        }
        unlink(file);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("config-errors", mistakes_are_told,
                                         all_errors_of_a_file_are_told_at_once, too_many_errors_are_counted,
                                         a_check_tells_people, a_file_without_permission_is_told));
}
