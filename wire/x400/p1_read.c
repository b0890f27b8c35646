/* p1_read.c - APDUs taken apart.
 *
 *     message a0 { 31 envelope, 04 content }    report a1 { 31 envelope, 31 content }    probe a2 { envelope's members }
 *
 * A SET is read by the tags of its members, in any order; the same member twice is refused, since two readers would believe
 * different ones. The first fault ends the reading and is told with the octet where it was met.
 */
#include <stdio.h>
#include <string.h>

#include "wire/x400/p1.h"

#define TEXT_MAX 1024u /* octets of an identifier, a time, a supplementary information */

struct reader {
    struct arena *arena;
    struct err *e;
    struct slice all;  /* the APDU: where offsets count from */
    const char *where; /* which part is being read, in words */
    bool bad;
    uint64_t seen; /* which members of the present SET were met */
};

/* --- faults ------------------------------------------------------------------------------------------------------- */

static bool fault(struct reader *r, const unsigned char *at, const char *what)
{
    char hex[3 * 16 + 1] = "";
    size_t n = 0;

    if (r->bad)
        return false;
    r->bad = true;
    for (const unsigned char *p = at; p < r->all.p + r->all.n && n < 16; p++, n++)
        (void)snprintf(hex + 3 * n, 4, " %02x", *p);
    return err_set(r->e, EX_WIRE, "p1: %s: %s at octet %zu:%s", r->where, what,
                   (size_t)(at - r->all.p), hex);
}

static bool no_memory(struct reader *r)
{
    if (r->bad)
        return false;
    r->bad = true;
    return err_set(r->e, EX_IO, "p1: %s: it needs more memory than the ceiling allows", r->where);
}

/* The next member of a list; false at its end and after a fault. */
static bool next(struct reader *r, struct ber *level, struct ber_element *e)
{
    if (r->bad)
        return false;
    switch (ber_next(level, e)) {
    case BER_GOT:
        return true;
    case BER_END:
        return false;
    case BER_BAD:
        break;
    }
    return fault(r, level->p, "not well-formed BER");
}

/* Notes that member `bit` of the present SET is here; false if it was before. */
static bool once(struct reader *r, unsigned bit, const struct ber_element *e)
{
    if (r->seen >> bit & 1)
        return fault(r, e->whole.p, "the same member twice");
    r->seen |= 1ull << bit;
    return true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool string(struct reader *r, const struct ber_element *e, size_t most, struct slice *out)
{
    if (!e->constructed && e->value.n <= most) {
        *out = e->value;
        return true;
    }
    if (e->value.n > most)
        return fault(r, e->whole.p, "a string beyond its bound");
    void *scratch = arena_bytes(r->arena, e->value.n + 1);

    if (!scratch)
        return no_memory(r);
    return ber_string(e, scratch, e->value.n, out) ||
           fault(r, e->whole.p, "a string in bad pieces");
}

static bool text(struct reader *r, const struct ber_element *e, struct slice *out)
{
    return string(r, e, TEXT_MAX, out);
}

static bool number(struct reader *r, const struct ber_element *e, int32_t *out)
{
    int64_t n;

    if (!ber_int(e, &n) || n < INT32_MIN || n > INT32_MAX)
        return fault(r, e->whole.p, "a number that is none or too large");
    *out = (int32_t)n;
    return true;
}

static bool bits(struct reader *r, const struct ber_element *e, struct p1_bits *out)
{
    unsigned count;

    if (!ber_bits(e, &out->bits, &count))
        return fault(r, e->whole.p, "a bit string that is none");
    out->count = (uint8_t)count;
    out->set = true;
    return true;
}

static bool domain(struct reader *r, const struct ber_element *e, struct oraddr_domain *out)
{
    return oraddr_domain_read(e, r->arena, out) || fault(r, e->whole.p, "a bad domain identifier");
}

static bool name(struct reader *r, const struct ber_element *e, struct oraddr *out)
{
    return oraddr_read(e, r->arena, out, NULL) || fault(r, e->whole.p, "a bad O/R name");
}

static bool identifier(struct reader *r, const struct ber_element *e, struct p1_id *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element gdi, local;

    if (!ber_take(&inside, 0x63, &gdi) || ber_next(&inside, &local) != BER_GOT)
        return fault(r, e->whole.p, "a bad MTS identifier");
    return domain(r, &gdi, &out->domain) && text(r, &local, &out->local);
}

/* How many elements a list has, so that its array is made once; bounded. */
static bool count_of(struct reader *r, const struct ber_element *e, uint32_t most, uint32_t *count)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;

    *count = 0;
    while (next(r, &inside, &one))
        if (++*count > most)
            return fault(r, one.whole.p, "more elements than the standard allows");
    return !r->bad;
}

