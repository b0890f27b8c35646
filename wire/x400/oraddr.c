/* oraddr.c - the text of O/R addresses: one table of attributes serves reading, printing, bounds and comparison. */
#include "wire/x400/oraddr.h"

#include <string.h>

#include "base/text.h"

enum alphabet { PRINTABLE, DIGITS };

enum slot { /* where the attribute lies in struct oraddr */
            IN_COUNTRY,
            IN_ADMD,
            IN_PRMD,
            IN_ORGANISATION,
            IN_UNIT1,
            IN_UNIT2,
            IN_UNIT3,
            IN_UNIT4,
            IN_SURNAME,
            IN_GIVEN,
            IN_INITIALS,
            IN_GENERATION,
            IN_COMMON,
            IN_X121,
            IN_TERMINAL,
            IN_NUMERIC,
};

static const struct attribute { /* in the order in which they are printed */
    const char *key, *alias;
    enum slot slot;
    uint16_t most; /* characters, by X.411's upper bounds */
    enum alphabet alphabet;
} attributes[] = {
    {"c", "country", IN_COUNTRY, 3, PRINTABLE},
    {"a", "admd", IN_ADMD, 16, PRINTABLE},
    {"p", "prmd", IN_PRMD, 16, PRINTABLE},
    {"o", "org", IN_ORGANISATION, 64, PRINTABLE},
    {"ou1", "ou", IN_UNIT1, 32, PRINTABLE},
    {"ou2", NULL, IN_UNIT2, 32, PRINTABLE},
    {"ou3", NULL, IN_UNIT3, 32, PRINTABLE},
    {"ou4", NULL, IN_UNIT4, 32, PRINTABLE},
    {"s", "surname", IN_SURNAME, 40, PRINTABLE},
    {"g", "given", IN_GIVEN, 16, PRINTABLE},
    {"i", "initials", IN_INITIALS, 5, PRINTABLE},
    {"q", "generation", IN_GENERATION, 3, PRINTABLE},
    {"cn", "common-name", IN_COMMON, 64, PRINTABLE},
    {"x121", "x.121", IN_X121, 15, DIGITS},
    {"t-id", "terminal", IN_TERMINAL, 24, PRINTABLE},
    {"n-id", "ua-id", IN_NUMERIC, 32, DIGITS},
};

#define ATTRIBUTES    (sizeof attributes / sizeof *attributes)
#define DDA_TYPE_MAX  8u
#define DDA_VALUE_MAX 128u
#define KEY_MAX       16u

static struct slice *attribute_of(struct oraddr *o, enum slot slot)
{
    switch (slot) {
    case IN_COUNTRY:
        return &o->domain.country.text;
    case IN_ADMD:
        return &o->domain.admd.text;
    case IN_PRMD:
        return &o->domain.prmd.text;
    case IN_ORGANISATION:
        return &o->organisation;
    case IN_UNIT1:
    case IN_UNIT2:
    case IN_UNIT3:
    case IN_UNIT4:
        return &o->units[slot - IN_UNIT1];
    case IN_SURNAME:
        return &o->surname;
    case IN_GIVEN:
        return &o->given;
    case IN_INITIALS:
        return &o->initials;
    case IN_GENERATION:
        return &o->generation;
    case IN_COMMON:
        return &o->common_name;
    case IN_X121:
        return &o->x121;
    case IN_TERMINAL:
        return &o->terminal;
    case IN_NUMERIC:
        return &o->numeric_id;
    }
    PM_UNREACHABLE();
}

static struct slice attribute_get(const struct oraddr *o, enum slot slot)
{
    return *attribute_of((struct oraddr *)o, slot); /* read only, whatever the cast says */
}

static bool attribute_numeric(const struct oraddr *o, enum slot slot)
{
    return (slot == IN_ADMD && o->domain.admd.numeric) ||
           (slot == IN_PRMD && o->domain.prmd.numeric);
}

