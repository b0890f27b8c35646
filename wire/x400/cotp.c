/* cotp.c - the TPDUs of class 0, and the cutting.
 *
 *     CR LI e0 0000 ref 00 [c0 size] [c1 calling] [c2 called]      CC LI d0 dst ref 00 ...
 *     DR LI 80 dst ref reason      ER LI 70 dst cause [c1 ..]      DT 02 f0 80|00 data
 *
 * Without a size parameter peers over RFC 1006 take TPDUs of 65,531 octets (RFC 1006 section 5, and measured).
 */
#include "wire/x400/cotp.h"

#include <string.h>

#define DT_HEAD 3u
#define CUT_MIN 4096u /* no TPDU is made shorter than this only because the output is nearly full */

enum {
    CR = 0xe,
    CC = 0xd,
    DR = 0x8,
    DC = 0xc,
    DT = 0xf,
    ER = 0x7,
    PARAM_SIZE = 0xc0,
    PARAM_CALLING = 0xc1,
    PARAM_CALLED = 0xc2,
    CODE_MIN = 7,
    CODE_MAX = 13,
    REASON_ADDRESS = 3,
    REASON_NEGOTIATION = 0x80 + 2,
};

struct opening {   /* the parameters of CR and CC */
    unsigned size; /* a power of two; 0: absent */
    struct slice calling, called;
    bool has_calling, has_called;
};

void cotp_init(struct cotp *c, struct stack *s, size_t tsdu_max)
{
    c->l = (struct layer){.ops = &cotp_ops, .stack = s};
    c->tsdu_max = tsdu_max;
    buf_init(&c->tsdu, tsdu_max);
    tpkt_init(&c->tpkt);
}

void cotp_fini(struct cotp *c)
{
    buf_fini(&c->tsdu);
    tpkt_fini(&c->tpkt);
}

void cotp_begin(struct cotp *c)
{
    const struct association_config *config = c->l.stack->config;

    c->state = COTP_CALLED;
    c->our_ref = config->ref ? config->ref : 1;
    c->their_ref = 0;
    c->size = COTP_TPDU_MAX;
    c->cut = c->drop = false;
    buf_clear(&c->tsdu);
    tpkt_begin(&c->tpkt);
}

void cotp_stop(struct cotp *c)
{
    c->state = COTP_CLOSED;
    c->l.stack->busy = false;
}

/* --- down --------------------------------------------------------------------------------------------------------- */

static void append(struct stack *s, struct slice piece)
{
    if (piece.n > 0)
        memcpy(s->out.p + s->out.n, piece.p, piece.n);
    s->out.n += piece.n;
    s->out.said += piece.n;
}

/* One TPDU of `head` (what comes first in it) and up to `n` octets of what is being cut. */
static void put_tpdu(struct cotp *c, struct slice head, size_t n)
{
    struct stack *s = c->l.stack;
    unsigned char tpkt[TPKT_HEAD];
    size_t first = n < c->head.n ? n : c->head.n;

    tpkt_down(tpkt, head.n + n);
    append(s, slice_from(tpkt, sizeof tpkt));
    append(s, head);
    append(s, slice_from(c->head.p, first));
    append(s, slice_from(c->body.p, n - first));
    c->head = slice_skip(c->head, first);
    c->body = slice_skip(c->body, n - first);
}

void cotp_pump(struct cotp *c)
{
    while (c->l.stack->busy) {
        size_t left = c->head.n + c->body.n, room = stack_free(c->l.stack);
        size_t piece = left < c->size - DT_HEAD ? left : c->size - DT_HEAD;

        if (room < TPKT_HEAD + DT_HEAD + piece) {
            if (room < TPKT_HEAD + DT_HEAD + CUT_MIN || piece < CUT_MIN)
                return;
            piece = room - TPKT_HEAD - DT_HEAD;
        }
        c->l.stack->busy = piece < left;
        const unsigned char dt[DT_HEAD] = {2, DT << 4, c->l.stack->busy ? 0x00 : 0x80};

        put_tpdu(c, slice_from(dt, sizeof dt), piece);
    }
}

static bool cotp_down(struct layer *l, struct unit *u, struct err *e)
{
    struct cotp *c = (struct cotp *)l;

    if (u->head.full)
        return stack_bad(l, e, "%s does not fit in %u octets of head", service_name(u->what),
                         STACK_HEAD_ROOM);
    if (c->l.stack->busy)
        return stack_bad(l, e, "the peer does not read what it is told");
    c->head = ber_out_slice(&u->head);
    c->body = u->data;
    c->l.stack->busy = true;
    cotp_pump(c);
    return true;
}

