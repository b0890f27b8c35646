/* test_imap_gaps.c - what comes, goes or is asked for in the moments in which a session is busy with something else. */
#include "tests/probes/rig.h"
#include "tests/support/check.h"

static uint64_t first_ns(struct rig *g, enum event_kind kind)
{
    (void)fake_run_count(g->r, kind); /* flushes */
    for (uint32_t i = 0; i < g->r->event_count; i++)
        if (g->r->events[i].kind == kind)
            return g->r->events[i].t_ns;
    return UINT64_MAX;
}

static void a_scan_is_dated_by_its_beginning(void)
{
    struct rig *g = rig_create_far("imap_gaps", 5 * NS_PER_MS);
    struct probe *p;

    for (uint64_t n = 0; n < 300; n++)
        rig_put(g, 0, n);
    p = rig_open_imap(g);
    rig_wait(g, 1000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 300);
    CHECK(first_ns(g, EV_SCAN) < first_ns(g, EV_SEEN));
    rig_close_imap(g, p);
}

static void a_scan_asked_for_while_another_reads_is_one_of_its_own(void)
{
    struct rig *g = rig_create_far("imap_gaps", 5 * NS_PER_MS);
    struct probe *p;
    uint64_t asked_ns;

    for (uint64_t n = 0; n < 300; n++)
        rig_put(g, 0, n);
    p = rig_open_imap(g);
    for (unsigned i = 0; i < 1000 && g->imap[0].examines == 0; i++)
        fake_run_until(g->r, loop_now(g->r->loop) + NS_PER_MS / 10);
    CHECK_U64(p->scans, 0);
    asked_ns = loop_now(g->r->loop);
    probe_imap.scan(p);
    rig_wait(g, 1000);
    CHECK(p->complete_ns >= asked_ns);
    CHECK_U64(g->imap[0].examines, 2);
    rig_close_imap(g, p);
}

static void what_goes_while_something_comes_is_noticed_within_a_session(void)
{
    struct rig *g = rig_create_far("imap_gaps", 5 * NS_PER_MS);
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    p = rig_open_imap(g);
    rig_wait(g, 300);
    fake_imap_remove(&g->imap[0], 1); /* one EXPUNGE and an EXISTS: the number is what it was */
    rig_put(g, 0, 9);
    rig_wait(g, 500);
    CHECK_U64(fake_run_count(g->r, EV_GONE), 1);
    CHECK_HAS(fake_run_events(g->r, EV_GONE), " slot=10\n");
    CHECK_HAS(fake_run_events(g->r, EV_SEEN), " slot=18\n");
    CHECK_U64(g->imap[0].log_ons, 1);
    rig_close_imap(g, p);
}

static void news_before_the_plus_of_idle_are_not_slept_over(void)
{
    struct rig *g = rig_create_far("imap_gaps", 5 * NS_PER_MS);
    struct probe *p;

    g->how.idle = true;
    g->imap[0].idle = g->imap[0].idle_late = true;
    p = rig_open_imap(g);
    for (unsigned i = 0; i < 10000 && g->imap[0].examines == 0; i++)
        fake_run_until(g->r, loop_now(g->r->loop) + NS_PER_MS / 10);
    rig_put(g, 0, 5); /* after EXAMINE, before IDLE */
    rig_wait(g, 2000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 1);
    rig_close_imap(g, p);
}

static const struct test tests[] = {
    TEST(a_scan_is_dated_by_its_beginning),
    TEST(a_scan_asked_for_while_another_reads_is_one_of_its_own),
    TEST(what_goes_while_something_comes_is_noticed_within_a_session),
    TEST(news_before_the_plus_of_idle_are_not_slept_over),
    TEST_END,
};

const struct suite imap_gaps_suite = {"imap_gaps", tests};
