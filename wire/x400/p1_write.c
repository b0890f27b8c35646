/* p1_write.c - APDUs put together, from the last octet to the first; members of SETs in the standard's order. */
#include "wire/x400/p1.h"

static void put_text(struct ber_out *o, uint32_t tag, struct slice text)
{
    if (text.p)
        ber_put_bytes(o, tag, text);
}

static void put_number(struct ber_out *o, uint32_t tag, int64_t n)
{
    if (n != P1_NONE)
        ber_put_integer(o, tag, n);
}

static void put_bits(struct ber_out *o, uint32_t tag, const struct p1_bits *b)
{
    if (b->set)
        ber_put_bits(o, tag, b->bits, b->count);
}

static bool has_domain(const struct oraddr_domain *d)
{
    return d->country.text.p || d->admd.text.p || d->prmd.text.p;
}

void p1_id_put(struct ber_out *o, const struct p1_id *id)
{
    size_t mark = ber_mark(o);

    put_text(o, BER_IA5, id->local);
    oraddr_domain_put(o, 0x63, &id->domain);
    ber_put_head(o, 0x64, mark);
}

/* --- trace and extensions ----------------------------------------------------------------------------------------- */

static void put_hop(struct ber_out *o, const struct p1_hop *h, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (year == X400_1988)
        put_bits(o, 0x83, &h->other);
    put_text(o, 0x65, h->converted);
    put_text(o, 0x81, h->deferred);
    put_text(o, BER_IA5, h->attempted_mta);
    if (has_domain(&h->attempted))
        oraddr_domain_put(o, 0x63, &h->attempted);
    put_number(o, 0x82, h->action);
    put_text(o, 0x80, h->arrival);
    ber_put_head(o, BER_SET, mark);
    put_text(o, BER_IA5, h->mta);
    oraddr_domain_put(o, 0x63, &h->domain);
    ber_put_head(o, BER_SEQUENCE, mark);
}

void p1_hops_put(struct ber_out *o, uint32_t tag, const struct p1_hops *h, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (!h->set)
        return;
    for (uint32_t i = h->count; i-- > 0;)
        put_hop(o, &h->at[i], year);
    ber_put_head(o, tag, mark);
}

