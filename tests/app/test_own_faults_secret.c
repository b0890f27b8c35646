/* test_own_faults_secret.c - whichever allocation fails, a secret that was read is not said: it would be, were it not noted.
 *
 * A library that is preloaded makes it fail (tests/faults/shim.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define SECRET "Tr0ub4dor"

/* The complaint repeats the secret, and its three shapes in base64. */
static const char profile[] =
    "schema: 1\n"
    "servers:\n"
    "  s1: {smtp: '127.0.0.1:2525', tls: none}\n"
    "mailboxes:\n"
    "  box: {home: s1, address: 'box@lab.test', password: env:PM_TEST_SECRET}\n"
    "load:\n"
    "  steady: {via: s1, from: box, to: Tr0ub4dor.VHIwdWI0ZG9y.MHViNGRv.cjB1YjRk, rate: 1/s,\n"
    "    duration: 1s}\n";

/* Without memory for the n-th allocation (0: with all of it): the exit code; what it said is kept. */
static int check_profile(const char *path, const char *dir, unsigned n, unsigned long *allocations)
{
#ifdef PM_FAULT_SHIM
    static const char *const shapes[] = {SECRET, "VHIwdWI0ZG9y", "MHViNGRv", "cjB1YjRk"};
    char fail[60], count[400], file[360];
    const char *const env[] = {"LD_PRELOAD=" PM_FAULT_SHIM, "PM_TEST_SECRET=" SECRET, fail, count,
                               NULL};
    const char *const argv[] = {"check", path, NULL};
    struct program p;

    (void)snprintf(file, sizeof file, "%s/count", dir);
    (void)snprintf(fail, sizeof fail, "PM_FAULT_MALLOC=%u", n);
    (void)snprintf(count, sizeof count, "PM_FAULT_COUNT=%s", file);
    int code = program_run(&p, &(struct program_way){.dir = dir, .env = env}, argv);
    char *said = program_said(&p, true), *counted = n == 0 ? scratch_read(file, NULL) : NULL;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (strstr(said, shapes[i]))
            (void)check_true(false, said, __FILE__, __LINE__);
    if (n == 0)
        (void)CHECK_HAS(said, "\"*********.************.********.********\"");
    *allocations = counted ? strtoul(counted, NULL, 10) : 0;
    free(counted);
    free(said);
    return code;
#else
    (void)path, (void)dir, (void)n, (void)allocations;
    check_skip("a sanitizer does not go with a preloaded allocator");
    return -1;
#endif
}

static void a_secret_for_which_there_is_no_memory_is_not_said(void)
{
    char dir[300], path[400];
    unsigned long most, unused;
    unsigned ended = 0;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("no-memory-for-a-secret"));
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "p.yaml", profile));
    (void)CHECK_I64(check_profile(path, dir, 0, &most), EX_BAD_PROFILE);
    (void)CHECK_BETWEEN((double)most, 20, 20000);
    for (unsigned n = 1; n <= most; n++) {
        int code = check_profile(path, dir, n, &unused);

        (void)CHECK(code == EX_BAD_PROFILE || code == EX_IO);
        ended += code == EX_IO;
    }
    (void)CHECK(ended > 5);
}

static const struct test tests[] = {
    TEST(a_secret_for_which_there_is_no_memory_is_not_said),
    TEST_END,
};

const struct suite own_faults_secret_suite = {"own_faults_secret", tests};
