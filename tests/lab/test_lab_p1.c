/* test_lab_p1.c - the site's X.400 door against a scripted MTA: what comes in, and who is sent away. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "lab/lab_p1_in.h"
#include "tests/lab/p1_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "wire/x400/content.h"
#include "wire/x400/p1_bind.h"

/* --- in ------------------------------------------------------------------------------------------------------------ */

static void a_message_becomes_an_item(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .body = "one\r\n.two\r\n"});
    rig_run(&r, 2000);
    CHECK_STR(r.out.bound_as, "S1");
    CHECK_STR(r.out.bound_with, "site");
    CHECK_U64(r.out.taken, 1);
    if (CHECK_U64(rig_items(&r, 0, JOE), 1)) {
        const char *text = rig_text(&r, 0, JOE);

        CHECK_HAS(text, "\r\nFrom: flood@lab.test\r\nTo: joe@lab.test\r\nSubject: a test\r\n");
        CHECK_HAS(text, "\r\nMessage-ID: <pm.abc@lab.test>\r\n");
        CHECK_HAS(text, "\r\nX-X400-MTS-Identifier: [c=US;a= ;p=PEER;l=pm.abc]\r\n");
        CHECK_HAS(text, "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\none\r\n.two\r\n");
        CHECK_HAS(text, "Return-Path: <flood@lab.test>\r\nReceived: from PEER ([127.");
    }
    CHECK_U64(r.in.apdus, 0); /* nobody asked for a report */
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "accepted", "<pm.abc@lab.test>\tjoe@lab.test\t"), 1);
    CHECK_U64(rig_truths(&r, "delivered", "\tjoe\ts1\t"), 1);
    rig_close(&r);
}

static void an_unknown_recipient_is_reported_to_the_peer(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe", "nobody"}});
    rig_run(&r, 5000);
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = rig_report(&r, 0);

        CHECK_STR(r.in.bound_as, "S1");
        CHECK_STR(r.in.bound_with, "site");
        CHECK_STR(rig_slice(&r, n->subject.local), "pm.abc");
        CHECK_STR(rig_slice(&r, n->content_id), "cid-abc");
        CHECK_STR(rig_name(&r, &n->destination), "c=US;a= ;p=PEER;o=FLOOD;s=flood");
        const struct p1_extension *x = p1_extension_find(&n->content_extensions, P1_EXT_CORRELATOR);

        if (CHECK(x))
            CHECK_STR(rig_slice(&r, x->value), "pm.abc");
        if (CHECK_U64(n->recipient_count, 1)) {
            CHECK_I64(n->recipients[0].number, 2);
            CHECK(!n->recipients[0].delivered);
            CHECK_I64(n->recipients[0].reason, 1);
            CHECK_I64(n->recipients[0].diagnostic, 0);
            CHECK(!n->recipients[0].redirected);
            CHECK_STR(rig_name(&r, &n->recipients[0].actual), "c=US;a= ;p=LAB;o=SITE;s=nobody");
        }
        CHECK(!n->returned.p);
    }
    rig_close(&r);
}

static void addresses_that_nobody_has_fail_alike(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc",
                                        .to = {"c=DE;a=X;s=joe", "c=US;a= ;p=PEER;o=FLOOD;s=joe",
                                               "c=US;a= ;p=LAB;o=SITE;s=a(010)b"},
                                        .indicators = P1_RETURN_CONTENT});
    rig_run(&r, 5000);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 3))
        for (unsigned i = 0; i < 3; i++) {
            const struct p1_report *n = rig_report(&r, i);

            CHECK_I64(n->recipients[0].reason, 1);
            CHECK_I64(n->recipients[0].diagnostic, 0);
            CHECK(n->returned.n > 100);
        }
    rig_close(&r);
}

static void delivery_is_reported_when_asked_for(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .ask = P1_ASK_BOTH});
    rig_run(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = rig_report(&r, 0);

        CHECK(n->recipients[0].delivered);
        CHECK_U64(n->recipients[0].delivery.n, P1_TIME_CHARS);
        CHECK_I64(n->recipients[0].number, 1);
    }
    rig_close(&r);
}

static void silence_is_kept_when_asked_for(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}, .ask = P1_ASK_NOTHING});
    rig_run(&r, 5000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(r.in.apdus, 0);
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "suppressed", "pm.abc"), 1);
    rig_close(&r);
}

