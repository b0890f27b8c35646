/* content.c - IPMs and notifications, taken apart and put together.
 *
 *     a0 { 31 heading { 6b this-IPM, a0 originator, a2 a3 a4 recipients, a5 replied-to, a8 {14 subject}, 8c importance .. },
 *          30 body { a0 { 31 { 80 01 05 }, 16 text } .. } }
 *     a1 { 6b subject IPM, .., a0 { a1 { 80 time, 81 mode } or a0 { 80 reason, 81 discard, 82 comment } } }
 */
#include "wire/x400/content.h"

#include <string.h>

#define TAG_IPM       0xa0
#define TAG_IPN       0xa1
#define TAG_ID        0x6b
#define PART_IA5      0xa0
#define PART_TELETEX  0xa5
#define PART_EXTENDED 0xaf
#define NONE          (-1)
#define TEXT_MAX      4096u

struct reader {
    struct arena *arena;
    struct err *e;
    struct slice all;
    bool bad;
};

static bool fault(struct reader *r, const unsigned char *at, const char *what)
{
    if (r->bad)
        return false;
    r->bad = true;
    return err_set(r->e, EX_WIRE, "content: %s at octet %zu", what, (size_t)(at - r->all.p));
}

static bool no_memory(struct reader *r)
{
    r->bad = true;
    return err_set(r->e, EX_IO, "content: it needs more memory than the ceiling allows");
}

static bool next(struct reader *r, struct ber *level, struct ber_element *e)
{
    enum ber_got got = r->bad ? BER_END : ber_next(level, e);

    if (got == BER_BAD)
        return fault(r, level->p, "not well-formed BER");
    return got == BER_GOT;
}

static bool string(struct reader *r, const struct ber_element *e, size_t most, struct slice *out)
{
    if (e->value.n > most)
        return fault(r, e->whole.p, "a string beyond its bound");
    *out = e->value;
    if (!e->constructed)
        return true;
    void *scratch = arena_bytes(r->arena, e->value.n + 1);

    if (!scratch)
        return no_memory(r);
    return ber_string(e, scratch, e->value.n, out) ||
           fault(r, e->whole.p, "a string in bad pieces");
}

static bool number(struct reader *r, const struct ber_element *e, int32_t *out)
{
    int64_t n;

    if (!ber_int(e, &n) || n < 0 || n > INT32_MAX)
        return fault(r, e->whole.p, "a number that is none or too large");
    *out = (int32_t)n;
    return true;
}

static bool name(struct reader *r, const struct ber_element *e, struct oraddr *out)
{
    return oraddr_read(e, r->arena, out, NULL) || fault(r, e->whole.p, "a bad O/R name");
}

static bool count_of(struct reader *r, const struct ber_element *e, uint32_t most, uint32_t *count)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;

    *count = 0;
    while (next(r, &inside, &one))
        if (++*count > most)
            return fault(r, one.whole.p, "too many elements");
    return !r->bad;
}

static bool identifier(struct reader *r, const struct ber_element *e, struct ipm_id *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true;

    while (ok && next(r, &inside, &m)) {
        if (m.tag == 0x60)
            ok = out->named = name(r, &m, &out->user);
        else
            ok = string(r, &m, TEXT_MAX, &out->local);
    }
    out->set = ok && !r->bad;
    return out->set;
}

static bool descriptor(struct reader *r, const struct ber_element *e, struct ipm_person *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true;

    out->notify = NONE;
    while (ok && next(r, &inside, &m)) {
        if (m.tag == 0x60)
            ok = out->named = name(r, &m, &out->name);
        else if (ber_is(&m, 0x80))
            ok = string(r, &m, TEXT_MAX, &out->free_form);
        else if (ber_is(&m, 0x81))
            ok = string(r, &m, TEXT_MAX, &out->telephone);
    }
    return ok && !r->bad;
}