/* --- reading text -------------------------------------------------------------------------------------------------- */

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_printable(unsigned char c) /* of PrintableString */
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr(" '()+,-./:=?", c));
}

static bool check_value(const char *what, struct slice v, size_t most, enum alphabet alphabet,
                        struct err *e)
{
    char shown[80];

    if (v.n > most)
        return err_set(e, EX_BAD_PROFILE, "O/R address: %s has %zu characters, %zu are allowed",
                       what, v.n, most);
    for (size_t i = 0; i < v.n; i++)
        if (alphabet == DIGITS ? !is_digit(v.p[i]) && v.p[i] != ' ' : !is_printable(v.p[i]))
            return err_set(e, EX_BAD_PROFILE, "O/R address: %s: '%s' has a character that %s lacks",
                           what, text_clean(shown, sizeof shown, v),
                           alphabet == DIGITS ? "NumericString" : "PrintableString");
    return true;
}

/* Copies `s` up to an unescaped `stop` (-1: none) without its backslashes; *rest is what follows the stop, *found whether there was one. */
static bool unescape(struct slice s, int stop, struct arena *a, struct slice *out,
                     struct slice *rest, bool *found)
{
    char *to = arena_bytes(a, s.n + 1);
    size_t n = 0, i = 0;

    if (!to)
        return false;
    for (; i < s.n && s.p[i] != stop; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        to[n++] = (char)s.p[i];
    }
    *found = i < s.n;
    *rest = slice_skip(s, i + *found);
    *out = slice_from(to, n);
    return true;
}

static const struct attribute *attribute_named(struct slice key)
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (slice_is_nocase(key, attributes[i].key) ||
            (attributes[i].alias && slice_is_nocase(key, attributes[i].alias)))
            return &attributes[i];
    return NULL;
}

static bool add_dda(struct oraddr *o, struct slice text, struct arena *a, struct err *e)
{
    struct oraddr_dda d = {0};
    struct slice rest = {0};
    bool equals = false;

    if (o->dda_count == ORADDR_DDAS_MAX)
        return err_set(e, EX_BAD_PROFILE, "O/R address: more than %u domain-defined attributes",
                       ORADDR_DDAS_MAX);
    if (!unescape(text, '=', a, &d.type, &rest, &equals))
        return err_set(e, EX_IO, "O/R address: out of memory");
    if (!equals || d.type.n == 0)
        return err_set(e, EX_BAD_PROFILE, "O/R address: dda: needs TYPE=VALUE");
    if (!unescape(rest, -1, a, &d.value, &rest, &equals))
        return err_set(e, EX_IO, "O/R address: out of memory");
    if (!check_value("the type of a dda", d.type, DDA_TYPE_MAX, PRINTABLE, e) ||
        !check_value("a dda", d.value, DDA_VALUE_MAX, PRINTABLE, e))
        return false;
    o->ddas[o->dda_count++] = d;
    return true;
}

static bool set_attribute(struct oraddr *o, struct slice key, struct slice text, struct arena *a,
                          struct err *e)
{
    bool numeric = key.n > 1 && key.p[key.n - 1] == '#', more = false;
    struct slice value, rest;
    char shown[40];

    key.n -= numeric;
    const struct attribute *row = attribute_named(key);

    if (!row || (numeric && row->slot != IN_ADMD && row->slot != IN_PRMD))
        return err_set(e, EX_BAD_PROFILE,
                       "O/R address: '%s' is no attribute (c a p o ou1..4 s g i q cn x121 t-id "
                       "n-id dda:TYPE)",
                       text_clean(shown, sizeof shown, key));
    struct slice *at = attribute_of(o, row->slot);