static void only_our_recipients_are_served(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r,
             &(struct peer_message){.id = "abc", .to = {"nobody", "joe"}, .second_not_ours = true});
    rig_run(&r, 5000);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void an_alternate_that_fails_stands_in_the_report(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_set(&r, "s2", "store", false);
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"ann"}, .latest_s = 60});
    rig_run(&r, 200000);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_reported *p = rig_report(&r, 0)->recipients;

        CHECK_STR(r.in.bound_as, "S2");
        CHECK_I64(p->number, 1);
        CHECK_I64(p->reason, 1);
        CHECK_I64(p->diagnostic, 5);
        CHECK(p->redirected);
        CHECK_STR(rig_name(&r, &p->actual), "c=US;a= ;p=LAB;o=SITE;s=bob");
        CHECK_STR(rig_name(&r, &p->intended), "c=US;a= ;p=LAB;o=SITE;s=ann");
        CHECK(p1_extension_find(&p->extensions, P1_EXT_REDIRECTIONS));
    }
    rig_close(&r);
}

static void both_are_served_and_no_alternate_where_it_may_not_be(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"carl"}, .ask = P1_ASK_BOTH});
    rig_run(&r, 9000);
    CHECK_U64(rig_items(&r, 0, CARL), 1);
    CHECK_U64(rig_items(&r, 1, BOB), 1);
    rig_send(&r, &(struct peer_message){.id = "def", .to = {"ann"}, .no_reassignment = true});
    rig_run(&r, 9000);
    CHECK_U64(rig_items(&r, 1, BOB), 1);
    if (CHECK_U64(r.in.apdus, 2)) {
        CHECK(rig_report(&r, 0)->recipients[0].delivered);
        CHECK_I64(rig_report(&r, 1)->recipients[0].reason, 1);
        CHECK_I64(rig_report(&r, 1)->recipients[0].diagnostic, 26);
    }
    rig_close(&r);
}

static void deferred_mail_waits_by_the_senders_clock(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .deferred_s = 100});
    rig_run(&r, 95000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    rig_run(&r, 10000);
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    rig_close(&r);
}

static void content_that_cannot_be_read_is_reported(void)
{
    static const unsigned char trash[] = {0xa0, 0x05, 0x31, 0x09, 1, 2, 3};
    static const unsigned char notice[] = {0xa1, 0x11, 0x6b, 0x05, 0x13, 0x03, 'a',
                                           'b',  'c',  0xa0, 0x08, 0xa1, 0x06, 0x80,
                                           0x01, 'x',  0x81, 0x01, 0x00};
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){
                     .id = "abc", .to = {"joe"}, .content = slice_from(trash, sizeof trash)});
    rig_send(&r, &(struct peer_message){
                     .id = "def", .to = {"joe"}, .content = slice_from(notice, sizeof notice)});
    rig_run(&r, 5000);
    CHECK_U64(r.out.taken, 2);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 2)) {
        CHECK_I64(rig_report(&r, 0)->recipients[0].reason, 1);
        CHECK_I64(rig_report(&r, 0)->recipients[0].diagnostic, 12);
        CHECK_I64(rig_report(&r, 1)->recipients[0].diagnostic, 15);
        CHECK(!slice_is(rig_report(&r, 0)->id.local, rig_slice(&r, rig_report(&r, 1)->id.local)));
    }
    rig_close(&r);
}

static void a_probe_is_answered_for_each_recipient(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){
                     .id = "abc", .to = {"joe", "nobody"}, .ask = P1_ASK_BOTH, .probe = true});
    rig_run(&r, 5000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = rig_report(&r, 0);

        if (CHECK_U64(n->recipient_count, 2)) {
            CHECK(n->recipients[0].delivered);
            CHECK(!n->recipients[1].delivered);
            CHECK_I64(n->recipients[1].diagnostic, 0);
        }
    }
    rig_close(&r);
}

static void a_report_from_outside_is_taken_and_dropped(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    rig_run(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1)) {
        peer_send(&r.out, buf_slice(&r.in.apdu[0]));
        rig_run(&r, 5000);
        CHECK_U64(r.out.taken, 2);
        CHECK_U64(r.in.apdus, 1);
    }
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "p1-report", "about pm.abc"), 1);
    rig_close(&r);
}

