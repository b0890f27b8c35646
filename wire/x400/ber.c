/* ber.c - a writer that goes backwards, and a reader that believes no length.
 *
 * An element of indefinite length is measured when it is met, by skipping what is inside; nested ones are measured again
 * when they are entered, so the cost of reading is at most the octets times the depth.
 */
#include "wire/x400/ber.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* --- writing ------------------------------------------------------------------------------------------------------ */

void ber_out_init(struct ber_out *o, void *room, size_t n)
{
    unsigned char *p = room;

    *o = (struct ber_out){.start = p, .p = p + n, .end = p + n};
}

struct slice ber_out_slice(const struct ber_out *o)
{
    return slice_from(o->p, (size_t)(o->end - o->p));
}

size_t ber_mark(const struct ber_out *o)
{
    return (size_t)(o->end - o->p);
}

static unsigned char *push(struct ber_out *o, size_t n)
{
    if (o->full || (size_t)(o->p - o->start) < n) {
        o->full = true;
        return NULL;
    }
    return o->p -= n;
}

void ber_put_raw(struct ber_out *o, struct slice s)
{
    unsigned char *at = push(o, s.n);

    if (at && s.n > 0)
        memcpy(at, s.p, s.n);
}

void ber_put_octet(struct ber_out *o, unsigned char c)
{
    unsigned char *at = push(o, 1);

    if (at)
        *at = c;
}

static void put_length(struct ber_out *o, size_t n)
{
    unsigned octets = 0;

    if (n < 0x80) {
        ber_put_octet(o, (unsigned char)n);
        return;
    }
    for (; n > 0; n >>= 8, octets++)
        ber_put_octet(o, (unsigned char)(n & 0xff));
    ber_put_octet(o, (unsigned char)(0x80 | octets));
}

void ber_put_head(struct ber_out *o, uint32_t tag, size_t mark)
{
    put_length(o, ber_mark(o) - mark);
    do
        ber_put_octet(o, (unsigned char)(tag & 0xff));
    while ((tag >>= 8) > 0);
}

void ber_put_bytes(struct ber_out *o, uint32_t tag, struct slice value)
{
    size_t mark = ber_mark(o);

    ber_put_raw(o, value);
    ber_put_head(o, tag, mark);
}

void ber_put_text(struct ber_out *o, uint32_t tag, const char *text)
{
    ber_put_bytes(o, tag, slice_of(text));
}

void ber_put_integer(struct ber_out *o, uint32_t tag, int64_t n)
{
    size_t mark = ber_mark(o);
    bool more = true;

    while (more) {
        int64_t rest = n >> 8; /* arithmetic: gcc and clang both */
        unsigned char low = (unsigned char)(n & 0xff);

        ber_put_octet(o, low);
        more = !((rest == 0 && low < 0x80) || (rest == -1 && low >= 0x80));
        n = rest;
    }
    ber_put_head(o, tag, mark);
}

void ber_put_empty(struct ber_out *o, uint32_t tag)
{
    ber_put_head(o, tag, ber_mark(o));
}