/* 31{ a0 descriptor, 81 notification bits, 82 reply } */
static bool specifier(struct reader *r, const struct ber_element *e, struct ipm_person *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    uint32_t asked;
    unsigned count;
    bool ok = true;

    out->notify = NONE;
    while (ok && next(r, &inside, &m)) {
        int32_t notify = out->notify;

        if (m.tag == 0xa0) {
            ok = descriptor(r, &m, out);
            out->notify = notify;
        } else if (m.tag == 0x81) {
            ok = ber_bits(&m, &asked, &count) || fault(r, m.whole.p, "bits that are none");
            if (ok)
                out->notify = (int32_t)(asked >> 24);
        } else if (m.tag == 0x82) {
            out->reply = m.value.n == 1 && m.value.p[0] != 0;
        }
    }
    return ok && !r->bad;
}

static bool people(struct reader *r, const struct ber_element *e, struct ipm_people *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, CONTENT_NAMES_MAX, &count))
        return false;
    *out =
        (struct ipm_people){.at = arena_new(r->arena, struct ipm_person, count + 1u), .set = true};
    if (!out->at)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!specifier(r, &one, &out->at[out->count++]))
            return false;
    return !r->bad;
}

static bool subject(struct reader *r, const struct ber_element *e, struct slice *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element text;

    return (next(r, &inside, &text) || fault(r, e->whole.p, "an empty subject field")) &&
           string(r, &text, TEXT_MAX, out);
}

static bool heading_member(struct reader *r, const struct ber_element *m, struct ipm *out)
{
    switch (m->tag) {
    case TAG_ID:
        return identifier(r, m, &out->id);
    case 0xa0:
        out->from_set = true;
        return descriptor(r, m, &out->from);
    case 0xa2:
        return people(r, m, &out->to);
    case 0xa3:
        return people(r, m, &out->copy);
    case 0xa4:
        return people(r, m, &out->blind);
    case 0xa5:
        return identifier(r, m, &out->replied_to);
    case 0xa8:
        return subject(r, m, &out->subject);
    case 0x8c:
        return number(r, m, &out->importance);
    case 0x8d:
        return number(r, m, &out->sensitivity);
    case 0x8e:
        out->auto_forwarded = m->value.n == 1 && m->value.p[0] != 0;
        return true;
    default:
        return true;
    }
}

/* --- body --------------------------------------------------------------------------------------------------------- */

/* af{ [a0 parameters], 28{ 06 type, a0 {value} } }: text when the value is a string. */
static bool extended_text(struct reader *r, const struct ber_element *e, struct ipm_part *p)
{
    struct ber level = ber_inside(e);
    struct ber_element external, value, text;

    if (!ber_find(&level, BER_EXTERNAL, &external))
        return true;
    level = ber_inside(&external);
    if (!ber_find(&level, 0xa0, &value))
        return true;
    level = ber_inside(&value);
    if (ber_peek(&level, &text) && text.tag == BER_SEQUENCE) { /* IA5 text: parameters, then data */
        level = ber_inside(&text);
        if (!ber_find(&level, BER_IA5, &text))
            return true;
    } else if (!ber_find(&level, 0x1b, &text) && !ber_find(&level, BER_IA5, &text)) {
        return true;
    }
    return string(r, &text, SIZE_MAX, &p->text);
}

static bool part(struct reader *r, const struct ber_element *e, struct ipm_part *p)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;

    *p = (struct ipm_part){.tag = e->tag, .raw = e->whole};
    if (e->tag == PART_EXTENDED)
        return extended_text(r, e, p);
    if (e->tag == PART_IA5)
        return !ber_find(&inside, BER_IA5, &m) || string(r, &m, SIZE_MAX, &p->text);
    if (e->tag != PART_TELETEX || !ber_find(&inside, BER_SEQUENCE, &m))
        return true;
    inside = ber_inside(&m);
    return !ber_find(&inside, BER_T61, &m) || string(r, &m, SIZE_MAX, &p->text);
}

