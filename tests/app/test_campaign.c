/* test_campaign.c - which runs a campaign holds, and how many at once, before any of them starts. */
#include <stdio.h>
#include <string.h>

#include "app/campaign.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define SMALL                                                                                      \
    "mailboxes: {box: {count: 2, home: s1}, joe: {home: s2}}\n"                                    \
    "load: {x: {via: s2, from: joe, to: box, rate: 5/s, duration: 2s}}\n"                          \
    "variants: {slow: {load.x.rate: 1/s}, quick: {load.x.rate: 9/s}}\n"

/* Adds a profile with this lab; the campaign's `parallel` afterwards, 0 if it was refused. */
static uint32_t parallel_of(struct campaign *c, const char *lab)
{
    struct err e = {0};
    char text[1000], path[500];

    (void)snprintf(text, sizeof text,
                   "schema: 1\nrun: {name: small, parallel: 5}\nlab: {servers: [s1, s2]%s}\n%s",
                   lab, SMALL);
    (void)snprintf(path, sizeof path, "%s", scratch_file(scratch_dir("campaign"), "p.yaml", text));
    c->arena = arena_create(64u << 20);
    bool ok = campaign_add(c, path, NULL, &e);

    CHECK_STR(e.text, "");
    CHECK_U64(c->count, 3); /* the plain one and two variants */
    campaign_fini(c);
    arena_destroy(c->arena);
    return ok ? c->parallel : 0;
}

static void parallel_on_the_command_line_wins_over_the_profile(void)
{
    CHECK_U64(parallel_of(&(struct campaign){.parallel = 1}, ""), 5);
    CHECK_U64(parallel_of(&(struct campaign){.parallel = 2, .parallel_given = true}, ""), 2);
}

static void a_lab_on_fixed_ports_runs_alone(void)
{
    CHECK_U64(parallel_of(&(struct campaign){.parallel = 1}, ", base_port: 21000"), 1);
    CHECK_U64(parallel_of(&(struct campaign){.parallel = 4, .parallel_given = true},
                          ", base_port: 21000"),
              1);
}

static const struct test tests[] = {
    TEST(parallel_on_the_command_line_wins_over_the_profile),
    TEST(a_lab_on_fixed_ports_runs_alone),
    TEST_END,
};

const struct suite campaign_suite = {"campaign", tests};
