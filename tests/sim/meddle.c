/* meddle.c - one drawing per connection, one small matcher for the end of a message. */
#include "tests/sim/meddle.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { STREAM_CUTS = 0x435554 };

static const struct closing dot = {{'\r', '\n', '.', '\r', '\n'}, 5, 0, CLOSE_DATA, 2};
/* DT header, GT, AE; behind it its length, and the serial number of one digit. */
static const struct closing activity_end = {{0xf0, 0x80, 0x01, 0x00, 0x29}, 5, 4, CLOSE_P1, 0};

/* A run that cannot even say hello to a server does not begin (exit 69): that is tested elsewhere. */
#define FIRST_CONNECTIONS 80
#define GREETINGS         1000

/* How messages end on this connection; NULL: none are sent there. */
static const struct closing *closing_of(const struct meddle *m, const struct net_addr *to)
{
    for (uint32_t i = 0; i < m->site->server_count; i++) {
        const struct server *s = &m->site->servers[i];

        if (net_equal(&s->smtp.addr, to))
            return &dot;
        if (net_equal(&s->p1.at.addr, to))
            return &activity_end;
    }
    return NULL;
}

static bool is_ours(const struct meddle *m, const struct net_addr *to)
{
    uint32_t ours = site_ours(m->site);

    return ours != SITE_NONE && net_equal(&m->site->servers[ours].p1.at.addr, to);
}

static void draw(struct meddle *m, const struct sim_flow *f, struct cut *c)
{
    static const enum cut_kind mail[] = {CUT_END, CUT_END, CUT_REPLY, CUT_OCTET, CUT_SERVER_OCTET};

    static const enum cut_kind imap[] = {CUT_OCTET, CUT_SERVER_OCTET, CUT_SERVER_OCTET};
    struct rng r = rng_at(m->seed, STREAM_CUTS, f->connection);

    c->drawn = true;
    c->closing = closing_of(m, &f->server);
    if (rng_below(&r, 100) >= (c->closing ? m->smtp_percent : m->imap_percent))
        return;
    if (m->mail_of_ours && is_ours(m, &f->server))
        return;
    c->kind = c->closing ? mail[rng_below(&r, 5)] : imap[rng_below(&r, 3)];
    c->message = (uint32_t)rng_below(&r, 4);
    c->octet = c->closing && c->kind == CUT_END
                   ? (uint32_t)rng_below(&r, c->closing->n + c->closing->behind + 1u)
               : c->kind == CUT_REPLY ? (uint32_t)rng_below(&r, 12)
                                      : (uint32_t)rng_below(&r, 6000);
    if (f->connection <= FIRST_CONNECTIONS && (c->kind == CUT_OCTET || c->kind == CUT_SERVER_OCTET))
        c->octet += GREETINGS;
}

/* "BDAT 1234 LAST": so many octets follow. */
static void read_line(struct cut *c)
{
    char *end = NULL;

    c->line[c->line_n] = '\0';
    if (strncmp(c->line, "BDAT ", 5) == 0) {
        c->left = strtoull(c->line + 5, &end, 10);
        c->last = strncmp(end, " LAST", 5) == 0;
    }
    c->line_n = 0;
}

/* One more octet of commands; true: a message ends with it. */
static bool ends_message(struct cut *c, unsigned char octet)
{
    const struct closing *end = c->closing;

    if (octet == '\n')
        read_line(c);
    else if (c->line_n + 1u < sizeof c->line)
        c->line[c->line_n++] = (char)octet;
    if (c->matched >= end->n || octet == end->octets[c->matched])
        c->matched++;
    else
        c->matched = octet == end->octets[0];
    return c->matched == end->n + end->behind;
}

