/* test_muster_ours.c - mailboxes that live at our own MTA: watched there and only there, never looked up, never in the way. */
#include <stdio.h>
#include <string.h>

#include "probes/p1_listener.h"
#include "tests/probes/muster_rig.h"
#include "tests/support/check.h"

enum { OURS = 3, FRED = 6 };

static struct ours { /* muster_rig's site with one server and one mailbox more */
    struct server servers[4];
    struct mailbox mailboxes[7];
    struct group groups[4];
    uint32_t from[2];
    struct p1_listener *l;
} ours;

/* Fred writes too. */
static void begin(struct muster_rig *r)
{
    struct err e = {0};

    roll_begin(r);
    struct profile *p = &r->run->profile;

    memcpy(ours.servers, r->run->servers, sizeof r->run->servers);
    memcpy(ours.mailboxes, r->run->mailboxes, sizeof r->run->mailboxes);
    memcpy(ours.groups, r->run->groups, sizeof r->run->groups);
    ours.servers[OURS] = (struct server){.name = SITE_OURS, .ours = true};
    ours.mailboxes[FRED] = (struct mailbox){
        .name = "6", .address = "fred@ours.test", .group = 3, .home = OURS, .alternate = SITE_NONE};
    ours.groups[3] = (struct group){"fred", FRED, 1};
    ours.from[0] = 2;
    ours.from[1] = 3;
    r->run->load.from = ours.from;
    r->run->load.from_count = 2;
    p->site.servers = ours.servers;
    p->site.mailboxes = ours.mailboxes;
    p->site.groups = ours.groups;
    p->site.server_count = p->site.group_count = 4;
    p->site.mailbox_count = 7;
    p->x400 = (struct x400_profile){.on = true,
                                    .mta = "POSTMUSTER",
                                    .password = "",
                                    .our_address = "c=US;a= ;p=POSTMUSTER;s={local}"};
    ours.l = p1_listener_create(r->run->loop, &r->run->clock, p, &e);
    CHECK(ours.l);
    r->context.probe.listener = ours.l;
}

static void end(struct muster_rig *r)
{
    muster_destroy(r->m);
    r->m = NULL;
    p1_listener_destroy(ours.l);
    roll_end(r);
}

static unsigned scans_of_fred(struct muster_rig *r)
{
    unsigned n = 0;

    (void)fake_run_count(r->run, EV_SCAN); /* flushes */
    for (uint32_t i = 0; i < r->run->event_count; i++) {
        const struct event *ev = &r->run->events[i];

        n += ev->kind == EV_SCAN && ev->a == FRED && ev->place == OURS &&
             ev->code == SCAN_COMPLETE && ev->b == 1;
    }
    return n;
}

static void it_arms_without_asking_where_they_live(void)
{
    char waiting[100];
    struct muster_rig r;

    begin(&r);
    CHECK(roll_create(&r));
    muster_arm(r.m, roll_armed);
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "6 homes, 1 places, 3 queues");
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "60 armed 0 0\n");
    CHECK_U64(fake_run_count(r.run, EV_HOME), 6);
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 0);
    CHECK_U64(scans_of_fred(&r), 1);
    for (unsigned i = 0; i < 6; i++)
        CHECK_U64(world.opened[i][i < 2 ? 0 : 2], 1);
    end(&r);
}

static void they_matter_only_if_somebody_writes_to_them_or_as_them(void)
{
    struct muster_rig r;

    begin(&r);
    r.run->probes[0].places = PLACE_HOME;
    roll_arm(&r);
    CHECK_U64(scans_of_fred(&r), 0);
    end(&r);
}

static void silence_becomes_final_with_them(void)
{
    struct muster_rig r;

    begin(&r);
    roll_arm(&r);
    CHECK_U64(scans_of_fred(&r), 0); /* forgotten by the rig */
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 60000);
    CHECK_HAS(buf_text(&r.log), "settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    CHECK_U64(scans_of_fred(&r), 1);
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 0);
    end(&r);
}

static void they_are_watched_where_no_store_is(void)
{
    struct muster_rig r;

    begin(&r);
    r.run->probes[0] = r.run->probes[1]; /* only queues */
    r.run->profile.probe_count = 1;
    r.run->work.move_count = 0;
    r.run->profile.home_lookup.on = false;
    roll_arm(&r);
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 60000);
    CHECK_HAS(buf_text(&r.log), "settled 1 0\n");
    CHECK_U64(scans_of_fred(&r), 1);
    end(&r);
}

static void without_a_listener_it_is_not_made(void)
{
    struct muster_rig r;

    begin(&r);
    r.context.probe.listener = NULL;
    CHECK(!roll_create(&r));
    CHECK_U64(r.e.code, EX_BAD_PROFILE);
    CHECK_STR(r.e.text, "mailboxes live at ours, and nobody listens there");
    end(&r);
}

static void tell(void *owner, uint32_t mailbox, uint32_t server, uint64_t failures, const char *why)
{
    struct muster_rig *r = owner;

    roll_note(r, why, mailbox == SITE_NONE, server * 100 + (unsigned)failures);
}

static void the_listener_hears_from_its_creation_to_its_end(void)
{
    struct muster_rig r;

    begin(&r);
    p1_listener_take(ours.l, slice_of("trash"));
    CHECK_U64(p1_listener_counts(ours.l)->trouble, 0); /* not even looked at */
    CHECK(roll_create(&r));
    p1_listener_take(ours.l, slice_of("trash"));
    CHECK_U64(p1_listener_counts(ours.l)->trouble, 1);
    muster_failures(r.m, tell, &r);
    CHECK_HAS(buf_text(&r.log), "an APDU that cannot be read");
    CHECK_HAS(buf_text(&r.log), " 1 301\n");
    muster_destroy(r.m);
    r.m = NULL;
    p1_listener_take(ours.l, slice_of("trash"));
    CHECK_U64(p1_listener_counts(ours.l)->trouble, 1);
    CHECK_U64(p1_listener_counts(ours.l)->refused, 3);
    end(&r);
}

static const struct test tests[] = {
    TEST(it_arms_without_asking_where_they_live),
    TEST(they_matter_only_if_somebody_writes_to_them_or_as_them),
    TEST(silence_becomes_final_with_them),
    TEST(they_are_watched_where_no_store_is),
    TEST(without_a_listener_it_is_not_made),
    TEST(the_listener_hears_from_its_creation_to_its_end),
    TEST_END,
};

const struct suite muster_ours_suite = {"muster_ours", tests};
