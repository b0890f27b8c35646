/* p1_dump.c - takes the layers off one after the other, with a line for each. It checks no protocol: it shows what is there. */
#include "wire/x400/p1_dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "wire/x400/p1_bind.h"
#include "wire/x400/p1_names.h"
#include "wire/x400/p1_print.h"
#include "wire/x400/presentation.h"
#include "wire/x400/rtse.h"
#include "wire/x400/spdu.h"
#include "wire/x400/tpkt.h"

#define ARENA_CEILING (256u << 20)
#define COTP_CR       0xe0
#define COTP_CC       0xd0
#define COTP_DR       0x80
#define COTP_DT       0xf0
#define COTP_ER       0x70
#define COTP_EOT      0x80

struct dump {
    struct buf *out;
    struct err *e;
    struct buf tsdu; /* DT TPDUs put together */
    struct buf apdu; /* segments of an activity put together */
    bool ok;
};

static void say(struct dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct dump *d, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (d->ok && !buf_add_text(d->out, text))
        d->ok = err_set(d->e, EX_IO, "out of memory for the text");
}

static const char *shown(char *out, size_t room, struct slice s)
{
    size_t n = 0;

    out[0] = 0;
    for (size_t i = 0; i < s.n && n + 4 < room; i++)
        n += (size_t)snprintf(out + n, room - n, "%02x", s.p[i]);
    return out;
}

/* --- what is inside ----------------------------------------------------------------------------------------------- */

/* An APDU, or a content that stands alone. */
static bool dump_apdu(struct dump *d, struct slice octets)
{
    struct arena *a = arena_create(ARENA_CEILING);
    struct p1_apdu apdu;
    struct content content;
    struct err why = {0};
    bool room = true;

    if (!a)
        return d->ok = err_set(d->e, EX_IO, "out of memory");
    bool read = p1_read(octets, a, &apdu, &why);

    if (read) {
        room = p1_print(&apdu, a, d->out);
    } else if (content_read(octets, a, &content, NULL)) {
        read = true;
        room = content_print(&content, 0, d->out);
    }
    if (!read)
        d->ok = err_set(d->e, why.code, "%s", why.text);
    else if (!room)
        d->ok = err_set(d->e, EX_IO, "out of memory for the text");
    arena_destroy(a);
    return d->ok;
}

/* 28 { 02 context, a0 {APDU} } in normal mode, the APDU itself in X.410 mode. */
static bool dump_transferred(struct dump *d, struct slice octets)
{
    struct slice inner;
    int64_t context;

    if (octets.n > 0 && octets.p[0] == BER_EXTERNAL && external_read(octets, &context, &inner))
        return dump_apdu(d, inner);
    return dump_apdu(d, octets);
}

/* The value of the first PDV of 61 { 30 { 02 context, a0 {value} } }; false: it is none. */
static bool pdv_value(struct slice octets, struct ber_element *value)
{
    struct ber level = ber_in(octets);
    struct ber_element e;

    if (!ber_take(&level, 0x61, &e))
        return false;
    level = ber_inside(&e);
    if (!ber_take(&level, BER_SEQUENCE, &e))
        return false;
    level = ber_inside(&e);
    if (!ber_find(&level, 0xa0, &e))
        return ber_find(&level, 0x81, value);
    level = ber_inside(&e);
    return ber_next(&level, value) == BER_GOT;
}

/* User information of a DT: the next segment of an APDU. */
static void take_segment(struct dump *d, struct slice information)
{
    struct ber_element value;
    struct ber_pieces pieces;
    struct slice one = information;
    bool room = true;

    if (!pdv_value(information, &value)) {
        room = buf_add(&d->apdu, one.p, one.n);
    } else {
        ber_pieces_init(&pieces, &value);
        while (room && ber_pieces_next(&pieces, &one) == BER_GOT)
            room = buf_add(&d->apdu, one.p, one.n);
    }
    if (!room)
        d->ok = err_set(d->e, EX_IO, "an APDU of more than %zu octets", P1_DUMP_MAX);
}