#define LIST(r, type, count) ((type *)arena_array((r)->arena, sizeof(type), (count) + 1u))

/* --- trace -------------------------------------------------------------------------------------------------------- */

/* Arrival, action and the rest of one element. */
static bool hop_supplied(struct reader *r, const struct ber_element *e, struct p1_hop *h)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true;

    while (ok && next(r, &inside, &m)) {
        if (ber_is(&m, 0x80))
            ok = text(r, &m, &h->arrival);
        else if (ber_is(&m, 0x81))
            ok = text(r, &m, &h->deferred);
        else if (m.tag == 0x82)
            ok = number(r, &m, &h->action);
        else if (m.tag == 0x63)
            ok = domain(r, &m, &h->attempted);
        else if (ber_is(&m, BER_IA5))
            ok = text(r, &m, &h->attempted_mta);
        else if (m.tag == 0x65)
            h->converted = m.value;
        else if (m.tag == 0x83)
            ok = bits(r, &m, &h->other);
    }
    return ok && !r->bad;
}

static bool hop(struct reader *r, const struct ber_element *e, struct p1_hop *h)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;

    *h = (struct p1_hop){.action = P1_NONE};
    if (!ber_take(&inside, 0x63, &m))
        return fault(r, e->whole.p, "a trace element without domain");
    if (!domain(r, &m, &h->domain))
        return false;
    if (ber_take(&inside, BER_IA5, &m) && !text(r, &m, &h->mta))
        return false;
    if (!ber_take(&inside, BER_SET, &m))
        return fault(r, e->whole.p, "a trace element without time and action");
    return hop_supplied(r, &m, h);
}

static bool hops(struct reader *r, const struct ber_element *e, struct p1_hops *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, P1_HOPS_MAX, &count))
        return false;
    *out = (struct p1_hops){.at = LIST(r, struct p1_hop, count), .set = true};
    if (!out->at)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!hop(r, &one, &out->at[out->count++]))
            return false;
    return !r->bad;
}

bool p1_hops_read(const struct ber_element *e, struct arena *a, struct p1_hops *h, struct err *err)
{
    struct reader r = {.arena = a, .e = err, .all = e->whole, .where = "trace"};

    return hops(&r, e, h);
}

/* --- extensions --------------------------------------------------------------------------------------------------- */

static enum p1_form form_of(int32_t type)
{
    switch (type) {
    case P1_EXT_REASSIGNMENT_PROHIBITED:
    case P1_EXT_EXPANSION_PROHIBITED:
    case P1_EXT_LOSS_PROHIBITED:
        return P1_NUMBER;
    case P1_EXT_REQUESTED_ALTERNATE:
    case P1_EXT_REPORTING_DL:
        return P1_NAME;
    case P1_EXT_LATEST_DELIVERY:
        return P1_TIME;
    case P1_EXT_CORRELATOR:
        return P1_TEXT;
    case P1_EXT_REDIRECTIONS:
    case P1_EXT_EXPANSIONS:
    case P1_EXT_ORIGIN_EXPANSIONS:
        return P1_CHANGES;
    case P1_EXT_TRACE:
    case P1_EXT_INTERNAL_TRACE:
        return P1_HOPS;
    case P1_EXT_REPORTING_MTA:
        return P1_MTA;
    default:
        return P1_RAW;
    }
}

