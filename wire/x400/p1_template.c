/* p1_template.c - blocks encoded once with stand-ins for what changes, put together backwards.
 *
 *     a0 31 | identifier | from | middle | [deferred] | a2 recipients | trace | a3 [latest] extensions |
 *     04 a0 31 | 6b from, id | a0 from | a2 recipients | subject | 30 a0 .. 16 | text
 *
 * Between the bars are blocks of the template (patched in place, then copied), addresses of the order, and the lengths, which
 * are as short as BER has them. A stand-in is a run of one octet that no block has otherwise.
 */
#include "wire/x400/p1_template.h"

#include <stdlib.h>
#include <string.h>

#include "wire/x400/content.h"

#define BLOCK_MAX   512u
#define SUBJECT_MAX 80u
#define PATCHES_MAX 2u
#define STAND_TOKEN 0x01
#define STAND_SHORT 0x02
#define STAND_TIME  0x03
#define ID_CHARS    (sizeof TOKEN_MARKER - 1 + TOKEN_CHARS)
#define HEADS_BYTES 256u /* more than all heads of one message */
#define HEADS_EACH  64u  /* and of one recipient */

enum { AT_TOKEN, AT_SHORT, AT_TIME, AT_KINDS };

struct block {
    unsigned char octets[BLOCK_MAX];
    size_t n;
    uint16_t at[AT_KINDS][PATCHES_MAX];
    uint8_t patches[AT_KINDS];
};

struct p1_template {
    struct block id, middle, trace, extensions, subject, recipient;
    bool new_year; /* 1988 */
};

/* --- making ------------------------------------------------------------------------------------------------------- */

static const struct {
    unsigned char octet;
    size_t run;
} stand_ins[AT_KINDS] = {
    [AT_TOKEN] = {STAND_TOKEN, TOKEN_CHARS},
    [AT_SHORT] = {STAND_SHORT, TOKEN_SHORT_CHARS},
    [AT_TIME] = {STAND_TIME, P1_TIME_CHARS},
};

static void find_patches(struct block *b, int kind)
{
    unsigned char run[TOKEN_CHARS];
    size_t from = 0, at;

    memset(run, stand_ins[kind].octet, sizeof run);
    while (slice_find(slice_from(b->octets + from, b->n - from),
                      slice_from(run, stand_ins[kind].run), &at)) {
        PM_ASSERT(b->patches[kind] < PATCHES_MAX);
        b->at[kind][b->patches[kind]++] = (uint16_t)(from + at);
        from += at + stand_ins[kind].run;
    }
}

static void keep(struct block *b, const struct ber_out *o)
{
    struct slice s = ber_out_slice(o);

    PM_ASSERT(!o->full && s.n <= BLOCK_MAX); /* the setup was checked */
    memcpy(b->octets, s.p, s.n);
    b->n = s.n;
    for (int kind = 0; kind < AT_KINDS; kind++)
        find_patches(b, kind);
}

struct sketch { /* room for one block */
    unsigned char room[BLOCK_MAX];
    struct ber_out o;
};

static struct ber_out *begin(struct sketch *s)
{
    ber_out_init(&s->o, s->room, sizeof s->room);
    return &s->o;
}

static struct slice stand_in_id(char room[ID_CHARS])
{
    memcpy(room, TOKEN_MARKER, sizeof TOKEN_MARKER - 1);
    memset(room + sizeof TOKEN_MARKER - 1, STAND_TOKEN, TOKEN_CHARS);
    return slice_from(room, ID_CHARS);
}

static void make_id(struct p1_template *t, const struct p1_template_setup *s)
{
    struct sketch k;
    char room[ID_CHARS];
    const struct p1_id id = {.domain = s->domain, .local = stand_in_id(room)};

    p1_id_put(begin(&k), &id);
    keep(&t->id, &k.o);
}

static void make_middle(struct p1_template *t, const struct p1_template_setup *s)
{
    static const unsigned char ia5[] = {0x65, 0x05, 0x80, 0x03, 0x06, 0x20, 0x00};
    unsigned char content_id[TOKEN_SHORT_CHARS];
    struct sketch k;
    struct ber_out *o = begin(&k);

    memset(content_id, STAND_SHORT, sizeof content_id);
    ber_put_bits(o, 0x48, s->indicators, 8);
    ber_put_integer(o, 0x47, s->priority);
    ber_put_bytes(o, 0x4a, slice_from(content_id, sizeof content_id));
    ber_put_integer(o, 0x46, s->content_type);
    ber_put_raw(o, slice_from(ia5, sizeof ia5));
    keep(&t->middle, o);
}

static struct p1_hop our_hop(const struct p1_template_setup *s, const char time[P1_TIME_CHARS],
                             struct slice mta)
{
    return (struct p1_hop){.domain = s->domain,
                           .mta = mta,
                           .arrival = slice_from(time, P1_TIME_CHARS),
                           .action = P1_RELAYED};
}

