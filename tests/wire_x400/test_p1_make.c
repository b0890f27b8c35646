/* test_p1_make.c - what an MTA makes of an APDU: the samples' reports are made from the sample message. */
#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/p1_make.h"

#define CEILING (1u << 20)
#define NOW     "261121120000Z"

struct rig {
    struct sample sample;
    struct arena *arena;
    struct p1_apdu apdu;
    struct p1_mta us;
};

static bool set_up(struct rig *r)
{
    *r = (struct rig){.arena = arena_create(CEILING)};
    bool ok =
        CHECK(p1_read(sample_load(&r->sample, "70-apdu-message.hex"), r->arena, &r->apdu, NULL));

    r->us = (struct p1_mta){r->apdu.message.id.domain, slice_of("MTA-B")};
    return ok;
}

static void tear_down(struct rig *r)
{
    arena_destroy(r->arena);
}

/* One report about the message's one recipient. */
static bool make(struct rig *r, struct p1_report *out, const struct p1_fate *f, struct arena *a)
{
    const struct p1_report_order o = {slice_of("RP.261121120000Z.00000001"), slice_of(NOW), f, 1};

    return p1_report_make(out, &r->apdu.message, &r->us, &o, a);
}

static void is_sample(const struct p1_report *report, const char *file)
{
    const struct p1_apdu apdu = {.kind = P1_REPORT, .report = *report};
    unsigned char room[SAMPLE_MAX];
    struct sample want;
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    CHECK(p1_write(&o, &apdu, X400_1988));
    (void)sample_load(&want, file);
    CHECK_MEM(o.p, ber_mark(&o), want.octets, want.n);
}

static void reports_about_the_sample_message_are_the_sample_reports(void)
{
    const struct p1_fate failed = {.reason = 1, .supplementary = slice_of("move in progress")};
    const struct p1_fate delivered = {.delivered = true, .time = slice_of(NOW)};
    struct p1_report report;
    struct rig r;

    if (set_up(&r)) {
        CHECK(make(&r, &report, &failed, r.arena));
        is_sample(&report, "71-apdu-ndr.hex");
        r.us.name = slice_of("");
        r.apdu.message.extensions.count = 0;
        CHECK(make(&r, &report, &delivered, r.arena));
        is_sample(&report, "72-apdu-dr.hex");
    }
    tear_down(&r);
}

static void content_is_returned_where_that_was_asked_for(void)
{
    const struct p1_fate failed = {.reason = 1, .diagnostic = P1_NONE};
    const struct p1_fate delivered = {.delivered = true, .time = slice_of(NOW)};
    struct p1_report report;
    struct rig r;

    if (set_up(&r)) {
        struct p1_message *m = &r.apdu.message;

        m->indicators.bits |= P1_RETURN_CONTENT;
        CHECK(make(&r, &report, &failed, r.arena));
        CHECK_U64(report.returned.n, 199);
        CHECK(make(&r, &report, &delivered, r.arena));
        CHECK(!report.returned.p);
    }
    tear_down(&r);
}

static void what_a_recipient_asked_for_decides_on_reports(void)
{
    struct p1_recipient r = {.indicators = {true, 8, P1_ASK_BOTH}};

    CHECK(p1_report_wanted(&r, true) && p1_report_wanted(&r, false));
    r.indicators.bits = P1_ASK_NON;
    CHECK(!p1_report_wanted(&r, true) && p1_report_wanted(&r, false));
    r.indicators.bits = P1_RESPONSIBLE;
    CHECK(!p1_report_wanted(&r, true) && !p1_report_wanted(&r, false));
}

