/* SPDX-License-Identifier: MIT */
/* Output of gangerctl: tables that fit, text made safe, JSON that is JSON. */

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/utf8.h"
#include "harness.h"

struct capture {
        struct output out;
        char *text;
        size_t size;
};

static void capture_init(struct capture *c, const struct output_ops *ops, size_t width) {
        *c = (struct capture){ .out = { .ops = ops, .width = width, .terminal = width > 0 } };
        c->out.file = open_memstream(&c->text, &c->size);
        ck_assert_ptr_nonnull(c->out.file);
}

static const char *captured(struct capture *c) {
        fflush(c->out.file);
        return c->text;
}

static void capture_done(struct capture *c) {
        fclose(c->out.file);
        free(c->text);
}

static size_t longest_line(const char *text) {
        size_t longest = 0;

        while (*text) {
                size_t n = strcspn(text, "\n");
                _cleanup_(freep) char *line = strndup(text, n);
                size_t width = utf8_width(line);

                longest = MAX(longest, width);
                text += n + (text[n] == '\n');
        }
        return longest;
}

static const struct column columns[] = {
        { .title = "NAME" }, { .title = "STATE", .state = true }, { .title = "PID", .right = true },
        { .title = "REASON", .shrinks = true },
};

static void print_sample(struct capture *c) {
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        table_add(&t, (const char *[]){ "resize/0", "ready", "123", NULL });
        table_add(&t, (const char *[]){ "a-worker-with-quite-a-name/17", "failed", "", "killed by SIGKILL, ten times in a row, größer 漢字漢字漢字漢字" });
        table_print(&t, &c->out);
        table_done(&t);
}

START_TEST(tables_fit_every_width) {
        for (size_t width = 1; width < 140; width++) {
                struct capture c;

                capture_init(&c, &output_table, width);
                print_sample(&c);
                ck_assert_uint_le(longest_line(captured(&c)), width);
                ck_assert(utf8_is_valid(c.text, c.size));
                capture_done(&c);
        }
}
END_TEST

START_TEST(what_shrinks_is_cut_first) {
        struct capture c;

        capture_init(&c, &output_table, 70);
        print_sample(&c);
        ck_assert_ptr_nonnull(strstr(captured(&c), "a-worker-with-quite-a-name/17  failed"));
        ck_assert_ptr_nonnull(strstr(c.text, "…"));
        capture_done(&c);
}
END_TEST

START_TEST(a_pipe_gets_everything) {
        struct capture c;

        capture_init(&c, &output_table, 0);
        print_sample(&c);
        ck_assert_str_eq(captured(&c),
                         "NAME                           STATE   PID  REASON\n"
                         "resize/0                       ready   123  -\n"
                         "a-worker-with-quite-a-name/17  failed    -  killed by SIGKILL, ten times in a row, größer 漢字漢字漢字漢字\n");
        capture_done(&c);
}
END_TEST

START_TEST(colours_do_not_count_as_width) {
        struct capture c;

        capture_init(&c, &output_table, 0);
        c.out.color = true;
        print_sample(&c);
        ck_assert_ptr_nonnull(strstr(captured(&c), "\033[32mready\033[0m   123"));
        ck_assert_ptr_nonnull(strstr(c.text, "\033[31mfailed\033[0m    -"));
        capture_done(&c);
}
END_TEST

START_TEST(text_is_made_safe_for_a_terminal) {
        static const struct {
                const char *from, *to;
        } cases[] = {
                { "plain", "plain" },        { "a\tb", "a b" },
                { "\033[2Jx", "?[2Jx" },     { "\xc2\x9b" "2J", "?2J" }, /* CSI as one character */
                { "\xff\xfe", "??" },        { "\xe2\x80\xaexyz", "?xyz" }, /* right-to-left override */
                { "größe", "größe" },        { "\xc0\xaf", "??" }, /* overlong */
                { "\xed\xa0\x80", "???" }, /* a surrogate */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *clean = utf8_clean(cases[i].from, strlen(cases[i].from));

                ck_assert_str_eq(clean, cases[i].to);
        }
}
END_TEST

static void check_json_string(const char *text, size_t size, const char *expected) {
        struct capture c;

        capture_init(&c, &output_json, 0);
        json_string(c.out.file, text, size);
        ck_assert_str_eq(captured(&c), expected);
        capture_done(&c);
}

