/* test_guards.c - a flood goes nowhere but where it may: each refused target through the program itself, with the exit code 77 and
 * the name of the rule; and nothing is left on the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/app/guard_cases.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct verb {
    const char *name, *dir;
    unsigned asked;
};

static void is_refused(const struct guard_case *c, void *owner)
{
    struct verb *v = owner;
    struct program p;
    char path[400], folder[400], text[3000], label[400], rule[64];
    bool runs = strcmp(v->name, "run") == 0;
    const char *const argv[] = {v->name, path, runs ? "--dir" : NULL, folder, NULL};

    if (c->addresses[0] != '-' && (!getenv("PM_GUARD_NAMES") || !runs))
        return; /* only where these names have these addresses: tests/guards/capture.sh */
    guard_case_profile(c, text, sizeof text);
    (void)snprintf(path, sizeof path, "%s", scratch_file(v->dir, "refused.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", v->dir);
    (void)snprintf(label, sizeof label, "%s %s %s: exit code 77", v->name, c->where, c->what);
    int code = program_run(&p, &(struct program_way){.dir = v->dir}, argv);
    char *said = program_said(&p, true);

    (void)check_true(code == EX_GUARD, label, __FILE__, __LINE__);
    (void)snprintf(rule, sizeof rule, "refused by rule %s: ", c->rule);
    (void)snprintf(label, sizeof label, "%s %s: %.100s", c->where, c->what, said);
    (void)check_true(strstr(said, rule) != NULL, label, __FILE__, __LINE__);
    if (c->addresses[0] == '-') /* a name is looked up later, when there is a folder */
        (void)CHECK(access(folder, F_OK) != 0);
    free(said);
    v->asked++;
}

static void refused_with_77_and_the_rules_name(const char *verb)
{
    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("guards"));
    struct verb v = {verb, dir, 0};

    (void)CHECK(guard_cases(is_refused, &v) >= v.asked);
    (void)CHECK(v.asked >= 60);
}

static void more_than_sixty_targets_are_refused_by_run(void)
{
    refused_with_77_and_the_rules_name("run");
}

static void the_same_targets_are_refused_by_check(void)
{
    refused_with_77_and_the_rules_name("check");
}

static const struct test tests[] = {
    TEST(more_than_sixty_targets_are_refused_by_run),
    TEST(the_same_targets_are_refused_by_check),
    TEST_END,
};
const struct suite guards_suite = {"guards", tests};
