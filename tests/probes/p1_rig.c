/* p1_rig.c - our own MTA on a fake run. */
#include "tests/probes/p1_rig.h"

#include <string.h>

#include "tests/support/check.h"
#include "wire/x400/content.h"
#include "wire/x400/p1_template.h"

#define APDU_ROOM 65536u
#define NOW_S     1795262400 /* 2026-11-21 12:00:00 UTC */

static const char now[] = "261121120000Z";

static void on_canary(void *owner, uint64_t number)
{
    ((struct p1_rig *)owner)->canary = number;
}

static void add_ours(struct p1_rig *r)
{
    static const char *const names[] = {"fred-1", "fred-2"};
    static const char *const addresses[] = {"fred-1@ours.test", "fred-2@ours.test"};
    struct site *s = &r->g->r->profile.site;

    memcpy(r->servers, s->servers, 3 * sizeof *r->servers);
    memcpy(r->mailboxes, s->mailboxes, 6 * sizeof *r->mailboxes);
    memcpy(r->groups, s->groups, 3 * sizeof *r->groups);
    r->servers[OURS] = (struct server){.name = SITE_OURS, .ours = true};
    for (uint32_t i = 0; i < 2; i++)
        r->mailboxes[FRED_1 + i] = (struct mailbox){.name = names[i],
                                                    .address = addresses[i],
                                                    .group = 3,
                                                    .index = i,
                                                    .home = OURS,
                                                    .alternate = SITE_NONE};
    r->groups[3] = (struct group){"fred", FRED_1, 2};
    s->servers = r->servers;
    s->mailboxes = r->mailboxes;
    s->groups = r->groups;
    s->server_count = 4;
    s->mailbox_count = 8;
    s->group_count = 4;
}

static void add_loads(struct p1_rig *r)
{
    struct profile *p = &r->g->r->profile;
    struct workload *w;
    struct err e = {0};

    r->from[0] = r->to[1] = 3;
    r->to[0] = 0;
    r->from[1] = 2;
    for (uint32_t i = 0; i < 2; i++) {
        r->loads[i] = r->g->r->load;
        r->loads[i].from = &r->from[i];
        r->loads[i].to = &r->to[i];
        r->loads[i].recipients = 2;
    }
    p->loads = r->loads;
    p->load_count = 2;
    p->x400 = (struct x400_profile){.on = true,
                                    .mta = "POSTMUSTER",
                                    .password = "ours",
                                    .address = SITE_ADDRESS,
                                    .our_address = OUR_ADDRESS};
    w = workload_create(r->g->arena, p, &e);
    PM_ASSERT(w && w->planned == 2000 && w->stride == 4);
    r->g->r->work = *w;
}

void p1_rig_open(struct p1_rig *r)
{
    struct err e = {0};

    *r = (struct p1_rig){.g = rig_create("p1"), .arena = arena_create(64u << 20)};
    r->canary = UINT64_MAX;
    add_ours(r);
    add_loads(r);
    correlate_destroy(r->g->c.correlate);
    r->g->c.correlate = correlate_create(&r->g->c, on_canary, r);
    r->l = p1_listener_create(r->g->r->loop, &r->g->r->clock, &r->g->r->profile, &e);
    PM_ASSERT(r->arena && r->g->c.correlate && r->l);
    r->g->c.listener = r->l;
}

void p1_rig_begin(struct p1_rig *r)
{
    struct err e = {0};

    CHECK(p1_listener_begin(r->l, &r->g->c, &e));
    CHECK_STR(e.text, "");
}