START_TEST(json_strings_are_escaped) {
        check_json_string("plain", 5, "\"plain\"");
        check_json_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
        check_json_string("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
        check_json_string("\0\x01\x7f", 3, "\"\\u0000\\u0001\\u007f\"");
        check_json_string("ü漢😀", strlen("ü漢😀"), "\"ü漢😀\"");
        check_json_string("a\xff\xf0\x9f", 4, "\"a\\ufffd\\ufffd\\ufffd\"");
}
END_TEST

START_TEST(json_bytes_are_text_or_base64) {
        static const struct {
                const char *data;
                size_t size;
                const char *expected;
        } cases[] = {
                { "", 0, "\"text\": \"\"" },           { "hi", 2, "\"text\": \"hi\"" },
                { "\xff", 1, "\"base64\": \"/w==\"" }, { "\xff\x00", 2, "\"base64\": \"/wA=\"" },
                { "\xff\x00\x10", 3, "\"base64\": \"/wAQ\"" }, { "Man\xff", 4, "\"base64\": \"TWFu/w==\"" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct capture c;

                capture_init(&c, &output_json, 0);
                json_bytes_member(c.out.file, cases[i].data, cases[i].size);
                ck_assert_str_eq(captured(&c), cases[i].expected);
                capture_done(&c);
        }
}
END_TEST

START_TEST(json_has_all_fields_of_a_message) {
        Ganger__V1__StatusReply status = GANGER__V1__STATUS_REPLY__INIT;
        Ganger__V1__Worker worker = GANGER__V1__WORKER__INIT, *workers[] = { &worker };
        char *exec[] = { (char *)"./a", (char *)"\"b\"" };
        struct capture c;

        worker.name = (char *)"resize";
        worker.exec = exec;
        worker.n_exec = 2;
        worker.stopped = true;
        status.workers = workers;
        status.n_workers = 1;
        status.now_usec = UINT64_MAX;
        capture_init(&c, &output_json, 0);
        c.out.ops->status(&c.out, &status, false);
        ck_assert_str_eq(captured(&c),
                         "{\"workers\": [{\"name\": \"resize\", \"exec\": [\"./a\", \"\\\"b\\\"\"], \"wanted\": 0, \"ready\": 0, "
                         "\"stopped\": true, \"scaled\": false, \"io\": \"\", \"receive\": \"\", \"send\": \"\", \"restart\": \"\", "
                         "\"instances\": [], \"start\": \"\", \"listen\": \"\", \"group\": \"\", \"warning\": \"\", "
                         "\"drained\": false, \"standby\": 0, \"instances_min\": 0, \"instances_max\": 0, \"differs\": \"\", "
                         "\"every_usec\": 0, \"next_run_usec\": 0, \"ends\": []}], "
                         "\"now_usec\": 18446744073709551615, \"quarantined\": [], \"groups\": []}\n");
        capture_done(&c);
}
END_TEST

START_TEST(json_leaves_out_what_is_not_set) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__DeadRequest dead = GANGER__V1__DEAD_REQUEST__INIT;
        uint64_t ids[] = { 1, 2 };
        struct capture c;

        capture_init(&c, &output_json, 0);
        json_message(c.out.file, &reply.base);
        ck_assert_str_eq(captured(&c), "{\"id\": 0, \"more\": false}");
        capture_done(&c);

        dead.action = GANGER__V1__DEAD_ACTION__DEAD_DROP;
        dead.ids = ids;
        dead.n_ids = 2;
        capture_init(&c, &output_json, 0);
        json_message(c.out.file, &dead.base);
        ck_assert_str_eq(captured(&c), "{\"ring\": \"\", \"action\": \"DEAD_DROP\", \"ids\": [1, 2], \"bytes\": 0}");
        capture_done(&c);
}
END_TEST

START_TEST(received_messages_keep_their_bytes) {
        struct received m = { .ring = "jobs", .id = 5, .deliveries = 1, .data = "a\0b", .size = 3 };
        struct capture c;

        capture_init(&c, &output_table, 0);
        c.out.ops->received(&c.out, &m);
        captured(&c);
        ck_assert_uint_eq(c.size, 4);
        ck_assert_mem_eq(c.text, "a\0b\n", 4);
        capture_done(&c);

        capture_init(&c, &output_json, 0);
        c.out.ops->received(&c.out, &m);
        ck_assert_str_eq(captured(&c), "{\"ring\": \"jobs\", \"id\": 5, \"deliveries\": 1, \"size\": 3, \"text\": \"a\\u0000b\"}\n");
        capture_done(&c);
}
END_TEST

START_TEST(no_backend_has_a_hole) {
        const struct output_ops *backends[] = { &output_table, &output_json };

        for (size_t b = 0; b < ARRAY_SIZE(backends); b++)
                for (size_t i = 0; i < sizeof(struct output_ops) / sizeof(void *); i++)
                        ck_assert_ptr_nonnull(((void *const *)backends[b])[i]);
}
END_TEST

int main(void) {
        setlocale(LC_CTYPE, "C.UTF-8");
        return harness_run(HARNESS_SUITE(
                "ctl-output", tables_fit_every_width, what_shrinks_is_cut_first, a_pipe_gets_everything,
                colours_do_not_count_as_width, text_is_made_safe_for_a_terminal, json_strings_are_escaped,
                json_bytes_are_text_or_base64, json_has_all_fields_of_a_message, json_leaves_out_what_is_not_set,
                received_messages_keep_their_bytes, no_backend_has_a_hole));
}