void ber_put_bits(struct ber_out *o, uint32_t tag, uint32_t bits, unsigned count)
{
    size_t mark = ber_mark(o);
    unsigned octets = (count + 7) / 8;

    PM_ASSERT(count <= 32);
    if (count < 32)
        bits &= ~(0xffffffffu >> count);
    for (unsigned i = octets; i-- > 0;)
        ber_put_octet(o, (unsigned char)(bits >> (24 - 8 * i) & 0xff));
    ber_put_octet(o, (unsigned char)(octets * 8 - count));
    ber_put_head(o, tag, mark);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct ber ber_in(struct slice s)
{
    return (struct ber){.p = s.p, .end = s.n > 0 ? s.p + s.n : s.p};
}

struct ber ber_inside(const struct ber_element *e)
{
    if (!e->constructed)
        return (struct ber){.p = e->value.p, .end = e->value.p, .depth = e->depth};
    return (struct ber){
        .p = e->value.p, .end = e->value.p + e->value.n, .depth = (uint8_t)(e->depth + 1)};
}

struct head {
    uint32_t tag;
    size_t octets, length; /* of the header, of the value */
    bool indefinite;
};

static bool read_tag(const unsigned char **at, const unsigned char *end, uint32_t *tag)
{
    const unsigned char *p = *at;

    if (p == end)
        return false;
    *tag = *p++;
    if ((*tag & 0x1f) == 0x1f)
        for (unsigned i = 0;; i++) {
            if (p == end || i == 2)
                return false;
            *tag = *tag << 8 | *p;
            if (!(*p++ & 0x80))
                break;
        }
    *at = p;
    return true;
}

static bool read_head(const unsigned char *from, const unsigned char *end, struct head *h)
{
    const unsigned char *p = from;

    h->indefinite = false;
    h->length = 0;
    if (!read_tag(&p, end, &h->tag) || p == end)
        return false;
    if (*p < 0x80) {
        h->length = *p++;
    } else if (*p == 0x80) {
        h->indefinite = true;
        p++;
    } else {
        unsigned octets = *p++ & 0x7f;

        if (octets > (size_t)(end - p))
            return false;
        for (; octets > 0; octets--) {
            if (h->length >> 32)
                return false;
            h->length = h->length << 8 | *p++;
        }
    }
    h->octets = (size_t)(p - from);
    return h->length <= (size_t)(end - p);
}

static bool is_constructed(uint32_t tag)
{
    while (tag > 0xff)
        tag >>= 8;
    return tag & BER_CONSTRUCTED;
}

/* The length of an indefinite value that begins at p, without its end-of-contents octets. One loop, no recursion: a
 * definite element is stepped over whole, an indefinite one opens a level. */
static bool measure(const unsigned char *p, const unsigned char *end, unsigned depth,
                    size_t *length)
{
    const unsigned char *from = p;
    unsigned open = 1;
    struct head h;

    while (end - p >= 2) {
        if (p[0] == 0 && p[1] == 0) {
            if (--open == 0) {
                *length = (size_t)(p - from);
                return true;
            }
            p += 2;
            continue;
        }
        if (!read_head(p, end, &h) || h.tag == 0)
            return false;
        p += h.octets + h.length;
        if (h.indefinite && (!is_constructed(h.tag) || depth + ++open > BER_DEPTH_MAX))
            return false;
    }
    return false;
}

enum ber_got ber_next(struct ber *b, struct ber_element *e)
{
    struct head h;

    if (b->p == b->end)
        return BER_END;
    if (b->depth >= BER_DEPTH_MAX || b->count >= BER_ELEMENTS_MAX)
        return BER_BAD;
    if (!read_head(b->p, b->end, &h) || h.tag == 0)
        return BER_BAD;
    const unsigned char *value = b->p + h.octets;
    size_t tail = 0;

    *e =
        (struct ber_element){.tag = h.tag, .constructed = is_constructed(h.tag), .depth = b->depth};
    if (h.indefinite) {
        if (!e->constructed || !measure(value, b->end, b->depth, &h.length))
            return BER_BAD;
        tail = 2;
    }
    e->value = slice_from(value, h.length);
    e->whole = slice_from(b->p, h.octets + h.length + tail);
    b->p = value + h.length + tail;
    b->count++;
    return BER_GOT;
}

bool ber_is(const struct ber_element *e, uint32_t tag)
{
    return e->tag == tag || (e->tag <= 0xff && e->tag == (tag | BER_CONSTRUCTED));
}

bool ber_peek(const struct ber *b, struct ber_element *e)
{
    struct ber copy = *b;

    return ber_next(&copy, e) == BER_GOT;
}

bool ber_take(struct ber *b, uint32_t tag, struct ber_element *e)
{
    struct ber copy = *b;

    if (ber_next(&copy, e) != BER_GOT || !ber_is(e, tag))
        return false;
    *b = copy;
    return true;
}

bool ber_at_end(const struct ber *b)
{
    return b->p == b->end;
}

bool ber_find(const struct ber *b, uint32_t tag, struct ber_element *e)
{
    struct ber copy = *b;

    while (ber_next(&copy, e) == BER_GOT)
        if (ber_is(e, tag))
            return true;
    return false;
}

bool ber_check(struct slice s)
{
    struct ber level[BER_DEPTH_MAX + 1];
    unsigned deep = 0;

    level[0] = ber_in(s);
    for (;;) {
        struct ber_element e;
        enum ber_got got = ber_next(&level[deep], &e);

        if (got == BER_BAD)
            return false;
        if (got == BER_END) {
            if (deep-- == 0)
                return true;
        } else if (e.constructed && e.value.n > 0) {
            level[++deep] = ber_inside(&e); /* ber_next refuses what is deeper than the array */
        }
    }
}

bool ber_int(const struct ber_element *e, int64_t *n)
{
    if (e->constructed || e->value.n == 0 || e->value.n > 8)
        return false;
    uint64_t bits = e->value.p[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < e->value.n; i++)
        bits = bits << 8 | e->value.p[i];
    *n = (int64_t)bits;
    return true;
}

bool ber_bits(const struct ber_element *e, uint32_t *bits, unsigned *count)
{
    if (e->constructed || e->value.n == 0 || e->value.p[0] > 7 ||
        (e->value.n == 1 && e->value.p[0] > 0))
        return false;
    size_t octets = e->value.n - 1;

    *bits = 0;
    for (size_t i = 0; i < octets && i < 4; i++)
        *bits |= (uint32_t)e->value.p[1 + i] << (24 - 8 * i);
    size_t all = octets > 4 ? 32 : octets * 8 - e->value.p[0];

    if (all < 32)
        *bits &= ~(0xffffffffu >> all);
    *count = (unsigned)all;
    return true;
}

bool ber_oid_is(const struct ber_element *e, const void *oid, size_t n)
{
    return !e->constructed && e->value.n == n && memcmp(e->value.p, oid, n) == 0;
}

const char *ber_oid_text(char *out, size_t room, struct slice oid)
{
    size_t used = 0;
    uint64_t arc = 0;
    bool first = true;

    PM_ASSERT(room > 0);
    out[0] = 0;
    for (size_t i = 0; i < oid.n && used < room; i++) {
        if (arc >> 57)
            break;
        arc = arc << 7 | (oid.p[i] & 0x7f);
        if (oid.p[i] & 0x80)
            continue;
        uint64_t top = arc < 80 ? arc / 40 : 2;
        int n = first ? snprintf(out + used, room - used, "%u.%llu", (unsigned)top,
                                 (unsigned long long)(arc - top * 40))
                      : snprintf(out + used, room - used, ".%llu", (unsigned long long)arc);

        used += n > 0 ? (size_t)n : 0;
        first = false;
        arc = 0;
    }
    return out;
}

void ber_pieces_init(struct ber_pieces *i, const struct ber_element *e)
{
    i->whole = !e->constructed;
    i->only = e->value;
    i->levels = 0;
    if (e->constructed)
        i->level[i->levels++] = ber_inside(e);
}

enum ber_got ber_pieces_next(struct ber_pieces *i, struct slice *piece)
{
    if (i->whole) {
        i->whole = false;
        *piece = i->only;
        return BER_GOT;
    }
    while (i->levels > 0) {
        struct ber_element e;
        enum ber_got got = ber_next(&i->level[i->levels - 1], &e);

        if (got == BER_BAD)
            return BER_BAD;
        if (got == BER_END) {
            i->levels--;
        } else if (!e.constructed) {
            *piece = e.value;
            return BER_GOT;
        } else if (i->levels == BER_DEPTH_MAX) {
            return BER_BAD;
        } else {
            i->level[i->levels++] = ber_inside(&e);
        }
    }
    return BER_END;
}

bool ber_string(const struct ber_element *e, void *scratch, size_t room, struct slice *out)
{
    struct ber_pieces i;
    struct slice piece;
    unsigned char *to = scratch;
    size_t n = 0;
    enum ber_got got = BER_END;

    if (!e->constructed) {
        *out = e->value;
        return true;
    }
    ber_pieces_init(&i, e);
    while ((got = ber_pieces_next(&i, &piece)) == BER_GOT) {
        if (piece.n > room - n)
            return false;
        if (piece.n > 0)
            memcpy(to + n, piece.p, piece.n);
        n += piece.n;
    }
    *out = slice_from(to, n);
    return got == BER_END;
}