static void trash_is_refused_for_good(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    peer_send(&r.out, slice_of("\xa0\x03"
                               "abc"));
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    rig_run(&r, 5000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 5);
    CHECK_U64(r.out.taken, 1); /* the association goes on */
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    rig_close(&r);
}

static void octets_that_are_no_x400_end_the_connection(void)
{
    struct rig r;
    struct caller c;

    if (!rig_open(&r))
        return;
    struct net_addr at = lab_site_front(r.f.site, 0).p1;

    if (caller_connect(&c, &r.f, &at)) {
        caller_say(&c, "EHLO relay.example\r\n");
        rig_run(&r, 20000);
        CHECK(c.ended || c.broken);
        caller_fini(&c);
    }
    if (caller_connect(&c, &r.f, &at)) { /* never says a word */
        rig_run(&r, 59000);
        CHECK(!c.ended);
        rig_run(&r, 10000);
        CHECK(c.ended || c.broken);
        caller_fini(&c);
    }
    rig_close(&r);
}

static void use_checkpoints(struct lab_p1_config *p1)
{
    p1->checkpoint_kb = 16;
    p1->window = 3;
}

static void two_hundred_kilobytes_pass_in_pieces_both_ways(void)
{
    struct rig r;

    if (!rig_open_with(&r, use_checkpoints, NULL))
        return;
    r.out.config.checkpoint_kb = 16;
    r.in.config.checkpoint_kb = 8;
    r.in.config.window = 2;
    if (!peer_listen(&r.in) || !peer_call(&r.out, 0))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe", "flora"}, .body_bytes = 200000});
    rig_run(&r, 10000);
    CHECK_U64(association_checkpoint_kb(r.out.links[0].a), 16);
    CHECK_U64(association_checkpoint_kb(r.in.links[0].a), 8);
    CHECK_U64(r.out.taken, 1);
    if (CHECK_U64(rig_items(&r, 0, JOE), 1)) {
        const char *text = rig_text(&r, 0, JOE), *body = strstr(text, "\r\n\r\n");

        if (CHECK(body))
            CHECK_U64(strlen(body + 4), 200000);
    }
    if (CHECK_U64(r.in.apdus, 1)) {
        struct p1_apdu m;
        struct content c;
        struct err e;

        if (peer_read(&r.in, 0, r.arena, &m) && CHECK_U64(m.kind, P1_MESSAGE) &&
            CHECK(content_read(m.message.content, r.arena, &c, &e)))
            CHECK_U64(c.ipm.parts[0].text.n, 200000);
    }
    rig_close(&r);
}

static void a_message_longer_than_the_limit_is_refused(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .body_bytes = 34u << 20});
    rig_run(&r, 60000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 5);
    CHECK_U64(rig_items(&r, 0, JOE), 0);
    rig_close(&r);
}

static void be_1984(struct lab_p1_config *p1)
{
    p1->mode = STACK_1984;
    p1->modes = 1u << STACK_1984;
}

/* --- who is sent away ---------------------------------------------------------------------------------------------- */

static void refused_as(const char *mta, const char *password, enum stack_mode mode)
{
    struct rig r;

    if (!rig_open_with(&r, NULL, NULL))
        return;
    r.out.mta = mta;
    r.out.password = password;
    r.out.config.mode = mode;
    if (peer_call(&r.out, 0)) {
        rig_run(&r, 2000);
        CHECK(r.out.refused);
        CHECK_U64(r.out.binds, 0);
        CHECK_U64(r.out.last.layer, mode == STACK_NORMAL ? STACK_USER : STACK_RTSE);
        CHECK_I64(mode == STACK_NORMAL ? r.out.bind_error : r.out.last.code, 2);
        CHECK(!r.out.links[0].s);
        rig_end_site(&r);
        CHECK_U64(rig_truths(&r, "p1-refused", mta), 1);
    }
    rig_close(&r);
}

static void a_wrong_name_or_password_is_refused_in_every_mode(void)
{
    refused_as("OTHER", "secret", STACK_NORMAL);
    refused_as("PEER", "Secret", STACK_NORMAL);
    refused_as("peer", "secret", STACK_X410_1988);
    refused_as("PEER", "", STACK_1984);
}

