/* test_lab_p1_out.c - the site's X.400 connectors: what goes out, on whose association, and when again. */
#include <string.h>

#include "tests/lab/p1_rig.h"
#include "tests/support/check.h"
#include "wire/x400/content.h"
#include "wire/x400/p1_bind.h"

/* --- out ----------------------------------------------------------------------------------------------------------- */

static void relayed_mail_is_the_message_that_came(void)
{
    struct rig r;
    struct p1_apdu m;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe", "flora"}});
    rig_run(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE)) {
        const struct p1_message *p = &m.message;

        CHECK_STR(rig_slice(&r, p->id.local), "pm.abc");
        if (CHECK_U64(p->recipient_count, 2)) {
            CHECK(!(p->recipients[0].indicators.bits & P1_RESPONSIBLE));
            CHECK(p->recipients[1].indicators.bits & P1_RESPONSIBLE);
        }
        if (CHECK_U64(p->trace.count, 2))
            CHECK_STR(rig_slice(&r, p->trace.at[1].domain.prmd.text), "LAB");
        const struct p1_extension *x = p1_extension_find(&p->extensions, P1_EXT_INTERNAL_TRACE);

        if (CHECK(x))
            CHECK_STR(rig_slice(&r, x->hops.at[0].mta), "S1");
    }
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "transferred", "pm.abc"), 1);
    rig_close(&r);
}

static void a_redirection_out_has_its_history(void)
{
    struct rig r;
    struct p1_apdu m;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"dora"}});
    rig_run(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE)) {
        const struct p1_recipient *p = &m.message.recipients[0];
        const struct p1_extension *x = p1_extension_find(&p->extensions, P1_EXT_REDIRECTIONS);

        CHECK_STR(rig_name(&r, &p->name), "c=US;a= ;p=PEER;o=FLOOD;s=flora");
        if (CHECK(x) && CHECK_U64(x->count, 1)) {
            CHECK_STR(rig_name(&r, &x->changes[0].name), "c=US;a= ;p=LAB;o=SITE;s=dora");
            CHECK_I64(x->changes[0].reason, 0);
        }
        CHECK_U64(m.message.trace.at[1].other.bits, P1_OTHER_REDIRECTED);
    }
    rig_close(&r);
}

static void mail_by_smtp_goes_out_as_an_ipm(void)
{
    struct rig r;
    struct p1_apdu m;
    struct content c;
    struct err e;

    if (!rig_open(&r))
        return;
    CHECK(fronts_mail(&r.f, "flora@lab.test",
                      "Message-ID: <pm.xyz@bench>\r\nSubject: some\r\n words\r\n\r\nbody\r\n"));
    rig_run(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE) && CHECK(content_read(m.message.content, r.arena, &c, &e))) {
        CHECK_STR(rig_name(&r, &m.message.originator), "c=US;a= ;p=LAB;o=SITE;s=bob");
        CHECK_STR(rig_name(&r, &m.message.recipients[0].name), "c=US;a= ;p=PEER;o=FLOOD;s=flora");
        CHECK_I64(m.message.content_type.number, CONTENT_P22);
        CHECK_STR(rig_slice(&r, c.ipm.id.local), "pm.xyz");
        CHECK_STR(rig_slice(&r, c.ipm.subject), "some words");
        CHECK_STR(rig_slice(&r, c.ipm.parts[0].text), "body\r\n");
        CHECK_HAS(rig_slice(&r, m.message.id.local), "s1");
    }
    rig_close(&r);
}

static void be_1984(struct lab_p1_config *p1)
{
    p1->mode = STACK_1984;
    p1->modes = 1u << STACK_1984;
}

static void in_1984_reports_have_no_extensions(void)
{
    struct rig r;

    if (!rig_open_with(&r, be_1984, NULL))
        return;
    r.out.config.mode = STACK_1984;
    if (!peer_listen(&r.in) || !peer_call(&r.out, 0))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe", "nobody"}, .in_1984 = true});
    rig_run(&r, 5000);
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    CHECK_U64(association_mode(r.in.links[0].a), STACK_1984);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = rig_report(&r, 0);

        CHECK(!n->content_extensions.set && !n->extensions.set);
        CHECK_STR(rig_slice(&r, n->subject.local), "pm.abc");
        CHECK_I64(n->recipients[0].number, 2);
        CHECK_I64(n->recipients[0].diagnostic, 0);
    }
    rig_close(&r);
}

static void take_turns(struct lab_p1_config *p1)
{
    p1->two_way = true;
}

static void take_turns_only(struct lab_p1_config *p1)
{
    p1->two_way = true;
    p1->peer = (struct net_addr){0};
}

static void reports_go_out_on_the_callers_turn(void)
{
    struct rig r;

    if (!rig_open_with(&r, take_turns_only, NULL))
        return;
    r.out.config.two_way = true;
    if (!peer_call(&r.out, 0))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    rig_send(&r, &(struct peer_message){.id = "def", .to = {"flora"}});
    rig_run(&r, 5000);
    CHECK_U64(r.out.taken, 2);
    CHECK_U64(r.out.apdus, 2);
    CHECK(association_has_turn(r.out.links[0].a));
    rig_send(&r, &(struct peer_message){.id = "ghi", .to = {"joe"}});
    rig_run(&r, 5000);
    CHECK_U64(r.out.taken, 3);
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    peer_release(&r.out);
    rig_run(&r, 5000);
    CHECK(r.out.released);
    rig_close(&r);
}