/* 30{ 30{60 name, 17 time}, 0a reason } of a redirection, 30{60 name, 17 time} of an expansion. */
static bool change(struct reader *r, const struct ber_element *e, bool redirection,
                   struct p1_change *c)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;

    c->reason = P1_NONE;
    if (redirection) {
        struct ber outer = inside;

        if (!ber_take(&outer, BER_SEQUENCE, &m))
            return fault(r, e->whole.p, "a redirection without a name");
        inside = ber_inside(&m);
        if (!next(r, &outer, &m) || !number(r, &m, &c->reason))
            return fault(r, e->whole.p, "a redirection without a reason");
    }
    if (!ber_take(&inside, 0x60, &m) || !name(r, &m, &c->name))
        return fault(r, e->whole.p, "a redirection or expansion without a name");
    return (ber_take(&inside, BER_UTC, &m) && text(r, &m, &c->time)) ||
           fault(r, e->whole.p, "a redirection or expansion without a time");
}

static bool changes(struct reader *r, const struct ber_element *e, struct p1_extension *x)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, P1_HOPS_MAX, &count))
        return false;
    x->changes = LIST(r, struct p1_change, count);
    if (!x->changes)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!change(r, &one, x->type == P1_EXT_REDIRECTIONS, &x->changes[x->count++]))
            return false;
    return !r->bad;
}

static bool reporting_mta(struct reader *r, const struct ber_element *e, struct p1_extension *x)
{
    struct ber inside = ber_inside(e);
    struct ber_element gdi, mta;

    x->hops = (struct p1_hops){.at = LIST(r, struct p1_hop, 1), .count = 1, .set = true};
    if (!x->hops.at)
        return no_memory(r);
    if (!ber_take(&inside, 0x63, &gdi) || !ber_take(&inside, BER_IA5, &mta))
        return fault(r, e->whole.p, "a bad name of a reporting MTA");
    return domain(r, &gdi, &x->hops.at->domain) && text(r, &mta, &x->hops.at->mta);
}

static bool extension_value(struct reader *r, const struct ber_element *e, struct p1_extension *x)
{
    switch (x->form) {
    case P1_NUMBER:
        return ber_int(e, &x->number) || fault(r, e->whole.p, "an extension that is no number");
    case P1_TEXT:
        x->tag = e->tag & ~(uint32_t)BER_CONSTRUCTED;
        return text(r, e, &x->value);
    case P1_TIME:
        return text(r, e, &x->value);
    case P1_NAME:
        x->name = LIST(r, struct oraddr, 1);
        return x->name ? name(r, e, x->name) : no_memory(r);
    case P1_CHANGES:
        return changes(r, e, x);
    case P1_HOPS:
        return hops(r, e, &x->hops);
    case P1_MTA:
        return reporting_mta(r, e, x);
    case P1_RAW:
        break;
    }
    return true;
}

static bool extension(struct reader *r, const struct ber_element *e, struct p1_extension *x)
{
    struct ber inside = ber_inside(e);
    struct ber_element m, value;

    *x = (struct p1_extension){.type = P1_NONE};
    while (next(r, &inside, &m)) {
        if (m.tag == 0x80 && !number(r, &m, &x->type))
            return false;
        if (m.tag == 0x83)
            x->oid = m.value;
        if (m.tag == 0x81 && !bits(r, &m, &x->criticality))
            return false;
        if (m.tag == 0xa2)
            x->value = m.value;
    }
    x->form = form_of(x->type);
    if (r->bad || x->form == P1_RAW)
        return !r->bad;
    struct ber level = ber_inside(e);

    if (!ber_find(&level, 0xa2, &m))
        return fault(r, e->whole.p, "an extension without value");
    level = ber_inside(&m);
    return (next(r, &level, &value) || fault(r, m.whole.p, "an extension with an empty value")) &&
           extension_value(r, &value, x);
}

