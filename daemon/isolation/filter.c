/* SPDX-License-Identifier: MIT */
/*
 * Filters of system calls: from rules to the bytes that the kernel takes
 *
 * libseccomp makes them here, in the manager; the child only hands them to the kernel. Each is for this architecture
 * alone. A call of another one, which has other numbers and other arguments, ends the process: else it would be a way round.
 *
 * What goes wrong with a rule is kept until the end, so that who adds many need not look at each.
 */

#include "daemon/isolation/filter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

struct filter {
        scmp_filter_ctx context;
        int error;                      /* the first one; 0: none */
};

/** Past a few rules, a tree is faster than one comparison after the other. */
#define OPTIMIZE_TREE 2

int filter_new(struct filter **ret, uint32_t action) {
        _cleanup_(filter_freep) struct filter *filter = calloc(1, sizeof *filter);

        if (!filter)
                return -ENOMEM;
        filter->context = seccomp_init(action);
        if (!filter->context)
                return -ENOMEM;
        filter->error = seccomp_attr_set(filter->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (filter->error == 0)
                filter->error = seccomp_attr_set(filter->context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
        *ret = TAKE(filter);
        return 0;
}

struct filter *filter_free(struct filter *filter) {
        if (filter && filter->context)
                seccomp_release(filter->context);
        free(filter);
        return NULL;
}

struct filters *filters_free(struct filters *filters) {
        for (size_t i = 0; filters && i < filters->n; i++)
                free(filters->v[i].program);
        free(filters);
        return NULL;
}

void filter_rule(struct filter *filter, uint32_t action, int call, unsigned int n, const struct scmp_arg_cmp *arguments) {
        if (call < 0 || filter->error < 0)
                return;
        filter->error = seccomp_rule_add_exact_array(filter->context, action, call, n, arguments);
}

void filter_call(struct filter *filter, uint32_t action, int call) {
        filter_rule(filter, action, call, 0, NULL);
}

void filter_bits(struct filter *filter, uint32_t action, int call, unsigned int argument, uint64_t bits) {
        filter_rule(filter, action, call, 1, &SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, bits));
}

/* All 64 bits of it would let one by that has something in those which the kernel does not look at. */
void filter_number(struct filter *filter, uint32_t action, int call, unsigned int argument, uint32_t number) {
        filter_rule(filter, action, call, 1, &SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, number));
}

void filter_no_io_uring(struct filter *filter) {
        filter_call(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup));
}

/* What libseccomp has written. */
static int read_program(int fd, uint8_t **ret, size_t *ret_size) {
        _cleanup_(freep) uint8_t *data = NULL;
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size > KEEPER_FILTER_MAX)
                return -E2BIG;
        data = malloc((size_t)st.st_size + 1);
        if (!data)
                return -ENOMEM;
        n = pread(fd, data, (size_t)st.st_size, 0);
        if (n != st.st_size)
                return n < 0 ? -errno : -EIO;
        *ret = TAKE(data);
        *ret_size = (size_t)n;
        return 0;
}

int filter_keep(struct filter *filter, struct filters *filters, uint32_t what, struct error *error) {
        _cleanup_(closep) int fd = memfd_create("filter", MFD_CLOEXEC);
        uint8_t *program = NULL;
        size_t size = 0;
        int r = fd < 0 ? -errno : filter->error;

        assert(filters->n < FILTERS_MAX);
        if (r == 0)
                r = seccomp_export_bpf(filter->context, fd);
        if (r == 0)
                r = read_program(fd, &program, &size);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        filters->v[filters->n].what = what;
        filters->v[filters->n].program = program;
        filters->v[filters->n++].size = size;
        return 0;
}