static void put_change(struct ber_out *o, const struct p1_change *c, bool redirection)
{
    size_t mark = ber_mark(o);

    if (redirection)
        ber_put_integer(o, 0x0a, c->reason);
    size_t inner = ber_mark(o);

    put_text(o, BER_UTC, c->time);
    oraddr_put(o, 0x60, &c->name, X400_1988);
    ber_put_head(o, BER_SEQUENCE, inner);
    if (redirection)
        ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_reporting_mta(struct ber_out *o, const struct p1_hops *h)
{
    size_t mark = ber_mark(o);

    ber_put_bytes(o, BER_IA5, h->at->mta);
    oraddr_domain_put(o, 0x63, &h->at->domain);
    ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_value(struct ber_out *o, const struct p1_extension *x)
{
    size_t mark = ber_mark(o);

    switch (x->form) {
    case P1_RAW:
        ber_put_raw(o, x->value);
        break;
    case P1_NUMBER:
        ber_put_integer(o, 0x0a, x->number);
        break;
    case P1_TEXT:
        ber_put_bytes(o, x->tag ? x->tag : BER_IA5, x->value);
        break;
    case P1_TIME:
        ber_put_bytes(o, BER_UTC, x->value);
        break;
    case P1_NAME:
        oraddr_put(o, 0x60, x->name, X400_1988);
        break;
    case P1_CHANGES:
        for (uint32_t i = x->count; i-- > 0;)
            put_change(o, &x->changes[i], x->type == P1_EXT_REDIRECTIONS);
        ber_put_head(o, BER_SEQUENCE, mark);
        break;
    case P1_HOPS:
        p1_hops_put(o, x->type == P1_EXT_TRACE ? 0x69 : BER_SEQUENCE, &x->hops, X400_1988);
        break;
    case P1_MTA:
        put_reporting_mta(o, &x->hops);
        break;
    }
}

static void put_extension(struct ber_out *o, const struct p1_extension *x)
{
    size_t mark = ber_mark(o);

    if (x->form != P1_RAW || x->value.p) {
        put_value(o, x);
        ber_put_head(o, 0xa2, mark);
    }
    put_bits(o, 0x81, &x->criticality);
    if (x->type != P1_NONE)
        ber_put_integer(o, 0x80, x->type);
    else
        ber_put_bytes(o, 0x83, x->oid);
    ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_extensions(struct ber_out *o, uint32_t tag, const struct p1_extensions *x,
                           enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (!x->set || year == X400_1984)
        return;
    for (uint32_t i = x->count; i-- > 0;)
        put_extension(o, &x->at[i]);
    ber_put_head(o, tag, mark);
}

/* --- messages and probes ------------------------------------------------------------------------------------------ */

/* 1984 has numbers only: what P2 and P22 are called as object identifiers is said as a number. */
static void put_content_type(struct ber_out *o, const struct p1_content_type *t,
                             enum x400_year year)
{
    static const unsigned char p2[] = {0x56, 0x01, 0x0a};

    if (t->number != P1_NONE)
        ber_put_integer(o, 0x46, t->number);
    else if (t->oid.p && year == X400_1988)
        ber_put_bytes(o, BER_OID, t->oid);
    else if (t->oid.p)
        ber_put_integer(o, 0x46,
                        t->oid.n == 4 && slice_find(t->oid, slice_from(p2, 3), NULL) ? 2 : 0);
}

static void put_recipient(struct ber_out *o, const struct p1_recipient *r, enum x400_year year)
{
    size_t mark = ber_mark(o);

    put_extensions(o, 0xa3, &r->extensions, year);
    put_number(o, 0x82, r->conversion);
    put_bits(o, 0x81, &r->indicators);
    put_number(o, 0x80, r->number);
    oraddr_put(o, 0x60, &r->name, year);
    ber_put_head(o, BER_SET, mark);
}

/* The members of an envelope, without a tag around them: a probe's stand in its [2] directly. */
static void put_envelope(struct ber_out *o, const struct p1_message *m, bool probe,
                         enum x400_year year)
{
    put_extensions(o, 0xa3, &m->extensions, year);
    p1_hops_put(o, 0x69, &m->trace, year);
    size_t mark = ber_mark(o);

    for (uint32_t i = m->recipient_count; i-- > 0;)
        put_recipient(o, &m->recipients[i], year);
    ber_put_head(o, 0xa2, mark);
    put_text(o, 0xa1, m->bilateral);
    if (!probe)
        put_text(o, 0x80, m->deferred);
    put_bits(o, 0x48, &m->indicators);
    if (probe)
        put_number(o, 0x80, m->content_length);
    else
        put_number(o, 0x47, m->priority);
    put_text(o, 0x4a, m->content_id);
    put_content_type(o, &m->content_type, year);
    put_text(o, 0x65, m->eits);
    oraddr_put(o, 0x60, &m->originator, year);
    p1_id_put(o, &m->id);
}

static void put_message(struct ber_out *o, const struct p1_message *m, enum x400_year year)
{
    size_t mark = ber_mark(o);

    ber_put_bytes(o, BER_OCTETS, m->content);
    size_t inner = ber_mark(o);

    put_envelope(o, m, false, year);
    ber_put_head(o, BER_SET, inner);
    ber_put_head(o, 0xa0, mark);
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

static void put_outcome(struct ber_out *o, const struct p1_reported *r)
{
    size_t mark = ber_mark(o);

    if (r->delivered) {
        put_number(o, 0x81, r->user);
        put_text(o, 0x80, r->delivery);
        ber_put_head(o, 0xa0, mark);
    } else {
        put_number(o, 0x81, r->diagnostic);
        put_number(o, 0x80, r->reason);
        ber_put_head(o, 0xa1, mark);
    }
    ber_put_head(o, 0xa1, mark);
}

static void put_reported(struct ber_out *o, const struct p1_reported *r, enum x400_year year)
{
    size_t mark = ber_mark(o);

    put_extensions(o, 0xa6, &r->extensions, year);
    put_text(o, 0x85, r->supplementary);
    if (r->redirected)
        oraddr_put(o, 0xa4, &r->intended, year);
    size_t inner = ber_mark(o);

    put_outcome(o, r);
    put_text(o, 0x65, r->converted);
    put_text(o, 0x80, r->arrival);
    ber_put_head(o, 0xa3, inner);
    put_bits(o, 0x82, &r->indicators);
    put_number(o, 0x81, r->number);
    oraddr_put(o, 0xa0, &r->actual, year);
    ber_put_head(o, BER_SET, mark);
}

static void put_report_content(struct ber_out *o, const struct p1_report *r, enum x400_year year)
{
    size_t mark = ber_mark(o);

    put_extensions(o, 0xa3, &r->content_extensions, year);
    size_t inner = ber_mark(o);

    for (uint32_t i = r->recipient_count; i-- > 0;)
        put_reported(o, &r->recipients[i], year);
    ber_put_head(o, 0xa0, inner);
    put_text(o, 0xa2, r->additional);
    put_text(o, 0x81, r->returned);
    put_text(o, 0x4a, r->content_id);
    if (year == X400_1988) {
        put_content_type(o, &r->content_type, year);
        put_text(o, 0x65, r->eits);
    }
    p1_hops_put(o, 0x69, &r->subject_trace, year);
    p1_id_put(o, &r->subject);
    ber_put_head(o, BER_SET, mark);
}

static void put_report(struct ber_out *o, const struct p1_report *r, enum x400_year year)
{
    size_t mark = ber_mark(o);

    put_report_content(o, r, year);
    size_t inner = ber_mark(o);

    put_extensions(o, 0xa1, &r->extensions, year);
    p1_hops_put(o, 0x69, &r->trace, year);
    oraddr_put(o, 0x60, &r->destination, year);
    p1_id_put(o, &r->id);
    ber_put_head(o, BER_SET, inner);
    ber_put_head(o, 0xa1, mark);
}

bool p1_write(struct ber_out *o, const struct p1_apdu *apdu, enum x400_year year)
{
    size_t mark = ber_mark(o);

    switch (apdu->kind) {
    case P1_MESSAGE:
        put_message(o, &apdu->message, year);
        break;
    case P1_REPORT:
        put_report(o, &apdu->report, year);
        break;
    case P1_PROBE:
        put_envelope(o, &apdu->message, true, year);
        ber_put_head(o, 0xa2, mark);
        break;
    }
    return !o->full;
}
