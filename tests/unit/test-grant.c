/* SPDX-License-Identifier: MIT */
/* Grants: what a class includes, whom they cover, and that what is wrong gives nothing. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/policy/grant.h"
#include "harness.h"

#define ALL_BUT_ADMIN (CONTROL_CLASSES_ALL & ~(unsigned int)CONTROL_ADMIN)

/* ops is user 10 and group 20; there is nobody else. */
static int look_up(void *userdata, enum grant_who who, const char *name, uint32_t *ret) {
        unsigned int *n = userdata;

        ++*n;
        if (strcmp(name, "ops") != 0)
                return -ENOENT;
        *ret = who == GRANT_GROUP ? 20 : 10;
        return 0;
}

static unsigned int given(const char *grant, uid_t uid, gid_t gid, gid_t other) {
        const gid_t groups[] = { 7, other };
        const struct grant_peer peer = { .uid = uid, .gid = gid, .groups = groups, .n_groups = 2 };
        char *list[] = { (char *)(uintptr_t)grant, NULL };
        unsigned int n = 0;

        return grants_classes(list, &peer, look_up, &n);
}

START_TEST(a_class_includes_those_below_it) {
        ck_assert_uint_eq(grant_includes(CONTROL_VIEW), CONTROL_VIEW);
        ck_assert_uint_eq(grant_includes(CONTROL_PRODUCE), CONTROL_VIEW | CONTROL_PRODUCE);
        ck_assert_uint_eq(grant_includes(CONTROL_CONSUME), CONTROL_VIEW | CONTROL_CONSUME);
        ck_assert_uint_eq(grant_includes(CONTROL_OPERATE), ALL_BUT_ADMIN);
        ck_assert_uint_eq(grant_includes(CONTROL_ADMIN), CONTROL_CLASSES_ALL);
        ck_assert_uint_eq(given("ops:operate", 10, 1, 1), ALL_BUT_ADMIN);
}
END_TEST

START_TEST(whom_it_covers) {
        ck_assert_uint_eq(given("ops:view", 10, 1, 1), CONTROL_VIEW);
        ck_assert_uint_eq(given("ops:view", 20, 10, 10), 0); /* numbers of groups are not those of users */
        ck_assert_uint_eq(given("10:view", 10, 1, 1), CONTROL_VIEW);
        ck_assert_uint_eq(given("10:view", 11, 10, 10), 0);
        ck_assert_uint_eq(given("@ops:view", 1, 20, 1), CONTROL_VIEW);
        ck_assert_uint_eq(given("@ops:view", 1, 1, 20), CONTROL_VIEW);
        ck_assert_uint_eq(given("@ops:view", 20, 1, 1), 0);
        ck_assert_uint_eq(given("@20:view", 1, 1, 20), CONTROL_VIEW);
        ck_assert_uint_eq(given("*:view", 99, 99, 99), CONTROL_VIEW);
        ck_assert_uint_eq(given("0:view", 1, 0, 0), 0);
}
END_TEST

START_TEST(what_is_wrong_gives_nothing) {
        static const char *const wrong[] = {
                "", ":", "ops", "ops:", ":view", "@:view", "@*:view", "**:view", "ops:View", "ops:view ", "ops :view", "ops:views",
                "a:b:view", "-1:view", "4294967295:view", "99999999999999999999999:view", "@4294967295:view", "o\nps:view", "a,b:view",
        };
        struct grant grant;
        char longest[GRANT_NAME_MAX + 16];

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                struct error error = ERROR_NULL;

                ck_assert_msg(grant_parse(wrong[i], &grant, &error) == -EINVAL && error.text[0], "'%s'", wrong[i]);
                ck_assert_uint_eq(given(wrong[i], 10, 20, 20), 0);
        }
        memset(longest, 'x', sizeof longest);
        strcpy(longest + GRANT_NAME_MAX, ":view");
        ck_assert_int_eq(grant_parse(longest, &grant, NULL), 0);
        ck_assert_uint_eq(strlen(grant.name), GRANT_NAME_MAX);
        strcpy(longest + GRANT_NAME_MAX, "x:view");
        ck_assert_int_eq(grant_parse(longest, &grant, NULL), -EINVAL);
        ck_assert_uint_eq(given("unknown:admin", 0, 0, 0), 0);
        ck_assert_uint_eq(given("@unknown:admin", 0, 0, 0), 0);
        ck_assert_uint_eq(given("4294967294:view", (uid_t)-2, 1, 1), CONTROL_VIEW);
        ck_assert_uint_eq(grants_classes(NULL, &(const struct grant_peer){ .uid = 0 }, look_up, NULL), 0);
}
END_TEST

START_TEST(a_list_gives_all_that_each_gives) {
        char *list[] = { (char *)"*:view", (char *)"@ops:produce", (char *)"ops:consume", (char *)"nobody:admin", NULL };
        struct grant_peer peer = { .uid = 10, .gid = 1 };
        unsigned int n = 0;

        ck_assert_uint_eq(grants_classes(list, &peer, look_up, &n), CONTROL_VIEW | CONTROL_CONSUME);
        peer.gid = 20;
        ck_assert_uint_eq(grants_classes(list, &peer, look_up, &n), CONTROL_VIEW | CONTROL_PRODUCE | CONTROL_CONSUME);
        /* A name that could give nothing new is not asked for. */
        list[1] = (char *)"ops:view";
        list[2] = NULL;
        n = 0;
        ck_assert_uint_eq(grants_classes(list, &peer, look_up, &n), CONTROL_VIEW);
        ck_assert_uint_eq(n, 0);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("grant", a_class_includes_those_below_it, whom_it_covers, what_is_wrong_gives_nothing,
                                         a_list_gives_all_that_each_gives));
}
