/* test_packs_on_sockets.c - the columns of the service-packs matrix where something changes, over real sockets, several
 * cells side by side in one process: allowed classes only, the one that must show does, and verdict and truth agree.
 */
#include <stdio.h>
#include <string.h>

#include "app/matrix.h"
#include "tests/app/live.h"
#include "tests/support/check.h"

#define PARALLEL 6

static bool is_as_expected(const struct job *j, char *why, size_t room)
{
    static const char *const said[] = {"as expected", "not reproduced", "an unexpected class",
                                       "no verdict"};
    enum cell_verdict v = matrix_cell(j);

    (void)snprintf(why, room, "%s", said[v]);
    return v == CELL_AS_EXPECTED;
}

static void walk_version(const char *version, const char *protocol)
{
    char set[40];
    const char *const sets[] = {set, NULL};
    struct arena *a = arena_create(64u << 20);
    struct err e = {0};
    struct profile_request rq = {.path = "service-packs"};
    const struct profile *p = profile_load(a, &rq, &e);
    char cells[600] = "";
    size_t n = 0;

    if (!p) {
        (void)check_true(false, e.text, __FILE__, __LINE__);
        arena_destroy(a);
        return;
    }
    for (uint32_t i = 0; i < p->variant_count; i++) {
        const char *of = strchr(p->variants[i], '/');

        if (of && strcmp(of + 1, version) == 0)
            n +=
                (size_t)snprintf(cells + n, sizeof cells - n, "%s%s", n ? "," : "", p->variants[i]);
    }
    (void)snprintf(set, sizeof set, "run.protocol=%s", protocol);
    if (CHECK(n > 0))
        live_walk(&(struct live_job){.path = "service-packs",
                                     .variant = cells,
                                     .sets = sets,
                                     .parallel = PARALLEL,
                                     .shows = is_as_expected});
    arena_destroy(a);
}

static void exchange_4_0_sp5(void)
{
    walk_version("4.0-sp5", "smtp");
}

static void exchange_5_5_sp3(void)
{
    walk_version("5.5-sp3", "smtp");
}

static void exchange_5_5_sp3_with_the_hotfix(void)
{
    walk_version("5.5-sp3+2651.71", "smtp");
}

static void exchange_5_5_sp4(void)
{
    walk_version("5.5-sp4", "smtp");
}

static void a_modern_one(void)
{
    walk_version("modern", "smtp");
}

static void exchange_5_5_sp3_over_x400(void)
{
    walk_version("5.5-sp3", "p1");
}

static void exchange_5_5_sp4_over_x400(void)
{
    walk_version("5.5-sp4", "p1");
}

static const struct test tests[] = {
    TEST(exchange_4_0_sp5),
    TEST(exchange_5_5_sp3),
    TEST(exchange_5_5_sp3_with_the_hotfix),
    TEST(exchange_5_5_sp4),
    TEST(a_modern_one),
    TEST(exchange_5_5_sp3_over_x400),
    TEST(exchange_5_5_sp4_over_x400),
    TEST_END,
};

const struct suite packs_on_sockets_suite = {"packs_on_sockets", tests};