static bool extensions(struct reader *r, const struct ber_element *e, struct p1_extensions *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, P1_EXTENSIONS_MAX, &count))
        return false;
    *out = (struct p1_extensions){.at = LIST(r, struct p1_extension, count), .set = true};
    if (!out->at)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!extension(r, &one, &out->at[out->count++]))
            return false;
    return !r->bad;
}

/* --- messages and probes ------------------------------------------------------------------------------------------ */

static bool content_type(struct reader *r, const struct ber_element *e, struct p1_content_type *t)
{
    if (e->tag == 0x46)
        return number(r, e, &t->number);
    t->oid = e->value;
    return true;
}

static bool recipient(struct reader *r, const struct ber_element *e, struct p1_recipient *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true, named = false;

    *out = (struct p1_recipient){.number = P1_NONE, .conversion = P1_NONE};
    while (ok && next(r, &inside, &m)) {
        if (m.tag == 0x60)
            ok = named = name(r, &m, &out->name);
        else if (m.tag == 0x80)
            ok = number(r, &m, &out->number);
        else if (m.tag == 0x81)
            ok = bits(r, &m, &out->indicators);
        else if (m.tag == 0x82)
            ok = number(r, &m, &out->conversion);
        else if (m.tag == 0xa3)
            ok = extensions(r, &m, &out->extensions);
    }
    return ok && !r->bad && (named || fault(r, e->whole.p, "a recipient without a name"));
}

static bool recipients(struct reader *r, const struct ber_element *e, struct p1_message *m)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, P1_RECIPIENTS_MAX, &count))
        return false;
    m->recipients = LIST(r, struct p1_recipient, count);
    if (!m->recipients)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!recipient(r, &one, &m->recipients[m->recipient_count++]))
            return false;
    return !r->bad;
}

enum member { ID, ORIGINATOR, EITS, TYPE, CONTENT_ID, PRIORITY, INDICATORS, TRACE, M0, M1, M2, M3 };

#define BIT(m) (1ull << (m))

/* The members whose tags are the same wherever they occur. */
static bool common_member(struct reader *r, const struct ber_element *e, struct p1_message *m)
{
    switch (e->tag) {
    case 0x64:
        return once(r, ID, e) && identifier(r, e, &m->id);
    case 0x60:
        return once(r, ORIGINATOR, e) && name(r, e, &m->originator);
    case 0x65:
        m->eits = e->value;
        return once(r, EITS, e);
    case 0x46:
    case BER_OID:
        return once(r, TYPE, e) && content_type(r, e, &m->content_type);
    case 0x4a:
    case 0x6a:
        return once(r, CONTENT_ID, e) && text(r, e, &m->content_id);
    case 0x47:
        return once(r, PRIORITY, e) && number(r, e, &m->priority);
    case 0x48:
        return once(r, INDICATORS, e) && bits(r, e, &m->indicators);
    case 0x69:
        return once(r, TRACE, e) && hops(r, e, &m->trace);
    default:
        return true;
    }
}

static bool envelope_member(struct reader *r, const struct ber_element *e, bool probe,
                            struct p1_message *m)
{
    if (probe && e->tag == 0x80)
        return once(r, M0, e) && (ber_int(e, &m->content_length) ||
                                  fault(r, e->whole.p, "a content length that is no number"));
    if (!probe && ber_is(e, 0x80))
        return once(r, M0, e) && text(r, e, &m->deferred);
    if (e->tag == 0xa1) {
        m->bilateral = e->value;
        return once(r, M1, e);
    }
    if (e->tag == 0xa2)
        return once(r, M2, e) && recipients(r, e, m);
    if (e->tag == 0xa3)
        return once(r, M3, e) && extensions(r, e, &m->extensions);
    return common_member(r, e, m);
}

static bool envelope(struct reader *r, const struct ber_element *e, bool probe,
                     struct p1_message *m)
{
    struct ber inside = ber_inside(e);
    struct ber_element member;

