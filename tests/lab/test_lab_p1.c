/* test_lab_p1.c - the site's X.400 front against a scripted MTA: what comes in, what goes out, and who is sent away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/lab/p1_peer.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "wire/x400/content.h"
#include "wire/x400/p1_bind.h"

struct rig {
    struct fronts f;
    struct peer out, in; /* calls the lab; is called by it */
    struct arena *arena;
    char truth[300];
    struct buf apdu[8];
    unsigned apdus;
};

static bool rig_open_with(struct rig *r, void (*change)(struct lab_p1_config *p1),
                          struct sim_meddler *meddler)
{
    *r = (struct rig){.arena = arena_create(64u << 20)};
    (void)snprintf(r->truth, sizeof r->truth, "%s/truth.tsv", scratch_dir("lab_p1"));
    if (!fronts_simulate_p1(&r->f, 7, r->truth, change, meddler))
        return false;
    peer_init(&r->out, &r->f);
    peer_init(&r->in, &r->f);
    return true;
}

static bool rig_open(struct rig *r)
{
    return rig_open_with(r, NULL, NULL) && peer_listen(&r->in) && peer_call(&r->out, 0);
}

static void rig_close(struct rig *r)
{
    peer_fini(&r->out);
    peer_fini(&r->in);
    fronts_fini(&r->f);
    for (unsigned i = 0; i < r->apdus; i++)
        buf_fini(&r->apdu[i]);
    arena_destroy(r->arena);
}

static void send_message(struct rig *r, const struct peer_message *m)
{
    peer_send(&r->out, peer_make(m, &r->apdu[r->apdus++]));
}

static void run_ms(struct rig *r, uint64_t ms)
{
    fronts_run(&r->f, ms * NS_PER_MS);
}

/* How often a line of the truth has this word and this text. */
static unsigned truths(struct rig *r, const char *word, const char *part)
{
    char *text = scratch_read(r->truth, NULL), key[64];
    unsigned n = 0;

    (void)snprintf(key, sizeof key, "\t%s\t", word);
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n"))
        n += strstr(line, key) && strstr(line, part);
    free(text);
    return n;
}

/* The site ends, which writes its truth out; the rest of the rig stays. */
static void end_site(struct rig *r)
{
    lab_site_destroy(r->f.site);
    r->f.site = NULL;
}

static uint32_t items(struct rig *r, int server, uint32_t mailbox)
{
    return lab_item_count(lab_site_core(r->f.site), server, mailbox);
}

enum { JOE, ANN, BOB, CARL, DORA };

static const char *item_text(struct rig *r, int server, uint32_t mailbox)
{
    struct lab_item it;

    if (!CHECK(lab_item_at(lab_site_core(r->f.site), server, mailbox, 0, &it)))
        return "";
    return arena_text(r->arena, (const char *)it.content.p, it.content.n);
}

static const struct p1_report *report(struct rig *r, unsigned n)
{
    static const struct p1_report nothing;
    struct p1_apdu *apdu = arena_bytes(r->arena, sizeof *apdu);

    if (!peer_read(&r->in, n, r->arena, apdu) || !CHECK_U64(apdu->kind, P1_REPORT))
        return &nothing;
    return &apdu->report;
}

static const char *text_of(struct rig *r, struct slice s)
{
    return arena_text(r->arena, (const char *)s.p, s.n);
}

static const char *name_text(struct rig *r, const struct oraddr *o)
{
    struct buf b;

    buf_init(&b, 4096);
    (void)oraddr_print(o, &b);
    const char *text = text_of(r, buf_slice(&b));

    buf_fini(&b);
    return text;
}

static void set_component(struct rig *r, const char *server, const char *name, bool up)
{
    int status = 0;
    json_t *body = json_pack("{s:s, s:s, s:b}", "server", server, "component", name, "up", (int)up);
    json_t *said = lab_site_control(r->f.site, "POST", "/v1/component", body, &status);

    if (status != 200) {
        char *text = said ? json_dumps(said, 0) : NULL;

        check_true(false, text ? text : "no answer", __FILE__, __LINE__);
        free(text);
    }
    json_decref(said);
    json_decref(body);
}

/* --- in ------------------------------------------------------------------------------------------------------------ */

