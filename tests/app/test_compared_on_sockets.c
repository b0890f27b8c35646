/* test_compared_on_sockets.c - four builds, twenty moves each, over real sockets side by side, then compared as their user would:
 * what the articles say is shown, and what nobody claims is not.
 */
#include <stdio.h>
#include <string.h>

#include "results/compare.h"
#include "tests/app/live.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MOVES  20
#define BUILDS 4

static const char profile[] =
    "schema: 1\n"
    "run: {name: builds, seed: 248839}\n"
    "lab: {version: 5.5-sp3, servers: [s1, s2, s3], time_scale: 120}\n"
    "mailboxes:\n"
    "  joanne: {count: 20, home: s1, stock: 20s, alternate: joanne-alt, deliver: both}\n"
    "  joanne-alt: {count: 20, home: s3}\n"
    "  joe: {count: 5, home: s3}\n"
    "load:\n"
    "  steady: {via: s3, from: joe, to: joanne, arrivals: poisson, rate: 4/s, size: 2KB, "
    "duration: 15m}\n"
    "moves:\n"
    "  users: {mailboxes: joanne, from: s1, to: s2, start: 40s, every: 40s, count: 20}\n"
    "settle: {silence: double-collect, retry: 600s, deadline: 60m}\n"
    "gates: {silent-loss: 0, stranded: 0, ndr: 0, unknown: 0, identities: 0}\n"
    "variants:\n"
    "  sp1: {lab.version: 5.5-sp1}\n"
    "  sp2: {lab.version: 5.5-sp2}\n"
    "  sp3: {lab.version: 5.5-sp3}\n"
    "  sp4: {lab.version: 5.5-sp4}\n";

static const char *const builds[BUILDS] = {"sp1", "sp2", "sp3", "sp4"};

static struct arena *arena;
static struct compared runs[BUILDS];
static bool there[BUILDS];

/* A run is read while its folder is there. */
static bool takes_it(const struct job *j, char *why, size_t room)
{
    struct err e = {0};

    for (unsigned i = 0; i < BUILDS; i++) {
        if (strcmp(j->variant, builds[i]) != 0)
            continue;
        there[i] = compared_read(&runs[i], arena, j->result.dir, &e) &&
                   compared_find_window(&runs[i], arena, j->result.dir, &e) &&
                   runs[i].move_count == MOVES;
        (void)snprintf(why, room, "%u moves were done; %s", runs[i].move_count, e.text);
        return there[i];
    }
    return false;
}

static const struct comparison *compared(unsigned a, unsigned b, struct buf *out)
{
    const struct compared two[2] = {runs[a], runs[b]};
    struct err e = {0};
    struct comparison *c = comparison_make(arena, two, 2, false, &e);

    buf_clear(out);
    CHECK_STR(e.text, "");
    CHECK(c && compare_text(c, true, out, false));
    return c;
}

static void what_sp4_mended_is_shown_and_what_nobody_claims_is_not(void)
{
    char path[400];
    struct buf out;

    (void)snprintf(path, sizeof path, "%s",
                   scratch_file(scratch_dir("compared"), "builds.yaml", profile));
    arena = arena_create(256u << 20);
    buf_init(&out, 1u << 20);
    live_walk(&(struct live_job){
        .path = path, .variant = "sp1,sp2,sp3,sp4", .parallel = BUILDS, .shows = takes_it});
    if (CHECK(there[0] && there[1] && there[2] && there[3])) {
        const struct comparison *c = compared(2, 3, &out);

        CHECK_HAS(buf_text(&out), "\nsp4 is better in silence");
        CHECK_HAS(buf_text(&out), "delivery: a difference was not shown");
        CHECK_U64(c->pairs[0].answers[0].b.copies.k, 0);
        CHECK(c->pairs[0].answers[0].a.units.k >= MOVES / 2);
        CHECK(c->runs[0].window.known);
        (void)compared(0, 1, &out);
        CHECK_HAS(buf_text(&out), "\na difference was not shown in silence, delivery, "
                                  "responsibility and transparency\n");
        CHECK_HAS(buf_text(&out), " each would be needed ");
    }
    buf_fini(&out);
    arena_destroy(arena);
}

static const struct test tests[] = {
    TEST(what_sp4_mended_is_shown_and_what_nobody_claims_is_not),
    TEST_END,
};

const struct suite compared_on_sockets_suite = {"compared_on_sockets", tests};