static void a_message_passed_on_has_one_more_element_of_trace(void)
{
    unsigned char room[SAMPLE_MAX];
    struct p1_apdu again;
    struct ber_out o;
    struct rig r;

    if (set_up(&r)) {
        CHECK(p1_trace_add(&r.apdu.message, &r.us, slice_of("261121120001Z"), P1_OTHER_REDIRECTED,
                           r.arena));
        ber_out_init(&o, room, sizeof room);
        CHECK(p1_write(&o, &r.apdu, X400_1988));
        CHECK(p1_read(ber_out_slice(&o), r.arena, &again, NULL));
        const struct p1_hops *h = &again.message.trace;

        CHECK_U64(h->count, 2);
        CHECK(slice_is(h->at[0].arrival, NOW) && slice_is(h->at[1].arrival, "261121120001Z"));
        CHECK(!h->at[0].other.set && h->at[1].other.bits == P1_OTHER_REDIRECTED);
        h = &p1_extension_find(&again.message.extensions, P1_EXT_INTERNAL_TRACE)->hops;
        CHECK_U64(h->count, 2);
        CHECK(slice_is(h->at[0].mta, "MTA-A") && slice_is(h->at[1].mta, "MTA-B"));
        CHECK_U64(again.message.extensions.count, 2);
    }
    tear_down(&r);
}

static void a_redirected_recipient_keeps_its_history(void)
{
    static const struct oraddr first = {.surname = {(const unsigned char *)"One", 3}};
    static const struct oraddr second = {.surname = {(const unsigned char *)"Two", 3}};
    const struct p1_fate failed = {.reason = 0, .diagnostic = P1_NONE};
    unsigned char room[SAMPLE_MAX];
    struct p1_report report;
    struct p1_apdu again;
    struct ber_out o;
    struct rig r;

    if (set_up(&r)) {
        struct p1_recipient *to = &r.apdu.message.recipients[0];

        CHECK(slice_is(p1_intended(to)->surname, "User0001"));
        CHECK(p1_redirect(to, &first, 0, slice_of(NOW), r.arena));
        CHECK(p1_redirect(to, &second, 2, slice_of(NOW), r.arena));
        ber_out_init(&o, room, sizeof room);
        CHECK(p1_write(&o, &r.apdu, X400_1988));
        CHECK(p1_read(ber_out_slice(&o), r.arena, &again, NULL));
        to = &again.message.recipients[0];
        CHECK(slice_is(to->name.surname, "Two") && to->number == 1);
        CHECK(slice_is(p1_intended(to)->surname, "User0001"));
        const struct p1_extension *x = p1_extension_find(&to->extensions, P1_EXT_REDIRECTIONS);

        CHECK(x && x->count == 2 && x->changes[1].reason == 2);
        r.apdu = again;
        CHECK(make(&r, &report, &failed, r.arena));
        CHECK(report.recipients[0].redirected && report.recipients[0].number == 1);
        CHECK(slice_is(report.recipients[0].intended.surname, "User0001"));
        CHECK(slice_is(report.recipients[0].actual.surname, "Two"));
    }
    tear_down(&r);
}

static void a_full_arena_is_told(void)
{
    const struct p1_fate failed = {.reason = 1};
    struct arena *small = arena_create(64);
    struct p1_report report;
    struct rig r;

    if (set_up(&r)) {
        struct p1_message *m = &r.apdu.message;

        CHECK(!p1_trace_add(m, &r.us, slice_of(NOW), 0, small));
        CHECK(!p1_redirect(&m->recipients[0], &m->originator, 0, slice_of(NOW), small));
        CHECK(!make(&r, &report, &failed, small));
    }
    arena_destroy(small);
    tear_down(&r);
}

static const struct test tests[] = {
    TEST(reports_about_the_sample_message_are_the_sample_reports),
    TEST(content_is_returned_where_that_was_asked_for),
    TEST(what_a_recipient_asked_for_decides_on_reports),
    TEST(a_message_passed_on_has_one_more_element_of_trace),
    TEST(a_redirected_recipient_keeps_its_history),
    TEST(a_full_arena_is_told),
    TEST_END,
};

const struct suite p1_make_suite = {"p1_make", tests};