static void a_message_becomes_an_item(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .body = "one\r\n.two\r\n"});
    run_ms(&r, 2000);
    CHECK_STR(r.out.bound_as, "S1");
    CHECK_STR(r.out.bound_with, "site");
    CHECK_U64(r.out.taken, 1);
    if (CHECK_U64(items(&r, 0, JOE), 1)) {
        const char *text = item_text(&r, 0, JOE);

        CHECK_HAS(text, "\r\nFrom: flood@lab.test\r\nTo: joe@lab.test\r\nSubject: a test\r\n");
        CHECK_HAS(text, "\r\nMessage-ID: <pm.abc@lab.test>\r\n");
        CHECK_HAS(text, "\r\nX-X400-MTS-Identifier: [c=US;a= ;p=PEER;l=pm.abc]\r\n");
        CHECK_HAS(text, "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\none\r\n.two\r\n");
        CHECK_HAS(text, "Return-Path: <flood@lab.test>\r\nReceived: from PEER ([127.");
    }
    CHECK_U64(r.in.apdus, 0); /* nobody asked for a report */
    end_site(&r);
    CHECK_U64(truths(&r, "accepted", "<pm.abc@lab.test>\tjoe@lab.test\t"), 1);
    CHECK_U64(truths(&r, "delivered", "\tjoe\ts1\t"), 1);
    rig_close(&r);
}

static void an_unknown_recipient_is_reported_to_the_peer(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe", "nobody"}});
    run_ms(&r, 5000);
    CHECK_U64(items(&r, 0, JOE), 1);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = report(&r, 0);

        CHECK_STR(r.in.bound_as, "S1");
        CHECK_STR(r.in.bound_with, "site");
        CHECK_STR(text_of(&r, n->subject.local), "pm.abc");
        CHECK_STR(text_of(&r, n->content_id), "cid-abc");
        CHECK_STR(name_text(&r, &n->destination), "c=US;a= ;p=PEER;o=FLOOD;s=flood");
        const struct p1_extension *x = p1_extension_find(&n->content_extensions, P1_EXT_CORRELATOR);

        if (CHECK(x))
            CHECK_STR(text_of(&r, x->value), "pm.abc");
        if (CHECK_U64(n->recipient_count, 1)) {
            CHECK_I64(n->recipients[0].number, 2);
            CHECK(!n->recipients[0].delivered);
            CHECK_I64(n->recipients[0].reason, 1);
            CHECK_I64(n->recipients[0].diagnostic, 0);
            CHECK(!n->recipients[0].redirected);
            CHECK_STR(name_text(&r, &n->recipients[0].actual), "c=US;a= ;p=LAB;o=SITE;s=nobody");
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
    send_message(&r,
                 &(struct peer_message){.id = "abc",
                                        .to = {"c=DE;a=X;s=joe", "c=US;a= ;p=PEER;o=FLOOD;s=joe",
                                               "c=US;a= ;p=LAB;o=SITE;s=a(010)b"},
                                        .indicators = P1_RETURN_CONTENT});
    run_ms(&r, 5000);
    CHECK_U64(items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 3))
        for (unsigned i = 0; i < 3; i++) {
            const struct p1_report *n = report(&r, i);

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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .ask = P1_ASK_BOTH});
    run_ms(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = report(&r, 0);

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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}, .ask = P1_ASK_NOTHING});
    run_ms(&r, 5000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(r.in.apdus, 0);
    end_site(&r);
    CHECK_U64(truths(&r, "suppressed", "pm.abc"), 1);
    rig_close(&r);
}

static void only_our_recipients_are_served(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(
        &r, &(struct peer_message){.id = "abc", .to = {"nobody", "joe"}, .second_not_ours = true});
    run_ms(&r, 5000);
    CHECK_U64(items(&r, 0, JOE), 0);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void an_alternate_that_fails_stands_in_the_report(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    set_component(&r, "s2", "store", false);
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"ann"}, .latest_s = 60});
    run_ms(&r, 200000);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_reported *p = report(&r, 0)->recipients;

        CHECK_STR(r.in.bound_as, "S2");
        CHECK_I64(p->number, 1);
        CHECK_I64(p->reason, 1);
        CHECK_I64(p->diagnostic, 5);
        CHECK(p->redirected);
        CHECK_STR(name_text(&r, &p->actual), "c=US;a= ;p=LAB;o=SITE;s=bob");
        CHECK_STR(name_text(&r, &p->intended), "c=US;a= ;p=LAB;o=SITE;s=ann");
        CHECK(p1_extension_find(&p->extensions, P1_EXT_REDIRECTIONS));
    }
    rig_close(&r);
}