static void a_mode_that_is_not_configured_is_refused(void)
{
    struct rig r;

    if (!rig_open_with(&r, be_1984, NULL))
        return;
    r.out.config.mode = STACK_NORMAL;
    if (peer_call(&r.out, 0)) {
        rig_run(&r, 2000);
        CHECK(r.out.refused);
        CHECK_U64(r.out.binds, 0);
    }
    rig_close(&r);
}

static void an_answerer_by_another_name_gets_no_mail(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    r.in.mta = "STRANGER";
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    rig_run(&r, 100000);
    CHECK_U64(r.in.calls, 1);
    CHECK(r.in.aborted);
    CHECK_U64(r.in.apdus, 0);
    rig_close(&r);
}

static void a_component_that_is_down_aborts_and_refuses(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_run(&r, 2000);
    CHECK_U64(r.out.binds, 1);
    rig_set(&r, "s1", "p1", false);
    rig_run(&r, 2000);
    CHECK(r.out.aborted);
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    if (peer_call(&r.out, 0)) {
        rig_run(&r, 2000);
        CHECK(r.out.refused);
        CHECK_I64(r.out.bind_error, P1_BIND_BUSY);
        CHECK_U64(r.out.binds, 1);
    }
    CHECK_U64(r.in.calls, 0);
    rig_set(&r, "s1", "p1", true);
    rig_run(&r, 2000);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void while_the_mta_is_down_nothing_is_taken(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    rig_run(&r, 2000);
    rig_set(&r, "s1", "mta", false);
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    rig_run(&r, 2000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 1);
    rig_set(&r, "s1", "mta", true);
    rig_send(&r, &(struct peer_message){.id = "def", .to = {"joe"}});
    rig_run(&r, 2000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(rig_items(&r, 0, JOE), 1);
    rig_close(&r);
}

/* --- cuts ---------------------------------------------------------------------------------------------------------- */

struct knife {
    struct sim_meddler m;
    uint64_t after, most; /* octets of the first connection's caller that pass; seen so far */
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

/* Whether the message was accepted when so many octets of the caller passed; *all: how many there are. */
static bool accepted_after(uint64_t after, uint64_t *all, bool *in_doubt)
{
    struct knife knife = {.m = {.pass = cut, .owner = &knife}, .after = after};
    struct rig r;

    if (!rig_open_with(&r, NULL, &knife.m) || !peer_call(&r.out, 0))
        return false;
    rig_send(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    rig_run(&r, 10000);
    *all = knife.most;
    *in_doubt = r.out.doubt > 0;
    CHECK(r.out.taken + r.out.doubt + r.out.cut <= 1);
    uint32_t n = rig_items(&r, 0, JOE);

    CHECK(n <= 1);
    CHECK(r.out.taken <= n);
    rig_end_site(&r);
    CHECK_U64(rig_truths(&r, "accepted", "pm.abc"), n);
    rig_close(&r);
    return n == 1;
}

static void a_cut_transfer_is_accepted_exactly_when_its_end_came(void)
{
    uint64_t all = 0, ignored, first = 0;
    bool doubt = true;

    if (!CHECK(accepted_after(UINT64_MAX, &all, &doubt)) || !CHECK(!doubt))
        return;
    for (uint64_t after = 0; after < all; after += after + 40 < all ? 17 : 1) {
        if (accepted_after(after, &ignored, &doubt))
            first = first ? first : after;
        CHECK(first == 0 || after >= first);
    }
    CHECK_U64(first, 0); /* the last octet of AE is the last there is */
    CHECK(accepted_after(all, &ignored, &doubt));
}

/* --- whatever comes ------------------------------------------------------------------------------------------------ */

static void check_submission(const struct lab_submission *m)
{
    size_t end;

    CHECK(m->from.n > 0 && !memchr(m->from.p, '\n', m->from.n));
    for (uint32_t i = 0; i < m->count; i++)
        CHECK(m->recipients[i].address.n > 0 &&
              !memchr(m->recipients[i].address.p, '\n', m->recipients[i].address.n));
    if (!CHECK(slice_find(m->content, slice_of("\r\n\r\n"), &end)))
        return;
    for (size_t i = 0, line = 0; i < end; i++) {
        unsigned char c = m->content.p[i];

        line = c == '\n' ? 0 : line + 1;
        CHECK(line < 998 && (c >= ' ' || c == '\r' || c == '\n' || c == '\t') && c < 0x7f);
        CHECK(c != '\r' || m->content.p[i + 1] == '\n');
    }
}

static void changed_octets_never_break_a_header(void)
{
    struct rig r;
    struct p1_terms terms;
    struct p1_in in;
    struct err e = {0};
    struct lab_p1_config c = {.domain = "c=US;a= ;p=LAB",
                              .address = "c=US;a= ;p=LAB;o=SITE;s={local}",
                              .peer_address = "c=US;a= ;p=PEER;o=FLOOD;s={local}"};
    struct rng rng = rng_at(1, 1, 1);
    unsigned mails = 0, bad = 0;

    if (!rig_open(&r))
        return;
    struct peer_message m = {.id = "abc", .to = {"joe", "flora"}, .deferred_s = 5, .latest_s = 9};
    struct slice good = peer_make(&m, &r.apdu[r.apdus++]);
    unsigned char *changed = arena_bytes(r.arena, good.n);

    (void)CHECK(p1_terms_init(&terms, r.f.site, 0, &c, &e));
    p1_in_init(&in);
    for (unsigned i = 0; i < 5000; i++) {
        memcpy(changed, good.p, good.n);
        for (uint64_t k = rng_below(&rng, 4); k > 0; k--)
            changed[rng_below(&rng, good.n)] = (unsigned char)rng_below(&rng, 256);
        enum p1_taken got = p1_in_read(&in, &terms, slice_from(changed, good.n), "test", &e);

        mails += got == P1_IN_MAIL;
        bad += got == P1_IN_BAD;
        if (got == P1_IN_MAIL)
            check_submission(&in.submission);
    }
    CHECK(mails > 1000 && bad > 300);
    p1_in_fini(&in);
    p1_terms_fini(&terms);
    rig_close(&r);
}

static void the_same_seed_gives_the_same_truth(void)
{
    char *text[2];
    size_t n[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        struct rig r;

        if (!rig_open(&r))
            return;
        rig_send(&r, &(struct peer_message){
                         .id = "abc", .to = {"joe", "nobody", "dora", "carl"}, .ask = P1_ASK_BOTH});
        rig_run(&r, 20000);
        rig_end_site(&r);
        text[i] = scratch_read(r.truth, &n[i]);
        rig_close(&r);
    }
    CHECK(n[0] > 500);
    CHECK_MEM(text[0], n[0], text[1], n[1]);
    free(text[0]);
    free(text[1]);
}

static const struct test tests[] = {
    TEST(a_message_becomes_an_item),
    TEST(an_unknown_recipient_is_reported_to_the_peer),
    TEST(addresses_that_nobody_has_fail_alike),
    TEST(delivery_is_reported_when_asked_for),
    TEST(silence_is_kept_when_asked_for),
    TEST(only_our_recipients_are_served),
    TEST(an_alternate_that_fails_stands_in_the_report),
    TEST(both_are_served_and_no_alternate_where_it_may_not_be),
    TEST(deferred_mail_waits_by_the_senders_clock),
    TEST(content_that_cannot_be_read_is_reported),
    TEST(a_probe_is_answered_for_each_recipient),
    TEST(a_report_from_outside_is_taken_and_dropped),
    TEST(trash_is_refused_for_good),
    TEST(octets_that_are_no_x400_end_the_connection),
    TEST(two_hundred_kilobytes_pass_in_pieces_both_ways),
    TEST(a_message_longer_than_the_limit_is_refused),
    TEST(a_wrong_name_or_password_is_refused_in_every_mode),
    TEST(a_mode_that_is_not_configured_is_refused),
    TEST(an_answerer_by_another_name_gets_no_mail),
    TEST(a_component_that_is_down_aborts_and_refuses),
    TEST(while_the_mta_is_down_nothing_is_taken),
    TEST(a_cut_transfer_is_accepted_exactly_when_its_end_came),
    TEST(changed_octets_never_break_a_header),
    TEST(the_same_seed_gives_the_same_truth),
    TEST_END,
};

const struct suite lab_p1_suite = {"lab_p1", tests};
