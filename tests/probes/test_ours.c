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

static void a_site_without_mailboxes_of_ours_has_none_of_it(void)
{
    struct rig *g = rig_create("ours");

    CHECK(correlate_ours(g->c.correlate) == NULL);
    rig_destroy(g);
}

static const struct test tests[] = {
    TEST(copies_are_counted_apart_while_the_table_grows),
    TEST(a_site_without_mailboxes_of_ours_has_none_of_it),
    TEST_END,
};

const struct suite ours_suite = {"ours", tests};