    p1_message_init(m);
    r->where = probe ? "probe" : "message envelope";
    r->seen = 0;
    while (next(r, &inside, &member))
        if (!envelope_member(r, &member, probe, m))
            return false;
    if (r->bad)
        return false;
    if (!(r->seen & BIT(ID)) || !(r->seen & BIT(ORIGINATOR)) || m->recipient_count == 0)
        return fault(r, e->whole.p, "no identifier, no originator or no recipients");
    return true;
}

static bool message(struct reader *r, const struct ber_element *e, struct p1_message *m)
{
    struct ber inside = ber_inside(e);
    struct ber_element part;

    r->where = "message";
    if (!ber_take(&inside, BER_SET, &part))
        return fault(r, e->whole.p, "no envelope");
    if (!envelope(r, &part, false, m))
        return false;
    r->where = "message";
    if (!ber_take(&inside, BER_OCTETS, &part))
        return fault(r, inside.p, "no content");
    return string(r, &part, SIZE_MAX, &m->content);
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

/* a0{80 time, 81 user} or a1{80 reason, 81 diagnostic} */
static bool outcome(struct reader *r, const struct ber_element *e, struct p1_reported *out)
{
    struct ber level = ber_inside(e);
    struct ber_element which, m;
    bool ok = true;

    if (!next(r, &level, &which) || (which.tag != 0xa0 && which.tag != 0xa1))
        return fault(r, e->whole.p, "neither delivered nor not delivered");
    out->delivered = which.tag == 0xa0;
    level = ber_inside(&which);
    while (ok && next(r, &level, &m)) {
        if (ber_is(&m, 0x80))
            ok = out->delivered ? text(r, &m, &out->delivery) : number(r, &m, &out->reason);
        else if (m.tag == 0x81)
            ok = number(r, &m, out->delivered ? &out->user : &out->diagnostic);
    }
    if (ok && !out->delivered && out->reason == P1_NONE)
        return fault(r, which.whole.p, "a non-delivery without a reason");
    return ok && !r->bad;
}

static bool last_trace(struct reader *r, const struct ber_element *e, struct p1_reported *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true, reported = false;

    while (ok && next(r, &inside, &m)) {
        if (ber_is(&m, 0x80))
            ok = text(r, &m, &out->arrival);
        else if (m.tag == 0x65)
            out->converted = m.value;
        else if (m.tag == 0xa1)
            ok = reported = outcome(r, &m, out);
    }
    return ok && !r->bad && (reported || fault(r, e->whole.p, "a recipient without an outcome"));
}

static bool reported_member(struct reader *r, const struct ber_element *m, struct p1_reported *out)
{
    switch (m->tag) {
    case 0xa0:
        return once(r, 0, m) && name(r, m, &out->actual);
    case 0x81:
        return once(r, 1, m) && number(r, m, &out->number);
    case 0x82:
        return once(r, 2, m) && bits(r, m, &out->indicators);
    case 0xa3:
        return once(r, 3, m) && last_trace(r, m, out);
    case 0xa4:
        out->redirected = true;
        return once(r, 4, m) && name(r, m, &out->intended);
    case 0x85:
    case 0xa5:
        return once(r, 5, m) && text(r, m, &out->supplementary);
    case 0xa6:
        return once(r, 6, m) && extensions(r, m, &out->extensions);
    default:
        return true;
    }
}

static bool reported(struct reader *r, const struct ber_element *e, struct p1_reported *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;

    *out = (struct p1_reported){
        .number = P1_NONE, .user = P1_NONE, .reason = P1_NONE, .diagnostic = P1_NONE};
    r->seen = 0;
    while (next(r, &inside, &m))
        if (!reported_member(r, &m, out))
            return false;
    if (r->bad)
        return false;
    return (r->seen & 9) == 9 || fault(r, e->whole.p, "a recipient without a name or an outcome");
}

static bool reported_list(struct reader *r, const struct ber_element *e, struct p1_report *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint64_t seen = r->seen; /* of the SET around it */
    uint32_t count;

    if (!count_of(r, e, P1_RECIPIENTS_MAX, &count))
        return false;
    out->recipients = LIST(r, struct p1_reported, count);
    if (!out->recipients)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!reported(r, &one, &out->recipients[out->recipient_count++]))
            return false;
    r->seen = seen;
    return !r->bad;
}