void p1_rig_close(struct p1_rig *r)
{
    p1_listener_end(r->l);
    p1_listener_destroy(r->l);
    arena_destroy(r->arena);
    rig_destroy(r->g);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

struct oraddr p1_rig_name(struct p1_rig *r, const char *text)
{
    struct err e = {0};
    struct oraddr o;

    CHECK(oraddr_parse(slice_of(text), r->arena, &o, &e));
    return o;
}

struct oraddr p1_rig_mailbox(struct p1_rig *r, uint32_t mailbox)
{
    struct err e = {0};
    struct oraddr o;

    CHECK(oraddr_from_smtp(profile_x400_template(&r->g->r->profile, mailbox),
                           slice_of(r->mailboxes[mailbox].address), r->arena, &o, &e));
    return o;
}

static struct slice coded(struct p1_rig *r, uint32_t mailbox, enum x400_year year)
{
    struct oraddr o = mailbox == SITE_NONE
                          ? p1_rig_name(r, "c=US;a= ;p=LAB;o=SITE;s=pm-no-such-user")
                          : p1_rig_mailbox(r, mailbox);
    unsigned char *room = arena_bytes(r->arena, 1024);
    struct ber_out out;

    ber_out_init(&out, room, 1024);
    oraddr_put(&out, 0x60, &o, year);
    return ber_out_slice(&out);
}

static struct p1_template *template_of(struct p1_rig *r, enum x400_year year)
{
    const struct p1_template_setup setup = {.year = year,
                                            .domain = p1_rig_mailbox(r, FRED_1).domain,
                                            .content_type =
                                                year == X400_1984 ? CONTENT_P2 : CONTENT_P22,
                                            .indicators = P1_ALTERNATE_ALLOWED | P1_RETURN_CONTENT,
                                            .ask = P1_ASK_BOTH,
                                            .correlator = true,
                                            .subject = slice_of("hello")};

    return p1_template_create(&setup, NULL);
}

struct p1_message *p1_rig_message(struct p1_rig *r, uint64_t number, enum x400_year year)
{
    static struct smtp_text body;
    const struct msg m = workload_message(&r->g->r->work, number);
    const struct smtp_text_order text = {
        .number = number, .key = &r->g->key, .body_bytes = m.body_bytes, .seven_bit = true};
    struct p1_addressee to[MSG_RECIPIENTS_MAX] = {{{NULL, 0}, {NULL, 0}}};
    struct p1_order order = {.number = number,
                             .key = &r->g->key,
                             .from = coded(r, m.from, year),
                             .to = to,
                             .recipients = m.recipients,
                             .now_s = NOW_S,
                             .body = &body};
    struct p1_template *t = template_of(r, year);
    struct p1_apdu *apdu = arena_new(r->arena, struct p1_apdu, 1);
    struct err e = {0};

    smtp_text_compose_body(&body, r->g->corpus, &text);
    for (uint32_t i = 0; i < m.recipients; i++)
        to[i].name = coded(r, m.to[i], year);
    struct slice octets = p1_template_fill(t, &order, arena_bytes(r->arena, APDU_ROOM), APDU_ROOM);

    CHECK(octets.n > 0);
    CHECK(p1_read(octets, r->arena, apdu, &e));
    CHECK_STR(e.text, "");
    p1_template_destroy(t);
    return &apdu->message;
}

static struct slice written(struct p1_rig *r, const struct p1_apdu *apdu, enum x400_year year)
{
    struct ber_out out;

    ber_out_init(&out, arena_bytes(r->arena, APDU_ROOM), APDU_ROOM);
    CHECK(p1_write(&out, apdu, year));
    return ber_out_slice(&out);
}

struct slice p1_rig_octets(struct p1_rig *r, const struct p1_message *m, enum x400_year year)
{
    return written(r, &(struct p1_apdu){.kind = P1_MESSAGE, .message = *m}, year);
}

void p1_rig_take(struct p1_rig *r, const struct p1_message *m)
{
    p1_listener_take(r->l, p1_rig_octets(r, m, X400_1988));
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

struct p1_report *p1_rig_report(struct p1_rig *r, const struct p1_message *m, const char *id,
                                const struct p1_fate *fates, uint32_t count)
{
    const struct p1_mta mta = {.domain = p1_rig_mailbox(r, 0).domain, .name = slice_of("S1")};
    const struct p1_report_order order = {
        .local_id = slice_of(id), .now = slice_of(now), .fates = fates, .count = count};
    struct p1_report *report = arena_new(r->arena, struct p1_report, 1);

    CHECK(p1_report_make(report, m, &mta, &order, r->arena));
    return report;
}

struct slice p1_rig_report_octets(struct p1_rig *r, const struct p1_report *report,
                                  enum x400_year year)
{
    return written(r, &(struct p1_apdu){.kind = P1_REPORT, .report = *report}, year);
}

void p1_rig_take_report(struct p1_rig *r, const struct p1_report *report)
{
    p1_listener_take(r->l, p1_rig_report_octets(r, report, X400_1988));
}

/* --- what was journalled ------------------------------------------------------------------------------------------ */

unsigned p1_rig_news(struct p1_rig *r, enum event_kind kind, struct event *newest)
{
    struct fake_run *run = r->g->r;
    unsigned n = 0;

    (void)fake_run_count(run, kind); /* flushes */
    for (uint32_t i = 0; i < run->event_count; i++)
        if (run->events[i].kind == kind) {
            n++;
            if (newest)
                *newest = run->events[i];
            run->events[i].kind = EV_NONE;
        }
    return n;
}