static bool body(struct reader *r, const struct ber_element *e, struct ipm *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    uint32_t count;

    if (!count_of(r, e, CONTENT_PARTS_MAX, &count))
        return false;
    out->parts = arena_new(r->arena, struct ipm_part, count + 1u);
    if (!out->parts)
        return no_memory(r);
    while (next(r, &inside, &one))
        if (!part(r, &one, &out->parts[out->part_count++]))
            return false;
    return !r->bad;
}

static bool read_ipm(struct reader *r, const struct ber_element *e, struct ipm *out)
{
    struct ber inside = ber_inside(e), heading;
    struct ber_element m;

    if (!ber_take(&inside, BER_SET, &m))
        return fault(r, e->whole.p, "no heading");
    heading = ber_inside(&m);
    if (!ber_take(&inside, BER_SEQUENCE, &m))
        return fault(r, inside.p, "no body");
    const struct ber_element whole_body = m;

    while (next(r, &heading, &m))
        if (!heading_member(r, &m, out))
            return false;
    return !r->bad && body(r, &whole_body, out);
}

/* --- notifications ------------------------------------------------------------------------------------------------ */

static bool outcome(struct reader *r, const struct ber_element *e, struct ipn *out)
{
    struct ber level = ber_inside(e);
    struct ber_element which, m;
    bool ok = true;

    if (!next(r, &level, &which))
        return fault(r, e->whole.p, "a notification of nothing");
    out->receipt = which.tag == 0xa1;
    out->other = which.tag != 0xa0 && which.tag != 0xa1;
    level = ber_inside(&which);
    while (ok && !out->other && next(r, &level, &m)) {
        if (ber_is(&m, 0x80))
            ok = out->receipt ? string(r, &m, TEXT_MAX, &out->time) : number(r, &m, &out->reason);
        else if (m.tag == 0x81)
            ok = number(r, &m, out->receipt ? &out->mode : &out->discard);
        else if (ber_is(&m, 0x82) && !out->receipt)
            ok = string(r, &m, TEXT_MAX, &out->comment);
    }
    return ok && !r->bad;
}

static bool read_ipn(struct reader *r, const struct ber_element *e, struct ipn *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element m;
    bool ok = true, told = false;

    *out = (struct ipn){.mode = NONE, .reason = NONE, .discard = NONE};
    while (ok && next(r, &inside, &m)) {
        if (m.tag == TAG_ID)
            ok = identifier(r, &m, &out->subject);
        else if (m.tag == 0xa0)
            ok = told = outcome(r, &m, out);
    }
    return ok && !r->bad &&
           ((told && out->subject.set) || fault(r, e->whole.p, "a notification of nothing"));
}

void content_init(struct content *c)
{
    *c = (struct content){.ipm = {.importance = NONE, .sensitivity = NONE}};
}

