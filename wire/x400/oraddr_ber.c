/* oraddr_ber.c - the octets of O/R addresses.
 *
 *     60 { 30 { 61{country} 62{ADMD} 80 X.121 81 terminal a2{PRMD} 83 organisation 84 numeric id
 *               a5{80 surname 81 given 82 initials 83 generation} a6{13 unit ..} }
 *          [30 { 30 {13 type 13 value} .. }]  [31 { 30 {80 number, a1 {value}} .. }]  [a0 directory name] }
 *
 * A country, ADMD or PRMD is 13 (printable) or 12 (numeric). Readers take any string type where the standard has one, since
 * peers differ, and skip attributes that they do not know.
 */
#include "wire/x400/oraddr.h"

#define TAG_COUNTRY     0x61
#define TAG_ADMD        0x62
#define TAG_X121        0x80
#define TAG_TERMINAL    0x81
#define TAG_PRMD        0xa2
#define TAG_ORG         0x83
#define TAG_NUMERIC     0x84
#define TAG_PERSON      0xa5
#define TAG_UNITS       0xa6
#define TAG_SURNAME     0x80
#define TAG_GIVEN       0x81
#define TAG_INITIALS    0x82
#define TAG_GENERATION  0x83
#define TAG_DIRECTORY   0xa0
#define EXT_COMMON_NAME 1

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool read_text(const struct ber_element *e, struct arena *a, struct slice *out)
{
    if (e->value.n > ORADDR_ATTRIBUTE_MAX)
        return false;
    if (!e->constructed) {
        *out = e->value;
        return true;
    }
    void *scratch = a ? arena_bytes(a, e->value.n + 1) : NULL;

    return scratch && ber_string(e, scratch, e->value.n, out);
}

static bool read_label_text(const struct ber_element *e, struct arena *a, struct oraddr_label *out)
{
    out->numeric = ber_is(e, BER_NUMERIC);
    return read_text(e, a, &out->text);
}

/* The string in an explicit tag. */
static bool read_label(const struct ber_element *e, struct arena *a, struct oraddr_label *out)
{
    struct ber inside = ber_inside(e);
    struct ber_element text;

    return ber_next(&inside, &text) == BER_GOT && read_label_text(&text, a, out);
}

static bool read_person(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    struct ber inside = ber_inside(e);
    struct ber_element part;
    enum ber_got got;
    bool ok = true;

    while (ok && (got = ber_next(&inside, &part)) == BER_GOT) {
        if (ber_is(&part, TAG_SURNAME))
            ok = read_text(&part, a, &o->surname);
        else if (ber_is(&part, TAG_GIVEN))
            ok = read_text(&part, a, &o->given);
        else if (ber_is(&part, TAG_INITIALS))
            ok = read_text(&part, a, &o->initials);
        else if (ber_is(&part, TAG_GENERATION))
            ok = read_text(&part, a, &o->generation);
    }
    return ok && got == BER_END;
}

static bool read_units(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    struct ber inside = ber_inside(e);
    struct ber_element unit;
    enum ber_got got;

    while ((got = ber_next(&inside, &unit)) == BER_GOT) {
        if (o->unit_count == ORADDR_UNITS_MAX || !read_text(&unit, a, &o->units[o->unit_count++]))
            return false;
    }
    return got == BER_END;
}

static bool read_standard_one(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    if (e->tag == TAG_COUNTRY)
        return read_label(e, a, &o->domain.country);
    if (e->tag == TAG_ADMD)
        return read_label(e, a, &o->domain.admd);
    if (e->tag == TAG_PRMD)
        return read_label(e, a, &o->domain.prmd);
    if (e->tag == TAG_PERSON)
        return read_person(e, a, o);
    if (e->tag == TAG_UNITS)
        return read_units(e, a, o);
    if (ber_is(e, TAG_X121))
        return read_text(e, a, &o->x121);
    if (ber_is(e, TAG_TERMINAL))
        return read_text(e, a, &o->terminal);
    if (ber_is(e, TAG_ORG))
        return read_text(e, a, &o->organisation);
    if (ber_is(e, TAG_NUMERIC))
        return read_text(e, a, &o->numeric_id);
    return true;
}

static bool read_standard(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    enum ber_got got;

    while ((got = ber_next(&inside, &one)) == BER_GOT)
        if (!read_standard_one(&one, a, o))
            return false;
    return got == BER_END;
}

static bool read_ddas(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    struct ber inside = ber_inside(e);
    struct ber_element one, type, value;
    enum ber_got got;

    while ((got = ber_next(&inside, &one)) == BER_GOT) {
        struct ber pair = ber_inside(&one);

        if (o->dda_count == ORADDR_DDAS_MAX || ber_next(&pair, &type) != BER_GOT ||
            ber_next(&pair, &value) != BER_GOT)
            return false;
        struct oraddr_dda *d = &o->ddas[o->dda_count++];

        if (!read_text(&type, a, &d->type) || !read_text(&value, a, &d->value))
            return false;
    }
    return got == BER_END;
}

static bool read_extended(const struct ber_element *e, struct arena *a, struct oraddr *o)
{
    struct ber inside = ber_inside(e);
    struct ber_element one, number, value, text;
    enum ber_got got;
    int64_t n;

    o->extended = e->value;
    while ((got = ber_next(&inside, &one)) == BER_GOT) {
        struct ber pair = ber_inside(&one);

        if (!ber_find(&pair, 0x80, &number) || !ber_int(&number, &n) ||
            !ber_find(&pair, 0xa1, &value))
            return false;
        struct ber wrapped = ber_inside(&value);

        if (n == EXT_COMMON_NAME &&
            (ber_next(&wrapped, &text) != BER_GOT || !read_text(&text, a, &o->common_name)))
            return false;
    }
    return got == BER_END;
}

