/* apdus.c - three messages and a probe by a sender's template, two reports by what the lab makes them with. */
#include "tests/tshark/apdus.h"

#include <stdio.h>
#include <string.h>

#include "wire/x400/content.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_make.h"
#include "wire/x400/p1_template.h"

#define NOW       1795262400 /* 2026-11-21 12:00:00 UTC */
#define ROOM      ((size_t)250000)
#define NAME_ROOM 256u

/* Numbers of the messages. With that of the long one no segment begins with a tag of P-DATA, so that tshark says the same of
 * each in the X.410 modes, whose activity data it cannot read. */
enum { MESSAGE = 1, SEVERAL = 2, LONG = 16 };

enum { SENDER, ONE, TWO, THREE, DEPUTY, NAMES };

static const char *const names[NAMES] = {
    "c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load",
    "c=XX;a=;p=LAB;o=ORGB;s=User0001",
    "c=XX;a=;p=LAB;o=ORGB;ou1=Sales;ou2=East;s=User;g=Two;i=T;q=Jr;cn=User Two",
    "c=XX;a=;p=LAB;dda:RFC-822=three(a)lab.test",
    "c=XX;a=;p=LAB;o=ORGB;s=Deputy",
};

struct maker {
    enum x400_year year;
    struct arena *arena;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct oraddr plain[NAMES];
    struct slice coded[NAMES];
};

const char *apdu_name(enum apdu which)
{
    static const char *const all[] = {
#define X(id, name) name,
        APDUS(X)
#undef X
    };

    return all[which];
}

static struct slice written(struct maker *m, const struct p1_apdu *apdu)
{
    void *room = arena_bytes(m->arena, ROOM);
    struct ber_out o;

    if (!room)
        return slice_from(NULL, 0);
    ber_out_init(&o, room, ROOM);
    return p1_write(&o, apdu, m->year) ? ber_out_slice(&o) : slice_from(NULL, 0);
}

static struct slice filled(struct maker *m, const struct p1_template_setup *s, struct p1_order *x,
                           uint32_t body_bytes)
{
    const struct smtp_text_order o = {
        .number = x->number, .key = &m->key, .body_bytes = body_bytes, .seven_bit = true};
    struct p1_template *t = p1_template_create(s, NULL);
    struct smtp_text *text = arena_new(m->arena, struct smtp_text, 1);
    void *room = arena_bytes(m->arena, ROOM);
    struct slice out = {NULL, 0};

    if (t && text && room) {
        smtp_text_compose_body(text, m->corpus, &o);
        x->key = &m->key;
        x->now_s = NOW;
        x->from = m->coded[SENDER];
        x->body = text;
        out = p1_template_fill(t, x, room, ROOM);
    }
    p1_template_destroy(t);
    return out;
}

/* --- messages and the probe ----------------------------------------------------------------------------------------- */

static struct p1_template_setup plain_setup(const struct maker *m)
{
    return (struct p1_template_setup){.year = m->year,
                                      .domain = m->plain[SENDER].domain,
                                      .mta = slice_of("MTA-A"),
                                      .content_type =
                                          m->year == X400_1984 ? CONTENT_P2 : CONTENT_P22,
                                      .priority = P1_NORMAL,
                                      .ask = P1_ASK_BOTH,
                                      .correlator = true,
                                      .subject = slice_of("tshark")};
}

static struct slice simple(struct maker *m, uint64_t number, uint32_t body_bytes)
{
    const struct p1_template_setup s = plain_setup(m);
    const struct p1_addressee to = {.name = m->coded[ONE]};
    struct p1_order x = {.number = number, .to = &to, .recipients = 1};

    return filled(m, &s, &x, body_bytes);
}

static struct slice several(struct maker *m)
{
    const struct p1_addressee to[] = {{.name = m->coded[ONE], .alternate = m->coded[DEPUTY]},
                                      {.name = m->coded[TWO]},
                                      {.name = m->coded[THREE]}};
    struct p1_template_setup s = plain_setup(m);
    struct p1_order x = {.number = SEVERAL,
                         .to = to,
                         .recipients = 3,
                         .deferred_s = NOW + 60,
                         .latest_s = NOW + 3600};

    s.priority = P1_URGENT;
    s.indicators = P1_ALTERNATE_ALLOWED | P1_RETURN_CONTENT;
    s.ask = P1_ASK_NON;
    s.no_reassignment = s.no_expansion = true;
    return filled(m, &s, &x, 400);
}

static struct slice probe(struct maker *m)
{
    struct p1_recipient to = {.name = m->plain[TWO],
                              .number = 1,
                              .indicators = {true, 8, P1_ASK_BOTH},
                              .conversion = P1_NONE};
    struct p1_hop hop = {.domain = m->plain[SENDER].domain,
                         .arrival = slice_of("261121120000Z"),
                         .action = P1_RELAYED};
    struct p1_apdu apdu = {.kind = P1_PROBE};
    struct p1_message *p = &apdu.message;

