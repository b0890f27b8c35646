/* spdu.c - parameters of SPDUs, read with bounds and written backwards.
 *
 * Groups (1, 5, 33) are read as if their members stood outside. Only AR has a member twice: the identifier of the activity
 * resumed is in group 33, the new one behind it, and the last counts.
 */
#include "wire/x400/spdu.h"

static const struct {
    unsigned char si;
    bool behind;
    const char *name;
} kinds[SPDU_COUNT] = {[SPDU_NONE] = {0, false, "no SPDU we know"},

#define X(id, si, behind, name) [id] = {si, behind, name},
                       SPDUS(X)
#undef X
};

const char *spdu_name(enum spdu_kind kind)
{
    return kinds[kind].name;
}

unsigned char spdu_si(enum spdu_kind kind)
{
    return kinds[kind].si;
}

bool spdu_is_behind(enum spdu_kind kind)
{
    return kinds[kind].behind;
}

static enum spdu_kind kind_of(unsigned char si, bool first)
{
    for (unsigned k = SPDU_NONE + 1; k < SPDU_COUNT; k++)
        if (kinds[k].si == si && kinds[k].behind != first)
            return k;
    return SPDU_NONE;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* code, length (an octet, or ff and two), and so many octets */
static bool read_block(struct slice *in, unsigned char *code, struct slice *value)
{
    size_t head = 2, n = 0;

    if (in->n < 2)
        return false;
    *code = in->p[0];
    n = in->p[1];
    if (n == 255) {
        if (in->n < 4)
            return false;
        head = 4;
        n = (size_t)in->p[2] << 8 | in->p[3];
    }
    if (n > in->n - head)
        return false;
    *value = slice_from(in->p + head, n);
    *in = slice_skip(*in, head + n);
    return true;
}

static bool read_octet(struct spdu *s, struct slice v, uint8_t *to, unsigned has)
{
    if (v.n != 1)
        return false;
    *to = v.p[0];
    s->has |= has;
    return true;
}

static bool read_serial(struct spdu *s, struct slice v)
{
    if (v.n == 0 || v.n > 6)
        return false;
    s->serial = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        s->serial = s->serial * 10 + (v.p[i] - '0');
    }
    s->has |= SPDU_HAS_SERIAL;
    return true;
}

static bool read_slice(struct spdu *s, struct slice v, size_t most, struct slice *to, unsigned has)
{
    *to = v;
    s->has |= has;
    return v.n <= most;
}

static bool read_tsdu_max(struct spdu *s, struct slice v)
{
    if (v.n != 4)
        return false;
    s->tsdu_max[0] = (uint16_t)(v.p[0] << 8 | v.p[1]);
    s->tsdu_max[1] = (uint16_t)(v.p[2] << 8 | v.p[3]);
    s->has |= SPDU_HAS_TSDU_MAX;
    return true;
}

static bool read_requirements(struct spdu *s, struct slice v)
{
    if (v.n != 2)
        return false;
    s->requirements = (uint16_t)(v.p[0] << 8 | v.p[1]);
    s->has |= SPDU_HAS_REQUIREMENTS;
    return true;
}

static bool read_param(struct spdu *s, unsigned char code, struct slice v)
{
    switch (code) {
    case SPDU_P_COMMON_REF:
        return read_slice(s, v, 64, &s->common_ref, 0);
    case SPDU_P_SYNC_TYPE:
        return read_octet(s, v, &s->sync_type, SPDU_HAS_SYNC_TYPE);
    case SPDU_P_TOKENS:
        return read_octet(s, v, &s->tokens, SPDU_HAS_TOKENS);
    case SPDU_P_DISCONNECT:
        return read_octet(s, v, &s->disconnect, SPDU_HAS_DISCONNECT);
    case SPDU_P_OPTIONS:
        return read_octet(s, v, &s->options, SPDU_HAS_OPTIONS);
    case SPDU_P_REQUIREMENTS:
        return read_requirements(s, v);
    case SPDU_P_TSDU_MAX:
        return read_tsdu_max(s, v);
    case SPDU_P_VERSIONS:
        return read_octet(s, v, &s->versions, SPDU_HAS_VERSIONS);
    case SPDU_P_ENCLOSURE:
        return read_octet(s, v, &s->enclosure, SPDU_HAS_ENCLOSURE);
    case SPDU_P_SETTING:
        return read_octet(s, v, &s->setting, SPDU_HAS_SETTING);
    case SPDU_P_ID:
        return read_slice(s, v, 6, &s->id, SPDU_HAS_ID);
    case SPDU_P_SERIAL:
        return read_serial(s, v);
    case SPDU_P_REASON:
        return read_slice(s, v, 65535, &s->reason, SPDU_HAS_REASON);
    case SPDU_P_CALLED_SEL:
        return read_slice(s, v, 16, &s->called_sel, 0);
    case SPDU_P_OVERFLOW:
        s->has |= SPDU_HAS_OVERFLOW;
        return true;
    case SPDU_P_MIA_USER:
    case SPDU_P_USER:
    case SPDU_P_USER_EXTENDED:
        return read_slice(s, v, 65535, &s->user, 0);
    default: /* those we have no use for: X.225 wants them skipped */
        return true;
    }
}

static bool read_params(struct spdu *s, struct slice params, bool inside)
{
    while (params.n > 0) {
        unsigned char code = 0;
        struct slice value;

        if (!read_block(&params, &code, &value))
            return false;
        bool group = code == SPDU_P_CONNECTION || code == SPDU_P_ITEM || code == SPDU_P_LINK;

        if (group && inside)
            return false;
        if (group ? !read_params(s, value, true) : !read_param(s, code, value))
            return false;
    }
    return true;
}

bool spdu_read(struct slice *in, bool first, struct spdu *s, const char **why)
{
    unsigned char si = 0;
    struct slice params;

    *s = (struct spdu){0};
    if (!read_block(in, &si, &params)) {
        *why = "an SPDU runs past the end of its TSDU";
        return false;
    }
    s->kind = kind_of(si, first);
    if (!read_params(s, params, false)) {
        *why = "a parameter is malformed";
        return false;
    }
    if (s->kind == SPDU_DT || s->kind == SPDU_TD) {
        s->information = *in;
        *in = slice_from(NULL, 0);
    }
    if (s->kind == SPDU_AE && s->has & SPDU_HAS_SYNC_TYPE && s->sync_type & 1)
        s->kind = SPDU_MAP;
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

void spdu_put_head(struct ber_out *o, unsigned char code, size_t mark)
{
    size_t n = ber_mark(o) - mark;

    PM_ASSERT(n <= 65535);
    if (n < 255) {
        ber_put_octet(o, (unsigned char)n);
    } else {
        ber_put_octet(o, (unsigned char)(n & 255));
        ber_put_octet(o, (unsigned char)(n >> 8));
        ber_put_octet(o, 255);
    }
    ber_put_octet(o, code);
}

void spdu_put(struct ber_out *o, unsigned char pi, struct slice value)
{
    size_t mark = ber_mark(o);

    ber_put_raw(o, value);
    spdu_put_head(o, pi, mark);
}

void spdu_put_octet(struct ber_out *o, unsigned char pi, unsigned char value)
{
    spdu_put(o, pi, slice_from(&value, 1));
}

void spdu_put_serial(struct ber_out *o, uint32_t serial)
{
    size_t mark = ber_mark(o);

    do
        ber_put_octet(o, (unsigned char)('0' + serial % 10));
    while ((serial /= 10) > 0);
    spdu_put_head(o, SPDU_P_SERIAL, mark);
}