static void make_trace(struct p1_template *t, const struct p1_template_setup *s)
{
    char time[P1_TIME_CHARS];
    struct sketch k;

    memset(time, STAND_TIME, sizeof time);
    struct p1_hop hop = our_hop(s, time, slice_from(NULL, 0));
    const struct p1_hops trace = {&hop, 1, true};

    p1_hops_put(begin(&k), 0x69, &trace, s->year);
    keep(&t->trace, &k.o);
}

static void put_extension_head(struct ber_out *o, int type, size_t mark)
{
    ber_put_head(o, 0xa2, mark);
    ber_put_integer(o, 0x80, type);
    ber_put_head(o, BER_SEQUENCE, mark);
}

static void put_flag(struct ber_out *o, int type)
{
    size_t mark = ber_mark(o);

    ber_put_integer(o, 0x0a, 1);
    put_extension_head(o, type, mark);
}

static void make_extensions(struct p1_template *t, const struct p1_template_setup *s)
{
    char time[P1_TIME_CHARS], id[ID_CHARS];
    struct sketch k;
    struct ber_out *o = begin(&k);

    memset(time, STAND_TIME, sizeof time);
    struct p1_hop hop = our_hop(s, time, s->mta);
    const struct p1_hops trace = {&hop, 1, true};
    size_t mark = ber_mark(o);

    if (s->mta.n > 0) {
        p1_hops_put(o, BER_SEQUENCE, &trace, s->year);
        put_extension_head(o, P1_EXT_INTERNAL_TRACE, mark);
    }
    mark = ber_mark(o);
    if (s->correlator) {
        ber_put_bytes(o, BER_IA5, stand_in_id(id));
        put_extension_head(o, P1_EXT_CORRELATOR, mark);
    }
    if (s->no_expansion)
        put_flag(o, P1_EXT_EXPANSION_PROHIBITED);
    if (s->no_reassignment)
        put_flag(o, P1_EXT_REASSIGNMENT_PROHIBITED);
    keep(&t->extensions, o);
}

static void make_subject(struct p1_template *t, const struct p1_template_setup *s)
{
    char id[ID_CHARS];
    struct sketch k;
    struct ber_out *o = begin(&k);

    ber_put_octet(o, ']');
    ber_put_raw(o, stand_in_id(id));
    ber_put_raw(o, slice_of(s->subject.n > 0 ? " [" : "["));
    ber_put_raw(o, s->subject);
    ber_put_head(o, BER_T61, 0);
    ber_put_head(o, 0xa8, 0);
    keep(&t->subject, o);
}

static void make_recipient(struct p1_template *t, const struct p1_template_setup *s)
{
    struct sketch k;

    ber_put_bits(begin(&k), 0x81, s->ask, 8);
    keep(&t->recipient, &k.o);
}

static bool is_sane(struct slice s, size_t most)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 32 || s.p[i] > 126)
            return false;
    return s.n <= most;
}

struct p1_template *p1_template_create(const struct p1_template_setup *s, struct err *e)
{
    if (!is_sane(s->subject, SUBJECT_MAX) || !is_sane(s->mta, 32) ||
        !is_sane(s->domain.country.text, 3) || !is_sane(s->domain.admd.text, 16) ||
        !is_sane(s->domain.prmd.text, 16)) {
        (void)err_set(e, EX_BAD_PROFILE,
                      "p1: printable ASCII only, and at most 80 characters of a subject, 32 of an "
                      "MTA's name, 3 of a country, 16 of ADMD and PRMD");
        return NULL;
    }
    struct p1_template *t = calloc(1, sizeof *t);

    if (!t) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    t->new_year = s->year == X400_1988;
    make_id(t, s);
    make_middle(t, s);
    make_trace(t, s);
    if (t->new_year)
        make_extensions(t, s);
    make_subject(t, s);
    make_recipient(t, s);
    return t;
}

void p1_template_destroy(struct p1_template *t)
{
    free(t);
}

/* --- filling ------------------------------------------------------------------------------------------------------ */

static void patch(struct block *b, int kind, const char *text)
{
    for (unsigned i = 0; i < b->patches[kind]; i++)
        memcpy(b->octets + b->at[kind][i], text, stand_ins[kind].run);
}

static void put_block(struct ber_out *o, const struct block *b)
{
    ber_put_raw(o, slice_from(b->octets, b->n));
}

static void put_time(struct ber_out *o, uint32_t tag, int64_t unix_s)
{
    char text[P1_TIME_CHARS];

    p1_time_write(unix_s, text);
    ber_put_bytes(o, tag, slice_from(text, sizeof text));
}