static bool report_envelope(struct reader *r, const struct ber_element *e, struct p1_report *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true;

    r->where = "report envelope";
    r->seen = 0;
    while (ok && next(r, &inside, &m)) {
        if (m.tag == 0x64)
            ok = once(r, ID, &m) && identifier(r, &m, &out->id);
        else if (m.tag == 0x60)
            ok = once(r, ORIGINATOR, &m) && name(r, &m, &out->destination);
        else if (m.tag == 0x69)
            ok = once(r, TRACE, &m) && hops(r, &m, &out->trace);
        else if (m.tag == 0xa1)
            ok = once(r, M1, &m) && extensions(r, &m, &out->extensions);
    }
    if (!ok || r->bad)
        return false;
    return (r->seen & (BIT(ID) | BIT(ORIGINATOR))) == (BIT(ID) | BIT(ORIGINATOR)) ||
           fault(r, e->whole.p, "no identifier or no destination");
}

static bool report_member(struct reader *r, const struct ber_element *m, struct p1_report *out)
{
    switch (m->tag) {
    case 0x64:
        return once(r, ID, m) && identifier(r, m, &out->subject);
    case 0x69:
        return once(r, TRACE, m) && hops(r, m, &out->subject_trace);
    case 0x65:
        out->eits = m->value;
        return once(r, EITS, m);
    case 0x46:
    case BER_OID:
        return once(r, TYPE, m) && content_type(r, m, &out->content_type);
    case 0x4a:
    case 0x6a:
        return once(r, CONTENT_ID, m) && text(r, m, &out->content_id);
    case 0xa0:
        return once(r, M0, m) && reported_list(r, m, out);
    case 0x81:
    case 0xa1:
        return once(r, M1, m) && string(r, m, SIZE_MAX, &out->returned);
    case 0xa2:
        out->additional = m->value;
        return once(r, M2, m);
    case 0xa3:
        return once(r, M3, m) && extensions(r, m, &out->content_extensions);
    default:
        return true;
    }
}

static bool report(struct reader *r, const struct ber_element *e, struct p1_report *out)
{
    struct ber inside = ber_inside(e), members;
    struct ber_element part, m;

    p1_report_init(out);
    r->where = "report";
    if (!ber_take(&inside, BER_SET, &part))
        return fault(r, e->whole.p, "no envelope");
    if (!report_envelope(r, &part, out))
        return false;
    r->where = "report content";
    if (!ber_take(&inside, BER_SET, &part))
        return fault(r, inside.p, "no content");
    members = ber_inside(&part);
    r->seen = 0;
    while (next(r, &members, &m))
        if (!report_member(r, &m, out))
            return false;
    if (r->bad)
        return false;
    return ((r->seen & BIT(ID)) && out->recipient_count > 0) ||
           fault(r, part.whole.p, "no subject or no recipients");
}

bool p1_read(struct slice apdu, struct arena *a, struct p1_apdu *out, struct err *e)
{
    struct reader r = {.arena = a, .e = e, .all = apdu, .where = "APDU"};
    struct ber outer = ber_in(apdu);
    struct ber_element whole;
    bool ok = false;

    *out = (struct p1_apdu){0};
    if (!next(&r, &outer, &whole))
        return r.bad ? false : fault(&r, apdu.p, "nothing there");
    if (whole.tag == 0xa0) {
        out->kind = P1_MESSAGE;
        ok = message(&r, &whole, &out->message);
    } else if (whole.tag == 0xa1) {
        out->kind = P1_REPORT;
        ok = report(&r, &whole, &out->report);
    } else if (whole.tag == 0xa2) {
        out->kind = P1_PROBE;
        ok = envelope(&r, &whole, true, &out->message);
    } else {
        return fault(&r, apdu.p, "neither a message nor a report nor a probe");
    }
    r.where = "APDU";
    return ok && (ber_at_end(&outer) || fault(&r, outer.p, "octets behind it"));
}