static void both_are_served_and_no_alternate_where_it_may_not_be(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"carl"}, .ask = P1_ASK_BOTH});
    run_ms(&r, 9000);
    CHECK_U64(items(&r, 0, CARL), 1);
    CHECK_U64(items(&r, 1, BOB), 1);
    send_message(&r, &(struct peer_message){.id = "def", .to = {"ann"}, .no_reassignment = true});
    run_ms(&r, 9000);
    CHECK_U64(items(&r, 1, BOB), 1);
    if (CHECK_U64(r.in.apdus, 2)) {
        CHECK(report(&r, 0)->recipients[0].delivered);
        CHECK_I64(report(&r, 1)->recipients[0].reason, 1);
        CHECK_I64(report(&r, 1)->recipients[0].diagnostic, 26);
    }
    rig_close(&r);
}

static void deferred_mail_waits_by_the_senders_clock(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .deferred_s = 100});
    run_ms(&r, 95000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(items(&r, 0, JOE), 0);
    run_ms(&r, 10000);
    CHECK_U64(items(&r, 0, JOE), 1);
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
    send_message(&r, &(struct peer_message){
                         .id = "abc", .to = {"joe"}, .content = slice_from(trash, sizeof trash)});
    send_message(&r, &(struct peer_message){
                         .id = "def", .to = {"joe"}, .content = slice_from(notice, sizeof notice)});
    run_ms(&r, 5000);
    CHECK_U64(r.out.taken, 2);
    CHECK_U64(items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 2)) {
        CHECK_I64(report(&r, 0)->recipients[0].reason, 1);
        CHECK_I64(report(&r, 0)->recipients[0].diagnostic, 12);
        CHECK_I64(report(&r, 1)->recipients[0].diagnostic, 15);
        CHECK(!slice_is(report(&r, 0)->id.local, text_of(&r, report(&r, 1)->id.local)));
    }
    rig_close(&r);
}

static void a_probe_is_answered_for_each_recipient(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){
                         .id = "abc", .to = {"joe", "nobody"}, .ask = P1_ASK_BOTH, .probe = true});
    run_ms(&r, 5000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(items(&r, 0, JOE), 0);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = report(&r, 0);

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
    struct rig r, other;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    run_ms(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1)) {
        peer_send(&r.out, buf_slice(&r.in.apdu[0]));
        run_ms(&r, 5000);
        CHECK_U64(r.out.taken, 2);
        CHECK_U64(r.in.apdus, 1);
    }
    end_site(&r);
    CHECK_U64(truths(&r, "p1-report", "about pm.abc"), 1);
    rig_close(&r);
    (void)other;
}

static void trash_is_refused_for_good(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    peer_send(&r.out, slice_of("\xa0\x03"
                               "abc"));
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    run_ms(&r, 5000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 5);
    CHECK_U64(r.out.taken, 1); /* the association goes on */
    CHECK_U64(items(&r, 0, JOE), 1);
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
        run_ms(&r, 20000);
        CHECK(c.ended || c.broken);
        caller_fini(&c);
    }
    if (caller_connect(&c, &r.f, &at)) { /* never says a word */
        run_ms(&r, 59000);
        CHECK(!c.ended);
        run_ms(&r, 10000);
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
    send_message(&r,
                 &(struct peer_message){.id = "abc", .to = {"joe", "flora"}, .body_bytes = 200000});
    run_ms(&r, 10000);
    CHECK_U64(association_checkpoint_kb(r.out.links[0].a), 16);
    CHECK_U64(association_checkpoint_kb(r.in.links[0].a), 8);
    CHECK_U64(r.out.taken, 1);
    if (CHECK_U64(items(&r, 0, JOE), 1)) {
        const char *text = item_text(&r, 0, JOE), *body = strstr(text, "\r\n\r\n");

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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}, .body_bytes = 34u << 20});
    run_ms(&r, 60000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 5);
    CHECK_U64(items(&r, 0, JOE), 0);
    rig_close(&r);
}

/* --- out ----------------------------------------------------------------------------------------------------------- */

