/* SPDX-License-Identifier: MIT */
/* Numbers of users and groups: who is made later is found later, and nobody makes us ask again and again. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/time.h"
#include "daemon/control/grant-names.h"
#include "harness.h"

/* ---- the system, of which this program is all ---------------------------------------------------- */

static bool made;
static unsigned int asked;
static size_t needed;                   /* bytes of an entry */

static int answer(const char *name, size_t size) {
        asked++;
        if (!made || strcmp(name, "ops") != 0)
                return 0;
        return size < needed ? ERANGE : -1;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **ret) {
        int r = answer(name, size);

        (void)buffer;
        *ret = r == -1 ? entry : NULL;
        entry->pw_uid = 10;
        return r == -1 ? 0 : r;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **ret) {
        int r = answer(name, size);

        (void)buffer;
        *ret = r == -1 ? entry : NULL;
        entry->gr_gid = 20;
        return r == -1 ? 0 : r;
}

/* ---- tests --------------------------------------------------------------------------------------- */

/* As if that time were over. */
static void pass(struct grant_names *names, uint64_t usec) {
        names->since_usec -= usec;
}

START_TEST(who_is_made_later_is_found_later) {
        struct grant_names names = GRANT_NAMES_NULL;
        uint32_t number = 7;

        made = false;
        asked = 0;
        needed = 0;
        for (unsigned int i = 0; i < 3; i++)
                ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), -ENOENT);
        ck_assert_uint_eq(asked, 1);
        ck_assert_uint_eq(number, 7);
        made = true;
        pass(&names, GRANT_NAMES_USEC);
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), 0);
        ck_assert_uint_eq(number, 10);
        ck_assert_int_eq(grant_names_find(&names, GRANT_GROUP, "ops", &number), 0);
        ck_assert_uint_eq(number, 20);
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), 0);
        ck_assert_uint_eq(number, 10);
        ck_assert_uint_eq(asked, 3);
        made = false;
        pass(&names, GRANT_NAMES_USEC);
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), -ENOENT);
        grant_names_done(&names);
}
END_TEST

START_TEST(a_slow_system_is_asked_seldom) {
        struct grant_names names = GRANT_NAMES_NULL;
        uint32_t number;

        made = true;
        asked = 0;
        needed = 0;
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), 0);
        names.spent_usec = 5 * USEC_PER_SEC;
        pass(&names, GRANT_NAMES_USEC);
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), 0);
        ck_assert_uint_eq(asked, 1);
        pass(&names, GRANT_NAMES_REST * 5 * USEC_PER_SEC);
        ck_assert_int_eq(grant_names_find(&names, GRANT_USER, "ops", &number), 0);
        ck_assert_uint_eq(asked, 2);
        grant_names_done(&names);
}
END_TEST

START_TEST(a_large_group_is_found) {
        struct grant_names names = GRANT_NAMES_NULL;
        uint32_t number;

        made = true;
        needed = 500000;
        ck_assert_int_eq(grant_names_find(&names, GRANT_GROUP, "ops", &number), 0);
        ck_assert_uint_eq(number, 20);
        pass(&names, 3600 * USEC_PER_SEC);
        needed = (size_t)1 << 30;
        ck_assert_int_eq(grant_names_find(&names, GRANT_GROUP, "ops", &number), -ERANGE);
        grant_names_done(&names);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("grant-names", who_is_made_later_is_found_later, a_slow_system_is_asked_seldom,
                                         a_large_group_is_found));
}
