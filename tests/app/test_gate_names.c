/* test_gate_names.c - profiles/ may not see results/, so the names of gates stand in both: they are the same ones. */
#include <string.h>

#include "profiles/profile.h"
#include "results/classify.h"
#include "results/gates.h"
#include "tests/support/check.h"

static const struct gate_name *named(const char *name)
{
    const struct gate_name *g = profile_gates;

    while (g->name && strcmp(g->name, name) != 0)
        g++;
    return g->name ? g : NULL;
}

static void every_gate_of_a_profile_is_known_to_the_judge(void)
{
    enum outcome o;

    for (const struct gate_name *g = profile_gates; g->name; g++) {
        check_true(gate_is_known(g->name), g->name, __FILE__, __LINE__);
        check_true(class_named(g->name, &o) == g->is_class, g->name, __FILE__, __LINE__);
    }
}

static void every_class_and_flag_can_be_a_gate(void)
{
    for (int i = 0; i < CLASS_COUNT; i++)
        check_true(named(class_name((enum outcome)i)) != NULL, class_name((enum outcome)i),
                   __FILE__, __LINE__);
    for (int i = 0; i < FLAG_COUNT; i++)
        check_true(named(flag_name((enum flag)i)) != NULL, flag_name((enum flag)i), __FILE__,
                   __LINE__);
}

static void a_profile_without_gates_has_the_judge_s_own(void)
{
    struct arena *a = arena_create(16u << 20);
    struct err e = {0};
    const struct profile *p = profile_load(a, &(struct profile_request){.path = "control"}, &e);

    if (CHECK_STR(e.text, "") && CHECK_U64(p->gate_count, gates_default_count))
        for (uint32_t i = 0; i < gates_default_count; i++)
            CHECK_STR(p->gates[i].name, gates_default[i].name);
    arena_destroy(a);
}

static const struct test tests[] = {
    TEST(every_gate_of_a_profile_is_known_to_the_judge),
    TEST(every_class_and_flag_can_be_a_gate),
    TEST(a_profile_without_gates_has_the_judge_s_own),
    TEST_END,
};

const struct suite gate_names_suite = {"gate_names", tests};
