/* test_home_imap.c - the home is the server whose IMAP has the mailbox: two fake servers, every answer they may give. */
#include <stdio.h>
#include <string.h>

#include "probes/home_lookup.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

static struct home_lookup *lookup;
static struct home_answer last;
static char why[300];
static unsigned answers;

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    (void)owner;
    (void)mailbox;
    last = *a;
    answers++;
    (void)snprintf(why, sizeof why, "%s", a->why);
}

/* Mailbox 0 lives on s1 by the profile; s3 has no IMAP. */
static struct rig *begin(const struct lookup_profile *how)
{
    struct rig *g = rig_create("home_imap");
    struct err e = {0};

    g->r->profile.home_lookup = *how;
    g->r->profile.home_lookup.on = true;
    g->r->profile.home_lookup.type = LOOKUP_IMAP;
    g->r->profile.home_lookup.period_real_ns = 100 * NS_PER_MS;
    g->imap[0].listed = "user/joanne-1";
    answers = 0;
    last = (struct home_answer){0};
    lookup = home_lookup_create(&g->c, on_answered, NULL, &e);
    CHECK_STR(e.text, "");
    return g;
}

static void end(struct rig *g)
{
    home_lookup_destroy(lookup);
    rig_destroy(g);
}

static void ask(struct rig *g)
{
    home_lookup_ask(lookup, 0);
    rig_wait(g, 50);
}

static const struct lookup_profile own = {0};
static const struct lookup_profile admin = {
    .user = "cyrus", .password = "secret", .list = "user/{local}"};

static void the_home_is_where_inbox_opens(void)
{
    struct rig *g = begin(&own);

    g->imap[0].refusal = "NO no such user";
    ask(g);
    CHECK(last.ok && !last.differ);
    CHECK_U64(last.home, 1);
    CHECK_U64(g->imap[0].examines, 0);
    CHECK_U64(g->imap[1].examines, 1);
    CHECK_HAS(g->imap[1].last_log_on, "joanne-1");
    CHECK(!g->imap[1].sessions); /* nobody stays */
    g->imap[0].refusal = NULL;
    g->imap[1].no_mailbox = "NO Mailbox does not exist";
    ask(g);
    CHECK_U64(last.home, 0);
    CHECK_U64(last.was, 1);
    CHECK_U64(fake_run_count(g->r, EV_HOME), 2);
    end(g);
}

static void an_administrator_asks_who_lists_it(void)
{
    struct rig *g = begin(&admin);

    ask(g);
    CHECK(last.ok);
    CHECK_U64(last.home, 0);
    CHECK_STR(g->imap[1].last_log_on, "\"cyrus\" \"secret\"");
    CHECK_U64(g->imap[0].lists, 1);
    CHECK_U64(g->imap[1].lists, 1);
    CHECK_U64(g->imap[0].examines, 0);
    g->imap[0].listed = NULL;
    g->imap[1].listed = "user/joanne-1";
    ask(g);
    CHECK_U64(last.home, 1);
    g->imap[1].list_words = "\\HasNoChildren \\Remote";
    ask(g);
    CHECK(!last.ok);
    CHECK_STR(why, "no server has it");
    CHECK_U64(home_lookup_home(lookup, 0), 1);
    end(g);
}

static void where_both_have_it_the_known_home_stays_and_the_difference_is_told(void)
{
    struct rig *g = begin(&admin);

    g->imap[0].listed = NULL;
    g->imap[1].listed = "user/joanne-1";
    ask(g);
    g->imap[0].listed = "user/joanne-1"; /* copied back, not let go yet */
    ask(g);
    CHECK(last.ok && last.differ);
    CHECK_U64(last.home, 1);
    g->imap[1].listed = NULL;
    ask(g);
    CHECK(last.ok && !last.differ);
    CHECK_U64(last.home, 0);
    end(g);
}

static void a_referral_names_the_home_of_another(void)
{
    struct rig *g = begin(&own);

    g->imap[0].refusal = "NO [REFERRAL imap://joanne-1;AUTH=*@s2/] look there";
    g->imap[1].refusal = "NO [UNAVAILABLE] in a minute";
    ask(g);
    CHECK(last.ok && !last.differ);
    CHECK_U64(last.home, 1);
    g->imap[0].refusal = NULL;
    g->imap[0].no_mailbox = "NO [REFERRAL imap://elsewhere.example/INBOX] not here";
    ask(g);
    CHECK(!last.ok);
    CHECK_HAS(why, "s2: ");
    CHECK_HAS(why, "[UNAVAILABLE]");
    end(g);
}