static void relayed_mail_is_the_message_that_came(void)
{
    struct rig r;
    struct p1_apdu m;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe", "flora"}});
    run_ms(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE)) {
        const struct p1_message *p = &m.message;

        CHECK_STR(text_of(&r, p->id.local), "pm.abc");
        if (CHECK_U64(p->recipient_count, 2)) {
            CHECK(!(p->recipients[0].indicators.bits & P1_RESPONSIBLE));
            CHECK(p->recipients[1].indicators.bits & P1_RESPONSIBLE);
        }
        if (CHECK_U64(p->trace.count, 2))
            CHECK_STR(text_of(&r, p->trace.at[1].domain.prmd.text), "LAB");
        const struct p1_extension *x = p1_extension_find(&p->extensions, P1_EXT_INTERNAL_TRACE);

        if (CHECK(x))
            CHECK_STR(text_of(&r, x->hops.at[0].mta), "S1");
    }
    end_site(&r);
    CHECK_U64(truths(&r, "transferred", "pm.abc"), 1);
    rig_close(&r);
}

static void a_redirection_out_has_its_history(void)
{
    struct rig r;
    struct p1_apdu m;

    if (!rig_open(&r))
        return;
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"dora"}});
    run_ms(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE)) {
        const struct p1_recipient *p = &m.message.recipients[0];
        const struct p1_extension *x = p1_extension_find(&p->extensions, P1_EXT_REDIRECTIONS);

        CHECK_STR(name_text(&r, &p->name), "c=US;a= ;p=PEER;o=FLOOD;s=flora");
        if (CHECK(x) && CHECK_U64(x->count, 1)) {
            CHECK_STR(name_text(&r, &x->changes[0].name), "c=US;a= ;p=LAB;o=SITE;s=dora");
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
    run_ms(&r, 5000);
    if (CHECK_U64(r.in.apdus, 1) && peer_read(&r.in, 0, r.arena, &m) &&
        CHECK_U64(m.kind, P1_MESSAGE) && CHECK(content_read(m.message.content, r.arena, &c, &e))) {
        CHECK_STR(name_text(&r, &m.message.originator), "c=US;a= ;p=LAB;o=SITE;s=bob");
        CHECK_STR(name_text(&r, &m.message.recipients[0].name), "c=US;a= ;p=PEER;o=FLOOD;s=flora");
        CHECK_I64(m.message.content_type.number, CONTENT_P22);
        CHECK_STR(text_of(&r, c.ipm.id.local), "pm.xyz");
        CHECK_STR(text_of(&r, c.ipm.subject), "some words");
        CHECK_STR(text_of(&r, c.ipm.parts[0].text), "body\r\n");
        CHECK_HAS(text_of(&r, m.message.id.local), "s1");
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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe", "nobody"}, .in_1984 = true});
    run_ms(&r, 5000);
    CHECK_U64(items(&r, 0, JOE), 1);
    CHECK_U64(association_mode(r.in.links[0].a), STACK_1984);
    if (CHECK_U64(r.in.apdus, 1)) {
        const struct p1_report *n = report(&r, 0);

        CHECK(!n->content_extensions.set && !n->extensions.set);
        CHECK_STR(text_of(&r, n->subject.local), "pm.abc");
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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    send_message(&r, &(struct peer_message){.id = "def", .to = {"flora"}});
    run_ms(&r, 5000);
    CHECK_U64(r.out.taken, 2);
    CHECK_U64(r.out.apdus, 2);
    CHECK(association_has_turn(r.out.links[0].a));
    send_message(&r, &(struct peer_message){.id = "ghi", .to = {"joe"}});
    run_ms(&r, 5000);
    CHECK_U64(r.out.taken, 3);
    CHECK_U64(items(&r, 0, JOE), 1);
    peer_release(&r.out);
    run_ms(&r, 5000);
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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    run_ms(&r, 5000);
    CHECK_U64(r.out.turns, 1);
    CHECK_U64(r.in.apdus, 0);
    run_ms(&r, 700000); /* the open interval is 600 s */
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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"nobody"}});
    run_ms(&r, 5000);
    peer_release(&r.out);
    run_ms(&r, 5000);
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
    run_ms(&r, 590000);
    CHECK_U64(r.in.calls, 1);
    CHECK_U64(r.in.apdus, 0);
    r.in.refuse = false;
    run_ms(&r, 60000);
    CHECK_U64(r.in.calls, 2);
    CHECK_U64(r.in.apdus, 5);
    run_ms(&r, 240000);
    CHECK(!r.in.released);
    run_ms(&r, 20000);
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
    run_ms(&r, 100000);
    CHECK_U64(r.in.apdus, 1);
    r.in.except = 0;
    r.in.hang_up = true;
    run_ms(&r, 600000);
    CHECK_U64(r.in.apdus, 2);
    r.in.hang_up = false;
    run_ms(&r, 600000);
    CHECK_U64(r.in.apdus, 3);
    run_ms(&r, 1200000);
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
    run_ms(&r, 115000);
    CHECK(!r.in.aborted);
    run_ms(&r, 10000);
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
    run_ms(&r, 20000);
    CHECK_U64(r.in.apdus, 60);
    CHECK_U64(r.in.calls, 2);
    rig_close(&r);
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
        run_ms(&r, 2000);
        CHECK(r.out.refused);
        CHECK_U64(r.out.binds, 0);
        CHECK_U64(r.out.last.layer, mode == STACK_NORMAL ? STACK_USER : STACK_RTSE);
        CHECK_I64(mode == STACK_NORMAL ? r.out.bind_error : r.out.last.code, 2);
        CHECK(!r.out.links[0].s);
        end_site(&r);
        CHECK_U64(truths(&r, "p1-refused", mta), 1);
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
        run_ms(&r, 2000);
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
    run_ms(&r, 100000);
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
    run_ms(&r, 2000);
    CHECK_U64(r.out.binds, 1);
    set_component(&r, "s1", "p1", false);
    run_ms(&r, 2000);
    CHECK(r.out.aborted);
    CHECK(fronts_mail(&r.f, "flora@lab.test", "Message-ID: <a@b>\r\n\r\nx\r\n"));
    if (peer_call(&r.out, 0)) {
        run_ms(&r, 2000);
        CHECK(r.out.refused);
        CHECK_I64(r.out.bind_error, P1_BIND_BUSY);
        CHECK_U64(r.out.binds, 1);
    }
    CHECK_U64(r.in.calls, 0);
    set_component(&r, "s1", "p1", true);
    run_ms(&r, 2000);
    CHECK_U64(r.in.apdus, 1);
    rig_close(&r);
}