static void end_apdu(struct dump *d)
{
    if (d->ok && d->apdu.n > 0)
        (void)dump_transferred(d, buf_slice(&d->apdu));
    buf_clear(&d->apdu);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* The first element with this tag at any level that is also at least so deep. */
static bool find_deep(struct ber level, uint32_t tag, unsigned left, struct ber_element *e)
{
    struct ber_element one;

    while (left > 0 && ber_next(&level, &one) == BER_GOT) {
        if (one.tag == tag) {
            *e = one;
            return true;
        }
        if (one.constructed && find_deep(ber_inside(&one), tag, left - 1, e))
            return true;
    }
    return false;
}

static void dump_number(struct dump *d, const struct ber *set, uint32_t tag, const char *before,
                        const char *after)
{
    struct ber_element e;
    int64_t n;

    if (ber_find(set, tag, &e) && ber_int(&e, &n))
        say(d, "%s%lld%s", before, (long long)n, after);
}

/* RTORQ or RTOAC: parameters, and the bind in a3 or a2 { a0 {bind} }. */
static void dump_open(struct dump *d, const struct ber_element *open, uint32_t data_tag)
{
    struct ber set = ber_inside(open), inside;
    struct ber_element data, bind;
    struct p1_bind b;
    char name[80];

    say(d, "    RTSE open");
    dump_number(d, &set, 0x80, ": checkpoint ", " KiB");
    dump_number(d, &set, 0x81, ", window ", "");
    if (data_tag == 0xa3) {
        dump_number(d, &set, 0x82, ", dialogue mode ", "");
        dump_number(d, &set, 0x84, ", application protocol ", "");
    }
    say(d, "\n");
    if (!ber_find(&set, data_tag, &data))
        return;
    inside = ber_inside(&data);
    if (!ber_find(&inside, 0xa0, &bind) || !p1_bind_read(bind.value, &b, NULL))
        return;
    if (b.named)
        say(d, "    MTA bind: name \"%s\", %s of %zu octets\n",
            text_clean(name, sizeof name, b.name), b.strong ? "strong credentials" : "a password",
            b.password.n);
    else
        say(d, "    MTA bind: anonymous\n");
}

static void dump_connect(struct dump *d, const struct spdu *s)
{
    bool asked = s->kind == SPDU_CN;
    struct ber level = ber_in(s->user);
    struct ber_element e, mode;
    int64_t normal = 0;

    if (find_deep(level, 0xa0, 2, &e)) {
        struct ber inside = ber_inside(&e);

        if (ber_find(&inside, 0x80, &mode) && ber_int(&mode, &normal))
            say(d, "    %s mode\n", normal == 1 ? "normal" : "X.410-1984");
    }
    if (find_deep(level, asked ? 0xb0 : 0xb1, 12, &e) || find_deep(level, 0xa1, 2, &e))
        dump_open(d, &e, asked ? 0xa3 : 0xa2);
}

/* RTORJ: in X.410 mode 31 {80 01 reason}, in normal mode a b2 around a1 {b2 {02 01 bind error}}. */
static void dump_refusal(struct dump *d, const struct spdu *s)
{
    struct ber level = ber_in(s->reason.n > 1 ? slice_skip(s->reason, 1) : s->user), inside;
    struct ber_element e, reason;
    int64_t n;
    int32_t error;

    if (find_deep(level, 0xb2, 14, &e)) {
        if (find_deep(ber_inside(&e), 0xb2, 3, &e) && p1_bind_error_read(e.whole, &error))
            say(d, "    MTA bind error %d %s\n", error, p1_bind_error_name(error));
    } else if (ber_take(&level, BER_SET, &e)) {
        inside = ber_inside(&e);
        if (ber_find(&inside, 0x80, &reason) && ber_int(&reason, &n))
            say(d, "    RTSE refused: %lld %s\n", (long long)n, rtse_refusal_words((int)n));
    }
}

/* --- SPDUs and TPDUs ---------------------------------------------------------------------------------------------- */

static void dump_spdu(struct dump *d, const struct spdu *s)
{
    char hex[80];

    say(d, "  %s", spdu_name(s->kind));
    if (s->has & SPDU_HAS_VERSIONS)
        say(d, ", versions %02x", s->versions);
    if (s->has & SPDU_HAS_REQUIREMENTS)
        say(d, ", requirements %04x", s->requirements);
    if (s->has & SPDU_HAS_SERIAL)
        say(d, ", serial %u", s->serial);
    if (s->has & SPDU_HAS_ID)
        say(d, ", activity %s", shown(hex, sizeof hex, s->id));
    if ((s->has & SPDU_HAS_REASON) && s->reason.n > 0)
        say(d, ", reason %u", s->reason.p[0]);
    if (s->has & SPDU_HAS_DISCONNECT)
        say(d, ", disconnect %02x", s->disconnect);
    if (s->has & SPDU_HAS_TOKENS)
        say(d, ", tokens %02x", s->tokens);
    if (s->user.n > 0)
        say(d, ", %zu octets of user data", s->user.n);
    if (s->kind == SPDU_DT)
        say(d, ", %zu octets", s->information.n);
    say(d, "\n");
}

static void dump_inside(struct dump *d, const struct spdu *s)
{
    if (s->kind == SPDU_CN || s->kind == SPDU_AC)
        dump_connect(d, s);
    else if (s->kind == SPDU_RF)
        dump_refusal(d, s);
    else if (s->kind == SPDU_DT)
        take_segment(d, s->information);
    else if (s->kind == SPDU_AS)
        buf_clear(&d->apdu);
}

static bool dump_tsdu(struct dump *d, struct slice tsdu)
{
    const char *why = "";
    struct spdu s;
    bool first = true, ended = false;

    while (d->ok && tsdu.n > 0) {
        if (!spdu_read(&tsdu, first, &s, &why))
            return d->ok = err_set(d->e, EX_WIRE, "session: %s", why);
        dump_spdu(d, &s);
        dump_inside(d, &s);
        ended = ended || s.kind == SPDU_AE;
        first = false;
    }
    if (ended)
        end_apdu(d);
    return d->ok;
}

static void dump_selector(struct dump *d, const char *label, struct slice s)
{
    char text[80], hex[80];

    say(d, ", %s \"%s\" (%s)", label, text_clean(text, sizeof text, s), shown(hex, sizeof hex, s));
}

/* CR and CC: code, destination and source references, class, then parameters. */
static void dump_call(struct dump *d, struct slice tpdu, const char *name)
{
    struct slice rest = slice_skip(tpdu, 7);

    say(d, "COTP %s", name);
    while (rest.n >= 2 && rest.p[1] <= rest.n - 2) {
        struct slice value = slice_from(rest.p + 2, rest.p[1]);

        if (rest.p[0] == 0xc0 && value.n == 1 && value.p[0] < 31)
            say(d, ", TPDUs of %u octets", 1u << value.p[0]);
        else if (rest.p[0] == 0xc1)
            dump_selector(d, "calling", value);
        else if (rest.p[0] == 0xc2)
            dump_selector(d, "called", value);
        rest = slice_skip(rest, 2 + value.n);
    }
    say(d, "\n");
}

static bool dump_data(struct dump *d, struct slice tpdu)
{
    size_t head = tpdu.p[0] + 1u;

    if (head < 3 || head > tpdu.n)
        return d->ok = err_set(d->e, EX_WIRE, "cotp: a DT without its head");
    if (!buf_add(&d->tsdu, tpdu.p + head, tpdu.n - head))
        return d->ok = err_set(d->e, EX_IO, "a TSDU of more than %zu octets", P1_DUMP_MAX);
    if (!(tpdu.p[2] & COTP_EOT))
        return true;
    say(d, "TSDU of %zu octets\n", d->tsdu.n);
    bool ok = dump_tsdu(d, buf_slice(&d->tsdu));

    buf_clear(&d->tsdu);
    return ok;
}

static bool dump_tpdu(struct dump *d, struct slice tpdu)
{
    unsigned char code = tpdu.p[1] & 0xf0;

    switch (code) {
    case COTP_DT:
        return dump_data(d, tpdu);
    case COTP_CR:
        dump_call(d, tpdu, "connect request");
        return true;
    case COTP_CC:
        dump_call(d, tpdu, "connect confirm");
        return true;
    case COTP_DR:
        say(d, "COTP disconnect request, reason %u\n", tpdu.n > 6 ? tpdu.p[6] : 0u);
        return true;
    case COTP_ER:
        say(d, "COTP error, cause %u\n", tpdu.n > 4 ? tpdu.p[4] : 0u);
        return true;
    default:
        return d->ok = err_set(d->e, EX_WIRE, "cotp: a TPDU of unknown kind %02x", tpdu.p[1]);
    }
}

static bool dump_packets(struct dump *d, struct slice octets)
{
    struct tpkt t;
    struct slice tpdu;
    enum tpkt_got got = TPKT_AGAIN;

    tpkt_init(&t);
    while (d->ok && (got = tpkt_up(&t, &octets, &tpdu, d->e)) == TPKT_GOT)
        (void)dump_tpdu(d, tpdu);
    if (d->ok && got == TPKT_BAD)
        d->ok = false;
    if (d->ok && t.part.n > 0)
        d->ok = err_set(d->e, EX_WIRE, "tpkt: the last packet is cut off");
    tpkt_fini(&t);
    return d->ok;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of hex digits with blanks and lines of comment between them; false: the file is something else. */
static bool spell_out(struct slice file, struct buf *octets)
{
    struct slice line;
    int high = -1;

    while (file.n > 0) {
        (void)slice_cut(&file, '\n', &line);
        if (slice_starts(line, "#"))
            continue;
        for (size_t i = 0; i < line.n; i++) {
            int digit = hex_digit(line.p[i]);

            if (digit < 0 && !(high < 0 && strchr(" \t\r", line.p[i]) && line.p[i]))
                return false;
            if (digit < 0)
                continue;
            unsigned char octet = (unsigned char)((high < 0 ? 0 : high) << 4 | digit);

            if (high >= 0 && !buf_add(octets, &octet, 1))
                return false;
            high = high < 0 ? digit : -1;
        }
    }
    return high < 0 && octets->n > 0;
}

static bool dump_octets(struct dump *d, struct slice octets)
{
    struct ber_element value;

    if (octets.n == 0)
        return err_set(d->e, EX_WIRE, "the file is empty");
    switch (octets.p[0]) {
    case 0x03: /* TPKT */
        (void)dump_packets(d, octets);
        break;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case BER_EXTERNAL:
        return dump_transferred(d, octets);
    case 0x61:
        if (!pdv_value(octets, &value))
            return err_set(d->e, EX_WIRE, "presentation: P-DATA without a value");
        take_segment(d, octets);
        break;
    default:
        (void)dump_tsdu(d, octets);
        break;
    }
    end_apdu(d); /* a capture may stop before the activity's end */
    return d->ok;
}

bool p1_dump(struct slice file, struct buf *out, struct err *e)
{
    struct dump d = {.out = out, .e = e, .ok = true};
    struct buf spelled;

    buf_init(&spelled, P1_DUMP_MAX);
    buf_init(&d.tsdu, P1_DUMP_MAX);
    buf_init(&d.apdu, P1_DUMP_MAX);
    bool ok = dump_octets(&d, spell_out(file, &spelled) ? buf_slice(&spelled) : file);

    buf_fini(&spelled);
    buf_fini(&d.tsdu);
    buf_fini(&d.apdu);
    return ok;
}
