/* test_ours.c - copies at our own MTA, counted per message and mailbox. */
#include "probes/ours.h"
#include "tests/probes/p1_rig.h"
#include "tests/support/check.h"

static void copies_are_counted_apart_while_the_table_grows(void)
{
    struct p1_rig r;
    struct event ev = {0};
    bool ok = true;

    p1_rig_open(&r);
    struct ours *o = correlate_ours(r.g->c.correlate);

    for (uint64_t round = 1; ok && round <= 2; round++)
        for (uint64_t i = 0; ok && i < 3000; i++) {
            ok = ours_reserve(o, 2);
            ours_see(o, i, FRED_1, false, 0);
            ours_see(o, i, FRED_2, round == 2, 0);
            ok = ok && p1_rig_news(&r, EV_SEEN, &ev) == 2 && ev.slot == i * 4 &&
                 ev.code == (round == 1 ? 1u : 2u | SEEN_CORRUPT) && ev.a == FRED_2 && ev.b == 1;
            r.g->r->event_count = 0;
        }
    CHECK(ok);
    CHECK_U64(ours_epoch(o, FRED_1), 1); /* for the whole run */
    CHECK_U64(ours_epoch(o, FRED_1), 1);
    p1_rig_close(&r);
}

/* Numbers beyond the plan, three mailboxes where two recipients can be, and a third and fourth copy: none is taken for another. */
static void copies_that_no_plan_has_are_counted_as_well(void)
{
    struct p1_rig r;
    struct event ev = {0};

    p1_rig_open(&r);
    const uint64_t numbers[] = {0, 7, r.g->c.work->planned + r.g->c.work->canaries, 1ull << 39};
    struct ours *o = correlate_ours(r.g->c.correlate);

    for (uint32_t round = 1; round <= 4; round++)
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            for (uint32_t mailbox = 0; mailbox < 4; mailbox++) {
                CHECK(ours_reserve(o, 1));
                ours_see(o, numbers[i], mailbox, false, 0);
                CHECK_U64(p1_rig_news(&r, EV_SEEN, &ev), 1);
                CHECK_U64(ev.code, round);
                CHECK_U64(ev.a, mailbox);
                r.g->r->event_count = 0;
            }
    p1_rig_close(&r);
}

static void a_site_without_mailboxes_of_ours_has_none_of_it(void)
{
    struct rig *g = rig_create("ours");

    CHECK(correlate_ours(g->c.correlate) == NULL);
    rig_destroy(g);
}

static const struct test tests[] = {
    TEST(copies_are_counted_apart_while_the_table_grows),
    TEST(copies_that_no_plan_has_are_counted_as_well),
    TEST(a_site_without_mailboxes_of_ours_has_none_of_it),
    TEST_END,
};

const struct suite ours_suite = {"ours", tests};
