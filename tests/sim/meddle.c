/* meddle.c - one drawing per connection, one small matcher for the end of a message. */
#include "tests/sim/meddle.h"

#include <string.h>

#include "base/rng.h"

enum { STREAM_CUTS = 0x435554 };

static const char terminator[] = "\r\n.\r\n";

#define TERMINATOR (sizeof terminator - 1)

/* A run that cannot even say hello to a server does not begin (exit 69): that is tested elsewhere. */
#define FIRST_CONNECTIONS 80
#define GREETINGS         1000

static bool is_smtp(const struct meddle *m, const struct net_addr *to)
{
    for (uint32_t i = 0; i < m->site->server_count; i++)
        if (net_equal(&m->site->servers[i].smtp.addr, to))
            return true;
    return false;
}

static void draw(struct meddle *m, const struct sim_flow *f, struct cut *c)
{
    static const enum cut_kind smtp[] = {CUT_DOT, CUT_DOT, CUT_REPLY, CUT_OCTET, CUT_SERVER_OCTET};

    static const enum cut_kind imap[] = {CUT_OCTET, CUT_SERVER_OCTET, CUT_SERVER_OCTET};
    struct rng r = rng_at(m->seed, STREAM_CUTS, f->connection);
    bool to_smtp = is_smtp(m, &f->server);

    c->drawn = true;
    if (rng_below(&r, 100) >= (to_smtp ? m->smtp_percent : m->imap_percent))
        return;
    c->kind = to_smtp ? smtp[rng_below(&r, 5)] : imap[rng_below(&r, 3)];
    c->message = (uint32_t)rng_below(&r, 4);
    c->octet = c->kind == CUT_DOT     ? (uint32_t)rng_below(&r, TERMINATOR + 1)
               : c->kind == CUT_REPLY ? (uint32_t)rng_below(&r, 12)
                                      : (uint32_t)rng_below(&r, 6000);
    if (f->connection <= FIRST_CONNECTIONS && (c->kind == CUT_OCTET || c->kind == CUT_SERVER_OCTET))
        c->octet += GREETINGS;
}

/* Octets of `b` up to and with the next end of a message; 0: it does not end here. *start: where CRLF.CRLF begins. */
static size_t find_end(struct cut *c, struct slice b, long *start)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == (unsigned char)terminator[c->matched])
            c->matched++;
        else
            c->matched = b.p[i] == '\r';
        if (c->matched < TERMINATOR)
            continue;
        c->matched = 2; /* its last CRLF may begin the next one */
        *start = (long)i + 1 - (long)TERMINATOR;
        return i + 1;
    }
    return 0;
}

static size_t pass_to_server(struct cut *c, struct slice b)
{
    size_t done = 0;

    if (c->kind == CUT_OCTET) {
        size_t n = c->octet < b.n ? c->octet : b.n;

        c->octet -= (uint32_t)n;
        return n;
    }
    while (done < b.n) {
        long start = 0;
        size_t n = find_end(c, slice_skip(b, done), &start);

        if (n == 0)
            return b.n;
        if (c->messages++ == c->message) {
            long at = (long)done + start + (long)c->octet;

            if (c->kind == CUT_DOT && at < (long)b.n)
                return at < 0 ? 0 : (size_t)at;
            c->octet = c->kind == CUT_DOT ? 0 : c->octet; /* all of it passes, no answer does */
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

    if (!m->site || f->connection >= MEDDLE_CONNECTIONS)
        return b.n;
    struct cut *c = &m->cut[f->connection];

    if (!c->drawn)
        draw(m, f, c);
    if (c->kind == CUT_NOTHING)
        return b.n;
    size_t n = f->from_client ? pass_to_server(c, b) : pass_to_client(c, b);

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

void meddle_site(void *owner, const struct profile *p)
{
    ((struct meddle *)owner)->site = &p->site;
}