static void refused_for_a_while_nothing_is_known_and_the_home_stays(void)
{
    struct rig *g = begin(&own);

    g->imap[1].refusal = "NO no such user";
    ask(g);
    CHECK_U64(last.home, 0);
    g->imap[0].refusal = "NO [INUSE] being moved";
    home_lookup_watch(lookup, 0, true);
    rig_wait(g, 60000);
    CHECK(!last.ok);
    CHECK(last.failures >= 5 && last.failures <= 40); /* ever more seldom */
    CHECK_HAS(why, "s1: ");
    CHECK_U64(home_lookup_home(lookup, 0), 0);
    CHECK_U64(fake_run_count(g->r, EV_HOME), 1);
    g->imap[0].refusal = "NO no such user";
    g->imap[1].refusal = NULL;
    rig_wait(g, 5000);
    CHECK_U64(home_lookup_home(lookup, 0), 1);
    CHECK_U64(last.failures, 0);
    end(g);
}

static void one_yes_is_enough_when_the_other_is_down_silent_or_mad(void)
{
    struct rig *g = begin(&own);

    g->imap[1].mute = true;
    home_lookup_ask(lookup, 0);
    rig_wait(g, 9000);
    CHECK_U64(answers, 0);
    rig_wait(g, 2000);
    CHECK(last.ok);
    CHECK_U64(last.home, 0);
    g->imap[1].mute = false;
    g->imap[1].no_mailbox = "BAD what";
    ask(g);
    CHECK(last.ok);
    g->imap[1].greeting = "* BYE go away\r\n";
    ask(g);
    CHECK(last.ok);
    CHECK_U64(last.home, 0);
    g->imap[0].no_mailbox = "NO disk error";
    ask(g);
    CHECK(!last.ok);
    end(g);
}

static void an_administrator_who_is_refused_proves_nothing(void)
{
    struct rig *g = begin(&admin);

    g->imap[0].refusal = g->imap[1].refusal = "NO wrong password";
    ask(g);
    CHECK(!last.ok);
    CHECK_HAS(why, "wrong password");
    end(g);
}

static void four_mailboxes_are_asked_for_at_a_time(void)
{
    struct rig *g = begin(&own);

    g->imap[1].refusal = "NO no such user";
    for (uint32_t i = 0; i < 6; i++)
        home_lookup_ask(lookup, i);
    rig_wait(g, 200);
    CHECK_U64(answers, 6);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_U64(home_lookup_home(lookup, i), 0);
    CHECK_U64(g->imap[0].log_ons, 6);
    g->imap[0].mute = true;
    for (uint32_t i = 0; i < 6; i++)
        home_lookup_ask(lookup, i);
    rig_wait(g, 200);
    CHECK_U64(g->imap[0].examines, 10);
    end(g); /* in the middle of it */
}

static void a_master_acts_as_the_user(void)
{
    struct rig *g = rig_create("home_imap");
    struct err e = {0};

    g->r->servers[0].imap_master = "master";
    g->r->servers[0].imap_master_password = "key";
    g->r->profile.home_lookup =
        (struct lookup_profile){.on = true, .type = LOOKUP_IMAP, .period_real_ns = NS_PER_S};
    lookup = home_lookup_create(&g->c, on_answered, NULL, &e);
    g->imap[1].refusal = "NO no such user";
    ask(g);
    CHECK(last.ok);
    CHECK_STR(g->imap[0].last_log_on, "PLAIN am9hbm5lLTEAbWFzdGVyAGtleQ==");
    end(g);
}

static void check_refused(const struct lookup_profile *how, const char *because)
{
    struct rig *g = rig_create("home_imap");
    struct err e = {0};

    g->r->profile.home_lookup = *how;
    g->r->profile.home_lookup.type = LOOKUP_IMAP;
    CHECK(!home_lookup_create(&g->c, on_answered, NULL, &e));
    CHECK_HAS(e.text, because);
    rig_destroy(g);
}

static void what_cannot_be_asked_is_refused(void)
{
    check_refused(&(struct lookup_profile){.list = "user/{who}"}, "unknown word {who}");
    check_refused(&(struct lookup_profile){.list = "user/*"}, "no wildcards");
    check_refused(&(struct lookup_profile){.user = "{server}"}, "unknown word {server}");
}

static const struct test tests[] = {
    TEST(the_home_is_where_inbox_opens),
    TEST(an_administrator_asks_who_lists_it),
    TEST(where_both_have_it_the_known_home_stays_and_the_difference_is_told),
    TEST(a_referral_names_the_home_of_another),
    TEST(refused_for_a_while_nothing_is_known_and_the_home_stays),
    TEST(one_yes_is_enough_when_the_other_is_down_silent_or_mad),
    TEST(an_administrator_who_is_refused_proves_nothing),
    TEST(four_mailboxes_are_asked_for_at_a_time),
    TEST(a_master_acts_as_the_user),
    TEST(what_cannot_be_asked_is_refused),
    TEST_END,
};
const struct suite home_imap_suite = {"home_imap", tests};