/* The size is a power of two; 65,531 has none and is not named. */
static unsigned size_code(uint32_t octets)
{
    unsigned code = CODE_MIN;

    while (code < CODE_MAX && (1u << code) < octets)
        code++;
    return code;
}

static void put_opening(struct cotp *c, unsigned what, const struct opening *o)
{
    struct unit u = stack_unit(c->l.stack, SV_CONNECT);
    const unsigned char refs[] = {
        (unsigned char)(what << 4),          (unsigned char)(c->their_ref >> 8),
        (unsigned char)(c->their_ref & 255), (unsigned char)(c->our_ref >> 8),
        (unsigned char)(c->our_ref & 255),   0};
    const unsigned char size = (unsigned char)o->size;

    if (o->has_called)
        ber_put_bytes(&u.head, PARAM_CALLED, o->called);
    if (o->has_calling)
        ber_put_bytes(&u.head, PARAM_CALLING, o->calling);
    if (o->size)
        ber_put_bytes(&u.head, PARAM_SIZE, slice_from(&size, 1));
    ber_put_raw(&u.head, slice_from(refs, sizeof refs));
    ber_put_octet(&u.head, (unsigned char)ber_mark(&u.head));
    c->head = c->body = slice_from(NULL, 0);
    put_tpdu(c, ber_out_slice(&u.head), 0);
}

void cotp_call(struct cotp *c)
{
    const struct association_config *config = c->l.stack->config;
    struct opening o = {.calling = config->our_tsel, .called = config->their_tsel};

    o.has_calling = o.calling.n > 0;
    o.has_called = o.called.n > 0;
    if (config->tpdu_bytes) {
        o.size = size_code(config->tpdu_bytes);
        c->size = 1u << o.size;
    }
    put_opening(c, CR, &o);
    c->state = COTP_CALLING;
}

/* --- up ----------------------------------------------------------------------------------------------------------- */

static const struct {
    int reason;
    const char *text;
} reasons[] = {
    {0, "no reason given"},
    {1, "congestion at the access point"},
    {2, "no session entity attached to the access point"},
    {3, "address unknown: the called transport selector is not known there"},
    {0x80, "normal disconnect"},
    {0x81, "congestion when connecting"},
    {0x82, "negotiation of the connection failed"},
    {0x83, "the same reference twice"},
    {0x84, "references do not match"},
    {0x85, "protocol error"},
    {0x87, "reference overflow"},
    {0x88, "refused on this network connection"},
    {0x8a, "bad length in a header or parameter"},
};

const char *cotp_reason(int reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason)
            return reasons[i].text;
    return "a reason without a name";
}

static bool read_opening(struct cotp *c, struct slice params, struct opening *o, struct err *e)
{
    *o = (struct opening){0};
    while (params.n > 0) {
        if (params.n < 2 || params.p[1] > params.n - 2)
            return stack_bad(&c->l, e, "a parameter runs past the end of its TPDU");
        unsigned code = params.p[0];
        struct slice value = slice_from(params.p + 2, params.p[1]);

        params = slice_skip(params, 2 + value.n);
        if (code == PARAM_SIZE) {
            if (value.n != 1 || value.p[0] < CODE_MIN || value.p[0] > CODE_MAX)
                return stack_bad(&c->l, e, "TPDU size out of range");
            o->size = value.p[0];
        } else if (code == PARAM_CALLING) {
            o->calling = value;
            o->has_calling = true;
        } else if (code == PARAM_CALLED) {
            o->called = value;
            o->has_called = true;
        } /* unknown ones are ignored: X.224 section 13.2.3 */
    }
    return true;
}

static bool gone(struct cotp *c, int reason, bool ours, struct err *e)
{
    struct unit u = {.what = SV_TRANSPORT_GONE, .from = STACK_COTP, .reason = reason};

    u.provider = !ours;
    cotp_stop(c);
    return stack_up(&c->l, &u, e);
}

static bool refuse(struct cotp *c, int reason, struct err *e)
{
    const unsigned char dr[] = {6,
                                DR << 4,
                                (unsigned char)(c->their_ref >> 8),
                                (unsigned char)(c->their_ref & 255),
                                0,
                                0,
                                (unsigned char)reason};

    put_tpdu(c, slice_from(dr, sizeof dr), 0);
    return gone(c, reason, true, e);
}