    if (at->p)
        return err_set(e, EX_BAD_PROFILE, "O/R address: %s is there twice", row->key);
    if (!unescape(text, -1, a, &value, &rest, &more))
        return err_set(e, EX_IO, "O/R address: out of memory");
    if (!check_value(row->key, value, row->most, numeric ? DIGITS : row->alphabet, e))
        return false;
    *at = value;
    if (row->slot == IN_COUNTRY)
        o->domain.country.numeric = is_digits(value);
    else if (row->slot == IN_ADMD)
        o->domain.admd.numeric = numeric;
    else if (row->slot == IN_PRMD)
        o->domain.prmd.numeric = numeric;
    return true;
}

/* The component up to the next ; that has no backslash before it. */
static struct slice next_component(struct slice *rest)
{
    struct slice s = *rest;
    size_t i = 0;

    while (i < s.n && s.p[i] != ';')
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    *rest = slice_skip(s, i + (i < s.n));
    return slice_from(s.p, i);
}

static bool set_component(struct oraddr *o, struct slice part, struct arena *a, struct err *e)
{
    struct slice key, value = part;
    char shown[60];

    while (value.n > 0 && value.p[0] == ' ')
        value = slice_skip(value, 1);
    if (value.n == 0)
        return true;
    if (slice_starts_nocase(value, "dda:"))
        return add_dda(o, slice_skip(value, 4), a, e);
    if (!slice_cut(&value, '=', &key))
        return err_set(e, EX_BAD_PROFILE, "O/R address: '%s' is not KEY=VALUE",
                       text_clean(shown, sizeof shown, part));
    return set_attribute(o, slice_trim(key), value, a, e);
}

bool oraddr_parse(struct slice text, struct arena *a, struct oraddr *out, struct err *e)
{
    *out = (struct oraddr){0};
    if (text.n == 0)
        return err_set(e, EX_BAD_PROFILE, "O/R address: empty");
    while (text.n > 0)
        if (!set_component(out, next_component(&text), a, e))
            return false;
    while (out->unit_count < ORADDR_UNITS_MAX && out->units[out->unit_count].p)
        out->unit_count++;
    for (unsigned i = out->unit_count; i < ORADDR_UNITS_MAX; i++)
        if (out->units[i].p)
            return err_set(e, EX_BAD_PROFILE, "O/R address: ou%u without ou%u", i + 1,
                           out->unit_count + 1u);
    return true;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

struct pen {
    struct buf *out;
    bool ok, folding;
};

static void put_text(struct pen *w, const char *text)
{
    w->ok = w->ok && buf_add_text(w->out, text);
}

static void put_char(struct pen *w, unsigned char c, bool in_type)
{
    if (c < 32 || c > 126) {
        w->ok = w->ok && buf_add_format(w->out, "\\x%02x", c);
        return;
    }
    if (c == ';' || c == '\\' || (c == '=' && in_type))
        put_text(w, "\\");
    if (w->folding && c >= 'A' && c <= 'Z')
        c = (unsigned char)(c - 'A' + 'a');
    w->ok = w->ok && buf_add(w->out, &c, 1);
}

static void put_value(struct pen *w, struct slice s, bool in_type)
{
    bool blank = false;

    if (w->folding)
        s = slice_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        if (w->folding && blank && s.p[i] == ' ')
            continue;
        blank = s.p[i] == ' ';
        put_char(w, s.p[i], in_type);
    }
}

static void put_separator(struct pen *w, size_t begin)
{
    if (w->out->n > begin)
        put_text(w, ";");
}

static void put_dda(struct pen *w, const struct oraddr_dda *d)
{
    put_text(w, "dda:");
    put_value(w, d->type, true);
    put_text(w, "=");
    put_value(w, d->value, false);
}