/* Octets of `b` up to and with the next end of a message; 0: it does not end here. *start: where that begins. */
static size_t find_end(struct cut *c, struct slice b, long *start, enum closing_kind *kind)
{
    const struct closing *end = c->closing;
    size_t i = 0;

    *kind = end->kind;
    while (i < b.n) {
        if (end->kind == CLOSE_DATA && c->left) {
            size_t n = c->left < b.n - i ? c->left : b.n - i;

            c->left -= n;
            i += n;
            if (c->left || !c->last)
                continue;
            *kind = CLOSE_BDAT;
        } else if (!ends_message(c, b.p[i++])) {
            continue;
        }
        c->matched = *kind == CLOSE_BDAT ? 0 : end->again;
        *start = (long)i - (end->n + end->behind);
        return i;
    }
    return 0;
}

static size_t pass_to_server(struct meddle *m, struct cut *c, struct slice b)
{
    size_t done = 0;

    if (!c->closing && c->kind != CUT_OCTET)
        return b.n;
    if (c->kind == CUT_OCTET) {
        size_t n = c->octet < b.n ? c->octet : b.n;

        c->octet -= (uint32_t)n;
        return n;
    }
    while (done < b.n) {
        long start = 0;
        enum closing_kind kind;
        size_t n = find_end(c, slice_skip(b, done), &start, &kind);

        if (n == 0)
            return b.n;
        if (c->messages++ == c->message) {
            long at = (long)done + start + (long)c->octet;

            if (c->kind == CUT_END)
                m->ends[kind][c->octet]++;
            if (c->kind == CUT_END && at < (long)b.n)
                return at < 0 ? 0 : (size_t)at;
            c->octet = c->kind == CUT_END ? 0 : c->octet; /* all of it passes, no answer does */
            c->kind = CUT_REPLY;
            c->armed = true;
        }
        done += n;
    }
    return b.n;
}

static size_t pass_to_client(struct cut *c, struct slice b)
{
    bool counts = c->kind == CUT_SERVER_OCTET || (c->kind == CUT_REPLY && c->armed);
    size_t n = counts && c->octet < b.n ? c->octet : b.n;

    if (counts)
        c->octet -= (uint32_t)n;
    return n;
}

static size_t pass(struct sim_meddler *meddler, const struct sim_flow *f, struct slice b)
{
    struct meddle *m = meddler->owner;

    if (m->watch)
        m->watch(m->watcher);
    if (!m->site || f->connection >= MEDDLE_CONNECTIONS)
        return b.n;
    struct cut *c = &m->cut[f->connection];

    if (!c->drawn)
        draw(m, f, c);
    if (c->kind == CUT_NOTHING)
        return b.n;
    size_t n = f->from_client ? pass_to_server(m, c, b) : pass_to_client(c, b);

    m->cuts += n < b.n;
    return n;
}

void meddle_init(struct meddle *m, uint64_t seed, uint32_t smtp_percent, uint32_t imap_percent)
{
    memset(m, 0, sizeof *m);
    m->meddler = (struct sim_meddler){.pass = pass, .owner = m};
    m->seed = seed;
    m->smtp_percent = smtp_percent;
    m->imap_percent = imap_percent;
}

static bool is_written_to(const struct profile *p, uint32_t mailbox)
{
    for (uint32_t i = 0; i < p->site.mailbox_count; i++)
        if (p->site.mailboxes[i].alternate == mailbox)
            return true;
    for (uint32_t i = 0; i < p->load_count; i++)
        for (uint32_t g = 0; g < p->loads[i].to_count; g++)
            if (p->loads[i].to[g] == p->site.mailboxes[mailbox].group)
                return true;
    return false;
}

void meddle_site(void *owner, const struct profile *p)
{
    struct meddle *m = owner;
    uint32_t ours = site_ours(&p->site);

    m->site = &p->site;
    for (uint32_t i = 0; i < p->site.mailbox_count && ours != SITE_NONE; i++)
        m->mail_of_ours =
            m->mail_of_ours || (p->site.mailboxes[i].home == ours && is_written_to(p, i));
}