static bool on_call(struct cotp *c, const unsigned char *refs, struct slice params, struct err *e)
{
    const struct association_config *config = c->l.stack->config;
    struct opening o;
    unsigned ours = config->tpdu_bytes ? size_code(config->tpdu_bytes) : CODE_MAX;

    c->their_ref = (uint16_t)(refs[2] << 8 | refs[3]);
    c->head = c->body = slice_from(NULL, 0);
    if (refs[4] >> 4 != 0)
        return refuse(c, REASON_NEGOTIATION, e);
    if (!read_opening(c, params, &o, e))
        return false;
    if (config->our_tsel.n > 0 && (o.called.n != config->our_tsel.n ||
                                   memcmp(o.called.p, config->our_tsel.p, o.called.n) != 0))
        return refuse(c, REASON_ADDRESS, e);
    if (o.size > ours)
        o.size = ours;
    if (o.size)
        c->size = 1u << o.size;
    put_opening(c, CC, &o);
    c->state = COTP_OPEN;
    struct unit u = {.what = SV_TRANSPORT_UP};

    return stack_up(&c->l, &u, e);
}

static bool on_confirm(struct cotp *c, const unsigned char *refs, struct slice params,
                       struct err *e)
{
    struct opening o;
    struct unit u = {.what = SV_TRANSPORT_UP};

    c->their_ref = (uint16_t)(refs[2] << 8 | refs[3]);
    if (refs[4] >> 4 != 0)
        return stack_bad(&c->l, e, "CC chose class %u, we offered class 0", refs[4] >> 4);
    if (!read_opening(c, params, &o, e))
        return false;
    if (o.size && (1u << o.size) < c->size)
        c->size = 1u << o.size;
    c->state = COTP_OPEN;
    return stack_up(&c->l, &u, e);
}

static bool on_tsdu(struct cotp *c, struct slice tsdu, struct err *e)
{
    struct unit u = {.what = SV_DATA, .data = tsdu, .cut = c->cut};

    c->cut = false;
    if (tsdu.n == 0)
        return stack_bad(&c->l, e, "an empty TSDU");
    return stack_up(&c->l, &u, e);
}

static bool on_data(struct cotp *c, struct slice tpdu, struct err *e)
{
    if (tpdu.n < DT_HEAD || tpdu.p[0] != 2)
        return stack_bad(&c->l, e, "the header of a DT is 2 octets long in class 0, not %u",
                         tpdu.p[0]);
    bool last = tpdu.p[2] & 0x80;
    struct slice data = slice_skip(tpdu, DT_HEAD);

    if (c->drop) {
        buf_clear(&c->tsdu);
        c->drop = false;
    }
    if (last && c->tsdu.n == 0)
        return on_tsdu(c, data, e);
    size_t room = c->tsdu_max - c->tsdu.n;

    if (data.n > room) {
        data.n = room;
        c->cut = true;
    }
    if (data.n > 0 && !buf_add(&c->tsdu, data.p, data.n))
        return err_set(e, EX_IO, "cotp: no memory for a TSDU of %zu octets", c->tsdu.n + data.n);
    if (!last)
        return true;
    c->drop = true;
    return on_tsdu(c, buf_slice(&c->tsdu), e);
}

static const char *tpdu_name(unsigned code)
{
    static const char *const names[16] = {
        [CR] = "CR", [CC] = "CC", [DR] = "DR", [DC] = "DC", [DT] = "DT", [ER] = "ER"};

    return names[code] ? names[code] : "no TPDU of class 0";
}

bool cotp_hear(struct cotp *c, struct slice tpdu, struct err *e)
{
    size_t head = tpdu.n > 0 ? (size_t)tpdu.p[0] + 1 : 1;
    unsigned code = tpdu.n > 1 ? tpdu.p[1] >> 4 : 0;

    if (c->state == COTP_CLOSED)
        return true;
    if (tpdu.n < 3 || head < 3 || head > tpdu.n)
        return stack_bad(&c->l, e, "the header of a TPDU is longer than its packet");
    if (code == DT && c->state == COTP_OPEN)
        return on_data(c, tpdu, e);
    struct slice params = head > 7 ? slice_from(tpdu.p + 7, head - 7) : slice_from(NULL, 0);

    if (code == CR && c->state == COTP_CALLED && head >= 7)
        return on_call(c, tpdu.p + 2, params, e);
    if (code == CC && c->state == COTP_CALLING && head >= 7)
        return on_confirm(c, tpdu.p + 2, params, e);
    if (code == DR && c->state != COTP_CALLED && head >= 7)
        return gone(c, tpdu.p[6], false, e);
    if (code == ER && c->state != COTP_CALLED && head >= 5)
        return gone(c, 0x85, false, e);
    return stack_bad(&c->l, e, "%s %s", tpdu_name(code),
                     c->state == COTP_CALLED    ? "where a CR was due"
                     : c->state == COTP_CALLING ? "where a CC was due"
                                                : "on an open connection, or cut short");
}

const struct layer_ops cotp_ops = {.id = STACK_COTP, .down = cotp_down};
