/* tpkt.c - packets out of a stream of octets, and their headers. */
#include "wire/x400/tpkt.h"

void tpkt_init(struct tpkt *t)
{
    buf_init(&t->part, TPKT_MAX);
    t->drop = false;
}

void tpkt_fini(struct tpkt *t)
{
    buf_fini(&t->part);
}

void tpkt_begin(struct tpkt *t)
{
    buf_clear(&t->part);
    t->drop = false;
}

/* The length of the packet that begins here; 0: its header is not whole yet. */
static bool length_of(struct slice s, size_t *length, struct err *e)
{
    char text[64];

    *length = 0;
    if (s.n > 0 && s.p[0] != 3)
        return err_set(e, EX_WIRE, "tpkt: version %u, not 3: this is not RFC 1006 (%s)", s.p[0],
                       stack_hex(text, sizeof text, s));
    if (s.n < TPKT_HEAD)
        return true;
    *length = (size_t)s.p[2] << 8 | s.p[3];
    if (*length < TPKT_MIN)
        return err_set(e, EX_WIRE, "tpkt: a packet of %zu octets (%s)", *length,
                       stack_hex(text, sizeof text, s));
    return true;
}

/* Moves octets from *in until `part` has n. */
static bool fill(struct tpkt *t, struct slice *in, size_t n, struct err *e)
{
    size_t more = n - t->part.n < in->n ? n - t->part.n : in->n;

    if (!buf_add(&t->part, in->p, more))
        return err_set(e, EX_IO, "tpkt: no memory for a packet");
    *in = slice_skip(*in, more);
    return true;
}

static enum tpkt_got continue_part(struct tpkt *t, struct slice *in, struct slice *tpdu,
                                   struct err *e)
{
    size_t length = 0;

    if (t->part.n < TPKT_HEAD && !fill(t, in, TPKT_HEAD, e))
        return TPKT_BAD;
    if (!length_of(buf_slice(&t->part), &length, e))
        return TPKT_BAD;
    if (length == 0)
        return TPKT_AGAIN;
    if (!fill(t, in, length, e))
        return TPKT_BAD;
    if (t->part.n < length)
        return TPKT_AGAIN;
    *tpdu = slice_skip(buf_slice(&t->part), TPKT_HEAD);
    t->drop = true;
    return TPKT_GOT;
}

enum tpkt_got tpkt_up(struct tpkt *t, struct slice *in, struct slice *tpdu, struct err *e)
{
    size_t length = 0;

    if (t->drop)
        tpkt_begin(t);
    if (t->part.n > 0)
        return continue_part(t, in, tpdu, e);
    if (!length_of(*in, &length, e))
        return TPKT_BAD;
    if (length == 0 || length > in->n) {
        if (in->n == 0)
            return TPKT_AGAIN;
        return continue_part(t, in, tpdu, e);
    }
    *tpdu = slice_from(in->p + TPKT_HEAD, length - TPKT_HEAD);
    *in = slice_skip(*in, length);
    return TPKT_GOT;
}

void tpkt_down(unsigned char head[TPKT_HEAD], size_t tpdu_octets)
{
    size_t length = TPKT_HEAD + tpdu_octets;

    PM_ASSERT(length <= TPKT_MAX);
    head[0] = 3;
    head[1] = 0;
    head[2] = (unsigned char)(length >> 8);
    head[3] = (unsigned char)(length & 0xff);
}