bool content_read(struct slice octets, struct arena *a, struct content *out, struct err *e)
{
    struct reader r = {.arena = a, .e = e, .all = octets};
    struct ber outer = ber_in(octets);
    struct ber_element whole;

    content_init(out);
    if (!next(&r, &outer, &whole))
        return r.bad ? false : fault(&r, octets.p, "nothing there");
    if (whole.tag == TAG_IPM)
        return read_ipm(&r, &whole, &out->ipm);
    out->notification = whole.tag == TAG_IPN;
    return out->notification ? read_ipn(&r, &whole, &out->ipn)
                             : fault(&r, octets.p, "neither an IPM nor a notification");
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void put_text(struct ber_out *o, uint32_t tag, struct slice text)
{
    if (text.p)
        ber_put_bytes(o, tag, text);
}

static void put_number(struct ber_out *o, uint32_t tag, int32_t n)
{
    if (n != NONE)
        ber_put_integer(o, tag, n);
}

static void put_id(struct ber_out *o, uint32_t tag, const struct ipm_id *id, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (!id->set)
        return;
    put_text(o, BER_PRINTABLE, id->local);
    if (id->named)
        oraddr_put(o, 0x60, &id->user, year);
    ber_put_head(o, tag, mark);
}

static void put_descriptor(struct ber_out *o, const struct ipm_person *p, enum x400_year year)
{
    size_t mark = ber_mark(o);

    put_text(o, 0x81, p->telephone);
    put_text(o, 0x80, p->free_form);
    if (p->named)
        oraddr_put(o, 0x60, &p->name, year);
    ber_put_head(o, 0xa0, mark);
}

static void put_people(struct ber_out *o, uint32_t tag, const struct ipm_people *list,
                       enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (!list->set)
        return;
    for (uint32_t i = list->count; i-- > 0;) {
        const struct ipm_person *p = &list->at[i];
        size_t one = ber_mark(o);

        if (p->reply)
            ber_put_bytes(o, 0x82, slice_from("\xff", 1));
        if (p->notify != NONE)
            ber_put_bits(o, 0x81, (uint32_t)p->notify << 24, 3);
        put_descriptor(o, p, year);
        ber_put_head(o, BER_SET, one);
    }
    ber_put_head(o, tag, mark);
}

void content_put_ia5_head(struct ber_out *o, size_t mark)
{
    static const unsigned char repertoire[] = {0x31, 0x03, 0x80, 0x01, 0x05};

    ber_put_head(o, BER_IA5, mark);
    ber_put_raw(o, slice_from(repertoire, sizeof repertoire));
    ber_put_head(o, PART_IA5, mark);
}

static void put_heading(struct ber_out *o, const struct ipm *m, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (m->auto_forwarded)
        ber_put_bytes(o, 0x8e, slice_from("\xff", 1));
    put_number(o, 0x8d, m->sensitivity);
    put_number(o, 0x8c, m->importance);
    size_t inner = ber_mark(o);

    if (m->subject.p) {
        ber_put_bytes(o, BER_T61, m->subject);
        ber_put_head(o, 0xa8, inner);
    }
    put_id(o, 0xa5, &m->replied_to, year);
    put_people(o, 0xa4, &m->blind, year);
    put_people(o, 0xa3, &m->copy, year);
    put_people(o, 0xa2, &m->to, year);
    if (m->from_set)
        put_descriptor(o, &m->from, year);
    put_id(o, TAG_ID, &m->id, year);
    ber_put_head(o, BER_SET, mark);
}

static void put_ipm(struct ber_out *o, const struct ipm *m, enum x400_year year)
{
    size_t mark = ber_mark(o);

    for (uint32_t i = m->part_count; i-- > 0;) {
        size_t one = ber_mark(o);

        if (m->parts[i].raw.p) {
            ber_put_raw(o, m->parts[i].raw);
        } else {
            ber_put_raw(o, m->parts[i].text);
            content_put_ia5_head(o, one);
        }
    }
    ber_put_head(o, BER_SEQUENCE, mark);
    put_heading(o, m, year);
    ber_put_head(o, TAG_IPM, mark);
}

static void put_ipn(struct ber_out *o, const struct ipn *n, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (n->receipt) {
        put_number(o, 0x81, n->mode);
        put_text(o, 0x80, n->time);
    } else {
        put_text(o, 0x82, n->comment);
        put_number(o, 0x81, n->discard);
        put_number(o, 0x80, n->reason);
    }
    ber_put_head(o, n->other ? 0xa2 : n->receipt ? 0xa1 : 0xa0, mark);
    ber_put_head(o, 0xa0, mark);
    put_id(o, TAG_ID, &n->subject, year);
    ber_put_head(o, TAG_IPN, mark);
}

bool content_write(struct ber_out *o, const struct content *c, enum x400_year year)
{
    if (c->notification)
        put_ipn(o, &c->ipn, year);
    else
        put_ipm(o, &c->ipm, year);
    return !o->full;
}