static void while_the_mta_is_down_nothing_is_taken(void)
{
    struct rig r;

    if (!rig_open(&r))
        return;
    run_ms(&r, 2000);
    set_component(&r, "s1", "mta", false);
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    run_ms(&r, 2000);
    CHECK_U64(r.out.not_taken, 1);
    CHECK_I64(r.out.last.code, 1);
    set_component(&r, "s1", "mta", true);
    send_message(&r, &(struct peer_message){.id = "def", .to = {"joe"}});
    run_ms(&r, 2000);
    CHECK_U64(r.out.taken, 1);
    CHECK_U64(items(&r, 0, JOE), 1);
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
    send_message(&r, &(struct peer_message){.id = "abc", .to = {"joe"}});
    run_ms(&r, 10000);
    *all = knife.most;
    *in_doubt = r.out.doubt > 0;
    CHECK(r.out.taken + r.out.doubt + r.out.cut <= 1);
    uint32_t n = items(&r, 0, JOE);

    CHECK(n <= 1);
    CHECK(r.out.taken <= n);
    end_site(&r);
    CHECK_U64(truths(&r, "accepted", "pm.abc"), n);
    rig_close(&r);
    return n == 1;
}

static void a_cut_transfer_is_accepted_exactly_when_its_end_came(void)
{
    uint64_t all = 0, ignored, first = 0;
    bool doubt;

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
    TEST(a_wrong_name_or_password_is_refused_in_every_mode),
    TEST(a_mode_that_is_not_configured_is_refused),
    TEST(an_answerer_by_another_name_gets_no_mail),
    TEST(a_component_that_is_down_aborts_and_refuses),
    TEST(while_the_mta_is_down_nothing_is_taken),
    TEST(a_cut_transfer_is_accepted_exactly_when_its_end_came),
    TEST_END,
};

const struct suite lab_p1_suite = {"lab_p1", tests};