static void a_caller_who_keeps_the_turn_is_called_instead(void)
{
    struct rig r;

    if (!rig_open_with(&r, take_turns, NULL))
        return;
    r.out.config.two_way = true;
    r.out.keep_turn = true;
    if (!peer_listen(&r.in) || !peer_call(&r.out, 0))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    rig_run(&r, 5000);
    CHECK_U64(r.out.turns, 1);
    CHECK_U64(r.in.apdus, 0);
    rig_run(&r, 60000);
    CHECK_U64(r.in.apdus, 0);
    rig_run(&r, 10000);
    CHECK_U64(r.out.apdus, 0);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void a_caller_who_leaves_is_called_at_once(void)
{
    struct rig r;

    if (!rig_open_with(&r, take_turns, NULL))
        return;
    r.out.config.two_way = true;
    r.out.keep_turn = true;
    if (!peer_listen(&r.in) || !peer_call(&r.out, 0))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    rig_run(&r, 5000);
    peer_release(&r.out);
    rig_run(&r, 5000);
    CHECK(r.out.released);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void a_batch_costs_one_call_when_nobody_answers(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    r.in.refuse = true;
    for (unsigned i = 0; i < 5; i++)
        CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 590000);
    CHECK_U64(r.in.calls, 1);
    CHECK_U64(r.in.apdus, 0);
    r.in.refuse = false;
    rig_run(&r, 60000);
    CHECK_U64(r.in.calls, 2);
    CHECK_U64(r.in.apdus, 5);
    rig_run(&r, 240000);
    CHECK(!r.in.released);
    rig_run(&r, 20000);
    CHECK(r.in.released); /* idle for 300 s */
    rig_close(&r);
}

static void what_is_not_taken_is_sent_again(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    r.in.except = 1;
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 100000);
    CHECK_U64(r.in.apdus, 1);
    r.in.except = 0;
    r.in.hang_up = true;
    rig_run(&r, 600000);
    CHECK_U64(r.in.apdus, 2);
    r.in.hang_up = false;
    rig_run(&r, 600000);
    CHECK_U64(r.in.apdus, 3);
    rig_run(&r, 1200000);
    CHECK_U64(r.in.apdus, 3);
    rig_close(&r);
}

static void a_peer_that_never_answers_is_given_up(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    r.in.silent = true;
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 115000);
    CHECK(!r.in.aborted);
    rig_run(&r, 10000);
    CHECK(r.in.aborted);
    rig_close(&r);
}

static void a_long_queue_opens_another_association(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    for (unsigned i = 0; i < 60; i++)
        CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 20000);
    CHECK_U64(r.in.apdus, 60);
    CHECK_U64(r.in.calls, 2);
    rig_close(&r);
}

/* --- cuts ---------------------------------------------------------------------------------------------------------- */

struct knife {
    struct sim_meddler m;
    uint64_t after, most; /* octets of the first connection's caller that pass; seen */
};

static size_t cut(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    struct knife *k = m->owner;

    if (flow->connection != 1 || !flow->from_client)
        return bytes.n;
    if (flow->passed + bytes.n > k->most)
        k->most = flow->passed + bytes.n;
    return flow->passed + bytes.n <= k->after ? bytes.n : (size_t)(k->after - flow->passed);
}

static uint64_t arrives_though_cut(uint64_t after)
{
    struct knife knife = {.m = {.pass = cut, .owner = &knife}, .after = after};
    struct rig r;

    if (!rig_open_with(&r, NULL, &knife.m) || !peer_listen(&r.in))
        return 0;
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <pm.a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 5000);
    uint64_t all = knife.most;

    rig_run(&r, 700000);
    CHECK_BETWEEN(r.in.apdus, 1, 2);
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "transferred", "pm.a"), 1);
    CHECK_U64(rig_truths(&r, "returned", "pm.a") + 1, r.in.calls);
    rig_close(&r);
    return all;
}

static void mail_goes_out_wherever_the_connection_is_cut(void)
{
    uint64_t all = arrives_though_cut(UINT64_MAX);

    if (CHECK(all > 300))
        for (uint64_t after = 0; after < all; after += 13)
            (void)arrives_though_cut(after);
}

static const struct test tests[] = {
    TEST(relayed_mail_is_the_message_that_came),
    TEST(a_redirection_out_has_its_history),
    TEST(mail_by_smtp_goes_out_as_an_ipm),
    TEST(in_1984_reports_have_no_extensions),
    TEST(reports_go_out_on_the_callers_turn),
    TEST(a_caller_who_keeps_the_turn_is_called_instead),
    TEST(a_caller_who_leaves_is_called_at_once),
    TEST(a_batch_costs_one_call_when_nobody_answers),
    TEST(what_is_not_taken_is_sent_again),
    TEST(a_peer_that_never_answers_is_given_up),
    TEST(a_long_queue_opens_another_association),
    TEST(mail_goes_out_wherever_the_connection_is_cut),
    TEST_END,
};

const struct suite lab_p1_out_suite = {"lab_p1_out", tests};