bool oraddr_read(const struct ber_element *e, struct arena *a, struct oraddr *out, struct err *err)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    enum ber_got got;
    bool ok = true, standard = false;

    *out = (struct oraddr){0};
    while (ok && (got = ber_next(&inside, &one)) == BER_GOT) {
        if (one.tag == BER_SEQUENCE && !standard)
            ok = standard = read_standard(&one, a, out);
        else if (one.tag == BER_SEQUENCE)
            ok = read_ddas(&one, a, out);
        else if (one.tag == BER_SET)
            ok = read_extended(&one, a, out);
        else if (one.tag == TAG_DIRECTORY)
            out->directory = one.value;
    }
    if (ok && got == BER_END && (standard || out->directory.p))
        return true;
    return err_set(err, EX_WIRE, "O/R name: %s",
                   ok && got == BER_END ? "neither an address nor a directory name in it"
                                        : "not well formed, or beyond the standard's bounds");
}

bool oraddr_domain_read(const struct ber_element *e, struct arena *a, struct oraddr_domain *d)
{
    struct ber inside = ber_inside(e);
    struct ber_element one;
    enum ber_got got;
    bool ok = true;

    *d = (struct oraddr_domain){0};
    while (ok && (got = ber_next(&inside, &one)) == BER_GOT) {
        if (one.tag == TAG_COUNTRY)
            ok = read_label(&one, a, &d->country);
        else if (one.tag == TAG_ADMD)
            ok = read_label(&one, a, &d->admd);
        else if (ber_is(&one, BER_PRINTABLE) || ber_is(&one, BER_NUMERIC))
            ok = read_label_text(&one, a, &d->prmd);
    }
    return ok && got == BER_END;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void put_optional(struct ber_out *o, uint32_t tag, struct slice text)
{
    if (text.p)
        ber_put_bytes(o, tag, text);
}

static void put_label_text(struct ber_out *o, const struct oraddr_label *l)
{
    put_optional(o, l->numeric ? BER_NUMERIC : BER_PRINTABLE, l->text);
}

static void put_label(struct ber_out *o, uint32_t tag, const struct oraddr_label *l)
{
    size_t mark = ber_mark(o);

    put_label_text(o, l);
    if (l->text.p)
        ber_put_head(o, tag, mark);
}

static void put_person(struct ber_out *o, const struct oraddr *a)
{
    size_t mark = ber_mark(o);

    put_optional(o, TAG_GENERATION, a->generation);
    put_optional(o, TAG_INITIALS, a->initials);
    put_optional(o, TAG_GIVEN, a->given);
    put_optional(o, TAG_SURNAME, a->surname);
    if (ber_mark(o) > mark)
        ber_put_head(o, TAG_PERSON, mark);
}

static void put_standard(struct ber_out *o, const struct oraddr *a)
{
    size_t mark = ber_mark(o), units = mark;

    for (unsigned i = a->unit_count; i-- > 0;)
        ber_put_bytes(o, BER_PRINTABLE, a->units[i]);
    if (a->unit_count > 0)
        ber_put_head(o, TAG_UNITS, units);
    put_person(o, a);
    put_optional(o, TAG_NUMERIC, a->numeric_id);
    put_optional(o, TAG_ORG, a->organisation);
    put_label(o, TAG_PRMD, &a->domain.prmd);
    put_optional(o, TAG_TERMINAL, a->terminal);
    put_optional(o, TAG_X121, a->x121);
    put_label(o, TAG_ADMD, &a->domain.admd);
    put_label(o, TAG_COUNTRY, &a->domain.country);
    ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_ddas(struct ber_out *o, const struct oraddr *a)
{
    size_t mark = ber_mark(o);

    for (unsigned i = a->dda_count; i-- > 0;) {
        size_t one = ber_mark(o);

        ber_put_bytes(o, BER_PRINTABLE, a->ddas[i].value);
        ber_put_bytes(o, BER_PRINTABLE, a->ddas[i].type);
        ber_put_head(o, BER_SEQUENCE, one);
    }
    if (a->dda_count > 0)
        ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_extended(struct ber_out *o, const struct oraddr *a)
{
    size_t mark = ber_mark(o);

    if (a->extended.p) { /* as it came: the common name is in it */
        ber_put_bytes(o, BER_SET, a->extended);
    } else if (a->common_name.p) {
        ber_put_bytes(o, BER_PRINTABLE, a->common_name);
        ber_put_head(o, 0xa1, mark);
        ber_put_integer(o, 0x80, EXT_COMMON_NAME);
        ber_put_head(o, BER_SEQUENCE, mark);
        ber_put_head(o, BER_SET, mark);
    }
}

void oraddr_put(struct ber_out *o, uint32_t tag, const struct oraddr *a, enum x400_year year)
{
    size_t mark = ber_mark(o);

    if (year == X400_1988) {
        put_optional(o, TAG_DIRECTORY, a->directory);
        put_extended(o, a);
    }
    put_ddas(o, a);
    put_standard(o, a);
    ber_put_head(o, tag, mark);
}

void oraddr_domain_put(struct ber_out *o, uint32_t tag, const struct oraddr_domain *d)
{
    size_t mark = ber_mark(o);

    put_label_text(o, &d->prmd);
    put_label(o, TAG_ADMD, &d->admd);
    put_label(o, TAG_COUNTRY, &d->country);
    ber_put_head(o, tag, mark);
}