    p1_message_init(p);
    p->id = (struct p1_id){m->plain[SENDER].domain, slice_of("PB.261121120000Z.00000001")};
    p->originator = m->plain[SENDER];
    p->content_type.number = m->year == X400_1984 ? CONTENT_P2 : CONTENT_P22;
    p->content_id = slice_of("PB-000001");
    p->content_length = 4096;
    p->recipients = &to;
    p->recipient_count = 1;
    p->trace = (struct p1_hops){&hop, 1, true};
    return written(m, &apdu);
}

/* --- reports -------------------------------------------------------------------------------------------------------- */

static struct slice report(struct maker *m, struct slice about, struct p1_report_order *o,
                           bool redirect_first)
{
    struct p1_apdu subject, out = {.kind = P1_REPORT};
    const struct p1_mta us = {m->plain[ONE].domain, slice_of("MTA-B")};

    o->now = slice_of("261121120105Z");
    if (!p1_read(about, m->arena, &subject, NULL) ||
        (redirect_first && !p1_redirect(&subject.message.recipients[0], &m->plain[DEPUTY], 0,
                                        slice_of("261121120100Z"), m->arena)) ||
        !p1_report_make(&out.report, &subject.message, &us, o, m->arena))
        return slice_from(NULL, 0);
    return written(m, &out);
}

static struct slice failed(struct maker *m, struct slice about)
{
    static const struct p1_fate fate = {
        .reason = 1, .diagnostic = 0, .supplementary = {(const unsigned char *)"no such user", 12}};
    struct p1_report_order o = {
        .local_id = slice_of("RP.261121120105Z.00000001"), .fates = &fate, .count = 1};

    return report(m, about, &o, false);
}

static struct slice reported(struct maker *m, struct slice about)
{
    const struct p1_fate fates[] = {
        {.recipient = 0, .reason = 0, .diagnostic = 48},
        {.recipient = 1, .delivered = true, .time = slice_of("261121120102Z")},
        {.recipient = 2, .delivered = true, .time = slice_of("261121120103Z")}};
    struct p1_report_order o = {
        .local_id = slice_of("RP.261121120105Z.00000002"), .fates = fates, .count = 3};

    return report(m, about, &o, true);
}

/* -------------------------------------------------------------------------------------------------------------------- */

static bool encode_names(struct maker *m)
{
    for (unsigned i = 0; i < NAMES; i++) {
        unsigned char *room = arena_bytes(m->arena, NAME_ROOM);
        struct ber_out o;

        if (!room || !oraddr_parse(slice_of(names[i]), m->arena, &m->plain[i], NULL))
            return false;
        ber_out_init(&o, room, NAME_ROOM);
        oraddr_put(&o, 0x60, &m->plain[i], m->year);
        m->coded[i] = ber_out_slice(&o);
    }
    return true;
}

static void tell(const struct maker *m, const struct apdus *made)
{
    static const struct {
        enum apdu which;
        uint64_t number;
    } messages[] = {{APDU_MESSAGE, MESSAGE}, {APDU_SEVERAL, SEVERAL}, {APDU_LONG, LONG}};

    for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
        char token[TOKEN_CHARS], brief[TOKEN_SHORT_CHARS];
        const char *name = apdu_name(messages[i].which);

        token_write(&m->key, messages[i].number, token);
        token_write_short(&m->key, messages[i].number, brief);
        (void)printf("id.%s pm.%.*s\n", name, TOKEN_CHARS, token);
        (void)printf("brief.%s %.*s\n", name, TOKEN_SHORT_CHARS, brief);
    }
    for (unsigned i = 0; i < APDU_COUNT; i++)
        (void)printf("octets.%s %zu\n", apdu_name(i), made->of[i].n);
}

bool apdus_make(struct apdus *out, enum x400_year year, struct arena *a)
{
    struct maker m = {
        .year = year, .arena = a, .corpus = smtp_corpus_create(7), .key = token_key_make(1, 2)};
    bool ok = m.corpus && encode_names(&m);

    if (ok) {
        out->of[APDU_MESSAGE] = simple(&m, MESSAGE, 300);
        out->of[APDU_PROBE] = probe(&m);
        out->of[APDU_SEVERAL] = several(&m);
        out->of[APDU_LONG] = simple(&m, LONG, 200000);
        out->of[APDU_FAILED] = failed(&m, out->of[APDU_MESSAGE]);
        out->of[APDU_REPORTED] = reported(&m, out->of[APDU_SEVERAL]);
        tell(&m, out);
    }
    for (unsigned i = 0; ok && i < APDU_COUNT; i++)
        ok = out->of[i].n > 0;
    smtp_corpus_destroy(m.corpus);
    return ok;
}