/* Extension attributes but for the common name, which has a key of its own. */
static void put_extended(struct pen *w, const struct oraddr *o, size_t begin)
{
    struct ber level = ber_in(o->extended);
    struct ber_element one, number, value;
    int64_t n = 0;

    while (w->ok && ber_next(&level, &one) == BER_GOT) {
        struct ber inside = ber_inside(&one);

        if (!ber_find(&inside, 0x80, &number) || !ber_int(&number, &n) ||
            (n == 1 && o->common_name.p) || !ber_find(&inside, 0xa1, &value))
            continue;
        put_separator(w, begin);
        w->ok = w->ok && buf_add_format(w->out, "ext%lld=", (long long)n);
        for (size_t i = 0; i < value.value.n; i++)
            w->ok = w->ok && buf_add_format(w->out, "%02x", value.value.p[i]);
    }
}

static void put_attributes(struct pen *w, const struct oraddr *o, size_t begin)
{
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *row = &attributes[i];
        struct slice v = attribute_get(o, row->slot);

        if (!v.p || (w->folding && slice_trim(v).n == 0))
            continue;
        put_separator(w, begin);
        put_text(w, row->key);
        put_text(w, !w->folding && attribute_numeric(o, row->slot) ? "#=" : "=");
        put_value(w, v, false);
    }
}

bool oraddr_print(const struct oraddr *o, struct buf *out)
{
    struct pen w = {out, true, false};
    size_t begin = out->n;

    put_attributes(&w, o, begin);
    put_extended(&w, o, begin);
    for (unsigned i = 0; i < o->dda_count; i++) {
        put_separator(&w, begin);
        put_dda(&w, &o->ddas[i]);
    }
    return w.ok;
}

bool oraddr_domain_print(const struct oraddr_domain *d, struct buf *out)
{
    const struct oraddr o = {.domain = *d};

    return oraddr_print(&o, out);
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

struct folded_dda {
    unsigned char text[ORADDR_FOLD_MAX / 2];
    size_t n;
};

static int compare_folded(const struct folded_dda *x, const struct folded_dda *y)
{
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n > 0 ? memcmp(x->text, y->text, n) : 0;

    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

/* Which of the ddas comes next in alphabetical order; `done` has a bit for those that came. */
static int next_dda(const struct folded_dda *ddas, unsigned count, unsigned done)
{
    int best = -1;

    for (unsigned i = 0; i < count; i++)
        if (!(done >> i & 1) && (best < 0 || compare_folded(&ddas[i], &ddas[best]) < 0))
            best = (int)i;
    return best;
}

static bool fold_ddas(struct pen *w, const struct oraddr *o)
{
    struct folded_dda ddas[ORADDR_DDAS_MAX];
    unsigned done = 0;

    for (unsigned i = 0; i < o->dda_count; i++) {
        struct buf out = {
            .p = ddas[i].text, .room = sizeof ddas[i].text, .limit = sizeof ddas[i].text - 1};
        struct pen one = {&out, true, true};

        put_dda(&one, &o->ddas[i]);
        ddas[i].n = out.n;
        if (!one.ok)
            return false;
    }
    for (unsigned i = 0; i < o->dda_count; i++) {
        int at = next_dda(ddas, o->dda_count, done);

        done |= 1u << at;
        put_text(w, ";");
        w->ok = w->ok && buf_add(w->out, ddas[at].text, ddas[at].n);
    }
    return w->ok;
}

bool oraddr_fold(const struct oraddr *o, char out[ORADDR_FOLD_MAX])
{
    struct buf b = {
        .p = (unsigned char *)out, .room = ORADDR_FOLD_MAX, .limit = ORADDR_FOLD_MAX - 1};
    struct pen w = {&b, true, true};

    put_attributes(&w, o, 0);
    put_extended(&w, o, 0);
    bool ok = w.ok && fold_ddas(&w, o);

    out[b.n] = 0;
    return ok;
}

bool oraddr_equal(const struct oraddr *x, const struct oraddr *y)
{
    char one[ORADDR_FOLD_MAX], other[ORADDR_FOLD_MAX];

    return oraddr_fold(x, one) && oraddr_fold(y, other) && strcmp(one, other) == 0;
}