static void put_body(struct ber_out *o, const struct smtp_text *body)
{
    uint64_t n = smtp_text_bytes(body, false), done = 0;

    if (o->full || n > (size_t)(o->p - o->start)) {
        o->full = true;
        return;
    }
    o->p -= n;
    while (done < n) {
        struct iovec iov[8];
        int pieces = smtp_text_iov(body, false, done, iov, 8);

        for (int i = 0; i < pieces; i++) {
            memcpy(o->p + done, iov[i].iov_base, iov[i].iov_len);
            done += iov[i].iov_len;
        }
    }
}

static void put_content(struct p1_template *t, const struct p1_order *x, struct ber_out *o,
                        struct slice id)
{
    put_body(o, x->body);
    content_put_ia5_head(o, 0);
    ber_put_head(o, BER_SEQUENCE, 0);
    size_t heading = ber_mark(o), mark;

    put_block(o, &t->subject);
    mark = ber_mark(o);
    for (uint32_t i = x->recipients; i-- > 0;) {
        size_t one = ber_mark(o);

        ber_put_raw(o, x->to[i].name);
        ber_put_head(o, 0xa0, one);
        ber_put_head(o, BER_SET, one);
    }
    ber_put_head(o, 0xa2, mark);
    ber_put_bytes(o, 0xa0, x->from);
    mark = ber_mark(o);
    ber_put_bytes(o, BER_PRINTABLE, id);
    ber_put_raw(o, x->from);
    ber_put_head(o, 0x6b, mark);
    ber_put_head(o, BER_SET, heading);
    ber_put_head(o, 0xa0, 0);
    ber_put_head(o, BER_OCTETS, 0);
}

static void put_extensions(struct p1_template *t, const struct p1_order *x, struct ber_out *o)
{
    size_t mark = ber_mark(o);

    if (x->latest_s > 0 && t->new_year) {
        put_time(o, BER_UTC, x->latest_s);
        put_extension_head(o, P1_EXT_LATEST_DELIVERY, mark);
    }
    put_block(o, &t->extensions);
    if (ber_mark(o) > mark)
        ber_put_head(o, 0xa3, mark);
}

static void put_recipients(struct p1_template *t, const struct p1_order *x, struct ber_out *o)
{
    size_t mark = ber_mark(o);

    for (uint32_t i = x->recipients; i-- > 0;) {
        size_t one = ber_mark(o);

        if (x->to[i].alternate.n > 0 && t->new_year) {
            ber_put_raw(o, x->to[i].alternate);
            put_extension_head(o, P1_EXT_REQUESTED_ALTERNATE, one);
            ber_put_head(o, 0xa3, one);
        }
        put_block(o, &t->recipient);
        ber_put_integer(o, 0x80, i + 1);
        ber_put_raw(o, x->to[i].name);
        ber_put_head(o, BER_SET, one);
    }
    ber_put_head(o, 0xa2, mark);
}

/* Stamps the message's token and time into the blocks; the IPM's identifier goes to `id`. */
static void stamp(struct p1_template *t, const struct p1_order *x, char id[ID_CHARS])
{
    char *token = id + sizeof TOKEN_MARKER - 1, brief[TOKEN_SHORT_CHARS], time[P1_TIME_CHARS];

    memcpy(id, TOKEN_MARKER, sizeof TOKEN_MARKER - 1);
    token_write(x->key, x->number, token);
    token_write_short(x->key, x->number, brief);
    p1_time_write(x->now_s, time);
    patch(&t->id, AT_TOKEN, token);
    patch(&t->extensions, AT_TOKEN, token);
    patch(&t->subject, AT_TOKEN, token);
    patch(&t->middle, AT_SHORT, brief);
    patch(&t->trace, AT_TIME, time);
    patch(&t->extensions, AT_TIME, time);
}

size_t p1_template_most(const struct p1_template *t, const struct p1_order *x)
{
    size_t n = smtp_text_bytes(x->body, false) + HEADS_BYTES + 3 * x->from.n + ID_CHARS;

    n += t->id.n + t->middle.n + t->trace.n + t->extensions.n + t->subject.n;
    for (uint32_t i = 0; i < x->recipients; i++)
        n += 2 * x->to[i].name.n + x->to[i].alternate.n + t->recipient.n + HEADS_EACH;
    return n;
}

struct slice p1_template_fill(struct p1_template *t, const struct p1_order *x, void *room, size_t n)
{
    struct ber_out o;
    char id[ID_CHARS];

    stamp(t, x, id);
    ber_out_init(&o, room, n);
    put_content(t, x, &o, slice_from(id, sizeof id));
    size_t envelope = ber_mark(&o);

    put_extensions(t, x, &o);
    put_block(&o, &t->trace);
    put_recipients(t, x, &o);
    if (x->deferred_s > 0)
        put_time(&o, 0x80, x->deferred_s);
    put_block(&o, &t->middle);
    ber_put_raw(&o, x->from);
    put_block(&o, &t->id);
    ber_put_head(&o, BER_SET, envelope);
    ber_put_head(&o, 0xa0, 0);
    return o.full ? slice_from(NULL, 0) : ber_out_slice(&o);
}
